"""Which agreements there are, and whether each stands at a given moment.

One file for each version, `<id>.v<version>.yaml`. It stands when every role has signed exactly its
bytes, today is within its dates, nobody suspended it, and no other signed version claims the same days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations, groupby
from pathlib import Path

from pipeline.agreements.model import Agreement
from pipeline.agreements.reading import MOST_BYTES, parse
from pipeline.agreements.signatures import (
    NAMESPACE,
    RecordedAt,
    Signature,
    SignatureCheck,
    refused,
    suspension_files,
)
from pipeline.errors import Refused, SettingsError
from pipeline.home import Approver
from pipeline.reasons import Reason

__all__ = [
    "NAMESPACE", "Loaded", "Signature", "check_still_stands", "file_of", "load_all", "parsed",
    "read_agreement", "standing", "unreadable",
]  # fmt: skip

Version = tuple[str, int]  # of an agreement: its id and number


@dataclass(frozen=True)
class Loaded:
    """An agreement version as read, and why it does not stand, if it does not."""

    agreement: Agreement
    digest: str  # SHA-256 of the YAML's bytes
    signatures: tuple[Signature, ...]  # the good ones
    refusal: Refused | None
    signed: bool  # by every role, and by two persons where two roles are asked for
    begun: bool
    suspended: bool
    taken_by: int = 0  # the newer version that has taken its place; 0 for none

    @property
    def name(self) -> Version:
        """Which version of which agreement it is."""
        return self.agreement.id, self.agreement.version

    @property
    def replaces(self) -> bool:
        """Whether older versions are out, even while this one does not stand."""
        return self.signed and self.begun

    @property
    def awaits(self) -> tuple[str, ...]:
        """The roles in which somebody must still sign; all of them, where one person did in every one."""
        if self.signed or self.suspended or self.taken_by:
            return ()
        given = {one.role for one in self.signatures}
        wanted = tuple(dict.fromkeys(self.agreement.approvers))
        return tuple(role for role in wanted if role not in given) or wanted


def standing(loaded: Iterable[Loaded]) -> tuple[list[Loaded], dict[str, Refused]]:
    """For each agreement its newest version that stands, and the refusals of those with none.

    A version that was signed and has begun never gives way to an older one, even when it was suspended
    or has come to its end; a version that is not signed yet, or does not start yet, does.
    """
    newest: dict[str, Loaded] = {}
    for version in sorted(loaded, key=lambda one: (one.agreement.id, -one.agreement.version)):
        before = newest.setdefault(version.agreement.id, version)
        if version.replaces and not before.replaces:
            newest[version.agreement.id] = version
    stand = [version for version in newest.values() if version.refusal is None]
    return stand, {name: one.refusal for name, one in newest.items() if one.refusal is not None}


def load_all(
    folder: Path,
    *,
    allowed_signers: Path,
    approvers: Sequence[Approver],
    at: datetime,
    recorded_at: RecordedAt | None = None,
    suspended: Collection[Version] = (),
    once_signed: Collection[Version] = (),
) -> list[Loaded]:
    """Every agreement version in `folder`, each checked against its signatures, dates and suspensions.

    `suspended` and `once_signed` are those that the ledger knows as such: taking a suspension, a
    signature or the suspended version itself away lifts nothing. A
    draft that nobody has signed and that cannot be read is left out (see `unreadable`). Raises
    SettingsError where a file with signatures cannot be read.
    """
    check = SignatureCheck(allowed_signers, approvers, at, recorded_at or {})
    drafts = unreadable(folder)
    files = [file for file in sorted(folder.glob("*.yaml")) if file not in drafts]
    loaded = [_load(file, check, suspended) for file in files]
    by_id = groupby(
        sorted(loaded, key=lambda one: one.name),
        key=lambda one: one.agreement.id,
    )
    out = set(suspended) & set(once_signed)
    return [version for _, versions in by_id for version in _together(list(versions), folder, out)]


def unreadable(folder: Path) -> dict[Path, SettingsError]:
    """Files without any signature that cannot be read as agreements: drafts, which disturb nothing."""
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        if any(one.name.startswith(f"{file.stem}.") and one.suffix == ".sig" for one in folder.iterdir()):
            continue
        try:
            read_agreement(file)
        except SettingsError as error:
            found[file] = error
    return found


def check_still_stands(
    one: Loaded, folder: Path, *, at: datetime, suspended: Collection[Version] = ()
) -> None:
    """A quick second look at an agreement in use; raises Refused where it does not stand any more.

    Its signatures were checked when it was loaded: here, its bytes, its dates and its suspension.
    """
    file = file_of(folder, one.agreement)
    if one.refusal is not None:
        raise one.refusal
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != one.digest:
        raise refused(Reason.AGREEMENT_NOT_APPROVED, file, "It was altered or removed while in use.")
    _check_dates(one.agreement, file, at)
    _check_not_suspended(one.agreement, file, suspended)


def read_agreement(file: Path) -> tuple[Agreement, str]:
    """The agreement in a file and its digest; raises SettingsError with the line, never a value."""
    _, agreement, digest = parsed(file)
    return agreement, digest


def parsed(file: Path) -> tuple[bytes, Agreement, str]:
    """As `read_agreement`, with the very bytes that were read."""
    content = _read(file)
    agreement = parse(content, file)
    if file.name != file_of(file.parent, agreement).name:
        raise SettingsError(
            "The file's name does not say which agreement it holds",
            where=str(file),
            do=f"Name it {agreement.id}.v{agreement.version}.yaml.",
        )
    return content, agreement, hashlib.sha256(content).hexdigest()


def file_of(folder: Path, agreement: Agreement) -> Path:
    """Where a version lies."""
    return folder / f"{agreement.id}.v{agreement.version}.yaml"


def _read(file: Path) -> bytes:
    """The file's bytes, no more than an agreement can have and one to tell."""
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            "The agreement cannot be read", where=f"{file}: {error.strerror}", do="Name an agreement's file."
        ) from None


def _load(file: Path, check: SignatureCheck, suspended: Collection[Version]) -> Loaded:
    agreement, digest = read_agreement(file)
    signatures, unsigned = check.all_of(agreement, file, digest)
    suspension = _raised(_check_not_suspended, agreement, file, suspended)
    refusal = _raised(_check_dates, agreement, file, check.at) or suspension or unsigned
    begun = check.at.date() >= agreement.dates.starts
    return Loaded(agreement, digest, signatures, refusal, unsigned is None, begun, suspension is not None)


def _raised(check: Callable[..., None], *arguments: object) -> Refused | None:
    try:
        check(*arguments)
    except Refused as error:
        return error
    return None


def _check_dates(agreement: Agreement, file: Path, at: datetime) -> None:
    dates, today = agreement.dates, at.date()
    if today < dates.starts:
        raise refused(Reason.AGREEMENT_NOT_IN_FORCE, file, f"It starts on {dates.starts}.")
    if today > dates.expires:
        raise refused(Reason.AGREEMENT_NOT_IN_FORCE, file, f"It expired on {dates.expires}.")
    if today > dates.review_by + timedelta(days=dates.review_grace_days):
        raise refused(Reason.AGREEMENT_NOT_IN_FORCE, file, f"Its review was due by {dates.review_by}.")


def _check_not_suspended(agreement: Agreement, file: Path, suspended: Collection[Version]) -> None:
    if (agreement.id, agreement.version) in suspended or suspension_files(file.parent, agreement):
        raise refused(
            Reason.AGREEMENT_SUSPENDED,
            file,
            "A suspension stands.",
            do=f"Sharing goes on only under a new version that says `replaces: {agreement.version}` "
            "and that every role has signed.",
        )


# --- several versions of one agreement --------------------------------------------------------------


def _together(versions: list[Loaded], folder: Path, out: Collection[Version]) -> list[Loaded]:
    """The versions of one agreement, each refused that does not say which other it replaces.

    `out` are versions that were signed and suspended, whatever is left of them.
    """
    signed = {one.agreement.version: one for one in versions if one.signed}
    refusals: dict[int, Refused] = {}
    for name, number in out:
        for one in signed.values():
            goes_on = one.agreement.id == name and one.agreement.version > number
            if goes_on and number not in _replaced_by(one, signed):
                refusals[one.agreement.version] = _goes_on_after_suspension(folder, number, one.agreement)
    for older, newer in combinations(sorted(signed), 2):
        if older in _replaced_by(signed[newer], signed):
            continue
        before, after = signed[older].agreement, signed[newer].agreement
        if before.dates.expires >= after.dates.starts and after.dates.expires >= before.dates.starts:
            refusals[older] = _claimed_twice(folder, before, before, after)
            refusals[newer] = _claimed_twice(folder, after, before, after)
        elif signed[older].suspended:
            refusals[newer] = _goes_on_after_suspension(folder, older, after)
    return [_refuse(one, refusals.get(one.agreement.version)) for one in versions]


def _replaced_by(version: Loaded, signed: Mapping[int, Loaded]) -> set[int]:
    """The versions whose place a version takes, directly or through others that are signed too."""
    found: set[int] = set()
    one: Loaded | None = version
    while one is not None and one.agreement.replaces is not None:
        found.add(one.agreement.replaces)
        one = signed.get(one.agreement.replaces)
    return found


def _refuse(one: Loaded, refusal: Refused | None) -> Loaded:
    """A suspension stays the first thing that is said of a version."""
    return one if refusal is None or one.suspended else replace(one, refusal=refusal)


def _claimed_twice(folder: Path, about: Agreement, older: Agreement, newer: Agreement) -> Refused:
    return refused(
        Reason.AGREEMENT_NOT_IN_FORCE,
        file_of(folder, about),
        f"Versions {older.version} and {newer.version} are both signed for the same days, and version "
        f"{newer.version} does not say that it replaces version {older.version}.",
        do=f"Write `replaces: {older.version}` into version {newer.version} and have it signed again, or "
        "take away the version that is not meant.",
    )


def _goes_on_after_suspension(folder: Path, older: int, newer: Agreement) -> Refused:
    return refused(
        Reason.AGREEMENT_SUSPENDED,
        file_of(folder, newer),
        f"Version {older} was suspended, and version {newer.version} does not say that it replaces it.",
        do=f"Write `replaces: {older}` into version {newer.version} and have it signed again.",
    )
