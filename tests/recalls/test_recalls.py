"""A later word about a family reaches every recipient that has it on a list, and says neither who nor why."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.afterwards import recalls
from pipeline.agreements.loading import read_agreement
from pipeline.consent.words import SAYABLE
from pipeline.ledger.entries import Kind, NoticeBody
from pipeline.reasons import Reason
from recalls.town import FAMILIES, WELCOME, WHERE, Town, said, said_of_home
from scenarios.arrangement import EARLIER, number_of, template_named

LIST = f"{WELCOME}_{EARLIER}_north.xlsx"


def test_a_death_reaches_the_centre_that_has_the_family_and_no_other(town: Town) -> None:
    followed = town.hears(said("Ada", "child_died"))

    assert (followed.raised, followed.recipients, followed.brought.delivered) == (1, 1, 1)
    assert town.only_notice("north").lines == [(LIST, str(EARLIER), town.reference("Ada"))]
    assert town.notices("south") == town.notices("east") == []


@pytest.mark.parametrize("name", ["Cleo", "Dora"])
def test_each_centre_reads_it_in_its_own_format(town: Town, name: str) -> None:
    town.hears(said(name, "consent_withdrawn"))
    notice = town.only_notice(WHERE[name])
    [line] = notice.lines
    assert line[2] == town.reference(name)
    assert notice.code


def test_siblings_of_one_row_are_one_line(town: Town) -> None:
    followed = town.hears(said("Bea", "child_died"))

    assert followed.raised == 1
    assert town.only_notice("north").lines == [(LIST, str(EARLIER), town.reference("Ben"))]
    words = sorted(one.word for one in town.raised())
    assert words == ["child_died", "sibling_died_or_missing"], "a living twin was said to be dead"


def test_a_word_about_the_mother_or_the_home_reaches_it_too(town: Town) -> None:
    town.hears(said("Ada", "objected", "parent"), said_of_home("Cleo", "suppressed"))
    assert town.only_notice("north").lines[0][2] == town.reference("Ada")
    assert town.only_notice("south").lines[0][2] == town.reference("Cleo")


def test_a_notice_says_what_to_do_by_when_and_how_to_say_that_it_is_done(town: Town) -> None:
    town.hears(said("Ada", "restricted_record"))
    [file] = town.notices("north")
    notice = town.only_notice("north")
    [body] = town.recorded(Kind.NOTICE)
    assert isinstance(body, NoticeBody)
    for words in (
        "Send nothing there, and contact nobody there.",
        "Do not write again",
        f"By the end of {body.due.day} {body.due:%B %Y}.",
        f"{file.name}.done.txt",
        notice.code,
    ):
        assert words in notice.text


def test_a_notice_names_nobody_and_gives_no_reason(town: Town) -> None:
    words = [*SAYABLE - {Reason.IN_HOSPITAL}, "child_died"]
    town.hears(*(said(name, str(word)) for name in WHERE for word in words))
    for code in set(WHERE.values()):
        text = town.only_notice(code).text
        for family in FAMILIES:
            personal = (family["nhs_number"], family["family_name"], family["address_line_1"])
            assert not any(value in text for value in (*personal, family["postcode"], family["given_name"]))
        assert not any(reason in text.lower() for reason in ("died", "death", "refus", "withdr", "objected"))


def test_what_is_sealed_for_one_centre_is_about_its_own_list_alone(town: Town) -> None:
    town.hears(said("Ada", "child_died"), said("Cleo", "child_died"), said("Dora", "child_died"))
    for name, code in (("Ada", "north"), ("Cleo", "south"), ("Dora", "east")):
        [(file, _, reference)] = town.only_notice(code).lines
        assert code in file
        assert reference == town.reference(name)


def test_hearing_it_again_adds_nothing(town: Town) -> None:
    town.hears(said("Ada", "child_died"))
    before = town.notices("north")[0].read_bytes()
    again = town.hears(said("Ada", "child_died"), said("Ada", "suppressed"))
    assert (again.raised, again.brought.delivered) == (0, 0)
    assert [file.read_bytes() for file in town.notices("north")] == [before]
    assert town.commands("ledger", "verify").code == 0


def test_a_second_family_has_a_notice_of_its_own(town: Town) -> None:
    town.hears(said("Ada", "child_died"))
    town.hears(said("Ada", "child_died"), said("Bea", "suppressed"))
    first, second = (town.read("north", file) for file in town.notices("north"))
    assert [line[2] for line in first.lines] == [town.reference("Ada")]
    assert [line[2] for line in second.lines] == [town.reference("Bea")]
    assert first.code != second.code


def test_no_name_or_number_is_left_in_the_home(town: Town) -> None:
    town.hears(said("Ada", "child_died"), said("Cleo", "recent_move"))
    home = town.home.path
    left = b"".join(file.read_bytes() for file in (home / "state").rglob("*") if file.is_file())
    assert not any(value.encode() in left for value in ("Adason", number_of("Ada"), "1 Cleo Street"))


# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", sorted([*SAYABLE, Reason.CHILD_DIED]))
def test_every_word_calls_back_but_one_about_hospital(word: str) -> None:
    agreement, _ = read_agreement(template_named("register-every-child"))
    expected = word != "in_hospital"
    if word == "national_opt_out":
        expected = agreement.confidentiality.national_opt_out
    assert recalls.calls_back(str(word), agreement) is expected


@pytest.mark.parametrize("applies", [True, False])
def test_a_national_opt_out_calls_back_where_the_agreement_applies_it(applies: bool) -> None:
    agreement, _ = read_agreement(template_named(WELCOME))
    rules = agreement.confidentiality.model_copy(update={"national_opt_out": applies})
    assert (
        recalls.calls_back("national_opt_out", agreement.model_copy(update={"confidentiality": rules}))
        is applies
    )


def test_under_an_unknown_agreement_every_word_calls_back() -> None:
    assert recalls.calls_back("national_opt_out", None)


@pytest.mark.parametrize(
    ("today", "days", "last"),
    [("2026-11-20", 2, "2026-11-24"), ("2026-11-23", 2, "2026-11-25"), ("2026-11-21", 1, "2026-11-23")],
)
def test_a_recall_is_due_in_working_days(today: str, days: int, last: str) -> None:
    assert recalls.last_day(date.fromisoformat(today), days) == date.fromisoformat(last)


def test_an_agreement_that_was_altered_since_counts_as_unknown(town: Town) -> None:
    assert town.hears(said("Ada", "national_opt_out")).raised == 0
    with (town.home.agreements / f"{WELCOME}.v1.yaml").open("a") as file:
        file.write("# altered\n")
    assert town.tries_again().raised == 1
