"""The nightly check: what others hold is compared, and what is new is signed and brought out."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import facts
from pipeline.encryption.cosigning import cosign, cosignatures
from pipeline.encryption.signing import sign_note, verify_note
from pipeline.errors import IntegrityError
from pipeline.keeping.limits import class_of
from pipeline.ledger.checkpoints import read_statement, unsigned
from pipeline.ledger.entries import Kind
from pipeline.outside import check, countersigned, places
from pipeline.outside.witness import Witness, answer_all
from servers.sshd import CannotServe, OpenSshServer
from witness.house import NAME, NOW, House

DAY = timedelta(days=1)
PREFIX = "birthshare-E06999999"
Sign = Callable[..., str]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def newest_note(house: House) -> str:
    with facts.opened_ledger(house.home) as ledger:
        return countersigned.newest_note(house.home, ledger)


# --- the record -----------------------------------------------------------------------------------


def test_a_sound_ledger_is_recorded_as_checked_and_signed(house: House) -> None:
    found = house.check()
    assert (found["verified"], found["recorded"], found["problem"]) == (True, True, None)
    [checked] = house.recorded(Kind.LEDGER_CHECKED)
    assert (checked.entries, checked.root) == (5, found["root"])
    assert found["checkpoint"]["size"] == house.size == 6
    text = verify_note(facts.checkpoint_file(house.home).read_text(), house.verifier)
    assert read_statement(text)[0] == 6


def test_night_after_night_without_anything_new_nothing_is_recorded(house: House) -> None:
    house.check()
    for night in range(1, 8):
        found = house.check(NOW + night * DAY)
        assert (found["recorded"], found["verified"]) == (False, True)
    assert house.size == 6
    house.grow()
    assert house.check(NOW + 8 * DAY)["recorded"]


def test_each_month_has_a_recorded_check(house: House) -> None:
    for days in range(0, 62):
        house.check(NOW + days * DAY)
    assert len(house.recorded(Kind.LEDGER_CHECKED)) == 3, "November, December, January"


def test_with_a_witness_too_an_idle_ledger_hardly_grows(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    """Countersignatures are recorded, but are no reason for a check; they are renewed before they are old."""
    house.count_on(witness, needed=1)
    folder = house.keep_at(tmp_path / "pair", NAME)
    for days in range(0, 30):
        found = house.check(NOW + days * DAY)
        answer_all(witness, folder, at=NOW + days * DAY)
        assert found["warnings"] == [] or days == 0
    assert len(house.recorded(Kind.LEDGER_CHECKED)) == 2
    assert len(house.recorded(Kind.CHECKPOINT_WITNESSED)) == 3


def test_killed_after_the_record_the_next_check_signs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pipeline.steps.closing.sign_ledger", killed)
        house.check()
    assert house.size == 6
    found = house.check()
    assert (found["recorded"], found["checkpoint"]["size"]) == (False, 6)


def test_a_checkpoint_that_is_signed_meanwhile_is_no_beginning(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command may sign the first one between two looks; what was seen at once is what counts."""
    house.keep_at(tmp_path / "guardian")
    looked = places.held

    def signed_meanwhile(*of: Any) -> Iterator[places.Held]:
        monkeypatch.undo()
        house.sign()
        return looked(*of)

    monkeypatch.setattr(places, "held", signed_meanwhile)
    with facts.opened_ledger(house.home) as ledger:
        found = facts.verified(house.home, ledger, whole=False)
    assert (found.problem, found.since) == (None, 0)


def test_who_compares_two_checkpoints_writes_before_anybody_else_compares(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who signed first, and comes to write after who signed more, would put the older one there."""
    seen = []

    def written(file: Path, text: str) -> None:
        lock = house.path / "state/locks/checkpoint.lock"
        with lock.open("w") as opened, pytest.raises(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(places.stated(text)[0])

    monkeypatch.setattr("pipeline.steps.closing._write", written)
    house.sign()
    assert seen == [5]


# --- places ---------------------------------------------------------------------------------------


def test_every_place_gets_every_new_checkpoint_and_keeps_the_older(house: House, tmp_path: Path) -> None:
    guardian, supplier = (house.keep_at(tmp_path / name) for name in ("guardian", "supplier"))
    house.check()
    house.grow()
    found = house.check()
    for folder in (guardian, supplier):
        assert names(folder) == [f"{PREFIX}.6.checkpoint.txt", f"{PREFIX}.8.checkpoint.txt"]
    note = (guardian / f"{PREFIX}.8.checkpoint.txt").read_text()
    assert note == facts.checkpoint_file(house.home).read_text()
    assert [(one["name"], one["size"], one["problem"]) for one in found["places"]] == [
        ("guardian", 8, ""), ("supplier", 8, ""),
    ]  # fmt: skip


def test_a_place_that_is_gone_is_a_warning_and_is_made_up_for(house: House, tmp_path: Path) -> None:
    guardian = house.keep_at(tmp_path / "guardian")
    guardian.rename(tmp_path / "away")
    found = house.check()
    assert found["verified"]
    [warning] = [one for one in found["warnings"] if "guardian" in one]
    assert warning.startswith("The place guardian has not got the newest checkpoint of the ledger: ")
    (tmp_path / "away").rename(guardian)
    assert house.check()["warnings"] == []
    assert names(guardian) == [f"{PREFIX}.6.checkpoint.txt"]


def test_a_place_in_the_home_or_around_it_is_refused(house: House) -> None:
    house.keep_at(house.path / "outbox" / "kept", name="inside")
    house.keep_at(house.path.parent, name="around")
    warnings = house.check()["warnings"]
    assert sum("is not apart from this home" in one for one in warnings) == 2


def test_what_lies_under_a_checkpoints_name_is_left_alone(house: House, tmp_path: Path) -> None:
    guardian = house.keep_at(tmp_path / "guardian")
    (guardian / f"{PREFIX}.6.checkpoint.txt").write_text("somebody wrote this\n")
    warnings = house.check()["warnings"]
    assert any("Another file has the name of ours" in one for one in warnings)
    assert (guardian / f"{PREFIX}.6.checkpoint.txt").read_text() == "somebody wrote this\n"


def test_what_anybody_could_have_written_stops_nothing(house: House, tmp_path: Path) -> None:
    """A note that another key signed, however long its ledger, says nothing about ours."""
    guardian = house.keep_at(tmp_path / "guardian")
    house.check()
    text = unsigned((guardian / f"{PREFIX}.6.checkpoint.txt").read_text()).replace("\n6\n", "\n9999\n")
    forged = sign_note(text, name="birthshare/E06999999", private_key=bytes(32))
    (guardian / f"{PREFIX}.9999.checkpoint.txt").write_text(forged)
    (guardian / f"{PREFIX}.10000.checkpoint.txt").write_bytes(b"\xff" * 100_000)
    found = house.check()
    assert {"where": "guardian", "size": 6} in found["kept"]
    assert found["verified"]
    [warning] = found["warnings"]
    assert "what this ledger did not sign" in warning
    assert f"{PREFIX}.9999.checkpoint.txt" in warning


def test_a_checkpoint_that_is_taken_away_is_missed_and_brought_again(house: House, tmp_path: Path) -> None:
    guardian = house.keep_at(tmp_path / "guardian")
    house.check()
    (guardian / f"{PREFIX}.6.checkpoint.txt").unlink()
    [warning] = house.check()["warnings"]
    assert warning == (
        "The place guardian had a checkpoint of 6 entries, and has it no more. Ask who takes care of it."
    )
    assert names(guardian) == [f"{PREFIX}.6.checkpoint.txt"]
    assert house.check()["warnings"] == []
    guardian.rename(tmp_path / "away")
    house.check()
    guardian.mkdir()
    [warning] = house.check()["warnings"]
    assert "has it no more" in warning, "nor is it forgotten while the place was away"


# --- damage ---------------------------------------------------------------------------------------


def put_back(house: House, older: House) -> None:
    """The database and the checkpoint beside it, as a backup has them."""
    for name in ("state/birthshare.db", "outbox/checkpoint.txt"):
        (house.path / name).write_bytes((older.path / name).read_bytes())


def test_an_older_database_that_was_put_back_is_refused_with_what_to_do(house: House, tmp_path: Path) -> None:
    house.keep_at(tmp_path / "guardian")
    house.check()
    older = house.copied(tmp_path / "backup")
    house.grow(3)
    house.check()
    put_back(house, older)
    found = house.check()
    assert (found["verified"], found["recorded"], found["checkpoint"]) == (False, False, None)
    with pytest.raises(IntegrityError, match="older than it was") as damage:
        check.check_sound(found)
    assert "entry 7 is not there any more; longer ones were signed, see guardian" in damage.value.where
    assert "put back the newest there is" in damage.value.do
    assert house.size == 6, "nothing is written to it"


def test_a_second_history_is_found_by_whoever_holds_the_first(house: House, tmp_path: Path) -> None:
    """With the signing key and everything in the home rewritten, only what lies outside tells."""
    house.keep_at(tmp_path / "guardian")
    house.check()
    forked = house.copied(tmp_path / "forked")
    forked.grow(5, "2026-08")
    forked.sign()
    house.grow(3)
    house.check()
    found = forked.check()
    assert found["problem"]["where"] == (
        "entry 10 is the last of those that a checkpoint covers, and they are not what was signed: guardian"
    )
    with pytest.raises(IntegrityError):
        check.run_day(forked.home, now=NOW)
    with pytest.raises(IntegrityError, match="damaged and was not signed"):
        forked.sign()


# --- witnesses ------------------------------------------------------------------------------------


def test_requests_and_answers_travel_through_a_place(house: House, witness: Witness, tmp_path: Path) -> None:
    house.count_on(witness, needed=1)
    folder = house.keep_at(tmp_path / "pair", NAME)
    assert "countersigned by 1 witness yet" in house.check()["warnings"][0]
    assert names(folder) == [f"{PREFIX}.6.checkpoint.txt", f"{PREFIX}.6.request.txt"]
    answer_all(witness, folder, at=NOW)
    found = house.check()
    assert found["countersigned"] == [{"witness": NAME, "size": 6}]
    assert found["warnings"] == []
    assert names(folder) == [f"{PREFIX}.6.checkpoint.txt"], "what was heard is taken away"
    text, lines = newest_note(house).split("\n\n")
    [given] = cosignatures(lines.splitlines()[1:], f"{text}\n", [witness.verifier])
    assert given.witness == NAME
    verify_note(newest_note(house), house.verifier)


def test_a_newer_request_takes_the_place_of_one_that_waits(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    house.count_on(witness)
    folder = house.keep_at(tmp_path / "pair", NAME)
    house.check()
    waiting = (folder / f"{PREFIX}.6.request.txt").stat()
    house.check()
    assert (folder / f"{PREFIX}.6.request.txt").stat() == waiting, "the witness may just be reading it"
    house.grow()
    house.check()
    assert [name for name in names(folder) if "request" in name] == [f"{PREFIX}.8.request.txt"]


def test_an_answer_that_was_lost_is_made_up_for(house: House, witness: Witness, tmp_path: Path) -> None:
    """The witness says how far it signed, and is asked from there on: nobody has to type anything."""
    house.count_on(witness, needed=1)
    folder = house.keep_at(tmp_path / "pair", NAME)
    house.check()
    answer_all(witness, folder, at=NOW)
    for file in folder.glob("*.answer.txt"):
        file.unlink()
    house.grow()
    house.check()
    answer_all(witness, folder, at=NOW)
    assert (folder / f"{PREFIX}.8.answer.txt").read_text() == "6\n"
    house.check()
    assert (folder / f"{PREFIX}.8.request.txt").read_text().startswith("old 6\n")
    answer_all(witness, folder, at=NOW)
    assert house.check()["countersigned"] == [{"witness": NAME, "size": 8}]


@pytest.mark.parametrize(
    "answer", ["", "hello\n", "999999\n", "\u2014 council.example.org/witness AAAAAAAA\n", "\u2014\n"]
)
def test_an_answer_that_cannot_be_used_is_a_warning_and_asked_for_again(
    house: House, witness: Witness, tmp_path: Path, answer: str
) -> None:
    house.count_on(witness)
    folder = house.keep_at(tmp_path / "pair", NAME)
    house.check()
    (folder / f"{PREFIX}.6.answer.txt").write_text(answer)
    found = house.check()
    assert found["verified"]
    assert f"The answer of the witness {NAME} was not used." in found["warnings"][0]
    assert names(folder) == [f"{PREFIX}.6.checkpoint.txt", f"{PREFIX}.6.request.txt"]
    answer_all(witness, folder, at=NOW)
    assert house.check()["countersigned"] == [{"witness": NAME, "size": 6}]


def test_only_witnesses_of_the_settings_count_and_only_on_our_checkpoints(
    house: House, witness: Witness, sign: Sign, tmp_path: Path
) -> None:
    stranger = Witness.make(tmp_path / "stranger", NAME)
    stranger.trust(house.verifier)
    house.count_on(witness)
    request = house.grown_request()
    with pytest.raises(IntegrityError, match="no countersignature of a witness of ours"):
        house.take_home(stranger.sign(request, at=NOW).line)
    other = cosign(
        "birthshare/E06999999\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        name=NAME, private_key=(witness.folder / "witness.key").read_bytes(), at=NOW,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="no countersignature of a witness of ours"):
        house.take_home(other.line)
    assert house.take_home(sign(request))


def test_an_answer_may_come_late_and_twice_and_with_others(
    house: House, witness: Witness, sign: Sign, tmp_path: Path
) -> None:
    stranger = Witness.make(tmp_path / "stranger", "somebody.example.org")
    stranger.trust(house.verifier)
    house.count_on(witness)
    request = house.grown_request()
    lines = stranger.sign(request, at=NOW).line + "\n" + sign(request)
    house.grow(2)
    newer = house.sign()
    assert [one.size for one in house.take_home(lines)] == [6]
    assert house.take_home(lines) == []
    assert newest_note(house) == newer.note, "on the newest checkpoint there is no countersignature yet"
    with facts.opened_ledger(house.home) as ledger:
        found = countersigned.newest_countersigned(house.home, ledger)
    assert found is not None
    assert (found.size, found.at) == (6, NOW)
    verify_note(found.note, house.verifier)


def test_a_countersignature_from_the_future_is_not_taken(house: House, witness: Witness, sign: Sign) -> None:
    """It would keep quiet for years that nobody countersigns any more."""
    house.count_on(witness)
    with pytest.raises(IntegrityError, match="from the future"):
        house.take_home(sign(house.grown_request(), NOW + 2 * DAY), now=NOW)


def test_an_old_countersignature_is_a_warning(house: House, witness: Witness, sign: Sign) -> None:
    house.count_on(witness, needed=1)
    house.take_home(sign(house.grown_request()))
    assert house.check(NOW + 35 * DAY)["warnings"] == []
    [warning] = house.check(NOW + 36 * DAY)["warnings"]
    assert "countersigned by 1 witness since 2026-11-22" in warning


def test_as_many_witnesses_as_are_asked_for_must_have_countersigned(
    house: House, witness: Witness, sign: Sign, tmp_path: Path
) -> None:
    other = Witness.make(tmp_path / "other", "trust.example.org/witness")
    other.trust(house.verifier)
    house.count_on(witness, other, needed=2)
    house.take_home(sign(house.grown_request()))
    with facts.opened_ledger(house.home) as ledger:
        assert countersigned.newest_countersigned(house.home, ledger) is None
    house.take_home(other.sign(house.request(witness=other.name), at=NOW + DAY).line, NOW + DAY)
    with facts.opened_ledger(house.home) as ledger:
        found = countersigned.newest_countersigned(house.home, ledger)
    assert found is not None
    assert found.at == NOW
    assert len(newest_note(house).split("\n\n")[1].splitlines()) == 3


# --- a place at an SFTP server --------------------------------------------------------------------


@pytest.fixture(scope="module")
def delivery_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "delivery.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


@pytest.fixture(scope="module")
def server(delivery_key: Path) -> Iterator[OpenSshServer]:
    try:
        with OpenSshServer(["NE-01"], public_key=delivery_key.with_suffix(".key.pub")) as running:
            yield running
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")


@pytest.fixture
def far(house: House, server: OpenSshServer, delivery_key: Path, witness: Witness) -> Path:
    """The folder behind a place of the authority's at a real OpenSSH server."""
    folder = server.files("NE-01")
    for file in folder.iterdir():
        file.unlink()
    key = house.path / "keys" / "delivery.key"
    key.write_bytes(delivery_key.read_bytes())
    key.chmod(0o600)
    house.count_on(witness)
    house.set(
        f'[[ledger.places]]\nname = "far"\nhost = "127.0.0.1"\nport = {server.port}\n'
        f'user = "{server.user("NE-01")}"\nfolder = "{server.folder}"\n'
        f'host_key = "{server.host_key}"\nwitness = "{NAME}"'
    )
    return folder


def test_checkpoints_requests_and_answers_travel_over_sftp(house: House, witness: Witness, far: Path) -> None:
    house.check()
    assert names(far) == [f"{PREFIX}.6.checkpoint.txt", f"{PREFIX}.6.request.txt"]
    answer_all(witness, far, at=NOW)
    (far / f"{PREFIX}.6.answer.txt").chmod(0o644)
    found = house.check()
    assert found["warnings"] == []
    assert found["countersigned"] == [{"witness": NAME, "size": 6}]
    assert names(far) == [f"{PREFIX}.6.checkpoint.txt"]


def test_an_older_database_is_found_at_the_nightly_check_over_sftp(
    house: House, far: Path, tmp_path: Path
) -> None:
    house.check()
    older = house.copied(tmp_path / "backup")
    house.grow(3)
    house.check()
    put_back(house, older)
    assert "see far" in house.check()["problem"]["where"]


def test_a_server_with_another_host_key_gets_nothing(house: House, far: Path, server: OpenSshServer) -> None:
    settings = house.path / "birthshare.toml"
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMbqrrkkHYbTEPsBgpwn3bfGK7o0vRq2JGZFhnYq9Ev9"
    text = settings.read_text()
    settings.write_text(text.replace(server.host_key, other))
    [warning] = house.check()["warnings"]
    assert "does not show the host key that was agreed" in warning
    assert names(far) == []


def test_how_it_stands_at_a_place_is_a_file_that_retention_knows(house: House, tmp_path: Path) -> None:
    house.keep_at(tmp_path / "guardian")
    house.check()
    assert [(one.name, one.size) for one in places.remembered(house.home)] == [("guardian", 6)]
    of = class_of(house.home, Path("state/places.json"))
    assert of is not None and of.name == "made_again"


def test_an_answer_that_cannot_be_read_keeps_no_checkpoint_from_its_place(
    house: House, witness: Witness, tmp_path: Path
) -> None:
    house.count_on(witness)
    place = house.keep_at(tmp_path / "place", witness=witness.name)
    house.check()
    (place / "birthshare-E06999999.996.answer.txt").mkdir()
    (place / "birthshare-E06999999.997.answer.txt").symlink_to(house.path / "keys" / "ledger.key")
    house.grow(1)
    found = house.check()
    assert [(one["size"], one["problem"]) for one in found["places"]] == [(found["checkpoint"]["size"], "")]
    assert "996.answer.txt" in " ".join(found["warnings"])
