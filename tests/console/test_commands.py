"""Commands that a text names: the page that does it stands there instead, and the way to it."""

from __future__ import annotations

import re

import pytest

from pipeline.console.commands import PAGES, has_page, led
from pipeline.console.permissions import Act

from .routes import ROUTES

LED = {
    "waits for a person (birthshare geography review 2026-10 --all)":
        'waits for a person (<a href="/b/map/review/2026-10">Postcodes to settle, October 2026</a>)',
    "Run `birthshare ledger verify`, which says more.":
        'Run <a href="/b/proof">the verification under Proof</a>, which says more.',
    "See: birthshare status 2026-10": 'See: <a href="/b/months/2026-10">October 2026</a>',
    "See: birthshare recalls show centre-01": 'See: <a href="/b/recalls">Recalls and receipts</a>',
    "<b> birthshare agreement list": '&lt;b&gt; <a href="/b/agreements">Agreements</a>',
}  # fmt: skip
LEFT = (
    "birthshare run 2026-10",
    "birthshare retention end 2026-10",
    "birthshare receipts record FILE destroyed",
    "birthshare recalls send",
    "birthshare ledger verify --kept FILE",
    "birthshare status 2026-13",
    "birthshare statuses",
)


@pytest.mark.parametrize("text", LED)
def test_a_page_stands_for_the_command_that_it_does(text: str) -> None:
    assert led(text, "/b") == LED[text]


@pytest.mark.parametrize("text", LEFT)
def test_what_no_page_does_stays_a_command(text: str) -> None:
    assert led(f"first: {text}.", "") == f"first: {text}."
    assert not has_page(text)


def test_a_page_that_somebody_may_not_open_is_named_and_not_led_to() -> None:
    nobody = led("(birthshare geography review 2026-10)", "", lambda act: act is not Act.REVIEW_POSTCODES)
    assert nobody == "(Postcodes to settle, October 2026)"


def test_every_page_in_place_of_a_command_is_there_and_is_that_act() -> None:
    acts = {path: act for method, path, act in ROUTES if method == "GET"}
    assert all(acts[page.path] is page.act for page in PAGES)


def test_no_page_s_address_hides_another() -> None:
    """What is written out in one address never stands where another takes any code: that would be hidden."""
    hidden = [
        (fixed, taking)
        for method, fixed, _ in ROUTES
        for other, taking, _ in ROUTES
        if (method, fixed) != (other, taking)
        and method == other
        and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", taking), fixed)
    ]
    # Postcodes have hexadecimal names, which "postcodes" is none of.
    assert hidden == [("/map/review/{month}/postcodes", "/map/review/{month}/{name}")]
