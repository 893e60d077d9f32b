"""Airflow in a real browser, as a data lead uses it: for the tests, and for the pictures in the README.

    with browser() as chromium:
        lead = Screens(chromium, site.address)
        lead.log_in("data_lead", password)

Chromium is Debian's, and is installed where it is missing and that is allowed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

SECONDS = 120.0  # for anything to appear; all is waited for, nothing is slept for
WIDTH, HEIGHT = 1280, 800


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


class Screens:
    """One person before Airflow's screens."""

    def __init__(self, chromium: Browser, address: str) -> None:
        self._address = address
        self.page: Page = chromium.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", timezone_id="Europe/London"
        )
        self.page.set_default_timeout(SECONDS * 1000)

    def log_in(self, user: str, password: str) -> None:
        """Through Airflow's own login form."""
        self.open("/")
        self.page.get_by_label("Username").fill(user)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button").first.click()
        self.page.wait_for_url(f"{self._address}/")

    def open(self, path: str) -> None:
        """Go to a page of Airflow's, by its path."""
        self.page.goto(f"{self._address}{path}")

    def trigger(self, dag: str, month: str) -> str:
        """Start a month by its form; the answer is the run's name."""
        self.open(f"/dags/{dag}")
        self.page.get_by_role("button", name="Trigger").first.click()
        self.page.locator("input[name=element_month]").fill(month)
        self.page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
        self.page.wait_for_url("**/runs/*")
        return unquote(self.page.url.rpartition("/")[2])

    def question(self, dag: str, run: str, task: str) -> str:
        """What a task asks, as it stands on the screen once it asks."""
        self.open(f"/dags/{dag}/runs/{run}/tasks/{task}/required_actions")
        self.page.get_by_role("combobox", name="Options").wait_for()
        return self.page.inner_text("body")

    def answer(self, option: str) -> None:
        """Choose among the answers of the question on the screen, and send it."""
        self.page.get_by_role("combobox", name="Options").click()
        self.page.get_by_role("option", name=option).click()
        self.page.get_by_role("button", name="Respond").click()

    def inside(self) -> FrameLocator:
        """Birthshare's page on the screen."""
        return self.page.frame_locator("iframe")
