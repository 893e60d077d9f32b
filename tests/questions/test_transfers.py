"""The register of transfers: nothing that left is missing, nothing that did not leave is counted."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from python_calamine import CalamineWorkbook

from month_authority import CommandLine
from pipeline import facts
from pipeline.agreed import LONDON
from pipeline.errors import SettingsError
from pipeline.ledger.entries import (
    Delivered,
    DeliveryFailed,
    ListForgone,
    NoticeBody,
    PermitAnnulled,
    Publishing,
)
from pipeline.questions.transfers import register, totals
from pipeline.reporting.sheets import Column, as_csv, as_workbook
from pipeline.reporting.transfers import transfers_csv, transfers_page, transfers_workbook
from questions.sent_lists import AGREEMENT, DIGEST, SIGNATURE, Office, of
from receipts.centres import LEAD
from scenarios.arrangement import EARLIER, MONTH

# --- what stands in it ----------------------------------------------------------------------------


def test_each_list_that_left_has_a_row_with_what_was_agreed_and_what_arrived(office: Office) -> None:
    centres = ("east", "north", "south")
    assert {(row.recipient, row.month) for row in office.register()} == {
        (code, str(month)) for code in centres for month in (EARLIER, MONTH)
    }
    row = office.row("north")
    there = office.town["north"].list_of().read_bytes()
    agreement = (office.home.agreements / f"{AGREEMENT}.v1.yaml").read_bytes()
    assert (row.agreement, row.version) == (AGREEMENT, 1)
    assert row.agreement_sha256 == hashlib.sha256(agreement).hexdigest()
    assert (row.sha256, row.size) == (hashlib.sha256(there).hexdigest(), len(there))
    assert (row.households, row.children, row.state) == (1, 1, "delivered")
    assert row.fields == ("child_name", "parent_name", "address", "date_of_birth")
    assert row.learnt.startswith("the child's name, the parent's name, the address")
    assert row.approved_by == (LEAD,)
    assert not row.may_have_arrived
    assert row.recipient_kind == "childrens_centre"
    assert "password" in row.sealed and "OpenPGP" in office.row("east").sealed


def test_what_became_of_a_list_stands_beside_it(office: Office) -> None:
    north = office.town["north"]
    file = north.list_of()
    code = north.code_in(file)
    north.takes(file)
    north.says("received", file, code)
    office.town.looks()
    office.town.days_pass(3)
    north.says("destroyed", file, code)
    office.town.looks()
    row = office.row("north")
    assert row.state == "destroyed"
    assert row.collected and row.acknowledged and row.destroyed
    assert (row.destroyed.date() - row.collected.date()).days == 3
    assert row.collected.date() == row.acknowledged.date()


def test_a_checkpoint_covers_a_row_once_it_reaches_it(office: Office) -> None:
    with office.ledger() as ledger:
        newest = ledger.latest_checkpoint()
    assert newest and office.row("north").checkpoint == newest.size
    office.sends(of(1))
    assert office.row("west").checkpoint == 0
    with office.ledger() as ledger:
        size = ledger.checkpoint(partial(facts.sign, office.home), origin=facts.origin(office.home)).size
    assert office.row("west").checkpoint == size
    assert office.row("north").checkpoint == newest.size


def test_the_register_that_stood_at_the_time_is_named(office: Office) -> None:
    before = office.row("north").register
    office.town.change_recipient("north", contact="the centre's manager")
    office.town.looks()
    assert 0 < office.row("north").register == before


# --- what counts ----------------------------------------------------------------------------------


def not_arrived(office: Office) -> dict[str, str]:
    """Lists that did not arrive, each in its own way; the state of each by recipient."""
    for code in ("waiting", "failed", "annulled", "unsure"):
        permit = office.permits(of(1), recipient=code).entry
        if code == "failed":
            office.records(
                DeliveryFailed(permit=permit, agreement=AGREEMENT, recipient=code, problem="unreachable")
            )
        elif code == "annulled":
            office.records(PermitAnnulled(permit=permit))
        elif code == "unsure":
            office.records(Publishing(permit=permit))
    office.records(
        ListForgone(agreement=AGREEMENT, recipient="forgone", principal=LEAD, signature=SIGNATURE),
        DeliveryFailed(permit=0, agreement=AGREEMENT, recipient="unmade", problem="key_expired"),
    )
    return {
        "waiting": "waiting", "failed": "failed", "annulled": "annulled", "unsure": "waiting",
        "forgone": "forgone", "unmade": "failed",
    }  # fmt: skip


def test_what_did_not_arrive_is_there_and_is_not_counted(office: Office) -> None:
    before = totals(office.register())
    states = not_arrived(office)
    rows = {row.recipient: row for row in office.register() if row.recipient in states}
    assert {code: row.state for code, row in rows.items()} == states
    assert not any(row.counts for row in rows.values())
    assert [code for code, row in rows.items() if row.may_have_arrived] == ["unsure"]
    after = totals(office.register())
    assert after["not_transfers"] == {"annulled": 1, "failed": 2, "forgone": 1, "waiting": 2}
    assert {**after, "not_transfers": {}} == before


def test_a_failure_that_was_overcome_is_no_row_of_its_own(office: Office) -> None:
    office.records(DeliveryFailed(permit=0, agreement=AGREEMENT, recipient="west", problem="key_expired"))
    permit = office.permits(of(1)).entry
    office.records(
        DeliveryFailed(permit=permit, agreement=AGREEMENT, recipient="west", problem="unreachable"),
        Delivered(permit=permit, sha256=DIGEST, size=9, found_there=True),
    )
    row = office.row("west")
    assert (row.state, row.tries_failed, row.found_there, row.counts) == ("delivered", 1, True, True)


def test_a_notice_is_there_and_shares_nobody(office: Office) -> None:
    notice = NoticeBody(
        about="receipt",
        agreement=AGREEMENT,
        recipient="north",
        file_name="notice_north.xlsx",
        sealed_sha256=DIGEST,
        entries=(office.row("north").entry,),
        due=date(2030, 1, 1),
    )
    before = totals(office.register())
    [entry] = office.records(notice, month="")
    office.records(Delivered(permit=entry, sha256=DIGEST, size=9, found_there=False), month="")
    [row] = [one for one in office.register() if one.entry == entry]
    assert (row.what, row.counts, row.fields) == ("receipt", False, ())
    assert totals(office.register()) == {**before, "notices": 1}


def test_the_totals_are_those_of_the_ledger_read_by_somebody_else(office: Office) -> None:
    not_arrived(office)
    office.sends(of(1), of(2, reference="AAAAA-BBBBB"), households=1)
    database = sqlite3.connect(office.home.state / "birthshare.db")
    of_kind: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for seq, kind, body in database.execute("SELECT seq, kind, body FROM entries"):
        of_kind.setdefault(kind, []).append((seq, json.loads(body)))
    permits = dict(of_kind["permit"])
    arrived = [permits[body["permit"]] for _, body in of_kind["delivered"] if body["permit"] in permits]
    found = totals(office.register())
    assert found["transfers"] == len(arrived) == 7
    assert found["children"] == sum(body["children"] for body in arrived)
    assert found["households"] == sum(body["households"] for body in arrived)
    on_lists = {body["permit"] for _, body in of_kind["delivered"]}
    assert found["children"] == sum(body["permit"] in on_lists for _, body in of_kind["disclosure"])


# --- which rows -----------------------------------------------------------------------------------


def test_a_list_belongs_to_the_day_in_london_on_which_it_arrived(office: Office) -> None:
    late_in_june = datetime(2031, 6, 30, 23, 30, tzinfo=UTC)  # half past midnight, British summer time
    office.sends(of(1), at=late_in_june)
    assert office.row("west").day == date(2031, 7, 1)
    assert office.register(since=date(2031, 7, 1), until=date(2031, 7, 1))
    assert not office.register(since=date(2031, 6, 30), until=date(2031, 6, 30))


def test_both_days_of_a_period_belong_to_it(office: Office) -> None:
    today = office.now.astimezone(LONDON).date()
    assert len(office.register(since=today, until=today)) == len(office.register()) == 6
    assert office.register(until=today - timedelta(days=1)) == []
    assert office.register(since=today + timedelta(days=1)) == []
    with pytest.raises(SettingsError, match="before the first"):
        office.register(since=today, until=today - timedelta(days=1))


def test_one_agreement_or_recipient_can_be_asked_for_alone(office: Office) -> None:
    assert {row.recipient for row in office.register(recipient="north")} == {"north"}
    assert len(office.register(recipient="north", agreement=AGREEMENT)) == 2
    assert office.register(agreement="library") == []


# --- what is not known any more -------------------------------------------------------------------


@pytest.mark.parametrize("change", ["gone", "altered"])
def test_where_the_agreements_file_is_not_what_it_was_nobody_says_what_it_allowed(
    office: Office, change: str
) -> None:
    file = office.home.agreements / f"{AGREEMENT}.v1.yaml"
    if change == "gone":
        file.unlink()
    else:
        file.write_text(file.read_text() + "# another line\n")
    row = office.row("north")
    assert row.fields is None
    assert "not in this home any more" in row.learnt
    assert row.agreement_sha256


def test_a_recipient_who_left_the_register_keeps_its_rows(office: Office) -> None:
    file = office.home.path / "reference" / "recipients.yaml"
    listed = yaml.safe_load(file.read_text())
    listed["recipients"] = [one for one in listed["recipients"] if one["code"] != "south"]
    file.write_text(yaml.safe_dump(listed))
    row = office.row("south")
    assert (row.recipient_name, row.recipient_kind) == ("", "")
    assert row.fields and row.counts


# --- as files -------------------------------------------------------------------------------------

TRAP = '=HYPERLINK("https://example.org")'


@pytest.fixture
def written(office: Office) -> Iterator[dict[str, Any]]:
    """A register with every kind of row, and a recipient whose name a spreadsheet would calculate."""
    not_arrived(office)
    office.town.change_recipient("north", name=TRAP)
    with office.ledger() as ledger:
        yield register(
            office.home, ledger, since=None, until=None, agreement="", recipient="", now=office.now
        )


def test_the_workbook_is_a_table_that_two_readers_read_alike(written: dict[str, Any]) -> None:
    content = transfers_workbook(written["rows"], written["totals"], about=written["about"])
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    header, *rows = sheet.iter_rows(values_only=True)
    assert len(rows) == len(written["rows"])
    assert sheet.freeze_panes == "A2"
    [table] = sheet.tables.values()
    assert [column.name for column in table.tableColumns] == list(header)
    assert table.ref == sheet.dimensions
    other = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name("Transfers").to_python()
    assert other[0] == list(header)
    for place, heading in enumerate(header):
        for mine, theirs, row in zip(rows, other[1:], written["rows"], strict=True):
            if heading == "Delivered":
                moment = datetime.fromisoformat(row["delivered_at"]) if row["delivered_at"] else None
                naive = moment.replace(tzinfo=None) if moment else None
                assert mine[place] == naive and theirs[place] == (naive or "")
            elif heading == "Day":
                assert mine[place].date() == theirs[place] == date.fromisoformat(row["day"])
            elif isinstance(mine[place], (str, int)):
                assert mine[place] == theirs[place]


def test_nothing_in_a_file_is_calculated(written: dict[str, Any]) -> None:
    content = transfers_workbook(written["rows"], written["totals"], about=written["about"])
    cells = [cell for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].rows for cell in row]
    assert TRAP in [cell.value for cell in cells]
    assert "f" not in {cell.data_type for cell in cells}
    lines = list(csv.reader(io.StringIO(transfers_csv(written["rows"]).decode(), newline="")))
    assert f"'{TRAP}" in {cell for line in lines for cell in line}
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@"))]


def test_cells_say_what_they_were_given_and_moments_are_londons() -> None:
    in_summer = datetime(2031, 6, 30, 23, 30, tzinfo=UTC)
    columns = [
        Column("Text & more"),
        Column("Number", "number"),
        Column("Day", "day"),
        Column("At", "moment"),
    ]
    rows = [["<b> \x07 Ñ\n'", 12, date(1900, 3, 1), in_summer], ["", None, None, None]]
    content = as_workbook("A 'table' & <b>", columns, rows, notes=[("=1", "two")])
    sheet, notes = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    header, first, *_ = sheet.iter_rows(values_only=True)
    assert header == ("Text & more", "Number", "Day", "At")
    assert first == (
        "<b> \ufffd Ñ\n'", 12, datetime(1900, 3, 1), datetime(2031, 7, 1, 0, 30),
    )  # fmt: skip
    assert [cell.value for cell in notes[1]] == ["=1", "two"]
    assert as_csv(columns[2:], [row[2:] for row in rows]) == (
        b"Day,At\r\n1900-03-01,2031-07-01T00:30:00+01:00\r\n,\r\n"
    )


def test_an_empty_register_is_a_file_too() -> None:
    about = {
        "authority": "Sampleton", "since": "", "until": "", "agreement": "", "recipient": "",
        "made_at": "2026-11-03T09:30:00+00:00", "entries": 0, "checkpoint": 0,
    }  # fmt: skip
    content = transfers_workbook([], totals([]), about=about)
    [header] = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
    assert header[0] == "Entry"
    assert "Nothing was sent" in transfers_page([], totals([]), about=about)


def test_the_page_shows_every_row_and_nobody(office: Office, written: dict[str, Any]) -> None:
    page = transfers_page(written["rows"], written["totals"], about=written["about"])
    assert page.count("<h1>") == 1
    assert page.count("<caption>") == page.count("<table") == 3
    assert all(f'class="number">{row["entry"]}</th>' in page for row in written["rows"])
    assert "may have arrived" in page and page.count("Not counted:") == 6
    assert "<script" not in page
    database = sqlite3.connect(office.home.state / "birthshare.db")
    said = [json.loads(said) for (said,) in database.execute("SELECT said FROM openings")]
    references = {value for one in said for value in one.values() if value}
    assert references
    assert not [one for one in references if one in page or one in json.dumps(written)]


@pytest.fixture
def birthshare(office: Office, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setattr("pipeline.cli.reports.transfers.moment", lambda: office.now)
    return CommandLine(office.town)  # type: ignore[arg-type]  # it has the home, which is all that is asked


def test_the_command_answers_on_the_screen_to_programs_and_in_files(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    answer = birthshare("report", "transfers")
    assert answer.code == 0
    assert "All transfers: 6 lists, 6 households, 6 children." in answer.out
    found = birthshare("report", "transfers", "--json").json
    assert len(found["rows"]) == found["totals"]["transfers"] == 6
    for ending in ("xlsx", "csv", "html", "json"):
        file = tmp_path / f"register.{ending}"
        assert birthshare("report", "transfers", "--out", file).code == 0
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.stat().st_size > 1000
    assert json.loads((tmp_path / "register.json").read_text()) == found


def test_the_command_refuses_what_it_cannot_do(birthshare: CommandLine, tmp_path: Path) -> None:
    assert birthshare("report", "transfers", "--out", tmp_path / "register.pdf").code == 2
    assert birthshare("report", "transfers", "--since", "yesterday").code == 2
    for option, named in (("--recipient", "nroth"), ("--agreement", "nobodys"), ("--state", "eaten")):
        wrong = birthshare("report", "transfers", option, named)
        assert wrong.code == 2
        wrong.says("Nobody here knows", f"{option} {named}")
    assert birthshare("report", "transfers", "--recipient", "north", "--until", "2020-01-01").code == 0
    assert birthshare("report", "transfers", "--since", "2026-10-02", "--until", "2026-10-01").code == 2
