"""*Agreements*: reading what a version changes, signing it, trying it out, and stopping it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from month_authority import AGREEMENT, MONTH, NOW, Authority, CommandLine, birthshare
from pipeline import agreed
from pipeline.agreements.loading import NAMESPACE
from pipeline.agreements.signatures import suspension
from pipeline.console.pages import agreements
from pipeline.encryption.signing import sign_ssh
from pipeline.ledger.entries import AgreementPreviewed, AgreementSuspended, Kind
from pipeline.looking_back import preview
from pipeline.questions.agreements import State, versions
from pipeline.roles import Role

from .by_hand import sign_by_hand
from .conftest import Asking, Screen

__all__ = ["birthshare"]

GUARDIAN, OFFICER, LEAD = "caldicott_guardian", "data_protection_officer", "data_lead"  # as agreements say it
ONE, TWO = f"/agreements/{AGREEMENT}/1", f"/agreements/{AGREEMENT}/2"


@pytest.fixture
def proposal(authority: Authority) -> Path:
    """Version 2 of the agreement, which nobody has signed: it shares older babies."""
    text = authority.agreement_file().read_text()
    for old, new in {
        "\nversion: 1\n": "\nversion: 2\nreplaces: 1\n",
        "maximum_age_days: 126": "maximum_age_days: 160",
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    file = authority.agreement_file(2)
    file.write_text(text)
    return file


def state(authority: Authority, number: int) -> State:
    """Where a version stands, as everybody else is told."""
    with agreed.closing(agreed.Ledger.open(authority.home.database_url)) as ledger:
        every = versions(authority.home, ledger, now=NOW)
    return next(one.state for one in every if one.agreement.version == number)


def signature(authority: Authority, role: str, content: bytes) -> str:
    key = authority.demo.approver_keys[role]
    return sign_ssh(content, private_key=key, namespace=NAMESPACE).decode()


def digest_shown(page: str) -> str:
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def test_a_guardian_reads_what_an_unsigned_version_widens_tries_it_out_and_signs_it(
    proposal: Path,
    authority: Authority,
    birthshare: CommandLine,
    screens: Callable[[Role], Screen],
    asking: Callable[[Role], Asking],
) -> None:
    """An auditor sees the preview that was made, and makes none."""
    birthshare.finish()  # a month that it can be tried out on
    screen = screens(Role.GUARDIAN)
    page = screen.open("/agreements")
    screen.look_over()
    page.get_by_role("row").filter(has_text="waits for you").get_by_role("link", name="Version 2").click()
    page.get_by_role("heading", name="What it changes against version 1").wait_for()
    widens = page.get_by_role("heading", name="These widen the sharing").locator(
        "xpath=following-sibling::ul[1]"
    )
    assert "160 days instead of 126 days" in widens.inner_text()
    screen.look_over()

    auditor = asking(Role.AUDITOR)
    assert "Make a preview" not in auditor.get(f"{TWO}/preview")
    auditor.post(f"{TWO}/preview", 403, months="0")
    assert authority.recorded(Kind.AGREEMENT_PREVIEWED) == []
    page.get_by_role("link", name="What it would have shared in past months").click()
    screen.look_over()
    page.get_by_role("button", name="Make the preview").click()
    page.get_by_role("heading", name=f"What version 2 of {AGREEMENT} would change").wait_for()
    assert MONTH.in_full in page.inner_text("main")
    screen.look_over()
    [made] = authority.recorded(Kind.AGREEMENT_PREVIEWED)
    assert isinstance(made, AgreementPreviewed)
    assert made.preview_sha256 in auditor.get(f"{TWO}/preview/newest")
    page.get_by_role("link", name=re.compile("^Back to")).click()
    assert page.get_by_text("last looked at").is_visible()

    sign_by_hand(page, authority.demo.approver_keys[GUARDIAN], NAMESPACE, "Sign this agreement")
    task = page.get_by_role("listitem").filter(has_text="Caldicott guardian: caldicott.guardian@example.org")
    assert task.locator(".tag").inner_text() == "signed"
    assert page.get_by_role("heading", name="Sign it").count() == 0
    assert proposal.with_suffix(f".{GUARDIAN}.sig").is_file()
    preview.preview_file(proposal).write_text("{}")  # whatever lies there, the ledger has another
    assert "There is no preview of exactly this file" in auditor.get(f"{TWO}/preview")


def test_an_officer_suspends_a_version_with_a_reason(
    authority: Authority, screens: Callable[[Role], Screen]
) -> None:
    screen = screens(Role.IG_OFFICER)
    page = screen.open(ONE)
    page.get_by_role("link", name="Suspend it").click()
    screen.look_over()
    key = authority.demo.approver_keys[OFFICER]
    page.get_by_label("Why").fill("call 01926 410410")
    sign_by_hand(page, key, NAMESPACE, "Suspend this agreement")
    assert page.title().startswith("Error: ")
    assert "without digits" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Why").input_value() == "call 01926 410410"
    screen.complaints.clear()  # a browser notes every answer of 422
    screen.look_over()

    page.get_by_label("Why").fill("the form was changed")
    sign_by_hand(page, key, NAMESPACE, "Suspend this agreement")
    page.get_by_text("Suspended on").wait_for()
    [said] = authority.recorded(Kind.AGREEMENT_SUSPENDED)
    assert isinstance(said, AgreementSuspended)
    assert (said.principal, said.note) == ("data.protection@example.org", "the form was changed")
    assert state(authority, 1) is State.SUSPENDED
    assert "In their words: the form was changed" in page.inner_text("main")


def test_a_version_is_in_force_once_every_role_has_signed_here(
    proposal: Path, authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    for who, role in ((Role.GUARDIAN, GUARDIAN), (Role.IG_OFFICER, OFFICER), (Role.DATA_LEAD, LEAD)):
        assert state(authority, 2) is State.UNSIGNED
        assert state(authority, 1) is State.IN_FORCE
        person = asking(who)
        digest = digest_shown(person.get(TWO))
        file = person.client.get(f"{TWO}/file").content
        assert file == proposal.read_bytes()
        made = signature(authority, role, file)
        assert person.post(f"{TWO}/sign", role=role, digest=digest, signature=made) == TWO
    assert state(authority, 2) is State.IN_FORCE
    assert state(authority, 1) is State.REPLACED


def test_what_is_no_good_signature_is_said_in_an_error_summary_and_changes_nothing(
    proposal: Path, authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    guardian = asking(Role.GUARDIAN)
    digest, right = digest_shown(guardian.get(TWO)), proposal.read_bytes()
    mine = signature(authority, GUARDIAN, right)
    cases = {
        "There is no signature": {"role": GUARDIAN, "signature": ""},
        "another person": {"role": GUARDIAN, "signature": signature(authority, LEAD, right)},
        "A signature is not good": {"role": GUARDIAN, "signature": signature(authority, GUARDIAN, b"other")},
        "cannot be read": {"role": GUARDIAN, "signature": "nonsense"},
        "does not hold the role": {"role": LEAD, "signature": mine},
        "does not ask for this role": {"role": "data_gardener", "signature": mine},
    }
    for words, fields in cases.items():
        page = guardian.post(f"{TWO}/sign", 422, digest=digest, **fields)
        assert "<title>Error: " in page
        assert words in page.split('role="alert"')[1].split("</div>")[0], words
    proposal.write_text(proposal.read_text().replace("maximum_age_days: 160", "maximum_age_days: 365"))
    page = guardian.post(f"{TWO}/sign", 422, role=GUARDIAN, digest=digest, signature=mine)
    assert "was changed after you opened this page" in page
    assert list(authority.home.agreements.glob("*.v2.*.sig")) == []


def test_only_the_words_of_a_suspension_suspend(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    """The signature that approved it, or one over another version, stops nothing."""
    guardian = asking(Role.GUARDIAN)
    digest = digest_shown(guardian.get(f"{ONE}/suspend"))
    approval = signature(authority, GUARDIAN, authority.agreement_file().read_bytes())
    page = guardian.post(f"{ONE}/suspend", 422, role=GUARDIAN, digest=digest, signature=approval)
    assert "not good for this content" in page
    assert state(authority, 1) is State.IN_FORCE
    [one] = agreed.looked_at(authority.home, NOW)
    right = signature(authority, GUARDIAN, suspension(one.agreement, one.digest))
    assert guardian.post(f"{ONE}/suspend", role=GUARDIAN, digest=digest, signature=right) == ONE
    assert state(authority, 1) is State.SUSPENDED
    assert "It is suspended" in guardian.get(f"{ONE}/suspend")


def test_agreements_that_cannot_be_written_beside_are_said_so(
    proposal: Path, authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    guardian = asking(Role.GUARDIAN)
    digest = digest_shown(guardian.get(TWO))
    proposal.with_suffix(f".{GUARDIAN}.sig").mkdir()  # as a file that nobody may write
    made = signature(authority, GUARDIAN, proposal.read_bytes())
    page = guardian.post(f"{TWO}/sign", 422, role=GUARDIAN, digest=digest, signature=made)
    assert "file cannot be written" in page


def test_the_checks_say_what_must_never_be_shared(asking: Callable[[Role], Asking]) -> None:
    auditor = asking(Role.AUDITOR)
    page = auditor.post(f"{ONE}/checks", 200)
    assert re.search(r"a stillbirth</th><td>never</td><td>not a live birth", page)
    assert "What chis sends is not known yet" in page  # no month was run in this home


def test_one_agreement_is_tried_out_at_a_time(authority: Authority, asking: Callable[[Role], Asking]) -> None:
    guardian = asking(Role.GUARDIAN)
    with agreements._WORKING:
        for path in (f"{ONE}/preview", f"{ONE}/checks"):
            assert "Somebody else is having an agreement tried out" in guardian.post(path, 409)
    assert authority.recorded(Kind.AGREEMENT_PREVIEWED) == []
