"""A notice arrives once, for the recipient's key as it is now, whatever stopped an earlier try."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.afterwards import notices, recalls
from pipeline.delivery import push
from pipeline.demo.authority import sign_register
from pipeline.encryption.sealing import new_password
from pipeline.errors import IntegrityError, NotAllDelivered
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Delivered, DeliveryFailed, Kind, NoticeBody
from pipeline.ledger.ledger import Ledger
from recalls.town import Town, said

DIED = said("Ada", "child_died")


def delivered_notices(town: Town) -> list[NoticeBody]:
    """The notices that the ledger says arrived, one for each time it says so."""
    with opened_ledger(town.home) as ledger:
        entries = list(ledger.entries(month=""))
    told = {one.seq: one.body for one in entries if isinstance(one.body, NoticeBody)}
    return [told[one.body.permit] for one in entries if isinstance(one.body, Delivered)]


def problems(town: Town) -> list[str]:
    with opened_ledger(town.home) as ledger:
        bodies = [one.body for one in ledger.entries(month="", kinds={Kind.DELIVERY_FAILED})]
    return [one.problem for one in bodies if isinstance(one, DeliveryFailed)]


def change_register(town: Town, code: str, *, signed: bool = True, **changes: Any) -> None:
    """Change a recipient in the register, or with nothing to change take it out."""
    file = town.home.path / "reference" / "recipients.yaml"
    listed = yaml.safe_load(file.read_text())
    for entry in listed["recipients"]:
        if entry["code"] == code:
            entry.update(changes)
    if not changes:
        listed["recipients"] = [one for one in listed["recipients"] if one["code"] != code]
    file.write_text(yaml.safe_dump(listed))
    if signed:
        sign(town)


def sign(town: Town) -> None:
    """Two persons sign the register as it lies there."""
    sign_register(town.home, town.arrangement.ground.approver_keys)


@pytest.fixture
def closed_folder(town: Town) -> Callable[[str], Callable[[], None]]:
    """Take a centre's folder away; the answer puts it back."""

    def taken_away(code: str) -> Callable[[], None]:
        place = town.received / code
        aside = place.with_name(f"{code} is away")
        place.rename(aside)

        def put_back() -> None:
            aside.rename(place)

        return put_back

    return taken_away


# --- trouble --------------------------------------------------------------------------------------


def test_one_centres_trouble_holds_no_other_and_is_made_up_for_later(
    town: Town, closed_folder: Callable[[str], Callable[[], None]]
) -> None:
    put_back = closed_folder("north")
    try:
        followed = town.hears(DIED, said("Cleo", "child_died"))
    finally:
        put_back()
    assert followed.brought.delivered == 1
    [failure] = followed.brought.failures
    assert "north" in str(failure)
    assert problems(town) == ["login"]
    assert (len(town.notices("north")), len(town.notices("south"))) == (0, 1)

    assert town.tries_again().brought.delivered == 1
    assert town.only_notice("north").lines[0][2] == town.reference("Ada")
    assert len(delivered_notices(town)) == 2
    assert list(notices.folder(town.home).iterdir()) == []


def test_a_feed_that_is_refused_does_not_keep_a_notice_from_being_tried_again_soon(
    town: Town, closed_folder: Callable[[str], Callable[[], None]]
) -> None:
    """The scheduler tries again what is not delivered, and nothing that waits for a person."""
    put_back = closed_folder("north")
    try:
        town.hears(DIED)
        (town.home.inbox("chis") / "changes_chis_2026-01-01.csv.gpg").write_bytes(b"noise")
        with pytest.raises(IntegrityError, match="changes_chis_2026-01-01"):
            recalls.hear(town.home, now=town.arrangement.now)
        with pytest.raises(NotAllDelivered, match="north") as stop:
            recalls.call_back(town.home, now=town.arrangement.now)
    finally:
        put_back()
    assert "changes_chis_2026-01-01.csv.gpg" in str(stop.value)
    with pytest.raises(recalls.NotHeard, match="changes_chis_2026-01-01"):
        recalls.call_back(town.home, now=town.arrangement.now)
    assert len(town.notices("north")) == 1


def test_a_recipient_that_is_gone_stays_open_and_somebody_must_tell_it(town: Town) -> None:
    change_register(town, "north")
    [failure] = town.hears(DIED).brought.failures
    assert "not in the register any more" in str(failure)
    assert "birthshare recalls show" in str(failure)
    answer = town.commands("recalls", "show", "north", "--json")
    assert [line["list_reference"] for line in answer.json["lines"]] == [town.reference("Ada")]
    assert town.recorded(Kind.NOTICE) == []

    refused = town.commands("recalls", "told", "north", "--as", "nobody@example.org")
    assert refused.code == 3
    told = ("recalls", "told", "north", "--as", "data.lead@example.org", "--note", "They shredded the cards.")
    assert town.commands(*told, "--json").json["rows"] == 1
    [state] = town.commands("recalls", "--json").json["recalls"]
    assert (state["waiting"], state["done"]) == (0, 1)
    assert town.commands(*told, "--json").json["rows"] == 0
    assert town.tries_again().brought == notices.Brought()


def test_what_a_person_told_is_recorded_together_with_its_answer(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_register(town, "north")
    town.hears(DIED)
    monkeypatch.setattr(Ledger, "give_notice", after(Ledger.give_notice))
    with pytest.raises(Killed):
        recalls.record_told(town.home, "north", principal="data.lead@example.org", now=town.arrangement.now)
    [state] = town.commands("recalls", "--json").json["recalls"]
    assert (state["waiting"], state["told"], state["done"]) == (0, 0, 1)


def test_a_recipient_whose_time_is_over_stays_open(town: Town) -> None:
    change_register(town, "north", ends="2020-01-01")
    [failure] = town.hears(DIED).brought.failures
    assert "after 2020-01-01" in str(failure)
    assert "Somebody must tell this place" in str(failure)


def test_nothing_goes_to_an_entry_that_nobody_signed(town: Town) -> None:
    change_register(town, "north", signed=False, user="attacker")
    followed = town.hears(DIED)
    assert len(followed.brought.failures) == 1
    assert problems(town) == ["not_agreed"]
    assert town.notices("north") == []
    change_register(town, "north", user="north")
    assert town.tries_again().brought.delivered == 1


def test_something_else_under_its_name_is_left_alone(town: Town) -> None:
    with opened_ledger(town.home) as ledger:
        size = ledger.size
    day = town.arrangement.now.date()
    name = f"recall_welcome-card-first-visit_north_{day}"
    for entry in range(size, size + 10):
        (town.received / "north" / f"{name}_{entry}.xlsx").write_text("something else")
    town.hears(DIED)
    assert problems(town) == ["occupied"]
    assert {file.read_text() for file in town.notices("north")} == {"something else"}


# --- keys -----------------------------------------------------------------------------------------


def test_a_notice_that_waits_is_sealed_anew_for_a_new_password(
    town: Town, closed_folder: Callable[[str], Callable[[], None]]
) -> None:
    put_back = closed_folder("north")
    try:
        town.hears(DIED)
    finally:
        put_back()
    reference = town.reference("Ada")
    (town.home.path / "keys" / "recipients" / "north.password").write_text(new_password())
    sign(town)
    assert town.tries_again().brought.delivered == 1
    assert town.only_notice("north").lines[0][2] == reference  # opened with the new password
    assert len(town.recorded(Kind.NOTICE)) == 2
    assert len(delivered_notices(town)) == 1


def test_a_notice_whose_bytes_are_lost_is_made_anew(
    town: Town, closed_folder: Callable[[str], Callable[[], None]]
) -> None:
    put_back = closed_folder("north")
    try:
        town.hears(DIED)
    finally:
        put_back()
    for file in notices.folder(town.home).iterdir():
        file.unlink()
    town.tries_again()
    assert len(town.notices("north")) == len(delivered_notices(town)) == 1


# --- killed ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*arguments: Any, **named: Any) -> Any:
        raise Killed

    return killed


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*arguments: Any, **named: Any) -> Any:
        function(*arguments, **named)
        raise Killed

    return killed


STEPS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "recalls are raised, no notice is made": (Ledger, "call_back", after),
    "bytes are kept, no leave is recorded": (Ledger, "give_notice", before),
    "leave is recorded, nothing is sent": (Ledger, "give_notice", after),
    "written aside, not asked yet": (Ledger, "publish_notice", before),
    "asked, not renamed": (Ledger, "publish_notice", after),
    "renamed, not recorded": (Ledger, "arrive", before),
    "recorded, bytes still kept": (Ledger, "arrive", after),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_killed_is_finished_by_the_next_and_nothing_is_sent_twice(
    town: Town, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    where, name, how = STEPS[step]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, how(getattr(where, name)))
        with pytest.raises(Killed):
            town.hears(DIED, said("Cleo", "suppressed"))
    town.tries_again()
    assert [one[2] for one in town.only_notice("north").lines] == [town.reference("Ada")]
    assert [one[2] for one in town.only_notice("south").lines] == [town.reference("Cleo")]
    assert sorted(one.recipient for one in delivered_notices(town)) == ["north", "south"]
    assert list(notices.folder(town.home).iterdir()) == []
    hidden = [file.name for code in ("north", "south") for file in leftovers(town.received / code)]
    assert hidden == []
    assert town.commands("ledger", "verify").code == 0


def leftovers(place: Path) -> list[Path]:
    return [file for file in place.iterdir() if file.name.startswith(".")]


def test_a_notice_that_was_taken_before_it_was_recorded_is_not_sent_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "arrive", before(Ledger.arrive))
        with pytest.raises(Killed):
            town.hears(DIED)
    [file] = town.notices("north")
    file.unlink()  # the centre took it
    town.tries_again()
    assert town.notices("north") == []
    assert len(delivered_notices(town)) == len(town.recorded(Kind.COLLECTED)) == 1


@pytest.mark.parametrize("renamed", [False, True])
def test_a_notice_that_was_on_its_way_to_a_former_place_is_brought_to_the_new_one(
    town: Town, monkeypatch: pytest.MonkeyPatch, renamed: bool
) -> None:
    """An empty folder elsewhere does not tell that the centre took it."""
    step = Ledger.arrive if renamed else Ledger.publish_notice
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, step.__name__, before(step) if renamed else after(step))
        with pytest.raises(Killed):
            town.hears(DIED)
    change_register(town, "north", folder="new")
    new = town.received / "north" / "new"
    new.mkdir()
    try:
        town.tries_again()
        [file] = new.iterdir()
        assert [one[2] for one in town.read("north", file).lines] == [town.reference("Ada")]
    finally:
        shutil.rmtree(new)
    assert len(delivered_notices(town)) == 1
    assert town.recorded(Kind.COLLECTED) == []


@pytest.mark.parametrize(("held_at", "trouble"), [("put", ["superseded"]), ("_place", [])])
def test_of_two_runs_at_once_the_newer_one_brings_the_notice_and_the_older_one_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch, held_at: str, trouble: list[str]
) -> None:
    """The first is held up before it writes its notice aside, or with leave to give it its name."""
    real, begun, there = getattr(push._Push, held_at), [], list[Path]()

    def held(self: Any, *arguments: Any) -> Any:
        if not begun:
            begun.append(True)
            assert town.tries_again().brought.delivered == 1
            there.extend(town.notices("north"))
        return real(self, *arguments)

    monkeypatch.setattr(push._Push, held_at, held)
    town.hears(DIED)
    assert town.notices("north") == there
    assert len(there) == len(delivered_notices(town)) == 1
    assert problems(town) == trouble


def test_bytes_that_another_run_has_used_up_are_no_failure_of_ours(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = notices._Work._push

    def push_after_another_run(self: Any, notice: Any) -> None:
        monkeypatch.setattr(notices._Work, "_push", real)
        town.tries_again()
        real(self, notice)

    monkeypatch.setattr(notices._Work, "_push", push_after_another_run)
    [failure] = town.hears(DIED).brought.failures
    assert "Another run has taken over" in str(failure)
    assert len(town.notices("north")) == len(delivered_notices(town)) == 1


def test_notices_are_made_side_by_side() -> None:
    """One is added to those that are known while another looks through them."""
    so_far = notices.SoFar()

    class Body:
        about = "recall"

        @property
        def entries(self) -> tuple[int, ...]:
            so_far.notices.setdefault(2, so_far.notices[1])
            return (1,)

    so_far.notices[1] = Body()  # type: ignore[assignment]
    draft = notices.Draft("recall", "welcome-card", "north", (1, 2), date(2026, 11, 20))
    assert so_far.new(draft) == (2,)
