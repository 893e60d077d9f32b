"""What anybody would write first: each postcode asked of the two files, and nothing else.

python postcodes_bare.py DIRECTORY REACH POSTCODES
"""

import sqlite3
import sys

FIND = """
SELECT p.gridind, p.terminated, p.authority, s.recipient FROM postcode AS p
LEFT JOIN reach.served AS s ON s.network = 'childrens_centres' AND s.postcode = p.postcode
WHERE p.postcode = ?
"""

directory, reach, postcodes = sys.argv[1:]
connection = sqlite3.connect(f"file:{directory}?mode=ro&immutable=1", uri=True)
connection.execute("ATTACH ? AS reach", (f"file:{reach}?mode=ro&immutable=1",))
placed = 0
with open(postcodes) as lines:  # noqa: PTH123 - pathlib takes as long to load as this does
    for line in lines:
        found = connection.execute(FIND, (line.strip().upper().replace(" ", ""),)).fetchone()
        placed += bool(found and found[0] in (1, 2, 3, 4) and found[3])
print(placed)
