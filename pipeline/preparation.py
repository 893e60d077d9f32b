"""From the sealed extract to decisions: intake, validation, geography, consent.

Each step leaves its work in the month's encrypted working files and then records in the ledger
that it is done. `pipeline.releasing` binds that work into a release that a person can decide on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import account, release
from pipeline.agreements.model import Agreement
from pipeline.contract import load_contract
from pipeline.desk import LONDON, Desk
from pipeline.errors import BirthshareError, IntegrityError
from pipeline.inputs import BIRTHS, PLACEMENTS, Inputs, Places, decisions_of, hospitals, not_arrived, used
from pipeline.ledger.entries import (
    Decided,
    ExtractReceived,
    ExtractRefused,
    Placed,
    Validated,
)

if TYPE_CHECKING:
    from pipeline.encryption.opening import Opened
    from pipeline.records import Extract
    from pipeline.validation.checks import Validated as Checked

CLOCK_SLACK = timedelta(hours=1)  # how far a supplier's clock may be ahead of ours


class OutOfTurn(IntegrityError):
    """A supplier's file was not signed when it should have been."""

    problem = "out_of_turn"


class ColumnsMissing(IntegrityError):
    """An extract from which an agreement's exclusions cannot be known."""

    problem = "columns_missing"


class ReceivedBefore(IntegrityError):
    """A supplier's file came a second time, for another month."""

    problem = "received_before"


# --- intake and validation ------------------------------------------------------------------------


def receive(desk: Desk, inputs: Inputs) -> list[Extract]:
    """Open every supplier's file; a file that is refused is recorded as refused."""
    found = []
    for supplier, file in inputs.arrivals.items():
        if file is None:
            raise not_arrived(desk, supplier)
        found.append(_receive_one(desk, supplier, file, inputs.digests["extracts"][supplier]))
    return found


def _receive_one(desk: Desk, supplier: str, file: Path, sealed_sha256: str) -> Extract:
    from pipeline.encryption.opening import open_openpgp
    from pipeline.intake.profiles import load_profile
    from pipeline.intake.readers import as_extract

    settings, contract = desk.home.settings.suppliers[supplier], load_contract()
    try:
        _check_not_used_before(desk, sealed_sha256, file)
        opened = open_openpgp(
            file,
            private_key=desk.home.private_file("keys/decryption.key"),
            signing_key=desk.home.at(settings.signing_key),
            fingerprint=settings.signing_fingerprint,
            max_bytes=settings.max_bytes,
        )
        _check_signed_at(desk, supplier, opened, sealed_sha256, file)
        profile = load_profile(settings.profile, contract)
        extract = as_extract(opened, supplier, desk.month, contract=contract, profile=profile)
        _check_columns(desk, extract)
    except IntegrityError as error:
        _record_refusal(desk, supplier, sealed_sha256, error)
        raise
    desk.record_once(
        ExtractReceived(
            supplier=supplier,
            sealed_sha256=sealed_sha256,
            signer=extract.signer,
            signed_at=extract.signed_at,
            rows=len(extract.frame),
        ),
    )
    return extract


def _check_columns(desk: Desk, extract: Extract) -> None:
    """Raises ColumnsMissing where an exclusion of an agreement could not be applied to this extract."""
    from pipeline.consent.needs import columns_needed

    for one in desk.agreements:
        missing = columns_needed(one.agreement) - set(extract.frame.columns)
        if extract.supplier in one.agreement.suppliers and missing:
            raise ColumnsMissing(
                "The extract lacks columns that an agreement's exclusions need: "
                + ", ".join(sorted(missing)),
                where=f"extract of {extract.supplier} for {desk.month}, agreement {one.agreement.id}",
                do="Ask the supplier for them. Only a new version of the agreement can lift an exclusion.",
            )


def _check_signed_at(desk: Desk, supplier: str, opened: Opened, sealed_sha256: str, file: Path) -> None:
    """Raises OutOfTurn for a file that was exchanged, or signed too early, too late, or before another."""
    if opened.sealed_sha256 != sealed_sha256:
        raise OutOfTurn(
            "The file was exchanged while it was read", where=str(file), do="Run the month again."
        )
    if opened.signed_at > desk.now + CLOCK_SLACK:
        raise OutOfTurn(
            "The file says that it was signed in the future",
            where=str(file),
            do="Ask the supplier about its clock.",
        )
    if opened.signed_at.astimezone(LONDON).date() < desk.month.first_day:
        raise OutOfTurn(
            f"The file was signed before {desk.month} began", where=str(file), do="Ask for this month's file."
        )
    earlier = [one.signed_at for one in used(desk, supplier)]
    if earlier and opened.signed_at < max(earlier):
        raise OutOfTurn(
            f"A newer file of {supplier} for {desk.month} was received before this one",
            where=str(file),
            do="Put the newest file back, or ask the supplier to sign this one again.",
        )


def _check_not_used_before(desk: Desk, sealed_sha256: str, file: Path) -> None:
    """Raises ReceivedBefore for a file that an earlier run took for another month and did not refuse."""
    for entry in desk.ledger.entries(kinds={Validated.kind}):
        known = isinstance(entry.body, Validated) and entry.body.sealed_sha256 == sealed_sha256
        if known and entry.month != str(desk.month):
            raise ReceivedBefore(
                f"This very file was already received for {entry.month}",
                where=str(file),
                do="Ask the supplier for this month's file.",
            )


def validate(desk: Desk, extracts: Iterable[Extract]) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Births of all suppliers, and rows received and quarantined by supplier.

    The supplier's report (row, field, rule, never a value) is left in the outbox.
    """
    from pipeline.validation.checks import validate as check

    births, rows, first = [], {}, 1
    for extract in extracts:
        try:
            valid = check(
                extract,
                contract=load_contract(),
                reference_key=desk.home.secret("subject.key"),
                first_reference=first,
            )
        except IntegrityError as error:
            _record_refusal(desk, extract.supplier, extract.sealed_sha256, error)
            raise
        _check_every_row(extract, valid)
        _report_to_supplier(desk, extract.supplier, valid)
        received, accepted = len(extract.frame), len(valid.births)
        rows[extract.supplier] = {"received": received, "quarantined": valid.quarantined_rows}
        desk.record_once(
            Validated(
                supplier=extract.supplier,
                sealed_sha256=extract.sealed_sha256,
                rows=received,
                accepted=accepted,
                quarantined=dict(valid.by_rule),
            ),
        )
        births.append(valid.births)
        first += received
    together = pd.concat(births, ignore_index=True)
    desk.staging.put_frame(BIRTHS, together)
    return together, rows


def _check_every_row(extract: Extract, valid: Checked) -> None:
    """Raises IntegrityError unless each row of the file is either a birth or in quarantine, once."""
    kept = sorted([*valid.births["row"], *valid.quarantine["row"].unique()])
    if kept != sorted(extract.frame["row"]):
        raise IntegrityError(
            "A row was lost or doubled in validation",
            where=f"extract of {extract.supplier} for {extract.month}",
            do="Nothing is sent. Keep the home as it is and report this.",
        )


def _report_to_supplier(desk: Desk, supplier: str, valid: Checked) -> None:
    from pipeline.reporting import supplier_report

    folder = desk.home.outbox / supplier
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"quarantine_{supplier}_{desk.month}.csv").write_bytes(supplier_report(valid.quarantine))
    summary = json.dumps(valid.summary, indent=2) + "\n"
    (folder / f"validation_{supplier}_{desk.month}.json").write_text(summary, encoding="utf-8")


# --- geography and consent ------------------------------------------------------------------------


def place(desk: Desk, births: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Where each birth belongs, in every network that an agreement names."""
    from pipeline.geography.place import place as place_in

    found = []
    for network in sorted({one.agreement.recipients.network for one in desk.agreements}):
        placed = place_in(
            births[["reference", "postcode"]],
            directory=places.directory,
            reach=places.reach,
            network=network,
            hospital_postcodes=hospitals(desk.home),
        )
        found.append(placed)
        desk.record_once(
            Placed(
                network=network,
                directory_sha256=places.directory_sha256,
                reach_sha256=places.reach_sha256,
                statuses={str(status): int(n) for status, n in placed["status"].value_counts().items()},
            ),
        )
    placements = pd.concat(found, ignore_index=True)
    desk.staging.put_frame(PLACEMENTS, placements)
    return placements


def words_about(desk: Desk, agreement: Agreement, births: pd.DataFrame) -> pd.DataFrame:
    """Later words, and what other suppliers' extracts of the month say (records.SUPPRESSIONS)."""
    from pipeline.consent.words import heard

    later, others = desk.ledger.suppressions(), births[~births["supplier"].isin(agreement.suppliers)]
    return later if others.empty else pd.concat([later, heard(others)], ignore_index=True)


def decide(desk: Desk, births: pd.DataFrame, placements: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every birth decided under every agreement of its supplier."""
    from pipeline.consent.decide import decide as decide_one

    disclosures = desk.ledger.disclosures(before_month=str(desk.month))
    decisions = {}
    for one in desk.agreements:
        agreement = one.agreement
        mine = births[births["supplier"].isin(agreement.suppliers)]
        decided = decide_one(
            mine,
            placements[placements["reference"].isin(mine["reference"])],
            words_about(desk, agreement, births),
            disclosures,
            agreement,
            month=desk.month,
            moment=desk.as_of,
            demonstration=desk.home.settings.authority.demonstration,
        )
        desk.staging.put_frame(decisions_of(agreement.id), decided)
        counted = account.outcomes(decided)
        duplicates = counted.pop("duplicates")
        desk.record_once(
            Decided(
                agreement=agreement.id,
                version=agreement.version,
                digest=one.digest,
                decisions_sha256=release.decisions_digest(decided),
                outcomes=counted,
                reasons=account.reasons(decided),
                duplicates=duplicates,
            ),
        )
        decisions[agreement.id] = decided
    return decisions


def _record_refusal(desk: Desk, supplier: str, sealed_sha256: str, error: BirthshareError) -> None:
    problem = str(getattr(error, "problem", "unusable"))
    desk.record_once(ExtractRefused(supplier=supplier, sealed_sha256=sealed_sha256, problem=problem))
