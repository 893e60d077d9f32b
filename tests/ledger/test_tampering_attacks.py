"""What somebody can do to the ledger who has its database, and perhaps its key: found, or said in the README.

The rule that is proved: whatever was changed without making everything fit is found by the ledger itself.
Where everything was made to fit, it is found by a checkpoint kept elsewhere, with or without the key, up to
the last entry that the checkpoint covers.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_examples import MONTH, child, permit_body
from tampering import (
    CHECK,
    ORIGIN,
    SIGN,
    Attacker,
    Filled,
    Row,
    State,
    fill,
    history,
    in_memory,
    refitted,
    renumbered,
    reworded,
)

from conftest import emptied
from pipeline.encryption.signing import sign_note
from pipeline.errors import BirthshareError, IntegrityError
from pipeline.ledger import replay
from pipeline.ledger.database import REVISION
from pipeline.ledger.entries import Disclosure, Entry, Kind, MonthClosed, canonical, commitment
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.tables import (
    CHECKPOINTS,
    DISCLOSURES,
    HEAD,
    LEASES,
    METADATA,
    OPENINGS,
    SUBTREES,
)
from pipeline.ledger.verify import Damage, Problem, verify
from pipeline.records import OnList

README = Path(__file__).resolve().parents[2] / "README.md"
# What nobody detects, by its code, in one sentence each.
NOBODY_DETECTS = (
    README.read_text(encoding="utf-8").partition("### What nobody detects\n")[2].partition("\n## ")[0]
)
GAPS = dict(re.findall(r"^- \*\*([a-z-]+)\*\*: (.+)$", NOBODY_DETECTS, re.MULTILINE))


@dataclass(frozen=True)
class Scene:
    """A filled ledger, its attacker, and everything as it was."""

    ledger: Ledger
    attacker: Attacker
    url: str
    filled: Filled
    before: State

    def found(self, *kept: str) -> Problem | None:
        """What verification says, against checkpoints that places outside kept."""
        return verify(self.ledger, check_note=CHECK, kept_elsewhere=kept).problem


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Made once for each database, its guards taken away."""
    with in_memory(tmp_path_factory.mktemp("attacks")) as folder:
        if request.param == "sqlite":
            yield from _filled(f"sqlite:///{folder / 'ledger.db'}")
        else:
            yield from _filled(emptied(request.getfixturevalue("postgres").url("attacks")))


def _filled(url: str) -> Iterator[Scene]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with closing(Ledger.open(url)) as ledger:
        made = fill(ledger)
        attacker = Attacker(engine)
        attacker.drop_guards()
        yield Scene(ledger, attacker, url, made, attacker.state())
    engine.dispose()


@pytest.fixture
def scene(filled: Scene) -> Iterator[Scene]:
    """The same, put back afterwards."""
    yield filled
    filled.attacker.put(filled.before)


# --- histories that never were --------------------------------------------------------------------

History = list[Row]
DISCLOSED = 7  # the last disclosure of the first list; its opening was not destroyed
PLAIN = -6  # the third from the last of the entries that the newest checkpoint covers
LATE = -2  # an entry that came after it


def _at(place: int, change: Callable[[Row], Row]) -> Callable[[History], History]:
    def changed(entries: History) -> History:
        place_here = place % len(entries)
        return [change(one) if number == place_here else one for number, one in enumerate(entries)]

    return changed


def _swapped(entries: History) -> History:
    return [*entries[:PLAIN], entries[PLAIN + 1], entries[PLAIN], *entries[PLAIN + 2 :]]


INVENTED = {"kind": "month_closed", "month": MONTH, "at": "2026-11-03T09:30:00.000000Z", "body": "{}"}
NOT_OPENED = {"salt": None, "said": None}

ATTACKS: dict[str, Callable[[History], History]] = {
    "another recipient": _at(DISCLOSED - 1, lambda one: reworded(one, recipient="centre-9")),
    "another child": _at(DISCLOSED - 1, lambda one: reworded(one, child=child(66))),
    "another count": _at(PLAIN, lambda one: reworded(one, statuses={"placed": 1})),
    "another moment": _at(PLAIN, lambda one: {**one, "at": "2026-11-03T09:30:00.000001Z"}),
    "another month": _at(PLAIN, lambda one: {**one, "month": "2026-09"}),
    "another kind": _at(PLAIN, lambda one: {**one, **INVENTED}),
    "deleted": lambda entries: [*entries[:PLAIN], *entries[PLAIN + 1 :]],
    "swapped": _swapped,
    "inserted": lambda entries: [*entries[:PLAIN], {**entries[PLAIN], **INVENTED}, *entries[PLAIN:]],
    "duplicated": lambda entries: [*entries[:PLAIN], entries[PLAIN], *entries[PLAIN:]],
    "cut off": lambda entries: entries[:PLAIN],
    "emptied": lambda entries: [],
    "late: another count": _at(LATE, lambda one: reworded(one, statuses={"placed": 1})),
    "late: deleted": lambda entries: [*entries[:LATE], *entries[LATE + 1 :]],
    "late: cut off": lambda entries: entries[:LATE],
    "late: appended": lambda entries: [*entries, {**entries[-1], **INVENTED}],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_history_that_does_not_fit_is_found_by_the_ledger_itself(scene: Scene, attack: str) -> None:
    scene.attacker.put(renumbered(scene.before, ATTACKS[attack](history(scene.before))))
    assert scene.found() is not None


@pytest.mark.parametrize("table", [HEAD, SUBTREES, OPENINGS, DISCLOSURES], ids=str)
def test_one_part_that_was_not_made_to_fit_is_enough(scene: Scene, table: sa.Table) -> None:
    fitting = refitted(scene.before, ATTACKS["another child"](history(scene.before)), sign=SIGN)
    scene.attacker.put({**fitting, table: scene.before[table]})
    assert scene.found() is not None


@pytest.mark.parametrize("with_key", [False, True], ids=["without the key", "with the key"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_history_that_fits_is_found_by_a_checkpoint_kept_elsewhere(
    scene: Scene, attack: str, with_key: bool
) -> None:
    invented = ATTACKS[attack](history(scene.before))
    scene.attacker.put(refitted(scene.before, invented, sign=SIGN if with_key else None))
    assert scene.found() is None, GAPS["nothing-elsewhere"]
    if attack.startswith("late: "):
        assert scene.found(*scene.filled.kept) is None, GAPS["after-the-newest"]
    else:
        older, newer = scene.filled.kept
        assert scene.found(newer) is not None
        assert scene.found(older, newer) is not None


def test_without_the_key_checkpoints_cannot_be_made_to_fit(scene: Scene) -> None:
    def forge(text: str) -> str:
        return sign_note(text, name=ORIGIN, private_key=bytes(32))

    invented = ATTACKS["another child"](history(scene.before))
    scene.attacker.put(refitted(scene.before, invented, sign=forge))
    assert scene.found() == Problem(Damage.SIGNATURE, DISCLOSED)


# --- older and other ledgers ----------------------------------------------------------------------


def test_an_older_database_put_back_is_found_by_a_newer_checkpoint(scene: Scene) -> None:
    older, newer = scene.filled.kept
    to_older = history(scene.before)[: scene.filled.kept_to - 2]
    scene.attacker.put(refitted(scene.before, to_older))
    assert scene.found(older) is None
    assert scene.found(newer) == Problem(Damage.MISSING, len(to_older) + 1)


def test_two_histories_from_one_checkpoint_contradict_each_other(scene: Scene) -> None:
    """The key signs both; each place alone sees nothing wrong, and both together show it."""
    shown_here = scene.ledger.checkpoint(SIGN, origin=ORIGIN).note
    fork = [*history(scene.before)[:LATE], {**history(scene.before)[LATE], **INVENTED, **NOT_OPENED}]
    scene.attacker.put(refitted(scene.before, fork, sign=SIGN))
    shown_there = scene.ledger.checkpoint(SIGN, origin=ORIGIN).note
    assert scene.found(*scene.filled.kept, shown_there) is None, GAPS["places-that-do-not-compare"]
    assert scene.found(shown_here, shown_there) is not None


def test_a_place_that_gives_its_checkpoint_away_protects_nobody(scene: Scene) -> None:
    invented = refitted(scene.before, ATTACKS["another child"](history(scene.before)), sign=SIGN)
    scene.attacker.put(invented)
    colluding = [row["note"] for row in invented[CHECKPOINTS]]
    assert scene.found(*colluding) is None, GAPS["places-that-collude"]


# --- around the entries ---------------------------------------------------------------------------


def test_a_stored_checkpoint_that_is_gone_is_not_missed(scene: Scene) -> None:
    scene.attacker.run("DELETE FROM checkpoints")
    assert scene.found(*scene.filled.kept) is None, GAPS["stored-checkpoints"]


def test_leases_prove_nothing(scene: Scene) -> None:
    scene.attacker.run("UPDATE leases SET token = 99")
    assert scene.found(*scene.filled.kept) is None, GAPS["leases"]


def test_guards_that_are_gone_are_not_missed(scene: Scene) -> None:
    """The fixture took the triggers away; what is done without them is found."""
    assert scene.found(*scene.filled.kept) is None, GAPS["guards"]


def test_what_was_never_true_is_kept_as_it_was_said(scene: Scene, now: datetime) -> None:
    scene.ledger.append(Entry(MonthClosed(), "1999-01"), at=now)
    assert scene.found(*scene.filled.kept) is None, GAPS["false-from-the-start"]


def test_the_clock_is_the_machines_own(scene: Scene, now: datetime) -> None:
    scene.ledger.append(Entry(MonthClosed(), MONTH), at=now - timedelta(days=900))
    assert scene.found(*scene.filled.kept) is None, GAPS["the-clock"]


def test_whom_an_entry_was_about_is_known_to_nobody_once_that_is_destroyed(scene: Scene) -> None:
    first = next(scene.ledger.entries(kinds=[Kind.DISCLOSURE]))
    assert isinstance(first.body, Disclosure)
    assert (first.body.child, first.body.parent) == ("", ""), GAPS["who-it-was"]


def test_a_trigger_that_changes_what_is_recorded_is_found_afterwards(scene: Scene, now: datetime) -> None:
    with forging(scene.attacker):
        (seq,) = scene.ledger.append(Entry(MonthClosed(), "1999-01"), at=now)
    assert scene.found() == Problem(Damage.ALTERED, seq)


def test_a_view_in_place_of_a_table_is_read_as_the_table_would_be(scene: Scene) -> None:
    with view_of(scene.attacker, "disclosures", "true"):
        assert scene.found(*scene.filled.kept) is None, GAPS["a-database-that-lies"]
    with view_of(scene.attacker, "disclosures", f"entry <> {DISCLOSED}"):
        assert scene.found() == Problem(Damage.LOOKUP, DISCLOSED)


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
def test_an_index_that_lacks_a_row_hides_it_from_nobody_for_long(scene: Scene) -> None:
    """It says that it is whole; the table is. Who looks for the child would not find that it was shared."""
    with index_without(scene.attacker, DISCLOSED), closing(Ledger.open(scene.url)) as ledger:
        assert ledger.disclosures_of([child(3)]) == []
        assert verify(ledger, check_note=CHECK).problem == Problem(Damage.INDEX, DISCLOSED)
    assert len(scene.ledger.disclosures_of([child(3)])) == 1


@pytest.mark.parametrize("filled", ["postgresql"], indirect=True)
def test_an_index_of_postgresql_is_not_compared_with_its_table(scene: Scene, now: datetime) -> None:
    stopped = "UPDATE pg_index SET indisready = {} WHERE indexrelid = 'disclosures_by_child'::regclass"
    scene.attacker.run(stopped.format("false"))
    try:
        body = permit_body("centre-3", children=1)
        scene.ledger.permit(body, [OnList(child(77))], month=MONTH, at=now)
    finally:
        scene.attacker.run(stopped.format("true"))
    theirs = f"SELECT entry FROM disclosures WHERE child = '{child(77)}'"
    assert (
        len(
            scene.attacker.ask(
                "SET LOCAL enable_indexscan = off", "SET LOCAL enable_bitmapscan = off", theirs
            )
        )
        == 1
    )
    assert scene.attacker.ask("SET LOCAL enable_seqscan = off", theirs) == []
    assert scene.found(*scene.filled.kept) is None, GAPS["indexes-of-postgresql"]


def test_a_second_head_is_found_and_nothing_is_written_after_it(scene: Scene, now: datetime) -> None:
    with two_heads(scene.attacker):
        assert scene.found() == Problem(Damage.HEAD, scene.filled.size)
        with pytest.raises(IntegrityError, match="head does not belong to its last entry"):
            scene.ledger.append(Entry(MonthClosed(), MONTH), at=now)


@pytest.mark.parametrize("step", ["0000", "0004", "00 3", "", "0002"])
def test_tables_that_claim_to_be_of_another_step_are_not_opened(scene: Scene, step: str) -> None:
    scene.attacker.run("UPDATE alembic_version SET version_num = :step", step=step)
    try:
        with pytest.raises(BirthshareError), closing(Ledger.open(scene.url)):
            pass
    finally:
        scene.attacker.run("UPDATE alembic_version SET version_num = :step", step=REVISION)


def test_what_a_held_checkpoint_covers_is_not_read_again_since_it(scene: Scene) -> None:
    scene.attacker.run(f"UPDATE entries SET body = '{{}}' WHERE seq = {DISCLOSED}")
    since = verify(scene.ledger, check_note=CHECK, since=scene.filled.kept[-1])
    assert since.problem is None, GAPS["before-a-held-checkpoint"]
    assert scene.found() == Problem(Damage.ALTERED, DISCLOSED)


# --- bytes, on PostgreSQL -------------------------------------------------------------------------


@pytest.mark.parametrize("filled", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", [one for one in METADATA.sorted_tables if one is not LEASES], ids=str)
def test_no_character_changes_unnoticed_on_postgresql(scene: Scene, table: sa.Table) -> None:
    """As test_tampering.py does on SQLite; PostgreSQL takes only what fits a column's type."""
    chance = random.Random(table.name)
    texts = [column.name for column in table.columns if isinstance(column.type, sa.Text)]
    for _ in range(20):
        column, row = chance.choice(texts), chance.choice(scene.before[table])
        if not (before := row[column]):
            continue
        place = chance.randrange(len(before))
        other = chance.choice([one for one in string.printable if one != before[place]])
        after = before[:place] + other + before[place + 1 :]
        rows = [{**one, column: after} if one is row else one for one in scene.before[table]]
        scene.attacker.put({table: rows})
        assert scene.found() is not None, f"{column}: {before!r} became {after!r}"


# --- what looks the same --------------------------------------------------------------------------

LOOK_ALIKES = {
    "as bytes": "CAST({0} AS BLOB)",
    "as nothing": "NULL",
    "in capitals": "upper({0})",
    "a space behind": "{0} || ' '",
    "a space before": "' ' || {0}",
    "a line behind": "{0} || char(10)",
    "a zero byte behind": "{0} || char(0)",
    "zeros behind": "{0} || '00'",
    "a full-width digit": "replace({0}, '0', char(65296))",
    "a soft hyphen": "replace({0}, '-', char(173) || '-')",
    "an escaped letter": "replace({0}, 'e', '\\u0065')",
    "keys apart": "replace({0}, ',', ', ')",
    "a key twice": "replace({0}, '{{', '{{\"permit\":4,')",
    "a fraction": "replace({0}, ':1', ':1.0')",
    "a wide number": "replace({0}, ':1', ':1e0')",
    "as text": "{0} || 'x'",
    "as a fraction": "{0} + 0.5",
}


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", [one for one in METADATA.sorted_tables if one is not LEASES], ids=str)
def test_what_looks_the_same_is_not_the_same(scene: Scene, table: sa.Table) -> None:
    """SQLite stores what it is given, once somebody has made the table anew without types and checks."""
    made = 0
    with untyped(scene.attacker, table):
        for column, like in itertools.product(table.columns.keys(), LOOK_ALIKES):
            new = LOOK_ALIKES[like].format(column)
            first = f"(SELECT min(rowid) FROM {table} WHERE {column} <> '' AND {column} IS NOT {new})"
            if scene.attacker.run(f"UPDATE {table} SET {column} = {new} WHERE rowid = {first}"):
                made += 1
                assert scene.found() is not None, f"{column} {like}"
                scene.attacker.put({table: scene.before[table]})
    assert made > len(table.columns) * 5
    assert scene.found() is None


# The same signed note twice says nothing else than once.
ROWS_TOO_MANY = [
    (table, key)
    for table in METADATA.sorted_tables
    for key in ("{0}", "NULL", "'x'", "-1")
    if table is not LEASES and (table, key) != (CHECKPOINTS, "{0}")
]


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("table", "key"), ROWS_TOO_MANY, ids=str)
def test_a_row_too_many_is_found(
    scene: Scene, table: sa.Table, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same row twice, or once more under a key that is none; the ledger is read in many stretches."""
    monkeypatch.setattr(replay, "_PAGE", 100)
    names = table.columns.keys()
    values = ", ".join([key.format(names[0]), *names[1:]])
    with untyped(scene.attacker, table):
        scene.attacker.run(f"INSERT INTO {table} SELECT {values} FROM {table} LIMIT 1")
        assert scene.found() is not None


# --- with everything made to fit, and nonsense in it ----------------------------------------------


@pytest.mark.parametrize("said", ["[]", "5", '"x"', "null", "{}", '{"child":5}', "not JSON", "[" * 9999])
def test_an_opening_that_fits_and_is_none_of_ours_is_found(scene: Scene, said: str) -> None:
    entries = history(scene.before)
    one = entries[DISCLOSED - 1]
    body = json.loads(one["body"]) | {"commitment": commitment(bytes.fromhex(one["salt"]), said)}
    entries[DISCLOSED - 1] = {**one, "body": canonical(body), "said": said}
    fitting = refitted(scene.before, entries, sign=SIGN, lookups=False)
    scene.attacker.put(fitting)
    assert scene.found() is not None


@pytest.mark.parametrize("body", ["[]", "5", "null", '{"permit":[]}', '{"permit":{}}', '{"commitment":5}'])
@pytest.mark.parametrize("kind", [Kind.PERMIT, Kind.DISCLOSURE, Kind.PUBLISHING, Kind.PERMIT_ANNULLED])
def test_a_body_that_fits_and_is_none_of_ours_ends_no_verification(
    scene: Scene, kind: Kind, body: str
) -> None:
    """It came after every checkpoint, and all fits: whether it is found or not, the answer is a plain one."""
    entries = history(scene.before)
    entries[LATE] = {**entries[LATE], "kind": str(kind), "body": body}
    scene.attacker.put(refitted(scene.before, entries, sign=SIGN, lookups=False))
    problem = scene.found()
    assert problem is None or problem.entry == LATE % len(entries) + 1
    with pytest.raises(IntegrityError, match="cannot be read"):
        list(scene.ledger.entries(kinds=[kind]))


# --- the list of what nobody detects --------------------------------------------------------------


def test_what_nobody_detects_is_exactly_what_is_stated() -> None:
    asserted = set(re.findall(r"GAPS\[\"([a-z-]+)\"\]", Path(__file__).read_text(encoding="utf-8")))
    assert asserted == set(GAPS)


# --- tools ----------------------------------------------------------------------------------------


@contextmanager
def forging(attacker: Attacker) -> Iterator[None]:
    """A trigger that moves entries of one month to another as they are recorded."""
    change = "UPDATE entries SET month = '1999-02' WHERE seq = NEW.seq;"
    when = "CREATE TRIGGER forging AFTER INSERT ON entries FOR EACH ROW WHEN (NEW.month = '1999-01')"
    if attacker.is_postgresql:
        function = f"$$ BEGIN {change} RETURN NEW; END $$"
        attacker.run(f"CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS {function}")
        attacker.run(f"{when} EXECUTE FUNCTION forge()")
    else:
        attacker.run(f"{when} BEGIN {change} END")
    try:
        yield
    finally:
        attacker.run("DROP FUNCTION forge() CASCADE" if attacker.is_postgresql else "DROP TRIGGER forging")


@contextmanager
def view_of(attacker: Attacker, table: str, where: str) -> Iterator[None]:
    """A view in place of a table."""
    attacker.run(f"ALTER TABLE {table} RENAME TO hidden")
    attacker.run(f"CREATE VIEW {table} AS SELECT * FROM hidden WHERE {where}")
    try:
        yield
    finally:
        attacker.run(f"DROP VIEW {table}")
        attacker.run(f"ALTER TABLE hidden RENAME TO {table}")


@contextmanager
def untyped(attacker: Attacker, table: sa.Table) -> Iterator[None]:
    """The table without types, keys and checks, in SQLite."""
    attacker.run(f"ALTER TABLE {table} RENAME TO hidden")
    attacker.run(f"CREATE TABLE {table} ({', '.join(table.columns.keys())})")
    attacker.run(f"INSERT INTO {table} SELECT * FROM hidden")
    try:
        yield
    finally:
        attacker.run(f"DROP TABLE {table}")
        attacker.run(f"ALTER TABLE hidden RENAME TO {table}")


@contextmanager
def index_without(attacker: Attacker, entry: int) -> Iterator[None]:
    """The index of children without one disclosure, while SQLite is told that it is whole."""
    whole = "CREATE INDEX disclosures_by_child ON disclosures (child)"
    attacker.run("DROP INDEX disclosures_by_child")
    attacker.run(f"{whole} WHERE entry <> {entry}")
    attacker.run("PRAGMA writable_schema = ON")
    attacker.run(f"UPDATE sqlite_master SET sql = '{whole}' WHERE name = 'disclosures_by_child'")
    attacker.run("PRAGMA writable_schema = RESET")
    try:
        yield
    finally:
        attacker.run("DROP INDEX disclosures_by_child")
        attacker.run(whole)


@contextmanager
def two_heads(attacker: Attacker) -> Iterator[None]:
    """A second row of the head, without the check that there is but one."""
    second = "SELECT 2, size, chain_hash, nodes FROM head"
    if attacker.is_postgresql:
        attacker.run("ALTER TABLE head DROP CONSTRAINT one_head")
        attacker.run(f"INSERT INTO head {second}")
        yield
        return
    with untyped(attacker, HEAD):
        attacker.run(f"INSERT INTO head {second}")
        yield
