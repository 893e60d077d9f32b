"""A preview of changed reach areas, in words and as a page: counts, never a family."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.agreements.words import on_day
from pipeline.networks import NOBODY, SEVERAL
from pipeline.reporting.pages import environment, month_in_full
from pipeline.reporting.preview_text import counted

KINDS = {
    "another": "to another recipient",
    "nobody": "newly in nobody's area",
    "somebody": "newly in one area",
    "several": "newly claimed by several",
}
_NO_RECIPIENT = {NOBODY: "nobody's area", SEVERAL: "claimed by several"}


def summary(answer: Mapping[str, Any]) -> str:
    """What was tried on what, in a sentence."""
    months = ", ".join(month_in_full(month) for month in answer["months"])
    on = on_day(date.fromisoformat(answer["on"]))
    return f"{', '.join(answer['files'])}, as in force on {on}, tried on {months}."


def asides(answer: Mapping[str, Any]) -> list[str]:
    """What is to be known of single months, in sentences."""
    return [
        *(f"Not tried on {month_in_full(one['month'])}: {one['why']}." for one in answer["not_previewable"]),
        *(f"{month_in_full(one['month'])}: {one['says']}." for one in answer["notes"]),
    ]


def side(code: str, names: Mapping[str, str]) -> str:
    """A recipient by its name in the register, or what there is in its place."""
    return _NO_RECIPIENT.get(code) or (f"{names[code]} ({code})" if names.get(code) else code)


def rows_of(network: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The moves: from, to, authority, postcodes, families, and how many of these are on lists."""
    return [
        (
            side(one["then"], names),
            side(one["now"], names),
            one["authority"],
            f"{one['postcodes']:,}",
            counted(one["families"]),
            counted(one["shared"]),
        )
        for one in network["moves"]
    ]


def recipient_rows(network: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Each recipient, how many families it has now, and would have."""
    return [
        (side(one["code"], names), counted(one["then"]), counted(one["now"])) for one in network["recipients"]
    ]


def moves_page(answer: Mapping[str, Any], names: Mapping[str, str], *, authority: str) -> str:
    """What proposed reach areas would have changed; `names` has each recipient's by its code."""
    pages = environment()
    pages.filters.update(counted=counted)
    return pages.get_template("moves.html").render(
        answer=answer,
        authority=authority,
        summary=summary(answer),
        asides=asides(answer),
        kinds=KINDS,
        networks=[(one, rows_of(one, names), recipient_rows(one, names)) for one in answer["networks"]],
    )
