"""A data lead before Airflow's screens, in a real browser; and who else may come to the console there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_browser import Screens
from airflow_environment import ONLY_WHEN_ASKED, Site
from airflow_server import AirflowServer, Run
from pipeline import facts
from pipeline.demo.authority import APPROVERS, AUTHORITY_NAME, Demonstration
from pipeline.demo.run import laid_out
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Kind
from pipeline.records import Month
from servers.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)
OURS, THEIRS = "sampleton", "elsewhere"
DAG = f"{OURS}.monthly_births"
ELSEWHERE = "Elsewhere Council of Zenobia Quillfeather"  # the other authority's name

USERS = {
    "data_lead": "user", "watcher": "viewer", "operator": "op", "keeper": "admin",
    "outsider": "", f"only_{THEIRS}": "user", "auditor": "viewer", "caldicott_guardian": "user",
}  # fmt: skip
NOBODY = ""  # without a login

# What looking takes of a home: neither births nor anything that opens, seals or signs.
ENOUGH = ("birthshare.toml", "agreements", "keys/approvers/allowed_signers")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """An authority with a month to run, and its centres' server."""
    folder = tmp_path_factory.mktemp("authority") / "demo"
    with laid_out(folder, month=MONTH, births=120, centres=3, seed=20261103, now=NOW) as demo:
        yield demo


@pytest.fixture(scope="module")
def other_home(tmp_path_factory: pytest.TempPathFactory, authority: Demonstration) -> Path:
    """Another authority's, on a machine that has none of its keys, files or births."""
    home = tmp_path_factory.mktemp("other") / "home"
    for name in ENOUGH:
        source, target = authority.home / name, home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (home / "state").mkdir()
    (home / "keys" / "ledger.vkey").write_text(facts.verifier(Home.open(authority.home)), encoding="utf-8")
    settings = home / "birthshare.toml"
    text = settings.read_text(encoding="utf-8").replace(AUTHORITY_NAME, ELSEWHERE)
    person = '\n[[console.people]]\nprincipal = "auditor@elsewhere.example.org"\nroles = ["auditor"]\n'
    settings.write_text(f'{text}{person}airflow_user = "only_{THEIRS}"\n', encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def airflow(airflow_folder: Path, authority: Demonstration, other_home: Path) -> Iterator[AirflowServer]:
    site = Site(
        airflow_folder,
        free_port(),
        USERS,
        authorities={OURS: authority.home, THEIRS: other_home},
        extra=ONLY_WHEN_ASKED | {"CORE__AUTH_MANAGER": "narrow_logins.NarrowLogins"},
    )
    config = airflow_folder / "config"  # where Airflow looks for modules
    config.mkdir()
    shutil.copy(Path(__file__).with_name("narrow_logins.py"), config)
    with AirflowServer(site, prepared=True) as server:
        server.login("operator").open_dag(DAG)
        yield server


@dataclass(frozen=True)
class Seen:
    """What stood on the data lead's screen."""

    question: str
    rows: list[str]  # of the question's tables
    links: list[str]  # on the task that asks
    tab_before: str  # on the run's tab
    state: str  # of the run, at its end
    month: str  # where the link on the last task led
    address: str  # in the browser, there
    tab_after: str
    first: str  # the console's first page, from Airflow's menu
    agreement: str  # where the console's own menu led
    form: str  # what came of a form that was sent inside Airflow's screen


@pytest.fixture(scope="module")
def seen(airflow: AirflowServer, chromium: Browser) -> Seen:
    """A month from the form that starts it to its report, by mouse and keyboard alone."""
    lead = Screens(chromium, airflow.site.address)
    lead.log_in("data_lead", airflow.site.passwords()["data_lead"])
    return a_month(lead, airflow)


def a_month(lead: Screens, airflow: AirflowServer) -> Seen:
    name = lead.trigger(DAG, str(MONTH))
    run = Run(airflow.login("watcher"), DAG, name)
    run.until_asked("release_decision", seconds=240)
    links = links_on(lead, run, "release_decision")
    tab_before = tab_of(lead, run)
    question = lead.question(DAG, name, "release_decision")
    rows = lead.page.get_by_role("row").all_inner_texts()
    lead.answer("Approve release")
    state = run.until_finished(seconds=240)
    links_on(lead, run, "close")
    lead.page.get_by_role("link", name="The month", exact=True).click()
    month = lead.inside().locator("main", has_text=MONTH.in_full).inner_text()
    address = lead.page.url
    tab_after = tab_of(lead, run)
    lead.page.get_by_role("link", name="Birthshare").click()
    lead.inside().get_by_role("link", name=OURS).click()
    first = lead.inside().locator("body", has_text="Waiting for you").inner_text()
    lead.inside().get_by_role("link", name="Agreements", exact=True).click()
    lead.inside().get_by_role("link", name="Version 1").click()
    agreement = lead.inside().locator("body", has_text="No surprises").inner_text()
    lead.inside().get_by_role("link", name="Proof", exact=True).click()
    lead.inside().get_by_role("button", name="Verify now").click()
    form = lead.inside().locator("main", has_text="Verification of the whole ledger").inner_text()
    return Seen(question, rows, links, tab_before, state, month, address, tab_after, first, agreement, form)


def links_on(lead: Screens, run: Run, task: str) -> list[str]:
    """The names of Birthshare's links on a task's page."""
    lead.open(f"/dags/{DAG}/runs/{run.run_id}/tasks/{task}/details")
    lead.page.get_by_role("link", name="Sharing agreements").wait_for()
    return [link.inner_text() for link in lead.page.locator("a[href*='/plugin/birthshare/']").all()]


def tab_of(lead: Screens, run: Run) -> str:
    """What stands on the run's tab for the month's report."""
    lead.open(f"/dags/{DAG}/runs/{run.run_id}/plugin/report")
    return lead.inside().locator("main", has_text=MONTH.in_full).inner_text()


def test_the_question_shows_counts_in_tables(seen: Seen) -> None:
    assert f"May the lists of {MONTH.in_full} be sent?" in seen.question
    rows = [row.split("\t") for row in seen.rows]
    assert ["received: the books balance", "120"] in rows
    assert [row[0] for row in rows if row[0].endswith(" lists")] == ["3 lists"]


def test_a_month_that_was_answered_by_a_click_runs_to_its_end(seen: Seen, authority: Demonstration) -> None:
    assert seen.state == "success"
    with opened_ledger(Home.open(authority.home)) as ledger:
        approvals = [entry.body for entry in ledger.entries(kinds={Kind.RELEASE_APPROVED})]
    assert [(one.principal, one.way) for one in approvals] == [(APPROVERS["data_lead"], "airflow")]


def test_a_link_on_the_run_leads_to_the_months_page_inside_airflow(seen: Seen) -> None:
    assert seen.links == ["Checks of the suppliers' files", "Sharing agreements", "The month"]
    assert MONTH.in_full in seen.month
    assert "3 lists are delivered" in seen.month
    assert seen.address.endswith(f"/plugin/birthshare/birthshare/{DAG}/months/{MONTH}")


def test_the_runs_tab_says_what_its_month_waits_for_and_then_what_became_of_it(seen: Seen) -> None:
    assert MONTH.in_full in seen.tab_before
    assert "3 lists are delivered" not in seen.tab_before
    assert "3 lists are delivered" in seen.tab_after


def test_airflows_menu_leads_to_the_console_and_to_the_agreement_in_plain_english(seen: Seen) -> None:
    assert f"You are {APPROVERS['data_lead']}" in seen.first
    assert AUTHORITY_NAME in seen.first
    assert "What recipients may not do" in seen.agreement
    assert "signed by" in seen.agreement.lower()


def test_forms_are_taken_inside_airflows_screen(seen: Seen) -> None:
    assert APPROVERS["data_lead"] in seen.form


@cache
def identity(airflow: AirflowServer, login: str) -> dict[str, str]:
    """What shows the web server who asks; nothing for nobody."""
    if login == NOBODY:
        return {}
    who = {"username": login, "password": airflow.site.passwords()[login]}
    answer = httpx.post(f"{airflow.site.address}/auth/token", json=who, timeout=60)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def ask(
    airflow: AirflowServer, login: str, path: str, *, method: str = "GET", form: dict[str, str] | None = None
) -> httpx.Response:
    """One of the console's pages for a login, as it comes, without following it elsewhere."""
    address = f"http://localhost:{airflow.site.port}/birthshare{path}"  # a name, as passkeys want
    return httpx.request(method, address, headers=identity(airflow, login), data=form, timeout=60)


def pages_of(code: str) -> list[str]:
    return [
        f"/{code}.monthly_births{page}" for page in ("/", "/months", "/agreements", "/checks", "/pages.css")
    ]


@pytest.mark.parametrize(
    ("login", "ours", "theirs"),
    [
        (NOBODY, 401, 401),
        ("outsider", 403, 403),  # may log in, and no more
        (f"only_{THEIRS}", 403, 200),
        ("data_lead", 200, 200),
        ("auditor", 200, 200),
    ],
)
def test_only_who_may_read_an_authoritys_months_and_is_named_in_its_settings_gets_its_pages(
    airflow: AirflowServer, login: str, ours: int, theirs: int
) -> None:
    for page in pages_of(OURS):
        assert ask(airflow, login, page).status_code == ours, page
    for page in pages_of(THEIRS):
        answer = ask(airflow, login, page)
        assert answer.status_code == theirs, page
        assert (ELSEWHERE in answer.text) == (theirs == 200 and not page.endswith(".css"))


@pytest.mark.parametrize("login", ["watcher", "operator", "keeper"])
def test_who_may_read_the_dag_and_is_not_named_is_told_so(airflow: AirflowServer, login: str) -> None:
    """Whoever does everything in Airflow, too: it is the authority that says who may look."""
    for page in ("/", "/months", "/agreements"):
        answer = ask(airflow, login, f"/{THEIRS}.monthly_births{page}")
        assert answer.status_code == 403
        assert "[[console.people]]" in answer.text
        assert ELSEWHERE not in answer.text


def test_roles_are_those_of_the_settings(airflow: AirflowServer) -> None:
    """A data lead makes a passkey to sign with, an auditor signs nothing."""
    passkeys = f"/{OURS}.monthly_births/passkeys"
    assert ask(airflow, "data_lead", passkeys).status_code == 200
    assert ask(airflow, "auditor", passkeys).status_code == 403


def test_a_form_needs_the_token_of_its_own_login_and_a_machine_with_the_keys(airflow: AirflowServer) -> None:
    for code, taken in ((OURS, 422), (THEIRS, 409)):
        form = f"/{code}.monthly_births/passkeys"
        tokens = {who: token_in(ask(airflow, who, form)) for who in ("data_lead", "caldicott_guardian")}
        answers = {
            who: ask(airflow, "data_lead", form, method="POST", form={"token": token})
            for who, token in tokens.items()
        }
        assert answers["data_lead"].status_code == taken
        assert answers["caldicott_guardian"].status_code == 403
        assert ("`birthshare console` runs" in answers["data_lead"].text) == (code == THEIRS)
        assert ask(airflow, "data_lead", form, method="POST").status_code == 403


def token_in(answer: httpx.Response) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', answer.text)
    assert found, answer.text
    return found[1]


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
        f"/{OURS}.monthly_births/static/..%2f..%2fapplication.py",
        f"/{OURS}.monthly_births/runs/..%2f..",
        f"/{OURS}.retention/",  # a DAG whose runs are of no month
        "/nobody.monthly_births/",
        "/monthly_births/",
        "/~/",  # Airflow's word for every DAG
        "/docs",
        "/openapi.json",
    ],
)
def test_no_address_leads_out_of_the_console(airflow: AirflowServer, path: str) -> None:
    answer = ask(airflow, "data_lead", path)
    assert answer.status_code in (303, 307, 400, 404)
    assert "[suppliers" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_pages_are_read_and_forms_are_sent_and_nothing_else(airflow: AirflowServer, method: str) -> None:
    assert ask(airflow, "data_lead", f"/{THEIRS}.monthly_births/months", method=method).status_code == 405


def test_no_page_is_kept_framed_elsewhere_or_runs_a_script_of_others(airflow: AirflowServer) -> None:
    good, refused = f"/{THEIRS}.monthly_births/months", f"/{THEIRS}.monthly_births/nowhere"
    for login, path in (("data_lead", good), ("data_lead", refused), ("watcher", good), (NOBODY, good)):
        headers = ask(airflow, login, path).headers
        policy = headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'self'", "script-src 'self'"} < set(policy)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_what_nobody_foresaw_is_told_without_a_path_or_a_traceback(
    airflow: AirflowServer, other_home: Path
) -> None:
    settings = other_home / "birthshare.toml"
    kept = settings.read_text(encoding="utf-8")
    settings.unlink()
    settings.mkdir()
    answer = ask(airflow, "data_lead", f"/{THEIRS}.monthly_births/months")
    settings.rmdir()
    settings.write_text(kept, encoding="utf-8")
    log = airflow.output("api-server").read_text(encoding="utf-8")
    assert answer.status_code == 500
    assert "This page cannot be shown" in answer.text
    assert "A page of the console failed: IsADirectoryError" in log
    assert str(other_home) not in answer.text + log
    assert "Traceback" not in answer.text + log
