"""From the text of a feed or a list to later words about children, parents, addresses and pregnancies."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from pipeline.contract import contract_of, in_words
from pipeline.errors import IntegrityError
from pipeline.records import SUPPRESSIONS, Extract, declared, dwelling_parts, empty, keyed_references
from pipeline.validation.checks import Checked, check


class RowsUnusable(IntegrityError):
    """A list of later words of which some rows cannot be used."""

    problem = "rows_unusable"


@dataclass(frozen=True)
class Heard:
    """What became of one feed or list: all of its words, or none."""

    words: pd.DataFrame = field(repr=False)  # records.SUPPRESSIONS; no rows where any row cannot be used
    checked: Checked

    def check_whole(self, where: str) -> None:
        """Raises RowsUnusable, with rows, fields and rules, unless every row can be used."""
        rows = self.checked.quarantine["row"].unique()
        if not len(rows):
            return
        raise RowsUnusable(
            f"{len(rows)} row{'s' if len(rows) > 1 else ''} cannot be used ({self.checked.broken})",
            where=f"{where}, {in_words(rows)}",
            do="Nothing of the file was applied: half a list of protected families is worse than none, since "
            "it looks whole. Correct the rows, or have them corrected, and apply the file again.",
        )


def validate_changes(extract: Extract, *, reference_key: bytes) -> Heard:
    """The words of a feed or list, their subjects keyed as births key them.

    Where any row breaks a rule there are no words at all. Raises IntegrityError as `checks.check` does.
    """
    checked = check(extract, contract_of("changes"))
    if checked.quarantined_rows:
        return Heard(empty(SUPPRESSIONS), checked)
    words = checked.frame.assign(subject=_subjects(checked.frame, reference_key))
    return Heard(declared(words, SUPPRESSIONS), checked)


def _subjects(words: pd.DataFrame, key: bytes) -> pd.Series[str]:
    """Whom each word is about, by keyed reference."""
    found = []
    for kind in ("child", "parent", "pregnancy", "address"):
        mine = words[words["subject"] == kind]
        named = {
            "pregnancy": (mine["nhs_number"].tolist(), mine["pregnancy_id"].tolist()),
            "address": dwelling_parts(mine["address_line_1"], mine["postcode"]),
        }.get(kind, (mine["nhs_number"].tolist(),))
        keyed = keyed_references(key, "dwelling" if kind == "address" else kind, *named)
        found.append(pd.Series(keyed, index=mine.index, dtype="str"))
    return pd.concat(found).reindex(words.index)
