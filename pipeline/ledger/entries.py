"""What the ledger can record: each kind of entry, its wording, and exactly what its body may say.

A body holds codes, counts, digests, signatures and keyed references, and nothing else: a ledger
is never corrected, so a name written into it would stay for ever. Unknown kinds and unknown keys
are refused. `schemas/ledger_entry.schema.json` is generated from here.

Whom an entry is about is not in the entry itself, which only commits to it: HMAC-SHA-256, under a random
salt of its own, of the keyed references. Salt and references, the *opening*, are kept beside the ledger and
can be destroyed; every hash, proof and checkpoint stays good. The oldest entries say their references
openly.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from json.encoder import encode_basestring_ascii as _quoted
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)

from pipeline.errors import BirthshareError, IntegrityError, SettingsError
from pipeline.home import Code, Strict
from pipeline.reasons import Reason
from pipeline.records import Month
from pipeline.wording import LIKE_AN_IDENTIFIER, Worded

NOTE_LENGTH = 200

_LIKE_AN_IDENTIFIER = re.compile(f"[0-9]{{{LIKE_AN_IDENTIFIER}}}")


def _no_identifier(text: str) -> str:
    if _LIKE_AN_IDENTIFIER.search(text):
        raise ValueError("must not hold nine or more digits in a row")
    return text


def check_note(text: str) -> str:
    """An approver's note, as it may be recorded; raises SettingsError where it may not.

    One line, at most NOTE_LENGTH characters, no digit and no "@": so no NHS number, date,
    postcode, house number or mail address can be recorded for ever. A name cannot be recognised
    by a program: whoever asks for the note must say that names do not belong in it.
    """
    numeric = any(character.isnumeric() for character in text)
    if numeric or "@" in text or not text.isprintable() or len(text) > NOTE_LENGTH:
        raise SettingsError(
            "That note cannot be recorded",
            where="note",
            do=f"Write one line of at most {NOTE_LENGTH} characters, without digits, addresses or names.",
        )
    return text


Count = Annotated[int, Field(ge=0)]
Ordinal = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MaybeSha256 = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]
MonthWritten = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
ListReference = Annotated[str, StringConstraints(pattern=r"^([A-Z0-9]{5}-[A-Z0-9]{5})?$")]  # of a list's row
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40,64}$")]
Sketch = Annotated[str, StringConstraints(pattern=r"^(([0-9a-f]{2}|--){64})?$")]
Subject = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]  # see records.keyed_references
Name = Annotated[Code, AfterValidator(_no_identifier)]  # of an agreement, a supplier, a recipient
Word = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.:/'-]{0,80}$"), AfterValidator(_no_identifier)
]
Principal = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@-]{0,100}$"), AfterValidator(_no_identifier)
]
FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$"), AfterValidator(_no_identifier)
]
SshSignature = Annotated[
    str,
    StringConstraints(
        pattern=r"^(-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=]+\n)+-----END SSH SIGNATURE-----\n?)?$"
    ),
]
GssCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{8}$")]  # of an area
Note = Annotated[str, AfterValidator(check_note)]
Counts = dict[Word, Count]
Books = dict[Name, dict[Name, dict[Word, Count]]]  # agreement, supplier, column of the books


class Kind(Worded):
    """Every kind of entry, in the order of a month, with what it says to a reader."""

    AGREEMENT_SIGNED = "agreement_signed", "a role's signature on an agreement was seen for the first time"
    AGREEMENT_SUSPENDED = "agreement_suspended", "an agreement was suspended; that version never runs again"
    AGREEMENT_PREVIEWED = "agreement_previewed", "a proposed agreement was replayed on past months"
    REACH_PREVIEWED = "reach_previewed", "proposed reach areas were tried on past months"
    SUBJECT_KEY_USED = "subject_key_used", "the key of all keyed references was used for the first time"
    SUPPRESSION_RECORDED = "suppression_recorded", "a later word about a subject was recorded"
    CHANGES_APPLIED = "changes_applied", "a list of later words about families was read and recorded"
    ANSWERS_RECEIVED = "answers_received", "a companion file of parents' answers was opened"
    EXTRACT_RECEIVED = "extract_received", "an extract was opened, and its signer verified if it needs one"
    EXTRACT_REFUSED = "extract_refused", "an extract was refused"
    FILE_FETCHED = "file_fetched", "a supplier's sealed file was brought from the place where it waited"
    FINGERPRINTED = "fingerprinted", "what a supplier's file looks like was recorded, in counts"
    DRIFT_ACCEPTED = "drift_accepted", "a person accepted that a supplier's file differs from earlier ones"
    TOTALS_RECEIVED = "totals_received", "a companion file of counts was opened"
    REPORT_PERMITTED = "report_permitted", "leave was given for a sealed report to go to its supplier"
    REPORT_DELIVERED = "report_delivered", "a supplier's report arrived"
    VALIDATED = "validated", "an extract's rows were checked, and rows that broke a rule quarantined"
    DIRECTORY_BUILT = "directory_built", "the postcode directory was built from a published release"
    PLACED = "placed", "the births were placed on reach areas"
    POSTCODES_SHOWN = "postcodes_shown", "a person was shown postcodes that wait for somebody to decide"
    POSTCODE_REVIEWED = "postcode_reviewed", "a person decided which recipient serves one postcode"
    DECIDED = "decided", "every birth was decided under an agreement"
    DECISIONS_KEPT = "decisions_kept", "coded decisions were kept, encrypted, for later previews"
    KEPT_DESTROYED = "kept_destroyed", "decisions kept for previews were destroyed when their time was up"
    FAMILY_LOOKED_UP = "family_looked_up", "a person asked what was decided about one family"
    RELEASE_REQUESTED = "release_requested", "people were asked to release the month"
    RELEASE_APPROVED = "release_approved", "a person approved the release"
    RELEASE_REFUSED = "release_refused", "a person refused the release"
    PERMIT = "permit", "leave was given for one sealed list to go to one recipient"
    DISCLOSURE = "disclosure", "a child is on a permitted list"
    PUBLISHING = "publishing", "a list was about to appear at its recipient"
    PERMIT_ANNULLED = "permit_annulled", "a permit was annulled before its list was delivered"
    DELIVERED = "delivered", "a list arrived, and what arrived is what was sealed"
    DELIVERY_FAILED = "delivery_failed", "a list could not be delivered"
    LIST_FORGONE = "list_forgone", "a person decided that the month ends without one list"
    RECALL_RAISED = "recall_raised", "a family on a list that went out must be taken off it by its recipient"
    NOTICE = "notice", "leave was given for one sealed notice to go to one recipient"
    COLLECTED = "collected", "a list or notice is no longer where it was put: its recipient took it"
    ACKNOWLEDGED = "acknowledged", "a recipient said that it has a list, or did what a notice asks"
    DESTRUCTION_ATTESTED = "destruction_attested", "a recipient said that it destroyed a list"
    FILE_REMOVED = "file_removed", "a sealed file of ours was removed from a recipient's folder"
    OVERDUE = "overdue", "what a recipient should have done by a certain day was not done"
    REGISTER_AGREED = "register_agreed", "the register of recipients was signed by the persons it needs"
    PASSWORD_MADE = "password_made", "a new password was made for a recipient"
    DATA_DESTROYED = "data_destroyed", "files or keys were destroyed when their time was up"
    FAMILY_ERASED = "family_erased", "what was kept about one family was destroyed"
    RETENTION_CHECKED = "retention_checked", "what is kept was compared with what may be kept"
    OPENINGS_DESTROYED = "openings_destroyed", "what told whom earlier entries are about was destroyed"
    LEDGER_CHECKED = "ledger_checked", "the whole ledger was read again and found sound"
    CHECKPOINT_WITNESSED = "checkpoint_witnessed", "another organisation countersigned a checkpoint"
    EVIDENCE_GIVEN = "evidence_given", "a person took evidence from the ledger to show it to others"
    AREAS_COUNTED = "areas_counted", "each recipient's births, permitted and shared, were counted and rounded"
    BALANCED = "balanced", "the month's books were computed and balance"
    STAGING_DESTROYED = "staging_destroyed", "the month's working files and their key were destroyed"
    MONTH_CLOSED = "month_closed", "the month was closed"


class Body(Strict):
    """What one kind of entry says; raises IntegrityError, with the field's name alone, for anything else."""

    kind: ClassVar[Kind]

    @model_validator(mode="wrap")
    @classmethod
    def _say_no_value(cls, content: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        # pydantic's own error names keys that it was given, and a key could be anything.
        try:
            return validate(content)
        except ValidationError as error:
            places = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        fields = sorted(places & set(cls.model_fields)) or ["unknown key"]
        raise IntegrityError(
            "The ledger cannot record this",
            where=f"{cls.kind}: {', '.join(fields)}",
            do="Nothing was recorded.",
        )


class AboutSubject(Body):
    """What is about somebody: as it is made and read it says whom, as it is recorded it commits to that.

    Where the opening was destroyed, what is read has its commitment, and blanks for whom it is about.
    """

    subjects: ClassVar[tuple[str, ...]]  # the fields that are committed to; the first is never blank
    commitment: MaybeSha256 = ""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.commitment and not getattr(self, self.subjects[0]):
            where = f"{self.kind}: {self.subjects[0]}"
            raise IntegrityError("An entry must say whom it is about", where=where)
        return self


class AgreementSigned(Body):
    """A role's signature over exactly the content with this digest."""

    kind = Kind.AGREEMENT_SIGNED
    agreement: Name
    version: Ordinal
    digest: Sha256
    role: Word
    principal: Principal
    signature_sha256: Sha256
    preview_sha256: MaybeSha256 = ""  # of the newest preview of this content; blank where there was none


class AgreementSuspended(Body):
    """Who stopped which version; without a signature where only the file of a suspension was found."""

    kind = Kind.AGREEMENT_SUSPENDED
    agreement: Name
    version: Ordinal
    digest: Sha256
    role: Word
    principal: Principal | Literal[""] = ""
    signature: SshSignature = Field(default="", repr=False)
    note: Note = ""


class AgreementPreviewed(Body):
    """Which content was replayed on which past months, and the digest of what that showed."""

    kind = Kind.AGREEMENT_PREVIEWED
    agreement: Name
    version: Ordinal
    digest: Sha256
    months: tuple[MonthWritten, ...]
    preview_sha256: Sha256


class ReachPreviewed(Body):
    """Which reach areas, as they would be on a day, were tried on which past months, and what that showed."""

    kind = Kind.REACH_PREVIEWED
    areas_sha256: Sha256  # of all the proposed files together
    on: date
    months: tuple[MonthWritten, ...]
    preview_sha256: Sha256


class SubjectKeyUsed(Body):
    """A check value of the key, by which another key is noticed; it tells nothing about the key."""

    kind = Kind.SUBJECT_KEY_USED
    check: Sha256


def _is_word_about_subject(text: str) -> str:
    if text not in {"death_removed", "delivered", *Reason}:
        raise ValueError("must be a reason code, death_removed or delivered")
    return text


class SuppressionRecorded(AboutSubject):
    """A later word about a child, a parent or a dwelling; `since` is blank where it is not known."""

    kind = Kind.SUPPRESSION_RECORDED
    subjects = ("subject",)
    subject: Subject | Literal[""] = ""
    word: Annotated[Word, AfterValidator(_is_word_about_subject)]
    since: Annotated[
        str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})?$")
    ]


class ChangesApplied(Body):
    """Which list was read, who vouches for it, and how many words of each kind it held.

    A supplier's feed is signed by its key; the authority's own list is vouched for by a person. Where neither
    is there, it is a feed that nobody had signed, as that supplier's settings allow, and that was first seen
    when `signed_at` says.
    """

    kind = Kind.CHANGES_APPLIED
    source: Name  # the supplier, or "authority"
    sha256: Sha256  # of the sealed feed as it came; the authority's own list, which is not sealed: keyed
    signer: Fingerprint | Literal[""] = ""
    signed_at: AwareDatetime | None = None
    principal: Principal | Literal[""] = ""
    rows: Count
    words: Counts
    unusable: Count  # rows that name nobody we could know

    @model_validator(mode="after")
    def _somebody_vouches(self) -> ChangesApplied:
        if bool(self.principal) == (self.signed_at is not None) or (self.principal and self.signer):
            raise IntegrityError("A list of changes needs a supplier or a person", where=self.kind)
        return self


class AnswersReceived(Body):
    """Which companion file was opened, who had signed it and when, and how many answers it held."""

    kind = Kind.ANSWERS_RECEIVED
    supplier: Name
    sealed_sha256: Sha256
    signer: Fingerprint | Literal[""]
    signed_at: AwareDatetime
    rows: Count
    unusable: Count  # rows that name nobody we could know


class ExtractReceived(Body):
    """Which sealed file was opened, who had signed it and when, and how many rows it held.

    Without a signer nobody had signed it, as that supplier's settings allow; it was then first seen when
    `signed_at` says.
    """

    kind = Kind.EXTRACT_RECEIVED
    supplier: Name
    sealed_sha256: Sha256
    signer: Fingerprint | Literal[""]
    signed_at: AwareDatetime
    rows: Count


class ExtractRefused(Body):
    """Which sealed file was refused, and the code of the problem."""

    kind = Kind.EXTRACT_REFUSED
    supplier: Name
    sealed_sha256: Sha256
    problem: Word


class Validated(Body):
    """Rows received, accepted, and quarantined by rule; one row can break several rules."""

    kind = Kind.VALIDATED
    supplier: Name
    sealed_sha256: Sha256  # of the extract
    rows: Count
    accepted: Count
    quarantined: Counts
    warned: Counts = {}  # accepted rows, by rule whose breach is no reason to set a row aside
    results_sha256: MaybeSha256 = ""  # of the results of the suite of checks, as the outbox keeps them


class FileFetched(Body):
    """Which sealed file was brought into the inbox, or found there, and what is done with it where it waited.

    One that nobody signed counts as of this entry.
    """

    kind = Kind.FILE_FETCHED
    supplier: Name
    sealed_sha256: Sha256
    size: Count  # bytes
    afterwards: Literal["archived", "removed", "found"]  # found: it lay in the inbox already
    signature_sha256: MaybeSha256 = ""  # of the signature that came beside it


class Fingerprinted(Body):
    """What a supplier's file looks like, in counts; see pipeline.validation.fingerprint."""

    kind = Kind.FINGERPRINTED
    supplier: Name
    dataset: Name
    sealed_sha256: Sha256
    rows: Count
    timely: Count | None = None  # rows of the file's own month
    filled: Counts  # by column of the contract that the file has: rows with a value
    forms: Counts  # by column without codes, of these: written as a date, or in digits alone
    codes: dict[Word, Counts]  # by coded column: rows with each code
    quarantined: Counts  # by rule: rows that it set aside
    sketch: Sketch = ""  # of whom it is about


class DriftAccepted(Body):
    """Exactly which differences a person accepted, over their own signature, and what they are about."""

    kind = Kind.DRIFT_ACCEPTED
    supplier: Name
    dataset: Name
    sealed_sha256: Sha256
    differences_sha256: Sha256  # of what was signed
    about: tuple[Word, ...]
    principal: Principal
    signature: SshSignature = Field(repr=False)
    note: Note = ""


class TotalsReceived(Body):
    """Which file of counts was opened, and the trust's count of live births beside that of the extract."""

    kind = Kind.TOTALS_RECEIVED
    supplier: Name
    sealed_sha256: Sha256
    signer: Fingerprint | Literal[""]
    signed_at: AwareDatetime
    rows: Count
    births: Count  # as the trust counts them
    extract_sha256: Sha256  # of the sealed extract beside which they were held
    counted: Count  # in that extract, each child once
    quarantined: Count  # rows set aside, of which nobody knows
    unsaid: Count  # children of the month of whom nothing says whether they were born alive
    areas: Count  # for which the trust gives a count of their own
    areas_apart: Count  # of these, where the extract has another


class ReportPermitted(Body):
    """Exactly which sealed bytes may go to which supplier, about which of its files."""

    kind = Kind.REPORT_PERMITTED
    supplier: Name
    month: MonthWritten | Literal[""] = ""  # of the supplier's file; blank for a feed of changes
    file_name: FileName
    sealed_sha256: Sha256
    about_sha256: Sha256  # of the supplier's sealed file


class ReportDelivered(Body):
    """What the supplier's place was found to hold."""

    kind = Kind.REPORT_DELIVERED
    permit: Ordinal
    sha256: Sha256
    size: Count  # bytes
    found_there: bool


class DirectoryBuilt(Body):
    """Which published postcode directory was built, how large it is, and by which of its columns.

    The file's own name is not said, since anybody may have given it; only what it tells of the release.
    """

    kind = Kind.DIRECTORY_BUILT
    product: Literal["ONSPD", "NSPL", ""]  # blank where the name does not say
    released: MonthWritten | Literal[""]  # likewise
    source_sha256: Sha256  # of the published file
    directory_sha256: Sha256
    before_sha256: MaybeSha256  # of the directory that was in use until then
    rows: Count
    live: Count
    vintages: tuple[Word, ...]  # of small areas
    columns: dict[Word, Word]  # our name of each column, and the published one


class Placed(Body):
    """Births by status of their placement, with the digests of what places were worked out from."""

    kind = Kind.PLACED
    network: Name
    directory_sha256: Sha256
    reach_sha256: Sha256
    statuses: Counts


class PostcodesShown(Body):
    """Who was shown how many of the month's postcodes that geography could not place."""

    kind = Kind.POSTCODES_SHOWN
    principal: Principal
    postcodes: Count


class PostcodeReviewed(AboutSubject):
    """Who serves one postcode of one network by a person's word, since geography alone could not say.

    `place` is the postcode's keyed reference. `once` is random: without it nobody can try out which
    postcode the signature is about, so both are destroyed together.
    """

    kind = Kind.POSTCODE_REVIEWED
    subjects = ("place", "once")
    place: Subject | Literal[""] = ""
    once: Subject | Literal[""] = ""
    network: Name
    status: Literal["unknown", "ambiguous"]  # a pipeline.geography.statuses.Status
    claimants: tuple[Name, ...] = ()  # of an ambiguous one: who claims it, in order
    recipient: Name | Literal[""]  # blank: nobody, so its families stay held
    authority: GssCode | Literal[""]  # of the postcode; blank where nobody serves it
    directory_sha256: Sha256
    reach_sha256: Sha256
    follows: Count  # the entry of the decision before it about the same postcode and network; 0: none
    principal: Principal
    signature: SshSignature = Field(repr=False)
    note: Note = ""


class Decided(Body):
    """Births by outcome and by reason under one version of an agreement."""

    kind = Kind.DECIDED
    agreement: Name
    version: Ordinal
    digest: Sha256
    decisions_sha256: Sha256
    outcomes: Counts
    reasons: Counts
    duplicates: Count


class DecisionsKept(Body):
    """Until which day an agreement's coded decisions of the month are kept, and their digest."""

    kind = Kind.DECISIONS_KEPT
    agreement: Name
    until: date
    sha256: Sha256


class KeptDestroyed(Body):
    """Which agreement's kept decisions are gone."""

    kind = Kind.KEPT_DESTROYED
    agreement: Name


class FamilyLookedUp(AboutSubject):
    """About whom somebody asked, by keyed reference, who asked, and why."""

    kind = Kind.FAMILY_LOOKED_UP
    subjects = ("subject",)
    subject: Subject | Literal[""] = ""
    principal: Principal
    purpose: Note


class ReleaseRequested(Body):
    """Which pack of counts was shown."""

    kind = Kind.RELEASE_REQUESTED
    pack_sha256: Sha256


class _ReleaseDecision(Body):
    pack_sha256: Sha256
    principal: Principal
    roles: tuple[Word, ...]
    way: Literal["signature", "airflow"]
    signature: SshSignature = Field(default="", repr=False)  # armoured; blank when given in Airflow
    note: Note = ""

    @model_validator(mode="after")
    def _signed(self) -> _ReleaseDecision:
        if (self.way == "signature") != bool(self.signature):
            raise IntegrityError(
                "A signature belongs to the way 'signature', and to no other", where=self.kind
            )
        return self


class ReleaseApproved(_ReleaseDecision):
    """Who approved exactly this pack, and how."""

    kind = Kind.RELEASE_APPROVED


class ReleaseRefused(_ReleaseDecision):
    """Who refused exactly this pack, and how."""

    kind = Kind.RELEASE_REFUSED


class PermitBody(Body):
    """Exactly which sealed bytes may go to which recipient, and what the gate took off the list."""

    kind = Kind.PERMIT
    agreement: Name
    version: Ordinal
    recipient: Name
    file_name: FileName
    sealed_sha256: Sha256
    households: Count
    children: Count
    pack_sha256: Sha256
    removed: Counts
    heard: Count = 0  # the number of the newest entry when the gate listened; 0: not known
    destroy_by: date | None = None  # the last day on which the recipient may hold it, as the list says
    receipt_check: MaybeSha256 = ""  # of the code on its receipts; blank: the code is made from its children

    @model_validator(mode="after")
    def _homes_have_children(self) -> PermitBody:
        if self.households > self.children:
            raise IntegrityError("A list cannot have more households than children", where=self.kind)
        return self


class Disclosure(AboutSubject):
    """A child on a permitted list, with the parent and dwelling of its row, by keyed reference."""

    kind = Kind.DISCLOSURE
    subjects = ("child", "parent", "dwelling")
    permit: Ordinal
    child: Subject | Literal[""] = ""
    agreement: Name
    recipient: Name
    parent: Subject | Literal[""] = ""
    dwelling: Subject | Literal[""] = ""
    reference: ListReference = ""  # what its row is called on that list


class Publishing(Body):
    """Under which permit a list was about to get its name at the recipient; it may have arrived since.

    `part` is what the file was called until then: where neither name is there any more, it arrived and
    was taken. That can be told only at the `place` itself: a recipient may move.
    """

    kind = Kind.PUBLISHING
    permit: Ordinal  # or the number of a notice
    part: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""
    place: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""  # see home.Recipient.place


class PermitAnnulled(Body):
    """Which permit no longer stands."""

    kind = Kind.PERMIT_ANNULLED
    permit: Ordinal


class Delivered(Body):
    """What the far side was found to hold; `size` in bytes."""

    kind = Kind.DELIVERED
    permit: Ordinal  # or the number of a notice
    sha256: Sha256
    size: Count
    found_there: bool


class DeliveryFailed(Body):
    """Which list or notice could not be made or delivered, and why; permit 0: none was given yet."""

    kind = Kind.DELIVERY_FAILED
    permit: Count  # or the number of a notice
    agreement: Name
    recipient: Name
    problem: Word


class ListForgone(Body):
    """Which list the month ends without, and who decided it."""

    kind = Kind.LIST_FORGONE
    agreement: Name
    recipient: Name
    principal: Principal
    signature: SshSignature = Field(repr=False)
    note: Note = ""


class RecallRaised(AboutSubject):
    """Which row of which list is called back, since which later word, and by which day it must be done."""

    kind = Kind.RECALL_RAISED
    subjects = ("child",)
    permit: Ordinal
    reference: ListReference
    child: Subject | Literal[""] = ""
    agreement: Name
    recipient: Name
    word: Annotated[Word, AfterValidator(_is_word_about_subject)]
    due: date

    @property
    def row(self) -> tuple[int, str]:
        """Which row of which list; rows of older lists have no reference, and are told apart by child."""
        return self.permit, self.reference or self.child


class NoticeBody(Body):
    """Exactly which sealed bytes may go to which recipient, what they ask, and about which entries.

    `recall` is about entries of recalls; `receipt` and `destruction` remind of lists, by their permits.
    Where nothing could be brought a person told the recipient, and nothing was sealed.
    """

    kind = Kind.NOTICE
    about: Literal["recall", "receipt", "destruction"]
    agreement: Name
    recipient: Name
    file_name: FileName
    sealed_sha256: MaybeSha256
    entries: tuple[Ordinal, ...]
    due: date
    told_by: Principal | Literal[""] = ""

    @model_validator(mode="after")
    def _sealed_or_told(self) -> NoticeBody:
        if bool(self.sealed_sha256) == bool(self.told_by):
            raise IntegrityError("A notice is sealed, or told by a person", where=self.kind)
        return self


class _FromRecipient(Body):
    """What a recipient said: in a file with the code that stands inside the list, or to a person."""

    of: Ordinal  # the permit of a list, or a notice
    way: Literal["file", "person"]
    principal: Principal | Literal[""] = ""  # to whom it was said
    receipt_sha256: MaybeSha256 = ""  # keyed: a receipt is short enough to be guessed
    note: Note = ""

    @model_validator(mode="after")
    def _somebody_vouches(self) -> _FromRecipient:
        told, written = bool(self.principal), bool(self.receipt_sha256)
        if told == written or told != (self.way == "person"):
            raise IntegrityError("A receipt is a file, or what a person was told", where=self.kind)
        return self


class Collected(Body):
    """Which list or notice was taken by its recipient."""

    kind = Kind.COLLECTED
    of: Ordinal  # the permit of a list, or a notice


class Acknowledged(_FromRecipient):
    """Which list was acknowledged, or which notice was done."""

    kind = Kind.ACKNOWLEDGED


class DestructionAttested(_FromRecipient):
    """Which list its recipient destroyed, with everything made from it."""

    kind = Kind.DESTRUCTION_ATTESTED


class FileRemoved(Body):
    """Which sealed list or notice we took out of its recipient's folder."""

    kind = Kind.FILE_REMOVED
    of: Ordinal
    principal: Principal | Literal[""] = ""  # who had it taken back before its last day


class Overdue(Body):
    """What was not done by `due`: said once for each list or notice and each of the four."""

    kind = Kind.OVERDUE
    of: Ordinal  # the permit of a list, or a notice
    what: Literal["collection", "acknowledgement", "destruction", "recall"]
    agreement: Name
    recipient: Name
    due: date


class RegisterSignature(Strict):
    """One person's signature over a register's statement."""

    principal: Principal
    signature: SshSignature = Field(repr=False)


class RegisterAgreed(Body):
    """The register as several persons signed it: a keyed digest of each recipient, and of the reach areas."""

    kind = Kind.REGISTER_AGREED
    statement_sha256: Sha256
    recipients: dict[Name, Sha256]
    reach_areas_sha256: Sha256
    signatures: tuple[RegisterSignature, ...]


class PasswordMade(Body):
    """For which recipient a password was made, and who made it."""

    kind = Kind.PASSWORD_MADE
    recipient: Name
    principal: Principal


class DataDestroyed(Body):
    """How many things of one class of data were destroyed, and by which rule's limit."""

    kind = Kind.DATA_DESTROYED
    data_class: Word
    destroyed: Count
    limit_days: Count


class FamilyErased(AboutSubject):
    """About whom what was kept is gone, by keyed reference, who asked, and why."""

    kind = Kind.FAMILY_ERASED
    subjects = ("subject",)
    subject: Subject | Literal[""] = ""
    principal: Principal
    purpose: Note
    parts: Count  # made anew without the family; of an open month, when it is closed
    lists: Count = 0  # that the family is on: who it was is destroyed as soon as nobody can hold them


class RetentionChecked(Body):
    """By class of data: how many things are kept, how many are overdue; and files that nobody knows."""

    kind = Kind.RETENTION_CHECKED
    kept: Counts
    overdue: Counts
    unknown: Count


class OpeningsDestroyed(Body):
    """Of which entries the openings are gone, as first and last numbers, and why.

    Entries between two numbers that never had an opening are not touched by it.
    """

    kind = Kind.OPENINGS_DESTROYED
    entries: tuple[tuple[Ordinal, Ordinal], ...]
    because: Literal["erasure", "retention"]
    principal: Principal | Literal[""] = ""


class LedgerChecked(Body):
    """How many entries were read again, and the Merkle root that they have."""

    kind = Kind.LEDGER_CHECKED
    entries: Count
    root: Sha256


class CheckpointWitnessed(Body):
    """Which checkpoint was countersigned, when (by the other's clock), and the line of its signature.

    See https://c2sp.org/tlog-cosignature: the name of the other's key stands in the line.
    """

    kind = Kind.CHECKPOINT_WITNESSED
    size: Count
    root: Sha256
    witness: Annotated[str, StringConstraints(pattern=r"^[!-*,-~]{1,150}$"), AfterValidator(_no_identifier)]
    cosigned_at: AwareDatetime
    line: Annotated[str, StringConstraints(pattern=r"^\u2014 [!-*,-~]+ [A-Za-z0-9+/]+={0,2}$")]


class EvidenceGiven(Body):
    """What a person took out, its digest, and why; about one family that is `family_looked_up` before it."""

    kind = Kind.EVIDENCE_GIVEN
    about: Literal["ledger", "month", "family", "breach"]
    sha256: Sha256
    principal: Principal
    purpose: Note


class AreasCounted(Body):
    """By recipient: live births of the month in its area, those the parents permit to share, those shared.

    All rounded (`pipeline.lists.telling`): what is recorded once can be subtracted for ever.
    """

    kind = Kind.AREAS_COUNTED
    agreement: Name
    network: Name
    births: dict[Name, Count]
    consented: dict[Name, Count]
    shared: dict[Name, Count]


class Balanced(Body):
    """The month's books: rows by agreement, supplier and column."""

    kind = Kind.BALANCED
    books: Books


class StagingDestroyed(Body):
    """The month's working files and their key are gone.

    Where they were lost, and the month ends without books: who ended it, and why.
    """

    kind = Kind.STAGING_DESTROYED
    principal: Principal | Literal[""] = ""
    note: Note = ""


class MonthClosed(Body):
    """The month is done."""

    kind = Kind.MONTH_CLOSED


BODIES: dict[str, type[Body]] = {
    str(body.kind): body
    for body in (
        AgreementSigned, AgreementSuspended, AgreementPreviewed, ReachPreviewed,
        SubjectKeyUsed, SuppressionRecorded,
        ChangesApplied, AnswersReceived, ExtractReceived, ExtractRefused, FileFetched, Fingerprinted,
        DriftAccepted, TotalsReceived, ReportPermitted, ReportDelivered, Validated,
        DirectoryBuilt, Placed,
        PostcodesShown, PostcodeReviewed, Decided, DecisionsKept, KeptDestroyed, FamilyLookedUp,
        ReleaseRequested, ReleaseApproved, ReleaseRefused, PermitBody, Disclosure, Publishing, PermitAnnulled,
        Delivered, DeliveryFailed, ListForgone, RecallRaised, NoticeBody, Collected, Acknowledged,
        DestructionAttested, FileRemoved, Overdue, RegisterAgreed, PasswordMade, DataDestroyed, FamilyErased,
        RetentionChecked, OpeningsDestroyed, LedgerChecked, CheckpointWitnessed, EvidenceGiven,
        AreasCounted, Balanced, StagingDestroyed, MonthClosed,
    )
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Something to record: a body, and the month it belongs to (YYYY-MM), if any.

    Raises SettingsError where the month is not one.
    """

    body: Body
    month: str = ""

    def __post_init__(self) -> None:
        if self.month:
            Month.parse(self.month)

    @property
    def kind(self) -> Kind:
        """What kind of entry it is."""
        return self.body.kind


@dataclass(frozen=True)
class Recorded:
    """An entry as the ledger holds it: numbered from 1 without gaps, with its moment (UTC)."""

    seq: int
    month: str
    at: datetime
    body: Body

    @property
    def kind(self) -> Kind:
        """What kind of entry it is."""
        return self.body.kind


# Made once: `json.dumps` makes one for each call.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def canonical(content: Any) -> str:
    """The one way to write content as JSON: keys sorted, no spaces, characters as themselves."""
    return _ENCODER.encode(content)


def write_body(body: Body, salt: bytes) -> tuple[str, str]:
    """A body as canonical JSON, and that of what it commits to; "" where it is about nobody.

    Raises ValueError for a body whose opening was destroyed: what it was about is not known.
    """
    if not isinstance(body, AboutSubject):
        return canonical(body.model_dump(mode="json")), ""
    if body.commitment:
        raise ValueError("an entry that was destroyed in part cannot be recorded again")
    content = body.model_dump(mode="json")
    said = canonical({name: content.pop(name) for name in body.subjects})
    return canonical(content | {"commitment": commitment(salt, said)}), said


def commitment(salt: bytes, said: str) -> str:
    """What binds an entry to whom it is about, and tells nothing about them without the salt."""
    return hmac.digest(salt, said.encode(), "sha256").hex()


def write_moment(moment: datetime) -> str:
    """A moment as text, in UTC to the microsecond; ValueError where its time zone is not known."""
    if moment.tzinfo is None:
        raise ValueError("a moment in the ledger needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_entry(seq: int, kind: str, month: str, at: str, body: str, said: str | None = None) -> Recorded:
    """An entry from its columns, and what it commits to where that is there still.

    Raises IntegrityError where it is not one that this program knows.
    """
    try:
        model = BODIES[kind].model_validate_json(f"{body[:-1]},{said[1:]}" if said else body)
        if said:
            model = model.model_copy(update={"commitment": ""})
        return Recorded(seq, month, datetime.fromisoformat(at), model)
    except (KeyError, ValueError, BirthshareError):
        pass  # what stands there must not travel on in the error
    raise IntegrityError(
        "A ledger entry cannot be read", where=f"entry {seq}", do="Run `birthshare ledger verify`."
    )


def leaf(seq: int, kind: str, month: str, at: str, body: str) -> bytes:
    """The bytes that are hashed for one entry: canonical JSON of all that it says.

    `body` must be canonical JSON already; it is not parsed again, which is what costs time.
    """
    said = f'{{"at":{_quoted(at)},"body":{body},"kind":{_quoted(kind)},"month":{_quoted(month)},"seq":{seq}}}'
    return said.encode()
