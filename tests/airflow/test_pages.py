"""A data lead before Airflow's screens, in a real browser; and who else may see Birthshare's pages there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import httpx
import pytest

from airflow_browser import Screens
from airflow_environment import Site
from airflow_server import AirflowServer, Run, free_port
from chromium_browser import NoBrowser, browser
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.demo.run import laid_out
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Kind
from pipeline.records import Month
from servers.installing import provided

NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)
EARLIER, BROKEN = MONTH.plus(-1), MONTH.plus(-2)
OURS, THEIRS = "sampleton", "elsewhere"
DAG = f"{OURS}.monthly_births"
AGREEMENT = "welcome-card-first-visit"
REPORT = "The report of the other authority on Zenobia Quillfeather"

USERS = {
    "data_lead": "user", "watcher": "viewer", "operator": "op", "keeper": "admin",
    "outsider": "", f"only_{THEIRS}": "user",
}  # fmt: skip
NOBODY = ""  # without a login

# What the pages need of a home: neither births nor anything that opens, seals or signs.
ENOUGH = ("birthshare.toml", "agreements", "keys/approvers/allowed_signers")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """An authority with a month to run, and its centres' server."""
    folder = tmp_path_factory.mktemp("authority") / "demo"
    with laid_out(folder, month=MONTH, births=120, centres=3, seed=20261103, now=NOW) as demo:
        yield demo


@pytest.fixture(scope="module")
def other_home(tmp_path_factory: pytest.TempPathFactory, authority: Demonstration) -> Path:
    """Another authority's, with a report, on a machine that has none of its keys, files or births."""
    home = tmp_path_factory.mktemp("other") / "home"
    for name in ENOUGH:
        source, target = authority.home / name, home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (home / "state").mkdir()
    reports = Home.open(home).month_pages
    reports.mkdir(parents=True)
    (reports / f"{EARLIER}.html").write_text(f"<h1>{REPORT}</h1>", encoding="utf-8")
    (reports / f"{BROKEN}.html").mkdir()  # nobody foresaw that
    return home


@pytest.fixture(scope="module")
def airflow(airflow_folder: Path, authority: Demonstration, other_home: Path) -> Iterator[AirflowServer]:
    site = Site(
        airflow_folder,
        free_port(),
        USERS,
        authorities={OURS: authority.home, THEIRS: other_home},
        extra={"CORE__AUTH_MANAGER": "tests.airflow.narrow_logins.NarrowLogins"},
    )
    with AirflowServer(site, prepared=True) as server:
        server.login("operator").open_dag(DAG)
        yield server


@dataclass(frozen=True)
class Seen:
    """What stood on the data lead's screen."""

    question: str
    rows: list[str]  # of the question's tables
    links_before: list[str]  # on the task that asks
    report_before: str  # on the run's tab
    state: str  # of the run, at its end
    report: str  # where the link on the last task led
    address: str  # in the browser, there
    report_on_tab: str
    months: str  # Birthshare's page in the menu
    agreement: str  # where the link to it led


@pytest.fixture(scope="module")
def seen(airflow: AirflowServer) -> Iterator[Seen]:
    """A month from the form that starts it to its report, by mouse and keyboard alone."""
    provided("chromium", lambda: shutil.which("chromium"))
    try:
        with browser() as chromium:
            lead = Screens(chromium, airflow.site.address)
            lead.log_in("data_lead", airflow.site.passwords()["data_lead"])
            yield a_month(lead, airflow)
    except NoBrowser as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no browser: {reason}")


def a_month(lead: Screens, airflow: AirflowServer) -> Seen:
    name = lead.trigger(DAG, str(MONTH))
    run = Run(airflow.login("watcher"), DAG, name)
    run.until_asked("release_decision", seconds=90)
    links_before = links_on(lead, run, "release_decision")
    report_before = tab_of(lead, run)
    question = lead.question(DAG, name, "release_decision")
    rows = lead.page.get_by_role("row").all_inner_texts()
    lead.answer("Approve release")
    state = run.until_finished(seconds=120)
    links_on(lead, run, "close")
    lead.page.get_by_role("link", name="The month's report").click()
    report, address = lead.inside().locator("body").inner_text(), lead.page.url
    on_tab = tab_of(lead, run)
    lead.page.get_by_role("link", name="Birthshare").click()
    lead.inside().get_by_role("link", name=OURS).click()
    months = lead.inside().locator("main", has_text="Months and agreements").inner_text()
    lead.inside().get_by_role("link", name="Welcome cards").click()
    agreement = lead.inside().locator("body", has_text="No surprises").inner_text()
    return Seen(
        question, rows, links_before, report_before, state, report, address, on_tab, months, agreement
    )


def links_on(lead: Screens, run: Run, task: str) -> list[str]:
    """The names of Birthshare's links on a task's page."""
    lead.open(f"/dags/{DAG}/runs/{run.run_id}/tasks/{task}/details")
    lead.page.get_by_role("link", name="Sharing agreements").wait_for()
    return [link.inner_text() for link in lead.page.locator("a[href*='/plugin/birthshare/']").all()]


def tab_of(lead: Screens, run: Run) -> str:
    """What stands on the run's tab for the month's report."""
    lead.open(f"/dags/{DAG}/runs/{run.run_id}/plugin/report")
    return lead.inside().locator("main").inner_text()


def test_the_question_shows_counts_in_tables(seen: Seen) -> None:
    assert f"May the lists of {MONTH} be sent?" in seen.question
    rows = [row.split("\t") for row in seen.rows]
    assert ["received: the books balance", "120"] in rows
    assert [row[0] for row in rows if row[0].endswith(" lists")] == ["3 lists"]


def test_a_month_that_was_answered_by_a_click_runs_to_its_end(seen: Seen, authority: Demonstration) -> None:
    assert seen.state == "success"
    with opened_ledger(Home.open(authority.home)) as ledger:
        approvals = [entry.body for entry in ledger.entries(kinds={Kind.RELEASE_APPROVED})]
    assert [(one.principal, one.way) for one in approvals] == [(APPROVERS["data_lead"], "airflow")]


def test_a_link_on_the_run_leads_to_the_months_report_inside_airflow(seen: Seen) -> None:
    assert MONTH.in_full in seen.report
    assert "3 lists are delivered" in seen.report
    assert seen.address.endswith(f"/plugin/birthshare/birthshare/{DAG}/months/{MONTH}")
    assert MONTH.in_full in seen.report_on_tab


def test_before_the_month_is_closed_there_is_no_link_to_a_report_and_the_tab_says_why(seen: Seen) -> None:
    assert seen.links_before == ["Checks of the suppliers' files", "Sharing agreements"]
    assert "It is written when the month is closed." in seen.report_before


def test_the_menu_leads_to_every_month_and_to_the_agreement_in_plain_english(seen: Seen) -> None:
    assert MONTH.in_full in seen.months
    assert "in force" in seen.months
    assert "What recipients may not do" in seen.agreement
    assert "signed by" in seen.agreement.lower()


@cache
def identity(airflow: AirflowServer, login: str) -> dict[str, str]:
    """What shows the web server who asks; nothing for nobody."""
    if login == NOBODY:
        return {}
    who = {"username": login, "password": airflow.site.passwords()[login]}
    answer = httpx.post(f"{airflow.site.address}/auth/token", json=who, timeout=60)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def ask(airflow: AirflowServer, login: str, path: str, *, method: str = "GET") -> httpx.Response:
    """One of Birthshare's pages for a login, as it comes, without following it elsewhere."""
    address = f"{airflow.site.address}/birthshare{path}"
    return httpx.request(method, address, headers=identity(airflow, login), timeout=60)


def pages_of(code: str, month: Month) -> list[str]:
    dag = f"/{code}.monthly_births"
    return [f"{dag}/", f"{dag}/months/{month}", f"{dag}/agreements/{AGREEMENT}"]


@pytest.mark.parametrize(
    ("login", "ours", "theirs"),
    [
        (NOBODY, 401, 401),
        ("outsider", 403, 403),  # may log in, and no more
        (f"only_{THEIRS}", 403, 200),
        ("watcher", 200, 200),
        ("data_lead", 200, 200),
        ("keeper", 200, 200),
    ],
)
def test_only_who_may_read_an_authoritys_months_gets_its_pages(
    airflow: AirflowServer, seen: Seen, login: str, ours: int, theirs: int
) -> None:
    for page in pages_of(OURS, MONTH):
        assert ask(airflow, login, page).status_code == ours
    for page in pages_of(THEIRS, EARLIER):
        answer = ask(airflow, login, page)
        assert answer.status_code == theirs
        assert (REPORT in answer.text) == (theirs == 200 and "/months/" in page)


def test_the_list_of_authorities_names_only_those_of_the_login(airflow: AirflowServer) -> None:
    named = {login: ask(airflow, login, "/").text for login in ("watcher", f"only_{THEIRS}", "outsider")}
    assert OURS in named["watcher"]
    assert THEIRS in named["watcher"]
    assert OURS not in named[f"only_{THEIRS}"]
    assert THEIRS in named[f"only_{THEIRS}"]
    assert OURS not in named["outsider"]
    assert THEIRS not in named["outsider"]
    assert ask(airflow, NOBODY, "/").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        f"/{OURS}.monthly_births/months/..%2f..%2fbirthshare.toml",
        f"/{OURS}.monthly_births/months/../../birthshare.toml",
        f"/{OURS}.monthly_births/months/{MONTH}%00",
        f"/{OURS}.monthly_births/months/{MONTH}.html",
        f"/{OURS}.monthly_births/months/0000-00",
        f"/{OURS}.monthly_births/checks/..%2fmonths%2f{MONTH}.html",
        f"/{OURS}.monthly_births/checks/%2e%2e",
        f"/{OURS}.monthly_births/checks/index.json",
        f"/{OURS}.monthly_births/agreements/..%2f..%2fbirthshare",
        f"/{OURS}.monthly_births/agreements/%2a",
        f"/{OURS}.monthly_births/runs/..%2f..",
        f"/{OURS}.retention/",  # a DAG whose runs are of no month
        "/nobody.monthly_births/",
        "/monthly_births/",
        "/~/",  # Airflow's word for every DAG
        "/docs",
        "/openapi.json",
    ],
)
def test_no_address_leads_out_of_the_reports(airflow: AirflowServer, seen: Seen, path: str) -> None:
    answer = ask(airflow, "keeper", path)
    assert answer.status_code in (307, 404)
    assert "[suppliers" not in answer.text
    assert "lists are delivered" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_pages_can_only_be_read(airflow: AirflowServer, method: str) -> None:
    page = f"/{THEIRS}.monthly_births/months/{EARLIER}"
    assert ask(airflow, "keeper", page, method=method).status_code == 405


def test_no_page_is_kept_framed_elsewhere_or_runs_a_script(airflow: AirflowServer) -> None:
    good, refused = f"/{THEIRS}.monthly_births/months/{EARLIER}", f"/{THEIRS}.monthly_births/months/x"
    for login, path in (("watcher", good), ("watcher", refused), (NOBODY, good)):
        headers = ask(airflow, login, path).headers
        policy = headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'self'"} < set(policy)
        assert not any(one.startswith("script-src") for one in policy)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_what_nobody_foresaw_is_told_without_a_path_or_a_traceback(
    airflow: AirflowServer, other_home: Path
) -> None:
    answer = ask(airflow, "watcher", f"/{THEIRS}.monthly_births/months/{BROKEN}")
    log = airflow.output("api-server").read_text(encoding="utf-8")
    assert answer.status_code == 500
    assert "This page cannot be shown" in answer.text
    assert "A page of Birthshare failed: IsADirectoryError" in log
    assert str(other_home) not in answer.text + log
    assert "Traceback" not in answer.text + log
