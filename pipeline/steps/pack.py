"""The pack of a release: what people approve, as canonical JSON kept with the working files.

It binds by digest what the decisions rest on, the working files themselves, the agreements, and each
recipient's address and key. `pipeline.steps.releasing` makes it, `pipeline.steps.approval` holds to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.agreements.loading import Loaded
from pipeline.errors import Refused, WaitingForPerson
from pipeline.home import Recipient
from pipeline.ledger.entries import ListForgone, ReleaseRefused, ReleaseRequested
from pipeline.recipients import register
from pipeline.recipients.statement import part_digest
from pipeline.steps import release
from pipeline.steps.desk import Desk

PACK = "release-pack"


@dataclass(frozen=True)
class Prepared:
    """A release that waits for, or has, its approval."""

    pack_sha256: str
    deliveries: tuple[tuple[str, str], ...]  # (agreement, recipient)


def read_release(content: bytes) -> Prepared:
    """A pack as the month's next steps use it."""
    pack = json.loads(content)
    deliveries = tuple(
        (agreement, recipient)
        for agreement, terms in sorted(pack["agreements"].items())
        for recipient in sorted(terms["households"])
    )
    return Prepared(release.digest(content), deliveries)


def asked_pack(desk: Desk) -> bytes | None:
    """The pack that was last asked about, if it is still there."""
    asked = desk.recorded(ReleaseRequested)
    if not asked or not desk.staging.has(PACK):
        return None
    content = desk.staging.get(PACK)
    return content if release.digest(content) == asked[-1].pack_sha256 else None


def asked_content(desk: Desk) -> bytes:
    content = asked_pack(desk)
    if content is None:
        raise WaitingForPerson(
            f"Nothing is prepared for {desk.month}", do=f"Run it first: birthshare run {desk.month}"
        )
    return content


def asked(desk: Desk) -> Prepared:
    """The release that was last asked for; raises WaitingForPerson where none was."""
    return read_release(asked_content(desk))


def files_unchanged(desk: Desk, pack: Mapping[str, Any]) -> bool:
    return all(
        desk.staging.has(name) and desk.staging.digest(name) == digest
        for name, digest in pack["working_files"].items()
    )


def recipient_digests(desk: Desk, terms: Mapping[str, Any]) -> dict[str, str]:
    """For each planned recipient a digest of its entry and key; "" where the register lacks it."""
    codes = {code for one in terms.values() for code in one["households"]}
    return {code: recipient_digest(desk, desk.recipients.get(code)) for code in sorted(codes)}


def recipient_digest(desk: Desk, recipient: Recipient | None) -> str:
    """The digest of what is signed of a recipient: any change of its entry or key changes it."""
    return "" if recipient is None else part_digest(desk.home, recipient)


def stopped(desk: Desk, terms: Mapping[str, Any]) -> list[str]:
    """Which planned recipients would get nothing as the register of recipients stands, and why."""
    codes = {code for one in terms.values() for code in one["households"]}
    planned = [desk.recipients[code] for code in sorted(codes & desk.recipients.keys())]
    found = register.stopped(desk.home, desk.ledger, planned, at=desk.clock)
    return [f"{code} gets nothing as things are. {why}." for code, why in found.items()]


def outstanding(desk: Desk, prepared: Prepared) -> list[tuple[str, str]]:
    """The planned lists that are neither delivered nor forgone: (agreement, recipient)."""
    delivered = desk.ledger.delivered(str(desk.month))
    permits = desk.ledger.standing_permits(str(desk.month))
    there = {(one.agreement, one.recipient) for one in permits if one.entry in delivered}
    settled = there | forgone(desk)
    return [pair for pair in prepared.deliveries if pair not in settled]


def forgone(desk: Desk) -> set[tuple[str, str]]:
    """The lists that the month ends without: (agreement, recipient)."""
    return {(one.agreement, one.recipient) for one in desk.recorded(ListForgone)}


def refusal_of(desk: Desk, pack_sha256: str) -> ReleaseRefused | None:
    """The first refusal of a release; it stands, whatever anybody says afterwards."""
    return next((one for one in desk.recorded(ReleaseRefused) if one.pack_sha256 == pack_sha256), None)


def agreements_of(desk: Desk, pack: Mapping[str, Any]) -> dict[str, Loaded]:
    """Exactly the versions that the pack names, standing or not; raises Refused for one that is gone."""
    loaded = {(one.agreement.id, one.digest): one for one in desk.loaded}
    found = {}
    for name, digest in pack["inputs"]["agreements"].items():
        one = loaded.get((name, digest))
        if one is None:
            raise Refused(
                "An agreement was altered or removed after its release was asked for",
                where=name,
                do="Put it back as it was, or run the month again.",
            )
        found[name] = one
    return found
