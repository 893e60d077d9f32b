"""Every step of a run that outlives the process, so that a run can be killed at any of them.

    with the home's files      put on the disk, given their name, removed
    with the ledger            just before a transaction is kept, and just after
    with a recipient's server  a request that was sent, and one that was answered

Nothing of the pipeline is replaced by something else: each step is taken by the pipeline's own code,
and between two steps somebody is asked. Only for a process that ends afterwards: nothing is put back.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import paramiko
from paramiko import sftp
from sqlalchemy import Connection, inspect, text

from pipeline.ledger.database import Database

Reached = Callable[[str], None]  # is told the name of the step that was just reached

_RANDOM = re.compile(r"[0-9a-f]{12,64}(\.sqlite\.\w+)?")


def watch(reached: Reached, home: Path) -> None:
    """From now on, `reached` hears of every step in this process."""
    _watch_files(reached, home)
    _watch_ledger(reached)
    _watch_server(reached)


def kind_of(step: str) -> str:
    """What a step has in common with others like it: the same of other lists, files and tries."""
    return step.split(": ", 1)[0]


# --- files ----------------------------------------------------------------------------------------


def _watch_files(reached: Reached, home: Path) -> None:
    for name, said in (("replace", "file named"), ("unlink", "file removed"), ("rmdir", "folder removed")):
        own = getattr(os, name)

        def watched(path: Any, *more: Any, _own: Any = own, _said: str = said, **options: Any) -> Any:
            target = _place(more[0] if more else path, options.get("dir_fd"))
            done = _own(path, *more, **options)
            if target.is_relative_to(home):
                reached(f"{_said}: {_plain(target.name)}")
            return done

        setattr(os, name, watched)

    fsync = os.fsync

    def put_on_disk(descriptor: int) -> None:
        fsync(descriptor)
        file = _opened(descriptor)
        if file.is_relative_to(home):
            what = "folder" if file.is_dir() else "file"
            reached(f"{what} on the disk: {_plain(file.name)}")

    os.fsync = put_on_disk


def _place(path: Any, folder: int | None) -> Path:
    return (_opened(folder) if folder is not None else Path()) / os.fsdecode(path)


def _opened(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


# --- the ledger -----------------------------------------------------------------------------------


def _watch_ledger(reached: Reached) -> None:
    writing = Database.writing

    @contextmanager
    def watched(database: Database) -> Iterator[Connection]:
        asked = _asked_of_the_ledger(sys._getframe(1))
        with writing(database) as connection:
            before = _size(connection)
            yield connection
            step = f"{asked} {_recorded_since(connection, before)}".strip()
            reached(f"ledger about to keep {step}: ")
        reached(f"ledger has kept {step}: ")

    Database.writing = watched  # type: ignore[method-assign]


def _asked_of_the_ledger(frame: FrameType | None) -> str:
    """The method of the ledger that this transaction belongs to."""
    while frame is not None:
        if frame.f_code.co_filename.endswith("pipeline/ledger/ledger.py"):
            return frame.f_code.co_name
        frame = frame.f_back
    return "the tables"


def _size(connection: Connection) -> int:
    if not inspect(connection).has_table("entries"):
        return 0
    return int(connection.execute(text("SELECT coalesce(max(seq), 0) FROM entries")).scalar_one())


def _recorded_since(connection: Connection, size: int) -> str:
    kinds = connection.execute(text("SELECT DISTINCT kind FROM entries WHERE seq > :size"), {"size": size})
    return ", ".join(sorted(kinds.scalars()))


# --- the server -----------------------------------------------------------------------------------


def _watch_server(reached: Reached) -> None:
    client: Any = paramiko.SFTPClient
    send, receive = client._async_request, client._read_response
    asked: dict[int, str] = {}

    def sent(self: Any, waiting: Any, request: int, *more: Any) -> Any:
        number = send(self, waiting, request, *more)
        asked[number] = f"{_words(request, more)}: {_about(more)}"
        reached(f"server was sent {asked[number]}")
        return number

    def answered(self: Any, waited_for: int | None = None) -> Any:
        answer = receive(self, waited_for)
        reached(f"server answered {asked[waited_for] if waited_for else 'one of several: '}")
        return answer

    client._async_request, client._read_response = sent, answered


def _words(request: int, more: tuple[Any, ...]) -> str:
    if request == sftp.CMD_EXTENDED:
        return str(more[0])
    about = ""
    if request in (sftp.CMD_OPEN, sftp.CMD_REMOVE) and _about(more).endswith(".part"):
        about = " of a part"
    return str(sftp.CMD_NAMES[request]) + about


def _about(more: tuple[Any, ...]) -> str:
    names = [one.decode() for one in more if isinstance(one, bytes) and b"/" in one[:1]]
    return " ".join(_plain(Path(name).name) for name in names)


def _plain(name: str) -> str:
    """A file's name without what is random in it."""
    return _RANDOM.sub("*", name)
