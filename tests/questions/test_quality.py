"""How good suppliers' files were: each month's counts by rule, and what is wrong again and again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from month_authority import Answer, CommandLine
from pipeline.errors import SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import (
    AnswersReceived,
    Body,
    DriftAccepted,
    Entry,
    ExtractReceived,
    ExtractRefused,
    Kind,
    ReportDelivered,
    ReportPermitted,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.questions.quality import quality
from pipeline.records import Month
from pipeline.reporting.quality import quality_csv, quality_page, quality_workbook
from preview.past import new_home
from questions import past

LAST = Month(2026, 10)
NOW = past.after(LAST, 20)
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nYQ==\n-----END SSH SIGNATURE-----\n"
RULE, OTHER, DOUBT = "nhs_number_check_digit", "date_format", "name_temporary"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with opened_ledger(home) as opened:
        yield opened


@pytest.fixture
def command(home: Home) -> Callable[..., Answer]:
    """`birthshare report quality` on this home."""
    line = CommandLine(type("Here", (), {"home": home})())
    return lambda *arguments: line("report", "quality", *arguments)


def checked(
    ledger: Ledger,
    back: int,
    broken: Mapping[str, int],
    *,
    rows: int = 1_000,
    supplier: str = "chis",
    warned: Mapping[str, int] | None = None,
    sha256: str = "",
) -> None:
    """A file was checked, so many months before the last."""
    past.record(
        ledger,
        LAST.plus(-back),
        Validated(
            supplier=supplier,
            sealed_sha256=sha256 or f"{back:064x}",
            rows=rows,
            accepted=rows - sum(broken.values()),
            quarantined=dict(broken),
            warned=dict(warned or {}),
        ),
    )


def asks(home: Home, ledger: Ledger, **options: Any) -> dict[str, Any]:
    return quality(home, ledger, now=NOW, **options)


def only(found: Mapping[str, Any]) -> dict[str, Any]:
    [supplier] = found["suppliers"]
    return dict(supplier)


def again(ledger: Ledger, home: Home) -> dict[str, str]:
    """What is said of each rule that is broken again and again."""
    return {one["rule"]: one["said"] for one in only(asks(home, ledger))["again"]}


# --- month by month -------------------------------------------------------------------------------


def test_each_month_has_its_counts_by_rule(home: Home, ledger: Ledger) -> None:
    checked(ledger, 1, {RULE: 3})
    checked(ledger, 0, {RULE: 9, OTHER: 1}, warned={DOUBT: 14})

    before, now = only(asks(home, ledger))["months"]

    assert (before["month"], before["set_aside"], before["rules"]) == ("2026-09", 3, {RULE: 3})
    assert (now["rows"], now["accepted"], now["set_aside"]) == (1_000, 990, 10)
    assert (now["rules"], now["warnings"]) == ({OTHER: 1, RULE: 9}, {DOUBT: 14})


def test_of_several_files_for_a_month_the_newest_counts(home: Home, ledger: Ledger) -> None:
    checked(ledger, 0, {RULE: 500}, sha256="a" * 64)
    checked(ledger, 0, {RULE: 2}, sha256="b" * 64)

    [month] = only(asks(home, ledger))["months"]

    assert (month["rules"], month["files"]) == ({RULE: 2}, 2)


def test_a_file_that_was_refused_is_there_with_its_reason_though_none_was_checked(
    home: Home, ledger: Ledger
) -> None:
    past.refused(ledger, LAST)
    feed = ExtractRefused(supplier="chis", sealed_sha256=past.DIGEST, problem="rows_unusable")
    ledger.append(Entry(feed), at=past.after(LAST, -2))

    [month] = only(asks(home, ledger))["months"]

    assert month["rows"] is None and month["rules"] == {}
    assert [(one["what"], one["problem"]) for one in month["refused"]] == [
        ("a file of the month", "wrong_signer"),
        ("a feed of changes", "rows_unusable"),
    ]


def test_who_accepted_a_difference_is_there(home: Home, ledger: Ledger) -> None:
    checked(ledger, 0, {})
    said = DriftAccepted(
        supplier="chis",
        dataset="births",
        sealed_sha256=past.DIGEST,
        differences_sha256=past.DIGEST,
        about=("rows",),
        principal=past.LEAD,
        signature=SIGNATURE,
        note="a second trust joined",
    )
    past.record(ledger, LAST, said)

    [month] = only(asks(home, ledger))["months"]

    assert [(one["by"], one["note"]) for one in month["drift_accepted"]] == [
        (past.LEAD, "a second trust joined")
    ]


def test_a_report_is_delivered_once_all_its_files_are(home: Home, ledger: Ledger) -> None:
    checked(ledger, 0, {}, sha256="a" * 64)
    first, second = (
        ledger.append(Entry(_leave(name)), at=past.after(LAST, 4))[0]
        for name in ("rows.csv.gpg", "rows.xlsx.gpg")
    )

    def state() -> str:
        return str(only(asks(home, ledger))["months"][0]["report"]["state"])

    assert state() == "not delivered"
    _arrived(ledger, first)
    assert state() == "not delivered"
    again_ = ledger.append(Entry(_leave("rows.xlsx.gpg")), at=past.after(LAST, 5))[0]  # leave for other bytes
    _arrived(ledger, again_)
    assert state() == "delivered" and second < again_


def _leave(name: str) -> Body:
    return ReportPermitted(
        supplier="chis", month=str(LAST), file_name=name, sealed_sha256=past.DIGEST, about_sha256="a" * 64
    )


def _arrived(ledger: Ledger, permit: int) -> None:
    body = ReportDelivered(permit=permit, sha256=past.DIGEST, size=1, found_there=False)
    assert ledger.report_arrived(body, at=past.after(LAST, 6))
    assert not ledger.report_arrived(body, at=past.after(LAST, 6))


def test_answers_that_could_not_be_used_are_there(home: Home, ledger: Ledger) -> None:
    answers = AnswersReceived(
        supplier="chis",
        sealed_sha256=past.DIGEST,
        signer=past.SIGNER,
        signed_at=past.after(LAST, 1),
        rows=40,
        unusable=3,
    )
    past.record(ledger, LAST, answers)

    [month] = only(asks(home, ledger))["months"]

    assert month["answers"] == {"rows": 40, "unusable": 3}
    assert "<td>3 of 40</td>" in quality_page(asks(home, ledger), authority="Sampleton")


@pytest.mark.parametrize(("signer", "files"), [("", 1), (past.SIGNER, 0)])
def test_a_file_that_nobody_signed_is_said_to_be_so(
    home: Home, ledger: Ledger, command: Callable[..., Answer], signer: str, files: int
) -> None:
    checked(ledger, 0, {})
    received = ExtractReceived(
        supplier="chis", sealed_sha256=past.DIGEST, signer=signer, signed_at=past.after(LAST, 1), rows=40
    )
    past.record(ledger, LAST, received)

    found = asks(home, ledger)

    assert only(found)["months"][0]["unsigned"] == files
    assert ("<td>1 file</td>" in quality_page(found, authority="Sampleton")) == bool(files)
    assert ("1 file signed by nobody" in command().out) == bool(files)


def test_who_looks_can_go_from_a_refusal_to_its_proof(home: Home, ledger: Ledger) -> None:
    past.refused(ledger, LAST)

    [month] = only(asks(home, ledger))["months"]
    entry = month["refused"][0]["entry"]

    assert any(one.seq == entry for one in ledger.entries(kinds={Kind.EXTRACT_REFUSED}))
    assert f"entry {entry})" in quality_page(asks(home, ledger), authority="Sampleton")


# --- again and again ------------------------------------------------------------------------------


def test_a_rule_that_is_broken_in_several_months_is_named_in_words(home: Home, ledger: Ledger) -> None:
    for back, rows in enumerate((3, 9, 5, 0, 4, 6)):
        checked(ledger, back, {RULE: rows} if rows else {})

    assert again(ledger, home) == {RULE: f"{RULE}: in 5 of the last 6 months, 3 to 9 rows, more than before"}


def test_a_rule_that_was_broken_in_one_month_alone_is_not(home: Home, ledger: Ledger) -> None:
    for back in range(4):
        checked(ledger, back, {RULE: 2} if back == 2 else {})

    assert again(ledger, home) == {}


@pytest.mark.parametrize(
    ("newest_first", "said"),
    [
        ((8, 8, 2, 2), ", more than before"),
        ((2, 2, 8, 8), ", less than before"),
        ((5, 5, 5, 5), ", no better"),
        ((8, 2, 2), ""),  # too early to say
    ],
)
def test_a_trend_compares_shares_of_the_newer_and_the_older_half(
    home: Home, ledger: Ledger, newest_first: tuple[int, ...], said: str
) -> None:
    for back, rows in enumerate(newest_first):
        checked(ledger, back, {RULE: rows * 10}, rows=1_000 * (1 + back % 2))  # as shares they differ
        checked(ledger, back, {RULE: rows}, rows=1_000, supplier="other")

    [mine] = [one for one in asks(home, ledger)["suppliers"] if one["supplier"] == "other"]

    assert mine["again"][0]["said"].endswith(f"rows{said}")


def test_a_larger_file_with_the_same_share_is_no_trend(home: Home, ledger: Ledger) -> None:
    for back, size in enumerate((4_000, 4_000, 1_000, 1_000)):
        checked(ledger, back, {RULE: size // 100}, rows=size)

    assert again(ledger, home)[RULE].endswith("10 to 40 rows, no better")


def test_rules_that_set_rows_aside_come_before_those_that_warn(home: Home, ledger: Ledger) -> None:
    for back in range(3):
        checked(ledger, back, {RULE: 1} if back else {}, warned={DOUBT: 50})

    assert list(again(ledger, home)) == [RULE, DOUBT]


# --- what is asked --------------------------------------------------------------------------------


def test_the_last_twelve_months_are_looked_at_and_more_where_they_are_asked_for(
    home: Home, ledger: Ledger
) -> None:
    for back in range(15):
        checked(ledger, back, {RULE: 1})

    assert len(only(asks(home, ledger))["months"]) == 12
    assert len(only(asks(home, ledger, since=LAST.plus(-14)))["months"]) == 15
    assert [one["month"] for one in only(asks(home, ledger, since=LAST))["months"]] == ["2026-10"]


def test_one_supplier_alone_can_be_asked_about_and_one_that_nobody_knows_cannot(
    home: Home, ledger: Ledger
) -> None:
    checked(ledger, 0, {})
    checked(ledger, 0, {RULE: 1}, supplier="former")

    assert only(asks(home, ledger, supplier="former"))["supplier"] == "former"
    with pytest.raises(SettingsError, match="not known"):
        asks(home, ledger, supplier="nobody")


def test_without_any_file_there_is_nothing_to_say(
    home: Home, ledger: Ledger, command: Callable[..., Answer]
) -> None:
    assert asks(home, ledger)["suppliers"] == []
    command().says()
    assert "No file" in command().out
    assert "No file" in quality_page(asks(home, ledger), authority="Sampleton")


# --- as files -------------------------------------------------------------------------------------


@pytest.fixture
def found(home: Home, ledger: Ledger) -> dict[str, Any]:
    for back in range(6):
        checked(ledger, back, {RULE: 3 + back, OTHER: back % 2}, warned={DOUBT: 20})
    past.refused(ledger, LAST.plus(-2))
    checked(ledger, 0, {}, supplier="other")
    return asks(home, ledger)


def test_the_page_has_a_heading_for_each_supplier_and_a_caption_for_each_table(found: dict[str, Any]) -> None:
    page = quality_page(found, authority="Sampleton & Co")

    assert page.count("<h1>") == 1 and "<script" not in page and "http" not in page.split("</style>")[1]
    assert page.count("<caption>") == page.count("<table")
    assert "Sampleton &amp; Co" in page
    assert "In 6 of the last 6 months, 3 to 8 rows" in page
    assert "wrong signer" in page


def test_the_csv_has_a_line_for_each_rule_and_one_for_a_month_without_any(found: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(quality_csv(found).decode(), newline="")))

    mine = [row for row in rows if row["supplier"] == "chis" and row["rule"] == RULE]
    assert [row["rows_of_rule"] for row in mine] == ["8", "7", "6", "5", "4", "3"]
    [clean] = [row for row in rows if row["supplier"] == "other"]
    assert (clean["rows"], clean["rule"], clean["rows_of_rule"]) == ("1000", "", "")


def test_the_workbook_has_the_months_the_offences_and_every_count(found: dict[str, Any]) -> None:
    book = load_workbook(io.BytesIO(quality_workbook(found)))

    assert book.sheetnames == ["Months", "Again and again", "Rules"]
    assert [cell.value for cell in book["Months"][2]][:3] == ["chis", "2026-05", 1_000]
    assert [row[1] for row in book["Again and again"].iter_rows(min_row=2, values_only=True)][0] == RULE


def test_the_command_answers_on_the_screen_as_json_and_as_files(
    found: dict[str, Any], command: Callable[..., Answer], tmp_path: Path
) -> None:
    assert f"{RULE}: in 6 of the last 6 months, 3 to 8 rows" in command().out
    assert command("--json", "--supplier", "chis").json["suppliers"][0]["again"][0]["rule"] == RULE
    for ending in ("html", "csv", "xlsx", "json"):
        file = tmp_path / f"quality.{ending}"
        assert command("--out", file, "--since", "2026-08").code == 0
        assert file.stat().st_size > 500
    assert json.loads((tmp_path / "quality.json").read_text())["since"] == "2026-08"
    assert command("--out", tmp_path / "quality.doc").code == 2
    assert command("--supplier", "nobody").code == 2
