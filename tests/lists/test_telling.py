"""What centres are told of births never tells how many said no: somebody tries to work it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lists.attacker import Attacker, Tell
from lists.conftest import AGREEMENT, TOTALS
from pipeline.agreements.model import Agreement, Rounding
from pipeline.lists.telling import ROOM, Rule, Told, in_words, remarks, round_to_5, rules, told

COUNCIL = "council"  # the area of a recipient by name: everywhere


@dataclass(frozen=True)
class Area:
    """A centre's area in one month."""

    hub: str
    shared: int  # babies on lists
    held: int  # who may come onto a later one
    withheld: int  # who never do

    @property
    def births(self) -> int:
        return self.shared + self.held + self.withheld


Town = Mapping[str, Area]


@cache
def agreement(name: str, **terms: str) -> Agreement:
    """An agreement of the town by its name: `hubs` and so on receive numbers of their own areas."""
    recipients: dict[str, Any] = {"network": terms.get("network", "centres"), "kinds": ["childrens_centre"]}
    if terms.get("named"):
        recipients = {"named": terms["named"], "kinds": ["childrens_centre"]}
    totals = {"source": "extract", "rounding": terms.get("rounding", "nhs_england_5")}
    alone = TOTALS if terms.get("alone") else {}
    return Agreement.model_validate(
        AGREEMENT.model_dump() | {"id": name, "recipients": recipients, "totals": totals} | alone
    )


CARDS = agreement("cards")
CARDS_10 = agreement("cards-10", rounding="nearest_10")
NUMBERS = agreement("numbers", alone="yes")
LISTS_ALONE = Agreement.model_validate(CARDS.model_dump() | {"id": "lists", "totals": None})
HUBS = agreement("hubs", network="hubs")
OFFICE = agreement("office", named=COUNCIL, alone="yes")
TOWNS_AGREEMENTS = [
    (CARDS,), (CARDS_10,), (CARDS, NUMBERS), (CARDS, CARDS_10), (CARDS, HUBS), (CARDS, OFFICE),
    (HUBS, NUMBERS, OFFICE), (CARDS, HUBS, NUMBERS, OFFICE),
]  # fmt: skip

small = st.integers(0, 6)
areas = st.builds(Area, st.sampled_from(["north", "south"]), st.integers(0, 24), small, st.integers(0, 9))
towns = st.lists(areas, min_size=1, max_size=5).map(
    lambda found: {f"centre-{place}": area for place, area in enumerate(found)}
)


def attacked(
    town: Town,
    month: tuple[Agreement, ...],
    *,
    tell: Tell = told,
    every: bool = False,
    waited: bool = False,
) -> dict[str, set[int]]:
    """What all recipients together can work out: by centre, the possible numbers of babies on no list.

    `every` tells all the numbers that agreements ask for, also those that overlap; `waited` is the attacker
    who saw all held babies come onto later lists.
    """
    attacker = Attacker({name: area.shared for name, area in town.items()}, tell)
    allowed = rules(month)
    plain = Rule(Rounding.NHS_ENGLAND_5, 8, listed=True)
    for one in month:
        rule = allowed.get(one.id, plain if every else None)
        for members in _told_of(one, town) if rule else []:
            assert rule is not None
            births = sum(town[name].births for name in members)
            held = sum(town[name].held for name in members)
            listed = sum(town[name].shared for name in members) + held
            attacker.sees(members, tell(births, listed, rule), rule, held=held if waited else None)
    return attacker.unlisted()


def _told_of(one: Agreement, town: Town) -> list[tuple[str, ...]]:
    """The centres of each area that the agreement tells a number of."""
    if one.recipients.named:
        return [tuple(town)]
    if one.recipients.network == "hubs":
        hubs = {area.hub for area in town.values()}
        return [tuple(name for name, area in town.items() if area.hub == hub) for hub in sorted(hubs)]
    return [(name,) for name in town]


@settings(max_examples=1000, deadline=None)
@given(town=towns, month=st.sampled_from(TOWNS_AGREEMENTS))
def test_all_recipients_together_cannot_tell_how_many_are_on_no_list(
    town: Town, month: tuple[Agreement, ...]
) -> None:
    for name, possible in attacked(town, month).items():
        assert town[name].births - town[name].shared in possible
        assert len(possible) >= ROOM


@settings(max_examples=1000, deadline=None)
@given(town=towns, month=st.sampled_from(TOWNS_AGREEMENTS))
def test_nor_when_every_family_that_was_held_comes_onto_a_later_list(
    town: Town, month: tuple[Agreement, ...]
) -> None:
    for name, possible in attacked(town, month, waited=True).items():
        assert len({one - town[name].held for one in possible if one >= town[name].held}) >= ROOM


def rounded_only(births: int, known: int, rule: Rule) -> Told:
    """Numbers as they were told before: rounded, whatever is on a list."""
    return Told(round_to_5(births))


def without_the_held(births: int, known: int, rule: Rule) -> Told:
    """Numbers as they would be told if those were forgotten who may come onto a later list."""
    return told(births, 0, rule)


def recovered(month: tuple[Agreement, ...], **how: Any) -> tuple[int, int]:
    """In how many of 300 towns the attacker learns how many are on no list, and in how many nearly so."""
    chance = np.random.default_rng(5)
    fewest = []
    for _ in range(300):
        numbers = chance.integers(0, (25, 4, 6), (3, 3)).tolist()
        town = {f"centre-{place}": Area("north", *area) for place, area in enumerate(numbers)}
        fewest.append(min(map(len, attacked(town, month, **how).values())))
    return sum(one == 1 for one in fewest), sum(one < ROOM for one in fewest)


def test_with_rounding_alone_the_same_attacker_learns_it() -> None:
    learnt, nearly = recovered((CARDS,), tell=rounded_only)
    assert learnt > 0
    assert nearly > 100


def test_who_waits_would_learn_it_if_held_families_were_forgotten() -> None:
    learnt, nearly = recovered((CARDS,), tell=without_the_held, waited=True)
    assert learnt > 0
    assert nearly > 100


def test_numbers_of_overlapping_areas_would_tell_it() -> None:
    month = (CARDS, HUBS, OFFICE)
    assert recovered(month) == (0, 0)
    assert recovered(month, every=True)[1] > 0


@pytest.mark.parametrize(
    ("births", "known", "said"),
    [
        (0, 0, "fewer than 8"),
        (5, 0, "fewer than 8"),
        (7, 3, "fewer than 8"),
        (8, 3, "10"),
        (7, 4, "between 4 and 12"),
        (12, 4, "between 4 and 12"),
        (13, 4, "15"),
        (11, 11, "between 9 and 17"),
        (17, 11, "between 9 and 17"),
        (18, 11, "20"),
        (1203, 900, "1,205"),
    ],
)
def test_a_number_not_far_above_the_lists_is_told_as_between_two_others(
    births: int, known: int, said: str
) -> None:
    rule = Rule(Rounding.NHS_ENGLAND_5, 8, listed=True)
    assert str(told(births, known, rule)) == said


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("below", [0, 3, 8, 11, 20])
def test_whatever_is_agreed_room_is_left(rounding: Rounding, below: int) -> None:
    """For every number of babies who may be listed, whatever is told fits several numbers of births."""
    rule = rules([LISTS_ALONE, terms(rounding, below)])["numbers"]
    for known in range(40):
        alike: dict[Told, list[int]] = {}
        for births in range(known, 120):
            alike.setdefault(told(births, known, rule), []).append(births)
        for number, births in alike.items():
            assert number.rounded or (number.least or 0) <= births[0] <= births[-1] == number.most
        *whole, _ = alike.values()  # the last is cut off
        assert all(len(births) >= ROOM for births in whole)
        assert all(births == [*range(births[0], births[-1] + 1)] for births in whole)


def terms(rounding: Rounding, below: int) -> Agreement:
    """Numbers alone, told like this."""
    asked = {"source": "extract", "rounding": rounding, "suppress_below": max(below, 2)}
    return Agreement.model_validate(NUMBERS.model_dump() | {"totals": asked})


def test_where_no_family_is_on_a_list_numbers_are_told_as_they_always_were() -> None:
    rule = rules([NUMBERS])["numbers"]
    assert [str(told(births, 0, rule)) for births in (0, 1, 7, 8, 13)] == ["0", "5", "5", "10", "15"]


def test_exact_numbers_are_for_areas_without_lists() -> None:
    exact = terms(Rounding.NONE, 5)
    assert [str(told(births, 0, rules([exact])["numbers"])) for births in (4, 5, 13)] == [
        "fewer than 5", "5", "13",
    ]  # fmt: skip
    assert rules([exact, LISTS_ALONE])["numbers"] == Rule(Rounding.NEAREST_5, 8, listed=True)
    for wrong in ({"rounding": "none"}, {"rounding": "none", "suppress_below": 8}):
        with pytest.raises(ValueError, match="rounding: none"):
            Agreement.model_validate(CARDS.model_dump() | {"totals": {"source": "extract"} | wrong})


def test_agreements_about_the_same_areas_tell_one_number_the_coarser_one() -> None:
    both = rules([CARDS, CARDS_10, terms(Rounding.NEAREST_5, 20)])
    assert set(both.values()) == {Rule(Rounding.NEAREST_10, 20, listed=True)}
    assert len(both) == 3


@pytest.mark.parametrize(
    ("month", "tell"),
    [
        ([CARDS, HUBS], {"cards"}),  # both started on one day, and the names decide
        ([OFFICE, HUBS], {"hubs"}),
        ([OFFICE], {"office"}),
        ([CARDS, HUBS, NUMBERS], {"cards", "numbers"}),
    ],
)
def test_of_overlapping_areas_one_agreement_tells(month: list[Agreement], tell: set[str]) -> None:
    assert set(rules(month)) == set(rules(month[::-1])) == tell


def test_the_agreement_that_started_first_goes_on_telling() -> None:
    dates = HUBS.dates.model_dump() | {"starts": "2025-12-31"}
    older = Agreement.model_validate(HUBS.model_dump() | {"dates": dates})
    assert set(rules([CARDS, older])) == {"hubs"}


@pytest.mark.parametrize(
    "apart",
    [{"cohort": {"residents_of": ["E07000001"]}}, {"suppliers": ["another"]}],
    ids=["places", "births"],
)
def test_agreements_about_other_births_both_tell(apart: dict[str, Any]) -> None:
    other = Agreement.model_validate(HUBS.model_dump() | apart)
    assert set(rules([CARDS, other])) == {"cards", "hubs"}


def test_approvers_read_which_agreement_does_not_tell_its_numbers() -> None:
    assert remarks([CARDS, NUMBERS]) == []
    assert remarks([CARDS, HUBS, NUMBERS]) == [
        "hubs: no recipient is told how many babies were born. Numbers of the same births in other areas are"
        " told under cards and numbers."
    ]


def test_what_a_number_means_is_said_with_it() -> None:
    assert "5 stands for any number from 1 to 7" in in_words(Told(10))
    assert "nearest 10" in in_words(Told(10, rounding=Rounding.NEAREST_10))
    assert "may come onto one" in in_words(Told(least=0, most=7))
    assert "not told" in in_words(Told()) and str(Told()) == "not told this month"
