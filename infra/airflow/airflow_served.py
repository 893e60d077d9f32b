"""Whom an Airflow serves, and which parts it has for them: read from its settings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_environment import DAGS
from airflow_parts import PARTS
from airflow_settings import Settings
from pipeline.errors import SettingsError, one_to_a_line
from pipeline.home import Home
from pipeline.premises import SETTINGS_FILE
from pipeline.rooms import ROOMS

if TYPE_CHECKING:
    from birthshare_authorities import Authority

CONSOLE = "console"


def authorities_of(settings: Settings) -> dict[str, Path]:
    """The homes of all authorities that this Airflow serves, by code; "" where it serves one alone."""
    if settings.site.birthshare_home:
        return {"": settings.site.birthshare_home}
    return {one.code: one.home for one in _several(settings)}


def own_workers(settings: Settings) -> list[str]:
    """The authorities whose tasks go to queues of their own."""
    return [one.code for one in _several(settings) if one.own_workers]


def room_of(settings: Settings, code: str) -> str:
    """Whose rooms an authority's keys are for: its own, or "" for those of all together."""
    return code if code in own_workers(settings) else ""


def parts_of(settings: Settings) -> list[str]:
    """What runs on a machine that does everything."""
    if not settings.site.broker:
        return [*PARTS, *consoles_of(settings)]
    own = own_workers(settings)
    shared = [""] if len(own) < len(authorities_of(settings)) else []
    queues = [f"{room}.{code}" if code else room for code in [*shared, *own] for room in ROOMS]
    return [*PARTS, *(f"worker@{queue}" for queue in queues), *consoles_of(settings)]


def consoles_of(settings: Settings) -> list[str]:
    """The parts that are consoles: of the authorities whose settings say how people sign in."""
    there = {code: home for code, home in authorities_of(settings).items() if (home / SETTINGS_FILE).exists()}
    return [console_of(code) for code, home in there.items() if Home.open(home).settings.console.sign_on]


def console_of(code: str) -> str:
    """The part that is an authority's console."""
    return f"{CONSOLE}-{code}" if code else CONSOLE


def has_airflow(parts: Sequence[str]) -> bool:
    """Whether there is anything but consoles among these parts."""
    return any(not part.startswith(CONSOLE) for part in parts)


def homes_hidden_from(settings: Settings, part: str) -> list[Path]:
    """The homes that a worker has no tasks for; nothing for other parts, whose units say it themselves."""
    if not part.startswith("worker@"):
        return []
    own, of = own_workers(settings), part.partition(".")[2]
    return [home for code, home in authorities_of(settings).items() if (code if code in own else "") != of]


def several(file: Path) -> list[Authority]:
    """The authorities that a file names; raises SettingsError where any of them cannot be used."""
    if str(DAGS) not in sys.path:
        sys.path.append(str(DAGS))  # as Airflow has it
    from birthshare_authorities import named_in

    found, unusable = named_in(file)
    if unusable:
        raise SettingsError(one_to_a_line("These authorities cannot be used", unusable), where=str(file))
    return found


def _several(settings: Settings) -> list[Authority]:
    return several(settings.site.authorities) if isinstance(settings.site.authorities, Path) else []
