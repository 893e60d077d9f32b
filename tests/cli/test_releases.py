"""`birthshare release`: look, decide with one's own key, export for one's own checks."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from month_authority import MONTH, Authority, CommandLine, personal_values, shown_values
from pipeline.ledger.entries import Kind
from pipeline.steps.release import digest


@pytest.fixture
def waiting(birthshare: CommandLine) -> CommandLine:
    """A month that waits for its approval."""
    assert birthshare.run().code == 6
    return birthshare


def test_show_gives_counts_and_no_names(authority: Authority, waiting: CommandLine) -> None:
    shown = waiting("release", "show", MONTH_TEXT, "--as", "data.lead@example.org")
    assert shown.code == 0
    for words in (
        "Approvals needed: 1, by data lead or Caldicott guardian",
        "centre-01",
        "the books balance",
    ):
        assert words in shown.out
    pack = waiting("release", "show", MONTH_TEXT, "--json")
    assert pack.json["month"] == MONTH_TEXT
    assert pack.json["pack_sha256"] in shown.out
    assert shown_values(personal_values(authority.extract()), shown.out, pack.out) == []


def test_what_is_approved_is_what_was_shown(waiting: CommandLine) -> None:
    shown = waiting("release", "show", MONTH_TEXT, "--json").json["pack_sha256"]
    approved = waiting.approve()
    assert (approved.code, approved.err) == (0, "")
    assert f"Approved: release {shown[:12]}" in approved.out
    assert f"birthshare run {MONTH}" in approved.out
    assert waiting.run().json["state"] == "closed"


def test_approve_and_refuse_answer_programs(authority: Authority, waiting: CommandLine) -> None:
    approved = waiting.approve("data_lead", "--json").json
    assert approved.keys() == {"month", "pack_sha256", "approved_by", "still_needed"}
    assert approved["still_needed"] == []
    refused = waiting.decide("refuse", "data_lead", "--note", "not the whole month", "--json").json
    assert refused.keys() == {"month", "pack_sha256", "refused_by"}
    assert approved["approved_by"] == refused["refused_by"] == "data.lead@example.org"


def test_a_refusal_without_a_reason_is_not_recorded(waiting: CommandLine) -> None:
    answer = waiting.decide("refuse", "data_lead")
    assert answer.code == 2
    answer.says("needs its reason", "(note)")
    assert waiting.approve().code == 0


def test_the_reason_for_a_refusal_is_shown_to_all_who_look(waiting: CommandLine) -> None:
    words = "centre-one has twice its usual number"
    assert waiting.decide("refuse", "caldicott_guardian", "--note", words).code == 0
    for look in (("release", "show"), ("status",)):
        assert words in waiting(*look, MONTH_TEXT).out
        assert words in waiting(*look, MONTH_TEXT, "--json").out
    again = waiting("run", MONTH_TEXT)
    assert again.code == 3
    again.says("refused", "caldicott.guardian@example.org", words)
    late = waiting.approve()
    assert late.code == 3
    late.says("refused already", words)


def test_approving_twice_is_approving_once(authority: Authority, waiting: CommandLine) -> None:
    assert waiting.approve().code == 0
    again = waiting.approve()
    assert again.code == 0
    assert "had approved it already" in again.out
    assert len(authority.recorded(Kind.RELEASE_APPROVED)) == 1


def test_a_release_that_is_not_the_one_seen_is_not_decided_on(
    authority: Authority, waiting: CommandLine
) -> None:
    shown = waiting("release", "show", MONTH_TEXT, "--json").json["pack_sha256"]
    other = waiting(*decision(authority, "approve"), "--release", "0000")
    assert other.code == 3
    other.says("not the release that is asked about now", f"birthshare release show {MONTH}")
    assert waiting(*decision(authority, "approve"), "--release", shown[:12]).code == 0


def test_a_month_can_end_without_one_list(authority: Authority, waiting: CommandLine) -> None:
    nobody = waiting(*decision(authority, "forgo"), "centre-99")
    assert nobody.code == 2
    nobody.says("centre-99")
    forgone = waiting(*decision(authority, "forgo"), "centre-01")
    assert forgone.code == 0, forgone.err
    assert waiting.approve().code == 0
    assert waiting.run().json["state"] == "closed"
    assert {name.split("/")[0] for name in authority.files()} == {"centre-02", "centre-03", "centre-04"}


@pytest.mark.parametrize(
    ("who", "key", "code", "words"),
    [
        ("data.protection@example.org", "data_protection_officer", 3, "may not decide"),
        ("stranger@example.org", "data_lead", 3, "may not decide"),
        ("data.lead@example.org", "caldicott_guardian", 4, "another person's"),
    ],
)
def test_nobody_else_can_approve(
    authority: Authority, waiting: CommandLine, who: str, key: str, code: int, words: str
) -> None:
    answer = waiting(
        "release", "approve", MONTH_TEXT, "--as", who, "--key", authority.demo.approver_keys[key]
    )
    assert answer.code == code
    answer.says(words)
    assert waiting.run().code == 6


def test_a_file_that_is_no_key_cannot_approve(waiting: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"not a key")
    answer = waiting(
        "release", "approve", MONTH_TEXT, "--as", "data.lead@example.org", "--key", tmp_path / "holiday.jpg"
    )
    assert answer.code == 2
    answer.says("cannot be used to sign", "holiday.jpg")


def test_a_note_with_digits_is_refused(authority: Authority, waiting: CommandLine) -> None:
    answer = waiting(*decision(authority, "refuse"), "--note", "see NHS number 999 123 4567")
    assert answer.code == 2
    answer.says("note")
    assert "999 123 4567" not in answer.err


def test_the_exported_pack_is_what_the_approval_names(waiting: CommandLine, tmp_path: Path) -> None:
    answer = waiting("release", "export", MONTH_TEXT, "--pack", tmp_path / "pack.json", "--json").json
    content = (tmp_path / "pack.json").read_bytes()
    assert digest(content) == answer["pack_sha256"]
    assert json.loads(content)["month"] == MONTH_TEXT


def test_exported_decisions_hold_codes_and_nothing_personal(
    authority: Authority, waiting: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "decisions.csv"
    answer = waiting("release", "export", MONTH_TEXT, "--decisions", file, "--json").json
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert len(rows) == answer["rows"] > 100
    assert rows[0].keys() == {"record_id", "agreement", "outcome", "reasons"}
    assert {row["outcome"] for row in rows} == {"share", "hold", "withhold"}
    assert all(bool(row["reasons"]) == (row["outcome"] != "share") for row in rows)
    assert shown_values(personal_values(authority.extract()), file.read_bytes()) == []
    assert file.stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_to_is_said_plainly(waiting: CommandLine, tmp_path: Path) -> None:
    answer = waiting("release", "export", MONTH_TEXT, "--pack", tmp_path / "nowhere" / "pack.json")
    assert answer.code == 2
    answer.says("cannot be written", "No such file or directory")


def test_before_a_run_there_is_nothing_to_look_at(birthshare: CommandLine) -> None:
    answer = birthshare("release", "show", MONTH_TEXT)
    assert answer.code == 6
    answer.says(f"birthshare run {MONTH}")


def test_after_the_end_there_is_nothing_left_to_look_at(waiting: CommandLine) -> None:
    waiting.finish()
    answer = waiting("release", "show", MONTH_TEXT)
    assert answer.code == 2
    answer.says("is closed", f"birthshare status {MONTH}")


MONTH_TEXT = str(MONTH)


def decision(authority: Authority, word: str) -> tuple[str | Path, ...]:
    key = authority.demo.approver_keys["data_lead"]
    return ("release", word, MONTH_TEXT, "--as", "data.lead@example.org", "--key", key)
