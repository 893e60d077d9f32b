"""A ledger with something in every table, and what somebody with the database's password can do to it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from ledger_examples import APPROVED, MONTH, child, digest, permit_body

from pipeline.encryption.signing import note_verifier, sign_note, verify_note
from pipeline.ledger import journal
from pipeline.ledger.checkpoints import statement
from pipeline.ledger.entries import (
    Entry,
    Kind,
    MonthClosed,
    Placed,
    RecallRaised,
    canonical,
    commitment,
    leaf,
)
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import CHAIN_START, TILE, CompactRange, leaf_hash
from pipeline.ledger.tables import (
    CHECKPOINTS,
    DISCLOSURES,
    ENTRIES,
    HEAD,
    METADATA,
    OPENINGS,
    RECALLS,
    SUBTREES,
    SUPPRESSIONS,
)
from pipeline.records import SUPPRESSIONS as WORDS
from pipeline.records import OnList, Permit, declared

ORIGIN = "birthshare.example.org/test"
KEY = bytes(range(32))
Note = Callable[[str], str]
SIGN: Note = partial(sign_note, name=ORIGIN, private_key=KEY)
CHECK: Note = partial(verify_note, vkey=note_verifier(ORIGIN, KEY))
"""Anybody can check who has the public key."""


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """A place for a database that is written to so often that a disk would take longer than the test."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else folder) as place:
        yield Path(place)


@dataclass(frozen=True)
class Filled:
    """Where things stand in the ledger that `fill` makes."""

    first: Permit  # an older list, whose disclosures were destroyed in part
    second: Permit
    kept: tuple[str, str]  # the notes of two checkpoints, as places outside the database keep them
    kept_to: int  # up to which entry the newer of them goes
    size: int


def fill(ledger: Ledger, *, entries: int = TILE) -> Filled:
    """Something of every kind, and rows in every table; a complete subtree needs TILE entries."""
    moment = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    words = {"subject": [child(90), child(91)], "word": ["child_died", "suppressed"], "since": [pd.NaT] * 2}
    words["since"][1] = pd.Timestamp("2026-10-01T08:00:00")
    ledger.suppress(declared(pd.DataFrame(words), WORDS), moment)
    ledger.append(APPROVED, at=moment)
    children = [
        OnList(child(one), parent=child(one + 100), reference=f"K7Q3M-9XT{one:02}") for one in (1, 2, 3)
    ]
    first = ledger.permit(permit_body("centre-1", children=3), children, month=MONTH, at=moment)
    ledger.checkpoint(SIGN, origin=ORIGIN)
    ledger.append(*[_placed(number) for number in range(entries - ledger.size)], at=moment)
    second = ledger.permit(
        permit_body("centre-2"), [OnList(child(4)), OnList(child(5))], month=MONTH, at=moment
    )
    ledger.call_back([_recall(first, 1), _recall(first, 2)], at=moment)
    older = ledger.checkpoint(SIGN, origin=ORIGIN)
    ledger.destroy_openings([first.entry + 1], because="erasure", at=moment, principal="lead@example.org")
    ledger.append(*[_placed(number) for number in range(900, 904)], at=moment)
    newer = ledger.checkpoint(SIGN, origin=ORIGIN)
    ledger.take("a list")
    ledger.append(_placed(904), _placed(905), Entry(MonthClosed(), MONTH), at=moment)
    return Filled(first, second, (older.note, newer.note), newer.size, ledger.size)


def _placed(number: int) -> Entry:
    reach = f"{number:064x}"
    body = Placed(
        network="centres", directory_sha256=digest("d"), reach_sha256=reach, statuses={"placed": number}
    )
    return Entry(body, MONTH)


def _recall(permit: Permit, one: int) -> RecallRaised:
    return RecallRaised(
        permit=permit.entry, reference=f"K7Q3M-9XT{one:02}", child=child(one), agreement=permit.agreement,
        recipient=permit.recipient, word="child_died", due=date(2026, 11, 5),
    )  # fmt: skip


Row = dict[str, Any]
State = dict[sa.Table, list[Row]]  # everything that a database holds


class Attacker:
    """Somebody who can do anything to the database, and knows this program as well as we do."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def is_postgresql(self) -> bool:
        """Which of the two databases it is."""
        return self._engine.dialect.name == "postgresql"

    def run(self, statement: str, **values: Any) -> int:
        """One statement past the ledger; gives how many rows it was about."""
        with self._engine.begin() as connection:
            asked = (
                sa.text(statement).bindparams(**values) if values else sa.text(statement.replace(":", "\\:"))
            )
            return connection.execute(asked).rowcount

    def ask(self, *statements: str) -> list[Any]:
        """What the database answers to the last of these."""
        with self._engine.begin() as connection:
            *_, answer = [connection.exec_driver_sql(one) for one in statements]
            return list(answer.all())

    def drop_guards(self) -> None:
        """Take the triggers away that make tables append-only."""
        with self._engine.begin() as connection:
            if self.is_postgresql:
                connection.execute(sa.text("DROP FUNCTION ledger_refuses() CASCADE"))
                return
            names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for name in names.scalars().all():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))

    def state(self) -> State:
        """A copy of everything."""
        with self._engine.begin() as connection:
            return {table: _read(connection, table) for table in METADATA.sorted_tables}

    def put(self, state: State) -> None:
        """These rows in place of all that stand there."""
        with self._engine.begin() as connection:
            for table, rows in state.items():
                connection.execute(sa.delete(table))
                if rows:
                    connection.execute(sa.insert(table), rows)


def _read(connection: sa.Connection, table: sa.Table) -> list[Row]:
    query = sa.select(table).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]


def history(state: State) -> list[Row]:
    """Every entry with its opening, which an attacker may change before `renumbered` or `refitted`."""
    openings = {row["entry"]: row for row in state[OPENINGS]}
    nothing = {"salt": None, "said": None}
    return [{**row, **_part(openings.get(row["seq"], nothing), "salt", "said")} for row in state[ENTRIES]]


def renumbered(state: State, entries: list[Row]) -> State:
    """The database with these entries, one after the other, and everything else left as it is."""
    rows = [{**_part(one, *ENTRIES.c.keys()), "seq": seq} for seq, one in enumerate(entries, start=1)]
    return {**state, ENTRIES: rows}


def refitted(state: State, entries: list[Row], *, sign: Note | None = None, lookups: bool = True) -> State:
    """The database with this history, and with everything else made to fit it.

    Checkpoints that no longer fit are signed anew where the key is at hand, and taken away where not;
    `lookups`: look-up tables too.
    """
    head, roots, subtrees = journal.Head(CompactRange(), CHAIN_START), {}, []
    rows, openings = [], []
    for seq, entry in enumerate(entries, start=1):
        row = {**_part(entry, "kind", "month", "at", "body"), "seq": seq}
        hashed = leaf_hash(leaf(**row))
        head.add(hashed)
        roots[seq] = head.tree.root()
        subtrees += [journal.subtree_row(*one) for one in head.tree.completed()]
        rows.append({**row, "leaf_hash": hashed.hex(), "chain_hash": head.chain.hex()})
        if entry["said"]:
            openings.append({"entry": seq, **_part(entry, "salt", "said")})
    return {
        **state,
        ENTRIES: rows,
        HEAD: [{"id": 1, **head.row()}],
        SUBTREES: subtrees,
        OPENINGS: openings,
        CHECKPOINTS: [made for one in state[CHECKPOINTS] for made in _checkpoint(one, roots, sign)],
        **(_lookups(rows, openings) if lookups else {}),
    }


def reworded(entry: Row, **changes: Any) -> Row:
    """An entry whose body says something else; what it commits to, another subject, where that is changed."""
    body, said = json.loads(entry["body"]), json.loads(entry["said"] or "{}")
    said.update({name: value for name, value in changes.items() if name in said})
    body.update({name: value for name, value in changes.items() if name not in said})
    if not entry["said"]:
        return {**entry, "body": canonical(body)}
    body["commitment"] = commitment(bytes.fromhex(entry["salt"]), canonical(said))
    return {**entry, "body": canonical(body), "said": canonical(said)}


def _checkpoint(stored: Row, roots: dict[int, bytes], sign: Note | None) -> list[Row]:
    size, root = stored["size"], roots.get(stored["size"])
    if root is not None and stored["root"] == root.hex():
        return [stored]
    if root is None or sign is None:
        return []
    return [{"size": size, "root": root.hex(), "note": sign(statement(ORIGIN, size, root))}]


def _lookups(rows: list[Row], openings: list[Row]) -> State:
    """What the look-up tables say of a history in which every permit stands."""
    tables = {
        Kind.SUPPRESSION_RECORDED: SUPPRESSIONS,
        Kind.DISCLOSURE: DISCLOSURES,
        Kind.RECALL_RAISED: RECALLS,
    }
    made: State = {table: [] for table in tables.values()}
    said = {one["entry"]: json.loads(one["said"]) for one in openings}
    for row in rows:
        if row["kind"] in tables and row["seq"] in said:
            body = json.loads(row["body"])
            permit = body.get("permit", 0)
            whole = {**body, **said[row["seq"]], "entry": row["seq"], "month": row["month"], "heard": permit}
            made[tables[row["kind"]]].append(_part(whole, *tables[row["kind"]].c.keys()))
    return made


def _part(row: Row, *names: str) -> Row:
    return {name: row[name] for name in names}
