"""What is asked once lists are out: the register, one family, a breach, recalls and receipts."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pytest

from canaries import Search, telling
from month_authority import AGREEMENT, NOW, Authority, copied
from pipeline.afterwards import recalls
from pipeline.agreed import LONDON
from pipeline.asking import check_looks, check_works_out
from pipeline.console import errands
from pipeline.console.pages import transfers as register_pages
from pipeline.demo.authority import Demonstration
from pipeline.errors import Refused
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import EvidenceGiven, FamilyLookedUp, Kind
from pipeline.questions import keeping, transfers
from pipeline.records import keyed_references
from pipeline.reporting.transfers import transfers_csv, transfers_workbook
from pipeline.roles import Role

from .conftest import Asking, Screen, principal_of

WHY = "the parents asked what we hold"
STOLEN = "a laptop was stolen"
NOBODY = "9990000018"  # a number that no family in the extract has

Someone = Callable[[Role], Asking]
OnScreen = Callable[[Role], Screen]


@pytest.fixture(scope="module")
def authority(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority whose lists of one month have arrived; its pages are read, and looks are recorded."""
    with copied(prototype, tmp_path_factory.mktemp("arrived")) as one:
        one.prepare_and_approve()
        one.run()
        yield one


@pytest.fixture(scope="module")
def number(authority: Authority) -> str:
    """The NHS number of one child who is on a list."""
    key = authority.home.secret("subject.key")
    with opened_ledger(authority.home) as ledger:
        return next(
            one
            for one in authority.extract()["nhs_number"]
            if len(one) == 10 and ledger.disclosures_of(keyed_references(key, "child", [one]))
        )


@pytest.fixture
def called_back(authority: Authority, tmp_path: Path) -> Iterator[Authority]:
    """The same a while later: one row was called back, and nobody has answered or collected anything."""
    with copied(replace(authority.demo, home=authority.home.path), tmp_path) as own:
        with opened_ledger(own.home) as ledger:
            [child] = list(ledger.on_lists()["child"])[:1]
        own.say("child_died", child)
        recalls.call_back(own.home, now=NOW)
        yield own


def words(page: str) -> str:
    """A page as it is read."""
    return " ".join(unescape(re.sub("<[^>]+>", " ", page)).split())


def register(authority: Authority, **chosen: str) -> dict:
    """The register as the command line has it."""
    asked = {"since": None, "until": None, "agreement": "", "recipient": ""} | chosen
    with opened_ledger(authority.home) as ledger:
        return transfers.register(authority.home, ledger, **asked, now=NOW)


def cells(workbook: bytes) -> list[list[tuple]]:
    """What a workbook says, sheet by sheet."""
    return [list(sheet.iter_rows(values_only=True)) for sheet in openpyxl.load_workbook(io.BytesIO(workbook))]


# --- the register ---------------------------------------------------------------------------------


def test_the_register_shows_what_is_chosen_and_exports_exactly_that(
    asking: Someone, authority: Authority
) -> None:
    auditor = asking(Role.AUDITOR)
    everything = register(authority)["rows"]
    page = words(auditor.get("/transfers"))
    assert all(row["recipient_name"] in page for row in everything)
    one = everything[0]["recipient"]
    assert "1 row, the newest first" in words(auditor.get(f"/transfers?recipient={one}"))
    assert "Nothing was sent" in auditor.get(f"/transfers?recipient={one}&state=failed")
    assert "Nothing was sent" in auditor.get("/transfers?until=2001-01-01")

    chosen = register(authority, recipient=one)
    exported = auditor.client.get(f"/transfers/register.csv?recipient={one}")
    assert exported.content == transfers_csv(chosen["rows"])
    assert exported.headers["content-disposition"] == 'attachment; filename="transfers.csv"'
    assert len(list(csv.reader(io.StringIO(exported.text)))) == 2  # the headings, and one row
    workbook = auditor.client.get(f"/transfers/register.xlsx?recipient={one}").content
    same = transfers_workbook(chosen["rows"], chosen["totals"], about=chosen["about"])
    assert cells(workbook) == cells(same)
    assert "register.csv?recipient=" in auditor.get(f"/transfers?recipient={one}")


def test_what_cannot_be_meant_is_said_beside_its_field_and_exports_nothing(asking: Someone) -> None:
    auditor = asking(Role.AUDITOR)
    for address, said in (
        ("since=2026-05-01&until=2026-04-01", "The last day is before the first one."),
        ("since=yesterday", "Write the day with its month and year"),
        ("recipient=nobody", "The register knows no such recipient."),
        ("agreement=none", "The register knows no such agreement."),
        ("state=eaten", "The register knows no such state."),
    ):
        page = auditor.get(f"/transfers?{address}", 422)
        assert "<title>Error: Transfers" in page
        assert said in words(page)
        assert "register.csv" not in page
        auditor.get(f"/transfers/register.csv?{address}", 404)


def test_many_rows_stand_on_several_pages(asking: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register_pages, "_ROWS", 3)
    auditor = asking(Role.AUDITOR)
    first, second = (auditor.get(f"/transfers?agreement={AGREEMENT}{page}") for page in ("", "&page=2"))
    entries = [re.findall(r'<th scope="row" class="number">(\d+)</th>', page) for page in (first, second)]
    newest_first = sorted(map(int, entries[0] + entries[1]), reverse=True)
    assert list(map(int, entries[0] + entries[1])) == newest_first
    assert [len(one) for one in entries] == [3, 1]
    assert f"/transfers?agreement={AGREEMENT}&amp;page=2" in first
    assert auditor.get("/transfers?page=99").count("Page 2 of 2") == 2  # what is too far is the last page
    auditor.get("/transfers?page=0", 422)


def test_records_for_the_regulator_are_a_click_away(asking: Someone) -> None:
    auditor = asking(Role.AUDITOR)
    page = auditor.get("/transfers")
    for path, heading in (
        ("processing", "Record of processing activities"),
        ("flows", "Register of data flows"),
        ("retention", "Data that went when it should"),
    ):
        assert f'href="/transfers/{path}"' in page
        assert f"<h1>{heading}</h1>" in auditor.get(f"/transfers/{path}")


def test_what_is_kept_is_looked_through_apart_from_the_page(asking: Someone, authority: Authority) -> None:
    auditor = asking(Role.AUDITOR)
    assert auditor.post("/transfers/retention") == "/transfers/retention"
    errands.wait(authority.home, errands.RETENTION)
    page = auditor.get("/transfers/retention")
    assert "Looked through on" in page
    with opened_ledger(authority.home) as ledger:
        report = keeping.report(authority.home, ledger, since=None, until=None, now=NOW)
    assert all(one["why"] in unescape(page) for one in report["classes"])


# --- one family -----------------------------------------------------------------------------------


def looks(authority: Authority) -> list[FamilyLookedUp]:
    return [one for one in authority.recorded(Kind.FAMILY_LOOKED_UP) if isinstance(one, FamilyLookedUp)]


def given(authority: Authority) -> list[EvidenceGiven]:
    return [one for one in authority.recorded(Kind.EVIDENCE_GIVEN) if isinstance(one, EvidenceGiven)]


def test_why_somebody_looks_is_asked_before_whom_and_nothing_is_shown_without_it(
    asking: Someone, authority: Authority, number: str
) -> None:
    officer, before = asking(Role.IG_OFFICER), len(looks(authority))
    assert "NHS number" not in re.findall("<label[^>]*>(.*?)</label>", officer.get("/family"))
    for path in ("/family/found", "/family/statement", "/family/file", "/family/evidence"):
        page = officer.post(path, 422, number=number)
        assert "Nobody said why" in page
        assert number not in page
    page = officer.post("/family", 422, why="about 12 High Street")
    assert "<title>Error: Family" in page
    assert "That note cannot be recorded" in page
    assert 'value="about 12 High Street"' in page
    assert len(looks(authority)) == before


def test_a_family_is_shown_after_the_look_is_recorded(
    asking: Someone, authority: Authority, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    officer = asking(Role.IG_OFFICER)
    cookies = set(officer.client.cookies)
    assert "NHS number" in officer.post("/family", 200, why=WHY)
    assert "That is not an NHS number" in officer.post("/family/found", 422, why=WHY, number="123")

    before = looks(authority)
    page = officer.post("/family/found", 200, why=WHY, number=number)
    [look] = looks(authority)[len(before) :]
    assert (look.principal, look.purpose) == (principal_of(authority.home, Role.IG_OFFICER), WHY)
    assert "They may keep it until" in words(page)

    assert set(officer.client.cookies) == cookies
    [title] = re.findall("<title>(.*)</title>", page)
    assert number not in title
    shown = re.sub('<input type="hidden" name="number" value="[0-9]+">', "", page)
    extract = authority.extract()
    search = Search(telling(extract, extract["nhs_number"] == number))
    assert len(search.values) == 5
    search.text("page", shown)
    assert search.found == set()
    assert number not in caplog.text


def test_what_is_given_to_parents_is_recorded_by_its_digest(
    asking: Someone, authority: Authority, number: str
) -> None:
    officer, before = asking(Role.IG_OFFICER), len(given(authority))
    page = officer.post("/family/statement", 200, why=WHY, number=number)
    assert "<h1>What we shared about your child</h1>" in page
    assert len(given(authority)) == before + 1  # what is shown to be printed is given, too
    fields = {"token": officer.token(), "why": WHY, "number": number}
    for path, name in (("/family/file", "statement.html"), ("/family/evidence", "evidence.zip")):
        answer = officer.client.post(path, data=fields)
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        newest = given(authority)[-1]
        assert (newest.about, newest.purpose) == ("family", WHY)
        assert newest.sha256 == hashlib.sha256(answer.content).hexdigest()
    assert "evidence.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


def test_of_a_family_that_nobody_knows_it_is_said_so(asking: Someone, authority: Authority) -> None:
    page = asking(Role.GUARDIAN).post("/family/found", 200, why=WHY, number=NOBODY)
    assert "Nothing about this family was shared" in page
    assert "Download the evidence" not in page


def test_what_is_private_is_for_the_officer_and_on_no_statement(called_back: Authority, number: str) -> None:
    key = called_back.home.secret("subject.key")
    [child] = keyed_references(key, "child", [number])
    called_back.say("safeguarding", child)
    officer = Asking(called_back.home, principal_of(called_back.home, Role.IG_OFFICER), lambda: NOW)
    page = words(officer.post("/family/found", 200, why=WHY, number=number))
    private = "Private, and on no statement"
    assert private in page
    assert "Ask the Caldicott guardian before you give anything" in page
    statement = words(officer.post("/family/statement", 200, why=WHY, number=number))
    assert private not in statement
    assert "safeguarding" not in statement.lower()


def test_officers_look_and_leads_work_out_breaches_without_being_approvers(
    called_back: Authority, number: str
) -> None:
    with (called_back.home.path / "birthshare.toml").open("a") as file:
        for role in (Role.IG_OFFICER, Role.DATA_LEAD):
            file.write(f'\n[[console.people]]\nprincipal = "new.{role}@example.org"\nroles = ["{role}"]\n')
    officer, lead = (
        Asking(called_back.home, f"new.{role}@example.org", lambda: NOW)
        for role in (Role.IG_OFFICER, Role.DATA_LEAD)
    )
    told = {"happened": "recipient", "recipient": "centre-01", "why": STOLEN, "asked": "known"}
    before = len(called_back.recorded(EvidenceGiven.kind))
    assert "What was shared" in officer.post("/family/found", 200, why=WHY, number=number)
    assert "Who is affected" in officer.post("/breach", 200, **told)
    assert "Who is affected" in lead.post("/breach", 200, **told)
    assert [one.principal for one in called_back.recorded(EvidenceGiven.kind)[before:]] == [
        "new.ig_officer@example.org",
        "new.data_lead@example.org",
    ]
    with pytest.raises(Refused, match="not known here"):
        check_looks(called_back.home, "new.data_lead@example.org", WHY)
    with pytest.raises(Refused, match="not known here"):
        check_works_out(called_back.home, "nobody@example.org", STOLEN)


# --- a breach -------------------------------------------------------------------------------------


def test_a_breach_is_worked_out_question_by_question(asking: Someone, authority: Authority) -> None:
    guardian = asking(Role.GUARDIAN)
    [row, *_] = register(authority)["rows"]
    told = {"happened": "list"}
    assert "Whose list is it?" in guardian.post("/breach", 200, asked="happened", **told)
    told["recipient"] = row["recipient"]
    assert "Which list is it?" in guardian.post("/breach", 200, asked="whose", **told)
    told["delivery"] = row["file"]
    assert "When did you know of it?" in guardian.post("/breach", 200, asked="which", **told)

    known = (NOW - timedelta(hours=10)).astimezone(LONDON)
    told |= {"day": f"{known:%Y-%m-%d}", "clock": f"{known:%H:%M}", "why": STOLEN}
    before = len(given(authority))
    page = words(guardian.post("/breach", 200, asked="known", **told))
    assert "Who is affected" in page
    assert "61 hours are left" in page  # the minute's seconds are past
    assert f"{row['children']} children" in page
    newest = given(authority)[-1]
    assert (newest.about, newest.purpose, len(given(authority))) == ("breach", STOLEN, before + 1)

    answer = guardian.post("/breach/facts", 200, **told)
    assert "The draft of the notice" in answer
    assert "To be filled in:" in answer
    written = guardian.post("/breach/text", 200, **told)
    assert "The draft of the notice (UK GDPR, Article 33(3))" in written
    assert "61 hours are left" in written


@pytest.mark.parametrize(
    ("asked", "told", "said"),
    [
        ("happened", {"happened": "earthquake"}, "Say what happened."),
        ("happened", {"happened": "earthquake", "since": "soon"}, "Say what happened."),
        ("whose", {"happened": "recipient", "recipient": "nobody"}, "Choose the recipient."),
        ("whose", {"happened": "agreement", "agreement": "none"}, "Choose the agreement."),
        ("whose", {"happened": "recipient", "since": "2026-02-02", "until": "2026-01-01"}, "The last day is"),
        ("whose", {"happened": "list", "until": "2001-01-01"}, "No list of this recipient is of these days."),
        ("whose", {"happened": "list", "since": "soon"}, "Write the day with its month and year"),
        ("which", {"happened": "list", "delivery": "another.xlsx"}, "Choose the list."),
        ("which", {"happened": "list", "since": " 2001-01-01", "delivery": "x"}, "Choose the list."),
        ("known", {"happened": "recipient", "why": ""}, "Nobody said why."),
        ("known", {"happened": "recipient", "why": "call 07700"}, "That note cannot be recorded."),
        (
            "known",
            {"happened": "recipient", "why": STOLEN, "day": "2999-01-01"},
            "That moment has not come yet.",
        ),
        (
            "known",
            {"happened": "recipient", "why": STOLEN, "day": "2026-01-01", "clock": "noon"},
            "Write the time",
        ),
    ],
)
def test_an_answer_that_is_none_is_asked_again_and_nothing_is_recorded(
    asked: str, told: dict[str, str], said: str, asking: Someone, authority: Authority
) -> None:
    before = len(given(authority))
    recipient = register(authority)["rows"][0]["recipient"]
    page = asking(Role.IG_OFFICER).post("/breach", 422, asked=asked, **{"recipient": recipient} | told)
    assert "<title>Error: Breach" in page
    assert said in words(page)
    assert len(given(authority)) == before


def test_no_facts_of_a_breach_come_before_all_questions_have_their_answers(asking: Someone) -> None:
    officer = asking(Role.IG_OFFICER)
    for path in ("/breach/facts", "/breach/file", "/breach/text"):
        assert "What happened?" in officer.post(path, 200, why=STOLEN)


# --- recalls and receipts -------------------------------------------------------------------------


def test_nobody_is_late_on_the_day_on_which_lists_arrive(asking: Someone) -> None:
    page = words(asking(Role.APPROVER).get("/recalls"))
    assert "No recipient is late." in page
    assert "every row that was called back is said to be off its list" in page


def test_late_recipients_come_first_and_what_was_called_back_is_open(called_back: Authority) -> None:
    later = NOW + timedelta(days=30)
    auditor = Asking(called_back.home, principal_of(called_back.home, Role.AUDITOR), lambda: later)
    page = words(auditor.get("/recalls"))
    assert "4 recipients are late." in page
    assert "1 family not said to be off its list" in page
    assert re.search(r"1, due \d+ \w+ \d{4} 1 late", page)
    assert re.search(r"called back, and not said to be off the list .* Late ", page, re.IGNORECASE)
    assert "<h1>Recalls, and how fast they were</h1>" in auditor.get("/recalls/speed")


# --- in a browser, from the first page to done ----------------------------------------------------


def test_an_ig_officer_answers_a_family(screens: OnScreen, number: str) -> None:
    screen = screens(Role.IG_OFFICER)
    page = screen.open("/")
    page.get_by_role("link", name="Family").click()
    screen.look_over()
    page.get_by_label("Why do you look?").fill(WHY)
    page.get_by_role("button", name="Continue").click()
    screen.look_over()
    page.get_by_label("NHS number").fill(number)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What was shared about this family").wait_for()
    screen.look_over()
    page.get_by_role("button", name="Show the statement to print").click()
    page.get_by_role("heading", name="What we shared about your child").wait_for()
    screen.look_over()
    assert number not in page.url + page.title()

    page.emulate_media(media="print")
    assert page.get_by_role("heading", name="What we shared about your child").is_visible()
    for ours in ("This is the statement.", "You are", "Save it as a file instead", "Waiting for you"):
        assert not page.get_by_text(ours).first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_guardian_works_out_a_breach(screens: OnScreen) -> None:
    screen = screens(Role.GUARDIAN)
    page = screen.open("/breach")
    page.get_by_role("button", name="Continue").click()  # without an answer
    assert page.title().startswith("Error: ")
    screen.complaints.clear()  # a browser notes every answer of 422
    screen.look_over()
    page.get_by_role("link", name="Say what happened.").click()
    page.keyboard.press("Space")  # the first answer, which the link led to
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Recipient").select_option(index=1)
    screen.look_over()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("radio").first.check()
    screen.look_over()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Why do you look?").fill(STOLEN)
    screen.look_over()
    page.get_by_role("button", name="Show who is affected").click()
    page.get_by_role("heading", name="Who is affected").wait_for()
    screen.look_over()
    page.get_by_role("button", name="What to do now, and the facts for the notice").click()
    page.get_by_role("heading", name="The draft of the notice").wait_for()
    screen.look_over()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as text").click()
    assert download.value.suggested_filename == "breach.txt"


def test_an_auditor_filters_exports_and_sees_no_family(screens: OnScreen, authority: Authority) -> None:
    screen = screens(Role.AUDITOR)
    page = screen.open("/transfers")
    screen.look_over()
    assert page.get_by_role("link", name="Family").count() == 0
    assert page.goto(f"{screen.address}/family").status == 403  # type: ignore[union-attr]
    screen.complaints.clear()  # a browser notes every answer of 403
    screen.open("/transfers")
    recipient = page.get_by_label("Recipient").locator("option").nth(1).get_attribute("value") or ""
    page.get_by_label("Recipient").select_option(value=recipient)
    page.get_by_role("button", name="Show these").click()
    assert f"recipient={quote(recipient)}" in page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert Path(download.value.path()).read_bytes() == transfers_csv(
        register(authority, recipient=recipient)["rows"]
    )
    for path in (
        "/recalls",
        "/recalls/speed",
        "/transfers/processing",
        "/transfers/flows",
        "/transfers/retention",
    ):
        screen.open(path)
        screen.look_over()
