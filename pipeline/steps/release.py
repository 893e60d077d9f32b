"""The release: people see counts and no names, and approve exactly what will leave.

A pack is canonical JSON. It binds, by digest, the extracts, the agreements, the decisions and the
places; an approval names the digest of the pack. A changed input makes another pack, which nobody
has approved yet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.agreements.words import role
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.home import Approver
from pipeline.wording import SHOWN

NAMESPACE = "release@birthshare"

# What a month's numbers are compared with before a person is asked; a larger change is pointed out.
NOTABLE_CHANGE = 0.3

SHORTEST_REASON = 3  # letters


@dataclass(frozen=True)
class Approval:
    """One recorded decision of a person about a pack."""

    pack_sha256: str
    approve: bool
    principal: str
    way: str  # "signature" or "airflow"
    signature: str = field(repr=False)
    at: datetime
    note: str = field(default="", repr=False)


@dataclass(frozen=True)
class Lacking:
    """Approvals that one agreement still asks for before its lists may leave."""

    agreement: str
    approvals: int  # of so many persons more
    given: int
    roles: tuple[str, ...]
    ways: tuple[str, ...]
    people: tuple[str, ...]  # principals who may give one and have not

    @property
    def words(self) -> str:
        """What is missing and who may give it."""
        return f"{self.agreement} {self.needs}"

    @property
    def needs(self) -> str:
        """The same, without whose release it is."""
        one = "another person" if self.given else "a person"
        needed = one if self.approvals == 1 else f"{self.approvals} different persons"
        who = " or ".join(self.people) or "nobody"
        few = "" if self.approvals <= len(self.people) else ", too few: see approvers in birthshare.toml"
        roles = " or ".join(map(role, self.roles))
        return f"needs {needed} in the role {roles} ({who}{few})"


def canonical(content: Any) -> bytes:
    """The one way to write a pack as bytes."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def decisions_digest(decisions: pd.DataFrame) -> str:
    """SHA-256 over who is decided how and sent where, by keyed reference, in any row order."""
    ordered = decisions.sort_values(["child", "outcome", "reasons", "recipient"])
    columns = ordered[["child", "recipient", "outcome", "reasons"]]
    return digest(columns.to_csv(index=False, lineterminator="\n").encode())


def notable(now: Mapping[str, int], before: Mapping[str, int]) -> list[str]:
    """Counts that differ from last month's by more than NOTABLE_CHANGE, in words."""
    words = []
    for name in sorted(now):
        if name not in before:
            continue
        old, new = before[name], now[name]
        if abs(new - old) > NOTABLE_CHANGE * max(old, 1) and abs(new - old) >= 5:
            words.append(f"{name}: {new}, last month {old}")
    return words


def check_approved(
    pack_sha256: str,
    pack: bytes,
    agreements: Iterable[Agreement],
    approvals: Iterable[Approval],
    *,
    approvers: Iterable[Approver],
    allowed_signers: Path,
) -> list[Lacking]:
    """What is still missing before this pack may leave; an empty list means nothing is.

    Every approval that is a signature is verified again here. Where an agreement asks for two, two
    different persons must have approved, so the author of a run is never its only approver.
    Raises Refused when a person refused the pack, IntegrityError when the pack is another one.
    """
    if digest(pack) != pack_sha256:
        raise IntegrityError(
            "The release pack is not the one that was asked about", where=pack_sha256[:SHOWN]
        )
    people = list(approvers)
    known = {person.principal for person in people}
    mine = [one for one in approvals if one.pack_sha256 == pack_sha256 and one.principal in known]
    for one in mine:
        if not one.approve:
            raise Refused(
                "This release was refused",
                where=f"pack {pack_sha256[:SHOWN]}",
                do=f"{reason_given(one.principal, one.note)} Correct what led to it and run the month again: "
                "changed input makes a new release.",
            )
    genuine = [one for one in mine if _is_genuine(one, pack, allowed_signers)]
    found = [_lacking(agreement, genuine, people) for agreement in agreements]
    return [one for one in found if one.approvals > 0]


def reason_given(principal: str, note: str) -> str:
    """A refusal in words, for those who must correct what led to it."""
    return f'{principal} refused it: "{note}".' if note else f"{principal} refused it."


def check_reason(note: str) -> None:
    """Raises SettingsError for a refusal that does not say why: nobody could correct what led to it."""
    if sum(character.isalpha() for character in note) < SHORTEST_REASON:
        raise SettingsError(
            "A refusal needs its reason",
            where="note",
            do="Say in one line what must be put right, without names, digits or addresses.",
        )


def refusal(pack: bytes) -> bytes:
    """What is signed to refuse a pack; never the pack itself, so that it can never pass for approval."""
    return f"refused: {digest(pack)}\n".encode()


def forgoing(pack_sha256: str, agreement: str, recipient: str) -> bytes:
    """What is signed to end a month without one list."""
    return f"without: {pack_sha256} {agreement} {recipient}\n".encode()


def check_signature(
    content: bytes, signature: str, principal: str, *, allowed_signers: Path, at: datetime
) -> None:
    """Raises IntegrityError unless `signature` is this person's, over exactly these bytes."""
    signer = verify_ssh(
        content, signature.encode(), allowed_signers=allowed_signers, namespace=NAMESPACE, at=at
    )
    if signer != principal:
        raise IntegrityError(
            "The signature is another person's",
            where=principal,
            do="Decide with that person's own key, or name with --as the person whose key this is.",
        )


def _lacking(agreement: Agreement, approvals: Iterable[Approval], people: Iterable[Approver]) -> Lacking:
    """Counts different persons, each in a role and a way that the agreement accepts."""
    terms = agreement.release
    able = {one.principal: one for one in people if set(terms.roles) & set(one.roles)}
    done = {one.principal for one in approvals if one.way in terms.ways} & able.keys()
    left = [
        who
        for who, person in able.items()
        if who not in done and ("signature" in terms.ways or person.airflow_user)
    ]
    wanted = terms.approvals - len(done)
    return Lacking(agreement.id, wanted, len(done), terms.roles, terms.ways, tuple(left))


def _is_genuine(approval: Approval, pack: bytes, allowed_signers: Path) -> bool:
    if approval.way != "signature":
        return True
    check_signature(
        pack, approval.signature, approval.principal, allowed_signers=allowed_signers, at=approval.at
    )
    return True
