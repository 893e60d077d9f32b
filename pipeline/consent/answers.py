"""What parents answered: a frame of its own, one row for each answer.

Answers come from the births' own rows and from the companion file, where several persons of a family
may have answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.consent.groups import Groups, several
from pipeline.consent.versions import Versions
from pipeline.errors import IntegrityError
from pipeline.records import ANSWER_COLUMNS, ANSWERS, declared

GIVEN, REFUSED, WITHDRAWN = "given", "refused", "withdrawn"
KNOWN = (GIVEN, REFUSED, WITHDRAWN)

# What forms and systems write for whoever answered. Two parents can both be "the parent", so such an answer
# counts as nobody's by name, and is never overtaken.
NOT_ONE_PERSON = frozenset({
    "", "parent", "parents", "both", "both parents", "carer", "carers", "guardian", "family", "other",
    "unknown", "not known", "not stated", "none", "n/a",
})  # fmt: skip

# records.ANSWERS about the births of a decision: `child` is the number of `Versions`.
NUMBERED = ANSWERS | {"child": "intp"}


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers that stand at the moment of decision."""

    standing: pd.DataFrame = field(repr=False)  # NUMBERED
    companion: Groups = field(repr=False)  # children about whom the companion file's word stands

    @classmethod
    def of(
        cls, births: pd.DataFrame, versions: Versions, companion: pd.DataFrame, today: pd.Timestamp
    ) -> Answers:
        """Weigh the births' own answers and the companion file's (records.ANSWERS) together."""
        _check(companion)
        own, theirs = in_births(births, versions), _numbered(companion, births, versions)
        stand = standing(pd.concat([own, theirs], ignore_index=True) if len(theirs) else own, today)
        return cls(stand, stand.loc[stand.index >= len(own), "child"].to_numpy())

    def about(self, answer: str) -> pd.Series[int]:
        """The children about whom that answer stands."""
        return self.standing.loc[self.standing["answer"] == answer, "child"]


def in_births(births: pd.DataFrame, versions: Versions) -> pd.DataFrame:
    """The answers that the births carry, as NUMBERED.

    A refusal or withdrawal counts from any version of a child's row. A permission counts only from
    the newest: what a later version no longer says was taken back.
    """
    status = births["consent_status"]
    counts = status.isin([REFUSED, WITHDRAWN]) | ((status == GIVEN) & versions.newest)
    answers = births.loc[counts, list(ANSWER_COLUMNS)].rename(columns=ANSWER_COLUMNS)
    own = answers.assign(child=versions.child[counts], person=one_person(answers["person"]))
    return declared(own, NUMBERED).reset_index(drop=True)


def one_person(person: pd.Series[str]) -> pd.Series[str]:
    """Who answered; blank where the word does not tell one person from another."""
    words = pd.Series(person.unique(), dtype="str")
    vague = words[words.str.strip().str.lower().isin(NOT_ONE_PERSON)]
    return person.mask(person.isin(vague), "")


def _numbered(companion: pd.DataFrame, births: pd.DataFrame, versions: Versions) -> pd.DataFrame:
    """The companion file's answers about these births, as NUMBERED."""
    numbers = versions.numbers(births, companion["child"])
    theirs = companion.assign(child=numbers, person=one_person(companion["person"]))
    return declared(theirs[numbers >= 0], NUMBERED)


def standing(answers: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """The newest answer of each person about each child; answers of one day all stand.

    An answer without a date, or without the person who gave it, is never overtaken, and a permission
    from after the moment of decision overtakes nothing.
    """
    rivals = answers[_of_several(answers)]
    to_come = (rivals["answer"] == GIVEN) & (rivals["date"] > today)
    credible = rivals["date"].where(~to_come)
    latest = credible.groupby([rivals["child"], rivals["person"]]).transform("max")
    overtaken = (rivals["date"] < latest) & (rivals["person"] != "")
    return answers.drop(rivals.index[overtaken])


def conflicting(answers: pd.DataFrame) -> pd.Series[int]:
    """Children about whom two persons' standing answers differ."""
    differ = answers[_of_several(answers)].groupby("child")[["person", "answer"]].nunique() > 1
    return pd.Series(differ.index[differ.all(axis=1)], dtype="intp")


def _of_several(answers: pd.DataFrame) -> pd.Series[bool]:
    """Answers about a child of whom there is another."""
    rows = several(answers["child"].to_numpy(), np.ones(len(answers), dtype="bool"))
    return pd.Series(rows, index=answers.index)


def _check(companion: pd.DataFrame) -> None:
    """Raises IntegrityError for an answer that is about nobody, or that we do not know."""
    if (companion["child"] == "").any():
        raise IntegrityError("An answer reached the decision without the child's reference", where="child")
    if not companion["answer"].isin(KNOWN).all():
        raise IntegrityError("An answer reached the decision that nobody agreed", where="answer")
