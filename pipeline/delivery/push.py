"""Pushing one sealed list under one permit. A push may be repeated: nothing is written twice.

A list appears under its name whole or not at all: it is written under a random name, read back,
and renamed only while leave for it still stands.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection

from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.sftp import Endpoint, FarSide, connected
from pipeline.errors import IntegrityError
from pipeline.records import Permit, Receipt

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\Z")


def push(
    sealed: bytes,
    permit: Permit,
    endpoint: Endpoint,
    *,
    stands: Callable[[], bool],
    replaces: Collection[str] = (),
) -> Receipt:
    """Bring exactly the permitted bytes to the recipient, and say what is there.

    `stands` is asked immediately before the list gets its name; False stops the push. `replaces`
    holds the SHA-256 digests of earlier lists of ours that may be replaced; any other file under
    that name is left alone. One try: raises DeliveryFailed where it does not succeed, IntegrityError
    where the bytes are not those of the permit, SettingsError where our keys cannot be used.
    """
    _check_permitted(sealed, permit)
    with connected(endpoint, label=permit.recipient) as far:
        found = far.digest(permit.file_name)
        there = found == permit.sealed_sha256
        if not there:
            if found is not None and found not in replaces:
                raise DeliveryFailed(Problem.OCCUPIED, where=f"{permit.recipient}: {permit.file_name}")
            _clear_leftovers(far, permit.file_name)
            _put(far, sealed, permit, stands)
    return Receipt(permit.entry, permit.file_name, permit.sealed_sha256, len(sealed), found_there=there)


def look(endpoint: Endpoint, file_name: str) -> str | None:
    """SHA-256 of what the recipient holds under that name, or None; changes nothing."""
    _check_file_name(file_name)
    with connected(endpoint) as far:
        return far.digest(file_name)


def _check_permitted(sealed: bytes, permit: Permit) -> None:
    """Only the bytes that the permit names, under a name that stays in the recipient's folder."""
    _check_file_name(permit.file_name)
    if not hmac.compare_digest(hashlib.sha256(sealed).hexdigest(), permit.sealed_sha256):
        raise IntegrityError(
            "The sealed list is not the one that the permit names",
            where=f"{permit.recipient}: {permit.file_name}",
            do="Nothing was sent. Run the month again.",
        )


def _check_file_name(file_name: str) -> None:
    if not _FILE_NAME.match(file_name):
        raise IntegrityError("A list's file name may hold only letters, digits, '.', '_' and '-'")


def _put(far: FarSide, sealed: bytes, permit: Permit, stands: Callable[[], bool]) -> None:
    """Write aside, read back, ask once more, rename; nothing is left where any of it fails."""
    part = f".{permit.file_name}.{secrets.token_hex(8)}.part"
    try:
        far.write(part, sealed)
        if far.digest(part, otherwise=Problem.ALTERED) != permit.sealed_sha256:
            raise DeliveryFailed(Problem.ALTERED, where=permit.recipient)
        if not stands():
            raise DeliveryFailed(Problem.SUPERSEDED, where=permit.recipient)
        far.rename(part, permit.file_name)
    except BaseException:
        far.discard(part)
        raise


def _clear_leftovers(far: FarSide, file_name: str) -> None:
    """Remove what earlier tries at this very list left behind when they were killed."""
    for part in far.names(re.compile(rf"\.{re.escape(file_name)}\.[0-9a-f]{{16}}\.part")):
        far.discard(part)
