"""How code fails that was written without care: each way quotes what it worked on, somewhere.

Used by tests that call tasks of ours by themselves, and in a real Airflow by `breaking.py`. Only the standard
library is imported here: every process of that Airflow reads this.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from typing import NoReturn


def chained(text: str) -> NoReturn:
    """In the message, in a note, in the cause and in the error that was handled meanwhile."""
    row = text
    try:
        {}[row]
    except KeyError:
        error = ValueError(f"could not convert: {row}")
        error.add_note(row)
        raise error from LookupError(row)


def loud(text: str) -> NoReturn:
    """It prints, logs, warns, lets a thread and a finaliser fail, and starts a program that speaks."""
    print(text)
    print(text, file=sys.stderr)
    for descriptor in (1, 2):
        os.write(descriptor, f"{text}\n".encode())
        os.system(f"printf '%s\\n' '{text}' >&{descriptor}")
    warnings.warn(text, stacklevel=1)
    for name in (
        "",
        "paramiko.transport",
        "great_expectations",
        "sqlalchemy.engine",
        "pipeline",
        "airflow.task",
    ):
        logging.getLogger(name).critical("a record: %s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("a.library").exception("this failed")
    thread = threading.Thread(target=chained, args=(text,), name=text)
    thread.start()
    thread.join()
    Finalised(text)
    raise RuntimeError("it failed")


class Finalised:
    def __init__(self, text: str) -> None:
        self.text = text

    def __del__(self) -> None:
        raise ValueError(self.text)


def leaving(text: str) -> NoReturn:
    """As a program's last word."""
    sys.exit(text)


def interrupted(text: str) -> NoReturn:
    raise KeyboardInterrupt(text)


def out_of_memory(text: str) -> NoReturn:
    raise MemoryError(text)


def huge(text: str) -> NoReturn:
    raise ValueError(text * 20_000)


def many(text: str) -> NoReturn:
    """Several at once, as of threads."""
    raise ExceptionGroup(text, [ValueError(text), ExceptionGroup(text, [KeyError(text)])])


def unspeakable(text: str) -> NoReturn:
    """An error whose own words fail."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise ValueError(text)

        __repr__ = __str__

    raise Unspeakable(text)


def too_late(text: str) -> NoReturn:
    """Airflow's own end of a task that takes too long, just while an error is handled."""
    from airflow.sdk.exceptions import AirflowTaskTimeout

    try:
        raise ValueError(text)
    except ValueError:
        raise AirflowTaskTimeout(f"Timeout, at {text}")  # noqa: B904


def airflows_own(text: str) -> NoReturn:
    """As an operator of somebody else's ends a task."""
    from airflow.sdk.exceptions import AirflowFailException

    raise AirflowFailException(text) from ValueError(text)


def database(text: str) -> NoReturn:
    """A statement that cannot be run, with its parameters."""
    from sqlalchemy import create_engine

    with create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("SELECT ? FROM nowhere", (text,))
    raise AssertionError


def model(text: str) -> NoReturn:
    """A value that is not what a model asks for."""
    from pydantic import TypeAdapter

    TypeAdapter(dict[str, int]).validate_python({text: text})
    raise AssertionError


def not_text(text: str) -> NoReturn:
    """Bytes that are no text; the error holds all of them."""
    (text.encode() + b"\xff").decode()
    raise AssertionError


def program(text: str) -> NoReturn:
    """A program that fails; the error holds its arguments and what it said."""
    subprocess.run(
        ["gpg", "--no-options", "--batch", "--decrypt", f"/nowhere/{text}"], check=True, capture_output=True
    )
    raise AssertionError


def killed(text: str) -> NoReturn:
    """As a machine does that is out of memory."""
    row = text
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(row)


def aborted(text: str) -> NoReturn:
    """As the library of C ends a process: with a core dump, where one is wanted."""
    row = text
    os.abort()
    raise AssertionError(row)


RAISED = (
    chained, loud, leaving, interrupted, out_of_memory, huge, many, unspeakable, too_late, airflows_own,
    database, model, not_text, program,
)  # fmt: skip
ENDED = (killed, aborted)
WAYS = {one.__name__: one for one in (*RAISED, *ENDED)}
