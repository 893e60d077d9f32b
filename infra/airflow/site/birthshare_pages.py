"""The console in Airflow's web server: one for each authority, under the id of its DAG `monthly_births`.

It is the application that `birthshare console` runs. All of an authority's lies behind one route here, which
asks Airflow whether the login may read that DAG. Whom the login stands for, and in which roles, the settings
say.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.tokens import get_signing_key
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    bearer_scheme,
    collect_request_tokens,
    requires_access_dag,
)
from airflow.models import DagRun
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_entrance import AirflowEntrance, Login, logged_in
from birthshare_authorities import Authority, authorities, authority_of
from birthshare_secrets import secrets_of
from birthshare_tasks import month_of
from pipeline.console import beforehand
from pipeline.console.application import Console, application, dress
from pipeline.console.guarding import Guarded
from pipeline.console.visit import TEMPLATES
from pipeline.console.words import words
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home
from pipeline.reporting.pages import Frame, environment, framed

if TYPE_CHECKING:
    from pipeline.records import Month

MENU = "Months and agreements are in the menu, under Birthshare."
MONTHS = "monthly_births"  # whoever may read this DAG may come to its authority's console
AUTHORITIES = Path(__file__).resolve().parent / "templates" / "authorities.html"
FRAMED_BY = "'self'"  # Airflow shows the pages of plugins inside its own
READS = Depends(requires_access_dag("GET"))

app = FastAPI(title="Birthshare", docs_url=None, redoc_url=None, openapi_url=None)
dress(app)
guarded = Guarded(app, address="", framed_by=FRAMED_BY)  # whose address it is, Airflow's own server knows


async def _token(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> str:
    """What Airflow knows the sender by; "" for somebody whom it lets in without."""
    return next(iter(collect_request_tokens(request, given)), "")


@app.get("/")
def every_authority(request: Request, user: GetUserDep) -> Response:
    """Those whose months this login may read; where it is one alone, its console."""
    dags = [one.dag_id(MONTHS) for one in authorities()]
    readable = get_auth_manager().get_authorized_dag_ids(user=user)
    mine = [dag for dag in dags if dag in readable]
    root = str(request.scope["root_path"])
    if mine and len(dags) == 1:
        return RedirectResponse(f"{root}/{mine[0]}/", 303)
    with framed(Frame(TEMPLATES, {"visit": None, "root": root})):
        page = environment().from_string(AUTHORITIES.read_text(encoding="utf-8")).render(authorities=mine)
    return HTMLResponse(page)


@app.get("/{dag_id}/runs/{run_id}", dependencies=[READS])
def month_of_run(request: Request, dag_id: str, run_id: str) -> Response:
    """The page of the month that a run is for."""
    month = _month_of(dag_id, run_id)
    return RedirectResponse(f"{request.scope['root_path']}/{dag_id}/months/{month}", 303)


@app.api_route("/{dag_id}/{path:path}", methods=["GET", "HEAD", "POST"], dependencies=[READS])
async def console(dag_id: str, user: GetUserDep, token: Annotated[str, Depends(_token)]) -> Response:
    """Any page of an authority's console, for whom Airflow has let in."""
    return _HandedOn(_console(_authority(dag_id)), dag_id, Login(str(user.get_id()), token))


class _HandedOn(Response):
    """The answer of another application, to which this request is handed on with whoever sent it."""

    def __init__(self, to: ASGIApp, under: str, login: Login) -> None:
        super().__init__()
        self._to, self._under, self._login = to, under, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand it on; its address begins further on."""
        further = {"root_path": f"{scope['root_path']}/{self._under}"}
        await self._to(logged_in({**scope, **further}, self._login), receive, send)


@cache
def _console(one: Authority) -> FastAPI:
    """The console of one authority; whoever opens it first has the past read for everybody."""

    def home() -> Home:
        return Home.open(one.home, environment=secrets_of(one))

    entrance = AirflowEntrance(get_signing_key("api", "secret_key"))
    made = application(Console(home, entrance, framed_by=FRAMED_BY))
    beforehand.remember(home())
    return made


def page_of_run(dag_id: str, run_id: str, page: str) -> str:
    """Where under these pages a run's month, checks or agreements are; "" where there is no such page."""
    one, month = _authority(dag_id), _month_of(dag_id, run_id)
    home = Home.open(one.home, environment=secrets_of(one))
    file, address = {
        "month": (home.path, f"months/{month}"),
        "checks": (home.checks, "checks"),
        "agreements": (home.agreements, "agreements"),
    }[page]
    return f"/{dag_id}/{address}" if file.exists() else ""


@app.exception_handler(BirthshareError)
def in_our_words(request: Request, error: BirthshareError) -> Response:
    """What stopped us, and what to do about it."""
    return words(
        request,
        "There is nothing to show here",
        str(error).splitlines(),
        404 if isinstance(error, SettingsError) else 500,
    )


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> Response:
    """Airflow's refusals, and addresses that do not exist."""
    heading, line = {
        401: ("Log in first", "Log in to Airflow, then open this page again."),
        403: ("This is not for your login", f"It may not read the DAG {MONTHS} of this authority."),
    }.get(error.status_code, ("There is no such page", MENU))
    return words(request, heading, [line], error.status_code)


def _authority(dag_id: str) -> Authority:
    """Whose months the DAG makes; raises SettingsError for any other DAG."""
    one = authority_of(dag_id)
    if dag_id != one.dag_id(MONTHS):
        raise SettingsError("The runs of this DAG are not about one month", do=MENU)
    return one


def _month_of(dag_id: str, run_id: str) -> Month:
    """The month that a run is for; raises SettingsError where there is none."""
    _authority(dag_id)
    for run in DagRun.find(dag_id=dag_id, run_id=[run_id]):
        return month_of(run.partition_key, str((run.conf or {}).get("month", "")))
    raise SettingsError("There is no such run", do=MENU)
