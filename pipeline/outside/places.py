"""Places outside the house that keep the ledger's checkpoints: folders, and folders at SFTP servers.

At a place lie, each whole or not at all, and never written over:

    ORIGIN.SIZE.checkpoint.txt      a signed checkpoint of so many entries
    ORIGIN.SIZE.request.txt         a request for a witness to countersign it
    ORIGIN.SIZE.answer.txt          what the witness answered

An older checkpoint stays where a newer one comes: whoever holds the place sees the ledger grow. Nothing in
these files is about a person. A place that cannot be reached stops nothing; what it lacks is written down,
and the next check makes up for it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BirthshareError, NotAllDelivered, SettingsError
from pipeline.home import Home, Place
from pipeline.ledger.checkpoints import read_origin, read_statement, unsigned
from pipeline.outside.messages import LIMIT_BYTES
from pipeline.staging import write_whole

if TYPE_CHECKING:
    from pipeline.delivery.way import FarSide, Way

CHECKPOINT, REQUEST, ANSWER = "checkpoint", "request", "answer"
_MOST_READ = 20  # files of a place that are no checkpoints of ours, before it counts as not readable

CheckNote = Callable[[str], str]  # gives the text of a note that our ledger signed; raises IntegrityError


@dataclass(frozen=True)
class Held:
    """A genuine checkpoint that somebody outside holds."""

    where: str  # the place's name
    size: int
    root: str  # hexadecimal
    note: str

    @classmethod
    def of(cls, where: str, note: str) -> Held:
        """What a note says, wherever it was found."""
        return cls(where, *stated(note), note)


@dataclass(frozen=True)
class Visit:
    """How it stands at a place after a visit."""

    name: str
    size: int  # entries of the newest checkpoint of ours that is known to lie there; 0 for none
    problem: str = ""  # why the newest one could not be brought


def name_of(origin: str, size: int, what: str) -> str:
    """What a file about a checkpoint is called at a place."""
    return f"{_prefix(origin)}.{size}.{what}.txt"


def stated(note: str) -> tuple[int, str]:
    """Size and root (hexadecimal) that a checkpoint says, believed or not; 0 and blank for what is none."""
    with suppress(BirthshareError):
        size, root = read_statement(unsigned(note))
        return size, root.hex()
    return 0, ""


def bring(home: Home, note: str) -> list[Visit]:
    """Bring a checkpoint to every place, and write down how it stands at each."""
    visits = [_brought(home, place, note) for place in home.settings.ledger.places]
    remember(home, visits)
    return visits


def lacking(home: Home, size: int) -> bool:
    """Whether a place is not known to have a checkpoint of so many entries."""
    known = {one.name: one.size for one in remembered(home)}
    return any(known.get(place.name, -1) < size for place in home.settings.ledger.places)


def held(home: Home, origin: str, check_note: CheckNote) -> Iterator[Held]:
    """The newest genuine checkpoint in every folder that can be read; SFTP servers are not asked."""
    for place in home.settings.ledger.places:
        if not place.host:
            with suppress(BirthshareError), opened(home, place) as side:
                found, _ = newest(side, place.name, origin, check_note)
                if found:
                    yield found


def newest(side: FarSide, where: str, origin: str, check_note: CheckNote) -> tuple[Held | None, list[str]]:
    """The newest checkpoint at a place that our ledger signed, if one is there.

    Whoever may write there may put other things under such names. They say nothing about our ledger; those
    that were met on the way are named beside it.
    """
    strange: list[str] = []
    for name in list(sized(side, origin, CHECKPOINT).values())[:_MOST_READ]:
        with suppress(BirthshareError, UnicodeDecodeError):
            note = side.read(name, LIMIT_BYTES).decode()
            read_statement(check_note(note))
            return Held.of(where, note), strange
        strange.append(name)
    return None, strange


def sized(side: FarSide, origin: str, what: str) -> dict[int, str]:
    """The names of such files at a place by the size that they are about, the largest first."""
    pattern = _names_of(origin, what)
    found = {int(match["size"]): name for name in side.names(pattern) if (match := pattern.fullmatch(name))}
    return dict(sorted(found.items(), reverse=True))


def warnings(home: Home) -> list[str]:
    """Which places lack the newest checkpoint, in words, as far as was found at the last visit."""
    known = {one.name: one for one in remembered(home)}
    return [
        f"The place {one.name} has not got the newest checkpoint of the ledger: {one.problem}"
        for place in home.settings.ledger.places
        if (one := known.get(place.name)) and one.problem
    ]


@contextmanager
def opened(home: Home, place: Place) -> Iterator[FarSide]:
    """A place, opened; raises DeliveryFailed, and SettingsError for a place that cannot be used."""
    from pipeline.delivery.way import far_side

    with far_side(_way(home, place), label=place.name) as side:
        yield side


def put(side: FarSide, name: str, content: str, *, where: str) -> None:
    """Put a file at a place, whole; raises NotAllDelivered where it cannot be, or something has its name."""
    from pipeline.delivery.problems import DeliveryFailed, Problem

    wanted = hashlib.sha256(content.encode()).hexdigest()
    there = side.digest(name)
    if there == wanted:
        return
    if there is not None:
        raise NotAllDelivered(
            "Another file has the name of ours",
            where=f"{where}: {name}",
            do="It was left as it is. See what it is, and have it taken away.",
        )
    part = f".{name}.{secrets.token_hex(8)}.part"
    try:
        side.write(part, content.encode())
        if side.digest(part) != wanted:
            raise DeliveryFailed(Problem.ALTERED, where=f"{where}: {name}")
        side.rename(part, name)
    except BaseException:
        side.discard(part)
        raise


def remembered(home: Home) -> list[Visit]:
    """How it stood at each place when it was last visited; nothing where that is not known."""
    with suppress(OSError, ValueError, TypeError):
        return [Visit(**one) for one in json.loads(_memory(home).read_text(encoding="utf-8"))]
    return []


def remember(home: Home, visits: Iterable[Visit]) -> None:
    """Write down how it stands at each place."""
    if home.settings.ledger.places:
        content = json.dumps([asdict(one) for one in visits], indent=2)
        write_whole(_memory(home), f"{content}\n".encode(), mode=0o600)


def _brought(home: Home, place: Place, note: str) -> Visit:
    text = unsigned(note)
    size, _ = read_statement(text)
    try:
        with opened(home, place) as side:
            put(side, name_of(read_origin(text), size, CHECKPOINT), note, where=place.name)
    except BirthshareError as error:
        before = {one.name: one.size for one in remembered(home)}
        return Visit(place.name, before.get(place.name, 0), str(error))
    return Visit(place.name, size)


def _way(home: Home, place: Place) -> Way:
    if place.host:
        from pipeline.delivery.sftp import Endpoint

        settings = home.settings.delivery
        return Endpoint(
            host=place.host,
            port=place.port,
            user=place.user,
            folder=place.folder,
            host_key=place.host_key,
            private_key=home.private_file(settings.private_key),
            timeout_seconds=settings.timeout_seconds,
        )
    from pipeline.delivery.folder import Folder

    # Nothing there is secret, and where it is written twice or late the names tell which is newest.
    return Folder(_outside(home, Path(place.folder)), guarded=False)


def _outside(home: Home, folder: Path) -> Path:
    """Raises SettingsError for a folder that would be restored together with the home."""
    real = folder.resolve()
    if not folder.is_absolute() or real.is_relative_to(home.path) or home.path.is_relative_to(real):
        raise SettingsError(
            "A place for checkpoints is not apart from this home",
            where=f"birthshare.toml, ledger.places: {folder}",
            do="Name a folder elsewhere, from the root (/), that somebody else looks after.",
        )
    return folder


def _memory(home: Home) -> Path:
    return home.state / "places.json"


def _prefix(origin: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", origin)


def _names_of(origin: str, what: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(_prefix(origin))}\.(?P<size>0|[1-9][0-9]{{0,18}})\.{what}\.txt")
