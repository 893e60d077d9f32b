"""`birthshare geography upgrade`: a new list beside the signed one, and what could not be upgraded."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from month_authority import Authority, CommandLine


@pytest.fixture
def lookup(authority: Authority, tmp_path: Path) -> Path:
    """A lookup in which every LSOA of the reach areas is unchanged, but for the first: that one is split."""
    with areas(authority).open(encoding="utf-8", newline="") as stream:
        codes = sorted({row["code"] for row in csv.DictReader(stream) if row["kind"] == "lsoa11"})
    first, *others = codes
    rows = [f"{first},E01999991,S", f"{first},E01999992,S", *(f"{code},{code},U" for code in others[:-1])]
    file = tmp_path / "lookup.csv"
    file.write_text("\n".join(["LSOA11CD,LSOA21CD,CHGIND", *rows, ""]), encoding="utf-8-sig")
    return file


def areas(authority: Authority) -> Path:
    return authority.home.reach_areas[0]


def test_a_new_list_is_written_beside_and_the_signed_one_stays(
    authority: Authority, birthshare: CommandLine, lookup: Path
) -> None:
    signed = areas(authority).read_bytes()
    told = birthshare("geography", "upgrade", lookup, "--part", "--json").json["files"][0]
    new = areas(authority).with_name("reach_areas.lsoa21.csv")
    assert told["written"] == str(new)
    assert areas(authority).read_bytes() == signed
    assert told["upgraded"]["split"] >= 1
    assert [one["why"] for one in told["left"]] == ["the lookup does not name it"] * len(told["left"])
    kinds = [row["kind"] for row in csv.DictReader(new.open(encoding="utf-8"))]
    assert kinds.count("lsoa11") == len(told["left"]) >= 1
    assert kinds.count("lsoa21") == sum(told["upgraded"].values()) + told["upgraded"]["split"]


def test_a_list_that_was_written_before_is_not_written_over_unless_it_is_named(
    authority: Authority, birthshare: CommandLine, lookup: Path
) -> None:
    first = birthshare("geography", "upgrade", lookup, "--part")
    assert first.code == 0
    assert "reach_areas.csv: lines upgraded 53 (52 unchanged, 1 split, 0 merged)." in first.out
    assert "Lines that stay as they are: 1" in first.out
    again = birthshare("geography", "upgrade", lookup, "--part")
    assert again.code == 2
    again.says("there already", "reach_areas.lsoa21.csv", "--out")
    new = areas(authority).with_name("reach_areas.lsoa21.csv")
    new.write_text("older", encoding="utf-8")
    assert birthshare("geography", "upgrade", lookup, "--part", "--out", new).code == 0
    assert b"lsoa21" in new.read_bytes()


def test_the_list_in_use_is_never_written_over(
    authority: Authority, birthshare: CommandLine, lookup: Path
) -> None:
    signed = areas(authority).read_bytes()
    answer = birthshare("geography", "upgrade", lookup, "--part", "--out", areas(authority))
    assert answer.code == 2
    answer.says("take the place of reach areas that are in use")
    assert areas(authority).read_bytes() == signed


def test_a_lookup_that_is_no_whole_one_is_refused(birthshare: CommandLine, lookup: Path) -> None:
    answer = birthshare("geography", "upgrade", lookup)
    assert answer.code == 2
    answer.says("the whole has over 30,000", "--part")


def test_nothing_is_written_where_no_line_names_an_lsoa_of_2011(
    authority: Authority, birthshare: CommandLine, lookup: Path
) -> None:
    text = areas(authority).read_text(encoding="utf-8").splitlines()
    areas(authority).write_text("\n".join(line for line in text if "lsoa11" not in line) + "\n")
    answer = birthshare("geography", "upgrade", lookup, "--part")
    assert answer.code == 2
    answer.says("No line of the reach areas names an LSOA of 2011")
