"""`birthshare ledger`: that nothing was altered, and how far it is signed."""

from __future__ import annotations

from pathlib import Path

from month_authority import CommandLine


def test_verify_counts_what_it_read(birthshare: CommandLine) -> None:
    birthshare.run()
    found = birthshare("ledger", "verify", "--json").json
    assert found.keys() == {"entries", "root", "checkpoints", "verified"}
    assert found["entries"] > 5
    told = birthshare("ledger", "verify")
    assert told.code == 0
    assert f"Sound. Entries: {found['entries']}." in told.out
    assert "--kept" in told.out


def test_a_checkpoint_kept_elsewhere_can_be_compared(birthshare: CommandLine, tmp_path: Path) -> None:
    birthshare.run()
    signed = birthshare("ledger", "checkpoint", "--json").json
    assert signed.keys() == {"size", "root", "note"}
    (tmp_path / "kept.txt").write_text(signed["note"])
    birthshare.finish()
    answer = birthshare("ledger", "verify", "--kept", tmp_path / "kept.txt")
    assert answer.code == 0
    assert "It fits what was kept elsewhere." in answer.out


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
        answer = birthshare("ledger", "verify", "--kept", tmp_path / file)
        assert answer.code == 4, file
        answer.says("no checkpoint of this ledger", file)
