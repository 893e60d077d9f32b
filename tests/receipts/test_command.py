"""`birthshare receipts`, as a data lead or a program uses it."""

from __future__ import annotations

from month_authority import CommandLine
from receipts.centres import LEAD, Town
from receipts.test_recalls_answered import call_back
from scenarios.arrangement import EARLIER, MONTH


def shown(file: str, table: str) -> bool:
    """Whether a table for people names a file, perhaps over two lines."""
    first_column = [line.split("│")[2].strip() for line in table.splitlines() if line.count("│") == 5]
    return file in "".join(first_column)


def test_it_looks_and_shows_what_is_open(birthshare: CommandLine, town: Town) -> None:
    north = town["north"]
    north.says("destroyed", north.list_of(EARLIER))
    north.takes(north.list_of(MONTH))
    answer = birthshare("receipts")
    assert answer.code == 0
    assert shown(town.row("north").file, answer.out)
    assert not shown(town.row("north", EARLIER).file, answer.out)
    assert "New: collected 1, destruction attested 1." in answer.out
    assert shown(town.row("north", EARLIER).file, birthshare("receipts", "--all").out)


def test_programs_get_every_row_and_no_personal_value(birthshare: CommandLine, town: Town) -> None:
    town["north"].says("received", town["north"].list_of(MONTH))
    found = birthshare("receipts", "--json").json
    assert len(found["sent"]) == 6
    [row] = [row for row in found["sent"] if row["state"] == "acknowledged"]
    assert (row["what"], row["recipient"], row["month"]) == ("list", "north", str(MONTH))
    assert row["acknowledged_at"] and not row["destroyed_at"]
    assert list(row["due"]) == ["destruction"]
    assert found["new"] == {"acknowledged": 1}
    assert found["not_looked_at"] == {} and found["remarks"] == [] and found["warnings"] == []
    assert "Adason" not in birthshare.said


def test_a_centre_out_of_reach_ends_in_5_and_is_named(birthshare: CommandLine, town: Town) -> None:
    away = town["north"].folder.rename(town["north"].folder.with_name("away"))
    try:
        answer = birthshare("receipts", "--json")
    finally:
        away.rename(town["north"].folder)
    assert answer.code == 5
    assert list(answer.json["not_looked_at"]) == ["north"]
    answer.says("1 recipients could not be looked at", "north")


def test_offline_looks_nowhere(birthshare: CommandLine, town: Town) -> None:
    town["north"].takes(town["north"].list_of(MONTH))
    assert birthshare("receipts", "--offline", "--json").json["new"] == {}
    assert town.row("north").state == "delivered"


def test_the_alarm_is_told_and_a_reminder_sent_when_asked(birthshare: CommandLine, town: Town) -> None:
    town.days_pass(6)
    answer = birthshare("receipts")
    assert answer.code == 0
    assert "OVERDUE" in answer.out
    answer.says("(north): 2 lists not known to have been collected")
    assert birthshare("receipts", "--remind", "--json").json["reminded"] == 3
    assert birthshare("receipts", "--remind", "--json").json["reminded"] == 0


def test_status_shows_each_list_s_state_of_today(birthshare: CommandLine, town: Town) -> None:
    town["north"].says("destroyed", town["north"].list_of(MONTH))
    town.days_pass(6)
    birthshare("receipts")
    answer = birthshare("status", str(MONTH))
    assert answer.code == 0
    assert "destroyed" in answer.out
    assert "collection OVERDUE" in " ".join(answer.out.split())
    answer.says("(south): 2 lists not known to have been collected")


def test_status_says_what_was_called_back_and_is_not_off_its_list(
    birthshare: CommandLine, town: Town
) -> None:
    notice = call_back(town, "north")
    assert "delivered, 1 called back" in " ".join(birthshare("status", str(MONTH)).out.split())
    town["north"].says("done", town["north"].folder / notice)
    town.looks()
    assert "called back" not in birthshare("status", str(MONTH)).out


def test_whoever_could_not_be_looked_at_has_a_line_and_nobody_is_said_to_be_well(
    birthshare: CommandLine, town: Town
) -> None:
    folders = [town[code].folder for code in ("north", "south", "east")]
    for folder in folders:
        folder.rename(folder.with_name(f"{folder.name} is away"))
    try:
        answer = birthshare("receipts")
    finally:
        for folder in folders:
            folder.with_name(f"{folder.name} is away").rename(folder)
    assert answer.code == 5
    first, *lines, do = answer.err.strip().splitlines()
    assert first == "3 recipients could not be looked at:"
    assert [line.split("(")[1].split(" ")[0] for line in lines] == ["east", "north", "south"]
    assert "The others were" not in do


def test_lists_are_shown_by_recipient(birthshare: CommandLine, town: Town) -> None:
    rows = birthshare("receipts", "--json").json["sent"]
    assert [row["recipient"] for row in rows] == sorted(row["recipient"] for row in rows)


def test_what_a_person_was_told_is_recorded_by_a_command(birthshare: CommandLine, town: Town) -> None:
    file = town.row("north").file
    answer = birthshare("receipts", "record", file, "destroyed", "--as", LEAD, "--json")
    assert (answer.code, answer.json) == (0, {"file": file, "word": "destroyed", "new": True})
    assert birthshare("receipts", "record", file, "received", "--as", LEAD, "--json").json["new"] is False
    assert birthshare("receipts", "record", file, "received", "--as", "me@example.org").code == 3
    assert birthshare("receipts", "record", "no.xlsx", "received", "--as", LEAD).code == 2
    assert birthshare("receipts", "record", file, "eaten", "--as", LEAD).code == 2
