"""The release of a month: asking for it, deciding on it, and checking that it was approved.

A pack binds everything that a person approves by digest: what the decisions rest on, the working
files themselves, the agreements, and each recipient's address and key. `approved` gives the one
object that lists are made from; nothing else does.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pipeline import account, release
from pipeline.agreements.loading import Loaded
from pipeline.desk import Desk
from pipeline.errors import IntegrityError, Refused, SettingsError, WaitingForPerson
from pipeline.home import Approver, Recipient
from pipeline.ledger.entries import (
    Decided,
    ListForgone,
    ReleaseApproved,
    ReleaseRefused,
    ReleaseRequested,
)
from pipeline.preparation import BIRTHS, PLACEMENTS, Inputs, decisions_of

PACK = "release-pack"
SHOWN = 12  # characters of a pack's digest that people read
_SUBSTANCE = ("inputs", "working_files", "recipients", "agreements")  # all but moments and remarks


@dataclass(frozen=True)
class Prepared:
    """A release that waits for, or has, its approval."""

    pack_sha256: str
    deliveries: tuple[tuple[str, str], ...]  # (agreement, recipient)
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Approved:
    """What people approved, found unchanged: the only thing that lists are made from."""

    prepared: Prepared
    agreements: Mapping[str, Loaded]  # by id, exactly the versions in the pack
    recipients: Mapping[str, str]  # by code, the digest of address and key
    births: pd.DataFrame = field(repr=False)
    placements: pd.DataFrame = field(repr=False)
    decisions: Mapping[str, pd.DataFrame] = field(repr=False)


# --- asking ---------------------------------------------------------------------------------------


def ask(
    desk: Desk, inputs: Inputs, rows: Mapping[str, Mapping[str, int]], decisions: Mapping[str, pd.DataFrame]
) -> Prepared:
    """Bind everything into one pack of counts and ask for its approval."""
    suppliers = {one.agreement.id: one.agreement.suppliers for one in desk.agreements}
    books = account.books(rows, decisions, suppliers)
    account.check_balanced(books)
    terms = {one.agreement.id: _terms(desk, one, decisions[one.agreement.id]) for one in desk.agreements}
    files = [BIRTHS, PLACEMENTS, *(decisions_of(name) for name in decisions)]
    pack = {
        "month": str(desk.month),
        "authority": desk.home.settings.authority.name,
        "decided_at": desk.as_of.isoformat(timespec="seconds"),
        "asked_at": desk.now.isoformat(timespec="seconds"),
        "inputs": inputs.digests,
        "working_files": {name: desk.staging.digest(name) for name in files},
        "recipients": recipient_digests(desk, terms),
        "books": books,
        "agreements": terms,
        "notable": _notable(desk, decisions),
    }
    _check_not_refused(desk, pack)
    return _request(desk, pack)


def _check_not_refused(desk: Desk, pack: Mapping[str, Any]) -> None:
    """Raises Refused where a person refused exactly this before: asking again is no change."""
    before = _asked_pack(desk)
    if before is None or release.digest(before) not in {
        one.pack_sha256 for one in desk.recorded(ReleaseRefused)
    }:
        return
    known = json.loads(before)
    if all(known[part] == json.loads(json.dumps(pack[part])) for part in _SUBSTANCE):
        raise Refused(
            "This release was refused, and nothing in it has changed since",
            where=f"{desk.month}, pack {release.digest(before)[:SHOWN]}",
            do="Correct what led to the refusal, then run the month again.",
        )


def _request(desk: Desk, pack: Mapping[str, Any]) -> Prepared:
    content = release.canonical(pack)
    desk.staging.put(PACK, content)
    desk.record_once(ReleaseRequested(pack_sha256=release.digest(content)))
    return read_release(content)


def _terms(desk: Desk, one: Loaded, decided: pd.DataFrame) -> dict[str, Any]:
    agreement = one.agreement
    return {
        "version": agreement.version,
        "title": agreement.title,
        "suppliers": list(agreement.suppliers),
        "decisions_sha256": release.decisions_digest(decided),
        "reasons": account.reasons(decided),
        "households": _households(desk, agreement.recipients.kind, decided),
        "approvals": agreement.release.approvals,
        "approvals_by": list(agreement.release.roles),
    }


def _households(desk: Desk, kind: str, decided: pd.DataFrame) -> dict[str, int]:
    """Households by recipient. Every recipient of the kind has a list, so silence is never a riddle."""
    registered = {code: 0 for code, recipient in desk.recipients.items() if recipient.kind == kind}
    return registered | account.households(decided)


def recipient_digests(desk: Desk, terms: Mapping[str, Any]) -> dict[str, str]:
    """For each planned recipient a digest of its address and key; "" where the register lacks it."""
    codes = {code for one in terms.values() for code in one["households"]}
    return {code: recipient_digest(desk, desk.recipients.get(code)) for code in sorted(codes)}


def recipient_digest(desk: Desk, recipient: Recipient | None) -> str:
    """Keyed, since it covers a password: any change of address or key changes it."""
    if recipient is None:
        return ""
    file = desk.home.at(recipient.key)
    key = file.read_bytes() if file.is_file() else b""
    said = recipient.model_dump_json(exclude={"name"}).encode() + b"\x1f" + key
    return hmac.digest(desk.home.secret("subject.key"), b"recipient\x1f" + said, "sha256").hex()


def _notable(desk: Desk, decisions: Mapping[str, pd.DataFrame]) -> list[str]:
    """Outcomes that differ much from the month before, in words and counts."""
    before = {
        entry.body.agreement: entry.body.outcomes
        for entry in desk.ledger.entries(month=str(desk.month.plus(-1)), kinds={Decided.kind})
        if isinstance(entry.body, Decided)
    }
    return [
        f"{agreement}: {words}"
        for agreement, decided in decisions.items()
        for words in release.notable(account.outcomes(decided), before.get(agreement, {}))
    ]


def under_way(desk: Desk) -> Prepared | None:
    """The release of a month whose first list was permitted; None before that.

    From then on the month is finished as it was approved, whatever has changed since; changes count
    from the next month. Raises Refused where its working files are lost.
    """
    if not desk.ledger.standing_permits(str(desk.month)):
        return None
    content = _asked_pack(desk)
    if content is None or not _files_are_those_of(desk, json.loads(content)):
        raise Refused(
            "The working files of a month that is being sent were lost or altered",
            where=str(desk.month),
            do="Nothing more of this month can be sent. Keep the home as it is and report this.",
        )
    return _asked_for_today(desk, json.loads(content))


def standing(desk: Desk, inputs: Inputs) -> Prepared | None:
    """The release last asked for, if all that it binds is unchanged; None where it must be made anew."""
    content = _asked_pack(desk)
    if content is None:
        return None
    pack = json.loads(content)
    refused = {one.pack_sha256 for one in desk.recorded(ReleaseRefused)}
    if release.digest(content) in refused or pack["inputs"] != json.loads(json.dumps(inputs.digests)):
        return None
    return _asked_for_today(desk, pack) if _files_are_those_of(desk, pack) else None


def outstanding(desk: Desk, prepared: Prepared) -> list[tuple[str, str]]:
    """The planned lists that are neither delivered nor forgone: (agreement, recipient)."""
    delivered = desk.ledger.delivered(str(desk.month))
    permits = desk.ledger.standing_permits(str(desk.month))
    there = {(one.agreement, one.recipient) for one in permits if one.entry in delivered}
    return [pair for pair in prepared.deliveries if pair not in there | forgone(desk)]


def _asked_for_today(desk: Desk, pack: dict[str, Any]) -> Prepared:
    """The release; asked about anew, on the same decisions, where a recipient's address or key changed."""
    current = recipient_digests(desk, pack["agreements"])
    if pack["recipients"] == current:
        return read_release(release.canonical(pack))
    asked_at = desk.now.isoformat(timespec="seconds")
    return _request(desk, {**pack, "recipients": current, "asked_at": asked_at})


def _asked_pack(desk: Desk) -> bytes | None:
    """The pack that was last asked about, if it is still there."""
    asked = desk.recorded(ReleaseRequested)
    if not asked or not desk.staging.has(PACK):
        return None
    content = desk.staging.get(PACK)
    return content if release.digest(content) == asked[-1].pack_sha256 else None


def _files_are_those_of(desk: Desk, pack: Mapping[str, Any]) -> bool:
    return all(
        desk.staging.has(name) and desk.staging.digest(name) == digest
        for name, digest in pack["working_files"].items()
    )


def read_release(content: bytes) -> Prepared:
    """A pack as the month's next steps use it."""
    pack = json.loads(content)
    deliveries = tuple(
        (agreement, recipient)
        for agreement, terms in sorted(pack["agreements"].items())
        for recipient in sorted(terms["households"])
    )
    counts = {key: pack[key] for key in ("month", "books", "notable")}
    return Prepared(release.digest(content), deliveries, counts)


# --- deciding -------------------------------------------------------------------------------------


def decide(
    desk: Desk, *, pack_sha256: str, principal: str, approve: bool, way: str, signature: str, note: str
) -> None:
    """Record a person's decision about exactly the release that is asked about.

    Raises Refused for a person who may not decide or a release that is no longer asked about,
    IntegrityError for a signature that is not theirs over these bytes.
    """
    person = _decider(desk, principal)
    pack = _asked_about(desk, pack_sha256)
    if way == "airflow" and not person.airflow_user:
        raise Refused("This person has no login in Airflow", where=f"birthshare.toml, {principal}")
    if way == "signature":
        signed = pack if approve else release.refusal(pack)
        _check_signature(desk, signed, signature, principal)
    body = ReleaseApproved if approve else ReleaseRefused
    desk.record(
        body.model_validate(
            {
                "pack_sha256": pack_sha256, "principal": principal, "roles": person.roles,
                "way": way, "signature": signature, "note": note,
            }
        )
    )  # fmt: skip


def forgo(
    desk: Desk, *, pack_sha256: str, agreement: str, recipient: str, principal: str, signature: str, note: str
) -> None:
    """Record a person's decision that the month ends without one list; its families stay held.

    Raises Refused for a person who may not decide, SettingsError for a list that is not planned or was
    delivered already.
    """
    _decider(desk, principal)
    pack = _asked_about(desk, pack_sha256)
    if (agreement, recipient) not in read_release(pack).deliveries:
        raise SettingsError("No such list is planned", where=f"{agreement}, {recipient}")
    _check_signature(desk, release.forgoing(pack_sha256, agreement, recipient), signature, principal)
    delivered = desk.ledger.delivered(str(desk.month))
    for permit in desk.ledger.standing_permits(str(desk.month)):
        if (permit.agreement, permit.recipient) == (agreement, recipient):
            if permit.entry in delivered:
                raise SettingsError("This list was delivered already", where=f"{agreement}, {recipient}")
            desk.ledger.annul(permit, at=desk.clock)
    desk.record(
        ListForgone(
            agreement=agreement, recipient=recipient, principal=principal, signature=signature, note=note
        )
    )


def forgone(desk: Desk) -> set[tuple[str, str]]:
    """The lists that the month ends without: (agreement, recipient)."""
    return {(one.agreement, one.recipient) for one in desk.recorded(ListForgone)}


def _decider(desk: Desk, principal: str) -> Approver:
    person = next((one for one in desk.home.settings.approvers if one.principal == principal), None)
    wanted = {role for one in desk.loaded for role in one.agreement.release.roles}
    if person is None or not wanted & set(person.roles):
        raise Refused("This person may not decide on releases", where=principal)
    return person


def _asked_about(desk: Desk, pack_sha256: str) -> bytes:
    content = _asked_pack(desk)
    if content is None or release.digest(content) != pack_sha256:
        raise Refused(
            "This release is not, or no longer, the one that is asked about",
            where=f"{desk.month}, pack {pack_sha256[:SHOWN]}",
            do="Look at it again: birthshare release show",
        )
    return content


def _check_signature(desk: Desk, content: bytes, signature: str, principal: str) -> None:
    release.check_signature(
        content, signature, principal, allowed_signers=desk.home.allowed_signers, at=desk.now
    )


# --- what was approved ----------------------------------------------------------------------------


def asked(desk: Desk) -> Prepared:
    """The release that was last asked for; raises WaitingForPerson where none was."""
    return read_release(_asked_content(desk))


def _asked_content(desk: Desk) -> bytes:
    content = _asked_pack(desk)
    if content is None:
        raise WaitingForPerson(
            f"Nothing is prepared for {desk.month}", do=f"Run it first: birthshare run {desk.month}"
        )
    return content


def missing(desk: Desk) -> list[str]:
    """What the release still waits for, in words; raises Refused where it was refused."""
    content = _asked_content(desk)
    agreements = _agreements_of(desk, json.loads(content))
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
    if not _files_are_those_of(desk, pack):
        raise IntegrityError(
            "The working files are not those that were approved",
            where=str(desk.month),
            do=f"Nothing was sent. Run the month again: birthshare run {desk.month}",
        )
    return Approved(
        prepared=read_release(content),
        agreements=_agreements_of(desk, pack),
        recipients=pack["recipients"],
        births=desk.staging.frame(BIRTHS),
        placements=desk.staging.frame(PLACEMENTS),
        decisions={name: desk.staging.frame(decisions_of(name)) for name in pack["agreements"]},
    )


def _agreements_of(desk: Desk, pack: Mapping[str, Any]) -> dict[str, Loaded]:
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
