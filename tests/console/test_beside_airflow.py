"""The console beside Airflow: whom Airflow's login stands for, and what a machine without keys says.

What Airflow itself decides, who may read which authority's DAG, is tested with a real one
(tests/airflow/test_pages.py). Here Airflow's word is given by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from month_authority import NOW, Authority
from pipeline.console.application import Console, application
from pipeline.console.pages import EVERY_PAGE
from pipeline.console.visit import TOKEN
from pipeline.demo.authority import PEOPLE
from pipeline.facts import opened_ledger
from pipeline.home import Home

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "infra" / "airflow" / "site"))

from airflow_entrance import AirflowEntrance, Login, logged_in  # noqa: E402  # beside the code, no package

UNDER = "/airflow/birthshare/monthly_births"  # Airflow itself is served under a path here
FORMS = sorted({path for pages in EVERY_PAGE for method, path in pages.acts if method == "POST"})


@dataclass(frozen=True)
class Browser:
    """Somebody whose requests come through Airflow."""

    client: TestClient

    def get(self, path: str) -> httpx.Response:
        return self.client.get(UNDER + path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.client.post(UNDER + path, data=fields)

    def token(self) -> str:
        """What forms of this login carry."""
        found = re.search(rf'name="{TOKEN}" value="([0-9a-f]+)"', self.get("/passkeys").text)
        assert found
        return found[1]


Airflow = Callable[..., Browser]


@pytest.fixture
def airflow(authority: Authority) -> Airflow:
    """A web server of Airflow's, as far as the console sees it; `key` is what all its processes have."""

    def through(
        user: str | None,
        *,
        token: str = "of-a-login",
        key: str = "key of all",
        at: str = "http://localhost",
    ) -> Browser:
        entrance = AirflowEntrance(key)
        console = application(
            Console(lambda: Home.open(authority.home.path), entrance, lambda: NOW, framed_by="'self'")
        )

        async def server(scope, receive, send) -> None:
            scope = {**scope, "root_path": UNDER}
            await console(logged_in(scope, Login(user, token)) if user is not None else scope, receive, send)

        return Browser(TestClient(server, base_url=at, follow_redirects=False))

    return through


@pytest.mark.parametrize("login", PEOPLE)
def test_a_login_is_the_person_whom_the_settings_name_with_their_roles(airflow: Airflow, login: str) -> None:
    principal, roles = PEOPLE[login]
    page = airflow(login).get("/who-may")
    assert page.status_code == 200
    assert f"You are {principal}" in page.text
    assert (airflow(login).get("/passkeys").status_code == 403) == (roles == ("auditor",))


@pytest.mark.parametrize("login", ["operator", "", "DATA_LEAD", "data_lead "])
def test_a_login_that_the_settings_do_not_name_is_told_so_and_sees_nothing(
    airflow: Airflow, authority: Authority, login: str
) -> None:
    for path in ("/", "/months", "/who-may"):
        answer = airflow(login).get(path)
        assert answer.status_code == 403
        assert "You are not named here" in answer.text
        assert "[[console.people]]" in answer.text
        assert authority.home.settings.authority.name not in answer.text


def test_who_is_taken_out_of_the_settings_is_out_at_once(airflow: Airflow, authority: Authority) -> None:
    lead = airflow("auditor")
    assert lead.get("/months").status_code == 200
    file = authority.home.path / "birthshare.toml"
    file.write_text(file.read_text().replace('airflow_user = "auditor"', 'airflow_user = "somebody_else"'))
    assert lead.get("/months").status_code == 403


def test_nobody_gets_in_without_airflows_word(airflow: Airflow) -> None:
    """Nor by saying in the request what only Airflow says."""
    nobody = airflow(None)
    nobody.client.cookies.set("birthshare.login", "data_lead")
    headers = {"birthshare.login": "data_lead", "x-remote-user": "data_lead"}
    assert nobody.client.get(f"{UNDER}/months?birthshare.login=data_lead", headers=headers).status_code == 401
    assert airflow("data_lead", token="").get("/months").status_code == 401  # a login without a session


def test_a_form_is_taken_by_every_process_of_the_web_server(airflow: Airflow) -> None:
    token = airflow("data_lead").token()
    assert airflow("data_lead").post("/passkeys", token=token).status_code == 422  # it says nothing else


def test_a_form_of_another_login_or_another_server_is_not_taken(airflow: Airflow) -> None:
    token = airflow("data_lead").token()
    for other in (
        airflow("caldicott_guardian", token="of-another-login"),
        airflow("data_lead", token="of-the-next-login"),
        airflow("data_lead", key="of another server"),
    ):
        answer = other.post("/passkeys", token=token)
        assert answer.status_code == 403
        assert "This form cannot be taken" in answer.text


def test_every_link_stays_under_the_authoritys_own_address(airflow: Airflow) -> None:
    lead = airflow("data_lead")
    for path in ("/", "/months", "/agreements", "/who-may"):
        links = re.findall(r'(?:href|action|src)="([^"#]+)', lead.get(path).text)
        absolute = [link for link in links if not link.startswith("data:") and link.startswith(("/", "http"))]
        assert absolute
        assert [link for link in absolute if not link.startswith(UNDER + "/")] == []
    assert lead.get("/static/console.css").status_code == 200
    assert lead.get("/pages.css").status_code == 200


def test_airflow_alone_shows_it_in_a_frame_and_signing_out_is_airflows_matter(airflow: Airflow) -> None:
    page = airflow("data_lead").get("/")
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    assert "Sign out" not in page.text


@pytest.mark.parametrize("address", ["", "https://console.example.org"])
def test_where_there_are_no_keys_pages_are_shown_and_forms_say_where_it_is_done(
    airflow: Airflow, authority: Authority, address: str
) -> None:
    """As in the installed forms, where the web server that people reach sees no keys."""
    lead = airflow("caldicott_guardian")
    token = lead.token()
    without_keys(authority, address)
    entries = number_of_entries(authority)
    assert (
        f"Decide, sign and ask about families {'at ' + address if address else 'where'}" in lead.get("/").text
    )
    for path in FORMS:
        answer = lead.post(re.sub(r"\{\w+\}", "2026-10", path), token=token)
        assert answer.status_code in (409, 403)  # the other is of those who may not do it anywhere
        assert answer.status_code == 403 or "Nothing was done" in answer.text
    assert lead.post("/passkeys", token=token).status_code == 409
    assert number_of_entries(authority) == entries


def test_passkeys_are_not_offered_under_another_address_than_the_consoles(
    airflow: Airflow, authority: Authority
) -> None:
    """A browser would not give them there."""
    with_address(authority, "https://birthshare.example.org")
    for at, offered in (("https://birthshare.example.org", True), ("https://airflow.example.org", False)):
        page = airflow("data_lead", at=at).get("/passkeys").text
        assert ("data-challenge" in page) == offered


def without_keys(authority: Authority, address: str) -> None:
    for key in authority.home.at("keys").glob("*.key"):
        key.unlink()
    if address:
        with_address(authority, address)


def with_address(authority: Authority, address: str) -> None:
    file = authority.home.path / "birthshare.toml"
    text = file.read_text()
    assert "[console]" not in text
    file.write_text(
        text.replace("[[console.people]]", f'[console]\naddress = "{address}"\n\n[[console.people]]', 1)
    )


def number_of_entries(authority: Authority) -> int:
    with opened_ledger(authority.home) as ledger:
        return len(list(ledger.entries()))
