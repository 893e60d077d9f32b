"""Every layout that was published from 2021 to 2026 is read by pattern, and other files are known for what
they are. The files in `data` and their headers are real ones."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from geography.town import published
from pipeline.errors import SettingsError
from pipeline.geography.building import build_directory
from pipeline.geography.directory import Directory
from pipeline.geography.layout import find_columns
from pipeline.geography.releases import month_of, product_of

DATA = Path(__file__).parent / "data"
HEADERS = dict(line.split(": ") for line in (DATA / "headers.txt").read_text(encoding="utf-8").splitlines())

# Of each real file a postcode, and its authority, ward, small areas of 2011 and 2021, quality and easting.
REAL = {
    "NSPL_2021_UK.csv": ("BR8 7QP", "E09000006", "E05000114", "E01000720", "", 1, 549571),
    "NSPL_NOV_2021_UK.csv": ("HX6 2RF", "E08000033", "E05001384", "E01010978", "", 1, 405503),
    "ONSPD_AUG_2024_UK.csv": ("AL1 1AB", "E07000240", "E05013956", "E01023667", "E01023667", 1, 517328),
    "NSPL21_AUG_2024_UK.csv": ("AB1 0AA", "S12000033", "S13002843", "", "", 1, 385386),
    "NSPL_2025_UK.csv": ("CA8 7JG", "E06000057", "E05016114", "", "E01027484", 1, 366033),
    "ONSPD_NOV_2025_UK.csv": ("AB1 0AD", "S12000033", "S13002843", "S01006514", "S01013490", 1, 385053),
}
SPELT_OUT = (
    "OBJECTID,Postcode (7 char),Postcode (8 char),Postcode (e-GIF),Date of Introduction,Date of Termination,"
    "Local Authority District Code (2025),Ward Code (2025),National Grid Reference (Easting),"
    "National Grid Reference (Northing),Grid Reference Positional Quality Indicator,"
    "Lower layer Super Output Area Code (2011),Lower layer Super Output Area Code (2021),"
    "Middle layer Super Output Area Code (2021),Latitude,Longitude,x,y"
)
LOOKUP = "pcd7,pcd8,pcds,dointr,doterm,usertype,oa11cd,lsoa11cd,msoa11cd,ladcd,lsoa11nm,msoa11nm,ladnm,ladnmw"


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_read_as_it_was_published(tmp_path: Path, name: str) -> None:
    postcode, *expected = REAL[name]
    facts = build_directory(DATA / name, tmp_path / "d.sqlite", part=True)
    with Directory(tmp_path / "d.sqlite") as directory:
        found = directory.lookup([postcode]).iloc[0]
    columns = ["authority", "ward", "lsoa11", "lsoa21", "gridind", "easting"]
    assert [found[column] for column in columns] == expected
    assert facts.release == name


def test_a_postcode_of_the_isle_of_man_has_no_place(tmp_path: Path) -> None:
    build_directory(DATA / "ONSPD_AUG_2024_UK.csv", tmp_path / "d.sqlite", part=True)
    with Directory(tmp_path / "d.sqlite") as directory:
        found = directory.lookup(["IM1 1AD"]).iloc[0]
    assert (found.live, found.authority, found.gridind, found.easting, found.latitude) == (True, "", 9, 0, 0)


@pytest.mark.parametrize("release", HEADERS)
def test_every_real_header_has_each_column_once(release: str) -> None:
    columns = find_columns(HEADERS[release].split(","), where=release)
    assert {"lsoa11", "lsoa21"} & columns.keys()
    assert len(columns) + (len({"lsoa11", "lsoa21"} & columns.keys()) == 1) == 11


def test_a_download_with_its_columns_spelt_out_is_read(tmp_path: Path) -> None:
    names = [
        "Postcode (e-GIF)", "Date of Termination", "Local Authority District Code (2025)",
        "Ward Code (2025)", "Lower layer Super Output Area Code (2011)",
        "Lower layer Super Output Area Code (2021)", "Grid Reference Positional Quality Indicator",
        "National Grid Reference (Easting)", "National Grid Reference (Northing)",
    ]  # fmt: skip
    source = tmp_path / "ONSPD_NOV_2025_UK_-4615871342515732933.csv"
    source.write_text("\ufeff" + published(SPELT_OUT, names), encoding="utf-8")
    facts = build_directory(source, tmp_path / "d.sqlite", part=True)
    assert (facts.rows, facts.vintages) == (12, ("2011", "2021"))


def test_the_vintage_of_a_year_to_come_is_read_too() -> None:
    header = HEADERS["ONSPD August 2026"].replace("26cd", "27cd")
    assert find_columns(header.split(","), where="")["authority"] == "lad27cd"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (LOOKUP, "is a look-up of names, without the position of a postcode"),
        ("UPRN,GRIDGB1E,GRIDGB1N,PCDS,OA21CD,LAD25CD,WD25CD", "lists addresses (UPRN) and not postcodes"),
        ("WD25CD,WD25NM", "is a list of names"),
        (HEADERS["NSPL May 2025"].replace(",", ";"), "parted by semicolons and not by commas"),
        (HEADERS["NSPL May 2025"].replace(",", "\t"), "parted by tabs and not by commas"),
    ],
)
def test_another_published_file_is_known_for_what_it_is(tmp_path: Path, header: str, said: str) -> None:
    source = tmp_path / "other.csv"
    source.write_text(f"{header}\r\n", encoding="utf-8")
    with pytest.raises(SettingsError) as stop:
        build_directory(source, tmp_path / "d.sqlite")
    assert said in str(stop.value)


BROKEN = {
    b"": "is empty",
    b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>Sign in</title>": "is a web page",
    b"<HTML><body>": "is a web page",
    b"\x1f\x8b\x08\x00": "is packed by gzip",
    b"7z\xbc\xaf\x27\x1c": "is packed by 7-Zip",
    b"PK\x03\x04\x14\x00\x00\x00": "is a zip that was cut short",
    b"\xff\xfep\x00c\x00d\x00": "is text in UTF-16",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_is_no_csv_is_known_for_what_it_is(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "ONSPD_AUG_2026.zip"
    source.write_bytes(content)
    with pytest.raises(SettingsError, match=BROKEN[content]):
        build_directory(source, tmp_path / "d.sqlite")


def zipped(folder: Path, *names: str) -> Path:
    source = folder / "download.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for name in names:
            archive.writestr(name, published())
    return source


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("[Content_Types].xml", "xl/workbook.xml"), "is an Excel workbook"),
        (("Documents/names.csv", "User Guide/guide.pdf"), "holds no CSV files"),
        (("Data/multi_csv/ONSPD_MAY_2026_UK_AB.csv", "Data/multi_csv/ONSPD_MAY_2026_UK_AL.csv"), "in parts"),
        (("Data/ONSPD_MAY_2026_UK.csv", "Data/NSPL_MAY_2026_UK.csv"), "holds 2 CSV files"),
    ],
)  # fmt: skip
def test_a_zip_without_one_directory_in_it_is_refused(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        build_directory(zipped(tmp_path, *names), tmp_path / "d.sqlite", part=True)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_that_is_damaged_anywhere_is_refused_in_words(tmp_path: Path, method: int) -> None:
    source = tmp_path / "download.zip"
    with zipfile.ZipFile(source, "w", method) as archive:
        archive.writestr("Data/ONSPD_NOV_2023_UK.csv", published())
    whole = source.read_bytes()
    for place in range(4, len(whole), len(whole) // 20):
        source.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        with suppress(SettingsError):  # and nothing else; a date or a name that changed does no harm
            assert build_directory(source, tmp_path / "d.sqlite", part=True).rows == 12


def test_a_line_without_end_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text('"' + 200_000 * "x")
    with pytest.raises(SettingsError, match="not the header of a postcode directory"):
        build_directory(tmp_path / "other.csv", tmp_path / "d.sqlite")


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path, "Data/ONSPD_MAY_2026_UK.csv")
    content = bytearray(source.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # as a program that locks it would set them
        content[content.index(mark) + flags] |= 1
    source.write_bytes(bytes(content))
    with pytest.raises(SettingsError, match="locked with a password"):
        build_directory(source, tmp_path / "d.sqlite", part=True)


def test_a_second_version_of_a_release_is_found_beside_its_parts(tmp_path: Path) -> None:
    source = zipped(
        tmp_path, "data/ONSPD_FEB_2023_UK_V2.csv", "data/names.csv", "Data/multi_csv/ONSPD_FEB_2023_UK_AB.csv"
    )
    assert build_directory(source, tmp_path / "d.sqlite", part=True).release == "ONSPD_FEB_2023_UK_V2.csv"


@pytest.mark.parametrize(
    ("name", "product", "month"),
    [
        ("ONSPD_AUG_2026_UK.csv", "ONSPD", "2026-08"),
        ("NSPL21_FEB_2024_UK.csv", "NSPL", "2024-02"),
        ("ONSPD_NOV_2025_UK_-4615871342515732933.csv", "ONSPD", "2025-11"),
        ("ONS_Postcode_Directory_(November_2023)_for_the_United_Kingdom.csv", "ONSPD", "2023-11"),
        ("National_Statistics_Postcode_Lookup_(May 2021)_UK.csv", "NSPL", "2021-05"),
        ("NSPL_Online_latest_Centroids_2049.csv", "NSPL", "None"),
        ("postcodes.csv", "", "None"),
        ("dismay_2026.csv", "", "None"),
    ],
)
def test_the_release_is_read_from_the_files_name(name: str, product: str, month: str) -> None:
    assert (product_of(name), str(month_of(name))) == (product, month)


def test_a_file_under_another_name_is_read_the_same(tmp_path: Path) -> None:
    shutil.copy(DATA / "NSPL_2025_UK.csv", tmp_path / "copy.CSV")
    assert build_directory(tmp_path / "copy.CSV", tmp_path / "d.sqlite", part=True).rows == 3
