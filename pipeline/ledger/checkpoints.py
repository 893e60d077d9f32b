"""Checkpoints: the ledger's size and Merkle root, signed, in the C2SP tlog-checkpoint form.

A checkpoint that is kept elsewhere (it goes out with every delivery) is what proves the ledger
against somebody who can rewrite the whole database.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from pipeline.errors import IntegrityError, SettingsError
from pipeline.ledger.tables import CHECKPOINTS

_PAGE = 100

# A C2SP origin is also the name of the key that signs: no spaces and no plus sign.
_ORIGIN = re.compile(r"[!-*,-~]+\Z")
_STATEMENT = re.compile(
    r"[!-*,-~]+\n"
    r"(?P<size>0|[1-9][0-9]{0,18})\n"
    r"(?P<root>[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)\n\Z"  # 32 bytes
)


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement of how long the ledger was and what its Merkle root was."""

    size: int  # entries
    root: str  # hexadecimal
    note: str  # the signed note: three lines, a blank line, signatures


def statement(origin: str, size: int, root: bytes) -> str:
    """The text to sign; raises SettingsError for an origin that cannot stand in it."""
    if not _ORIGIN.match(origin):
        raise SettingsError(
            "The ledger's origin cannot stand in a checkpoint", do="Use letters, digits, dots and slashes."
        )
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def read_statement(text: str) -> tuple[int, bytes]:
    """Size and root that a checkpoint's text states; raises IntegrityError for any other text."""
    stated = _STATEMENT.match(text)
    if stated:
        return int(stated["size"]), base64.b64decode(stated["root"])
    raise IntegrityError("That is not a checkpoint of a ledger")


def read_origin(text: str) -> str:
    """Which ledger a checkpoint's text is of; raises IntegrityError for any other text."""
    read_statement(text)
    return text.partition("\n")[0]


def unsigned(note: str) -> str:
    """A note's text, its signatures left aside unverified."""
    text, _, _ = note.partition("\n\n")
    return f"{text}\n"


def latest(connection: Connection) -> Checkpoint | None:
    """The newest checkpoint, if there is one."""
    row = connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.size.desc()).limit(1)).one_or_none()
    return None if row is None else Checkpoint(row.size, row.root, row.note)


def sizes(connection: Connection) -> list[int]:
    """Up to which entry each checkpoint goes, the oldest first."""
    return list(connection.execute(select(CHECKPOINTS.c.size).order_by(CHECKPOINTS.c.size)).scalars())


def of_size(connection: Connection, size: int) -> Checkpoint | None:
    """The checkpoint over so many entries, if there is one."""
    row = connection.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.size == size)).one_or_none()
    return None if row is None else Checkpoint(row.size, row.root, row.note)


def newest_first(connection: Connection) -> Iterator[Checkpoint]:
    """Every checkpoint, from the newest to the oldest."""
    rows = connection.execute(
        select(CHECKPOINTS).order_by(CHECKPOINTS.c.size.desc()), execution_options={"yield_per": _PAGE}
    )
    for row in rows:
        yield Checkpoint(row.size, row.root, row.note)


def keep(connection: Connection, checkpoint: Checkpoint) -> None:
    """Record a checkpoint, for ever."""
    connection.execute(insert(CHECKPOINTS), asdict(checkpoint))
