"""Where two persons must approve: two different ones, and the second without the first's words."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline import month as months
from pipeline.errors import Refused
from pipeline.reporting import MonthFacts, month_page

FIRST, SECOND = "data.lead@example.org", "caldicott.guardian@example.org"
OPINION, ANSWER = "the numbers look as always to me", "I compared them with the births of last autumn"
SHOW, STATUS = ("release", "show", str(MONTH)), ("status", str(MONTH))


def first_approves(two: CommandLine) -> None:
    assert two.approve("data_lead", "--note", OPINION).code == 0


def second_approves(two: CommandLine) -> None:
    assert two.approve("caldicott_guardian", "--note", ANSWER).code == 0


def everywhere(two: CommandLine, folder: Path) -> dict[str, str]:
    """All that a second person can look at, by the command that shows it."""
    export = folder / "pack.json"
    looks = [
        *((*SHOW, "--as", who) for who in (FIRST, SECOND)),
        SHOW, STATUS, ("status",), ("release", "export", str(MONTH), "--pack", export), ("doctor",),
        ("ledger", "verify"),
    ]  # fmt: skip
    said = {}
    for look in looks:
        for options in ((), ("--json",)):
            answer = two(*look, *options)
            said[" ".join(map(str, (*look, *options)))] = answer.out + answer.err
    said["the exported release"] = export.read_text()
    state = months.status(two.authority.home, MONTH, now=NOW)
    said["the month's page"] = month_page(MonthFacts.of(state))
    return said


def where_found(words: str, places: dict[str, str]) -> list[str]:
    return [place for place, said in places.items() if words in said]


def test_before_anybody_decided_both_are_asked(two: CommandLine) -> None:
    said = two("run", str(MONTH))
    assert said.code == 6
    said.says("needs 2 different persons", f"--as {FIRST}", f"--as {SECOND}", f"release approve {MONTH}")


def test_after_the_first_only_the_other_is_asked(two: CommandLine) -> None:
    [needed] = two.approve("data_lead", "--json").json["still_needed"]
    assert SECOND in needed
    assert FIRST not in needed
    for look in (STATUS, SHOW):
        shown = two(*look).out
        assert f"birthshare release approve {MONTH} --as {SECOND} --key" in shown
        assert f"--as {FIRST}" not in shown
    said = two("run", str(MONTH))
    assert said.code == 6
    said.says("needs another person", f"--as {SECOND}")
    assert f"--as {FIRST}" not in said.err
    assert two.authority.files() == {}


def test_the_same_person_twice_is_one_person(two: CommandLine) -> None:
    """With the key, and again in Airflow."""
    first_approves(two)
    assert two.approve("data_lead").code == 0
    asked = two(*SHOW, "--json").json["pack_sha256"]
    two.authority.decide(asked, approve=True)
    assert two.run().code == 6
    assert two.authority.files() == {}


def test_the_second_decides_without_the_words_of_the_first(two: CommandLine, tmp_path: Path) -> None:
    first_approves(two)
    places = everywhere(two, tmp_path)
    places["the run that waits"] = two("run", str(MONTH)).out + two("run", str(MONTH), "--json").out
    assert where_found(OPINION, places) == []
    assert FIRST in places[" ".join(STATUS)], "who has decided is no secret"


def test_no_evidence_brings_them_earlier(two: CommandLine, tmp_path: Path) -> None:
    first_approves(two)
    out = tmp_path / "month.zip"
    take = ("ledger", "prove", "--month", str(MONTH), "--as", SECOND, "--why", "a look", "--out", out)
    said = two(*take)
    assert (said.code, out.exists()) == (6, False)
    said.says("is read when the release is decided", str(MONTH))
    second_approves(two)
    assert two(*take).code == 0
    assert OPINION.encode() in zipfile.ZipFile(out).read("evidence.json")


def test_what_the_second_is_told_on_approving_comes_without_them_too(two: CommandLine) -> None:
    first_approves(two)
    two.said = ""
    second_approves(two)
    assert OPINION not in two.said


def test_when_both_have_decided_both_are_read(two: CommandLine, tmp_path: Path) -> None:
    first_approves(two)
    second_approves(two)
    shown = everywhere(two, tmp_path)
    for look in ((*SHOW, "--as", SECOND), (*SHOW, "--as", SECOND, "--json"), SHOW, (*STATUS, "--json")):
        assert OPINION in shown[" ".join(look)]
        assert ANSWER in shown[" ".join(look)]
    assert where_found(OPINION, shown) == where_found(ANSWER, shown)


def test_both_are_read_in_the_closed_month(two: CommandLine) -> None:
    first_approves(two)
    second_approves(two)
    state = two.run().json
    assert state["state"] == "closed"
    assert [one["note"] for one in state["approvals"]] == [OPINION, ANSWER]
    page = month_page(MonthFacts.of(state))
    assert OPINION in page
    assert ANSWER in page


def test_a_refusal_of_the_second_is_read_by_all_with_its_reason(two: CommandLine) -> None:
    first_approves(two)
    assert two.decide("refuse", "caldicott_guardian", "--note", "one area is missing").code == 0
    decisions = two(*SHOW, "--json").json["decisions"]
    assert [(one["approve"], one["note"]) for one in decisions] == [
        (True, OPINION), (False, "one area is missing"),
    ]  # fmt: skip
    said = two("run", str(MONTH))
    assert said.code == 3
    said.says(SECOND, "one area is missing")
    assert two.authority.files() == {}


def test_words_about_an_earlier_release_stay_unread_too(two: CommandLine, tmp_path: Path) -> None:
    """A changed input makes a new release; what the first thought of the old one would tell much."""
    first_approves(two)
    two.authority.change_recipient("centre-01", user="another")
    assert two.run().code == 6
    assert where_found(OPINION, everywhere(two, tmp_path)) == []


def test_nobody_else_is_asked_in_airflow_than_those_whose_approval_is_missing(two: CommandLine) -> None:
    def asked() -> list[str]:
        people = months.still_asked(two.authority.home, MONTH, way="airflow", now=NOW)
        return [person.principal for person in people]

    assert sorted(asked()) == sorted([FIRST, SECOND])
    first_approves(two)
    assert asked() == [SECOND]
    second_approves(two)
    assert asked() == []


def test_a_refusal_needs_words_in_whatever_way_it_comes(two: CommandLine, authority: Authority) -> None:
    asked = two(*SHOW, "--json").json["pack_sha256"]
    for note in ("", "–"):
        with pytest.raises(Exception, match="needs its reason"):
            months.record_decision(
                authority.home, MONTH, pack_sha256=asked, principal=FIRST, approve=False, way="airflow",
                note=note, now=NOW,
            )  # fmt: skip
    assert json.loads(two(*STATUS, "--json").out)["approvals"] == []


def test_a_refusal_in_airflow_stands_against_both_approvals(two: CommandLine, authority: Authority) -> None:
    first_approves(two)
    second_approves(two)
    asked = two(*SHOW, "--json").json["pack_sha256"]
    authority.decide(asked, approve=False)
    with pytest.raises(Refused, match="refused"):
        authority.run()
    assert authority.files() == {}
