"""A run that failed for good is told once a day for each DAG, and nothing that nobody may read is in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from digest.conftest import APPROVAL, LEAD, MONDAY, OFFICER, Office
from pipeline.digest.daily import Told
from pipeline.digest.failures import Failure, tell

FAILED = Failure(
    dag="monthly_births",
    task="prepare",
    month="2026-10",
    words="IntegrityError, exit code 4: The file is cut off (births.csv.gpg). Ask for it again.",
    link="https://airflow.council.example/dags/monthly_births/runs/manual__2026-11-02/tasks/prepare",
)


def failed(office: Office, failure: Failure = FAILED, *, day: int = 0) -> Told:
    return tell(office.home, failure, now=MONDAY + timedelta(days=day))


def test_the_data_lead_and_the_webhook_are_told_which_task_failed_and_why(office: Office) -> None:
    assert failed(office).sent == 2
    [message] = office.mail.of(LEAD)
    assert message["Subject"] == "Birthshare E06999999: monthly_births has failed"
    text = message.get_content()
    assert "The task prepare of monthly_births for 2026-10 has failed" in text
    assert FAILED.words in text
    assert FAILED.link in text
    assert office.webhook.taken[0]["failed"] == {
        "dag": "monthly_births", "task": "prepare", "month": "2026-10",
    }  # fmt: skip
    assert not office.mail.of(OFFICER)


def test_a_dag_that_fails_again_and_again_is_told_once_a_day(office: Office) -> None:
    failed(office)
    assert failed(office, replace(FAILED, task="close")).sent == 0
    assert failed(office, replace(FAILED, dag="retention")).sent == 2
    assert failed(office, day=1).sent == 2


def test_a_failure_takes_nothing_from_the_digest_and_the_digest_nothing_from_it(office: Office) -> None:
    failed(office)
    assert office.tell(APPROVAL).sent == 3
    assert failed(office).sent == 0


def test_a_failure_that_could_not_be_told_is_told_by_the_next_one(office: Office) -> None:
    office.mail.refused = {LEAD}
    assert failed(office).failed
    office.mail.refused = set()
    assert failed(office).sent == 1


def test_neither_an_approver_nor_what_one_wrote_is_named_in_a_mailbox(office: Office) -> None:
    person = office.home.settings.approvers[0]
    note = 'not the "Quillfeathers" again'  # with quotation marks of its own
    refused = f'Refused, exit code 3: {person.principal} refused it: "{note}". Correct it.'
    failed(office, replace(FAILED, words=refused))
    for text in (office.texts()[0], office.webhook.taken[0]["text"]):
        assert person.principal not in text
        assert "Quillfeather" not in text
        assert f"the {person.roles[0]} refused it: (its words are in the log). Correct it." in text
