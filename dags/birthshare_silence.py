"""While a task of ours works, nothing else is heard.

Airflow writes whatever a task's process prints, logs or warns of into the task's log: a library's line that
quotes a record, the traceback of a thread, what a program says that the task started. Nobody needs these: the
error that ends the task says what a person must know. Lines of our own are written before or after, or with
structlog, as Airflow writes its own.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2


@contextmanager
def silence() -> Iterator[None]:
    """Send nowhere what this process, its threads and the programs that it starts print, log and warn of."""
    with ExitStack() as undone:
        nowhere = undone.enter_context(open(os.devnull, "w"))  # noqa: PTH123  # there is no path to speak of
        undone.enter_context(redirect_stdout(nowhere))
        undone.enter_context(redirect_stderr(nowhere))
        undone.enter_context(warnings.catch_warnings())
        warnings.showwarning = _unheard
        undone.callback(logging.disable, logging.root.manager.disable)
        logging.disable(sys.maxsize)
        for descriptor in (STANDARD_OUTPUT, STANDARD_ERROR):
            undone.enter_context(_turned_away(descriptor, nowhere))
        yield


@contextmanager
def _turned_away(descriptor: int, nowhere: TextIO) -> Iterator[None]:
    """As libraries in C and other programs write: past Python's own streams."""
    kept = os.dup(descriptor)
    os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


def _unheard(*_: Any, **__: Any) -> None:
    """In the place of what shows a warning, and the line of code that it came from."""
