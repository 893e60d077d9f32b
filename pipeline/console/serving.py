"""Serving the console by itself, on this machine's own address."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.console import people
from pipeline.console.application import Console, application
from pipeline.console.entrances.one_time_link import OneTimeLink
from pipeline.errors import SettingsError
from pipeline.home import Home

HOST = "127.0.0.1"  # a server before it ends TLS and is what people reach


def serve(home: Home, *, who: str | None, port: int, tell: Callable[..., None]) -> None:
    """Serve until stopped; raises SettingsError where nobody could get in."""
    import uvicorn

    person = _for_whom(home, who)
    entrance = OneTimeLink(person)
    app = application(Console(lambda: Home.open(home.path, home.environment), entrance))
    tell(f"Open this in a browser on this machine; it is good once, for {person}:")
    tell(f"  http://localhost:{port}{entrance.path}")
    uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False, server_header=False)


def _for_whom(home: Home, who: str | None) -> str:
    known = [one.principal for one in home.settings.console.people]
    if who is None and known:
        return known[0]
    if who is None or people.by_principal(home.settings.console, who) is None:
        raise SettingsError(
            "Nobody is named for whom the link could be",
            where="birthshare.toml, [[console.people]]",
            do=f"Name one with --as: {', '.join(known)}" if known else "Name people there, with their roles.",
        )
    return who
