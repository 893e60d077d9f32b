"""Many lists at once: each recipient's own limit, and a second chance for what may pass by itself.

What failed is tried again only when everything else has had its first try, after a wait that grows. So
nobody waits for somebody else's server.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from pipeline.home import Delivery

_GROWS = 3  # each wait is so many times as long as the one before


@dataclass(frozen=True)
class Task:
    """Bringing one thing to one recipient, with at most `at_once` connections there."""

    recipient: str
    at_once: int
    bring: Callable[[], None]


def side_by_side(
    tasks: Sequence[Task],
    settings: Delivery,
    *,
    wait_for: Callable[[float], None] = time.sleep,
    done: Callable[[int], None] = lambda count: None,
) -> list[Exception]:
    """Do all tasks, and give the failures that remained, in the order of the tasks.

    An error that says `passing` (pipeline.errors) is tried again, `settings.tries` times in all. `done`
    hears how many are done for good. What is no Exception ends everything at once.
    """
    failures: dict[int, Exception] = {}
    left, finished = list(range(len(tasks))), 0
    for attempt in range(settings.tries):
        if attempt:
            wait_for(settings.wait_seconds * _GROWS ** (attempt - 1))
        again = []
        for number, error in _round(tasks, left, settings.at_once):
            failures.pop(number, None)
            if error is not None:
                failures[number] = error
            if getattr(error, "passing", False) and attempt + 1 < settings.tries:
                again.append(number)
            else:
                finished += 1
                done(finished)
        left = sorted(again)
        if not left:
            break
    return [failures[number] for number in sorted(failures)]


def _round(
    tasks: Sequence[Task], numbers: Sequence[int], at_once: int
) -> Iterator[tuple[int, Exception | None]]:
    """Each of these tasks once, as they end: its number, and what it raised."""
    queues: dict[str, deque[int]] = {}
    for number in numbers:
        queues.setdefault(tasks[number].recipient, deque()).append(number)
    busy: Counter[str] = Counter()
    running: dict[Future[None], int] = {}
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        while running or any(queues.values()):
            for recipient, queue in queues.items():
                while queue and len(running) < at_once and busy[recipient] < tasks[queue[0]].at_once:
                    number = queue.popleft()
                    running[pool.submit(tasks[number].bring)] = number
                    busy[recipient] += 1
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                busy[tasks[number].recipient] -= 1
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield number, error
