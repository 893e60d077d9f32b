"""The record of processing and the register of data flows: as pages, and as tables for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.reporting.pages import environment, moment_in_full
from pipeline.reporting.sheets import Cell, Column, as_csv, as_workbook

Found = Mapping[str, Any]

DIRECTIONS = {"in": "Coming in", "kept": "Kept here", "out": "Going out"}

_FLOWS = [
    Column("Direction", width=12),
    Column("What", width=44),
    Column("From", width=28),
    Column("To", width=28),
    Column("How, or where", width=36),
    Column("Protection, or why it is kept", width=40),
    Column("Families can be known from it", width=12),
    Column("Legal basis", width=44),
    Column("Agreements", width=24),
    Column("How often", width=22),
    Column("Files in 12 months", "number", 10),
    Column("Rows in 12 months", "number", 10),
    Column("Last", "day", 13),
    Column("Kept for", width=36),
]


def article30_page(found: Found) -> str:
    """The record as a page: one table for each agreement."""
    return _page("article30.html", found)


def article30_csv(found: Found) -> bytes:
    """One line for each agreement."""
    return as_csv(_asked(found), _activities(found))


def article30_workbook(found: Found) -> bytes:
    """The same as a table, with where the law asks for each column on the second sheet."""
    law = [(one["heading"], one["law"]) for one in found["asked"]]
    return as_workbook("Processing", _asked(found), _activities(found), notes=[*_notes(found), *law])


def flows_page(found: Found) -> str:
    """The register as a page: what comes in, what is kept, what goes out."""
    parts = [
        (words, [one for one in found["flows"] if one["direction"] == direction])
        for direction, words in DIRECTIONS.items()
    ]
    return _page("dataflows.html", found, parts=parts)


def flows_csv(found: Found) -> bytes:
    """One line for each flow, and for each class of data that is kept."""
    return as_csv(_FLOWS, _flows(found))


def flows_workbook(found: Found) -> bytes:
    """The same as a table."""
    counted = [("Counted", f"from {_day(found['since'])} to {_day(found['until'])}")]
    return as_workbook("Flows", _FLOWS, _flows(found), notes=[*_notes(found), *counted])


def _page(template: str, found: Found, **more: Any) -> str:
    return (
        environment()
        .get_template(template)
        .render(found=found, at=moment_in_full(found["made_at"]), day=_day, **more)
    )


def _asked(found: Found) -> list[Column]:
    return [Column("Activity", width=36), *(Column(one["heading"], width=48) for one in found["asked"])]


def _activities(found: Found) -> Iterator[list[Cell]]:
    for one in found["activities"]:
        points = [" ".join(one["points"][asked["key"]]) for asked in found["asked"]]
        yield [f"{one['title']} ({one['state_in_words']})", *points]


def _flows(found: Found) -> Iterator[list[Cell]]:
    for one in found["flows"]:
        last = date.fromisoformat(one["last"]) if one["last"] else None
        yield [
            DIRECTIONS[one["direction"]], one["what"], one["source"], one["destination"], one["way"],
            one["protection"], "yes" if one["personal"] else "no", one["basis"], ", ".join(one["agreements"]),
            one["frequency"], one["files"], one["rows"], last, one["limit"],
        ]  # fmt: skip


def _notes(found: Found) -> list[tuple[str, str]]:
    return [("Authority", found["authority"]), ("Made", moment_in_full(found["made_at"]))]


def _day(written: str) -> str:
    return on_day(date.fromisoformat(written))
