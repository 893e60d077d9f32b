"""What parents answered: a frame of its own, one row for each answer.

Today the answers come from the births themselves; a companion file of answers joins them here.
"""

from __future__ import annotations

import pandas as pd

from pipeline.records import declared

ANSWERS = {
    "child": "str",  # keyed reference
    "person": "str",  # who answered: consent_given_by
    "answer": "str",  # given, refused or withdrawn
    "date": "datetime64[s]",
    "scope": "str",  # kinds of recipient, separated by ";"
    "wording": "str",  # version of the form
}

GIVEN, REFUSED, WITHDRAWN = "given", "refused", "withdrawn"

_FROM_BIRTHS = {
    "consent_given_by": "person", "consent_status": "answer", "consent_date": "date",
    "consent_scope": "scope", "consent_wording": "wording",
}  # fmt: skip


def answers_in(births: pd.DataFrame, newest: pd.Series[bool]) -> pd.DataFrame:
    """The answers that the births carry, as ANSWERS.

    A refusal or withdrawal counts from any version of a child's row. A permission counts only from
    the newest: what a later version no longer says was taken back.
    """
    status = births["consent_status"]
    counts = status.isin([REFUSED, WITHDRAWN]) | ((status == GIVEN) & newest)
    return declared(births[counts].rename(columns=_FROM_BIRTHS), ANSWERS)


def standing(answers: pd.DataFrame) -> pd.DataFrame:
    """The newest answer of each person about each child; answers of one day all stand.

    An answer without a date, or without the person who gave it, is never overtaken.
    """
    latest = answers.groupby(["child", "person"])["date"].transform("max")
    never_overtaken = answers["date"].isna() | (answers["person"] == "")
    return answers[never_overtaken | (answers["date"] == latest)]


def conflicting(answers: pd.DataFrame) -> pd.Series[str]:
    """Children about whom two persons' standing answers differ."""
    several = answers.groupby("child")[["person", "answer"]].nunique() > 1
    return pd.Series(several.index[several.all(axis=1)], dtype="str")
