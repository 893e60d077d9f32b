"""What lies on the desk while a month is worked on: home, ledger, working files, agreements, moment.

Opening a desk takes nothing out of the home; closing it puts the database away.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from time import perf_counter
from typing import TypeVar
from zoneinfo import ZoneInfo

from pipeline.agreements.loading import Loaded, load_all, standing
from pipeline.errors import IntegrityError, Refused
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import AgreementSigned, Body, Entry, MonthClosed, Recorded, SubjectKeyUsed
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month
from pipeline.staging import Staging

Watch = Callable[[str, int, int], None]  # stage, done, of how many

LONDON = ZoneInfo("Europe/London")

SomeBody = TypeVar("SomeBody", bound=Body)


def no_watch(stage: str, done: int, total: int) -> None:
    """Nobody is looking."""


class Desk:
    """One month of one authority, opened for work at one moment."""

    def __init__(
        self, home: Home, month: Month, now: datetime, watch: Watch = no_watch, as_of: datetime | None = None
    ) -> None:
        self.home, self.month, self.watch = home, month, watch
        self.now = now.astimezone(LONDON)  # days begin when they begin for the families
        self.as_of = (as_of or now).astimezone(LONDON)  # the moment of decision; the gate uses now
        self._begun = perf_counter()
        self.ledger = Ledger.open(home.database_url)
        self.staging = Staging(home.state / "working", str(month), home.secret("staging.key"))
        self.seconds: dict[str, float] = {}

    def close(self) -> None:
        """Put the database away."""
        self.ledger.close()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and tell who watches that it began and ended."""
        self.watch(name, 0, 1)
        begun = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - begun
        self.watch(name, 1, 1)

    @property
    def clock(self) -> datetime:
        """Now, and the time that has passed since the desk was opened: when a thing is recorded."""
        return self.now + timedelta(seconds=perf_counter() - self._begun)

    def record(self, *bodies: Body) -> list[int]:
        """Append entries of this month, together, and return their numbers."""
        return self.ledger.append(*(Entry(body, str(self.month)) for body in bodies), at=self.clock)

    def record_once(self, body: Body) -> None:
        """Append an entry, unless the last of its kind about the same thing says exactly this."""
        same = [known for known in self.recorded(type(body)) if _about(known) == _about(body)]
        if not same or same[-1] != body:
            self.record(body)

    def recorded(self, body: type[SomeBody]) -> list[SomeBody]:
        """The bodies of this month's entries of one kind, oldest first."""
        return [entry.body for entry in self.entries(body) if isinstance(entry.body, body)]

    def entries(self, body: type[Body]) -> list[Recorded]:
        """This month's entries of one kind, oldest first."""
        return list(self.ledger.entries(month=str(self.month), kinds={body.kind}))

    @property
    def closed(self) -> bool:
        """Whether the month is finished."""
        return bool(self.recorded(MonthClosed))

    @cached_property
    def recipients(self) -> dict[str, Recipient]:
        """The register of recipients, by code."""
        return self.home.recipients()

    @cached_property
    def loaded(self) -> list[Loaded]:
        """Every agreement version in the home."""
        signed = self._signed
        return load_all(
            self.home.agreements,
            allowed_signers=self.home.allowed_signers,
            approvers=self.home.settings.approvers,
            at=self.now,
            recorded_at=lambda digest, role: signed.get((digest, role)),
        )

    @property
    def _signed(self) -> dict[tuple[str, str], datetime]:
        """When each signature (digest of the agreement, role) was first relied on."""
        return {
            (entry.body.digest, entry.body.role): entry.at
            for entry in self.ledger.entries(kinds={AgreementSigned.kind})
            if isinstance(entry.body, AgreementSigned)
        }

    @cached_property
    def agreements(self) -> list[Loaded]:
        """The agreements that stand now; raises Refused where none does.

        A version that was relied on once supersedes the older ones for good, even where its file was
        altered or removed since.
        """
        stand, refused = standing(self.loaded)
        relied_on = self._relied_on
        current = [one for one in stand if one.agreement.version >= relied_on.get(one.agreement.id, 0)]
        if not current:
            raise next(
                iter(refused.values()),
                Refused(
                    "There is no agreement that stands",
                    where=str(self.home.agreements),
                    do="See why: birthshare agreement list",
                ),
            )
        return current

    @property
    def _relied_on(self) -> dict[str, int]:
        """By agreement, the newest version that was ever relied on."""
        versions: dict[str, int] = {}
        for entry in self.ledger.entries(kinds={AgreementSigned.kind}):
            if isinstance(entry.body, AgreementSigned):
                name = entry.body.agreement
                versions[name] = max(versions.get(name, 0), entry.body.version)
        return versions

    def check_subject_key(self) -> None:
        """Raises IntegrityError for another key than the one that all recorded references were made with.

        With another key every suppression, later death and earlier card would be forgotten.
        """
        used = SubjectKeyUsed(check=hmac.digest(self.home.secret("subject.key"), b"check", "sha256").hex())
        known = [entry.body for entry in self.ledger.entries(kinds={used.kind})]
        if not known:
            self.ledger.append(Entry(used), at=self.clock)
        elif known[0] != used:
            raise IntegrityError(
                "This is not the key that earlier references to families were made with",
                where=str(self.home.path / "keys" / "subject.key"),
                do="Put it back from your safe copy. Nothing was done.",
            )

    def record_signatures(self) -> None:
        """Record each signature the first time it is relied on, so that it outlives its key."""
        known = self._signed
        new = [
            AgreementSigned(
                agreement=one.agreement.id,
                version=one.agreement.version,
                digest=one.digest,
                role=signature.role,
                principal=signature.principal,
                signature_sha256=signature.sha256,
            )
            for one in self.agreements
            for signature in one.signatures
            if (one.digest, signature.role) not in known
        ]
        if new:
            self.ledger.append(*(Entry(body) for body in new), at=self.clock)


def _about(body: Body) -> tuple[str, ...]:
    return tuple(getattr(body, name, "") for name in ("supplier", "network", "agreement"))
