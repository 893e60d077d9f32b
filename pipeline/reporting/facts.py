"""What a month's page is made from: counts, codes and digests, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from pipeline.errors import IntegrityError
from pipeline.reasons import Outcome, Reason
from pipeline.records import Month

Said = Mapping[str, Any]  # as it comes out of the ledger's questions
Fact = TypeVar("Fact")

DELIVERED, FORGONE = "delivered", "forgone"

_COUNTED = {
    "received": "rows received",
    "recipient": "households for {code}",
    "file": "days from the month's end until {code} signed its file",
    "area_births": "births in the area of {code}",
    "area_consented": "births in the area of {code} that may be shared by the parents' word",
    "area_shared": "births in the area of {code} that were shared",
}
_WHERE_TO_LOOK = "Run `birthshare ledger verify`, and report this."


@dataclass(frozen=True)
class ReasonCount:
    """How many rows one reason is true of."""

    code: str
    wording: str
    outcome: Outcome
    rows: int


@dataclass(frozen=True)
class AgreementFacts:
    """What was decided under one agreement; rows of the extract."""

    id: str
    received: int
    quarantined: int
    duplicates: int
    withheld: int
    held: int
    shared: int
    reasons: tuple[ReasonCount, ...]  # a row may have several, so they do not add up to the rows

    @property
    def accounted(self) -> int:
        """Rows that are accounted for; in balanced books all that were received."""
        return self.quarantined + self.duplicates + self.withheld + self.held + self.shared

    @property
    def balanced(self) -> bool:
        """Whether every row received is accounted for once."""
        return self.accounted == self.received


@dataclass(frozen=True)
class StepFacts:
    """One thing that a recipient does with a list: when it did, or by when it should."""

    done: date | None
    due: date | None
    late: bool


@dataclass(frozen=True)
class ReceiptFacts:
    """What has become of a list since it was delivered."""

    delivered: date | None
    collected: StepFacts
    acknowledged: StepFacts
    destroyed: StepFacts
    removed: date | None  # by us, from the recipient's folder
    removed_unseen: bool  # and nobody ever said that they had it

    @property
    def late(self) -> bool:
        """Whether its recipient should have done something by now."""
        return any(step.late for step in (self.collected, self.acknowledged, self.destroyed))


@dataclass(frozen=True)
class CalledBackFacts:
    """Rows of a list that its recipient was, or is to be, asked to take off it."""

    rows: int
    open: int  # not said to be off
    due: date | None  # for the first of these
    late: bool


@dataclass(frozen=True)
class RecipientFacts:
    """One list: how many households, the sealed file and what became of it."""

    code: str
    agreement: str
    households: int
    file: str
    sha256: str
    state: str
    problem: str  # code of what went wrong at the last try, or ""
    receipt: ReceiptFacts | None  # once it is delivered
    called_back: CalledBackFacts | None  # where anything was
    children: int | None = None  # once it may leave

    @property
    def late(self) -> bool:
        """Whether its recipient should have done something by now."""
        back = self.called_back
        return bool(self.receipt and self.receipt.late) or bool(back and back.late)


@dataclass(frozen=True)
class ApprovalFacts:
    """One recorded decision of a person about the release."""

    principal: str
    approve: bool
    way: str
    at: str  # ISO 8601
    note: str  # blank while others still decide without it
    pack_sha256: str  # which release it was about


@dataclass(frozen=True)
class LedgerFacts:
    """How the ledger stood."""

    entries: int
    root: str
    verified: bool


@dataclass(frozen=True)
class PastFacts:
    """One month of the history; what has no books yet has no counts."""

    month: str
    state: str  # closed, open or ended
    received: int | None
    agreements: Mapping[str, Mapping[str, int]]  # by id: shared, held, withheld and more
    areas: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    # by agreement and recipient: births, consented, shared, rounded


@dataclass(frozen=True)
class ComparedFacts:
    """One count beside what it was in earlier months."""

    agreement: str  # "": of the whole month
    what: str
    code: str  # of the reason, recipient or supplier, or ""
    now: int
    before: int | None  # in the month before
    median: float | None
    least: int | None
    most: int | None
    unusual: bool

    @property
    def words(self) -> str:
        """What is counted."""
        if self.what == "reason":
            return next((one.wording for one in Reason if one == self.code), self.code)
        return _COUNTED.get(self.what, self.what).format(code=self.code)

    @property
    def range(self) -> str:
        """From where to where it was before."""
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(frozen=True)
class AreaFacts:
    """The births of the month in one recipient's area, each count beside earlier months."""

    code: str
    births: ComparedFacts
    consented: ComparedFacts  # may be shared, by the parents' word
    shared: ComparedFacts

    @property
    def counts(self) -> tuple[ComparedFacts, ...]:
        """All three."""
        return self.births, self.consented, self.shared


@dataclass(frozen=True, eq=False)
class MapFacts:
    """The areas of one network as tiles of a map; see `pipeline.reporting.maps.area_map`.

    Only itself is equal to it: what is drawn of it is drawn once.
    """

    tiles: Mapping[tuple[int, int], str]
    side: int  # of a tile, in metres
    year: int  # of the postcode directory
    within: Mapping[str, str] = field(
        default_factory=dict
    )  # by recipient, the locality most of its area is in


@dataclass(frozen=True)
class HistoryFacts:
    """This month beside earlier ones."""

    months: tuple[PastFacts, ...] = ()  # oldest first, this month last
    compared_with: int = 0  # earlier months with books
    fewest: int = 0  # it takes so many to call anything usual
    compared: tuple[ComparedFacts, ...] = ()

    @property
    def unusual(self) -> tuple[ComparedFacts, ...]:
        """The counts that are out of the ordinary."""
        return tuple(one for one in self.compared if one.unusual)

    def of(self, agreement: str, what: str) -> tuple[ComparedFacts, ...]:
        """The counts of one kind under an agreement ("": of the whole month)."""
        return self._by_kind.get((agreement, what), ())

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], tuple[ComparedFacts, ...]]:
        found: dict[tuple[str, str], list[ComparedFacts]] = {}
        for one in self.compared:
            found.setdefault((one.agreement, one.what), []).append(one)
        return {kind: tuple(counts) for kind, counts in found.items()}

    def areas(self, agreement: str) -> tuple[AreaFacts, ...]:
        """Each recipient's area under an agreement; none where none were counted this month."""
        if not self.months or agreement not in self.months[-1].areas:
            return ()
        known = {
            what: {one.code: one for one in self.of(agreement, f"area_{what}")}
            for what in ("births", "consented", "shared")
        }
        return tuple(
            AreaFacts(code, *(known[what][code] for what in known)) for code in sorted(known["births"])
        )

    def reason(self, agreement: str, code: str) -> ComparedFacts | None:
        """How many rows one reason is usually true of."""
        return next((one for one in self.of(agreement, "reason") if one.code == code), None)


@dataclass(frozen=True)
class FileFacts:
    """A file of a supplier's that was used."""

    what: str  # extract, answers or totals
    supplier: str
    signed: date  # or first seen, where nobody signed it
    opened: date
    rows: int
    is_signed: bool = True


@dataclass(frozen=True)
class RefusedFacts:
    """A file of a supplier's that was refused."""

    supplier: str
    problem: str  # code
    on: date


@dataclass(frozen=True)
class FailedFacts:
    """A list that did not get there at some try."""

    agreement: str
    recipient: str
    times: int
    problem: str  # code, of the last time
    first: date
    delivered: date | None  # in the end


@dataclass(frozen=True)
class ForgoneFacts:
    """A list that the month ends without."""

    agreement: str
    recipient: str
    principal: str
    note: str
    on: date


@dataclass(frozen=True)
class AcceptedFacts:
    """What somebody accepted: how a supplier's file differs from its earlier ones."""

    supplier: str
    dataset: str
    about: tuple[str, ...]
    principal: str
    note: str
    on: date


@dataclass(frozen=True)
class PlacedFacts:
    """By which directory and which reach areas homes were placed."""

    network: str
    release: str  # of the directory, in words; "" where nobody knows
    directory_sha256: str
    reach_sha256: str
    agreed_by: tuple[str, ...]  # who signed the reach areas
    agreed: date | None
    repaired: int  # births whose postcode was repaired
    reviewed: int  # births that are where a person put their postcode


@dataclass(frozen=True)
class ReviewedFacts:
    """What a person decided for one postcode."""

    network: str
    recipient: str  # "": nobody
    principal: str
    note: str
    on: date


@dataclass(frozen=True)
class CourseFacts:
    """How the month went."""

    files: tuple[FileFacts, ...] = ()
    refused: tuple[RefusedFacts, ...] = ()
    accepted: tuple[AcceptedFacts, ...] = ()
    failed: tuple[FailedFacts, ...] = ()
    forgone: tuple[ForgoneFacts, ...] = ()
    placed: tuple[PlacedFacts, ...] = ()
    reviewed: tuple[ReviewedFacts, ...] = ()


@dataclass(frozen=True)
class MonthFacts:
    """Everything that a month's page says."""

    month: str
    authority: str
    agreements: tuple[AgreementFacts, ...]
    recipients: tuple[RecipientFacts, ...]
    approvals: tuple[ApprovalFacts, ...]
    ledger: LedgerFacts
    checkpoint: str  # the signed note, or "" before the month is closed
    waiting_for: str  # in words, or "" where nothing is
    balance_recorded: bool  # the ledger says that the books balanced, which it does at the end
    ended: bool  # closed without that, since its working files were lost
    demonstration: bool
    receipts_to: int  # the number of the newest entry about what became of the lists
    course: CourseFacts
    history: HistoryFacts
    reconciled: tuple[str, ...] = ()  # each supplier's own count beside its extract, in words
    names: Mapping[str, str] = field(default_factory=dict)  # of recipients, by code

    @property
    def balanced(self) -> bool:
        """Whether the sums on the page agree under every agreement."""
        return all(agreement.balanced for agreement in self.agreements)

    @property
    def delivered(self) -> tuple[RecipientFacts, ...]:
        """The lists that have been found at their recipients."""
        return tuple(one for one in self.recipients if one.state == DELIVERED)

    @property
    def undelivered(self) -> tuple[RecipientFacts, ...]:
        """The lists that have not, and are not left out."""
        return tuple(one for one in self.recipients if one.state not in (DELIVERED, FORGONE))

    @property
    def sent(self) -> tuple[tuple[RecipientFacts, ReceiptFacts], ...]:
        """The lists that were delivered, with what has become of them since."""
        return tuple((one, one.receipt) for one in self.recipients if one.receipt is not None)

    @property
    def late(self) -> tuple[RecipientFacts, ...]:
        """The lists of which something is overdue."""
        return tuple(one for one, _ in self.sent if one.late)

    @property
    def called_back(self) -> int:
        """Rows that were called back and are not known to be off their list."""
        return sum(one.called_back.open for one in self.recipients if one.called_back)

    @property
    def awaited(self) -> int:
        """The lists of which their recipients have not said yet that they have them."""
        return sum(not (one.acknowledged.done or one.destroyed.done or one.removed) for _, one in self.sent)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> MonthFacts:
        """From a month's state, the JSON of `birthshare run` and `status`.

        Required are month, received, quarantined, duplicates, agreements, recipients, balanced and
        ledger. Read where they are there: authority, state, demonstration, approvals, checkpoint,
        waiting_for, receipts_to, course, history, totals, a recipient's children, problem, receipt and
        called_back, and an agreement's own received, quarantined and duplicates. Raises IntegrityError where
        a required key is missing, or a reason is unknown.
        """
        try:
            return _facts(state)
        except KeyError as error:
            missing = str(error.args[0])
        raise IntegrityError("The month's state is not complete", where=missing, do=_WHERE_TO_LOOK)


def _facts(state: Mapping[str, Any]) -> MonthFacts:
    return MonthFacts(
        month=state["month"],
        authority=state.get("authority", ""),
        agreements=tuple(_agreement(state, name) for name in state["agreements"]),
        recipients=tuple(_recipient(one) for one in state["recipients"]),
        approvals=tuple(_approval(one) for one in state.get("approvals", ())),
        ledger=LedgerFacts(*(state["ledger"][key] for key in ("entries", "root", "verified"))),
        checkpoint=state.get("checkpoint") or "",
        waiting_for=state.get("waiting_for") or "",
        balance_recorded=state["balanced"] is True,
        ended=state.get("state") == "closed" and state["balanced"] is not True,
        demonstration=bool(state.get("demonstration", False)),
        receipts_to=state.get("receipts_to", 0),
        course=_course(state.get("course", {})),
        history=_history(state.get("history", {})),
        reconciled=tuple(one["words"] for one in state.get("totals", ())),
        names={one["code"]: one["name"] for one in state["recipients"] if one.get("name")},
    )


def _course(one: Said) -> CourseFacts:
    """As `pipeline.looking_back.course` gives it."""
    return CourseFacts(
        files=_each(_file, one, "files"),
        refused=_each(_refused, one, "refused"),
        failed=_each(_failed, one, "failed"),
        accepted=_each(_accepted, one, "accepted"),
        forgone=_each(_forgone, one, "forgone"),
        placed=_each(_placed, one, "placed"),
        reviewed=_each(_reviewed, one, "reviewed"),
    )


def _each(read: Callable[[Said], Fact], course: Said, name: str) -> tuple[Fact, ...]:
    return tuple(map(read, course.get(name, ())))


def _file(said: Said) -> FileFacts:
    return FileFacts(
        said["what"],
        said["supplier"],
        _on(said["signed_at"]),
        _on(said["opened_at"]),
        said["rows"],
        said.get("signed", True),
    )


def _refused(said: Said) -> RefusedFacts:
    return RefusedFacts(said["supplier"], said["problem"], _on(said["at"]))


def _failed(said: Said) -> FailedFacts:
    return FailedFacts(
        **{key: said[key] for key in ("agreement", "recipient", "times", "problem")},
        first=_on(said["first_at"]),
        delivered=_day(said["delivered_at"]),
    )


def _accepted(said: Said) -> AcceptedFacts:
    return AcceptedFacts(
        **{key: said[key] for key in ("supplier", "dataset", "principal", "note")},
        about=tuple(said["about"]),
        on=_on(said["at"]),
    )


def _forgone(said: Said) -> ForgoneFacts:
    who = {key: said[key] for key in ("agreement", "recipient", "principal", "note")}
    return ForgoneFacts(**who, on=_on(said["at"]))


def _placed(said: Said) -> PlacedFacts:
    return PlacedFacts(
        **{key: said[key] for key in ("network", "directory_sha256", "reach_sha256")},
        release=_release(said["product"], said["released"]),
        agreed_by=tuple(said["agreed_by"]),
        agreed=_day(said["agreed_at"]),
        repaired=said["statuses"].get("placed_repaired", 0),
        reviewed=said["statuses"].get("placed_reviewed", 0),
    )


def _reviewed(said: Said) -> ReviewedFacts:
    who = {key: said[key] for key in ("network", "recipient", "principal", "note")}
    return ReviewedFacts(**who, on=_on(said["at"]))


def _release(product: str, released: str) -> str:
    """A release of the postcode directory: ONSPD of August 2026; "" where its month is not known."""
    return f"{product or 'directory'} of {Month.parse(released).in_full}" if released else product


def _history(one: Mapping[str, Any]) -> HistoryFacts:
    """As `pipeline.looking_back.history` gives it."""
    months = [
        PastFacts(
            **{key: past[key] for key in ("month", "state", "received", "agreements")},
            areas=past.get("areas", {}),
        )
        for past in one.get("months", ())
    ]
    compared = [ComparedFacts(**row) for row in one.get("compared", ())]
    return HistoryFacts(tuple(months), one.get("compared_with", 0), one.get("fewest", 0), tuple(compared))


def _agreement(state: Mapping[str, Any], name: str) -> AgreementFacts:
    own = state["agreements"][name]
    of_the_month = ("received", "quarantined", "duplicates")
    return AgreementFacts(
        id=name,
        reasons=reason_counts(own["reasons"]),
        **{column: own[column] if column in own else state[column] for column in of_the_month},
        **{column: own[column] for column in ("withheld", "held", "shared")},
    )


def reason_counts(counts: Mapping[str, int]) -> tuple[ReasonCount, ...]:
    """Counts with the reasons' wording, most rows first. Raises IntegrityError for an unknown code."""
    unknown = counts.keys() - {str(reason) for reason in Reason}
    if unknown:
        raise IntegrityError("A reason is not one of the specification's", where=", ".join(sorted(unknown)))
    known = [
        ReasonCount(str(reason), reason.wording, reason.outcome, counts[reason])
        for reason in Reason
        if counts.get(reason)
    ]
    return tuple(sorted(known, key=lambda reason: -reason.rows))


def _recipient(one: Mapping[str, Any]) -> RecipientFacts:
    stated = {key: one[key] for key in ("code", "agreement", "households", "file", "sha256", "state")}
    receipt, back = one.get("receipt"), one.get("called_back")
    return RecipientFacts(
        **stated,
        problem=one.get("problem", ""),
        children=one.get("children"),
        receipt=_receipt(receipt) if receipt else None,
        called_back=CalledBackFacts(back["rows"], back["open"], _day(back["due"]), back["overdue"])
        if back
        else None,
    )


def _receipt(one: Mapping[str, Any]) -> ReceiptFacts:
    """A receipt as `pipeline.afterwards.sent` gives it; its moments are London's, so their days are too."""

    def step(when: str, clock: str) -> StepFacts:
        return StepFacts(_day(one[when]), _day(one["due"].get(clock, "")), clock in one["overdue"])

    return ReceiptFacts(
        delivered=_day(one["delivered_at"]),
        collected=step("collected_at", "collection"),
        acknowledged=step("acknowledged_at", "acknowledgement"),
        destroyed=step("destroyed_at", "destruction"),
        removed=_day(one["removed_at"]),
        removed_unseen=one["state"] == "removed",
    )


def _day(written: str) -> date | None:
    return _on(written) if written else None


def _on(written: str) -> date:
    return date.fromisoformat(written[:10])


def _approval(one: Mapping[str, Any]) -> ApprovalFacts:
    stated = {key: one[key] for key in ("principal", "approve", "way", "at")}
    return ApprovalFacts(**stated, **{key: one.get(key, "") for key in ("note", "pack_sha256")})
