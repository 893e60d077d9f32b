"""Which file in the inbox is the month's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Authority, Home, Settings, Supplier
from pipeline.intake.arrivals import find_arrivals
from pipeline.records import Month

OCTOBER = Month(2026, 10)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    supplier = Supplier(name="Child Health", signing_key="keys/chis.asc", signing_fingerprint="A" * 40)
    settings = Settings(
        authority=Authority(name="Anywhere", code="E08000026"),
        suppliers={"chis": supplier, "chis_north": supplier},
    )
    for code in settings.suppliers:
        (tmp_path / "inbox" / code).mkdir(parents=True)
    return Home(tmp_path, settings)


def arrive(home: Home, name: str, content: str = "sealed", supplier: str = "chis") -> Path:
    file = home.inbox(supplier) / name
    file.write_text(content)
    return file


def test_nothing_has_come_yet(home: Home) -> None:
    assert find_arrivals(home, "chis", OCTOBER) == []


def test_an_inbox_that_was_never_made_is_empty(home: Home) -> None:
    home.inbox("chis").rmdir()
    assert find_arrivals(home, "chis", OCTOBER) == []


def test_the_months_file_is_found_among_others(home: Home) -> None:
    file = arrive(home, "births_chis_2026-10.csv.gpg")
    for other in ("births_chis_2026-09.csv.gpg", "births_chis_2026-10-11.csv.gpg", "notes.txt"):
        arrive(home, other, content=other)
    assert find_arrivals(home, "chis", OCTOBER) == [file]


@pytest.mark.parametrize(
    "unfinished", [".births_chis_2026-10.csv.gpg.x1.part", "births_chis_2026-10.csv.gpg.part"]
)
def test_a_file_still_arriving_is_not_taken(home: Home, unfinished: str) -> None:
    arrive(home, unfinished)
    assert find_arrivals(home, "chis", OCTOBER) == []


def test_a_link_is_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("sealed")
    (home.inbox("chis") / "births_chis_2026-10.csv.gpg").symlink_to(tmp_path / "elsewhere")
    assert find_arrivals(home, "chis", OCTOBER) == []


def test_the_same_file_twice_is_one_file(home: Home) -> None:
    file = arrive(home, "births_chis_2026-10.csv.gpg")
    arrive(home, "births_chis_2026-10 (1).csv.gpg")
    assert find_arrivals(home, "chis", OCTOBER) == [file]


@pytest.mark.parametrize("second", ["births_chis_2026-10_v2.csv.gpg", "BIRTHS_CHIS_2026-10.CSV.GPG"])
def test_two_different_files_for_a_month_are_refused(home: Home, second: str) -> None:
    arrive(home, "births_chis_2026-10.csv.gpg")
    arrive(home, second, content="another")
    with pytest.raises(IntegrityError, match="Two different files have come for 2026-10") as caught:
        find_arrivals(home, "chis", OCTOBER)
    assert caught.value.exit_code == 4


def test_a_supplier_that_the_settings_do_not_know_is_refused(home: Home) -> None:
    with pytest.raises(SettingsError, match="not in the settings.*use one of: chis, chis_north"):
        find_arrivals(home, "unheard_of", OCTOBER)


@pytest.mark.parametrize("other", ["births_chis_north_2026-10.csv.gpg", "births_nobody_2026-09.csv.gpg"])
def test_a_file_of_another_supplier_is_refused(home: Home, other: str) -> None:
    arrive(home, "births_chis_2026-10.csv.gpg")
    arrive(home, other)
    with pytest.raises(IntegrityError, match="names another supplier"):
        find_arrivals(home, "chis", OCTOBER)
