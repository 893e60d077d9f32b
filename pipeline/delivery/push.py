"""Pushing one sealed list or notice under one permit. A push may be repeated: nothing is sent twice.

A list appears under its name whole or not at all: it is written under a name of its own (its part),
read back, and renamed only while leave for it stands. Leave is recorded with the part's name, and from
then on the part is never removed before the list has arrived. So a later try always knows what became
of an earlier one, whatever was lost in between:

    the list is under its name                         it arrived
    the part is still there                            it was never renamed: that is done now
    neither is there, though leave for the part was    it arrived, and its recipient took it away

That can be told only where the part was put. Of a part at another place, from before the recipient moved,
nobody knows.

Leave can be taken back when the try that has it may still be alive, and about to rename. Then its part is
withdrawn before leave is asked for another list of that name: without its part that try can do nothing more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection
from enum import Enum

from pipeline.delivery.manifest import LIMIT_BYTES, is_manifest_of, manifest_name
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.way import FarSide, Lines, Way, far_side
from pipeline.errors import IntegrityError, Refused
from pipeline.records import Permit, Receipt

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\Z")


class Found(Enum):
    """What became of a list so far, as its recipient's folder tells."""

    THERE = "there"
    TAKEN = "taken"  # it was there, and its recipient took it
    EARLIER = "earlier"  # not yet: an earlier list of ours stands under its name
    NOTHING = "nothing"

    @property
    def arrived(self) -> bool:
        """Whether the list must not be sent again."""
        return self in (Found.THERE, Found.TAKEN)


def push(
    sealed: bytes,
    permit: Permit,
    way: Way,
    *,
    stands: Callable[[str], bool],
    replaces: Collection[str] = (),
    asked: Collection[str] = (),
    elsewhere: Collection[str] = (),
    withdrawn: Collection[str] = (),
    beside: bytes = b"",
    lines: Lines | None = None,
) -> Receipt:
    """Bring exactly the permitted bytes to the recipient, and say what is there.

    `stands` is asked immediately before the list gets its name, with the 16 hexadecimal digits of its
    part, which it must record; False stops the push. `asked` are the parts that it recorded in earlier
    tries here, and `elsewhere` those of tries at another place, which stop the push unless all of them are
    found here all the same. `replaces` holds the SHA-256 digests of earlier lists of ours that may be
    replaced; any other file under that name is left alone. `withdrawn` are the parts of these, for which
    leave was taken back since. `beside` is the list's manifest, which gets its name first. One try: raises
    DeliveryFailed where it does not succeed, IntegrityError where the bytes are not those of the permit,
    SettingsError where our keys cannot be used, and what `stands` raises.
    """
    _check_permitted(sealed, permit)
    with far_side(way, label=permit.recipient, lines=lines) as far:
        one = _Push(far, permit, replaces, [part for part in asked if part], elsewhere)
        found = one.find()
        there = found.arrived
        if not there:
            one.withdraw(withdrawn)
            there, found = one.put(sealed, beside, stands)
        one.clear()
    taken = found is Found.TAKEN
    return Receipt(permit.entry, permit.file_name, permit.sealed_sha256, len(sealed), there, taken)


def find(
    way: Way,
    permit: Permit,
    *,
    replaces: Collection[str] = (),
    asked: Collection[str] = (),
    elsewhere: Collection[str] = (),
    lines: Lines | None = None,
) -> Found:
    """What became of a list so far; changes nothing. The arguments are those of `push`."""
    _check_file_name(permit.file_name)
    with far_side(way, label=permit.recipient, lines=lines) as far:
        return _Push(far, permit, replaces, [part for part in asked if part], elsewhere).find()


def look(way: Way, file_name: str) -> str | None:
    """SHA-256 of what the recipient holds under that name, or None; changes nothing."""
    _check_file_name(file_name)
    with far_side(way) as far:
        return far.digest(file_name)


class _Push:
    """One try at one list, in its recipient's opened folder."""

    def __init__(
        self,
        far: FarSide,
        permit: Permit,
        replaces: Collection[str],
        asked: list[str],
        elsewhere: Collection[str] = (),
    ) -> None:
        self._far, self._permit, self._replaces, self._asked = far, permit, replaces, asked
        self._elsewhere = elsewhere
        self._name, self._where = permit.file_name, f"{permit.recipient}: {permit.file_name}"
        self._parts: list[str] = []  # of earlier tries
        self._has_manifest = False

    def find(self) -> Found:
        """What became of earlier tries; raises DeliveryFailed where something else has the list's name."""
        held = self._far.digest(self._name) if self._may_be_there() else None
        # After an earlier try, read anew: it also tells a folder without the part from no folder.
        names = (
            self._far.names(_beside(self._name)) if self._asked or self._elsewhere else self._known_beside()
        )
        self._has_manifest = manifest_name(self._name) in names
        self._parts = [name for name in names if name != manifest_name(self._name)]
        if held == self._permit.sealed_sha256:
            return Found.THERE
        if held is not None and held not in self._replaces:
            raise DeliveryFailed(Problem.OCCUPIED, where=self._where)
        if not all(self._is_there(_part(self._name, part)) for part in self._asked):
            # Another run may have placed it since we looked.
            there = self._far.digest(self._name) == self._permit.sealed_sha256
            return Found.THERE if there else Found.TAKEN
        if not all(self._is_there(_part(self._name, part)) for part in self._elsewhere):
            raise DeliveryFailed(Problem.MOVED, where=self._where)
        self._asked += [part for part in self._elsewhere if part not in self._asked]
        return Found.NOTHING if held is None else Found.EARLIER

    def _may_be_there(self) -> bool:
        """False for a first try where the folder had no such name; it is asked again before the rename."""
        earlier = self._asked or self._elsewhere
        return bool(earlier) or self._name in self._far.known(self._name)

    def _known_beside(self) -> list[str]:
        near = self._far.known(f".{self._name}.", manifest_name(self._name))
        return [name for name in near if _beside(self._name).fullmatch(name)]

    def withdraw(self, parts: Collection[str]) -> None:
        """Take these parts away, so that whoever had leave for them cannot give them the list's name."""
        for name in (_part(self._name, part) for part in parts):
            # By name, and looked at: some servers do not list it, and some let nobody remove a file.
            self._far.discard(name)
            if self._far.digest(name, otherwise=Problem.PERMISSION) is not None:
                raise DeliveryFailed(Problem.PERMISSION, where=self._where)

    def put(self, sealed: bytes, beside: bytes, stands: Callable[[str], bool]) -> tuple[bool, Found]:
        """Write aside, read back, ask once more, rename; whether somebody else did it, and how it is now."""
        self._clear(keep=self._asked)
        token = self._usable_part() or self._written(sealed)
        part = _part(self._name, token)
        manifest = self._written_beside(beside)
        try:
            if not stands(token):
                raise DeliveryFailed(Problem.SUPERSEDED, where=self._where)
        except (DeliveryFailed, Refused):
            # No leave was recorded. Whatever else is raised, it may have been: then the part stays.
            self._discard(manifest, *([] if token in self._asked else [part]))
            raise
        if manifest:
            self._place_manifest(manifest)
        return self._place(part)

    def clear(self) -> None:
        """Remove what earlier tries left, now that the list has arrived."""
        self._clear(keep=())

    def _place(self, part: str) -> tuple[bool, Found]:
        """Give the list its name. A server may do it and say that it did not."""
        if self._is_placed():  # by another run
            return True, Found.THERE
        try:
            self._far.rename(part, self._name)
        except DeliveryFailed:
            # Only a line that is still open can tell more; on any other the next try finds out.
            if self._is_placed():
                return True, Found.THERE
            if part not in self._far.names(_beside(self._name)) and self._far.digest(part) is None:
                return True, Found.TAKEN
            raise
        self._parts = [name for name in self._parts if name != part]
        return False, Found.THERE

    def _is_placed(self) -> bool:
        """Whether the list has its name; raises DeliveryFailed where something else got it meanwhile."""
        held = self._far.digest(self._name)
        if held is not None and held not in {*self._replaces, self._permit.sealed_sha256}:
            raise DeliveryFailed(Problem.OCCUPIED, where=self._where)
        return held == self._permit.sealed_sha256

    def _place_manifest(self, part: str) -> None:
        if self._has_manifest:
            self._far.discard(manifest_name(self._name))  # some servers rename only to a free name
        self._far.rename(part, manifest_name(self._name))

    def _usable_part(self) -> str:
        """An earlier try's part for which leave was given and which is whole, or ""."""
        for token in self._asked:
            name = _part(self._name, token)
            if self._far.digest(name, otherwise=Problem.ALTERED) == self._permit.sealed_sha256:
                return token
        return ""

    def _written(self, content: bytes) -> str:
        """A new part with these bytes, read back; nothing is left where that fails."""
        token = secrets.token_hex(8)
        part = _part(self._name, token)
        try:
            self._far.write(part, content)
            found = self._far.digest(part, otherwise=Problem.ALTERED)
            if found != self._permit.sealed_sha256:
                problem = Problem.VANISHED if found is None else Problem.ALTERED
                raise DeliveryFailed(problem, where=self._where)
        except BaseException:
            self._far.discard(part)
            raise
        return token

    def _written_beside(self, content: bytes) -> str:
        """The manifest, under a name of its own until the list is about to get its name; "" where none is."""
        if not content:
            return ""
        name = manifest_name(self._name)
        if self._has_manifest and not is_manifest_of(self._far.read(name, LIMIT_BYTES), self._name):
            raise DeliveryFailed(Problem.OCCUPIED, where=f"{self._permit.recipient}: {name}")
        part = _part(name, secrets.token_hex(8))
        try:
            self._far.write(part, content, lasting=False)  # a power cut may cost it, and nothing else
        except BaseException:
            self._far.discard(part)
            raise
        return part

    def _is_there(self, name: str) -> bool:
        # Asked for by name: some servers do not list names that begin with a dot.
        return name in self._parts or self._far.digest(name) is not None

    def _clear(self, *, keep: Collection[str]) -> None:
        kept = {_part(self._name, token) for token in keep}
        self._discard(*(part for part in self._parts if part not in kept))

    def _discard(self, *names: str) -> None:
        for name in filter(None, names):
            self._far.discard(name)


def _check_permitted(sealed: bytes, permit: Permit) -> None:
    """Only the bytes that the permit names, under a name that stays in the recipient's folder."""
    _check_file_name(permit.file_name)
    if not hmac.compare_digest(hashlib.sha256(sealed).hexdigest(), permit.sealed_sha256):
        raise IntegrityError(
            "The sealed list is not the one that the permit names",
            where=f"{permit.recipient}: {permit.file_name}",
            do="Nothing was sent. Run the month again.",
        )


def _check_file_name(file_name: str) -> None:
    if not _FILE_NAME.match(file_name):
        raise IntegrityError("A list's file name may hold only letters, digits, '.', '_' and '-'")


def _part(name: str, token: str) -> str:
    return f".{name}.{token}.part"


def _beside(name: str) -> re.Pattern[str]:
    """A list's manifest, and the parts of both."""
    manifest = re.escape(manifest_name(name))
    return re.compile(rf"{manifest}|\.({re.escape(name)}|{manifest})\.[0-9a-f]{{16}}\.part")
