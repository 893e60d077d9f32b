"""A closed month of a demonstration authority, and the evidence that was given of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for given

from given import NOW, Closed

from month_authority import MONTH, CommandLine, authority, birthshare, copied, prototype
from pipeline.demo.authority import Demonstration
from pipeline.encryption.signing import note_verifier
from pipeline.facts import opened_ledger, origin
from pipeline.home import Home
from pipeline.questions import evidence

__all__ = ["authority", "birthshare", "prototype"]


@pytest.fixture(scope="session")
def closed(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with copied(prototype, tmp_path_factory.mktemp("closed")) as one:
        commands = CommandLine(one)
        assert commands("ledger", "checkpoint").code == 0  # an older one, to go on from
        commands.finish()
        yield Closed(one, note_verifier(origin(one.home), one.home.secret("ledger.key")))


@pytest.fixture(scope="session")
def pack(closed: Closed) -> bytes:
    """The evidence of the month."""
    with opened_ledger(closed.home) as ledger:
        numbers = evidence.of_month(ledger, str(MONTH))
        return evidence.packed(
            evidence.gather(closed.home, ledger, numbers, about="month", title="The month", now=NOW)
        )


@pytest.fixture(scope="session")
def opened(closed: Closed) -> bytes:
    """Evidence about one child, which says whom it is about."""
    with opened_ledger(closed.home) as ledger:
        [permit, *_] = ledger.standing_permits(str(MONTH))
        child = min(ledger.children(permit))
        numbers = [entry.seq for entry in ledger.disclosures_of([child])]
        return evidence.packed(
            evidence.gather(
                closed.home, ledger, numbers, about="family", title="A family", openings=True, now=NOW
            )
        )


@pytest.fixture
def other(closed: Closed, tmp_path: Path) -> Home:
    """A copy of the home, to be written to."""
    shutil.copytree(closed.home.path, tmp_path / "home")
    return Home.open(tmp_path / "home")
