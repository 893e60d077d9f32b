"""Months in the console: what waits, what would leave, and who decides on it, knowing what."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import get_args, get_type_hints
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from month_authority import AGREEMENT, MONTH, NOW, Authority, copied
from pipeline import month as months
from pipeline.console.pages import EVERY_PAGE
from pipeline.console.pages.months import STEPS
from pipeline.console.pages.waiting import PLACES
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.encryption.signing import sign_ssh
from pipeline.facts import Turn, opened_ledger
from pipeline.ledger import remembered
from pipeline.ledger.entries import (
    Balanced,
    Entry,
    Fingerprinted,
    Kind,
    ListForgone,
    MonthClosed,
    ReleaseRefused,
)
from pipeline.questions import releases
from pipeline.questions.things import Waits
from pipeline.records import Month
from pipeline.roles import Role
from pipeline.steps.release import NAMESPACE, forgoing, refusal

from .by_hand import sign_by_hand
from .conftest import Asking, Screen, principal_of

RELEASE = f"/months/{MONTH}/release"
LEAD, GUARDIAN = APPROVERS["data_lead"], APPROVERS["caldicott_guardian"]
OPINION = "the numbers look as always to me"

Someone = Callable[[Role], Asking]


@pytest.fixture(scope="module")
def asked_about(
    prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demonstration]:
    """An authority whose month waits for the approval of one person."""
    with copied(prototype, tmp_path_factory.mktemp("asked")) as one:
        one.run(until="release")
        yield replace(prototype, home=one.home.path)


@pytest.fixture
def authority(asked_about: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(asked_about, tmp_path) as own:
        yield own


@pytest.fixture
def two(prototype: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    """An authority whose month waits for the approval of two persons."""
    with copied(prototype, tmp_path / "two") as own:
        own.ask_two()
        own.run(until="release")
        yield own


def before(authority: Authority, role: Role) -> Asking:
    """Somebody in this role before the console of another authority than the test's own."""
    return Asking(authority.home, principal_of(authority.home, role), lambda: NOW)


def words(page: str) -> str:
    """A page as it is read."""
    return " ".join(unescape(re.sub("<[^>]+>", " ", page)).split())


def asked(authority: Authority) -> releases.Asked:
    return releases.asked(authority.home, MONTH, now=NOW)


def signed(authority: Authority, content: bytes, role: str) -> str:
    """A signature as whoever has this role makes it."""
    return sign_ssh(content, private_key=authority.demo.approver_keys[role], namespace=NAMESPACE).decode()


def approval(authority: Authority, role: str, note: str = "") -> dict[str, str]:
    """The form of an approval, filled in by whoever has this role."""
    one = asked(authority)
    return {"release": one.pack_sha256, "signature": signed(authority, one.pack, role), "note": note}


def a_refusal(authority: Authority, role: str, note: str = "") -> dict[str, str]:
    one = asked(authority)
    return {
        "release": one.pack_sha256, "signature": signed(authority, refusal(one.pack), role), "note": note,
    }  # fmt: skip


# --- in the browser -------------------------------------------------------------------------------


def test_a_guardian_decides_on_a_release_from_the_first_page_to_a_closed_month(
    authority: Authority, screens: Callable[[Role], Screen]
) -> None:
    screen, key = screens(Role.GUARDIAN), authority.demo.approver_keys["caldicott_guardian"]
    page = screen.page
    screen.look_over()
    page.get_by_role("link", name="The release of").click()
    assert page.get_by_role("heading", level=1).inner_text() == f"Release of {MONTH.in_full}"
    screen.look_over()
    bound, decide = page.get_by_text("asked_at"), page.get_by_role("link", name="Approve this release")
    assert (bound.is_visible(), decide.is_visible()) == (False, True)
    page.emulate_media(media="print")
    assert (bound.is_visible(), decide.is_visible()) == (True, False), "paper has what is folded, and no link"
    page.emulate_media(media="screen")

    page.get_by_role("link", name="Refuse it, and say why").click()
    page.get_by_label("What must be put right").fill("?")
    sign_by_hand(page, key, NAMESPACE, "Refuse this release")
    assert page.title().startswith("Error: ")
    assert "A refusal needs its reason." in page.get_by_role("alert").inner_text()
    assert page.get_by_label("What must be put right").input_value() == "?"
    screen.complaints.clear()  # the browser's own, about the status of the answer
    screen.look_over()
    assert not authority.recorded(Kind.RELEASE_REFUSED)

    page.get_by_role("link", name="Back to the release").click()
    page.get_by_role("link", name="Approve this release").click()
    screen.look_over()
    sign_by_hand(page, key, NAMESPACE, "Approve this release")
    assert "It is approved." in page.get_by_role("main").inner_text()
    screen.look_over()

    authority.run()
    page.get_by_role("link", name="Months", exact=True).click()
    assert "Closed" in page.get_by_role("row", name=MONTH.in_full).inner_text()
    screen.look_over()
    page.get_by_role("link", name=MONTH.in_full).click()
    assert "4 lists are delivered" in page.get_by_role("main").inner_text()
    assert page.get_by_role("img", name="What became of the rows").is_visible()
    screen.look_over()


# --- waiting for you ------------------------------------------------------------------------------


def test_whose_turn_it_is_stands_first_with_the_page_for_it(authority: Authority, asking: Someone) -> None:
    mine, others = asking(Role.GUARDIAN).get("/").split("Waiting for others")
    assert f'href="{RELEASE}"' in mine and "Since" in mine
    assert f"Postcodes of {MONTH.in_full} wait" in others
    nobody = asking(Role.AUDITOR).get("/")
    assert "Nothing waits for you." in nobody and f'href="{RELEASE}"' in nobody
    assert f'href="/map/review/{MONTH}"' not in nobody, "an auditor may not open that page"


def test_many_things_of_one_kind_are_folded_below_the_first_and_name_their_recipients(
    authority: Authority,
) -> None:
    authority.approve()
    authority.run()
    home = authority.home
    lead = Asking(home, principal_of(home, Role.DATA_LEAD), lambda: NOW + timedelta(days=9))
    before, after = words(lead.get("/")).split("And 3 more like it")
    centres = [f"{one.name} ({code}) is not known" for code, one in sorted(home.recipients().items())]
    assert len(centres) == 4
    assert centres[0] in before and not any(one in before for one in centres[1:])
    assert "Late" in after and "Soon" not in before + after
    assert all(one in after for one in centres[1:])


def test_commands_are_shown_to_those_whose_turn_it_is_alone(authority: Authority, asking: Someone) -> None:
    (authority.home.path / "reference" / "recipients.yaml").unlink()
    shown = {role: asking(role).get("/") for role in (Role.DATA_LEAD, Role.GUARDIAN)}
    assert "could not be looked at" in shown[Role.GUARDIAN], "and the list is there all the same"
    assert "birthshare doctor" in shown[Role.DATA_LEAD] and "birthshare doctor" not in shown[Role.GUARDIAN]


def test_of_a_month_that_was_never_begun_there_is_no_page_to_lead_to(authority: Authority) -> None:
    later = (NOW + timedelta(days=60)).replace(day=28)  # when files are due, whatever day it is
    missing = Month(later.year, later.month).plus(-1)
    page = Asking(authority.home, principal_of(authority.home, Role.DATA_LEAD), lambda: later).get("/")
    assert f"{missing.in_full} waits for the files" in words(page)
    assert f'href="/months/{missing}"' not in page
    assert "birthshare release" not in page, "a page does that"


@pytest.mark.parametrize("kind", PLACES)
def test_every_page_that_the_list_leads_to_is_there_and_is_that_act(kind: Waits) -> None:
    path, act = PLACES[kind]
    filled = path.format(month=MONTH, recipient="centre-01", version=f"{AGREEMENT}/1")
    asked_for = {"type": "http", "method": "GET", "path": filled, "root_path": ""}
    acts = [
        pages.acts["GET", route.path]
        for pages in EVERY_PAGE
        for route in pages.router.routes
        if isinstance(route, APIRoute) and route.matches(asked_for)[0] is Match.FULL
    ]
    assert acts[:1] == [act]


def test_every_month_stands_in_one_table_with_its_rows(authority: Authority, asking: Someone) -> None:
    rows = {"received": 1200, "quarantined": 0, "duplicates": 0, "shared": 700, "held": 400, "withheld": 100}
    closed, ended = MONTH.plus(-1), MONTH.plus(-2)
    books = Balanced(books={"cards": {"chis": rows, "other": rows}, "books": {"chis": rows}})
    with opened_ledger(authority.home) as ledger:
        for body, month in ((MonthClosed(), ended), (books, closed), (MonthClosed(), closed)):
            ledger.append(Entry(body, str(month)), at=NOW)
    page = words(asking(Role.AUDITOR).get("/months"))
    newest, closed_line, ended_line = (page.index(one.in_full) for one in (MONTH, closed, ended))
    assert newest < closed_line < ended_line
    assert (
        f"({AGREEMENT}) 150 " in page[newest:closed_line] and "Waits for approval" in page[newest:closed_line]
    )
    assert "Closed books 1,200 700 400 100 cards 2,400 1,400 800 200" in page[closed_line:ended_line]
    assert "Ended without books – – – –" in page[ended_line:]


def test_an_open_month_says_what_it_waits_for_and_leads_there(authority: Authority, asking: Someone) -> None:
    page = asking(Role.AUDITOR).get(f"/months/{MONTH}")
    assert "See what would leave, and decide" in page and f'href="{RELEASE}"' in page
    assert set(STEPS) == set(get_args(get_type_hints(Turn)["step"])), "no step is without words"


# --- deciding -------------------------------------------------------------------------------------


def test_of_two_the_second_decides_without_the_words_of_the_first(
    two: Authority,
) -> None:
    lead, guardian = before(two, Role.DATA_LEAD), before(two, Role.GUARDIAN)
    lead.post(f"{RELEASE}/approve", **approval(two, "data_lead", OPINION))
    waits = asked(two).pack_sha256
    for path in (RELEASE, f"{RELEASE}/approve?release={waits}", f"/months/{MONTH}", "/months", "/"):
        assert OPINION not in guardian.get(path)
    assert LEAD in guardian.get(RELEASE), "who has decided is no secret"
    assert f"({AGREEMENT}) needs another person in the role" in words(guardian.get(RELEASE))
    officer = before(two, Role.IG_OFFICER)
    officer.get("/proof/export", 409)
    said = officer.post("/proof/evidence", 409, month=str(MONTH), why="to look before I decide")
    assert "is read when the release is decided" in words(said)
    assert not two.recorded(Kind.EVIDENCE_GIVEN)
    own = words(lead.get(RELEASE))
    assert "Your approval is not missing any more" in own and "needs another person" in own
    guardian.post(f"{RELEASE}/approve", **approval(two, "caldicott_guardian"))
    assert OPINION in guardian.get(RELEASE)
    assert "It is approved" in words(lead.get(RELEASE))
    assert officer.client.get("/proof/export").status_code == 200


def test_what_the_ledger_said_while_it_was_altered_is_not_decided_on(authority: Authority) -> None:
    """The pages of this process may have read it; what acts reads again what was verified."""

    def suppliers() -> list[str]:
        with opened_ledger(authority.home) as ledger:
            known = remembered.entries(ledger, {Kind.FINGERPRINTED})
        return [one.body.supplier for one in known if isinstance(one.body, Fingerprinted)]

    file = authority.home.state / "birthshare.db"
    change = "UPDATE entries SET body = replace(body, ?, ?) WHERE kind = 'fingerprinted'"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("DROP TRIGGER entries_not_changed")
        database.execute(change, ('"chis"', '"evil"'))
        assert suppliers() == ["evil"]
        database.execute(change, ('"evil"', '"chis"'))
    with months.working(authority.home, MONTH, NOW):
        assert suppliers() == ["chis"]


def test_a_refusal_says_why_and_leaves_nothing_to_decide(authority: Authority, asking: Someone) -> None:
    guardian = asking(Role.GUARDIAN)
    shown = guardian.post(f"{RELEASE}/refuse", 422, **a_refusal(authority, "caldicott_guardian", ""))
    assert "A refusal needs its reason" in words(shown)
    neither = a_refusal(authority, "caldicott_guardian", "") | {"signature": ""}
    summary = guardian.post(f"{RELEASE}/refuse", 422, **neither).split('role="alert"')[1].split("</div>")[0]
    assert 'href="#note"' in summary and 'href="#signature"' in summary, "both are said at once"
    why = "see NHS number 999 123 4567"
    shown = guardian.post(f"{RELEASE}/refuse", 422, **a_refusal(authority, "caldicott_guardian", why))
    assert "That note cannot be recorded" in words(shown) and why in shown, "what was typed is kept"
    assert not authority.recorded(Kind.RELEASE_REFUSED)
    why = "far fewer births than there were"
    guardian.post(f"{RELEASE}/refuse", **a_refusal(authority, "caldicott_guardian", why))
    [refused] = authority.recorded(Kind.RELEASE_REFUSED)
    assert isinstance(refused, ReleaseRefused) and (refused.principal, refused.note) == (GUARDIAN, why)
    shown = words(guardian.get(RELEASE))
    assert "Nothing of it leaves" in shown and why in shown and "Approve this release" not in shown
    assert why in words(guardian.get(f"/months/{MONTH}"))


def test_another_release_than_the_one_that_was_looked_at_is_not_decided_on(
    authority: Authority, asking: Someone
) -> None:
    guardian, form = asking(Role.GUARDIAN), approval(authority, "caldicott_guardian")
    authority.send(authority.extract())  # sealed again: another file, so another release
    authority.run(until="release")
    assert "not the release that is asked about now" in words(
        guardian.post(f"{RELEASE}/approve", 409, **form)
    )
    for page in ("approve", "refuse", "pack", "refusal", "without"):
        guardian.get(f"{RELEASE}/{page}?release={form['release']}", 409)
    guardian.post(f"{RELEASE}/approve", 422, **(form | {"release": ""}))
    assert not authority.recorded(Kind.RELEASE_APPROVED)


@pytest.mark.parametrize("whose", ["data_lead", "the refusal's", "none", "garbage"])
def test_only_one_s_own_signature_over_the_release_approves_it(
    whose: str, authority: Authority, asking: Someone
) -> None:
    one = asked(authority)
    given = {
        "data_lead": signed(authority, one.pack, "data_lead"),
        "the refusal's": signed(authority, refusal(one.pack), "caldicott_guardian"),
        "none": " ",
        "garbage": "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n",
    }
    form = {"release": one.pack_sha256, "signature": given[whose], "note": "as always"}
    shown = asking(Role.GUARDIAN).post(f"{RELEASE}/approve", 422, **form)
    assert "There is a problem" in shown and "<title>Error: " in shown and 'value="as always"' in shown
    assert 'tabindex="-1" autofocus>' in shown, "the summary has the keyboard's focus"
    assert 'class="by-hand wrong" open' in shown and 'id="signature-error"' in shown
    assert not authority.recorded(Kind.RELEASE_APPROVED)


def test_who_is_no_approver_by_the_agreement_sees_why_and_cannot(
    authority: Authority, asking: Someone
) -> None:
    officer = asking(Role.IG_OFFICER)
    shown = words(officer.get(RELEASE))
    assert f"You do not decide on this release. These do: {GUARDIAN}, {LEAD}." in shown
    assert "Approve this release" not in shown
    form = approval(authority, "data_protection_officer")
    assert "may not decide on this release" in words(officer.post(f"{RELEASE}/approve", 422, **form))
    auditor = asking(Role.AUDITOR)
    assert "Your roles let you look at releases" in words(auditor.get(RELEASE))
    auditor.post(f"{RELEASE}/approve", 403, **form)
    assert not authority.recorded(Kind.RELEASE_APPROVED)


def test_where_the_agreement_takes_no_signature_the_page_says_where_it_is_decided(
    prototype: Demonstration, tmp_path: Path
) -> None:
    with copied(prototype, tmp_path) as authority:
        file = authority.agreement_file()
        text = file.read_text()
        assert text.count("  approvals: 1\n") == 1
        file.write_text(text.replace("  approvals: 1\n", "  approvals: 1\n  ways: [airflow]\n"))
        authority.sign_agreement(1)
        authority.run(until="release")
        shown = words(before(authority, Role.GUARDIAN).get(RELEASE))
    assert "This release is decided in Airflow: its agreement takes no signature." in shown
    assert "Approve this release" not in shown


def test_a_list_that_cannot_be_brought_is_left_out_and_the_month_closes(
    authority: Authority, asking: Someone
) -> None:
    guardian = asking(Role.GUARDIAN)
    guardian.post(f"{RELEASE}/approve", **approval(authority, "caldicott_guardian"))
    one = asked(authority)
    path, query = f"{RELEASE}/without/{AGREEMENT}/centre-01", f"release={one.pack_sha256}"
    assert path in guardian.get(f"{RELEASE}/without?{query}")
    for other in ("centre-99", 'centre-01"; filename="x.html', "centre-01 centre-02"):
        nowhere = f"{path.replace('centre-01', quote(other))}/statement?{query}"
        assert guardian.client.get(nowhere).status_code == 404, "nothing to sign but what is asked about"
    statement = forgoing(one.pack_sha256, AGREEMENT, "centre-01")
    assert guardian.client.get(f"{path}/statement?{query}").content == statement
    form = {"release": one.pack_sha256, "signature": signed(authority, statement, "caldicott_guardian")}
    elsewhere = path.replace("centre-01", "centre-02")
    assert "There is a problem" in guardian.post(elsewhere, 422, **form), "one list is signed, and no other"
    assert guardian.post(path, **form) == RELEASE
    [left_out] = authority.recorded(Kind.LIST_FORGONE)
    assert isinstance(left_out, ListForgone) and left_out.recipient == "centre-01"
    assert guardian.client.get(f"{path}?{query}").status_code == 404, "it is not asked about twice"
    assert authority.run()["state"] == "closed"
    assert "3 of 4 lists are delivered" in words(guardian.get(f"/months/{MONTH}"))
