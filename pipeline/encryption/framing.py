"""Whether an OpenPGP file is whole, judged from the outside.

gpg says the same of a file that was cut off as of one that was tampered with. For the people who
must do something about it the two differ: a cut file is an upload that did not finish.
"""

from __future__ import annotations

_ARMOUR = b"-----BEGIN PGP MESSAGE-----"
_ARMOUR_END = b"-----END PGP MESSAGE-----"
_PACKET = 0x80  # every packet begins with this bit set (RFC 4880, 4.2)
_NEW_FORMAT = 0x40


def is_cut_off(sealed: bytes) -> bool:
    """Whether the file ends before its own lengths (or its armour) say that it should."""
    start = sealed[:1024].lstrip()
    if start.startswith(_ARMOUR):
        return _ARMOUR_END not in sealed
    position = 0
    while position < len(sealed):
        tag = sealed[position]
        if not tag & _PACKET:
            return False  # not a packet: damaged or foreign, which is for gpg to say
        body = _new_format if tag & _NEW_FORMAT else _old_format
        position = body(sealed, position)
    return position > len(sealed)


def _old_format(sealed: bytes, position: int) -> int:
    """Where the next packet begins (RFC 4880, 4.2.1)."""
    kind = sealed[position] & 0x03
    if kind == 3:
        return len(sealed)  # of undeclared length: it reaches to the end
    width = 1 << kind
    return _after(sealed, position + 1, width, int.from_bytes(sealed[position + 1 : position + 1 + width]))


def _new_format(sealed: bytes, position: int) -> int:
    """Where the next packet begins, over all its partial lengths (RFC 4880, 4.2.2)."""
    position += 1
    while position < len(sealed) and 224 <= sealed[position] < 255:
        position += 1 + (1 << (sealed[position] & 0x1F))
    if position >= len(sealed):
        return len(sealed) + 1  # a partial length must be followed by another length
    first = sealed[position]
    if first < 192:
        return _after(sealed, position, 1, first)
    if first < 224:
        second = sealed[position + 1] if position + 1 < len(sealed) else 0
        return _after(sealed, position, 2, ((first - 192) << 8) + second + 192)
    return _after(sealed, position, 5, int.from_bytes(sealed[position + 1 : position + 5]))


def _after(sealed: bytes, position: int, width: int, length: int) -> int:
    """Behind a body of `length` bytes whose length stands in `width` bytes at `position`."""
    begins = position + width
    return begins + length if begins <= len(sealed) else len(sealed) + 1
