"""The release in words, for a terminal and for a question in Airflow; the same facts as the release page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pipeline.reporting.facts import reason_counts
from pipeline.reporting.pages import also_bound, approvers_in_words, called, moment_in_full, month_in_full

_OUTCOMES = ("shared", "held", "withheld", "duplicates", "quarantined")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
_AS_CODE = r"`\g<0>`"
_MARKS = re.compile(r"([\\`*\[\]<>|~])")  # of Markdown, inside a line

Count = tuple[str, int]


@dataclass(frozen=True)
class Part:
    """A heading, and what stands under it: sentences, or counts of something."""

    heading: str
    said: tuple[str, ...] = ()
    counts: tuple[Count, ...] = ()
    opens: bool = False  # a new subject; the parts after it belong to it


def release_text(
    pack: Mapping[str, Any],
    *,
    pack_sha256: str,
    decisions: Iterable[Mapping[str, Any]] = (),
    to_do: str = "",
    names: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What a person is asked to approve, in counts and no family's name; `pack` as for `release_page`.

    `names` are recipients' by code, `decisions` those on this release, as a month's state has them under
    `approvals`, and `to_do` is the state's. Raises IntegrityError for an unknown reason.
    """
    bound = tuple(f"{place}: {value}" for place, value in also_bound(pack))
    parts = [*_parts(pack, pack_sha256, names), _bound(bound), *_answers(decisions, to_do)]
    return "\n".join(line for part in parts for line in _plain(part)).lstrip("\n") + "\n"


def release_markdown(
    pack: Mapping[str, Any], *, pack_sha256: str, names: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The same in Markdown with tables, where only the number is told of what no person compares: digests,
    and moments to the second.

    Raises IntegrityError for an unknown reason.
    """
    bound = also_bound(pack)
    exact = [value for _, value in bound if _DIGEST.fullmatch(value) or _MOMENT.fullmatch(value)]
    said = [f"{place}: {value}" for place, value in bound if value not in exact]
    untold = f"{len(exact)} digests and moments of what it was made from, when, and of whom it goes to"
    parts = [
        *_parts(pack, pack_sha256, names),
        _bound((*said, f"{untold}: birthshare release show {pack['month']}")),
    ]
    return "\n".join(line for part in parts for line in _marked(part))


def _parts(pack: Mapping[str, Any], pack_sha256: str, names: Mapping[str, str]) -> Iterator[Part]:
    yield Part(
        f"Release of {month_in_full(pack['month'])}, {pack['authority']}",
        (
            f"Decided on {moment_in_full(pack['decided_at'])}. Nothing leaves before it is approved.",
            f"Its digest, which an approval names: {pack_sha256}",
        ),
        opens=True,
    )
    if pack.get("stopped"):
        yield Part("Recipients that get nothing", tuple(pack["stopped"]))
    if pack.get("reconciled"):
        yield Part("Beside the trust's own count", tuple(pack["reconciled"]))
    notable = pack["notable"] or ["nothing notable, or no earlier month"]
    yield Part("Different from last month", tuple(notable))
    for name, terms in pack["agreements"].items():
        yield from _agreement(name, terms, pack["books"][name], names)


def _bound(said: tuple[str, ...]) -> Part:
    return Part("The approval also binds", said)


def _agreement(
    name: str,
    terms: Mapping[str, Any],
    books: Mapping[str, Mapping[str, int]],
    names: Mapping[str, str],
) -> Iterator[Part]:
    yield Part(
        terms["title"],
        (
            f"{name}, version {terms['version']}. Decisions: {terms['decisions_sha256']}",
            f"Approvals needed: {terms['approvals']}, by {approvers_in_words(terms)}",
        ),
        opens=True,
    )
    for supplier, row in books.items():
        yield Part(f"Rows from {supplier}", counts=_books(row))
    reasons = tuple(
        (f"{reason.wording} ({reason.outcome.word}, {reason.code})", reason.rows)
        for reason in reason_counts(terms["reasons"])
    )
    yield Part("Reasons; a row may have several", () if reasons else ("none",), reasons)
    households = {called(code, names): number for code, number in terms["households"].items()}
    total = (f"{len(households)} lists", sum(households.values()))
    yield Part("Households", counts=(*households.items(), total))


def _books(row: Mapping[str, int]) -> tuple[Count, ...]:
    accounted = sum(row[outcome] for outcome in _OUTCOMES)
    verdict = "the books balance" if accounted == row["received"] else "THE BOOKS DO NOT BALANCE"
    counts = [(outcome, row[outcome]) for outcome in _OUTCOMES]
    return (*counts, ("accounted for", accounted), (f"received: {verdict}", row["received"]))


def _answers(decisions: Iterable[Mapping[str, Any]], to_do: str) -> Iterator[Part]:
    said = [_decision(one) for one in decisions]
    if said and to_do:
        said.append("What they wrote is shown when all have decided.")
    if said:
        yield Part("Decisions", tuple(said))
    if to_do:
        yield Part("To decide", tuple(to_do.splitlines()))


def _decision(one: Mapping[str, Any]) -> str:
    words = f': "{one["note"]}"' if one["note"] else ""
    decided = "approved" if one["approve"] else "refused"
    return f"{one['principal']} {decided} it, {moment_in_full(one['at'])}{words}"


def _plain(part: Part) -> list[str]:
    width = max((len(label) for label, _ in part.counts), default=0)
    lines = [*part.said, *(f"{label:<{width}}  {number:>6}" for label, number in part.counts)]
    return ["", part.heading, *(line if part.opens else f"  {line}" for line in lines)]


def _marked(part: Part) -> list[str]:
    heading = _escaped(part.heading)
    if part.counts:
        rows = [f"| {_escaped(label)} | {number} |" for label, number in part.counts]
        return ["", f"| {heading} | |", "|---|--:|", *rows]
    lines = [f"- {_DIGEST.sub(_AS_CODE, _escaped(line))}" for line in part.said]
    return ["", f"{'###' if part.opens else '####'} {heading}", "", *lines]


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)
