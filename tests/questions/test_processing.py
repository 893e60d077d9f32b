"""The record of processing and the register of data flows say what the agreements and the ledger say."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from month_authority import (
    AGREEMENT,
    NOW,
    Authority,
    CommandLine,
    authority,
    copied,
    personal_values,
    prototype,
    shown_values,
)
from pipeline.agreements.loading import Loaded, read_agreement
from pipeline.agreements.words import FIELDS
from pipeline.demo.authority import Demonstration
from pipeline.facts import opened_ledger
from pipeline.keeping.limits import CLASSES
from pipeline.ledger.entries import Delivered, ExtractReceived, Kind, PermitBody
from pipeline.questions.agreements import State
from pipeline.questions.flows import register
from pipeline.questions.processing import ASKED, TO_WRITE_IN, Case, article30

__all__ = ["authority", "prototype"]

TEMPLATES = sorted((Path(__file__).resolve().parents[2] / "sharing_agreements").glob("*.yaml"))
REPORTS = ("article30", "dataflows")


@pytest.fixture(scope="module")
def closed(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """An authority whose month is closed, for tests that change nothing."""
    with copied(prototype, tmp_path_factory.mktemp("closed")) as authority:
        birthshare = CommandLine(authority)
        birthshare.finish()
        yield birthshare


def record(authority: Authority, now: datetime = NOW) -> dict[str, Any]:
    with opened_ledger(authority.home) as ledger:
        return article30(authority.reopened(), ledger, now=now)


def flows(authority: Authority, now: datetime = NOW) -> list[dict[str, Any]]:
    with opened_ledger(authority.home) as ledger:
        found: list[dict[str, Any]] = register(authority.home, ledger, now=now)["flows"]
        return found


# --- the record -----------------------------------------------------------------------------------


def test_everything_that_article_30_asks_a_controller_is_asked() -> None:
    asked = " ".join(one.law for one in ASKED)
    assert set(re.findall(r"30\(1\)\(([a-g])\)", asked)) == set("abcdefg")
    assert "30(2)" in asked
    assert len({one.key for one in ASKED}) == len({one.heading for one in ASKED}) == len(ASKED)


def test_every_agreement_in_force_is_an_activity_with_every_answer(closed: CommandLine) -> None:
    [one] = record(closed.authority)["activities"]
    assert (one["agreement"], one["version"], one["state"]) == (AGREEMENT, 1, State.IN_FORCE)
    assert list(one["points"]) == [asked.key for asked in ASKED]
    assert all(one["points"].values())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_every_kind_of_agreement_has_a_record(closed: CommandLine, file: Path) -> None:
    agreement, digest = read_agreement(file)
    loaded = Loaded(agreement, digest, (), None, signed=True, begun=True, suspended=False)
    home = closed.authority.home
    case = Case(home, loaded, home.recipients(), [], NOW.date())
    said = {one.key: " ".join(one.says(case)) for one in ASKED}
    assert all(said.values())
    assert [FIELDS[one] for one in agreement.fields if FIELDS[one] not in said["data"]] == []
    assert all(
        party.name in said["controllers"] + said["processors"] + said["source"] or party.role == "supplier"
        for party in agreement.parties
    )
    basis = agreement.lawful_basis
    assert basis.article_6.says.rstrip(".") in said["lawful"]
    assert (basis.article_9.says.rstrip(".") if basis.article_9 else "None is shared") in said["special"]


def test_a_processor_is_named_with_those_on_whose_behalf_it_works(closed: CommandLine) -> None:
    [file] = [file for file in TEMPLATES if file.name.startswith("welcome-card")]
    agreement, digest = read_agreement(file)
    parties = (
        *agreement.parties,
        agreement.parties[0].model_copy(update={"name": "A host", "role": "processor"}),
    )
    agreement = agreement.model_copy(update={"parties": parties})
    loaded = Loaded(agreement, digest, (), None, signed=True, begun=True, suspended=False)
    case = Case(closed.authority.home, loaded, {}, [], NOW.date())
    [asked] = [one for one in ASKED if one.key == "processors"]
    first, second = asked.says(case)
    assert first.startswith("A host, on behalf of ")
    assert all(party.name in first for party in agreement.parties if party.role == "controller")
    assert second.startswith(TO_WRITE_IN)


def test_what_nobody_here_can_know_is_left_open_and_not_made_up(closed: CommandLine) -> None:
    [one] = record(closed.authority)["activities"]
    left_open = {
        key for key, points in one["points"].items() if any(p.startswith(TO_WRITE_IN) for p in points)
    }
    assert left_open == {"controllers", "officer", "abroad", "security", "impact", "owner"}


def test_what_arrived_is_counted_as_the_ledger_counts_it(closed: CommandLine) -> None:
    with opened_ledger(closed.authority.home) as ledger:
        permits = {one.seq: one.body for one in ledger.entries(kinds={Kind.PERMIT})}
        arrived = [
            one.body.permit
            for one in ledger.entries(kinds={Kind.DELIVERED})
            if isinstance(one.body, Delivered)
        ]
    lists = [body for number in arrived if isinstance(body := permits[number], PermitBody)]
    households, children = sum(one.households for one in lists), sum(one.children for one in lists)
    [one] = record(closed.authority)["activities"]
    arrived_at = f"lists arrived at {len(lists)} recipients: {len(lists)} lists"
    assert f"{arrived_at}, {households} households, {children} children." in " ".join(
        one["points"]["recipients"]
    )
    [out] = [flow for flow in flows(closed.authority) if flow["what"].startswith("lists:")]
    assert (out["files"], out["rows"]) == (len(lists), children)


def test_a_suspended_agreement_stays_in_the_record_and_is_marked(authority: Authority) -> None:
    (authority.home.agreements / f"{AGREEMENT}.v1.suspend.data_lead.sig").write_bytes(b"stop")
    [one] = record(authority)["activities"]
    assert (one["state"], one["state_in_words"]) == ("suspended", "suspended")
    assert "suspended" in one["points"]["agreement"][0]


def test_an_agreement_that_has_come_to_its_end_is_marked(authority: Authority) -> None:
    expires = read_agreement(authority.agreement_file())[0].dates.expires
    [one] = record(authority, NOW + (expires - NOW.date()) + timedelta(days=2))["activities"]
    assert one["state"] == "expired"


def test_a_draft_that_nobody_signed_is_no_processing(authority: Authority) -> None:
    text = authority.agreement_file().read_text().replace(f"id: {AGREEMENT}", "id: another-card")
    (authority.home.agreements / "another-card.v1.yaml").write_text(text)
    assert [one["agreement"] for one in record(authority)["activities"]] == [AGREEMENT]


# --- the register of flows ------------------------------------------------------------------------


def test_the_extract_is_counted_as_it_was_received(closed: CommandLine) -> None:
    [received] = [
        body for body in closed.authority.recorded(Kind.EXTRACT_RECEIVED) if isinstance(body, ExtractReceived)
    ]
    [extract] = [one for one in flows(closed.authority) if one["what"] == "extract of births"]
    assert (extract["files"], extract["rows"], extract["agreements"]) == (1, received.rows, (AGREEMENT,))
    assert date.fromisoformat(extract["last"]) == NOW.date()


def test_what_is_older_than_twelve_months_is_not_counted(closed: CommandLine) -> None:
    later = flows(closed.authority, NOW + timedelta(days=366))
    assert [one["what"] for one in later if one["files"] or one["rows"] or one["last"]] == []


def test_every_class_of_data_that_is_kept_is_in_the_register(closed: CommandLine) -> None:
    kept = [one["what"].split(":")[0] for one in flows(closed.authority) if one["direction"] == "kept"]
    assert kept == [one.name.replace("_", " ") for one in CLASSES]


def test_every_flow_of_personal_data_has_its_basis_and_protection(closed: CommandLine) -> None:
    moving = [one for one in flows(closed.authority) if one["direction"] != "kept"]
    assert {one["direction"] for one in moving} == {"in", "out"}
    for one in moving:
        assert bool(one["basis"]) == one["personal"], one["what"]
        assert all(one[key] for key in ("what", "source", "destination", "way", "protection", "limit"))


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(closed: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Both answers in every form, by name."""
    folder = tmp_path_factory.mktemp("files")
    for report in REPORTS:
        for ending in ("html", "xlsx", "csv", "json"):
            answer = closed("report", report, "--out", folder / f"{report}.{ending}")
            assert answer.code == 0, answer.err
            closed.said += answer.out
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_no_family_is_in_any_of_them(closed: CommandLine, files: dict[str, bytes]) -> None:
    everything = [*files.values(), closed.said]
    assert shown_values(personal_values(closed.authority.extract()), *everything) == []
    assert not any(re.search(rb"\b[0-9a-f]{32}\b", content) for content in files.values())


@pytest.mark.parametrize("report", REPORTS)
def test_the_table_opens_everywhere_and_says_the_same(files: dict[str, bytes], report: str) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(files[f"{report}.xlsx"])).worksheets[0]
    here = [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    there = (
        CalamineWorkbook.from_filelike(io.BytesIO(files[f"{report}.xlsx"])).get_sheet_by_index(0).to_python()
    )
    written = list(csv.reader(io.StringIO(files[f"{report}.csv"].decode())))
    assert len(here) == len(there) == len(written) > 1
    assert here[0] == there[0] == written[0]
    assert [row[1] for row in here] == [row[1] for row in there] == [row[1] for row in written]
    assert not [cell for row in written for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("report", REPORTS)
def test_the_page_needs_nothing_else_and_can_be_read_aloud(files: dict[str, bytes], report: str) -> None:
    page = files[f"{report}.html"].decode()
    assert page.count("<h1>") == 1
    assert "<script" not in page and "http" not in re.sub(r"http-equiv", "", page)
    assert all("scope=" in heading for heading in re.findall(r"<th\b[^>]*>", page))
    assert page.count("<table") == page.count("<caption")
    assert len(set(re.findall(r'id="([^"]+)"', page))) == len(re.findall(r'id="([^"]+)"', page))


def test_the_answer_for_programs_is_the_file(closed: CommandLine, files: dict[str, bytes]) -> None:
    said = closed("report", "article30", "--json").json
    assert said["activities"] == json.loads(files["article30.json"])["activities"]


def test_another_kind_of_file_is_refused(closed: CommandLine, tmp_path: Path) -> None:
    answer = closed("report", "dataflows", "--out", tmp_path / "flows.docx")
    assert answer.code == 2
    answer.says("cannot be written as that kind of file", ".html or .xlsx or .csv or .json")
