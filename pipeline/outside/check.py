"""The nightly check: the whole ledger is read again and compared with what others hold of it.

    what lies outside → the ledger, read again → witnesses' answers → the record, signed → places, requests

Without anything new in the ledger nothing is recorded, and so nothing is signed: a check would otherwise be
the only reason for the next one. What the checks themselves record (that they were done, that a witness
countersigned) is nothing new; but one check is recorded in every calendar month.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import custody, doctor, facts
from pipeline.afterwards import sent
from pipeline.agreed import LONDON
from pipeline.errors import BirthshareError, IntegrityError, SettingsError
from pipeline.home import Home, Place
from pipeline.keeping import kept, limits
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.ledger.entries import CheckpointWitnessed, Entry, Kind, LedgerChecked
from pipeline.ledger.verify import Verification
from pipeline.outside import countersigned, places
from pipeline.outside.messages import LIMIT_BYTES, signed_up_to
from pipeline.records import Month
from pipeline.steps import closing
from pipeline.steps.desk import Desk, Watch, no_watch

if TYPE_CHECKING:
    from pipeline.delivery.way import FarSide


@dataclass
class _Seen:
    """What was found at one place before the ledger was read."""

    place: Place
    held: places.Held | None = None
    answers: dict[int, str] = field(default_factory=dict)  # of its witness, by size
    asked: int = 0  # the size of the newest request that waits there; 0 for none
    problem: str = ""
    strange: list[str] = field(default_factory=list)  # under names like ours, and not signed by us


@dataclass(frozen=True)
class _Answers:
    """What came of the witnesses' answers."""

    new: list[CheckpointWitnessed]
    since: dict[str, int]  # from which size on a witness wants to be asked, where it said so
    warnings: list[str]


def run(home: Home, *, now: datetime, watch: Watch = no_watch) -> dict[str, Any]:
    """Check everything and bring out what is new; may be done at any time, and again.

    The answer: at, entries, root, verified, problem, kept (where and size: what the ledger was compared
    with), recorded, checkpoint (size and root), countersigned (witness and size: new ones), places (name,
    size, problem), witnesses (name, size, at, place), warnings. With a problem nothing was recorded or
    brought; `check_sound` raises for it. Raises SettingsError for settings that cannot be used.
    """
    desk = Desk(home, Month(now.year, now.month), now, watch)
    try:
        with kept.alone(home, "ledger_check"):
            return _run(desk)
    finally:
        desk.close()


@dataclass(frozen=True)
class Night:
    """What the nightly run came to."""

    counts: dict[str, int]
    warnings: list[str]  # in a sentence each, about no family


def run_day(home: Home, *, now: datetime) -> Night:
    """The nightly run, where the ledger can be signed. Raises IntegrityError where it was altered."""
    custody.check_seals(home)
    found = run(home, now=now)
    check_sound(found)
    counts = {
        "entries": found["entries"],
        "recorded": int(found["recorded"]),
        "countersigned": len(found["countersigned"]),
        "places_lacking": sum(bool(one["problem"]) for one in found["places"]),
        "warnings": len(found["warnings"]),
    }
    return Night(counts, found["warnings"])


def check_sound(found: dict[str, Any]) -> None:
    """Raises IntegrityError where the answer of `run` names damage."""
    if found["problem"]:
        raise IntegrityError(**found["problem"])


def _run(desk: Desk) -> dict[str, Any]:
    home, ledger = desk.home, desk.ledger
    countersigned.witnesses(home)
    seen = [_looked(home, place) for place in home.settings.ledger.places]
    held = [one.held for one in seen if one.held]
    notes = [one.note for one in held]
    found = facts.verified(home, ledger, kept_elsewhere=notes, watch=partial(desk.watch, "reading"))
    compared = {one.where: one.size for one in [*facts.kept(home), *held]}
    answer: dict[str, Any] = {
        "at": desk.now.isoformat(timespec="seconds"),
        "entries": found.entries,
        "root": found.root,
        "verified": found.problem is None,
        "problem": None,
        "kept": [{"where": where, "size": size} for where, size in compared.items()],
    }
    if found.problem is not None:
        error = facts.damaged(home, found, held)
        problem = {"what": error.what, "where": error.where, "do": error.do}
        return answer | {"problem": problem} | _NOTHING_DONE
    lost = _lost(home, seen)
    answers = _heard(desk, seen)
    recorded = _recorded(desk, found)
    checkpoint = _signed(desk)
    visits = [_brought(desk, one, checkpoint, answers.since) for one in seen]
    places.remember(home, visits)
    return answer | {
        "recorded": recorded,
        "checkpoint": {"size": checkpoint.size, "root": checkpoint.root},
        "countersigned": [{"witness": one.witness, "size": one.size} for one in answers.new],
        "places": [{"name": one.name, "size": one.size, "problem": one.problem} for one in visits],
        "witnesses": list(_witnesses(desk, seen)),
        "warnings": [*lost, *answers.warnings, *_warnings(desk)],
    }


_NOTHING_DONE: dict[str, Any] = {
    "recorded": False, "checkpoint": None, "countersigned": [], "places": [], "witnesses": [], "warnings": [],
}  # fmt: skip


# --- what lies outside ----------------------------------------------------------------------------


def _looked(home: Home, place: Place) -> _Seen:
    seen, origin = _Seen(place), facts.origin(home)
    try:
        with places.opened(home, place) as side:
            seen.held, seen.strange = places.newest(side, place.name, origin, facts.note_check(home))
            if place.witness:
                seen.answers = dict(_answers(side, origin, seen.strange))
                seen.asked = max(places.sized(side, origin, places.REQUEST), default=0)
    except BirthshareError as error:
        seen.problem = str(error)
    return seen


def _answers(side: FarSide, origin: str, strange: list[str]) -> Iterator[tuple[int, str]]:
    """What witnesses answered; what cannot be read is strange, and keeps nothing else from its way."""
    for size, name in places.sized(side, origin, places.ANSWER).items():
        try:
            content = side.read(name, LIMIT_BYTES)
        except BirthshareError:
            if not side.is_open:
                raise
            strange.append(name)
        else:
            yield size, content.decode(errors="replace")


def _lost(home: Home, seen: list[_Seen]) -> list[str]:
    """Where a checkpoint of ours is gone that was brought there, or something else lies in its stead."""
    before = {one.name: one.size for one in places.remembered(home)}
    gone = [
        f"The place {one.place.name} had a checkpoint of {before[one.place.name]} entries, and has it no "
        "more. Ask who takes care of it."
        for one in seen
        if not one.problem and before.get(one.place.name, 0) > (one.held.size if one.held else 0)
    ]
    strange = [
        f"At the place {one.place.name} lies what this ledger did not sign: {', '.join(one.strange)}. Ask "
        "who put it there."
        for one in seen
        if one.strange
    ]
    return [*gone, *strange]


def _heard(desk: Desk, seen: list[_Seen]) -> _Answers:
    """Take the witnesses' answers home; one that cannot be used is a warning, and it is asked again."""
    heard = _Answers([], {}, [])
    for one in seen:
        for answer in one.answers.values():
            try:
                _hear(desk, one.place.witness, answer, heard)
            except IntegrityError as error:
                heard.warnings.append(f"The answer of the witness {one.place.witness} was not used. {error}")
    return heard


def _hear(desk: Desk, witness: str, answer: str, heard: _Answers) -> None:
    since = signed_up_to(answer)
    if since is None:
        heard.new.extend(countersigned.take_home(desk.home, desk.ledger, answer, now=desk.clock))
    elif since <= desk.ledger.size:
        heard.since[witness] = since
    else:  # anybody may have written that, so it is no proof
        raise IntegrityError(
            f"It says that {since} entries were signed, and the ledger has {desk.ledger.size}",
            do="Ask the other organisation for the checkpoint that it signed, and run: "
            "birthshare ledger verify --kept FILE",
        )


def _brought(desk: Desk, seen: _Seen, checkpoint: Checkpoint, since: dict[str, int]) -> places.Visit:
    """What a place lacks is brought there, and answers that were heard are taken away."""
    if seen.problem:
        before = {one.name: one.size for one in places.remembered(desk.home)}
        return places.Visit(seen.place.name, before.get(seen.place.name, 0), seen.problem)
    size = seen.held.size if seen.held else 0
    ask = bool(seen.place.witness) and _is_to_be_asked(desk, seen, checkpoint)
    if not (size < checkpoint.size or seen.answers or ask):
        return places.Visit(seen.place.name, size)
    origin = facts.origin(desk.home)
    try:
        with places.opened(desk.home, seen.place) as side:
            name = places.name_of(origin, checkpoint.size, places.CHECKPOINT)
            places.put(side, name, checkpoint.note, where=seen.place.name)
            for heard in seen.answers:
                side.discard(places.name_of(origin, heard, places.REQUEST))
                side.discard(places.name_of(origin, heard, places.ANSWER))
            if ask:
                _ask(desk, side, seen.place, checkpoint, since)
    except BirthshareError as error:
        return places.Visit(seen.place.name, size, str(error))
    return places.Visit(seen.place.name, checkpoint.size)


def _is_to_be_asked(desk: Desk, seen: _Seen, checkpoint: Checkpoint) -> bool:
    """Whether there is more to be countersigned, or it is half as old already as it may become."""
    last = countersigned.last(desk.ledger, seen.place.witness)
    if seen.asked == checkpoint.size and checkpoint.size not in seen.answers:
        return False  # it has that request, and has not answered
    if last is None or last.size < checkpoint.size:
        return True
    return desk.now - last.cosigned_at > timedelta(days=desk.home.settings.ledger.witness_days) / 2


def _ask(desk: Desk, side: FarSide, place: Place, checkpoint: Checkpoint, since: dict[str, int]) -> None:
    """Leave a request in place of an older one."""
    origin = facts.origin(desk.home)
    for old in places.sized(side, origin, places.REQUEST).values():
        side.discard(old)
    asked = countersigned.request(desk.home, desk.ledger, place.witness, since=since.get(place.witness))
    places.put(side, places.name_of(origin, checkpoint.size, places.REQUEST), asked, where=place.name)


# --- the record -----------------------------------------------------------------------------------


def _recorded(desk: Desk, found: Verification) -> bool:
    """Record the check where there is a reason to; whether there was."""
    checks = list(desk.ledger.entries(kinds={Kind.LEDGER_CHECKED}))
    if checks:
        newest = checks[-1]
        witnessed = desk.ledger.entries(kinds={Kind.CHECKPOINT_WITNESSED})
        ours = sum(entry.seq > newest.seq for entry in witnessed)
        month = newest.at.astimezone(LONDON).strftime("%Y-%m")
        if desk.ledger.size - newest.seq == ours and month == desk.now.strftime("%Y-%m"):
            return False
    desk.ledger.append(Entry(LedgerChecked(entries=found.entries, root=found.root)), at=desk.clock)
    return True


def _signed(desk: Desk) -> Checkpoint:
    """The newest checkpoint; a new one where it does not cover the newest recorded check."""
    newest = desk.ledger.latest_checkpoint()
    checked = max((entry.seq for entry in desk.ledger.entries(kinds={Kind.LEDGER_CHECKED})), default=0)
    return newest if newest and newest.size >= checked else closing.sign_ledger(desk.home, desk.ledger)


def _witnesses(desk: Desk, seen: list[_Seen]) -> Iterator[dict[str, Any]]:
    at = {one.place.witness: one.place.name for one in seen}
    for name in countersigned.witnesses(desk.home):
        last = countersigned.last(desk.ledger, name)
        yield {
            "name": name,
            "size": last.size if last else 0,
            "at": last.cosigned_at.isoformat(timespec="seconds") if last else "",
            "place": at.get(name, ""),
        }


def _warnings(desk: Desk) -> list[str]:
    """What a person should know: of places, witnesses, agreements, keys, and what recipients did not do."""
    home, today = desk.home, desk.now.date()
    found = [
        *places.warnings(home),
        *countersigned.warnings(home, desk.ledger, desk.now),
        *limits.warnings(home, desk.ledger, today),
        *doctor.warnings(home, desk.now),
    ]
    with suppress(SettingsError):  # a register that cannot be read is found by every command that needs it
        found += facts.overdue(desk, sent.states(desk.ledger))
    return found
