"""A town with three centres, of which two have passwords and one a key, and two closed months."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from month_authority import CommandLine
from receipts.centres import Town, copied
from scenarios.arrangement import (
    EARLIER,
    EAST,
    EAST_WARD,
    MONTH,
    NORTH,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    arranged,
    born,
    child,
    laid_ground,
)

CENTRES = {"north": (NORTH, NORTH_WARD), "south": (SOUTH, SOUTH_WARD), "east": (EAST, EAST_WARD)}


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrangement]:
    folder = tmp_path_factory.mktemp("receipts")
    with (
        laid_ground(folder) as ground,
        arranged(
            ground,
            folder,
            "welcome-card-first-visit",
            areas=[("childrens_centres", code, ward) for code, (_, ward) in CENTRES.items()],
            recipients=dict.fromkeys(CENTRES, "childrens_centre"),
            formats={"east": "csv"},
        ) as town,
    ):
        for month in (EARLIER, MONTH):
            families = [
                child(f"{code}{month}", postcode=postcode, date_of_birth=born(month), given_name="Ada")
                for code, (postcode, _) in CENTRES.items()
            ]
            town.sends("chis", families, month)
            town.runs(month)
        yield town


@pytest.fixture
def town(closed: Arrangement, tmp_path: Path) -> Iterator[Town]:
    with copied(closed, tmp_path) as own:
        yield own


@pytest.fixture
def birthshare(town: Town, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line at the town's home and moment."""
    for module in ("receipts", "months"):
        monkeypatch.setattr(f"pipeline.cli.{module}.moment", lambda: town.now)
    return CommandLine(town)
