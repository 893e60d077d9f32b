"""From a companion file's text to parents' answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from pipeline.contract import contract_of, in_words
from pipeline.errors import IntegrityError
from pipeline.records import ANSWER_COLUMNS, ANSWERS, Extract, declared, keyed_references
from pipeline.validation.checks import Checked, check


class RefusalUnusable(IntegrityError):
    """A row that may be a refusal or a withdrawal, and nobody can know whose."""

    problem = "refusal_unusable"


@dataclass(frozen=True)
class Answered:
    """What became of one companion file."""

    answers: pd.DataFrame = field(repr=False)  # records.ANSWERS, and `supplier`
    checked: Checked

    def check_no_refusal_lost(self, where: str) -> None:
        """Raises RefusalUnusable where a row that cannot be used may be a refusal or a withdrawal."""
        bad, rows = self.checked.failed, self.checked.rows
        lost = self.checked.source[bad & (rows.text["consent_status"] != "given").to_numpy()]
        if len(lost):
            raise RefusalUnusable(
                f"{len(lost)} of the answers cannot be used, and may be refusals or withdrawals",
                where=f"{where}, {in_words(lost)}",
                do="Nothing was used: nobody would know whom not to write to. The report in the outbox names "
                "rows and rules; ask the supplier to correct them and send the file again.",
            )


def validate_answers(extract: Extract, *, reference_key: bytes) -> Answered:
    """The answers of a companion file, each child keyed as births key it.

    A row that breaks a rule counts for nothing, which is safe for a permission and for nothing else:
    ask `check_no_refusal_lost`. Raises IntegrityError as `checks.check` does.
    """
    checked = check(extract, contract_of("answers"))
    children = keyed_references(reference_key, "child", checked.frame["nhs_number"].tolist())
    answers = checked.frame.rename(columns=ANSWER_COLUMNS).assign(child=children, supplier=extract.supplier)
    return Answered(declared(answers, {**ANSWERS, "supplier": "str"}), checked)
