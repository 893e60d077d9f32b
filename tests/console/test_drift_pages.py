"""A file that is unlike its supplier's earlier ones: people read how, and accept exactly that or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from month_authority import MONTH, NOW, Authority, copied, personal_values, shown_values
from pipeline import month as months
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import WaitingForPerson
from pipeline.ledger.entries import DriftAccepted, Kind
from pipeline.roles import Role
from pipeline.suppliers.drift import NAMESPACE, Compared
from software_passkey import SoftwarePasskey
from suppliers.earlier import alive, used_before

from .by_hand import sign_by_hand
from .by_passkey import signs
from .conftest import Asking, Screen

DRIFT = f"/months/{MONTH}/drift"
FORM = f"{DRIFT}/chis/births"
GUARDIAN = APPROVERS["caldicott_guardian"]


@pytest.fixture(scope="module")
def stopped(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """An authority whose supplier never sent a child who died, and now does."""
    with copied(prototype, tmp_path_factory.mktemp("stopped")) as authority:
        used_before(authority, alive(authority.extract()))
        with pytest.raises(WaitingForPerson):
            authority.run()
        yield replace(prototype, home=authority.home.path)


@pytest.fixture
def authority(stopped: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(stopped, tmp_path) as own:
        yield own


def waiting(authority: Authority) -> Compared:
    [file] = months.files_compared(authority.home, MONTH, now=NOW)
    return file


def acceptance(authority: Authority, role: str) -> dict[str, str]:
    """The form, filled in by whoever has this role."""
    file, key = waiting(authority), authority.demo.approver_keys[role]
    signature = sign_ssh(file.statement, private_key=key, namespace=NAMESPACE).decode()
    return {"seen": file.statement_sha256, "signature": signature}


def test_an_approver_reads_what_differs_and_accepts_exactly_that(
    authority: Authority, screens: Callable[[Role], Screen]
) -> None:
    screen = screens(Role.GUARDIAN)
    page = screen.page
    page.get_by_role("link", name="The file of chis").click()
    shown = page.get_by_role("main").inner_text()
    assert "death_status: code 2 (formal notice of death) never came before" in shown
    assert "Ask the supplier what has changed" in shown
    assert not shown_values(personal_values(authority.extract()), page.content())
    screen.look_over()
    page.get_by_role("link", name="Accept exactly this").click()
    screen.look_over()
    page.get_by_label("Why it is meant").fill("The trust took over the maternity ward.")
    sign_by_hand(page, authority.demo.approver_keys["caldicott_guardian"], NAMESPACE, "Accept exactly this")
    assert f"Accepted by {GUARDIAN}." in page.get_by_role("main").inner_text()
    screen.look_over()
    [accepted] = authority.recorded(Kind.DRIFT_ACCEPTED)
    assert isinstance(accepted, DriftAccepted)
    assert (accepted.principal, accepted.note) == (GUARDIAN, "The trust took over the maternity ward.")
    with pytest.raises(WaitingForPerson, match="approval"):
        authority.run()
    page.goto(f"{screen.address}/months/{MONTH}")
    assert f"{GUARDIAN} accepted that the births of chis differ" in page.get_by_role("main").inner_text()


def test_whoever_may_not_accept_it_reads_who_may(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    auditor = asking(Role.AUDITOR)
    assert f'href="{DRIFT}">See how the file differs' in auditor.get(f"/months/{MONTH}")
    shown = auditor.get(DRIFT)
    assert "These may accept it:" in shown and GUARDIAN in shown and "Accept exactly this" not in shown
    auditor.post(FORM, 403, **acceptance(authority, "caldicott_guardian"))
    assert not authority.recorded(Kind.DRIFT_ACCEPTED)


def test_other_differences_than_were_looked_at_and_other_people_s_signatures_accept_nothing(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    guardian = asking(Role.GUARDIAN)
    wrong = acceptance(authority, "data_lead")
    assert "There is a problem" in guardian.post(FORM, 422, **wrong)
    form = acceptance(authority, "caldicott_guardian")
    elsewhere = guardian.post(FORM.replace("chis", "elsewhere"), 409, **form)
    assert "No such file of the month was read" in elsewhere
    authority.send(authority.extract())  # sealed again: another file
    with pytest.raises(WaitingForPerson):
        authority.run()
    assert "not the differences that are asked about now" in guardian.post(FORM, 409, **form)
    guardian.get(f"{FORM}?seen={form['seen']}", 409)
    assert not authority.recorded(Kind.DRIFT_ACCEPTED)


def test_it_is_accepted_with_a_passkey_too(authority: Authority, asking: Callable[[Role], Asking]) -> None:
    passkey, seen = SoftwarePasskey("localhost"), waiting(authority).statement_sha256
    with authority.home.allowed_signers.open("a") as signers:
        signers.write(passkey.line(GUARDIAN, NAMESPACE))
    signs(asking(Role.GUARDIAN), f"{FORM}?seen={seen}", FORM, passkey, NAMESPACE, note="")
    [accepted] = authority.recorded(Kind.DRIFT_ACCEPTED)
    assert accepted.principal == GUARDIAN
