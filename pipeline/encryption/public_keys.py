"""What an OpenPGP public key says of itself: until when it can be sealed for, and its fingerprint."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pipeline.encryption.gnupg import run, temporary_home

_VALIDITY, _EXPIRES, _USER, _CAPABILITIES = 1, 6, 9, 11  # fields of a colon listing (GnuPG's doc/DETAILS)
_PRIMARY, _PART = ("pub", "sec"), ("sub", "ssb")  # of a public key, and of a private one
_NEVER = datetime.max.replace(tzinfo=UTC)


def expires(key: Path) -> datetime | None:
    """The moment after which nothing can be sealed for the key in the file; None where it has no end.

    That is the primary key's end, or the end of the last part that encrypts, whichever comes first. None
    too for what is no public key: sealing says what is wrong with it. Raises SettingsError where gpg is
    not installed.
    """
    keys = [row for row in _listed(key) if row[0] in _PRIMARY + _PART and len(row) > _CAPABILITIES]
    primary = [_end(row) for row in keys if row[0] in _PRIMARY]
    encrypting = [_end(row) for row in keys if "e" in row[_CAPABILITIES] and row[_VALIDITY] != "r"]
    end = min([*primary, max(encrypting, default=_NEVER)])
    return None if end == _NEVER else end


def fingerprint(key: Path) -> str:
    """The primary key's fingerprint, which its owner can read out; "" for what is no public key."""
    return next((row[_USER] for row in _listed(key) if row[0] == "fpr" and len(row) > _USER), "")


def _listed(key: Path) -> list[list[str]]:
    return _listed_once(key.read_bytes()) if key.is_file() else []


@lru_cache(maxsize=512)  # the same bytes say the same, and gpg takes long to start
def _listed_once(content: bytes) -> list[list[str]]:
    with temporary_home(agent=False) as home:
        listed = run(home, "--no-autostart", "--with-colons", "--show-keys", given=content).output
    return [line.split(":") for line in listed.decode("utf-8", "replace").splitlines()]


def _end(row: list[str]) -> datetime:
    seconds = row[_EXPIRES]
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else _NEVER
