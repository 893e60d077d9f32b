"""The register of transfers as a workbook, made in a process of its own: that of years takes seconds.

In the console's own process every page would be slow meanwhile, since one thread computes at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from pipeline.errors import SettingsError
from pipeline.reporting.transfers import transfers_workbook


def made(register: Mapping[str, Any]) -> bytes:
    """The workbook of what `pipeline.questions.transfers.register` gives; nobody stands in it.

    Raises SettingsError where it cannot be made: it has more rows than a sheet, for one.
    """
    process = subprocess.run(
        [sys.executable, "-P", "-m", "pipeline.console.workbook"],
        input=json.dumps(register).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if process.returncode != 0:
        raise SettingsError(
            "The workbook cannot be made", do="Choose fewer days, or take the rows for a spreadsheet (CSV)."
        )
    return process.stdout


def main() -> None:
    """The process that makes it."""
    found = json.load(sys.stdin.buffer)
    content = transfers_workbook(found["rows"], found["totals"], about=found["about"])
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()
