"""The settings of an Airflow as `install.py` was asked for them: made once, and kept.

What is asked for the next time is held against them, so that nothing is passed over in silence.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tomllib
from pathlib import Path

from airflow_environment import environment
from airflow_served import several
from airflow_settings import SERVERS, Settings, read_settings
from machine import Machine, as_user, give_to
from pipeline.errors import SettingsError
from pipeline.premises import SETTINGS_FILE

FOLDER, PORT = Path("/var/lib/birthshare-airflow"), 8080
_DEFAULTS = {"folder": str(FOLDER), "port": PORT}  # not asked for, where settings are kept
_UNASKED = ("secrets", "users")


def write_settings(machine: Machine, chosen: argparse.Namespace) -> Settings:
    """The settings, made where there are none, and every folder and secret that they name.

    Raises SettingsError, with nothing made, where what was asked for cannot be used.
    """
    secrets = machine.settings.parent / "secrets"
    _can_be_used(machine, chosen, _described(chosen, secrets))
    for folder in (machine.settings.parent, machine.room_keys):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for folder in (secrets, chosen.folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for server in SERVERS:
        if address := getattr(chosen, server):
            shutil.copyfile(address, secrets / f"{server}.url")
    if not machine.settings.exists():
        machine.settings.write_text(_described(chosen, secrets), encoding="utf-8")
    settings = read_settings(machine.settings)
    environment(settings.site)  # makes the secrets
    give_to(machine.user, secrets, settings.site.folder)
    return settings


def _can_be_used(machine: Machine, chosen: argparse.Namespace, described: str) -> None:
    """Raises SettingsError where a home, a file or settings that are kept are not what was asked for."""
    for home in _homes_asked_for(machine, chosen):
        if not (home / SETTINGS_FILE).is_file():
            raise SettingsError("There is no home", where=str(home), do=f"birthshare init {home}")
        if home.owner() != machine.user:
            raise SettingsError(
                f"The home is not {machine.user}'s", where=str(home), do=f"chown -R {machine.user} {home}"
            )
    for server in SERVERS:
        if (address := getattr(chosen, server)) and not address.is_file():
            raise SettingsError(f"The file with the address of the {server} is missing", where=str(address))
    if not machine.settings.exists():
        return
    kept = tomllib.loads(machine.settings.read_text(encoding="utf-8"))
    asked = {name: value for name, value in tomllib.loads(described).items() if name not in _UNASKED}
    asked = {name: value for name, value in asked.items() if value != _DEFAULTS.get(name)}
    if differs := [name for name, value in asked.items() if value != kept.get(name)]:
        raise SettingsError(
            f"The settings are kept, and say otherwise: {', '.join(differs)}",
            where=str(machine.settings),
            do="Correct them there, or ask for what they say.",
        )


def _homes_asked_for(machine: Machine, chosen: argparse.Namespace) -> list[Path]:
    if chosen.home:
        return [chosen.home]
    found = several(chosen.authorities)
    if as_user(machine.user, ["test", "-r", str(chosen.authorities)]):
        raise SettingsError(f"{machine.user} cannot read the authorities", where=str(chosen.authorities))
    return [one.home for one in found]


def _described(chosen: argparse.Namespace, secrets: Path) -> str:
    """The first settings: what was asked for."""
    whose = f"authorities = {_quoted(chosen.authorities)}" if chosen.authorities else ""
    lines = [
        "# Without any secret. What can stand here: infra/airflow/airflow_settings.py",
        f"folder = {_quoted(chosen.folder)}",
        whose or f"home = {_quoted(chosen.home)}",
        f"secrets = {_quoted(secrets)}",
        f"port = {chosen.port}",
        *(f'{server} = "{name}"' for server, name in SERVERS.items() if getattr(chosen, server)),
        *([f"outside = {_quoted(chosen.outside)}"] if chosen.outside else []),
        *(['sign_on = "fab"'] if chosen.sign_on == "fab" else []),
        "",
        "[users]",
        *(f'{name} = "{role}"' for name, _, role in (login.partition("=") for login in chosen.login)),
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: Path | str) -> str:
    return json.dumps(str(value))
