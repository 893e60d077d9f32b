"""Opening a published postcode directory: a CSV, or the zip that holds one among its documents."""

from __future__ import annotations

import csv
import hashlib
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from pipeline.errors import SettingsError

_WHOLE_COUNTRY = re.compile(r"(.*/)?(onspd|nspl)[^/]*_uk(_v[0-9])?\.csv", re.IGNORECASE)
_BY_AREA = re.compile(r"(.*/)?multi_csv/.*", re.IGNORECASE)
_DOCUMENTS = re.compile(r"(.*/)?(documents|multi_csv|user guide|__macosx)/.*", re.IGNORECASE)
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml|head|script)", re.IGNORECASE)
# How files begin that are no CSV, and what they are.
_NOT_TEXT = {
    b"\x1f\x8b": "packed by gzip",
    b"7z\xbc\xaf": "packed by 7-Zip",
    b"PK\x03\x04": "a zip that was cut short",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\xff\xfe": "text in UTF-16 and not in UTF-8",
    b"\xfe\xff": "text in UTF-16 and not in UTF-8",
    b"SQLite": "a database",
    b"%PDF": "a PDF",
}
# What a damaged zip raises, by where the damage is.
UNREADABLE = (
    OSError, EOFError, UnicodeError, NotImplementedError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip
_AGAIN = "Download the ONSPD or NSPL again, as zip or CSV, from geoportal.statistics.gov.uk."


@dataclass(frozen=True)
class Source:
    """A published file and the CSV in it."""

    path: Path
    member: str  # "" where the file is the CSV itself
    size: int  # of the CSV, in bytes

    @property
    def release(self) -> str:
        """The CSV's own file name, such as ONSPD_AUG_2026_UK.csv."""
        return Path(self.member or self.path.name).name

    def sha256(self) -> str:
        """Digest of the file as published, zip or CSV."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The CSV's bytes, from the start."""
        if not self.member:
            with self.path.open("rb") as stream:
                yield stream
            return
        with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
            yield stream

    def header(self) -> list[str]:
        """The CSV's column names as they stand, a byte-order mark removed."""
        with self.open() as stream:
            text = TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
            try:
                return next(csv.reader(text), [])
            except csv.Error:  # a line without end, for one: no header
                return []


def find_source(path: Path) -> Source:
    """The CSV that is, or is in, the file at `path`; raises SettingsError where none can be told."""
    if not path.is_file():
        raise SettingsError(
            "The postcode directory's file is not there",
            where=str(path),
            do="Name the downloaded zip or CSV.",
        )
    if not zipfile.is_zipfile(path):
        _check_text(path)
        return Source(path, "", path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        member = _the_csv(archive, path)
        if member.flag_bits & 1:
            raise SettingsError(
                "The zip is locked with a password", where=str(path), do="The published one is not. " + _AGAIN
            )
        return Source(path, member.filename, member.file_size)


def _check_text(path: Path) -> None:
    """Raises SettingsError where the file is plainly something else than a CSV."""
    with path.open("rb") as stream:
        start = stream.read(512)
    what = next((what for begins, what in _NOT_TEXT.items() if start.startswith(begins)), "")
    if not start:
        what = "empty"
    elif _WEB_PAGE.match(start.removeprefix(b"\xef\xbb\xbf")):
        what = "a web page: something else than the directory was downloaded, such as a page to sign in at"
    if what:
        raise SettingsError(f"The postcode directory's file is {what}", where=str(path), do=_AGAIN)


def _the_csv(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """The whole-country CSV of a published zip, or the only CSV beside its documents."""
    every = archive.infolist()
    if any(item.filename == "[Content_Types].xml" for item in every):
        raise SettingsError(
            "The postcode directory's file is an Excel workbook", where=str(path), do="Use the zip or CSV."
        )
    files = [item for item in every if item.filename.lower().endswith(".csv")]
    tables = [item for item in files if not _DOCUMENTS.fullmatch(item.filename)]
    whole = [item for item in tables if _WHOLE_COUNTRY.fullmatch(item.filename)]
    choice = whole or tables
    if len(choice) == 1:
        return choice[0]
    if not choice and any(_BY_AREA.fullmatch(item.filename) for item in files):
        raise SettingsError(
            "The zip holds the directory only in parts, by postcode area",
            where=str(path),
            do="Use the zip as published: in its Data folder is a CSV of the whole country.",
        )
    raise SettingsError(
        f"The zip holds {len(choice) or 'no'} CSV files that could be the postcode directory",
        where=str(path),
        do="Unpack it and name the CSV that you mean." if choice else _AGAIN,
    )
