"""A recipient's new password: made, kept for sealing, and handed over once on paper.

It is never shown on a screen. Until two persons have signed the register with it, the recipient gets
nothing; lists that were sent before stay as they are, with the password of their time.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pipeline import agreed
from pipeline.asking import check_known
from pipeline.encryption.sealing import new_password
from pipeline.errors import SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Entry, PasswordMade
from pipeline.ledger.ledger import Ledger
from pipeline.lists.letter import Letter, render_letter
from pipeline.staging import write_whole


def renew(home: Home, ledger: Ledger, code: str, *, principal: str, letter: Path, at: datetime) -> Recipient:
    """Make a password for a recipient and write the letter with it, which nobody had before.

    Whatever stops it in between leaves the former password in force. Raises Refused for an unknown
    person, SettingsError for an unknown recipient, one whose lists have no password, and a letter's file that
    is there already.
    """
    recipient = _recipient(home, code)
    check_known(home, principal)
    password, key = new_password(), home.at(recipient.key)
    page = Letter(
        authority=home.settings.authority.name,
        recipient=recipient.name,
        password=password,
        format=recipient.format,
        ask=principal,
        made_on=at.astimezone(agreed.LONDON).date(),
        first=not key.exists(),
    )
    _write_new(letter, render_letter(page))
    try:
        ledger.append(Entry(PasswordMade(recipient=code, principal=principal)), at=at)
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(key, password.encode(), mode=0o600)
    except BaseException:
        letter.unlink(missing_ok=True)
        raise
    return recipient


def _recipient(home: Home, code: str) -> Recipient:
    found = home.recipients().get(code)
    if found is None:
        raise SettingsError(
            "This recipient is not in the register", where=code, do="See: birthshare recipients list"
        )
    if found.format == "csv":
        raise SettingsError(
            "This recipient's lists are sealed for its OpenPGP key, and have no password",
            where=code,
            do=f"Ask it for a new public key, put it at {found.key}, and have that signed.",
        )
    return found


def _write_new(letter: Path, content: bytes) -> None:
    """A file that only its owner can read, and that nothing had its name before."""
    letter.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        _write(letter, content)
    except FileExistsError:
        raise SettingsError(
            "A letter is there already, and is not written over",
            where=str(letter),
            do="Hand it over and delete it, or name another file with --letter.",
        ) from None


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
