"""Everything that is wrong with reach areas is found at once, each by its line, and no postcode is named."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from geography.plan import HOUSES, ON, OURS, THEIRS, Plan, box, collection, feature
from pipeline.errors import SettingsError
from pipeline.geography.comparing import Move
from pipeline.geography.examining import Examined, Share, examine
from pipeline.geography.findings import Fault, Finding
from pipeline.geography.statuses import PRECISE
from pipeline.networks import NOBODY

WEST_WARD, EAST_WARD = ("centres", "oak", "ward", "E05000001"), ("centres", "elm", "ward", "E05000002")
WHOLE = (WEST_WARD, EAST_WARD)  # every place of our authority
IN_GRID = {"crs": {"type": "name", "properties": {"name": "EPSG:27700"}}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan.build(tmp_path_factory.mktemp("plan"))


@pytest.fixture
def plan(built: Plan, tmp_path: Path) -> Plan:
    """The paper's directory, with room for files of its own."""
    (tmp_path / "postcodes.sqlite").symlink_to(built.directory)
    return Plan(tmp_path)


def look(plan: Plan, *lines: tuple[str, ...], on: date = ON, **more: object) -> Examined:
    return examine([plan.listed(*lines)], plan.directory, on=on, **more)  # type: ignore[arg-type]


def the(found: Examined, fault: Fault) -> Finding:
    [one] = [one for one in found.findings if one.fault is fault]
    return one


def faults(found: Examined) -> list[str]:
    return [str(one.fault) for one in found.findings]


def test_areas_with_nothing_wrong_have_no_finding(plan: Plan) -> None:
    found = look(plan, *WHOLE)
    assert faults(found) == []
    assert found.lines == {"in_force": 2, "over": 0, "to_come": 0}


def test_what_each_serves_is_what_the_compiled_index_says(plan: Plan) -> None:
    files = [
        plan.listed(*WHOLE, ("centres", "ash", "sector", "QC1 0"), ("hubs", "hub", "lsoa21", "E01000100"))
    ]
    found = examine(files, plan.directory, on=ON)
    plan.compile(*files)
    terminated = {"QC10AA"}
    for network, of_it in found.networks.items():
        served = {one for one in plan.served(network).values() if one.postcode not in terminated}
        counted = {code: sum(one.recipient == code for one in served) for code in of_it.shares}
        assert {code: share.postcodes for code, share in of_it.shares.items()} == counted
    assert found.networks["centres"].shares["ash"] == Share(15, lsoas=5, wards=1)
    assert found.networks["hubs"].shares == {"hub": Share(1, 1, 1)}
    assert found.networks["hubs"].gaps == 8 * 6 - 1 - 1  # of our authority, without the withdrawn one


def test_a_line_that_cannot_be_read_does_not_hide_the_others(plan: Plan) -> None:
    found = look(
        plan, ("centres", "oak", "wards", "E05000001"), ("centres", "oak", "ward", "E05999999"), *WHOLE
    )
    assert faults(found) == ["unreadable", "unknown_code"]
    assert the(found, Fault.UNREADABLE).where == "reach_areas.csv line 2"
    assert the(found, Fault.UNKNOWN_CODE).where == "reach_areas.csv line 3"
    assert found.networks["centres"].shares.keys() == {"oak", "elm"}


def test_a_file_that_cannot_be_read_at_all_does_not_hide_the_others(plan: Plan) -> None:
    broken = plan.folder / "broken.csv"
    broken.write_text("who,where\n")
    found = examine([broken, plan.listed(*WHOLE)], plan.directory, on=ON)
    assert the(found, Fault.UNREADABLE).where == "broken.csv"
    assert "They must be: network,recipient,kind,code,from,to" in the(found, Fault.UNREADABLE).says
    assert found.lines["in_force"] == 2


def test_a_code_of_the_other_vintage_is_named_as_such(plan: Plan) -> None:
    found = look(plan, *WHOLE, ("centres", "oak", "lsoa11", "E01000100"))
    assert "exists in the other vintage, lsoa21" in the(found, Fault.UNKNOWN_CODE).says


def test_a_code_that_the_last_directory_knew_is_named_as_such(plan: Plan) -> None:
    file = plan.listed(*WHOLE)
    plan.compile(file)
    with sqlite3.connect(plan.reach) as index:  # the same lines, compiled with another directory
        [facts] = index.execute("SELECT content FROM facts").fetchone()
        changed = json.dumps({**json.loads(facts), "directory_sha256": "0" * 64})
        index.execute("UPDATE facts SET content = ?", (changed,))
    lost = plan.folder / "newer.sqlite"
    lost.write_bytes(plan.directory.read_bytes())
    with sqlite3.connect(lost) as newer:
        newer.execute("UPDATE postcode SET ward = 'E05000077' WHERE ward = 'E05000002'")
    found = examine([file], lost, on=ON, earlier=[plan.reach])
    assert "The postcode directory before this one knew it." in the(found, Fault.UNKNOWN_CODE).says


def test_places_that_two_claim_are_told_with_who_and_how_many(plan: Plan) -> None:
    found = look(plan, *WHOLE, ("centres", "ash", "ward", "E05000001"))
    overlap = the(found, Fault.OVERLAP)
    assert overlap.says == "ash and oak claim the same postcodes by places of the same size (ward)."
    assert overlap.where == "reach_areas.csv line 2, reach_areas.csv line 4"
    assert overlap.postcodes == 31  # of 32, one of which is withdrawn


def test_of_an_overlap_the_lines_that_make_it_are_named(plan: Plan) -> None:
    found = look(plan, *WHOLE, *(("centres", code, "sector", "QC1 0") for code in ("ash", "elm")))
    assert the(found, Fault.OVERLAP).where == "reach_areas.csv line 4, reach_areas.csv line 5"


def test_a_priority_settles_an_overlap(plan: Plan) -> None:
    found = look(plan, WEST_WARD, (*EAST_WARD, "1"), ("centres", "ash", "ward", "E05000002", "2"))
    assert Fault.OVERLAP not in [one.fault for one in found.findings]
    assert the(found, Fault.NEVER_COUNTS).where == "reach_areas.csv line 4"


def test_gaps_are_told_by_small_area_with_the_live_postcodes_in_them(plan: Plan) -> None:
    gaps = [one for one in look(plan, WEST_WARD).findings if one.fault is Fault.GAP]
    assert sum(one.postcodes or 0 for one in gaps) == 16
    assert all(one.network == "centres" and one.place.startswith("E0100012") for one in gaps)
    assert gaps[0].says == f"{gaps[0].place} in {OURS}: all 8 live postcodes are in nobody's area."


def changed(plan: Plan, change: str) -> None:
    """Take a directory of its own, in which rows are changed."""
    own = plan.directory.read_bytes()
    plan.directory.unlink()
    plan.directory.write_bytes(own)
    with closing(sqlite3.connect(plan.directory)) as connection, connection:
        connection.execute(f"UPDATE postcode SET {change}")


def test_what_no_area_could_place_is_no_gap(plan: Plan) -> None:
    """A post box of a firm, whose position nobody knows well: families there are held whoever serves it."""
    changed(
        plan, "gridind = 6 WHERE postcode = (SELECT max(postcode) FROM postcode WHERE ward = 'E05000002')"
    )
    gaps = [one for one in look(plan, WEST_WARD).findings if one.fault is Fault.GAP]
    assert sum(one.postcodes or 0 for one in gaps) == 15


def test_withdrawn_postcodes_are_not_told_as_outside(plan: Plan) -> None:
    changed(plan, f"terminated = '202103' WHERE authority = '{THEIRS}'")
    [theirs] = {house.postcode for house in HOUSES if (house.column, house.row) == (7, 0)}
    assert set(faults(look(plan, *WHOLE, ("centres", "oak", "postcode", theirs)))) == {"empty"}


def test_a_recipient_and_a_line_with_withdrawn_postcodes_alone_serve_nobody(plan: Plan) -> None:
    found = look(plan, *WHOLE, ("centres", "ash", "postcode", "QC1 0AA"))
    empty = [one for one in found.findings if one.fault is Fault.EMPTY]
    assert {one.says for one in empty} == {
        "The postcode of ash has withdrawn postcodes alone.",
        "ash serves no live postcode by itself in centres.",
    }


def test_a_line_that_smaller_places_overrule_everywhere_never_counts(plan: Plan) -> None:
    sectors = [("centres", "elm", "sector", "QC1 0"), ("centres", "elm", "sector", "QC1 1")]
    found = look(plan, *WHOLE, *sectors)
    assert the(found, Fault.NEVER_COUNTS).where == "reach_areas.csv line 2"


@pytest.mark.parametrize(
    "line", [WEST_WARD, ("centres", "oak", "sector", "QC1 0"), ("centres", "oak", "postcode", "QC1 0AB")]
)
def test_a_line_within_another_of_the_same_recipient_says_nothing_new(
    plan: Plan, line: tuple[str, ...]
) -> None:
    found = look(plan, *WHOLE, line)
    assert the(found, Fault.NOTHING_NEW).where == "reach_areas.csv line 4"


def test_a_smaller_place_that_keeps_another_recipient_out_says_something(plan: Plan) -> None:
    between = ("centres", "elm", "sector", "QC1 0"), ("centres", "oak", "postcode", "QC1 0AB")
    assert Fault.NOTHING_NEW not in [one.fault for one in look(plan, *WHOLE, *between).findings]


def test_a_place_across_the_border_is_told_with_its_authority(plan: Plan) -> None:
    found = look(plan, *WHOLE, ("centres", "oak", "postcode", "QC1 3HA"))
    outside = the(found, Fault.OUTSIDE)
    assert outside.says == f"Its only live postcode is in {THEIRS}, which centres hardly serves."
    assert outside.where == "reach_areas.csv line 4"


def test_a_line_that_ends_soon_needs_one_after_it(plan: Plan) -> None:
    ending = (*WEST_WARD, "", "2020-04-01", "2026-11-30")
    assert the(look(plan, ending, EAST_WARD), Fault.NO_SUCCESSOR).where == "reach_areas.csv line 2"
    followed = look(plan, ending, EAST_WARD, (*WEST_WARD, "", "2026-12-01", ""))
    assert faults(followed) == []
    assert followed.lines == {"in_force": 2, "over": 0, "to_come": 1}
    assert faults(look(plan, ending, EAST_WARD, on=date(2026, 9, 1))) == []


def test_small_areas_that_the_census_changed_are_counted(plan: Plan) -> None:
    found = look(plan, *WHOLE, ("centres", "ash", "lsoa11", "E01000000"))
    assert the(found, Fault.RETIRED).says.startswith(
        "100.0% of the 3 live postcodes that centres serves by LSOA"
    )


def test_drawn_areas_are_held_against_the_houses_beside_their_borders(plan: Plan) -> None:
    through = feature("oak", box(-0.5, -0.5, 3.1, 7.5), name="West half")
    crossing = feature(
        "elm",
        [
            *box(4, 0, 6, 7)[:1],
            (400_600, 200_700),
            (400_600, 200_000),
            (400_400, 200_500),
            (400_400, 200_000),
        ],
    )
    files = [plan.drawn(collection(through, crossing, **IN_GRID)), plan.listed(*WHOLE)]
    found = examine(files, plan.directory, on=ON)
    assert the(found, Fault.NOT_SIMPLE).where == "drawn.geojson feature 2"
    border = the(found, Fault.BORDER)
    assert (border.where, border.postcodes) == ("drawn.geojson feature 1", 8)
    assert the(found, Fault.GENERALISED).where == "drawn.geojson feature 1"


def test_what_moved_since_the_last_index_of_other_files_is_counted(plan: Plan) -> None:
    plan.compile(plan.listed(*WHOLE))
    same = look(plan, *WHOLE, earlier=[plan.reach])
    assert same.before is None
    moved = look(plan, EAST_WARD, ("centres", "ash", "ward", "E05000001"), earlier=[plan.reach])
    assert moved.moves == [Move("centres", "oak", "ash", 31)]  # the withdrawn one does not count
    assert moved.before is not None
    assert moved.before.on == ON.isoformat()
    none = look(plan, earlier=[plan.reach])
    assert sorted((move.before, move.after) for move in none.moves) == [("elm", NOBODY), ("oak", NOBODY)]


def test_an_index_of_another_version_is_passed_over(plan: Plan) -> None:
    plan.compile(plan.listed(*WHOLE))
    with sqlite3.connect(plan.reach) as index:
        index.execute("PRAGMA user_version = 1")
    assert look(plan, WEST_WARD, earlier=[plan.reach]).before is None


def test_one_network_can_be_looked_at_alone(plan: Plan) -> None:
    found = look(plan, *WHOLE, ("hubs", "hub", "ward", "E05999999"), network="centres")
    assert faults(found) == []
    assert found.networks.keys() == {"centres"}


def test_nothing_in_force_is_no_failure(plan: Plan) -> None:
    found = look(plan, (*WEST_WARD, "", "2020-04-01", "2024-01-01"))
    assert found.networks == {}
    assert found.lines == {"in_force": 0, "over": 1, "to_come": 0}


def test_no_finding_names_a_postcode(plan: Plan) -> None:
    lines = [("centres", code, "postcode", f"QC1 0B{letter}") for code in ("oak", "ash") for letter in "ABD"]
    found = look(plan, *lines, ("centres", "oak", "postcode", "QC1 9ZZ"), *WHOLE)
    assert {"overlap", "unknown_code"} <= set(faults(found))
    assert not re.search("QC1 ?[0-9][A-Z]{2}", str([one.as_json() for one in found.findings]))


def test_a_missing_file_is_said(plan: Plan) -> None:
    with pytest.raises(SettingsError, match="missing"):
        examine([plan.folder / "none.csv"], plan.directory, on=ON)


def test_every_fault_says_what_to_do() -> None:
    assert all(one.do.endswith(".") and one.heading and one.level in ("error", "warning") for one in Fault)
    assert PRECISE == (1, 2, 3, 4)
