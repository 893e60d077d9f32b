"""What was told to whom and when: state/told.json, in kinds, codes and days.

A mailbox stands there as a digest. Where the file is lost, everything is told once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pipeline.home import Home
from pipeline.questions.things import Thing, Urgency
from pipeline.staging import write_whole

REPEATED = timedelta(days=7)  # after which a thing that has not changed is named again


@dataclass
class Memory:
    """What one mailbox, or the webhook, was told."""

    day: str = ""  # of the newest digest
    things: dict[str, list[str]] = field(default_factory=dict)  # by name: the day, how urgent it was then
    failures: dict[str, str] = field(default_factory=dict)  # by DAG, the day of the newest notice

    def check(self) -> None:
        """Raises ValueError or TypeError where this is not what `remember` wrote."""
        for day, urgency in self.things.values():
            date.fromisoformat(day)
            Urgency(urgency)

    def parted(self, things: Iterable[Thing], today: date) -> Parted:
        """Which of the things to tell today: new ones and such as became more urgent, and old ones again."""
        parted = Parted([], [], [])
        for one in things:
            day, urgency = self.things.get(one.name, ("", ""))
            if not day or one.urgency.rank < Urgency(urgency).rank:
                parted.new.append(one)
            elif today >= date.fromisoformat(day) + REPEATED:
                parted.still.append(one)
            else:
                parted.known.append(one)
        return parted

    def remember(self, parted: Parted, today: date) -> None:
        """Write down what was told; what waits no more is forgotten."""
        known = {one.name: self.things[one.name] for one in parted.known}
        told = {one.name: [today.isoformat(), str(one.urgency)] for one in (*parted.new, *parted.still)}
        self.day, self.things = today.isoformat(), known | told


@dataclass(frozen=True)
class Parted:
    """What waits, by whether it is told today."""

    new: list[Thing]
    still: list[Thing]
    known: list[Thing]  # told within the last days, and not named today

    @property
    def worth_a_message(self) -> bool:
        """Whether anything is to be told."""
        return bool(self.new or self.still)


def read(home: Home) -> dict[str, Memory]:
    """By mailbox or webhook; empty where nothing is remembered, or nothing that can be read."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        kept = json.loads(_file(home).read_text(encoding="utf-8"))
        memories = {name: Memory(**one) for name, one in kept.items()}
        for one in memories.values():
            one.check()
        return memories
    return {}


def write(home: Home, memories: dict[str, Memory]) -> None:
    """Keep it, whole."""
    content = json.dumps({name: asdict(one) for name, one in memories.items()}, indent=2)
    write_whole(_file(home), f"{content}\n".encode(), mode=0o600)


def _file(home: Home) -> Path:
    return home.state / "told.json"
