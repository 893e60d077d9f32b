"""Reading a CSV by its headings: what is published about areas, and lists of the authority's own."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def read_table(file: Path, what: str, advice: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Headings in lower case, and every row that is not empty with its line.

    Raises SettingsError, which calls it the file of `what`, where it is missing or cannot be read, or has a
    row that does not fit its heading.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except FileNotFoundError:
        raise SettingsError(f"The file of {what} is missing", where=str(file), do=advice) from None
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingsError(f"The file of {what} cannot be read", where=str(file), do=advice) from None
    header = [" ".join(name.lower().split()) for name in lines[0][1]] if lines else []
    for line, cells in lines:
        if len(cells) != len(header):
            raise SettingsError(
                f"A row of the file of {what} does not fit its heading",
                where=f"{file}, line {line}",
                do=advice,
            )
    return header, lines[1:]


def column(header: Sequence[str], pattern: str) -> int | None:
    """Where the one heading that fits stands; None where none fits, or several do."""
    hits = [place for place, name in enumerate(header) if re.fullmatch(pattern, name)]
    return hits[0] if len(hits) == 1 else None
