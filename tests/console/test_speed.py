"""No page reads the whole ledger: what it asks of the database does not grow with the families in there.

How many milliseconds that is, `python tests/bench/bench.py --only console` measures; no test does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from asked import Asked, watched
from month_authority import AGREEMENT, MONTH, NOW, Authority, copied
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Entry, MonthClosed, PermitBody, ReleaseApproved
from pipeline.records import SUPPRESSIONS, OnList, declared
from pipeline.roles import Role
from pipeline.steps.closing import sign_ledger

from .conftest import Asking, principal_of
from .routes import ROUTES, address

MORE = 4_000  # children on a list, and as many later words
MOST_STATEMENTS = 500  # for one page
WHOLE = {
    "/proof/export",  # is the whole ledger: that is what it is for
}
PAGES = [(path, act) for method, path, act in ROUTES if method == "GET" and path not in WHOLE]


@pytest.fixture(scope="module")
def closed(prototype, tmp_path_factory) -> Iterator[Authority]:
    """An authority with a closed month."""
    with copied(prototype, tmp_path_factory.mktemp("speed")) as authority:
        authority.prepare_and_approve()
        authority.run()
        yield authority


def opened(somebody: dict[Role, Asking]) -> dict[str, Asked]:
    """Every page, opened by somebody who may."""
    found = {}
    for path, act in PAGES:
        who = somebody[next(role for role in Role if role in act.roles)]
        with watched() as found[path]:
            assert who.client.get(address(path)).status_code < 500, path
    return found


def test_what_a_page_asks_does_not_grow_with_the_families(closed: Authority) -> None:
    somebody = {role: Asking(closed.home, principal_of(closed.home, role), lambda: NOW) for role in Role}
    opened(somebody)  # what is remembered is remembered from now on
    before = opened(somebody)
    _grow(closed)
    opened(somebody)
    after = opened(somebody)
    for path, asked in after.items():
        assert asked.steps - before[path].steps < MORE, f"{path} reads what is about families"
        assert asked.statements < MOST_STATEMENTS, f"{path} asks too often"


def _grow(authority: Authority) -> None:
    """A long list of an old month, and as many words about others; all of it signed."""
    old, pack = str(MONTH.plus(-40)), "7" * 64
    children = [OnList(f"{number:032x}") for number in range(MORE)]
    approved = ReleaseApproved(
        pack_sha256=pack, principal="data.lead@example.org", roles=("data_lead",), way="airflow"
    )
    permit = PermitBody(
        agreement=AGREEMENT, version=1, recipient="centre-01", file_name="old.xlsx", sealed_sha256=pack,
        households=MORE, children=MORE, pack_sha256=pack, removed={},
    )  # fmt: skip
    words = pd.DataFrame(
        {
            "subject": [f"{MORE + number:032x}" for number in range(MORE)],
            "word": "consent_withdrawn",
            "since": pd.NaT,
        }
    )
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(approved, old), at=NOW)
        ledger.permit(permit, children, month=old, at=NOW)
        ledger.append(Entry(MonthClosed(), old), at=NOW)
        ledger.suppress(declared(words, SUPPRESSIONS), NOW)
        sign_ledger(authority.home, ledger)
