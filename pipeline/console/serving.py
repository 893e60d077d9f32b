"""Serving the console by itself, on this machine's own address."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from pipeline.console import beforehand, people
from pipeline.console.application import Console, application
from pipeline.console.entrances.one_time_link import OneTimeLink
from pipeline.console.entrances.openid import Provider
from pipeline.console.entrances.sign_on import BACK, CouncilSignOn
from pipeline.console.visit import Entrance
from pipeline.errors import SettingsError
from pipeline.home import SETTINGS_FILE, Home, SignOn

HOST = "127.0.0.1"  # a server before it ends TLS, and is what people reach
_AT_ONCE = 200  # connections; further ones are told to come later
_PATIENCE = 10  # seconds, for answers that are under way when it is stopped


def serve(home: Home, *, who: str | None, port: int, host: str = HOST, tell: Callable[..., None]) -> None:
    """Serve until stopped; raises SettingsError where nobody could get in, or the port is taken."""
    import uvicorn

    with closing(_listening(home, host, port)) as listening:
        entrance, address = _entrance(home, who, listening.getsockname()[1], tell)
        app = application(Console(lambda: Home.open(home.path, home.environment), entrance, address=address))
        beforehand.remember(home)
        config = uvicorn.Config(
            app,
            http="h11",  # stops where headers do not end; the other reader that uvicorn has goes on
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,  # addresses of sign-ons hold what is good for a moment
            server_header=False,
            limit_concurrency=_AT_ONCE,
            timeout_graceful_shutdown=_PATIENCE,
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening(home: Home, host: str, port: int) -> socket.socket:
    if host != HOST and home.settings.console.sign_on is None:
        raise SettingsError(
            "Without a sign-on the console is for this machine alone",
            where=f"{SETTINGS_FILE}, [console.sign_on]",
            do="Leave out --listen, or set up the sign-on.",
        )
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise SettingsError(
            f"The console cannot listen: {os.strerror(error.errno or 0)}",
            where=f"{host}, port {port}",
            do="Stop what is there, or choose another: --port 8471.",
        ) from None


def _entrance(home: Home, who: str | None, port: int, tell: Callable[..., None]) -> tuple[Entrance, str]:
    """How people get in, and the origin of the console."""
    settings = home.settings.console
    if settings.sign_on is not None:
        if who is not None:
            raise SettingsError("People sign in with the sign-on of the settings", do="Leave out --as.")
        entrance = _sign_on(home, settings.sign_on)
        tell(f"Open {settings.address}, and sign in as you do elsewhere. To stop: Ctrl-C.")
        return entrance, settings.address
    person = _for_whom(home, who)
    link, address = OneTimeLink(person, datetime.now(UTC)), f"http://localhost:{port}"
    tell(
        f"Open this in a browser on this machine; it is good once, in the next ten minutes, for {person}:",
        f"  {address}{link.path}",
        *_others(home, person, who),
        "To stop: Ctrl-C.",
    )
    return link, address


def _sign_on(home: Home, settings: SignOn) -> CouncilSignOn:
    """Raises SettingsError where something is missing that signing in takes."""
    console = home.settings.console
    if not console.address:
        raise SettingsError(
            "A sign-on needs the address under which people open the console",
            where=f"{SETTINGS_FILE}, console.address",
            do='Write it there, such as address = "https://birthshare.example.org", and register\n'
            f"that address with {BACK} at its end at the sign-on.",
        )
    if not any(one.sign_on for one in console.people):
        raise SettingsError(
            "Nobody could sign in",
            where=f"{SETTINGS_FILE}, [[console.people]]",
            do=f"Name people there; sign_on is what the sign-on says of them as {settings.claim}.",
        )
    provider = Provider(
        settings, home.password(settings.client_secret), console.address + BACK, home.trusted(settings.trust)
    )
    return CouncilSignOn(provider, console.address)


def _others(home: Home, person: str, who: str | None) -> list[str]:
    """For whom else the link could have been, where nobody said."""
    others = [one.principal for one in home.settings.console.people if one.principal != person]
    return (
        [f"For somebody else, stop it and name them with --as: {', '.join(others)}."]
        if others and not who
        else []
    )


def _for_whom(home: Home, who: str | None) -> str:
    known = [one.principal for one in home.settings.console.people]
    if who is None and known:
        return known[0]
    if who is None or people.by_principal(home.settings.console, who) is None:
        raise SettingsError(
            "Nobody is named for whom the link could be",
            where=f"{SETTINGS_FILE}, [[console.people]]",
            do=f"Name one with --as: {', '.join(known)}" if known else "Name people there, with their roles.",
        )
    return who
