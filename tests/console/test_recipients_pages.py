"""*Recipients*: who receives lists, what is open there, and changes of the register that two people sign."""

from __future__ import annotations

import re
from collections.abc import Callable

from month_authority import NOW, Authority, CommandLine, birthshare
from pipeline.encryption.signing import sign_ssh
from pipeline.recipients.register import NAMESPACE
from pipeline.roles import Role
from register.signing import FIRST, SECOND, why_not

from .by_hand import sign_by_hand
from .conftest import Asking, Screen

__all__ = ["birthshare"]

CHANGES = "/recipients/register/changes"
KEYS = {
    Role.GUARDIAN: "caldicott_guardian",
    Role.IG_OFFICER: "data_protection_officer",
    Role.DATA_LEAD: "data_lead",
}


def signature(authority: Authority, role: Role, content: bytes) -> str:
    key = authority.demo.approver_keys[KEYS[role]]
    return sign_ssh(content, private_key=key, namespace=NAMESPACE).decode()


def digest_shown(page: str) -> str:
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def alert(page: str) -> str:
    return page.split('role="alert"')[1].split("</div>")[0]


def test_two_people_read_a_change_of_the_register_and_sign_it(
    authority: Authority, screens: Callable[[Role], Screen]
) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    for number, role in enumerate((Role.GUARDIAN, Role.IG_OFFICER)):
        assert why_not(authority, FIRST) != ""
        screen = screens(role)
        page = screen.open("/recipients")
        assert "no" in page.get_by_role("row").filter(has_text=FIRST).inner_text()
        page.get_by_role("link", name="See what was changed").click()
        assert f"{FIRST}: user was {FIRST}, and is another." in page.inner_text("main")
        assert f"{2 - number}{' more' if number else ''} of these must sign" in page.inner_text("main")
        if not number:
            screen.look_over()
        sign_by_hand(page, authority.demo.approver_keys[KEYS[role]], NAMESPACE, "Sign the register")
        page.wait_for_url(f"**{CHANGES}")
    assert "agreed as they stand" in page.inner_text("main")
    assert why_not(authority, FIRST) == ""
    screen.look_over()


def test_a_recipient_shows_its_lists_what_is_open_and_its_entry(
    authority: Authority, birthshare: CommandLine, screens: Callable[[Role], Screen]
) -> None:
    authority.change_recipient(FIRST, key_until=str(NOW.date()))
    authority.change_recipient(SECOND, ends=str(authority.demo.month.first_day))
    birthshare.run()
    birthshare.approve()
    birthshare.run()  # the second gets nothing: it is closed
    screen = screens(Role.AUDITOR)
    page = screen.open("/recipients")
    first, second = (page.get_by_role("row").filter(has_text=code) for code in (FIRST, SECOND))
    assert first.get_by_role("cell").nth(2).inner_text() == "1"  # not collected
    assert "Nothing is sent to this recipient after" in second.inner_text()
    assert "Now" in first.inner_text()
    screen.look_over()
    first.get_by_role("link").click()
    lists = page.get_by_role("table").filter(has_text="The newest first")
    assert "delivered" in lists.inner_text()
    assert authority.demo.month.in_full in lists.inner_text()
    text = page.inner_text("main")
    assert "key_check" in text
    password = authority.home.at(f"keys/recipients/{FIRST}.password").read_text().strip()
    assert password not in page.content()
    screen.look_over()


def test_what_is_no_good_signature_is_said_in_an_error_summary_and_changes_nothing(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    lead = asking(Role.DATA_LEAD)
    digest, text = digest_shown(lead.get(CHANGES)), lead.client.get(f"{CHANGES}/file").content
    for words, given in {
        "There is no signature": "",
        "another person": signature(authority, Role.GUARDIAN, text),
        "A signature is not good": signature(authority, Role.DATA_LEAD, text + b" "),
        "cannot be read": "nonsense",
    }.items():
        page = lead.post(CHANGES, 422, digest=digest, signature=given)
        assert "<title>Error: " in page
        assert words in alert(page), words
    right = signature(authority, Role.DATA_LEAD, text)
    authority.change_recipient(FIRST, signed=False, user="a-third")
    page = lead.post(CHANGES, 422, digest=digest, signature=right)
    assert "was changed after you opened this page" in alert(page)
    assert "Nobody yet" in page


def test_one_person_signs_once_and_an_auditor_never(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    lead, auditor = asking(Role.DATA_LEAD), asking(Role.AUDITOR)
    digest, text = digest_shown(lead.get(CHANGES)), lead.client.get(f"{CHANGES}/file").content
    mine = signature(authority, Role.DATA_LEAD, text)
    assert "Sign it" not in auditor.get(CHANGES)
    auditor.post(CHANGES, 403, digest=digest, signature=mine)
    for _ in range(2):  # the same person again does not count twice
        assert lead.post(CHANGES, digest=digest, signature=mine) == CHANGES
    page = lead.get(CHANGES)
    assert "1 more of these must sign" in page
    assert "Sign it" not in page
    assert why_not(authority, FIRST) != ""


def test_a_register_that_cannot_be_written_beside_is_said_so(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    lead = asking(Role.DATA_LEAD)
    digest, text = digest_shown(lead.get(CHANGES)), lead.client.get(f"{CHANGES}/file").content
    own = authority.home.at("reference/register.data.lead@example.org.sig")
    own.unlink(missing_ok=True)
    own.mkdir()  # as a file that nobody may write
    mine = signature(authority, Role.DATA_LEAD, text)
    page = lead.post(CHANGES, 422, digest=digest, signature=mine)
    assert "The signature cannot be written" in alert(page)
