"""What a recipient receives: a list in the format of its register entry, sealed for it alone.

    workbook   an Excel workbook under the recipient's password
    csv        a CSV file for the recipient's own system, in OpenPGP
    zip        the workbook, and address labels where asked, in an AES-256 zip under its password

Every finished file is read back and its rows are counted before it is sealed: the books are about what
a recipient gets, not about what was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from pipeline.errors import IntegrityError
from pipeline.home import Home, Recipient

if TYPE_CHECKING:
    from pipeline.lists.compile import FamilyList

ENDINGS = {"workbook": "xlsx", "csv": "csv.gpg", "zip": "zip"}

# Anybody can read the names in a zip, so they say nothing.
_INSIDE, _LABELS = "contents.xlsx", "labels.pdf"


def sealed_for(
    home: Home, recipient: Recipient, families: FamilyList, *, rows: int, made_on: date
) -> tuple[bytes, str]:
    """The list in the recipient's format, sealed for its key alone, and the file's ending.

    Raises IntegrityError where the finished file does not hold exactly that many rows, SettingsError
    where the recipient's key or password cannot be used.
    """
    ending = ENDINGS[recipient.format]
    if recipient.format == "csv":
        plain = _csv(families, recipient, rows, made_on)
        return seal(home, recipient, plain), ending
    plain = _workbook(home, families, recipient, rows, made_on, f"{families.name}.{ending}")
    return seal(home, recipient, plain, _labels(families, recipient, rows, made_on)), ending


def seal(home: Home, recipient: Recipient, plain: bytes, beside: Mapping[str, bytes] | None = None) -> bytes:
    """A finished file (CSV, or else a workbook) sealed as the recipient wants its lists.

    `beside` are files that go into the same zip. Raises SettingsError where the key or password cannot
    be used.
    """
    from pipeline.encryption.sealing import seal_openpgp, seal_workbook, seal_zip

    match recipient.format:
        case "csv":
            return seal_openpgp(plain, home.at(recipient.key))
        case "workbook":
            return seal_workbook(plain, home.password(recipient.key))
        case "zip":
            return seal_zip({_INSIDE: plain, **(beside or {})}, home.password(recipient.key))


def _csv(families: FamilyList, recipient: Recipient, rows: int, made_on: date) -> bytes:
    from pipeline.lists.csv import count_rows, render_csv

    plain = render_csv(families, made_on=made_on)
    _check(count_rows(plain) == rows, families, recipient)
    return plain


def _workbook(
    home: Home, families: FamilyList, recipient: Recipient, rows: int, made_on: date, file_name: str
) -> bytes:
    from pipeline.lists.workbook import count_rows, render_workbook

    plain = render_workbook(
        families,
        recipient_name=recipient.name,
        authority_name=home.settings.authority.name,
        made_on=made_on,
        file_name=file_name,
    )
    _check(count_rows(plain) == rows, families, recipient)
    return plain


def _labels(families: FamilyList, recipient: Recipient, rows: int, made_on: date) -> dict[str, bytes]:
    if recipient.labels is None:
        return {}
    from pipeline.lists.labels import SHEETS, render_labels

    sheet = SHEETS[recipient.labels]
    labels = render_labels(families, sheet, recipient_name=recipient.name, made_on=made_on)
    if labels is None:
        return {}
    _check(labels.printed + len(labels.left_out) == rows, families, recipient)
    return {_LABELS: labels.content}


def _check(complete: bool, families: FamilyList, recipient: Recipient) -> None:
    if not complete:
        raise miscounted(families.agreement.id, recipient.code)


def miscounted(agreement: str, recipient: str) -> IntegrityError:
    """The error of a list that lacks a family or has one too many."""
    return IntegrityError(
        "A list does not hold exactly the families that are to be shared",
        where=f"{agreement}, {recipient}",
        do="This list was not sealed. Keep the home as it is and report this.",
    )
