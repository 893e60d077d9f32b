"""The parts of an Excel workbook: XML files in a zip, opened within limits.

Nothing is believed before it was measured: a few kilobytes can promise terabytes. A part that carries
programs, links or a hidden copy of data is refused, for nobody sees it who looks at the sheet.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from posixpath import normpath
from struct import error as StructError  # noqa: N812  an exception's name
from typing import Any
from xml.parsers import expat

from pipeline.errors import IntegrityError

MOST_PARTS = 1_000
MOST_BYTES = 128 << 20  # of all parts, unpacked: about three million cells
MOST_RATIO = 300  # unpacked to packed; sheets full of blank rows come to about a hundred
_SMALL = 16 << 20  # bytes that may be packed as tightly as anybody likes

ASK = "Nothing was used. Ask the supplier to write the file again."
_VALUES_ALONE = "Nothing was used. Ask the supplier for a plain .xlsx workbook that holds values alone."

_ZIP, _OLE = b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1")
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1  # the flag of a zip's entry
_OFFICE = (
    "http://schemas.openxmlformats.org/officeDocument/2006",
    "http://purl.oclc.org/ooxml/officeDocument",
)
_WORKBOOKS = frozenset({
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml",
})  # fmt: skip
# What nobody sees who looks at a sheet: the beginning of the parts' names, in small letters.
_UNSEEN = {
    "xl/vbaproject.bin": "holds macros",
    "xl/macrosheets/": "holds macros",
    "xl/intlmacrosheets/": "holds macros",
    "xl/dialogsheets/": "holds macros",
    "xl/externallinks/": "is linked to other files",
    "xl/connections.xml": "fetches data from elsewhere",
    "xl/querytables/": "fetches data from elsewhere",
    "xl/embeddings/": "holds other files",
    "xl/activex/": "holds programs",
    "xl/pivotcache/": "holds a second copy of data, behind a pivot table",
    "xl/model/": "holds a second copy of data, in a data model",
    "xl/workbook.bin": "is a binary one (.xlsb)",
}

Attributes = Mapping[str, str]


class WorkbookUnusable(IntegrityError):
    """A file that is no workbook, or one that holds more than values."""

    problem = "workbook_unusable"


@dataclass(frozen=True)
class Package:
    """An opened zip whose promises were measured."""

    archive: zipfile.ZipFile = field(repr=False)
    names: Mapping[str, str]  # the parts' names, by the same in small letters
    where: str

    def part(self, name: str) -> bytes | None:
        """A part's content; None where there is no such part."""
        known = self.names.get(name.lower())
        if known is None:
            return None
        try:
            return self.archive.read(known)
        except _BROKEN:
            pass
        raise WorkbookUnusable("The workbook is damaged", where=self.where, do=ASK)

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """What a part ("" for the package) refers to: kind and part's name, by the reference."""
        folder, _, own = name.rpartition("/")
        found: dict[str, tuple[str, str]] = {}

        def start(tag: str, attributes: Attributes) -> None:
            if tag.endswith(" Relationship") and attributes.get("TargetMode") != "External":
                kind, target = attributes.get("Type", ""), attributes.get("Target", "")
                path = normpath(target.lstrip("/") if target.startswith("/") else f"{folder}/{target}")
                found[attributes.get("Id", "")] = _last(kind), path.lstrip("/")

        self.walk(f"{folder}/_rels/{own}.rels".lstrip("/"), start)
        return found

    def walk(
        self,
        name: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        """Go through a part's XML: elements as "namespace name"; a part that is not there is empty.

        What the callbacks raise is passed on. Raises WorkbookUnusable for a document type, with which
        a few bytes could become any number, and for what is not XML in UTF-8.
        """
        content = self.part(name)
        if content is None:
            return
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(content, True)
            return
        except expat.ExpatError:
            pass
        raise WorkbookUnusable("The workbook holds a part that is not XML", where=self.where, do=ASK)

    def _doctype(self, *_: Any) -> None:
        raise WorkbookUnusable(
            "The workbook declares a document type or entities, which no workbook does",
            where=self.where,
            do="Nothing was used. Keep the file, and ask the supplier which program wrote it.",
        )


_BROKEN = (
    zipfile.BadZipFile, zlib.error, StructError, NotImplementedError, RuntimeError, EOFError, OSError,
    ValueError, KeyError, IndexError,
)  # fmt: skip


def open_package(content: bytes, *, where: str) -> Package:
    """The parts of a workbook.

    Raises WorkbookUnusable for what is no .xlsx workbook, goes beyond the limits, or holds more than values.
    """
    if not content.startswith(_ZIP):
        raise _no_workbook(content, where)
    if content.count(b"PK\x01\x02") > MOST_PARTS:  # before the list of them is read
        raise WorkbookUnusable(
            f"The workbook has more than {MOST_PARTS} parts", where=where, do=_VALUES_ALONE
        )
    archive = _opened(content)
    if archive is None:
        raise WorkbookUnusable("The workbook is damaged or cut off", where=where, do=ASK)
    entries = archive.infolist()
    names = {entry.filename.lower(): entry.filename for entry in entries}
    if len(names) < len(entries):
        raise WorkbookUnusable("The workbook holds two parts of one name", where=where, do=ASK)
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise WorkbookUnusable("Parts of the workbook are encrypted", where=where, do=_VALUES_ALONE)
    if any(entry.compress_type not in _PACKED for entry in entries):
        raise WorkbookUnusable("The workbook is packed in a way that workbooks are not", where=where, do=ASK)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_BYTES or (unpacked > _SMALL and unpacked > MOST_RATIO * len(content)):
        raise WorkbookUnusable(
            "The workbook unpacks to more than any month of births",
            where=where,
            do="Nothing was used. Ask the supplier to delete the rows and columns that hold nothing.",
        )
    _check_seen(names, where)
    package = Package(archive, names, where)
    _check_content_type(package)
    return package


def _opened(content: bytes) -> zipfile.ZipFile | None:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN:
        return None


def _no_workbook(content: bytes, where: str) -> WorkbookUnusable:
    what, do = "The file is not an Excel workbook (.xlsx)", _VALUES_ALONE
    if not content:
        what, do = "The file is empty: it has not even a header", ASK
    elif content.startswith(_OLE) and "EncryptedPackage".encode("utf-16-le") in content:
        what = "The workbook inside the sealed file is locked with a password of its own"
        do = "Nothing was used. Ask the supplier to save it without a password; the file is sealed anyway."
    elif content.startswith(_OLE):
        what = "The file is an Excel workbook of before 2007 (.xls), or another old Office file"
    return WorkbookUnusable(what, where=where, do=do)


def _check_seen(names: Mapping[str, str], where: str) -> None:
    for beginning, what in _UNSEEN.items():
        if any(name.startswith(beginning) for name in names):
            raise WorkbookUnusable(f"The workbook {what}", where=where, do=_VALUES_ALONE)


def _check_content_type(package: Package) -> None:
    """What the zip says that it is; a workbook that may hold macros says so here."""
    said: set[str] = set()

    def start(tag: str, attributes: Attributes) -> None:
        said.add(attributes.get("ContentType", ""))

    package.walk("[Content_Types].xml", start)
    if any("macroEnabled" in kind for kind in said):
        raise WorkbookUnusable("The workbook may hold macros (.xlsm)", where=package.where, do=_VALUES_ALONE)
    if not said & _WORKBOOKS:
        raise _no_workbook(b"?", package.where)


def _last(kind: str) -> str:
    """The kind of a reference, where it is one of Office's own: worksheet, styles, sharedStrings..."""
    return kind.rpartition("/")[2] if kind.startswith(_OFFICE) else ""
