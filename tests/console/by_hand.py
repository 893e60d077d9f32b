"""Signing in a browser with an SSH key: downloading what is signed, `ssh-keygen`, pasting what it gave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.encryption.signing import sign_ssh

if TYPE_CHECKING:
    from playwright.sync_api import Page


def sign_by_hand(page: Page, key: Path, namespace: str, button: str) -> None:
    """Sign what the page's form offers for download, and send the form."""
    by_hand = page.locator("details.by-hand")
    by_hand.wait_for()
    page.wait_for_load_state()  # the script of passkeys closes what is done by hand
    if by_hand.get_attribute("open") is None:
        by_hand.locator("summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download what you sign").click()
    signed = sign_ssh(Path(download.value.path()).read_bytes(), private_key=key, namespace=namespace)
    page.get_by_label("Signature").fill(signed.decode())
    page.get_by_role("button", name=button, exact=True).click()
