"""How good suppliers' files were, as a page and as tables: counts of rows by rule, and no row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.contract import ERROR, WARNING
from pipeline.records import Month
from pipeline.reporting.charts import bars, lines
from pipeline.reporting.pages import environment, moment_in_full, month_in_full
from pipeline.reporting.sheets import Cell, Column, Sheet, as_csv, workbook_of

Found = Mapping[str, Any]

SEVERITIES = {ERROR: "set aside", WARNING: "used, to be checked"}
_RULES_DRAWN = 8  # in a chart; the table has them all
_RULES = (
    Column("supplier", width=14),
    Column("month", width=10),
    Column("rows", "number", 12),
    Column("accepted", "number", 12),
    Column("severity", width=12),
    Column("rule", width=32),
    Column("rows_of_rule", "number", 14),
)
_MONTHS = (
    Column("Supplier", width=14),
    Column("Month", width=10),
    Column("Rows", "number", 10),
    Column("Accepted", "number", 10),
    Column("Set aside", "number", 10),
    Column("Files checked", "number", 10),
    Column("Answers that could not be used", width=18),
    Column("Signed by nobody", width=18),
    Column("Files refused", width=44),
    Column("Differences accepted", width=44),
    Column("Report to the supplier", width=26),
)
_AGAIN = (
    Column("Supplier", width=14),
    Column("Rule", width=26),
    Column("What becomes of a row", width=20),
    Column("Months", "number", 9),
    Column("Of", "number", 7),
    Column("Fewest rows", "number", 10),
    Column("Most rows", "number", 10),
    Column("In words", width=60),
    Column("How the supplier puts it right", width=60),
)


def quality_page(found: Found, *, authority: str) -> str:
    """Of each supplier: its months, the rules it breaks again and again, and each rule over the months."""
    numbered = enumerate(found["suppliers"], start=1)
    return (
        environment()
        .get_template("quality.html")
        .render(
            found=found,
            authority=authority,
            charts={one["supplier"]: _charts(number, one) for number, one in numbered},
            rules={one["supplier"]: rules_by_month(one) for one in found["suppliers"]},
            severities=SEVERITIES,
            month=month_in_full,
            short=_short,
            at=moment_in_full(found["at"]),
            answers=answers_in_words,
            unsigned=unsigned_in_words,
            refused=refused_in_words,
            drift=drift_in_words,
            report=report_in_words,
        )
    )


def quality_csv(found: Found) -> bytes:
    """A line for each supplier, month, severity and rule; of a month without any, one without a rule."""
    return as_csv(_RULES, _lines(found))


def quality_workbook(found: Found) -> bytes:
    """Three sheets: the months, what is wrong again and again, and each rule in each month."""
    return workbook_of(
        Sheet("Months", _MONTHS, _months(found), of_sentences=True),
        Sheet("Again and again", _AGAIN, _again(found), of_sentences=True),
        Sheet("Rules", _RULES, _lines(found)),
    )


def _again(found: Found) -> Iterator[tuple[Cell, ...]]:
    for one in found["suppliers"]:
        for rule in one["again"]:
            numbers = (rule[name] for name in ("months", "of", "least", "most", "said", "fix"))
            yield (one["supplier"], rule["rule"], SEVERITIES[rule["severity"]], *numbers)


def _months(found: Found) -> Iterator[tuple[Cell, ...]]:
    for one in found["suppliers"]:
        for month in one["months"]:
            counts = (month[name] for name in ("month", "rows", "accepted", "set_aside", "files"))
            words = (answers_in_words, unsigned_in_words, refused_in_words, drift_in_words, report_in_words)
            said = (one_of(month) for one_of in words)
            yield (one["supplier"], *counts, *said)


def _lines(found: Found) -> Iterator[tuple[Cell, ...]]:
    for one in found["suppliers"]:
        for month in one["months"]:
            about = one["supplier"], month["month"], month["rows"], month["accepted"]
            broken = [
                (severity, rule, rows)
                for severity, counts in ((ERROR, month["rules"]), (WARNING, month["warnings"]))
                for rule, rows in counts.items()
            ]
            for line in broken or [("", "", None)]:
                yield (*about, *line)


# --- in words -------------------------------------------------------------------------------------


def answers_in_words(month: Mapping[str, Any]) -> str:
    """How many rows of the companion file of answers could not be used; blank where none came."""
    answers = month["answers"]
    return f"{answers['unusable']:,} of {answers['rows']:,}" if answers else ""


def unsigned_in_words(month: Mapping[str, Any]) -> str:
    """How many files of a month nobody had signed; blank where all were signed."""
    files = month["unsigned"]
    return f"{files} file{'' if files == 1 else 's'}" if files else ""


def refused_in_words(month: Mapping[str, Any]) -> str:
    """Each file of a month that was refused, when and why."""
    return "; ".join(
        f"{on_day(_day(one['at']))}: {one['what']} ({one['problem'].replace('_', ' ')}; entry {one['entry']})"
        for one in month["refused"]
    )


def drift_in_words(month: Mapping[str, Any]) -> str:
    """Who accepted when that a file differs from earlier ones, and what they wrote."""
    return "; ".join(
        f"{one['by']} on {on_day(_day(one['at']))} (entry {one['entry']})"
        + (f": {one['note']}" if one["note"] else "")
        for one in month["drift_accepted"]
    )


def report_in_words(month: Mapping[str, Any]) -> str:
    """Whether the supplier has the report on its rows."""
    report = month["report"]
    if report["delivered_at"]:
        return f"delivered on {on_day(_day(report['delivered_at']))}"
    return str(report["state"]) or ("in the outbox" if month["rows"] is not None else "")


def rules_by_month(supplier: Mapping[str, Any]) -> list[tuple[str, str, list[int | None]]]:
    """Each rule that was broken in any month: severity, rule, and rows in each month (None: no file)."""
    months = supplier["months"]
    return [
        (severity, rule, [_rows_of(rule, month, counts) for month in months])
        for severity, counts in ((ERROR, "rules"), (WARNING, "warnings"))
        for rule in sorted({rule for month in months for rule in month[counts]})
    ]


def _rows_of(rule: str, month: Mapping[str, Any], counts: str) -> int | None:
    return None if month["rows"] is None else int(month[counts].get(rule, 0))


# --- charts ---------------------------------------------------------------------------------------


def _charts(number: int, supplier: Mapping[str, Any]) -> list[Any]:
    months = supplier["months"]
    checked = [month for month in months if month["rows"]]
    if not checked:
        return []
    name, first, last = supplier["supplier"], months[0]["month"], months[-1]["month"]
    period = f"from {month_in_full(first)} to {month_in_full(last)}"
    drawn = [
        lines(
            f"share-{number}",
            "Rows set aside, of each 1,000",
            f"How many of each 1,000 rows of {name} were set aside in each month, {period}.",
            [_short(month["month"]) for month in months],
            {"set aside": [_per_thousand(month) for month in months]},
        )
    ]
    totals = _totals(checked)
    if totals:
        drawn.append(
            bars(
                f"rules-{number}",
                "Rules most often broken",
                f"Rows of {name} that were set aside by each rule, {period}.",
                totals[:_RULES_DRAWN],
                of="rows",
            )
        )
    return drawn


def _per_thousand(month: Mapping[str, Any]) -> float | None:
    return round(1000 * month["set_aside"] / month["rows"], 1) if month["rows"] else None


def _totals(months: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    rules = {rule for month in months for rule in month["rules"]}
    totals = [(rule, sum(month["rules"].get(rule, 0) for month in months)) for rule in rules]
    return sorted(totals, key=lambda one: (-one[1], one[0]))


def _short(month: str) -> str:
    return f"{Month.parse(month).first_day:%b %y}"


def _day(written: str) -> date:
    return date.fromisoformat(written[:10])
