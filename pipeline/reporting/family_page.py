"""What was shared about one family: the statement for a parent, and what its officer reads on the screen."""

from __future__ import annotations

from collections.abc import Mapping
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
    lines = [FIRST, _PLACES, *([_GUARDIAN] if any(found["private"].values()) else []), ""]
    if found["shared"]:
        lines += ["Shared:", *(line for one in found["shared"] for line in _row(one, found))]
    else:
        lines.append("Nothing about this family was shared, as far as the record says.")
    if found["erased"]:
        days = ", ".join(map(_day, found["erased"]))
        lines += ["", f"What was kept about the family was erased, as somebody asked: {days}."]
    return "\n".join([*lines, *_private(found["private"])])


_PLACES = (
    "What is shared names places near the home. Where parents live apart, or a home must stay unknown, find "
    "out first whom you may tell."
)
_GUARDIAN = (
    "Something private is on record about this family. Ask the Caldicott guardian before you give anything "
    "to anybody."
)


def _row(one: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    child = f", child {one['child']}" if found["asked_about"] == "children" else ""
    which = f"list of {month_in_full(one['month'])}, {one['agreement']} version {one['version']}{child}"
    became = [*family_words.sent(one)[:1], *family_words.since(one, found["asked_on"])]
    return [f"  {family_words.recipient(one)}: {which}.", *(f"    {line}" for line in became)]


def _private(private: Mapping[str, Any]) -> list[str]:
    later = [
        f"  {one['about'].capitalize()}: {one['words']}"
        + (f", since {_day(one['since'])}." if one["since"] else ".")
        for one in private["said_later"]
    ]
    back = [f"  Called back on {_day(one['on'])}: {one['words']}." for one in private["called_back"]]
    if not later and not back:
        return []
    return ["", "Private, and on no statement:", *dict.fromkeys([*later, *back])]


def _day(written: str) -> str:
    return on_day(date.fromisoformat(written))
