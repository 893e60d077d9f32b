"""A breach: whom it is about, in numbers that can be relied on; what to do; and nobody's name."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from month_authority import CommandLine
from pipeline.errors import Refused, SettingsError
from pipeline.ledger.entries import (
    AgreementSuspended,
    Collected,
    DestructionAttested,
    EvidenceGiven,
    Kind,
    ListForgone,
    NoticeBody,
    PasswordMade,
    PermitAnnulled,
    Publishing,
    RecallRaised,
    canonical,
)
from pipeline.ledger.ledger import Listed
from pipeline.questions.affected import Told
from pipeline.records import OnList
from pipeline.reporting.breach import breach_page, breach_text
from pipeline.reporting.breach_draft import draft
from questions.sent_lists import AGREEMENT, DIGEST, SIGNATURE, Office, of
from receipts.centres import LEAD
from scenarios.arrangement import EARLIER, MONTH


def people(found: dict[str, Any]) -> tuple[int, int, int]:
    """Children and families, once each, and how many places nobody can tell apart."""
    counted = found["people"]
    return counted["distinct_children"], counted["distinct_families"], counted["not_distinguished"]


def listed(*children: OnList) -> list[Listed]:
    """As a list's rows are read."""
    return [(one.child, one.parent, one.reference) for one in children]


# --- whom it is about -----------------------------------------------------------------------------


def test_one_delivery_is_named_by_its_file_or_its_permit(office: Office) -> None:
    row = office.row("north")
    by_file, by_permit = office.asks(delivery=row.file), office.asks(delivery=str(row.entry))
    assert [one["entry"] for one in by_file["lists"]] == [row.entry]
    assert by_file["lists"] == by_permit["lists"]
    assert people(by_file) == (1, 1, 0)
    assert [one["code"] for one in by_file["fields"]] == [
        "child_name", "date_of_birth", "parent_name", "address",
    ]  # fmt: skip


def test_a_recipient_or_an_agreement_is_all_that_was_sent_in_those_days(office: Office) -> None:
    assert [one["recipient"] for one in office.asks(recipient="north")["lists"]] == ["north", "north"]
    assert len(office.asks(agreement=AGREEMENT)["lists"]) == 6
    both = office.asks(recipient="north", agreement=AGREEMENT, since=office.now.date() - timedelta(days=1))
    assert len(both["lists"]) == 2
    assert office.asks(recipient="north", until=date(2020, 1, 1))["lists"] == []


def test_a_child_on_two_lists_counts_once(office: Office) -> None:
    office.sends(of(1), of(2), recipient="west")
    office.sends(of(1), recipient="coast")
    found = office.asks(agreement=AGREEMENT)
    assert people(found) == (6 + 2, 6 + 2, 0)
    assert found["people"]["children"] == 6 + 3


def test_twins_of_one_row_and_siblings_of_one_parent_are_one_family(office: Office) -> None:
    twins = (of(1, reference="AAAAA-AAAAA"), of(2, reference="AAAAA-AAAAA"))
    office.sends(*twins, of(3, parent=7), households=2, recipient="west")
    office.sends(of(4, parent=7), recipient="coast")
    found = office.asks(recipient="west")
    assert people(found) == (3, 2, 0)
    both = Told([listed(*twins, of(3, 7)), listed(of(4, 7), of(2, 7))])
    assert (both.rows, both.children, both.families) == (5, 4, 1)


@given(st.lists(st.tuples(*(st.integers(0, 6) for _ in range(4))), max_size=25))
def test_families_are_what_hangs_together(rows: list[tuple[int, int, int, int]]) -> None:
    """Against the plainest way: grow each family until nothing more belongs to it."""
    lists: dict[int, list[Listed]] = {}
    left = []
    for permit, child, parent, reference in rows:
        on_list = lists.setdefault(permit, [])
        on_list.append((f"c{child}", f"p{parent}" if parent else "", f"{reference or ''}"))
        ties = {("child", child), ("parent", parent), ("row", permit, reference)}
        left.append(ties - {("parent", 0), ("row", permit, 0)})
    many = 0
    while left:
        many, family = many + 1, left.pop()
        while any(family & one for one in left):
            family = family.union(*(one for one in left if family & one))
            left = [one for one in left if not one <= family]
    told = Told(lists.values())
    assert told.families == many
    assert told.children == len({child for _, child, _, _ in rows})
    assert told.parents == len({parent for _, _, parent, _ in rows} - {0})


def test_whoever_has_no_reference_is_told_from_nobody() -> None:
    told = Told([[("c1", "p1", "AAAAA-AAAAA"), ("", "p2", "AAAAA-AAAAA"), ("", "", ""), ("c2", "", "")]])
    assert (told.rows, told.children, told.parents, told.families) == (2, 2, 1, 2)
    assert Told([[("", "", "")]]).families == Told([]).families == 0


def test_where_it_was_destroyed_whose_the_rows_are_the_number_is_a_bound_and_says_so(office: Office) -> None:
    office.sends(of(1), of(2), recipient="west")
    gone = office.sends(of(1), of(3), recipient="coast")
    with office.ledger() as ledger:
        ledger.destroy_openings([gone.entry + 1, gone.entry + 2], because="retention", at=office.now)
    found = office.asks(recipient="coast")
    assert people(found) == (0, 0, 2)
    assert found["people"]["at_most_children"] == found["people"]["children"] == 2
    assert "At most 2 children" in breach_text(found)
    assert Kind.OPENINGS_DESTROYED in [one["kind"] for one in found["events"]]
    assert people(office.asks(agreement=AGREEMENT)) == (6 + 2, 6 + 2, 2)
    assert Kind.OPENINGS_DESTROYED not in [one["kind"] for one in office.asks(recipient="west")["events"]]


def test_a_list_that_never_left_is_about_nobody_and_one_that_may_have_is(office: Office) -> None:
    back = office.permits(of(1), recipient="west").entry
    office.records(PermitAnnulled(permit=back))
    unsure = office.permits(of(2), recipient="coast").entry
    office.records(Publishing(permit=unsure), PermitAnnulled(permit=unsure))
    office.records(ListForgone(agreement=AGREEMENT, recipient="hill", principal=LEAD, signature=SIGNATURE))
    for code, children, state in (("west", 0, "annulled"), ("coast", 1, "annulled"), ("hill", 0, "forgone")):
        found = office.asks(recipient=code)
        assert found["states"] == {state: 1}
        assert people(found) == (children, children, 0)
        assert [one["reached"] for one in found["lists"]] == [bool(children)]
    assert "did not leave" in breach_page(office.asks(recipient="west"))
    assert "Of 1 nobody knows whether they arrived" in breach_text(office.asks(recipient="coast"))


def test_a_notice_names_rows_and_no_family(office: Office) -> None:
    notice = NoticeBody(
        about="receipt",
        agreement=AGREEMENT,
        recipient="north",
        file_name="notice_north.xlsx",
        sealed_sha256=DIGEST,
        entries=(office.row("north").entry,),
        due=date(2030, 1, 1),
    )
    office.records(notice, month="")
    found = office.asks(delivery="notice_north.xlsx")
    assert (len(found["lists"]), len(found["notices"])) == (0, 1)
    assert people(found) == (0, 0, 0)


def test_rows_called_back_for_a_familys_safety_are_counted_apart(office: Office) -> None:
    permit = office.sends(of(1, reference="AAAAA-AAAAA"), of(2, reference="BBBBB-BBBBB")).entry
    recalls = [
        RecallRaised(
            permit=permit,
            reference=one.reference,
            child=one.child,
            agreement=AGREEMENT,
            recipient="west",
            word=word,
            due=date(2030, 1, 1),
        )
        for one, word in (
            (of(1, reference="AAAAA-AAAAA"), "restricted_record"),
            (of(2, reference="BBBBB-BBBBB"), "consent_withdrawn"),
        )
    ]
    with office.ledger() as ledger:
        ledger.call_back(recalls, at=office.now)
    found = office.asks(recipient="west")
    assert found["called_back"] == {"rows": 2, "open": 2, "for_safety": 1}
    assert any("think of these first" in words for words in found["draft"]["high_risk"]["for"])


# --- what was done, and what to do ----------------------------------------------------------------


def test_the_time_line_tells_it_from_the_agreement_to_the_end(office: Office) -> None:
    permit = office.row("north").entry
    office.records(Collected(of=permit), DestructionAttested(of=permit, way="person", principal=LEAD))
    office.records(PasswordMade(recipient="north", principal=LEAD), month="")
    office.records(PasswordMade(recipient="south", principal=LEAD), month="")
    events = office.asks(delivery=str(permit))["events"]
    kinds = [one["kind"] for one in events]
    assert kinds == sorted(kinds, key=kinds.index)
    assert [one["first_entry"] for one in events] == sorted(one["first_entry"] for one in events)
    told = {
        "register_agreed", "agreement_signed", "extract_received", "decided", "release_approved", "permit",
        "publishing", "delivered", "month_closed", "collected", "destruction_attested", "password_made",
    }  # fmt: skip
    assert told <= set(kinds)
    assert {one["times"] for one in events if one["kind"] in ("permit", "delivered", "password_made")} == {1}
    assert {one["month"] for one in events} == {"", str(MONTH)}


def commands(found: dict[str, Any]) -> str:
    """What is to be done now."""
    return "\n".join(command for step in found["draft"]["do_now"] for command in step["commands"])


def test_what_can_be_done_fits_how_the_list_stands(office: Office) -> None:
    waiting = office.asks(recipient="north", agreement=AGREEMENT)
    assert f"birthshare agreement suspend {AGREEMENT}" in commands(waiting)
    assert "birthshare receipts record" not in commands(waiting)
    assert f"birthshare receipts take-back {office.row('north').file}" in commands(waiting)
    permit = office.row("north")
    office.records(Collected(of=permit.entry))
    assert f"birthshare receipts record {permit.file} destroyed" in commands(
        office.asks(delivery=permit.file)
    )
    office.records(DestructionAttested(of=permit.entry, way="person", principal=LEAD))
    assert "birthshare receipts record" not in commands(office.asks(delivery=permit.file))
    office.records(
        AgreementSuspended(
            agreement=AGREEMENT, version=1, digest=permit.agreement_sha256, role="data_lead", principal=LEAD
        ),
        month="",
    )
    found = office.asks(delivery=permit.file)
    assert "agreement suspend" not in commands(found)
    assert f"Suspended: {AGREEMENT}." in breach_text(found)
    assert Kind.AGREEMENT_SUSPENDED in [one["kind"] for one in found["events"]]


def test_the_evidence_has_all_entries_about_the_lists_or_else_all_of_their_days(office: Office) -> None:
    row = office.row("north")
    found = office.asks(delivery=row.file)
    assert row.entry in found["entries"] and len(found["entries"]) >= 3
    assert f"ledger prove --entries {','.join(map(str, found['entries']))} --as" in commands(found)
    for number in range(30):
        permit = office.sends(of(number + 50), recipient=f"place-{number}")
        office.records(Collected(of=permit.entry))
    many = office.asks(agreement=AGREEMENT)
    assert many["entries"] == []
    assert "..." not in commands(many)
    assert f"ledger prove --since {row.permitted:%Y-%m-%d} --until {office.now:%Y-%m-%d} --as" in commands(
        many
    )
    assert "ledger prove" not in commands(office.asks(recipient="north", until=date(2020, 1, 1)))


def test_what_is_said_of_the_way_and_the_key_is_what_the_register_says(office: Office) -> None:
    north, east = office.asks(recipient="north"), office.asks(recipient="east")
    assert "birthshare recipients password north" in commands(north)
    assert "recipients password" not in commands(east)
    assert "private key may be known" in breach_text(east)
    assert "sent over SSH" in breach_text(north)
    north["recipients"][0]["via"] = "folder"
    said = breach_text({**north, "draft": draft(north)})
    assert "sent over SSH" not in said and "MESH or another carrier" in said


def test_every_command_that_it_gives_is_there(office: Office, birthshare: CommandLine) -> None:
    office.records(Collected(of=office.row("north").entry))
    given = [line.split()[1:] for line in commands(office.asks(agreement=AGREEMENT)).splitlines()]
    assert len(given) >= 6
    for words in given:
        named = [word for word in words[:2] if word.islower() and not word.startswith("-")]
        assert birthshare(*named, "--help").code == 0, words


def test_the_draft_has_every_part_of_article_33_and_leaves_blank_what_nobody_told(office: Office) -> None:
    draft = office.asks(recipient="north")["draft"]
    assert [part["article"] for part in draft["notice"]] == [
        "33(3)(a)", "33(3)(a)", "33(3)(a)", "33(3)(b)", "33(3)(c)", "33(3)(d)", "33(1)",
    ]  # fmt: skip
    [consequences] = [part for part in draft["notice"] if part["article"] == "33(3)(c)"]
    assert not consequences["known"] and consequences["blanks"]
    page = breach_page(office.asks(recipient="north"))
    blanks = sum(len(part["blanks"]) for part in (*draft["notice"], draft["high_risk"]))
    assert page.count("To be filled in:") == blanks > 10


def test_the_72_hours_run_from_the_moment_that_is_given(office: Office) -> None:
    assert office.asks(recipient="north")["deadline"] is None
    just = office.asks(recipient="north", known_since=office.now - timedelta(hours=1, minutes=1))
    assert just["deadline"]["hours_left"] == 70
    assert "70 hours are left" in breach_page(just)
    over = office.asks(recipient="north", known_since=office.now - timedelta(hours=73))
    assert over["deadline"]["hours_left"] < 0
    assert "say why it is late" in breach_page(over)
    with pytest.raises(SettingsError, match="not come yet"):
        office.asks(recipient="north", known_since=office.now + timedelta(hours=1))


def test_fields_of_an_agreement_whose_file_is_gone_are_not_guessed(office: Office) -> None:
    (office.home.agreements / f"{AGREEMENT}.v1.yaml").unlink()
    found = office.asks(recipient="north")
    assert found["fields"] == []
    [unknown] = found["unknown_terms"]
    assert unknown["agreement"] == AGREEMENT
    assert unknown["sha256"] in breach_text(found)


# --- who asks -------------------------------------------------------------------------------------


def test_the_look_is_recorded_with_who_why_and_the_digest_of_the_answer(office: Office) -> None:
    found = office.asks(recipient="north")
    [given_] = office.recorded(Kind.EVIDENCE_GIVEN)
    answer = {name: part for name, part in found.items() if name != "recorded"}
    assert given_ == EvidenceGiven(
        about="breach",
        sha256=hashlib.sha256(canonical(answer).encode()).hexdigest(),
        principal=LEAD,
        purpose="a laptop was stolen",
    )
    assert found["recorded"]["sha256"] == given_.sha256
    assert given_.sha256 in breach_page(found)


def test_somebody_who_is_not_known_here_learns_nothing(office: Office) -> None:
    with pytest.raises(Refused):
        office.asks(recipient="north", who="nobody@example.org")
    assert office.recorded(Kind.EVIDENCE_GIVEN) == []


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"delivery": "x.xlsx", "recipient": "north"},
        {"delivery": "x.xlsx", "since": date(2026, 1, 1)},
        {"since": date(2026, 1, 1)},
        {"recipient": "north", "since": date(2026, 2, 1), "until": date(2026, 1, 1)},
        {"delivery": "nothing.xlsx"},
        {"recipient": "nowhere"},
        {"agreement": "nothing"},
    ],
    ids=str,
)
def test_a_question_that_names_nothing_is_refused(office: Office, question: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        office.asks(**question)
    assert office.recorded(Kind.EVIDENCE_GIVEN) == []


# --- what it shows --------------------------------------------------------------------------------


def test_nobody_can_be_found_by_what_it_shows(office: Office) -> None:
    found = office.asks(agreement=AGREEMENT)
    shown = breach_page(found) + breach_text(found) + json.dumps(found)
    database = sqlite3.connect(office.home.state / "birthshare.db")
    said = [json.loads(said) for (said,) in database.execute("SELECT said FROM openings")]
    keyed = {value for one in said for value in one.values() if value}
    bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM entries")]
    references = {one["reference"] for one in bodies if one.get("reference")}
    names = {f"{code}{month}" for code in ("north", "south", "east") for month in (EARLIER, MONTH)}
    assert keyed and references
    assert not [one for one in keyed | references | names | {"Ada"} if one in shown]


@pytest.fixture
def birthshare(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setattr("pipeline.cli.reports.transfers.moment", lambda: office.now)
    yield CommandLine(office.town)  # type: ignore[arg-type]  # it has the home, which is all that is asked


AS = ("--as", LEAD, "--why", "a laptop was stolen")


def test_the_command_answers_on_the_screen_to_programs_and_in_files(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    known = datetime(2026, 1, 1, 9, 0, tzinfo=UTC).isoformat()
    answer = birthshare("report", "breach", "--recipient", "north", "--known-since", known, *AS)
    assert answer.code == 0
    summer = ("--known-since", "2026-07-03T09:30", *AS)
    assert (
        "Known since 3 July 2026, 09:30"
        in birthshare("report", "breach", "--recipient", "north", *summer).out
    )
    for words in ("2 children of 2 families", "Do now", "Article 33(3)", "[to be filled in]"):
        assert words in answer.out
    assert (
        birthshare("report", "breach", "--agreement", AGREEMENT, "--json", *AS).json["people"]["lists"] == 6
    )
    for ending in ("html", "txt", "json"):
        file = tmp_path / f"breach.{ending}"
        assert birthshare("report", "breach", "--recipient", "north", "--out", file, *AS).code == 0
        assert file.stat().st_mode & 0o777 == 0o600
    page = (tmp_path / "breach.html").read_text()
    assert page.count("<h1>") == 1 and "<script" not in page
    assert page.count("<caption>") == page.count("<table") == 3


def test_the_command_says_what_is_wrong_and_records_nothing(office: Office, birthshare: CommandLine) -> None:
    wrong = birthshare("report", "breach", "--delivery", "nothing.xlsx", *AS)
    assert wrong.code == 2
    wrong.says("knows no list", "birthshare report transfers")
    assert birthshare("report", "breach", "--delivery", "1", "--recipient", "north", *AS).code == 2
    stranger = ("--as", "nobody@example.org", "--why", "a laptop was stolen")
    assert birthshare("report", "breach", "--recipient", "north", *stranger).code == 3
    assert birthshare("report", "breach", "--recipient", "north", "--out", "x.pdf", *AS).code == 2
    number = ("--as", LEAD, "--why", "about 9990000001")
    assert birthshare("report", "breach", "--recipient", "north", *number).code == 2
    assert office.recorded(Kind.EVIDENCE_GIVEN) == []
