"""A witness signs that a ledger only grew since it looked last, and never two histories of it."""

from __future__ import annotations

import base64
import multiprocessing
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import facts
from pipeline.encryption.cosigning import cosignatures, witness_of
from pipeline.encryption.signing import key_id, note_verifier, sign_note
from pipeline.errors import BirthshareError, IntegrityError, SettingsError
from pipeline.keeping.renewal import renew_ledger_key
from pipeline.ledger.checkpoints import unsigned
from pipeline.outside.messages import read_request, write_request
from pipeline.outside.witness import Outdated, Witness, answer_all
from servers.failing_calls import KILL, CannotTrace, Fault, Made, made
from witness.house import NAME, NOW, House

Sign = Callable[..., str]
CALLS = ("openat", "write", "fsync", "rename", "flock")


def text_of(request: str) -> str:
    """The checkpoint's text in a request."""
    return unsigned(read_request(request).note)


def test_a_ledger_that_grows_is_countersigned_each_time(house: House, witness: Witness, sign: Sign) -> None:
    house.count_on(witness)
    for _ in range(3):
        request = house.grown_request(entries=4)
        [given] = cosignatures(sign(request).splitlines(), text_of(request), [witness.verifier])
        assert (given.witness, given.at) == (NAME, NOW)
        assert house.take_home(f"{given.line}\n")
    assert witness.watched() == {"birthshare/E06999999": (19, NOW)}


def test_nothing_of_a_ledger_that_is_not_watched_is_signed(
    house: House, witness: Witness, sign: Sign
) -> None:
    text = text_of_other = "birthshare/E06000002\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    request = write_request(0, [], sign_note(text, name="birthshare/E06000002", private_key=bytes(32)))
    with pytest.raises(SettingsError, match="does not watch that ledger"):
        sign(request)
    assert text_of_other == text_of(request)


def test_a_checkpoint_that_another_key_signed_is_refused(house: House, witness: Witness, sign: Sign) -> None:
    house.count_on(witness)
    request = house.grown_request()
    forged = sign_note(text_of(request), name="birthshare/E06999999", private_key=bytes(32))
    with pytest.raises(IntegrityError, match="good signature of the expected key"):
        sign(write_request(0, [], forged))
    beside = forged.rpartition("\n\n")[2]
    sign(request + beside)  # a signature of somebody else beside the ledger's is passed over


def test_what_others_put_beside_a_checkpoint_is_not_remembered(
    house: House, witness: Witness, sign: Sign
) -> None:
    """Not even a line under the witness's own name: it could never read again what it signed."""
    house.count_on(witness)
    sign(house.grown_request())
    name, public = witness_of(witness.verifier)
    identity = key_id(name, public, b"\x04")
    forged = [
        f"\u2014 {who} {base64.b64encode(identity + bytes(72)).decode()}\n" for who in (name, "somebody")
    ]
    assert sign(house.grown_request(since=6) + "".join(forged))
    [signed] = witness.folder.glob("logs/*/signed.txt")
    assert len(signed.read_text().partition("\n\n")[2].splitlines()) == 2
    assert sign(house.grown_request(since=7))


def test_a_checkpoint_of_another_ledger_under_the_same_key_is_refused(
    house: House, witness: Witness, sign: Sign
) -> None:
    text = "birthshare/E06000002\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    secret, name = house.home.secret("ledger.key"), "birthshare/E06999999"
    with pytest.raises(SettingsError, match="does not watch"):
        sign(write_request(0, [], sign_note(text, name=name, private_key=secret)))


def test_a_ledger_that_was_put_back_is_refused(
    house: House, witness: Witness, sign: Sign, tmp_path: Path
) -> None:
    house.count_on(witness)
    old = house.copied(tmp_path / "old")
    sign(house.grown_request(entries=5))
    with pytest.raises(IntegrityError, match="has 6 entries, and this witness has signed 10 already"):
        sign(old.grown_request(entries=1))


@pytest.mark.parametrize("size", [10, 11, 16])
def test_a_second_history_is_refused_however_long_it_is(
    house: House, witness: Witness, sign: Sign, tmp_path: Path, size: int
) -> None:
    """Whoever has the database and the signing key rewrites the past; the witness remembers another."""
    house.count_on(witness)
    forked = house.copied(tmp_path / "forked")
    sign(house.grown_request(entries=5))
    forked.grow(size - 6, "2026-09")
    forked.grow(1, "2026-08")
    forked.sign()
    with pytest.raises(IntegrityError, match="does not begin with the 10 entries"):
        sign(forked.request(since=min(10, size)))


def test_a_proof_of_something_else_is_refused(house: House, witness: Witness, sign: Sign) -> None:
    house.count_on(witness)
    sign(house.grown_request())
    request = read_request(house.grown_request(entries=7, since=6))
    other = (bytes(32), *request.proof[1:])
    for proof in (other, request.proof[:-1], (*request.proof, bytes(32)), ()):
        with pytest.raises(IntegrityError, match="does not begin with the 6 entries"):
            sign(write_request(request.old, proof, request.note))
    sign(write_request(request.old, request.proof, request.note))


def test_an_old_request_once_more_is_refused_after_a_newer_one(
    house: House, witness: Witness, sign: Sign
) -> None:
    house.count_on(witness)
    first = house.grown_request()
    house.take_home(sign(first))
    sign(house.grown_request())
    with pytest.raises(IntegrityError, match="Either the request is an old one"):
        sign(first)


def test_a_request_that_begins_elsewhere_is_told_where_to_begin(
    house: House, witness: Witness, sign: Sign
) -> None:
    house.count_on(witness)
    sign(house.grown_request())  # the answer gets lost
    with pytest.raises(Outdated, match="birthshare ledger request --since 6") as outdated:
        sign(house.grown_request())
    assert sign(house.request(since=outdated.value.signed))


def test_who_lost_the_answer_gets_the_same_one_again(house: House, witness: Witness, sign: Sign) -> None:
    house.count_on(witness)
    request = house.grown_request()
    assert sign(request, NOW + timedelta(days=1)) == sign(request, NOW + timedelta(days=2))


def test_a_ledger_that_did_not_grow_may_be_signed_anew(house: House, witness: Witness, sign: Sign) -> None:
    """So that it is known to be the newest still, though nothing happens for months."""
    house.count_on(witness)
    request = house.grown_request()
    house.take_home(sign(request))
    later = NOW + timedelta(days=30)
    again = house.request()
    assert read_request(again).old == 6
    [given] = cosignatures(sign(again, later).splitlines(), text_of(again), [witness.verifier])
    assert given.at == later


def test_two_witnesses_each_remember_for_themselves(
    house: House, witness: Witness, sign: Sign, tmp_path: Path
) -> None:
    other = Witness.make(tmp_path / "other", "trust.example.org/witness")
    other.trust(house.verifier)
    house.count_on(witness, other, needed=2)
    sign(house.grown_request())
    house.grow()
    house.sign()
    given = other.sign(house.request(witness=other.name), at=NOW)
    assert house.take_home(f"{given.line}\n")
    with pytest.raises(Outdated):
        sign(house.request())


# --- what it remembers ----------------------------------------------------------------------------


def test_it_never_signs_without_knowing_what_it_signed_last(
    house: House, witness: Witness, sign: Sign
) -> None:
    house.count_on(witness)
    sign(house.grown_request())
    [memory] = witness.folder.glob("logs/*/signed.txt")
    note = memory.read_text()
    for damage in (None, note[:40], note.replace("\n6\n", "\n5\n"), note.rpartition("\n\u2014")[0] + "\n"):
        memory.unlink(missing_ok=True)
        if damage is not None:
            memory.write_text(damage)
        with pytest.raises(IntegrityError, match="signed last cannot be read"):
            sign(house.request(since=6))
    memory.write_text(note)
    assert sign(house.request(since=6))


def test_another_key_under_a_ledgers_name_is_not_taken(house: House, witness: Witness) -> None:
    assert witness.trust(house.verifier) == "birthshare/E06999999"
    with pytest.raises(SettingsError, match="with another key"):
        witness.trust(note_verifier("birthshare/E06999999", bytes(32)))
    with pytest.raises(SettingsError, match="not a verifier key"):
        witness.trust(witness.verifier)


def test_its_key_is_its_own_and_is_never_written_over(witness: Witness) -> None:
    assert (witness.folder / "witness.key").stat().st_mode & 0o777 == 0o600
    assert witness.folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(SettingsError, match="not empty"):
        Witness.make(witness.folder, NAME)
    for name in ("two words", "a+b", "", "n123456789"):
        with pytest.raises(SettingsError, match="cannot be called that"):
            Witness.make(witness.folder / "new", name)


def test_it_signs_with_no_key_but_its_own(house: House, witness: Witness, sign: Sign) -> None:
    house.count_on(witness)
    request, key = house.grown_request(), witness.folder / "witness.key"
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="read by others"):
        sign(request)
    key.chmod(0o600)
    key.write_bytes(bytes(32))
    with pytest.raises(SettingsError, match="missing or another one"):
        sign(request)


def test_a_folder_without_a_witness_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no witness"):
        Witness.open(tmp_path)


def test_killed_at_every_step_it_has_never_answered_what_it_does_not_remember(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    """Killed, and asked for the other history: it signs that one only if it never gave out the first."""
    house.count_on(witness)
    forked = house.copied(tmp_path / "forked")
    first, second = house.grown_request(month="2026-09"), forked.grown_request(month="2026-08")
    folder, answer = tmp_path / "tried", tmp_path / "answer"

    def act(begin: Callable[[], None]) -> None:
        opened = Witness.open(folder)
        begin()
        answer.write_text(opened.sign(first, at=NOW).line)

    def played(fault: Fault | None = None) -> Made:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(witness.folder, folder)
        answer.unlink(missing_ok=True)
        return traced(act, fault)

    whole = played()
    assert answer.read_text()
    counts = {call: whole.calls.count(call) for call in CALLS}
    assert counts["rename"] == 1
    faults = [Fault(call, number + 1, KILL) for call, many in counts.items() for number in range(many)]
    for fault in faults:
        assert played(fault).killed
        given = answer.read_text() if answer.is_file() else ""
        again = Witness.open(folder)
        try:
            again.sign(second, at=NOW)
        except IntegrityError:
            assert again.sign(first, at=NOW).line  # it remembers, and gives the answer again
        else:
            assert not given
            with pytest.raises(IntegrityError, match="does not begin with"):
                again.sign(first, at=NOW)


def traced(act: Callable[[Callable[[], None]], object], fault: Fault | None) -> Made:
    try:
        return made(act, CALLS, fault)
    except CannotTrace as reason:
        if os.environ.get("CI") and not reason.forbidden:
            raise
        pytest.skip(f"no system calls can be made to fail: {reason}")


def test_of_two_histories_asked_for_at_once_one_is_signed(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    house.count_on(witness)
    forked = house.copied(tmp_path / "forked")
    requests = [house.grown_request(month="2026-09"), forked.grown_request(month="2026-08")]
    fork = multiprocessing.get_context("fork")
    for _ in range(5):
        folder = tmp_path / "tried"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(witness.folder, folder)
        begin, said = fork.Barrier(4), fork.SimpleQueue()
        processes = [
            fork.Process(target=_sign_at_once, args=(folder, request, begin, said))
            for request in [*requests, *requests]
        ]
        for process in processes:
            process.start()
        answers = [said.get() for _ in processes]
        for process in processes:
            process.join()
        given = [answer for answer in answers if answer]
        assert len(given) == 2
        assert len(set(given)) == 1, "the same history twice, and the same answer"


def _sign_at_once(folder: Path, request: str, begin: object, said: object) -> None:
    opened = Witness.open(folder)
    begin.wait()  # type: ignore[attr-defined]
    try:
        answer = opened.sign(request, at=NOW).line
    except BirthshareError:
        answer = ""
    said.put(answer)  # type: ignore[attr-defined]


# --- a folder of requests -------------------------------------------------------------------------


def test_the_newest_request_of_each_ledger_in_a_folder_is_answered_once(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    house.count_on(witness)
    folder = tmp_path / "pair"
    folder.mkdir()
    (folder / "birthshare-E06999999.6.request.txt").write_text(house.grown_request())
    (folder / "birthshare-E06999999.7.request.txt").write_text(house.grown_request())
    (folder / "notes.txt").write_text("something else")
    assert [(one.file, one.refusal) for one in answer_all(witness, folder, at=NOW)] == [
        ("birthshare-E06999999.7.request.txt", None)
    ]
    assert house.take_home((folder / "birthshare-E06999999.7.answer.txt").read_text())
    assert answer_all(witness, folder, at=NOW) == []


def test_one_request_that_is_refused_keeps_no_other_from_its_answer(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    house.count_on(witness)
    folder = tmp_path / "pair"
    folder.mkdir()
    (folder / "another.6.request.txt").write_bytes(b"\xff\x00" * 100_000)
    (folder / "birthshare-E06999999.6.request.txt").write_text(house.grown_request())
    refused, answered = answer_all(witness, folder, at=NOW)
    assert isinstance(refused.refusal, IntegrityError)
    assert answered.refusal is None
    assert not (folder / "another.6.answer.txt").exists()


def test_what_is_no_file_keeps_no_request_from_its_answer(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    house.count_on(witness)
    folder = tmp_path / "requests"
    folder.mkdir()
    os.mkfifo(folder / "a.6.request.txt")
    (folder / "b.6.request.txt").symlink_to(tmp_path / "nowhere")
    (folder / "c.6.request.txt").symlink_to("/dev/zero")
    (folder / "d.6.request.txt").mkdir()
    (folder / "e.6.request.txt").write_text(house.grown_request())
    *refused, answered = answer_all(witness, folder, at=NOW)
    assert [one.file[0] for one in refused] == ["a", "b", "c", "d"]
    assert all("no file that can be read" in str(one.refusal) for one in refused)
    assert answered.refusal is None


def test_a_ledger_that_got_a_new_key_is_watched_on_from_where_it_was(house: House, witness: Witness) -> None:
    """Only who says that its owner replaced the key makes it so, and the past must be the same."""
    house.count_on(witness)
    before = witness.sign(house.grown_request(), at=NOW)
    house.take_home(before.line)
    renew_ledger_key(house.home)
    with pytest.raises(SettingsError, match="with another key"):
        witness.trust(house.verifier)
    with pytest.raises(IntegrityError, match="good signature"):
        witness.sign(house.grown_request(), at=NOW)
    witness.trust(house.verifier, instead=True)
    assert witness.sign(house.grown_request(), at=NOW).line
    assert witness.watched()[facts.origin(house.home)][0] == house.size
