"""The usual way: two tables in Parquet, read and merged.

python postcodes_pandas.py DIRECTORY.parquet REACH.parquet POSTCODES
"""

import sys

import pandas as pd

directory, reach, postcodes = sys.argv[1:]
asked = pd.read_csv(postcodes, header=None, names=["given"], dtype="str")
asked["postcode"] = asked["given"].str.upper().str.replace(" ", "")
found = asked.merge(pd.read_parquet(directory), on="postcode", how="left")
found = found.merge(pd.read_parquet(reach), on="postcode", how="left")
print(int((found["gridind"].isin([1, 2, 3, 4]) & found["recipient"].fillna("").ne("")).sum()))
