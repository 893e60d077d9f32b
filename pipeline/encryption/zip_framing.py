"""What a zip is made of, read strictly: one encrypted file from the first byte to the last, or nothing.

A zip says everything twice, at its files and in the list at its end, and programs differ in whom they
believe. So a zip could show one file to a scanner and another to us. Here both must say the same, and
nothing may stand before, between or after. See PKWARE's APPNOTE, and "AE-1 and AE-2" by WinZip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from pipeline.encryption.opening import SealProblem

_FILE, _LISTED, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END_64, _LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"
# Their fields are those of the APPNOTE, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16.
_FILE_HEADER = Struct("<4s5H3L2H")
_LIST_HEADER = Struct("<4s6H3L5H2L")
_END_RECORD = Struct("<4s4H2LH")
_END_RECORD_64 = Struct("<4sQ2H2L4Q")
_LOCATOR = Struct("<4sLQL")
_EXTRA = Struct("<2H")
_AES = Struct("<H2sBH")
_SIZES_64, _AES_EXTRA = 0x0001, 0x9901
_IN_EXTRA_16, _IN_EXTRA_32 = 0xFFFF, 0xFFFFFFFF  # the true number stands in a field for large files
_ENCRYPTED, _SIZES_BEHIND, _OTHER_ENCRYPTION = 0x0001, 0x0008, 0x2040  # flags
_METHOD_AES = 99
_AES_256 = 3
_AE_1, _AE_2 = 1, 2
STORED, DEFLATED = 0, 8
_BEHIND = {12, 16, 20, 24}  # bytes of the sizes behind a file: with or without a mark, 32 or 64 bits
_NOT_IN_A_NAME = re.compile(rb"[\x00-\x1f\x7f/\\:]")
_FOLDER = (b"/", b"\\")


class NotOneFile(Exception):
    """The bytes are not a zip of one file that AES-256 encrypts; `problem` says why."""

    def __init__(self, problem: SealProblem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(frozen=True)
class Entry:
    """The one file of a zip, as it is stored. Nobody vouches for `size`, `checksum` and how it is packed."""

    data: memoryview = field(repr=False)  # salt, check of the passphrase, ciphertext, its code
    method: int  # STORED or DEFLATED
    size: int  # in bytes, opened
    checksum: int | None  # CRC-32 of what is inside, where the format's version has one


@dataclass(frozen=True)
class _Listed:
    """What the list at the end says of a file."""

    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    name: bytes
    extras: dict[int, bytes] = field(repr=False)


def only_entry(content: bytes) -> Entry:
    """The one file of a zip; raises NotOneFile for everything else."""
    start, end = _list_place(content)
    listed = _listed(content, start, end)
    _check_name(listed.name)
    _check_encryption(listed)
    version, method = _aes(listed.extras)
    begins = _begins(content, listed)
    behind = start - begins - listed.packed
    if behind not in (_BEHIND if listed.flags & _SIZES_BEHIND else {0}):
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    checksum = listed.checksum if version == _AE_1 or listed.checksum else None
    return Entry(memoryview(content)[begins : begins + listed.packed], method, listed.size, checksum)


def _list_place(content: bytes) -> tuple[int, int]:
    """Where the list begins and ends; the zip's end is the content's."""
    place = len(content) - _END_RECORD.size
    if place < 0 or content[place : place + 4] != _END:
        raise NotOneFile(_without_end(content))
    _, disk, other_disk, here, files, size, start, comment = _END_RECORD.unpack_from(content, place)
    if _IN_EXTRA_16 in (here, files) or _IN_EXTRA_32 in (size, start):
        disk, other_disk, here, files, size, start, place = _large_end(content, place)
    if files == 0 and size == 0:
        raise NotOneFile(SealProblem.NO_FILE)
    if comment or disk or other_disk or here != files or start + size != place:
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    if files > 1:
        raise NotOneFile(SealProblem.SEVERAL_FILES)
    return start, place


def _without_end(content: bytes) -> SealProblem:
    if content.startswith(_FILE):
        return SealProblem.SOMETHING_AROUND if _END in content else SealProblem.TRUNCATED
    return SealProblem.SOMETHING_AROUND if _FILE in content and _END in content else SealProblem.NOT_ZIP


def _large_end(content: bytes, place: int) -> tuple[int, int, int, int, int, int, int]:
    """What the end record of a zip of the 64-bit kind says, and where that record stands."""
    locator = place - _LOCATOR.size
    if locator < 0 or content[locator : locator + 4] != _LOCATOR_64:
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    _, _, record, disks = _LOCATOR.unpack_from(content, locator)
    if disks > 1 or record + _END_RECORD_64.size != locator or content[record : record + 4] != _END_64:
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    _, _, _, _, disk, other, here, files, size, start = _END_RECORD_64.unpack_from(content, record)
    return disk, other, here, files, size, start, record


def _listed(content: bytes, start: int, end: int) -> _Listed:
    if end - start < _LIST_HEADER.size or content[start : start + 4] != _LISTED:
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    _, _, _, flags, method, _, _, *numbers = _LIST_HEADER.unpack_from(content, start)
    checksum, packed, size, in_name, in_extras, in_comment, disk, _, _, place = numbers
    name_at = start + _LIST_HEADER.size
    extras_at = name_at + in_name
    if extras_at + in_extras + in_comment != end:
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    extras = dict(_extras(content[extras_at : extras_at + in_extras]))
    larger = _large_numbers(extras.get(_SIZES_64, b""))
    size, packed, place = (
        next(larger, -1) if number == _IN_EXTRA_32 else number for number in (size, packed, place)
    )
    if place != 0 or packed < 0 or size < 0 or disk not in (0, _IN_EXTRA_16):
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    return _Listed(flags, method, checksum, packed, size, content[name_at:extras_at], extras)


def _large_numbers(extra: bytes) -> Iterator[int]:
    return (int.from_bytes(extra[at : at + 8], "little") for at in range(0, len(extra) - 7, 8))


def _extras(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The further fields of a file, by their number."""
    while content:
        if len(content) < _EXTRA.size:
            raise NotOneFile(SealProblem.SOMETHING_AROUND)
        number, length = _EXTRA.unpack_from(content)
        yield number, content[_EXTRA.size : _EXTRA.size + length]
        content = content[_EXTRA.size + length :]


def _check_name(name: bytes) -> None:
    if name.endswith(_FOLDER):
        raise NotOneFile(SealProblem.NO_FILE)
    if name in (b"", b".", b"..") or _NOT_IN_A_NAME.search(name):
        raise NotOneFile(SealProblem.NAME_WITH_PATH)


def _check_encryption(listed: _Listed) -> None:
    if not listed.flags & _ENCRYPTED:
        raise NotOneFile(SealProblem.IN_THE_CLEAR)
    if listed.flags & _OTHER_ENCRYPTION or listed.method != _METHOD_AES:
        raise NotOneFile(SealProblem.WEAK_ENCRYPTION)


def _aes(extras: dict[int, bytes]) -> tuple[int, int]:
    """The version of the format, and how the file is compressed."""
    extra = extras.get(_AES_EXTRA, b"")
    if len(extra) != _AES.size:
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    version, vendor, strength, method = _AES.unpack(extra)
    if vendor != b"AE" or version not in (_AE_1, _AE_2) or strength != _AES_256:
        raise NotOneFile(SealProblem.WEAK_ENCRYPTION)
    if method not in (STORED, DEFLATED):
        raise NotOneFile(SealProblem.OTHER_METHOD)
    return version, method


def _begins(content: bytes, listed: _Listed) -> int:
    """Where the file's data begin; what stands before them must say what the list says."""
    if len(content) < _FILE_HEADER.size or not content.startswith(_FILE):
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    _, _, flags, method, _, _, *numbers, in_name, in_extras = _FILE_HEADER.unpack_from(content)
    extras_at: int = _FILE_HEADER.size + in_name
    begins: int = extras_at + in_extras
    name = content[_FILE_HEADER.size : extras_at]
    extras = dict(_extras(content[extras_at:begins]))
    same = (flags, method, name, extras.get(_AES_EXTRA)) == (
        listed.flags, listed.method, listed.name, listed.extras.get(_AES_EXTRA),
    )  # fmt: skip
    if not same or not _same_numbers(numbers, extras, listed):
        raise NotOneFile(SealProblem.SOMETHING_AROUND)
    return begins


def _same_numbers(numbers: list[int], extras: dict[int, bytes], listed: _Listed) -> bool:
    """Whether checksum and sizes before the data are those of the list, or left for behind the data."""
    checksum, packed, size = numbers
    larger = _large_numbers(extras.get(_SIZES_64, b""))
    size, packed = (next(larger, -1) if number == _IN_EXTRA_32 else number for number in (size, packed))
    pairs = (checksum, listed.checksum), (packed, listed.packed), (size, listed.size)
    later = bool(listed.flags & _SIZES_BEHIND)
    return all(here == there or (later and here == 0) for here, there in pairs)
