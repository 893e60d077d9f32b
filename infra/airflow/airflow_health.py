"""Asks a running Airflow whether a part of it is at work.

With nothing but the standard library, for it is asked often.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

API = "api-server"


def is_healthy(address: str, part: str = API, *, seconds: float = 0.0) -> bool:
    """Whether the part is at work, now or within so many seconds."""
    deadline = time.monotonic() + seconds
    while not _looks_healthy(address, part):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.5)
    return True


def _looks_healthy(address: str, part: str) -> bool:
    """The API server answers for the others: each says in the database every few seconds that it lives."""
    if part == API:  # its second half, that tasks talk to, is built on first use: now, not by the first task
        return _answer(f"{address}/execution/health") is not None
    health = _answer(f"{address}/api/v2/monitor/health") or {}
    return bool(health.get(part.replace("-", "_"), {}).get("status") == "healthy")


def _answer(address: str) -> dict[str, Any] | None:
    try:
        with urlopen(address, timeout=30) as answer:  # noqa: S310 - the address is in the settings
            found: dict[str, Any] = json.load(answer)
            return found
    except (URLError, OSError, ValueError):
        return None
