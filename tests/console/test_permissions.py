"""Every page and form of the console × every role: what is not in the table is not allowed."""

from __future__ import annotations

import pytest
from markupsafe import escape

from pipeline.console.permissions import Act
from pipeline.roles import Role

from .conftest import Asking
from .crowded import Crowded
from .routes import ROUTES, address

NOT_ALLOWED = "This is not for your roles"
WAYS_ON = ('aria-label="Menu"', '<a href="/">Go to the first page</a>')
NO_TOKEN = "This form cannot be taken"


@pytest.mark.parametrize("role", Role)
def test_the_table_of_who_may_what_is_shown_to_every_role(role: Role, asking_crowded) -> None:
    page = asking_crowded(role).get("/who-may")
    assert all(str(escape(act.words)) in page for act in Act)


def test_every_act_is_of_some_page(crowd: Crowded) -> None:
    assert {act for _, _, act in ROUTES} == set(Act)


def test_every_address_of_the_application_is_a_page_of_the_table_or_of_the_entrance(asking_crowded) -> None:
    somebody: Asking = asking_crowded(Role.AUDITOR)
    known = {(method, path) for method, path, _ in ROUTES}
    served = {
        (method, route.path)
        for route in somebody.client.app.routes
        for method in getattr(route, "methods", None) or ["*"]
    }
    assert served - known == {
        ("GET", "/enter/{word}"), ("POST", "/sign-out"), ("GET", "/pages.css"), ("*", "/static"),
    }  # fmt: skip
    assert known <= served


@pytest.mark.parametrize("role", Role)
def test_a_role_gets_what_the_table_gives_it_and_nothing_else(role: Role, asking_crowded) -> None:
    somebody: Asking = asking_crowded(role)
    wrong = []
    for method, path, act in ROUTES:
        answer = somebody.client.request(method, address(path))
        refused = answer.status_code == 403 and NOT_ALLOWED in answer.text
        # A form that comes without its token is refused for that, once the role may send it.
        taken = NO_TOKEN in answer.text if method == "POST" else answer.status_code < 500
        if answer.status_code >= 400:
            assert any(way in answer.text for way in WAYS_ON), (method, path)
        if (role in act.roles, refused) not in {(True, False), (False, True)} or (not refused and not taken):
            wrong.append((method, path, answer.status_code))
    assert wrong == []


def test_nobody_gets_in_without_signing_in(asking_crowded) -> None:
    nobody: Asking = asking_crowded(Role.AUDITOR)
    nobody.client.cookies.clear()
    for method, path, _ in ROUTES:
        answer = nobody.client.request(method, address(path))
        assert answer.status_code == 401, path
        assert "Sign in first" in answer.text


def test_no_method_but_that_of_the_table_is_answered(asking_crowded) -> None:
    somebody: Asking = asking_crowded(Role.GUARDIAN)
    known = {(method, path) for method, path, _ in ROUTES}
    for path in sorted({path for _, path in known}):
        for method in ("POST", "PUT", "DELETE", "PATCH", "GET"):
            if (method, path) not in known:
                # Another route may have a part in whose place this name fits.
                assert somebody.client.request(method, address(path)).status_code in (405, 404, 403), path


def test_roles_are_read_anew_for_every_request(authority, asking) -> None:
    guardian: Asking = asking(Role.GUARDIAN)
    guardian.get("/family")
    authority.setting('roles = ["caldicott_guardian", "approver"]', 'roles = ["auditor"]')
    assert NOT_ALLOWED in guardian.get("/family", 403)
    authority.setting(
        'principal = "caldicott.guardian@example.org"\nroles = ["aud', 'principal = "x"\nroles = ["aud'
    )
    guardian.get("/", 401)
