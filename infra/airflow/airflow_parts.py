"""The parts of an Airflow, and the commands that start them: for the tests, for units and for containers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from pathlib import Path

# In the order in which they start. No triggerer: nothing of ours is deferred.
PARTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}

# What must have been done before any part starts; doing it twice changes nothing.
POOL = ("birthshare_opening", "2", "Extracts that are opened and checked at once: each needs memory")
PREPARATIONS = (("db", "migrate"), ("pools", "set", *POOL))


def airflow(*arguments: str) -> list[str]:
    """A command of Airflow's own."""
    return [sys.executable, "-m", "airflow", *arguments]


def worker(name: str, *, queues: Sequence[str], at_once: int, folder: Path) -> tuple[str, ...]:
    """What starts a Celery worker that takes tasks of these queues."""
    options = ("--celery-hostname", f"{name}@%h", "--queues", ",".join(queues), "--concurrency", str(at_once))
    return ("celery", "worker", *options, "--pid", str(folder / f"{name}.pid"), "--skip-serve-logs")


def asking(name: str) -> list[str]:
    """A command that succeeds where the worker of that name on this machine answers."""
    app = "airflow.providers.celery.executors.celery_executor.app"
    ask = ("inspect", "ping", "--destination", f"{name}@{socket.gethostname()}", "--timeout", "20")
    return [sys.executable, "-m", "celery", "--app", app, *ask]
