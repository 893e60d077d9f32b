"""Which file in the inbox is the month's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Authority, Home, Settings, Supplier
from pipeline.intake.arrivals import find_arrivals, find_feeds
from pipeline.intake.profiles import SupplierFiles, files_of
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


# --- companion files and feeds --------------------------------------------------------------------


def sending(home: Home, **settings: str) -> Home:
    """The home, with what the first supplier sends besides."""
    suppliers = home.settings.suppliers
    chis = Supplier.model_validate({**suppliers["chis"].model_dump(), **settings})
    return Home(home.path, home.settings.model_copy(update={"suppliers": {**suppliers, "chis": chis}}))


CONSENTS, CHANGES = "consents_{supplier}_{month}.csv.gpg", "changes_{supplier}_{date}.csv.gpg"


def test_a_companion_file_is_told_from_the_extract_by_its_name(home: Home) -> None:
    extract = arrive(home, "births_chis_2026-10.csv.gpg")
    answers = arrive(home, "consents_chis_2026-10.csv.gpg", content="answers")
    arrive(home, "consents_chis_2026-09.csv.gpg", content="older answers")
    assert find_arrivals(home, "chis", OCTOBER, CONSENTS) == [answers]
    assert find_arrivals(home, "chis", OCTOBER) == [extract]


def test_feeds_are_found_once_each_in_the_order_of_their_days(home: Home) -> None:
    home = sending(home, changes=CHANGES)
    names = ["changes_chis_2026-11-02.csv.gpg", "changes_chis_2026-10-28.csv.gpg"]
    for name in [*names, "changes_chis_2026-10-28 (1).csv.gpg"]:
        arrive(home, name, content=name[:23])
    for other in ("changes_chis_2026-10-28.csv.gpg.part", "births_chis_2026-10.csv.gpg", "notes.txt"):
        arrive(home, other, content=other)
    assert [file.name for file in find_feeds(home, "chis").values()] == list(reversed(names))


@pytest.mark.parametrize("day", ["2026-10", "20261028", "28-10-2026", "new"])
def test_a_feed_whose_name_does_not_say_its_day_is_not_passed_over(home: Home, day: str) -> None:
    arrive(home, f"changes_chis_{day}.csv.gpg")
    with pytest.raises(IntegrityError, match="does not say its day"):
        find_feeds(sending(home, changes=CHANGES), "chis")


def test_a_feed_may_be_named_much_like_the_extract(home: Home) -> None:
    alike = {"file_name": "{supplier}_{month}.csv.gpg", "changes": "{supplier}_{date}.csv.gpg"}
    feed, _ = arrive(home, "chis_2026-11-02.csv.gpg"), arrive(home, "chis_2026-10.csv.gpg", content="births")
    assert list(find_feeds(sending(home, **alike), "chis").values()) == [feed]


def test_a_supplier_without_a_feed_has_none(home: Home) -> None:
    arrive(home, "changes_chis_2026-11-02.csv.gpg")
    assert find_feeds(home, "chis") == {}


def test_a_feed_of_another_supplier_is_refused(home: Home) -> None:
    arrive(home, "changes_elsewhere_2026-11-02.csv.gpg")
    with pytest.raises(IntegrityError, match="names another supplier"):
        find_feeds(sending(home, changes=CHANGES), "chis")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"consents": "consents_{supplier}.csv.gpg"}, "consents must hold {month} once"),
        ({"changes": "changes_{supplier}_{month}.csv.gpg"}, "changes must hold {date} once"),
        ({"file_name": "births.csv.gpg"}, "file_name must hold {month} once"),
        ({"totals": "totals_{supplier}_{date}.csv.gpg"}, "totals must hold {month} once"),
        ({"consents": "births_{supplier}_{month}.csv.gpg"}, "must differ"),
        ({"consents": CONSENTS, "totals": CONSENTS}, "must differ"),
        (
            {"file_name": "chis_{month}.csv.gpg", "totals": "chis_{month}_totals.csv.gpg"},
            "file_name and totals must differ: one could be taken for the other",
        ),
        ({"consents": CONSENTS, "dataset": "expected_births"}, "carry their answers themselves"),
    ],
)
def test_names_that_could_be_taken_for_another_file_are_refused(
    home: Home, settings: dict[str, str], why: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(why)):
        files_of(sending(home, **settings), "chis")


def test_the_settings_come_before_the_profile(home: Home) -> None:
    home.profiles.mkdir(exist_ok=True)
    (home.profiles / "own.yaml").write_text(
        'description: own\nsealed: zip\nfile_name: "{month}_{supplier}.zip"\ntotals: "{month}_totals.zip"\n'
    )
    of_profile = files_of(sending(home, profile="own"), "chis")
    assert of_profile == SupplierFiles("zip", "{month}_{supplier}.zip", None, None, "{month}_totals.zip")
    own = {"profile": "own", "sealed": "openpgp", "file_name": "births_{month}.gpg", "consents": CONSENTS}
    files = files_of(sending(home, **own), "chis")
    assert files == SupplierFiles("openpgp", "births_{month}.gpg", CONSENTS, None, "{month}_totals.zip")


def test_the_file_that_the_profile_names_is_found(home: Home) -> None:
    home.profiles.mkdir(exist_ok=True)
    (home.profiles / "own.yaml").write_text('description: own\nfile_name: "{month}_{supplier}.zip"\n')
    arrive(home, "births_chis_2026-10.csv.gpg", content="another")
    file = arrive(home, "2026-10_chis.zip")
    assert find_arrivals(sending(home, profile="own"), "chis", OCTOBER) == [file]
