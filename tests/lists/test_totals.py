"""Which births count in an area, and how many of them may be on a list."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lists.attacker import Attacker
from pipeline.agreements.model import Agreement
from pipeline.lists.telling import ROOM, Told, round_to_5, rules
from pipeline.lists.totals import area_numbers, born_in_area, may_be_listed
from pipeline.reasons import Outcome


@pytest.mark.parametrize(
    ("counted", "shown"),
    [(0, 0), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5), (6, 5), (7, 5), (8, 10), (10, 10), (12, 10), (13, 15),
     (17, 15), (18, 20), (102, 100), (103, 105)],
)  # fmt: skip
def test_rounding(counted: int, shown: int) -> None:
    assert round_to_5(counted) == shown


def born(
    make: Any, births: Any, *placed: dict[str, Any], agreement: Any = None, recipient: str = "centre-1"
) -> int:
    placements = make.placements(births, *placed)
    return len(born_in_area(births, placements, agreement or make.agreement, recipient, make.month))


def eight(make: Any, **last: Any) -> Any:
    """Eight births, of which the last has something special."""
    return make.births(*({} for _ in range(7)), last)


def test_every_live_birth_in_the_area_counts(make: Any) -> None:
    assert born(make, eight(make)) == 8


@pytest.mark.parametrize(
    "special",
    [
        {"live_or_still_birth": "2"},
        {"live_or_still_birth": ""},
        {"date_of_birth": "2026-09-30"},
        {"date_of_birth": "2026-11-01"},
        {"child": "child-1"},
        {"supplier": "another"},
    ],
    ids=[
        "stillborn", "not stated", "the month before", "the month after", "a second version of a row",
        "of another supplier",
    ],
)  # fmt: skip
def test_nothing_else_counts(make: Any, special: dict[str, Any]) -> None:
    assert born(make, eight(make, **special)) == 7


@pytest.mark.parametrize(
    "placed",
    [
        {"recipient": "centre-2"},
        {"recipient": "", "reason": "no_reach_area"},
        {"reason": "postcode_imprecise"},
        {"network": "libraries"},
        {"authority": "E07000221"},
    ],
    ids=["another area", "no area", "not placed", "another network", "another authority"],
)
def test_births_elsewhere_do_not_count(make: Any, placed: dict[str, Any]) -> None:
    assert born(make, eight(make), *({} for _ in range(7)), placed) == 7


def test_families_who_said_no_and_children_who_died_count_as_births(make: Any) -> None:
    assert born(make, eight(make, consent_status="refused", death_status="2")) == 8


@pytest.mark.parametrize(("updated", "counted"), [("2026-11-02", 8), ("2026-10-20", 7)])
def test_a_child_counts_where_the_newest_version_lives(make: Any, updated: str, counted: int) -> None:
    births = make.births(*({} for _ in range(8)), {"child": "child-8", "last_updated": updated})
    elsewhere = {"recipient": "centre-2"}

    assert born(make, births, *({} for _ in range(7)), elsewhere, {}) == counted


def test_the_area_of_a_recipient_by_name_is_wherever_residents_live(make: Any) -> None:
    named = make.with_terms(recipients={"kinds": ["data_office"], "named": "office"})
    alone = {"network": "directory", "recipient": "", "matched": ""}
    placed = [*[alone] * 7, alone | {"authority": "E07000221"}]

    assert born(make, eight(make), *placed, agreement=named, recipient="office") == 7
    assert born(make, eight(make), *placed, agreement=named, recipient="somebody-else") == 0


def test_a_recipient_without_births_has_none(make: Any) -> None:
    assert born(make, eight(make), recipient="centre-9") == 0
    assert born(make, make.births({}).head(0)) == 0


def numbers(make: Any, births: Any, outcomes: list[Outcome], *agreements: Agreement) -> Any:
    """What centre-1 is told under the first agreement, where the second decided the births like this."""
    decided = make.decisions(births, *({"outcome": int(outcome)} for outcome in outcomes))
    nobody = make.decisions(births, *({"outcome": int(Outcome.WITHHOLD)} for _ in outcomes))
    first, *others = agreements
    return area_numbers(
        births,
        make.placements(births),
        {first.id: nobody} | {other.id: decided for other in others},
        {one.id: one for one in agreements},
        agreement=first.id,
        recipient="centre-1",
        month=make.month,
    ).births


def test_numbers_alone_are_told_rounded_where_nobody_is_on_a_list(make: Any) -> None:
    alone = make.with_terms(id="numbers", **make.totals)

    assert numbers(make, eight(make), [Outcome.WITHHOLD] * 8, alone) == Told(10)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome.SHARE, Told(least=4, most=12)),
        (Outcome.HOLD, Told(least=4, most=12)),
        (Outcome.WITHHOLD, Told(10)),
    ],
)
def test_whoever_is_on_any_list_or_held_counts_as_known(make: Any, outcome: Outcome, told: Told) -> None:
    """Four are on the list: with a fifth, eight births are too near."""
    alone = make.with_terms(id="numbers", **make.totals)
    outcomes = [Outcome.SHARE] * 3 + [outcome] + [Outcome.WITHHOLD] * 4

    assert numbers(make, eight(make), outcomes, alone, make.agreement) == told


def test_children_of_other_areas_and_months_on_the_list_are_not_known_here(make: Any) -> None:
    births = eight(make, date_of_birth="2026-09-01")
    alone = make.with_terms(id="numbers", **make.totals)

    assert numbers(make, births, [Outcome.WITHHOLD] * 7 + [Outcome.SHARE], alone, make.agreement) == Told(
        least=0, most=7
    )


def test_an_agreement_without_totals_tells_nothing_and_one_that_overlaps_says_so(make: Any) -> None:
    silent = make.with_terms(id="silent", totals=None)
    hubs = make.with_terms(id="zz-hubs", recipients={"network": "hubs", "kinds": ["family_hub"]})
    births = eight(make)

    assert numbers(make, births, [Outcome.SHARE] * 8, silent) is None
    assert numbers(make, births, [Outcome.SHARE] * 8, hubs, make.agreement) == Told()


def test_a_child_who_is_decided_twice_counts_once(make: Any) -> None:
    births = eight(make, child="child-1")
    decided = make.decisions(births, {"outcome": int(Outcome.WITHHOLD)})

    assert may_be_listed({"a": decided, "b": decided}) == {f"child-{one}" for one in range(1, 8)}


def test_from_all_lists_and_numbers_of_a_month_nobody_learns_who_is_missing(make: Any) -> None:
    """Births, placements and decisions as a month has them; hubs and centres put together what they got."""
    chance = np.random.default_rng(7)
    hubs = make.with_terms(id="wider", recipients={"network": "hubs", "kinds": ["family_hub"]})
    agreements = {one.id: one for one in (make.agreement, hubs)}
    telling = rules(agreements.values())
    for _ in range(12):
        births, placements, decisions = random_month(make, chance)
        born = dict(zip(births["reference"], births["child"], strict=True))
        lived = placements[placements["network"] == "centres"].set_index("reference")["recipient"]
        listed = {
            child
            for decided in decisions.values()
            for child in decided.loc[decided["outcome"] == int(Outcome.SHARE), "child"]
        }
        homes = {name: {born[one] for one in lived.index[lived == name]} for name in CENTRES}
        attacker = Attacker({name: len(children & listed) for name, children in homes.items()})
        for name, agreement in agreements.items():
            by_recipient = placements[placements["network"] == agreement.recipients.network]
            for recipient in sorted(set(by_recipient["recipient"])):
                number = area_numbers(
                    births, placements, decisions, agreements,
                    agreement=name, recipient=recipient, month=make.month,
                ).births  # fmt: skip
                assert number is not None
                if name in telling:
                    attacker.sees([recipient], number, telling[name])
                else:
                    assert number == Told()
        for name, possible in attacker.unlisted().items():
            assert len(homes[name] - listed) in possible
            assert len(possible) >= ROOM


CENTRES = {"centre-1": "hub-1", "centre-2": "hub-1", "centre-3": "hub-2"}


def random_month(make: Any, chance: np.random.Generator) -> tuple[Any, Any, dict[str, Any]]:
    """Births of the month, each in a centre's area and its hub's, decided under both agreements."""
    births = make.births(*({} for _ in range(int(chance.integers(20, 55)))))
    where = chance.choice(list(CENTRES), len(births))
    centres = make.placements(births, *({"recipient": str(one)} for one in where))
    hubs = make.placements(births, *({"recipient": CENTRES[str(one)], "network": "hubs"} for one in where))
    decisions = {
        name: make.decisions(
            births, *({"outcome": int(one)} for one in chance.choice(3, len(births), p=[0.6, 0.2, 0.2]))
        )
        for name in ("welcome-card", "wider")
    }
    return births, pd.concat([centres, hubs], ignore_index=True), decisions
