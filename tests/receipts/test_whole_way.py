"""Two months and three centres, the whole way, the home opened anew at each step, on both databases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from month_authority import clear
from pipeline import month as months
from pipeline.afterwards import receipts
from pipeline.demo.authority import sign_register
from pipeline.facts import opened_ledger
from pipeline.ledger.replay import replay
from receipts.centres import LEAD, Town, copied
from scenarios.arrangement import EARLIER, MONTH, Arrangement
from servers.postgres import PostgresServer, ServerMissing


@pytest.fixture
def on_postgres(closed: Arrangement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """The town's two months once more, with the ledger on a PostgreSQL server."""
    try:
        with PostgresServer() as server, copied(closed, tmp_path) as own:
            monkeypatch.setenv("BIRTHSHARE_DATABASE", server.url("receipts"))
            shutil.rmtree(own.home.outbox)
            clear(own.arrangement.received)
            sign_register(own.home, own.arrangement.ground.approver_keys)
            for month in (EARLIER, MONTH):
                own.arrangement.runs(month)
            yield own
    except ServerMissing as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"PostgreSQL: {reason}")


@pytest.fixture(params=["town", "on_postgres"])
def either(request: pytest.FixtureRequest) -> Town:
    found: Town = request.getfixturevalue(request.param)
    return found


def test_three_centres_bring_two_months_to_their_end(either: Town) -> None:
    town = either
    north, south, east = (town[code] for code in ("north", "south", "east"))
    codes = {
        (one, month): one.code_in(one.list_of(month)) for one in (north, east) for month in (EARLIER, MONTH)
    }
    files = {(one, month): one.list_of(month) for one in (north, south, east) for month in (EARLIER, MONTH)}

    # The first day: one takes and acknowledges all, one writes receipts and takes nothing, one does nothing.
    for month in (EARLIER, MONTH):
        north.takes(files[north, month])
        north.says("received", files[north, month], codes[north, month])
        east.says("received", files[east, month], codes[east, month])
    assert town.looks().recorded == {"collected": 2, "acknowledged": 4}

    # A week later: whoever did nothing is late; a person hears that one list was lost and destroyed.
    town.days_pass(7)
    assert receipts.follow_up(town.home, now=town.now).counts == {"overdue": 2}
    assert receipts.record(town.home, files[south, EARLIER].name, "destroyed", principal=LEAD, now=town.now)

    # After the last day: what nobody took is taken away, and what was taken must be attested.
    town.days_pass(84)
    looked = receipts.follow_up(town.home, now=town.now)
    assert looked.counts == {"file_removed": 4, "overdue": 4}
    for month in (EARLIER, MONTH):
        north.says("destroyed", files[north, month], codes[north, month])
        east.says("destroyed", files[east, month], codes[east, month])
    assert town.looks().counts == {"destruction_attested": 4}
    assert town.looks().counts == {}

    states = {(row.recipient, row.month): row.state for row in town.rows() if row.is_list}
    assert states == {
        **{(code, str(month)): "destroyed" for code in ("north", "east") for month in (EARLIER, MONTH)},
        ("south", str(EARLIER)): "destroyed",
        ("south", str(MONTH)): "removed",
    }
    assert town.warnings() == []
    with opened_ledger(town.home) as ledger, ledger.database.reading() as connection:
        assert replay(connection).problem is None
    assert months.status(town.home, MONTH, now=town.now)["ledger"]["verified"]
