"""Every agreement version: whether it counts today, who signed it and when, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pipeline import agreed
from pipeline.agreements.deadlines import Ending, endings
from pipeline.agreements.loading import Loaded
from pipeline.agreements.model import Agreement
from pipeline.home import Home
from pipeline.ledger.entries import AgreementSigned, AgreementSuspended
from pipeline.ledger.ledger import Ledger
from pipeline.questions import transfers
from pipeline.wording import Worded


class State(Worded):
    """Whether an agreement counts today."""

    IN_FORCE = "in_force", "in force"
    SUSPENDED = "suspended", "suspended"
    REPLACED = "replaced", "replaced by a newer version"
    EXPIRED = "expired", "expired"
    UNSIGNED = "unsigned", "not signed by everybody"
    NOT_BEGUN = "not_begun", "signed, not in force yet"
    LAPSED = "lapsed", "not in force"


def state_of(one: Loaded, today: date) -> State:
    """Whether a version counts today, and if not, why; `today` is a day in London."""
    dates = one.agreement.dates
    if one.refusal is None:
        return State.IN_FORCE
    found = {
        State.SUSPENDED: one.suspended,
        State.REPLACED: bool(one.taken_by),
        State.EXPIRED: today > dates.expires,
        State.UNSIGNED: not one.signed,
        State.NOT_BEGUN: today < dates.starts,
    }
    return next((state for state, is_so in found.items() if is_so), State.LAPSED)


@dataclass(frozen=True)
class Signed:
    """A role that must sign a version, and who did."""

    role: str
    principal: str  # "" where nobody has
    relied_on: datetime | None  # when it was first relied on
    previewed: bool  # a preview of this very content could be seen before that


@dataclass(frozen=True)
class Suspended:
    """Who stopped a version, and when."""

    role: str
    principal: str  # "" where only a file was found that says so
    at: datetime
    note: str  # "" where nothing was written


@dataclass(frozen=True)
class Version:
    """One version of an agreement, and what is known around it."""

    loaded: Loaded
    state: State
    signed: tuple[Signed, ...]  # a line for each role that must sign
    suspended: tuple[Suspended, ...]
    endings: tuple[Ending, ...]  # its days that come near
    before: Agreement | None  # what it is held against: the version in force, else the one it replaces

    @property
    def agreement(self) -> Agreement:
        """What it says."""
        return self.loaded.agreement


def versions(home: Home, ledger: Ledger, *, now: datetime) -> list[Version]:
    """Every version in the home, by agreement, the newest first.

    Raises SettingsError where a file with signatures cannot be read.
    """
    loaded = agreed.loaded(home, ledger, now)
    relied_on = {
        (one.digest, one.role, one.signature_sha256): (one, at) for one, at in reversed(agreed.signed(ledger))
    }
    suspensions = agreed.suspensions(ledger)
    today = now.astimezone(agreed.LONDON).date()
    return [
        Version(
            one,
            state_of(one, today),
            tuple(_signed(one, relied_on)),
            tuple(_suspended(one, suspensions)),
            tuple(endings(one.agreement, today)) if one.refusal is None else (),
            _before(one, loaded),
        )
        for one in sorted(loaded, key=lambda one: (one.agreement.id, -one.agreement.version))
    ]


def version(home: Home, ledger: Ledger, name: str, number: int, *, now: datetime) -> Version:
    """One of them; raises SettingsError where there is none of that name and number."""
    every = versions(home, ledger, now=now)
    chosen = agreed.chosen([one.loaded for one in every], name, number)
    return next(one for one in every if one.loaded.name == chosen.name)


def titles(home: Home, ledger: Ledger) -> dict[str, str]:
    """What each agreement is called: as its newest version says that was relied on, else its newest file."""
    used = {one.digest for one, _ in agreed.signed(ledger)}
    files = transfers.versions(home).items()
    ordered = sorted(files, key=lambda file: (file[0] in used, file[1].version))
    return {one.id: one.title for _, one in ordered}


def _signed(
    one: Loaded, relied_on: Mapping[tuple[str, str, str], tuple[AgreementSigned, datetime]]
) -> Iterator[Signed]:
    given = {signature.role: signature for signature in one.signatures}
    for role in dict.fromkeys(one.agreement.approvers):
        signature = given.get(role)
        known = relied_on.get((one.digest, role, signature.sha256)) if signature else None
        yield Signed(
            role,
            signature.principal if signature else "",
            known[1] if known else None,
            bool(known and known[0].preview_sha256),
        )


def _suspended(
    one: Loaded, suspensions: Sequence[tuple[AgreementSuspended, datetime]]
) -> Iterator[Suspended]:
    for body, at in suspensions:
        if (body.agreement, body.version) == one.name:
            yield Suspended(body.role, body.principal, at, body.note)


def _before(one: Loaded, loaded: Sequence[Loaded]) -> Agreement | None:
    """The version in force, where that is an older one; else the one whose place it takes."""
    name, number = one.name
    older = {
        other.agreement.version: other
        for other in loaded
        if other.agreement.id == name and other.agreement.version < number
    }
    in_force = [other for other in older.values() if other.refusal is None]
    replaced = older.get(one.agreement.replaces or 0)
    chosen = in_force[-1] if in_force else replaced
    return chosen.agreement if chosen else None
