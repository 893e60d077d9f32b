"""Words of ours in a task's log: sentences for the data lead that make nothing red."""

from __future__ import annotations

from collections.abc import Iterable

import structlog


def say(sentences: Iterable[str]) -> None:
    """Write each into the log of the task that is at work; none of them is about a family."""
    log = structlog.get_logger(logger_name="birthshare")
    for sentence in sentences:
        log.warning(sentence)
