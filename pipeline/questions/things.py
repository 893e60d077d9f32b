"""What a thing that waits for a person is: its kind, whose turn it is, and codes, days and counts beside it.

Its words are its kind's. So nothing that was read from a file, typed by somebody or said by a server can
stand in it, and none of it is about a family.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Self

from pipeline.agreements.words import on_day
from pipeline.records import Month
from pipeline.roles import Role


class Urgency(StrEnum):
    """When it should be seen to; as `pipeline.agreements.deadlines` says it of days."""

    NOW = "Now"
    LATE = "Late"  # its day is over; it stops nothing
    SOON = "Soon"
    IN_TIME = "In time"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(Urgency).index(self)


class Waits(StrEnum):
    """Every kind of thing that can wait for a person.

    With it, whose turn it is, how urgent it is where no day says so, its words, and the command for it.
    """

    role: Role
    urgency: Urgency
    wording: str
    command: str

    def __new__(cls, code: str, role: Role, urgency: Urgency, wording: str, command: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.role, member.urgency = role, urgency
        member.wording, member.command = wording, command
        return member

    LEDGER_DAMAGED = (
        "ledger_damaged", Role.IG_OFFICER, Urgency.NOW,
        "the ledger is damaged; nothing is sent before it is mended", "birthshare ledger verify",
    )  # fmt: skip
    NOT_READABLE = (
        "not_readable", Role.DATA_LEAD, Urgency.NOW,
        "part of this could not be looked at: {of}", "birthshare doctor",
    )  # fmt: skip
    RECALL_LATE = (
        "recall_late", Role.DATA_LEAD, Urgency.NOW,
        "{recipient} has not said that families are off its list; due {due}",
        "birthshare recalls show {recipient}",
    )  # fmt: skip
    NOTICE_UNDELIVERED = (
        "notice_undelivered", Role.DATA_LEAD, Urgency.NOW,
        "{recipient} has not got a notice, which may be a recall", "birthshare recalls show {recipient}",
    )  # fmt: skip
    FEED_REFUSED = (
        "feed_refused", Role.DATA_LEAD, Urgency.NOW,
        "a feed of {supplier} was refused, and may hold a death", "birthshare changes apply",
    )  # fmt: skip
    EXTRACT_REFUSED = (
        "extract_refused", Role.DATA_LEAD, Urgency.NOW,
        "the file of {supplier} for {month} was refused", "birthshare status {month}",
    )  # fmt: skip
    EXTRACT_LATE = (
        "extract_late", Role.DATA_LEAD, Urgency.LATE,
        "{month} waits for the files of {supplier}, which were due by {due}", "birthshare status {month}",
    )  # fmt: skip
    DRIFT = (
        "drift", Role.APPROVER, Urgency.NOW,
        "the file of {supplier} for {month} differs from earlier ones, and {month} has stopped",
        "birthshare intake changes {month}",
    )  # fmt: skip
    MONTH_STOPPED = (
        "month_stopped", Role.DATA_LEAD, Urgency.NOW, "{month} has stopped", "birthshare status {month}",
    )  # fmt: skip
    RELEASE_FIRST = (
        "release_first", Role.APPROVER, Urgency.NOW,
        "the release of {month} waits for approval under {agreement} (approvals missing: {count})",
        "birthshare release show {month}",
    )  # fmt: skip
    RELEASE_SECOND = (
        "release_second", Role.APPROVER, Urgency.NOW,
        "the release of {month} waits for another person's approval under {agreement} "
        "(approvals missing: {count})",
        "birthshare release show {month}",
    )  # fmt: skip
    DELIVERY = (
        "delivery", Role.DATA_LEAD, Urgency.NOW,
        "{recipient} has not got its list of {month}", "birthshare status {month}",
    )  # fmt: skip
    MONTH_TO_END = (
        "month_to_end", Role.DATA_LEAD, Urgency.NOW,
        "the working files of {month} are lost, and somebody must end it", "birthshare retention end {month}",
    )  # fmt: skip
    MONTH_TO_CLOSE = (
        "month_to_close", Role.DATA_LEAD, Urgency.SOON,
        "{month} is sent, and not closed", "birthshare run {month}",
    )  # fmt: skip
    WORKING_FILES_END = (
        "working_files_end", Role.DATA_LEAD, Urgency.SOON,
        "{month} is not finished, and its working files are destroyed after {due}", "birthshare run {month}",
    )  # fmt: skip
    POSTCODES = (
        "postcodes", Role.DATA_LEAD, Urgency.SOON,
        "postcodes of {month} wait for a person's decision", "birthshare geography review {month}",
    )  # fmt: skip
    UNCOLLECTED = (
        "uncollected", Role.DATA_LEAD, Urgency.LATE,
        "{recipient} is not known to have collected lists: {count}, the first due {due}",
        "birthshare receipts",
    )  # fmt: skip
    UNACKNOWLEDGED = (
        "unacknowledged", Role.DATA_LEAD, Urgency.LATE,
        "{recipient} has not acknowledged lists: {count}, the first due {due}", "birthshare receipts",
    )  # fmt: skip
    NOT_DESTROYED = (
        "not_destroyed", Role.IG_OFFICER, Urgency.LATE,
        "{recipient} has not said that it destroyed lists: {count}, the first due {due}",
        "birthshare receipts",
    )  # fmt: skip
    REPORT_UNDELIVERED = (
        "report_undelivered", Role.DATA_LEAD, Urgency.SOON,
        "{supplier} has not got the report on its rows", "birthshare intake report --send",
    )  # fmt: skip
    REGISTER_UNSIGNED = (
        "register_unsigned", Role.APPROVER, Urgency.SOON,
        "the register of recipients has changed (signatures missing: {count})", "birthshare recipients diff",
    )  # fmt: skip
    AREAS_UNSIGNED = (
        "areas_unsigned", Role.APPROVER, Urgency.NOW,
        "the reach areas have changed, and no month goes on before they are signed "
        "(signatures missing: {count})",
        "birthshare recipients diff",
    )  # fmt: skip
    KEY_ENDS = (
        "key_ends", Role.DATA_LEAD, Urgency.IN_TIME,
        "the key or password of {recipient} is good until {due}",
        "birthshare recipients password {recipient}",
    )  # fmt: skip
    SUPPLIER_KEY_ENDS = (
        "supplier_key_ends", Role.DATA_LEAD, Urgency.IN_TIME,
        "the key of {supplier} is good until {due}", "birthshare doctor",
    )  # fmt: skip
    OUR_KEY_ENDS = (
        "our_key_ends", Role.DATA_LEAD, Urgency.IN_TIME,
        "the key that suppliers seal for is good until {due}", "birthshare doctor",
    )  # fmt: skip
    APPROVER_KEY_ENDS = (
        "approver_key_ends", Role.DATA_LEAD, Urgency.IN_TIME,
        "an approver's key is good until {due}", "birthshare doctor",
    )  # fmt: skip
    AGREEMENT_SUSPENDED = (
        "agreement_suspended", Role.GUARDIAN, Urgency.NOW,
        "{agreement} is suspended, and nothing is shared under it", "birthshare agreement list",
    )  # fmt: skip
    AGREEMENT_STOPPED = (
        "agreement_stopped", Role.IG_OFFICER, Urgency.NOW,
        "{agreement} does not stand any more, and nothing is shared under it", "birthshare agreement list",
    )  # fmt: skip
    AGREEMENT_UNSIGNED = (
        "agreement_unsigned", Role.GUARDIAN, Urgency.IN_TIME,
        "{agreement} is not signed by all, and nothing is shared under it (signatures missing: {count})",
        "birthshare agreement list",
    )  # fmt: skip
    AGREEMENT_REVIEW = (
        "agreement_review", Role.IG_OFFICER, Urgency.IN_TIME,
        "{agreement} must be reviewed by {due}, or it stops", "birthshare agreement list",
    )  # fmt: skip
    AGREEMENT_EXPIRY = (
        "agreement_expiry", Role.IG_OFFICER, Urgency.IN_TIME,
        "{agreement} expires after {due}", "birthshare agreement list",
    )  # fmt: skip
    RETENTION = (
        "retention", Role.DATA_LEAD, Urgency.SOON,
        "things that only a person may destroy ({of}: {count})", "birthshare retention",
    )  # fmt: skip
    DIRECTORY_OLD = (
        "directory_old", Role.DATA_LEAD, Urgency.SOON,
        "the postcode directory is old, or does not say how old it is", "birthshare geography build",
    )  # fmt: skip
    PLACE_NOT_REACHED = (
        "place_not_reached", Role.IG_OFFICER, Urgency.SOON,
        "the place {of} has not got the newest checkpoint of the ledger", "birthshare ledger check",
    )  # fmt: skip
    WITNESS_LATE = (
        "witness_late", Role.IG_OFFICER, Urgency.LATE,
        "no witness has countersigned the ledger for too long", "birthshare ledger check",
    )  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """One thing that waits for a person."""

    kind: Waits
    urgency: Urgency
    since: date | None = None  # that it waits, as far as that is known
    due: date | None = None
    count: int = 0  # of lists, files, approvals or signatures; never of families
    month: str = ""
    recipient: str = ""  # this and the next three: codes
    agreement: str = ""  # with its version
    supplier: str = ""
    of: str = ""  # the name of a place outside, of a class of data, or of what could not be looked at

    @property
    def name(self) -> str:
        """By which it is known again on another day."""
        codes = (self.kind, self.month, self.recipient, self.agreement, self.supplier, self.of)
        return " ".join(code for code in codes if code)

    @property
    def role(self) -> Role:
        """Whose turn it is."""
        return self.kind.role

    @property
    def words(self) -> str:
        """What waits, without a full stop."""
        month = Month.parse(self.month).in_full if self.month else ""
        return self._filled(self.kind.wording, month=month)

    @property
    def command(self) -> str:
        """The command that does it, or says what to do."""
        return self._filled(self.kind.command)

    def _filled(self, words: str, **instead: str) -> str:
        codes = {name: value for name, value in vars(self).items() if isinstance(value, str | int)}
        return words.format(**codes | {"due": on_day(self.due) if self.due else ""} | instead)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        codes = ("month", "recipient", "agreement", "supplier", "of")
        return {
            "kind": str(self.kind),
            "role": str(self.role),
            "urgency": str(self.urgency),
            "since": self.since.isoformat() if self.since else "",
            "due": self.due.isoformat() if self.due else "",
            "count": self.count,
            **{name: getattr(self, name) for name in codes if getattr(self, name)},
            "words": self.words,
            "command": self.command,
        }
