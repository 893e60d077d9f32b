"""A home with a long past: years of closed months in its ledger, and after them a month that waits.

    python long_past.py FOLDER ENTRIES [YEARS] [CENTRES]

The demonstration's authority, with three agreements, runs one month for real until people are asked to
release it. What that month recorded, ended on a copy, is the pattern of every month before: the same kinds of
entries, with as many children on each list as it takes to come to so many ENTRIES; every night later words
about families who are on no list, one family called back, the ledger checked, signed and countersigned; lists
collected, acknowledged and destroyed. The entries are the ledger's own, as verification shows, but written
row by row, with none of the questions that a permit is asked first, while nobody waits for the disk.

The home is FOLDER/home, its approvers' keys lie in FOLDER/approvers. The answer is JSON.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Collection
from contextlib import closing, suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ledger_recording import REFERENCE

from pipeline import facts
from pipeline import month as months
from pipeline.agreements.loading import NAMESPACE, read_agreement
from pipeline.demo.authority import APPROVERS, SUPPLIER, TEMPLATE, Demonstration
from pipeline.demo.run import approve, laid_out
from pipeline.encryption.cosigning import cosign, cosigner_verifier
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import WaitingForPerson
from pipeline.home import Home
from pipeline.ledger.checkpoints import statement
from pipeline.ledger.entries import (
    Acknowledged,
    Body,
    CheckpointWitnessed,
    Collected,
    Delivered,
    DestructionAttested,
    EvidenceGiven,
    FamilyLookedUp,
    KeptDestroyed,
    Kind,
    LedgerChecked,
    NoticeBody,
    Overdue,
    PasswordMade,
    PermitBody,
    Publishing,
    RecallRaised,
    ReleaseApproved,
    RetentionChecked,
    canonical,
    commitment,
    leaf,
    write_body,
    write_moment,
)
from pipeline.ledger.journal import SALT_BYTES, Head, subtree_row
from pipeline.ledger.merkle import leaf_hash
from pipeline.ledger.replay import beginning
from pipeline.records import Month

MORE_AGREEMENTS = ("health-visitor-hello", "first-books")
BIRTHS = 900  # of the month that is run for real
WORDS = 0.05  # of all entries are later words
WITNESS, WITNESS_KEY = "witness.example.org/birthshare", bytes(range(32))
GUARDIAN, LEAD = APPROVERS["caldicott_guardian"], APPROVERS["data_lead"]
AT_ONCE = 20_000  # rows
NOW = datetime.now(UTC)
STREAM = random.Random(1)

# What a month records about itself, before its lists are sent and after.
BEFORE = (
    Kind.EXTRACT_RECEIVED, Kind.FINGERPRINTED, Kind.VALIDATED, Kind.PLACED, Kind.DECIDED,
    Kind.RELEASE_REQUESTED,
)  # fmt: skip
AFTER = (
    Kind.AREAS_COUNTED, Kind.BALANCED, Kind.DECISIONS_KEPT, Kind.STAGING_DESTROYED, Kind.MONTH_CLOSED,
)  # fmt: skip

Row = tuple[Any, ...]


def build(folder: Path, entries: int, years: int, centres: int) -> dict[str, Any]:
    """Make the home; gives where it is, how many entries its ledger has, and the seconds that it took."""
    begun = perf_counter()
    month = Month(NOW.year, NOW.month).plus(-1)
    with laid_out(folder / "authority", month=month, births=BIRTHS, centres=centres, seed=1, now=NOW) as demo:
        _more_agreements(demo)
        home = Home.open(demo.home)
        with suppress(WaitingForPerson):
            months.run(home, month, now=NOW)
        waiting = shutil.copytree(demo.home, folder / "home")
        approve(home, demo, "data_lead", now=NOW)
        months.run(home, month, now=NOW)
        pattern = _rows_of(home)
    shutil.move(folder / "authority" / "approvers", folder / "approvers")
    _count_on_witness(waiting)
    size = _write_past(Home.open(waiting), pattern, entries, years, demo.centres)
    return {"home": str(waiting), "entries": size, "seconds": perf_counter() - begun}


def _more_agreements(demo: Demonstration) -> None:
    """The template's terms under other names, signed by every role."""
    for name in MORE_AGREEMENTS:
        file = demo.home / "agreements" / f"{name}.v1.yaml"
        standing = file.with_name(TEMPLATE.name).read_text(encoding="utf-8")
        file.write_text(standing.replace(TEMPLATE.name.split(".")[0], name), encoding="utf-8")
        for role in read_agreement(file)[0].approvers:
            key = demo.approver_keys[role]
            signed = sign_ssh(file.read_bytes(), private_key=key, namespace=NAMESPACE)
            file.with_suffix(f".{role}.sig").write_bytes(signed)


def _count_on_witness(home: Path) -> None:
    vkey = cosigner_verifier(WITNESS, WITNESS_KEY)
    with (home / "birthshare.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\n[ledger]\nwitnesses = ["{vkey}"]\nwitnesses_needed = 1\n')


def _rows_of(home: Home) -> list[Row]:
    """The entries of a home's ledger: kind, month, and body as canonical JSON; disclosures left out."""
    with closing(sqlite3.connect(home.state / "birthshare.db")) as connection:
        return connection.execute(
            "SELECT kind, month, body FROM entries WHERE kind <> 'disclosure' ORDER BY seq"
        ).fetchall()


def _write_past(home: Home, pattern: list[Row], entries: int, years: int, centres: Collection[str]) -> int:
    file = home.state / "birthshare.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {pragma}")
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
            " ORDER BY type DESC"
        ).fetchall()
        kinds = dict(connection.execute("SELECT name, type FROM sqlite_master"))
        for name, _ in made:
            connection.execute(f"DROP {kinds[name]} {name}")
        connection.execute("BEGIN")
        past = Past(connection, home, pattern, entries, years, centres)
        newest = past.write()
        for _, sql in made:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")
    facts.checkpoint_file(home).parent.mkdir(exist_ok=True)
    facts.checkpoint_file(home).write_text(newest, encoding="utf-8")
    return past.head.tree.size


class Past:
    """Writes what happened, day by day, before what stands in the home's ledger already."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        home: Home,
        pattern: list[Row],
        entries: int,
        years: int,
        centres: Collection[str],
    ) -> None:
        self.head: Head = beginning()
        self._connection, self._home = connection, home
        self._pattern = {kind: [row for row in pattern if row[0] == kind] for kind, _, _ in pattern}
        self._agreements = [json.loads(body)["agreement"] for _, _, body in self._pattern[Kind.DECIDED]]
        self._centres = sorted(centres)
        last = Month.parse(self._pattern[Kind.DECIDED][0][1])
        self._months = [last.plus(-back) for back in range(12 * years - 1, 0, -1)]
        lists = len(self._months) * len(self._agreements) * len(self._centres)
        self._on_a_list = max(2, int(entries * (1 - WORDS) / lists) - 6)  # 6: what is said of each list
        self._first = self._months[0].plus(1).first_day + timedelta(days=2)
        self._days = (NOW.date() - self._first).days
        self._words = int(entries * WORDS / self._days)  # a night
        self._rows: dict[str, list[Row]] = {
            name: [] for name in ("entries", "openings", "disclosures", "suppressions", "recalls", "subtrees")
        }
        self._month, self._at, self._newest = "", "", ""
        self._lists: dict[Month, list[tuple[int, str, str]]] = {}  # permit, agreement, recipient
        self._to_call_back: list[tuple[int, str, str, str]] = []  # permit, agreement, recipient, child

    def write(self) -> str:
        """Everything; gives the newest checkpoint, as a signed note."""
        standing = self._taken_out()
        for row in standing:
            if row[1] in (Kind.REGISTER_AGREED, Kind.SUBJECT_KEY_USED, Kind.AGREEMENT_SIGNED):
                self._at = write_moment(datetime.combine(self._first, time(7), UTC))
                self._row(row[1], row[4])
        for number in range(self._days):
            self._day(self._first + timedelta(days=number))
        for _, kind, month, at, body, opening, lookup in standing:
            self._month, self._at = month, at
            seq = self._row(kind, body)
            if opening:
                self._rows["openings"].append((seq, *opening))
            if lookup:
                self._rows["suppressions"].append((seq, *lookup))
        self._flush()
        self._connection.execute(
            "UPDATE head SET size = :size, chain_hash = :chain_hash, nodes = :nodes", self.head.row()
        )
        return self._newest

    def _taken_out(self) -> list[Row]:
        """What stands in the ledger, to be written again at its end."""
        found = self._connection.execute(
            "SELECT seq, kind, month, at, body, salt, said, subject, word, since FROM entries"
            " LEFT JOIN openings o ON o.entry = seq LEFT JOIN suppressions s ON s.entry = seq ORDER BY seq"
        ).fetchall()
        for table in ("entries", "openings", "suppressions", "subtrees", "checkpoints"):
            self._connection.execute(f"DELETE FROM {table}")
        return [(*row[:5], row[5:7] if row[5] else None, row[7:] if row[7] else None) for row in found]

    # --- days and months --------------------------------------------------------------------------

    def _day(self, today: date) -> None:
        self._at = write_moment(datetime.combine(today, time(9), UTC))
        before = Month(today.year, today.month).plus(-1)
        if before in self._months and today.day >= 3 and before not in self._lists:
            self._run(before, today)
        if today.day == 12:
            self._receipts(before)
        if today.day == 20:
            self._destroyed(before.plus(-4), today)
        self._month = ""
        if today.day in (5, 15, 25):
            self._people(today)
        self._heard(today)
        self._call_back(today)
        self._night(today)

    def _run(self, month: Month, today: date) -> None:
        """A month from its extract to its end."""
        self._month = str(month)
        pack = hashlib.sha256(self._month.encode()).hexdigest()
        for kind in BEFORE:
            self._repeat(kind, pack)
        for principal, role in ((LEAD, "data_lead"), (GUARDIAN, "caldicott_guardian")):
            self._body(ReleaseApproved(pack_sha256=pack, principal=principal, roles=(role,), way="airflow"))
        self._lists[month] = []
        for agreement in self._agreements:
            for recipient in self._centres:
                self._list(month, agreement, recipient, pack, today)
        for kind in AFTER:
            self._repeat(kind, pack)
        self._month = str(month.plus(-12))
        if month.plus(-12) in self._months:
            for agreement in self._agreements:
                self._body(KeptDestroyed(agreement=agreement))

    def _repeat(self, kind: Kind, pack: str) -> None:
        """As the month that was run for real recorded it; supplier's files of two suppliers."""
        for _, _, text in self._pattern[kind]:
            body = json.loads(text)
            if "pack_sha256" in body:
                body["pack_sha256"] = pack
            if "sealed_sha256" in body:
                body["sealed_sha256"] = pack
            self._row(kind, canonical(body))
            if body.get("supplier") == SUPPLIER:
                self._row(kind, canonical(body | {"supplier": f"{SUPPLIER}-north"}))

    def _list(self, month: Month, agreement: str, recipient: str, pack: str, today: date) -> None:
        children = self._on_a_list + STREAM.randint(-1, 1)
        digest = secrets.token_hex(32)
        permit = self._body(
            PermitBody(
                agreement=agreement, version=1, recipient=recipient,
                file_name=f"{agreement}_{month}_{recipient}.xlsx", sealed_sha256=digest,
                households=children - 1, children=children, pack_sha256=pack, removed={"child_died": 1},
                heard=self.head.tree.size, destroy_by=today + timedelta(days=120),
                receipt_check=secrets.token_hex(32),
            )
        )  # fmt: skip
        heard = permit - 1 or permit
        for _ in range(children):
            child, parent, dwelling = (secrets.token_hex(16) for _ in range(3))
            said = f'{{"child":"{child}","dwelling":"{dwelling}","parent":"{parent}"}}'
            seq = self._about(
                "disclosure", said,
                f'{{"agreement":"{agreement}","commitment":"{{}}","permit":{permit}'
                f',"recipient":"{recipient}","reference":"{REFERENCE}"}}',
            )  # fmt: skip
            self._rows["disclosures"].append(
                (seq, child, agreement, recipient, self._month, permit, parent, dwelling, REFERENCE, heard)
            )
        self._to_call_back.append((permit, agreement, recipient, child))
        self._body(Publishing(permit=permit, part=secrets.token_hex(8), place=secrets.token_hex(8)))
        self._body(Delivered(permit=permit, sha256=digest, size=14_336, found_there=False))
        self._lists[month].append((permit, agreement, recipient))

    def _receipts(self, month: Month) -> None:
        """All lists of the month but one in fifty are collected and acknowledged."""
        self._month = str(month)
        for permit, _, _ in self._lists.get(month, []):
            if permit % 50:
                self._body(Collected(of=permit))
                self._body(Acknowledged(of=permit, way="file", receipt_sha256=secrets.token_hex(32)))

    def _destroyed(self, month: Month, today: date) -> None:
        """All lists of the month but one in two hundred; the others are overdue."""
        self._month = str(month)
        for permit, agreement, recipient in self._lists.get(month, []):
            if permit % 200:
                self._body(DestructionAttested(of=permit, way="file", receipt_sha256=secrets.token_hex(32)))
            else:
                self._body(
                    Overdue(
                        of=permit, what="destruction", agreement=agreement, recipient=recipient, due=today
                    )
                )

    # --- days -------------------------------------------------------------------------------------

    def _people(self, today: date) -> None:
        """What people look for."""
        subject = secrets.token_hex(16)
        self._body(FamilyLookedUp(subject=subject, principal=GUARDIAN, purpose="a parent asked"))
        self._body(
            EvidenceGiven(
                about="ledger", sha256=secrets.token_hex(32), principal=GUARDIAN, purpose="yearly audit"
            )
        )
        self._body(PasswordMade(recipient=STREAM.choice(self._centres), principal=LEAD))

    def _heard(self, today: date) -> None:
        """Later words about families who are on no list."""
        for _ in range(self._words):
            self._word(secrets.token_hex(16), "consent_withdrawn", today)

    def _word(self, subject: str, word: str, today: date) -> None:
        since = f"{today}T00:00:00"
        seq = self._about(
            "suppression_recorded", f'{{"subject":"{subject}"}}',
            f'{{"commitment":"{{}}","since":"{since}","word":"{word}"}}',
        )  # fmt: skip
        self._rows["suppressions"].append((seq, subject, word, since))

    def _call_back(self, today: date) -> None:
        """One family that is on a list, from the word to its recipient's answer."""
        if not self._to_call_back:
            return
        permit, agreement, recipient, child = self._to_call_back.pop(
            STREAM.randrange(len(self._to_call_back))
        )
        self._word(child, "child_died", today)
        due = today + timedelta(days=2)
        raised = self._body(
            RecallRaised(
                permit=permit, reference=REFERENCE, child=child, agreement=agreement, recipient=recipient,
                word="child_died", due=due,
            )
        )  # fmt: skip
        self._rows["recalls"].append((raised, permit, REFERENCE, child))
        digest = secrets.token_hex(32)
        notice = self._body(
            NoticeBody(
                about="recall", agreement=agreement, recipient=recipient,
                file_name=f"recall_{recipient}_{today}.xlsx", sealed_sha256=digest, entries=(raised,),
                due=due,
            )
        )  # fmt: skip
        self._body(Publishing(permit=notice, part=secrets.token_hex(8), place=secrets.token_hex(8)))
        self._body(Delivered(permit=notice, sha256=digest, size=9_216, found_there=False))
        if today < NOW.date() - timedelta(days=2):
            self._body(Collected(of=notice))
            self._body(Acknowledged(of=notice, way="file", receipt_sha256=secrets.token_hex(32)))

    def _night(self, today: date) -> None:
        """The ledger checked, what is kept compared, a checkpoint signed and countersigned."""
        self._at = write_moment(datetime.combine(today, time(22), UTC))
        kept = {"working_files": 0, "decisions_kept": 36}
        self._body(RetentionChecked(kept=kept, overdue=dict.fromkeys(kept, 0), unknown=0))
        tree = self.head.tree
        self._body(LedgerChecked(entries=tree.size, root=tree.root().hex()))
        size, root = tree.size, tree.root()
        text = statement(facts.origin(self._home), size, root)
        self._newest = facts.sign(self._home, text)
        self._connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?)", (size, root.hex(), self._newest))
        at = datetime.combine(today, time(23), UTC)
        line = cosign(text, name=WITNESS, private_key=WITNESS_KEY, at=at).line
        self._body(
            CheckpointWitnessed(size=size, root=root.hex(), witness=WITNESS, cosigned_at=at, line=line)
        )

    # --- rows -------------------------------------------------------------------------------------

    def _body(self, body: Body) -> int:
        salt = secrets.token_bytes(SALT_BYTES)
        text, said = write_body(body, salt)
        seq = self._row(body.kind, text)
        if said:
            self._rows["openings"].append((seq, salt.hex(), said))
        return seq

    def _about(self, kind: str, said: str, body: str) -> int:
        """An entry that commits to what is said, which stands where its body has "{}"."""
        salt = secrets.token_bytes(SALT_BYTES)
        seq = self._row(kind, body.replace("{}", commitment(salt, said), 1))
        self._rows["openings"].append((seq, salt.hex(), said))
        return seq

    def _row(self, kind: str, body: str) -> int:
        seq = self.head.tree.size + 1
        digest = leaf_hash(leaf(seq, str(kind), self._month, self._at, body))
        self.head.add(digest)
        self._rows["entries"].append(
            (seq, str(kind), self._month, self._at, body, digest.hex(), self.head.chain.hex())
        )
        if len(self._rows["entries"]) >= AT_ONCE:
            self._flush()
        return seq

    def _flush(self) -> None:
        self._rows["subtrees"] = [tuple(subtree_row(*one).values()) for one in self.head.tree.completed()]
        for table, rows in self._rows.items():
            if rows:
                places = ", ".join("?" * len(rows[0]))
                self._connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
                rows.clear()


def main() -> None:
    """Make it."""
    folder, entries, *more = sys.argv[1:]
    years, centres = (*map(int, more), *(5, 60)[len(more) :])
    print(json.dumps(build(Path(folder), int(entries), years, centres)))


if __name__ == "__main__":
    main()
