"""A run that failed for good is told once: one message for each DAG and day, whatever else fails in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from pipeline.afterwards.sent import day_of
from pipeline.digest.channels import Channel, Message
from pipeline.digest.daily import Told, told_each
from pipeline.digest.memory import Memory
from pipeline.home import Home
from pipeline.roles import Role


@dataclass(frozen=True)
class Failure:
    """A task that is not tried again by itself."""

    dag: str
    task: str
    month: str  # "" where its DAG is not about one
    words: str  # what a task lets out: class, place, exit code, and our own words
    link: str  # to its log; "" where nobody knows


def tell(home: Home, failure: Failure, *, now: datetime) -> Told:
    """Tell the data lead and the webhook, each once a day for each DAG."""
    today = day_of(now).isoformat()

    def send(channel: Channel, before: Memory) -> bool:
        if Role.DATA_LEAD not in channel.roles or before.failures.get(failure.dag) == today:
            return False
        channel.send(home, message(home, failure, today), now)
        before.failures[failure.dag] = today
        return True

    return told_each(home, send)


def _for_a_mailbox(home: Home, words: str) -> str:
    """Without what a person wrote as a reason, and with roles in place of approvers: a log is not a chat."""
    for person in home.settings.approvers:
        words = words.replace(person.principal, f"the {' and '.join(person.roles)}")
    # From the first quotation mark to the last: a reason may have some of its own.
    return re.sub('".*"', "(its words are in the log)", words, flags=re.DOTALL)


def message(home: Home, failure: Failure, today: str) -> Message:
    """In plain text, and for programs."""
    code = home.settings.authority.code
    of = f" for {failure.month}" if failure.month else ""
    lines = [
        f"The task {failure.task} of {failure.dag}{of} has failed, and is not tried again by itself.",
        "",
        _for_a_mailbox(home, failure.words),
        "",
        *([failure.link] if failure.link else []),
        "The page of the DAG says what to do. Other failures of this DAG are not told today.",
    ]
    return Message(
        name=f"failure-{code}-{failure.dag}-{today}",
        subject=f"Birthshare {code}: {failure.dag} has failed",
        text="\n".join(lines) + "\n",
        content={
            "authority": code,
            "day": today,
            "failed": {"dag": failure.dag, "task": failure.task, "month": failure.month},
            "link": failure.link,
        },
    )
