"""One visit to the folder at an SFTP server where a supplier's files wait.

    looked at → whole? → read into a part file → its digest, twice → into the inbox, in one step → the ledger
        → acknowledged at the server → archived there, or removed, as was agreed

Killed after any of these steps, the next run comes to the same end: what the ledger knows is not fetched
again, and what is not put away yet is put away then. A file that is not whole waits. Nothing is opened here:
whether a file can be trusted is asked when it is opened (`pipeline.steps.receiving`).

At the server lie, beside the supplier's own files:

    NAME.<12 digits of its SHA-256>.received    what we have, as `sha256sum` writes it
    NAME.done                                   the supplier's, where a marker says that NAME is whole
    SHA256SUMS                                  the supplier's, where a list of digests says so
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BirthshareError, IntegrityError, NotAllDelivered
from pipeline.home import Inbox
from pipeline.intake.arrivals import (
    SIGNATURES,
    another_name,
    is_expected,
    is_feed,
    signatures_of,
    signed_name,
)
from pipeline.intake.profiles import SupplierFiles, files_of
from pipeline.ledger.entries import Entry, FileFetched
from pipeline.outside.places import put
from pipeline.steps.desk import Desk
from pipeline.steps.receiving import fetched
from pipeline.suppliers.fetch_problems import NotWhole, told
from pipeline.wording import SHOWN

if TYPE_CHECKING:
    from pipeline.delivery.sftp import FarSide, Found

MOST_NAMES = 10_000  # in a supplier's folder
_LARGEST_LIST = 1 << 20  # bytes of a list of digests
_LARGEST_SIGNATURE = 1 << 16
_SLACK = 1 << 20  # bytes that a sealed file may have beyond twice what it may open to
_MARKER, _RECEIVED = ".done", ".received"
_SAFE_NAME = re.compile(r"[^./\\][^/\\]{0,199}")
_DIGEST_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64}) [ *](?P<name>.+)")


@dataclass
class Fetched:
    """What a visit to a supplier's place came to, in counts."""

    supplier: str
    files: int = 0  # that are new, and in the inbox now
    again: int = 0  # that had come before
    waiting: int = 0  # that are expected, and not whole yet
    others: int = 0  # under names that nobody expects, or that are no files: left as they are
    problem: BirthshareError | None = None  # why something that is whole may not be here
    untidy: BirthshareError | None = None  # why something that came could not be acknowledged or put away


@dataclass
class _Came:
    """A file of the supplier's, read into a part file in the inbox."""

    name: str
    part: Path
    sha256: str
    size: int


@dataclass
class Visit:
    """One session in one supplier's folder."""

    desk: Desk
    supplier: str
    inbox: Inbox
    side: FarSide
    told: Fetched
    problem: BirthshareError | None = field(default=None, init=False)

    def collect(self) -> BirthshareError | None:
        """Bring what is whole; gives why something may not be here, if so."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = self._look()
        wanted = [name for name in sorted(there) if self._is_wanted(name)]
        whole = self._whole(wanted, there) if wanted else {}
        for name in wanted:
            parts = self._parts(name, there)
            if name in whole and parts:
                self._take(name, parts, there, whole[name])
            else:
                self._waits(name)
        self._tidy_up(there)
        return self.problem

    @cached_property
    def folder(self) -> Path:
        """The home's inbox of this supplier."""
        return self.desk.home.inbox(self.supplier)

    @cached_property
    def files(self) -> SupplierFiles:
        """How this supplier's files are named and sealed."""
        return files_of(self.desk.home, self.supplier)

    # --- what is there

    def _look(self) -> dict[str, Found]:
        """The plain files in the folder; a link or a folder may have any name, and is none of ours."""
        found = self.side.found(MOST_NAMES)
        there = {one.name: one for one in found if one.is_file and _is_safe(one.name)}
        ours = {self.inbox.manifest} if self.inbox.whole_when == "manifest" else set()
        known = [one for one in found if one.name.startswith(".") or one.name.endswith((_MARKER, _RECEIVED))]
        left = {one.name for one in found} - ours - {one.name for one in known} - {self.inbox.archive}
        self.told.others = sum(name not in there or not self._is_expected(name) for name in left)
        return there

    def _is_expected(self, name: str) -> bool:
        return is_expected(name, self.supplier, self.files)

    def _is_wanted(self, name: str) -> bool:
        """Whether it is a file to fetch; a signature comes with its file."""
        return self._is_expected(name) and not self._is_signature(name)

    def _is_signature(self, name: str) -> bool:
        return self.files.sealed == "zip" and signed_name(name) != name

    def _parts(self, name: str, there: Mapping[str, Found]) -> list[str]:
        """The file and the signatures beside it; nothing where it lacks the signature that it needs."""
        if self.files.sealed != "zip":
            return [name]
        beside = [name + ending for ending in SIGNATURES if name + ending in there]
        unsigned = self.desk.home.settings.suppliers[self.supplier].unsigned
        return [*beside, name] if beside or unsigned else []

    def _whole(self, wanted: Collection[str], there: dict[str, Found]) -> dict[str, str]:
        """The files that are whole, with the digest that their bytes must have, or ""."""
        if self.inbox.whole_when == "marker":
            return {name: "" for name in wanted if name + _MARKER in there}
        if self.inbox.whole_when == "manifest":
            digests = self._digests(there)
            return {name: digests[name] for name in wanted if name in digests}
        self.desk.wait(self.inbox.still_seconds)
        later = self._look()
        still = (
            name for name in wanted if all(there[one] == later.get(one) for one in self._parts(name, there))
        )
        return dict.fromkeys(still, "")

    def _digests(self, there: Mapping[str, Found]) -> dict[str, str]:
        if self.inbox.manifest not in there:
            return {}
        text = self.side.read(self.inbox.manifest, _LARGEST_LIST).decode("utf-8", "replace")
        lines = [_DIGEST_LINE.fullmatch(line) for line in text.splitlines()]
        return {match["name"].removeprefix("./"): match["digest"].lower() for match in lines if match}

    def _waits(self, name: str) -> None:
        self.told.waiting += 1
        if is_feed(name, self.supplier, self.files):
            self.problem = self.problem or NotWhole(
                "A feed of changes lies at the supplier's server and is not whole yet: it may hold a death",
                where=f"{self.supplier}, {self.inbox.host}:{self.inbox.port}, {name}",
                do="Try again in a few minutes. If it stays so, ask the supplier to finish sending it.",
            )

    # --- what is taken

    def _take(self, name: str, parts: list[str], there: Mapping[str, Found], wanted: str) -> None:
        """One file with its signatures, from the server into the inbox, the ledger, and the archive."""
        from pipeline.delivery.problems import DeliveryFailed

        came: list[_Came] = []
        try:
            for one in parts:
                came.append(self._read(there[one]))
            main = came[-1]
            if wanted and main.sha256 != wanted:
                raise _Changed
            self._keep(main, came[:-1])
        except _Changed:
            self._waits(name)
            return
        except DeliveryFailed as failed:
            if failed.passing or not self.side.is_open:
                raise
            self.problem = self.problem or told(failed)
            return
        finally:
            for one in parts:
                self._part(one).unlink(missing_ok=True)
        self._put_away(main, parts[:-1], there)

    def _part(self, name: str) -> Path:
        return self.folder / f".{name}.part"

    def _read(self, of: Found) -> _Came:
        """A file in a part file, as it was when it was looked at; raises _Changed where it is another now."""
        part, digest, size = self._part(of.name), hashlib.sha256(), 0
        self._check_size(of)
        how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(part, how, 0o600), "wb") as file:
            for piece in self.side.pieces(of.name, self._limit(of.name)):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if size != of.size or self.side.stated(of.name) != of:
            raise _Changed
        if _sha256(part) != digest.hexdigest():
            raise IntegrityError(
                "The disk gave back other bytes than were written",
                where=str(self.folder),
                do="Nothing was taken over. Look at the disk, then try again.",
            )
        return _Came(of.name, part, digest.hexdigest(), size)

    def _limit(self, name: str) -> int:
        if self._is_signature(name):
            return _LARGEST_SIGNATURE
        return 2 * self.desk.home.settings.suppliers[self.supplier].max_bytes + _SLACK

    def _check_size(self, of: Found) -> None:
        from pipeline.delivery.problems import DeliveryFailed, Problem

        if (of.size or 0) > self._limit(of.name):
            raise DeliveryFailed(Problem.TOO_LARGE, where=f"{self.supplier}, {of.name}")

    def _keep(self, main: _Came, beside: list[_Came]) -> None:
        """Put the file into the inbox and record it, unless the very same came before."""
        signature = beside[0].sha256 if beside else ""
        known = fetched(self.desk.ledger, self.supplier, main.sha256)
        if any(isinstance(e.body, FileFetched) and e.body.signature_sha256 == signature for e in known):
            self.told.again += 1
            return
        self._into_inbox(main, beside)
        self.desk.ledger.append(
            Entry(
                FileFetched(
                    supplier=self.supplier,
                    sealed_sha256=main.sha256,
                    size=main.size,
                    afterwards="removed" if self.inbox.afterwards == "remove" else "archived",
                    signature_sha256=signature,
                )
            ),
            at=self.desk.clock,
        )
        self.told.files += 1

    def _into_inbox(self, main: _Came, beside: list[_Came]) -> None:
        """Give the parts their names, signatures first; a file of that name that is another one stays."""
        number, target = 1, self.folder / main.name
        while os.path.lexists(target) and _sha256(target) != main.sha256:
            number += 1
            target = self.folder / another_name(main.name, number)
        for old in signatures_of(target):
            old.unlink()
        for one in beside:
            one.part.replace(target.with_name(target.name + one.name.removeprefix(main.name)))
        main.part.replace(target)
        _sync(self.folder)

    # --- what is put away

    def _put_away(self, main: _Came, beside: Collection[str], there: Mapping[str, Found]) -> None:
        """Say at the server what we have, then archive or remove it: the file first, its marker last."""
        try:
            self._acknowledge(main)
            if self.side.stated(main.name) != there[main.name]:
                return  # another has come in its place meanwhile: it is the next visit's
            for name in (main.name, *beside, *({main.name + _MARKER} & there.keys())):
                self._away(name, main.sha256)
        except NotAllDelivered as failed:
            self._is_untidy(failed)

    def _acknowledge(self, main: _Came) -> None:
        name = f"{main.name}.{main.sha256[:SHOWN]}{_RECEIVED}"
        put(self.side, name, f"{main.sha256}  {main.name}\n", where=self.supplier)

    def _away(self, name: str, sha256: str) -> None:
        if self.inbox.afterwards == "remove":
            self.side.remove(name)
            return
        from pipeline.delivery.problems import DeliveryFailed, Problem

        folder = self.side.stated(self.inbox.archive)
        if folder is None:
            self.side.make_folder(self.inbox.archive)
        elif not folder.is_folder:
            raise DeliveryFailed(Problem.NOT_PLACED, where=f"{self.supplier}, {self.inbox.archive}")
        for free in _names_in_archive(name, sha256):
            if self.side.stated(f"{self.inbox.archive}/{free}") is None:
                self.side.move(name, f"{self.inbox.archive}/{free}")
                return

    def _tidy_up(self, there: Mapping[str, Found]) -> None:
        """Put away what a run that was killed left: signatures and markers whose file is put away already."""
        received = [name for name in there if name.endswith(_RECEIVED)]
        try:
            for name in there:
                of = signed_name(name) if self._is_signature(name) else name.removesuffix(_MARKER)
                orphan = of != name and of not in there and self._is_expected(of)
                if orphan and any(one.startswith(f"{of}.") for one in received):
                    self._away_if_orphaned(name, of)
        except NotAllDelivered as failed:
            self._is_untidy(failed)

    def _away_if_orphaned(self, name: str, of: str) -> None:
        """A look at a folder takes a while: the file may have come during it."""
        if self.side.stated(of) is None:
            self._away(name, hashlib.sha256(name.encode()).hexdigest())

    def _is_untidy(self, failed: NotAllDelivered) -> None:
        from pipeline.delivery.problems import DeliveryFailed

        if isinstance(failed, DeliveryFailed) and (failed.passing or not self.side.is_open):
            raise failed
        worded = told(failed) if isinstance(failed, DeliveryFailed) else failed
        self.told.untidy = self.told.untidy or worded


class _Changed(Exception):
    """A file is not the one that was looked at: somebody is still writing it."""


def _is_safe(name: str) -> bool:
    return bool(_SAFE_NAME.fullmatch(name)) and name.isprintable()


def _names_in_archive(name: str, sha256: str) -> Iterator[str]:
    """What a file may be called in the archive: its own name, or others where that is taken."""
    yield name
    for number in range(1, 1000):
        yield f"{name}.{sha256[:SHOWN]}.{number}"


def _sha256(file: Path) -> str:
    """SHA-256 of a file; "" for what is none."""
    if file.is_symlink() or not file.is_file():
        return ""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
