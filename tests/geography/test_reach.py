"""The smallest place wins; two claims of the same size are never decided by us; days are kept to."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from geography.plan import HOUSES, Plan
from geography.town import LAYOUTS, NEW, OLD, OTHER_WARD, OURS, THEIRS, TOWN, WARD, Town, published
from pipeline.errors import SettingsError
from pipeline.geography import directory as directories
from pipeline.geography import reach as reaches
from pipeline.geography.areas import areas_sha256
from pipeline.geography.building import build_directory
from pipeline.geography.compiling import build_reach
from pipeline.geography.directory import Directory
from pipeline.geography.reach import Reach
from pipeline.home import Geography

# Every kind of place around QA1 1AA, the smallest first; the two vintages of LSOA are the same size.
AROUND = [("postcode", "QA1 1AA"), ("lsoa11", OLD), ("lsoa21", NEW), ("sector", "QA1 1"), ("ward", WARD)]
SIZES = {"postcode": 1, "lsoa11": 2, "lsoa21": 2, "sector": 3, "ward": 4}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan.build(tmp_path_factory.mktemp("plan"))


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


# --- priorities -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind, _ in AROUND])
@pytest.mark.parametrize(("one", "two"), [("1", "2"), ("9", "10"), ("1", ""), ("999", "")])
def test_among_places_of_the_same_size_the_lower_number_comes_first(
    town: Town, kind: str, one: str, two: str
) -> None:
    lines = [(name, dict(AROUND)[kind], number) for name, number in (("two", two), ("one", one))]
    town.compile_with_priorities(*(("centres", name, kind, code, number) for name, code, number in lines))
    assert town.one("QA1 1AA")["recipient"] == "one"


def test_the_two_vintages_of_lsoa_share_their_priorities(town: Town) -> None:
    town.compile_with_priorities(
        ("centres", "one", "lsoa11", OLD, "2"), ("centres", "two", "lsoa21", NEW, "1")
    )
    found = town.one("QA1 1AA")
    assert (found["recipient"], found["matched"]) == ("two", "lsoa21")


@pytest.mark.parametrize("number", ["1", ""])
def test_where_priorities_are_the_same_nobody_guesses(town: Town, number: str) -> None:
    lines = [("centres", name, "ward", WARD, number) for name in ("one", "two")]
    town.compile_with_priorities(*lines, ("centres", "three", "ward", WARD, "2" if number else ""))
    assert town.one("QA1 1AA")["status"] == "ambiguous"


def test_a_priority_never_lifts_a_larger_place_over_a_smaller_one(town: Town) -> None:
    town.compile_with_priorities(
        ("centres", "large", "ward", WARD, "1"), ("centres", "small", "lsoa11", OLD, "")
    )
    assert town.one("QA1 1AA")["recipient"] == "small"


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "01", "first", "1000"])
def test_a_priority_is_a_number_from_1(town: Town, number: str) -> None:
    with pytest.raises(SettingsError, match="line 2: the priority must be blank or a number from 1 to 999"):
        town.compile_with_priorities(("centres", "one", "ward", WARD, number))


@pytest.mark.parametrize(
    "header",
    ["network,recipient,kind,code,priority,from,to", "network,recipient,kind,code,from,to,Priority"],
)
def test_the_column_of_priorities_is_found_by_its_name(town: Town, header: str) -> None:
    at_end = header.endswith("Priority")
    lines = [
        (
            "centres",
            name,
            "ward",
            WARD,
            *(("2020-04-01", "", number) if at_end else (number, "2020-04-01", "")),
        )
        for name, number in (("one", "2"), ("two", "1"))
    ]
    build_reach([town.areas(*lines, header=header)], town.directory, town.reach, on=date(2026, 10, 31))
    assert town.one("QA1 1AA")["recipient"] == "two"


# --- several files --------------------------------------------------------------------------------


def a_file(town: Town, name: str, *lines: tuple[str, ...]) -> Path:
    return town.areas(*lines).rename(town.folder / name)


def test_files_are_read_as_if_they_were_one(town: Town) -> None:
    centres = a_file(town, "centres.csv", ("centres", "one", "ward", WARD), ("centres", "two", "lsoa11", OLD))
    hubs = a_file(
        town, "hubs.csv", ("hubs", "hub", "ward", WARD), ("centres", "three", "postcode", "QA1 1AB")
    )
    facts = build_reach([centres, hubs], town.directory, town.reach, on=date(2026, 10, 31))
    assert town.place(["QA1 1AA", "QA1 1AB"])["recipient"].tolist() == ["two", "three"]
    assert town.place(["QA1 1AA"], network="hubs")["recipient"].tolist() == ["hub"]
    assert facts.lines == 4


def test_of_several_files_the_bad_line_is_named_with_its_file(town: Town) -> None:
    good = a_file(town, "good.csv", ("centres", "one", "ward", WARD))
    bad = a_file(town, "bad.csv", ("centres", "one", "ward", "E05999111"))
    with pytest.raises(SettingsError, match=r"bad\.csv line 2: no such ward .*good\.csv, .*bad\.csv"):
        build_reach([good, bad], town.directory, town.reach, on=date(2026, 10, 31))


def test_one_digest_binds_every_file_in_any_order(town: Town) -> None:
    one = a_file(town, "one.csv", ("centres", "one", "ward", WARD))
    two = a_file(town, "two.csv", ("centres", "two", "ward", OTHER_WARD))
    alone, both = areas_sha256([one]), areas_sha256([one, two])
    assert alone == hashlib.sha256(one.read_bytes()).hexdigest()
    assert both == areas_sha256([two, one])
    assert len({alone, areas_sha256([two]), both}) == 3
    facts = build_reach([two, one], town.directory, town.reach, on=date(2026, 10, 31))
    assert facts.areas_sha256 == both
    two.write_bytes(two.read_bytes() + b"\r\n")
    assert areas_sha256([one, two]) != both
    with pytest.raises(SettingsError, match="changed while they were read"):
        build_reach([one, two], town.directory, town.reach, on=date(2026, 10, 31), areas_sha256=both)


def test_the_settings_name_one_file_or_several() -> None:
    assert Geography().reach_areas == ("reference/reach_areas.csv",)
    assert Geography.model_validate({"reach_areas": "a.csv"}).reach_areas == ("a.csv",)
    assert Geography.model_validate({"reach_areas": ["a.csv", "b.geojson"]}).reach_areas == (
        "a.csv",
        "b.geojson",
    )


@pytest.mark.parametrize("files", [[], ["a.csv", "a.csv"], ["a.csv", "b\nc.csv"], 7, None])
def test_what_names_no_different_files_is_refused(files: object) -> None:
    with pytest.raises(ValidationError):
        Geography.model_validate({"reach_areas": files})


# --- days -----------------------------------------------------------------------------------------


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


def test_on_days_that_two_lines_share_both_count(town: Town) -> None:
    lines = [
        ("centres", "old", "ward", WARD, "2020-04-01", "2026-10-31"),
        ("centres", "new", "ward", WARD, "2026-10-31", ""),
    ]
    found = {}
    for day in (date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)):
        town.compile(*lines, on=day)
        found[day.day] = (town.one("QA1 1AA")["status"], town.one("QA1 1AA")["recipient"])
    assert found == {30: ("placed", "old"), 31: ("ambiguous", ""), 1: ("placed", "new")}


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
    build_directory(source, tmp_path / "postcodes.sqlite", part=True)
    with pytest.raises(SettingsError, match="no lsoa11 at all"):
        Town(tmp_path).compile(("centres", "one", "lsoa11", OLD))


@pytest.mark.parametrize(
    "header", ["network,recipient,kind,code,from", "network,recipient,kind,code,to,from", "", "a,b"]
)
def test_a_wrong_header_is_shown(town: Town, header: str) -> None:
    file = town.areas(header=header)
    with pytest.raises(SettingsError, match="They must be: network,recipient,kind,code,from,to"):
        build_reach([file], town.directory, town.reach, on=date(2026, 10, 31))


def test_a_spreadsheet_may_add_a_mark_blank_lines_and_spaces(town: Town) -> None:
    file = town.folder / "reach_areas.csv"
    text = f"network,recipient,kind,code,from,to\r\n\r\ncentres , one,ward,{WARD} ,2020-04-01,\r\n,,,,,\r\n"
    file.write_text(text, encoding="utf-8-sig", newline="")
    build_reach([file], town.directory, town.reach, on=date(2026, 10, 31))
    assert town.one("QA1 1AA")["recipient"] == "one"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b'network,recipient,"kind'])
def test_a_file_that_cannot_be_read_is_a_plain_message(town: Town, content: bytes | None) -> None:
    file = town.folder / "areas.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="reach areas (is missing|cannot be read)"):
        build_reach([file], town.directory, town.reach, on=date(2026, 10, 31))


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


# --- which authorities a network covers -----------------------------------------------------------


def test_the_authority_with_most_of_a_networks_postcodes_is_covered(plan: Plan) -> None:
    """However few they are: a network may begin with one centre."""
    plan.compile(plan.listed(("centres", "one", "postcode", HOUSES[9].postcode)))
    assert plan.authorities() == {HOUSES[9].authority}


@pytest.mark.parametrize(("across", "covered"), [(1, False), (2, True)])
def test_a_neighbour_is_covered_where_a_tenth_of_it_is_served(plan: Plan, across: int, covered: bool) -> None:
    """Of 16 postcodes there one is a stray across the border, and the rest there is no gap."""
    neighbours = [house for house in HOUSES if house.authority != HOUSES[0].authority]
    assert len(neighbours) == 16
    plan.compile(
        plan.listed(
            ("centres", "one", "ward", HOUSES[0].ward),
            *(("centres", "one", "postcode", house.postcode) for house in neighbours[:across]),
        )
    )
    assert (neighbours[0].authority in plan.authorities()) is covered
    assert HOUSES[0].authority in plan.authorities()


def test_withdrawn_postcodes_cover_no_authority(town: Town) -> None:
    withdrawn = ("QB1 1AB", "202103", THEIRS, "E05000009", "E01000091", "E01000092", "1", "500010", "300010")
    source = town.folder / "ONSPD_FEB_2024_UK.csv"
    source.write_text(published(rows=[*TOWN, withdrawn]), newline="")
    build_directory(source, town.directory, part=True)
    town.compile(("centres", "one", "ward", WARD), ("centres", "two", "postcode", "QB1 1AB"))
    assert town.one("QB1 1AA")["status"] == "out_of_area"


def test_networks_cover_authorities_each_for_itself(plan: Plan) -> None:
    plan.compile(
        plan.listed(("centres", "one", "ward", HOUSES[0].ward), ("hubs", "two", "ward", HOUSES[-1].ward))
    )
    assert plan.authorities("centres") == {HOUSES[0].authority}
    assert plan.authorities("hubs") == {HOUSES[-1].authority}


# --- what was compiled ----------------------------------------------------------------------------


def test_a_recipient_whose_every_postcode_another_took_is_still_counted(town: Town) -> None:
    facts = town.compile(("centres", "one", "sector", "QA1 2"), ("centres", "two", "postcode", "QA1 2AA"))
    assert facts.recipients == {"centres": {"one": 0, "two": 1}}


def test_an_index_of_another_directory_is_stale(town: Town) -> None:
    town.compile(("centres", "one", "ward", WARD))
    source = town.folder / "ONSPD_FEB_2024_UK.csv"
    source.write_text(published(rows=TOWN[:5]), newline="")
    build_directory(source, town.directory, part=True)
    with pytest.raises(SettingsError, match="another postcode directory.*birthshare geography build"):
        town.place(["QA1 1AA"])


def test_an_index_does_not_pass_for_a_directory_nor_a_directory_for_an_index(town: Town) -> None:
    town.compile(("centres", "one", "ward", WARD))
    with Directory(town.directory) as directory:
        facts = directory.facts
    with pytest.raises(SettingsError, match="postcode directory is not one"):
        Directory(town.reach)
    with pytest.raises(SettingsError, match="reach index is not one"):
        Reach(town.directory, facts)


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
