"""`birthshare ledger`: that nothing was altered, and how far it is signed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from month_authority import MONTH, Authority, CommandLine
from pipeline.facts import opened_ledger
from pipeline.ledger.checkpoints import read_statement, unsigned


def test_verify_counts_what_it_read(birthshare: CommandLine) -> None:
    birthshare.run()
    found = birthshare("ledger", "verify", "--json").json
    assert found.keys() == {
        "entries", "since", "read", "root", "checkpoints", "verified", "kept", "seconds"
    }  # fmt: skip
    assert found["entries"] == found["read"] > 5
    told = birthshare("ledger", "verify")
    assert told.code == 0
    assert f"Sound. Entries: {found['entries']}." in told.out
    assert "--kept" in told.out


def test_the_newest_checkpoint_lies_beside_the_database_whoever_had_it_signed(
    birthshare: CommandLine, authority: Authority, tmp_path: Path
) -> None:
    beside = authority.home.path / "outbox" / "checkpoint.txt"
    assert birthshare("ledger", "checkpoint", "--json").json["note"] == beside.read_text()
    given = ("--as", "data.lead@example.org", "--why", "for the auditor", "--out", tmp_path / "given.zip")
    proved = birthshare("ledger", "prove", "--entries", "1", *given)
    assert proved.code == 0, proved.err
    exported = birthshare("ledger", "export", "--out", tmp_path / "all.jsonl")
    assert exported.code == 0, exported.err
    with opened_ledger(authority.home) as ledger:
        newest = ledger.latest_checkpoint()
    assert newest and beside.read_text() == newest.note


def test_a_checkpoint_kept_elsewhere_can_be_compared(birthshare: CommandLine, tmp_path: Path) -> None:
    birthshare.run()
    signed = birthshare("ledger", "checkpoint", "--json").json
    assert signed.keys() == {"size", "root", "note"}
    (tmp_path / "kept.txt").write_text(signed["note"])
    birthshare.finish()
    answer = birthshare("ledger", "verify", "--kept", tmp_path / "kept.txt")
    assert answer.code == 0
    assert f"It fits the checkpoint of {signed['size']} entries from {tmp_path / 'kept.txt'}." in answer.out


def test_what_a_held_checkpoint_covers_is_not_read_again(birthshare: CommandLine, tmp_path: Path) -> None:
    birthshare.run()
    signed = birthshare("ledger", "checkpoint", "--json").json
    (tmp_path / "held.txt").write_text(signed["note"])
    birthshare.finish()
    found = birthshare("ledger", "verify", "--since", tmp_path / "held.txt", "--json").json
    assert found["verified"] is True
    assert (found["since"], found["read"]) == (signed["size"], found["entries"] - signed["size"])
    told = birthshare("ledger", "verify", "--since", tmp_path / "held.txt").out
    assert f"Read: the {found['read']} entries after number {signed['size']}." in told
    assert "What is before rests on the checkpoint" in told


def test_status_reads_what_came_after_the_newest_checkpoint_and_an_act_reads_all(
    authority: Authority, birthshare: CommandLine
) -> None:
    """What is only shown need not wait for the whole ledger; nothing is shared on the strength of it."""
    birthshare.run()
    birthshare.finish()
    before = birthshare("status", str(MONTH), "--json").json["ledger"]
    newest, _ = read_statement(unsigned((authority.home.path / "outbox" / "checkpoint.txt").read_text()))
    assert before["since"] == newest
    with closing(sqlite3.connect(authority.home.path / "state" / "birthshare.db")) as database, database:
        database.execute("DROP TRIGGER entries_not_changed")
        database.execute("UPDATE entries SET month = '2000-01' WHERE seq = 1")
    assert birthshare("status", str(MONTH), "--json").json["ledger"] == before
    for command in (("ledger", "verify"), ("ledger", "checkpoint"), ("run", str(MONTH.plus(1)))):
        assert birthshare(*command).code == 4, command


def test_what_a_person_copies_from_the_screen_can_be_compared(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text(birthshare("ledger", "checkpoint").out)
    assert birthshare("ledger", "verify", "--kept", tmp_path / "kept.txt").code == 0


def test_a_note_that_this_ledger_never_signed_is_4(birthshare: CommandLine, tmp_path: Path) -> None:
    note = birthshare("ledger", "checkpoint", "--json").json["note"]
    lines = note.splitlines(keepends=True)
    lines[1] = "99\n"
    (tmp_path / "forged.txt").write_text("".join(lines))
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    for file in ("forged.txt", "photo.jpg"):
        for option in ("--kept", "--since"):
            answer = birthshare("ledger", "verify", option, tmp_path / file)
            assert answer.code == 4, file
            answer.says("no checkpoint of this ledger", file)
