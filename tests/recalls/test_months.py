"""What recalls and months mean for one another: nobody is shared again by accident, and nothing waits."""

from __future__ import annotations

import pytest

from pipeline import month as months
from pipeline.errors import IntegrityError
from pipeline.ledger.entries import DeliveryFailed, Kind
from recalls.town import BEA, FAMILIES, WELCOME, Town, said
from scenarios.arrangement import MONTH, SOUTH, Row, child, day, twin

ADA, CLEO = FAMILIES[0], FAMILIES[3]


def next_month(town: Town, *rows: Row) -> dict[str, str]:
    """The next month's extract arrives, with Eve in it; what is decided about each other record."""
    town.arrangement.sends("chis", [*rows, child("Eve")])
    town.arrangement.asks()
    decided = town.arrangement.decided()
    assert decided.pop("Eve") == "share"
    return decided


def test_a_family_on_a_list_is_not_shared_again(town: Town) -> None:
    assert next_month(town, ADA) == {"Ada": "already_shared"}


def test_a_family_recalled_is_not_shared_again_by_accident(town: Town) -> None:
    """The next extract does not know of what was said."""
    town.hears(said("Ada", "consent_withdrawn"), said("Cleo", "restricted_record"))
    decided = next_month(town, ADA, CLEO | {"last_updated": day(0)})
    assert decided == {"Ada": "consent_withdrawn", "Cleo": "restricted_record"}


def test_a_death_taken_back_leaves_the_recall_and_the_family_may_be_shared_anew(town: Town) -> None:
    town.hears(said("Ada", "child_died") | {"since": f"{day(-2)}T10:00:00"})
    town.hears(
        said("Ada", "child_died") | {"since": f"{day(-2)}T10:00:00"},
        said("Ada", "death_removed") | {"since": f"{day(-1)}T10:00:00"},
    )
    assert len(town.raised()) == 1
    assert len(town.notices("north")) == 1
    assert next_month(town, ADA) == {"Ada": "share"}


def test_a_family_that_moved_goes_to_its_new_centre_and_the_old_one_has_a_recall(town: Town) -> None:
    reference = town.reference("Ada")
    town.hears(said("Ada", "recent_move") | {"since": day(-3)})
    assert town.only_notice("north").lines[0][2] == reference

    moved = {"postcode": SOUTH, "address_line_1": "2 New Street", "address_since": day(-3)}
    assert next_month(town, ADA | moved | {"last_updated": day(-1)}) == {"Ada": "share"}
    town.arrangement.approves()
    town.arrangement.delivers()
    assert town.arrangement.children("south") == ["Ada"]
    assert len(town.notices("north")) == 1


def test_a_month_calls_back_what_it_hears(town: Town) -> None:
    town.arrangement.feeds("chis", [said("Ada", "child_died")])
    next_month(town)
    assert town.only_notice("north").lines[0][2] == town.reference("Ada")


def test_what_comes_after_the_approval_is_called_back_too(town: Town) -> None:
    next_month(town)
    town.arrangement.approves()
    town.arrangement.feeds("chis", [said("Ada", "child_died")])
    town.arrangement.delivers()
    assert town.only_notice("north").lines[0][2] == town.reference("Ada")


def test_a_feed_that_stops_the_month_keeps_no_other_from_being_followed_up(town: Town) -> None:
    town.arrangement.feeds("chis", [said("Ada", "child_died")])
    (town.home.inbox("chis") / "changes_chis_2026-01-01.csv.gpg").write_bytes(b"nonsense")
    with pytest.raises(IntegrityError):
        next_month(town)
    assert town.only_notice("north").lines[0][2] == town.reference("Ada")


def test_what_an_extract_says_of_a_family_that_was_shared_calls_it_back(town: Town) -> None:
    died = {"death_status": "2", "date_of_death": day(-3), "last_updated": day(-1)}
    next_month(town, ADA | died)
    assert town.only_notice("north").lines[0][2] == town.reference("Ada")
    assert [one.word for one in town.raised()] == ["child_died"]


def test_a_twin_who_died_calls_the_row_back_though_the_other_lives(town: Town) -> None:
    died = {"death_status": "1", "last_updated": day(-1)}
    next_month(town, BEA, twin(BEA, "Ben", **died))
    assert [line[2] for line in town.only_notice("north").lines] == [town.reference("Bea")]


def test_what_is_said_before_a_list_is_sent_is_the_gates_business(town: Town) -> None:
    next_month(town, child("Fay"))
    town.arrangement.approves()
    town.hears(said("Eve", "child_died"))
    assert town.raised() == []
    town.arrangement.delivers()
    assert town.arrangement.children("north") == ["Fay"]
    assert town.raised() == []


def test_a_list_that_may_have_arrived_is_called_back(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ended before it could record that the list is there."""
    from pipeline.ledger.ledger import Ledger

    class Killed(BaseException):
        pass

    def killed(*arguments: object, **named: object) -> None:
        raise Killed

    next_month(town)
    town.arrangement.approves()
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "arrive", killed)
        with pytest.raises(Killed):
            town.arrangement.delivers()
    assert town.hears(said("Eve", "child_died")).raised == 1


def test_trouble_with_a_notice_holds_no_month_back(town: Town) -> None:
    day_of = town.arrangement.now.date()
    for entry in range(2000):  # something else has the notice's name, whatever its number
        name = f"recall_{WELCOME}_north_{day_of}_{entry}.xlsx"
        (town.received / "north" / name).write_text("something else")
    town.arrangement.feeds("chis", [said("Ada", "child_died")])
    next_month(town)
    town.arrangement.approves()
    assert town.arrangement.delivers()["state"] == "closed"
    failures = [one for one in town.recorded(Kind.DELIVERY_FAILED) if isinstance(one, DeliveryFailed)]
    assert {(one.recipient, one.problem) for one in failures} == {("north", "occupied")}
    assert months.status(town.home, MONTH, now=town.arrangement.now)["state"] == "closed"
    for file in town.notices("north"):
        file.unlink()
    assert town.tries_again().brought.delivered == 1


@pytest.mark.parametrize("named_first", [False, True], ids=["never named", "named in an older version"])
def test_a_parent_whom_the_newest_version_leaves_out_is_still_the_family_s(
    town: Town, named_first: bool
) -> None:
    """The gate hears words about every parent that any version names; so must whoever has the list."""
    mother = child("Eve")["parent_nhs_number"]
    older = child("Eve", last_updated=day(-3), parent_nhs_number=mother if named_first else "")
    newer = child("Eve", parent_nhs_number="", record_id="Eve again")
    town.arrangement.sends("chis", [older, newer])
    town.arrangement.asks()
    town.arrangement.approves()
    town.arrangement.delivers()
    assert town.arrangement.children("north") == ["Eve"]
    assert town.hears(said("Eve", "consent_withdrawn", "parent")).raised == named_first
    assert len(town.notices("north")) == named_first
