"""One list, from the gate to the receipt.

    gate → list → seal → permit → push → receipt

The order is what makes it safe to be killed anywhere: sealed bytes are kept before they are
permitted, and permitted before they are pushed, so whatever is found at the far side can be matched
with a permit. A try that comes back first looks there. The newest try of a list holds its lease;
an older one that is still alive finds out just before it would publish, and stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import release
from pipeline.agreements.loading import Loaded
from pipeline.desk import Desk
from pipeline.errors import BirthshareError, NotAllDelivered, Refused, SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Delivered, DeliveryFailed, ExtractReceived, PermitBody
from pipeline.reasons import Outcome, Reason, count
from pipeline.records import Permit, Receipt

if TYPE_CHECKING:
    from pipeline.delivery.sftp import Endpoint
    from pipeline.lists.compile import FamilyList


@dataclass(frozen=True)
class Look:
    """What the gate answered, and the words that it was asked against."""

    words: pd.DataFrame = field(repr=False)  # records.SUPPRESSIONS
    shared: pd.DataFrame = field(repr=False)  # records.DISCLOSURES
    decisions: pd.DataFrame = field(repr=False)

    def still_holds(self, words: pd.DataFrame, shared: pd.DataFrame) -> bool:
        """Whether nothing was said since."""
        return self.words.equals(words) and self.shared.equals(shared)


@dataclass(frozen=True)
class Material:
    """What every list of a month is made from."""

    births: pd.DataFrame = field(repr=False)
    placements: pd.DataFrame = field(repr=False)
    decisions: Mapping[str, pd.DataFrame] = field(repr=False)
    pack_sha256: str
    looks: dict[str, Look] = field(default_factory=dict, repr=False)  # the gate's last answer, by agreement
    looking: Lock = field(default_factory=Lock, repr=False)


@dataclass(frozen=True)
class Sealed:
    """A list that was gated, made and sealed, and waits for its permit."""

    content: bytes = field(repr=False)
    file_name: str
    households: int
    children: list[str] = field(repr=False)
    decisions: pd.DataFrame = field(repr=False)  # of those whom the approval covered, after the gate
    removed: dict[str, int]


def send(desk: Desk, one: Loaded, recipient: str, material: Material) -> None:
    """Bring one list to its recipient, or find that it is there already.

    Raises NotAllDelivered, recorded in the ledger, when this recipient's list could not be made or
    brought there; the others are not touched by it. Raises Refused where the agreement's limit on
    the age of the newest word on deaths is passed.
    """
    key = f"{desk.month}/{one.agreement.id}/{recipient}"
    lease = desk.ledger.take(key)
    permit = _standing_permit(desk, one, recipient)
    if permit and permit.entry in desk.ledger.delivered(str(desk.month)):
        return
    check_deaths_feed(desk, one)
    try:
        endpoint = _endpoint(desk, one, recipient)
        if permit is None or not _still_good(desk, one, permit, material, endpoint):
            permit = _permitted(desk, one, recipient, material)
        _push(desk, permit, endpoint, key, lease)
    except (NotAllDelivered, SettingsError) as error:
        _record_failure(desk, one, recipient, permit, error)
        raise NotAllDelivered(error.what, where=f"{recipient}, {error.where}", do=error.do) from None


def check_deaths_feed(desk: Desk, one: Loaded) -> None:
    """Raises Refused where the newest word on deaths is older than the agreement allows.

    An extract carries each child's death status, so its signing counts as a word on deaths. Of each
    supplier the extract received last counts, which is the one in use; of several, the oldest.
    """
    never = datetime.min.replace(tzinfo=UTC)
    words = {entry.supplier: entry.signed_at for entry in desk.recorded(ExtractReceived)}
    newest = min((words.get(supplier, never) for supplier in one.agreement.suppliers), default=never)
    limit = timedelta(days=one.agreement.deaths_feed_max_age_days)
    if desk.now - newest > limit:
        raise Refused(
            f"{Reason.DEATHS_FEED_STALE.wording.capitalize()}: more than {limit.days} days",
            where=f"{Reason.DEATHS_FEED_STALE}, {one.agreement.id}",
            do="Nothing was sealed. Apply the newest changes from the supplier, then run the month again.",
        )


def gated(desk: Desk, one: Loaded, material: Material) -> pd.DataFrame:
    """The agreement's decisions, asked again now against the newest words; they can only shrink.

    The ledger is asked for each list. The whole month is decided anew, since a sibling's death removes
    a family, but only where something was said since the list before.
    """
    with material.looking:
        words = desk.ledger.suppressions()
        shared = desk.ledger.disclosures(before_month=str(desk.month))
        last = material.looks.get(one.agreement.id)
        if last is None or not last.still_holds(words, shared):
            last = Look(words, shared, _decided_anew(desk, one, material, words, shared))
            material.looks[one.agreement.id] = last
        return last.decisions


def _decided_anew(
    desk: Desk, one: Loaded, material: Material, words: pd.DataFrame, shared: pd.DataFrame
) -> pd.DataFrame:
    from pipeline.consent.gate import gate

    decided = material.decisions[one.agreement.id]
    return gate(
        decided,
        material.births[material.births["reference"].isin(decided["reference"])],
        material.placements[material.placements["reference"].isin(decided["reference"])],
        words,
        shared,
        one.agreement,
        month=desk.month,
        moment=desk.now,
        demonstration=desk.home.settings.authority.demonstration,
    )


def _standing_permit(desk: Desk, one: Loaded, recipient: str) -> Permit | None:
    standing = desk.ledger.standing_permits(str(desk.month))
    mine = [p for p in standing if (p.agreement, p.recipient) == (one.agreement.id, recipient)]
    return mine[0] if mine else None


def _still_good(desk: Desk, one: Loaded, permit: Permit, material: Material, endpoint: Endpoint) -> bool:
    """Whether an earlier try's permit can be used; annuls it where a child must now come off the list.

    A list that reached its recipient before the receipt was recorded counts as delivered, whatever
    is known since: what is needed then is a recall, not a second list.
    """
    from pipeline.delivery.push import look

    if look(endpoint, permit.file_name) == permit.sealed_sha256:
        return True
    decided = gated(desk, one, material)
    now_shared = decided[(decided["recipient"] == permit.recipient) & (decided["outcome"] == Outcome.SHARE)]
    if len(now_shared) == permit.children and desk.staging.has(_kept(one.agreement.id, permit.recipient)):
        return True
    desk.ledger.annul(permit, at=desk.now)
    return False


def _permitted(desk: Desk, one: Loaded, recipient: str, material: Material) -> Permit:
    sealed = _seal(desk, one, desk.recipients[recipient], material)
    desk.staging.put_frame(f"gated.{one.agreement.id}.{recipient}", sealed.decisions)
    desk.staging.put(_kept(one.agreement.id, recipient), sealed.content)
    body = PermitBody(
        agreement=one.agreement.id,
        version=one.agreement.version,
        recipient=recipient,
        file_name=sealed.file_name,
        sealed_sha256=release.digest(sealed.content),
        households=sealed.households,
        children=len(sealed.children),
        pack_sha256=material.pack_sha256,
        removed=sealed.removed,
    )
    return desk.ledger.permit(body, sealed.children, month=str(desk.month), at=desk.now)


def _seal(desk: Desk, one: Loaded, recipient: Recipient, material: Material) -> Sealed:
    from pipeline.lists.compile import compile_list
    from pipeline.lists.totals import area_numbers

    agreement, decided = one.agreement, gated(desk, one, material)
    mine = material.births[material.births["reference"].isin(decided["reference"])]
    numbers = area_numbers(mine, material.placements, agreement, recipient.code, desk.month)
    families = compile_list(mine, decided, agreement, recipient.code, desk.month, numbers)
    content, ending = _sealed_for(desk, recipient, families)
    before = material.decisions[agreement.id]
    approved = (before["recipient"] == recipient.code) & (before["outcome"] == Outcome.SHARE)
    ours = decided[decided["reference"].isin(before.loc[approved, "reference"])]
    removed = ours[ours["outcome"] != Outcome.SHARE]
    return Sealed(
        content,
        f"{agreement.id}_{desk.month}_{recipient.code}.{ending}",
        len(families.rows),
        families.children,
        ours,
        count(removed["reasons"].to_numpy()),
    )


def _sealed_for(desk: Desk, recipient: Recipient, families: FamilyList) -> tuple[bytes, str]:
    """The list in the recipient's format, sealed for its key alone, and the file's ending."""
    from pipeline.encryption.sealing import seal_openpgp, seal_workbook

    if recipient.format == "csv":
        from pipeline.lists.csv import render_csv

        plain = render_csv(families, made_on=desk.now.date())
        return seal_openpgp(plain, desk.home.at(recipient.key)), "csv.gpg"
    from pipeline.lists.workbook import render_workbook

    password = desk.home.secret(str(Path(recipient.key).relative_to("keys"))).decode().strip()
    plain = render_workbook(
        families,
        recipient_name=recipient.name,
        authority_name=desk.home.settings.authority.name,
        made_on=desk.now.date(),
    )
    return seal_workbook(plain, password), "xlsx"


def _push(desk: Desk, permit: Permit, endpoint: Endpoint, key: str, lease: int) -> Receipt:
    from pipeline.delivery.push import push

    sealed = desk.staging.get(_kept(permit.agreement, permit.recipient))
    receipt = push(sealed, permit, endpoint, stands=lambda: desk.ledger.permit_stands(permit, key, lease))
    desk.record(
        Delivered(
            permit=permit.entry, sha256=receipt.sha256, size=receipt.size, found_there=receipt.found_there
        )
    )
    return receipt


def _endpoint(desk: Desk, one: Loaded, recipient: str) -> Endpoint:
    known = desk.recipients.get(recipient)
    if known is None:
        raise SettingsError(
            "A reach area names a recipient that is not in the register",
            where=recipient,
            do="Add it to reference/recipients.yaml and run the month again.",
        )
    if known.kind != one.agreement.recipients.kind:
        raise SettingsError(
            "A reach area names a recipient of a kind that the agreement does not cover",
            where=recipient,
            do="Correct its kind in reference/recipients.yaml, or the reach areas, and run the month again.",
        )
    return endpoint(desk.home, known)


def endpoint(home: Home, recipient: Recipient) -> Endpoint:
    """Where and how a recipient is reached; raises SettingsError where our own key is missing."""
    from pipeline.delivery.sftp import Endpoint

    settings = home.settings.delivery
    return Endpoint(
        host=recipient.host,
        port=recipient.port,
        user=recipient.user,
        folder=recipient.folder,
        host_key=recipient.host_key,
        private_key=home.private_file(settings.private_key),
        timeout_seconds=settings.timeout_seconds,
    )


def _record_failure(
    desk: Desk, one: Loaded, recipient: str, permit: Permit | None, error: BirthshareError
) -> None:
    problem = str(getattr(error, "problem", "settings"))
    desk.record(
        DeliveryFailed(
            permit=permit.entry if permit else 0,
            agreement=one.agreement.id,
            recipient=recipient,
            problem=problem,
        )
    )


def _kept(agreement: str, recipient: str) -> str:
    return f"sealed.{agreement}.{recipient}"
