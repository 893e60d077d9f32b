"""Reading agreements: the YAML, its signatures, and whether each stands at a given moment.

One file for each version, `<id>.v<version>.yaml`; beside it a signature for each required role,
`<id>.v<version>.<role>.sig`, made over the exact bytes with `ssh-keygen -Y sign -n
agreement@birthshare`. A file `<id>.v<version>.suspend.<role>.sig` suspends the version at once,
whatever is in it: stopping must be easier than starting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from pipeline.agreements.model import Agreement
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.home import Approver, read_model
from pipeline.reasons import Reason

NAMESPACE = "agreement@birthshare"

# When a signature of a role over a digest was first recorded, if it was: old approvals outlive keys.
RecordedAt = Callable[[str, str], datetime | None]


@dataclass(frozen=True)
class Signature:
    """One role's approval of exactly this content."""

    role: str
    principal: str
    sha256: str


@dataclass(frozen=True)
class Loaded:
    """An agreement version as read, and why it does not stand, if it does not."""

    agreement: Agreement
    digest: str  # SHA-256 of the YAML's bytes
    signatures: tuple[Signature, ...]
    refusal: Refused | None
    replaces: bool  # whether older versions are out, even while this one does not stand


def standing(loaded: Iterable[Loaded]) -> tuple[list[Loaded], dict[str, Refused]]:
    """For each agreement its newest version that stands, and the refusals of those with none.

    A version that was suspended, or was signed and has come to its end, never gives way to an older
    one; a version that is not signed yet, or does not start yet, does.
    """
    newest: dict[str, Loaded] = {}
    for version in sorted(loaded, key=lambda one: (one.agreement.id, -one.agreement.version)):
        before = newest.setdefault(version.agreement.id, version)
        if version.replaces and not before.replaces:
            newest[version.agreement.id] = version
    stand = [version for version in newest.values() if version.refusal is None]
    return stand, {name: one.refusal for name, one in newest.items() if one.refusal is not None}


def load_all(
    folder: Path,
    *,
    allowed_signers: Path,
    approvers: Sequence[Approver],
    at: datetime,
    recorded_at: RecordedAt,
) -> list[Loaded]:
    """Every agreement version in `folder`, each checked against its signatures and its dates.

    Raises SettingsError where a file cannot be read as an agreement.
    """
    check = _SignatureCheck(allowed_signers, approvers, at, recorded_at)
    return [_load(file, check) for file in sorted(folder.glob("*.yaml"))]


def check_still_stands(one: Loaded, folder: Path, *, at: datetime) -> None:
    """A quick second look at an agreement in use; raises Refused where it does not stand any more.

    Its signatures were checked when it was loaded: here, its bytes, its dates and its suspension.
    """
    file = folder / f"{one.agreement.id}.v{one.agreement.version}.yaml"
    if one.refusal is not None:
        raise one.refusal
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != one.digest:
        raise _refused(Reason.AGREEMENT_NOT_APPROVED, file, "It was altered or removed while in use.")
    _check_dates(one.agreement, file, at)
    _check_not_suspended(file)


def read_agreement(file: Path) -> tuple[Agreement, str]:
    """The agreement in a file and its digest; raises SettingsError with the place, never a value."""
    try:
        content = file.read_bytes()
        raw = yaml.load(content, Loader=_NoDuplicates)  # noqa: S506 - a SafeLoader that is stricter
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError("The agreement cannot be read", where=f"{file}{line}") from None
    agreement = read_model(Agreement, raw, where=file)
    if file.name != f"{agreement.id}.v{agreement.version}.yaml":
        raise SettingsError(
            "The file's name does not say which agreement it holds",
            where=str(file),
            do=f"Name it {agreement.id}.v{agreement.version}.yaml.",
        )
    return agreement, hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class _SignatureCheck:
    allowed_signers: Path
    approvers: Sequence[Approver]
    at: datetime
    recorded_at: RecordedAt

    def signature(self, file: Path, digest: str, role: str) -> Signature:
        """The role's signature; raises Refused where it is missing, wrong, or another person's."""
        beside = file.with_suffix(f".{role}.sig")
        try:
            signed = beside.read_bytes()
        except OSError:
            raise _refused(Reason.AGREEMENT_NOT_APPROVED, file, f"No signature of {role}.") from None
        signed_at = self.recorded_at(digest, role) or self.at
        try:
            principal = verify_ssh(
                file.read_bytes(),
                signed,
                allowed_signers=self.allowed_signers,
                namespace=NAMESPACE,
                at=signed_at,
            )
        except IntegrityError as error:
            raise _refused(Reason.AGREEMENT_NOT_APPROVED, beside, error.what) from None
        if not any(principal == person.principal and role in person.roles for person in self.approvers):
            raise _refused(
                Reason.AGREEMENT_NOT_APPROVED, beside, f"The signer does not hold the role {role}."
            )
        return Signature(role, principal, hashlib.sha256(signed).hexdigest())


def _load(file: Path, check: _SignatureCheck) -> Loaded:
    agreement, digest = read_agreement(file)
    signatures, unsigned = _signatures(agreement, file, digest, check)
    suspended = _raised(_check_not_suspended, file)
    refusal = _raised(_check_dates, agreement, file, check.at) or suspended or unsigned
    begun = check.at.date() >= agreement.dates.starts
    replaces = suspended is not None or (begun and unsigned is None)
    return Loaded(agreement, digest, signatures, refusal, replaces)


def _signatures(
    agreement: Agreement, file: Path, digest: str, check: _SignatureCheck
) -> tuple[tuple[Signature, ...], Refused | None]:
    """Every role's signature, or the first refusal."""
    try:
        return tuple(check.signature(file, digest, role) for role in agreement.approvers), None
    except Refused as error:
        return (), error


def _raised(check: Callable[..., None], *arguments: object) -> Refused | None:
    try:
        check(*arguments)
    except Refused as error:
        return error
    return None


def _check_dates(agreement: Agreement, file: Path, at: datetime) -> None:
    dates, today = agreement.dates, at.date()
    if today < dates.starts:
        raise _refused(Reason.AGREEMENT_NOT_IN_FORCE, file, f"It starts on {dates.starts}.")
    if today > dates.expires:
        raise _refused(Reason.AGREEMENT_NOT_IN_FORCE, file, f"It expired on {dates.expires}.")
    if today > dates.review_by + timedelta(days=dates.review_grace_days):
        raise _refused(Reason.AGREEMENT_NOT_IN_FORCE, file, f"Its review was due by {dates.review_by}.")


def _check_not_suspended(file: Path) -> None:
    if any(file.parent.glob(f"{file.stem}.suspend.*")):
        raise _refused(Reason.AGREEMENT_SUSPENDED, file, "A suspension stands.")


def _refused(reason: Reason, file: Path, detail: str) -> Refused:
    return Refused(f"{reason.wording.capitalize()}. {detail}", where=f"{reason}, {file.name}")


class _NoDuplicates(yaml.SafeLoader):
    """Refuses a key that is written twice: what is signed must say one thing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.MarkedYAMLError(problem="a key is written twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep=deep)
