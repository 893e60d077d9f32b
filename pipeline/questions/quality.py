"""How good suppliers' files were: what was wrong with their rows, month by month and again and again.

From the ledger alone, in counts of rows by rule. Of several files for one month the newest that was checked
counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from typing import Any

from pipeline.agreed import LONDON
from pipeline.contract import CONTRACT_FILES, ERROR, WARNING, Rule, contract_of
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import (
    AnswersReceived,
    DriftAccepted,
    ExtractReceived,
    ExtractRefused,
    Kind,
    Recorded,
    ReportDelivered,
    ReportPermitted,
    TotalsReceived,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written
from pipeline.records import Month

MONTHS = 12  # that are looked at where nobody says from when on
FEWEST = 4  # months with a file, before anything is said of a trend
_MORE, _LESS = 1.25, 0.8  # of the share that it was in the earlier half of the months

_KINDS = {
    Kind.VALIDATED, Kind.ANSWERS_RECEIVED, Kind.EXTRACT_REFUSED, Kind.DRIFT_ACCEPTED, Kind.REPORT_PERMITTED,
    Kind.REPORT_DELIVERED, Kind.EXTRACT_RECEIVED, Kind.TOTALS_RECEIVED,
}  # fmt: skip


@dataclass
class _MonthOf:
    """What the ledger says of one supplier's files for one month."""

    checked: Validated | None = None
    files: set[str] = field(default_factory=set)  # that were checked, by digest
    answers: AnswersReceived | None = None
    refused: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)  # differences from earlier files
    unsigned: set[str] = field(default_factory=set)  # files that nobody had signed, by digest


def quality(
    home: Home, ledger: Ledger, *, since: Month | None = None, supplier: str = "", now: datetime
) -> dict[str, Any]:
    """What was wrong with suppliers' rows from one month on, or in the last MONTHS that there are.

    Keys: since, until (months), at, suppliers; of each: supplier, name, months (as `_month` has them, oldest
    first) and again (rules broken in more than one month, as `_again` has them). Raises SettingsError for a
    supplier that neither the settings nor the ledger knows.
    """
    found, reports = _heard(ledger.entries(kinds=_KINDS))
    known = home.settings.suppliers
    if supplier and supplier not in {*found, *known}:
        raise SettingsError("That supplier is not known", where=supplier, do=f"One of: {', '.join(known)}.")
    asked = {code: months for code, months in found.items() if not supplier or code == supplier}
    every = sorted({month for months in asked.values() for month in months})
    first = str(since) if since else str(Month.parse(every[-1]).plus(1 - MONTHS)) if every else ""
    return {
        "since": first,
        "until": every[-1] if every and every[-1] >= first else "",
        "at": written(now),
        "suppliers": [
            _supplier(code, known[code].name if code in known else "", asked[code], first, reports)
            for code in sorted(asked)
        ],
    }


def _supplier(
    code: str, name: str, months: Mapping[str, _MonthOf], since: str, reports: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    rows = [_month(month, months[month], reports) for month in sorted(months) if month >= since]
    return {"supplier": code, "name": name, "months": rows, "again": _again(rows)}


def _month(month: str, one: _MonthOf, reports: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Keys: month, files (checked), rows, accepted, set_aside (None where no file was checked), rules and
    warnings (rows by rule), answers (rows, unusable), unsigned (files that nobody had signed), refused (what,
    problem, at, entry of the ledger), drift_accepted (by, at, note, entry), report (state, delivered_at).
    """
    checked, answers = one.checked, one.answers
    return {
        "month": month,
        "files": len(one.files),
        "rows": checked.rows if checked else None,
        "accepted": checked.accepted if checked else None,
        "set_aside": checked.rows - checked.accepted if checked else None,
        "rules": dict(sorted(checked.quarantined.items())) if checked else {},
        "warnings": dict(sorted(checked.warned.items())) if checked else {},
        "answers": {"rows": answers.rows, "unusable": answers.unusable} if answers else None,
        "unsigned": len(one.unsigned),
        "refused": one.refused,
        "drift_accepted": one.accepted,
        "report": reports.get(checked.sealed_sha256, _NOT_SENT) if checked else _NOT_SENT,
    }


_NOT_SENT = {"state": "", "delivered_at": ""}


# --- what is wrong again and again ----------------------------------------------------------------


def _again(months: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules that were broken in more than one of these months: those that set rows aside, most months first.

    Keys: rule, severity, words and fix (the rule's own), months (in which it was broken), of (how many had a
    file), least, most and last (rows), trend (more, less, same, or "" where it is too early to say), said (in
    a sentence).
    """
    checked = [one for one in months if one["rows"] is not None]
    rules = _rules()
    found = [
        _offence(rule, severity, [one[counts].get(rule, 0) for one in checked], checked, rules.get(rule))
        for severity, counts in ((ERROR, "rules"), (WARNING, "warnings"))
        for rule in sorted({rule for one in checked for rule, rows in one[counts].items() if rows})
    ]
    often = [one for one in found if one["months"] > 1]
    return sorted(
        often, key=lambda one: (one["severity"] != ERROR, -one["months"], -one["most"], one["rule"])
    )


def _offence(
    rule: str, severity: str, rows: Sequence[int], months: Sequence[Mapping[str, Any]], known: Rule | None
) -> dict[str, Any]:
    broken = [number for number in rows if number]
    trend = _trend([number / (one["rows"] or 1) for number, one in zip(rows, months, strict=True)])
    least, most = min(broken), max(broken)
    said = f"{rule}: in {len(broken)} of the last {len(rows)} months, {_range(least, most)}"
    return {
        "rule": rule,
        "severity": severity,
        "words": known.description if known else "",
        "fix": known.fix if known else "",
        "months": len(broken),
        "of": len(rows),
        "least": least,
        "most": most,
        "last": rows[-1],
        "trend": trend,
        "said": f"{said}{_TRENDS[trend]}",
    }


_TRENDS = {"more": ", more than before", "less": ", less than before", "same": ", no better", "": ""}


def _range(least: int, most: int) -> str:
    number = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{number} row{'' if most == 1 else 's'}"


def _trend(shares: Sequence[float]) -> str:
    """Whether the newer half of the months has a larger share of such rows than the older half."""
    if len(shares) < FEWEST:
        return ""
    half = len(shares) // 2
    before, now = fmean(shares[:half]), fmean(shares[-half:])
    if now > before * _MORE:
        return "more"
    return "less" if now < before * _LESS else "same"


def _rules() -> dict[str, Rule]:
    """Every rule of every contract; the entries do not say which contract's they are."""
    return {rule.id: rule for dataset in reversed(CONTRACT_FILES) for rule in contract_of(dataset).rules}


# --- reading the ledger ---------------------------------------------------------------------------


def _heard(
    entries: Iterable[Recorded],
) -> tuple[dict[str, dict[str, _MonthOf]], dict[str, dict[str, str]]]:
    """By supplier and month what was said; and by a file's digest what became of the report on it."""
    found: dict[str, dict[str, _MonthOf]] = {}
    leaves: dict[int, ReportPermitted] = {}
    arrived: dict[int, datetime] = {}
    for entry in entries:
        body = entry.body
        if isinstance(body, ReportPermitted):
            leaves[entry.seq] = body
        elif isinstance(body, ReportDelivered):
            arrived[body.permit] = entry.at
        elif isinstance(body, Validated | ExtractRefused | DriftAccepted | _RECEIVED):
            _hear(found.setdefault(body.supplier, {}).setdefault(_month_of(entry), _MonthOf()), entry)
    return found, _reports(leaves, arrived)


def _month_of(entry: Recorded) -> str:
    """The month of an entry; of a feed, which is of none, that in which it came."""
    return entry.month or f"{entry.at.astimezone(LONDON):%Y-%m}"


_RECEIVED = ExtractReceived | AnswersReceived | TotalsReceived


def _hear(one: _MonthOf, entry: Recorded) -> None:
    if isinstance(entry.body, _RECEIVED) and not entry.body.signer:
        one.unsigned.add(entry.body.sealed_sha256)
    match entry.body:
        case Validated() as body:
            one.checked = body
            one.files.add(body.sealed_sha256)
        case AnswersReceived() as body:
            one.answers = body
        case ExtractRefused() as body:
            what = "a file of the month" if entry.month else "a feed of changes"
            said = {"what": what, "problem": body.problem, "at": written(entry.at), "entry": entry.seq}
            one.refused.append(said)
        case DriftAccepted() as body:
            said = {"by": body.principal, "at": written(entry.at), "note": body.note, "entry": entry.seq}
            one.accepted.append(said)


def _reports(
    leaves: Mapping[int, ReportPermitted], arrived: Mapping[int, datetime]
) -> dict[str, dict[str, str]]:
    """By the digest of a supplier's file: delivered once all files of the report on it are."""
    files: dict[str, dict[str, Collection[datetime]]] = {}
    for seq, body in leaves.items():
        known = files.setdefault(body.about_sha256, {})
        known[body.file_name] = [*known.get(body.file_name, ()), *([arrived[seq]] if seq in arrived else [])]
    return {
        about: {"state": "delivered", "delivered_at": written(max(max(one) for one in named.values()))}
        if all(named.values())
        else {"state": "not delivered", "delivered_at": ""}
        for about, named in files.items()
    }
