"""What every part of Airflow does as it starts.

None of them, nor what it starts, leaves its memory on the disk when it crashes: it may hold families.

Where tasks are forked from, in the scheduler and in Celery workers, the slow libraries and our own rooms are
imported once. A task that validates then starts in a third of a second instead of twelve. The other parts of
Airflow have no use for them and stay small.
"""

from __future__ import annotations

import resource
import sys

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

if sys.argv[1:2] == ["scheduler"] or sys.argv[1:3] == ["celery", "worker"]:
    import great_expectations  # noqa: F401
    import openpyxl  # noqa: F401
    import pandas  # noqa: F401
    import paramiko  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    import pipeline.delivery.push
    import pipeline.lists.compile
    import pipeline.month  # noqa: F401  # with all that it imports, once for every task

__all__: list[str] = []
