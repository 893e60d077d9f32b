"""What was decided about one family, in words that can be read out, and what must not be, apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.reporting.pages import month_in_full

UNKNOWN = (
    "Nothing is known of a family with this number in what is kept. The number may be another one, the row "
    "may have been set aside in validation (the supplier has the report), or its months are gone."
)
FIRST = (
    "Make sure who is calling before you say anything. What is marked as private is for you alone: a caller "
    "may not be the parent whom it is about."
)
_OUTCOMES = {
    "share": "is to be shared with",
    "hold": "is held, and not shared now",
    "withhold": "is not shared",
}


def family_text(found: Mapping[str, Any]) -> str:
    """The answer of `pipeline.looking_back.explain.explain` in paragraphs."""
    if not found["known"]:
        return UNKNOWN
    lines = [FIRST]
    newest: set[tuple[str, str]] = set()
    for one in found["decisions"]:
        key = one["agreement"], one["child"]
        lines += ["", *_decision(one, newest=key not in newest)]
        newest.add(key)
    if found["erased"]:
        days = ", ".join(_day(day) for day in found["erased"])
        lines += ["", f"What was kept of its months until then was erased, as somebody asked: {days}."]
    lines += ["", *_shared(found["shared"])]
    if found["said_later"]:
        lines += ["", "Private. On record as said later, whatever month it was:"]
        lines += [f"  {_said(one)}" for one in found["said_later"]]
    return "\n".join(lines)


def _decision(one: Mapping[str, Any], *, newest: bool) -> list[str]:
    """One month's outcome under one agreement, the reasons that can be said first."""
    several = "" if one["child"] == "1 of 1" else f", child {one['child']}"
    lines = [f"{month_in_full(one['month'])}, {one['title']} (version {one['version']}){several}:"]
    lines.append(f"  The family {_outcome(one)}.")
    private = [reason for reason in one["reasons"] if reason["private"]]
    lines += _reasons((reason for reason in one["reasons"] if not reason["private"]), newest=newest)
    if private:
        lines += ["  Private:", *_reasons(private, newest=newest)]
    return [*lines, *_prospect(one)] if newest else lines


def _outcome(one: Mapping[str, Any]) -> str:
    if one["outcome"] == "share":
        of = one["recipient_name"] or one["recipient"]
        return f"{_OUTCOMES['share'] if one['month_is'] == 'open' else 'was shared with'} {of}"
    if one["without_its_list"]:
        return "was not shared: the month ended without the list that it was on"
    gone = (
        " It was to be shared, and was taken off the list at the last look"
        if one["decided"] == "share"
        else ""
    )
    return _OUTCOMES[one["outcome"]] + ("." + gone if gone else "")


def _reasons(reasons: Iterable[Mapping[str, Any]], *, newest: bool) -> list[str]:
    lines = []
    for reason in reasons:
        lines += [f"  - {_capital(reason['words'])}.", f"    The agreement: {reason['clause']}"]
        if newest:
            lines.append(f"    {reason['may_change']}")
    return lines


def _prospect(one: Mapping[str, Any]) -> list[str]:
    if one["outcome"] == "share":
        until = one["stands_until"]
        return [f"  This stands until {_day(until)}, if nobody says anything else."] if until else []
    if one["may_change_from"]:
        return [f"  The first day on which this may be another: {_day(one['may_change_from'])}."]
    return ["  This does not change by itself."] if one["reasons"] else []


def _shared(lists: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = [
        f"  {month_in_full(one['month'])}, {one['agreement']}, with "
        f"{one['recipient_name'] or one['recipient']}: {one['state']} ({_day(one['at'][:10])})."
        for one in lists
    ]
    return ["Shared:", *rows] if rows else ["Nothing about this family was shared with anybody."]


def _said(one: Mapping[str, Any]) -> str:
    since = f", since {_day(one['since'])}" if one["since"] else ""
    return f"{_capital(one['about'])}: {one['words']}{since}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _day(written: str) -> str:
    return on_day(date.fromisoformat(written))
