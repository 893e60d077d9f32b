"""What the demonstration's authority has heard since the extract was made: its suppression list.

An extract cannot show these cases: a family in a refuge, a child whose identity was replaced, a
death that became known on the day of the run. They are recorded by keyed reference, as anywhere.
"""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.reasons import Reason
from pipeline.records import SUPPRESSIONS, declared, dwelling_parts, keyed_references

_STORIES = (
    (Reason.SUPPRESSED, "dwelling", "The address is on the authority's list: a family is protected there."),
    (Reason.SUPPRESSED, "parent", "The parent asked the authority not to be contacted."),
    (Reason.IDENTITY_SUPERSEDED, "child", "The NHS number was replaced; nobody may link old and new."),
    (Reason.CHILD_DIED, "child", "The death became known after the extract was made."),
)


def record_later_words(home: Home, extract: Path, cases: Path, *, now: datetime) -> None:
    """Record one later word for each story, about ordinary families whose parents said yes.

    Adds them to the table of hard cases (record_id, story, expected reason).
    """
    families = _ordinary(pd.read_csv(extract, dtype="str", keep_default_na=False))
    chosen = families.head(len(_STORIES))
    stories = _STORIES[: len(chosen)]
    words = pd.DataFrame(
        {
            "subject": [
                _reference(home, kind, family)
                for (_, kind, _), (_, family) in zip(stories, chosen.iterrows(), strict=True)
            ],
            "word": [str(reason) for reason, _, _ in stories],
            "since": np.datetime64(now.date(), "s"),
        }
    )
    with opened_ledger(home) as ledger:
        ledger.suppress(declared(words, SUPPRESSIONS), now)
    with cases.open("a", encoding="utf-8", newline="") as table:
        for (reason, _, story), record in zip(stories, chosen["record_id"], strict=True):
            csv.writer(table).writerow((record, story, reason))


def _ordinary(extract: pd.DataFrame) -> pd.DataFrame:
    """Single births with a recorded yes and a parent's NHS number that are not hard cases already."""
    told = (extract["consent_status"] == "given") & (extract["number_of_births"] == "1")
    plain = ~extract["record_id"].str.startswith("case-") & (extract["parent_nhs_number"] != "")
    return extract[told & plain]


def _reference(home: Home, kind: str, family: pd.Series) -> str:
    parts = {
        "child": [[family["nhs_number"]]],
        "parent": [[family["parent_nhs_number"]]],
        "dwelling": dwelling_parts(family[["address_line_1"]], family[["postcode"]]),
    }[kind]
    return keyed_references(home.secret("subject.key"), kind, *parts)[0]
