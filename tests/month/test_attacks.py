"""What must not leave does not leave, whoever tries, whatever was changed, and in whatever order."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline import month as months
from pipeline.consent.words import heard
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import (
    BirthshareError,
    Busy,
    IntegrityError,
    NotAllDelivered,
    Refused,
    SettingsError,
    WaitingForPerson,
)
from pipeline.home import Home
from pipeline.ledger.entries import Kind
from pipeline.lists import compile as compiling
from pipeline.lists import csv as writing
from pipeline.stages import STAGES
from pipeline.steps import closing, dispatch
from pipeline.steps.release import NAMESPACE, forgoing
from pipeline.validation import checks

FIRST, SECOND = "centre-01", "centre-02"


def take_area(authority: Authority) -> None:
    """All homes of the second centre become the first one's."""
    areas = authority.home.path / "reference" / "reach_areas.csv"
    areas.write_text(areas.read_text().replace(SECOND, FIRST))
    authority.sign_register()


def deliver(authority: Authority) -> None:
    """The way that a scheduler takes: without looking at inputs again."""
    months.deliver(authority.home, MONTH, now=NOW)


def cannot_be_reached(authority: Authority, code: str) -> dict[str, object]:
    """Approve a month in which one recipient's server is down; everyone else gets their list."""
    before = authority.change_recipient(code, port=1)
    authority.prepare_and_approve()
    with pytest.raises(NotAllDelivered, match=code):
        authority.run()
    return before


# --- only what was approved -----------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES[: STAGES.index("delivery")])
def test_a_run_that_ends_before_delivery_delivers_nothing(authority: Authority, stage: str) -> None:
    authority.prepare_and_approve()
    authority.run(until=stage)
    assert authority.files() == {}


def test_decisions_that_were_made_anew_are_not_what_was_approved(authority: Authority) -> None:
    authority.prepare_and_approve()
    take_area(authority)
    authority.run(until="consent")
    with pytest.raises(IntegrityError, match="not those that were approved"):
        deliver(authority)
    assert authority.files() == {}


def test_inputs_that_were_put_back_do_not_bring_back_an_approval(authority: Authority) -> None:
    authority.prepare_and_approve()
    areas = authority.home.path / "reference" / "reach_areas.csv"
    approved = areas.read_text()
    take_area(authority)
    authority.run(until="consent")
    areas.write_text(approved)
    authority.sign_register()
    with pytest.raises(WaitingForPerson):
        months.run(authority.home, MONTH, now=NOW + timedelta(minutes=1))
    assert authority.files() == {}


def test_working_files_of_an_older_extract_are_not_what_was_approved(authority: Authority) -> None:
    authority.run(until="release")
    working = authority.home.state / "working" / str(MONTH)
    older = {file.name: file.read_bytes() for file in working.glob("*.sealed")}
    extract = authority.extract()
    extract["consent_status"] = "refused"
    authority.send(extract)
    authority.run(until="release")
    authority.approve()
    for name in (name for name in older if name.startswith(("births", "decisions", "placements"))):
        (working / name).write_bytes(older[name])
    with pytest.raises(IntegrityError):
        deliver(authority)
    assert authority.files() == {}


def test_a_new_version_of_the_agreement_is_not_what_was_approved(authority: Authority) -> None:
    authority.prepare_and_approve()
    text = authority.agreement_file(1).read_text().replace("version: 1", "version: 2\nreplaces: 1")
    authority.agreement_file(2).write_text(text.replace("date_of_birth]", "date_of_birth, nhs_number]"))
    authority.sign_agreement(2)
    with pytest.raises(Refused, match="newer version"):
        deliver(authority)
    assert authority.files() == {}


def test_a_changed_recipient_is_asked_about_anew(authority: Authority) -> None:
    authority.prepare_and_approve()
    authority.change_recipient(FIRST, user="another")
    with pytest.raises(NotAllDelivered, match="has changed since"):
        deliver(authority)
    assert not any(name.startswith(FIRST) for name in authority.files())
    with pytest.raises(WaitingForPerson):
        authority.run()


def test_a_changed_password_is_asked_about_anew(authority: Authority) -> None:
    authority.prepare_and_approve()
    (authority.home.path / "keys" / "recipients" / f"{FIRST}.password").write_text("known-to-somebody-else")
    with pytest.raises(WaitingForPerson):
        authority.run()
    assert authority.files() == {}


def test_an_approval_in_airflow_needs_a_login_there(authority: Authority) -> None:
    authority.setting('airflow_user = "data_lead"\n', "")
    asked = months.prepare(authority.reopened(), MONTH, now=NOW)
    with pytest.raises(Refused, match="no login in Airflow"):
        months.record_decision(
            authority.reopened(),
            MONTH,
            pack_sha256=asked.pack_sha256,
            principal="data.lead@example.org",
            approve=True,
            way="airflow",
            now=NOW,
        )


def test_an_older_database_put_back_does_not_undo_a_refusal(authority: Authority, tmp_path: Path) -> None:
    authority.prepare_and_approve()
    database = authority.home.state / "birthshare.db"
    shutil.copy(database, tmp_path / "older.db")
    [asked] = authority.recorded(Kind.RELEASE_REQUESTED)
    months.record_decision(
        authority.home,
        MONTH,
        pack_sha256=asked.pack_sha256,
        principal="caldicott.guardian@example.org",
        approve=False,
        way="airflow",
        note="far fewer births than there were",
        now=NOW,
    )
    shutil.copy(tmp_path / "older.db", database)
    with pytest.raises(IntegrityError, match="damaged"):
        authority.run()
    assert authority.files() == {}


# --- the agreement, up to the last moment ---------------------------------------------------------


def suspend(authority: Authority) -> None:
    authority.agreement_file().with_suffix(".suspend.caldicott_guardian.sig").write_text("stop")


def test_another_database_named_from_outside_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    """As by a Connection edited in Airflow: our signature of a longer ledger lies in the home."""
    authority.prepare_and_approve()
    elsewhere = {"BIRTHSHARE_DATABASE": f"sqlite:///{tmp_path}/another.db"}
    home = Home.open(authority.home.path, environment=elsewhere)
    for step in (months.prepare, months.deliver, months.close):
        with pytest.raises(IntegrityError, match="longer ones were signed"):
            step(home, MONTH, now=NOW)
    assert authority.files() == {}


def test_a_suspension_while_lists_are_being_sent_stops_the_rest(authority: Authority) -> None:
    authority.setting("[suppliers.chis]", "[delivery]\nat_once = 1\n\n[suppliers.chis]")
    authority.prepare_and_approve()

    def suspend_after_the_first(stage: str, done: int, total: int) -> None:
        if stage == "delivery" and done == 1 and total > 1:
            suspend(authority)

    with pytest.raises(Refused, match="agreement_suspended"):
        months.run(authority.reopened(), MONTH, now=NOW, watch=suspend_after_the_first)
    assert len(authority.files()) < 4


def test_a_suspended_version_does_not_bring_an_older_one_back(authority: Authority) -> None:
    text = authority.agreement_file(1).read_text().replace("version: 1", "version: 2\nreplaces: 1")
    authority.agreement_file(2).write_text(text.replace("[child_name, parent_name, address,", "[address,"))
    authority.sign_agreement(2)
    authority.run(until="release")
    authority.agreement_file(2).write_text(text)
    with pytest.raises(Refused):
        authority.run()


# --- later words ----------------------------------------------------------------------------------


def test_one_child_for_another_is_not_the_same_list(authority: Authority) -> None:
    authority.run(until="release")
    first, second = authority.of_two_homes(FIRST)
    authority.say("child_died", first)
    before = cannot_be_reached(authority, FIRST)
    authority.say("death_removed", first, at=NOW + timedelta(days=1))
    authority.say("consent_withdrawn", second)
    authority.change_recipient(FIRST, **before)
    authority.run(until="release")
    authority.approve()
    months.run(authority.home, MONTH, now=NOW + timedelta(days=2))
    disclosed = [body for body in authority.recorded(Kind.DISCLOSURE) if body.recipient == FIRST]
    last = max(body.permit for body in disclosed)
    assert second in {body.child for body in disclosed}
    assert second not in {body.child for body in disclosed if body.permit == last}


def test_what_another_supplier_knows_counts_too(authority: Authority) -> None:
    authority.run(until="release")
    with months.opened(authority.home, MONTH, NOW) as desk:
        births = desk.staging.frame("births")
    died = births[births["death_status"].isin(["1", "2"])]
    words = heard(births)
    assert set(died["child"]) <= set(words.loc[words["word"] == "child_died", "subject"])


# --- what must be known, and by the right key -----------------------------------------------------


@pytest.mark.parametrize("column", ["looked_after", "adoption", "safeguarding", "parent_death_status"])
def test_a_feed_that_drops_a_column_does_not_lift_an_exclusion(authority: Authority, column: str) -> None:
    authority.send(authority.extract().drop(columns=column))
    with pytest.raises(IntegrityError, match=column):
        authority.run()


def test_with_another_key_for_references_nothing_is_done(authority: Authority) -> None:
    authority.run(until="release")
    key = authority.home.path / "keys" / "subject.key"
    key.write_bytes(key.read_bytes()[::-1])
    with pytest.raises(IntegrityError, match="not the key"):
        authority.run()


@pytest.mark.parametrize(
    "shared", [{"user": SECOND}, {"key": f"keys/recipients/{SECOND}.password"}], ids=["account", "key"]
)
def test_two_recipients_never_share_an_account_or_a_key(authority: Authority, shared: dict[str, str]) -> None:
    authority.change_recipient(FIRST, signed=False, **shared)
    with pytest.raises(SettingsError, match="Recipients have the same"):
        authority.run()


# --- a file that comes out of turn ----------------------------------------------------------------


def signed_in_the_same_second(authority: Authority) -> bool:
    """Signatures count in whole seconds; only a later second says which extract is the newer."""
    return len({body.signed_at for body in authority.recorded(Kind.EXTRACT_RECEIVED)}) < 2


def test_an_older_extract_does_not_replace_a_newer_one(authority: Authority) -> None:
    older = authority.sealed.read_bytes()
    authority.run(until="release")
    extract = authority.extract()
    extract["consent_status"] = "withdrawn"
    while authority.run(until="release") and signed_in_the_same_second(authority):
        authority.send(extract)
    authority.sealed.write_bytes(older)
    with pytest.raises(IntegrityError, match="newer file"):
        authority.run(until="release")


def test_an_extract_signed_in_the_future_is_refused(authority: Authority) -> None:
    with pytest.raises(IntegrityError, match="signed in the future"):
        months.run(authority.home, MONTH, now=NOW - timedelta(hours=3))


def test_an_extract_signed_before_its_month_is_refused(authority: Authority) -> None:
    later = MONTH.plus(2)
    authority.sealed.rename(authority.sealed.with_name(authority.sealed.name.replace(str(MONTH), str(later))))
    with pytest.raises(IntegrityError):
        months.run(authority.home, later, now=NOW)


def test_nothing_is_decided_as_of_a_moment_to_come(authority: Authority) -> None:
    with pytest.raises(SettingsError, match="still to come"):
        authority.run(until="consent", as_of=NOW + timedelta(days=1))


def test_another_moment_of_decision_makes_another_release(authority: Authority) -> None:
    authority.run(until="release", as_of=NOW - timedelta(days=3))
    authority.run(until="release", as_of=NOW - timedelta(days=2))
    assert len(authority.recorded(Kind.RELEASE_REQUESTED)) == 2


# --- everything can be brought to an end ----------------------------------------------------------


def test_a_list_that_cannot_be_brought_is_forgone_and_its_families_stay_held(
    birthshare: CommandLine,
) -> None:
    authority = birthshare.authority
    authority.change_recipient(FIRST, port=1)
    assert birthshare.run().code == 6
    birthshare.approve()
    assert birthshare.run().code == 5
    who, key = "data.lead@example.org", authority.demo.approver_keys["data_lead"]
    assert birthshare("release", "forgo", str(MONTH), FIRST, "--as", who, "--key", key).code == 0
    state = birthshare.run().json
    assert state["state"] == "closed"
    assert {row["code"]: row["state"] for row in state["recipients"]}[FIRST] == "forgone"
    [agreement] = state["agreements"].values()
    assert agreement["shared"] == sum(row["children"] for row in state["recipients"])
    assert not (authority.home.state / "working" / str(MONTH)).exists()


def test_a_month_whose_inbox_was_emptied_after_its_release_is_finished(authority: Authority) -> None:
    authority.prepare_and_approve()
    authority.sealed.unlink()
    assert authority.run()["state"] == "closed"


def test_a_month_is_finished_as_approved_when_its_agreement_is_suspended_after_the_last_list(
    authority: Authority,
) -> None:
    authority.prepare_and_approve()
    authority.run(until="delivery")
    suspend(authority)
    assert authority.run()["state"] == "closed"


def test_a_month_whose_lists_are_all_forgone_ends_although_its_release_was_refused(
    authority: Authority,
) -> None:
    asked = months.prepare(authority.home, MONTH, now=NOW)
    authority.decide(asked.pack_sha256, approve=False)
    with pytest.raises(Refused):
        authority.run()
    for agreement, code in asked.deliveries:
        content = forgoing(asked.pack_sha256, agreement, code)
        signature = sign_ssh(
            content, private_key=authority.demo.approver_keys["data_lead"], namespace=NAMESPACE
        )
        months.forgo(
            authority.home,
            MONTH,
            pack_sha256=asked.pack_sha256,
            agreement=agreement,
            recipient=code,
            principal="data.lead@example.org",
            signature=signature.decode(),
            now=NOW,
        )
    state = authority.run()
    assert state["state"] == "closed"
    assert authority.files() == {}


def test_a_refused_release_cannot_be_approved_any_more(authority: Authority) -> None:
    asked = months.prepare(authority.home, MONTH, now=NOW)
    authority.decide(asked.pack_sha256, approve=False)
    with pytest.raises(Refused, match="refused already"):
        authority.decide(asked.pack_sha256, approve=True)


def test_a_close_that_was_killed_is_finished_by_whoever_comes_next(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.prepare_and_approve()
    with monkeypatch.context() as killed:
        killed.setattr(closing, "finish", killed_here)
        with pytest.raises(KeyboardInterrupt):
            authority.run()
    assert months.prepare(authority.home, MONTH, now=NOW) is None
    assert not (authority.home.state / "working" / str(MONTH)).exists()
    assert months.status(authority.home, MONTH, now=NOW)["state"] == "closed"


def killed_here(*_: object) -> None:
    raise KeyboardInterrupt


def test_inputs_that_change_after_the_first_list_count_from_the_next_month(authority: Authority) -> None:
    before = cannot_be_reached(authority, FIRST)
    take_area(authority)
    authority.change_recipient(FIRST, **before)
    with pytest.raises(WaitingForPerson):
        authority.run()
    authority.approve()
    assert authority.run()["state"] == "closed"


# --- two at once ----------------------------------------------------------------------------------


def test_two_deliveries_at_once_deliver_each_list_once(authority: Authority) -> None:
    authority.prepare_and_approve()
    ends: list[str] = []

    def one() -> None:
        try:
            deliver(authority)
            ends.append("done")
        except BirthshareError as error:
            ends.append(type(error).__name__)

    both = [threading.Thread(target=one) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert set(ends) <= {"done", "NotAllDelivered"}
    assert authority.run()["state"] == "closed"
    delivered = authority.recorded(Kind.DELIVERED)
    assert len(delivered) == len({body.permit for body in delivered}) == 4
    assert len(authority.files()) == 4


def test_while_one_prepares_or_closes_nobody_else_begins(authority: Authority) -> None:
    with months.alone(authority.home, MONTH, NOW):
        for step in (months.prepare, months.close):
            with pytest.raises(Busy):
                step(authority.home, MONTH, now=NOW)


def test_a_try_that_still_sends_keeps_the_month_from_being_closed_or_prepared_anew(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have outlived whoever began it, while another try has brought all the lists."""
    authority.prepare_and_approve()
    send, stopped = dispatch.send, list[str]()

    def meanwhile(*arguments: Any, **options: Any) -> None:
        send(*arguments, **options)
        for step in (months.close, months.prepare):
            with pytest.raises(Busy):
                step(authority.home, MONTH, now=NOW)
            stopped.append(step.__name__)

    monkeypatch.setattr(dispatch, "send", meanwhile)
    assert authority.run()["state"] == "closed"
    assert set(stopped) == {"close", "prepare"}


# --- books that would not balance -----------------------------------------------------------------


def drop_a_household(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compiling.compile_list

    def without_one(*arguments: object, **options: object) -> object:
        families = whole(*arguments, **options)
        return replace(families, rows=families.rows.iloc[:-1])

    monkeypatch.setattr(compiling, "compile_list", without_one)


def drop_a_row_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = writing.render_csv

    def without_last(*arguments: object, **options: object) -> bytes:
        return b"\r\n".join(whole(*arguments, **options).split(b"\r\n")[:-2]) + b"\r\n"

    monkeypatch.setattr(writing, "render_csv", without_last)


@pytest.mark.parametrize("mistake", [drop_a_household, drop_a_row_of_the_file])
def test_a_list_that_lacks_a_family_is_never_sealed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, mistake: Callable[[pytest.MonkeyPatch], None]
) -> None:
    authority.prepare_and_approve()
    mistake(monkeypatch)
    with pytest.raises(IntegrityError, match="exactly the families"):
        authority.run()


def test_a_row_lost_in_validation_stops_the_month(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checks.validate

    def one_for_another(*arguments: object, **options: object) -> object:
        valid = whole(*arguments, **options)
        births = valid.births.copy()
        births.loc[0, "row"] = births.loc[1, "row"]
        return replace(valid, births=births)

    monkeypatch.setattr(checks, "validate", one_for_another)
    with pytest.raises(IntegrityError, match="lost or doubled"):
        authority.run()
