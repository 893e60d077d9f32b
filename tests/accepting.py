"""Somebody who accepts how files differ, for tests whose months are a handful of children.

Such months have nothing in common, so each differs from the ones before it; that is told and accepted as it
would be, and the test goes on to what it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pipeline import month as months
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import WaitingForPerson
from pipeline.home import Home
from pipeline.records import Month
from pipeline.suppliers.drift import NAMESPACE

Answer = TypeVar("Answer")


def accept_all(home: Home, month: Month, *, principal: str, key: Path, now: datetime) -> int:
    """Accept, with that person's signature, what differs in the month's files; how many files waited."""
    waiting = [one for one in months.files_compared(home, month, now=now) if one.waits]
    for one in waiting:
        signature = sign_ssh(one.statement, private_key=key, namespace=NAMESPACE).decode()
        months.accept_differences(home, one, principal=principal, signature=signature, now=now)
    return len(waiting)


def going_on(
    run: Callable[[], Answer], home: Home, month: Month, *, principal: str, key: Path, now: datetime
) -> Answer:
    """What `run` answers, run again after each acceptance that it asks for."""
    while True:
        try:
            return run()
        except WaitingForPerson:
            if not accept_all(home, month, principal=principal, key=key, now=now):
                raise
