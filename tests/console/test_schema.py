"""Every page and form with whatever else could be sent there: an answer in words, and never a failure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from at_length import AT_LENGTH
from canaries import Search
from month_authority import NOW
from pipeline.console.application import Console, application
from pipeline.console.entrances.one_time_link import OneTimeLink
from pipeline.console.rates import Allowance
from pipeline.console.visit import TOKEN
from pipeline.home import Home
from pipeline.roles import Role

from .crowded import Crowded
from .routes import EXAMPLES

TRIES = 1000 if AT_LENGTH else 100
# Work that takes long, which its own tests do; here each would start it again and again.
LEFT_OUT = {"/proof/verification", "/agreements/{name}/{number}/preview", "/map/areas", "/proof/evidence"}
# Half of the parts of an address are such as there are, so that what lies behind them is reached.
NAMES = {name: value for name, value in EXAMPLES.items() if " " not in name}


def test_whatever_is_sent_is_answered_in_words(crowd: Crowded) -> None:
    link = OneTimeLink(crowd.principal(Role.GUARDIAN), NOW)
    home = crowd.authority.home
    often = Allowance(10**9, timedelta(seconds=1))
    app = application(Console(lambda: Home.open(home.path), link, lambda: NOW, forms=often))
    client = TestClient(app, follow_redirects=False)
    client.get(link.path)
    token = client.get("/who-may").text.split(f'name="{TOKEN}" value="')[1].split('"')[0]
    schema = schemathesis.openapi.from_dict(app.openapi())
    cases = [
        made.ok().as_strategy()
        for made in schema.get_all_operations()
        if made.ok().path not in LEFT_OUT | {link.sign_out}
    ]
    search = Search(crowd.canaries)
    failed: set[tuple[str, str, int]] = set()

    @given(case=st.one_of(cases), known=st.booleans())
    @settings(
        max_examples=TRIES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answered(case: Any, known: bool) -> None:
        if known:
            case.path_parameters = {**(case.path_parameters or {}), **_there(case)}
        sent = case.as_transport_kwargs(base_url="http://testserver")
        if case.method == "POST":
            sent["data"] = {**(sent.get("data") or {}), TOKEN: token}
        answer = client.request(
            **{name: sent[name] for name in ("method", "url", "params", "data", "headers") if name in sent}
        )
        if answer.status_code >= 500 or "Traceback" in answer.text:
            failed.add((case.method, case.path, answer.status_code))
        search.bytes(f"{case.method} {case.path}", answer.content)

    answered()
    assert failed == set()
    assert search.found == set()


def _there(case: Any) -> dict[str, str]:
    return {name: NAMES[name] for name in case.path_parameters or {} if name in NAMES}
