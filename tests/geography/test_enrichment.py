"""Ward, small area and deprivation, from the files as they are published; what is not said stays blank."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from geography.town import NEW, NSPL_2021, OLD_NSPL, TOWN, WARD, Town, published
from pipeline.errors import IntegrityError, SettingsError
from pipeline.geography.building import build_directory
from pipeline.geography.enrichment import areas_of, read_deciles, read_locality_names, read_ward_names
from pipeline.records import AREAS

DISTRICT = "Local Authority District code (2024),Local Authority District name (2024)"
RANK = "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)"
DECILE = "Index of Multiple Deprivation (IMD) Decile (where 1 is most deprived 10% of LSOAs)"
INCOME = "Income Decile (where 1 is most deprived 10% of LSOAs)"
FILE_7 = f"LSOA code (2021),LSOA name (2021),{DISTRICT},{RANK},{DECILE},{INCOME}"
FILE_7_OF_2019 = FILE_7.replace("2021", "2011").replace("2024", "2019")


def wards(folder: Path, *rows: str, header: str = "WD25CD,WD25NM") -> Path:
    file = folder / "WD Ward names and codes UK as at 05_25.csv"
    file.write_text("\r\n".join([header, *rows]) + "\r\n", encoding="utf-8-sig", newline="")
    return file


def indices(folder: Path, *deciles: tuple[str, str], header: str = FILE_7) -> Path:
    file = folder / "File_7_IoD2025.csv"
    rows = [f'{code},Town 001A,E07000001,"Town, The",99,{decile},7' for code, decile in deciles]
    file.write_text("\r\n".join([header, *rows]) + "\r\n", encoding="utf-8-sig", newline="")
    return file


def asked(*postcodes: str) -> pd.DataFrame:
    return pd.DataFrame({"reference": range(7, 7 + len(postcodes)), "postcode": list(postcodes)})


def test_each_birth_has_what_is_published_of_its_area(town: Town) -> None:
    found = areas_of(
        asked("QA1 1AA", "qa11ad", "QB1 1AA", "QA9 9ZZ", ""),
        directory=town.directory,
        ward_names=wards(town.folder, f"{WARD},Milverton", 'E05000002,"Park, Hill"'),
        deprivation=indices(town.folder, (NEW, "3"), ("E01000022", "10")),
    )
    assert found.to_dict("list") == {
        "reference": [7, 8, 9, 10, 11],
        "ward": [WARD, "E05000002", "E05000009", "", ""],
        "ward_name": ["Milverton", "Park, Hill", "", "", ""],
        "lsoa21": [NEW, "E01000022", "E01000092", "", ""],
        "deprivation_decile": [3, 10, 0, 0, 0],
        "locality": [""] * 5,
        "locality_name": [""] * 5,
    }
    assert found.dtypes.astype(str).to_dict() == AREAS


def test_without_files_only_codes_are_known(town: Town) -> None:
    found = areas_of(asked("QA1 1AA"), directory=town.directory, ward_names=None, deprivation=None)
    assert found.iloc[0].to_dict() == {
        "reference": 7, "ward": WARD, "ward_name": "", "lsoa21": NEW, "deprivation_decile": 0,
        "locality": "", "locality_name": "",
    }  # fmt: skip


def localities(folder: Path, *rows: str, header: str = "code,name") -> Path:
    file = folder / "localities.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8-sig")
    return file


def test_a_locality_is_the_area_of_its_own_network_by_name_or_by_code(town: Town) -> None:
    births = asked("QA1 1AA", "QA1 1AD", "QB1 1AA", "")
    placements = pd.DataFrame(
        {
            "reference": [8, 7, 9],
            "recipient": ["east", "west", "ambiguous"],
            "reason": ["", "", "reach_area_ambiguous"],
        }
    )
    named = localities(town.folder, "west,West Town", "far,Far Away")
    found = areas_of(births, directory=town.directory, localities=placements, locality_names=named)
    assert found["locality"].tolist() == ["west", "east", "", ""]
    assert found["locality_name"].tolist() == ["West Town", "east", "", ""]


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (["west,West", "west,East"], "code,name", "line 3"),
        (["west,"], "code,name", "line 2"),
        ([",West"], "code,name", "line 2"),
        (["west,West"], "locality,name", "one column code and one name"),
        (["west,West"], "code,title", "one column code and one name"),
        (["west"], "code,name", "line 2"),
    ],
    ids=["twice", "no name", "no code", "another heading", "no heading name", "too short"],
)
def test_names_of_localities_that_cannot_be_read_are_refused(
    tmp_path: Path, rows: list[str], header: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        read_locality_names(localities(tmp_path, *rows, header=header))


def test_a_heading_that_is_broken_over_two_lines_is_read(tmp_path: Path) -> None:
    header = FILE_7.replace(DECILE, f'"{DECILE.replace("(IMD) ", "(IMD)" + chr(10))}"')
    assert read_deciles(indices(tmp_path, (NEW, "3"), header=header)) == {NEW: 3}


def test_no_birth_is_no_row_of_the_same_types(town: Town) -> None:
    found = areas_of(
        asked().astype({"postcode": "str"}), directory=town.directory, ward_names=None, deprivation=None
    )
    assert found.dtypes.astype(str).to_dict() == AREAS


def test_a_frame_that_says_more_is_refused(town: Town) -> None:
    with pytest.raises(IntegrityError, match="columns other than"):
        areas_of(
            asked("QA1 1AA").assign(given_name="Ava"),
            directory=town.directory,
            ward_names=None,
            deprivation=None,
        )


def test_a_decile_is_joined_on_the_areas_of_2021_and_never_on_those_of_2011(tmp_path: Path) -> None:
    source = tmp_path / "NSPL_2021_UK.csv"
    rows = [(*row[:5], "", *row[6:]) for row in TOWN]
    source.write_text(published(NSPL_2021, OLD_NSPL, rows), encoding="utf-8", newline="")
    build_directory(source, tmp_path / "postcodes.sqlite", part=True)
    found = areas_of(
        asked("QA1 1AA"),
        directory=tmp_path / "postcodes.sqlite",
        ward_names=None,
        deprivation=indices(tmp_path, ("E01000011", "3")),
    )
    assert found["deprivation_decile"].tolist() == [0]


def test_the_indices_of_2019_are_refused_by_their_heading(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LSOAs of 2011") as refused:
        read_deciles(indices(tmp_path, (NEW, "3"), header=FILE_7_OF_2019))
    assert "File 7 of the English indices of deprivation 2025" in str(refused.value)


def test_file_1_with_its_shorter_heading_is_read_too(tmp_path: Path) -> None:
    header = FILE_7.replace(DECILE, "Index of Multiple Deprivation (IMD) Decile")
    assert read_deciles(indices(tmp_path, (NEW, "3"), header=header)) == {NEW: 3}


@pytest.mark.parametrize(
    "rows",
    [
        [(NEW, "0")], [(NEW, "11")], [(NEW, "")], [(NEW, "3.0")], [("E02000001", "3")], [("", "3")],
        [(NEW, "3"), (NEW, "4")],
    ],
    ids=["nought", "eleven", "blank", "not whole", "not an LSOA", "no code", "twice"],
)  # fmt: skip
def test_a_decile_that_cannot_be_one_stops_and_names_its_line(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    with pytest.raises(SettingsError, match="decile from 1 to 10") as refused:
        read_deciles(indices(tmp_path, *rows))
    assert f"line {len(rows) + 1}" in str(refused.value)


@pytest.mark.parametrize(
    "header",
    ["", "WD25CD,NAME", "CODE,WD25NM", "WD25CD,WD25NM,WD24NM", FILE_7],
    ids=["empty", "no name", "no code", "two years", "another file"],
)
def test_names_of_wards_without_their_headings_are_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(SettingsError, match="WDyyCD"):
        read_ward_names(wards(tmp_path, header=header))


@pytest.mark.parametrize("header", ["", "LSOA code (2021)", DECILE, f"{FILE_7},{DECILE}", "WD25CD,WD25NM"])
def test_indices_without_their_headings_are_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(SettingsError, match="need one column"):
        read_deciles(indices(tmp_path, header=header))


def test_headings_may_have_a_welsh_name_beside_them(tmp_path: Path) -> None:
    file = wards(tmp_path, f"{WARD},Milverton,", header="WD25CD,WD25NM,WD25NMW")
    assert read_ward_names(file) == {WARD: "Milverton"}


@pytest.mark.parametrize(
    "content", [None, b"\xff\xfe", b'WD25CD,WD25NM\r\n"E05', b"WD25CD,WD25NM\r\nE05\r\n"]
)
def test_a_file_that_cannot_be_read_is_a_plain_message(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "names.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="names of wards") as refused:
        read_ward_names(file)
    assert refused.value.__cause__ is None
