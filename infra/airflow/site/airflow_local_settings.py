"""Imports the slow libraries once, in the scheduler, so that every task forked from it has them.

A task that validates then starts in a third of a second instead of twelve. The other parts of Airflow
have no use for them and stay small.
"""

from __future__ import annotations

import sys

if sys.argv[1:2] == ["scheduler"]:
    import great_expectations  # noqa: F401
    import openpyxl  # noqa: F401
    import pandas  # noqa: F401
    import paramiko  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

__all__: list[str] = []
