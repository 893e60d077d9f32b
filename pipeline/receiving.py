"""Opening what a supplier sealed, whatever it holds: extract, answers or changes.

The same is asked of each: sealed for us, signed by the agreed key, not in the future, not exchanged
while it was read.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.contract import Contract, contract_of
from pipeline.errors import BirthshareError, IntegrityError
from pipeline.home import Home
from pipeline.ledger.entries import Entry, ExtractRefused
from pipeline.ledger.ledger import Ledger

if TYPE_CHECKING:
    from pipeline.encryption.opening import Opened
    from pipeline.intake.profiles import Profile
    from pipeline.validation.checks import Checked

CLOCK_SLACK = timedelta(hours=1)  # how far a supplier's clock may be ahead of ours


class OutOfTurn(IntegrityError):
    """A supplier's file was not signed when it should have been."""

    problem = "out_of_turn"


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


def profile_of(home: Home, supplier: str, contract: Contract) -> Profile:
    """How the supplier's files differ from that contract; raises SettingsError where that is not known."""
    from pipeline.intake.profiles import for_companion, load_profile

    settings = home.settings.suppliers[supplier]
    own = load_profile(settings.profile, contract_of(settings.dataset))
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
