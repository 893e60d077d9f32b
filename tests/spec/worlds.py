"""Worlds for Hypothesis: mostly sound families, each with a few things against it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from pipeline.agreements.model import Agreement
from pipeline.reasons import Reason
from spec.world import MOMENT, NOTICE, Row, World, agreement, birth, placed, word

TODAY = MOMENT.date()
DAYS = st.sampled_from([0, 1, 13, 14, 15, 16, 45, 60, 61, 120, 121, 200]).map(lambda n: TODAY - timedelta(n))
DATES = st.one_of(st.none(), DAYS, st.just(TODAY + timedelta(1)))
BIRTHDAYS = st.one_of(DAYS, st.sampled_from([date(2026, 10, d) for d in (1, 8, 9, 10, 31)]))
UPDATED = st.one_of(
    st.none(), st.sampled_from([datetime(2026, 10, 25, 12), datetime(2026, 10, 26), datetime(2026, 11, 9)])
)
FLAGS = st.sampled_from(["N", "Y", "", "?"])
DEATHS = st.sampled_from(["", "1", "2", "U", "U", "9"])

# Every column that a decision looks at, and what may stand there.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "parent": st.sampled_from(["", "parent-1", "parent-2"]),
    "dwelling": st.sampled_from(["", "dwelling-1", "dwelling-2"]),
    "family_name": st.sampled_from(["", "Family", "FAMILY", "Other"]),
    "nhs_number": st.sampled_from(["4000000004", "9990000026", "5000000000", "8000000000", "4", "7000000002"]),
    "date_of_birth": BIRTHDAYS,
    "live_or_still_birth": st.sampled_from(["1", "2", "3", "4", "5", "", "9"]),
    "number_of_births": st.sampled_from([0, 1, 2, 2, 3, 9]),
    "birth_order": st.sampled_from([0, 1, 2, 8, 9]),
    "death_status": DEATHS,
    "date_of_death": DATES,
    "parent_date_of_birth": st.sampled_from([None, date(2010, 10, 8), date(2010, 10, 9), date(1990, 1, 1)]),
    "parent_death_status": DEATHS,
    "address_line_1": st.sampled_from(["1 Sample Street", "1, SAMPLE street", "2 Sample Street", "", " "]),
    "address_line_2": st.sampled_from(["", "Flat 1", "-"]),
    "postcode": st.sampled_from(["AA1 1AA", "aa11aa", "BB1 1BB", ""]),
    "address_since": DATES,
    "in_hospital": FLAGS,
    "confidentiality": st.sampled_from(["U", "", "R", "V", "S", "?"]),
    "looked_after": FLAGS,
    "adoption": FLAGS,
    "safeguarding": FLAGS,
    "consent_status": st.sampled_from(["given", "given", "refused", "withdrawn", "not_asked", "", "perhaps"]),
    "consent_date": DATES,
    "consent_scope": st.sampled_from(["childrens_centre", "library", "library; childrens_centre", ""]),
    "consent_wording": st.sampled_from(["form-2025", "form-2019", ""]),
    "consent_given_by": st.sampled_from(["mother", "father", ""]),
    "notice_date": DATES,
    "objection_date": DATES,
    "last_updated": UPDATED,
}

SUBJECTS = st.sampled_from([
    *(f"{kind}-{number}" for kind in ("child", "parent", "dwelling") for number in (1, 2, 3)), "", "nobody",
])  # fmt: skip
SAYINGS = st.sampled_from([*map(str, Reason), "death_removed", "death_removed", "child_died", "unheard of"])

CHANGES = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(lambda column: st.tuples(st.just(column), VALUES[column])),
    max_size=3,
).map(dict)


@st.composite
def families(draw: st.DrawFn) -> list[Row]:
    """Rows of one to five: single births, siblings of one delivery, and versions of one child."""
    rows: list[Row] = []
    for reference in draw(st.permutations(range(1, draw(st.integers(1, 5)) + 1))):
        kind = draw(st.sampled_from(["own", "own", "sibling", "version"])) if rows else "own"
        rows.append({**_start(kind, reference, rows), **draw(CHANGES)})
    if draw(st.booleans()):
        _declare_truly(rows)
    return rows


def _start(kind: str, reference: int, rows: list[Row]) -> Row:
    if kind == "own":
        return birth(reference)
    first = {**rows[0], "reference": reference, "row": reference}
    if kind == "version":
        return first
    return {**first, "child": f"child-{reference}", "birth_order": len(rows) + 1}


def _declare_truly(rows: list[Row]) -> None:
    """Each delivery says as many births as there are children of its parent."""
    for row in rows:
        children = {other["child"] for other in rows if other["parent"] == row["parent"]}
        row["number_of_births"] = len(children)


@st.composite
def agreements(draw: st.DrawFn) -> Agreement:
    """Any agreement that can be written about these births."""
    opt_in = draw(st.booleans())
    confidentiality: dict[str, Any] = {"national_opt_out": draw(st.booleans())}
    if opt_in:
        confidentiality |= {
            "scope": draw(st.sampled_from([None, "childrens_centre"])),
            "antenatal_days": draw(st.sampled_from([0, 30])),
            "max_age_days": draw(st.sampled_from([None, 14, 60])),
        }
    else:
        confidentiality |= NOTICE | {"objection_days": draw(st.sampled_from([0, 14, 30]))}
    cohort = {
        "months_back": draw(st.sampled_from([0, 2, 6])),
        "minimum_age_days": draw(st.sampled_from([0, 14, 16])),
        "maximum_age_days": draw(st.sampled_from([None, 45, 120])),
        "settling_days": draw(st.sampled_from([0, 14])),
    }
    names = ["looked_after", "adoption", "safeguarding", "parent_died", "in_hospital", "parent_under_16"]
    exclusions = {name: draw(st.booleans()) for name in names}
    return agreement(confidentiality=confidentiality, cohort=cohort, exclusions=exclusions)


@st.composite
def placements(draw: st.DrawFn, references: list[int]) -> list[Row]:
    """Where geography put the births: mostly in an area, sometimes not, sometimes nowhere at all."""
    said = {
        "reason": st.sampled_from([
            "postcode_unknown", "postcode_pseudo", "postcode_imprecise", "no_reach_area",
            "reach_area_ambiguous", "unheard of",
        ]),
        "recipient": st.sampled_from(["", "elm"]),
        "authority": st.sampled_from(["", "E07000218"]),
        "hospital": st.just(True),
        "network": st.just("hubs"),
    }  # fmt: skip
    rows = []
    for reference in references:
        parts = draw(st.lists(st.sampled_from(sorted(said)), max_size=2)) if draw(st.booleans()) else []
        rows.append(placed(reference, **{part: draw(said[part]) for part in parts}))
    return rows


WORDS = st.builds(word, SUBJECTS, SAYINGS, UPDATED)

PAST = st.fixed_dictionaries({
    "child": st.sampled_from(["child-1", "child-2", "child-3"]),
    "agreement": st.sampled_from(["welcome-card", "welcome-card", "another"]),
    "recipient": st.sampled_from(["oak", "oak", "elm"]),
    "month": st.sampled_from(["2026-09", "2026-09", "2026-10", "2026-12"]),
})  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Everything that a decision may rest on."""
    births = draw(families())
    return World(
        births=tuple(births),
        placements=tuple(draw(placements([row["reference"] for row in births]))),
        suppressions=tuple(draw(st.lists(WORDS, max_size=3))),
        disclosures=tuple(draw(st.lists(PAST, max_size=1))),
        agreement=draw(agreements()),
        demonstration=draw(st.booleans()),
    )
