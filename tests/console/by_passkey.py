"""Signing with a passkey without a browser: what the page's form would bring, with what is filled in."""

from __future__ import annotations

import re
from html import unescape

from pipeline.console.visit import TOKEN
from pipeline.encryption.passkeys import challenge_of
from software_passkey import SoftwarePasskey

from .conftest import ADDRESS, Asking

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def signs(
    somebody: Asking, page: str, to: str, passkey: SoftwarePasskey, namespace: str, **typed: str
) -> str:
    """Sign exactly what the page shows, and send its form; what was signed of another document is refused."""
    shown = somebody.get(page)
    [challenge] = re.findall(r'data-challenge="([^"]+)"', shown)
    form = {name: unescape(value) for name, value in _HIDDEN.findall(shown) if name != TOKEN} | typed
    other = passkey.used(challenge_of(b"another document", namespace), origin=ADDRESS)
    answer = " ".join(unescape(somebody.post(to, 422, **form, **other)).split())
    assert "The passkey signed something else than what is asked about now" in answer
    return somebody.post(to, 303, **form, **passkey.used(challenge, origin=ADDRESS))
