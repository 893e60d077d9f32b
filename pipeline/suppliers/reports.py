"""A supplier's reports on its rows, sealed for it and brought to it.

    written (steps.receiving) → seal → leave (in the ledger) → push → delivered

As with lists, sealed bytes are kept before leave is recorded, and leave before they are pushed, so that a run
that was killed anywhere is finished by the next. A report holds rows by number and no family: it needs no
approval, and its place and key stand in the supplier's settings, not in the register. One supplier's trouble
holds neither another nor the month; it is told, and tried again by every later run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import custody
from pipeline.errors import BirthshareError, NotAllDelivered, SettingsError, one_to_a_line
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Kind, ReportDelivered, ReportPermitted
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.reports import permit_of
from pipeline.records import Permit, Receipt
from pipeline.steps.desk import Desk
from pipeline.steps.dispatch import endpoint, told
from pipeline.suppliers import waiting
from pipeline.suppliers.waiting import Waiting

if TYPE_CHECKING:
    from pipeline.delivery.way import Lines

Lease = tuple[str, int]  # key and token


@dataclass(frozen=True)
class Brought:
    """How many files of reports are there now that were not before, and why others are not."""

    delivered: int = 0
    failures: tuple[NotAllDelivered, ...] = ()

    @property
    def failure(self) -> NotAllDelivered | None:
        """What to tell, and what to do, where some are not delivered yet."""
        if not self.failures:
            return None
        number = f"{len(self.failures)} report{'s' if len(self.failures) > 1 else ''}"
        what = one_to_a_line(f"Not delivered yet: {number}", sorted(map(str, self.failures)))
        return NotAllDelivered(what, do="Put this right and try again: birthshare intake report --send")


def bring(desk: Desk) -> Brought:
    """Seal and bring every report that waits. No supplier's trouble is raised: it is in the answer, and kept.

    On a machine without the keys for it they wait for one that has them.

    What waits for a supplier whose settings say no place any more is forgotten: it is in the outbox.
    """
    from pipeline.delivery.side_by_side import Task, side_by_side
    from pipeline.delivery.way import Lines

    wanted = [one for one in waiting.found(desk.home) if not _forgotten(desk.home, one)]
    if not wanted or not custody.seals(desk.home):
        return Brought()
    suppliers = {one.supplier for one in wanted}
    with desk.stage("reports"), Lines() as lines:
        work = _Work(desk, suppliers, lines)
        tasks = [Task(one.supplier, 1, partial(work.bring, one)) for one in wanted]
        failures = side_by_side(tasks, desk.home.settings.delivery, wait_for=desk.wait)
    for failure in failures:
        if not isinstance(failure, NotAllDelivered):
            raise failure
    waits = {one.supplier for one in waiting.found(desk.home)}  # another run may have brought it meanwhile
    for supplier in suppliers:
        waiting.say_why(desk.home, supplier, work.why(supplier) if supplier in waits else "")
    return Brought(work.delivered, tuple(work.failures.values()))


@contextmanager
def brought_at_the_end(desk: Desk) -> Iterator[None]:
    """Bring what waits when this block has ended, or was stopped by what is wrong with a supplier's file."""
    try:
        yield
    except BirthshareError:
        bring(desk)
        raise
    bring(desk)


def place_of(home: Home, supplier: str) -> Recipient | None:
    """Where a supplier's reports go, and their key, as of a recipient; None where they stay in the outbox."""
    place = home.settings.suppliers[supplier].reports if supplier in home.settings.suppliers else None
    if place is None:
        return None
    return Recipient(code=supplier, name=supplier, kind="supplier", format="csv", **place.model_dump())


def shown(home: Home, ledger: Ledger) -> list[dict[str, Any]]:
    """Every file of a report that is waiting or was ever to be sent, oldest first.

    Keys: supplier, month ("" for a feed), file, state (waiting, delivered, or given up: it waits no more and
    never arrived), delivered_at, why.
    """
    from pipeline.looking_back.course import written

    arrived = {
        entry.body.permit: entry.at
        for entry in ledger.entries(kinds={Kind.REPORT_DELIVERED})
        if isinstance(entry.body, ReportDelivered)
    }
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for seq, body in _permitted(ledger).items():
        key = body.supplier, body.file_name
        said = rows.setdefault(key, _row(body.supplier, body.month, body.file_name))
        if seq in arrived:
            said |= {"state": "delivered", "delivered_at": written(arrived[seq])}
    for one in waiting.found(home):
        key = one.supplier, one.file_name
        said = rows.setdefault(key, _row(one.supplier, one.month, one.file_name))
        if said["state"] != "delivered":
            said |= {"state": "waiting", "why": waiting.why(home, one.supplier)}
    return list(rows.values())


def _row(supplier: str, month: str, file: str) -> dict[str, Any]:
    about = {"supplier": supplier, "month": month, "file": file}
    return {**about, "state": "given up", "delivered_at": "", "why": ""}


# --- bringing -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _SoFar:
    """The reports so far, by supplier and file name, and which of them arrived."""

    leaves: Mapping[tuple[str, str], list[Permit]] = field(default_factory=dict)  # oldest first
    arrived: frozenset[int] = frozenset()

    @classmethod
    def read(cls, ledger: Ledger) -> _SoFar:
        """As the ledger has it now."""
        leaves: dict[tuple[str, str], list[Permit]] = {}
        for seq, body in _permitted(ledger).items():
            leaves.setdefault((body.supplier, body.file_name), []).append(permit_of(seq, body))
        said = ledger.entries(month="", kinds={Kind.REPORT_DELIVERED})
        arrived = {entry.body.permit for entry in said if isinstance(entry.body, ReportDelivered)}
        return cls(leaves, frozenset(arrived))


class _Work:
    """The reports to the suppliers whose leases are ours."""

    def __init__(self, desk: Desk, suppliers: set[str], lines: Lines) -> None:
        self._desk, self._lines = desk, lines
        self._leases = {code: _taken(desk.ledger, code) for code in sorted(suppliers)}
        self._so_far = _SoFar.read(desk.ledger)  # what stands now that nobody else adds to it
        self.delivered = 0
        self.failures: dict[tuple[str, str], NotAllDelivered] = {}  # by supplier and file

    def why(self, supplier: str) -> str:
        """Why something of this supplier's could not be brought; "" where all was."""
        mine = (str(failure) for (code, _), failure in self.failures.items() if code == supplier)
        return next(mine, "")

    def bring(self, one: Waiting) -> None:
        """Bring one file; raises NotAllDelivered where that cannot be done now."""
        place, name = place_of(self._desk.home, one.supplier), (one.supplier, one.file_name)
        try:
            if place is not None:
                self._bring(one, place)
            self.failures.pop(name, None)
        except (NotAllDelivered, SettingsError) as error:
            self.failures[name] = failure = told(error, f"report to {one.supplier}", None)
            raise failure from None

    def _bring(self, one: Waiting, place: Recipient) -> None:
        leaves = self._so_far.leaves.get((one.supplier, one.file_name), [])
        if not self._is_there(leaves, place):
            self._push(one, place, leaves)
            self.delivered += 1
        one.forget()

    def _is_there(self, leaves: list[Permit], place: Recipient) -> bool:
        """Whether it arrived before, whatever became of the bytes that were sealed then.

        What lies at a former place counts for nothing: a second report does no harm.
        """
        from pipeline.delivery.push import find

        if any(leave.entry in self._so_far.arrived for leave in leaves):
            return True
        if not leaves:
            return False
        newest = leaves[-1]
        found = find(
            endpoint(self._desk.home, place),
            newest,
            replaces=_digests(leaves[:-1]),
            asked=self._desk.ledger.asked(newest, place=place.place),
            lines=self._lines,
        )
        if found.arrived:
            there = Receipt(newest.entry, newest.file_name, newest.sealed_sha256, size=0, found_there=True)
            self._arrived(there)
            self.delivered += 1
        return found.arrived

    def _push(self, one: Waiting, place: Recipient, leaves: list[Permit]) -> None:
        from pipeline.delivery.push import push

        ledger, (key, token) = self._desk.ledger, self._leases[one.supplier]
        sealed, leave = self._permitted(one, self._desk.home.at(place.key), leaves)
        receipt = push(
            sealed,
            leave,
            endpoint(self._desk.home, place),
            stands=lambda part: ledger.publish_report(
                leave, key, token, at=self._desk.clock, part=part, place=place.place
            ),
            replaces=_digests(leaves) - {leave.sealed_sha256},
            asked=ledger.asked(leave, place=place.place),
            lines=self._lines,
        )
        self._arrived(receipt)

    def _permitted(self, one: Waiting, key: Path, leaves: list[Permit]) -> tuple[bytes, Permit]:
        """The sealed bytes, and leave for exactly these: an earlier try's, or made anew."""
        from pipeline.encryption.sealing import seal_openpgp

        sealed = one.sealed(key)
        known = [leave for leave in leaves[-1:] if leave.sealed_sha256 == _digest(sealed)]
        if known:
            return sealed, known[0]
        sealed = seal_openpgp(one.plain.read_bytes(), key)
        one.keep_sealed(sealed, key)
        body = ReportPermitted(
            supplier=one.supplier,
            month=one.month,
            file_name=one.file_name,
            sealed_sha256=_digest(sealed),
            about_sha256=one.about_sha256,
        )
        lease = self._leases[one.supplier]
        leave = self._desk.ledger.permit_report(body, at=self._desk.clock, lease=lease)
        leaves.append(leave)
        return sealed, leave

    def _arrived(self, receipt: Receipt) -> None:
        body = ReportDelivered(
            permit=receipt.permit, sha256=receipt.sha256, size=receipt.size, found_there=receipt.found_there
        )
        self._desk.ledger.report_arrived(body, at=self._desk.clock)


def _permitted(ledger: Ledger) -> dict[int, ReportPermitted]:
    said = ledger.entries(month="", kinds={Kind.REPORT_PERMITTED})
    return {entry.seq: entry.body for entry in said if isinstance(entry.body, ReportPermitted)}


def _forgotten(home: Home, one: Waiting) -> bool:
    """Whether nobody wants it any more; it is removed then."""
    gone = place_of(home, one.supplier) is None
    if gone:
        one.forget()
        waiting.say_why(home, one.supplier, "")
    return gone


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digests(leaves: list[Permit]) -> set[str]:
    return {leave.sealed_sha256 for leave in leaves}


def _taken(ledger: Ledger, supplier: str) -> Lease:
    key = f"reports/{supplier}"
    return key, ledger.take(key)
