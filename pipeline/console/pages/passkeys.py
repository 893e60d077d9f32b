"""*Passkeys*: the keys that are known to be one's own, and making a passkey to sign with.

The console never lets a key sign. It shows the line for keys/approvers/allowed_signers, and whoever keeps
that file decides.
"""

from __future__ import annotations

import base64
import hmac
from typing import Annotated

from fastapi import Form
from fastapi.responses import Response

from pipeline.agreed import LONDON
from pipeline.agreements.words import on_day
from pipeline.console.permissions import Act
from pipeline.console.signing import place_for_passkeys
from pipeline.console.visit import Asked, Pages, Visit, said
from pipeline.encryption import passkeys
from pipeline.encryption.sshsig import PASSKEY
from pipeline.errors import BirthshareError, IntegrityError
from pipeline.signers import KnownKey, keys_of, passkey_line

pages = Pages()


@pages.page("/passkeys", Act.MAKE_PASSKEY)
def own_keys(visit: Asked) -> Response:
    """What one may sign with now, and where another is made."""
    return _shown(visit)


@pages.form("/passkeys", Act.MAKE_PASSKEY)
def made(
    visit: Asked, client_data: Annotated[str, Form()] = "", attestation: Annotated[str, Form()] = ""
) -> Response:
    """The line for a passkey that the browser has just made."""
    try:
        place = place_for_passkeys(visit)
        if place is None:
            raise IntegrityError("Passkeys are not made at this address", do="Open the console at its own.")
        key = passkeys.public_key_of(client_data, attestation, challenge=_challenge(visit), place=place)
    except BirthshareError as error:
        return _shown(visit, said(error))
    line = passkey_line(visit.person.principal, key)
    return visit.page("passkey_made.html", line=line, key=KnownKey(PASSKEY.decode(), key))


def _shown(visit: Visit, problems: list[str] | None = None) -> Response:
    return visit.page(
        "passkeys.html",
        422 if problems else 200,
        problems=[("", line) for line in problems or []],
        keys=keys_of(visit.home, visit.person.principal),
        place=place_for_passkeys(visit),
        challenge=base64.urlsafe_b64encode(_challenge(visit)).decode(),
        name=f"{visit.person.principal}, {on_day(visit.now.astimezone(LONDON).date())}",
    )


def _challenge(visit: Visit) -> bytes:
    """Of this session: what a browser made for another is not taken."""
    return hmac.digest(visit.guest.secret, b"passkey", "sha256")
