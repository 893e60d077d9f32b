"""Every reader of what strangers send: how it is called with any bytes, and files to begin with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pyzipper

from hostile import books
from intake import messages
from pipeline.contract import contract_of
from pipeline.encryption.framing import is_cut_off
from pipeline.encryption.opening_zip import open_unsigned_zip
from pipeline.intake.fhir import read_messages
from pipeline.intake.fhir_births import read_births
from pipeline.intake.profiles import Layout, load_profile
from pipeline.intake.readers import read_csv
from pipeline.intake.tree import read_resources
from pipeline.intake.workbooks import read_workbook

# In every file to begin with; it looks like no heading, code or date, so no message may ever show it.
CANARY = "Zq9Wx7Kv3Jp5Rt1"

_LONDON, _NOW = ZoneInfo("Europe/London"), datetime(2026, 11, 1, tzinfo=UTC)
_LAYOUTS = (
    Layout(),
    Layout(encoding="cp1252", delimiter=";", rows_above_header=1),
    Layout(delimiter="|", dates={"*": "DD/MM/YYYY"}, nhs_numbers="spaced", trailer="END,{rows}"),
)
_BOOKS = (
    Layout(format="xlsx"),
    Layout(format="xlsx", rows_above_header=2, dates={"*": "YYYYMMDD"}),
    Layout(format="xlsx", sheet="Births", nhs_numbers="spaced"),
)
_PASSPHRASE = "a passphrase of the demonstration"


@dataclass(frozen=True)
class Target:
    """A reader that is to take any bytes; `seeds` are files that it takes, or nearly."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


def rows(
    separator: str = ",", end: str = "\r\n", day: str = "2026-10-03", number: str = "9997786424"
) -> bytes:
    """A CSV file of two births, whose every text is the canary."""
    return end.join(separator.join(row) for row in _births(day, number)).encode() + end.encode()


def _births(day: str = "2026-10-03", number: str = "9997786424") -> list[list[str]]:
    contract = contract_of("births")
    values = {
        "nhs_number": number,
        "live_or_still_birth": "1",
        "number_of_births": "1",
        "consent_status": "given",
    }
    dates = contract.of_type("date")
    coded = [column.name for column in contract.columns if column.codes]
    empty = dict.fromkeys(coded, "") | dict.fromkeys(dates, day)
    birth = [values.get(name, empty.get(name, CANARY)) for name in contract.names]
    return [list(contract.names), birth, birth]


def _csv(content: bytes) -> object:
    layout = _LAYOUTS[content[0] % 3] if content else _LAYOUTS[0]
    return read_csv(content[1:], contract=contract_of("births"), profile=layout, where="fuzz")


def _csv_seeds() -> list[bytes]:
    quoted = rows().replace(CANARY.encode(), f'"{CANARY} ""said"", \r\n twice"'.encode())
    return [
        b"\x00" + rows(),
        b"\x00" + quoted,
        b"\x00\xef\xbb\xbf" + rows(end="\n"),
        b"\x01Births\r\n" + rows(";"),
        b"\x02" + rows("|", day="03/10/2026", number="999 778 6424") + b"END,2",
    ]


def _workbook(content: bytes) -> object:
    layout = _BOOKS[content[0] % 3] if content else _BOOKS[0]
    return read_workbook(content[1:], contract=contract_of("births"), layout=layout, where="fuzz")


def _workbook_seeds() -> list[bytes]:
    above = [["Births", CANARY], [], *_births("20261003")]
    return [
        b"\x00" + books.table(_births()),
        b"\x01" + books.table(above),
        b"\x02" + _stored(books.table(_births())),
    ]


def _stored(content: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return books.workbook(parts, packed=zipfile.ZIP_STORED)


def _sheet(content: bytes) -> object:
    return _workbook(
        content[:1] + books.workbook({books.SHEET: content[1:], books.TEXTS: books.texts(CANARY)})
    )


def _sheet_seeds() -> list[bytes]:
    cells = [
        books.number(9997786424), books.number(46298, books.DATE), books.number("46298.5", books.MOMENT),
        books.number("0.5", books.TIME), '<c t="s"><v>0</v></c>', '<c t="b"><v>1</v></c>',
        '<c t="e"><v>#N/A</v></c>', '<c t="d"><v>2026-10-03</v></c>', '<c t="str"><f>A1</f><v>x</v></c>',
        f'<c t="inlineStr"><is><r><t>{CANARY}</t></r><rPh><t>_x000D_</t></rPh></is></c>',
    ]  # fmt: skip
    births = _births()
    different = [[*cells, *birth[len(cells) :]] for birth in births[1:]]
    hidden = '<cols><col min="2" max="3" hidden="1"/></cols>'
    after = '<mergeCells><mergeCell ref="A1:B2"/></mergeCells><autoFilter><filterColumn/></autoFilter>'
    return [
        b"\x00" + books.sheet(books.lines(births)).encode(),
        b"\x00" + books.sheet(books.lines([births[0], *different]), before=hidden, after=after).encode(),
        b"\x01" + books.sheet(books.lines([[CANARY], [], *_births("20261003")])).encode(),
    ]


_PARTS = (books.BOOK, books.RELATED, books.ROOT_RELATED, books.STYLES, books.TEXTS, books.TYPES)


def _part(content: bytes) -> object:
    name = _PARTS[content[0] % len(_PARTS)] if content else books.BOOK
    texts = [f'<c t="s" s="{style}"><v>0</v></c>' for style in range(4)]
    with_texts = books.sheet(books.lines([_births()[0], texts, [books.number(46298, 1)] * 3]))
    package = books.workbook({books.SHEET: with_texts, books.TEXTS: books.texts(CANARY), name: content[1:]})
    return _workbook(b"\x00" + package)


def _part_seeds() -> list[bytes]:
    usual = books.usual() | {books.TEXTS: books.texts(CANARY, "_x0041_")}
    return [bytes([at]) + usual[name].encode() for at, name in enumerate(_PARTS)]


def _messages() -> list[bytes]:
    name = {"use": "official", "family": CANARY, "given": [CANARY]}
    named = [name]
    told = [messages.death(), messages.move(), messages.death(name=named), messages.birth(name=named)]
    written = [form(one) for one in told for form in (messages.as_json, messages.as_xml)]
    half = messages.as_json(messages.birth(name=[name | {"family": f"\ud800{CANARY}"}]))
    return [*written, half, messages.as_json(*told), messages.as_json(messages.collection(*told))]


def _zip(content: bytes) -> object:
    file = _scratch() / "sealed.zip"
    file.write_bytes(content)
    return open_unsigned_zip(file, first_seen=_NOW, passphrase=_PASSPHRASE, max_bytes=1 << 20)


def _zip_seeds() -> list[bytes]:
    file = _scratch() / "seed.zip"
    found = []
    for packed in (pyzipper.ZIP_STORED, pyzipper.ZIP_DEFLATED):
        with pyzipper.AESZipFile(file, "w", compression=packed, encryption=pyzipper.WZ_AES) as archive:
            archive.setpassword(_PASSPHRASE.encode())
            archive.writestr("births.csv", rows())
        found.append(file.read_bytes())
    return found


def _profile(content: bytes) -> object:
    (_scratch() / "fuzz.yaml").write_bytes(content)
    return load_profile("fuzz", contract_of("births"), own=_scratch())


def _profile_seeds() -> list[bytes]:
    from pipeline.intake.profiles import PROFILES

    return [file.read_bytes() for file in sorted(PROFILES.glob("*.yaml"))]


def _packets() -> list[bytes]:
    """Packets of OpenPGP of either format, whole, in parts, cut off; see RFC 4880, 4.2."""
    old, partial = b"\x84\x05abcde\x9d\x00\x02ab", b"\xd2\xe1ab\xe0a\x03abc"
    return [
        old,
        partial,
        old + partial + b"\xd2\xc0\x10" + b"a" * 208,
        b"-----BEGIN PGP MESSAGE-----\n\nYQ==",
    ]


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="bs-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


TARGETS = {
    "csv": Target(_csv, _csv_seeds),
    "workbook": Target(_workbook, _workbook_seeds),
    "sheet": Target(_sheet, _sheet_seeds),
    "part": Target(_part, _part_seeds),
    "tree": Target(lambda content: list(read_resources(content, where="fuzz")), _messages),
    "changes": Target(lambda content: read_messages(content, zone=_LONDON, where="fuzz"), _messages),
    "births": Target(lambda content: read_births(content, zone=_LONDON, where="fuzz"), _messages),
    "packets": Target(is_cut_off, _packets),
    "zip": Target(_zip, _zip_seeds),
    "profile": Target(_profile, _profile_seeds),
}
