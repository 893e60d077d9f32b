"""How fast the ledger records, verifies, finds and proves, beside what no ledger could do without.

    python ledger.py FOLDER ENTRIES RECORDED TIMES [PYTHON]

RECORDED entries of each sort are recorded in batches of a thousand, in turns with plain inserts of the same
rows into the same tables, on SQLite and on a PostgreSQL that waits for the disk. Then a ledger of so many
ENTRIES, nearly all of them children on lists, is verified in a fresh process, whole and since a checkpoint;
families are looked up, and proofs made. The floor of verification is the same content in memory: each entry
and each opening written as canonical JSON and hashed (SHA-256, openings HMAC), by the standard library's
`json.dumps` and by our own encoder. PYTHON, if given, has pymerkle: the same leaves are appended to a tree of
its own, and both make the same proofs. The answer is JSON, every time in seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import secrets
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from ledger_recording import BATCH, NOW, REFERENCE, permit_body, recorded
from measure import run

from pipeline.encryption.signing import note_verifier, sign_note, verify_note
from pipeline.ledger import indexes
from pipeline.ledger.entries import canonical, commitment, leaf, write_body, write_moment
from pipeline.ledger.journal import SALT_BYTES, Head, subtree_row
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import leaf_hash
from pipeline.ledger.replay import beginning, replay

IN_MEMORY = 200_000  # entries of the floor
ASKED = 300  # families looked up, proofs made
LISTS_A_MONTH = 80
BEFORE_END = 10_000  # entries after the older checkpoint, or half of them
ORIGIN, KEY = "birthshare/bench", bytes(32)
AT = write_moment(NOW)
STREAM = random.Random(1)


def measure(folder: Path, entries: int, count: int, times: int, pymerkle: str) -> dict[str, Any]:
    """All of it, in one run."""
    figures: dict[str, Any] = {"recorded": _apart("record", folder, count, times)}
    file = folder / "past.db"
    begun = perf_counter()
    _build(file, entries)
    with closing(Ledger.open(_url(file))) as ledger:
        size = ledger.size
        figures |= {
            "entries": size,
            "built_seconds": perf_counter() - begun,
            "database_mib": file.stat().st_size / 2**20,
            "verified": _apart("verify", file, 0),
            "since": _apart("verify", file, max(size // 2, size - BEFORE_END)),
            "floor": _apart("floor", file),
            "found": _found(ledger, file),
            "proofs": _proofs(ledger, size),
            "pymerkle": _beside_pymerkle(folder, ledger, file, pymerkle) if pymerkle else None,
        }
    return figures


# --- a long past ----------------------------------------------------------------------------------


def _build(file: Path, entries: int) -> None:
    """Permits of a thousand children each, with their openings and look-ups, as the ledger writes them.

    Row by row, with none of the questions that a permit is asked first; that verification finds nothing shows
    that the rows are the ledger's. Nobody waits for the disk, and the indexes are made at the end.
    """
    Ledger.open(_url(file)).close()  # for the tables
    head = beginning()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        for number in range(-(-entries // BATCH)):
            _add_list(connection, head, number, min(BATCH, entries))
        connection.execute(
            "UPDATE head SET size = :size, chain_hash = :chain_hash, nodes = :nodes", head.row()
        )
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")


def _add_list(connection: sqlite3.Connection, head: Head, number: int, children: int) -> None:
    year, month = divmod(number // LISTS_A_MONTH, 12)
    written, recipient = f"{2000 + year}-{month + 1:02}", f"centre-{number % LISTS_A_MONTH}"
    body, _ = write_body(permit_body(recipient, children), b"")
    permit = head.tree.size + 1
    entries, openings, lookups = [_row(head, "permit", written, body)], [], []
    for _ in range(children):
        salt, child, parent, dwelling = (secrets.token_bytes(size) for size in (SALT_BYTES, 16, 16, 16))
        said = f'{{"child":"{child.hex()}","dwelling":"{dwelling.hex()}","parent":"{parent.hex()}"}}'
        body = (
            f'{{"agreement":"welcome-card","commitment":"{commitment(salt, said)}","permit":{permit}'
            f',"recipient":"{recipient}","reference":"{REFERENCE}"}}'
        )
        row = _row(head, "disclosure", written, body)
        entries.append(row)
        openings.append((row[0], salt.hex(), said))
        lookups.append(
            (row[0], child.hex(), "welcome-card", recipient, written, permit, parent.hex(), dwelling.hex(),
             REFERENCE, permit)
        )  # fmt: skip
    subtrees = [tuple(subtree_row(*one).values()) for one in head.tree.completed()]
    for table, rows in (
        ("entries", entries), ("openings", openings), ("disclosures", lookups), ("subtrees", subtrees)
    ):  # fmt: skip
        if rows:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _row(head: Head, kind: str, month: str, body: str) -> tuple[Any, ...]:
    seq = head.tree.size + 1
    digest = leaf_hash(leaf(seq, kind, month, AT, body))
    head.add(digest)
    return seq, kind, month, AT, body, digest.hex(), head.chain.hex()


def _url(file: Path) -> str:
    return f"sqlite:///{file}"


# --- verification ---------------------------------------------------------------------------------


def _apart(what: str, *given: object) -> dict[str, Any]:
    """What one part answers in a fresh process, and the most memory that it took."""
    found: dict[str, Any] = json.loads(run([sys.executable, __file__, what, *map(str, given)]).answer)
    return found


def _peak_mib() -> float:
    """Of this process alone: what the system tells its parent counts the memory of the parent too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _verify(file: Path, since: int) -> dict[str, Any]:
    """Only the verification is timed: that of the entries, and SQLite's comparison of its indexes."""
    with closing(Ledger.open(_url(file))) as ledger:
        note = None
        if since:
            with ledger.proving() as proofs:
                text = f"{ORIGIN}\n{since}\n{_base64(proofs.root(since))}\n"
            note = sign_note(text, name=ORIGIN, private_key=KEY)
        with ledger.database.reading() as connection:
            begun, busy = perf_counter(), process_time()
            found = replay(connection, check_note=_check, since=note)
            seconds, cpu_seconds = perf_counter() - begun, process_time() - busy
            broken = None if since else indexes.problem(connection)
            more = perf_counter() - begun - seconds
    return {
        "sound": found.sound and broken is None,
        "read": found.read,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "index_seconds": more,
    }


def _base64(digest: bytes) -> str:
    import base64

    return base64.b64encode(digest).decode()


def _check(note: str) -> str:
    return verify_note(note, vkey=note_verifier(ORIGIN, KEY))


def _floor(file: Path) -> dict[str, float]:
    """CPU seconds for one entry, with its opening where it has one; as others may use the machine too."""
    columns = "seq, kind, month, at, body, salt, said"
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            f"SELECT {columns} FROM entries LEFT JOIN openings ON entry = seq ORDER BY seq LIMIT {IN_MEMORY}"
        ).fetchall()
    entries = [
        {"seq": seq, "kind": kind, "month": month, "at": at, "body": json.loads(body)}
        for seq, kind, month, at, body, _, _ in rows
    ]
    openings = [(bytes.fromhex(salt), json.loads(said)) for *_, salt, said in rows if salt]
    return {
        name: _hashed(encode, entries, openings) / len(entries)
        for name, encode in (("standard_library", _dumps), ("own_encoder", canonical))
    }


def _dumps(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _hashed(encode: Callable[[Any], str], entries: list[Any], openings: list[tuple[bytes, Any]]) -> float:
    busy = process_time()
    for entry in entries:
        hashlib.sha256(encode(entry).encode()).digest()
    for salt, said in openings:
        hmac.digest(salt, encode(said).encode(), "sha256")
    return process_time() - busy


# --- looking up and proving -----------------------------------------------------------------------


def _found(ledger: Ledger, file: Path) -> dict[str, float]:
    """Looking up all that was disclosed of one family, by its child or its parent."""
    with closing(sqlite3.connect(file)) as connection:
        (most,) = connection.execute("SELECT max(entry) FROM disclosures").fetchone()
        wanted = [STREAM.randrange(most) for _ in range(ASKED)]
        families = [
            connection.execute(
                "SELECT child, parent FROM disclosures WHERE entry > ? ORDER BY entry LIMIT 1", [place]
            ).fetchone()
            for place in wanted
        ]

    def ask(family: tuple[str, str]) -> None:
        assert ledger.disclosures_of(family)

    return _timed(ask, families)


def _proofs(ledger: Ledger, size: int) -> dict[str, Any]:
    """Proofs of entries and checkpoints anywhere, each with nothing read before."""

    def include(seq: int) -> None:
        with ledger.proving() as proofs:
            proofs.inclusion(seq, size)

    def compare(old: int) -> None:
        with ledger.proving() as proofs:
            proofs.consistency(old, size)

    places = [STREAM.randrange(1, size) for _ in range(ASKED)]
    return {"inclusion": _timed(include, places), "consistency": _timed(compare, places)}


def _timed(act: Callable[[Any], None], things: list[Any]) -> dict[str, float]:
    each = []
    for one in things:
        begun = perf_counter()
        act(one)
        each.append(perf_counter() - begun)
    return {"median": median(each), "slowest": max(each)}


def _beside_pymerkle(folder: Path, ledger: Ledger, file: Path, python: str) -> dict[str, Any]:
    """The same leaves in a tree of pymerkle's, in a database file too; its root and proofs must be ours."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            f"SELECT seq, kind, month, at, body FROM entries ORDER BY seq LIMIT {IN_MEMORY // 10}"
        ).fetchall()
    size = len(rows)
    places = [STREAM.randrange(1, size) for _ in range(ASKED // 10)]
    with ledger.proving() as proofs:
        ours = {
            "root": proofs.root(size).hex(),
            "inclusion": [[node.hex() for node in proofs.inclusion(seq, size)] for seq in places],
        }
    given = folder / "pymerkle.json"
    leaves = [leaf(*row).decode() for row in rows]
    given.write_text(json.dumps({"leaves": leaves, "places": places, "batch": BATCH, **ours}))
    script = Path(__file__).with_name("ledger_pymerkle.py")
    theirs: dict[str, Any] = json.loads(run([python, str(script), str(given)]).answer)
    return {"ours": _proofs(ledger, size), **theirs}


def main() -> None:
    """Measure, or do one part for a measurement."""
    what, *given = sys.argv[1:]
    parts: dict[str, Callable[..., Any]] = {
        "record": lambda folder, count, times: recorded(Path(folder), int(count), int(times)),
        "verify": lambda file, since: _verify(Path(file), int(since)),
        "floor": lambda file: _floor(Path(file)),
    }
    if what in parts:
        found = parts[what](*given)
        print(json.dumps({**found, "peak_mib": _peak_mib()}))
        return
    entries, count, times, *python = given
    print(json.dumps(measure(Path(what), int(entries), int(count), int(times), "".join(python))))


if __name__ == "__main__":
    main()
