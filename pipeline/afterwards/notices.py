"""Sealed notices to recipients: about families to take off a list, and about receipts that are missing.

    draft → seal → notice (leave, in the ledger) → push → delivered

As with lists, sealed bytes are kept before leave is recorded, and leave before they are pushed, so that a
run that was killed anywhere is finished by the next. What a notice says is worked out from the entries
that it is about, so one whose bytes are lost, or that was sealed for a key that is no longer the
recipient's, is taken back and made anew. One recipient's trouble never holds another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import agreed
from pipeline.errors import BirthshareError, IntegrityError, NotAllDelivered, SettingsError, one_to_a_line
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import (
    Delivered,
    DeliveryFailed,
    Entry,
    Kind,
    NoticeBody,
    PermitAnnulled,
    PermitBody,
    RecallRaised,
)
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.notices import permit_of
from pipeline.ledger.permits import TakenOver
from pipeline.recipients import register
from pipeline.recipients.statement import part_digest
from pipeline.records import Permit, Receipt
from pipeline.staging import write_whole
from pipeline.steps.desk import Desk
from pipeline.steps.dispatch import arrived, endpoint, told
from pipeline.steps.formats import ENDINGS, seal

if TYPE_CHECKING:
    from pipeline.delivery.way import Lines
    from pipeline.lists.notice import About, Line

Lease = tuple[str, int]  # key and token

_BY_VOICE = (
    "Somebody must tell this place what to do, by a way that is safe: `birthshare recalls show` gives the "
    "lists and references, and `birthshare recalls told` records that it is done."
)


@dataclass(frozen=True)
class Draft:
    """What one recipient is to be told about its lists under one agreement.

    `entries` are those of recalls where it is about recalls, else the permits of the lists.
    """

    about: About
    agreement: str
    recipient: str
    entries: tuple[int, ...]
    due: date
    name: str = ""  # of the notice whose place it takes, without the ending


@dataclass(frozen=True)
class Brought:
    """How many notices are there now that were not before, and why others are not."""

    delivered: int = 0
    failures: tuple[NotAllDelivered, ...] = ()

    def check(self) -> None:
        """Raises NotAllDelivered, which names them, where some are not delivered yet."""
        if self.failures:
            others = "The others are. " if self.delivered else ""
            raise NotAllDelivered(
                one_to_a_line(
                    f"{len(self.failures)} notices are not delivered yet", sorted(map(str, self.failures))
                ),
                do=f"{others}Put this right and try again: birthshare recalls send",
            )


def send(desk: Desk, drafts: Collection[Draft] = ()) -> int:
    """As `bring`; the answer is how many are there now that were not before.

    Raises NotAllDelivered when some could not be made or brought; the others are there.
    """
    brought = bring(desk, drafts)
    brought.check()
    return brought.delivered


def bring(desk: Desk, drafts: Collection[Draft] = ()) -> Brought:
    """Make these notices and bring them, and all that wait from before, to their recipients.

    A draft about what a standing notice says already adds nothing. What could not be made or brought is
    recorded in the ledger.
    """
    from pipeline.delivery.way import Lines

    so_far = SoFar.read(desk.ledger)
    _forget_delivered(desk.home, so_far)
    codes = {draft.recipient for draft in drafts} | {notice.recipient for notice in so_far.waiting}
    if not codes:
        return Brought()
    leases = {code: _taken(desk.ledger, code) for code in sorted(codes)}
    with Lines() as lines:
        work = _Work(desk, leases, lines)  # reads what stands now that nobody else adds to it
        work.make_ready(drafts)
        work.bring()
    return Brought(work.delivered, tuple(work.failures))


def record_told(desk: Desk, recipient: str, *, due: date, principal: str, note: str = "") -> int:
    """Record that a person told a recipient of its recalls that wait, and heard that they are done.

    The answer is how many notices this makes, one for each agreement; those that wait to be brought are
    taken back.
    """
    lease = _taken(desk.ledger, recipient)
    for notice in SoFar.read(desk.ledger).waiting:
        if notice.recipient == recipient:
            desk.ledger.annul_notice(notice, at=desk.clock, lease=lease)
    mine = {seq: one for seq, one in untold(desk.ledger).items() if one.recipient == recipient}
    for agreement in sorted({one.agreement for one in mine.values()}):
        entries = tuple(seq for seq, one in mine.items() if one.agreement == agreement)
        body = NoticeBody(
            about="recall",
            agreement=agreement,
            recipient=recipient,
            file_name=f"recall_{agreement}_{recipient}_{desk.now.date()}_{entries[0]}.told",
            sealed_sha256="",
            entries=entries,
            due=due,
            told_by=principal,
        )
        desk.ledger.give_notice(body, at=desk.clock, lease=lease, note=note)
    return len({one.agreement for one in mine.values()})


def untold(ledger: Ledger) -> dict[int, RecallRaised]:
    """The recalls that no standing notice is about, by the number of their entry."""
    so_far = SoFar.read(ledger)
    told_of = {entry for body in so_far.notices.values() if body.about == "recall" for entry in body.entries}
    return {seq: recall for seq, recall in so_far.recalls.items() if seq not in told_of}


def code_of(key: bytes, file_name: str) -> str:
    """What stands inside the notice of that file name, and in the answer to it."""
    from pipeline.lists.references import receipt_code

    return receipt_code(key, file_name.split(".")[0], [])


def folder(home: Home) -> Path:
    """Where sealed notices wait until they are delivered; only their recipients can open them."""
    return home.state / "notices"


# --- what stands in the ledger --------------------------------------------------------------------


@dataclass(frozen=True)
class SoFar:
    """The notices so far, and what they can be about."""

    notices: dict[int, NoticeBody] = field(default_factory=dict)  # those that stand
    annulled: list[NoticeBody] = field(default_factory=list)
    delivered: set[int] = field(default_factory=set)
    permits: dict[int, tuple[PermitBody, str]] = field(default_factory=dict)  # with the month
    recalls: dict[int, RecallRaised] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger) -> SoFar:
        """As the ledger has it now."""
        so_far = cls()
        kinds = {Kind.NOTICE, Kind.PERMIT_ANNULLED, Kind.DELIVERED, Kind.PERMIT, Kind.RECALL_RAISED}
        for entry in ledger.entries(kinds=kinds):
            body = entry.body
            if isinstance(body, NoticeBody):
                so_far.notices[entry.seq] = body
                if body.told_by:
                    so_far.delivered.add(entry.seq)
            elif isinstance(body, PermitAnnulled) and body.permit in so_far.notices:
                so_far.annulled.append(so_far.notices.pop(body.permit))
            elif isinstance(body, Delivered):
                so_far.delivered.add(body.permit)
            elif isinstance(body, PermitBody):
                so_far.permits[entry.seq] = body, entry.month
            elif isinstance(body, RecallRaised):
                so_far.recalls[entry.seq] = body
        return so_far

    @property
    def waiting(self) -> list[Permit]:
        """The notices that are not known to have arrived."""
        return [permit_of(seq, body) for seq, body in self.notices.items() if seq not in self.delivered]

    def new(self, draft: Draft) -> tuple[int, ...]:
        """The entries of a draft that no notice is about: none ever, or, of a reminder, none that waits."""
        others = {
            entry
            for seq, body in list(self.notices.items())  # others are made side by side with this one
            for entry in body.entries
            if body.about == draft.about and (draft.about == "recall" or seq not in self.delivered)
        }
        return tuple(sorted(set(draft.entries) - others))

    def lines(self, about: About, entries: Iterable[int]) -> tuple[Line, ...]:
        """The lists, and of recalls the rows, that the entries are about; each once, oldest month first."""
        from pipeline.lists.notice import Line

        found = set()
        for entry in entries:
            recall = self.recalls[entry] if about == "recall" else None
            permit, month = self.permits[recall.permit if recall else entry]
            found.add(Line(permit.file_name, month, recall.reference if recall else ""))
        return tuple(sorted(found, key=lambda line: (line.month, line.list_file, line.reference)))


# --- making and bringing --------------------------------------------------------------------------


class _Work:
    """The notices of the recipients whose leases are ours."""

    def __init__(self, desk: Desk, leases: dict[str, Lease], lines: Lines) -> None:
        self._desk, self._leases, self._lines = desk, leases, lines
        self._so_far = SoFar.read(desk.ledger)
        signed = sorted(agreed.as_signed(desk.home, desk.ledger).items())
        self._titles = {name: agreement.title for (name, _), agreement in signed}
        self._again: list[Draft] = []
        self.delivered = 0
        self.failures: list[NotAllDelivered] = []

    def make_ready(self, drafts: Collection[Draft]) -> None:
        """Take back what cannot be brought as it is; make that anew, and the drafts."""
        for code in self._leases:
            self._forget_leftovers(code)
        stale = [one for one in self._waiting() if not self._is_ready(one)]
        self._do("notices again", [(one, partial(self._take_back, one)) for one in stale])
        wanted = [*self._again, *drafts]
        self._do("sealing notices", [(draft, partial(self._make, draft)) for draft in wanted])

    def bring(self) -> None:
        """Bring all that wait and are ready."""
        ready = [one for one in self._waiting() if self._is_ready(one)]
        self._do("notices", [(one, partial(self._push, one)) for one in ready])

    def _waiting(self) -> list[Permit]:
        return [one for one in self._so_far.waiting if one.recipient in self._leases]

    def _do(self, stage: str, steps: Sequence[tuple[Permit | Draft, Callable[[], None]]]) -> None:
        """Take steps side by side. What fails is recorded; an error of another kind is raised at the end."""
        from pipeline.delivery.side_by_side import Task, side_by_side

        known = self._desk.recipients
        tasks = [
            Task(
                about.recipient,
                known[about.recipient].at_once if about.recipient in known else 1,
                partial(self._try, about, step),
            )
            for about, step in steps
        ]
        failures = side_by_side(
            tasks,
            self._desk.home.settings.delivery,
            wait_for=self._desk.wait,
            done=lambda count: self._desk.watch(stage, count, len(tasks)),
        )
        for failure in sorted(failures, key=lambda error: isinstance(error, BirthshareError)):
            if not isinstance(failure, NotAllDelivered):
                raise failure
            self.failures.append(failure)

    def _try(self, about: Permit | Draft, step: Callable[[], None]) -> None:
        try:
            step()
        except (NotAllDelivered, SettingsError) as error:
            failed = DeliveryFailed(
                permit=about.entry if isinstance(about, Permit) else 0,
                agreement=about.agreement,
                recipient=about.recipient,
                problem=str(getattr(error, "problem", "settings")),
            )
            self._desk.ledger.append(Entry(failed), at=self._desk.clock)
            raise told(error, about.recipient, self._desk.recipients.get(about.recipient)) from None

    # --- one notice -------------------------------------------------------------------------------

    def _take_back(self, notice: Permit) -> None:
        """Annul a notice whose bytes are gone, or are for another key, unless it arrived before."""
        from pipeline.delivery.push import Found, find

        # What lies at a former place of the recipient counts for nothing: a second notice does no harm.
        recipient = self._recipient(notice.recipient)
        found = find(
            endpoint(self._desk.home, recipient),
            notice,
            replaces=self._earlier(notice),
            asked=self._desk.ledger.asked(notice, place=recipient.place),
            lines=self._lines,
        )
        if found.arrived:
            there = Receipt(notice.entry, notice.file_name, notice.sealed_sha256, size=0, found_there=True)
            self._arrived(notice, replace(there, taken=found is Found.TAKEN))
            return
        lease = self._leases[notice.recipient]
        self._desk.ledger.annul_notice(notice, at=self._desk.clock, lease=lease)
        body = self._so_far.notices.pop(notice.entry)
        self._so_far.annulled.append(body)
        name = body.file_name.split(".")[0]
        self._again.append(Draft(body.about, body.agreement, body.recipient, body.entries, body.due, name))

    def _make(self, draft: Draft) -> None:
        """Render, seal, keep, and then record leave for exactly these bytes."""
        entries = self._so_far.new(draft)
        if not entries:
            return
        home, recipient = self._desk.home, self._recipient(draft.recipient)
        what = f"{draft.about}_{draft.agreement}_{draft.recipient}"
        name = draft.name or f"{what}_{self._desk.now.date()}_{entries[0]}"
        file_name = f"{name}.{ENDINGS[recipient.format]}"
        sealed = seal(home, recipient, self._rendered(draft, file_name, entries, recipient))
        body = NoticeBody(
            about=draft.about,
            agreement=draft.agreement,
            recipient=draft.recipient,
            file_name=file_name,
            sealed_sha256=hashlib.sha256(sealed).hexdigest(),
            entries=entries,
            due=draft.due,
        )
        folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._file(recipient, body.sealed_sha256), sealed, mode=0o600)
        lease = self._leases[draft.recipient]
        notice = self._desk.ledger.give_notice(body, at=self._desk.clock, lease=lease)
        self._so_far.notices[notice.entry] = body

    def _rendered(
        self, draft: Draft, file_name: str, entries: tuple[int, ...], recipient: Recipient
    ) -> bytes:
        """The notice as a file of the recipient's kind; its lines are counted again before it is sealed."""
        from pipeline.lists.notice import Notice, count_lines, render_csv, render_workbook

        notice = Notice(
            about=draft.about,
            file_name=file_name,
            agreement=draft.agreement,
            title=self._titles.get(draft.agreement, draft.agreement),
            recipient_name=recipient.name,
            authority_name=self._desk.home.settings.authority.name,
            lines=self._so_far.lines(draft.about, entries),
            due=draft.due,
            made_on=self._desk.now.date(),
            code=code_of(self._desk.home.secret("subject.key"), file_name),
        )
        is_csv = recipient.format == "csv"
        plain = render_csv(notice) if is_csv else render_workbook(notice)
        if count_lines(plain, is_csv=is_csv) != len(notice.lines):
            raise IntegrityError(
                "A notice does not hold exactly the rows that it is about",
                where=file_name,
                do="It was not sealed. Keep the home as it is and report this.",
            )
        return plain

    def _push(self, notice: Permit) -> None:
        from pipeline.delivery.push import push

        ledger, (key, token) = self._desk.ledger, self._leases[notice.recipient]
        recipient = self._recipient(notice.recipient)
        file = self._file(recipient, notice.sealed_sha256)
        try:
            sealed = file.read_bytes()
        except FileNotFoundError:  # it was there a moment ago
            raise TakenOver(notice.recipient) from None
        receipt = push(
            sealed,
            notice,
            endpoint(self._desk.home, recipient),
            stands=lambda part: ledger.publish_notice(
                notice, key, token, at=self._desk.clock, part=part, place=recipient.place
            ),
            replaces=self._earlier(notice),
            asked=ledger.asked(notice, place=recipient.place),
            lines=self._lines,
        )
        self._arrived(notice, receipt)
        file.unlink(missing_ok=True)

    def _arrived(self, notice: Permit, receipt: Receipt) -> None:
        arrived(self._desk, notice, receipt)
        self._so_far.delivered.add(notice.entry)
        self.delivered += 1

    def _earlier(self, notice: Permit) -> set[str]:
        """Notices of ours under the same name that were taken back: this one may replace them."""
        return {one.sealed_sha256 for one in self._so_far.annulled if one.file_name == notice.file_name}

    def _recipient(self, code: str) -> Recipient:
        """The recipient as persons signed it, on a day of its; else nobody can bring it anything."""
        known, at = self._desk.recipients.get(code), self._desk.clock
        if known is None:
            raise SettingsError("This recipient is not in the register any more", where=code, do=_BY_VOICE)
        register.check_agreed(self._desk.home, self._desk.ledger, known, at=at)
        try:
            register.check_open(known, at=at)
        except register.NotAgreed as closed:
            raise register.NotAgreed(closed.problem, closed.what, where=code, do=_BY_VOICE) from None
        return known

    # --- sealed bytes that wait -------------------------------------------------------------------

    def _is_ready(self, notice: Permit) -> bool:
        """Whether its bytes are there, sealed for its recipient as the register has it now.

        Of a recipient that the register does not have, too: `_push` says so.
        """
        recipient = self._desk.recipients.get(notice.recipient)
        return recipient is None or self._file(recipient, notice.sealed_sha256).is_file()

    def _file(self, recipient: Recipient, sealed_sha256: str) -> Path:
        """Where sealed bytes wait; the name says for which entry and key of the recipient they are."""
        made_for = part_digest(self._desk.home, recipient)
        return folder(self._desk.home) / f"{recipient.code}.{sealed_sha256[:16]}.{made_for[:16]}"

    def _forget_leftovers(self, code: str) -> None:
        """Remove bytes that were kept before a run was killed, and never got leave; the lease is ours."""
        wanted = {one.sealed_sha256[:16] for one in self._waiting()}
        for file in folder(self._desk.home).glob(f"{code}.*"):
            if file.name.split(".")[1] not in wanted:
                file.unlink(missing_ok=True)


def _forget_delivered(home: Home, so_far: SoFar) -> None:
    """Remove bytes that were kept on, since a run was killed, after their notice had arrived."""
    there = {so_far.notices[seq].sealed_sha256[:16] for seq in so_far.delivered & so_far.notices.keys()}
    for file in folder(home).glob("*.*.*"):
        if file.name.split(".")[1] in there:
            file.unlink(missing_ok=True)


def _taken(ledger: Ledger, code: str) -> Lease:
    key = f"notices/{code}"
    return key, ledger.take(key)
