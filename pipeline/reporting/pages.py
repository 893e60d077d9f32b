"""Pages for people: each one HTML file that needs nothing else, prints well and runs no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.agreements.words import on_day, role
from pipeline.records import Month
from pipeline.reporting.charts import bars, lines, nested, span
from pipeline.reporting.facts import AreaFacts, HistoryFacts, MapFacts, MonthFacts, reason_counts
from pipeline.reporting.flow import flow_of
from pipeline.reporting.maps import births_map
from pipeline.reporting.sheets import LONDON

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).resolve().parent / "templates"

# What a release page shows in its own words; all else that the approval binds is listed as it is.
_WORDED = {
    "month", "authority", "books", "agreements", "reconciled", "notable", "stopped",
}  # fmt: skip


def month_page(facts: MonthFacts, maps: Mapping[str, MapFacts | None] = MappingProxyType({})) -> str:
    """The month at a glance: where it stands, the books, the reasons, the lists, the proof.

    `maps` has by agreement the map of its areas; None where they are not any more what they were then.
    """
    return environment().get_template("month.html").render(month_shown(facts, maps))


def month_shown(
    facts: MonthFacts, maps: Mapping[str, MapFacts | None] = MappingProxyType({})
) -> dict[str, Any]:
    """What the template of a month's page, or one that extends it, shows."""
    return {
        "facts": facts,
        "month": month_in_full(facts.month),
        "on_day": on_day,
        "moment": moment_in_full,
        "called": called,
        "charts": _month_charts(facts.history),
        "flows": {one.id: flow_of(one, facts.recipients) for one in facts.agreements},
        "areas": _area_charts(facts, maps),
        "groups": {one.id: _by_locality(facts, one.id, maps.get(one.id)) for one in facts.agreements},
        "maps": maps,
        "span": span,
        "nested": nested,
    }


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


def _area_charts(facts: MonthFacts, maps: Mapping[str, MapFacts | None]) -> dict[str, list[Markup]]:
    """By agreement the map of its areas, where there is one, and all areas together over the months."""
    return {
        agreement.id: [
            *_map(facts, f"areas-{number}", agreement.id, maps.get(agreement.id)),
            *_areas_over_time(facts.history, f"areas-over-time-{number}", agreement.id),
        ]
        for number, agreement in enumerate(facts.agreements, start=1)
        if facts.history.areas(agreement.id)
    }


def _map(facts: MonthFacts, name: str, agreement: str, of: MapFacts | None) -> Iterator[Markup]:
    if of is None:
        return
    births = {one.code: one.births.now for one in facts.history.areas(agreement)}
    yield births_map(name, agreement, month_in_full(facts.month), of, births, facts.names)


def _by_locality(facts: MonthFacts, agreement: str, of: MapFacts | None) -> list[tuple[str, list[AreaFacts]]]:
    """The recipients' areas by locality, those in none last and under ""."""
    found: dict[str, list[AreaFacts]] = {}
    for one in facts.history.areas(agreement):
        found.setdefault(of.within.get(one.code, "") if of else "", []).append(one)
    return sorted(found.items(), key=lambda group: (not group[0], group[0]))


def _areas_over_time(history: HistoryFacts, name: str, agreement: str) -> Iterator[Markup]:
    counted = [past for past in history.months if agreement in past.areas]
    if len(counted) < 2:
        return
    first, last = (month_in_full(counted[place].month) for place in (0, -1))
    yield lines(
        name,
        "Births in all areas together",
        f"Births in all areas under {agreement}, those that may be shared by the parents' word, and those "
        f"shared, from {first} to {last}: sums of rounded numbers.",
        [f"{Month.parse(past.month).first_day:%b %y}" for past in counted],
        {
            said: [sum(area[what] for area in past.areas[agreement].values()) for past in counted]
            for what, said in (("births", "born"), ("consented", "permitted"), ("shared", "shared"))
        },
    )


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
    return environment().get_template("release.html").render(release_shown(pack, pack_sha256))


def release_shown(
    pack: Mapping[str, Any], pack_sha256: str, names: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """What the template of a release's page, or one that extends it, shows; `names` are recipients'."""
    return {
        "pack": pack,
        "pack_sha256": pack_sha256,
        "month": month_in_full(pack["month"]),
        "decided_at": moment_in_full(pack["decided_at"]),
        "reasons": {name: reason_counts(terms["reasons"]) for name, terms in pack["agreements"].items()},
        "by": {name: approvers_in_words(terms) for name, terms in pack["agreements"].items()},
        "called": called,
        "names": names,
        "bound": also_bound(pack),
    }


def month_in_full(month: str) -> str:
    """YYYY-MM as people write it: October 2026."""
    return Month.parse(month).in_full


def moment_in_full(written: str) -> str:
    """An ISO 8601 moment as people here read it, in London's time: 3 November 2026, 09:00."""
    moment = datetime.fromisoformat(written).astimezone(LONDON)
    return f"{on_day(moment.date())}, {moment:%H:%M}"


def period(found: Mapping[str, Any]) -> str:
    """From `since` to `until` of an answer, in words; blank where it is open."""
    since, until = (
        on_day(date.fromisoformat(found[key])) if found[key] else "" for key in ("since", "until")
    )
    return f"{f'from {since}' if since else 'from the beginning'} {f'to {until}' if until else 'until now'}"


def approvers_in_words(terms: Mapping[str, Any]) -> str:
    """The roles whose persons may approve an agreement's part of a release."""
    return " or ".join(role(code) for code in terms["approvals_by"])


def called(code: str, names: Mapping[str, str]) -> str:
    """A recipient or agreement as people know it, with the code that files and folders are named by."""
    return f"{names[code]} ({code})" if names.get(code) else code


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


@dataclass(frozen=True)
class Frame:
    """What stands around a page when it is shown in something larger, such as the console."""

    templates: Path  # these come before ours; `page.html` there is what every page is put into
    names: Mapping[str, Any] = field(repr=False)  # what that template asks of `around()`


_FRAME: ContextVar[Frame | None] = ContextVar("frame", default=None)


@contextmanager
def framed(frame: Frame) -> Iterator[None]:
    """Every page made in this block is put into the frame, and is not a file by itself."""
    token = _FRAME.set(frame)
    try:
        yield
    finally:
        _FRAME.reset(token)


def environment() -> Environment:
    """The templates, with everything that they show escaped."""
    frame = _FRAME.get()
    return _environment(*([frame.templates] if frame else []), TEMPLATES)


@cache
def _environment(*folders: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        auto_reload=False,  # an upgrade must not give half of its templates to a program that runs
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["around"] = _around
    made.filters["led"] = _led
    made.filters["number"] = _number
    made.filters["titled"] = _titled
    return made


def _around() -> Mapping[str, Any]:
    frame = _FRAME.get()
    return frame.names if frame else {}


def _led(text: str) -> str:
    """A text that may name commands; what stands around the page may lead to pages of its own instead."""
    leads: Callable[[str], str] = _around().get("led", str)
    return leads(text)


def _number(value: float) -> float:
    """A median, without the decimals of a whole number."""
    return int(value) if value == int(value) else value


def _titled(agreement: str) -> str:
    """An agreement by its id; with its title, where what stands around the page knows that."""
    titled: Callable[[str], str] = _around().get("titled", str)
    return titled(agreement)
