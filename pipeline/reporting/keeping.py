"""Evidence of retention as a page, as tables and in words: counts, days and rules, and nobody in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.reporting.charts import bars
from pipeline.reporting.pages import environment, moment_in_full, month_in_full, period
from pipeline.reporting.sheets import Cell, Column, as_csv, as_workbook

Found = Mapping[str, Any]

_COLUMNS = [
    Column("Day", "day", 13),
    Column("What went", width=44),
    Column("How many", "number", 10),
    Column("By which rule", width=60),
]
FATES = {
    "in_time": "destroyed in time",
    "after_its_day": "destroyed late",
    "removed": "taken back unread",
    "overdue": "overdue",
    "not_due": "not due yet",
}


def retention_page(found: Found, *, authority: str) -> str:
    """What is kept, what went and by which rule, and what recipients did with their lists."""
    sums = {fate: sum(one[fate] for one in found["lists"]) for fate in FATES}
    chart = bars(
        "fates",
        "Lists at recipients",
        "What became of the lists that were to be destroyed.",
        [(words, sums[fate]) for fate, words in FATES.items()],
        of="lists",
    )
    return (
        environment()
        .get_template("retention.html")
        .render(
            found=found,
            authority=authority,
            went=list(went(found)),
            checks=checks_in_words(found["checks"]),
            fates=FATES,
            sums=sums,
            chart=chart,
            period=period(found),
            at=moment_in_full(found["at"]),
            on_day=on_day,
            day=date.fromisoformat,
        )
    )


def retention_csv(found: Found) -> bytes:
    """One line for each thing that went."""
    return as_csv(_COLUMNS, went(found))


def retention_workbook(found: Found, *, authority: str) -> bytes:
    """The same as a table, with what is kept now and what is overdue at recipients beside it."""
    notes = [("Authority", authority), ("Period", period(found)), ("Made", moment_in_full(found["at"]))]
    notes += [(one["class"], _class(one)) for one in found["classes"]]
    notes += [(one["recipient"], _lists(one)) for one in found["lists"]]
    return as_workbook("Destroyed", _COLUMNS, went(found), notes=notes)


def went(found: Found) -> Iterator[tuple[Cell, ...]]:
    """What was destroyed here: day, what, how many, and by which rule; oldest first."""
    rows = [*_files(found), *_months(found), *_previews(found), *_references(found), *_families(found)]
    yield from sorted(rows, key=lambda row: row[0])


def _files(found: Found) -> Iterator[tuple[date, str, int, str]]:
    for one in found["destroyed"]:
        days = f"{one['limit_days']} days" if one["limit_days"] else "as the limit of its class says"
        yield _day(one), _words(one["class"]), one["number"], days


def _months(found: Found) -> Iterator[tuple[date, str, int, str]]:
    for one in found["months"]:
        rule = f"ended by {one['ended_by']}: {one['why']}" if one["ended_by"] else "the month is over"
        yield _day(one), f"working files and key of {month_in_full(one['month'])}", 1, rule


def _previews(found: Found) -> Iterator[tuple[date, str, int, str]]:
    for one in found["previews"]:
        what = f"decisions kept for previews, {one['agreement']}, {month_in_full(one['month'])}"
        yield _day(one), what, 1, "the agreement's kept_months"


def _references(found: Found) -> Iterator[tuple[date, str, int, str]]:
    for one in found["openings"]:
        what = "what told whom entries of the ledger are about (stretches of entries)"
        yield _day(one), what, one["stretches"], one["because"]


def _families(found: Found) -> Iterator[tuple[date, str, int, str]]:
    for one in found["erasures"]:
        yield _day(one), "what was kept about one family (parts made anew)", one["parts"], "erasure, as asked"


def checks_in_words(checks: Mapping[str, Any]) -> str:
    """How often it was looked at every file."""
    if not checks["days"]:
        return "Nobody looked: birthshare retention is meant to run every day."
    gap = checks["longest_gap"]
    pause = f" The longest pause was {gap} day{'' if gap == 1 else 's'}." if gap else ""
    overdue = checks["with_overdue"]
    found = f" On {overdue} of them something was overdue or unknown." if overdue else " Nothing was overdue."
    return f"Every file was looked at on {checks['days']} of {checks['of_days']} days.{pause}{found}"


def _class(one: Mapping[str, Any]) -> str:
    kept = "" if one["kept"] is None else f"; {one['kept']} files, {one['overdue']} overdue"
    return f"limit: {one['limit']}{kept}"


def _lists(one: Mapping[str, Any]) -> str:
    said = ", ".join(f"{one[fate]} {words}" for fate, words in FATES.items() if one[fate])
    return f"{one['lists']} lists: {said}; reminded {one['reminders']} times"


def _words(data_class: str) -> str:
    return data_class.replace("_", " ")


def _day(one: Mapping[str, Any]) -> date:
    return date.fromisoformat(one["day"])
