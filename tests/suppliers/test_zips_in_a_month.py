"""A month whose supplier sends zips: its signature beside, or nobody's, and then everything says so."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import pyzipper

from changes.writing import changes_csv
from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline import month as months
from pipeline.afterwards import changes
from pipeline.demo.births import as_csv
from pipeline.doctor import examine
from pipeline.errors import IntegrityError, SettingsError, WaitingForPerson
from pipeline.keeping import retention
from pipeline.ledger.entries import ChangesApplied, ExtractReceived, FileFetched, Kind
from pipeline.looking_back.course import unsigned

PASSPHRASE = "correct-horse-battery-staple"
VARIABLE = "BIRTHSHARE_PASSPHRASE_CHIS"


def zipped(content: bytes) -> bytes:
    """A zip under the passphrase."""
    whole = io.BytesIO()
    with pyzipper.AESZipFile(whole, "w", compression=pyzipper.ZIP_DEFLATED) as archive:
        archive.setencryption(pyzipper.WZ_AES, nbits=256)
        archive.setpassword(PASSPHRASE.encode())
        archive.writestr("births.csv", content)
    return whole.getvalue()


def sign(authority: Authority, file: Path) -> Path:
    """The trust's detached signature, as its own gpg makes it."""
    beside = file.with_name(f"{file.name}.sig")
    with tempfile.TemporaryDirectory(prefix="bs", dir="/tmp") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--yes"]
        subprocess.run([*gpg, "--import", authority.supplier / "chis.private.asc"], check=True)
        subprocess.run([*gpg, "--output", beside, "--detach-sign", file], check=True)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    return beside


def zips(authority: Authority, more: str = "") -> Path:
    """The settings say that the trust sends zips, and its extract lies in the inbox as one."""
    authority.setting(
        "[suppliers.chis]",
        '[suppliers.chis]\nsealed = "zip"\nfile_name = "births_{supplier}_{month}.csv.zip"\n'
        f'changes = "changes_{{supplier}}_{{date}}.csv.zip"\n{more}\n'
        'passphrase = "keys/suppliers/chis.passphrase"',
    )
    secret = authority.home.path / "keys" / "suppliers" / "chis.passphrase"
    secret.write_text(f"{PASSPHRASE}\n")
    secret.chmod(0o600)
    authority.sealed.unlink()
    file = authority.inbox / f"births_chis_{MONTH}.csv.zip"
    file.write_bytes(zipped(as_csv(authority.extract())))
    return file


def received(authority: Authority) -> ExtractReceived:
    [body] = authority.recorded(Kind.EXTRACT_RECEIVED)
    assert isinstance(body, ExtractReceived)
    return body


def test_a_month_from_a_zip_and_its_signature(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    file = zips(authority)
    answer = birthshare.run("--until", "intake")
    assert answer.code == 6
    answer.says("The signature of a file of chis has not arrived", file.name)
    assert authority.recorded(Kind.EXTRACT_REFUSED) == []

    signature = sign(authority, file)
    answer = birthshare.run("--until", "intake")
    assert answer.code == 0, answer.err
    assert received(authority).signer == authority.reopened().settings.suppliers["chis"].signing_fingerprint
    assert not [one for one in answer.json["warnings"] if "Nobody signed" in one]
    # The signature goes with its file.
    found = retention.run(authority.reopened(), now=NOW + timedelta(days=91))
    assert (found["destroyed"]["sealed_files"], found["waiting"]) == (2, [])
    assert not file.exists()
    assert not signature.exists()


def test_a_month_from_a_zip_that_nobody_signed(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    zips(authority, "unsigned = true")
    assert birthshare.run("--until", "intake").code == 0
    first = received(authority)
    assert first.signer == ""
    [seen] = authority.recorded(Kind.FILE_FETCHED)
    assert isinstance(seen, FileFetched)
    assert seen.afterwards == "found"

    # Taken up again later, it counts as of the same moment.
    months.run(authority.reopened(), MONTH, now=NOW + timedelta(hours=5), until="intake")
    assert received(authority) == first
    assert len(authority.recorded(Kind.FILE_FETCHED)) == 1

    said = birthshare("status", str(MONTH))
    said.says("Nobody signed the file of chis", "unsigned")
    birthshare.finish()
    page = (authority.home.path / "outbox" / "months" / f"{MONTH}.html").read_text()
    assert "by nobody; first seen on" in page


def test_a_zip_that_another_signed_is_refused_for_good(authority: Authority) -> None:
    file = zips(authority)
    file.with_name(f"{file.name}.asc").write_bytes(b"-----BEGIN PGP SIGNATURE-----\n")
    with pytest.raises(IntegrityError, match="not a detached signature"):
        months.run(authority.reopened(), MONTH, now=NOW, until="intake")
    sign(authority, file)  # both lie there now
    with pytest.raises(IntegrityError, match="more than one signature"):
        months.run(authority.reopened(), MONTH, now=NOW, until="intake")
    assert len(authority.recorded(Kind.EXTRACT_REFUSED)) == 2


def test_a_feed_whose_signature_has_not_come_waits_and_keeps_no_other_from_being_heard(
    authority: Authority,
) -> None:
    zips(authority)
    rows = [{"subject": "child", "nhs_number": "9990000018", "word": "objected", "since": "2026-10-30"}]
    first = authority.inbox / "changes_chis_2026-11-01.csv.zip"
    first.write_bytes(zipped(changes_csv(rows)))
    second = authority.inbox / "changes_chis_2026-11-02.csv.zip"
    second.write_bytes(zipped(changes_csv(rows)))
    sign(authority, second)
    waits, applied = changes.apply_feeds(authority.reopened(), now=NOW)
    assert isinstance(waits.problem, WaitingForPerson)
    assert (applied.problem, applied.rows) == (None, 1)
    sign(authority, first)
    [late] = changes.apply_feeds(authority.reopened(), now=NOW)
    assert (late.problem, late.rows) == (None, 1)


def test_a_feed_that_nobody_signed_is_recorded_so_and_applied_once(authority: Authority) -> None:
    zips(authority, "unsigned = true")
    rows = [{"subject": "child", "nhs_number": "9990000018", "word": "objected", "since": "2026-10-30"}]
    (authority.inbox / "changes_chis_2026-11-01.csv.zip").write_bytes(zipped(changes_csv(rows)))
    [applied] = changes.apply_feeds(authority.reopened(), now=NOW)
    assert applied.problem is None
    [body] = authority.recorded(Kind.CHANGES_APPLIED)
    assert isinstance(body, ChangesApplied)
    assert (body.signer, body.principal) == ("", "")
    assert body.signed_at == NOW
    assert changes.apply_feeds(authority.reopened(), now=NOW + timedelta(days=1)) == []
    assert changes.listed(authority.home)["applied"][0]["by"] == "nobody signed it"


def test_a_feed_that_nobody_signed_cannot_take_a_death_back(authority: Authority) -> None:
    """Whoever can write into the inbox could bring a card to the family of a child who died."""
    zips(authority, "unsigned = true")
    rows = [{"subject": "child", "nhs_number": "9990000018", "word": "death_removed", "since": "2026-10-30"}]
    (authority.inbox / "changes_chis_2026-11-01.csv.zip").write_bytes(zipped(changes_csv(rows)))
    [applied] = changes.apply_feeds(authority.reopened(), now=NOW)
    assert "takes a death back" in str(applied.problem)
    assert authority.recorded(Kind.CHANGES_APPLIED) == []


def test_the_passphrase_comes_from_the_secret_store(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    zips(authority)
    home = authority.reopened()
    file = home.path / "keys" / "suppliers" / "chis.passphrase"
    assert home.passphrase("chis") == PASSPHRASE
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="can be read by others"):
        home.passphrase("chis")
    file.chmod(0o600)
    for weak in ("fifteen-letters", "naïve-horse-battery-staple", "tab\tin-the-middle-of-it"):
        file.write_text(weak)
        with pytest.raises(SettingsError, match="16 or more plain letters") as refused:
            home.passphrase("chis")
        assert weak not in str(refused.value)
    file.unlink()
    with pytest.raises(SettingsError, match="missing"):
        home.passphrase("chis")
    monkeypatch.setenv(VARIABLE, PASSPHRASE)
    assert home.passphrase("chis") == PASSPHRASE


@pytest.mark.parametrize(
    ("said", "amiss"),
    [
        ('death_status = ["1"]', ""),
        ('death_status = ["3"]', "does not have: 3"),
        ('died = ["1"]', "does not have: died"),
        ('given_name = ["1"]', "does not have: given_name"),
    ],
)
def test_the_doctor_knows_which_codes_can_be_announced(authority: Authority, said: str, amiss: str) -> None:
    after = "# Who may sign"
    authority.setting(after, f"[suppliers.chis.drift.known_codes]\n{said}\n\n{after}")
    [profile] = [one for one in examine(authority.reopened(), now=NOW) if one.what == "the profile of chis"]
    assert profile.well == (not amiss)
    assert amiss in profile.advice


def test_the_doctor_says_what_a_supplier_of_zips_lacks(authority: Authority) -> None:
    zips(authority, "unsigned = true")
    secret = authority.home.path / "keys" / "suppliers" / "chis.passphrase"

    def finding() -> tuple[bool, str]:
        [one] = [one for one in examine(authority.reopened(), now=NOW) if "passphrase of chis" in one.what]
        return one.well, one.advice

    assert finding() == (True, "")
    secret.unlink()
    well, advice = finding()
    assert not well
    assert str(secret) in advice
    assert os.environ.get(VARIABLE) is None


def test_only_zips_may_come_unsigned(authority: Authority) -> None:
    authority.setting("[suppliers.chis]", "[suppliers.chis]\nunsigned = true")
    assert authority.run(until="intake")["received"] == 0  # signed, as OpenPGP files always are
    assert received(authority).signer != ""
    with pytest.raises(SettingsError, match="signing_key and signing_fingerprint are needed"):
        authority.setting("unsigned = true", "")
        authority.setting(authority.home.settings.suppliers["chis"].signing_fingerprint, "")
        authority.reopened()


def test_who_signed_is_told_of_each_file_once(authority: Authority) -> None:
    zips(authority, "unsigned = true")
    months.run(authority.reopened(), MONTH, now=NOW, until="intake")
    with months.opened(authority.reopened(), MONTH, NOW) as desk:
        [said] = unsigned(desk.ledger, str(MONTH))
    assert "the file of chis" in said
