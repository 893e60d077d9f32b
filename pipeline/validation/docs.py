"""What is kept of the results of Great Expectations: counts, and words of our own contract.

Its own results hold times, identifiers, a fingerprint of the data and the text of whatever went wrong.
Taken over are the expectation as we made it, whether it was met, and of what was found the numbers
alone, so that the same file always gives the same bytes, and none of them can be a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

Document = dict[str, Any]

# Of what Great Expectations tells of an expectation, and only where it is a number.
_COUNTS = ("element_count", "unexpected_count", "unexpected_percent", "observed_value")


def document(results: Iterable[ExpectationValidationResult], *, suite: str) -> Document:
    """The results as they are kept and shown: the whole file's first, then each rule's in order."""
    every = [_kept(one.to_json_dict()) for one in results]
    return {
        "suite": suite,
        "met": sum(one["met"] for one in every),
        "not_met": sum(not one["met"] for one in every),
        "file": [one for one in every if not one["rule"]],
        "rules": [one for one in every if one["rule"]],
    }


def _kept(result: Mapping[str, Any]) -> Document:
    asked, found = result["expectation_config"], result["result"]
    return {
        "rule": asked["meta"].get("rule", ""),
        "expectation": asked["type"],
        "description": asked["description"],
        "dimension": asked["meta"]["dimension"],
        "fields": asked["meta"].get("fields", []),
        "severity": asked["severity"],
        "met": result["success"],
        **{name: found[name] for name in _COUNTS if _is_number(found.get(name))},
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_bytes(kept: Mapping[str, Any]) -> bytes:
    """Results as a file keeps them; the ledger holds the SHA-256 of these bytes."""
    return (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()
