"""The agreements of a home, with what the ledger remembers of them.

Files alone are not enough: a signature outlives its key from the moment it was first relied on, and a
suspension outlives its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.agreements.deadlines import warnings as deadlines
from pipeline.agreements.loading import (
    Loaded,
    Version,
    file_of,
    load_all,
    parsed,
    read_agreement,
    standing,
    unreadable,
)
from pipeline.agreements.model import Agreement
from pipeline.agreements.signatures import (
    SignatureCheck,
    check_asked,
    check_suspender,
    refused,
    signature_file,
    suspension,
    suspension_files,
)
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import (
    AgreementPreviewed,
    AgreementSigned,
    AgreementSuspended,
    Entry,
    Kind,
    check_note,
)
from pipeline.ledger.ledger import Ledger
from pipeline.reasons import Reason

LONDON = ZoneInfo("Europe/London")  # where an agreement's days begin and end

_MOST_BYTES = 20_000  # of a suspension's file that are looked at for a signature


def loaded(home: Home, ledger: Ledger, now: datetime) -> list[Loaded]:
    """Every agreement version in the home; a suspension that is found is recorded at once.

    Raises SettingsError where a file with signatures cannot be read.
    """
    now = now.astimezone(LONDON)
    relied = signed(ledger)
    versions = load_all(
        home.agreements,
        allowed_signers=home.allowed_signers,
        approvers=home.settings.approvers,
        at=now,
        recorded_at={(one.digest, one.role, one.signature_sha256): at for one, at in reversed(relied)},
        suspended=suspended(ledger),
        once_signed={(one.agreement, one.version) for one, _ in relied},
    )
    record_suspensions(home, ledger, versions, now)
    newest = _newest(relied)
    return [_superseded(one, versions, newest) for one in versions]


def in_use(home: Home, versions: Collection[Loaded]) -> list[Loaded]:
    """The agreements that stand now; raises Refused where none does."""
    stand, refusals = standing(versions)
    if not stand:
        nothing = Refused(
            "There is no agreement that stands",
            where=str(home.agreements),
            do="See why: birthshare agreement list",
        )
        raise next(iter(refusals.values()), nothing)
    return stand


def signed(ledger: Ledger) -> list[tuple[AgreementSigned, datetime]]:
    """Each signature that was ever relied on, and when it first was."""
    return [
        (entry.body, entry.at)
        for entry in ledger.entries(kinds={Kind.AGREEMENT_SIGNED})
        if isinstance(entry.body, AgreementSigned)
    ]


def suspended(ledger: Ledger) -> set[Version]:
    """The versions that were suspended; for good."""
    return {(one.agreement, one.version) for one, _ in suspensions(ledger)}


def suspensions(ledger: Ledger) -> list[tuple[AgreementSuspended, datetime]]:
    """Each suspension, and when it was recorded."""
    return [
        (entry.body, entry.at)
        for entry in ledger.entries(kinds={Kind.AGREEMENT_SUSPENDED})
        if isinstance(entry.body, AgreementSuspended)
    ]


def relied_on(ledger: Ledger) -> dict[str, int]:
    """By agreement, the newest version that was ever relied on."""
    return _newest(signed(ledger))


def _newest(relied: Iterable[tuple[AgreementSigned, datetime]]) -> dict[str, int]:
    versions: dict[str, int] = {}
    for one, _ in relied:
        versions[one.agreement] = max(versions.get(one.agreement, 0), one.version)
    return versions


def as_signed(home: Home, ledger: Ledger) -> dict[Version, Agreement]:
    """The versions that were ever relied on and whose file is still what was signed, standing or not."""
    digests = {(one.agreement, one.version, one.digest) for one, _ in signed(ledger)}
    found = {}
    for file in sorted(home.agreements.glob("*.yaml")):
        with suppress(SettingsError):
            agreement, digest = read_agreement(file)
            if (agreement.id, agreement.version, digest) in digests:
                found[agreement.id, agreement.version] = agreement
    return found


def record_signatures(ledger: Ledger, versions: Iterable[Loaded], at: datetime) -> None:
    """Record each signature the first time it is relied on, so that it outlives its key.

    With it, the digest of the newest preview that people could have seen of this very content.
    """
    previews = _previews(ledger)
    known = {(one.digest, one.role, one.signature_sha256) for one, _ in signed(ledger)}
    new = [
        AgreementSigned(
            agreement=one.agreement.id,
            version=one.agreement.version,
            digest=one.digest,
            role=signature.role,
            principal=signature.principal,
            signature_sha256=signature.sha256,
            preview_sha256=previews.get(one.digest, ""),
        )
        for one in versions
        for signature in one.signatures
        if (one.digest, signature.role, signature.sha256) not in known
    ]
    if new:
        ledger.append(*(Entry(body) for body in new), at=at)


def record_suspensions(home: Home, ledger: Ledger, versions: Collection[Loaded], at: datetime) -> None:
    """Record each suspension whose file is found, whatever is in it, so that it outlives the file.

    The version's own signatures are recorded with it: without them an older version could come back.
    """
    known = {(one.agreement, one.version, one.role) for one, _ in suspensions(ledger)}
    for one in versions:
        files = suspension_files(home.agreements, one.agreement)
        new = {_role(one, file): file for file in files}
        for role, file in new.items():
            if (*one.name, role) not in known:
                _record(ledger, one, role, *_signer(home, one, role, file, at), note="", at=at)


def check_may_suspend(one: Loaded, role: str, note: str) -> None:
    """Raises SettingsError or Refused where a suspension could not be recorded so."""
    check_note(note)
    check_suspender(one.agreement, role)


def suspend(home: Home, one: Loaded, *, role: str, signature: bytes, note: str, at: datetime) -> Path:
    """Suspend a version at once and for good; gives the file that says so beside it.

    `signature` is over `suspension(...)`. Raises Refused where its signer may not suspend the agreement.
    The ledger or the file alone is enough, should the other one fail.
    """
    check_may_suspend(one, role, note)
    file = home.agreements / f"{one.agreement.id}.v{one.agreement.version}.suspend.{role}.sig"
    content = suspension(one.agreement, one.digest)
    principal = _check(home, at).signer(content, file, signature, role, at)
    try:
        with closing(Ledger.open(home.database_url)) as ledger:
            said = one.digest, role, principal, note
            if said not in _recorded(ledger, one):  # sent again, it is the same word
                _record(ledger, one, role, principal, signature.decode("ascii"), note=note, at=at)
    finally:
        _put_beside(file, signature)
    return file


def content_of(home: Home, one: Loaded) -> bytes:
    """The exact bytes of a version's file; raises IntegrityError where they are not those that were read."""
    content, _, digest = parsed(file_of(home.agreements, one.agreement))
    if digest != one.digest:
        raise IntegrityError(
            "The agreement's file was changed while it was open here", do="Read it again, then decide."
        )
    return content


def sign(home: Home, one: Loaded, *, role: str, signature: bytes, at: datetime) -> Path:
    """Put a signature over a version, in a role, beside its file; gives where it lies.

    Raises SettingsError for a role in which nobody must sign any more, IntegrityError where the file is not
    what was read, and Refused where the signature is not good for exactly this file or its signer does not
    hold the role.
    """
    check_asked(one.agreement, role, file_of(home.agreements, one.agreement))
    if role not in one.awaits:
        raise SettingsError("Nobody must sign this version in this role any more", where=role)
    content = content_of(home, one)
    file = signature_file(file_of(home.agreements, one.agreement), role)
    _check(home, at).signer(content, file, signature, role, at)
    _put_beside(file, signature)
    return file


def _put_beside(file: Path, signature: bytes) -> None:
    try:
        file.write_bytes(signature)
    except OSError as error:
        raise SettingsError(
            "The signature's file cannot be written",
            where=f"{file}: {error.strerror}",
            do="See what stands now: birthshare agreement list",
        ) from None


def check_signature(home: Home, file: Path, role: str, at: datetime) -> None:
    """Raises Refused where a role's signature beside an agreement's file does not count in this home."""
    signed = signature_file(file, role)
    _check(home, at).signer(file.read_bytes(), signed, signed.read_bytes(), role, at)


def looked_at(home: Home, now: datetime) -> list[Loaded]:
    """Every agreement version in the home, with the ledger's memory; see `loaded`."""
    with closing(Ledger.open(home.database_url)) as ledger:
        return loaded(home, ledger, now)


def of_file(home: Home, file: Path, now: datetime) -> Loaded | None:
    """The version that a file holds, where it is one of the home's own."""
    if file.resolve().parent != home.agreements.resolve():
        return None
    _, digest = read_agreement(file)
    return next((one for one in looked_at(home, now) if one.digest == digest), None)


def chosen(versions: Collection[Loaded], name: str, version: int | None = None) -> Loaded:
    """The version that is meant by an agreement's id: the one that stands, else the newest.

    Raises SettingsError where there is none.
    """
    mine = [one for one in versions if one.agreement.id == name]
    if version is not None:
        mine = [one for one in mine if one.agreement.version == version]
    if not mine:
        known = ", ".join(sorted({one.agreement.id for one in versions})) or "none"
        raise SettingsError(
            "There is no such agreement, or no such version of it",
            do=f"The agreements here are: {known}. See: birthshare agreement list",
        )
    return next((one for one in mine if one.refusal is None), mine[-1])


def warnings(home: Home, versions: Collection[Loaded], today: date) -> list[str]:
    """What a person should know of the agreements before they come to an end, or after."""
    stand, refusals = standing(versions)
    were_signed = {one.agreement.id for one in versions if one.signed}
    return [
        *(sentence for one in stand for sentence in deadlines(one.agreement, today)),
        *(f"Nothing is shared: {error}" for name, error in refusals.items() if name in were_signed),
        *(f"A draft is left out. {error}" for error in unreadable(home.agreements).values()),
    ]


def _superseded(one: Loaded, versions: Collection[Loaded], used: Mapping[str, int]) -> Loaded:
    """A version older than another that has taken its place, or that was relied on once, is out.

    It stays out even where the newer one's file was altered or removed since.
    """
    name, number = one.name
    begun = [other.agreement.version for other in versions if other.agreement.id == name and other.replaces]
    newest = max([used.get(name, 0), *begun])
    if number >= newest or one.suspended:
        return one
    file = Path(f"{name}.v{number}.yaml")
    return replace(
        one,
        taken_by=newest,
        refusal=refused(
            Reason.AGREEMENT_NOT_IN_FORCE, file, f"A newer version, {newest}, has taken its place."
        ),
    )


def _previews(ledger: Ledger) -> dict[str, str]:
    """By the digest of an agreement's content, the digest of its newest preview."""
    entries = ledger.entries(kinds={Kind.AGREEMENT_PREVIEWED})
    bodies = [entry.body for entry in entries]
    return {one.digest: one.preview_sha256 for one in bodies if isinstance(one, AgreementPreviewed)}


def _role(one: Loaded, file: Path) -> str:
    """The role that a suspension's file names; whatever else it is called, it suspends."""
    named = file.name.rsplit(".suspend", 1)[-1].removesuffix(".sig").strip(".")
    return named if named in one.agreement.suspenders else "unknown"


def _signer(home: Home, one: Loaded, role: str, file: Path, at: datetime) -> tuple[str, str]:
    """Who signed a suspension that was put there by hand, and the signature; blank where nobody did."""
    with suppress(OSError, Refused, SettingsError, UnicodeDecodeError):
        with file.open("rb") as opened:
            signature = opened.read(_MOST_BYTES)
        content = suspension(one.agreement, one.digest)
        principal = _check(home, at).signer(content, file, signature, role, at)
        return principal, signature.decode("ascii")
    return "", ""


def _check(home: Home, at: datetime) -> SignatureCheck:
    return SignatureCheck(home.allowed_signers, home.settings.approvers, at, {})


def _recorded(ledger: Ledger, one: Loaded) -> set[tuple[str, str, str, str]]:
    """What was said in suspending a version: of which content, in which role, by whom, and their note."""
    return {
        (said.digest, said.role, said.principal, said.note)
        for said, _ in suspensions(ledger)
        if (said.agreement, said.version) == one.name
    }


def _record(
    ledger: Ledger, one: Loaded, role: str, principal: str, signature: str, *, note: str, at: datetime
) -> None:
    if one.signed:
        record_signatures(ledger, [one], at)
    said = AgreementSuspended(
        agreement=one.agreement.id,
        version=one.agreement.version,
        digest=one.digest,
        role=role,
        principal=principal,
        signature=signature,
        note=note,
    )
    ledger.append(Entry(said), at=at)
