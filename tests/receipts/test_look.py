"""What a look into the centres' folders finds, and what it makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from pipeline.afterwards import receipts
from pipeline.errors import NotAllDelivered, SettingsError
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Acknowledged, Entry, Kind, PermitAnnulled
from receipts.centres import Centre, Town
from scenarios.arrangement import EARLIER, MONTH


def test_a_list_that_lies_where_it_was_put_is_delivered_and_nothing_more(town: Town) -> None:
    assert town.looks().recorded.total() == 0
    assert {row.state for row in town.rows()} == {"delivered"}


def test_a_list_that_is_gone_was_collected(town: Town) -> None:
    town["north"].takes(town["north"].list_of(MONTH))
    assert town.looks().recorded == {"collected": 1}
    assert town.row("north", MONTH).state == "collected"
    assert town.row("north", EARLIER).state == town.row("south", MONTH).state == "delivered"


@pytest.mark.parametrize("code", ["north", "east"])
def test_a_receipt_with_the_code_from_inside_the_list_acknowledges_it(town: Town, code: str) -> None:
    centre = town[code]
    centre.says("received", centre.list_of(MONTH))
    assert town.looks().recorded == {"acknowledged": 1}
    assert town.row(code, MONTH).state == "acknowledged"
    assert town.row(code, EARLIER).state == "delivered"


def test_a_list_goes_from_delivered_to_destroyed_and_each_step_is_recorded_once(town: Town) -> None:
    centre = town["north"]
    sealed, code = centre.list_of(MONTH), centre.code_in(centre.list_of(MONTH))
    steps = [
        lambda: centre.takes(sealed),
        lambda: centre.says("received", sealed, code),
        lambda: centre.says("destroyed", sealed, code),
    ]
    states = []
    for step in steps:
        step()
        assert town.looks().recorded.total() == 1
        assert town.looks().recorded.total() == 0
        states.append(town.row("north", MONTH).state)
    assert states == ["collected", "acknowledged", "destroyed"]


def test_who_attests_destruction_need_not_have_said_anything_before(town: Town) -> None:
    centre = town["south"]
    sealed = centre.list_of(MONTH)
    centre.says("destroyed", sealed)
    centre.takes(sealed)
    assert town.looks().recorded == {"collected": 1, "destruction_attested": 1}
    assert town.row("south", MONTH).state == "destroyed"


def test_a_receipt_may_be_written_as_windows_writes_it(town: Town) -> None:
    sealed = town["north"].list_of(MONTH)
    code = town["north"].code_in(sealed)
    receipt = town["north"].says("received", sealed, f"\r\n{code.lower()}\r\n".encode("utf-16"))
    receipt.rename(receipt.with_name(f"{sealed.name}.Received.txt.TXT"))
    assert town.looks().recorded == {"acknowledged": 1}


def test_a_list_that_arrived_while_it_was_taken_back_stops_no_look(town: Town) -> None:
    """Two runs at once: one gave it its name just after the other had annulled it, to send a newer one."""
    row = town.row("north", MONTH)
    with opened_ledger(town.home) as ledger:
        ledger.append(Entry(PermitAnnulled(permit=row.entry), str(MONTH)), at=town.now)
    sealed = town["north"].list_of(MONTH)
    town["north"].says("received", sealed, "BCDFG-23456")
    town["south"].takes(town["south"].list_of(MONTH))
    assert town.looks().recorded == {"collected": 1}


def other_month(centre: Centre) -> str:
    return centre.code_in(centre.list_of(EARLIER))


def other_centre(centre: Centre) -> str:
    other = Centre("south", centre.town, centre.computer)
    return other.code_in(other.list_of(MONTH))


WRONG = {
    "another month's": other_month,
    "another centre's": other_centre,
    "made up": lambda centre: "K7Q3M-9XTCD",
    "nothing": lambda centre: "",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_receipt_without_the_list_s_own_code_does_not_count_and_is_told(
    town: Town, wrong: Callable[[Centre], str]
) -> None:
    said = wrong(town["north"])
    town["north"].says("received", town["north"].list_of(MONTH), said)
    looked = town.looks()
    assert looked.recorded.total() == 0
    [remark] = looked.remarks
    assert remark.startswith("north: ") and "does not count" in remark
    assert not said or said not in remark


def test_a_receipt_that_is_far_too_large_is_not_read_and_stops_nothing(town: Town) -> None:
    north, south = town["north"], town["south"]
    north.says("received", north.list_of(MONTH), north.code_in(north.list_of(MONTH)) + "\n" + "x" * 5_000)
    north.says("received", north.list_of(EARLIER))
    south.says("received", south.list_of(MONTH))
    looked = town.looks()
    assert looked.recorded == {"acknowledged": 2}
    assert "cannot be read" in looked.remarks[0]


@pytest.mark.parametrize("wrong_one", ["received", "received.txt"])
def test_of_two_receipts_that_say_the_same_the_right_one_counts(town: Town, wrong_one: str) -> None:
    centre = town["north"]
    right_one = {"received": "received.txt", "received.txt": "received"}[wrong_one]
    centre.says(wrong_one, centre.list_of(MONTH), other_month(centre))
    centre.says(right_one, centre.list_of(MONTH))
    looked = town.looks()
    assert looked.recorded == {"acknowledged": 1}
    assert looked.remarks == []


def test_two_wrong_receipts_that_say_the_same_are_told_once(town: Town) -> None:
    for word in ("received", "received.txt"):
        town["north"].says(word, town["north"].list_of(MONTH), "wrong")
    [remark] = town.looks().remarks
    assert "does not count" in remark


def test_what_a_centre_puts_there_is_never_touched(town: Town) -> None:
    centre = town["north"]
    own = {
        centre.says("received", centre.list_of(MONTH)),
        centre.says("destroyed", centre.list_of(EARLIER)),
        centre.says("received", centre.list_of(EARLIER), "wrong"),
    }
    (centre.folder / "holiday.jpg").write_bytes(b"jpg")
    before = {file.name: file.read_bytes() for file in centre.folder.iterdir()}
    town.looks()
    assert {file.name: file.read_bytes() for file in centre.folder.iterdir()} == before
    assert all(file.exists() for file in own)


def test_one_centre_out_of_reach_holds_no_other_up(town: Town) -> None:
    away = town["north"].folder.rename(town["north"].folder.with_name("away"))
    try:
        town["south"].says("received", town["south"].list_of(MONTH))
        looked = town.looks()
    finally:
        away.rename(town["north"].folder)
    assert looked.recorded == {"acknowledged": 1}
    assert list(looked.not_looked_at) == ["north"]
    assert town.row("north").state == "delivered", "nobody saw that its list was gone"
    with pytest.raises(NotAllDelivered, match="1 recipients could not be looked at"):
        looked.check()


def test_a_recipient_that_left_the_register_is_asked_by_a_person(town: Town) -> None:
    register = town.home.path / "reference" / "recipients.yaml"
    text = register.read_text()
    register.write_text(text.replace("code: north", "code: elsewhere"))
    assert "receipts record" in town.looks().not_looked_at["north"]


def test_a_register_that_nobody_signed_opens_no_connection(town: Town) -> None:
    register = town.home.path / "reference" / "recipients.yaml"
    register.write_text(register.read_text().replace("The north", "Somewhere else"))
    looked = town.looks()
    assert list(looked.not_looked_at) == ["north"]
    assert "signed" in looked.not_looked_at["north"]


def test_two_looks_at_once_do_not_record_twice(town: Town) -> None:
    refused = []

    def look_beside(stage: str, done: int, total: int) -> None:
        with pytest.raises(SettingsError, match="looking for receipts") as stop:
            town.looks()
        refused.append(stop)

    town["north"].takes(town["north"].list_of(MONTH))
    receipts.look(town.home, now=town.now, watch=look_beside)
    assert refused
    assert len(town.recorded(Kind.COLLECTED)) == 1


def test_a_receipt_leaves_its_digest_in_the_ledger_and_not_its_words(town: Town) -> None:
    centre = town["north"]
    code = centre.code_in(centre.list_of(MONTH))
    centre.says("received", centre.list_of(MONTH), f"{code}\nOpened by Petronella Featherstone")
    town.looks()
    [said] = town.recorded(Kind.ACKNOWLEDGED)
    assert isinstance(said, Acknowledged)
    assert (said.way, len(said.receipt_sha256), said.principal) == ("file", 64, "")
    written = f"{code}\nOpened by Petronella Featherstone".encode()
    assert said.receipt_sha256 != hashlib.sha256(written).hexdigest(), "whoever reads it could guess the code"
    database = (town.home.state / "birthshare.db").read_bytes()
    assert b"Featherstone" not in database
    assert code.encode() not in database
