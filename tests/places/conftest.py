"""A home in the invented town, and months that are kept in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geography.town import OURS, Town, published
from month_authority import authority, birthshare, prototype
from pipeline.facts import opened_ledger
from pipeline.geography.building import build_directory
from pipeline.geography.place import place_everywhere
from pipeline.home import Home
from pipeline.ledger.entries import Entry, Placed
from pipeline.places.compiled import Places, compiled_places
from pipeline.records import Month
from preview.past import NOW, family, keep, new_home, world
from spec.world import MONTH, agreement

__all__ = ["authority", "birthshare", "prototype"]

TODAY = (
    ("centres", "oak", "postcode", "QA1 1AA"),
    ("centres", "oak", "postcode", "QA1 1AB"),
    ("centres", "elm", "postcode", "QA1 1AD"),
)


@dataclass
class Village:
    """A home whose families live at the town's postcodes."""

    home: Home
    town: Town
    families: int = field(default=0)

    def at(self, postcode: str, many: int, month: Month = MONTH, **changes: Any) -> list[dict[str, Any]]:
        """So many families at one postcode."""
        first, self.families = self.families + 1, self.families + many
        return [family(number, month, postcode=postcode, **changes) for number in range(first, first + many)]

    def keep(self, *births: dict[str, Any], month: Month = MONTH, **others: Any) -> None:
        """A month of these families, placed, recorded and kept as it ended."""
        places = compiled_places(self.home, on=month.last_day)
        placements = self.placed(births, places)
        terms = agreement(cohort={"residents_of": [OURS]})
        rows = tuple(placements.to_dict("records"))
        keep(self.home, world(*births, month=month, placements=rows, agreement=terms), **others)
        body = Placed(
            network="centres",
            directory_sha256=places.directory_sha256,
            reach_sha256=places.reach_sha256,
            statuses={},
        )
        with opened_ledger(self.home) as ledger:
            ledger.append(Entry(body, str(month)), at=NOW)

    def placed(self, births: tuple[Mapping[str, Any], ...], places: Places) -> pd.DataFrame:
        asked = pd.DataFrame([{key: one[key] for key in ("reference", "postcode")} for one in births])
        return place_everywhere(
            asked.astype({"postcode": "str"}),
            directory=places.directory,
            reach=places.reach,
            needed=(),
            hospital_postcodes=frozenset(),
        )

    def proposed(self, *lines: tuple[str, ...], name: str = "proposed.csv") -> Path:
        """A file of reach areas beside those of today."""
        return self.town.areas(*lines).rename(self.town.folder / name)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the town's directory, and a ledger that says nothing yet."""
    folder = tmp_path_factory.mktemp("village")
    home = new_home(folder / "home")
    source = folder / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(), encoding="utf-8", newline="")
    build_directory(source, home.at(home.settings.geography.directory), part=True)
    with opened_ledger(home):
        pass
    return folder


@pytest.fixture
def village(founded: Path, tmp_path: Path) -> Village:
    """The village with the reach areas of today."""
    shutil.copytree(founded, tmp_path / "v")
    home, town = Home.open(tmp_path / "v" / "home"), Town(tmp_path / "v")
    shutil.move(town.areas(*TODAY), home.reach_areas[0])
    return Village(home, town)
