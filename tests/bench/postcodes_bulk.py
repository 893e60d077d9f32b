"""Very many postcodes placed as a month places them; the files are opened again each time.

python postcodes_bulk.py DIRECTORY REACH ASKED.parquet TIMES
"""

import json
import sys
from pathlib import Path
from time import perf_counter, process_time

import pandas as pd

from pipeline.geography.place import place

directory, reach, asked, times = sys.argv[1:]
births = pd.read_parquet(asked)
seconds, cpu = [], []
for _ in range(int(times)):
    begun, used = perf_counter(), process_time()
    found = place(
        births, directory=Path(directory), reach=Path(reach), network="childrens_centres",
        hospital_postcodes=frozenset(births["postcode"].head(20)),
    )  # fmt: skip
    seconds.append(perf_counter() - begun)
    cpu.append(process_time() - used)
statuses = {str(status): int(count) for status, count in found["status"].value_counts().items()}
placed = found["recipient"].value_counts().sort_index().to_dict()
print(
    json.dumps(
        {"seconds": seconds, "cpu_seconds": cpu, "statuses": statuses, "placed": placed,
         "hospital": int(found["hospital"].sum())}
    )
)  # fmt: skip
