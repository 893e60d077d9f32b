"""One month, from the sealed extract in the inbox to the sealed lists at the centres."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from month_authority import MONTH, NOW, Authority
from pipeline import month as months
from pipeline.errors import Refused, SettingsError, WaitingForPerson
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Kind
from pipeline.steps import closing


def test_nothing_leaves_before_a_person_has_approved(authority: Authority) -> None:
    with pytest.raises(WaitingForPerson, match="approval"):
        authority.run()
    assert authority.files() == {}
    state = months.status(authority.home, MONTH, now=NOW)
    assert "approval" in state["waiting_for"]


def test_an_approved_month_reaches_every_recipient_and_closes(authority: Authority) -> None:
    authority.prepare_and_approve()
    state = authority.run()
    assert state["state"] == "closed"
    assert {row["state"] for row in state["recipients"]} == {"delivered"}
    assert len(authority.files()) == len(state["recipients"]) == 4
    assert state["ledger"]["verified"] is True


def test_the_books_balance_and_the_lists_hold_what_the_books_say(authority: Authority) -> None:
    authority.prepare_and_approve()
    state = authority.run()
    [agreement] = state["agreements"].values()
    accounted = state["quarantined"] + sum(
        agreement[column] for column in ("duplicates", "withheld", "held", "shared")
    )
    assert accounted == state["received"] == 150
    rows = {row["code"]: len(authority.families(row["code"])) - 1 for row in state["recipients"]}
    assert rows == {row["code"]: row["households"] for row in state["recipients"]}
    assert sum(row["children"] for row in state["recipients"]) == agreement["shared"] > 0


def test_every_hard_case_is_decided_as_its_story_says(authority: Authority) -> None:
    with pytest.raises(WaitingForPerson):
        authority.run()
    decided = months.decisions_by_record(authority.home, MONTH, now=NOW)
    found = {
        (row.record_id, word)
        for row in decided.itertuples()
        for word in [*row.reasons.split(";"), row.outcome]
    }
    with (authority.demo.folder / "supplier" / "hard_cases.csv").open(encoding="utf-8") as stream:
        cases = list(csv.DictReader(stream))
    known = set(decided["record_id"])
    wrong = [
        case["record_id"]
        for case in cases
        if (
            case["record_id"] in known
            if case["expected"].startswith("quarantined:")
            else (case["record_id"], case["expected"]) not in found
        )
    ]
    assert len(cases) > 50
    assert wrong == []


def test_running_a_closed_month_again_changes_nothing_and_sends_nothing(authority: Authority) -> None:
    authority.prepare_and_approve()
    first, files = authority.run(), authority.files()
    again = authority.run()
    assert again | {"seconds": {}} == first | {"seconds": {}}
    assert authority.files() == files


def test_working_files_are_gone_when_the_month_is_closed(authority: Authority) -> None:
    authority.prepare_and_approve()
    working = authority.home.state / "working" / str(MONTH)
    assert list(working.glob("*.sealed"))
    authority.run()
    assert not working.exists()


def test_asking_again_while_waiting_asks_about_the_same_release(authority: Authority) -> None:
    asked = months.prepare(authority.home, MONTH, now=NOW)
    again = months.prepare(authority.home, MONTH, now=NOW)
    assert asked.pack_sha256 == again.pack_sha256
    with opened_ledger(authority.home) as ledger:
        assert len(list(ledger.entries(kinds={Kind.RELEASE_REQUESTED}))) == 1


def test_a_changed_reach_area_makes_a_release_that_nobody_has_approved(authority: Authority) -> None:
    authority.prepare_and_approve()
    areas = authority.home.path / "reference" / "reach_areas.csv"
    lines = areas.read_text().splitlines(keepends=True)
    areas.write_text("".join(lines[:-3]))
    authority.sign_register()
    with pytest.raises(WaitingForPerson, match="approval"):
        authority.run()
    assert authority.files() == {}


def test_only_an_approver_of_releases_may_approve(authority: Authority) -> None:
    authority.run(until="release")
    with pytest.raises(Refused, match="may not decide .* These may: "):
        authority.approve("data_protection_officer")


def test_a_refused_release_is_not_sent(authority: Authority) -> None:
    asked = months.prepare(authority.home, MONTH, now=NOW)
    authority.decide(asked.pack_sha256, approve=False)
    for later in (NOW, NOW + timedelta(hours=1)):
        with pytest.raises(Refused, match="refused"):
            months.run(authority.home, MONTH, now=later)
    assert authority.files() == {}


def test_after_a_refusal_a_corrected_month_is_asked_about_anew(authority: Authority) -> None:
    asked = months.prepare(authority.home, MONTH, now=NOW)
    authority.decide(asked.pack_sha256, approve=False)
    authority.say("child_died", authority.shared("centre-01")[0])
    again = months.prepare(authority.home, MONTH, now=NOW)
    assert again.pack_sha256 != asked.pack_sha256


def test_delivery_asks_our_own_record_whoever_calls_it(authority: Authority) -> None:
    months.prepare(authority.home, MONTH, now=NOW)
    with pytest.raises(WaitingForPerson):
        months.deliver(authority.home, MONTH, now=NOW)
    assert authority.files() == {}


def test_two_runs_do_not_work_on_one_month_at_once(authority: Authority) -> None:
    def run_beside(stage: str, done: int, total: int) -> None:
        if stage == "intake":
            with pytest.raises(SettingsError, match="Another run"):
                authority.run(until="release")
            refused.append(stage)

    refused: list[str] = []
    authority.run(until="intake", watch=run_beside)
    assert refused


def test_an_old_word_on_deaths_stops_the_sealing(authority: Authority) -> None:
    authority.prepare_and_approve()
    with pytest.raises(Refused, match="deaths_feed_stale"):
        months.run(authority.home, MONTH, now=NOW + timedelta(days=8))
    assert authority.files() == {}


def test_two_runs_may_write_the_newest_checkpoint_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daily runs and a month sign the same ledger, each when it is done."""
    file, replace = tmp_path / "checkpoint.txt", Path.replace

    def after_another(part: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        closing._write(file, "the other's")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", after_another)
    closing._write(file, "ours")
    assert file.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [file]
