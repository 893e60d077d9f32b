"""Worlds for Hypothesis: mostly sound families, with a few things against some of them.

Hypothesis draws the size and a seed; the seed draws the rest evenly, so that rare reasons come about
as often as common ones. A failure prints the world.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from pipeline.agreements.model import Agreement
from pipeline.reasons import Reason
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
)  # fmt: skip

TODAY = MOMENT.date()
DATES = [None, *(TODAY - timedelta(days) for days in (-1, 0, 1, 13, 14, 15, 16, 45, 60, 61, 121))]
BIRTHDAYS = [*DATES[1:], *(date(2026, 10, day) for day in (1, 8, 9, 10, 31)), date(2026, 8, 1)]
UPDATED = [
    None,
    datetime(2026, 10, 2),
    datetime(2026, 10, 25, 12),
    datetime(2026, 10, 26),
    datetime(2026, 11, 9),
]
# Expected days: on and about today, the edges of the months that count, and the agreed weeks.
EXPECTED = [
    *(TODAY + timedelta(days) for days in (-1, 0, 1, 30, 140, 195, 196, 197, 217)),
    date(2026, 9, 30), date(2026, 12, 31), date(2027, 1, 1), date(2027, 6, 30), date(2027, 7, 1),
]  # fmt: skip
FLAGS = ["Y", "", "?"]
DEATHS = ["1", "2", "U", "U", "9"]

# Every column that a decision looks at, and what else may stand there.
VALUES: dict[str, Sequence[Any]] = {
    "parent": ["", "parent-1", "parent-2"],
    "dwelling": ["", "dwelling-1", "dwelling-2"],
    "family_name": ["", "FAMILY ", "Other"],
    "nhs_number": ["9990000026", "5000000000", "8000000000", "4", "7000000002"],
    "date_of_birth": BIRTHDAYS,
    "live_or_still_birth": ["2", "3", "4", "5", "", "9"],
    "number_of_births": [0, 2, 2, 3, 9],
    "birth_order": [0, 2, 8, 9],
    "death_status": DEATHS,
    "date_of_death": DATES,
    "parent_date_of_birth": [
        None,
        date(2010, 10, 8),
        date(2010, 10, 9),
        date(2012, 2, 29),
        date(2010, 5, 16),
        date(2010, 5, 17),
    ],
    "parent_death_status": DEATHS,
    "address_line_1": ["1, SAMPLE street", "2 Sample Street", "", " "],
    "address_line_2": ["Flat 1", "-"],
    "postcode": ["aa11aa", "BB1 1BB", ""],
    "address_since": DATES,
    "in_hospital": FLAGS,
    "confidentiality": ["", "R", "V", "S", "?"],
    "looked_after": FLAGS,
    "adoption": FLAGS,
    "safeguarding": FLAGS,
    "consent_status": ["refused", "withdrawn", "not_asked", "", "perhaps"],
    "consent_date": DATES,
    "consent_scope": ["library", "library; childrens_centre", ""],
    "consent_wording": ["form-2019", ""],
    "consent_given_by": ["father", "", "Parent "],
    "notice_date": DATES,
    "objection_date": DATES,
    "last_updated": UPDATED,
}

# What takes several columns to come about.
STORIES: list[Row] = [
    {"date_of_birth": TODAY - timedelta(75), "consent_date": TODAY - timedelta(61)},
    {"consent_status": "refused", "consent_given_by": "father"},
    {"consent_status": "refused", "last_updated": datetime(2026, 10, 2), "consent_date": date(2026, 10, 14)},
    {"consent_status": "withdrawn", "consent_date": None, "last_updated": datetime(2026, 10, 2)},
    {"consent_status": "given", "consent_given_by": "father", "consent_date": date(2026, 10, 21)},
    {"consent_date": date(2026, 10, 30), "last_updated": datetime(2026, 10, 2)},
    {"consent_status": "not_asked", "consent_date": None},
    {"notice_date": None},
    {"number_of_births": 2, "birth_order": 2, "date_of_birth": date(2026, 10, 9)},
    {"parent": "", "number_of_births": 2, "birth_order": 2},
    {"death_status": "U", "last_updated": datetime(2026, 10, 26)},
    {"death_status": "1", "last_updated": datetime(2026, 10, 2)},
]  # fmt: skip

# What may become of a pregnancy.
PREGNANCIES: list[Row] = [
    {"live_or_still_birth": "2"},
    {"live_or_still_birth": "2", "last_updated": datetime(2026, 10, 2)},
    {"date_of_birth": date(2027, 3, 20)},
    {"consent_status": "not_asked", "consent_date": None},
    {"consent_date": date(2026, 5, 16)}, {"consent_date": date(2026, 5, 17)},
    {"notice_date": None},
]  # fmt: skip

SUBJECTS = [
    *(f"{kind}-{number}" for kind in ("child", "parent", "dwelling") for number in range(1, 16)), "",
        "nobody",
]  # fmt: skip
SAYINGS = [
    *map(str, Reason),
    *[
        "death_removed",
        "child_died",
        "national_opt_out",
        "identity_superseded",
        "delivered",
        "unheard of",
        "recent_move",
    ]
    * 6,
]

PLACES: list[Row] = [
    *({"reason": reason, "recipient": "", "authority": ""} for reason in ("postcode_unknown",
        "postcode_pseudo")),
    *({"reason": reason, "recipient": ""} for reason in ("postcode_imprecise", "reach_area_ambiguous")),
    {"reason": "no_reach_area", "recipient": "", "authority": "E07000218"},
    {"reason": "unheard of"}, {"reason": "postcode_unknown"}, {"recipient": ""}, {"authority": ""},
    {"hospital": True}, {"network": "hubs"}, {"recipient": "elm"}, {"authority": "E07000218"},
]  # fmt: skip


PSEUDONYMS = {"shares": "pseudonyms", "fields": ["pseudonym", "sex"], "household": "each_child"}


def _births(random: Random, size: int, expected: bool) -> tuple[Row, ...]:
    """Rows of births: of their own family, of a sibling of one before, or another version of one before."""
    rows: list[Row] = []
    for reference in random.sample(range(1, size + 1), size):
        rows.append({**_start(random, reference, rows, expected), **_changes(random, expected)})
    if random.random() < 0.6:
        _declare_truly(rows)
    return tuple(rows)


def _start(random: Random, reference: int, before: list[Row], expected: bool) -> Row:
    kind = random.choice(["own", "own", "sibling", "version"])
    if kind == "own" or not before:
        return expecting(reference) if expected else birth(reference)
    again = {**random.choice(before), "reference": reference, "row": reference}
    if kind == "version":
        return again
    return {**again, "child": f"child-{reference}", "birth_order": again["birth_order"] + 1}


def _changes(random: Random, expected: bool) -> Row:
    if random.random() < 0.25:
        return random.choice(PREGNANCIES if expected else STORIES)
    values = VALUES | {"date_of_birth": EXPECTED} if expected else VALUES
    columns = random.sample(sorted(values), random.choice([0, 0, 0, 1, 1, 2]))
    return {column: random.choice(values[column]) for column in columns}


def _declare_truly(rows: list[Row]) -> None:
    """Each row says as many births as there are children of its parent."""
    for row in rows:
        children = {other["child"] for other in rows if other["parent"] == row["parent"]}
        row["number_of_births"] = len(children)


def _agreement(random: Random) -> Agreement:
    """Any agreement that can be written about these births."""
    about = random.choice([_about_births, _about_births, _about_expected_births])
    shares: dict[str, Any] = random.choice([*[{}] * 6, NUMBERS, PSEUDONYMS])
    if about is _about_expected_births:
        shares = {}
    confidentiality = shares.get("confidentiality") or _permission(random, about)
    names = ["looked_after", "adoption", "safeguarding", "parent_died", "in_hospital", "parent_under_16"]
    return agreement(**{
        "cohort": about(random) | {"settling_days": random.choice([0, 14])},
        "exclusions": {name: random.random() < 0.7 for name in names},
        "household": random.choice(["one_card", "each_child"]),
        **(NAMED if random.random() < 0.25 else {}),
        **shares,
        "confidentiality": confidentiality | {"national_opt_out": random.random() < 0.7},
    })  # fmt: skip


def _permission(random: Random, about: Callable[[Random], Row]) -> Row:
    if random.random() < 0.3:
        return NOTICE | {"objection_days": random.choice([0, 14, 30])}
    return {
        "scope": random.choice([None, "childrens_centre"]),
        "antenatal_days": random.choice([0, 30] if about is _about_births else [30, *[280] * 5]),
        "max_age_days": random.choice([None, 14, 60]),
    }


def _about_births(random: Random) -> Row:
    return {
        "months_back": random.choice([0, 2, 2, 6]),
        "minimum_age_days": random.choice([0, 0, 14, 16]),
        "maximum_age_days": random.choice([None, 45, 120]),
    }


def _about_expected_births(random: Random) -> Row:
    return EXPECTING["cohort"] | {
        "months_ahead": random.choice([0, 2, 8, 8, 8, 8]),
        "minimum_gestation_days": random.choice([0, 84, 84, 200]),
    }


def _placement(random: Random, reference: int, agreed: Agreement) -> Row:
    where = {"network": agreed.recipients.placed_in}
    if agreed.recipients.named:
        where["recipient"] = ""
    return placed(reference, **where | (random.choice(PLACES) if random.random() < 0.15 else {}))


def _answer(random: Random) -> Row:
    """An answer in the companion file about a child that may be there."""
    return answer(
        random.choice(SUBJECTS[:15]),
        person=random.choice(["father", "father", "mother", "carer", ""]),
        answer=random.choice(["given", "given", "given", "refused", "withdrawn"]),
        date=random.choice([date(2026, 10, 21), date(2026, 10, 21), *DATES]),
        scope=random.choice(["childrens_centre", "childrens_centre", "library"]),
        wording=random.choice(["form-2025", "form-2025", "form-2019"]),
    )


def _disclosure(random: Random) -> Row:
    return {
        "child": random.choice(SUBJECTS[:15]),
        "agreement": random.choice(["welcome-card", "welcome-card", "another"]),
        "recipient": random.choice(["oak", "oak", "elm", "agency"]),
        "month": random.choice(["2026-09", "2026-09", "2026-10", "2026-12"]),
    }


def _word(random: Random) -> Row:
    return word(random.choice(SUBJECTS), random.choice(SAYINGS), random.choice(UPDATED))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Everything that a decision may rest on."""
    size, random = draw(st.integers(1, 40)), draw(st.randoms(use_true_random=True))
    agreed = _agreement(random)
    return World(
        births=_births(random, size, agreed.cohort.of == "expected_births"),
        placements=tuple(_placement(random, reference + 1, agreed) for reference in range(size)),
        suppressions=tuple(_word(random) for _ in range(random.choice([0, 2, 4, 8]))),
        disclosures=tuple(_disclosure(random) for _ in range(random.choice([0, 2, 4]))),
        answers=tuple(_answer(random) for _ in range(random.choice([0, 0, 2, 5, 10]))),
        agreement=agreed,
        moment=MOMENT
        + timedelta(days=random.choice([0, 0, 0, 0, -1, 1, 13, 60]), hours=random.choice([-9, 0, 14])),
        demonstration=random.random() < 0.3,
    )


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    """Any agreement."""
    return _agreement(draw(st.randoms(use_true_random=True)))


@st.composite
def words(draw: st.DrawFn) -> Row:
    """One later word about somebody."""
    return _word(draw(st.randoms(use_true_random=True)))
