"""Signing in the console: a signature over exactly the document that a page shows, with the person's key.

Two ways lead to the same thing, an SSH signature (PROTOCOL.sshsig) that goes on as one from the command line:
a passkey in the browser, or `ssh-keygen -Y sign` over the downloaded document, whose answer is pasted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form

from pipeline.console.typed import Problems
from pipeline.console.visit import Visit
from pipeline.encryption import passkeys
from pipeline.encryption.passkeys import Place
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError, SettingsError
from pipeline.ledger.entries import check_note
from pipeline.signers import keys_of


@dataclass(frozen=True)
class Document:
    """What somebody is to sign."""

    content: bytes
    namespace: str  # what the signature is for: see `ssh-keygen -Y sign -n`
    file_name: str  # under which it is downloaded

    @property
    def challenge(self) -> str:
        """What a passkey is asked to sign."""
        return passkeys.challenge_of(self.content, self.namespace)

    @property
    def digest(self) -> str:
        """What its form brings back, so that it is known whether the page showed this."""
        return hashlib.sha256(self.content).hexdigest()

    def check_shown(self, digest: str) -> None:
        """Raises IntegrityError where the page of the form, which brings this digest, showed another."""
        if digest != self.digest:
            raise IntegrityError(
                "What you sign was changed after you opened this page",
                do="Nothing was done. Read it again as it is now, then decide.",
            )

    def place(self, visit: Visit) -> Place | None:
        """Where the passkey must be one for; None where there can be none."""
        return place_for_passkeys(visit)


@dataclass(frozen=True)
class SignedForm:
    """What the form that `signing.html` makes brings with it."""

    signature: str  # pasted
    client_data: str  # this and the next two: base64url, from the browser
    authenticator_data: str
    passkey_signature: str

    def over(self, visit: Visit, document: Document) -> str:
        """The armoured SSH signature over the document, by the visiting person's own key.

        Raises SettingsError where there is none, IntegrityError where it is not theirs or not over this.
        Whether it counts is for whoever takes the decision, as for every other signature.
        """
        signature = self._by_passkey(visit, document) if self.passkey_signature else self._pasted()
        signer = verify_ssh(
            document.content,
            signature.encode(),
            allowed_signers=visit.home.allowed_signers,
            namespace=document.namespace,
            at=visit.now,
        )
        if signer != visit.person.principal:
            raise IntegrityError("The signature is another person's", do="Sign with a key of your own.")
        return signature

    def noted(self, visit: Visit, document: Document, note: str, problems: Problems) -> str:
        """The same with a note that can be recorded; "" where there is a problem with either, or both."""
        with problems.at("note"):
            check_note(note)
        with problems.at("signature"):
            return self.over(visit, document)
        return ""

    def _pasted(self) -> str:
        """Browsers send the ends of lines as two characters."""
        lines = self.signature.strip().splitlines()
        if not lines:
            raise SettingsError(
                "There is no signature", do="Sign with a passkey, or paste what ssh-keygen gave."
            )
        return "\n".join([*lines, ""])

    def _by_passkey(self, visit: Visit, document: Document) -> str:
        place = place_for_passkeys(visit)
        if place is None:
            raise IntegrityError(
                "Passkeys are not used at this address", do="Open the console at its own address."
            )
        return passkeys.signature_of(
            passkeys.read_assertion(self.client_data, self.authenticator_data, self.passkey_signature),
            content=document.content,
            namespace=document.namespace,
            place=place,
            keys=[one.key for one in keys_of(visit.home, visit.person.principal)],
        )


def place_for_passkeys(visit: Visit) -> Place | None:
    """Where this console's passkeys are made and used; None where browsers would not.

    That is its address in the settings, where the page was asked for there, or else this machine itself.
    Any other is of a server that the console is mounted in, and its pages have no passkeys.
    """
    address, host = visit.home.settings.console.address, visit.request.headers.get("host", "").lower()
    return passkeys.place_of(address if urlsplit(address).netloc == host else f"http://{host}")


def _signed_form(
    signature: Annotated[str, Form()] = "",
    client_data: Annotated[str, Form()] = "",
    authenticator_data: Annotated[str, Form()] = "",
    passkey_signature: Annotated[str, Form()] = "",
) -> SignedForm:
    return SignedForm(signature, client_data, authenticator_data, passkey_signature)


Signed = Annotated[SignedForm, Depends(_signed_form)]
