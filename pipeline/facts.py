"""A month's state, as `run` and `status` give it: counts, codes and digests, and no personal value.

A closed month's comes from the ledger (and the recipients' names from their register); an open one's
also from the pack that is kept with its working files.

Keys: month, authority, state, step and waiting_for (see `Turn`), to_do, received, quarantined, duplicates,
totals (the trusts' own counts beside the extracts, see `pipeline.suppliers.totals.reconciled`), agreements
(by id: shared, held, withheld, reasons), recipients, approvals, balanced, ledger, checkpoint, and
warnings: the agreements that come to their end, or need something, what recipients should have done, and
reports that suppliers have not got, in words.
A recipient's `state` is about the delivery; what it did since stands under `receipt`, and what was called
back from its list, where anything was, under `called_back` (see `pipeline.afterwards.sent`). `receipts_to`
is the number of the newest entry about these, 0 where nothing was heard.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pipeline import custody
from pipeline.afterwards import sent
from pipeline.errors import BirthshareError, IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.ledger import remembered
from pipeline.ledger.checkpoints import Checkpoint, read_statement
from pipeline.ledger.entries import (
    Balanced,
    Decided,
    DeliveryFailed,
    PermitBody,
    ReleaseRequested,
    StagingDestroyed,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.permits import OF_PERMITS, standing_among
from pipeline.ledger.verify import Damage, Verification, Watch, no_watch, verify
from pipeline.looking_back.course import course, unsigned
from pipeline.looking_back.history import history
from pipeline.looking_back.history import of_month as history_of
from pipeline.outside import countersigned, places
from pipeline.places import releases
from pipeline.recipients import register
from pipeline.staging import write_whole
from pipeline.steps.approval import how_to_decide, missing, told
from pipeline.steps.desk import Desk
from pipeline.steps.pack import PACK, forgone
from pipeline.steps.release import Lacking
from pipeline.suppliers import drift, totals, waiting
from pipeline.wording import SHOWN

READING = "reading the record"  # the stage before any other, of which whoever watches is told


def of_month(desk: Desk) -> dict[str, Any]:
    """The state of the desk's month; see the module for its keys."""
    received = _last_by(desk.recorded(Validated), "supplier")
    agreements = _agreements(desk, received)
    sendings = sent.states(desk.ledger)
    month = str(desk.month)
    mine = {one.entry: one for one in sendings if one.month == month}
    back = sent.called_back(desk.ledger, sendings, permits=mine)
    recipients = _recipients(desk, mine, back)
    ledger = verified(desk.home, desk.ledger, whole=False)
    checkpoint = desk.ledger.latest_checkpoint()
    waits = _turn(desk, recipients)
    return {
        "month": str(desk.month),
        "authority": desk.home.settings.authority.name,
        "demonstration": desk.home.settings.authority.demonstration,
        "state": "closed" if desk.closed else "open",
        "step": waits.step,
        "waiting_for": waits.words,
        "to_do": _to_do(desk),
        "received": sum(one.rows for one in received.values()),
        "quarantined": sum(one.rows - one.accepted for one in received.values()),
        "duplicates": max((one["duplicates"] for one in agreements.values()), default=0),
        "totals": totals.reconciled(desk),
        "agreements": agreements,
        "recipients": recipients,
        "approvals": _approvals(desk),
        "balanced": bool(desk.recorded(Balanced)),
        "ledger": {
            "entries": ledger.entries,
            "since": ledger.since,
            "root": ledger.root,
            "verified": ledger.problem is None,
        },
        "checkpoint": checkpoint.note if checkpoint and desk.closed else "",
        "receipts_to": sent.newest(mine.values(), back),
        "warnings": _warnings(desk, sendings),
        "seconds": {name: round(seconds, 3) for name, seconds in desk.seconds.items()},
    }


def _warnings(desk: Desk, sendings: sent.Rows) -> list[str]:
    return [
        *desk.warnings,
        *places.warnings(desk.home),
        *countersigned.warnings(desk.home, desk.ledger, desk.now),
        *register.warnings(desk.home, desk.now.date()),
        *releases.warnings(desk.home, desk.now.date()),
        *unsigned(desk.ledger, str(desk.month)),
        *overdue(desk, sendings),
        *waiting.warnings(desk.home),
    ]


def counted(desk: Desk) -> dict[str, dict[str, Any]]:
    """By agreement what was decided so far, as `of_month` has it under `agreements`."""
    return _agreements(desk, _last_by(desk.recorded(Validated), "supplier"))


def in_full(desk: Desk) -> dict[str, Any]:
    """As `of_month`, with how the month went (`course`) and the months before it (`history`) beside it."""
    state = of_month(desk)
    return {
        **state,
        "course": course(desk.ledger, state["month"]),
        "history": history(desk.ledger, state),
    }


def overdue(desk: Desk, sendings: sent.Rows) -> list[str]:
    """What recipients should have done by now and did not, in a sentence for each, with whom to call."""
    return sent.alarms(
        sendings,
        sent.open_recalls(desk.ledger, sendings),
        desk.home.settings.receipts,
        desk.now.date(),
        desk.recipients,
    )


@contextmanager
def opened_ledger(home: Home) -> Iterator[Ledger]:
    """The authority's ledger, closed at the end of the block."""
    with closing(Ledger.open(home.database_url)) as ledger:
        yield ledger


@contextmanager
def sound_ledger(home: Home) -> Iterator[Ledger]:
    """The same, to show what stands in it; raises IntegrityError where it was altered since it was signed."""
    with opened_ledger(home) as ledger:
        check_sound(home, ledger)
        yield ledger


def check_sound(home: Home, ledger: Ledger) -> None:
    """Raises IntegrityError where the ledger was altered since it was signed; enough to show what it says."""
    found = verified(home, ledger, whole=False)
    if found.problem is not None:
        raise damaged(home, found)


def check_trusted(desk: Desk) -> None:
    """Raises IntegrityError where what every step trusts was altered: the ledger, or the key to it."""
    found = verified(desk.home, desk.ledger, watch=partial(desk.watch, READING))
    if found.problem is not None:
        raise damaged(desk.home, found)
    remembered.forget(desk.ledger)  # what this process read before may not have been what was found sound now
    desk.check_subject_key()
    desk.wrapping_key.check()


def verified(
    home: Home,
    ledger: Ledger,
    *,
    kept_elsewhere: Iterable[str] = (),
    whole: bool = True,
    since: str | None = None,
    watch: Watch = no_watch,
) -> Verification:
    """The whole ledger read again, with the signatures of its checkpoints and of those from outside.

    Those that are always at hand (`kept`) count among these. `since`: what this checkpoint covers is not read
    again. Not `whole`: nor is what the newest one beside the database covers, which is enough to show what
    stands there, and not to act on it.
    """
    beside = _beside(home)
    if beside and not whole:
        since = beside[0].note
    return verify(
        ledger,
        check_note=note_check(home),
        kept_elsewhere=[*(one.note for one in (*beside, *_at_places(home))), *kept_elsewhere],
        since=since,
        watch=watch,
    )


def kept(home: Home) -> list[places.Held]:
    """The newest checkpoints outside the database: beside it, and at every place that is a folder."""
    return [*_beside(home), *_at_places(home)]


def _beside(home: Home) -> list[places.Held]:
    """The one beside the database, if it is there."""
    file = checkpoint_file(home)
    if not file.is_file():
        return []
    note = file.read_text(encoding="utf-8", errors="replace")
    return [places.Held.of(str(file.relative_to(home.path)), note)]


def _at_places(home: Home) -> Iterator[places.Held]:
    return places.held(home, origin(home), note_check(home))


def given(home: Home, files: Iterable[Path], notes: Iterable[str]) -> list[places.Held]:
    """Checkpoints that somebody gave, with the files that they came in."""
    return [places.Held.of(str(file), note) for file, note in zip(files, notes, strict=True)]


def damaged(home: Home, found: Verification, compared: Collection[places.Held] = ()) -> IntegrityError:
    """What a problem that was found means, and what to do.

    A database that is shorter than a checkpoint elsewhere was restored from too old a backup, or cut.
    """
    problem, where = found.problem, str(found.problem)
    held = {one.where: one for one in [*kept(home), *compared]}
    longer = [one.where for one in held.values() if one.size > found.entries]
    if problem and problem.damage is Damage.MISSING and longer:
        return IntegrityError(
            "The ledger is damaged: its database is older than it was",
            where=f"{where}; longer ones were signed, see {', '.join(longer)}",
            do="Nothing was done. If a backup was put back, put back the newest there is: "
            "infra/runbooks/backups.md says what to do where none is new enough.",
        )
    others = [one.where for one in held.values() if one.size == found.entries and one.root != found.root]
    if problem and problem.damage is Damage.ROOT and others:
        where += f": {', '.join(others)}"
    return IntegrityError(
        "The ledger is damaged",
        where=where,
        do="Nothing was done. Keep the database as it is, and restore it from a backup.",
    )


def note_check(home: Home) -> Callable[[str], str]:
    """Gives the text of a note that this authority's ledger signed, and raises IntegrityError for others.

    What a former key signed counts as far as the ledger went when that key was replaced.
    """
    return partial(_signed_by_ours, verifier(home), list(_former(home)))


def _signed_by_ours(ours: str, former: list[tuple[str, int]], note: str) -> str:
    from pipeline.encryption.signing import verify_note

    try:
        return verify_note(note, ours)
    except IntegrityError:
        for vkey, size in former:
            with suppress(IntegrityError):
                text = verify_note(note, vkey)
                if read_statement(text)[0] <= size:
                    return text
        raise


def _former(home: Home) -> Iterator[tuple[str, int]]:
    """The public halves of keys that signed before, and how far the ledger went when each was replaced.

    Raises IntegrityError for a line that `replace_key` did not write.
    """
    file = _former_file(home)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    for number, line in enumerate(lines, 1):
        vkey, _, size = line.partition(" ")
        if not (size.isascii() and size.isdigit()):
            raise IntegrityError(
                "The list of keys that signed before is damaged",
                where=f"{file}, line {number}",
                do="Put the file back from a backup.",
            )
        yield vkey, int(size)


def replace_key(home: Home, key: bytes, size: int) -> None:
    """Sign with another key from now on; what the one until now signed counts up to that many entries.

    Killed in between, the one until now goes on signing, and doing this again comes to its end.
    """
    former = "".join(f"{vkey} {up_to}\n" for vkey, up_to in (*_former(home), (verifier(home), size)))
    write_whole(_former_file(home), former.encode(), mode=0o600)
    write_whole(home.at(custody.SIGNS), key, mode=0o600)
    _keep_verifier(home)


def _former_file(home: Home) -> Path:
    return home.at("keys/ledger.former")


def verifier(home: Home) -> str:
    """The public half of the key that signs this ledger; beside it for machines that do not have it.

    Raises SettingsError where neither is here.
    """
    from pipeline.encryption.signing import note_verifier

    beside = _verifier_file(home)
    if not custody.seals(home) and beside.is_file():
        return beside.read_text(encoding="utf-8", errors="replace")
    if not custody.seals(home) and custody.opens(home):
        raise SettingsError(
            "Nothing here shows how this ledger is signed",
            where=str(beside),
            do="Run `birthshare ledger check` where keys/ledger.key is: that lays its public half down.",
        )
    return note_verifier(origin(home), home.secret("ledger.key"))


def _verifier_file(home: Home) -> Path:
    return home.at(custody.VERIFIES)


def checkpoint_file(home: Home) -> Path:
    """The newest checkpoint, outside the database: an older database put back does not go unnoticed."""
    return home.outbox / "checkpoint.txt"


def signed(home: Home, ledger: Ledger, watch: Watch = no_watch) -> Checkpoint:
    """Sign how long the ledger is; raises IntegrityError where it does not go on from what is `kept`."""
    made = ledger.checkpoint(
        partial(sign, home),
        origin=origin(home),
        check_note=note_check(home),
        kept_elsewhere=[one.note for one in kept(home)],
        watch=watch,
    )
    _keep_verifier(home)
    return made


def _keep_verifier(home: Home) -> None:
    """Lay the key's public half down, for machines that check what they cannot sign."""
    public, file = verifier(home), _verifier_file(home)
    if not file.is_file() or file.read_text(encoding="utf-8", errors="replace") != public:
        write_whole(file, public.encode(), mode=0o600)


def sign(home: Home, text: str) -> str:
    """A checkpoint's text as a note signed with the authority's ledger key."""
    from pipeline.encryption.signing import sign_note

    return sign_note(text, name=origin(home), private_key=home.secret("ledger.key"))


def origin(home: Home) -> str:
    """The name under which this authority's ledger is signed."""
    return f"birthshare/{home.settings.authority.code}"


def _agreements(desk: Desk, received: Mapping[str, Validated]) -> dict[str, dict[str, Any]]:
    """By agreement: what was decided, less what the gate has taken off since."""
    if desk.recorded(Balanced):
        past = history_of(desk.ledger, desk.month)
        return dict(past.agreements) if past else {}
    decided = _last_by(desk.recorded(Decided), "agreement")
    current = _current_agreements(desk)
    removed = _removed_at_gate(desk)
    return {
        name: {
            "version": one.version,
            **_rows_received(desk, name, received),
            **{column: one.outcomes[column] for column in ("shared", "held", "withheld")},
            "duplicates": one.duplicates,
            "reasons": dict(sorted((Counter(one.reasons) + removed.get(name, Counter())).items())),
        }
        for name, one in decided.items()
        if current is None or name in current
    }


def _current_agreements(desk: Desk) -> set[str] | None:
    """The agreements that the month is to be closed under; None before they are known."""
    return set(json.loads(desk.staging.get(PACK))["agreements"]) if desk.staging.has(PACK) else None


def _rows_received(desk: Desk, agreement: str, received: Mapping[str, Validated]) -> dict[str, int]:
    """Rows received and quarantined from the suppliers of one agreement."""
    suppliers = {s for one in desk.loaded if one.agreement.id == agreement for s in one.agreement.suppliers}
    mine = [one for supplier, one in received.items() if supplier in suppliers]
    return {
        "received": sum(one.rows for one in mine),
        "quarantined": sum(one.rows - one.accepted for one in mine),
    }


def _removed_at_gate(desk: Desk) -> dict[str, Counter[str]]:
    removed: dict[str, Counter[str]] = {}
    standing = {permit.entry for permit in desk.ledger.standing_permits(str(desk.month))}
    for entry in desk.entries(PermitBody):
        if entry.seq in standing and isinstance(entry.body, PermitBody):
            removed.setdefault(entry.body.agreement, Counter()).update(entry.body.removed)
    return removed


def _recipients(
    desk: Desk, sendings: Mapping[int, sent.Sent], back: Mapping[int, sent.CalledBack]
) -> list[dict[str, Any]]:
    """Every list of the month: those planned in the release, and what became of each."""
    limits, today = desk.home.settings.receipts, desk.now.date()
    rows: dict[tuple[str, str], dict[str, Any]] = {
        (agreement, code): {
            "code": code, "agreement": agreement, "households": households,
            "file": "", "sha256": "", "state": "waiting",
        }
        for agreement, code, households in _planned(desk)
    }  # fmt: skip
    failures = {(one.agreement, one.recipient): one.problem for one in desk.recorded(DeliveryFailed)}
    for key, problem in failures.items():
        if key in rows:
            rows[key] |= {"state": "failed", "problem": problem}
    for permit in remembered.of_month(desk.ledger, str(desk.month), OF_PERMITS, standing_among):
        key = (permit.agreement, permit.recipient)
        row = rows.setdefault(
            key, {"code": permit.recipient, "agreement": permit.agreement, "state": "waiting"}
        )
        row |= {
            "households": permit.households, "children": permit.children,
            "file": permit.file_name, "sha256": permit.sealed_sha256,
        }  # fmt: skip
        if permit.entry in back:
            row["called_back"] = back[permit.entry].as_json(today)
        told = sendings.get(permit.entry)  # not where leave was given only now
        if told and told.delivered:
            row["state"] = "delivered"
            row["receipt"] = told.receipt(limits, today)
            row.pop("problem", None)
    for agreement, code in forgone(desk):
        rows[agreement, code] = {
            "code": code, "agreement": agreement, "state": "forgone",
            "households": 0, "children": 0, "file": "", "sha256": "",
        }  # fmt: skip
    names = {code: recipient.name for code, recipient in desk.recipients.items()}
    return [{**rows[key], "name": names.get(rows[key]["code"], "")} for key in sorted(rows)]


def _planned(desk: Desk) -> list[tuple[str, str, int]]:
    if not desk.staging.has(PACK):
        return []
    pack = json.loads(desk.staging.get(PACK))
    return [
        (agreement, code, households)
        for agreement, terms in pack["agreements"].items()
        for code, households in terms["households"].items()
    ]


def _approvals(desk: Desk) -> list[dict[str, Any]]:
    """Every decision of a person; their notes once the release is settled, and blank before."""
    return [
        {
            "principal": one.principal,
            "approve": one.approve,
            "way": one.way,
            "at": one.at.isoformat(timespec="seconds"),
            "pack_sha256": one.pack_sha256,
            "note": one.note,
        }
        for one in told(desk)
    ]


@dataclass(frozen=True)
class Turn:
    """What a month waits for."""

    # To be looked at (a file is unlike earlier ones, or something stops it), to be ended or closed, or
    # nothing: the month is closed.
    step: Literal["files", "unlike", "stopped", "approval", "delivery", "close", "end", ""]
    words: str
    suppliers: tuple[str, ...] = ()  # whose files are unlike earlier ones
    wanted: tuple[Lacking, ...] = ()  # approvals
    recipients: tuple[str, ...] = ()  # who has not got a list; once for each


NOTHING = Turn("", "")


def turn(desk: Desk) -> Turn:
    """What the desk's month waits for."""
    sendings = sent.states(desk.ledger, month=str(desk.month))
    return _turn(desk, _recipients(desk, {one.entry: one for one in sendings}, {}))


def _turn(desk: Desk, recipients: list[dict[str, Any]]) -> Turn:
    if desk.closed:
        return NOTHING
    if unlike := _unlike(desk):
        return unlike
    if not desk.staging.has(PACK):
        return _what_to_begin_with(desk)
    try:
        wanted = missing(desk)
    except BirthshareError as stop:
        return Turn("stopped", str(stop))
    if wanted:
        pack = desk.recorded(ReleaseRequested)[-1].pack_sha256
        words = f"approval of release {pack[:SHOWN]}: {'; '.join(one.words for one in wanted)}"
        return Turn("approval", words, wanted=tuple(wanted))
    undelivered = sorted(row["code"] for row in recipients if row["state"] not in ("delivered", "forgone"))
    if undelivered:
        return Turn("delivery", f"delivery to {', '.join(undelivered)}", recipients=tuple(undelivered))
    return _TO_CLOSE


_TO_CLOSE = Turn("close", "`birthshare run`, to close the month")


def _unlike(desk: Desk) -> Turn | None:
    """Which files wait for a person to accept that they differ from earlier ones; None where none does."""
    try:
        waiting = drift.waiting(desk)
    except BirthshareError as stop:
        return Turn("stopped", str(stop))
    if not waiting:
        return None
    files, look = " and ".join(one.name for one in waiting), f"birthshare intake changes {desk.month}"
    words = f"somebody to look at how the {files} differ from earlier ones: {look}"
    return Turn("unlike", words, suppliers=tuple(one.supplier for one in waiting))


def _what_to_begin_with(desk: Desk) -> Turn:
    """What a month without working files waits for: it was not begun, or they are gone."""
    if desk.recorded(Balanced):
        return _TO_CLOSE  # it was killed while it closed it
    if desk.ledger.standing_permits(str(desk.month)):
        lost = "somebody to end it, since its working files are lost"
        return Turn("end", f"{lost}: birthshare retention end {desk.month}")
    gone = [entry.at for entry in desk.entries(StagingDestroyed)]
    if gone:
        return Turn(
            "files",
            "a fresh extract of the supplier's, and `birthshare run`: it was not finished in time, so its "
            f"working files were destroyed on {sent.day_of(gone[-1])}",
        )
    return Turn("files", "the suppliers' files, all that were agreed for a month, and `birthshare run`")


def _to_do(desk: Desk) -> str:
    """How to accept what differs, or give the approvals that are missing, for those who may; "" else."""
    if desk.closed:
        return ""
    try:
        unlike = drift.waiting(desk)
        if unlike or not desk.staging.has(PACK):
            return "\n".join(drift.how_to_go_on(one) for one in unlike)
        wanted = missing(desk)
    except BirthshareError:
        return ""
    return how_to_decide(desk, wanted) if wanted else ""


def _last_by(bodies: list[Any], name: str) -> Mapping[str, Any]:
    """The newest body about each supplier or agreement."""
    return {getattr(body, name): body for body in bodies}
