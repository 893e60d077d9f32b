"""One list, from the gate to the receipt.

    gate → list → seal → permit → push → receipt

The order is what makes it safe to be killed anywhere: sealed bytes are kept before they are
permitted, and permitted before they are pushed, so whatever is found at the far side can be matched
with a permit. A try that comes back first looks there. The newest try of a list holds its lease;
an older one that is still alive finds out just before it would publish, and stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.agreements.loading import Loaded
from pipeline.errors import BirthshareError, NotAllDelivered, Refused, SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Delivered, DeliveryFailed, PermitBody, Publishing
from pipeline.reasons import Outcome, Reason, count
from pipeline.recipients import register
from pipeline.records import OnList, Permit, Receipt, among
from pipeline.steps import needs, release
from pipeline.steps.approval import Approved
from pipeline.steps.companions import answers_about
from pipeline.steps.desk import Desk
from pipeline.steps.formats import miscounted, sealed_for
from pipeline.steps.inputs import feeds_applied, used
from pipeline.steps.pack import recipient_digest
from pipeline.steps.preparation import words_about

if TYPE_CHECKING:
    from pipeline.delivery.way import Lines, Way


class Gate:
    """The last look at each agreement's decisions, asked for every list just before it is sealed.

    The ledger is asked for each list whether anything was said since the list before. Only then is what
    was said read, and the whole month decided anew, since a sibling's death removes a family.
    """

    def __init__(self, desk: Desk, material: Approved) -> None:
        self._desk, self._material, self._lock = desk, material, Lock()
        self._last: dict[str, tuple[tuple[int, ...], pd.DataFrame]] = {}

    def decisions(self, one: Loaded) -> pd.DataFrame:
        """The agreement's decisions now; they can only have shrunk (records.DECISIONS)."""
        name, month = one.agreement.id, str(self._desk.month)
        with self._lock:
            mark = self._desk.ledger.mark(before_month=month)  # first: what comes meanwhile counts next time
            last = self._last.get(name)
            if last is None or last[0] != mark:
                words = words_about(self._desk, one.agreement, self._material.births)
                shared = self._desk.ledger.disclosures(before_month=month)
                self._last[name] = last = (mark, self._decided_anew(one, words, shared))
            return last[1]

    def _decided_anew(self, one: Loaded, words: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
        from pipeline.consent.gate import gate

        material = self._material
        decided = material.decisions[one.agreement.id]
        return gate(
            decided,
            material.births[material.births["reference"].isin(decided["reference"])],
            material.placements[material.placements["reference"].isin(decided["reference"])],
            words,
            shared,
            one.agreement,
            month=self._desk.month,
            moment=self._desk.now,
            answers=answers_about(one.agreement, material.answers),
            demonstration=self._desk.home.settings.authority.demonstration,
        )


@dataclass(frozen=True)
class Sealed:
    """A list that was gated, made and sealed, and waits for its permit."""

    content: bytes = field(repr=False)
    file_name: str
    households: int
    on_list: list[OnList] = field(repr=False)
    receipt_code: str = field(repr=False)
    decisions: pd.DataFrame = field(repr=False)  # of those whom the approval covered, after the gate
    removed: dict[str, int]
    heard: int  # the ledger's entries up to which the gate listened


def send(
    desk: Desk, one: Loaded, recipient: str, material: Approved, gate: Gate, lines: Lines | None = None
) -> None:
    """Bring one list to its recipient, or find that it is there already.

    Raises NotAllDelivered, recorded in the ledger, when this recipient's list could not be made or
    brought there; the others are not touched by it. Raises Refused where the agreement does not stand
    any more, or its limit on the age of the newest word on deaths is passed.
    """
    key = f"{desk.month}/{one.agreement.id}/{recipient}"
    lease = desk.ledger.take(key)
    permit = _standing_permit(desk, one, recipient)
    if permit and permit.entry in desk.ledger.delivered(str(desk.month)):
        return
    try:
        way = _endpoint(desk, one, recipient, material)
        if permit is None or not _still_good(desk, one, permit, material, gate, way, lines):
            check_may_seal(desk, one)
            permit = _permitted(desk, one, recipient, material, gate, (key, lease))
        _push(desk, one, permit, way, (key, lease), lines)
    except (NotAllDelivered, SettingsError) as error:
        _record_failure(desk, one, recipient, permit, error)
        raise told(error, recipient, desk.recipients.get(recipient)) from None


def told(error: BirthshareError, code: str, recipient: Recipient | None) -> NotAllDelivered:
    """Why a recipient has not got what is meant for it, and whom to call about it."""
    call = f" Call {recipient.contact}." if recipient and recipient.contact else ""
    failure = NotAllDelivered(error.what, where=f"{code}, {error.where}", do=f"{error.do}{call}".strip())
    failure.passing = getattr(error, "passing", False)
    return failure


def check_may_seal(desk: Desk, one: Loaded) -> None:
    """Raises Refused where the agreement does not stand now, or the word on deaths is stale."""
    desk.check_still_stands(one)
    check_deaths_feed(desk, one)


def check_deaths_feed(desk: Desk, one: Loaded) -> None:
    """Raises Refused where the newest word on deaths is older than the agreement allows.

    An extract carries each child's death status, and a feed of changes each death that became known, so
    their signing counts as a word on deaths. Of each supplier the newest extract that was used or feed
    that was applied counts; of several suppliers, the oldest of these.
    """
    never = datetime.min.replace(tzinfo=UTC)
    feeds = feeds_applied(desk.ledger)
    words = {
        name: [*(extract.signed_at for extract in used(desk, name)), *feeds.get(name, [])]
        for name in one.agreement.suppliers
    }
    newest = min(max(moments, default=never) for moments in words.values())
    limit = timedelta(days=one.agreement.deaths_feed_max_age_days)
    if desk.now - newest > limit:
        raise Refused(
            f"{Reason.DEATHS_FEED_STALE.wording.capitalize()}: more than {limit.days} days",
            where=f"{Reason.DEATHS_FEED_STALE}, {one.agreement.id}",
            do="Nothing was sealed. Put a newer extract or feed of changes into the inbox and run the month "
            "again; where lists were sent already, end the month without the missing ones: "
            "birthshare release forgo",
        )


def _standing_permit(desk: Desk, one: Loaded, recipient: str) -> Permit | None:
    standing = desk.ledger.standing_permits(str(desk.month))
    mine = [p for p in standing if (p.agreement, p.recipient) == (one.agreement.id, recipient)]
    return mine[0] if mine else None


def _still_good(
    desk: Desk,
    one: Loaded,
    permit: Permit,
    material: Approved,
    gate: Gate,
    way: Way,
    lines: Lines | None,
) -> bool:
    """Whether an earlier try's permit can be used; annuls it where the list must be made anew.

    A list that reached its recipient before the receipt was recorded counts as delivered, whatever
    is known since: what is needed then is a recall, not a second list.
    """
    from pipeline.delivery.push import find

    earlier = _annulled_digests(desk, permit)
    place = desk.recipients[permit.recipient].place
    found = find(
        way,
        permit,
        replaces=earlier,
        asked=desk.ledger.asked(permit, place=place),
        elsewhere=desk.ledger.asked_elsewhere(permit, place=place),
        lines=lines,
    )
    if found.arrived:
        return True
    check_may_seal(desk, one)
    decided = gate.decisions(one)
    shared = (decided["recipient"] == permit.recipient) & (decided["outcome"] == Outcome.SHARE)
    if (
        set(decided.loc[shared, "child"]) == desk.ledger.children(permit)
        and _pack_of(desk, permit) == material.prepared.pack_sha256
        and desk.staging.has(file_of("sealed", permit))
        and not desk.ledger.said_since(permit)
    ):
        return True
    desk.ledger.annul(permit, at=desk.clock)
    return False


def _pack_of(desk: Desk, permit: Permit) -> str:
    bodies = {entry.seq: entry.body for entry in desk.entries(PermitBody)}
    body = bodies[permit.entry]
    return body.pack_sha256 if isinstance(body, PermitBody) else ""


def _permitted(
    desk: Desk, one: Loaded, recipient: str, material: Approved, gate: Gate, lease: tuple[str, int]
) -> Permit:
    from pipeline.lists.conditions import destroy_by
    from pipeline.lists.references import code_check

    sealed = _seal(desk, one, desk.recipients[recipient], material, gate)
    _endpoint(desk, one, recipient, material)  # its key may have been changed while the list was made
    body = PermitBody(
        agreement=one.agreement.id,
        version=one.agreement.version,
        recipient=recipient,
        file_name=sealed.file_name,
        sealed_sha256=release.digest(sealed.content),
        households=sealed.households,
        children=len(sealed.on_list),
        heard=sealed.heard,
        destroy_by=destroy_by(one.agreement, desk.now.date()),
        receipt_check=code_check(desk.home.secret("subject.key"), sealed.receipt_code),
        pack_sha256=material.prepared.pack_sha256,
        removed=sealed.removed,
    )
    desk.staging.put_frame(file_of("gated", body), sealed.decisions)
    desk.staging.put(file_of("sealed", body), sealed.content)
    return desk.ledger.permit(body, sealed.on_list, month=str(desk.month), at=desk.clock, lease=lease)


def _seal(desk: Desk, one: Loaded, recipient: Recipient, material: Approved, gate: Gate) -> Sealed:
    from pipeline.lists.compile import compile_list
    from pipeline.lists.totals import area_numbers

    heard = desk.ledger.size
    agreement, decided = one.agreement, gate.decisions(one)
    mine = material.births[material.births["reference"].isin(decided["reference"])]
    numbers = area_numbers(
        material.births,
        material.placements,
        material.decisions,
        {name: other.agreement for name, other in material.agreements.items()},
        agreement=agreement.id,
        recipient=recipient.code,
        month=desk.month,
    )
    families = compile_list(
        mine,
        decided,
        agreement,
        recipient.code,
        desk.month,
        numbers,
        kind=recipient.kind,
        areas=material.areas,
        # Not our own key, which stays: with that and a guess, what entries say of a row could be tried out.
        reference_key=desk.staging.key_for("references of rows"),
        pseudonym_key=needs.pseudonym_key(desk.home, agreement),
    )
    before = material.decisions[agreement.id]
    approved = (before["recipient"] == recipient.code) & (before["outcome"] == Outcome.SHARE)
    ours = decided[decided["reference"].isin(before.loc[approved, "reference"])]
    shared = ours[ours["outcome"] == Outcome.SHARE]
    by_child = agreement.household == "each_child"
    households = shared["household"].nunique()
    rows = len(shared) if by_child else households
    content, ending = sealed_for(desk.home, recipient, families, rows=rows, made_on=desk.now.date())
    if sorted(families.children) != sorted(shared["child"]) or families.households != households:
        raise miscounted(agreement.id, recipient.code)
    return Sealed(
        content,
        f"{families.name}.{ending}",
        families.households,
        _with_parents(families.on_list, material.births),
        families.receipt_code,
        ours,
        count(ours.loc[ours["outcome"] != Outcome.SHARE, "reasons"].to_numpy()),
        heard,
    )


def _with_parents(on_list: list[OnList], births: pd.DataFrame) -> list[OnList]:
    """The same children; a parent whom only another version or supplier names must be found again too."""
    from pipeline.consent.words import parents_named

    listed = among(births["child"], [one.child for one in on_list])
    named = parents_named(births.loc[listed, ["child", "parent", "last_updated"]])
    return [one._replace(parent=one.parent or named.get(one.child, "")) for one in on_list]


def _push(
    desk: Desk, one: Loaded, permit: Permit, way: Way, lease: tuple[str, int], lines: Lines | None
) -> Receipt:
    from pipeline.delivery.manifest import manifest
    from pipeline.delivery.push import push

    place = desk.recipients[permit.recipient].place

    def stands(part: str) -> bool:
        desk.check_still_stands(one)
        return desk.ledger.publish(permit, *lease, at=desk.clock, part=part, place=place)

    sealed = desk.staging.get(file_of("sealed", permit))
    checkpoint = desk.ledger.latest_checkpoint()
    receipt = push(
        sealed,
        permit,
        way,
        stands=stands,
        replaces=_annulled_digests(desk, permit),
        asked=desk.ledger.asked(permit, place=place),
        elsewhere=desk.ledger.asked_elsewhere(permit, place=place),
        withdrawn=_withdrawn(desk, permit),
        beside=manifest(
            permit,
            version=one.agreement.version,
            size=len(sealed),
            checkpoint=checkpoint.note if checkpoint else "",
        ),
        lines=lines,
    )
    arrived(desk, permit, receipt)
    return receipt


def arrived(desk: Desk, permit: Permit, receipt: Receipt) -> None:
    """Record what a push of a list or notice found, once, whoever else found it too."""
    body = Delivered(
        permit=permit.entry, sha256=receipt.sha256, size=receipt.size, found_there=receipt.found_there
    )
    desk.ledger.arrive(body, month=permit.month, at=desk.clock, taken=receipt.taken)


def _annulled_digests(desk: Desk, permit: Permit) -> set[str]:
    """Earlier lists of ours under the same name, which this one replaces where they arrived."""
    bodies = [entry.body for entry in desk.entries(PermitBody)]
    return {
        body.sealed_sha256
        for body in bodies
        if isinstance(body, PermitBody) and body.file_name == permit.file_name
    } - {permit.sealed_sha256}


def _withdrawn(desk: Desk, permit: Permit) -> list[str]:
    """The parts of those earlier lists, for which leave was given: a try that is still alive may have one."""
    earlier = {
        entry.seq
        for entry in desk.entries(PermitBody)
        if isinstance(entry.body, PermitBody) and entry.body.file_name == permit.file_name
    } - {permit.entry}
    return [one.part for one in desk.recorded(Publishing) if one.permit in earlier and one.part]


def _endpoint(desk: Desk, one: Loaded, recipient: str, material: Approved) -> Way:
    known = desk.recipients.get(recipient)
    if known is None:
        raise SettingsError(
            "A reach area or the agreement names a recipient that is not in the register",
            where=recipient,
            do="Add it to reference/recipients.yaml and run the month again.",
        )
    if known.kind not in one.agreement.recipients.kinds:
        raise SettingsError(
            "A reach area or the agreement names a recipient of a kind that the agreement does not cover",
            where=recipient,
            do="Correct its kind in reference/recipients.yaml, or the reach areas, and run the month again.",
        )
    register.check_agreed(desk.home, desk.ledger, known, at=desk.clock)
    register.check_open(known, at=desk.clock)
    if recipient_digest(desk, known) != material.recipients[recipient]:
        raise SettingsError(
            "This recipient's entry or key has changed since the release was approved",
            where=recipient,
            do="Run the month again and have the change approved.",
        )
    return endpoint(desk.home, known)


def endpoint(home: Home, recipient: Recipient) -> Way:
    """Where and how a recipient is reached; raises SettingsError where our key or its folder is unusable."""
    from pipeline.delivery.folder import Folder
    from pipeline.delivery.sftp import Endpoint

    settings = home.settings.delivery
    limit = recipient.bytes_a_second
    each = limit / recipient.at_once if limit else None  # the limit is for all its connections together
    if recipient.via == "folder":
        return Folder(_hand_over_folder(home, recipient), each)
    return Endpoint(
        host=recipient.host,
        port=recipient.port,
        user=recipient.user,
        folder=recipient.folder,
        host_key=recipient.host_key,
        private_key=home.private_file(settings.private_key),
        timeout_seconds=settings.timeout_seconds,
        jump=recipient.jump,
        proxy_command=recipient.proxy_command,
        bytes_a_second=each,
    )


def _hand_over_folder(home: Home, recipient: Recipient) -> Path:
    """A folder that a carrier empties is apart from the home: neither in it, nor around it."""
    folder = Path(recipient.folder)
    real = folder.resolve()
    if not folder.is_absolute() or real.is_relative_to(home.path) or home.path.is_relative_to(real):
        raise SettingsError(
            "A folder for hand-over must be written from the root, and lie apart from this home",
            where=f"{recipient.code}: {recipient.folder}",
            do="Correct it, for example /srv/mesh/out/centre-01: in reference/recipients.yaml, or the "
            "supplier's settings.",
        )
    return folder


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


def file_of(what: str, permit: Permit | PermitBody) -> str:
    """The working file of a list; named by its content, so that two tries never mix."""
    return f"{what}.{permit.agreement}.{permit.recipient}.{permit.sealed_sha256[:16]}"
