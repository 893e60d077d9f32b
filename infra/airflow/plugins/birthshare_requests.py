"""Requests on their way to Airflow's pages, read before they get there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]


async def arrived(receive: Receive) -> list[dict[str, Any]]:
    """All that belongs to a request, once it is here; its last message says so where the sender has gone."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def giving(messages: Iterable[dict[str, Any]], others: Receive) -> Receive:
    """What gives these messages, and then whatever else comes."""
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        for message in waiting:
            return message
        return await others()

    return receive
