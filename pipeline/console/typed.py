"""What somebody typed into a form, as a value; what is wrong with it is said beside its field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from fastapi import Form, Query

from pipeline.agreed import LONDON
from pipeline.errors import BirthshareError

_DIGEST = "^[0-9a-f]{64}$"
Seen = Annotated[str, Query(pattern=_DIGEST)]  # the digest of what somebody looked at before they decide
SeenInForm = Annotated[str, Form(pattern=_DIGEST)]  # the same, as the form of their decision brings it
Note = Annotated[str, Form()]


@dataclass
class Problems:
    """What is wrong with a form: the field's name ("" for all of it) with words, for the error summary."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, name: str, words: str) -> None:
        """One more."""
        self.found.append((name, words))

    def stopped(self, name: str, error: BirthshareError) -> None:
        """What a rule below says of this field, without places that only a command line has."""
        self.add(name, " ".join(part for part in (f"{error.what.rstrip('.')}.", error.do) if part))

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """What stops this block is said of the field, and what comes after the block is looked at, too."""
        try:
            yield
        except BirthshareError as error:
            self.stopped("note" if error.where == "note" else name, error)

    def of(self, name: str) -> str:
        """What is wrong with one field; "" where nothing is."""
        return next((words for known, words in self.found if known == name), "")

    def day(self, name: str, typed: str) -> date | None:
        """The day that was typed as YYYY-MM-DD, as date fields give it; None where there is none."""
        try:
            return date.fromisoformat(typed.strip()) if typed.strip() else None
        except ValueError:
            self.add(name, "Write the day with its month and year, such as 2026-11-03.")
            return None

    def moment(self, name: str, day: str, clock: str) -> datetime | None:
        """The moment of a day and an hour in London; None where no day was typed."""
        on = self.day(name, day)
        if on is None:
            return None
        try:
            return datetime.fromisoformat(f"{on.isoformat()}T{clock.strip() or '00:00'}").replace(
                tzinfo=LONDON
            )
        except ValueError:
            self.add(name, "Write the time as hours and minutes, such as 09:30.")
            return None
