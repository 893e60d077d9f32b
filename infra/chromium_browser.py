"""A real browser, Debian's Chromium: for the tests, and for the pictures in the README.

It is installed where it is missing and that is allowed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class NoBrowser(Exception):
    """There is no Chromium here, and it cannot be installed."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium without a window; raises NoBrowser where there is none and none can be installed."""
    from playwright.sync_api import sync_playwright

    program = _program()
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root. What is opened are this machine's pages alone.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


def _program() -> str:
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0:
        _install()
        found = shutil.which("chromium")
    if found is None:
        raise NoBrowser("Install Debian's package chromium.")
    return found


def _install() -> None:
    wait = ("-o", "DPkg::Lock::Timeout=180")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", *wait, "update"], ["apt-get", *wait, "install", "-y", "chromium"]):
        try:
            subprocess.run(command, check=True, capture_output=True, env=quiet)
        except (OSError, subprocess.CalledProcessError):
            raise NoBrowser("apt-get cannot install chromium.") from None
