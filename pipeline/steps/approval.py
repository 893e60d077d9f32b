"""What was approved, found unchanged. Nothing else is lists made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from pipeline import records
from pipeline.agreements.loading import Loaded
from pipeline.errors import BirthshareError, IntegrityError, WaitingForPerson
from pipeline.ledger.entries import Balanced, ReleaseApproved, ReleaseRefused, ReleaseRequested
from pipeline.steps import release
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import ANSWERS, AREAS, BIRTHS, PLACEMENTS, decisions_of
from pipeline.steps.pack import PACK, Prepared, agreements_of, asked_content, files_unchanged, read_release
from pipeline.wording import SHOWN


@dataclass(frozen=True)
class Approved:
    """What people approved, found unchanged: the only thing that lists are made from."""

    prepared: Prepared
    agreements: Mapping[str, Loaded]  # by id, exactly the versions in the pack
    recipients: Mapping[str, str]  # by code, the digest of address and key
    births: pd.DataFrame = field(repr=False)
    placements: pd.DataFrame = field(repr=False)
    areas: pd.DataFrame = field(repr=False)  # records.AREAS; empty where no agreement asks for them
    answers: pd.DataFrame = field(repr=False)  # of the companion files
    decisions: Mapping[str, pd.DataFrame] = field(repr=False)


def missing(desk: Desk) -> list[release.Lacking]:
    """What the release still waits for; raises Refused where it was refused."""
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
            "The release waits for approval: " + "; ".join(one.words for one in wanted),
            where=f"{desk.month}, pack {release.digest(content)[:SHOWN]}",
            do=how_to_decide(desk, wanted),
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
        areas=desk.staging.frame(AREAS) if AREAS in pack["working_files"] else records.empty(records.AREAS),
        answers=desk.staging.frame(ANSWERS),
        decisions={name: desk.staging.frame(decisions_of(name)) for name in pack["agreements"]},
    )


def how_to_decide(desk: Desk, wanted: Iterable[release.Lacking]) -> str:
    """The commands that bring the month on, for those who must give them."""
    people = sorted({who for one in wanted for who in one.people})
    commands = [
        f"  birthshare release approve {desk.month} --as {who} --key THEIR-PRIVATE-KEY" for who in people
    ]
    look = (
        f"Look at it first: birthshare release show {desk.month}. Then decide, each with their own key "
        "(with `refuse` in place of `approve` nothing is sent), and run the month again."
    )
    return "\n".join([look, *commands])


def told(desk: Desk) -> list[release.Approval]:
    """Every decision on the month's releases, with the notes that may be read by now.

    What one person wrote stays unread until the release is settled, so that the second writes, and
    decides, without it. A refusal settles a release at once.
    """
    decided = _approvals(desk)
    if not any(one.note for one in decided):
        return decided
    settled = {one.pack_sha256 for one in decided if not one.approve} | _settled(desk)
    return [one if one.pack_sha256 in settled else replace(one, note="") for one in decided]


def is_kept_back(desk: Desk) -> bool:
    """Whether the month's entries hold a note that may not be read by now."""
    readable = [one.note for one in told(desk)]
    return not desk.closed and any(one.note not in readable for one in _approvals(desk))


def _settled(desk: Desk) -> set[str]:
    """The release that nobody needs to decide on any more; of a closed month, all."""
    asked = [one.pack_sha256 for one in desk.recorded(ReleaseRequested)]
    if desk.recorded(Balanced):
        return set(asked)
    try:
        return set() if missing(desk) else set(asked[-1:])
    except BirthshareError:  # nothing is asked about, or it can no longer be known
        return set()


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
            note=entry.body.note,
        )
        for entry in entries
        if isinstance(entry.body, ReleaseApproved | ReleaseRefused)
    ]
