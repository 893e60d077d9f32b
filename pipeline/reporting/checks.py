"""What the checks found in suppliers' files as pages: rules, counts and shares, and no value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.reporting.pages import environment, month_in_full

Found = Mapping[str, Any]

_DATASETS = {
    "births": "births",
    "expected_births": "expected births",
    "answers": "parents' answers",
}


def checks_page(found: Found, *, digest: str, authority: str) -> str:
    """What became of each rule on one file; `found` as `pipeline.steps.results` keeps it.

    `digest` is the SHA-256 under which the ledger names the results.
    """
    return _rendered(
        "checks.html",
        found=found,
        authority=authority,
        digest=digest,
        what=_what(found),
        month=month_in_full(found["month"]),
        broken=sorted((one for one in found["rules"] if not one["met"]), key=_worst_first),
        kept=[one for one in found["rules"] if one["met"]],
        percent=percent,
        asked=asked,
    )


def checks_index(files: Iterable[tuple[str, Found]], *, authority: str) -> str:
    """All pages that are kept, by month, the newest first: each its file's name and its results."""
    by_month: dict[str, list[tuple[str, Found]]] = {}
    for page, found in files:
        by_month.setdefault(month_in_full(found["month"]), []).append((page, found))
    return _rendered("checks_index.html", months=by_month, authority=authority, what=_what, percent=percent)


def percent(part: int, whole: int) -> str:
    """A share as people read it; something never reads as nothing, nor less than all as all."""
    if not whole:
        return ""
    share = 100 * part / whole
    shown = f"{share:.1f} %"
    if part and shown == "0.0 %":
        return "under 0.1 %"
    return "over 99.9 %" if part < whole and shown == "100.0 %" else shown


def asked(expected: Found) -> str:
    """What was found of what is expected of the file as a whole, in numbers of rows where it has any."""
    if "observed_value" in expected:
        return f"{expected['observed_value']:,}"
    if "unexpected_count" in expected:
        all_rows = expected["element_count"]
        return f"{all_rows - expected['unexpected_count']:,} of {all_rows:,}"
    return ""


def _worst_first(rule: Found) -> tuple[bool, int]:
    return rule["severity"] != "critical", -int(rule["unexpected_count"])


def _what(found: Found) -> str:
    dataset = str(found["dataset"])
    return _DATASETS.get(dataset, dataset)


def _rendered(template: str, **shown: object) -> str:
    return str(environment().get_template(template).render(**shown))
