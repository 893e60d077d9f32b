"""`birthshare console`: the web pages for guardians, IG officers and approvers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="Open the web pages where people look and decide.")
@click.option("--as", "who", metavar="WHO", help="Whom the one-time link is for: a person in [console].")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="On this machine. Default: 8470, or console.port."
)
@click.option(
    "--listen",
    "host",
    metavar="ADDRESS",
    default="127.0.0.1",
    help="With a sign-on: where to listen for the server that ends TLS. Default: this machine alone.",
)
@for_home
def console(who: str | None, port: int | None, host: str, home: Home, voice: Voice) -> None:
    """Serve the console on this machine, until it is stopped (Ctrl-C).

    Without a sign-on in the settings a link is printed that is good once, for one person.
    """
    from pipeline.console.serving import serve

    port = home.settings.console.port if port is None else port

    def tell(*lines: str) -> None:
        voice.say(*lines)
        sys.stdout.flush()  # it runs on, and whoever reads it may be a file or another program

    serve(home, who=who, port=port, host=host, tell=tell)


COMMANDS: Sequence[click.Command] = (console,)
