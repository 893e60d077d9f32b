"""An agreement binds only as it was signed, while it is in force, and until anyone suspends it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from agreements.office import APPROVERS, NAME, NOW, ROLES, Office, version
from pipeline.agreements.loading import (
    NAMESPACE,
    check_still_stands,
    load_all,
    read_agreement,
    standing,
    unreadable,
)
from pipeline.agreements.signatures import SignatureCheck, suspension
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import Refused, SettingsError
from pipeline.home import Approver

LAST_MONTH = NOW - timedelta(days=30)


def why(office: Office, number: int = 1, at: datetime = NOW) -> str:
    """Why a version does not stand; blank where it does."""
    return str(office.load(at)[number].refusal or "")


def stands(office: Office, at: datetime = NOW) -> list[int]:
    """The versions that sharing may rest on."""
    return [one.agreement.version for one in standing(office.load(at).values())[0]]


# --- signatures -----------------------------------------------------------------------------------


def test_signed_by_every_role_and_in_force_it_stands(office: Office) -> None:
    [loaded] = office.load().values()
    assert loaded.refusal is None
    assert {signature.role for signature in loaded.signatures} == set(ROLES)


def test_a_signature_by_plain_ssh_keygen_counts(office: Office) -> None:
    office.signature("data_lead").unlink()
    command = [
        "ssh-keygen",
        "-q",
        "-Y",
        "sign",
        "-n",
        NAMESPACE,
        "-f",
        office.keys / "data_lead",
        office.file(),
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert "No signature of the data lead" in why(office)
    assert "data_lead.sig, beside the agreement" in why(office)
    office.file().with_suffix(".yaml.sig").rename(office.signature("data_lead"))
    assert stands(office) == [1]


def add_a_space(office: Office) -> None:
    office.file().write_text(office.file().read_text() + " ")


def change_a_comment(office: Office) -> None:
    office.file().write_text(office.file().read_text().replace("# Nobody comes", "# Somebody comes"))


def write_windows_lines(office: Office) -> None:
    office.file().write_bytes(office.file().read_bytes().replace(b"\n", b"\r\n"))


def leave_a_signature_out(office: Office) -> None:
    office.signature("caldicott_guardian").unlink()


def sign_for_another(office: Office) -> None:
    office.sign("caldicott_guardian", "data_lead")


def take_the_key_away(office: Office) -> None:
    office.signers.write_text(office.signers.read_text().splitlines(keepends=True)[1])


def take_the_signature_of_a_suspension(office: Office) -> None:
    one = office.load()[1]
    signed = sign_ssh(
        suspension(one.agreement, one.digest), private_key=office.keys / "data_lead", namespace=NAMESPACE
    )
    office.signature("data_lead").write_bytes(signed)


def take_the_signature_of_a_release(office: Office) -> None:
    content, key = office.file().read_bytes(), office.keys / "data_lead"
    signed = sign_ssh(content, private_key=key, namespace="release@birthshare")
    office.signature("data_lead").write_bytes(signed)


def empty_a_signature(office: Office) -> None:
    office.signature("data_lead").write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [
        add_a_space, change_a_comment, write_windows_lines, leave_a_signature_out, sign_for_another,
        take_the_key_away, take_the_signature_of_a_suspension, take_the_signature_of_a_release,
        empty_a_signature,
    ],
)  # fmt: skip
def test_without_each_roles_own_signature_over_these_very_bytes_it_does_not_stand(
    office: Office, spoil: Callable[[Office], None]
) -> None:
    spoil(office)
    assert "agreement_not_approved" in why(office)


def test_content_that_was_exchanged_between_reading_and_checking_is_not_approved(office: Office) -> None:
    agreement, _ = read_agreement(office.file())
    digest_of_what_was_read = hashlib.sha256(b"other terms").hexdigest()
    check = SignatureCheck(office.signers, APPROVERS, NOW, {})
    signatures, refusal = check.all_of(agreement, office.file(), digest_of_what_was_read)
    assert signatures == ()
    assert "altered while it was read" in str(refusal)


def test_the_authors_signature_alone_is_never_enough_where_two_roles_are_asked_for(office: Office) -> None:
    for role in ROLES:
        office.sign(role, "data_lead")
    everything = [Approver(principal="data_lead@example.org", roles=ROLES)]
    refusal = str(office.load(approvers=everything)[1].refusal)
    assert "agreement_not_approved" in refusal
    assert "at least two different persons must" in refusal


def test_two_persons_are_enough_for_three_roles(office: Office) -> None:
    office.sign("data_protection_officer", "data_lead")
    two = [
        Approver(principal="data_lead@example.org", roles=("data_lead", "data_protection_officer")),
        Approver(principal="caldicott_guardian@example.org", roles=("caldicott_guardian",)),
    ]
    assert office.load(approvers=two)[1].refusal is None


def test_where_one_role_is_asked_for_one_person_is_enough(office: Office) -> None:
    office.write(1, version(1, approvers="[caldicott_guardian]"))
    assert stands(office) == [1]


def test_the_signatures_that_are_there_are_known_even_when_one_is_missing(office: Office) -> None:
    leave_a_signature_out(office)
    assert [one.role for one in office.load()[1].signatures] == ["data_protection_officer", "data_lead"]


# --- keys that were replaced ----------------------------------------------------------------------


def recorded(office: Office, at: datetime) -> dict[tuple[str, str, str], datetime]:
    """Every signature as it lies there, first relied on at that moment."""
    digest = hashlib.sha256(office.file().read_bytes()).hexdigest()
    signatures = {role: office.signature(role).read_bytes() for role in ROLES}
    return {(digest, role, hashlib.sha256(one).hexdigest()): at for role, one in signatures.items()}


@pytest.fixture
def rotated(office: Office) -> Office:
    """All keys count until the first of June alone."""
    before = office.signers.read_text()
    office.signers.write_text(before.replace("namespaces=", 'valid-before="20260601",namespaces='))
    return office


def test_what_was_relied_on_before_its_key_was_replaced_goes_on_standing(rotated: Office) -> None:
    assert rotated.load(recorded_at=recorded(rotated, LAST_MONTH))[1].refusal is None


def test_what_was_not_relied_on_before_does_not(rotated: Office) -> None:
    refusal = str(rotated.load()[1].refusal)
    assert "agreement_not_approved" in refusal
    assert "valid-before" in refusal


def test_a_record_is_of_one_signature_and_of_no_other(rotated: Office) -> None:
    known = recorded(rotated, LAST_MONTH)
    rotated.signature("data_lead").write_text(rotated.signature("data_lead").read_text() + "\n")
    assert "agreement_not_approved" in str(rotated.load(recorded_at=known)[1].refusal)


# --- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2025-12-31", "It starts on 2026-01-01"),
        ("2026-01-01", ""),
        ("2027-01-30", ""),  # the last day of the grace after the review of 31 December 2026
        ("2027-01-31", "Its review was due by 2026-12-31"),
        ("2028-01-01", "It expired on 2027-12-31"),
    ],
)
def test_it_starts_and_stops_by_itself(office: Office, day: str, says: str) -> None:
    refusal = why(office, at=datetime.fromisoformat(f"{day}T12:00:00+00:00"))
    assert says in refusal
    assert ("agreement_not_in_force" in refusal) is bool(says)


# --- suspension -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["suspend.data_lead.sig", "suspend.anybody", "suspend", "suspended.txt", "SUSPEND.Data_Lead.sig"]
)
def test_any_file_that_says_suspend_stops_it_whatever_is_in_it(office: Office, name: str) -> None:
    office.file().with_suffix(f".{name}").write_text("")
    assert "agreement_suspended" in why(office)
    assert "replaces: 1" in why(office)


def test_what_the_ledger_knows_as_suspended_stays_so_without_the_file(office: Office) -> None:
    assert "agreement_suspended" in str(office.load(suspended={(NAME, 1)})[1].refusal)


def test_it_stops_in_the_middle_of_its_use_too(office: Office) -> None:
    one = office.load()[1]
    check_still_stands(one, office.folder, at=NOW)
    with pytest.raises(Refused, match="agreement_suspended"):
        check_still_stands(one, office.folder, at=NOW, suspended={(NAME, 1)})
    office.file().with_suffix(".suspend.data_lead.sig").touch()
    with pytest.raises(Refused, match="agreement_suspended"):
        check_still_stands(one, office.folder, at=NOW)


def test_so_it_does_when_it_is_altered_or_expires_in_its_use(office: Office) -> None:
    one = office.load()[1]
    with pytest.raises(Refused, match="agreement_not_in_force"):
        check_still_stands(one, office.folder, at=NOW + timedelta(days=600))
    add_a_space(office)
    with pytest.raises(Refused, match="agreement_not_approved"):
        check_still_stands(one, office.folder, at=NOW)


def test_only_a_new_version_that_says_so_goes_on_after_a_suspension(office: Office) -> None:
    office.file().with_suffix(".suspend.data_lead.sig").touch()
    office.write(2, version(2))
    assert stands(office) == []
    office.write(2, version(2, replaces=1))
    assert stands(office) == [2]


def test_not_even_after_the_suspended_version_would_have_ended(office: Office) -> None:
    office.write(1, version(1, review_by="2026-05-31", expires="2026-05-31"))
    later = {"starts": "2026-06-01"}
    office.write(2, version(2, **later))
    assert stands(office) == [2]
    office.file().with_suffix(".suspend.data_lead.sig").touch()
    assert stands(office) == []
    assert "Version 1 was suspended" in why(office, 2)
    office.write(2, version(2, replaces=1, **later))
    assert stands(office) == [2]


# --- several versions -----------------------------------------------------------------------------


def test_a_draft_disturbs_nothing(office: Office) -> None:
    office.write(2, version(2, replaces=1), signed_by=("data_lead",))
    assert stands(office) == [1]
    office.write(2, version(2), signed_by=())
    assert stands(office) == [1]
    assert standing(office.load().values())[1] == {}


def test_not_even_a_draft_that_is_suspended_or_cannot_be_read(office: Office) -> None:
    office.write(2, version(2, replaces=1), signed_by=())
    office.file(2).with_suffix(".suspend.data_lead").touch()
    office.file(3).write_text("nonsense")
    assert stands(office) == [1]
    assert set(unreadable(office.folder)) == {office.file(3)}


def test_a_signed_file_that_cannot_be_read_stops_everything(office: Office) -> None:
    office.file().write_text("nonsense")
    with pytest.raises(SettingsError, match="cannot be read"):
        office.load()


def test_a_version_that_replaces_the_one_before_takes_its_place(office: Office) -> None:
    office.write(2, version(2, replaces=1))
    assert stands(office) == [2]


def test_through_others_too(office: Office) -> None:
    office.write(2, version(2, replaces=1))
    office.write(3, version(3, replaces=2))
    assert stands(office) == [3]


def test_two_versions_that_claim_the_same_days_are_both_refused_by_name(office: Office) -> None:
    office.write(2, version(2))
    assert stands(office) == []
    for number in (1, 2):
        assert "agreement_not_in_force" in why(office, number)
        assert f"{NAME}.v{number}.yaml" in why(office, number)
        assert "Versions 1 and 2 are both signed for the same days" in why(office, number)
        assert "Write `replaces: 1` into version 2" in why(office, number)


def test_so_they_are_when_the_chain_between_them_is_broken(office: Office) -> None:
    office.write(2, version(2, replaces=1), signed_by=())
    office.write(3, version(3, replaces=2))
    assert stands(office) == []
    assert "Versions 1 and 3" in why(office, 3)


def test_days_that_only_touch_overlap_and_days_that_follow_do_not(office: Office) -> None:
    office.write(1, version(1, review_by="2026-06-15", expires="2026-06-15"))
    office.write(2, version(2, starts="2026-06-15"))
    assert stands(office) == []
    office.write(2, version(2, starts="2026-06-16"))
    assert stands(office) == [1]
    assert stands(office, NOW + timedelta(days=1)) == [2]


def test_until_the_new_version_starts_the_one_before_goes_on(office: Office) -> None:
    office.write(2, version(2, replaces=1, starts="2026-06-20"))
    assert stands(office) == [1]
    assert stands(office, NOW + timedelta(days=5)) == [2]


def test_a_version_that_was_suspended_or_expired_never_gives_way_to_an_older_one(office: Office) -> None:
    office.write(
        2, version(2, replaces=1, review_by="2026-06-01", review_grace_days="0", expires="2026-06-01")
    )
    assert stands(office) == []
    office.write(2, version(2, replaces=1))
    office.file(2).with_suffix(".suspend.data_lead.sig").touch()
    assert stands(office) == []


def test_other_agreements_are_not_touched(office: Office) -> None:
    other = office.folder / "other.v1.yaml"
    other.write_text(version(1, id="other"))
    for role in ROLES:
        signed = sign_ssh(other.read_bytes(), private_key=office.keys / role, namespace=NAMESPACE)
        other.with_suffix(f".{role}.sig").write_bytes(signed)
    office.write(2, version(2))
    loaded = load_all(office.folder, allowed_signers=office.signers, approvers=APPROVERS, at=NOW)
    assert [one.agreement.id for one in standing(loaded)[0]] == ["other"]
