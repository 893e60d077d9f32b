"""What was approved, found unchanged. Nothing else is lists made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from pipeline import release
from pipeline.agreements.loading import Loaded
from pipeline.desk import Desk
from pipeline.errors import IntegrityError, WaitingForPerson
from pipeline.inputs import BIRTHS, PLACEMENTS, decisions_of
from pipeline.ledger.entries import ReleaseApproved, ReleaseRefused
from pipeline.pack import PACK, Prepared, agreements_of, asked_content, files_unchanged, read_release
from pipeline.wording import SHOWN


@dataclass(frozen=True)
class Approved:
    """What people approved, found unchanged: the only thing that lists are made from."""

    prepared: Prepared
    agreements: Mapping[str, Loaded]  # by id, exactly the versions in the pack
    recipients: Mapping[str, str]  # by code, the digest of address and key
    births: pd.DataFrame = field(repr=False)
    placements: pd.DataFrame = field(repr=False)
    decisions: Mapping[str, pd.DataFrame] = field(repr=False)


def missing(desk: Desk) -> list[str]:
    """What the release still waits for, in words; raises Refused where it was refused."""
    content = asked_content(desk)
    agreements = agreements_of(desk, json.loads(content))
    return release.check_approved(
        release.digest(content),
        content,
        [one.agreement for one in agreements.values()],
        _approvals(desk),
        approvers=desk.home.settings.approvers,
        allowed_signers=desk.home.allowed_signers,
    )


def approved(desk: Desk) -> Approved:
    """The release, approved by enough of the right people, and everything it binds unchanged.

    Raises WaitingForPerson where an approval is missing, Refused where it was refused, IntegrityError
    where the working files are not those that were approved.
    """
    wanted = missing(desk)
    content = desk.staging.get(PACK)
    pack = json.loads(content)
    if wanted:
        raise WaitingForPerson(
            "The release waits for approval: " + "; ".join(wanted),
            where=f"{desk.month}, pack {release.digest(content)[:SHOWN]}",
            do=f"Look at it and decide: birthshare release show {desk.month}",
        )
    if not files_unchanged(desk, pack):
        raise IntegrityError(
            "The working files are not those that were approved",
            where=str(desk.month),
            do=f"Nothing was sent. Run the month again: birthshare run {desk.month}",
        )
    return Approved(
        prepared=read_release(content),
        agreements=agreements_of(desk, pack),
        recipients=pack["recipients"],
        births=desk.staging.frame(BIRTHS),
        placements=desk.staging.frame(PLACEMENTS),
        decisions={name: desk.staging.frame(decisions_of(name)) for name in pack["agreements"]},
    )


def _approvals(desk: Desk) -> list[release.Approval]:
    entries = desk.entries(ReleaseApproved) + desk.entries(ReleaseRefused)
    return [
        release.Approval(
            pack_sha256=entry.body.pack_sha256,
            approve=isinstance(entry.body, ReleaseApproved),
            principal=entry.body.principal,
            way=entry.body.way,
            signature=entry.body.signature,
            at=entry.at,
        )
        for entry in entries
        if isinstance(entry.body, ReleaseApproved | ReleaseRefused)
    ]
