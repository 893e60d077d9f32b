"""Asking for a month's release, and deciding on it.

While nothing that a release binds has changed, asking again asks about the same release.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pipeline import account, release
from pipeline.agreements.loading import Loaded
from pipeline.desk import Desk
from pipeline.errors import Refused, SettingsError
from pipeline.home import Approver
from pipeline.inputs import BIRTHS, PLACEMENTS, Inputs, decisions_of
from pipeline.ledger.entries import Decided, ListForgone, ReleaseApproved, ReleaseRefused, ReleaseRequested
from pipeline.pack import (
    PACK,
    Prepared,
    agreements_of,
    asked_content,
    asked_pack,
    files_unchanged,
    outstanding,
    read_release,
    recipient_digests,
)
from pipeline.wording import SHOWN

_SUBSTANCE = ("inputs", "working_files", "recipients", "agreements")  # all but moments and remarks


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
    before = asked_pack(desk)
    if before is None or not _is_refused(desk, before):
        return
    known = json.loads(before)
    if all(known[part] == json.loads(release.canonical(pack[part])) for part in _SUBSTANCE):
        raise Refused(
            "This release was refused, and nothing in it has changed since",
            where=f"{desk.month}, pack {release.digest(before)[:SHOWN]}",
            do="Correct what led to it, then run the month again. If it was a mistake, ask the supplier to "
            "sign the extract once more: a new file is a new release.",
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
    content = asked_pack(desk)
    if content is None or not files_unchanged(desk, json.loads(content)):
        raise Refused(
            "The working files of a month that is being sent were lost or altered",
            where=str(desk.month),
            do="Nothing more of this month can be sent. Keep the home as it is and report this.",
        )
    return _asked_for_today(desk, json.loads(content))


def is_settled(desk: Desk) -> bool:
    """Whether every list that was asked about is delivered or forgone, and only the end is left."""
    content = asked_pack(desk)
    return content is not None and not outstanding(desk, read_release(content))


def standing(desk: Desk, inputs: Inputs) -> Prepared | None:
    """The release last asked for, if all that it binds is unchanged; None where it must be made anew."""
    content = asked_pack(desk)
    if content is None:
        return None
    pack = json.loads(content)
    unchanged = pack["inputs"] == json.loads(release.canonical(inputs.digests))
    if _is_refused(desk, content) or not unchanged or not _is_as_of(desk, pack):
        return None
    return _asked_for_today(desk, pack) if files_unchanged(desk, pack) else None


def _is_refused(desk: Desk, content: bytes) -> bool:
    return release.digest(content) in {one.pack_sha256 for one in desk.recorded(ReleaseRefused)}


def _is_as_of(desk: Desk, pack: Mapping[str, Any]) -> bool:
    """Whether the decisions are of the moment that was asked for, if one was."""
    return desk.as_of == desk.now or pack["decided_at"] == desk.as_of.isoformat(timespec="seconds")


def _asked_for_today(desk: Desk, pack: dict[str, Any]) -> Prepared:
    """The release; asked about anew, on the same decisions, where a recipient's address or key changed."""
    current = recipient_digests(desk, pack["agreements"])
    if pack["recipients"] == current:
        return read_release(release.canonical(pack))
    asked_at = desk.now.isoformat(timespec="seconds")
    return _request(desk, {**pack, "recipients": current, "asked_at": asked_at})


# --- deciding -------------------------------------------------------------------------------------


def decide(
    desk: Desk, *, pack_sha256: str, principal: str, approve: bool, way: str, signature: str, note: str
) -> None:
    """Record a person's decision about exactly the release that is asked about.

    Raises Refused for a person who may not decide or a release that is no longer asked about,
    IntegrityError for a signature that is not theirs over these bytes.
    """
    pack = _asked_about(desk, pack_sha256)
    person = _decider(desk, principal, agreements_of(desk, json.loads(pack)).values())
    if _is_refused(desk, pack):
        raise Refused(
            "This release was refused already",
            where=f"{desk.month}, pack {pack_sha256[:SHOWN]}",
            do="Correct what led to the refusal and run the month again.",
        )
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
    pack = _asked_about(desk, pack_sha256)
    if (agreement, recipient) not in read_release(pack).deliveries:
        raise SettingsError("No such list is planned", where=f"{agreement}, {recipient}")
    _decider(desk, principal, [agreements_of(desk, json.loads(pack))[agreement]])
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


def deciders(desk: Desk, way: str) -> list[Approver]:
    """Who may decide on the release that is asked about, in that way ("signature" or "airflow")."""
    agreements = agreements_of(desk, json.loads(asked_content(desk))).values()
    terms = [one.agreement.release for one in agreements if way in one.agreement.release.ways]
    wanted = {role for one in terms for role in one.roles}
    people = [one for one in desk.home.settings.approvers if wanted & set(one.roles)]
    return [one for one in people if way != "airflow" or one.airflow_user]


def _decider(desk: Desk, principal: str, agreements: Iterable[Loaded]) -> Approver:
    person = next((one for one in desk.home.settings.approvers if one.principal == principal), None)
    wanted = {role for one in agreements for role in one.agreement.release.roles}
    if person is None or not wanted & set(person.roles):
        raise Refused("This person may not decide on releases", where=principal)
    return person


def _asked_about(desk: Desk, pack_sha256: str) -> bytes:
    content = asked_pack(desk)
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
