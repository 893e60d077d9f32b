"""A small world in plain records: births, places, later words, one agreement, one moment.

The engine reads it as frames, the interpreter as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.consent.decide import decide
from pipeline.contract import load_contract
from pipeline.reasons import Outcome, unpack
from pipeline.records import BIRTH_KEYS, DISCLOSURES, PLACEMENTS, SUPPRESSIONS, Month

Row = dict[str, Any]

MONTH = Month(2026, 10)
MOMENT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)

COLUMNS = {**load_contract().dtypes, **BIRTH_KEYS}
_BLANK: dict[str, Any] = {"str": "", "int16": 0, "int64": 0, "datetime64[s]": None, "bool": False}

# A birth with nothing against it, of parents who agreed and were told.
SPOTLESS: Row = {
    "reference": 1, "supplier": "trust", "row": 1, "child": "child-1", "parent": "parent-1",
    "dwelling": "dwelling-1", "nhs_number": "4000000004", "date_of_birth": date(2026, 10, 8),
    "live_or_still_birth": "1", "number_of_births": 1, "birth_order": 1,
    "given_name": "Given", "family_name": "Family", "parent_date_of_birth": date(1996, 5, 1),
    "address_line_1": "1 Sample Street", "address_line_3": "Town", "postcode": "AA1 1AA",
    "in_hospital": "N", "confidentiality": "U",
    "looked_after": "N", "adoption": "N", "safeguarding": "N",
    "consent_status": "given", "consent_date": date(2026, 10, 20), "consent_scope": "childrens_centre",
    "consent_wording": "form-2025", "consent_given_by": "mother", "notice_date": date(2026, 10, 10),
    "last_updated": datetime(2026, 10, 25, 12, 0),
}  # fmt: skip

PLACED: Row = {
    "reference": 1, "network": "centres", "status": "placed", "reason": "", "recipient": "oak",
    "matched": "postcode", "authority": "E07000031", "hospital": False,
}  # fmt: skip

_AGREEMENT: dict[str, Any] = {
    "id": "welcome-card", "version": 1, "title": "Welcome card", "purpose": "Post a welcome card.",
    "parties": [
        {"name": "Council", "role": "controller"}, {"name": "Trust", "role": "supplier"},
    ],
    "suppliers": ["trust"],
    "lawful_basis": {"article_6": "6(1)(e)"},
    "confidentiality": {
        "permission": "consent", "scope": "childrens_centre", "wordings": ["form-2025"], "max_age_days": 60,
    },
    "cohort": {
        "residents_of": ["E07000031"], "months_back": 2, "minimum_age_days": 14, "maximum_age_days": 120,
        "settling_days": 14,
    },
    "recipients": {"network": "centres", "kind": "childrens_centre"},
    "fields": ["address"],
    "use": {"permitted": ["Post one card."]},
    "retention_days": 90,
    "release": {"roles": ["data lead"]},
    "dates": {"starts": date(2026, 1, 1), "review_by": date(2027, 1, 1), "expires": date(2028, 1, 1)},
    "approvers": ["caldicott guardian"],
}  # fmt: skip

NOTICE = {"permission": "notice", "objection_days": 14, "wordings": [], "scope": None, "max_age_days": None}


def agreement(**parts: dict[str, Any]) -> Agreement:
    """The sample agreement (opt-in) with parts of its sections replaced."""
    changed = {name: {**_AGREEMENT.get(name, {}), **part} for name, part in parts.items()}
    return Agreement.model_validate({**_AGREEMENT, **changed})


def birth(reference: int = 1, **changes: Any) -> Row:
    """The spotless birth, of its own family where the reference says so, with changes."""
    own = {"reference": reference, "row": reference, "child": f"child-{reference}"}
    family = {"parent": f"parent-{reference}", "dwelling": f"dwelling-{reference}"}
    blank = {column: _BLANK[dtype] for column, dtype in COLUMNS.items()}
    return {**blank, **SPOTLESS, **own, **family, **changes}


def placed(reference: int = 1, **changes: Any) -> Row:
    """A placement on the sample's reach area, with changes."""
    return {**PLACED, "reference": reference, **changes}


def word(subject: str, said: str, since: datetime | None = datetime(2026, 11, 1)) -> Row:
    """A later word about a subject."""
    return {"subject": subject, "word": said, "since": since}


@dataclass(frozen=True)
class Decision:
    """What was decided about one row."""

    outcome: str
    reasons: frozenset[str]
    household: int
    recipient: str


@dataclass(frozen=True)
class World:
    """All inputs of one decision."""

    births: tuple[Row, ...]
    placements: tuple[Row, ...]
    suppressions: tuple[Row, ...] = ()
    disclosures: tuple[Row, ...] = ()
    agreement: Agreement = field(default_factory=agreement)
    month: Month = MONTH
    moment: datetime = MOMENT
    demonstration: bool = False

    @classmethod
    def of(cls, *births: Row, **others: Any) -> World:
        """A world of these births, all placed unless told otherwise."""
        placements = tuple(placed(row["reference"]) for row in births)
        return cls(births, others.pop("placements", placements), **others)

    def with_words(self, *words: Row) -> World:
        """The same world, and these later words."""
        return replace(self, suppressions=(*self.suppressions, *words))

    @property
    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Births, placements, suppressions and disclosures as the rooms hand them on."""
        return (
            frame(self.births, COLUMNS), frame(self.placements, PLACEMENTS),
            frame(self.suppressions, SUPPRESSIONS), frame(self.disclosures, DISCLOSURES),
        )  # fmt: skip

    @property
    def setting(self) -> dict[str, Any]:
        """What is passed beside the frames."""
        return {"month": self.month, "moment": self.moment, "demonstration": self.demonstration}

    def decide(self) -> pd.DataFrame:
        """The engine's decisions."""
        return decide(*self.frames, self.agreement, **self.setting)


def frame(rows: tuple[Row, ...], columns: dict[str, str]) -> pd.DataFrame:
    """Plain records in declared columns and types."""
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in columns.items()}
    )


def plain(decisions: pd.DataFrame) -> dict[int, Decision]:
    """Decisions by reference, in words."""
    return {
        row.reference: Decision(
            Outcome(row.outcome).word, frozenset(map(str, unpack(row.reasons))), row.household, row.recipient
        )
        for row in decisions.itertuples()
    }
