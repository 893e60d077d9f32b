"""The month, in order. Read this first.

    intake → validation → geography → consent → release (a person decides) → delivery → account

Every step leaves its work in the month's encrypted working files and is recorded in the ledger when
it is done. So a run that was killed anywhere is finished by running it again, and a run of a
finished month changes nothing and sends nothing. What a step may do is in its room; here is only
the order. `pipeline.steps.preparation` has the steps up to the decisions, `pipeline.steps.releasing` what is
asked of people, `pipeline.steps.deciding` how they answer, `pipeline.steps.approval` what they approved,
`pipeline.steps.dispatch` the way of one list, and `pipeline.steps.closing` the end.
"""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Literal

import pandas as pd

from pipeline import custody, facts
from pipeline.afterwards import changes, recalls
from pipeline.errors import BirthshareError, Busy, NotAllDelivered, SettingsError, one_to_a_line
from pipeline.home import Approver, Home
from pipeline.keeping import kept
from pipeline.ledger.entries import Balanced, MonthClosed, ReleaseRequested
from pipeline.reasons import Outcome
from pipeline.records import Month
from pipeline.stages import STAGES
from pipeline.steps import approval, closing, companions, deciding, dispatch, inputs, preparation, releasing
from pipeline.steps.desk import Desk, Watch, no_watch
from pipeline.steps.inputs import BIRTHS, Awaited, decisions_of
from pipeline.steps.pack import PACK, Prepared, asked, asked_pack, outstanding, read_release
from pipeline.suppliers import drift, fetching, reports, totals

Pair = tuple[str, str]  # agreement, recipient


def run(
    home: Home,
    month: Month,
    *,
    now: datetime,
    until: str = STAGES[-1],
    as_of: datetime | None = None,
    watch: Watch = no_watch,
) -> dict[str, Any]:
    """Take the month as far as it can go today; the answer is its state (see `pipeline.facts`).

    `until` names the last stage to run; `as_of` is the moment of decision, if it is not now (what
    leaves is always asked again as of now). Raises WaitingForPerson while the extract has not come or
    the release is not approved, NotAllDelivered when some recipients do not have their list yet, and
    what the rooms raise.
    """
    if as_of is not None and as_of > now:
        raise SettingsError("Nothing can be decided as of a moment that is still to come", where="as of")
    with working(home, month, now, watch, as_of) as desk:
        last = STAGES.index(until)
        if not _finished(desk):
            if not releasing.is_settled(desk):
                _prepare(desk, last)
            if last >= STAGES.index("delivery"):
                _deliver(desk)
            if last >= STAGES.index("account"):
                _close(desk)
        return facts.of_month(desk)


def prepare(home: Home, month: Month, *, now: datetime, watch: Watch = no_watch) -> Prepared | None:
    """Everything up to the question to a person; done steps are not done again.

    None where the month's books are closed already and nothing is left to ask.
    """
    with working(home, month, now, watch) as desk:
        return None if _finished(desk) else _prepare(desk, STAGES.index("release"))


def awaited(home: Home, month: Month, *, now: datetime) -> list[Awaited]:
    """Which of the month's files have not come; changes nothing, and asks no server."""
    with opened(home, month, now) as desk:
        return inputs.awaited(desk)


def look_for_files(home: Home, month: Month, *, now: datetime) -> list[Awaited]:
    """As `awaited`, once what waits at suppliers' servers was fetched; none where no file is needed any more.

    A server that cannot be looked through for the moment is awaited as well: a death may wait there. Raises
    what only a person can put right, as a wrong host key.
    """
    with working(home, month, now) as desk:
        if not inputs.awaits_files(desk):
            return []
        unreached = {one.supplier: one.problem for one in fetching.fetch(desk) if one.problem}
        for problem in unreached.values():
            if not fetching.may_pass(problem):
                raise problem
        servers = [Awaited(who, f"{who}: {problem.what}", late=False) for who, problem in unreached.items()]
        return inputs.awaited(desk) + servers


def record_decision(
    home: Home,
    month: Month,
    *,
    pack_sha256: str,
    principal: str,
    approve: bool,
    way: Literal["signature", "airflow"] = "signature",
    signature: str = "",
    note: str = "",
    now: datetime,
    watch: Watch = no_watch,
) -> bool:
    """Record a person's decision about exactly the release that is asked about.

    The answer is whether it counts anew: approving twice is approving once. Raises SettingsError for a
    refusal without a note that says why, Refused for a person who may not decide or a release that is no
    longer asked about, IntegrityError for a signature that is not theirs over these bytes.
    """
    with working(home, month, now, watch) as desk:
        new = deciding.decide(
            desk,
            pack_sha256=pack_sha256,
            principal=principal,
            approve=approve,
            way=way,
            signature=signature,
            note=note,
        )
        closing.sign(desk)
        return new


def forgo(
    home: Home,
    month: Month,
    *,
    pack_sha256: str,
    agreement: str,
    recipient: str,
    principal: str,
    signature: str,
    note: str = "",
    now: datetime,
    watch: Watch = no_watch,
) -> None:
    """Record a person's decision that the month ends without one list; its families stay held."""
    with working(home, month, now, watch) as desk, _alone(desk):
        deciding.forgo(
            desk,
            pack_sha256=pack_sha256,
            agreement=agreement,
            recipient=recipient,
            principal=principal,
            signature=signature,
            note=note,
        )
        closing.sign(desk)


def files_compared(home: Home, month: Month, *, now: datetime) -> list[drift.Compared]:
    """Every supplier's newest file of the month, beside its earlier ones."""
    with opened(home, month, now) as desk:
        return drift.compared(desk)


def accept_differences(
    home: Home,
    file: drift.Compared,
    *,
    principal: str,
    signature: str,
    note: str = "",
    now: datetime,
    watch: Watch = no_watch,
) -> bool:
    """Record that a person accepts how exactly this file differs from earlier ones; see `drift.accept`."""
    with working(home, Month.parse(file.month), now, watch) as desk:
        new = drift.accept(desk, file, principal=principal, signature=signature, note=note)
        closing.sign(desk)
        return new


def planned(home: Home, month: Month, *, now: datetime) -> list[Pair]:
    """Every list of the release that is asked about, always in the same order; none where there is none."""
    with opened(home, month, now) as desk:
        content = asked_pack(desk)
        return [] if content is None else list(read_release(content).deliveries)


def deliver(
    home: Home,
    month: Month,
    *,
    now: datetime,
    only: Collection[Pair] | None = None,
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


def overview(home: Home, *, now: datetime) -> list[dict[str, Any]]:
    """The state of every month that was begun, the oldest first.

    Of closed months before the newest only `month`, `state` and `waiting_for`: there may be many of them, and
    they wait for nothing.
    """
    with facts.opened_ledger(home) as ledger:
        closed = {entry.month for entry in ledger.entries(kinds={MonthClosed.kind})}
    months = begun(home)
    return [
        {"month": str(month), "state": "closed", "waiting_for": ""}
        if str(month) in closed and month != months[-1]
        else status(home, month, now=now)
        for month in months
    ]


def begun(home: Home) -> list[Month]:
    """Every month that the ledger knows, oldest first."""
    with facts.opened_ledger(home) as ledger:
        return [Month.parse(month) for month in ledger.months()]


def is_closed(home: Home, month: Month, *, now: datetime) -> bool:
    """Whether nothing is left to ask or to send."""
    with opened(home, month, now) as desk:
        return desk.closed


def pack_asked_about(home: Home, month: Month, *, now: datetime) -> tuple[bytes, str] | None:
    """The pack of the release that waits for a decision, or has one, and its digest."""
    with opened(home, month, now) as desk:
        asked = desk.recorded(ReleaseRequested)
        if not asked or not desk.staging.has(PACK):
            return None
        return desk.staging.get(PACK), asked[-1].pack_sha256


def missing_approvals(home: Home, month: Month, *, now: datetime) -> list[str]:
    """What the release still waits for, in words; raises Refused where it was refused."""
    with opened(home, month, now) as desk:
        return [one.words for one in approval.missing(desk)]


def deciders(home: Home, month: Month, *, way: str, now: datetime) -> list[Approver]:
    """Who may decide on the release that is asked about, in that way ("signature" or "airflow")."""
    with opened(home, month, now) as desk:
        return deciding.deciders(desk, way)


def still_asked(home: Home, month: Month, *, way: str, now: datetime) -> list[Approver]:
    """Of those, the people whose approval is still missing."""
    with opened(home, month, now) as desk:
        return deciding.still_asked(desk, way)


def decisions_by_record(home: Home, month: Month, *, now: datetime) -> pd.DataFrame:
    """record_id, agreement, outcome and reasons (codes, separated by ";"), for the data lead's own checks."""
    with opened(home, month, now) as desk:
        records = desk.staging.frame(BIRTHS)[["reference", "record_id"]]
        return pd.concat(
            [_by_record(desk, one.agreement.id, records) for one in desk.agreements], ignore_index=True
        )


@contextmanager
def working(
    home: Home, month: Month, now: datetime, watch: Watch = no_watch, as_of: datetime | None = None
) -> Iterator[Desk]:
    """A desk to work at; raises IntegrityError where the ledger, which every step trusts, was altered.

    Raises SettingsError where the key that signs it is lost.
    """
    custody.check_not_lost(home)
    with opened(home, month, now, watch, as_of) as desk:
        facts.check_trusted(desk)
        yield desk


@contextmanager
def opened(
    home: Home, month: Month, now: datetime, watch: Watch = no_watch, as_of: datetime | None = None
) -> Iterator[Desk]:
    """A desk that is cleared when the work is done."""
    desk = Desk(home, month, now, watch, as_of)
    try:
        yield desk
    finally:
        desk.close()


@contextmanager
def alone(home: Home, month: Month, now: datetime, watch: Watch = no_watch) -> Iterator[Desk]:
    """A desk to work at while nobody else works on this month."""
    with working(home, month, now, watch) as desk, _alone(desk):
        yield desk


# --- the order ------------------------------------------------------------------------------------


def _prepare(desk: Desk, last: int) -> Prepared | None:
    """Intake to release; None where `last` is the place of an earlier stage in STAGES."""
    with _alone(desk), reports.brought_at_the_end(desk):
        under_way = releasing.under_way(desk)
        if under_way is not None:
            return under_way
        kept.destroy_overdue(desk.home, desk.ledger, desk.clock)
        desk.record_signatures()
        _hear(desk)
        given = inputs.gather_inputs(desk)
        standing = releasing.standing(desk, given)
        if standing is not None:
            return standing
        with desk.stage("intake"):
            extracts = preparation.receive(desk, given)
            companion_files = companions.receive_answers(desk, given)
            counts = totals.receive_totals(desk, given)
        if last < STAGES.index("validation"):
            return None
        with desk.stage("validation"):
            births, rows = preparation.validate(desk, extracts)
            answers = companions.validate_answers(desk, companion_files)
            totals.reconcile_totals(desk, counts, births, rows, given)
        if last < STAGES.index("geography"):
            return None
        with desk.stage("geography"):
            births, placements = preparation.place(desk, births, given.places, given.reviews)
        if last < STAGES.index("consent"):
            return None
        with desk.stage("consent"):
            decisions = preparation.decide(desk, births, placements, answers)
        recalls.follow_up(desk)  # what the extract says of families that were shared before
        if last < STAGES.index("release"):
            return None
        with desk.stage("release"):
            return releasing.ask(desk, given, rows, decisions)


def _deliver(desk: Desk, only: Collection[Pair] | None = None) -> None:
    """Send every list of the approved release, or those asked for, side by side."""
    custody.check_seals(desk.home)
    with _together(desk), desk.stage("delivery"):
        planned = asked(desk)
        unknown = set(only or ()) - set(planned.deliveries)
        if unknown:
            codes = ", ".join(sorted(code for _, code in unknown))
            raise SettingsError("No list is planned for these recipients", where=codes)
        wanted = [pair for pair in outstanding(desk, planned) if only is None or pair in only]
        if not wanted:
            return
        _hear(desk)
        material = approval.approved(desk)
        _send_all(desk, material, wanted)


def _hear(desk: Desk) -> None:
    """Apply later words that wait, and call back what they are about; a notice's trouble holds no month back.

    Where a feed cannot be used, or a supplier's server cannot be reached, what the others said is followed up
    all the same. A machine that cannot open feeds makes sure that another has heard them.
    """
    try:
        if not custody.opens(desk.home):
            recalls.check_heard(desk)
            return
        unreached = fetching.problem_of(fetching.fetch(desk))
        changes.hear(desk)
        if unreached:
            raise unreached
    finally:
        recalls.follow_up(desk)


def _send_all(desk: Desk, material: approval.Approved, wanted: Collection[Pair]) -> None:
    """Send lists side by side. One recipient's trouble is told when all the others are done."""
    from pipeline.delivery.side_by_side import Task, side_by_side
    from pipeline.delivery.way import Lines

    gate, settings = dispatch.Gate(desk, material), desk.home.settings.delivery
    with Lines() as lines:
        tasks = [
            Task(
                code,
                desk.recipients[code].at_once if code in desk.recipients else 1,
                partial(dispatch.send, desk, material.agreements[name], code, material, gate, lines),
            )
            for name, code in wanted
        ]
        failures = side_by_side(
            tasks,
            settings,
            wait_for=desk.wait,
            done=lambda count: desk.watch("delivery", count, len(tasks)),
        )
    for failure in sorted(failures, key=lambda error: isinstance(error, BirthshareError)):
        if not isinstance(failure, NotAllDelivered):
            raise failure
    if failures:
        others = "The others are. " if len(failures) < len(tasks) else ""
        raise NotAllDelivered(
            one_to_a_line(
                f"{len(failures)} of {len(tasks)} lists are not delivered yet", sorted(map(str, failures))
            ),
            do=f"{others}Put this right and run {desk.month} again.",
        )


def _close(desk: Desk) -> None:
    with _alone(desk), desk.stage("account"):
        closing.balance(desk)
        closing.finish(desk)


def _finished(desk: Desk) -> bool:
    """Whether the books are closed; a close that was killed after that is taken to its end.

    A month whose working files were lost is ended without books.
    """
    if not desk.recorded(Balanced) and not desk.closed:
        return False
    with _alone(desk):
        closing.finish(desk)
    return True


def _by_record(desk: Desk, agreement: str, records: pd.DataFrame) -> pd.DataFrame:
    decided = desk.staging.frame(decisions_of(agreement)).merge(records, on="reference", validate="1:1")
    return pd.DataFrame(
        {
            "record_id": decided["record_id"],
            "agreement": agreement,
            "outcome": [Outcome(outcome).word for outcome in decided["outcome"]],
            "reasons": kept.codes(decided["reasons"]),
        }
    )


def _alone(desk: Desk) -> AbstractContextManager[None]:
    """Nobody else works on this month meanwhile."""
    return _locked(desk, fcntl.LOCK_EX)


def _together(desk: Desk) -> AbstractContextManager[None]:
    """Others may send lists of this month too, and nothing else; leases keep them apart."""
    return _locked(desk, fcntl.LOCK_SH)


@contextmanager
def _locked(desk: Desk, how: int) -> Iterator[None]:
    """The month's lock; it goes with the process, however that ends."""
    folder = desk.home.state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{desk.month}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"Another run is working on {desk.month}", do="Wait until it has finished.") from None
        yield
