"""Every page and form of the console × every role: what is not in the table is not allowed."""

from __future__ import annotations

import pytest
from markupsafe import escape

from pipeline.console.pages import EVERY_PAGE
from pipeline.console.permissions import Act
from pipeline.roles import Role

from .conftest import Asking

ROUTES = sorted({(*route, act) for pages in EVERY_PAGE for route, act in pages.acts.items()}, key=str)


@pytest.mark.parametrize("role", Role)
def test_the_table_of_who_may_what_is_shown_to_every_role(role: Role, asking) -> None:
    page = asking(role).get("/who-may")
    assert all(str(escape(act.words)) in page for act in Act)


def test_nobody_gets_in_without_signing_in(asking) -> None:
    somebody: Asking = asking(Role.AUDITOR)
    somebody.client.cookies.clear()
    for method, path, _ in ROUTES:
        assert somebody.client.request(method, path).status_code == 401
