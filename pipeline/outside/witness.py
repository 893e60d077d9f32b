"""The second organisation: it countersigns a ledger that only ever grows, and remembers how far it went.

It needs no home of an authority, only a folder of its own:

    witness.key        its private key, for nobody else
    witness.vkey       its public half, for the authorities
    logs/NAME/log.vkey     the key of a ledger that it watches
    logs/NAME/signed.txt   the newest checkpoint of it that was countersigned; empty before the first

What was countersigned is written down before the answer leaves. So whoever loses an answer asks again, and a
witness that was stopped in between never signs two histories. An older copy of the folder must never be put
back: it would have forgotten what it signed.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from pipeline.encryption.cosigning import Cosignature, cosign, cosignatures, cosigner_verifier
from pipeline.encryption.signing import (
    key_id,
    new_note_key,
    read_signature_line,
    read_verifier,
    signatures_of,
    split_note,
    verify_note,
)
from pipeline.errors import BirthshareError, IntegrityError, Refused, SettingsError
from pipeline.ledger.checkpoints import read_origin, read_statement, unsigned
from pipeline.ledger.consistency import is_consistent
from pipeline.ledger.merkle import EMPTY_ROOT
from pipeline.outside.messages import LIMIT_BYTES, Request, read_request
from pipeline.staging import write_whole

KEY_FILE, VERIFIER_FILE = "witness.key", "witness.vkey"
_NAME = re.compile(r"[!-*,-~]{1,150}\Z")
_LIKE_AN_IDENTIFIER = re.compile(r"[0-9]{9}")  # no authority's ledger would take it
_KEY_BYTES = 32
_REQUEST = re.compile(r"(?P<log>[A-Za-z0-9._-]+)\.(?P<size>0|[1-9][0-9]{0,18})\.request\.txt")


class Outdated(Refused):
    """A request begins with another checkpoint than the one signed last, which has `signed` entries."""

    def __init__(self, origin: str, old: int, signed: int) -> None:
        self.signed = signed
        super().__init__(
            f"The request begins at {old} entries, and this witness signed {signed} last",
            where=origin,
            do=f"Nothing was signed. Ask for a new one: birthshare ledger request --since {signed}",
        )


@dataclass(frozen=True)
class Witness:
    """A witness's folder, opened."""

    folder: Path
    verifier: str  # name+id+key, to be given to the authorities

    @property
    def name(self) -> str:
        """The name of its key."""
        return self.verifier.split("+", 1)[0]

    @classmethod
    def make(cls, folder: Path, name: str) -> Witness:
        """A new witness; raises SettingsError for a folder that holds anything, or an unusable name."""
        if not _NAME.match(name) or _LIKE_AN_IDENTIFIER.search(name):
            raise SettingsError(
                "A witness cannot be called that",
                do="Choose a name without blanks, '+' and long numbers, such as council.example.org/witness.",
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SettingsError("This folder is not empty", where=str(folder), do="Name a new or empty one.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = new_note_key()
        verifier = cosigner_verifier(name, key)
        write_whole(folder / VERIFIER_FILE, f"{verifier}\n".encode(), mode=0o644)
        write_whole(folder / KEY_FILE, key, mode=0o600)
        return cls(folder, verifier)

    @classmethod
    def open(cls, folder: Path) -> Witness:
        """The witness in a folder; raises SettingsError where there is none."""
        try:
            return cls(folder, (folder / VERIFIER_FILE).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            pass
        raise SettingsError(
            "This folder holds no witness", where=str(folder), do="Make one: birthshare ledger witness init"
        )

    def trust(self, vkey: str, *, instead: bool = False) -> str:
        """Watch the ledger with this key from now on; gives its origin.

        `instead` of the one that it had: what was signed stays signed, and the ledger must go on from it.
        Raises SettingsError for what is no verifier key, or another one than the ledger had before.
        """
        origin, _ = read_verifier(vkey)
        folder = self._log(origin)
        with self._alone():
            known = folder / "log.vkey"
            is_new = not known.is_file()
            is_other = is_new or known.read_text(encoding="utf-8").strip() != vkey.strip()
            if is_other and not (is_new or instead):
                raise SettingsError(
                    "This witness knows that ledger with another key",
                    where=origin,
                    do="Ask its owner, by a way you already trust, why the key is another one. If they "
                    "replaced it, say so: --instead",
                )
            folder.mkdir(parents=True, exist_ok=True)
            if is_new:
                write_whole(folder / "signed.txt", b"", mode=0o600)
            if is_other:
                write_whole(known, f"{vkey.strip()}\n".encode(), mode=0o600)
        return origin

    def watched(self) -> dict[str, tuple[int, datetime | None]]:
        """How far each ledger was countersigned, and when last, by origin; 0 and None before the first."""
        known = sorted(read_verifier(file.read_text())[0] for file in self.folder.glob("logs/*/log.vkey"))
        signed = {origin: self._signed(origin) for origin in known}
        return {
            origin: (one.size, one.cosignature.at if one.text else None) for origin, one in signed.items()
        }

    def sign(self, request: str, *, at: datetime) -> Cosignature:
        """Countersign the checkpoint of a request, and remember it first.

        The same checkpoint again gets the same answer, or a new one where the request begins with it. Raises
        SettingsError for a ledger that is not watched, Outdated for a request that begins elsewhere, and
        IntegrityError where the ledger's signature is not good, or it does not begin with what was signed.
        """
        asked = read_request(request)
        text, lines = self._checked(asked.note)
        origin = read_origin(text)
        with self._alone():
            before = self._signed(origin)
            size, root = read_statement(text)
            same = before.text == text
            if same and asked.old != size:
                return before.cosignature  # asked once more: the first answer was lost
            if not same:
                _check_grown(origin, before, asked, size, root)
            given = cosign(text, name=self.name, private_key=self._key(), at=at)
            note = "\n".join([text, *lines, given.line, ""])
            write_whole(self._log(origin) / "signed.txt", note.encode(), mode=0o600)
            return given

    def _checked(self, note: str) -> tuple[str, list[str]]:
        """A checkpoint's text, and the lines by which the ledger that it names, which is watched, signed it.

        Lines of others are left aside: anybody can put one there, under our own name too.
        """
        origin = read_origin(unsigned(note))
        known = self._log(origin) / "log.vkey"
        if not known.is_file():
            raise SettingsError(
                "This witness does not watch that ledger",
                where=origin,
                do="Take its verifier key by a way you trust: birthshare ledger witness trust DIR VKEY",
            )
        vkey = known.read_text(encoding="utf-8")
        text = verify_note(note, vkey)
        identity = key_id(*read_verifier(vkey))
        lines = note.rpartition("\n\n")[2].splitlines()
        ours = [line for line in lines if signatures_of(origin, identity, [read_signature_line(line)])]
        return text, ours

    def _signed(self, origin: str) -> _Signed:
        """What was signed last of a ledger; raises IntegrityError where that is not to be known."""
        file = self._log(origin) / "signed.txt"
        problem = IntegrityError(
            "What this witness signed last cannot be read",
            where=str(file),
            do="Nothing was signed. A witness that forgets is none: make a new one, under another name.",
        )
        try:
            note = file.read_text(encoding="utf-8")
            if not note:
                return _NOTHING
            text, _ = split_note(note)
            size, root = read_statement(text)
            given = cosignatures(note.rpartition("\n\n")[2].splitlines(), text, [self.verifier])
        except (OSError, UnicodeDecodeError, IntegrityError):
            raise problem from None
        if not given or read_origin(text) != origin:
            raise problem
        return _Signed(size, root, text, given[-1])

    def _key(self) -> bytes:
        file = self.folder / KEY_FILE
        try:
            key, mode = file.read_bytes(), file.stat().st_mode
        except OSError:
            key, mode = b"", 0
        if mode & 0o077:
            raise SettingsError(
                "A key file can be read by others", where=str(file), do=f"Run: chmod 600 '{file}'"
            )
        if len(key) != _KEY_BYTES or cosigner_verifier(self.name, key) != self.verifier:
            raise SettingsError(
                "The witness's key is missing or another one",
                where=str(file),
                do="Put it back from your safe copy.",
            )
        return key

    def _log(self, origin: str) -> Path:
        return self.folder / "logs" / quote(origin, safe="")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time: two requests at once never both begin with the same checkpoint."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class Answered:
    """What became of a request in a folder."""

    file: str
    refusal: BirthshareError | None = None


def answer_all(witness: Witness, folder: Path, *, at: datetime) -> list[Answered]:
    """Answer the newest request of each ledger in a folder, unless it is answered; each on its own.

    A request that begins with another checkpoint than the one signed last gets the size of that one for an
    answer, and a new request comes. One that is refused gets none. Raises OSError where the folder cannot be
    read or written.
    """
    newest: dict[str, tuple[int, Path]] = {}
    for file in folder.iterdir():
        if name := _REQUEST.fullmatch(file.name):
            newest[name["log"]] = max(newest.get(name["log"], (0, file)), (int(name["size"]), file))
    return [
        _answered(witness, file, at)
        for _, (_, file) in sorted(newest.items())
        if not _answer_file(file).exists()
    ]


def _answered(witness: Witness, file: Path, at: datetime) -> Answered:
    try:
        answer = f"{witness.sign(_content(file), at=at).line}\n"
    except Outdated as outdated:
        answer = f"{outdated.signed}\n"
    except BirthshareError as refusal:
        return Answered(file.name, refusal)
    write_whole(_answer_file(file), answer.encode(), mode=0o664)
    return Answered(file.name)


def _answer_file(request: Path) -> Path:
    return request.with_name(request.name.removesuffix(".request.txt") + ".answer.txt")


def _content(file: Path) -> str:
    """What is in a file; whoever may write into the folder may have put something else under such a name."""
    with suppress(OSError):
        # Without waiting, and without following a link: a pipe would hold us for ever.
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(opened, "rb") as stream:
            if stat.S_ISREG(os.fstat(opened).st_mode):
                return stream.read(LIMIT_BYTES).decode(errors="replace")
    raise IntegrityError("This is no file that can be read", where=str(file), do="See what it is.")


@dataclass(frozen=True)
class _Signed:
    """The newest checkpoint of a ledger that was countersigned."""

    size: int
    root: bytes
    text: str
    cosignature: Cosignature


_NOTHING = _Signed(0, EMPTY_ROOT, "", Cosignature("", datetime.min, ""))


def _check_grown(origin: str, before: _Signed, asked: Request, size: int, root: bytes) -> None:
    """Raises where the ledger does not begin with what was signed of it."""
    if size < before.size:
        raise IntegrityError(
            f"This checkpoint has {size} entries, and this witness has signed {before.size} already",
            where=origin,
            do="Nothing was signed. Either the request is an old one, or the ledger was put back to an older "
            "state: ask its owner for the newest request.",
        )
    if size == before.size and root != before.root:
        raise _forked(origin, size)
    if asked.old != before.size:
        raise Outdated(origin, asked.old, before.size)
    if not is_consistent(before.size, before.root, size, root, asked.proof):
        raise _forked(origin, before.size)


def _forked(origin: str, size: int) -> IntegrityError:
    return IntegrityError(
        f"The ledger does not begin with the {size} entries that this witness signed",
        where=origin,
        do="Nothing was signed. Keep the request: it is evidence that the ledger's past was changed. Tell "
        "the information governance officer of its owner, and not by the way the request came.",
    )
