"""Very many postcodes joined by DuckDB to tables of its own, with all that a placement says.

    python postcodes_duckdb.py DIRECTORY.parquet REACH.parquet COVERED.parquet ASKED.parquet TIMES

By a Python that has DuckDB. The tables are made once and not counted. The answer is taken by either of
its two ways to a frame, whichever is the faster.
"""

import json
import sys
from time import perf_counter, process_time

import duckdb
import pandas as pd

PLACE = """
WITH read AS (SELECT reference, upper(replace(postcode, ' ', '')) AS code FROM asked),
found AS (
    SELECT reference, code, p.authority, s.recipient, s.matched,
        CASE WHEN left(code, 2) IN ('GY', 'JE', 'IM') THEN 'crown_dependency'
             WHEN p.postcode IS NULL THEN 'unknown'
             WHEN gridind = 9 THEN 'no_grid'
             WHEN gridind NOT IN (1, 2, 3, 4) THEN 'imprecise'
             WHEN s.recipient = '' THEN 'ambiguous'
             WHEN s.recipient IS NOT NULL AND terminated = '' THEN 'placed'
             WHEN s.recipient IS NOT NULL THEN 'placed_terminated'
             WHEN c.authority IS NOT NULL THEN 'gap'
             ELSE 'out_of_area' END AS status
    FROM read LEFT JOIN postcode AS p ON p.postcode = code
    LEFT JOIN served AS s ON s.postcode = code LEFT JOIN covered AS c ON c.authority = p.authority
)
SELECT reference, 'childrens_centres' AS network, status,
    CASE status WHEN 'placed' THEN '' WHEN 'placed_terminated' THEN '' WHEN 'unknown' THEN 'postcode_unknown'
        WHEN 'ambiguous' THEN 'reach_area_ambiguous' WHEN 'gap' THEN 'no_reach_area'
        WHEN 'out_of_area' THEN 'no_reach_area' ELSE 'postcode_imprecise' END AS reason,
    CASE WHEN starts_with(status, 'placed') THEN recipient ELSE '' END AS recipient,
    CASE WHEN starts_with(status, 'placed') THEN matched ELSE '' END AS matched,
    coalesce(authority, '') AS authority, code IN (SELECT code FROM hospital) AS hospital
FROM found
"""

directory, reach, covered, asked_file, times = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
for table, file in (("postcode", directory), ("served", reach), ("covered", covered)):
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM read_parquet(?)", [file])  # noqa: S608
asked = pd.read_parquet(asked_file)
hospital = pd.DataFrame({"code": asked["postcode"].head(20).str.replace(" ", "")})
ways = {
    "df": lambda: connection.sql(PLACE).df(),
    "arrow": lambda: connection.sql(PLACE).to_arrow_table().to_pandas(),
}
measured = {}
for name, way in ways.items():
    seconds, cpu = [], []
    for _ in range(int(times)):
        begun, used = perf_counter(), process_time()
        found = way()
        seconds.append(perf_counter() - begun)
        cpu.append(process_time() - used)
    measured[name] = {"seconds": seconds, "cpu_seconds": cpu}
best = min(measured, key=lambda name: min(measured[name]["seconds"]))
statuses = {str(status): int(count) for status, count in found["status"].value_counts().items()}
placed = found["recipient"].value_counts().sort_index().to_dict()
print(
    json.dumps(
        {**measured[best], "way": best, "version": duckdb.__version__, "statuses": statuses, "placed": placed,
         "hospital": int(found["hospital"].sum())}
    )
)  # fmt: skip
