"""The table of examples: what is decided about which family, and why.

Every example starts from one birth with nothing against it, under an agreement on consent, and says
what is different. The table is tested against the engine and the reference interpreter, and printed
as sharing_agreements/DECISION_TABLE.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.agreements.model import Agreement
from spec.world import (
    EXPECTING,
    MOMENT,
    NAMED,
    NOTICE,
    NUMBERS,
    Row,
    World,
    agreement,
    answer,
    birth,
    expecting,
    placed,
    word,
)

TODAY = MOMENT.date()

Decided = tuple[str, frozenset[str]]  # outcome and reasons


@dataclass(frozen=True)
class Example:
    """One family, told in a sentence, and what each of its rows must come to (by reference)."""

    story: str
    world: World
    decided: dict[int, Decided]


@dataclass(frozen=True)
class Chapter:
    """Examples of one question."""

    title: str
    examples: tuple[Example, ...]


SHARED = ("share", frozenset[str]())


def held(*reasons: str) -> Decided:
    """Not now, for these reasons."""
    return "hold", frozenset(reasons)


def withheld(*reasons: str) -> Decided:
    """No, for these reasons."""
    return "withhold", frozenset(reasons)


def one(story: str, decided: Decided, agreed: Agreement | None = None, **changes: Any) -> Example:
    """A single birth with changes."""
    world = World.of(birth(**changes), agreement=agreed or agreement())
    return Example(story, world, {1: decided})


def told(story: str, decided: Decided, *words: Row, **changes: Any) -> Example:
    """A single birth about which something was said later."""
    return Example(story, World.of(birth(**changes)).with_words(*words), {1: decided})


def where(story: str, decided: Decided, **changes: Any) -> Example:
    """A single birth with changes to where geography placed it."""
    return Example(story, World.of(birth(), placements=(placed(**changes),)), {1: decided})


def rows(story: str, *decided: tuple[Row, Decided]) -> Example:
    """Several rows, each with what must become of it."""
    expected = {row["reference"]: outcome for row, outcome in decided}
    return Example(story, World.of(*(row for row, _ in decided)), expected)


def version(reference: int, **changes: Any) -> Row:
    """Another row about the child of the first, by default last updated before it."""
    older = {"last_updated": datetime(2026, 10, 22)}
    return {**birth(1), "reference": reference, **older, **changes}


def twin(reference: int, **changes: Any) -> Row:
    """A child of the delivery of the first, of two by default."""
    own = {"number_of_births": 2, "birth_order": reference}
    return birth(reference, **{"parent": "parent-1", "dwelling": "dwelling-1", **own, **changes})


def days_ago(days: int) -> date:
    """So many days before the decision."""
    return TODAY - timedelta(days=days)


def lifted(exclusion: str) -> Agreement:
    """An agreement that lifts one exclusion."""
    return agreement(exclusions={exclusion: False})


def by_notice(**terms: Any) -> Agreement:
    """An agreement that rests on notice without objection."""
    return agreement(confidentiality=NOTICE | terms)


def answered(
    story: str,
    decided: Decided,
    *answers: Row,
    agreed: Agreement | None = None,
    **row: Any,
) -> Example:
    """A single birth about which the companion file has answers, by default the father's."""
    about = tuple(answer("child-1", **one) for one in answers)
    return Example(
        story, World.of(birth(**row), answers=about, agreement=agreed or agreement()), {1: decided}
    )


def pregnancy(story: str, decided: Decided, agreed: Agreement | None = None, **changes: Any) -> Example:
    """A single pregnancy with changes, under an agreement about expected births."""
    world = World.of(expecting(**changes), agreement=agreed or AT_BOOKING)
    return Example(story, world, {1: decided})


def by_name(story: str, decided: Decided, **changes: Any) -> Example:
    """A single birth under an agreement that names its recipient, with changes to its placement."""
    place = placed(**{"network": "directory", "recipient": "", **changes})
    return Example(story, World.of(birth(), placements=(place,), agreement=agreement(**NAMED)), {1: decided})


AT_BOOKING = agreement(**EXPECTING)
AT_BOOKING_AT_ANY_WEEK = agreement(
    **EXPECTING | {"cohort": EXPECTING["cohort"] | {"minimum_gestation_days": 0}}
)
AT_BOOKING_AT_ANY_TIME = agreement(**EXPECTING | {"confidentiality": {
    "antenatal_days": 280, "max_age_days": None,
}})  # fmt: skip

CHAPTERS = (
    Chapter("Was the child born alive, and is the child alive?", (
        one("A live birth; the parents agreed; everything is in order.", SHARED),
        one("The indicator says stillbirth (2, 3 or 4).", withheld("not_a_live_birth"),
            live_or_still_birth="3"),
        one("The indicator says born alive and died later (5).", withheld("not_a_live_birth"),
            live_or_still_birth="5"),
        one("The indicator is blank.", held("live_birth_not_stated"), live_or_still_birth=""),
        one("The indicator is a code that nobody knows.", held("live_birth_not_stated"),
            live_or_still_birth="7"),
        rows("An older row says stillbirth, a newer one live birth: it was put right.",
             (birth(1), SHARED),
             (version(2, live_or_still_birth="3"), withheld("not_a_live_birth", "duplicate_record"))),
        one("An informal notice of death.", withheld("child_died"), death_status="1"),
        one("A formal notice of death.", withheld("child_died"), death_status="2"),
        one("A date of death and no status.", withheld("child_died"), date_of_death=date(2026, 10, 20)),
        one("A death status that nobody knows.", withheld("child_died"), death_status="8"),
        one("A notice of death was sent in error and removed (U).", SHARED, death_status="U"),
        one("Removed, but the date of death still stands.", withheld("child_died"),
            death_status="U", date_of_death=date(2026, 10, 20)),
        told("The deaths feed names the child later.", withheld("child_died"), word("child-1", "child_died")),
        told("The later death is removed by a still later word.", SHARED,
             word("child-1", "child_died", datetime(2026, 11, 1)),
             word("child-1", "death_removed", datetime(2026, 11, 2))),
        told("A removal as old as the death removes nothing.", withheld("child_died"),
             word("child-1", "child_died", datetime(2026, 11, 1)),
             word("child-1", "death_removed", datetime(2026, 11, 1))),
        told("A removal from after the decision removes nothing yet.", withheld("child_died"),
             word("child-1", "child_died"), word("child-1", "death_removed", datetime(2026, 11, 9))),
        told("A removal of this very moment counts.", SHARED,
             word("child-1", "child_died", datetime(2026, 11, 1)),
             word("child-1", "death_removed", datetime(2026, 11, 3, 9, 30))),
        told("A death of a blank subject is nobody's.", SHARED, word("", "child_died"), parent=""),
        told("A removal with no date removes nothing.", withheld("child_died"),
             word("child-1", "child_died"), word("child-1", "death_removed", None)),
        rows("An older version of the row shows the death; the newer is silent.",
             (birth(1), withheld("child_died")),
             (version(2, death_status="2"), withheld("child_died", "duplicate_record"))),
        rows("An older version shows the death; the newer removes it.",
             (birth(1, death_status="U"), SHARED),
             (version(2, death_status="2"), withheld("duplicate_record"))),
    )),
    Chapter("Twins and more: are all the children there?", (
        rows("Twins, both well: one card.", (twin(1), SHARED), (twin(2), SHARED)),
        rows("Twins either side of midnight: one card.",
             (twin(1), SHARED), (twin(2, date_of_birth=date(2026, 10, 9)), SHARED)),
        rows("Twins whose rows do not give the parent: one dwelling and name.",
             (twin(1, parent=""), SHARED), (twin(2, parent=""), SHARED)),
        rows("Twins of whom one row does not give the parent.",
             (twin(1), SHARED), (twin(2, parent=""), SHARED)),
        rows("Two families of one name at one address; each row gives its own parent.",
             (birth(1), SHARED), (birth(2, dwelling="dwelling-1"), SHARED)),
        rows("Two families whose rows give neither a parent nor a name.",
             (birth(1, parent="", family_name=""), SHARED), (birth(2, parent="", family_name=""), SHARED)),
        rows("Two children of one parent, born days apart: no twins.",
             (birth(1), SHARED), (birth(2, parent="parent-1", date_of_birth=date(2026, 10, 12)), SHARED)),
        rows("Three children at one address; two name different parents, one names none.",
             (twin(1, number_of_births=3), held("sibling_died_or_missing")),
             (twin(2, number_of_births=3, parent="parent-2"), held("sibling_died_or_missing")),
             (twin(3, number_of_births=3, parent=""), held("sibling_died_or_missing"))),
        rows("Two rows for one place in the order, of which one does not give the parent.",
             (twin(1), held("sibling_died_or_missing")),
             (twin(2, birth_order=1, parent=""), held("sibling_died_or_missing"))),
        rows("An older row of one twin says that it was in hospital; it is at home.",
             (twin(1), SHARED), (twin(2), SHARED),
             (version(3, child="child-2", number_of_births=2, birth_order=2, in_hospital="Y"),
              withheld("duplicate_record", "in_hospital"))),
        rows("One twin died.", (twin(1), held("sibling_died_or_missing")),
             (twin(2, death_status="2"), withheld("child_died"))),
        rows("One twin was stillborn.", (twin(1), held("sibling_died_or_missing")),
             (twin(2, live_or_still_birth="2"), withheld("not_a_live_birth"))),
        rows("Two were born, one row came.", (twin(1), held("sibling_died_or_missing"))),
        rows("Three were born, two rows came.",
             (twin(1, number_of_births=3), held("sibling_died_or_missing")),
             (twin(2, number_of_births=3), held("sibling_died_or_missing"))),
        rows("One row came twice: that makes no twin.", (twin(1), held("sibling_died_or_missing")),
             (version(2, number_of_births=2), withheld("duplicate_record", "sibling_died_or_missing"))),
        rows("Two children, each said to be the only one.",
             (twin(1, number_of_births=1), held("sibling_died_or_missing")),
             (twin(2, number_of_births=1), held("sibling_died_or_missing"))),
        rows("Two rows for the same place in the order: perhaps one child under two numbers.",
             (twin(1), held("sibling_died_or_missing")),
             (twin(2, birth_order=1), held("sibling_died_or_missing"))),
        one("Nobody says how many were born.", held("sibling_died_or_missing"), number_of_births=0),
        one("How many were born is not known (9).", held("sibling_died_or_missing"), number_of_births=9),
        rows("One twin's record is restricted: no card for the other either.",
             (twin(1), held("sibling_died_or_missing")),
             (twin(2, confidentiality="R"), withheld("restricted_record"))),
        rows("One twin is still in hospital: the one card waits.", (twin(1), held("in_hospital")),
             (twin(2, in_hospital="Y"), held("in_hospital"))),
        rows("Consent was refused for one twin: no card for the other either.",
             (twin(1), held("consent_refused")),
             (twin(2, consent_status="refused"), withheld("consent_refused"))),
    )),
    Chapter("Is the record protected, and is it real?", (
        *(one(f"PDS confidentiality {code or 'blank'}.", outcome, confidentiality=code) for code, outcome in [
            ("", SHARED), *((code, withheld("restricted_record")) for code in ("R", "V", "REDACTED", "S",
                "?")),
        ]),
        told("Restricted after the extract.", withheld("restricted_record"), word("child-1",
            "restricted_record")),
        told("The child is on the suppression list.", withheld("suppressed"), word("child-1", "suppressed")),
        told("The parent is on the suppression list.", withheld("suppressed"), word("parent-1",
            "suppressed")),
        told("The address is on the suppression list (a refuge).", withheld("suppressed"),
             word("dwelling-1", "suppressed")),
        told("A later word that nobody knows.", withheld("suppressed"), word("child-1", "something new")),
        told("A word about a blank subject is about nobody.", SHARED, word("", "suppressed"), parent=""),
        told("Several words about the child and its home: all are kept.",
             withheld("objected", "in_hospital", "recent_move"),
             word("child-1", "in_hospital"), word("child-1", "objected"), word("dwelling-1", "recent_move")),
        told("The NHS number was superseded.", withheld("identity_superseded"),
             word("child-1", "identity_superseded")),
        one("NHS number of the test range 999.", withheld("test_record"), nhs_number="9990000026"),
        one("NHS number of a range that is not issued.", withheld("test_record"), nhs_number="5000000000"),
        Example("The same test number 999 in a demonstration.",
                World.of(birth(nhs_number="9990000026"), demonstration=True), {1: SHARED}),
        Example("Another range that is not issued, in a demonstration.",
                World.of(birth(nhs_number="5000000000"), demonstration=True), {1: withheld("test_record")}),
    )),
    Chapter("Several rows about one child", (
        rows("An identical row: one stays.", (birth(1), SHARED),
             (version(2, last_updated=birth()["last_updated"]), withheld("duplicate_record"))),
        rows("An older row with a restriction that was lifted since.", (birth(1), SHARED),
             (version(2, confidentiality="R"), withheld("duplicate_record", "restricted_record"))),
        rows("Two rows equally new; one is restricted: that counts.",
             (birth(1), withheld("restricted_record")),
             (version(2, last_updated=birth()["last_updated"], confidentiality="R"),
              withheld("duplicate_record", "restricted_record"))),
        rows("A row that does not say how new it is may be the newest.",
             (birth(1), withheld("safeguarding")),
             (version(2, last_updated=None, safeguarding="Y"), withheld("duplicate_record", "safeguarding"))),
        rows("Two rows equally new, and an older one with a restriction that was lifted since.",
             (birth(1), SHARED),
             (version(2, last_updated=birth()["last_updated"]), withheld("duplicate_record")),
             (version(3, confidentiality="R"), withheld("duplicate_record", "restricted_record"))),
        *(rows(f"Two rows equally new, two addresses ({where_it_differs}): nobody knows which is right.",
               (birth(1), held("recent_move")),
               (version(2, last_updated=birth()["last_updated"], **other),
                withheld("duplicate_record", "recent_move")))
          for where_it_differs, other in [
              ("the number", {"address_line_1": "2 Sample Street"}),
              ("the street", {"address_line_1": "1 Other Street"}),
              ("the lines", {"address_line_1": "1", "address_line_2": "Sample Street"}),
              ("the flat", {"address_line_2": "Flat 1"}), ("the postcode", {"postcode": "AA1 1AB"}),
          ]),
        rows("Two rows equally new that spell one address differently.", (birth(1), SHARED),
             (version(2, last_updated=birth()["last_updated"], address_line_1="1, SAMPLE street",
                      postcode="aa11aa"), withheld("duplicate_record"))),
    )),
    Chapter("Is this a birth that the agreement is about?", (
        one("Born on the first day of the earliest month that counts.", SHARED,
            agreement(cohort={"maximum_age_days": None}), date_of_birth=date(2026, 8, 1)),
        one("Born the day before.", withheld("born_outside_window"),
            agreement(cohort={"maximum_age_days": None}), date_of_birth=date(2026, 7, 31)),
        one("Born after the month.", withheld("born_outside_window", "age_outside_window",
            "consent_date_invalid"),
            date_of_birth=date(2026, 11, 1)),
        one("Fourteen days old, as agreed.", SHARED, date_of_birth=days_ago(14)),
        one("Thirteen days old: wait.", held("age_outside_window"),
            date_of_birth=days_ago(13), consent_date=days_ago(5)),
        one("Sixty days old, as agreed.", SHARED, agreement(cohort={"maximum_age_days": 60}),
            date_of_birth=days_ago(60)),
        one("A day too old.", withheld("age_outside_window"), agreement(cohort={"maximum_age_days": 60}),
            date_of_birth=days_ago(61)),
        where("Lives in an authority that is not covered.", withheld("not_resident"), authority="E07000218"),
    )),
    Chapter("Situations in which a card could hurt", (
        *(one(f"The flag {flag} is set.", withheld(flag), **{flag: "Y"})
          for flag in ("looked_after", "adoption", "safeguarding")),
        one("The flag looked_after is blank.", SHARED, looked_after=""),
        one("The flag looked_after holds a value that nobody knows.", withheld("looked_after"),
            looked_after="?"),
        one("The agreement lifts looked_after, and the flag is set.", SHARED, lifted("looked_after"),
            looked_after="Y"),
        told("A safeguarding word comes later.", withheld("safeguarding"), word("child-1", "safeguarding")),
        one("The named parent has died.", held("parent_died"), parent_death_status="2"),
        one("A notice of the parent's death was removed.", SHARED, parent_death_status="U"),
        one("The child is in hospital.", held("in_hospital"), in_hospital="Y"),
        where("The postcode is a hospital's.", held("in_hospital"), hospital=True),
        one("The address changed 13 days ago, 14 are agreed.", held("recent_move"),
            address_since=days_ago(13)),
        one("The address changed 14 days ago.", SHARED, address_since=days_ago(14)),
        one("Nobody says since when the address holds.", SHARED, address_since=None),
        *(told(f"The {subject} is said to have moved on a day, and the row's address holds {since}.", outcome,
               word(f"{subject}-1", "recent_move", datetime(2026, 10, 15, 10)), address_since=began)
          for subject in ("child", "parent", "dwelling")
          for since, began, outcome in [
              ("from that day on", date(2026, 10, 15), SHARED),
              ("since the day before", date(2026, 10, 14), held("recent_move")),
          ]),
        told("The child is said to have moved, and the row does not say since when its address holds.",
             held("recent_move"), word("child-1", "recent_move", datetime(2026, 10, 1)), address_since=None),
        told("The child is said to have moved, and nobody says when.", held("recent_move"),
             word("child-1", "recent_move", None), address_since=date(2026, 10, 15)),
        told("The child is said to have moved twice, and the row's address is from between.",
             held("recent_move"), word("child-1", "recent_move", datetime(2026, 10, 1)),
             word("child-1", "recent_move", datetime(2026, 10, 20)), address_since=date(2026, 10, 10)),
        told("The child moved, and the new address is not settled yet.", held("recent_move"),
             word("child-1", "recent_move", datetime(2026, 10, 25)), address_since=days_ago(9)),
        Example("The family moved; its new address lies in another reach area: that recipient gets the list.",
                World.of(birth(1, address_since=date(2026, 10, 15)),
                         placements=(placed(1, recipient="elm"),),
                         disclosures=({"child": "child-1", "agreement": "welcome-card",
                             "recipient": "oak", "month": "2026-09"},),
                         suppressions=(word("child-1", "recent_move", datetime(2026, 10, 15)),)),
                {1: SHARED}),
        one("The parent turned 16 the day after the birth.", held("parent_under_16"),
            parent_date_of_birth=date(2010, 10, 9)),
        one("The parent turned 16 on the day of the birth.", SHARED, parent_date_of_birth=date(2010, 10, 8)),
        one("The parent's date of birth is not given.", SHARED, parent_date_of_birth=None),
    )),
    Chapter("What did the parents answer?", (
        one("Refused.", withheld("consent_refused"), consent_status="refused"),
        one("Withdrawn.", withheld("consent_withdrawn"), consent_status="withdrawn"),
        told("Withdrawn after the extract.", withheld("consent_withdrawn"), word("child-1",
            "consent_withdrawn")),
        told("Refused after the extract.", withheld("consent_refused"), word("child-1", "consent_refused")),
        told("Withdrawn in a later word, and agreed to since: a person must ask who said what.",
             withheld("consent_withdrawn"), word("child-1", "consent_withdrawn", datetime(2026, 10, 15))),
        rows("The mother agreed; the father had refused.",
             (birth(1), withheld("consent_refused", "consent_conflict")),
             (version(2, consent_status="refused", consent_given_by="father"),
              withheld("consent_refused", "consent_conflict", "duplicate_record"))),
        rows("The mother refused at first and agreed later.", (birth(1), SHARED),
             (version(2, consent_status="refused", consent_date=date(2026, 10, 12)),
                 withheld("duplicate_record"))),
        rows("The mother agreed at first; the newer row no longer says so.",
             (birth(1, consent_status="", consent_date=None), held("consent_not_recorded")),
             (version(2), withheld("duplicate_record"))),
        rows("The newest row refuses; an older row has a yes of a later day: the refusal stands.",
             (birth(1, consent_status="refused"), withheld("consent_refused")),
             (version(2, consent_date=date(2026, 10, 24)), withheld("consent_refused", "duplicate_record"))),
        rows("An older refusal does not say who refused: nobody overtook it.",
             (birth(1), withheld("consent_refused", "consent_conflict")),
             (version(2, consent_status="refused", consent_given_by="", consent_date=date(2026, 10, 12)),
              withheld("consent_refused", "consent_conflict", "duplicate_record"))),
        one("Not asked yet.", held("consent_not_asked"), consent_status="not_asked"),
        one("No answer recorded.", held("consent_not_recorded"), consent_status=""),
        one("An answer that nobody knows.", held("consent_not_recorded"), consent_status="perhaps"),
        one("The answer covers libraries only.", withheld("consent_scope_missing"), consent_scope="library"),
        one("The answer covers both.", SHARED, consent_scope="library; childrens_centre"),
        one("The answer covers both, told in another order.", SHARED,
            consent_scope="childrens_centre;library"),
        one("A form that the agreement does not list.", withheld("consent_wording_not_accepted"),
            consent_wording="form-2019"),
        one("No date of consent.", withheld("consent_date_invalid"), consent_date=None),
        one("A consent from tomorrow.", withheld("consent_date_invalid"), consent_date=days_ago(-1)),
        one("A consent from today.", SHARED, consent_date=TODAY),
        one("A consent from the day before the birth.", withheld("consent_date_invalid"),
            consent_date=date(2026, 10, 7)),
        one("The same, where consent at booking is agreed.", SHARED,
            agreement(confidentiality={"antenatal_days": 1}),
            consent_date=date(2026, 10, 7)),
        one("A consent 60 days old, 60 are agreed.", SHARED,
            date_of_birth=days_ago(75), consent_date=days_ago(60)),
        one("A consent 61 days old.", withheld("consent_expired"),
            date_of_birth=days_ago(75), consent_date=days_ago(61)),
    )),
    Chapter("What did each person answer, in the file beside the extract?", (
        answered("The row has no answer; the father said yes.", SHARED, {}, consent_status="",
                 consent_date=None),
        answered("The row says that nobody was asked; the father said yes.", SHARED, {},
                 consent_status="not_asked", consent_date=None),
        answered("The row's answer is one that nobody knows; the father said yes.", SHARED, {},
                 consent_status="perhaps"),
        answered("The row has no answer; the father refused.", withheld("consent_refused"),
                 {"answer": "refused"}, consent_status="", consent_date=None),
        answered("The mother agreed in the row; the father refused.",
                 withheld("consent_refused", "consent_conflict"), {"answer": "refused"}),
        answered("The mother agreed in the row; the father withdrew.",
                 withheld("consent_withdrawn", "consent_conflict"), {"answer": "withdrawn"}),
        answered("The mother agreed in the row and withdrew the day after.", withheld("consent_withdrawn"),
                 {"person": "mother", "answer": "withdrawn"}),
        answered("The mother refused in the row and agreed the day after.", SHARED, {"person": "mother"},
                 consent_status="refused"),
        answered("The father refused at first and agreed later.", SHARED,
                 {"answer": "refused", "date": date(2026, 10, 12)}, {}),
        answered("The father refused and agreed on one day: nobody knows which came last.",
                 withheld("consent_refused", "consent_conflict"), {"answer": "refused"}, {}),
        answered("A refusal without a date counts.", withheld("consent_refused", "consent_conflict"),
                 {"answer": "refused", "date": None}),
        answered("A yes without a date spoils the other.", withheld("consent_date_invalid"), {"date": None}),
        answered("A yes from tomorrow does not take back a refusal.",
                 withheld("consent_refused", "consent_date_invalid"),
                 {"person": "mother", "date": days_ago(-1)}, consent_status="refused"),
        answered("A yes of today takes back the same person's refusal.", SHARED,
                 {"person": "mother", "date": TODAY}, consent_status="refused"),
        answered("Somebody refused, somebody agreed later, and neither is named: the refusal stands.",
                 withheld("consent_refused"), {"person": ""}, consent_status="refused", consent_given_by=""),
        Example("An answer about a child of whom there is no row.",
                World.of(birth(1), birth(2), answers=(answer("child-9", answer="refused"),)),
                {1: SHARED, 2: SHARED}),
        answered("A later yes of nobody knows whom does not take back the mother's refusal.",
                 withheld("consent_refused", "consent_conflict"), {"person": ""}, consent_status="refused"),
        answered("The father's yes covers libraries only.", withheld("consent_scope_missing"),
                 {"scope": "library"}),
        answered("The father's yes is on a form that the agreement does not list.",
                 withheld("consent_wording_not_accepted"), {"wording": "form-2019"}),
        answered("The parents are told and not asked; the father refused: that is an objection.",
                 withheld("objected"), {"answer": "refused"}, agreed=by_notice(), consent_status=""),
        answered("The same, and he says from tomorrow that he agrees: the refusal stands.",
                 withheld("objected"), {"answer": "refused"}, {"date": days_ago(-1)},
                 agreed=by_notice(), consent_status=""),
        Example("Consent was refused for one twin, in the file: no card for the other either.",
                World.of(twin(1), twin(2), answers=(answer("child-2", person="mother", answer="refused"),)),
                {1: held("consent_refused"), 2: withheld("consent_refused")}),
        Example("A refusal about another child is about that child alone.",
                World.of(birth(1), birth(2), answers=(answer("child-2", person="mother", answer="refused"),)),
                {1: SHARED, 2: withheld("consent_refused")}),
    )),
    Chapter("Is the child still expected? (an agreement on consent at booking)", (
        pregnancy("A pregnancy that continues; the woman agreed; everything is in order.", SHARED),
        pregnancy("The pregnancy has ended, in whatever way.", withheld("not_a_live_birth"),
                  live_or_still_birth="2"),
        pregnancy("Nobody says whether it continues.", held("live_birth_not_stated"), live_or_still_birth=""),
        Example("An older row says that it ended, a newer one that it continues: it ended.",
                World.of(expecting(1), expecting(2, child="child-1", parent="parent-1",
                    live_or_still_birth="2", last_updated=datetime(2026, 10, 22)), agreement=AT_BOOKING),
                {1: withheld("not_a_live_birth"), 2: withheld("not_a_live_birth", "duplicate_record")}),
        Example("One woman's two pregnancies in one extract, one of them over: nobody knows which.",
                World.of(expecting(1), expecting(2, parent="parent-1", live_or_still_birth="2",
                    date_of_birth=date(2027, 4, 20)), agreement=AT_BOOKING),
                {1: held("sibling_died_or_missing"),
                 2: withheld("not_a_live_birth", "sibling_died_or_missing")}),
        Example("Another trust's extract tells of a birth or a loss of this woman.",
                World.of(expecting(1), agreement=AT_BOOKING).with_words(word("parent-1", "suppressed")),
                {1: withheld("suppressed")}),
        pregnancy("Twelve weeks along, as agreed.", SHARED, date_of_birth=days_ago(-196)),
        pregnancy("A day short of twelve weeks: wait.", held("age_outside_window"),
                  date_of_birth=days_ago(-197)),
        pregnancy("Expected today.", SHARED, date_of_birth=TODAY),
        pregnancy("Expected yesterday: the child may be born, or may not live.",
                  withheld("age_outside_window"), date_of_birth=days_ago(1)),
        pregnancy("Expected before the month.", withheld("born_outside_window", "age_outside_window"),
                  date_of_birth=date(2026, 9, 30)),
        pregnancy("Expected on the last day of the months that count.", SHARED, AT_BOOKING_AT_ANY_WEEK,
                  date_of_birth=date(2027, 6, 30)),
        pregnancy("Expected a day later.", withheld("born_outside_window"), AT_BOOKING_AT_ANY_WEEK,
                  date_of_birth=date(2027, 7, 1)),
        pregnancy("Agreed on the day on which the pregnancy began.", SHARED, AT_BOOKING_AT_ANY_TIME,
                  consent_date=date(2026, 5, 16)),
        pregnancy("Agreed before it began: that was another.", withheld("consent_date_invalid"),
                  AT_BOOKING_AT_ANY_TIME, consent_date=date(2026, 5, 15)),
        pregnancy("The woman turned 16 on the day on which the pregnancy began.", SHARED,
                  parent_date_of_birth=date(2010, 5, 16)),
        pregnancy("The woman turned 16 the day after.", held("parent_under_16"),
                  parent_date_of_birth=date(2010, 5, 17)),
    )),
    Chapter("Were the parents told, and did anyone object?", (
        one("Told more than 14 days ago, nobody objected; consent is not needed.", SHARED, by_notice(),
            consent_status="", consent_date=None),
        one("Not told.", held("notice_not_sent"), by_notice(), notice_date=None),
        one("To be told tomorrow.", held("notice_not_sent", "objection_window_open"), by_notice(),
            notice_date=days_ago(-1)),
        one("Told 13 days ago, 14 are agreed.", held("objection_window_open"), by_notice(),
            notice_date=days_ago(13)),
        one("Told 14 days ago.", SHARED, by_notice(), notice_date=days_ago(14)),
        one("Told today, where no days to object are agreed.", SHARED, by_notice(objection_days=0),
            notice_date=TODAY),
        one("Objected.", withheld("objected"), by_notice(), objection_date=date(2026, 10, 20)),
        one("Agreed, and objected.", withheld("objected"), objection_date=date(2026, 10, 20)),
        rows("Only an older version of the row shows the objection.", (birth(1), withheld("objected")),
             (version(2, objection_date=date(2026, 10, 20)), withheld("objected", "duplicate_record"))),
        told("Objected after the extract.", withheld("objected"), word("parent-1", "objected")),
        one("Nobody needed to ask, but the parents refused: that is an objection.", withheld("objected"),
            by_notice(), consent_status="refused"),
        told("A national opt-out, but the parent consented to this very use.", SHARED,
             word("child-1", "national_opt_out")),
        Example("A national opt-out where the parents were only told.",
                World.of(birth(), agreement=by_notice()).with_words(word("child-1", "national_opt_out")),
                {1: withheld("national_opt_out")}),
        Example("The same, under an agreement to which the opt-out does not apply.",
                World.of(birth(), agreement=by_notice(national_opt_out=False)).with_words(
                    word("child-1", "national_opt_out")),
                {1: SHARED}),
    )),
    Chapter("Where would the card go, and did it go before?", (
        one("No first line of the address.", held("address_incomplete"), address_line_1=""),
        one("No postcode.", held("address_incomplete"), postcode=" "),
        *(where(f"Geography says {reason}.", held(reason), reason=reason, recipient="", authority="")
          for reason in ("postcode_unknown", "postcode_pseudo", "postcode_imprecise", "no_reach_area",
                         "reach_area_ambiguous")),
        where("Geography could place it, and knows no authority.", withheld("not_resident"), authority=""),
        where("The position is not precise, and the authority is not covered.",
              withheld("postcode_imprecise", "not_resident"),
              reason="postcode_imprecise", recipient="", authority="E07000218"),
        where("Geography says something that nobody knows.", held("no_reach_area"), reason="something new"),
        where("Geography names no recipient and no reason.", held("no_reach_area"), recipient=""),
        where("Placed in another network only.", held("no_reach_area"), network="hubs"),
        *(Example(story, World.of(birth(), disclosures=(
            {"child": "child-1", "agreement": "welcome-card", "recipient": "oak", "month": "2026-09", **past},
        )), {1: decided}) for story, past, decided in [
            ("The same recipient had this family in an earlier month.", {}, withheld("already_shared")),
            ("Another recipient had it.", {"recipient": "elm"}, SHARED),
            ("It was had under another agreement.", {"agreement": "another"}, SHARED),
            ("It was sent this very month, and the run is finished after an interruption.",
             {"month": "2026-10"}, SHARED),
        ]),
    )),
    Chapter("Does one recipient receive all families? (an agreement that names it)", (
        by_name("The postcode is in the directory.", SHARED),
        *(by_name(f"Geography says {reason}.", held(reason), reason=reason, authority="")
          for reason in ("postcode_unknown", "postcode_pseudo", "postcode_imprecise")),
        by_name("Geography says something that nobody knows.", held("postcode_unknown"),
                reason="something new", authority=""),
        by_name("Nobody looked the postcode up in the directory.", held("postcode_unknown"),
                network="centres"),
        by_name("Lives in an authority that is not covered.", withheld("not_resident"),
                authority="E07000218"),
        Example("The recipient by name had this family in an earlier month.",
                World.of(birth(), placements=(placed(network="directory", recipient=""),),
                    disclosures=({"child": "child-1", "agreement": "welcome-card", "recipient": "agency",
                        "month": "2026-09"},), agreement=agreement(**NAMED)),
                {1: withheld("already_shared")}),
    )),
    Chapter("Are only numbers shared? (an agreement that lets no family through)", (
        one("A family with nothing against it.", withheld("no_family_shared"), agreement(**NUMBERS)),
        one("Nobody was asked, and nobody needs to be.", withheld("no_family_shared"), agreement(**NUMBERS),
            consent_status="not_asked", consent_date=None, notice_date=None),
        one("An objection is still written down.", withheld("objected", "no_family_shared"),
            agreement(**NUMBERS), objection_date=date(2026, 10, 20)),
    )),
    Chapter("Several reasons at once", (
        one("In hospital, and refused: both are kept, the stricter decides.",
            withheld("in_hospital", "consent_refused"), in_hospital="Y", consent_status="refused"),
    )),
)  # fmt: skip

EXAMPLES = tuple(example for chapter in CHAPTERS for example in chapter.examples)

REASONS_SHOWN = {
    reason for example in EXAMPLES for _, reasons in example.decided.values() for reason in reasons
}
