"""The month, in order. Read this first.

    intake → validation → geography → consent → release (a person decides) → delivery → account

Every step leaves its work in the month's encrypted working files and is recorded in the ledger when
it is done. So a run that was killed anywhere is finished by running it again, and a run of a
finished month changes nothing and sends nothing. What a step may do is in its room; here is only
the order. `pipeline.preparation` has the steps up to the release, `pipeline.dispatch` those of one
list; both are called from here and from nowhere else.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pipeline import account, dispatch, facts, preparation, release
from pipeline.desk import Desk, Watch, no_watch
from pipeline.errors import (
    BirthshareError,
    IntegrityError,
    NotAllDelivered,
    Refused,
    SettingsError,
    WaitingForPerson,
)
from pipeline.home import Home
from pipeline.ledger.entries import (
    Balanced,
    MonthClosed,
    ReleaseApproved,
    ReleaseRefused,
    ReleaseRequested,
    StagingDestroyed,
    Validated,
)
from pipeline.preparation import BIRTHS, PACK, Prepared
from pipeline.reasons import Outcome, unpack
from pipeline.records import Month, Permit

STAGES = ("intake", "validation", "geography", "consent", "release", "delivery", "account")


def run(
    home: Home, month: Month, *, now: datetime, until: str = "account", watch: Watch = no_watch
) -> dict[str, Any]:
    """Take the month as far as it can go today; the answer is its state (see `pipeline.facts`).

    `until` names the last stage to run. Raises WaitingForPerson while the extract has not come or
    the release is not approved, NotAllDelivered when some recipients do not have their list yet,
    and what the rooms raise.
    """
    with working(home, month, now, watch) as desk:
        if not _finished(desk) and _prepare(desk, until) is not None and until != "release":
            _deliver(desk)
            if until != "delivery":
                _close(desk)
        return facts.of_month(desk)


def prepare(home: Home, month: Month, *, now: datetime, watch: Watch = no_watch) -> Prepared | None:
    """Everything up to the question to a person; done steps are not done again.

    None where the month's books are closed already and nothing is left to ask.
    """
    with working(home, month, now, watch) as desk:
        return None if desk.recorded(Balanced) else _prepare(desk, "release")


def record_decision(
    home: Home,
    month: Month,
    *,
    pack_sha256: str,
    principal: str,
    approve: bool,
    way: Literal["signature", "airflow"] = "airflow",
    signature: str = "",
    note: str = "",
    now: datetime,
) -> None:
    """Record a person's decision about exactly the release that is asked about.

    Raises Refused for a person who may not decide or a release that is no longer asked about,
    IntegrityError for a signature that is not theirs over these bytes.
    """
    with working(home, month, now) as desk:
        person = next((one for one in home.settings.approvers if one.principal == principal), None)
        wanted = {role for one in desk.agreements for role in one.agreement.release.roles}
        if person is None or not wanted & set(person.roles):
            raise Refused("This person may not decide on releases", where=principal)
        asked = desk.recorded(ReleaseRequested)
        if not asked or asked[-1].pack_sha256 != pack_sha256:
            raise Refused(
                "This release is not, or no longer, the one that is asked about",
                where=f"{month}, pack {pack_sha256[:12]}",
                do="Look at it again: birthshare release show",
            )
        if way == "signature":
            pack = desk.staging.get(PACK)
            release.check_signature(
                pack if approve else release.refusal(pack),
                signature,
                principal,
                allowed_signers=home.allowed_signers,
                at=now,
            )
        body = ReleaseApproved if approve else ReleaseRefused
        desk.record(
            body(
                pack_sha256=pack_sha256,
                principal=principal,
                roles=person.roles,
                way=way,
                signature=signature,
                note=note,
            )
        )


def deliver(
    home: Home,
    month: Month,
    *,
    now: datetime,
    only: Collection[tuple[str, str]] | None = None,
    watch: Watch = no_watch,
) -> list[dict[str, Any]]:
    """Bring the lists of an approved release to their recipients, or to those (agreement, recipient).

    Asks our own record whether exactly this release was approved, whoever calls. Raises
    WaitingForPerson where it was not, NotAllDelivered when some do not have their list yet.
    """
    with working(home, month, now, watch) as desk:
        if not _finished(desk):
            _deliver(desk, only)
        rows: list[dict[str, Any]] = facts.of_month(desk)["recipients"]
        return [row for row in rows if only is None or (row["agreement"], row["code"]) in only]


def close(home: Home, month: Month, *, now: datetime, watch: Watch = no_watch) -> dict[str, Any]:
    """Balance the books, destroy the working files, sign the checkpoint; the month's state."""
    with working(home, month, now, watch) as desk:
        if not _finished(desk):
            _close(desk)
        return facts.of_month(desk)


def status(home: Home, month: Month, *, now: datetime) -> dict[str, Any]:
    """The state of a month, finished or not; changes nothing."""
    with opened(home, month, now) as desk:
        return facts.of_month(desk)


def begun(home: Home) -> list[Month]:
    """Every month that the ledger knows, oldest first."""
    with facts.opened_ledger(home) as ledger:
        return sorted({Month.parse(entry.month) for entry in ledger.entries() if entry.month})


def pack_asked_about(home: Home, month: Month, *, now: datetime) -> tuple[bytes, str] | None:
    """The pack of the release that waits for a decision, or has one, and its digest."""
    with opened(home, month, now) as desk:
        asked = desk.recorded(ReleaseRequested)
        if not asked or not desk.staging.has(PACK):
            return None
        return desk.staging.get(PACK), asked[-1].pack_sha256


def decisions_by_record(home: Home, month: Month, *, now: datetime) -> pd.DataFrame:
    """record_id, agreement, outcome and reasons (codes, separated by ";"), for the data lead's own checks."""
    with opened(home, month, now) as desk:
        records = desk.staging.frame(BIRTHS)[["reference", "record_id"]]
        return pd.concat(
            [_by_record(desk, one.agreement.id, records) for one in desk.agreements], ignore_index=True
        )


@contextmanager
def working(home: Home, month: Month, now: datetime, watch: Watch = no_watch) -> Iterator[Desk]:
    """A desk to work at; raises IntegrityError where the ledger, which every step trusts, was altered."""
    with opened(home, month, now, watch) as desk:
        found = facts.verified(home, desk.ledger)
        if found.problem is not None:
            raise IntegrityError(
                "The ledger is damaged",
                where=str(found.problem),
                do="Nothing was done. Keep the database as it is, and restore it from a backup.",
            )
        yield desk


@contextmanager
def opened(home: Home, month: Month, now: datetime, watch: Watch = no_watch) -> Iterator[Desk]:
    """A desk that is cleared when the work is done."""
    desk = Desk(home, month, now, watch)
    try:
        yield desk
    finally:
        desk.close()


# --- the order ------------------------------------------------------------------------------------


def _prepare(desk: Desk, until: str) -> Prepared | None:
    """Intake to release; None where `until` names an earlier stage, which is then the last."""
    with _alone(desk):
        desk.record_signatures()
        inputs = preparation.gather_inputs(desk)
        standing = preparation.standing_release(desk, inputs)
        if standing is not None:
            return standing
        with desk.stage("intake"):
            extracts = preparation.receive(desk, inputs)
        if until == "intake":
            return None
        with desk.stage("validation"):
            births, rows = preparation.validate(desk, extracts)
        if until == "validation":
            return None
        with desk.stage("geography"):
            placements = preparation.place(desk, births, inputs.places)
        if until == "geography":
            return None
        with desk.stage("consent"):
            decisions = preparation.decide(desk, births, placements)
        if until == "consent":
            return None
        with desk.stage("release"):
            return preparation.request_release(desk, inputs, rows, decisions)


def _deliver(desk: Desk, only: Collection[tuple[str, str]] | None = None) -> None:
    pack = _approved_pack(desk)
    agreements = {one.agreement.id: one for one in desk.agreements}
    material = dispatch.Material(
        births=desk.staging.frame(BIRTHS),
        placements=desk.staging.frame("placements"),
        decisions={name: desk.staging.frame(f"decisions.{name}") for name in agreements},
        pack_sha256=pack.pack_sha256,
    )
    wanted = [pair for pair in pack.deliveries if only is None or pair in only]
    tasks = [partial(dispatch.send, desk, agreements[name], code, material) for name, code in wanted]
    with desk.stage("delivery"):
        _at_once(desk, tasks)


def _approved_pack(desk: Desk) -> Prepared:
    """The release, approved by enough of the right people; the only key to `_deliver`."""
    asked = desk.recorded(ReleaseRequested)
    if not asked or not desk.staging.has(PACK):
        raise WaitingForPerson(
            f"Nothing is prepared for {desk.month}", do=f"Run it first: birthshare run {desk.month}"
        )
    content, pack_sha256 = desk.staging.get(PACK), asked[-1].pack_sha256
    missing = release.check_approved(
        pack_sha256,
        content,
        [one.agreement for one in desk.agreements],
        _approvals(desk),
        approvers=desk.home.settings.approvers,
        allowed_signers=desk.home.allowed_signers,
    )
    if missing:
        raise WaitingForPerson(
            "The release waits for approval: " + "; ".join(missing),
            where=f"{desk.month}, pack {pack_sha256[:12]}",
            do=f"Look at it and decide: birthshare release show {desk.month}",
        )
    return preparation.read_release(content)


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


def _at_once(desk: Desk, tasks: Collection[Callable[[], None]]) -> None:
    """Send lists side by side. One recipient's trouble is told when all the others are done."""
    failures: list[BirthshareError] = []
    with ThreadPoolExecutor(max_workers=desk.home.settings.delivery.at_once) as pool:
        running = [pool.submit(task) for task in tasks]
        for done, finished in enumerate(as_completed(running), start=1):
            try:
                finished.result()
            except BirthshareError as error:
                failures.append(error)
            desk.watch("delivery", done, len(tasks))
    for failure in failures:
        if not isinstance(failure, NotAllDelivered):
            raise failure
    if failures:
        raise NotAllDelivered(
            f"{len(failures)} of {len(tasks)} lists are not delivered yet: "
            + "; ".join(str(failure) for failure in failures),
            do=f"The others are. Put this right and run {desk.month} again.",
        )


def _close(desk: Desk) -> None:
    with _alone(desk), desk.stage("account"):
        permits = _all_delivered(desk)
        books = _final_books(desk)
        account.check_balanced(books)
        account.check_sent(books, permits)
        desk.record(Balanced(books=books))
        _finish(desk)


def _finished(desk: Desk) -> bool:
    """Whether the books are closed; a close that was killed after that is taken to its end."""
    if not desk.recorded(Balanced):
        return False
    _finish(desk)
    return True


def _finish(desk: Desk) -> None:
    """What comes after balanced books. Each step is left out where it was done before."""
    desk.staging.destroy()
    if not desk.closed:
        desk.record(StagingDestroyed(), MonthClosed())
    closing = desk.entries(MonthClosed)[-1].seq
    checkpoint = desk.ledger.latest_checkpoint()
    if checkpoint is None or checkpoint.size < closing:
        _sign(desk)
    if not _page(desk).exists():
        _write_page(desk)


def _all_delivered(desk: Desk) -> list[Permit]:
    """The month's permits, each delivered; raises NotAllDelivered where a planned list is missing."""
    planned = preparation.read_release(desk.staging.get(PACK)).deliveries
    delivered = desk.ledger.delivered(str(desk.month))
    permits = [one for one in desk.ledger.standing_permits(str(desk.month)) if one.entry in delivered]
    missing = set(planned) - {(one.agreement, one.recipient) for one in permits}
    if missing:
        codes = ", ".join(sorted(code for _, code in missing))
        raise NotAllDelivered(f"Lists are not delivered yet: {codes}", do=f"Run {desk.month} again.")
    return permits


def _final_books(desk: Desk) -> account.Books:
    """The books as they ended: what the gate took off the lists is no longer shared."""
    rows = {
        one.supplier: {"received": one.rows, "quarantined": one.rows - one.accepted}
        for one in desk.recorded(Validated)
    }
    decisions = {one.agreement.id: _final_decisions(desk, one.agreement.id) for one in desk.agreements}
    return account.books(
        rows, decisions, {one.agreement.id: one.agreement.suppliers for one in desk.agreements}
    )


def _final_decisions(desk: Desk, agreement: str) -> pd.DataFrame:
    """The decisions as the gate left them when each list was sealed."""
    decided = desk.staging.frame(f"decisions.{agreement}")
    lists = [name for name in desk.staging.names() if name.startswith(f"gated.{agreement}.")]
    others = decided[decided["outcome"] != Outcome.SHARE]
    return pd.concat([others, *(desk.staging.frame(name) for name in lists)], ignore_index=True)


def _by_record(desk: Desk, agreement: str, records: pd.DataFrame) -> pd.DataFrame:
    decided = desk.staging.frame(f"decisions.{agreement}").merge(records, on="reference", validate="1:1")
    return pd.DataFrame(
        {
            "record_id": decided["record_id"],
            "agreement": agreement,
            "outcome": [Outcome(outcome).word for outcome in decided["outcome"]],
            "reasons": [";".join(unpack(packed)) for packed in decided["reasons"]],
        }
    )


def _sign(desk: Desk) -> None:
    desk.ledger.checkpoint(partial(facts.sign, desk.home), origin=facts.origin(desk.home), at=desk.now)


def _page(desk: Desk) -> Path:
    return desk.home.outbox / "months" / f"{desk.month}.html"


def _write_page(desk: Desk) -> None:
    from pipeline.reporting import month_page
    from pipeline.reporting.facts import MonthFacts

    page = _page(desk)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(month_page(MonthFacts.of(facts.of_month(desk))), encoding="utf-8")


@contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """One run at a time works on a month; the lock goes with the process, however it ends."""
    folder = desk.home.state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{desk.month}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"Another run is working on {desk.month}", do="Wait until it has finished."
            ) from None
        yield
