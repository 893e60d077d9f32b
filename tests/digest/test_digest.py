"""The daily digest: one message a day to each mailbox, only where there is something new to tell."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from digest.conftest import APPROVAL, EXPIRY, LEAD, LOGIN, MONDAY, OFFICER, SECRET_PATH, UNCOLLECTED, Office
from pipeline import doctor
from pipeline.digest.channels import Channel
from pipeline.errors import NotAllDelivered, SettingsError
from pipeline.home import Home
from pipeline.keeping import limits
from pipeline.questions.things import Urgency
from pipeline.records import Month

EVERYBODY = 3  # two mailboxes and the webhook
UNCOLLECTED_OF_MONTH = replace(UNCOLLECTED, month="2026-10")


def test_each_mailbox_gets_what_is_its_turn_and_the_webhook_all(office: Office) -> None:
    assert office.tell(APPROVAL, UNCOLLECTED, EXPIRY).sent == EVERYBODY
    [lead], [officer] = office.texts(), office.texts(OFFICER)
    assert "maple is not known to have collected lists: 2" in lead
    assert "expires after" not in lead
    assert "welcome.v1 expires after 20 January 2027" in officer
    assert "maple" not in officer
    for text in (lead, officer):  # nobody has a mailbox for approvers alone
        assert "the release of October 2026 waits for approval" in text
        assert "https://airflow.council.example" in text.splitlines()
    [posted] = office.webhook.taken
    assert [one["kind"] for one in posted["things"]] == ["release_first", "uncollected", "agreement_expiry"]
    assert posted["text"].startswith("3 things wait for a person at ")


def test_a_month_is_linked_to_once_it_has_a_page(office: Office) -> None:
    """What waits most often is the release of a month that is not closed, and has no page yet."""
    page = office.home.month_page(Month.parse("2026-10"))
    for day, address in enumerate(("", "/birthshare/months/2026-10")):
        office.tell(APPROVAL if not day else UNCOLLECTED_OF_MONTH, day=day)
        assert ("/birthshare/months/" in office.texts()[-1]) == bool(address)
        told = office.webhook.taken[-1]["things"][0]
        assert told["link"] == f"https://airflow.council.example{address}"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()


def test_it_is_plain_text_with_a_subject_of_counts_alone(office: Office) -> None:
    office.tell(APPROVAL, UNCOLLECTED)
    [message] = office.mail.of(LEAD)
    assert message.get_content_type() == "text/plain"
    assert message["Subject"] == "Birthshare E06999999: 2 things wait, 1 now"
    assert message["Auto-Submitted"] == "auto-generated"


def test_nobody_is_told_twice_on_a_day(office: Office) -> None:
    office.tell(APPROVAL)
    assert office.tell(APPROVAL, UNCOLLECTED).sent == 0
    assert len(office.mail.taken) == 2
    assert len(office.webhook.taken) == 1


def test_of_two_runs_at_once_one_tells(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a try outlives its scheduler: the second waits, and finds that everybody was told."""
    real, second = Channel.send, list[Thread]()

    def send_while_another_runs(*arguments: Any) -> None:
        if not second:
            second.append(Thread(target=office.tell, args=(APPROVAL,)))
            second[0].start()
            second[0].join(1)  # it does not end before this one
        real(*arguments)

    monkeypatch.setattr(Channel, "send", send_while_another_runs)
    office.tell(APPROVAL)
    second[0].join()
    assert len(office.texts(LEAD)) == len(office.webhook.taken) == 1


def test_nothing_is_sent_where_nothing_waits_or_nothing_is_new(office: Office) -> None:
    assert office.tell().sent == 0
    office.tell(APPROVAL)
    for day in range(1, 7):
        assert office.tell(APPROVAL, day=day).sent == 0, "a thing that has not changed is no news"


def test_a_thing_that_has_not_changed_is_named_again_after_a_week_and_shortly(office: Office) -> None:
    office.tell(APPROVAL)
    assert office.tell(APPROVAL, day=7).sent == EVERYBODY
    again = office.texts()[-1]
    assert "Still waiting:" in again
    assert "New:" not in again
    assert "birthshare release show" not in again


def test_a_thing_that_becomes_urgent_is_named_at_once(office: Office) -> None:
    office.tell(EXPIRY)
    assert office.tell(replace(EXPIRY, urgency=Urgency.SOON), day=1).sent == 2  # the officer, the webhook
    assert office.tell(replace(EXPIRY, urgency=Urgency.IN_TIME), day=2).sent == 0


def test_what_is_new_comes_first_and_what_was_told_is_only_counted(office: Office) -> None:
    office.tell(UNCOLLECTED)
    office.tell(UNCOLLECTED, APPROVAL, day=1)
    second = office.texts()[-1]
    assert "waits for approval" in second
    assert "maple" not in second
    assert "Told before, within 7 days: 1." in second


def test_what_was_seen_to_and_comes_back_is_new(office: Office) -> None:
    office.tell(APPROVAL, UNCOLLECTED)
    office.tell(UNCOLLECTED, EXPIRY, day=1)
    assert "New:" in (office.tell(UNCOLLECTED, APPROVAL, day=2), office.texts()[-1])[1]


def test_a_message_that_could_not_be_sent_is_owed_and_nobody_else_waits_for_it(office: Office) -> None:
    office.mail.refused = {LEAD}
    told = office.tell(APPROVAL)
    assert (told.sent, len(told.failed)) == (2, 1)
    with pytest.raises(NotAllDelivered, match="the mailbox of data lead"):
        told.check()
    office.mail.refused = set()
    assert office.tell(APPROVAL).sent == 1
    assert len(office.texts()) == len(office.texts(OFFICER)) == len(office.webhook.taken) == 1


def test_a_password_that_mail_cannot_carry_keeps_nobody_else_from_being_told(office: Office) -> None:
    (office.home.path / "keys" / "mail.password").write_text("Schlüssel und Tinte", encoding="utf-8")
    told = office.tell(APPROVAL)
    assert told.sent == 1, "the webhook"
    assert len(told.failed) == EVERYBODY - 1
    assert "ü" not in "".join(told.failed)


def test_nobody_waits_for_what_a_webhook_says_beside_its_yes(office: Office) -> None:
    """An answer without an end would hold every notice up, and could fill the memory."""
    office.webhook.promised = 1_000_000_000
    assert office.tell(APPROVAL).sent == EVERYBODY
    assert len(office.webhook.taken) == 1


@pytest.mark.parametrize("answer", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_owed_and_a_redirection_is_not_followed(
    office: Office, answer: int
) -> None:
    office.webhook.answer = answer
    [failed] = office.tell(APPROVAL).failed
    assert failed == f"the webhook: The message was not taken (the webhook, HTTP {answer})."
    office.webhook.answer = 200
    assert office.tell(APPROVAL).sent == 1


def test_nothing_is_said_to_a_server_without_tls(office: Office) -> None:
    office.mail.offers_tls = False
    assert len(office.tell(APPROVAL).failed) == 2
    assert not office.mail.taken


def test_nothing_is_said_to_a_server_that_nobody_vouches_for(office: Office) -> None:
    settings = office.home.settings.notices
    assert settings.mail
    assert settings.webhook
    trusting = settings.model_copy(
        update={
            "mail": settings.mail.model_copy(update={"trust": ""}),
            "webhook": settings.webhook.model_copy(update={"trust": ""}),
        }
    )
    office.home = Home(office.home.path, office.home.settings.model_copy(update={"notices": trusting}))
    assert len(office.tell(APPROVAL).failed) == EVERYBODY
    assert not office.mail.taken
    assert not office.webhook.taken


def test_no_secret_and_no_word_of_a_server_is_ever_said(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    office.tell(UNCOLLECTED)
    office.mail.login = "another", "password"
    office.webhook.answer = 403
    failed = " ".join(office.tell(APPROVAL, day=1).failed)
    for secret in (LOGIN[1], SECRET_PATH, "who is"):
        assert secret not in failed
        assert secret not in caplog.text
        assert secret not in (office.home.state / "told.json").read_text()


def test_what_is_remembered_is_the_owners_alone_and_names_no_mailbox(office: Office) -> None:
    office.tell(APPROVAL)
    file = office.home.state / "told.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "council.example" not in file.read_text()
    assert json.loads(file.read_text())["webhook"]["day"] == "2026-11-02"
    of = limits.class_of(office.home, file.relative_to(office.home.path))
    assert of is limits.MADE_AGAIN


@pytest.mark.parametrize(
    "broken",
    [
        "[]",
        '{"webhook": {"things": {"release_first:2026-10": ["yesterday", "soon"]}}}',
        '{"webhook": {"things": {"release_first:2026-10": ["2026-11-02", "somewhat"]}}}',
        '{"webhook": {"things": {"release_first:2026-10": []}}}',
    ],
)
def test_a_memory_that_is_lost_or_broken_means_to_tell_once_more(office: Office, broken: str) -> None:
    office.tell(APPROVAL)
    (office.home.state / "told.json").write_text(broken)
    assert office.tell(APPROVAL, day=1).sent == EVERYBODY


@pytest.mark.parametrize(
    "notices",
    [
        '[notices]\nto = { data_lead = ["births@council.example"] }',
        '[notices]\nto = { data_lead = ["births@council.example\\nBcc: x@x.example"] }',
        '[notices]\nto = { data_lead = ["Zoe <births@council.example>"] }',
        '[notices]\nlink = "javascript:alert(1)"',
        '[notices.mail]\nhost = "mail.council.example"\nsender = "a@b.example"\nsecurity = "none"',
    ],
)
def test_settings_that_could_do_harm_are_refused(office: Office, notices: str) -> None:
    file = office.home.path / "birthshare.toml"
    file.write_text(file.read_text().partition("[notices]")[0] + notices)
    with pytest.raises(SettingsError):
        Home.open(office.home.path)


def test_a_home_without_mailboxes_tells_nobody(office: Office) -> None:
    bare = office.home.settings.model_copy(update={"notices": type(office.home.settings.notices)()})
    office.home = Home(office.home.path, bare)
    told = office.tell(APPROVAL)
    assert told.as_json() == {"channels": 0, "sent": 0, "failed": 0}
    assert "no mailbox" in told.words


def test_the_doctor_misses_a_login_that_the_settings_want(office: Office) -> None:
    (office.home.path / "keys" / "mail.password").unlink()
    found = {
        one.what: one.well for one in doctor.examine(office.home, now=MONDAY) if "tells people" in one.what
    }
    assert list(found.values()) == [False, True]
