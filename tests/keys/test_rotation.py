"""Keys are replaced between two pieces of work: nothing stops, is lost, or counts for longer than it may."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine, authority, birthshare, prototype
from pipeline import facts
from pipeline import month as months
from pipeline.demo.keys import make_openpgp_key, make_ssh_key, seal_as_supplier
from pipeline.encryption.opening import SealProblem, SealRefused
from pipeline.errors import IntegrityError, NotAllDelivered, SettingsError
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.outside import check

__all__ = ["authority", "birthshare", "prototype"]


def sealed_for(authority: Authority, public: Path) -> None:
    """The month's extract as the trust seals it for one of our keys, in place of what was there."""
    authority.sealed.unlink(missing_ok=True)
    seal_as_supplier(
        authority.demo.extract.read_bytes(),
        authority.sealed,
        supplier_private=authority.supplier / "chis.private.asc",
        recipient_public=public,
    )


# --- the authority's OpenPGP key ------------------------------------------------------------------


def test_while_suppliers_change_over_files_for_either_key_open_and_then_only_for_the_new_one(
    authority: Authority, tmp_path: Path
) -> None:
    """The file of our key holds the new one and the old one, one after the other."""
    key = authority.home.path / "keys" / "decryption.key"
    old, new = key.read_bytes(), make_openpgp_key(tmp_path / "new", "new")
    key.write_bytes(new.private.read_bytes() + old)
    for public in (new.public, authority.supplier / "authority.asc"):  # the second is the old one's
        sealed_for(authority, public)
        assert authority.run(until="validation")["received"] > 0
        shutil.rmtree(authority.home.state / "working" / str(MONTH), ignore_errors=True)

    key.write_bytes(new.private.read_bytes())
    sealed_for(authority, new.public)
    assert authority.run(until="validation")["received"] > 0
    sealed_for(authority, authority.supplier / "authority.asc")
    with pytest.raises(SealRefused) as refused:
        authority.run(until="intake")
    assert refused.value.problem is SealProblem.NOT_FOR_US


# --- the key that logs in at recipients -----------------------------------------------------------


def test_a_server_that_knows_the_new_key_alone_gets_its_list_once_that_is_here_and_nothing_goes_twice(
    authority: Authority, tmp_path: Path
) -> None:
    """The servers changed over first: the month waits, says what is wrong, and goes on with the new key."""
    authority.prepare_and_approve()
    key = authority.home.path / "keys" / "delivery.key"
    new = key.read_bytes()
    make_ssh_key(tmp_path / "old.key", "delivery, until now")
    (tmp_path / "old.key").replace(key)
    with pytest.raises(NotAllDelivered, match="does not accept our key.*Send it our public key again"):
        authority.run()
    assert authority.files() == {}
    key.write_bytes(new)
    assert authority.run()["state"] == "closed"
    sent = authority.files()
    assert authority.run()["state"] == "closed"
    assert authority.files() == sent


# --- the key that signs the ledger ----------------------------------------------------------------


@pytest.fixture
def signed(authority: Authority) -> str:
    """A checkpoint that the first key signed."""
    with facts.opened_ledger(authority.home) as ledger:
        ledger.append(Entry(MonthClosed(), "2026-01"), at=NOW)
        return facts.signed(authority.home, ledger).note


def grown(authority: Authority) -> str:
    """A checkpoint of a ledger that has gone on, by whichever key signs now."""
    with facts.opened_ledger(authority.home) as ledger:
        ledger.append(Entry(MonthClosed(), "2026-02"), at=NOW)
        return facts.signed(authority.home, ledger).note


def test_a_new_key_signs_and_the_whole_ledger_is_still_proven(
    authority: Authority, birthshare: CommandLine, signed: str, tmp_path: Path
) -> None:
    before = facts.verifier(authority.home)
    answer = birthshare("ledger", "renew", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["verifier_key"] == facts.verifier(authority.home) != before
    kept = tmp_path / "kept.txt"
    kept.write_text(signed)
    assert birthshare("ledger", "verify", "--kept", kept).code == 0
    assert check.run(authority.home, now=NOW)["verified"]
    assert facts.note_check(authority.home)(grown(authority))
    authority.prepare_and_approve()
    assert authority.run()["state"] == "closed"
    assert birthshare("ledger", "verify", "--kept", kept).code == 0


def test_what_the_old_key_signs_after_it_was_replaced_counts_for_nothing(
    authority: Authority, birthshare: CommandLine, signed: str
) -> None:
    """Whoever stole it cannot go on where we stopped, nor tell another story of what we signed."""
    stolen = (authority.home.path / "keys" / "ledger.key").read_bytes()
    birthshare("ledger", "renew")
    newer = grown(authority)
    genuine = facts.note_check(authority.home)
    assert genuine(signed)
    (authority.home.path / "keys" / "ledger.key").write_bytes(stolen)
    forged = facts.sign(authority.home, newer.partition("\n\n")[0] + "\n")
    with pytest.raises(IntegrityError, match="good signature"):
        genuine(forged)


def test_a_key_that_was_only_exchanged_stops_everything(authority: Authority, signed: str) -> None:
    """As where somebody put another file there, or restored the wrong one."""
    from pipeline.encryption.signing import new_note_key

    (authority.home.path / "keys" / "ledger.key").write_bytes(new_note_key())
    with pytest.raises(IntegrityError, match="damaged"):
        months.prepare(authority.home, MONTH, now=NOW)


def test_a_lost_key_stops_a_month_at_its_first_task_and_the_doctor_names_it(
    authority: Authority, birthshare: CommandLine
) -> None:
    """On the one machine that has all keys; it is not taken for one that only opens."""
    (authority.home.path / "keys" / "ledger.key").unlink()
    with pytest.raises(SettingsError, match="lost.*ledger.key.*safe copy"):
        months.look_for_files(authority.home, MONTH, now=NOW)
    findings = {one["what"]: one["advice"] for one in birthshare("doctor", "--json").json["findings"]}
    assert "safe copy" in findings["keys/ledger.key: signs checkpoints"]


def test_a_renewal_that_was_killed_in_between_changes_nothing_and_can_be_done_again(
    authority: Authority, birthshare: CommandLine, signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = facts.verifier(authority.home)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    real = facts.write_whole
    steps = iter([real, killed])
    with monkeypatch.context() as patch:
        patch.setattr(facts, "write_whole", lambda *a, **k: next(steps)(*a, **k))
        from pipeline.keeping.renewal import renew_ledger_key

        with pytest.raises(KeyboardInterrupt):
            renew_ledger_key(authority.home)
    assert facts.verifier(authority.home) == before
    assert facts.note_check(authority.home)(grown(authority))
    assert birthshare("ledger", "renew").code == 0
    assert check.run(authority.home, now=NOW)["verified"]


# --- the key that later words are compared by -----------------------------------------------------


def test_a_damaged_list_of_former_keys_is_named_and_counts_for_nothing(authority: Authority) -> None:
    (authority.home.path / "keys" / "ledger.former").write_text("birthshare+0+key many\n")
    with pytest.raises(IntegrityError, match="signed before is damaged .*line 1"):
        facts.note_check(authority.home)


def test_another_key_for_families_references_stops_everything(authority: Authority) -> None:
    """It is never replaced: with another every death and refusal would be forgotten."""
    authority.run(until="intake")
    key = authority.home.path / "keys" / "subject.key"
    kept = key.read_bytes()
    key.write_bytes(bytes(reversed(kept)))
    with pytest.raises(IntegrityError, match="not the key that earlier references"):
        authority.run()
    key.write_bytes(kept)
    authority.run(until="release")
