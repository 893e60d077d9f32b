"""The companion files of a month: what parents answered, beside what the births' own rows say."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.contract import contract_of
from pipeline.ledger.entries import AnswersReceived
from pipeline.records import ANSWERS as COLUMNS
from pipeline.records import Extract, empty
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import ANSWERS, Inputs, answers_used, consents_not_arrived
from pipeline.steps.receiving import received, refusals_recorded, report_to_supplier
from pipeline.steps.results import keep_results
from pipeline.suppliers import drift


def receive_answers(desk: Desk, inputs: Inputs) -> list[Extract]:
    """Open the companion file of every supplier that sends one; a refused file is recorded as refused."""
    found = []
    for supplier, file in inputs.consents.items():
        if file is None:
            raise consents_not_arrived(desk, supplier)
        sealed_sha256 = inputs.digests["consents"][supplier]
        earlier = [one.signed_at for one in answers_used(desk, supplier)]
        kind = contract_of("answers")
        with refusals_recorded(desk, supplier, sealed_sha256):
            extract = received(
                desk, supplier, file, sealed_sha256, contract=kind, recorded=AnswersReceived, earlier=earlier
            )
        found.append(extract)
    return found


def validate_answers(desk: Desk, files: Iterable[Extract]) -> pd.DataFrame:
    """The answers of all suppliers (records.ANSWERS and `supplier`), kept with the month's working files.

    The supplier's report on rows that count for nothing is left in the outbox. Raises RefusalUnusable
    where one of these may be a refusal or a withdrawal.
    """
    from pipeline.validation.answers import validate_answers as validated

    found = [empty({**COLUMNS, "supplier": "str"})]
    for file in files:
        with refusals_recorded(desk, file.supplier, file.sealed_sha256):
            answered = validated(file, reference_key=desk.home.secret("subject.key"))
            report_to_supplier(desk.home, file, answered.checked, "answers")
            keep_results(desk.home, file, answered.checked, "answers")
            answered.check_no_refusal_lost(f"consent answers of {file.supplier} for {desk.month}")
        drift.check(desk, file, answered.checked)
        desk.record_once(
            AnswersReceived(
                supplier=file.supplier,
                sealed_sha256=file.sealed_sha256,
                signer=file.signer,
                signed_at=file.signed_at,
                rows=len(file.frame),
                unusable=answered.checked.quarantined_rows,
            )
        )
        found.append(answered.answers)
    together = pd.concat(found, ignore_index=True)
    desk.staging.put_frame(ANSWERS, together)
    return together


def answers_about(agreement: Agreement, answers: pd.DataFrame) -> pd.DataFrame:
    """What an agreement hears of the answers (records.ANSWERS).

    All that its own suppliers wrote; of the others a refusal or withdrawal alone, since that counts
    wherever it is written.
    """
    ours = answers["supplier"].isin(agreement.suppliers)
    return answers.loc[ours | (answers["answer"] != "given"), list(COLUMNS)].reset_index(drop=True)
