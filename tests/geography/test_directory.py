"""The published postcode directory is read whole and true in every layout, or not at all."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path

import pytest

from geography.town import LAYOUTS, ONSPD_2023, OURS, TOWN, Town, published
from pipeline.errors import SettingsError
from pipeline.geography.building import build_directory
from pipeline.geography.directory import Directory
from pipeline.geography.postcodes import compact


def write(folder: Path, text: str, name: str = "ONSPD_NOV_2023_UK.csv", encoding: str = "utf-8") -> Path:
    source = folder / name
    source.write_text(text, encoding=encoding, newline="")
    return source


def zipped(folder: Path, members: dict[str, str]) -> Path:
    source = folder / "download.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return source


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_published_layout_gives_the_same_places(tmp_path: Path, layout: str) -> None:
    header, names = LAYOUTS[layout]
    source = write(tmp_path, published(header, names))
    facts = build_directory(source, tmp_path / "d.sqlite", part=True)
    with Directory(tmp_path / "d.sqlite") as directory:
        found = directory.lookup(["QA1 1AA"]).iloc[0]
    assert facts.rows == len(TOWN)
    assert (found.authority, found.ward, found.gridind) == (OURS, "E05000001", 1)
    assert (found.easting, found.northing) == (400000, 200000)
    lsoa = {"2011": found.lsoa11, "2021": found.lsoa21}
    assert {year for year, code in lsoa.items() if code} == set(facts.vintages)


def test_the_facts_say_what_the_directory_is_made_of(tmp_path: Path) -> None:
    facts = build_directory(
        write(tmp_path, published(*LAYOUTS["NSPL August 2026"])), tmp_path / "d.sqlite", part=True
    )
    assert facts.release == "ONSPD_NOV_2023_UK.csv"
    assert facts.columns["authority"] == "lad26cd"
    assert (facts.rows, facts.live, facts.vintages) == (12, 10, ("2021",))
    with Directory(tmp_path / "d.sqlite") as directory:
        assert directory.facts == facts
        assert directory.facts.sha256 == facts.sha256


def test_another_source_gives_another_digest(tmp_path: Path) -> None:
    one = build_directory(write(tmp_path, published()), tmp_path / "one.sqlite", part=True)
    two = build_directory(write(tmp_path, published(rows=TOWN[:-1])), tmp_path / "two.sqlite", part=True)
    assert one.sha256 != two.sha256


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    header = "pcds," + ONSPD_2023.replace("pcds,", "")  # so that the mark stands before a column we need
    source = write(tmp_path, published(header), encoding="utf-8-sig")
    assert build_directory(source, tmp_path / "d.sqlite", part=True).rows == len(TOWN)


def test_the_whole_country_is_found_in_a_published_zip(tmp_path: Path) -> None:
    source = zipped(
        tmp_path,
        {
            "Data/ONSPD_NOV_2023_UK.csv": published(),
            "Data/ward_names.csv": "WD23CD,WD23NM\r\n",
            "Data/multi_csv/ONSPD_NOV_2023_UK_QA.csv": published(rows=TOWN[:1]),
            "Documents/LA_UA names and codes UK as at 04_23.csv": "LAD23CD,LAD23NM\r\n",
            "User Guide/guide.pdf": "",
        },
    )
    facts = build_directory(source, tmp_path / "d.sqlite", part=True)
    assert (facts.release, facts.rows) == ("ONSPD_NOV_2023_UK.csv", len(TOWN))


def test_a_zip_with_two_candidates_is_not_guessed(tmp_path: Path) -> None:
    source = zipped(tmp_path, {"a.csv": published(), "b.csv": published()})
    with pytest.raises(SettingsError, match="2 CSV files"):
        build_directory(source, tmp_path / "d.sqlite", part=True)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            LAYOUTS["ONSPD August 2026"][0].replace("lad26cd", "lad25cd,lad26cd"),
            "more than one column for authority",
        ),
        (ONSPD_2023.replace("osward", "osward,ward"), "more than one column for ward"),
        (ONSPD_2023.replace("pcds", "pcds,PCDS"), "more than one column for postcode"),
        (ONSPD_2023.replace("oslaua,", ""), "no column for authority"),
        (ONSPD_2023.replace("doterm,", ""), "no column for terminated"),
        (ONSPD_2023.replace("osgrdind,", ""), "no column for gridind"),
        (ONSPD_2023.replace("lsoa11,", "").replace("lsoa21,", ""), "no column for lsoa11 or lsoa21"),
    ],
)
def test_a_doubtful_header_stops_the_build_and_is_shown(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as stop:
        build_directory(write(tmp_path, published(header)), tmp_path / "d.sqlite", part=True)
    assert header in str(stop.value)
    assert not (tmp_path / "d.sqlite").exists()


@pytest.mark.parametrize(
    "content", ["\r\n", "9990000018,2026-10-01,A,NAME,QA1 1AA\r\n", "\x00\xff\x01binary"]
)
def test_the_first_line_of_another_file_is_not_shown(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingsError, match="not the header of a postcode directory") as stop:
        build_directory(write(tmp_path, content), tmp_path / "d.sqlite", part=True)
    assert "NAME" not in str(stop.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (TOWN[0], "holds a postcode twice"),
        (("qa11aa", *TOWN[0][1:]), "holds a postcode twice"),
        ((*TOWN[1][:7], "north", "east"), "not a number"),
    ],
)
def test_a_bad_row_stops_the_build_without_being_shown(
    tmp_path: Path, row: tuple[str, ...], said: str
) -> None:
    rows = [*TOWN[:1], row]
    with pytest.raises(SettingsError, match=said) as stop:
        build_directory(write(tmp_path, published(rows=rows)), tmp_path / "d.sqlite", part=True)
    assert "QA1" not in str(stop.value)
    assert stop.value.__context__ is None


def test_a_ragged_row_stops_the_build_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not fit its header") as stop:
        build_directory(
            write(tmp_path, published() + "QA9 9AA,too,short\r\n"), tmp_path / "d.sqlite", part=True
        )
    assert "QA9" not in repr(stop.value)
    assert stop.value.__context__ is None


def test_a_download_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path, {"Data/ONSPD_NOV_2023_UK.csv": published()})
    source.write_bytes(source.read_bytes()[:-40])
    with pytest.raises(SettingsError):
        build_directory(source, tmp_path / "d.sqlite", part=True)


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path, {"Data/ONSPD_NOV_2023_UK.csv": published(rows=TOWN)})
    content = bytearray(source.read_bytes())
    content[300] ^= 0xFF
    source.write_bytes(bytes(content))
    with pytest.raises(SettingsError, match="cannot be read"):
        build_directory(source, tmp_path / "d.sqlite", part=True)


def test_a_missing_source_is_a_plain_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not there"):
        build_directory(tmp_path / "none.zip", tmp_path / "d.sqlite", part=True)


def test_the_old_directory_stands_when_a_build_fails(town: Town) -> None:
    before = town.directory.read_bytes()
    with pytest.raises(SettingsError):
        build_directory(write(town.folder, published(rows=[*TOWN, TOWN[0]])), town.directory, part=True)
    assert town.directory.read_bytes() == before
    assert not list(town.folder.glob("*.part"))


def test_only_chosen_authorities_are_kept(tmp_path: Path) -> None:
    facts = build_directory(write(tmp_path, published()), tmp_path / "d.sqlite", authorities=[OURS])
    assert facts.authorities == (OURS,)
    with Directory(tmp_path / "d.sqlite") as directory:
        assert directory.lookup(["QA1 1AA", "QB1 1AA"])["known"].tolist() == [True, False]


def test_no_row_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="would be empty"):
        build_directory(write(tmp_path, published()), tmp_path / "d.sqlite", authorities=["E09000001"])


def test_progress_ends_at_the_whole_file(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    source = zipped(tmp_path, {"ONSPD_NOV_2023_UK.csv": published()})
    build_directory(source, tmp_path / "d.sqlite", watch=lambda *at: seen.append(at), part=True)
    size = len(published())
    assert seen[-1] == ("postcodes", size, size)


def test_what_a_build_that_was_killed_left_behind_goes_with_the_next(town: Town) -> None:
    """It is as large as the directory, and nobody else knows of it."""
    left = town.folder / f".{town.directory.name}.killed.part"
    left.write_bytes(b"half a directory")
    build_directory(write(town.folder, published()), town.directory, part=True)
    assert not left.exists()


def test_answers_come_in_the_order_asked(town: Town) -> None:
    asked = ["QB1 1AA", "XX9 9XX", "QA1 1AA", "QB1 1AA"]
    with Directory(town.directory) as directory:
        found = directory.lookup(asked)
    assert found["postcode"].tolist() == ["QB11AA", "XX99XX", "QA11AA", "QB11AA"]
    assert found["known"].tolist() == [True, False, True, True]
    assert found["authority"].tolist() == ["E07000002", "", OURS, "E07000002"]


def test_nothing_asked_gives_nothing(town: Town) -> None:
    with Directory(town.directory) as directory:
        assert directory.lookup([]).empty


@pytest.mark.parametrize(
    "written",
    ["qa1 1aa", "QA11AA", " QA1  1AA ", "QA1\u00a01AA", "Q A 1 1 A A", "QA1\t1AA\n", "\ufeffQA1\u200b1AA"],
)
def test_case_and_spacing_do_not_matter(town: Town, written: str) -> None:
    with Directory(town.directory) as directory:
        assert directory.lookup([written])["known"].tolist() == [True]


@pytest.mark.parametrize(
    "written", ["QA1-1AA", "QA1 1AA.", "QAI 1AA", "QA1 1A", "ＱＡ１ 1AA", "QA١ 1AA", "'QA1 1AA"]
)
def test_nothing_else_is_repaired(town: Town, written: str) -> None:
    with Directory(town.directory) as directory:
        assert directory.lookup([written])["known"].tolist() == [False]


def test_a_letter_of_another_script_is_not_turned_into_ours() -> None:
    assert [compact(text) for text in ("kı1 1aa", "ſw1 1aa")] == ["", ""]


def test_pseudo_codes_stand_for_no_area(town: Town) -> None:
    with Directory(town.directory) as directory:
        found = directory.lookup(["GY1 1AA"]).iloc[0]
    assert (found.known, found.authority, found.ward, found.lsoa11) == (True, "", "", "")


def test_withdrawn_postcodes_are_known_but_not_live(town: Town) -> None:
    with Directory(town.directory) as directory:
        found = directory.lookup(["QA1 1ZZ"]).iloc[0]
    assert (found.known, found.live, found.terminated) == (True, False, "202103")


def test_the_directory_cannot_be_written_to(town: Town) -> None:
    with Directory(town.directory) as directory, pytest.raises(sqlite3.OperationalError, match="readonly"):
        directory._connection.execute("DELETE FROM postcode")


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_a_missing_or_foreign_file_says_how_to_build_one(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "d.sqlite"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="birthshare geography build"):
        Directory(file)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(), encoding="utf-8", newline="")

    def changing(_: str, done: int, total: int) -> None:
        if done == total:
            source.write_text(published() + "\r\n", encoding="utf-8", newline="")

    with pytest.raises(SettingsError, match="changed while it was read"):
        build_directory(source, tmp_path / "d.sqlite", part=True, watch=changing)
    assert not (tmp_path / "d.sqlite").exists()


def test_a_directory_of_another_version_must_be_built_again(town: Town) -> None:
    with sqlite3.connect(town.directory) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SettingsError, match="birthshare geography build"):
        Directory(town.directory)
