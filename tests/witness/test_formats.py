"""Cosignatures, proofs and requests are those that others' programs write and read."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.encryption.cosigning import cosign, cosignatures, cosigner_verifier
from pipeline.encryption.signing import note_verifier, read_signature_line, split_note, verify_note
from pipeline.errors import IntegrityError, SettingsError
from pipeline.ledger.consistency import is_consistent
from pipeline.ledger.merkle import EMPTY_ROOT, CompactRange, node_hash
from pipeline.outside.messages import read_request, signed_up_to, write_request
from pipeline.outside.witness import Outdated, Witness
from witness.published import (
    ANOTHER_WITNESS,
    DASH,
    LIVE_LOG,
    LIVE_NOTE,
    LIVE_TEXT,
    LIVE_WITNESSES,
    SIGSUM,
    SIGSUM_KEY,
    SPEC_COSIGNATURE,
    SPEC_LOG_LINE,
    SPEC_REQUEST,
    SPEC_TEXT,
    SPEC_TIME,
    TO_FIVE,
    TO_ONE,
    TO_THREE,
    TOO_MANY_HASHES,
)

KEY = bytes(range(32))
NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
LIVE_LINES = LIVE_NOTE.rpartition("\n\n")[2].splitlines()


# --- cosignatures ---------------------------------------------------------------------------------


def test_what_public_witnesses_signed_is_good() -> None:
    assert verify_note(LIVE_NOTE, LIVE_LOG) == LIVE_TEXT
    found = cosignatures(LIVE_LINES, LIVE_TEXT, [*LIVE_WITNESSES, ANOTHER_WITNESS])
    assert [one.witness for one in found] == [vkey.split("+")[0] for vkey in LIVE_WITNESSES]
    assert {one.at for one in found} == {datetime(2026, 5, 23, 21, 50, 24, tzinfo=UTC)}


@pytest.mark.parametrize("vkey", LIVE_WITNESSES)
def test_a_cosignature_is_good_for_no_other_text_time_or_key(vkey: str) -> None:
    [line] = [line for line in LIVE_LINES if f" {vkey.split('+')[0]} " in line]
    with pytest.raises(IntegrityError, match="not good for this checkpoint"):
        cosignatures([line], LIVE_TEXT.replace("1432088532", "1432088533"), [vkey])
    for place in (4, 11, 12, 75):  # a byte of the time, its last, a byte of the signature, its last
        with pytest.raises(IntegrityError, match="not good for this checkpoint"):
            cosignatures([_with_bit_changed(line, place)], LIVE_TEXT, [vkey])
    for place in (0, 3):  # of the key's id: then it is somebody else's
        assert cosignatures([_with_bit_changed(line, place)], LIVE_TEXT, [vkey]) == []


def _with_bit_changed(line: str, place: int) -> str:
    head, _, encoded = line.rpartition(" ")
    content = bytearray(base64.b64decode(encoded))
    content[place] ^= 1
    return f"{head} {base64.b64encode(content).decode()}"


def test_the_layout_is_that_of_the_specification() -> None:
    name, stamped = read_signature_line(SPEC_COSIGNATURE)
    assert (name, len(stamped)) == ("witness.example.com/w1", 4 + 8 + 64)
    assert int.from_bytes(stamped[4:12]) == SPEC_TIME
    moment = datetime.fromtimestamp(SPEC_TIME, UTC)
    ours = cosign(SPEC_TEXT, name=name, private_key=KEY, at=moment)
    assert ours.line.startswith(f"{DASH} {name} ")
    assert read_signature_line(ours.line)[1][4:12] == stamped[4:12]
    split_note(f"{SPEC_TEXT}\n{SPEC_LOG_LINE}\n{ours.line}\n")


def test_what_is_signed_is_the_message_of_the_specification(tmp_path: Path) -> None:
    """Checked by another program: openssl verifies the spec's own message under our public key."""
    ours = cosign(SPEC_TEXT, name="w", private_key=KEY, at=datetime.fromtimestamp(SPEC_TIME, UTC))
    public = base64.b64decode(cosigner_verifier("w", KEY).split("+", 2)[2])
    assert public[:1] == b"\x04"
    der = bytes.fromhex("302a300506032b6570032100") + public[1:]  # SubjectPublicKeyInfo of Ed25519, RFC 8410
    (tmp_path / "key.der").write_bytes(der)
    (tmp_path / "message").write_text(f"cosignature/v1\ntime {SPEC_TIME}\n{SPEC_TEXT}")
    (tmp_path / "signature").write_bytes(read_signature_line(ours.line)[1][12:])
    verified = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.der", "-keyform", "DER", "-rawin",
         "-in", "message", "-sigfile", "signature"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr


def test_a_witness_key_is_no_ledger_key_and_the_other_way_round() -> None:
    vkey = cosigner_verifier("council/w", KEY)
    identity = hashlib.sha256(b"council/w\n\x04" + base64.b64decode(vkey.split("+", 2)[2])[1:]).digest()
    assert vkey.split("+")[1] == identity[:4].hex()
    with pytest.raises(SettingsError, match="verifier key"):
        verify_note(LIVE_NOTE, vkey)
    with pytest.raises(SettingsError, match="verifier key"):
        cosignatures([], LIVE_TEXT, [note_verifier("council/w", KEY)])


def test_a_time_that_no_calendar_has_is_refused() -> None:
    name, stamped = read_signature_line(cosign("text\n", name="w", private_key=KEY, at=NOW).line)
    late = stamped[:4] + bytes.fromhex("7fffffffffffffff") + stamped[12:]
    with pytest.raises(IntegrityError):
        cosignatures(
            [f"{DASH} {name} {base64.b64encode(late).decode()}"], "text\n", [cosigner_verifier("w", KEY)]
        )


# --- requests -------------------------------------------------------------------------------------


def test_the_request_of_the_specification_is_read_and_written_to_the_byte() -> None:
    read = read_request(SPEC_REQUEST)
    assert (read.old, len(read.proof)) == (20852014, 4)
    assert read.note.startswith(SPEC_TEXT)
    assert write_request(read.old, read.proof, read.note) == SPEC_REQUEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old 0",
        "old 0\n",
        SPEC_REQUEST.replace("old 2", "old 02"),
        SPEC_REQUEST.replace("old 2", "old -2"),
        SPEC_REQUEST.replace("old 2", "old  2"),
        SPEC_REQUEST.replace("old ", "Old "),
        SPEC_REQUEST.replace("old 2", "old \u0662"),
        SPEC_REQUEST.replace("kaw=", "kaw"),
        SPEC_REQUEST.replace("kaw=", "kax="),
        SPEC_REQUEST.replace("kaw=", "kaw= "),
        SPEC_REQUEST.replace("\n", "\r\n"),
        TOO_MANY_HASHES,
    ],
)
def test_any_other_request_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="not a request"):
        read_request(text)


def test_an_answer_may_be_the_size_that_was_signed_last() -> None:
    assert signed_up_to("20852014\n") == 20852014
    assert signed_up_to(f"{SPEC_COSIGNATURE}\n") is None
    assert signed_up_to("12") is signed_up_to("012\n") is signed_up_to("-1\n") is None


@pytest.fixture
def watching(tmp_path: Path) -> Witness:
    """A witness of the log of Sigsum's tests."""
    made = Witness.make(tmp_path / "witness", "example.com")
    public = bytes.fromhex(SIGSUM_KEY)
    identity = hashlib.sha256(SIGSUM.encode() + b"\n\x01" + public).digest()[:4].hex()
    encoded = base64.b64encode(b"\x01" + public).decode()
    made.trust(f"{SIGSUM}+{identity}+{encoded}")
    return made


def test_requests_of_another_program_are_countersigned(watching: Witness) -> None:
    for request in (TO_ONE, TO_FIVE):
        given = watching.sign(request, at=NOW)
        text, _ = split_note(read_request(request).note)
        assert cosignatures([given.line], text, [watching.verifier]) == [given]


def test_of_two_that_begin_with_the_same_the_second_is_refused(watching: Witness) -> None:
    """The race of the other program's test: five entries were signed, three never are after that."""
    watching.sign(TO_ONE, at=NOW)
    watching.sign(TO_FIVE, at=NOW)
    with pytest.raises(IntegrityError, match="has signed 5 already"):
        watching.sign(TO_THREE, at=NOW)


def test_a_request_from_too_early_on_names_the_size_to_begin_with(watching: Witness) -> None:
    watching.sign(TO_ONE, at=NOW)
    watching.sign(TO_THREE, at=NOW)
    with pytest.raises(Outdated, match="signed 3 last") as outdated:
        watching.sign(TO_FIVE, at=NOW)
    assert outdated.value.signed == 3


# --- proofs of consistency ------------------------------------------------------------------------

LEAVES = [hashlib.sha256(bytes([number])).digest() for number in range(40)]


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:middle]), root_of(leaves[middle:]))


def proof_of(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962 section 2.1.2, as it is written there."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= middle:
        return [*proof_of(old, leaves[:middle], whole), root_of(leaves[middle:])]
    return [*proof_of(old - middle, leaves[middle:], False), root_of(leaves[:middle])]


@pytest.mark.parametrize("new", range(1, len(LEAVES) + 1))
def test_every_proof_of_every_size_is_good_and_none_altered_is(new: int) -> None:
    new_root = root_of(LEAVES[:new])
    for old in range(1, new + 1):
        old_root, proof = root_of(LEAVES[:old]), proof_of(old, LEAVES[:new])
        assert is_consistent(old, old_root, new, new_root, proof)
        other = bytes(32)
        assert not is_consistent(old, other, new, new_root, proof)
        assert not is_consistent(old, old_root, new, other, proof)
        assert not is_consistent(old, old_root, new, new_root, [*proof, other])
        for place in range(len(proof)):
            assert not is_consistent(old, old_root, new, new_root, proof[:place] + proof[place + 1 :])
            assert not is_consistent(
                old, old_root, new, new_root, [*proof[:place], other, *proof[place + 1 :]]
            )
        for wrong in (old - 1, old + 1):
            if wrong and wrong != new and wrong <= new:
                assert not is_consistent(wrong, old_root, new, new_root, proof)


def test_a_ledger_without_entries_begins_every_other_and_has_one_root() -> None:
    one = LEAVES[0]
    assert is_consistent(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert is_consistent(0, EMPTY_ROOT, 1, one, [])
    assert not is_consistent(0, EMPTY_ROOT, 1, one, [one])
    assert not is_consistent(0, EMPTY_ROOT, 0, one, [])
    assert not is_consistent(0, one, 1, one, [])
    assert not is_consistent(1, one, 0, EMPTY_ROOT, [])


def test_the_proofs_are_those_of_the_compact_range_that_the_ledger_keeps() -> None:
    tree = CompactRange()
    for number, leaf in enumerate(LEAVES, 1):
        tree.append(leaf)
        assert tree.root() == root_of(LEAVES[:number])


def test_the_moment_is_to_the_second_and_in_utc() -> None:
    london = NOW + timedelta(microseconds=999_999)
    assert cosign("text\n", name="w", private_key=KEY, at=london).at == NOW
