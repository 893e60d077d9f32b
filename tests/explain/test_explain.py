"""One family looked up: by whom it may be, what is answered, and what never comes out."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from month_authority import MONTH, NOW, Answer, Authority, CommandLine, personal_values, shown_values
from pipeline.demo.authority import APPROVERS
from pipeline.ledger.entries import Kind
from pipeline.records import keyed_references
from pipeline.staging import Staging

Ask = Callable[..., Answer]

DONE, WRONG_USE, REFUSED = 0, 2, 3
STRANGER = "9434765919"  # a number that is well formed, and nobody's here


def number_of(authority: Authority, record_id: str) -> str:
    extract = authority.extract()
    [number] = extract.loc[extract["record_id"] == record_id, "nhs_number"]
    return str(number)


def child_of(authority: Authority, number: str) -> str:
    return keyed_references(authority.home.secret("subject.key"), "child", [number])[0]


def only(answer: Answer) -> dict[str, Any]:
    """The one decision of the answer."""
    assert answer.code == DONE, answer.err
    [one] = answer.json["decisions"]
    return dict(one)


def codes(decision: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in decision["reasons"]]


# --- an open month --------------------------------------------------------------------------------


def test_a_held_family_is_told_why_which_clause_says_so_and_when_to_look_again(
    birthshare: CommandLine, ask: Ask
) -> None:
    birthshare.run()
    answer = ask(number_of(birthshare.authority, "case-not-asked-1"), str(MONTH))
    for words in (
        "is held, and not shared now",
        "The parents were not asked yet.",
        "The agreement: A family is shared only if the parents said yes",
        "It may change when the parents are asked, and the answer is recorded.",
        "The first day on which this may be another:",
        "Nothing about this family was shared with anybody.",
    ):
        assert words in " ".join(answer.out.split())


def test_a_family_that_is_to_be_shared_is_told_with_whom_and_how_long_that_stands(
    birthshare: CommandLine, ask: Ask
) -> None:
    birthshare.run()
    number = number_of(birthshare.authority, "case-lower-case-1")
    found = only(ask(number, "--json"))
    assert (found["outcome"], found["month_is"], codes(found)) == ("share", "open", [])
    assert found["recipient_name"].endswith("Children's Centre")
    assert found["stands_until"]


def test_what_a_caller_may_not_be_told_stands_apart(birthshare: CommandLine, ask: Ask) -> None:
    birthshare.run()
    answer = ask(number_of(birthshare.authority, "case-died-informally-1"))
    before, private = answer.out.split("Private:")
    assert "died" not in before
    assert "The child has died." in private


def test_every_case_of_the_demonstration_says_all_of_its_reasons(birthshare: CommandLine, ask: Ask) -> None:
    birthshare.run()
    decided = _decisions(birthshare)
    extract = birthshare.authority.extract().drop_duplicates("record_id").set_index("record_id")
    speaking = decided[~decided["reasons"].str.contains("duplicate")]
    asked = speaking[speaking["record_id"].str.startswith("case-")].drop_duplicates("reasons")
    assert len(asked) > 25
    for case in asked.itertuples():
        answer = ask(extract.loc[case.record_id, "nhs_number"], "--json")
        assert answer.code == DONE, (case.record_id, answer.err)
        found = answer.json
        mine = [one for one in found["decisions"] if ";".join(codes(one)) == case.reasons]
        assert [one["outcome"] for one in mine] == [case.outcome], case.record_id


def _decisions(birthshare: CommandLine) -> pd.DataFrame:
    file = birthshare.authority.home.path.parent / "decisions.csv"
    assert birthshare("release", "export", str(MONTH), "--decisions", file).code == DONE
    return pd.read_csv(file, dtype="str", keep_default_na=False)


def test_twins_are_found_by_the_number_of_their_parent(birthshare: CommandLine, ask: Ask) -> None:
    birthshare.run()
    extract = birthshare.authority.extract().set_index("record_id")
    found = ask(extract.loc["case-twins-1", "parent_nhs_number"], "--json").json
    assert [one["child"] for one in found["decisions"]] == ["1 of 2", "2 of 2"]


# --- a closed month -------------------------------------------------------------------------------


def test_a_closed_month_still_says_what_was_shared_when_and_with_whom(
    birthshare: CommandLine, ask: Ask
) -> None:
    birthshare.finish()
    answer = ask(number_of(birthshare.authority, "case-lower-case-1"), "--json")
    found = only(answer)
    assert (found["outcome"], found["month_is"]) == ("share", "closed")
    [shared] = answer.json["shared"]
    assert (shared["state"], shared["recipient"]) == ("delivered", found["recipient"])
    assert shared["at"].startswith(str(NOW.year))
    assert "delivered (" in ask(number_of(birthshare.authority, "case-lower-case-1")).out


def test_a_closed_month_still_gives_the_reasons(birthshare: CommandLine, ask: Ask) -> None:
    birthshare.finish()
    found = only(ask(number_of(birthshare.authority, "case-not-asked-1"), "--json"))
    assert (found["outcome"], codes(found)) == ("hold", ["consent_not_asked"])
    assert found["may_change_from"] == MONTH.plus(2).first_day.isoformat()


@pytest.mark.parametrize("closed", [False, True])
def test_what_the_last_look_took_off_says_so(birthshare: CommandLine, ask: Ask, closed: bool) -> None:
    authority = birthshare.authority
    number = number_of(authority, "case-lower-case-1")
    birthshare.run()
    if not closed:
        _let_another_list_fail(birthshare, besides=only(ask(number, "--json"))["recipient"])
    birthshare.approve()
    authority.say("consent_withdrawn", child_of(authority, number))
    assert (birthshare.run().code == DONE) is closed
    answer = ask(number, "--json")
    found = only(answer)
    assert (found["decided"], found["outcome"], codes(found)) == ("share", "withhold", ["consent_withdrawn"])
    assert answer.json["said_later"] == [
        {
            "about": "the child",
            "code": "consent_withdrawn",
            "words": "consent was withdrawn",
            "since": NOW.date().isoformat(),
        }
    ]
    assert "taken off the list at the last look" in ask(number).out


def _let_another_list_fail(birthshare: CommandLine, *, besides: str) -> None:
    """The server of another recipient is down, so that the month stays open."""
    rows = birthshare("status", str(MONTH), "--json").json["recipients"]
    birthshare.authority.change_recipient(next(row["code"] for row in rows if row["code"] != besides), port=1)
    birthshare.run()


# --- somebody who is not there --------------------------------------------------------------------


def test_an_unknown_child_is_said_to_be_unknown_and_nothing_else(birthshare: CommandLine, ask: Ask) -> None:
    birthshare.run()
    answer = ask(STRANGER, "--json")
    assert (answer.code, answer.json["known"]) == (DONE, False)
    assert answer.json["decisions"] == answer.json["shared"] == answer.json["said_later"] == []
    assert ask(STRANGER).out.startswith("Nothing is known of a family with this number")


def test_a_child_who_is_only_on_the_suppression_list_is_not_given_away(
    birthshare: CommandLine, ask: Ask
) -> None:
    birthshare.run()
    unlisted = ask(STRANGER, "--json").json
    birthshare.authority.say("suppressed", child_of(birthshare.authority, STRANGER))
    assert ask(STRANGER, "--json").json == unlisted


def test_a_month_of_which_nothing_is_known(birthshare: CommandLine, ask: Ask) -> None:
    birthshare.run()
    assert not ask(number_of(birthshare.authority, "case-not-asked-1"), "2020-01", "--json").json["known"]


# --- who may ask ----------------------------------------------------------------------------------


def test_the_look_up_is_recorded_with_who_and_why_and_without_the_number(
    birthshare: CommandLine, ask: Ask
) -> None:
    birthshare.run()
    number = number_of(birthshare.authority, "case-not-asked-1")
    ask(number)
    [entry] = birthshare.authority.recorded(Kind.FAMILY_LOOKED_UP)
    assert (entry.principal, entry.purpose) == (APPROVERS["data_lead"], "a parent called")
    assert entry.subject == child_of(birthshare.authority, number)
    assert birthshare("ledger", "verify").code == DONE


def test_a_look_up_of_nobody_is_recorded_too(birthshare: CommandLine, ask: Ask) -> None:
    ask(STRANGER)
    assert len(birthshare.authority.recorded(Kind.FAMILY_LOOKED_UP)) == 1


def test_nothing_is_read_before_the_look_up_is_recorded(
    birthshare: CommandLine, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    birthshare.run()
    seen: list[int] = []
    get = Staging.get

    def watched(self: Staging, name: str) -> bytes:
        seen.append(len(birthshare.authority.recorded(Kind.FAMILY_LOOKED_UP)))
        return get(self, name)

    monkeypatch.setattr(Staging, "get", watched)
    assert ask(number_of(birthshare.authority, "case-not-asked-1")).code == DONE
    assert seen
    assert set(seen) == {1}


@pytest.mark.parametrize("who", ["stranger@example.org", "", "Data Lead", "9434765919"])
def test_a_person_who_is_not_known_learns_nothing(birthshare: CommandLine, ask: Ask, who: str) -> None:
    birthshare.run()
    answer = ask(number_of(birthshare.authority, "case-not-asked-1"), who=who)
    assert (answer.code, answer.out) == (REFUSED, "")
    answer.says("not known here", "Nothing was done")
    assert "9434765919" not in answer.err, "a number in the wrong place is not repeated"
    assert birthshare.authority.recorded(Kind.FAMILY_LOOKED_UP) == []


@pytest.mark.parametrize(
    "why", ["", "  ", "call of 12 May", "about ann@example.org", "x" * 201, "two\nlines"]
)
def test_a_reason_is_needed_and_may_name_nobody(birthshare: CommandLine, ask: Ask, why: str) -> None:
    answer = ask(STRANGER, why=why)
    assert answer.code == WRONG_USE
    assert birthshare.authority.recorded(Kind.FAMILY_LOOKED_UP) == []


@pytest.mark.parametrize(
    "number",
    ["", "   ", "943476591", "94347659190", "9434765918", "943 476 591X", "٩٤٣٤٧٦٥٩١٩", "nobody", "9" * 5000,
     "0x34765919", "94347 65919 1", "-", "²434765919"],
)  # fmt: skip
def test_what_is_no_nhs_number_is_refused_and_not_repeated(
    birthshare: CommandLine, ask: Ask, number: str
) -> None:
    answer = ask(number)
    assert answer.code == WRONG_USE
    answer.says("That is not an NHS number", "Nothing was looked up")
    assert not number.strip(" -") or number not in birthshare.said
    assert birthshare.authority.recorded(Kind.FAMILY_LOOKED_UP) == []


@pytest.mark.parametrize("written", ["943 476 5919", "943-476-5919", " 9434765919 "])
def test_a_number_may_be_written_as_people_write_it(ask: Ask, written: str) -> None:
    assert ask(written).code == DONE


def test_the_number_cannot_be_given_as_an_argument(birthshare: CommandLine) -> None:
    """It would stay in the shell's history, and in the list of processes."""
    answer = birthshare("explain", STRANGER, "--as", APPROVERS["data_lead"], "--why", "x")
    assert answer.code == WRONG_USE
    assert STRANGER not in birthshare.said


# --- what never comes out -------------------------------------------------------------------------


def test_no_personal_value_is_said_or_left_by_any_look_up(
    birthshare: CommandLine, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    birthshare.finish()
    extract = birthshare.authority.extract()
    asked = extract[extract["nhs_number"].str.fullmatch("[0-9]{10}")].head(12)
    for number in asked["nhs_number"]:
        ask(number)
        ask(number, "--json")
    values = personal_values(extract) | set(asked["nhs_number"])
    left = [file.read_bytes() for file in birthshare.authority.home.state.rglob("*.db*")]
    assert shown_values(values, birthshare.said, caplog.text, *left) == []


def test_on_a_terminal_the_number_is_not_shown_as_it_is_typed(authority: Authority) -> None:
    """The real program on a real terminal: what comes back on it does not hold the number."""
    ours, theirs = pty.openpty()
    command = [
        sys.executable, "-m", "pipeline", "explain", "--as", APPROVERS["data_lead"], "--why", "a call",
        "--home", str(authority.home.path),
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as program:
        os.close(theirs)
        said = _read_until(ours, b"not shown")
        os.write(ours, f"{STRANGER}\n".encode())
        said += _read_until(ours, None)
    os.close(ours)
    assert program.returncode == DONE
    assert b"Nothing is known of a family with this number" in said
    assert STRANGER.encode() not in said


def _read_until(terminal: int, words: bytes | None) -> bytes:
    """What the terminal shows until these words, or until the program has ended."""
    said = b""
    while words is None or words not in said:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # how Linux tells that the other side is closed
            break
        if not more:
            break
        said += more
    return said
