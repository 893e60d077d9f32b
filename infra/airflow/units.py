"""Writes the systemd units of a machine, from the templates in infra/systemd."""

from __future__ import annotations

import pwd
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_environment import HERE, REPOSITORY
from airflow_served import CONSOLE, authorities_of, console_of, has_airflow, homes_hidden_from, room_of
from airflow_settings import Settings
from machine import Machine
from pipeline.errors import SettingsError
from pipeline.rooms import SEALING

TEMPLATES = REPOSITORY / "infra" / "systemd"
HARDENING = "hardening"  # the part of every unit that says what it may not do
PUBLIC = ("approvers", "ledger.vkey")  # of what lies under keys/
TARGET = "birthshare.target"
CLEANING = "birthshare-clean.timer"


def write_units(machine: Machine, settings: Settings, parts: Sequence[str]) -> None:
    """The units of this machine; those that it has no part for are there too, and stay off."""
    machine.units.mkdir(parents=True, exist_ok=True)
    words = _words(machine, settings, parts)
    words["hardening"] = _filled((TEMPLATES / HARDENING).read_text(encoding="utf-8"), words).strip()
    for template in sorted(TEMPLATES.glob("birthshare*")):
        for name, own in _named(machine, settings, template).items():
            text = _filled(template.read_text(encoding="utf-8"), words | own)
            (machine.units / name).write_text(text, encoding="utf-8")
    for part in parts:
        if hidden := homes_hidden_from(settings, part):
            extra = machine.units / f"birthshare-{part}.service.d" / "homes.conf"
            extra.parent.mkdir(exist_ok=True)
            extra.write_text(
                f"[Service]\nInaccessiblePaths={' '.join(map(_plain, hidden))}\n", encoding="utf-8"
            )


def _named(machine: Machine, settings: Settings, template: Path) -> dict[str, dict[str, str]]:
    """The units that are made of a template, each with words of its own: a console for each authority."""
    if template.stem != f"birthshare-{CONSOLE}":
        return {template.name: {}}
    homes = authorities_of(settings)
    return {
        f"birthshare-{console_of(code)}.service": {
            "of": f" of {code}" if code else "",
            "program": _plain(Path(sys.executable).with_name("birthshare")),
            "home": _plain(home),
            "others": " ".join(_plain(other) for other in homes.values() if other != home),
            "recipients": _plain(
                machine.room_keys
                / ".".join(filter(None, (SEALING, room_of(settings, code))))
                / home.name
                / "recipients"
            ),
        }
        for code, home in homes.items()
    }


def _words(machine: Machine, settings: Settings, parts: Sequence[str]) -> dict[str, str]:
    """What stands for each @word@ of a unit."""
    homes = " ".join(map(_plain, authorities_of(settings).values()))
    run = [sys.executable, HERE / "run.py", machine.settings]
    cleaning = [CLEANING] if has_airflow(parts) else []
    return {
        "repository": _plain(REPOSITORY),
        "run": " ".join(map(_plain, run)),
        "user": machine.user,
        "group": str(pwd.getpwnam(machine.user).pw_gid),
        "folder": _plain(settings.site.folder),
        "homes": homes,
        "states": " ".join(f"{home}/state" for home in homes.split()),
        "keys": " ".join(f"{home}/keys:ro" for home in homes.split()),
        "public": " ".join(f"-{home}/keys/{name}" for home in homes.split() for name in PUBLIC),
        "room_keys": _plain(machine.room_keys),
        "parts": " ".join([*(f"birthshare-{part}.service" for part in parts), *cleaning]),
        "tasks": "InaccessiblePaths" if settings.site.broker else "ReadWritePaths",
    }


def _plain(path: object) -> str:
    if any(mark.isspace() or mark in "%\"'\\" for mark in str(path)):
        raise SettingsError("A path must be without blanks, quotes, % and \\", where=str(path))
    return str(path)


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text
