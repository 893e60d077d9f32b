"""A small world in plain records: births, places, later words, one agreement, one moment.

The engine reads it as frames, the interpreter as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.consent.decide import decide
from pipeline.contract import load_contract
from pipeline.reasons import Outcome, unpack
from pipeline.records import ANSWERS, BIRTH_KEYS, DISCLOSURES, PLACEMENTS, SUPPRESSIONS, Month

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
    "powers": [{"says": "Childcare Act 2006", "as_of": date(2026, 1, 1)}],
    "lawful_basis": {
        "article_6": {"says": "6(1)(e)", "as_of": date(2026, 1, 1)}, "article_9": None,
    },
    "confidentiality": {
        "permission": "consent", "basis": {"says": "the parents agreed", "as_of": date(2026, 1, 1)},
        "scope": "childrens_centre", "wordings": ["form-2025"], "max_age_days": 60,
    },
    "cohort": {
        "residents_of": ["E07000031"], "months_back": 2, "minimum_age_days": 14, "maximum_age_days": 120,
        "settling_days": 14,
    },
    "recipients": {"network": "centres", "kinds": ["childrens_centre"]},
    "fields": ["address"],
    "use": {"permitted": ["Post one card."]},
    "retention_days": 90,
    "release": {"roles": ["data lead"]},
    "dates": {"starts": date(2026, 1, 1), "review_by": date(2027, 1, 1), "expires": date(2028, 1, 1)},
    "approvers": ["caldicott guardian"],
}  # fmt: skip

NOTICE = {"permission": "notice", "objection_days": 14, "wordings": [], "scope": None, "max_age_days": None}

# What turns the sample agreement into one about expected births, one to a recipient by name, or one on
# numbers alone.
EXPECTING = {
    "confidentiality": {"antenatal_days": 280},
    "cohort": {
        "of": "expected_births", "months_back": 0, "months_ahead": 8,
        "minimum_age_days": 0, "maximum_age_days": None, "minimum_gestation_days": 84,
    },
}  # fmt: skip
NAMED = {"recipients": {"network": None, "named": "agency"}}
NUMBERS = {
    "shares": "totals", "fields": [], "totals": {"source": "extract", "rounding": "nhs_england_5"},
    "confidentiality": NOTICE | {"permission": "not_needed", "objection_days": None},
}  # fmt: skip


def agreement(**parts: Any) -> Agreement:
    """The sample agreement (opt-in) with parts of its sections, or whole values, replaced."""
    changed = {
        name: {**_AGREEMENT.get(name, {}), **part} if isinstance(part, dict) else part
        for name, part in parts.items()
    }
    return Agreement.model_validate({**_AGREEMENT, **changed})


def birth(reference: int = 1, **changes: Any) -> Row:
    """The spotless birth, of its own family where the reference says so, with changes."""
    own = {"reference": reference, "row": reference, "child": f"child-{reference}"}
    family = {"parent": f"parent-{reference}", "dwelling": f"dwelling-{reference}"}
    blank = {column: _BLANK[dtype] for column, dtype in COLUMNS.items()}
    return {**blank, **SPOTLESS, **own, **family, **changes}


def expecting(reference: int = 1, **changes: Any) -> Row:
    """A pregnancy with nothing against it, of a woman of its own, with changes."""
    to_come = {"date_of_birth": date(2027, 2, 20), "birth_order": 0, "given_name": ""}
    return birth(reference, **(to_come | changes))


def answer(child: str, **changes: Any) -> Row:
    """An answer in the companion file, by default the father's yes."""
    yes = {"answer": "given", "date": date(2026, 10, 21), "scope": "childrens_centre", "wording": "form-2025"}
    return {"child": child, "person": "father", **yes, **changes}


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


PARTS = ("births", "placements", "suppressions", "disclosures", "answers")


@dataclass(frozen=True)
class World:
    """All inputs of one decision."""

    births: tuple[Row, ...]
    placements: tuple[Row, ...]
    suppressions: tuple[Row, ...] = ()
    disclosures: tuple[Row, ...] = ()
    answers: tuple[Row, ...] = ()
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
        return {
            "month": self.month, "moment": self.moment, "demonstration": self.demonstration,
            "answers": frame(self.answers, ANSWERS),
        }  # fmt: skip

    def decide(self) -> pd.DataFrame:
        """The engine's decisions."""
        return decide(*self.frames, self.agreement, **self.setting)


def elsewhere(world: World, offset: int) -> World:
    """The same world with references and subjects of its own."""

    def moved(row: Row) -> Row:
        subjects = {
            column: f"{row[column]}/{offset}"
            for column in ("child", "parent", "dwelling", "subject")
            if row.get(column)
        }
        return {**row, **subjects, **({"reference": row["reference"] + offset} if "reference" in row else {})}

    return replace(world, **{part: tuple(map(moved, getattr(world, part))) for part in PARTS})


def together(worlds: Sequence[World]) -> World:
    """Worlds that have nobody in common, under the first one's agreement and at its moment."""
    parts = {part: tuple(row for world in worlds for row in getattr(world, part)) for part in PARTS}
    return replace(worlds[0], **parts)


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
