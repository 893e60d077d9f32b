"""What the ledger remembers of agreements: signatures outlive their keys, suspensions their files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agreements.office import NAME, NOW, Office, version
from pipeline import agreed
from pipeline.agreements.loading import NAMESPACE, Loaded
from pipeline.agreements.signatures import suspension
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import Refused, SettingsError
from pipeline.ledger.entries import AgreementPreviewed, AgreementSuspended, Entry, Kind
from pipeline.ledger.ledger import Ledger


@pytest.fixture
def ledger(office: Office) -> Iterator[Ledger]:
    with closing(Ledger.open(office.home.database_url)) as opened:
        yield opened


def look(office: Office, ledger: Ledger, at: datetime = NOW) -> dict[int, Loaded]:
    return {one.agreement.version: one for one in agreed.loaded(office.home, ledger, at)}


def suspensions(ledger: Ledger) -> list[AgreementSuspended]:
    return [entry.body for entry in ledger.entries(kinds={Kind.AGREEMENT_SUSPENDED})]


def suspend(office: Office, one: Loaded, role: str = "data_lead", key: str = "", note: str = "") -> Path:
    content = suspension(one.agreement, one.digest)
    signature = sign_ssh(content, private_key=office.keys / (key or role), namespace=NAMESPACE)
    return agreed.suspend(office.home, one, role=role, signature=signature, note=note, at=NOW)


def test_days_begin_when_they_begin_in_london(office: Office, ledger: Ledger) -> None:
    office.write(1, version(1, review_by="2026-06-30", expires="2026-06-30"))
    last = datetime.fromisoformat("2026-06-30T22:59:59+00:00")  # one second before midnight, summer time
    assert look(office, ledger, last)[1].refusal is None
    assert "expired" in str(look(office, ledger, last + timedelta(seconds=1))[1].refusal)
    office.write(1, version(1, starts="2026-06-01"))
    first = datetime.fromisoformat("2026-05-31T23:00:00+00:00")
    assert look(office, ledger, first)[1].refusal is None
    assert "starts" in str(look(office, ledger, first - timedelta(seconds=1))[1].refusal)


def test_a_signature_that_was_recorded_outlives_its_key(office: Office, ledger: Ledger) -> None:
    early = NOW - timedelta(days=60)
    agreed.record_signatures(ledger, look(office, ledger, early).values(), early)
    keys = office.signers.read_text()
    office.signers.write_text(keys.replace("namespaces=", 'valid-before="20260601",namespaces='))
    assert look(office, ledger)[1].refusal is None
    office.sign("data_lead", "data_lead")  # the same key gives the same bytes: nothing new was signed
    office.write(1, office.file().read_text() + "# a later word\n")
    assert "agreement_not_approved" in str(look(office, ledger)[1].refusal)


def test_a_signature_is_recorded_once(office: Office, ledger: Ledger) -> None:
    for _ in range(2):
        agreed.record_signatures(ledger, look(office, ledger).values(), NOW)
    assert len(agreed.signed(ledger)) == 3


def test_a_signature_names_the_newest_preview_of_what_was_signed(office: Office, ledger: Ledger) -> None:
    one = look(office, ledger)[1]
    for digest, preview in ((one.digest, "a" * 64), (one.digest, "b" * 64), ("0" * 64, "c" * 64)):
        body = AgreementPreviewed(
            agreement=NAME, version=1, digest=digest, months=("2026-05",), preview_sha256=preview
        )
        ledger.append(Entry(body), at=NOW)
    agreed.record_signatures(ledger, [one], NOW)
    assert {body.preview_sha256 for body, _ in agreed.signed(ledger)} == {"b" * 64}


def test_what_was_relied_on_keeps_older_versions_out_without_its_file(office: Office, ledger: Ledger) -> None:
    office.write(2, version(2, replaces=1))
    agreed.record_signatures(ledger, [look(office, ledger)[2]], NOW)
    office.file(2).unlink()
    refusal = str(look(office, ledger)[1].refusal)
    assert "agreement_not_in_force" in refusal
    assert "A newer version, 2, has taken its place" in refusal


def test_an_older_version_says_that_it_was_replaced(office: Office, ledger: Ledger) -> None:
    office.write(2, version(2, replaces=1))
    loaded = look(office, ledger)
    assert "A newer version, 2" in str(loaded[1].refusal)
    assert loaded[2].refusal is None


# --- suspension -----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["caldicott_guardian", "data_protection_officer", "data_lead"])
def test_any_one_role_suspends_at_once_and_signed(office: Office, ledger: Ledger, role: str) -> None:
    file = suspend(office, look(office, ledger)[1], role, note="letters went astray")
    assert file.name == f"{NAME}.v1.suspend.{role}.sig"
    assert file.read_text() == suspensions(ledger)[0].signature
    [said] = suspensions(ledger)
    assert (said.role, said.principal, said.note) == (role, f"{role}@example.org", "letters went astray")
    assert "agreement_suspended" in str(look(office, ledger)[1].refusal)
    assert len(suspensions(ledger)) == 1


def test_sent_twice_it_is_one_suspension_and_another_note_is_another(office: Office, ledger: Ledger) -> None:
    one = look(office, ledger)[1]
    for note in ("", "letters went astray", "letters went astray"):
        suspend(office, one, note=note)
    assert [said.note for said in suspensions(ledger)] == ["", "letters went astray"]


def test_taking_the_file_away_lifts_nothing(office: Office, ledger: Ledger) -> None:
    suspend(office, look(office, ledger)[1]).unlink()
    assert "agreement_suspended" in str(look(office, ledger)[1].refusal)


@pytest.mark.parametrize("taken_away", ["*", "data_lead.sig"])
def test_nor_does_taking_away_the_suspended_version_or_its_signature(
    office: Office, ledger: Ledger, taken_away: str
) -> None:
    office.write(1, version(1, review_by="2026-12-31", expires="2026-12-31"))
    office.write(2, version(2, starts="2027-01-01", review_by="2027-06-30"))  # signed ahead, for next year
    suspend(office, look(office, ledger)[1])
    for file in office.folder.glob(f"{NAME}.v1.{taken_away}"):
        file.unlink()
    next_year = datetime.fromisoformat("2027-02-01T12:00:00+00:00")
    assert "Version 1 was suspended" in str(look(office, ledger, next_year)[2].refusal)
    office.write(2, version(2, replaces=1, starts="2027-01-01", review_by="2027-06-30"))
    assert look(office, ledger, next_year)[2].refusal is None


@pytest.mark.parametrize("content", [b"", b"stop!", b"\xff\x00", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n"])
def test_a_file_put_there_by_hand_counts_and_is_recorded_when_it_is_seen(
    office: Office, ledger: Ledger, content: bytes
) -> None:
    file = office.file().with_suffix(".suspend.data_lead.sig")
    file.write_bytes(content)
    assert "agreement_suspended" in str(look(office, ledger)[1].refusal)
    file.unlink()
    assert "agreement_suspended" in str(look(office, ledger)[1].refusal)
    [said] = suspensions(ledger)
    assert (said.role, said.principal, said.signature) == ("data_lead", "", "")


def test_a_file_by_hand_under_any_name_is_recorded_of_an_unknown_role(office: Office, ledger: Ledger) -> None:
    office.file().with_suffix(".suspend.A Person 12345678901").touch()
    look(office, ledger)
    assert [one.role for one in suspensions(ledger)] == ["unknown"]


def test_a_signed_file_put_there_by_hand_is_recorded_with_its_signer(office: Office, ledger: Ledger) -> None:
    one = look(office, ledger)[1]
    signed = sign_ssh(
        suspension(one.agreement, one.digest), private_key=office.keys / "data_lead", namespace=NAMESPACE
    )
    office.file().with_suffix(".suspend.data_lead.sig").write_bytes(signed)
    look(office, ledger)
    assert [one.principal for one in suspensions(ledger)] == ["data_lead@example.org"]


def test_the_signatures_are_recorded_too_so_that_no_older_version_comes_back(
    office: Office, ledger: Ledger
) -> None:
    office.write(2, version(2, replaces=1))
    office.file(2).with_suffix(".suspend.data_lead.sig").touch()
    look(office, ledger)
    for file in office.folder.glob("*.v2.*"):
        file.unlink()
    assert "A newer version, 2" in str(look(office, ledger)[1].refusal)


def test_nobody_suspends_in_a_role_that_is_not_theirs_or_not_asked_for(
    office: Office, ledger: Ledger
) -> None:
    one = look(office, ledger)[1]
    with pytest.raises(Refused, match="does not hold the role"):
        suspend(office, one, "caldicott_guardian", key="data_lead")
    with pytest.raises(Refused, match="senior information risk owner may not suspend"):
        suspend(office, one, "siro")
    assert suspensions(ledger) == []
    assert look(office, ledger)[1].refusal is None


def test_an_approval_is_no_suspension_and_another_versions_neither(office: Office, ledger: Ledger) -> None:
    one = look(office, ledger)[1]
    for content in (office.file().read_bytes(), suspension(one.agreement, "0" * 64)):
        signature = sign_ssh(content, private_key=office.keys / "data_lead", namespace=NAMESPACE)
        with pytest.raises(Refused, match="not good for this content"):
            agreed.suspend(office.home, one, role="data_lead", signature=signature, note="", at=NOW)


def test_a_note_with_digits_is_not_recorded(office: Office, ledger: Ledger) -> None:
    with pytest.raises(SettingsError, match="note"):
        suspend(office, look(office, ledger)[1], note="child 9434765919")


def test_where_the_ledger_cannot_be_written_the_file_stops_it_alone(office: Office, ledger: Ledger) -> None:
    one = look(office, ledger)[1]
    settings = office.path / "birthshare.toml"
    text = settings.read_text()
    settings.write_text('database = "sqlite:///no/such/folder/ledger.db"\n' + text)
    with pytest.raises(SettingsError):
        suspend(office, one)
    settings.write_text(text)
    assert "agreement_suspended" in str(look(office, ledger)[1].refusal)


# --- choosing and warning -------------------------------------------------------------------------


def test_the_version_that_is_meant_is_the_one_that_stands_else_the_newest(
    office: Office, ledger: Ledger
) -> None:
    office.write(2, version(2, replaces=1), signed_by=())
    assert agreed.chosen(look(office, ledger).values(), NAME).agreement.version == 1
    assert agreed.chosen(look(office, ledger).values(), NAME, 2).agreement.version == 2
    office.file(1).with_suffix(".suspend.data_lead.sig").touch()
    assert agreed.chosen(look(office, ledger).values(), NAME).agreement.version == 2
    with pytest.raises(SettingsError, match=f"agreements here are: {NAME}"):
        agreed.chosen(look(office, ledger).values(), "another")


def told(office: Office, ledger: Ledger, at: datetime) -> str:
    return "\n".join(agreed.warnings(office.home, look(office, ledger, at).values(), at.date()))


def test_warnings_are_of_what_comes_what_has_come_and_what_cannot_be_read(
    office: Office, ledger: Ledger
) -> None:
    assert told(office, ledger, NOW) == ""
    assert "must be reviewed by 31 December 2026" in told(office, ledger, NOW + timedelta(days=180))
    assert "Nothing is shared" in told(office, ledger, NOW + timedelta(days=600))
    office.file(2).write_text("nonsense")
    assert "A draft is left out" in told(office, ledger, NOW)


def test_a_draft_that_was_never_signed_is_no_reason_to_warn(office: Office, ledger: Ledger) -> None:
    office.write(1, version(1), signed_by=())
    for file in office.folder.glob("*.sig"):
        file.unlink()
    assert told(office, ledger, NOW) == ""
