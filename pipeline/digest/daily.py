"""The daily digest: at most one message a day to each mailbox, and only where there is something to tell.

New things come first, and among them the urgent ones. A thing that has not changed is named again after a
week, or when it becomes more urgent. A message that could not be sent is owed, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pipeline.afterwards.sent import day_of
from pipeline.digest import memory
from pipeline.digest.channels import Channel, Message, channels
from pipeline.digest.memory import REPEATED, Memory, Parted
from pipeline.errors import BirthshareError, NotAllDelivered, one_to_a_line
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.questions.things import Thing, Urgency
from pipeline.questions.waiting_for_people import things_to_do
from pipeline.records import Month


@dataclass(frozen=True)
class Told:
    """What came of it, in counts."""

    channels: int
    sent: int
    failed: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For a person."""
        if not self.channels:
            return "Nobody is told: the settings name no mailbox and no webhook under [notices]."
        if self.failed:
            return f"Sent: {self.sent}. Not sent: {len(self.failed)}."
        return f"Sent: {self.sent}." if self.sent else "There is nothing new to tell, so nothing was sent."

    def check(self) -> None:
        """Raises NotAllDelivered where a message is owed."""
        if self.failed:
            raise NotAllDelivered(
                one_to_a_line("Messages could not be sent", self.failed),
                do="It is tried again. If it stays so, see [notices] in birthshare.toml.",
            )

    def as_json(self) -> dict[str, int]:
        """Counts."""
        return {"channels": self.channels, "sent": self.sent, "failed": len(self.failed)}


def run_day(
    home: Home, *, now: datetime, seen: Callable[[Sequence[Thing]], None] = lambda things: None
) -> dict[str, int]:
    """Today's digest; gives counts. Raises NotAllDelivered where a message is owed.

    `seen` is given everything that waits, before any of it is sent.
    """
    things = things_to_do(home, now)
    seen(things)
    told = send(home, things, now=now)
    told.check()
    urgent = sum(one.urgency is Urgency.NOW for one in things)
    return {"waiting": len(things), "urgent": urgent, "sent": told.sent}


def send(home: Home, things: Sequence[Thing], *, now: datetime) -> Told:
    """Tell everybody whom the settings name what they have to do, if there is anything to tell today."""
    today = day_of(now)

    def tell(channel: Channel, before: Memory) -> bool:
        parted = before.parted(channel.mine(things), today)
        if before.day == today.isoformat() or not parted.worth_a_message:
            return False
        channel.send(home, digest(home, parted, today), now)
        before.remember(parted, today)
        return True

    return told_each(home, tell)


def told_each(home: Home, tell: Callable[[Channel, Memory], bool]) -> Told:
    """Tell every channel something, one after the other, and remember of each at once what it was told."""
    sent, failed = 0, []
    everybody = channels(home)
    with kept.alone(home, "told"):
        memories = memory.read(home)
        for channel in everybody:
            before = memories.setdefault(channel.name, Memory())
            try:
                sent += tell(channel, before)
            except BirthshareError as error:
                failed.append(f"{channel.words}: {error}")
            else:
                memory.write(home, memories)
    return Told(len(everybody), sent, tuple(failed))


# --- the message ----------------------------------------------------------------------------------


def digest(home: Home, parted: Parted, today: date) -> Message:
    """The day's message, in plain text and for programs."""
    authority = home.settings.authority
    named = [*parted.new, *parted.still]
    urgent = sum(one.urgency is Urgency.NOW for one in named)
    waits = _counted(len(named) + len(parted.known))
    also = f", {urgent} now" if urgent else ""
    lines = [
        f"{waits[0].upper()}{waits[1:]} for a person at {authority.name}{also}.",
        *_section("New", parted.new, home, in_full=True),
        *_section("Still waiting", parted.still, home, in_full=False),
        "",
        *([f"Told before, within {REPEATED.days} days: {len(parted.known)}."] if parted.known else []),
        "All of it: birthshare waiting",
        *([home.settings.notices.link] if home.settings.notices.link else []),
        "",
        "This is sent at most once a day. A thing is named again after "
        f"{REPEATED.days} days, or when it becomes more urgent.",
    ]
    if authority.demonstration:
        lines.insert(0, "DEMONSTRATION: nobody here is real.\n")
    return Message(
        name=f"digest-{authority.code}-{today.isoformat()}",
        subject=f"Birthshare {authority.code}: {waits}{also}",
        text="\n".join(lines) + "\n",
        content={
            "authority": authority.code,
            "demonstration": authority.demonstration,
            "day": today.isoformat(),
            "things": [{**one.as_json(), "new": one in parted.new, "link": link(home, one)} for one in named],
            "told_before": len(parted.known),
            "link": home.settings.notices.link,
        },
    )


def link(home: Home, thing: Thing) -> str:
    """Where to look: the page of its month, or where everything is; "" where the settings name none.

    A month has no page before it is closed: nobody is sent to where there is nothing yet.
    """
    notices = home.settings.notices
    if thing.month and notices.month_link and home.month_page(Month.parse(thing.month)).exists():
        return notices.month_link.replace("{month}", thing.month)
    return notices.link


def _section(title: str, things: Iterable[Thing], home: Home, *, in_full: bool) -> list[str]:
    lines = []
    for one in things:
        since = f" Since {one.since.isoformat()}." if one.since else ""
        lines.append(f"- {one.urgency} ({one.role.words}): {one.words}.{since}")
        if in_full:
            lines.append(f"    {one.command}")
            where = link(home, one)
            lines += [f"    {where}"] if where != home.settings.notices.link else []
    return ["", f"{title}:", *lines] if lines else []


def _counted(number: int) -> str:
    return "one thing waits" if number == 1 else f"{number} things wait"
