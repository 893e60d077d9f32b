"""How people answer: approving or refusing a release, and ending a month without one list."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pipeline.agreements.loading import Loaded
from pipeline.errors import Refused, SettingsError
from pipeline.home import Approver
from pipeline.ledger.entries import ListForgone, ReleaseApproved, ReleaseRefused
from pipeline.steps import approval, release
from pipeline.steps.desk import Desk
from pipeline.steps.pack import agreements_of, asked_content, asked_pack, read_release, refusal_of
from pipeline.wording import SHOWN, stranger


def decide(
    desk: Desk, *, pack_sha256: str, principal: str, approve: bool, way: str, signature: str, note: str
) -> bool:
    """Record a person's decision about exactly the release that is asked about.

    The answer is whether it counts anew: approving twice is approving once. Raises SettingsError for a
    refusal without its reason, Refused for a person who may not decide or a release that is no longer
    asked about, IntegrityError for a signature that is not theirs over these bytes.
    """
    pack = _asked_about(desk, pack_sha256)
    person = _decider(desk, principal, agreements_of(desk, json.loads(pack)).values())
    _check_not_refused(desk, pack_sha256)
    if not approve:
        release.check_reason(note)
    if way == "airflow" and not person.airflow_user:
        raise Refused("This person has no login in Airflow", where=f"birthshare.toml, {principal}")
    if way == "signature":
        signed = pack if approve else release.refusal(pack)
        _check_signature(desk, signed, signature, principal)
    if approve and (pack_sha256, principal, way) in _approved(desk):
        return False
    body = ReleaseApproved if approve else ReleaseRefused
    desk.record(
        body.model_validate(
            {
                "pack_sha256": pack_sha256, "principal": principal, "roles": person.roles,
                "way": way, "signature": signature, "note": note.strip(),
            }
        )
    )  # fmt: skip
    return True


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


def still_asked(desk: Desk, way: str) -> list[Approver]:
    """Of those, the people whose approval is missing: nobody who has given it, nobody who could not."""
    missing = {who for one in approval.missing(desk) if way in one.ways for who in one.people}
    return [one for one in deciders(desk, way) if one.principal in missing]


def _approved(desk: Desk) -> set[tuple[str, str, str]]:
    return {(one.pack_sha256, one.principal, one.way) for one in desk.recorded(ReleaseApproved)}


def _check_not_refused(desk: Desk, pack_sha256: str) -> None:
    refusal = refusal_of(desk, pack_sha256)
    if refusal is not None:
        raise Refused(
            "This release was refused already",
            where=f"{desk.month}, pack {pack_sha256[:SHOWN]}",
            do=f"{release.reason_given(refusal.principal, refusal.note)} "
            "Correct what led to it and run the month again.",
        )


def _decider(desk: Desk, principal: str, agreements: Iterable[Loaded]) -> Approver:
    person = next((one for one in desk.home.settings.approvers if one.principal == principal), None)
    wanted = {role for one in agreements for role in one.agreement.release.roles}
    if person is None or not wanted & set(person.roles):
        able = [one.principal for one in desk.home.settings.approvers if wanted & set(one.roles)]
        raise Refused(
            "This person may not decide on this release",
            where=stranger(principal),
            do=f"These may: {', '.join(able)}. The agreement asks for {' or '.join(sorted(wanted))}; "
            "`roles` in birthshare.toml say who that is.",
        )
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
