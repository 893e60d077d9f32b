"""Birthshare's pages in Airflow's web server: reports on months, checks of files, sharing agreements.

Nothing is decided or counted here. Reports and checks are the files that reporting wrote; an agreement is put
into words as by `birthshare agreement show`. No birth, key or working file is opened. Who may read an
authority's DAG `monthly_births` may read its pages; nobody else, and nobody without a login.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models import DagRun
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from birthshare_authorities import Authority, authorities, authority_of
from birthshare_secrets import secrets_of
from birthshare_tasks import month_of
from pipeline.errors import BirthshareError, SettingsError

if TYPE_CHECKING:
    from pipeline.agreements.loading import Loaded
    from pipeline.home import Home
    from pipeline.records import Month

log = logging.getLogger(__name__)

MENU = "Months and agreements are in the menu, under Birthshare."
MONTHS = "monthly_births"  # whoever may read this DAG may read its authority's pages
TEMPLATES = Path(__file__).resolve().parent / "templates"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

app = FastAPI(title="Birthshare", docs_url=None, redoc_url=None, openapi_url=None)
of_authority = APIRouter(prefix="/{dag_id}", dependencies=[Depends(requires_access_dag("GET"))])


@app.get("/")
def every_authority(user: GetUserDep) -> Response:
    """Those whose months this login may read; where it is one alone, its own page."""
    dags = [one.dag_id(MONTHS) for one in authorities()]
    readable = get_auth_manager().get_authorized_dag_ids(user=user)
    mine = [dag for dag in dags if dag in readable]
    if mine and len(dags) == 1:
        return RedirectResponse(f"{mine[0]}/")
    return _page("authorities.html", authorities=mine)


@of_authority.get("/")
def one_authority(dag_id: str) -> Response:
    """Its months, the newest first, and its agreements."""
    home = _home(dag_id)
    return _page(
        "authority.html",
        authority=home.settings.authority.name,
        months=_months(home),
        checked=_checks_index(home).exists(),
        agreements=_agreements(home),
    )


@of_authority.get("/months/{month}")
def report(dag_id: str, month: str) -> Response:
    """The report on a month, as it was written when the month was closed or answers came since."""
    from pipeline.records import Month

    return _report(_home(dag_id), Month.parse(month))


@of_authority.get("/runs/{run_id}")
def report_of_run(dag_id: str, run_id: str) -> Response:
    """The report on the month that a run was for."""
    return _report(_home(dag_id), _month_of(dag_id, run_id))


@of_authority.get("/checks/{name}")
def checks(dag_id: str, name: str) -> Response:
    """What was checked in one supplier's file, or the page that leads to all of these."""
    home = _home(dag_id)
    for file in home.checks.glob("*.html"):
        if file.name == name:
            return HTMLResponse(file.read_bytes())
    raise SettingsError("There is no such page")


@of_authority.get("/agreements/{agreement}")
def agreement(dag_id: str, agreement: str) -> Response:
    """An agreement in plain English, and who has signed it."""
    from pipeline.agreed import chosen
    from pipeline.agreements.plain import plain
    from pipeline.reporting import agreement_page

    one = chosen(_agreements(_home(dag_id)), agreement)
    return HTMLResponse(agreement_page(one.agreement, plain(one.agreement, one.digest, one)))


app.include_router(of_authority)


def page_of_run(dag_id: str, run_id: str, page: str) -> str:
    """Where under the pages a run's report, checks or agreements are; "" where there is no such page."""
    month, home = _month_of(dag_id, run_id), _home(dag_id)
    file, address = {
        "report": (home.month_page(month), f"months/{month}"),
        "checks": (_checks_index(home), "checks/index.html"),
        "agreements": (home.agreements, "#agreements"),
    }[page]
    return f"/{dag_id}/{address}" if file.exists() else ""


@app.middleware("http")
async def guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Put the headers on every answer; tell what nobody foresaw without its text: it could hold anything."""
    try:
        given = await answer(request)
    except Exception as error:
        log.error("A page of Birthshare failed: %s", type(error).__name__)
        given = _said("This page cannot be shown", f"{type(error).__name__}. If it stays, report this.", 500)
    given.headers.update(HEADERS)
    return given


@app.exception_handler(BirthshareError)
def in_our_words(request: Request, error: BirthshareError) -> Response:
    """What stopped us, and what to do about it."""
    return _said(
        "There is nothing to show here", str(error), 404 if isinstance(error, SettingsError) else 500
    )


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> Response:
    """Airflow's refusals, and addresses that do not exist."""
    heading, words = {
        401: ("Log in first", "Log in to Airflow, then open this page again."),
        403: ("This is not for your login", f"It may not read the DAG {MONTHS} of this authority."),
    }.get(error.status_code, ("There is no such page", MENU))
    return _said(heading, words, error.status_code)


def _authority(dag_id: str) -> Authority:
    """Whose months the DAG makes; raises SettingsError for any other DAG."""
    one = authority_of(dag_id)
    if dag_id != one.dag_id(MONTHS):
        raise SettingsError("The runs of this DAG are not about one month", do=MENU)
    return one


def _home(dag_id: str) -> Home:
    from pipeline.home import Home

    one = _authority(dag_id)
    return Home.open(one.home, environment=secrets_of(one))


def _month_of(dag_id: str, run_id: str) -> Month:
    """The month that a run is for; raises SettingsError where there is none."""
    _authority(dag_id)
    for run in DagRun.find(dag_id=dag_id, run_id=[run_id]):
        return month_of(run.partition_key, str((run.conf or {}).get("month", "")))
    raise SettingsError("There is no such run", do=MENU)


def _months(home: Home) -> list[Month]:
    from pipeline.records import Month

    found = []
    for file in sorted(home.month_pages.glob("*.html"), reverse=True):
        with suppress(SettingsError):  # whatever else lies there is not shown
            found.append(Month.parse(file.stem))
    return found


def _report(home: Home, month: Month) -> Response:
    try:
        return HTMLResponse(home.month_page(month).read_bytes())
    except FileNotFoundError:
        raise SettingsError(
            "There is no report on this month yet",
            where=str(month),
            do="It is written when the month is closed.",
        ) from None


def _checks_index(home: Home) -> Path:
    return home.checks / "index.html"


def _agreements(home: Home) -> list[Loaded]:
    from pipeline.agreed import looked_at

    return looked_at(home, datetime.now(UTC))


def _said(heading: str, words: str, status: int) -> Response:
    return _page("words.html", status, heading=heading, words=words)


def _page(template: str, status: int = 200, **shown: Any) -> Response:
    from pipeline.reporting.pages import environment

    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return HTMLResponse(environment().from_string(text).render(**shown), status)
