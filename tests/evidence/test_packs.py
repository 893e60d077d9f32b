"""A pack of a real month, checked by a process that has nothing but Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from given import NOW, Closed, alone, files_of, here

from month_authority import MONTH, shown_values
from pipeline.encryption.cosigning import cosign, cosigner_verifier
from pipeline.encryption.signing import new_note_key, note_verifier
from pipeline.facts import opened_ledger, sign
from pipeline.home import Home
from pipeline.ledger.checkpoints import statement, unsigned
from pipeline.ledger.entries import CheckpointWitnessed, Disclosure, Entry, Kind, MonthClosed
from pipeline.questions import evidence


@pytest.fixture
def file(pack: bytes, tmp_path: Path) -> Path:
    (tmp_path / "pack.zip").write_bytes(pack)
    return tmp_path / "pack.zip"


def test_a_month_is_sound(file: Path, closed: Closed) -> None:
    found = alone(file, "--key", closed.key, "--signers", closed.signers)
    assert found.sound
    for words in ("balanced 1", "signed in every role: 4", "permit 4"):
        assert words in found.said
    assert "unsure" not in found.said


def test_whose_keys_they_are_is_not_believed_from_the_pack(file: Path, closed: Closed) -> None:
    found = alone(file, "--key", closed.key)
    assert found.sound
    assert "unsure persons' keys are those that the pack names" in found.said


def test_another_ledgers_key_finds_it_wrong(file: Path, closed: Closed) -> None:
    name = closed.key.split("+")[0]
    assert not here(file, "--key", note_verifier(name, new_note_key())).sound
    assert not here(file, "--key", note_verifier("another", closed.home.secret("ledger.key"))).sound


def test_programs_get_one_json_object(file: Path, closed: Closed) -> None:
    said = json.loads(alone(file, "--key", closed.key, "--json").said)
    assert said["wrong"] is False
    assert [mark for mark, _ in said["lines"]] == ["ok", "ok", "ok", "unsure"]


def test_the_same_content_makes_the_same_bytes(closed: Closed) -> None:
    with opened_ledger(closed.home) as ledger:
        numbers = evidence.of_month(ledger, str(MONTH))
        packs = [
            evidence.packed(
                evidence.gather(closed.home, ledger, numbers, about="month", title="The month", now=NOW)
            )
            for _ in range(2)
        ]
    assert files_of(packs[0]) == files_of(packs[1])
    assert len(set(packs)) == 1


def test_it_says_how_it_is_checked_and_holds_no_name(closed: Closed, pack: bytes) -> None:
    files = files_of(pack)
    assert b"verify_birthshare.py PACK.zip --key" in files["README.txt"]
    assert closed.key in files["ledger.vkey"].decode()
    numbers = set(closed.authority.extract()["nhs_number"]) | set(
        closed.authority.extract()["address_line_1"]
    )
    assert not shown_values({one for one in numbers if one}, *files.values())


def test_whom_a_month_is_about_is_not_in_it(pack: bytes) -> None:
    said = json.loads(files_of(pack)["evidence.json"])
    disclosures = [one["body"] for one in said["entries"] if one["kind"] == Kind.DISCLOSURE]
    assert disclosures
    assert all(one["commitment"] and not set(one) & {"child", "parent", "dwelling"} for one in disclosures)


def test_one_family_is_opened_and_nobody_else(closed: Closed, opened: bytes, tmp_path: Path) -> None:
    (tmp_path / "family.zip").write_bytes(opened)
    found = here(tmp_path / "family.zip", "--key", closed.key)
    assert found.sound
    assert "1 opened" in found.said
    entries = json.loads(files_of(opened)["evidence.json"])["entries"]
    assert [one["kind"] for one in entries if "opening" in one] == [Disclosure.kind]
    assert {Kind.PERMIT, Kind.RELEASE_APPROVED, Kind.DELIVERED, Kind.AGREEMENT_SIGNED} <= {
        one["kind"] for one in entries
    }


def test_what_an_entry_rests_on_comes_with_it(closed: Closed, tmp_path: Path) -> None:
    with opened_ledger(closed.home) as ledger:
        for kind in (Kind.DELIVERED, Kind.BALANCED, Kind.PUBLISHING, Kind.MONTH_CLOSED):
            numbers = [entry.seq for entry in ledger.entries(kinds={kind})]
            about = evidence.gather(closed.home, ledger, numbers, about="ledger", title="Some", now=NOW)
            (tmp_path / "some.zip").write_bytes(evidence.packed(about))
            assert here(tmp_path / "some.zip", "--key", closed.key).sound, kind


# --- checkpoints from before, and from elsewhere ---------------------------------------------------


def test_it_goes_on_from_a_manifest_that_a_recipient_kept(file: Path, closed: Closed, tmp_path: Path) -> None:
    with opened_ledger(closed.home) as ledger, ledger.checkpoints() as known:
        oldest = list(known)[-1]
    (tmp_path / "manifest.json").write_text(json.dumps({"made_by": "birthshare", "checkpoint": oldest.note}))
    found = alone(file, "--key", closed.key, "--held", tmp_path / "manifest.json")
    assert found.sound
    assert f"goes on from the checkpoint in manifest.json, of {oldest.size} entries" in found.said


@pytest.mark.parametrize("size", [2, 100_000])
def test_a_checkpoint_of_another_history_is_found(
    file: Path, closed: Closed, tmp_path: Path, size: int
) -> None:
    """Signed with the very key: a fork, or a ledger that was longer once."""
    forked = sign(closed.home, statement(closed.key.split("+")[0], size, bytes(32)))
    (tmp_path / "kept.txt").write_text(forked)
    assert not here(file, "--key", closed.key, "--held", tmp_path / "kept.txt").sound


def test_what_is_remembered_is_held_against_the_next_pack(
    file: Path, closed: Closed, other: Home, tmp_path: Path
) -> None:
    memory = tmp_path / "memory.txt"
    assert alone(file, "--key", closed.key, "--remember", memory).sound
    before = memory.read_text()
    with opened_ledger(other) as ledger:
        [number] = ledger.append(Entry(MonthClosed(), "2031-01"), at=NOW)
        about = evidence.gather(other, ledger, [number], about="ledger", title="Later", now=NOW)
    (tmp_path / "later.zip").write_bytes(evidence.packed(about))
    later = alone(tmp_path / "later.zip", "--key", closed.key, "--remember", memory)
    assert later.sound
    assert "memory.txt" in later.said
    assert memory.read_text() != before
    # The first pack is now older than what is remembered: a ledger that was set back looks like that.
    back = alone(file, "--key", closed.key, "--remember", memory)
    assert not back.sound
    assert memory.read_text() != before


def test_a_witness_that_one_trusts_must_have_countersigned(
    file: Path, closed: Closed, other: Home, tmp_path: Path
) -> None:
    key = new_note_key()
    witness = cosigner_verifier("witness.example.org", key)
    assert not here(file, "--key", closed.key, "--witness", witness).sound
    with opened_ledger(other) as ledger:
        checkpoint = ledger.latest_checkpoint()
        assert checkpoint is not None
        given = cosign(unsigned(checkpoint.note), name="witness.example.org", private_key=key, at=NOW)
        body = CheckpointWitnessed(
            size=checkpoint.size,
            root=checkpoint.root,
            witness=given.witness,
            cosigned_at=given.at,
            line=given.line,
        )
        ledger.append(Entry(body), at=NOW)
        gathered = evidence.gather(other, ledger, [1], about="ledger", title="First", now=NOW)
    (tmp_path / "seen.zip").write_bytes(evidence.packed(gathered))
    found = alone(tmp_path / "seen.zip", "--key", closed.key, "--witness", witness)
    assert found.sound
    assert f"witness.example.org countersigned it up to entry {checkpoint.size}" in found.said
    gathered["checkpoint"] = gathered["checkpoint"].replace(given.line, given.line[:-8] + "AAAAAA==")
    (tmp_path / "forged.zip").write_bytes(evidence.packed(gathered))
    assert not here(tmp_path / "forged.zip", "--key", closed.key, "--witness", witness).sound


# --- an export --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_an_export_shows_every_entry(closed: Closed, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert closed.commands("ledger", "export", "--out", out).code == 0
    with opened_ledger(closed.home) as ledger, ledger.checkpoints() as known:
        notes, size = [one.note for one in known], ledger.size
    for number, note in enumerate(notes):
        (tmp_path / f"kept{number}.txt").write_text(note)
    kept = [part for number in range(len(notes)) for part in ("--held", tmp_path / f"kept{number}.txt")]
    found = alone(out, "--key", closed.key, *kept)
    assert found.sound
    assert f"has {size} entries; {size} are shown" in found.said
    again = tmp_path / f"again-{name}"
    assert closed.commands("ledger", "export", "--out", again).code == 0
    assert again.read_bytes() == out.read_bytes()


def test_an_export_that_lacks_a_line_or_has_one_altered_is_found(closed: Closed, tmp_path: Path) -> None:
    out = tmp_path / "all.jsonl"
    assert closed.commands("ledger", "export", "--out", out).code == 0
    lines = out.read_bytes().splitlines(keepends=True)
    changed = {
        "missing": [*lines[:5], *lines[6:]],
        "cut": lines[:-1],
        "twice": [*lines, lines[-1]],
        "swapped": [lines[0], lines[2], lines[1], *lines[3:]],
        "altered": [*lines[:3], lines[3].replace(b"202", b"203"), *lines[4:]],
        "nothing": lines[:1],
        "no checkpoint": lines[1:],
        "blank": [*lines, b"\n"],
    }
    for what, some in changed.items():
        out.write_bytes(b"".join(some))
        assert not here(out, "--key", closed.key).sound, what
