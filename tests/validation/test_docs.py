"""What is kept and shown of the checks: counts and our own words, the same bytes for the same file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.reporting.checks import checks_index, checks_page, percent
from pipeline.validation.checks import Validated
from pipeline.validation.docs import as_bytes, document
from pipeline.validation.suite import ExpectColumnValuesToBeInSet

Validate = Callable[..., Validated]
Row = Mapping[str, str]
ABOUT = {
    "supplier": "chis", "month": "2026-10", "dataset": "births", "sealed_sha256": "0" * 64,
    "rows": 2, "accepted": 1, "set_aside": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def found(validated: Validate, good: Row) -> dict[str, Any]:
    """Results of a good row and one that breaks rules, as a month keeps them."""
    return ABOUT | dict(validated(good, good | {"given_name": "=1"}).document)


def page_of(found: dict[str, Any]) -> str:
    return checks_page(found, digest="f" * 64, authority="Sampleton")


def test_the_same_file_gives_the_same_bytes(found: dict[str, Any], validated: Validate, good: Row) -> None:
    again = ABOUT | dict(validated(good, good | {"given_name": "=1"}).document)
    assert as_bytes(again) == as_bytes(found)


def test_another_count_gives_other_bytes(found: dict[str, Any], validated: Validate, good: Row) -> None:
    assert as_bytes(ABOUT | dict(validated(good, good).document)) != as_bytes(found)


def test_results_hold_every_rule_and_what_is_expected_of_the_whole_file(
    found: dict[str, Any], contract: Contract
) -> None:
    assert [one["rule"] for one in found["rules"]] == [rule.id for rule in contract.rules]
    assert [one["description"] for one in found["file"]] == [
        "Every row of the file was judged.",
        "Every rule of the contract was asked, and no other.",
        "At least 90% of the rows can be used.",
    ]
    (broken,) = [one for one in found["rules"] if one["rule"] == "text_dangerous"]
    assert (broken["met"], broken["unexpected_count"], broken["severity"]) == (False, 1, "critical")


def test_of_what_great_expectations_found_only_numbers_are_kept() -> None:
    class Planted:
        def to_json_dict(self) -> dict[str, Any]:
            return {
                "success": False,
                "expectation_config": {
                    "type": "expect_this", "id": "Zebedee", "severity": "critical", "description": "Ours.",
                    "kwargs": {"column": "Zebedee", "batch_id": "Zebedee"}, "meta": {"dimension": "ours"},
                },
                "result": {
                    "unexpected_count": 1, "observed_value": "Zebedee", "unexpected_percent": ["Zebedee"],
                    "partial_unexpected_list": ["Zebedee"], "details": {"Zebedee": 1},
                },
                "exception_info": {"exception_message": "Zebedee"}, "meta": {"Zebedee": "Zebedee"},
            }  # fmt: skip

    kept = document([Planted()], suite="ours")  # type: ignore[list-item]
    assert "Zebedee" not in json.dumps(kept)
    assert kept["file"][0]["unexpected_count"] == 1


def test_a_page_names_each_broken_rule_with_its_count(found: dict[str, Any]) -> None:
    broken = page_of(found).split("Rules that every row keeps")[0]
    assert re.search(r"text_dangerous</code>.*?set aside</td>\s*<td class=\"number\">1</td>", broken, re.S)
    assert "nhs_number_format" not in broken


def test_pages_need_nothing_from_the_web_and_run_no_script(found: dict[str, Any]) -> None:
    for page in (page_of(found), checks_index([("a.html", found)], authority="Sampleton")):
        assert "default-src 'none'" in page
        assert not re.search(r"<script|https?://|//[a-z]|@import|url\(", page)
        assert not re.findall(r"<(?:link|img|iframe|object)", page)


def test_the_index_lists_months_and_suppliers(found: dict[str, Any]) -> None:
    files = [("2.html", found | {"month": "2026-11", "supplier": "north"}), ("1.html", found)]
    page = checks_index(files, authority="Sampleton")
    places = [
        page.index(words)
        for words in ("November 2026", 'href="2.html">north', "October 2026", 'href="1.html"')
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, ""),
        (0, 5, "0.0 %"),
        (1, 100_000, "under 0.1 %"),
        (99_999, 100_000, "over 99.9 %"),
        (5, 5, "100.0 %"),
    ],
)
def test_a_share_never_hides_the_last_row(part: int, whole: int, shown: str) -> None:
    assert percent(part, whole) == shown


def test_a_rule_that_crashes_leaves_nothing_of_what_it_said(
    validated: Validate,
    good: Row,
    canaries: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ValueError(f"crashed over {canaries}")

    monkeypatch.setattr(ExpectColumnValuesToBeInSet, "_validate", crash)
    with pytest.raises(IntegrityError) as caught:
        validated(good)
    error = caught.value
    left = [str(error), repr(vars(error)), repr(error.__cause__), repr(error.__context__), caplog.text]
    left += capfd.readouterr()
    assert not [canary for canary in canaries for text in left if canary in text]


CHECKED_ALONE = """
import io, json, logging, sys
from pathlib import Path
touched = []
def watch(event, args):
    # A library asks whether there is IPv6 by binding to this very machine; nothing is sent.
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.bind"):
        touched.append(event)
    if event == "open" and isinstance(args[0], (str, bytes)) and any(mode in str(args[1]) for mode in "wax+"):
        touched.append(f"{args[0]} opened with {args[1]}")
sys.addaudithook(watch)
said = io.StringIO()
logging.basicConfig(stream=said, level=logging.DEBUG)
from datetime import UTC, datetime
import pandas as pd
from pipeline.contract import contract_of
from pipeline.records import Extract, Month
from pipeline.reporting.checks import checks_page
from pipeline.validation.checks import validate
from pipeline.validation.docs import as_bytes
import great_expectations
logging.getLogger("great_expectations").setLevel(logging.DEBUG)
row, columns, about = json.load(sys.stdin)
rows = [row] + [row | {name: "=?\\t" + row[name]} for name in columns]
frame = pd.DataFrame(rows, dtype="str").assign(row=range(1, len(rows) + 1))
extract = Extract("chis", Month(2026, 10), frame, "0" * 64, "", datetime(2026, 11, 3, tzinfo=UTC))
valid = validate(extract, contract=contract_of("births"), reference_key=bytes(32))
found = about | dict(valid.document)
page = checks_page(found, digest="f" * 64, authority="Sampleton")
print(json.dumps({
    "set_aside": valid.quarantined_rows, "results": as_bytes(found).decode(), "page": page,
    "logged": said.getvalue(), "touched": touched,
}))
"""


def test_nothing_of_a_file_gets_out_while_it_is_checked(
    good: Row, contract: Contract, canaries: tuple[str, ...], tmp_path: Path
) -> None:
    """In a fresh process: a value planted in every column, good rows and one that breaks rules for each."""
    row = {name: good[name] or ("" if contract.column(name).codes else "Zebedee") for name in contract.names}
    columns = [column.name for column in contract.columns if not column.codes]
    places = {name: tmp_path / name for name in ("home", "temporary", "here")}
    for place in places.values():
        place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CHECKED_ALONE],
        input=json.dumps([row, columns, ABOUT]), capture_output=True, text=True, check=False,
        cwd=places["here"],
        env={
            "HOME": str(places["home"]), "TMPDIR": str(places["temporary"]), "PATH": "/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert answer["set_aside"] >= len(columns)
    assert answer["touched"] == []
    assert done.stderr == ""
    assert [file for place in places.values() for file in place.rglob("*")] == []
    assert not [canary for canary in canaries if canary in done.stdout]
