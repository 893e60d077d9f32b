"""What rows that are set aside say all the same: whom they name, and what they tell against sharing.

A row that breaks a rule gives no permission, and takes none back in silence either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.reasons import Reason
from pipeline.records import UNREAD, declared, dwelling_parts, keyed_references
from pipeline.validation import beside
from pipeline.validation.expected import GOES_ON
from pipeline.validation.rows import Mask, Rows

if TYPE_CHECKING:
    from pipeline.validation.checks import Checked

# By dataset: what a row is about, and of which subjects nobody knows what else was said.
_ABOUT = {
    "births": ("child", ["nhs_number"]),
    "expected_births": ("pregnancy", ["nhs_number", "pregnancy_id"]),
}
_NAMED = {
    "births": {"child": "nhs_number", "parent": "parent_nhs_number"},
    "expected_births": {"parent": "nhs_number"},
}
_TEN = 10  # digits of an NHS number


def unread(checked: Checked, key: bytes) -> pd.DataFrame:
    """Subjects of rows that are set aside, and what those rows say against sharing (records.UNREAD).

    `key` keys the references. A word is said only of a child or pregnancy whose numbers are sound; where they
    are not, nobody knows whom the row means, and its parent and its home stand in for it.
    """
    unsure = checked.failed & np.isin(checked.source, _mistaken(checked))
    found = [*_named(checked, key), *_standing_in(checked, unsure, key)]
    named = pd.concat(found, ignore_index=True).assign(word="", since=np.datetime64("NaT", "s"))
    said = [*_said(checked, checked.failed & ~unsure, key)]
    together = declared(pd.concat([named, *said], ignore_index=True), UNREAD)
    return together[together["subject"] != ""].drop_duplicates(ignore_index=True)


def _mistaken(checked: Checked) -> pd.Series:
    """Record numbers of rows whose own numbers break a rule."""
    _, identity = _ABOUT[checked.rows.contract.dataset]
    afterwards = [one.id for one in checked.rows.contract.rules if one.check in beside.CHECKS_AFTERWARDS]
    lines = checked.quarantine
    return lines.loc[lines["field"].isin(identity) & ~lines["rule"].isin(afterwards), "row"]


def _named(checked: Checked, key: bytes) -> Iterator[pd.DataFrame]:
    rows = checked.rows.text[checked.failed]
    for kind, column in _NAMED[checked.rows.contract.dataset].items():
        yield _subjects(keyed_references(key, kind, _digits(rows[column])), kind)


def _standing_in(checked: Checked, unsure: Mask, key: bytes) -> Iterator[pd.DataFrame]:
    rows = checked.rows.text[unsure]
    yield _subjects(
        keyed_references(key, "dwelling", *dwelling_parts(rows["address_line_1"], rows["postcode"])),
        "stand_in",
    )
    if "parent_nhs_number" in rows:
        yield _subjects(keyed_references(key, "parent", _digits(rows["parent_nhs_number"])), "stand_in")


def _digits(numbers: pd.Series) -> list[str]:
    """NHS numbers as sound rows have them: what is written between ten digits makes nobody another."""
    bare = numbers.str.replace("[^0-9]", "", regex=True)
    return bare.where(bare.str.len() == _TEN, numbers).tolist()


def _said(checked: Checked, sure: Mask, key: bytes) -> Iterator[pd.DataFrame]:
    about, identity = _ABOUT[checked.rows.contract.dataset]
    for word, says in _against(checked.rows).items():
        rows = checked.rows.text[sure & says]
        subjects = keyed_references(key, about, *(rows[name].tolist() for name in identity))
        since = checked.rows.dates["last_updated"][rows.index].to_numpy()
        yield _subjects(subjects, "child").assign(word=str(word), since=since)


def _subjects(references: list[str], kind: str) -> pd.DataFrame:
    return pd.DataFrame({"subject": references, "kind": kind}, dtype="str")


def _against(rows: Rows) -> dict[Reason, Mask]:
    """By word, which rows say it."""
    said = {
        Reason.CONSENT_REFUSED: rows.holds("consent_status", ["refused"]),
        Reason.CONSENT_WITHDRAWN: rows.holds("consent_status", ["withdrawn"]),
        Reason.OBJECTED: rows.filled("objection_date"),
        Reason.RESTRICTED_RECORD: ~rows.holds("confidentiality", ["", "U"]),
    }
    if rows.contract.dataset == "expected_births":
        return said | {
            Reason.CHILD_DIED: ~rows.holds("parent_death_status", ["", "U"]),
            Reason.SUPPRESSED: ~rows.holds("pregnancy_status", GOES_ON),
        }
    return said | {
        Reason.CHILD_DIED: ~rows.holds("death_status", ["", "U"]) | rows.filled("date_of_death"),
        Reason.SUPPRESSED: ~rows.holds("live_or_still_birth", ["", "1"]),
    }
