"""LSOAs of 2011 become those of 2021 where the ground is the same, and are listed where it is not."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geography.plan import HOUSES, ON, Line, Plan
from geography.town import NAMES, published
from pipeline.errors import SettingsError
from pipeline.geography.areas import read_areas
from pipeline.geography.building import build_directory
from pipeline.geography.compiling import build_reach
from pipeline.geography.upgrading import Lookup, Upgraded, read_lookup, upgraded

SAMPLE = Path(__file__).parent / "data" / "lsoa_2011_to_2021_sample.csv"  # see LICENCE.txt beside it
HEADER = "network,recipient,kind,code,from,to"


@pytest.fixture(scope="module")
def lookup() -> Lookup:
    return read_lookup(SAMPLE, part=True)


def upgrade(lookup: Lookup, *lines: str, header: str = HEADER) -> tuple[list[str], Upgraded]:
    """The lines after the header when these are upgraded, and what is said of them."""
    file = Path("reach_areas.csv")
    result = upgraded(file, "\n".join([header, *lines, ""]).encode(), lookup)
    first, *rest = result.content.decode().splitlines()
    assert first == header
    return rest, result


def at(code: str, recipient: str = "one", kind: str = "lsoa11", days: str = "2020-04-01,") -> str:
    return f"centres,{recipient},{kind},{code},{days}"


def test_the_published_lookup_is_read_with_its_marks_capitals_and_other_columns(lookup: Lookup) -> None:
    assert SAMPLE.read_bytes().startswith(b"\xef\xbb\xbfLSOA11CD,LSOA11NM,LSOA21CD")
    assert len(lookup.became) == 18
    assert lookup.became["E01000010"] == {"E01034473", "E01034474"}
    assert lookup.made_of["E01034119"] == {"E01033652", "E01033657"}
    assert lookup.change["E01008187"] == "X"


def test_an_unchanged_area_keeps_its_code_and_changes_its_kind(lookup: Lookup) -> None:
    lines, result = upgrade(lookup, at("E01000001"))
    assert lines == [at("E01000001", kind="lsoa21")]
    assert (result.lines, result.left) == ({"U": 1, "S": 0, "M": 0}, [])


def test_a_split_area_becomes_all_of_its_parts(lookup: Lookup) -> None:
    lines, result = upgrade(lookup, at("E01000092"))
    assert lines == [at(f"E0103447{digit}", kind="lsoa21") for digit in (5, 6, 7, 8)]
    assert result.lines["S"] == 1


def test_merged_areas_become_one_where_the_first_of_them_stood(lookup: Lookup) -> None:
    lines, result = upgrade(lookup, at("E01033657"), at("E01000001"), at("E01033652"))
    assert lines == [at("E01034119", kind="lsoa21"), at("E01000001", kind="lsoa21")]
    assert result.lines == {"U": 1, "S": 0, "M": 2}


@pytest.mark.parametrize(
    "other",
    [
        "",
        at("E01033652", recipient="two"),
        at("E01033652").replace("centres", "hubs"),
        at("E01033652", days="2020-04-02,"),
        at("E01033652", days="2020-04-01,2030-03-31"),
    ],
)
def test_a_part_of_a_merger_stays_unless_the_same_recipient_has_all_of_it(lookup: Lookup, other: str) -> None:
    given = [at("E01033657"), *([other] if other else [])]
    lines, result = upgrade(lookup, *given)
    assert lines == given
    assert (result.left[0].line, result.left[0].code) == (2, "E01033657")
    assert "merged with E01033652, which the list does not give to the same recipient" in result.left[0].why


def test_priorities_stay_and_divide_a_merger(lookup: Lookup) -> None:
    header = f"{HEADER},priority"
    lines, result = upgrade(
        lookup, f"{at('E01033698')},1", f"{at('E01033707')},1", f"{at('E01033753')},1", f"{at('E01033755')},",
        header=header,
    )  # fmt: skip
    assert lines[0] == f"{at('E01035650', kind='lsoa21')},1"
    assert lines[1:] == [f"{at('E01033753')},1", f"{at('E01033755')},"]
    assert [left.line for left in result.left] == [4, 5]


def test_what_compares_with_nothing_stays_and_is_named(lookup: Lookup) -> None:
    lines, result = upgrade(lookup, at("E01008187"), at("E01099999"))
    assert lines == [at("E01008187"), at("E01099999")]
    assert "divided anew" in result.left[0].why
    assert "the lookup does not name it" in result.left[1].why
    assert sum(result.lines.values()) == 0


def test_other_lines_and_their_order_stay(lookup: Lookup) -> None:
    given = [at("E05000001", kind="ward"), at("QA1 1AA", kind="postcode"), at("E01000002", kind="lsoa21")]
    assert upgrade(lookup, *given)[0] == given


def test_a_line_that_is_there_already_is_not_written_twice(lookup: Lookup) -> None:
    lines, _ = upgrade(lookup, at("E01000001"), at("E01000001"), at("E01000001", kind="lsoa21"))
    assert lines == [at("E01000001", kind="lsoa21")]


def test_the_new_list_is_one_that_can_be_read(lookup: Lookup) -> None:
    _, result = upgrade(lookup, at("E01000010"), at("E01033749"), at("E01033766"))
    areas = read_areas([Path("new.csv")], [result.content])
    assert [(area.kind, area.code) for area in areas] == [
        ("lsoa21", "E01034473"), ("lsoa21", "E01034474"), ("lsoa21", "E01034404"),
    ]  # fmt: skip


# --- the lookup -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no column LSOA11CD"),
        ("<html>", "has no column LSOA11CD"),
        ("LSOA11CD,LSOA11NM,LSOA21CD,LSOA21NM,LAD22CD\n", "has no column CHGIND.*exact fit lookup"),
        ("LSOA11CD,LSOA21CD,CHGIND,chgind\n", "has more than one column CHGIND"),
        ("LSOA11CD,LSOA21CD,CHGIND\nE01000001,E01000001,Z\n", "not as it is published .*line 2"),
        ("LSOA11CD,LSOA21CD,CHGIND\nE01000001,E01000001\n", "does not fit its heading .*line 2"),
        ("LSOA11CD,LSOA21CD,CHGIND\nE02000001,E01000001,U\n", "not as it is published .*line 2"),
        ('LSOA11CD,"LSOA21CD', "cannot be read"),
    ],
)
def test_another_file_is_refused_with_what_is_wanted(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "lookup.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=f"(?s){said}"):
        read_lookup(file, part=True)


def test_a_lookup_that_is_cut_short_is_refused() -> None:
    with pytest.raises(SettingsError, match="has 24 rows; the whole has over 30,000"):
        read_lookup(SAMPLE)


def test_a_merger_of_one_is_a_row_that_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "lookup.csv"
    file.write_text("LSOA11CD,LSOA21CD,CHGIND\nE01033652,E01034119,M\n", encoding="utf-8")
    _, result = upgrade(read_lookup(file, part=True), at("E01033652"))
    assert "does not name what with" in result.left[0].why


# --- the same postcodes ---------------------------------------------------------------------------


def test_the_areas_of_the_published_sample_hold_the_same_postcodes(tmp_path: Path, lookup: Lookup) -> None:
    """A postcode in each part: every LSOA of 2011 with each of 2021 that it became."""
    pairs = sorted((old, new) for old, parts in lookup.became.items() for new in parts)
    letters = "ABDEFGHJLN"
    rows = [
        (f"QD1 {number // 10}A{letters[number % 10]}", "", "E07000001", "E05000001", *pair, "1", "400000",
         "200000")
        for number, pair in enumerate(pairs)
    ]  # fmt: skip
    source = tmp_path / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(names=NAMES, rows=rows), newline="")
    build_directory(source, tmp_path / "postcodes.sqlite", part=True)
    lines = [at(old, recipient=f"r{number // 3}") for number, old in enumerate(sorted(lookup.became))]
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    result = upgraded(old, old.read_bytes(), lookup)
    new.write_bytes(result.content)
    counts = [
        build_reach([file], tmp_path / "postcodes.sqlite", tmp_path / "reach.sqlite", on=date(2026, 10, 31))
        for file in (old, new)
    ]
    assert counts[0].recipients == counts[1].recipients
    assert sum(result.lines.values()) == len(lines) - len(result.left)
    assert {left.code for left in result.left} >= {"E01008187"}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan.build(tmp_path_factory.mktemp("plan"))


def whole_lookup(folder: Path) -> Path:
    """What became of the areas of the plan: those in the lower half split, those in the upper one merged."""
    pairs = {(house.lsoa11, house.lsoa21) for house in HOUSES}
    became = [old for old, _ in pairs]
    file = folder / "lookup.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["LSOA11CD", "LSOA21CD", "CHGIND"])
        writer.writerows((old, new, "S" if became.count(old) > 1 else "M") for old, new in sorted(pairs))
    return file


old_areas = st.sampled_from(sorted({house.lsoa11 for house in HOUSES}))
any_place = st.one_of(
    st.tuples(st.just("lsoa11"), old_areas),
    st.sampled_from([("lsoa21", HOUSES[5].lsoa21), ("ward", HOUSES[0].ward), ("sector", HOUSES[20].sector)]),
)
any_lines = st.lists(
    st.builds(
        lambda recipient, place, priority: ("centres", recipient, *place, priority, "2020-04-01", ""),
        st.sampled_from(["one", "two"]), any_place, st.sampled_from(["", "1"]),
    ),
    min_size=1,
    max_size=14,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(lines=any_lines)
def test_after_an_upgrade_every_postcode_is_served_as_before(plan: Plan, lines: list[Line]) -> None:
    lookup = read_lookup(whole_lookup(plan.folder), part=True)
    old = plan.listed(*lines)
    before, claims = plan.compile(old, on=ON), plan.served()
    result = upgraded(old, old.read_bytes(), lookup)
    new = plan.folder / "new.csv"
    new.write_bytes(result.content)
    after = plan.compile(new, on=ON)
    assert {code: one[1:2] + one[3:] for code, one in plan.served().items()} == {
        code: one[1:2] + one[3:] for code, one in claims.items()
    }
    assert (after.recipients, after.ambiguous) == (before.recipients, before.ambiguous)


def test_the_sample_says_where_it_is_from() -> None:
    licence = (SAMPLE.parent / "LICENCE.txt").read_text(encoding="utf-8")
    assert SAMPLE.name in licence
    assert "Open Government Licence" in licence
