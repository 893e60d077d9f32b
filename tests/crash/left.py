"""What is left when all is done, in a form in which two runs can be compared.

What is random in every run has no part in it: the salt of a sealed file, the name of a part, the
numbers of entries, the tries that a list needed, what its rows are called and its code. Of a row's name it
counts whom it means. Everything else must be the same.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msoffcrypto
from python_calamine import CalamineWorkbook

from crash.world import World
from pipeline.facts import verified
from pipeline.ledger.entries import Disclosure, Kind, NoticeBody, PermitBody, Recorded
from pipeline.ledger.ledger import Ledger

_OF_A_TRY = {"part", "found_there", "size", "heard", "receipt_check"}
_OF_A_MANIFEST = {"sha256", "size", "permit", "checkpoint"}
MANIFEST = ".manifest.json"
_NUMBERS = {"permit", "of", "entries"}
_RANDOM = re.compile(r"[0-9a-f]{12,64}")
_NAME_OF_A_ROW = re.compile(rb"\b[A-Z0-9]{5}-[A-Z0-9]{5}\b")  # or a list's code
_PARTS = re.compile(rb"[\r\n<>]+")


@dataclass(frozen=True)
class Left:
    """The end of a run."""

    facts: list[str]  # of the ledger; their order is that of threads that work side by side
    lists: dict[str, bytes]  # as their recipients open them, by "recipient/name"
    files: list[str]  # of the home
    reports: dict[str, bytes]  # to suppliers
    proved: bool

    def differs_from(self, other: Left, *, collected: bool = False) -> list[str]:
        """What only one of the two has, and what both have but not the same.

        Of `collected` files it is also recorded that they were; that is no difference.
        """
        facts = Counter(self.facts), Counter(other.facts)
        more = [one for one in facts[0] - facts[1] if not (collected and one.startswith(str(Kind.COLLECTED)))]
        found = [f"only here: {one}" for one in more]
        found += [f"missing: {one}" for one in facts[1] - facts[0]]
        found += [f"file in one alone: {one}" for one in sorted(set(self.files) ^ set(other.files))]
        for mine, theirs in ((self.lists, other.lists), (self.reports, other.reports)):
            names = sorted(mine.keys() | theirs.keys())
            found += [f"not the same: {one}" for one in names if mine.get(one) != theirs.get(one)]
        return found if self.proved else [*found, "the ledger is not proved"]


def left(world: World, collected: Iterable[Mapping[str, bytes]] = ()) -> Left:
    """What there is now; `collected` is what recipients took in the meantime.

    Raises AssertionError where a recipient got a file twice, or a part of one is left.
    """
    got: dict[str, bytes] = {}
    for taken in (*collected, world.held()):
        again = {name for name in got.keys() & taken.keys() if not name.endswith(MANIFEST)}
        assert not again, f"sent twice: {sorted(again)}"
        got |= taken
    unfinished = [name for name in got if name.endswith(".part")]
    assert not unfinished, f"left at a recipient: {unfinished}"
    with closing(Ledger.open(world.database_url)) as ledger:
        entries = list(ledger.entries())
        proved = verified(world.home, ledger).problem is None
    for name in got:
        if name.endswith(MANIFEST):
            of = json.loads(got[name])["sha256"]
            assert hashlib.sha256(got[name.removesuffix(MANIFEST)]).hexdigest() == of, name
    meant = _meant(entries)
    lists = {
        name: _named(_opened(world, name, got[name]), meant, is_notice="/recall_" in name)
        for name in sorted(got)
    }
    return Left(_facts(entries, meant), lists, _files(world), _reports(world), proved)


def _meant(entries: list[Recorded]) -> dict[str, str]:
    """Whom each name of a list's row means."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry.body, Disclosure):
            children[entry.body.reference].append(entry.body.child)
    return {name: "+".join(sorted(mine)) for name, mine in children.items()}


def _named(content: bytes, meant: Mapping[str, str], *, is_notice: bool) -> bytes:
    """The content with each row called by whom it means; a notice's rows are in the order of their names."""
    said = _NAME_OF_A_ROW.sub(lambda found: meant.get(found[0].decode(), "a code").encode(), content)
    return b"\n".join(sorted(_PARTS.split(said))) if is_notice else said


def _facts(entries: list[Recorded], meant: Mapping[str, str]) -> list[str]:
    leave = {e.seq: e.body for e in entries if isinstance(e.body, (PermitBody, NoticeBody))}
    names = {seq: body.file_name for seq, body in leave.items()}
    sealed = {body.sealed_sha256: body.file_name for body in leave.values()} | dict(meant)
    facts = [_fact(entry, names, sealed) for entry in entries]
    tries = str(Kind.PUBLISHING)
    told = {fact for fact in facts if fact.startswith(tries)}
    return sorted([*told, *(fact for fact in facts if fact not in told)])


def _fact(entry: Recorded, names: Mapping[int, str], sealed: Mapping[str, str]) -> str:
    body = {
        name: _said(name, value, names, sealed)
        for name, value in json.loads(entry.body.model_dump_json()).items()
        if name not in _OF_A_TRY
    }
    return f"{entry.body.kind} {entry.month} {json.dumps(body, sort_keys=True)}"


def _said(name: str, value: Any, names: Mapping[int, str], sealed: Mapping[str, str]) -> Any:
    if name in _NUMBERS:
        return [names.get(one, "…") for one in value] if isinstance(value, list) else names.get(value, "…")
    return sealed.get(value, value) if isinstance(value, str) else value


def _files(world: World) -> list[str]:
    home = world.home.path
    files = [file.relative_to(home) for file in home.rglob("*") if file.is_file()]
    # What a write that was cut short left is sealed and goes with its key, a key that was never used, or a
    # page that names nobody.
    whole = [file for file in files if file.suffix != ".part"]
    return sorted(_RANDOM.sub("*", str(file)) for file in whole)


def _reports(world: World) -> dict[str, bytes]:
    outbox = world.home.outbox
    files = [file for name in world.home.settings.suppliers for file in (outbox / name).rglob("*")]
    return {str(file.relative_to(outbox)): _cells(file.read_bytes(), file.name) for file in sorted(files)}


def _cells(content: bytes, name: str) -> bytes:
    """A workbook's cells, since the moment at which it was written stands in it; other files as they are."""
    if not name.endswith(".xlsx"):
        return content
    sheets = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return repr([sheets.get_sheet_by_name(one).to_python() for one in sheets.sheet_names]).encode()


def _opened(world: World, name: str, content: bytes) -> bytes:
    """A file as its recipient opens it; of a manifest, what does not depend on the sealing."""
    code, file = name.split("/")
    if file.endswith(".xlsx"):
        return _workbook(content, (world.home.path / f"keys/recipients/{code}.password").read_text().strip())
    if file.endswith(".gpg"):
        return _openpgp(content, world.authority.demo.recipient(code) / f"{code}.private.asc")
    said = json.loads(content)
    return json.dumps({key: said[key] for key in said if key not in _OF_A_MANIFEST}).encode()


def _workbook(content: bytes, password: str) -> bytes:
    plain = io.BytesIO()
    office = msoffcrypto.OfficeFile(io.BytesIO(content))
    office.load_key(password=password, verify_password=True)
    office.decrypt(plain, verify_integrity=True)
    with ZipFile(plain) as book:
        return b"".join(name.encode() + book.read(name) for name in book.namelist())


def _openpgp(content: bytes, key: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="bs", dir="/tmp") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", str(key)], check=True, capture_output=True)
        plain = subprocess.run([*gpg, "--decrypt"], input=content, check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    return plain
