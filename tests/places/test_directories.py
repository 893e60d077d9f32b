"""A release of the postcode directory is held against the one in use, recorded, and only then used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from geography.town import LAYOUTS, OTHER_WARD, TOWN, Line, published
from pipeline import doctor
from pipeline.cli import run
from pipeline.errors import SettingsError
from pipeline.facts import of_month, opened_ledger
from pipeline.geography.comparing import Move
from pipeline.geography.directory import Directory
from pipeline.home import Home
from pipeline.ledger.entries import DirectoryBuilt
from pipeline.month import working
from pipeline.places.directories import Release, bring_in
from pipeline.places.releases import released, warnings
from places.conftest import Village
from preview.past import NOW
from spec.world import MONTH

Publish = Callable[..., Path]
NO_POSTCODE = "QA1"  # how every postcode of the town begins


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Writes a release of the town's directory."""

    def write(
        rows: Iterable[Line] = TOWN, name: str = "ONSPD_FEB_2024_UK.csv", layout: str = "ONSPD 2023"
    ) -> Path:
        source = tmp_path / name
        source.write_text(published(*LAYOUTS[layout], rows), encoding="utf-8", newline="")
        return source

    return write


def ward_becomes(code: str) -> list[Line]:
    return [tuple(code if cell == OTHER_WARD else cell for cell in row) for row in TOWN]


def brought(home: Home, source: Path, **options: Any) -> Release:
    return bring_in(home, source, now=NOW, part=True, **options)


def in_use(home: Home) -> str:
    with Directory(home.at(home.settings.geography.directory)) as directory:
        return directory.facts.release


def recorded(home: Home) -> list[DirectoryBuilt]:
    with opened_ledger(home) as ledger:
        entries = list(ledger.entries(kinds={DirectoryBuilt.kind}))
    assert {entry.month for entry in entries} <= {""}
    return [entry.body for entry in entries if isinstance(entry.body, DirectoryBuilt)]


def test_a_release_is_used_and_recorded_with_what_it_is(village: Village, publish: Publish) -> None:
    with Directory(village.town.directory.parent / "home" / "reference" / "postcodes.sqlite") as directory:
        before = directory.facts.sha256
    release = brought(village.home, publish())
    assert in_use(village.home) == "ONSPD_FEB_2024_UK.csv"
    [entry] = recorded(village.home)
    assert (entry.product, entry.released, entry.rows, entry.live) == ("ONSPD", "2024-02", 12, 10)
    assert (entry.vintages, entry.columns["authority"]) == (("2011", "2021"), "oslaua")
    assert (entry.directory_sha256, entry.before_sha256) == (release.facts.sha256, before)
    assert entry.source_sha256 == release.facts.source_sha256


def test_the_same_again_is_said_once(village: Village, publish: Publish) -> None:
    assert not brought(village.home, publish()).same
    again = brought(village.home, publish())
    assert again.same
    assert again.difference is None
    assert len(recorded(village.home)) == 1


def test_one_that_was_in_use_and_never_recorded_is_recorded(village: Village, publish: Publish) -> None:
    assert brought(village.home, publish(name="ONSPD_NOV_2023_UK.csv")).same
    assert [(one.released, one.before_sha256) for one in recorded(village.home)] == [("2023-11", "")]


def test_an_older_one_that_comes_back_is_said_again(village: Village, publish: Publish) -> None:
    brought(village.home, publish())
    brought(village.home, publish(TOWN[:-1], "ONSPD_MAY_2024_UK.csv"))
    back = brought(village.home, publish())
    assert [one.released for one in recorded(village.home)] == ["2024-02", "2024-05", "2024-02"]
    assert back.warnings == ["It is older than the directory in use, which is of May 2024."]


def test_a_preview_changes_and_records_nothing(village: Village, publish: Publish) -> None:
    files = sorted(path.name for path in (village.home.path / "reference").iterdir())
    release = brought(village.home, publish(TOWN[1:]), preview=True)
    assert release.difference is not None
    assert release.difference.changes.gone == 1
    assert in_use(village.home) == "ONSPD_NOV_2023_UK.csv"
    assert sorted(path.name for path in (village.home.path / "reference").iterdir()) == files
    assert recorded(village.home) == []


def test_who_goes_to_another_centre_is_told_for_the_areas_in_force(
    village: Village, publish: Publish
) -> None:
    release = brought(village.home, publish(TOWN[1:]), preview=True)
    assert release.difference is not None
    assert release.difference.moves == (Move("centres", "oak", "?", 1),)
    [lost] = release.difference.lost  # the line of that very postcode, which is not repeated
    assert lost == "reach_areas.csv line 2: no such postcode in ONSPD_FEB_2024_UK.csv"
    assert any("1 line names a place" in one for one in release.warnings)


def test_wards_that_were_renamed_in_may_are_named_by_the_line(village: Village, publish: Publish) -> None:
    areas = village.town.areas(("centres", "elm", "ward", OTHER_WARD))
    shutil.move(areas, village.home.reach_areas[0])
    release = brought(village.home, publish(ward_becomes("E05000077")), preview=True)
    assert release.difference is not None
    assert release.difference.lost == ("reach_areas.csv line 2: no such ward in ONSPD_FEB_2024_UK.csv",)
    assert release.difference.moves == (Move("centres", "elm", "-", 2),)


def test_without_reach_areas_the_directories_are_compared_and_why_is_said(
    village: Village, publish: Publish
) -> None:
    village.home.reach_areas[0].unlink()
    release = brought(village.home, publish(TOWN[1:]))
    assert release.difference is not None
    assert release.difference.changes.gone == 1
    assert "missing" in release.difference.not_compared


def test_the_first_directory_has_nothing_to_be_held_against(village: Village, publish: Publish) -> None:
    village.home.at(village.home.settings.geography.directory).unlink()
    assert brought(village.home, publish()).difference is None
    assert [one.before_sha256 for one in recorded(village.home)] == [""]


def test_a_file_that_is_refused_leaves_everything_as_it_was(village: Village, publish: Publish) -> None:
    with pytest.raises(SettingsError, match="holds 12 postcodes"):
        bring_in(village.home, publish(), now=NOW)
    assert in_use(village.home) == "ONSPD_NOV_2023_UK.csv"
    assert recorded(village.home) == []
    assert not list((village.home.path / "reference").glob(".newer*"))


def test_what_a_build_that_died_left_behind_goes(village: Village, publish: Publish) -> None:
    left = village.home.path / "reference" / ".newer"
    left.mkdir()
    (left / "postcodes.sqlite").write_bytes(b"half")
    brought(village.home, publish())
    assert not left.exists()


def test_another_product_is_warned_of(village: Village, publish: Publish) -> None:
    release = brought(village.home, publish(name="NSPL_FEB_2024_UK.csv"), preview=True)
    assert [one[:61] for one in release.warnings] == [
        "The directory in use is an ONSPD and this is an NSPL. An ONSP"
    ]


def test_a_name_that_does_not_say_the_month_is_warned_of(village: Village, publish: Publish) -> None:
    release = brought(village.home, publish(name="latest.csv"), preview=True)
    assert "does not name its month" in release.warnings[0]


@pytest.mark.parametrize(
    ("today", "warned"),
    [
        (date(2024, 5, 31), False),
        (date(2024, 6, 1), True),
        (date(2026, 11, 22), True),
    ],
)
def test_a_directory_is_old_after_six_months(village: Village, today: date, warned: bool) -> None:
    said = warnings(village.home, today)  # ONSPD_NOV_2023_UK.csv
    assert bool(said) == warned
    assert all("November 2023" in one for one in said)


def test_how_old_a_directory_is_must_be_known(village: Village, publish: Publish) -> None:
    brought(village.home, publish(name="latest.csv"))
    assert "Nobody can tell how old" in warnings(village.home, date(2024, 3, 1))[0]


def test_without_a_directory_age_is_no_matter(village: Village) -> None:
    assert str(released(village.home)) == "2023-11"
    village.home.at(village.home.settings.geography.directory).unlink()
    assert warnings(village.home, date(2026, 11, 22)) == []
    assert released(village.home) is None


def test_who_looks_after_the_home_is_told_that_it_is_old(village: Village) -> None:
    assert any("November 2023" in one for one in doctor.warnings(village.home, NOW))
    with working(village.home, MONTH, NOW) as desk:
        assert any("November 2023" in one for one in of_month(desk)["warnings"])


def said(
    capsys: pytest.CaptureFixture[str], village: Village, *arguments: str | Path
) -> tuple[int, str, str]:
    code = run([*map(str, arguments), "--home", str(village.home.path)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_command_tells_a_person(
    village: Village, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, village, "geography", "build", publish(TOWN[1:]), "--part", "--preview")
    assert code == 0
    for words in (
        "Read from ONSPD_FEB_2024_UK.csv (February 2024): 11 postcodes, 9 of them live",
        "small areas of 2011 and 2021",
        "Against ONSPD_NOV_2023_UK.csv, which is in use: postcodes new 0, terminated 0,",
        "live again 0, gone 1. Of those live in both:",
        "(not known any more)",
        "reach_areas.csv line 2: no such postcode",
        "Nothing was changed.",
    ):
        assert words in out
    assert "Warning. 1 line names a place" in err
    assert NO_POSTCODE not in out + err


def test_the_command_tells_a_program(
    village: Village, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, village, "geography", "build", publish(TOWN[1:]), "--part", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["released"], answer["rows"], answer["in_use"]) == ("2024-02", 11, True)
    assert (answer["changes"]["gone"], answer["changes"]["ward"]) == (1, 0)
    assert answer["changes"]["moves"] == [
        {"network": "centres", "before": "oak", "after": "?", "postcodes": 1}
    ]
    assert NO_POSTCODE not in out


def test_a_part_that_is_not_said_to_be_one_is_refused_with_what_to_do(
    village: Village, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(capsys, village, "geography", "build", publish())
    assert code == 2
    assert "say --part" in err
