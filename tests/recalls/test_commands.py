"""What the data lead sees of recalls: counts by recipient, lists and references, and never a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from pipeline.afterwards import recalls
from pipeline.errors import IntegrityError, NotAllDelivered
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Acknowledged, Entry, Kind
from recalls.town import FAMILIES, Town, said
from scenarios.arrangement import TODAY

DONE, WRONG_USE, INTEGRITY, NOT_DELIVERED = 0, 2, 4, 5


@contextmanager
def away(town: Town, code: str) -> Iterator[None]:
    """Meanwhile the recipient's account is not there."""
    place = town.received / code
    aside = place.rename(place.with_name(f"{code} is away"))
    try:
        yield
    finally:
        aside.rename(place)


def feed(town: Town, *names: str) -> None:
    town.arrangement.feeds("chis", [said(name, "child_died") for name in names])


def test_applying_changes_says_how_much_was_called_back(town: Town) -> None:
    feed(town, "Ada", "Bea", "Cleo")
    answer = town.commands("changes", "apply", "--json")
    assert answer.code == DONE
    assert answer.json["recalls"] == {"raised": 3, "recipients": 2, "notices": 2, "not_delivered": []}
    said_to_people = town.commands("changes", "apply")
    assert "Recalls: 0 rows of lists at 0 recipients." in said_to_people.out


def test_applying_an_own_list_calls_back_too(town: Town) -> None:
    own_list = town.home.path / "inbox" / "own-list.csv"
    own_list.write_text(f"subject,nhs_number,word\nchild,{FAMILIES[0]['nhs_number']},suppressed\n")
    answer = town.commands("changes", "apply", own_list, "--as", "data.lead@example.org", "--json")
    assert (answer.code, answer.json["recalls"]["raised"]) == (DONE, 1)


def test_a_notice_that_is_not_delivered_is_said_and_tried_again(town: Town) -> None:
    feed(town, "Ada", "Cleo")
    with away(town, "north"):
        answer = town.commands("changes", "apply", "--json")
        assert answer.code == NOT_DELIVERED
        assert answer.json["recalls"]["notices"] == 1
        assert "north" in answer.json["recalls"]["not_delivered"][0]
        state = town.commands("recalls", "--json")
        assert state.code == NOT_DELIVERED
        assert {one["recipient"]: one["waiting"] for one in state.json["recalls"]} == {"north": 1, "south": 0}
        told = town.commands("recalls")
        assert told.code == NOT_DELIVERED
        assert "north: The folder is not there" in told.err or "key for this user" in told.err
        assert town.commands("recalls", "send").code == NOT_DELIVERED
    assert town.commands("recalls", "send", "--json").json["recalls"]["notices"] == 1
    assert town.commands("recalls").code == DONE


def test_a_machine_that_cannot_seal_says_whom_nobody_has_told(town: Town) -> None:
    """Another machine may have the keys. This may also be the only one, and have lost them."""
    key = town.home.at("keys/ledger.key")
    aside = key.rename(key.with_name("aside"))
    feed(town, "Ada", "Cleo")
    for command in (("changes", "apply"), ("recalls", "send")):
        answer = town.commands(*command, "--json")
        assert answer.code == NOT_DELIVERED
        assert ["north" in one or "south" in one for one in answer.json["recalls"]["not_delivered"]] == [
            True
        ] * 2
        assert "does not have the keys for sealing" in answer.json["recalls"]["not_delivered"][0]
    aside.rename(key)
    assert town.commands("recalls", "send", "--json").json["recalls"]["notices"] == 2
    assert town.commands("recalls", "send").code == DONE


def test_a_refused_feed_is_told_first_and_the_others_are_followed_up(town: Town) -> None:
    feed(town, "Ada")
    (town.home.inbox("chis") / "changes_chis_2026-01-01.csv.gpg").write_bytes(b"nonsense")
    answer = town.commands("changes", "apply", "--json")
    assert answer.code == INTEGRITY
    assert answer.json["recalls"]["raised"] == 1
    assert len(town.notices("north")) == 1


def test_recalls_show_counts_by_recipient(town: Town) -> None:
    assert "Nothing was ever recalled." in town.commands("recalls").out
    town.hears(said("Ada", "child_died"), said("Bea", "suppressed"), said("Cleo", "objected"))
    with opened_ledger(town.home) as ledger:
        [notice] = [
            one.seq
            for one in ledger.entries(kinds={Kind.NOTICE})
            if getattr(one.body, "recipient", "") == "south"
        ]
        done = Acknowledged(of=notice, way="person", principal="data.lead@example.org")
        ledger.append(Entry(done), at=town.arrangement.now)
    later = recalls.shown(town.home, now=town.arrangement.now + timedelta(days=9))
    counts = [
        {name: one[name] for name in ("recipient", "recalled", "waiting", "told", "done", "late")}
        for one in later["recalls"]
    ]
    assert counts == [
        {"recipient": "north", "recalled": 2, "waiting": 0, "told": 2, "done": 0, "late": 2},
        {"recipient": "south", "recalled": 1, "waiting": 0, "told": 0, "done": 1, "late": 0},
    ]
    shown = town.commands("recalls")
    assert shown.code == DONE
    assert "The north" in shown.out


def test_the_lists_and_references_of_one_recipient_can_be_read_out(town: Town) -> None:
    town.hears(said("Ada", "child_died"), said("Bea", "suppressed"))
    shown = town.commands("recalls", "show", "north")
    assert town.reference("Ada") in shown.out
    assert town.reference("Bea") in shown.out
    assert "Nothing is open at south." in town.commands("recalls", "show", "south").out


def test_nothing_that_is_said_names_anybody(town: Town) -> None:
    feed(town, "Ada", "Cleo")
    said_at_all = ""
    for command in (["changes", "apply"], ["recalls"], ["recalls", "show", "north"], ["recalls", "send"]):
        for form in ([], ["--json"]):
            answer = town.commands(*command, *form)
            said_at_all += answer.out + answer.err
    subjects = {one.child for one in town.raised()}
    values = {family[name] for family in FAMILIES for name in ("nhs_number", "family_name", "address_line_1")}
    assert not any(value in said_at_all for value in subjects | values)
    assert "child_died" not in said_at_all.replace("child_died 2", "")  # what was applied is counted by word


def test_the_daily_run_gives_counts_alone(town: Town) -> None:
    feed(town, "Ada")
    now = town.arrangement.now
    assert recalls.hear(town.home, now=now) == {"feeds": 1, "words": 1, "recalled": 1}
    assert town.notices("north") == []
    assert recalls.call_back(town.home, now=now) == {"recalled": 0, "notices": 1}
    assert recalls.hear(town.home, now=now)["recalled"] == 0
    assert recalls.call_back(town.home, now=now)["notices"] == 0


def test_the_daily_run_fails_where_anything_is_left_to_do(town: Town) -> None:
    now = town.arrangement.now
    feed(town, "Ada")
    recalls.hear(town.home, now=now)
    with away(town, "north"), pytest.raises(NotAllDelivered, match="north"):
        recalls.call_back(town.home, now=now)
    (town.home.inbox("chis") / f"changes_chis_{TODAY - timedelta(days=1)}.csv.gpg").write_bytes(b"nonsense")
    with pytest.raises(IntegrityError):
        recalls.hear(town.home, now=now)
    with pytest.raises(recalls.NotHeard, match=r"not heard.*\n.*changes_chis"):
        recalls.call_back(town.home, now=now)
    assert len(town.notices("north")) == 1


def test_a_recall_that_was_heard_is_brought_by_whoever_comes_next(town: Town) -> None:
    """The second half failed on the first day, or never ran: nothing of the first is lost."""
    feed(town, "Ada")
    recalls.hear(town.home, now=town.arrangement.now)
    assert (len(town.raised()), town.notices("north")) == (1, [])
    later = town.arrangement.now + timedelta(days=1)
    assert recalls.call_back(town.home, now=later)["notices"] == 1
    assert recalls.call_back(town.home, now=later)["notices"] == 0


@pytest.mark.parametrize("option", [("--home", "elsewhere"), ("--json",)])
@pytest.mark.parametrize("command", [("send",), ("told", "north", "--as", "data.lead@example.org")])
def test_an_option_before_a_command_s_name_is_never_left_unheard(
    town: Town, option: tuple[str, ...], command: tuple[str, ...]
) -> None:
    feed(town, "Ada")
    with away(town, "north"):
        town.commands("changes", "apply")
        answer = town.commands("recalls", *option, *command)
    assert answer.code == WRONG_USE
    assert f"birthshare recalls {command[0]} --help" in answer.err
    assert town.commands("recalls", "--json").json["recalls"][0]["waiting"] == 1


@pytest.mark.parametrize("command", [("show", "nroth"), ("told", "nroth", "--as", "data.lead@example.org")])
def test_a_recipient_that_nobody_knows_is_a_mistake_and_not_nothing(
    town: Town, command: tuple[str, ...]
) -> None:
    feed(town, "Ada")
    with away(town, "north"):
        town.commands("changes", "apply")
        answer = town.commands("recalls", *command)
    assert answer.code == WRONG_USE
    assert "nroth" in answer.err and "birthshare recalls" in answer.err
