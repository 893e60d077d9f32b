"""A list that should not lie where it does is taken away at once, by a person who stands for it."""

from __future__ import annotations

import pytest

from month_authority import CommandLine
from pipeline.afterwards import receipts
from pipeline.errors import Refused, SettingsError
from pipeline.ledger.entries import FileRemoved, Kind
from receipts.centres import LEAD, Town
from scenarios.arrangement import EARLIER


def test_a_list_that_nobody_took_is_taken_back_before_its_last_day(town: Town) -> None:
    north, row = town["north"], town.row("north")
    file = north.list_of()
    assert receipts.take_back(town.home, file.name, principal=LEAD, now=town.now) == []
    assert not file.exists()
    assert [one.name for one in north.folder.iterdir() if file.name in one.name] == []
    assert north.list_of(EARLIER).exists()
    assert town.recorded(Kind.FILE_REMOVED) == [FileRemoved(of=row.entry, principal=LEAD)]
    assert town.row("north").state == "removed"
    assert town.row("north", EARLIER).state == "delivered"


def test_a_list_that_was_taken_cannot_be_taken_back_and_counts_as_collected(town: Town) -> None:
    north = town["north"]
    file = north.list_of()
    north.takes(file)
    with pytest.raises(SettingsError, match="lies there no more"):
        receipts.take_back(town.home, file.name, principal=LEAD, now=town.now)
    assert town.recorded(Kind.FILE_REMOVED) == []
    assert town.row("north").state == "collected"


def test_something_else_under_its_name_is_left_alone_and_told(town: Town) -> None:
    file = town["north"].list_of()
    file.write_bytes(b"not ours")
    [remark] = receipts.take_back(town.home, file.name, principal=LEAD, now=town.now)
    assert "something else stands under the name" in remark
    assert file.read_bytes() == b"not ours"
    assert town.recorded(Kind.FILE_REMOVED) == []


def test_whom_nobody_knows_takes_nothing_back(town: Town) -> None:
    file = town["north"].list_of()
    with pytest.raises(Refused):
        receipts.take_back(town.home, file.name, principal="me@example.org", now=town.now)
    with pytest.raises(SettingsError, match="No list or notice"):
        receipts.take_back(town.home, "nothing.xlsx", principal=LEAD, now=town.now)
    assert file.exists()


def test_the_command_says_what_it_did(town: Town, birthshare: CommandLine) -> None:
    file = town["south"].list_of()
    answer = birthshare("receipts", "take-back", file.name, "--as", LEAD)
    assert answer.code == 0
    assert f"Taken back: {file.name}" in answer.out
    assert not file.exists()
    assert birthshare("receipts", "take-back", file.name, "--as", LEAD, "--json").json["taken_back"] is True
