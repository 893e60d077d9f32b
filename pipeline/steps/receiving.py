"""Opening what a supplier sealed, whatever it holds: extract, answers or changes.

The same is asked of each: sealed for us, signed by the agreed key, not in the future, not exchanged
while it was read; and of what comes for one month, that it is this month's newest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.agreed import LONDON
from pipeline.contract import Contract, contract_of
from pipeline.errors import BirthshareError, IntegrityError, SettingsError, WaitingForPerson
from pipeline.home import SETTINGS_FILE, Home
from pipeline.intake.arrivals import SIGNATURES, signatures_of
from pipeline.intake.profiles import files_of
from pipeline.ledger.entries import (
    AnswersReceived,
    Entry,
    ExtractRefused,
    FileFetched,
    Recorded,
    TotalsReceived,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.records import Extract, Month
from pipeline.steps.desk import Desk
from pipeline.suppliers import waiting

if TYPE_CHECKING:
    from pipeline.encryption.opening import Opened
    from pipeline.intake.profiles import Layout
    from pipeline.reporting import SupplierFile
    from pipeline.validation.checks import Checked

CLOCK_SLACK = timedelta(hours=1)  # how far a supplier's clock may be ahead of ours
SHOWN_OF_FILE = 8  # hexadecimal digits in a report's name: with nine, it could be taken for an identifier


class OutOfTurn(IntegrityError):
    """A supplier's file was not signed when it should have been."""

    problem = "out_of_turn"


class ReceivedBefore(IntegrityError):
    """A supplier's file came a second time, for another month."""

    problem = "received_before"


def received(
    desk: Desk,
    supplier: str,
    file: Path,
    sealed_sha256: str,
    *,
    contract: Contract,
    recorded: type[Validated] | type[AnswersReceived] | type[TotalsReceived],
    earlier: Iterable[datetime],
) -> Extract:
    """Open and read a file of the month, which is `recorded` when it is used.

    `earlier` as in `check_turn`. Raises as that, `check_not_of_another_month` and `opened_file` do, and
    IntegrityError where the file is not as agreed.
    """
    from pipeline.intake.files import as_extract

    home, month = desk.home, desk.month
    check_not_of_another_month(desk.ledger, file, sealed_sha256, month=month, recorded=recorded)
    opened = opened_file(home, supplier, file, sealed_sha256=sealed_sha256, ledger=desk.ledger, now=desk.now)
    check_turn(supplier, file, opened.signed_at, month=month, earlier=earlier)
    layout = layout_of(home, supplier, contract)
    return as_extract(opened, supplier, month, contract=contract, layout=layout)


@contextmanager
def refusals_recorded(desk: Desk, supplier: str, sealed_sha256: str) -> Iterator[None]:
    """Where a supplier's file of the month is refused within this block, record that it was."""
    try:
        yield
    except IntegrityError as error:
        record_refusal(desk.ledger, supplier, sealed_sha256, error, month=str(desk.month), at=desk.clock)
        raise


def opened_file(
    home: Home, supplier: str, file: Path, *, sealed_sha256: str, ledger: Ledger | None, now: datetime
) -> Opened:
    """The content of a sealed file, and who signed it when.

    `sealed_sha256` is what the file was known by before. A file that nobody signed, where the settings allow
    that, counts as of when the ledger first heard of it, and is recorded there; without a ledger, as of now.
    Raises SealRefused and OutOfTurn for a file that cannot be trusted, WaitingForPerson for one whose
    signature has not come yet, SettingsError where our own keys cannot be used.
    """
    if files_of(home, supplier).sealed == "zip":
        opened = _opened_zip(home, supplier, file, sealed_sha256, ledger, now)
    else:
        opened = _opened_openpgp(home, supplier, file)
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


def _opened_openpgp(home: Home, supplier: str, file: Path) -> Opened:
    from pipeline.encryption.opening import open_openpgp

    settings = home.settings.suppliers[supplier]
    _check_key_agreed(home, supplier)
    return open_openpgp(
        file,
        private_key=home.private_file("keys/decryption.key"),
        signing_key=home.at(settings.signing_key),
        fingerprint=settings.signing_fingerprint,
        max_bytes=settings.max_bytes,
    )


def _opened_zip(
    home: Home, supplier: str, file: Path, sealed_sha256: str, ledger: Ledger | None, now: datetime
) -> Opened:
    from pipeline.encryption.opening import SealProblem, SealRefused
    from pipeline.encryption.opening_zip import open_signed_zip, open_unsigned_zip

    settings, passphrase = home.settings.suppliers[supplier], home.passphrase(supplier)
    beside = signatures_of(file)
    if len(beside) > 1:
        raise SealRefused(SealProblem.SEVERAL_SIGNATURES, where=file.name)
    if settings.unsigned:
        seen = first_seen(ledger, supplier, file, sealed_sha256, now) if ledger else now
        return open_unsigned_zip(file, first_seen=seen, passphrase=passphrase, max_bytes=settings.max_bytes)
    _check_key_agreed(home, supplier)
    check_signature_here(home, supplier, file)
    return open_signed_zip(
        file,
        signature=beside[0],
        signing_key=home.at(settings.signing_key),
        fingerprint=settings.signing_fingerprint,
        passphrase=passphrase,
        max_bytes=settings.max_bytes,
    )


def check_signature_here(home: Home, supplier: str, file: Path) -> None:
    """Raises WaitingForPerson for a zip that counts only with a signature beside it, and has none yet."""
    wanted = files_of(home, supplier).sealed == "zip" and not home.settings.suppliers[supplier].unsigned
    if wanted and not signatures_of(file):
        raise WaitingForPerson(
            f"The signature of a file of {supplier} has not arrived",
            where=f"{file}{SIGNATURES[0]}",
            do="A zip counts when its signature lies beside it. Ask the supplier for it: gpg --detach-sign",
        )


def _check_key_agreed(home: Home, supplier: str) -> None:
    """Raises SettingsError where no key was agreed that this supplier signs with."""
    if not home.settings.suppliers[supplier].signing_fingerprint:
        raise SettingsError(
            "No key was agreed that this supplier signs with",
            where=f"{SETTINGS_FILE}, suppliers.{supplier}",
            do="Give signing_key and signing_fingerprint. Only zip files may come unsigned.",
        )


def first_seen(ledger: Ledger, supplier: str, file: Path, sealed_sha256: str, now: datetime) -> datetime:
    """When the ledger first heard of a file: from its fetching, or else recorded now, as found."""
    if not fetched(ledger, supplier, sealed_sha256):
        size = file.stat().st_size
        found = FileFetched(supplier=supplier, sealed_sha256=sealed_sha256, size=size, afterwards="found")
        ledger.append(Entry(found), at=now)
    # Read back, and so the same to the last digit whenever this is asked again.
    return fetched(ledger, supplier, sealed_sha256)[0].at


def fetched(ledger: Ledger, supplier: str, sealed_sha256: str) -> list[Recorded]:
    """The entries that say how a supplier's file came into the inbox, oldest first."""
    return [
        entry
        for entry in ledger.entries(kinds={FileFetched.kind})
        if isinstance(entry.body, FileFetched)
        and (entry.body.supplier, entry.body.sealed_sha256) == (supplier, sealed_sha256)
    ]


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
    recorded: type[Validated] | type[AnswersReceived] | type[TotalsReceived],
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
    from pipeline.intake.profiles import for_companion, profile_of

    profile, settings = profile_of(home, supplier), home.settings.suppliers[supplier]
    if contract.dataset == settings.dataset:
        return profile
    layout = for_companion(profile, contract)
    as_messages = contract.dataset == "changes" and settings.changes_format == "fhir"
    return layout.model_copy(update={"format": "fhir"}) if as_messages else layout


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


def report_to_supplier(home: Home, extract: Extract, checked: Checked, dataset: str) -> None:
    """Leave in the outbox what was wrong with which rows and fields, and the counts; never a value.

    Files "quarantine_" and "validation_" there, of each of the supplier's files the newest. Where the
    supplier's settings say where its reports go, the first waits to be brought there
    (`pipeline.suppliers.reports`), under a name that changes with the file and with what is said of it.
    """
    from pipeline.reporting import SupplierReport

    report = SupplierReport(_file_of(home, extract, checked, dataset), checked.quarantine, checked.warnings)
    stem, supplier = _stem(extract, dataset), extract.supplier
    file = f"{stem}_{extract.sealed_sha256[:12]}" if dataset == "changes" else stem
    made = {"csv": report.as_csv(), "xlsx": report.as_workbook()}
    folder = home.outbox / supplier
    folder.mkdir(parents=True, exist_ok=True)
    for ending, content in made.items():
        (folder / f"quarantine_{file}.{ending}").write_bytes(content)
    if home.settings.suppliers[supplier].reports is not None:
        of, said = extract.sealed_sha256[:SHOWN_OF_FILE], sha256(made["csv"]).hexdigest()[:SHOWN_OF_FILE]
        name = f"quarantine_{stem}_{of}-{said}"
        named = {f"{name}.{ending}": content for ending, content in made.items()}
        waiting.keep(home, supplier, _month_of(extract, dataset), extract.sealed_sha256, named)
    summary = json.dumps(checked.summary, indent=2) + "\n"
    (folder / f"validation_{file}.json").write_text(summary, encoding="utf-8")


def _file_of(home: Home, extract: Extract, checked: Checked, dataset: str) -> SupplierFile:
    """What a report says of the file that it is about."""
    from pipeline.reporting import SupplierFile

    contract = contract_of(dataset)
    layout = layout_of(home, extract.supplier, contract)
    return SupplierFile(
        supplier=extract.supplier,
        name=contract.file_of(extract.supplier, extract.month),
        dataset=dataset,
        sha256=extract.sealed_sha256,
        signed_at=extract.signed_at,
        signed=bool(extract.signer),
        rows=len(checked.failed),
        headings={name: heading for heading, name in layout.columns.items()},
        lines_above=layout.rows_above_header,
        dates=layout.dates,
        grouped_numbers=layout.nhs_numbers == "spaced",
        own_codes=bool(layout.codes),
        counted_in="message" if layout.format == "fhir" else "record",
    )


def _stem(extract: Extract, dataset: str) -> str:
    """What the names of all that is written about a supplier's file have in common."""
    match dataset:
        case "changes":
            return f"changes_{extract.supplier}"
        case "answers":
            return f"consents_{extract.supplier}_{extract.month}"
        case "totals":
            return f"totals_{extract.supplier}_{extract.month}"
    return f"{extract.supplier}_{extract.month}"


def _month_of(extract: Extract, dataset: str) -> str:
    return "" if dataset == "changes" else str(extract.month)
