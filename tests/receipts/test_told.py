"""What a person was told counts as what a file says, and somebody stands for it."""

from __future__ import annotations

import pytest

from pipeline.afterwards import receipts
from pipeline.errors import Refused, SettingsError
from pipeline.ledger.entries import DestructionAttested, Kind
from receipts.centres import LEAD, Town


def test_a_person_who_was_told_vouches_for_it(town: Town) -> None:
    file = town.row("north").file
    assert receipts.record(
        town.home, file, "destroyed", principal=LEAD, note="said by telephone", now=town.now
    )
    [said] = town.recorded(Kind.DESTRUCTION_ATTESTED)
    assert isinstance(said, DestructionAttested)
    assert (said.way, said.principal, said.note) == ("person", LEAD, "said by telephone")
    assert town.row("north").state == "destroyed"


def test_saying_it_twice_records_it_once(town: Town) -> None:
    file = town.row("north").file
    assert receipts.record(town.home, file, "received", principal=LEAD, now=town.now)
    assert not receipts.record(town.home, file, "received", principal=LEAD, now=town.now)
    assert len(town.recorded(Kind.ACKNOWLEDGED)) == 1


def test_a_person_whom_nobody_knows_cannot_vouch(town: Town) -> None:
    with pytest.raises(Refused, match="not known here"):
        receipts.record(
            town.home, town.row("north").file, "received", principal="me@example.org", now=town.now
        )


def test_a_list_is_not_done_and_a_name_must_be_right(town: Town) -> None:
    with pytest.raises(SettingsError, match="received or destroyed"):
        receipts.record(town.home, town.row("north").file, "done", principal=LEAD, now=town.now)
    with pytest.raises(SettingsError, match="No list or notice of this name"):
        receipts.record(town.home, "nothing.xlsx", "received", principal=LEAD, now=town.now)


def test_a_note_holds_no_number(town: Town) -> None:
    with pytest.raises(SettingsError, match="note"):
        receipts.record(
            town.home, town.row("north").file, "received", principal=LEAD, note="call 01926", now=town.now
        )
