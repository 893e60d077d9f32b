"""*Map* in the console: rounded births by area, and postcodes that a person settles without naming them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from canaries import Search, telling
from month_authority import MONTH, NOW, Authority, copied
from pipeline import month as months
from pipeline.console import decisions, errands
from pipeline.console.errands import AREAS
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.encryption.signing import sign_ssh
from pipeline.ledger.entries import AreasCounted, Kind, PostcodeReviewed, PostcodesShown
from pipeline.places import reviews
from pipeline.places.reviewed import NAMESPACE
from pipeline.places.reviews import Asked
from pipeline.roles import Role

from .by_hand import sign_by_hand
from .conftest import Asking

QUEUE = f"/map/review/{MONTH}"
LEAD = APPROVERS["data_lead"]
UNKNOWN = "QX1 9QX"  # of the demonstration's family whose postcode is in no directory


@pytest.fixture(scope="module")
def prepared(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """An authority whose month has two postcodes that wait for a person: one unknown, one claimed by two."""
    with copied(prototype, tmp_path_factory.mktemp("prepared")) as one:
        one.run(until="release")
        yield replace(prototype, home=one.home.path)


@pytest.fixture
def authority(prepared: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(prepared, tmp_path) as own:
        yield own


def asked(authority: Authority) -> dict[str, Asked]:
    """What is asked about now, by why it waits."""
    return {str(one.status): one for one in reviews.queue(authority.home, MONTH, now=NOW).asked}


def signed(authority: Authority, statement: bytes, role: str = "data_lead") -> str:
    key = authority.demo.approver_keys[role]
    return sign_ssh(statement, private_key=key, namespace=NAMESPACE).decode()


def statement_of(somebody: Asking, one: Asked, recipient: str) -> bytes:
    """What the page offers to be signed."""
    page = somebody.get(f"{QUEUE}/{one.name}/sign?recipient={recipient}&authority={one.authority}")
    address = re.search(r'href="([^"]+/statement[^"]*)"', page)
    assert address
    return bytes(somebody.client.get(unescape(address[1])).content)


# --- in the browser -------------------------------------------------------------------------------


def test_a_data_lead_settles_a_postcode_and_the_queue_is_shorter(screens, authority: Authority) -> None:
    screen = screens(Role.DATA_LEAD)
    page = screen.page
    page.get_by_role("link", name="Map", exact=True).click()
    screen.look_over()
    page.get_by_role("listitem").filter(has_text="could not place").get_by_role("link").click()
    screen.look_over()
    assert page.get_by_role("heading", name="Waiting: 2").is_visible()
    assert UNKNOWN not in page.content()
    page.get_by_role("button", name="Show the postcodes").click()
    screen.look_over()
    assert UNKNOWN in page.content()
    assert UNKNOWN not in page.title() + page.url

    page.get_by_role("row").filter(has_text=UNKNOWN).get_by_role("link").click()
    screen.look_over()
    page.get_by_role("button", name="Continue").click()
    assert page.title().startswith("Error: ")
    screen.complaints.clear()  # the browser names the status of a form that is wrong
    page.get_by_role("radio", name="(centre-04)").check()
    page.get_by_label("Which local authority is it in?").select_option(index=1)
    page.get_by_role("button", name="Continue").click()
    screen.look_over()
    page.get_by_label("Why, if there is something to say").fill("a new road beside the park")
    sign_by_hand(page, authority.demo.approver_keys["data_lead"], NAMESPACE, "Decide this")
    screen.look_over()
    assert page.get_by_role("heading", name="Waiting: 1").is_visible()
    assert page.get_by_role("heading", name="Decided: 1").is_visible()
    [decided] = authority.recorded(Kind.POSTCODE_REVIEWED)
    assert isinstance(decided, PostcodeReviewed)
    assert (decided.principal, decided.recipient, decided.note) == (
        LEAD,
        "centre-04",
        "a new road beside the park",
    )
    assert asked(authority)["unknown"].chosen == "centre-04"


def test_the_map_of_a_closed_month_has_the_rounded_births_of_each_area(screens, authority: Authority) -> None:
    authority.approve()
    authority.run()
    screen = screens(Role.AUDITOR)
    page = screen.open("/map")
    screen.look_over()
    [counted] = authority.recorded(Kind.AREAS_COUNTED)
    assert isinstance(counted, AreasCounted)
    rows = page.locator("figure.map tbody tr")
    assert [row.split("\t")[2:] for row in rows.all_inner_texts()] == [
        [str(of[code]) for of in (counted.births, counted.consented, counted.shared)]
        for code in sorted(counted.births)
    ]
    assert all(int(count) % 5 == 0 for count in counted.births.values())
    page.get_by_role("button", name="Check the reach areas now").click()
    errands.wait(authority.home, AREAS)
    screen.open("/map/areas")
    screen.look_over()
    assert "Places that several recipients claim" in page.locator("main").inner_text()


# --- what may be seen -----------------------------------------------------------------------------


def test_postcodes_are_shown_only_to_whoever_asks_and_that_is_recorded(asking, authority: Authority) -> None:
    lead: Asking = asking(Role.DATA_LEAD)
    one = asked(authority)["unknown"]
    for path in ("/map", QUEUE, f"{QUEUE}/{one.name}", f"{QUEUE}/{one.name}/sign?recipient=-"):
        assert UNKNOWN not in lead.get(path)
    assert authority.recorded(Kind.POSTCODES_SHOWN) == []
    page = lead.client.post(f"{QUEUE}/postcodes", data={"token": lead.token()})
    assert UNKNOWN in page.text
    assert page.headers["cache-control"] == "no-store"
    assert authority.recorded(Kind.POSTCODES_SHOWN) == [PostcodesShown(principal=LEAD, postcodes=2)]
    extract = authority.extract()
    search = Search(telling(extract, extract["postcode"] == UNKNOWN))
    assert search.values
    search.text("page", page.text)
    assert search.found == set(), "the postcode, and nothing else of who lives there"


def test_a_postcode_of_which_that_was_not_recorded_is_not_shown(
    asking, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came into the queue after the person had asked."""
    recorded = json.dumps([asked(authority)["ambiguous"].name]).encode()
    monkeypatch.setitem(decisions.DECISIONS, "postcodes shown", lambda *where, **which: recorded)
    lead: Asking = asking(Role.DATA_LEAD)
    page = lead.client.post(f"{QUEUE}/postcodes", data={"token": lead.token()}).text
    assert page.count("not shown: it changed after you asked") == 1
    assert UNKNOWN not in page


def test_an_auditor_sees_how_many_wait_and_not_which(asking, authority: Authority) -> None:
    auditor: Asking = asking(Role.AUDITOR)
    page = auditor.get("/map")
    assert "2 births that geography could not place" in page
    assert QUEUE not in page
    auditor.get(QUEUE, 403)
    auditor.post(f"{QUEUE}/postcodes", 403)
    assert authority.recorded(Kind.POSTCODES_SHOWN) == []


def test_a_month_without_areas_or_without_a_queue_says_so(asking) -> None:
    lead: Asking = asking(Role.DATA_LEAD)
    assert "No areas were counted yet" in lead.get("/map")
    assert "Areas were not counted in that month" in lead.get(f"/map?month={MONTH}", 404)
    assert "Nothing is decided for" in lead.get(f"/map/review/{MONTH.plus(-1)}", 409)
    lead.get("/map?month=nonsense", 404)
    lead.get(f"{QUEUE}/{'0' * 12}", 409)


# --- what is decided ------------------------------------------------------------------------------


def test_what_is_signed_is_what_was_downloaded_and_nobody_else_could_have_known_it(
    asking, authority: Authority
) -> None:
    one = asked(authority)["ambiguous"]
    lead: Asking = asking(Role.DATA_LEAD)
    statement = statement_of(lead, one, "centre-01")
    assert statement == statement_of(lead, one, "centre-01")
    assert statement != statement_of(lead, one, "centre-02")
    assert statement != statement_of(asking(Role.DATA_LEAD), one, "centre-01")  # in another session


@pytest.mark.parametrize(
    ("role", "recipient", "said"),
    [
        ("caldicott_guardian", "centre-01", "another person"),  # not hers who is signed in
        ("data_lead", "centre-02", "not good for this content"),  # over another decision
        ("", "centre-01", "There is no signature"),
    ],
)
def test_a_decision_without_its_own_signature_is_none(
    asking, authority: Authority, role: str, recipient: str, said: str
) -> None:
    one = asked(authority)["ambiguous"]
    lead: Asking = asking(Role.DATA_LEAD)
    statement = statement_of(lead, one, recipient)
    typed = {"recipient": "centre-01", "authority": one.authority, "note": "as the centres agreed"}
    signature = signed(authority, statement, role) if role else ""
    page = lead.post(f"{QUEUE}/{one.name}", 422, **typed, signature=signature)
    assert said in page
    assert "<title>Error: " in page
    assert 'value="as the centres agreed"' in page
    assert authority.recorded(Kind.POSTCODE_REVIEWED) == []


def test_a_note_that_could_name_somebody_is_refused_and_nothing_is_decided(
    asking, authority: Authority
) -> None:
    one = asked(authority)["ambiguous"]
    lead: Asking = asking(Role.DATA_LEAD)
    signature = signed(authority, statement_of(lead, one, "-"))
    typed = {"recipient": "-", "authority": "", "signature": signature}
    page = lead.post(f"{QUEUE}/{one.name}", 422, **typed, note="flat 12")
    assert "without digits, addresses or names" in page
    assert authority.recorded(Kind.POSTCODE_REVIEWED) == []
    assert lead.post(f"{QUEUE}/{one.name}", **typed) == QUEUE
    assert "nobody serves it" in lead.get(QUEUE)


def test_a_recipient_or_an_authority_that_cannot_be_is_refused(asking, authority: Authority) -> None:
    lead: Asking = asking(Role.DATA_LEAD)
    unknown, ambiguous = (asked(authority)[why] for why in ("unknown", "ambiguous"))
    for one, chosen in ((ambiguous, "centre-04&authority="), (unknown, "centre-04&authority=E99999999")):
        page = lead.get(f"{QUEUE}/{one.name}/sign?recipient={chosen}", 422)
        assert "Error: " in page


def test_a_decision_waits_while_the_month_is_run(asking, authority: Authority) -> None:
    one = asked(authority)["ambiguous"]
    lead: Asking = asking(Role.DATA_LEAD)
    signature = signed(authority, statement_of(lead, one, "-"))
    with months.alone(authority.home, MONTH, NOW):
        page = lead.post(f"{QUEUE}/{one.name}", 422, recipient="-", signature=signature)
    assert "Another run is working on" in page
