"""A town with two centres and a closed month: a single child, twins, and a child whose mother comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.facts import opened_ledger
from pipeline.keeping import erasing
from pipeline.ledger.entries import Kind, Recorded
from pipeline.questions import families
from pipeline.records import keyed_references
from receipts.centres import LEAD, Town, copied
from scenarios.arrangement import (
    EARLIER,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    arranged,
    born,
    child,
    laid_ground,
    number_of,
    twin,
)

WHY = "the parents asked"
MOTHER = "mother of "


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrangement]:
    """The month before the last is closed: Ada and Bea at the north, the twins Tim and Tom at the south."""
    folder = tmp_path_factory.mktemp("families")
    with (
        laid_ground(folder) as ground,
        arranged(
            ground,
            folder,
            "welcome-card-first-visit",
            areas=[("childrens_centres", "north", NORTH_WARD), ("childrens_centres", "south", SOUTH_WARD)],
            recipients=dict.fromkeys(("north", "south"), "childrens_centre"),
        ) as town,
    ):
        in_month = {"date_of_birth": born(EARLIER)}
        tim = child("Tim", postcode=SOUTH, number_of_births="2", **in_month)
        rows = [child("Ada", **in_month), child("Bea", **in_month), tim, twin(tim, "Tom")]
        town.sends("chis", rows, EARLIER)
        town.runs(EARLIER)
        yield town


@pytest.fixture
def town(closed: Arrangement, tmp_path: Path) -> Iterator[Town]:
    """The town with a home of its own."""
    with copied(closed, tmp_path) as own:
        yield own


def asks(town: Town, name: str) -> dict[str, Any]:
    """What the data lead finds about somebody, by the name that the town calls them."""
    return families.family(town.home, number_of(name), principal=LEAD, purpose=WHY, now=town.now)


def erases(town: Town, name: str) -> dict[str, Any]:
    """The data lead erases the family of a child, as its parents asked."""
    return erasing.erase(town.home, number_of(name), principal=LEAD, purpose=WHY, now=town.now)[0]


def keyed(town: Town, name: str, kind: str = "child") -> str:
    """The keyed reference of somebody."""
    return keyed_references(town.home.secret("subject.key"), kind, [number_of(name)])[0]


def recorded(town: Town, *kinds: Kind) -> list[Recorded]:
    """The entries of some kinds."""
    with opened_ledger(town.home) as ledger:
        return list(ledger.entries(kinds=kinds))
