"""Births, decisions and an agreement small enough to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from pipeline.agreements.model import Agreement
from pipeline.contract import load_contract
from pipeline.lists.compile import FamilyList, compile_list
from pipeline.lists.telling import Told
from pipeline.lists.totals import AreaNumbers
from pipeline.reasons import Outcome
from pipeline.records import AREAS, BIRTH_KEYS, DECISIONS, PLACEMENTS, Month, declared

OCTOBER = Month(2026, 10)
REFERENCE_KEY = bytes(range(32))
PSEUDONYM_KEY = bytes(range(32))

AGREEMENT = Agreement.model_validate(
    {
        "id": "welcome-card",
        "version": 2,
        "title": "Welcome cards for families who agreed",
        "purpose": "To post a welcome card to each new family.",
        "parties": [
            {"name": "A health trust", "role": "controller"},
            {"name": "A council", "role": "controller"},
        ],
        "suppliers": ["chis"],
        "powers": [{"says": "Childcare Act 2006", "as_of": "2026-01-01"}],
        "lawful_basis": {"article_6": {"says": "6(1)(e)", "as_of": "2026-01-01"}, "article_9": None},
        "confidentiality": {
            "permission": "consent",
            "basis": {"says": "the parents agreed", "as_of": "2026-01-01"},
            "wordings": ["form-1"],
        },
        "cohort": {"residents_of": ["E07000222"], "months_back": 2},
        "recipients": {"network": "centres", "kinds": ["childrens_centre"]},
        "fields": ["child_name", "parent_name", "address", "date_of_birth"],
        "totals": {"source": "extract", "rounding": "nhs_england_5"},
        "use": {"permitted": ["Post one card to each family."], "forbidden": ["Visit a family."]},
        "retention_days": 90,
        "release": {"roles": ["data_lead"]},
        "dates": {"starts": "2026-01-01", "review_by": "2027-01-01", "expires": "2028-01-01"},
        "approvers": ["caldicott_guardian"],
    }
)

EXPECTED = {"cohort": {"of": "expected_births", "residents_of": ["E07000222"]}, "totals": None}
TOTALS = {
    "shares": "totals",
    "fields": [],
    "confidentiality": {
        "permission": "not_needed",
        "basis": {"says": "numbers point to nobody", "as_of": "2026-01-01"},
    },
}

PLAIN_BIRTH = {
    "supplier": "chis",
    "birth_order": 1,
    "live_or_still_birth": "1",
    "number_of_births": 1,
    "given_name": "Ava",
    "family_name": "Smith",
    "parent_given_name": "Jane",
    "parent_family_name": "Smith",
    "address_line_1": "1 High Street",
    "address_line_4": "Leamington Spa",
    "postcode": "CV31 1AA",
    "date_of_birth": "2026-10-05",
    "language": "Polish",
    "sex": "2",
    "nhs_number": "9990000018",
    "last_updated": "2026-11-01",
}


def births_of(*rows: dict[str, Any]) -> pd.DataFrame:
    """Births as validation hands them on; each row says only what matters to the test."""
    types = load_contract().dtypes | BIRTH_KEYS
    blanks = {"int16": 0, "int64": 0, "datetime64[s]": None}
    filled = [
        {name: blanks.get(dtype, "") for name, dtype in types.items()}
        | PLAIN_BIRTH
        | {"reference": number, "row": number, "child": f"child-{number}", "dwelling": f"home-{number}"}
        | row
        for number, row in enumerate(rows, start=1)
    ]
    frame = pd.DataFrame(filled, columns=list(types))
    for name, dtype in types.items():
        if dtype == "datetime64[s]":
            frame[name] = pd.to_datetime(frame[name])
    return declared(frame, types)


def decisions_of(births: pd.DataFrame, *rows: dict[str, Any]) -> pd.DataFrame:
    """One decision for each birth: shared with centre-1, a household of its own, unless a row says else."""
    plain = {"supplier": "chis", "recipient": "centre-1", "outcome": int(Outcome.SHARE), "reasons": 0}
    stated = [*rows, *({} for _ in range(len(births) - len(rows)))]
    filled = [
        plain | {"reference": reference, "child": child, "household": reference} | row
        for reference, child, row in zip(births["reference"], births["child"], stated, strict=True)
    ]
    return declared(pd.DataFrame(filled, columns=list(DECISIONS)), DECISIONS)


def placements_of(births: pd.DataFrame, *rows: dict[str, Any]) -> pd.DataFrame:
    """One placement for each birth: in the area of centre-1, unless a row says else."""
    plain = {
        "network": "centres", "status": "placed", "reason": "", "recipient": "centre-1",
        "matched": "ward", "authority": "E07000222", "hospital": False,
    }  # fmt: skip
    stated = [*rows, *({} for _ in range(len(births) - len(rows)))]
    filled = [
        plain | {"reference": reference} | row
        for reference, row in zip(births["reference"], stated, strict=True)
    ]
    return declared(pd.DataFrame(filled, columns=list(PLACEMENTS)), PLACEMENTS)


def with_terms(**terms: Any) -> Agreement:
    """The agreement with other terms."""
    return Agreement.model_validate(AGREEMENT.model_dump() | terms)


def with_fields(*fields: str) -> Agreement:
    """The agreement with other fields, and what the model asks of an agreement with such fields."""
    if "pseudonym" in fields:
        return with_terms(fields=fields, shares="pseudonyms", household="each_child")
    if "expected_date_of_delivery" in fields:
        return with_terms(fields=fields, **EXPECTED)
    return with_terms(fields=fields)


def areas_of(births: pd.DataFrame, *rows: dict[str, Any]) -> pd.DataFrame:
    """What is known of each birth's area: the same for all, unless a row says else."""
    plain = {
        "ward": "E05000001", "ward_name": "Milverton", "lsoa21": "E01000021", "deprivation_decile": 3,
        "locality": "east", "locality_name": "East Town",
    }  # fmt: skip
    stated = [*rows, *({} for _ in range(len(births) - len(rows)))]
    filled = [
        plain | {"reference": reference} | row
        for reference, row in zip(births["reference"], stated, strict=True)
    ]
    return declared(pd.DataFrame(filled, columns=list(AREAS)), AREAS)


def list_of(
    births: pd.DataFrame,
    decisions: pd.DataFrame | None = None,
    *,
    agreement: Agreement = AGREEMENT,
    areas: pd.DataFrame | None = None,
    kind: str = "childrens_centre",
) -> FamilyList:
    """The list of centre-1 for October 2026."""
    return compile_list(
        births,
        decisions_of(births) if decisions is None else decisions,
        agreement,
        "centre-1",
        OCTOBER,
        AreaNumbers(births=Told(15)),
        kind=kind,
        areas=areas_of(births) if areas is None else areas,
        reference_key=REFERENCE_KEY,
        pseudonym_key=PSEUDONYM_KEY,
    )


def twins(*rows: dict[str, Any]) -> FamilyList:
    """The list of centre-1 when the rows are the children of one household."""
    births = births_of(
        *({"dwelling": "home", "birth_order": order} | row for order, row in enumerate(rows, 1))
    )
    return list_of(births, decisions_of(births, *({"household": 1} for _ in rows)))


class Make:
    """The builders above, for tests."""

    agreement = AGREEMENT
    month = OCTOBER
    births = staticmethod(births_of)
    decisions = staticmethod(decisions_of)
    placements = staticmethod(placements_of)
    totals, expected = TOTALS, EXPECTED
    with_terms = staticmethod(with_terms)
    with_fields = staticmethod(with_fields)
    areas = staticmethod(areas_of)
    list = staticmethod(list_of)
    twins: Callable[..., FamilyList] = staticmethod(twins)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    return Make
