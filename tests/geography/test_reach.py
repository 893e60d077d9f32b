"""The smallest place wins; two claims of the same size are never decided by us; days are kept to."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from geography.town import LAYOUTS, NEW, OLD, OTHER_WARD, OURS, TOWN, WARD, Town, published
from pipeline.errors import SettingsError
from pipeline.geography import directory as directories
from pipeline.geography import reach as reaches
from pipeline.geography.directory import Directory, build_directory
from pipeline.geography.reach import Reach, build_reach

# Every kind of place around QA1 1AA, the smallest first; the two vintages of LSOA are the same size.
AROUND = [("postcode", "QA1 1AA"), ("lsoa11", OLD), ("lsoa21", NEW), ("sector", "QA1 1"), ("ward", WARD)]
SIZES = {"postcode": 1, "lsoa11": 2, "lsoa21": 2, "sector": 3, "ward": 4}


PAIRS = [pair for pair in itertools.combinations(AROUND, 2) if SIZES[pair[0][0]] < SIZES[pair[1][0]]]


@pytest.mark.parametrize(("smaller", "larger"), PAIRS)
@pytest.mark.parametrize("turned", [False, True])
def test_the_smallest_place_wins_in_any_order_of_lines(
    town: Town, smaller: tuple[str, str], larger: tuple[str, str], turned: bool
) -> None:
    lines = [("centres", "small", *smaller), ("centres", "large", *larger)]
    town.compile(*(reversed(lines) if turned else lines))
    found = town.one("QA1 1AA")
    assert (found["recipient"], found["matched"], found["status"]) == ("small", smaller[0], "placed")


@pytest.mark.parametrize("kind", [kind for kind, _ in AROUND])
def test_two_recipients_of_the_same_place_are_ambiguous(town: Town, kind: str) -> None:
    code = dict(AROUND)[kind]
    facts = town.compile(("centres", "one", kind, code), ("centres", "two", kind, code))
    found = town.one("QA1 1AA")
    assert (found["status"], found["reason"], found["recipient"]) == ("ambiguous", "reach_area_ambiguous", "")
    assert facts.ambiguous["centres"] >= 1


def test_the_two_vintages_of_lsoa_have_the_same_weight(town: Town) -> None:
    town.compile(("centres", "one", "lsoa11", OLD), ("centres", "two", "lsoa21", NEW))
    assert town.one("QA1 1AA")["status"] == "ambiguous"


def test_a_smaller_place_ends_the_quarrel_of_larger_ones(town: Town) -> None:
    town.compile(
        ("centres", "one", "ward", WARD), ("centres", "two", "ward", WARD), ("centres", "two", "lsoa11", OLD)
    )
    assert town.one("QA1 1AA")["recipient"] == "two"


def test_a_larger_place_does_not_settle_the_quarrel_of_smaller_ones(town: Town) -> None:
    town.compile(
        ("centres", "one", "lsoa11", OLD), ("centres", "two", "lsoa21", NEW), ("centres", "one", "ward", WARD)
    )
    assert town.one("QA1 1AA")["status"] == "ambiguous"


def test_one_recipient_may_claim_a_place_twice(town: Town) -> None:
    facts = town.compile(("centres", "one", "lsoa11", OLD), ("centres", "one", "lsoa21", NEW))
    assert town.one("QA1 1AA")["recipient"] == "one"
    assert facts.ambiguous == {"centres": 0}


def test_networks_do_not_see_one_another(town: Town) -> None:
    town.compile(("centres", "one", "ward", WARD), ("libraries", "two", "ward", WARD))
    assert town.one("QA1 1AA")["recipient"] == "one"
    assert town.place(["QA1 1AA"], network="libraries")["recipient"].tolist() == ["two"]


def test_a_sector_is_not_the_district_that_begins_like_it(town: Town) -> None:
    town.compile(("centres", "one", "sector", "QA1 2"), ("centres", "two", "sector", "QA1 1"))
    found = town.place(["QA1 2AA", "QA1 1AA", "QA2 5AA"])
    assert found["recipient"].tolist() == ["one", "two", ""]


@pytest.mark.parametrize(
    ("on", "recipient"),
    [
        (date(2026, 9, 30), "old"),
        (date(2026, 10, 1), "new"),
        (date(2026, 10, 31), "new"),
        (date(2020, 4, 1), "old"),
    ],
)
def test_a_line_counts_from_its_first_to_its_last_day(town: Town, on: date, recipient: str) -> None:
    lines = [
        ("centres", "old", "ward", WARD, "2020-04-01", "2026-09-30"),
        ("centres", "new", "ward", WARD, "2026-10-01", ""),
    ]
    town.compile(*lines, on=on)
    assert town.one("QA1 1AA")["recipient"] == recipient


def test_a_day_without_any_line_is_an_error(town: Town) -> None:
    with pytest.raises(SettingsError, match="No reach area is in force"):
        town.compile(("centres", "one", "ward", WARD), on=date(2019, 12, 31))


def test_a_code_of_former_days_may_be_unknown_today(town: Town) -> None:
    former = ("centres", "one", "ward", "E05999111", "2010-04-01", "2015-03-31")
    assert town.compile(former, ("centres", "one", "ward", WARD)).lines == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("centres", "one", "ward", "E05999111"), "line 3: no such ward"),
        (("centres", "one", "postcode", "QA9 9ZZ"), "line 3: no such postcode"),
        (("centres", "one", "sector", "QA9 9"), "line 3: no such sector"),
        (("centres", "one", "lsoa11", NEW), "line 3: no such lsoa11 .* exists in the other vintage, lsoa21"),
        (("centres", "one", "lsoa21", OLD), "line 3: no such lsoa21 .* exists in the other vintage, lsoa11"),
        (
            ("centres", "one", "lsoa11", "E01999111"),
            r"line 3: no such lsoa11 in ONSPD_NOV_2023_UK\.csv\b(?!; the)",
        ),
        (("centres", "one", "parish", "E04000001"), "line 3: the kind must be one of postcode, lsoa11"),
        (("centres", "one", "Ward", WARD), "line 3: the kind must be one of"),
        (("centres", "one", "ward", OLD), "line 3: the code is not written as a ward"),
        (("centres", "one", "ward", ""), "line 3: the code is not written as a ward"),
        (("centres", "one", "sector", "QA1"), "line 3: the code is not written as a sector"),
        (("centres", "one", "postcode", "QA1 1"), "line 3: the code is not written as a postcode"),
        (("centres", "", "ward", WARD), "line 3: network and recipient must be codes"),
        (("centres", "one two", "ward", WARD), "line 3: network and recipient must be codes"),
        (("directory", "one", "ward", WARD), "line 3: no network may be called directory"),
        (("centres", "one", "ward", WARD, "", ""), "line 3: needs a first day"),
        (("centres", "one", "ward", WARD, "01/04/2020", ""), "line 3: needs a first day"),
        (("centres", "one", "ward", WARD, "2020-04-31", ""), "line 3: needs a first day"),
        (("centres", "one", "ward", WARD, "2020-04-01", "soon"), "line 3: needs a first day"),
        (("centres", "one", "ward", WARD, "2020-04-02", "2020-04-01"), "line 3: needs a first day"),
        (("centres", "one", "ward", WARD, "2020-04-01"), "line 3: has 5 cells and not 6"),
    ],
)
def test_a_bad_line_is_named_by_its_number(town: Town, line: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as stop:
        town.compile(("centres", "one", "ward", OTHER_WARD), line)
    assert "QA9" not in str(stop.value)
    assert not town.reach.exists()


def test_every_bad_line_is_named_at_once(town: Town) -> None:
    bad = [("centres", "one", "ward", f"E0599911{digit}") for digit in range(9)]
    with pytest.raises(SettingsError) as stop:
        town.compile(*bad, ("centres", "one", "sector", "QZ1 1"), ("centres", "one", "sector", "QZ1 2"))
    assert "line 2:" in str(stop.value)
    assert "line 10:" in str(stop.value)
    assert "and 1 more" in str(stop.value)


def test_an_nspl_without_2011_lsoas_says_so(tmp_path: Path) -> None:
    source = tmp_path / "NSPL_AUG_2026_UK.csv"
    source.write_text(published(*LAYOUTS["NSPL August 2026"]), newline="")
    build_directory(source, tmp_path / "postcodes.sqlite")
    with pytest.raises(SettingsError, match="no lsoa11 at all"):
        Town(tmp_path).compile(("centres", "one", "lsoa11", OLD))


@pytest.mark.parametrize(
    "header", ["network,recipient,kind,code,from", "network,recipient,kind,code,to,from", "", "a,b"]
)
def test_a_wrong_header_is_shown(town: Town, header: str) -> None:
    file = town.areas(header=header)
    with pytest.raises(SettingsError, match="They must be: network,recipient,kind,code,from,to"):
        build_reach(file, town.directory, town.reach, on=date(2026, 10, 31))


def test_a_spreadsheet_may_add_a_mark_blank_lines_and_spaces(town: Town) -> None:
    file = town.folder / "reach_areas.csv"
    text = f"network,recipient,kind,code,from,to\r\n\r\ncentres , one,ward,{WARD} ,2020-04-01,\r\n,,,,,\r\n"
    file.write_text(text, encoding="utf-8-sig", newline="")
    build_reach(file, town.directory, town.reach, on=date(2026, 10, 31))
    assert town.one("QA1 1AA")["recipient"] == "one"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b'network,recipient,"kind'])
def test_a_file_that_cannot_be_read_is_a_plain_message(town: Town, content: bytes | None) -> None:
    file = town.folder / "areas.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="reach areas (is missing|cannot be read)"):
        build_reach(file, town.directory, town.reach, on=date(2026, 10, 31))


def test_the_facts_count_postcodes_by_recipient(town: Town) -> None:
    facts = town.compile(
        ("centres", "one", "ward", WARD),
        ("centres", "two", "postcode", "QA1 1AB"),
        ("centres", "three", "sector", "QA1 2"),
    )
    assert facts.recipients == {"centres": {"one": 7, "two": 1, "three": 1}}
    assert (facts.on, facts.lines) == ("2026-10-31", 3)
    with Directory(town.directory) as directory, Reach(town.reach, directory.facts) as reach:
        assert reach.facts == facts
        assert reach.authorities("centres") == {OURS}


def test_a_recipient_whose_every_postcode_another_took_is_still_counted(town: Town) -> None:
    facts = town.compile(("centres", "one", "sector", "QA1 2"), ("centres", "two", "postcode", "QA1 2AA"))
    assert facts.recipients == {"centres": {"one": 0, "two": 1}}


def test_an_index_of_another_directory_is_stale(town: Town) -> None:
    town.compile(("centres", "one", "ward", WARD))
    source = town.folder / "ONSPD_FEB_2024_UK.csv"
    source.write_text(published(rows=TOWN[:5]), newline="")
    build_directory(source, town.directory)
    with pytest.raises(SettingsError, match="another postcode directory.*birthshare geography build"):
        town.place(["QA1 1AA"])


def test_a_missing_index_says_how_to_build_it(town: Town) -> None:
    with pytest.raises(SettingsError, match="reach index has not been built.*birthshare geography build"):
        town.place(["QA1 1AA"])


@pytest.mark.parametrize("table", ["directory", "reach"])
def test_a_look_up_takes_one_step_for_each_postcode_asked(town: Town, table: str) -> None:
    town.compile(("centres", "one", "ward", WARD))
    file, query, more = {
        "directory": (town.directory, directories._FIND, ()),
        "reach": (town.reach, reaches._FIND, ("centres",)),
    }[table]
    with closing(sqlite3.connect(file)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", ("[]", *more))]
    assert plan[0].startswith("SCAN asked")
    assert "USING PRIMARY KEY" in plan[1]
    assert "postcode=?" in plan[1]
