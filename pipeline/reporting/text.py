"""The release as plain text, for a terminal; the same facts as the release page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.reporting.facts import reason_counts
from pipeline.reporting.pages import also_bound, month_in_full

_OUTCOMES = ("shared", "held", "withheld", "duplicates", "quarantined")


def release_text(
    pack: Mapping[str, Any],
    *,
    pack_sha256: str,
    decisions: Iterable[Mapping[str, Any]] = (),
    to_do: str = "",
) -> str:
    """What a person is asked to approve, in counts and no names; `pack` as for `release_page`.

    `decisions` are those on this release, as a month's state has them under `approvals`, and `to_do` is
    the state's. Raises IntegrityError for an unknown reason.
    """
    lines = [
        f"Release of {month_in_full(pack['month'])}, {pack['authority']}",
        f"Decided at {pack['decided_at']}. Nothing leaves before it is approved.",
        f"Its digest, which an approval names: {pack_sha256}",
        *(_section("Recipients that get nothing", pack["stopped"]) if pack.get("stopped") else []),
        *(_section("Beside the trust's own count", pack["reconciled"]) if pack.get("reconciled") else []),
        *_section("Different from last month", pack["notable"] or ["nothing notable, or no earlier month"]),
    ]
    for name, terms in pack["agreements"].items():
        lines += _agreement(name, terms, pack["books"][name])
    bound = [f"{place}: {value}" for place, value in also_bound(pack)]
    lines += _section("The approval also binds", bound)
    said = [_decision(one) for one in decisions]
    if said and to_do:
        said.append("What they wrote is shown when all have decided.")
    if said:
        lines += _section("Decisions", said)
    if to_do:
        lines += _section("To decide", to_do.splitlines())
    return "\n".join(lines) + "\n"


def _decision(one: Mapping[str, Any]) -> str:
    words = f': "{one["note"]}"' if one["note"] else ""
    return f"{one['principal']} {'approved' if one['approve'] else 'refused'} it, {one['at']}{words}"


def _agreement(name: str, terms: Mapping[str, Any], books: Mapping[str, Mapping[str, int]]) -> list[str]:
    reasons = [
        (f"{reason.wording} ({reason.outcome.word}, {reason.code})", reason.rows)
        for reason in reason_counts(terms["reasons"])
    ]
    households: Mapping[str, int] = terms["households"]
    lines = [
        "",
        terms["title"],
        f"{name}, version {terms['version']}. Decisions: {terms['decisions_sha256']}",
    ]
    lines.append(f"Approvals needed: {terms['approvals']}, by {' or '.join(terms['approvals_by'])}")
    for supplier, row in books.items():
        lines += _section(f"Rows from {supplier}", _books(row))
    lines += _section("Reasons; a row may have several", _columns(reasons))
    return lines + _section(
        "Households", _columns([*households.items(), (f"{len(households)} lists", sum(households.values()))])
    )


def _books(row: Mapping[str, int]) -> list[str]:
    accounted = sum(row[outcome] for outcome in _OUTCOMES)
    verdict = "the books balance" if accounted == row["received"] else "THE BOOKS DO NOT BALANCE"
    counts = [(outcome, row[outcome]) for outcome in _OUTCOMES]
    return _columns([*counts, ("accounted for", accounted), (f"received: {verdict}", row["received"])])


def _columns(counts: Iterable[tuple[str, int]]) -> list[str]:
    pairs = list(counts)
    width = max((len(label) for label, _ in pairs), default=0)
    return [f"{label:<{width}}  {number:>6}" for label, number in pairs] or ["none"]


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    return ["", heading, *(f"  {line}" for line in lines)]
