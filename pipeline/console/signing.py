"""Signing in the console: a signature over exactly the document that a page shows, with the person's key.

Two ways lead to the same thing, an SSH signature (PROTOCOL.sshsig) that goes on as one from the command line:
a passkey in the browser, or `ssh-keygen -Y sign` over the downloaded document, whose answer is pasted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form

from pipeline.console.visit import Visit
from pipeline.errors import SettingsError


@dataclass(frozen=True)
class Document:
    """What somebody is to sign."""

    content: bytes
    namespace: str  # what the signature is for: see `ssh-keygen -Y sign -n`
    file_name: str  # under which it is downloaded


@dataclass(frozen=True)
class SignedForm:
    """What the form that `signing.html` makes brings with it."""

    signature: str  # pasted
    client_data: str  # this and the next two: base64url, from the browser
    authenticator_data: str
    passkey_signature: str

    def over(self, visit: Visit, document: Document) -> str:
        """The armoured SSH signature over the document.

        Raises SettingsError where there is none. Whose it is, and whether it is good, is checked by whoever
        takes the decision, as for every other signature.
        """
        if not self.signature.strip():
            raise SettingsError(
                "There is no signature", do="Sign with a passkey, or paste what ssh-keygen gave."
            )
        return self.signature.strip() + "\n"


def _signed_form(
    signature: Annotated[str, Form()] = "",
    client_data: Annotated[str, Form()] = "",
    authenticator_data: Annotated[str, Form()] = "",
    passkey_signature: Annotated[str, Form()] = "",
) -> SignedForm:
    return SignedForm(signature, client_data, authenticator_data, passkey_signature)


Signed = Annotated[SignedForm, Depends(_signed_form)]
