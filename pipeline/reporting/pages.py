"""Pages for people: each one HTML file that needs nothing else, prints well and runs no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.agreements.words import on_day
from pipeline.records import Month
from pipeline.reporting.charts import bars, lines, span
from pipeline.reporting.facts import HistoryFacts, MonthFacts, reason_counts

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).resolve().parent / "templates"

# What a release page shows in its own words; all else that the approval binds is listed as it is.
_WORDED = {
    "month", "authority", "decided_at", "books", "agreements", "reconciled", "notable", "stopped",
}  # fmt: skip


def month_page(facts: MonthFacts) -> str:
    """The month at a glance: where it stands, the books, the reasons, the lists, the proof."""
    return (
        environment()
        .get_template("month.html")
        .render(
            facts=facts,
            month=month_in_full(facts.month),
            on_day=on_day,
            moment=moment_in_full,
            charts=_month_charts(facts.history),
            span=span,
        )
    )


def _month_charts(history: HistoryFacts) -> dict[str, Markup]:
    """By agreement ("": of the whole month) its counts over the months; none for a month alone."""
    if not history.compared_with:
        return {}
    labels = [f"{Month.parse(past.month).first_day:%b %y}" for past in history.months]
    first, last = (month_in_full(history.months[place].month) for place in (0, -1))
    drawn = {
        "": bars(
            "received",
            "Rows received",
            f"How many rows the suppliers sent in each month, from {first} to {last}.",
            [(label, past.received) for label, past in zip(labels, history.months, strict=True)],
            of="rows",
        )
    }
    for number, agreement in enumerate(history.months[-1].agreements, start=1):
        drawn[agreement] = lines(
            f"agreement-{number}",
            "What became of the rows",
            f"Rows shared, held and withheld under {agreement} in each month, from {first} to {last}.",
            labels,
            {
                outcome: [past.agreements.get(agreement, {}).get(outcome) for past in history.months]
                for outcome in ("shared", "held", "withheld")
            },
        )
    return drawn


def heard_up_to(page: str) -> int:
    """Up to which entry about its lists a month's page was told; 0 for none."""
    found = re.search(r'<meta name="receipts-to" content="([0-9]+)">', page)
    return int(found[1]) if found else 0


def release_page(pack: Mapping[str, Any], *, pack_sha256: str) -> str:
    """What a person is asked to approve: the pack's counts and no names.

    `pack` is the release pack as `pipeline.steps.releasing.ask` binds it; `pack_sha256`
    is the digest that an approval names. Whatever else the pack binds is listed at the end, so that
    the page never shows less than what is approved. Raises IntegrityError for an unknown reason.
    """
    return (
        environment()
        .get_template("release.html")
        .render(
            pack=pack,
            pack_sha256=pack_sha256,
            month=month_in_full(pack["month"]),
            reasons={name: reason_counts(terms["reasons"]) for name, terms in pack["agreements"].items()},
            bound=also_bound(pack),
        )
    )


def month_in_full(month: str) -> str:
    """YYYY-MM as people write it: October 2026."""
    return Month.parse(month).in_full


def moment_in_full(written: str) -> str:
    """An ISO 8601 moment as people read it: 3 November 2026, 09:00 UTC."""
    moment = datetime.fromisoformat(written)
    return f"{on_day(moment.date())}, {moment:%H:%M %Z}".rstrip()


def period(found: Mapping[str, Any]) -> str:
    """From `since` to `until` of an answer, in words; blank where it is open."""
    since, until = (
        on_day(date.fromisoformat(found[key])) if found[key] else "" for key in ("since", "until")
    )
    return f"{f'from {since}' if since else 'from the beginning'} {f'to {until}' if until else 'until now'}"


def also_bound(pack: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a release binds beyond its worded parts, as pairs of place and value."""
    return _flat({key: value for key, value in pack.items() if key not in _WORDED})


def _flat(content: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Nested content as pairs of path and text."""
    pairs: list[tuple[str, str]] = []
    for key, value in content.items():
        place = f"{path} › {key}" if path else str(key)
        pairs.extend(_flat(value, place) if isinstance(value, Mapping) else [(place, str(value))])
    return pairs


def environment() -> Environment:
    """The templates, with everything that they show escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
