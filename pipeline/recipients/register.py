"""The register of recipients and the reach areas: what several persons signed, and nothing else, is used.

`reference/recipients.yaml`, the key files that it names and the reach areas are files that one person
could change. So they count only as several approvers signed them: beside them lies the statement
(`register.txt`, see `pipeline.recipients.statement`) and each person's signature over its exact bytes, made
by `birthshare recipients sign` or `ssh-keygen -Y sign -n register@birthshare`. The register that enough
persons signed is recorded in the ledger at its next use. A recipient that differs from the newest
register there gets nothing; the others go on. Other reach areas stop the month.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipeline import agreed, custody
from pipeline.agreements.deadlines import how_soon, time_left
from pipeline.agreements.words import on_day
from pipeline.encryption.public_keys import expires
from pipeline.encryption.public_keys import fingerprint as openpgp_fingerprint
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import BirthshareError, IntegrityError, Refused, SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Entry, Kind, RegisterAgreed, RegisterSignature
from pipeline.ledger.ledger import Ledger
from pipeline.recipients.statement import (
    agreed_file,
    changes_of,
    differences,
    fingerprint,
    lines_changed,
    part_digest,
    reach_areas_sha256,
    statement,
)
from pipeline.wording import stranger

NAMESPACE = "register@birthshare"
_MOST_BYTES = 20_000  # of a signature's file that are read


class NotAgreed(SettingsError):
    """A recipient that nothing is sent to; `problem` is how the ledger calls it."""

    def __init__(self, problem: str, what: str, *, where: str, do: str) -> None:
        self.problem = problem
        super().__init__(what, where=where, do=do)


# --- what is sent, and to whom --------------------------------------------------------------------


def check_agreed(home: Home, ledger: Ledger, recipient: Recipient, *, at: datetime) -> None:
    """Raises NotAgreed where a recipient's entry or key is not what the persons it needs signed, or is over.

    Signatures that have come since the last look count from here on.
    """
    known = in_force(ledger)
    if not _is_agreed(home, known, recipient):
        known = heard(home, ledger, at=at)
    _check(home, known, recipient, at)


def check_open(recipient: Recipient, *, at: datetime) -> None:
    """Raises NotAgreed where lists do not go to a recipient yet, or not any more, by its own dates."""
    today = at.astimezone(agreed.LONDON).date()
    if recipient.starts and today < recipient.starts:
        raise _closed(recipient, f"Nothing is sent to this recipient before {recipient.starts}")
    if recipient.ends and today > recipient.ends:
        raise _closed(recipient, f"Nothing is sent to this recipient after {recipient.ends}")


def check_reach_areas(home: Home, ledger: Ledger, *, at: datetime) -> None:
    """Raises Refused where the reach areas are not those that the persons they need signed."""
    known, present = in_force(ledger), reach_areas_sha256(home)
    if known is None or known.reach_areas_sha256 != present:
        known = heard(home, ledger, at=at)
    if known is None or known.reach_areas_sha256 != present:
        raise Refused(
            "The reach areas have changed since they were signed"
            if known
            else "Nobody has signed the register of recipients and the reach areas yet",
            where=", ".join(home.settings.geography.reach_areas),
            do=how_to_agree(home),
        )


def stopped(home: Home, ledger: Ledger, recipients: Collection[Recipient], *, at: datetime) -> dict[str, str]:
    """Which of these recipients would get nothing now, by code, and why."""
    known = in_force(ledger)
    if not all(_is_agreed(home, known, one) for one in recipients):
        known = heard(home, ledger, at=at)
    found = {}
    for one in recipients:
        try:
            _check(home, known, one, at)
            check_open(one, at=at)
        except NotAgreed as error:
            found[one.code] = error.what
    return found


def _check(home: Home, known: RegisterAgreed | None, recipient: Recipient, at: datetime) -> None:
    if custody.seals(home) and not home.at(recipient.key).is_file():
        raise _keyless(recipient)
    if not _is_agreed(home, known, recipient):
        raise _not_agreed(home, known, recipient)
    _check_key_in_time(recipient, at)


def _keyless(recipient: Recipient) -> NotAgreed:
    new = f"Make a new password (birthshare recipients password {recipient.code})"
    again = "Ask the recipient for its public key again" if recipient.format == "csv" else new
    return NotAgreed(
        "missing",
        "A recipient's key file is missing",
        where=f"{recipient.code}, {recipient.key}",
        do=f"{again}, or put it back as it was.",
    )


def _closed(recipient: Recipient, what: str) -> NotAgreed:
    return NotAgreed(
        "not_open",
        what,
        where=recipient.code,
        do="Correct `starts` or `ends` in reference/recipients.yaml, and have it signed; or end the month "
        "without its list: birthshare release forgo",
    )


def _check_key_in_time(recipient: Recipient, at: datetime) -> None:
    last = recipient.key_until
    if last and at.astimezone(agreed.LONDON).date() > last:
        raise NotAgreed(
            "key_expired",
            f"The key or password of this recipient was good until {last}",
            where=recipient.code,
            do=f"Make a new password (birthshare recipients password {recipient.code}), or ask for a new "
            "public key; correct `key_until`, and have both signed.",
        )


def _is_agreed(home: Home, known: RegisterAgreed | None, recipient: Recipient) -> bool:
    return known is not None and known.recipients.get(recipient.code) == part_digest(home, recipient)


def _not_agreed(home: Home, known: RegisterAgreed | None, recipient: Recipient) -> NotAgreed:
    if known is None:
        what = "Nobody has signed the register of recipients yet"
    elif recipient.code not in known.recipients:
        what = "This recipient is new, and nobody has signed it yet"
    else:
        before, after = agreed_text(home, known), present_text(home, known)
        changes = "; ".join(changes_of(recipient.code, before, after)) if before else ""
        what = "This recipient's entry or key is not what was signed" + (f": {changes}" if changes else "")
    return NotAgreed("not_agreed", what, where=recipient.code, do=how_to_agree(home))


def how_to_agree(home: Home, signed_by: Collection[str] = ()) -> str:
    """Who may sign, besides those who have, and by which command."""
    people = [one.principal for one in home.settings.approvers if one.principal not in signed_by]
    missing = home.settings.recipients.persons - len(signed_by)
    return (
        f"{missing}{' more' if signed_by else ''} of these must sign it: {', '.join(people)}. "
        "See what has changed: birthshare recipients diff. Then each, with their own key: "
        "birthshare recipients sign --as WHO --key THEIR-PRIVATE-KEY"
    )


# --- keys that come to their end ------------------------------------------------------------------


def key_ends(home: Home, recipient: Recipient) -> date | None:
    """The last day on which something can be sealed for a recipient's key; None where it has no end.

    What its entry says, or what an OpenPGP key says of itself, whichever comes first. That key's last
    moment may be in the middle of a day: that day does not count.
    """
    days = [recipient.key_until] if recipient.key_until else []
    if recipient.format == "csv" and home.at(recipient.key).is_file():
        end = expires(home.at(recipient.key))
        days += [end.astimezone(agreed.LONDON).date() - timedelta(days=1)] if end else []
    return min(days, default=None)


def warnings(home: Home, today: date) -> list[str]:
    """Whose keys come to their end within 90 days or have, in a sentence each; `today` is a day in London."""
    try:
        return [_key_warning(code, end, today) for code, end in ending_keys(home, today).items()]
    except SettingsError as error:
        return [str(error)]


def ending_keys(home: Home, today: date) -> dict[str, date]:
    """Whose keys come to their end within 90 days or have, and when.

    Raises SettingsError where the register cannot be read.
    """
    ends = {code: key_ends(home, one) for code, one in home.recipients().items()}
    return {code: end for code, end in ends.items() if end and how_soon(end, today)}


def _key_warning(code: str, end: date, today: date) -> str:
    if end < today:
        return f"Now: the key or password of {code} was good until {on_day(end)}: nothing is sealed for it."
    return (
        f"{how_soon(end, today)}: the key or password of {code} is good until {on_day(end)}, "
        f"{time_left(end, today)}."
    )


# --- what was signed ------------------------------------------------------------------------------


def sign(home: Home, ledger: Ledger, *, principal: str, signature: bytes, at: datetime) -> Standing:
    """Put a person's signature over the present statement beside it; what is agreed then.

    Raises Refused for somebody who is no approver, IntegrityError for a signature that is not theirs, and
    SettingsError where it cannot be written.
    """
    if principal not in {one.principal for one in home.settings.approvers}:
        raise Refused(
            "Only an approver may sign the register", where=stranger(principal), do=how_to_agree(home)
        )
    present = present_text(home, in_force(ledger))
    signer = verify_ssh(
        present.encode(), signature, allowed_signers=home.allowed_signers, namespace=NAMESPACE, at=at
    )
    if signer != principal:
        raise IntegrityError("This is the key of another person", where=principal, do="Use your own.")
    try:
        write_statement(home, present)
        signature_file(home, principal).write_bytes(signature)
    except OSError as error:
        where = f"{signature_file(home, principal)}: {error.strerror}"
        raise SettingsError("The signature cannot be written", where=where) from None
    heard(home, ledger, at=at)
    return standing(home, ledger, at=at)


def write_statement(home: Home, present: str) -> None:
    """Lay the statement down for people to sign."""
    statement_file(home).write_text(present, encoding="utf-8", newline="")


@dataclass(frozen=True)
class Standing:
    """How the register as it lies there compares with the one in force."""

    present: str  # the statement to be signed
    changes: tuple[str, ...]  # against the one in force, in sentences; none: all is agreed
    compare: tuple[str, ...]  # what signers compare with what the changed recipients told them
    signed_by: tuple[str, ...]  # who has signed the present statement; nobody where nothing has changed
    persons: int  # how many must
    recipients_changed: bool
    areas_changed: bool

    @property
    def is_agreed(self) -> bool:
        """Whether nothing is left to be signed; what enough persons have signed counts from its next use."""
        return not self.changes or len(self.signed_by) >= self.persons


def in_force(ledger: Ledger) -> RegisterAgreed | None:
    """The register that enough persons signed last; None where nobody has."""
    found = [entry.body for entry in ledger.entries(kinds={Kind.REGISTER_AGREED})]
    return found[-1] if found and isinstance(found[-1], RegisterAgreed) else None


def heard(home: Home, ledger: Ledger, *, at: datetime) -> RegisterAgreed | None:
    """The register in force, after recording the present one where enough persons have signed it."""
    known = in_force(ledger)
    digests, areas = _digests(home), reach_areas_sha256(home)
    if known and (known.recipients, known.reach_areas_sha256) == (digests, areas):
        return known
    present = present_text(home, known)
    signatures = signatures_on(home, present, at=at)
    if len(signatures) < home.settings.recipients.persons:
        return known
    register = RegisterAgreed(
        statement_sha256=_sha256(present),
        recipients=digests,
        reach_areas_sha256=areas,
        signatures=signatures,
    )
    if (_digests(home), reach_areas_sha256(home)) != (digests, areas):  # changed while it was read
        return known
    ledger.append(Entry(register), at=at)
    agreed_file(home).write_text(present, encoding="utf-8", newline="")
    return register


def standing(home: Home, ledger: Ledger, *, at: datetime) -> Standing:
    """What is agreed, what has changed since, and who has signed that."""
    known = in_force(ledger)
    present = present_text(home, known)
    changes = tuple(_changes(home, known, present))
    signatures = signatures_on(home, present, at=at) if changes else ()
    return Standing(
        present,
        changes,
        tuple(_to_compare(home, known, present)),
        tuple(one.principal for one in signatures),
        home.settings.recipients.persons,
        recipients_changed=known is None or (bool(changes) and _digests(home) != known.recipients),
        areas_changed=known is None or reach_areas_sha256(home) != known.reach_areas_sha256,
    )


def present_text(home: Home, known: RegisterAgreed | None) -> str:
    """The statement to be signed: the register as it lies there, in place of the one in force."""
    return statement(home, home.recipients(), replaces=known.statement_sha256 if known else "")


def agreed_text(home: Home, known: RegisterAgreed | None) -> str:
    """The statement in force, as it is kept; "" where it is not, or was altered."""
    for file in (agreed_file(home), statement_file(home)):
        with suppress(OSError, UnicodeDecodeError):
            text = file.read_bytes().decode("utf-8")
            if known and _sha256(text) == known.statement_sha256:
                return text
    return ""


def signatures_on(home: Home, present: str, *, at: datetime) -> tuple[RegisterSignature, ...]:
    """The good signatures of different approvers over a statement; what is no such thing is passed over."""
    approvers = {one.principal for one in home.settings.approvers}
    found = {}
    for file in sorted(statement_file(home).parent.glob("register.*sig")):
        with suppress(BirthshareError, OSError, ValueError):
            with file.open("rb") as opened:
                signature = opened.read(_MOST_BYTES).replace(b"\r\n", b"\n")  # as Windows may end lines
            principal = verify_ssh(
                present.encode(), signature, allowed_signers=home.allowed_signers, namespace=NAMESPACE, at=at
            )
            if principal in approvers:
                found[principal] = RegisterSignature(principal=principal, signature=signature.decode("ascii"))
    return tuple(found[principal] for principal in sorted(found))


def statement_file(home: Home) -> Path:
    """Where the statement that people sign lies."""
    return home.at("reference/register.txt")


def signature_file(home: Home, principal: str) -> Path:
    """Where one person's signature lies."""
    return home.at(f"reference/register.{principal}.sig")


def _changes(home: Home, known: RegisterAgreed | None, present: str) -> list[str]:
    """In words where the statement in force is kept, else which recipients differ."""
    before = agreed_text(home, known)
    if known is None or before:
        return differences(before, present)
    digests = _digests(home)
    codes = sorted(digests.keys() | known.recipients.keys())
    return [
        *(["The reach areas have changed."] if reach_areas_sha256(home) != known.reach_areas_sha256 else []),
        *(f"{code} has changed." for code in codes if digests.get(code) != known.recipients.get(code)),
    ]


def _digests(home: Home) -> dict[str, str]:
    return {code: part_digest(home, one) for code, one in home.recipients().items()}


def _to_compare(home: Home, known: RegisterAgreed | None, present: str) -> Iterator[str]:
    """The fingerprints of keys that are not agreed; where nobody knows which, of all of that recipient."""
    before = agreed_text(home, known)
    for code, one in sorted(home.recipients().items()):
        if not _is_agreed(home, known, one):
            changed = lines_changed(code, before, present)
            hosts = {"host_key": one.host_key, "jump.host_key": one.jump.host_key if one.jump else ""}
            keys = [key for name, key in hosts.items() if key and name in changed]
            yield from (f"{code}: host key {fingerprint(key)}" for key in keys)
            is_new = one.format == "csv" and not {"key_check", "format"}.isdisjoint(changed)
            if is_new and (found := openpgp_fingerprint(home.at(one.key))):
                yield f"{code}: OpenPGP key {found}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
