"""All that was shared about one family, in a statement that a parent can read, and what is never on it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sqlite3
import subprocess
import sys
import zipfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from month_authority import CommandLine
from pipeline.afterwards import recalls
from pipeline.agreements.model import ListField
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Entry, EvidenceGiven, FamilyLookedUp, Kind, PermitBody, ReleaseApproved
from pipeline.questions import families
from pipeline.records import OnList, Permit
from pipeline.reporting import family_words
from pipeline.reporting.family_page import family_page, family_summary
from questions.families_town import WHY, asks, closed, keyed, recorded, town
from receipts.centres import LEAD, Town
from scenarios.arrangement import EARLIER, FORM, day, number_of, word

__all__ = ["closed", "town"]

VERIFIER = Path(__file__).parents[2] / "infra" / "verify_birthshare.py"
SHORTEST = 4  # words of what counts as a sentence, and not as a heading
WHEN, LATER = "2026-10-05", "2026-11-20"


def calls_back(town: Town, name: str, said: str) -> None:
    """A later word about a child comes, and its list's recipient is told."""
    town.arrangement.now = town.now
    town.arrangement.home = town.home
    town.arrangement.hears([word("child", name, said)])
    recalls.send(town.home, now=town.now)


# --- what is found --------------------------------------------------------------------------------


def test_it_says_with_whom_when_what_under_which_terms_and_what_the_parents_had_said(town: Town) -> None:
    [one] = asks(town, "Ada")["shared"]
    assert (one["recipient"], one["recipient_kind"], one["month"]) == (
        "north", "childrens_centre", str(EARLIER),
    )  # fmt: skip
    assert (one["on"], one["certain"]) == (town.now.date().isoformat(), True)
    assert (one["agreement"], one["version"]) == ("welcome-card-first-visit", 1)
    assert one["terms"]["fields"] == ["child_name", "date_of_birth", "parent_name", "address"]
    assert one["terms"]["permission"] == "consent"
    assert one["terms"]["law"]["article_6"]
    assert one["their_word"] == {"on": day(-8), "form": FORM}
    assert one["since"]["until"] == town.row("north", EARLIER).due.isoformat()  # type: ignore[union-attr]  # a list has one


def test_of_twins_only_the_child_that_was_asked_about(town: Town) -> None:
    found = asks(town, "Tim")
    assert (found["asked_about"], len(found["shared"])) == ("child", 1)


def test_a_parents_number_gives_all_of_their_children(town: Town) -> None:
    found = asks(town, "mother of Tim")
    assert (found["asked_about"], [one["child"] for one in found["shared"]]) == ("children", [1, 2])


def test_who_is_on_no_list_gets_a_statement_that_says_so(town: Town) -> None:
    found = asks(town, "nobody in particular")
    assert (found["shared"], found["asked_about"], found["entries"]) == ([], "nobody", [])
    assert found["as_of"]["note"].startswith("birthshare/")
    assert "nothing that we shared about your child" in family_page(found)
    assert "Nothing about this family was shared" in family_summary(found)


def permitted(town: Town, name: str) -> Permit:
    """Leave for a list that is not on its way yet."""
    pack = "e" * 64
    with opened_ledger(town.home) as ledger:
        approved = ReleaseApproved(pack_sha256=pack, principal=LEAD, roles=("data_lead",), way="airflow")
        ledger.append(Entry(approved, "2031-05"), at=town.now)
        body = PermitBody(
            agreement="welcome-card-first-visit", version=1, recipient="south", file_name="a.xlsx",
            sealed_sha256="f" * 64, households=1, children=1, pack_sha256=pack, removed={},
        )  # fmt: skip
        return ledger.permit(body, [OnList(keyed(town, name))], month="2031-05", at=town.now)


def test_a_list_that_is_not_delivered_is_not_shared_and_one_that_may_have_arrived_is(town: Town) -> None:
    permit = permitted(town, "Ada")
    assert len(asks(town, "Ada")["shared"]) == 1
    with opened_ledger(town.home) as ledger:
        token = ledger.take("key")
        assert ledger.publish(permit, "key", token, at=town.now)
    known, doubtful = asks(town, "Ada")["shared"]
    assert (known["certain"], doubtful["certain"]) == (True, False)
    assert "We cannot tell if it got there." in " ".join(family_words.sent(doubtful))
    with opened_ledger(town.home) as ledger:
        ledger.annul(permit, at=town.now)
    assert len(asks(town, "Ada")["shared"]) == 2, "taken back, but it may have arrived"


def test_a_list_that_was_taken_back_in_time_is_not_shared(town: Town) -> None:
    permit = permitted(town, "Ada")
    with opened_ledger(town.home) as ledger:
        ledger.annul(permit, at=town.now)
    assert len(asks(town, "Ada")["shared"]) == 1


def test_what_the_centre_did_since_is_said(town: Town) -> None:
    centre = town["north"]
    sealed, code = centre.list_of(EARLIER), centre.code_in(centre.list_of(EARLIER))
    centre.takes(sealed)
    centre.says("received", sealed, code)
    town.looks()
    today = town.now.date().isoformat()
    [one] = asks(town, "Ada")["shared"]
    assert (one["since"]["collected"], one["since"]["acknowledged"]) == (today, today)
    centre.says("destroyed", sealed, code)
    town.looks()
    [one] = asks(town, "Ada")["shared"]
    assert one["since"]["destroyed"] == today


def test_when_the_months_decisions_are_gone_the_day_of_the_yes_is_not_known(town: Town) -> None:
    from datetime import timedelta

    from pipeline.keeping import retention

    retention.run(town.home, now=town.now + timedelta(days=500))
    [one] = asks(town, "Ada")["shared"]
    assert one["their_word"] == {"on": "", "form": ""}
    assert "A parent said yes. We do not keep the day any more." in family_words.allowed(one)


def test_an_agreement_whose_file_is_not_what_was_signed_says_nothing(town: Town) -> None:
    [file] = town.home.agreements.glob("*.yaml")
    file.write_text(file.read_text() + "\n")
    [one] = asks(town, "Ada")["shared"]
    assert one["terms"] is None
    assert "Ask us, and we will look for them." in family_page(asks(town, "Ada"))


def test_a_checkpoint_covers_all_that_is_shown(town: Town) -> None:
    town["north"].takes(town["north"].list_of(EARLIER))
    town.looks()
    found = asks(town, "Ada")
    assert max(found["entries"]) <= found["as_of"]["entries"]


# --- who asks -------------------------------------------------------------------------------------


def test_who_asked_and_why_is_recorded(town: Town) -> None:
    asks(town, "Ada")
    [body] = [entry.body for entry in recorded(town, Kind.FAMILY_LOOKED_UP)]
    assert isinstance(body, FamilyLookedUp)
    assert (body.subject, body.principal, body.purpose) == (keyed(town, "Ada"), LEAD, WHY)


@pytest.mark.parametrize(
    ("number", "who", "why", "stop"),
    [
        ("9990000019", LEAD, WHY, SettingsError),
        ("", LEAD, WHY, SettingsError),
        (None, "stranger@example.org", WHY, Refused),
        (None, LEAD, " ", SettingsError),
    ],
)
def test_nothing_is_looked_up_without_a_number_a_known_person_and_a_reason(
    town: Town, number: str | None, who: str, why: str, stop: type[Exception]
) -> None:
    asked = number_of("Ada") if number is None else number
    with pytest.raises(stop):
        families.family(town.home, asked, principal=who, purpose=why, now=town.now)
    assert recorded(town, Kind.FAMILY_LOOKED_UP) == []


def test_with_another_key_nothing_is_said_rather_than_that_nothing_was_shared(town: Town) -> None:
    (town.home.path / "keys" / "subject.key").write_bytes(bytes(32))
    with pytest.raises(IntegrityError, match="not the key"):
        asks(town, "Ada")


def test_a_row_that_somebody_took_out_of_the_look_up_stops_the_statement(town: Town) -> None:
    with sqlite3.connect(town.home.database_url.removeprefix("sqlite:///")) as database:
        database.execute("DELETE FROM disclosures WHERE child = ?", [keyed(town, "Ada")])
    with pytest.raises(IntegrityError, match="damaged"):
        asks(town, "Ada")


# --- what is private ------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["child_died", "consent_withdrawn", "suppressed"])
def test_why_a_family_was_called_back_is_for_the_officer_alone(town: Town, said: str) -> None:
    calls_back(town, "Ada", said)
    found = asks(town, "Ada")
    assert [one["code"] for one in found["private"]["called_back"]] == [said]
    assert [one["code"] for one in found["private"]["said_later"]] == [said]
    wording = found["private"]["called_back"][0]["words"]
    page, summary = family_page(found), family_summary(found)
    assert "We began to take it back" in page
    assert wording in summary
    for statement in (page, json.dumps(families.statement(found))):
        assert wording not in statement
        assert said not in statement


def test_a_living_twin_s_statement_says_nothing_of_its_brother_s_death(town: Town) -> None:
    calls_back(town, "Tom", "child_died")
    page = family_page(asks(town, "Tim"))
    assert "We began to take it back" in page
    assert not re.search(r"die|death|twin|brother|sister", page)


def test_that_the_centre_took_it_off_is_said_once_it_says_so(town: Town) -> None:
    calls_back(town, "Ada", "suppressed")
    assert "They have not told us yet that they did." in family_page(asks(town, "Ada"))
    [notice] = [one for one in town.rows() if one.what == "recall"]
    town["north"].says("done", town["north"].folder / notice.file)
    town.looks()
    assert asks(town, "Ada")["shared"][0]["since"]["off"] == town.now.date().isoformat()
    assert "They have not told us yet" not in family_page(asks(town, "Ada"))


def test_the_officer_is_warned_of_the_guardian_where_anything_is_private(town: Town) -> None:
    assert "Caldicott guardian" not in family_summary(asks(town, "Ada"))
    calls_back(town, "Ada", "restricted_record")
    assert "Caldicott guardian" in family_summary(asks(town, "Ada"))


# --- files ----------------------------------------------------------------------------------------


def report(town: Town, monkeypatch: pytest.MonkeyPatch, *options: str | Path, name: str = "Ada") -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{number_of(name)}\n"))
    return CommandLine(town)("report", "family", "--as", LEAD, "--why", WHY, *options)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["html", "json", "zip"])
def test_a_file_that_is_taken_out_is_recorded_by_its_digest(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    file = tmp_path / f"statement.{ending}"
    answer = report(town, monkeypatch, "--out", file)
    assert answer.code == 0, answer.err
    [given] = [entry.body for entry in recorded(town, Kind.EVIDENCE_GIVEN)]
    assert isinstance(given, EvidenceGiven)
    assert (given.about, given.principal, given.purpose) == ("family", LEAD, WHY)
    assert given.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.stat().st_mode & 0o077 == 0


def test_before_anything_is_handed_over_the_whole_ledger_is_read(
    town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with sqlite3.connect(town.home.database_url.removeprefix("sqlite:///")) as database:
        database.execute("DROP TRIGGER entries_not_changed")
        database.execute("UPDATE entries SET month = '2000-01' WHERE seq = 1")
    assert report(town, monkeypatch, "--out", tmp_path / "statement.html").code == 4
    assert report(town, monkeypatch).code == 0, "the newest checkpoint covers that"


def test_on_the_screen_alone_no_evidence_is_given(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = report(town, monkeypatch)
    assert "Make sure who is calling" in answer.out
    assert recorded(town, Kind.EVIDENCE_GIVEN) == []


def test_an_ending_that_nobody_knows_is_refused_and_nothing_is_given(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert report(town, monkeypatch, "--out", tmp_path / "statement.docx").code == 2
    assert recorded(town, Kind.EVIDENCE_GIVEN) == []


def test_no_reference_and_no_number_is_in_any_answer_but_the_proof(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = report(town, monkeypatch, "--json").out
    for ending in ("html", "json"):
        file = tmp_path / f"statement.{ending}"
        answer = report(town, monkeypatch, "--out", file)
        said += answer.out + answer.err + file.read_text()
    assert number_of("Ada") not in said
    assert not re.search(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", said)
    assert keyed(town, "Ada") not in said


def test_the_proof_opens_this_family_alone_and_says_no_reason(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls_back(town, "Tom", "child_died")
    file = tmp_path / "proof.zip"
    assert report(town, monkeypatch, "--out", file, name="Tim").code == 0
    content = zipfile.ZipFile(file).read("evidence.json").decode()
    shown = json.loads(content)["entries"]
    opened = [one for one in shown if one.get("opening")]
    assert [one["kind"] for one in opened] == ["disclosure"]
    assert keyed(town, "Tim") in content
    assert keyed(town, "Tom") not in content
    assert not {"recall_raised", "suppression_recorded", "family_looked_up"} & {one["kind"] for one in shown}


def test_an_outsider_checks_the_proof_without_this_program(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "proof.zip"
    report(town, monkeypatch, "--out", file)
    with zipfile.ZipFile(file) as pack:
        key = pack.read("ledger.vkey").decode().strip()
    checked = subprocess.run(
        [sys.executable, "-I", "-S", VERIFIER, file, "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "WRONG" not in checked.stdout


# --- the page -------------------------------------------------------------------------------------


def since(**said: str) -> dict[str, str]:
    names = ("until", "collected", "acknowledged", "destroyed", "removed", "taken_back", "told", "off")
    return dict.fromkeys(names, "") | said


@pytest.mark.parametrize(
    ("became", "words"),
    [
        (since(until=LATER), ["We do not know yet if they have picked it up.", "They may keep it until"]),
        (
            since(until=LATER, collected=WHEN),
            ["They picked it up on 5 October 2026", "They may keep it until"],
        ),
        (
            since(until=WHEN, collected=WHEN),
            ["They picked it up", "They had to destroy it by 5 October 2026."],
        ),
        (since(until=LATER, acknowledged=WHEN), ["that they have the list.", "They may keep it"]),
        (since(until=LATER, acknowledged=WHEN, destroyed=WHEN), ["that they have destroyed the list."]),
        (since(until=WHEN, removed=WHEN), ["nobody picked it up. We deleted it on 5 October 2026."]),
        (since(until=LATER, taken_back=WHEN), ["We do not know", "We will ask them to take your child off"]),
        (
            since(until=LATER, taken_back=WHEN, told=LATER),
            [
                "We do not know",
                "On 20 November 2026 we asked them",
                "They have not told us yet that they did.",
            ],
        ),
        (
            since(destroyed=WHEN, taken_back=WHEN, told=WHEN, off=LATER),
            [
                "destroyed",
                "We began to take it back on 5 October",
                "They told us on 20 November 2026 that they",
            ],
        ),
    ],
)
def test_what_has_happened_since_in_plain_words(became: dict[str, str], words: list[str]) -> None:
    said = family_words.since({"since": became}, "2026-11-01")
    assert len(said) == len(words)
    assert all(expected in one for expected, one in zip(words, said, strict=True))


@pytest.mark.parametrize(
    ("became", "words"),
    [
        (since(), "They may have it."),
        (since(until=LATER, collected=WHEN), "They may have it until 20 November 2026."),
        (since(until=LATER, taken_back=WHEN), "We are taking it back."),
        (since(until=LATER, taken_back=WHEN, told=WHEN, off=WHEN), "We took it back."),
        (since(until=LATER, destroyed=WHEN), "They have destroyed it."),
        (since(until=LATER, removed=WHEN), "We deleted it."),
    ],
)
def test_where_it_is_now_in_a_few_words(became: dict[str, str], words: str) -> None:
    assert family_words.in_short({"since": became}) == words


def test_every_field_has_words_for_a_parent() -> None:
    assert set(family_words.FIELDS) == {str(field) for field in ListField}


def text_of(page: str) -> str:
    """What is read: tags away, each element a sentence."""
    body = re.sub(r"<style>.*?</style>|<pre.*?</pre>|<head>.*?</head>", " ", page, flags=re.DOTALL)
    marked = re.sub(r"</(p|li|td|th|dt|dd|h[1-6]|caption)>", ". ", body)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", marked))


def syllables(text: str) -> int:
    """Groups of vowels, without an e that is silent at the end."""
    return max(1, len(re.findall(r"[aeiouy]+", re.sub(r"(?<=[^aeiouyl])e$", "", text.lower()))))


def grade(text: str) -> float:
    """The Flesch-Kincaid grade: the American year of school that reads it; a child of ten is in the fifth."""
    sentences = [one for one in re.split(r"[.!?:]+\s", unescape(text)) if len(one.split()) > SHORTEST]
    found = re.findall(r"[A-Za-z’']+", " ".join(sentences))
    return 0.39 * len(found) / len(sentences) + 11.8 * sum(map(syllables, found)) / len(found) - 15.59


def test_a_child_of_ten_can_read_what_is_ours_on_the_page(town: Town) -> None:
    calls_back(town, "Ada", "suppressed")
    found = asks(town, "Ada")
    for one in found["shared"]:
        one["terms"] |= {"purpose": "", "permitted": [], "forbidden": []}  # people's own words
    page = family_page(found).split("<h2>The law</h2>")[0]
    assert grade(text_of(page)) < 5
    sentences = re.split(r"[.!?:] ", text_of(page))
    assert max(len(one.split()) for one in sentences) <= 25
    assert not re.search(r"\b(ledger|recipient|disclos|consent|controller|process|entry|digest)", page)


def test_the_page_is_made_for_everybody_and_for_paper(town: Town) -> None:
    page = family_page(asks(town, "mother of Tim"))
    assert page.count("<h1") == 1
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']http", page)
    assert all("scope=" in heading for heading in re.findall(r"<th\b[^>]*>", page))
    assert page.count("<table>") == page.count("<caption>")
    assert 'lang="en-GB"' in page
    assert page.count('class="line"') == 2, "the officer writes whom it is for, and whom to ask"
