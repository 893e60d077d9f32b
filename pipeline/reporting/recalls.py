"""How recalls went, as a page and as tables: by word, recipient and agreement; no family and no reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.reporting.charts import bars
from pipeline.reporting.pages import environment, moment_in_full, period
from pipeline.reporting.sheets import Cell, Column, as_csv, as_workbook

Found = Mapping[str, Any]

STEPS = {
    "raised": "called back",
    "told": "notice delivered",
    "collected": "notice collected",
    "done": "off the list",
}
_COLUMNS = [
    Column("Entry", "number", 9),
    Column("Word", width=34),
    Column("Recipient", width=14),
    Column("Agreement", width=28),
    Column("Month", width=10),
    Column("File", width=44),
    Column("Word recorded", "moment", 22),
    *(Column(words.capitalize(), "moment", 22) for words in STEPS.values()),
    Column("Due", "day", 13),
    Column("State", width=12),
    Column("Late", width=8),
]
# Up to how many hours after the word, in words.
_TIMES = ((24, "within a day"), (48, "1 to 2 days"), (120, "2 to 5 days"), (240, "5 to 10 days"))
_LONGER = "longer"


def recalls_page(found: Found, *, authority: str) -> str:
    """How soon rows were off their lists, which are open and late, and each recall in a line."""
    groups = {
        "By what was said": found["by_word"],
        "By recipient": found["by_recipient"],
        "By agreement": found["by_agreement"],
    }
    return (
        environment()
        .get_template("recalls.html")
        .render(
            found=found,
            authority=authority,
            groups=groups,
            steps=STEPS,
            chart=_chart(found),
            period=period(found),
            at=moment_in_full(found["at"]),
            hours=hours_in_words,
            on_day=on_day,
            day=lambda written: date.fromisoformat(written[:10]),
        )
    )


def recalls_csv(found: Found) -> bytes:
    """One line for each row of a list that was called back."""
    return as_csv(_COLUMNS, _rows(found))


def recalls_workbook(found: Found, *, authority: str) -> bytes:
    """The same as a table, with the sums beside it."""
    notes = [("Authority", authority), ("Period", period(found)), ("Made", moment_in_full(found["at"]))]
    notes += [(words, step_in_words(found["steps"][step])) for step, words in STEPS.items()]
    return as_workbook("Recalls", _COLUMNS, _rows(found), notes=notes)


def hours_in_words(hours: float | None) -> str:
    """A stretch of time as people say it."""
    if hours is None:
        return "not known"
    if hours < 1:
        return "under an hour"
    if hours < 48:
        return f"{hours:.0f} hour{'' if round(hours) == 1 else 's'}"
    return f"{hours / 24:.1f} days"


def step_in_words(step: Mapping[str, Any]) -> str:
    """Median and worst time of one step, counted from the word."""
    if not step["known"]:
        return "not known of any"
    return (
        f"median {hours_in_words(step['median'])}, worst {hours_in_words(step['worst'])}, of {step['known']}"
    )


def _chart(found: Found) -> Any:
    """How many rows were off their lists how soon."""
    hours = [one["hours"]["done"] for one in found["recalls"] if one["hours"]["done"] is not None]
    return bars(
        "times",
        "From the word to the row off its list",
        "How many rows were off their lists how long after the word about the family was recorded.",
        [*_counted(hours), ("not off yet", sum(one["state"] != "done" for one in found["recalls"]))],
        of="rows",
    )


def _counted(hours: Sequence[float]) -> Iterator[tuple[str, int]]:
    lowest = 0.0
    for highest, words in _TIMES:
        yield words, sum(lowest <= one < highest for one in hours)
        lowest = highest
    yield _LONGER, sum(one >= lowest for one in hours)


def _rows(found: Found) -> Iterator[tuple[Cell, ...]]:
    for one in found["recalls"]:
        moments = [_moment(one[f"{step}_at"]) for step in ("said", *STEPS)]
        what = [one[name] for name in ("entry", "words", "recipient", "agreement", "month", "file")]
        late = "late" if one["late"] else ""
        yield (*what, *moments, date.fromisoformat(one["due"]), one["state"], late)


def _moment(written: str) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
