"""Signing with a passkey: what counts is a signature over exactly what was shown, by whoever is signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from month_authority import AGREEMENT, MONTH, NOW, Authority, copied
from pipeline.agreements.loading import NAMESPACE as AGREEMENTS
from pipeline.console.signing import Document
from pipeline.console.visit import TEMPLATES, TOKEN, Guest, Visit
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.encryption import sshsig
from pipeline.encryption.signing import sign_ssh, verify_ssh
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Kind
from pipeline.places import reviews
from pipeline.places.reviewed import NAMESPACE as PLACES
from pipeline.questions.agreements import State, versions
from pipeline.recipients.register import NAMESPACE as REGISTER
from pipeline.reporting.pages import Frame, environment, framed
from pipeline.roles import Role
from pipeline.steps.release import NAMESPACE
from software_passkey import SoftwarePasskey

from .by_passkey import signs
from .conftest import ADDRESS, Asking, principal_of

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

GUARDIAN, LEAD = APPROVERS["caldicott_guardian"], APPROVERS["data_lead"]
RELEASE = f"/months/{MONTH}/release"


@pytest.fixture(scope="module")
def asked(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """A month whose release is asked about; nothing that is wrong may change it."""
    with copied(prototype, tmp_path_factory.mktemp("asked")) as authority:
        authority.run(until="release")
        yield authority


@pytest.fixture(scope="module")
def guardians(asked: Authority) -> SoftwarePasskey:
    """The guardian's passkey, whose line is in the list of signers."""
    passkey = SoftwarePasskey("localhost")
    allow(asked, passkey.line(GUARDIAN, NAMESPACE))
    return passkey


@pytest.fixture(scope="module")
def leads(asked: Authority) -> SoftwarePasskey:
    """The data lead's."""
    passkey = SoftwarePasskey("localhost")
    allow(asked, passkey.line(LEAD, NAMESPACE))
    return passkey


@pytest.fixture(scope="module")
def guardian(asked: Authority) -> Asking:
    return at_the_console(asked, Role.GUARDIAN)


def at_the_console(authority: Authority, role: Role) -> Asking:
    return Asking(authority.home, principal_of(authority.home, role), lambda: NOW)


def allow(authority: Authority, line: str) -> None:
    """What whoever keeps the list does with the line that somebody sends them."""
    with authority.home.allowed_signers.open("a") as signers:
        signers.write(line.strip() + "\n")


def form(somebody: Asking, action: str = "approve") -> dict[str, str]:
    """What the page with the form holds: the challenge for a passkey, its host, the release."""
    digest = re.search(rf"{RELEASE}/approve\?release=(\w+)", unescape(somebody.get(RELEASE)))
    assert digest, "nothing is asked of this person"
    page = somebody.get(f"{RELEASE}/{action}?release={digest[1]}")
    return dict(re.findall(r'data-(challenge|host)="([^"]+)"', page)) | {"release": digest[1]}


def approve(somebody: Asking, used: dict[str, str], release: str, status: int = 422) -> str:
    return " ".join(unescape(somebody.post(f"{RELEASE}/approve", status, release=release, **used)).split())


# --- what is not taken ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"flags": sshsig.PRESENT}, "did not check that it was its owner"),
        ({"origin": "https://elsewhere.example.org"}, "a page of another address"),
        ({"origin": "http://localhost:1"}, "a page of another address"),
        ({"crossOrigin": True}, "inside somebody else's page"),
        ({"kind": "webauthn.create"}, "asked for something else"),
    ],
    ids=str,
)
def test_a_passkey_that_was_used_otherwise(
    asked: Authority, guardian: Asking, guardians: SoftwarePasskey, how: dict[str, Any], words: str
) -> None:
    page = form(guardian)
    used = guardians.used(page["challenge"], **({"origin": ADDRESS} | how))
    answer = approve(guardian, used, page["release"])
    assert "<title>Error: " in answer
    assert words in answer
    assert asked.recorded(Kind.RELEASE_APPROVED) == []


def test_another_document(asked: Authority, guardian: Asking, guardians: SoftwarePasskey) -> None:
    """What was signed to refuse does not approve."""
    refusing = form(guardian, "refuse")
    used = guardians.used(refusing["challenge"], origin=ADDRESS)
    assert "something else than what is asked about now" in approve(guardian, used, refusing["release"])
    assert asked.recorded(Kind.RELEASE_APPROVED) == []


def test_another_person(
    asked: Authority, guardian: Asking, guardians: SoftwarePasskey, leads: SoftwarePasskey
) -> None:
    """Another's passkey in my session, mine in another's, and another's signature that is pasted."""
    lead = at_the_console(asked, Role.DATA_LEAD)
    for somebody, passkey in ((guardian, leads), (lead, guardians)):
        page = form(somebody)
        used = passkey.used(page["challenge"], origin=ADDRESS)
        answer = approve(somebody, used, page["release"])
        assert "not among the keys that are known to be yours" in answer
    pack = guardian.client.get(f"{RELEASE}/pack?release={page['release']}").content
    pasted = sign_ssh(pack, private_key=asked.demo.approver_keys["data_lead"], namespace=NAMESPACE)
    answer = approve(guardian, {"signature": pasted.decode()}, page["release"])
    assert "The signature is another person's" in answer
    assert asked.recorded(Kind.RELEASE_APPROVED) == []


def test_a_passkey_that_nobody_has_added_yet(asked: Authority, guardian: Asking) -> None:
    page = form(guardian)
    used = SoftwarePasskey("localhost").used(page["challenge"], origin=ADDRESS)
    assert "not among the keys that are known to be yours" in approve(guardian, used, page["release"])
    assert asked.recorded(Kind.RELEASE_APPROVED) == []


# --- what is taken ----------------------------------------------------------------------------------


def test_a_release_that_changed_meanwhile_is_approved_anew_and_once(
    authority: Authority,
) -> None:
    passkey = SoftwarePasskey("localhost")
    allow(authority, passkey.line(GUARDIAN, NAMESPACE))
    authority.run(until="release")
    guardian = at_the_console(authority, Role.GUARDIAN)
    before = form(guardian)
    used = passkey.used(before["challenge"], origin=ADDRESS)
    extract = authority.extract()
    authority.send(extract.drop(extract.index[:5]))
    authority.run(until="release")
    now = form(guardian)
    assert now["release"] != before["release"]
    approve(guardian, used, before["release"], 409)
    assert "something else than what is asked about now" in approve(guardian, used, now["release"])
    assert authority.recorded(Kind.RELEASE_APPROVED) == []

    used = passkey.used(now["challenge"], origin=ADDRESS)
    for _ in range(2):  # the very same once more
        assert approve(guardian, used, now["release"], 303) == RELEASE
    [approved] = authority.recorded(Kind.RELEASE_APPROVED)
    assert (approved.principal, approved.pack_sha256, approved.way) == (GUARDIAN, now["release"], "signature")


@pytest.fixture
def keys() -> dict[str, SoftwarePasskey]:
    """Two approvers' passkeys, by whose they are."""
    return {who: SoftwarePasskey("localhost") for who in (GUARDIAN, LEAD)}


@pytest.fixture
def own(asked: Authority, keys: dict[str, SoftwarePasskey], tmp_path: Path) -> Iterator[Authority]:
    """The same month, to decide about; both approvers' passkeys are good for every purpose."""
    with copied(replace(asked.demo, home=asked.home.path), tmp_path) as authority:
        for who, passkey in keys.items():
            allow(authority, passkey.line(who))
        yield authority


def test_a_release_is_approved_and_then_left_without_a_list(
    own: Authority, keys: dict[str, SoftwarePasskey]
) -> None:
    guardian = at_the_console(own, Role.GUARDIAN)
    release = form(guardian)["release"]
    for what, kind in (
        ("approve", Kind.RELEASE_APPROVED),
        (f"without/{AGREEMENT}/centre-01", Kind.LIST_FORGONE),
    ):
        address = f"{RELEASE}/{what}"
        signs(guardian, f"{address}?release={release}", address, keys[GUARDIAN], NAMESPACE, note="")
        [recorded] = own.recorded(kind)
        assert recorded.principal == GUARDIAN


def test_every_other_form_takes_one_over_exactly_what_it_shows(
    own: Authority, keys: dict[str, SoftwarePasskey]
) -> None:
    """A postcode, a refusal, an agreement signed and suspended, and the register that two persons sign."""
    guardian, lead = (at_the_console(own, role) for role in (Role.GUARDIAN, Role.DATA_LEAD))

    asked = reviews.queue(own.home, MONTH, now=NOW).asked  # by their names, which are others in each home
    one = next(one for one in asked if one.recipients and one.authorities)
    postcode = f"/map/review/{MONTH}/{one.name}"
    chosen = f"{postcode}/sign?recipient={one.recipients[0]}&authority={one.authorities[0]}"
    signs(lead, chosen, postcode, keys[LEAD], PLACES, note="")
    [reviewed] = own.recorded(Kind.POSTCODE_REVIEWED)
    assert reviewed.principal == LEAD

    refusal = f"{RELEASE}/refuse?release={form(guardian)['release']}"
    signs(guardian, refusal, f"{RELEASE}/refuse", keys[GUARDIAN], NAMESPACE, note="far fewer than there were")
    [refused] = own.recorded(Kind.RELEASE_REFUSED)
    assert refused.principal == GUARDIAN

    agreement = f"/agreements/{AGREEMENT}/1"
    own.agreement_file().with_suffix(".caldicott_guardian.sig").unlink()
    assert state(own) is not State.IN_FORCE
    role = {"role": "caldicott_guardian"}
    signs(guardian, agreement, f"{agreement}/sign", keys[GUARDIAN], AGREEMENTS, **role)
    assert state(own) is State.IN_FORCE
    suspend = f"{agreement}/suspend"
    signs(guardian, suspend, suspend, keys[GUARDIAN], AGREEMENTS, **role, note="the areas are wrong")
    assert state(own) is State.SUSPENDED

    own.change_recipient("centre-01", signed=False, user="another")
    for somebody, who in ((guardian, GUARDIAN), (lead, LEAD)):
        changes = "/recipients/register/changes"
        signs(somebody, changes, changes, keys[who], REGISTER)
    *_, agreed = own.recorded(Kind.REGISTER_AGREED)
    assert {one.principal for one in agreed.signatures} == {GUARDIAN, LEAD}


def state(authority: Authority) -> State:
    """Where the agreement stands, its signatures verified."""
    with opened_ledger(authority.home) as ledger:
        [one] = versions(authority.home, ledger, now=NOW)
    return one.state


def test_without_javascript_the_way_by_hand_is_open(guardian: Asking) -> None:
    page = guardian.get(f"{RELEASE}/approve?release={form(guardian)['release']}")
    assert re.search(r'<div class="passkey" hidden', page)
    assert re.search(r'<details class="by-hand" open>', page)


def test_passkeys_are_offered_at_the_consoles_own_address_and_on_this_machine(authority: Authority) -> None:
    guardian = at_the_console(authority, Role.GUARDIAN)
    settings = authority.home.path / "birthshare.toml"
    without = settings.read_text()
    for address, asked_at, offered in (
        ("https://console.example.org", "console.example.org", "console.example.org"),
        ("https://console.example.org", "airflow.example.org", None),
        ("https://console.example.org", "localhost:8470", "localhost"),
        ("", "127.0.0.1:8470", None),
        ("", "localhost:8470", "localhost"),
    ):
        own = f'[console]\naddress = "{address}"\n\n[[console.people]]'
        settings.write_text(without.replace("[[console.people]]", own, 1))
        page = guardian.client.get("/passkeys", headers={"host": asked_at}).text
        assert re.findall(r'data-host="([^"]+)"', page) == ([offered] if offered else [])
        assert ("Passkeys are not used at this address" in page) is (offered is None)


def test_several_forms_stand_on_one_page(asked: Authority) -> None:
    """Names are told apart, each form has its own challenge, and the script is loaded once."""
    request = Request({"type": "http", "path": "/", "headers": [(b"host", b"localhost:8470")]})
    visit = Visit(request, asked.home, Guest(asked.home.settings.console.people[0], b"secret"), NOW)
    documents = [Document(content, NAMESPACE, "document.txt") for content in (b"one", b"other")]
    forms = """{% import "signing.html" as signing with context %}
        {% for one in documents %}<form>{{ signing.sign(one, "/file", "Approve") }}</form>{% endfor %}"""
    with framed(Frame(TEMPLATES, {"visit": visit, "root": ""})):
        page = environment().from_string(forms).render(documents=documents)
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert re.findall(r'<label for="([^"]+)"', page) == ["signature", "signature-2"]
    assert re.findall(r'data-challenge="([^"]+)"', page) == [one.challenge for one in documents]
    assert page.count("<script") == 1


# --- making one -------------------------------------------------------------------------------------


def test_what_a_browser_made_becomes_a_line_and_nothing_more(asked: Authority, guardian: Asking) -> None:
    before = asked.home.allowed_signers.read_bytes()
    [challenge] = re.findall(r'data-challenge="([^"]+)"', guardian.get("/passkeys"))
    passkey = SoftwarePasskey("localhost")
    made = passkey.made(challenge.rstrip("="), origin=ADDRESS)
    page = unescape(guardian.post("/passkeys", 200, **made))
    [line] = re.findall(r'<pre class="copy">([^<]+)</pre>', page)
    assert line.split()[-1] == passkey.line(GUARDIAN).split()[-1]
    assert line.startswith(f'{GUARDIAN} namespaces="agreement@birthshare,')
    assert asked.home.allowed_signers.read_bytes() == before
    other = at_the_console(asked, Role.DATA_LEAD)
    answer = other.post("/passkeys", 422, **made)
    assert "something else" in answer
    assert TOKEN in answer


# --- in a real browser ------------------------------------------------------------------------------


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A passkey's device in the browser, which is unlocked whenever it is asked."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def test_a_guardian_makes_a_passkey_and_approves_with_it(
    authority: Authority, screens: Any, tmp_path: Path
) -> None:
    authority.run(until="release")
    screen = screens(Role.GUARDIAN)
    device, name = authenticator(screen.page)
    page = screen.open("/")
    page.get_by_role("link", name="Your keys").click()
    screen.look_over()
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("heading", name="Your passkey is made").wait_for()
    screen.look_over()
    allow(authority, page.locator("pre.copy").inner_text())
    page.get_by_role("link", name="Your keys").first.click()
    page.get_by_role("rowheader", name="passkey or security key").wait_for()

    screen.open(RELEASE).get_by_role("link", name="Approve").first.click()
    page.locator("details.by-hand:not([open])").wait_for()  # by the script, when it has come
    screen.look_over()
    button = page.get_by_role("button", name="Approve this release with your passkey")
    device.send("WebAuthn.setUserVerified", {"authenticatorId": name, "isUserVerified": False})
    button.click()
    page.get_by_text("Nothing was sent").wait_for()
    device.send("WebAuthn.setUserVerified", {"authenticatorId": name, "isUserVerified": True})
    button.click()
    page.wait_for_url(f"{screen.address}{RELEASE}")
    [approved] = authority.recorded(Kind.RELEASE_APPROVED)
    assert approved.principal == GUARDIAN
    assert screen.complaints == []

    # Anybody can check it again, with what comes with every computer.
    pack = screen.page.request.get(f"{screen.address}{RELEASE}/pack?release={approved.pack_sha256}").body()
    signers = authority.home.allowed_signers
    signer = verify_ssh(
        pack, approved.signature.encode(), allowed_signers=signers, namespace=NAMESPACE, at=NOW
    )
    assert signer == GUARDIAN
