"""An authority with a ledger and nothing else, and a second organisation that watches it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from month_authority import authority, birthshare, prototype
from pipeline.founding import make_home
from pipeline.outside.witness import Witness
from witness.house import NAME, NOW, House

__all__ = ["authority", "birthshare", "prototype"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An authority that has recorded five things."""
    make_home(tmp_path / "home")
    made = House(tmp_path / "home")
    made.grow(5)
    return made


@pytest.fixture
def witness(tmp_path: Path, house: House) -> Witness:
    """A second organisation that watches the authority's ledger."""
    made = Witness.make(tmp_path / "witness", NAME)
    made.trust(house.verifier)
    return made


@pytest.fixture
def sign(witness: Witness) -> Callable[..., str]:
    """The witness's answer to a request."""

    def answer(request: str, at: datetime = NOW) -> str:
        return f"{witness.sign(request, at=at).line}\n"

    return answer
