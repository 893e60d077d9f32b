"""What lies on the desk while a month is worked on: home, ledger, working files, agreements, moment.

Opening a desk takes nothing out of the home; closing it puts the database away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from time import perf_counter, sleep
from typing import TypeVar

from pipeline import agreed
from pipeline.agreements.loading import Loaded, check_still_stands
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home, Recipient, key_check
from pipeline.keeping import limits
from pipeline.ledger.entries import Body, Entry, MonthClosed, Recorded, SubjectKeyUsed
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month
from pipeline.staging import Staging, WrappingKey

Watch = Callable[[str, int, int], None]  # stage, done, of how many

SomeBody = TypeVar("SomeBody", bound=Body)


def no_watch(stage: str, done: int, total: int) -> None:
    """Nobody is looking."""


class Desk:
    """One month of one authority, opened for work at one moment."""

    wait = staticmethod(sleep)  # before another try of what may pass by itself

    def __init__(
        self, home: Home, month: Month, now: datetime, watch: Watch = no_watch, as_of: datetime | None = None
    ) -> None:
        self.home, self.month, self.watch = home, month, watch
        self.now = now.astimezone(agreed.LONDON)  # days begin when they begin for the families
        self.as_of = (as_of or now).astimezone(agreed.LONDON)  # the moment of decision; the gate uses now
        self._begun = perf_counter()
        self.ledger = Ledger.open(home.database_url)
        self.wrapping_key = WrappingKey(home)
        self.staging = Staging(home.state / "working", str(month), self.wrapping_key)
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
        return agreed.loaded(self.home, self.ledger, self.now)

    @cached_property
    def agreements(self) -> list[Loaded]:
        """The agreements that stand now; raises Refused where none does."""
        return agreed.in_use(self.home, self.loaded)

    @cached_property
    def warnings(self) -> list[str]:
        """What a person should know before agreements come to an end, or after, and before data does."""
        soon = limits.warnings(self.home, self.ledger, self.now.date())
        try:
            return soon + agreed.warnings(self.home, self.loaded, self.now.date())
        except SettingsError as error:
            return [*soon, str(error)]

    def check_still_stands(self, one: Loaded) -> None:
        """A quick second look at an agreement in use; raises Refused where it does not stand any more.

        A suspension that has come since is recorded, and counts from here on even without its file.
        """
        agreed.record_suspensions(self.home, self.ledger, [one], self.clock)
        suspended = agreed.suspended(self.ledger)
        check_still_stands(one, self.home.agreements, at=self.clock, suspended=suspended)

    def check_subject_key(self) -> None:
        """Raises IntegrityError for another key than the one that all recorded references were made with.

        With another key every suppression, later death and earlier card would be forgotten.
        """
        used = SubjectKeyUsed(check=key_check(self.home.secret("subject.key")))
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
        agreed.record_signatures(self.ledger, self.agreements, self.clock)


def _about(body: Body) -> tuple[str, ...]:
    return tuple(getattr(body, name, "") for name in ("supplier", "dataset", "network", "agreement"))
