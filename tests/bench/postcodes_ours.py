"""The geography room alone: each postcode with its status, recipient and reason.

python postcodes_ours.py DIRECTORY REACH POSTCODES
"""

import sys

from pipeline.geography.directory import Directory
from pipeline.geography.place import place_each
from pipeline.geography.reach import Reach

directory, reach, postcodes = sys.argv[1:]
with open(postcodes) as lines:  # noqa: PTH123 - pathlib takes as long to load as this does
    given = lines.read().splitlines()
with Directory(directory) as places, Reach(reach, places.facts) as areas:
    found = place_each(given, places, areas, "childrens_centres")
print(sum(not found[text].status.reason for text in given))
