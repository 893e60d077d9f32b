"""Who approved an agreement, and who suspended it.

Beside an agreement's file lies a signature for each required role, `<id>.v<version>.<role>.sig`, made
over the exact bytes with `ssh-keygen -Y sign -n agreement@birthshare`. Any file whose name begins with
`<id>.v<version>.suspend` suspends the version at once, whatever is in it: stopping must be easier
than starting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.agreements.model import Agreement
from pipeline.agreements.words import role as in_words
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.home import Approver
from pipeline.reasons import Reason

NAMESPACE = "agreement@birthshare"

# When a signature was first relied on, by digest of the agreement, role, and digest of the signature.
RecordedAt = Mapping[tuple[str, str, str], datetime]

_ROTATED = (
    "If the key was replaced since, keep its old line in keys/approvers/allowed_signers, with valid-before."
)


@dataclass(frozen=True)
class Signature:
    """One role's approval of exactly this content."""

    role: str
    principal: str
    sha256: str


@dataclass(frozen=True)
class SignatureCheck:
    """What signatures are compared with: the keys, who holds which role, and the moment."""

    allowed_signers: Path
    approvers: Sequence[Approver]
    at: datetime
    recorded_at: RecordedAt

    def all_of(
        self, agreement: Agreement, file: Path, digest: str
    ) -> tuple[tuple[Signature, ...], Refused | None]:
        """The good signatures, and why they are not enough, if they are not."""
        found, refusals = [], []
        for role in dict.fromkeys(agreement.approvers):
            try:
                found.append(self._of(role, file, digest))
            except Refused as error:
                refusals.append(error)
        alone = len(found) > 1 and len({one.principal for one in found}) == 1
        if not refusals and alone:
            refusals.append(
                refused(
                    Reason.AGREEMENT_NOT_APPROVED,
                    file,
                    "One person signed in every role: at least two different persons must.",
                )
            )
        return tuple(found), refusals[0] if refusals else None

    def _of(self, role: str, file: Path, digest: str) -> Signature:
        """The role's signature; raises Refused where it is missing, wrong, or another person's."""
        beside = signature_file(file, role)
        try:
            signed = beside.read_bytes()
        except OSError:
            raise refused(
                Reason.AGREEMENT_NOT_APPROVED,
                file,
                f"No signature of the {in_words(role)}.",
                do=f"It belongs in {beside.name}, beside the agreement.",
            ) from None
        sha256 = hashlib.sha256(signed).hexdigest()
        at = self.recorded_at.get((digest, role, sha256), self.at)
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise refused(Reason.AGREEMENT_NOT_APPROVED, file, "It was altered while it was read.")
        return Signature(role, self.signer(content, beside, signed, role, at), sha256)

    def signer(self, content: bytes, beside: Path, signed: bytes, role: str, at: datetime) -> str:
        """Who signed the content in the role; raises Refused where nobody did who may."""
        try:
            principal = verify_ssh(
                content, signed, allowed_signers=self.allowed_signers, namespace=NAMESPACE, at=at
            )
        except IntegrityError as error:
            raise refused(Reason.AGREEMENT_NOT_APPROVED, beside, error.what, do=_ROTATED) from None
        if not any(principal == person.principal and role in person.roles for person in self.approvers):
            raise refused(
                Reason.AGREEMENT_NOT_APPROVED, beside, f"The signer does not hold the role {in_words(role)}."
            )
        return principal


def signature_file(file: Path, role: str) -> Path:
    """Where a role's signature over an agreement's file lies."""
    return file.with_suffix(f".{role}.sig")


def check_asked(agreement: Agreement, role: str, file: Path) -> None:
    """Raises SettingsError for a role whose signature the agreement does not ask for."""
    if role not in agreement.approvers:
        raise SettingsError(
            "The agreement does not ask for this role's signature",
            where=file.name,
            do=f"It asks for: {', '.join(agreement.approvers)}.",
        )


def suspension(agreement: Agreement, digest: str) -> bytes:
    """What is signed to suspend a version; it can never pass for an approval."""
    return f"suspend: {agreement.id} version {agreement.version} {digest}\n".encode()


def suspension_files(folder: Path, agreement: Agreement) -> list[Path]:
    """Whatever lies beside a version to suspend it, in capitals or not."""
    name = f"{agreement.id}.v{agreement.version}.suspend".lower()
    return sorted(file for file in folder.glob("*") if file.name.lower().startswith(name))


def check_suspender(agreement: Agreement, role: str) -> None:
    """Raises Refused for a role that may not suspend the agreement."""
    able = agreement.suspenders
    if role not in able:
        raise Refused(
            f"The {in_words(role)} may not suspend this agreement",
            where=agreement.id,
            do=f"It may be suspended by any one of: {', '.join(able)}.",
        )


def refused(reason: Reason, file: Path, detail: str, *, do: str = "") -> Refused:
    """A refusal of one file, with its reason's code."""
    return Refused(f"{reason.wording.capitalize()}. {detail}", where=f"{reason}, {file.name}", do=do)
