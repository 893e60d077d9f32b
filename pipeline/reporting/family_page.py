"""What was shared about one family: the statement for a parent, and what its officer reads on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.reporting import family_words
from pipeline.reporting.family_text import FIRST
from pipeline.reporting.pages import environment, month_in_full


def family_page(found: Mapping[str, Any]) -> str:
    """The statement, as one page to print and hand over; `found` is what `pipeline.questions.families` gives.

    What is private in it is not looked at. A line is left for the family's name, which nobody knows here.
    """
    agreements = {(one["agreement"], one["version"]): one["terms"] for one in found["shared"] if one["terms"]}
    return (
        environment()
        .get_template("family.html")
        .render(found=found, words=family_words, agreements=agreements, day=_day)
    )


def family_summary(found: Mapping[str, Any]) -> str:
    """For the officer: the statement in short, and what must not be on it."""
    said = for_officer(found)
    lines = [*said.mind, ""]
    for one in said.shared:
        lines += [*(["Shared:"] if one is said.shared[0] else []), f"  {one.to}: {one.what}."]
        lines += [f"    {line}" for line in one.became]
    lines += [said.nothing] if said.nothing else []
    lines += ["", said.erased] if said.erased else []
    lines += (
        ["", "Private, and on no statement:", *(f"  {line}" for line in said.private)] if said.private else []
    )
    return "\n".join(lines)


@dataclass(frozen=True)
class Shared:
    """One child's row on one list, for the officer."""

    to: str
    what: str  # which list, under which agreement
    became: list[str]


@dataclass(frozen=True)
class Officer:
    """The statement in short, and what must not be on it."""

    mind: list[str]  # before anything is said or given to anybody
    shared: list[Shared]
    nothing: str  # "" where something was shared
    erased: str  # "" where nothing was
    private: list[str] = field(repr=False)


def for_officer(found: Mapping[str, Any]) -> Officer:
    """What an officer reads before giving the statement to anybody."""
    private = _private(found["private"])
    days = ", ".join(map(_day, found["erased"]))
    return Officer(
        mind=[FIRST, _PLACES, *([_GUARDIAN] if private else [])],
        shared=[_row(one, found) for one in found["shared"]],
        nothing="" if found["shared"] else "Nothing about this family was shared, as far as the record says.",
        erased=f"What was kept about the family was erased, as somebody asked: {days}." if days else "",
        private=private,
    )


_PLACES = (
    "What is shared names places near the home. Where parents live apart, or a home must stay unknown, find "
    "out first whom you may tell."
)
_GUARDIAN = (
    "Something private is on record about this family. Ask the Caldicott guardian before you give anything "
    "to anybody."
)


def _row(one: Mapping[str, Any], found: Mapping[str, Any]) -> Shared:
    child = f", child {one['child']}" if found["asked_about"] == "children" else ""
    which = f"list of {month_in_full(one['month'])}, {one['agreement']} version {one['version']}{child}"
    became = [*family_words.sent(one)[:1], *family_words.since(one, found["asked_on"])]
    return Shared(family_words.recipient(one), which, became)


def _private(private: Mapping[str, Any]) -> list[str]:
    """What later words said, and why rows were called back: a line each, and the same words once."""
    later = [
        f"{one['about'].capitalize()}: {one['words']}"
        + (f", since {_day(one['since'])}." if one["since"] else ".")
        for one in private["said_later"]
    ]
    back = [f"Called back on {_day(one['on'])}: {one['words']}." for one in private["called_back"]]
    return list(dict.fromkeys([*later, *back]))


def _day(written: str) -> str:
    return on_day(date.fromisoformat(written))
