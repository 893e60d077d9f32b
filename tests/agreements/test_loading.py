"""An agreement binds only as it was signed, while it is in force, and until anyone suspends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.agreements.loading import NAMESPACE, Loaded, load_all, read_agreement, standing
from pipeline.demo.keys import make_ssh_key
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import SettingsError
from pipeline.home import Approver
from pipeline.records import TEMPLATES

NOW = datetime.now(UTC)
ROLES = ("caldicott_guardian", "data_protection_officer", "data_lead")
APPROVERS = tuple(Approver(principal=f"{role}@example.org", roles=(role,)) for role in ROLES)
TEMPLATE = TEMPLATES / "welcome-card-first-visit.v1.yaml"


class Signed:
    """A folder with one agreement, signed by every role, and its approvers' keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "agreements"
        self.folder.mkdir()
        self.keys = folder
        self.file = self.folder / TEMPLATE.name
        self.signers = folder / "allowed_signers"
        lines = [
            f'{role}@example.org namespaces="{NAMESPACE}" {make_ssh_key(folder / role, role)}\n'
            for role in ROLES
        ]
        self.signers.write_text("".join(lines))
        today = NOW.date()
        text = TEMPLATE.read_text()
        for old, new in (
            ("2026-01-01", today - timedelta(days=100)),
            ("2026-12-31", today + timedelta(days=100)),
            ("2027-12-31", today + timedelta(days=500)),
        ):
            text = text.replace(old, str(new))
        self.write(text)

    def write(self, text: str) -> None:
        self.file.write_text(text)
        for role in ROLES:
            self.sign(role, role)

    def sign(self, role: str, with_key_of: str) -> None:
        signature = sign_ssh(self.file.read_bytes(), private_key=self.keys / with_key_of, namespace=NAMESPACE)
        self.file.with_suffix(f".{role}.sig").write_bytes(signature)

    def load(self, at: datetime = NOW, recorded_at: datetime | None = None) -> Loaded:
        [loaded] = load_all(
            self.folder,
            allowed_signers=self.signers,
            approvers=APPROVERS,
            at=at,
            recorded_at=lambda digest, role: recorded_at,
        )
        return loaded


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return Signed(tmp_path_factory.mktemp("signed"))


@pytest.fixture
def signed(original: Signed, tmp_path: Path) -> Signed:
    own = object.__new__(Signed)
    shutil.copytree(original.folder, tmp_path / "agreements")
    own.folder, own.keys, own.signers = tmp_path / "agreements", original.keys, tmp_path / "allowed_signers"
    own.signers.write_text(original.signers.read_text())
    own.file = own.folder / TEMPLATE.name
    return own


def test_signed_by_every_role_and_in_force_it_stands(signed: Signed) -> None:
    loaded = signed.load()
    assert loaded.refusal is None
    assert {signature.role for signature in loaded.signatures} == set(ROLES)


def alter_one_byte(signed: Signed) -> None:
    signed.file.write_text(signed.file.read_text() + " ")


def leave_a_signature_out(signed: Signed) -> None:
    signed.file.with_suffix(".caldicott_guardian.sig").unlink()


def sign_for_another(signed: Signed) -> None:
    signed.sign("caldicott_guardian", "data_lead")


def sign_with_an_unknown_key(signed: Signed) -> None:
    signed.signers.write_text(signed.signers.read_text().splitlines(keepends=True)[1])


@pytest.mark.parametrize(
    "spoil", [alter_one_byte, leave_a_signature_out, sign_for_another, sign_with_an_unknown_key]
)
def test_without_each_roles_own_signature_over_these_very_bytes_it_does_not_stand(
    signed: Signed, spoil: Callable[[Signed], None]
) -> None:
    spoil(signed)
    assert "agreement_not_approved" in str(signed.load().refusal)


@pytest.mark.parametrize(("days", "why"), [(-101, "starts on"), (501, "expired on"), (140, "review was due")])
def test_outside_its_dates_it_does_not_stand(signed: Signed, days: int, why: str) -> None:
    refusal = str(signed.load(at=NOW + timedelta(days=days)).refusal)
    assert "agreement_not_in_force" in refusal
    assert why in refusal


def test_the_grace_after_the_review_date_is_used_up_and_not_before(signed: Signed) -> None:
    assert signed.load(at=NOW + timedelta(days=130), recorded_at=NOW).refusal is None
    assert signed.load(at=NOW + timedelta(days=131), recorded_at=NOW).refusal is not None


def test_any_suspension_stops_it_at_once(signed: Signed) -> None:
    signed.file.with_name(f"{signed.file.stem}.suspend.data_lead.sig").write_text("")
    assert "agreement_suspended" in str(signed.load().refusal)


def test_a_newer_version_that_is_not_signed_leaves_the_older_one_standing(signed: Signed) -> None:
    newer = signed.folder / "welcome-card-first-visit.v2.yaml"
    newer.write_text(signed.file.read_text().replace("version: 1", "version: 2"))
    loaded = load_all(
        signed.folder,
        allowed_signers=signed.signers,
        approvers=APPROVERS,
        at=NOW,
        recorded_at=lambda digest, role: None,
    )
    stand, refused = standing(loaded)
    assert [one.agreement.version for one in stand] == [1]
    assert refused == {}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 1\nsurprise: true", "surprise"),
        ("version: 1", "version: 1\nversion: 1", "cannot be read"),
        ("version: 1", "version: 3", "name does not say"),
        ("[child_name,", "[everything,", "fields"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(
    signed: Signed, old: str, new: str, says: str
) -> None:
    signed.file.write_text(signed.file.read_text().replace(old, new, 1))
    with pytest.raises(SettingsError, match=says):
        read_agreement(signed.file)


def test_the_template_can_be_read() -> None:
    agreement, _ = read_agreement(TEMPLATE)
    assert agreement.approvers == ROLES
