"""Opening what a supplier sealed, whatever it holds: extract, answers or changes.

The same is asked of each: sealed for us, signed by the agreed key, not in the future, not exchanged
while it was read; and of what comes for one month, that it is this month's newest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.agreed import LONDON
from pipeline.contract import Contract, contract_of
from pipeline.errors import BirthshareError, IntegrityError
from pipeline.home import Home
from pipeline.ledger.entries import AnswersReceived, Entry, ExtractRefused, Validated
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month

if TYPE_CHECKING:
    from pipeline.encryption.opening import Opened
    from pipeline.intake.profiles import Layout
    from pipeline.validation.checks import Checked

CLOCK_SLACK = timedelta(hours=1)  # how far a supplier's clock may be ahead of ours


class OutOfTurn(IntegrityError):
    """A supplier's file was not signed when it should have been."""

    problem = "out_of_turn"


class ReceivedBefore(IntegrityError):
    """A supplier's file came a second time, for another month."""

    problem = "received_before"


def opened_file(home: Home, supplier: str, file: Path, *, sealed_sha256: str, now: datetime) -> Opened:
    """The content of a sealed file, and who signed it when.

    `sealed_sha256` is what the file was known by before. Raises SealRefused and OutOfTurn for a file
    that cannot be trusted, SettingsError where our own keys cannot be used.
    """
    from pipeline.encryption.opening import open_openpgp

    settings = home.settings.suppliers[supplier]
    opened = open_openpgp(
        file,
        private_key=home.private_file("keys/decryption.key"),
        signing_key=home.at(settings.signing_key),
        fingerprint=settings.signing_fingerprint,
        max_bytes=settings.max_bytes,
    )
    if opened.sealed_sha256 != sealed_sha256:
        raise OutOfTurn(
            "The file was exchanged while it was read", where=str(file), do="Run the same command again."
        )
    if opened.signed_at > now + CLOCK_SLACK:
        raise OutOfTurn(
            "The file says that it was signed in the future",
            where=str(file),
            do="Ask the supplier about its clock.",
        )
    return opened


def check_turn(
    supplier: str, file: Path, signed_at: datetime, *, month: Month, earlier: Iterable[datetime]
) -> None:
    """Raises OutOfTurn for a file that was signed before its month began, or before one that was used.

    `earlier` is when the files that were used for this month were signed.
    """
    if signed_at.astimezone(LONDON).date() < month.first_day:
        raise OutOfTurn(
            f"The file was signed before {month} began", where=str(file), do="Ask for this month's file."
        )
    if any(signed_at < one for one in earlier):
        raise OutOfTurn(
            f"A newer file of {supplier} for {month} was received before this one",
            where=str(file),
            do="Put the newest file back, or ask the supplier to sign this one again.",
        )


def check_not_of_another_month(
    ledger: Ledger,
    file: Path,
    sealed_sha256: str,
    *,
    month: Month,
    recorded: type[Validated] | type[AnswersReceived],
) -> None:
    """Raises ReceivedBefore for a file that was `recorded` as used for another month."""
    for entry in ledger.entries(kinds={recorded.kind}):
        same = isinstance(entry.body, recorded) and entry.body.sealed_sha256 == sealed_sha256
        if same and entry.month != str(month):
            raise ReceivedBefore(
                f"This very file was already received for {entry.month}",
                where=str(file),
                do="Ask the supplier for this month's file.",
            )


def layout_of(home: Home, supplier: str, contract: Contract) -> Layout:
    """How the supplier's files differ from that contract; raises SettingsError where that is not known."""
    from pipeline.intake.profiles import for_companion, load_profile

    settings = home.settings.suppliers[supplier]
    own = load_profile(settings.profile, contract_of(settings.dataset), own=home.profiles)
    return own if contract.dataset == settings.dataset else for_companion(own, contract)


def record_refusal(
    ledger: Ledger, supplier: str, sealed_sha256: str, error: BirthshareError, *, month: str, at: datetime
) -> None:
    """Record that a supplier's file was refused, once for each file and problem.

    `month` is blank for a file that is of none.
    """
    problem = str(getattr(error, "problem", "unusable"))
    refused = ExtractRefused(supplier=supplier, sealed_sha256=sealed_sha256, problem=problem)
    known = [entry.body for entry in ledger.entries(month=month, kinds={refused.kind})]
    if refused not in known:
        ledger.append(Entry(refused, month), at=at)


def report_to_supplier(home: Home, supplier: str, file: str, checked: Checked, dataset: str) -> None:
    """Leave in the outbox what was wrong with which rows and fields, and the counts; never a value.

    `file` ends the two names: "quarantine_" + file + ".csv", "validation_" + file + ".json".
    """
    from pipeline.reporting import supplier_report

    folder = home.outbox / supplier
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"quarantine_{file}.csv").write_bytes(supplier_report(checked.quarantine, dataset))
    summary = json.dumps(checked.summary, indent=2) + "\n"
    (folder / f"validation_{file}.json").write_text(summary, encoding="utf-8")
