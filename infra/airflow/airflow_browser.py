"""Airflow in a real browser, as a data lead uses it: for the tests, and for the pictures in the README.

with chromium_browser.browser() as chromium:
    lead = Screens(chromium, site.address)
    lead.log_in("data_lead", password)
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

SECONDS = 120.0  # for anything to appear; all is waited for, nothing is slept for
WIDTH, HEIGHT = 1280, 800


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
