"""Evidence: entries of the ledger with everything that an outsider needs to check them without us.

A pack is a zip that `infra/verify_birthshare.py` checks offline, given the ledger's public key. It shows the
entries that were asked for and those that they rest on: a list's permit, its release, the agreement's
signatures. Whom an entry is about is opened only where that is asked for, and never for an entry that was
merely added. An export shows every entry, so that an outsider computes the whole root again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from pipeline import custody, facts
from pipeline import month as months
from pipeline.agreed import LONDON
from pipeline.agreements.words import counted
from pipeline.asking import check_takes
from pipeline.errors import NotNow, SettingsError, WaitingForPerson
from pipeline.home import Home
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.ledger.entries import (
    AgreementSigned,
    CheckpointWitnessed,
    Entry,
    EvidenceGiven,
    MonthClosed,
    ReleaseApproved,
    canonical,
    write_moment,
)
from pipeline.ledger.leaves import Leaf, first_leaves, leaves, numbers_between, numbers_of
from pipeline.ledger.ledger import Ledger
from pipeline.questions.grounds import grounds
from pipeline.records import Month
from pipeline.steps import approval
from pipeline.steps.closing import sign_ledger

FORMAT = "birthshare-evidence/1"
EXPORT_FORMAT = "birthshare-ledger/1"

_FIXED = (1980, 1, 1, 0, 0, 0)  # the oldest date of a zip: the same content makes the same bytes
_FILE_MODE = 0o600 << 16
MOST = 100_000  # entries that are asked for in one pack; more is an export
_BLOCK = 1 << 18  # bytes of an export at once
_MOST_BYTES = 120 << 20  # of all files together; the verifier reads no more than 128 MiB


@dataclass(frozen=True)
class Chosen:
    """Which entries somebody asks for."""

    numbers: Collection[int]
    title: str
    about: Literal["month", "ledger"] = "ledger"


Choose = Callable[[Ledger], Chosen]


@dataclass(frozen=True)
class Given:
    """A pack as it is handed over, and recorded."""

    content: bytes = field(repr=False)
    sha256: str
    entries: int
    checkpoint: str  # the note
    verifier_key: str


def give(home: Home, choose: Choose, *, principal: str, why: str, now: datetime) -> Given:
    """The pack of what is chosen in the ledger; that it was taken out, by whom and why, is recorded first.

    Raises as `pipeline.asking.check_takes` does, as `gather`, `check_readable` and `packed` do, and
    IntegrityError for a ledger that was altered.
    """
    check_takes(home, principal, why)
    with facts.sound_ledger(home) as ledger:
        chosen = choose(ledger)
        gathered = gather(home, ledger, chosen.numbers, about=chosen.about, title=chosen.title, now=now)
        check_readable(home, ledger, {entry["seq"] for entry in gathered["entries"]}, now=now)
        content = packed(gathered)
        digest = record_given(ledger, content, about=chosen.about, principal=principal, purpose=why, at=now)
    key = gathered["files"]["ledger.vkey"].strip()
    return Given(content, digest, len(gathered["entries"]), gathered["checkpoint"], key)


def check_readable(home: Home, ledger: Ledger, numbers: Container[int], *, now: datetime) -> None:
    """Raises WaitingForPerson where one of these entries has words that the next to decide may not read."""
    approved = [one for one in ledger.entries(kinds={ReleaseApproved.kind}) if one.seq in numbers]
    noted = {one.month for one in approved if isinstance(one.body, ReleaseApproved) and one.body.note}
    closed = {one.month for one in ledger.entries(kinds={MonthClosed.kind})}
    for month in sorted(noted - closed):
        with months.opened(home, Month.parse(month), now) as desk:
            if approval.is_kept_back(desk):
                raise WaitingForPerson(
                    "What somebody wrote about a release is read when the release is decided",
                    where=month,
                    do=f"Nothing was taken. Ask again when {month} is decided, or closed.",
                )


def the_month(month: str) -> Choose:
    """Everything that is recorded of one month."""
    return lambda ledger: Chosen(of_month(ledger, month), f"The month {month}", "month")


def the_days(since: date, until: date) -> Choose:
    """What was recorded from one day to another, both included."""
    return lambda ledger: Chosen(of_days(ledger, since, until), f"What was recorded from {since} to {until}")


def the_numbers(numbers: Collection[int], said: str) -> Choose:
    """These entries; `said` is how they were asked for."""
    return lambda ledger: Chosen(numbers, f"Entries {said}")


def gather(
    home: Home,
    ledger: Ledger,
    numbers: Collection[int],
    *,
    about: str,
    title: str,
    openings: bool = False,
    now: datetime,
) -> dict[str, Any]:
    """The content of an evidence pack about these entries; `packed` makes it a file.

    Keys: format, about, title, made_at, authority, origin, checkpoint (the newest signed note, with the
    countersignatures that came home), held (every older one, as note and proof, that the newest goes on from
    it), entries (seq, kind, month, at, body, proof, and with `openings` the opening of those that were asked
    for: salt and said), and files (what stands beside it in the pack, text by name). Proofs are those of
    RFC 6962, their hashes one after the other in hexadecimal.

    Signs a checkpoint where none covers the entries yet; raises NotNow where that is for another machine.
    Raises SettingsError for a number that the ledger does not have and for more than MOST, IntegrityError
    where the ledger is damaged.
    """
    asked = frozenset(numbers)
    shown = _shown(ledger, asked)
    newest = _covering(home, ledger, max((one.seq for one in shown), default=0))
    older, lines = _older(ledger, newest), _countersignatures(ledger)
    with ledger.proving() as proofs:
        entries = [
            _entry(one, proofs.inclusion(one.seq, newest.size), opened=openings and one.seq in asked)
            for one in shown
        ]
        held = [
            {"note": _note(one, lines), "proof": _hex(proofs.consistency(one.size, newest.size))}
            for one in older
        ]
    return {
        "format": FORMAT,
        "about": about,
        "title": title,
        "made_at": now.astimezone(LONDON).isoformat(timespec="seconds"),
        "authority": home.settings.authority.name,
        "origin": facts.origin(home),
        "checkpoint": _note(newest, lines),
        "held": held,
        "entries": entries,
        "files": _files(home, entries),
    }


def _shown(ledger: Ledger, asked: frozenset[int]) -> list[Leaf]:
    """The entries that are asked for, and those that they rest on; raises as `gather` does."""
    if len(asked) > MOST:
        raise _too_much()
    shown = leaves(ledger, grounds(ledger, asked))
    missing = sorted(asked - {one.seq for one in shown})
    if missing:
        raise SettingsError("The ledger has no such entry", where=f"entry {missing[0]}")
    return shown


def packed(evidence: dict[str, Any]) -> bytes:
    """A pack as the zip that is handed over; the same content makes the same bytes.

    Raises SettingsError for more than a pack can hold, some 100,000 entries.
    """
    said = {name: value for name, value in evidence.items() if name != "files"}
    files = {
        "README.txt": _how_to_check(evidence),
        "evidence.json": json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n",
        **evidence["files"],
    }
    if sum(map(len, files.values())) > _MOST_BYTES:
        raise _too_much()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as pack:
        for name in sorted(files):
            place = zipfile.ZipInfo(name, _FIXED)
            place.compress_type, place.external_attr, place.create_system = (
                zipfile.ZIP_DEFLATED,
                _FILE_MODE,
                3,
            )
            pack.writestr(place, files[name].encode())
    return content.getvalue()


def _too_much() -> SettingsError:
    return SettingsError(
        "That is more than one pack can hold",
        do="Ask for fewer entries at once, or write all: birthshare ledger export",
    )


def of_month(ledger: Ledger, month: str) -> list[int]:
    """The numbers of a month's entries; raises SettingsError where there is none."""
    found = numbers_of(ledger, month)
    if not found:
        raise SettingsError("Nothing is recorded of that month", where=month)
    return found


def of_days(ledger: Ledger, since: date, until: date) -> list[int]:
    """The numbers of what was recorded from one day to another, both included; SettingsError for nothing."""
    begin, end = (datetime.combine(day, time(), LONDON) for day in (since, until + timedelta(days=1)))
    found = numbers_between(ledger, write_moment(begin), write_moment(end))
    if not found:
        raise SettingsError("Nothing was recorded in those days", where=f"{since} to {until}")
    return found


def record_given(
    ledger: Ledger, content: bytes, *, about: str, principal: str, purpose: str, at: datetime
) -> str:
    """Record that a person takes this file out, before it is written; gives its digest."""
    digest = hashlib.sha256(content).hexdigest()
    body = EvidenceGiven.model_validate(
        {"about": about, "sha256": digest, "principal": principal, "purpose": purpose}
    )
    ledger.append(Entry(body), at=at)
    return digest


def exported(home: Home, ledger: Ledger, *, anew: bool = True) -> Iterator[bytes]:
    """Every entry that the newest checkpoint covers, one line each, in memory that does not grow with them.

    The first line has the checkpoint; each other one is exactly what is hashed, without openings. Where
    something was recorded since the newest checkpoint, another is signed first, unless not `anew`: that reads
    the whole ledger, and may be wanted of another machine.
    """
    newest = _covering(home, ledger, ledger.size if anew else 0)
    first = {"checkpoint": _note(newest, _countersignatures(ledger)), "format": EXPORT_FORMAT}
    yield canonical(first).encode() + b"\n"
    for one in first_leaves(ledger, newest.size):
        yield one.content + b"\n"


def compressed(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines as gzip, in blocks of some size; the same lines make the same bytes."""
    packer, waiting, size = zlib.compressobj(wbits=31), list[bytes](), 0
    for line in lines:
        waiting.append(packer.compress(line))
        size += len(waiting[-1])
        if size >= _BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join([*waiting, packer.flush()])


# --- checkpoints ----------------------------------------------------------------------------------


def _covering(home: Home, ledger: Ledger, last: int) -> Checkpoint:
    """The newest checkpoint; a new one where that does not reach the entry, if it can be signed here."""
    newest = ledger.latest_checkpoint()
    if newest is None or newest.size < last:
        if custody.leaves_signing(home):
            raise NotNow(
                "Not all of this is signed yet, and this machine does not have the key",
                do="It is signed daily (`birthshare ledger check`): ask again after that.",
            )
        newest = sign_ledger(home, ledger)
    return newest


def _older(ledger: Ledger, newest: Checkpoint) -> list[Checkpoint]:
    """Every checkpoint of fewer entries, the smallest first."""
    with ledger.checkpoints() as known:
        return sorted((one for one in known if one.size < newest.size), key=lambda one: one.size)


def _countersignatures(ledger: Ledger) -> dict[tuple[int, str], list[str]]:
    """The lines that came home from witnesses, by the size and root that they are about."""
    lines: dict[tuple[int, str], list[str]] = defaultdict(list)
    for entry in ledger.entries(kinds={CheckpointWitnessed.kind}):
        if isinstance(entry.body, CheckpointWitnessed):
            lines[entry.body.size, entry.body.root].append(entry.body.line)
    return lines


def _note(checkpoint: Checkpoint, lines: dict[tuple[int, str], list[str]]) -> str:
    """A checkpoint's note with the countersignatures that are not in it already."""
    ours = checkpoint.note.splitlines()
    more = [line for line in lines.get((checkpoint.size, checkpoint.root), []) if line not in ours]
    return checkpoint.note + "".join(f"{line}\n" for line in dict.fromkeys(more))


# --- what a pack holds ----------------------------------------------------------------------------


def _entry(one: Leaf, proof: list[bytes], *, opened: bool) -> dict[str, Any]:
    entry = {
        "seq": one.seq,
        "kind": one.kind,
        "month": one.month,
        "at": one.at,
        "body": json.loads(one.body),
        "proof": _hex(proof),
    }
    if opened and one.salt is not None:
        entry["opening"] = {"salt": one.salt, "said": one.said}
    return entry


def _hex(proof: list[bytes]) -> str:
    return b"".join(proof).hex()


def _files(home: Home, entries: list[dict[str, Any]]) -> dict[str, str]:
    """The agreements that the entries name, as they were signed, and the public keys, by name in the pack."""
    files = {"ledger.vkey": facts.verifier(home).strip() + "\n"}
    for body in (one["body"] for one in entries if one["kind"] == AgreementSigned.kind):
        name = f"{body['agreement']}.v{body['version']}"
        _add(files, home.agreements / f"{name}.yaml", body["digest"])
        _add(files, home.agreements / f"{name}.{body['role']}.sig", body["signature_sha256"])
    with suppress(OSError, UnicodeDecodeError):
        files["allowed_signers"] = home.allowed_signers.read_text(encoding="utf-8")
    return files


def _add(files: dict[str, str], file: Path, sha256: str) -> None:
    """The file, where it still is what the ledger says."""
    with suppress(OSError, UnicodeDecodeError):
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            files[f"agreements/{file.name}"] = content.decode()


def _how_to_check(evidence: dict[str, Any]) -> str:
    return _README.format(
        title=evidence["title"],
        authority=evidence["authority"],
        made_at=evidence["made_at"],
        entries=len(evidence["entries"]),
        held=counted(len(evidence["held"]), "older checkpoint"),
    )


_README = """\
{title}
{authority}, {made_at}

This is evidence from the ledger of Birthshare: {entries} of its entries, each with a proof that it stands in
the ledger, and {held} with the proof that nothing before them was changed since.

How to check it, without the authority and without a network

1. Take the program verify_birthshare.py from the project's source, not from whoever gave you this pack. It is
   one file of less than 460 lines to read, and needs Python 3.11 and nothing else (for signatures of some
   kinds of keys also ssh-keygen).
2. Get the ledger's public key in another way than with this pack, such as from the authority's published
   record or in a letter. It is one line with plus signs in it. (ledger.vkey is here only to be compared.)
3. Run:  python3 verify_birthshare.py PACK.zip --key 'THE KEY'
   --witness KEY   it must be countersigned by the organisation that this key belongs to
   --held FILE     it must go on from a checkpoint that you kept, such as the manifest of a delivery
   --signers FILE  believe only these keys of the approvers (the form of allowed_signers)
   --remember FILE keep the newest checkpoint there, and hold the next pack against it
4. It says what holds, and stops at the first thing that is WRONG. It ends with 0 where nothing is wrong.

What is in it

evidence.json     the entries, their proofs and the signed checkpoints
agreements/       the agreements as they were signed, with the signatures (made with ssh-keygen -Y sign)
allowed_signers   whose keys these are, as the authority says
ledger.vkey       the ledger's public key, as the authority says

What it does not show: that there are no other entries than these. For that ask for an export of the whole
ledger, which the same program checks. Whom an entry is about is not in it, except where this pack opens it.
"""
