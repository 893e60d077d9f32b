"""Makes this machine run Airflow for an authority, and its console, as systemd units.

    sudo .venv/bin/python infra/airflow/install.py --home /srv/birthshare

What it makes: the settings (kept as they are where there are some), the secrets (made once), Airflow's
database or its new version, and the units. Then it starts them. Done again, it brings a newer program
in. See infra/runbooks/airflow.md, and infra/runbooks/console.md for the console.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_environment import DAGS, HERE, REPOSITORY, SIMPLE, environment
from airflow_parts import PARTS, ROOMS
from airflow_settings import ROLES, SERVERS, Settings, read_settings
from pipeline.errors import BirthshareError, SettingsError, one_to_a_line
from pipeline.home import Home
from pipeline.premises import SETTINGS_FILE
from room_keys import share_out

if TYPE_CHECKING:
    from birthshare_authorities import Authority

TEMPLATES = REPOSITORY / "infra" / "systemd"
HARDENING = "hardening"  # the part of every unit that says what it may not do
FOLDER, PORT = Path("/var/lib/birthshare-airflow"), 8080
_DEFAULTS = {"folder": str(FOLDER), "port": PORT}  # not asked for, where settings are kept
_UNASKED = ("secrets", "users")
CONSOLE = "console"
PUBLIC = ("approvers", "ledger.vkey")  # of what lies under keys/
TARGET = "birthshare.target"
CLEANING = "birthshare-clean.timer"
RUNNING = Path("/run/systemd/system")  # there where systemd runs the machine


@dataclass(frozen=True)
class Machine:
    """Where things are put."""

    settings: Path  # the file
    units: Path  # the folder
    user: str

    @property
    def room_keys(self) -> Path:
        """A folder with one for each room's own keys, and in it one for each home's."""
        return self.settings.parent / "keys"


def main(arguments: Sequence[str]) -> int:
    """Install what the arguments ask for; the answer is the exit code."""
    chosen = arguments_of(arguments)
    machine = machine_of(chosen)
    try:
        _have_user(machine.user)
        _can_run(machine.user)
        check_libraries(chosen)
        settings = write_settings(machine, chosen)
        check_parts(chosen.parts or [], parts_of(settings))
        share_keys(machine, settings)
        parts = chosen.parts or parts_of(settings)
        write_units(machine, settings, parts)
        return _start(machine, with_airflow=_has_airflow(parts))
    except BirthshareError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except PermissionError as error:
        print(f"Not allowed ({error.filename}). Run it as root, with sudo.", file=sys.stderr)
        return SettingsError.exit_code


def machine_of(chosen: argparse.Namespace) -> Machine:
    """Where things are put on this machine."""
    return Machine(chosen.etc / "airflow.toml", chosen.units, chosen.user)


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
    _give_to(machine.user, secrets, settings.site.folder)
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
    if _as_user(machine.user, ["test", "-r", str(chosen.authorities)]):
        raise SettingsError(f"{machine.user} cannot read the authorities", where=str(chosen.authorities))
    return [one.home for one in found]


def _give_to(name: str, secrets: Path, folder: Path) -> None:
    """Airflow's own files and the secrets are the service's, and nobody else reads them."""
    user = pwd.getpwnam(name)
    for top in (secrets, folder):
        for path in (top, *top.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    for file in secrets.iterdir():
        file.chmod(0o600)


def share_keys(machine: Machine, settings: Settings) -> None:
    """Take the rooms' keys out of the homes, where anything runs that is not to see them all."""
    if settings.site.broker or consoles_of(settings):
        for code, home in authorities_of(settings).items():
            share_out(Home.open(home), machine.room_keys, of=_room_of(settings, code))


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
        f"birthshare-{_console(code)}.service": {
            "of": f" of {code}" if code else "",
            "program": _plain(Path(sys.executable).with_name("birthshare")),
            "home": _plain(home),
            "others": " ".join(_plain(other) for other in homes.values() if other != home),
            "recipients": _plain(
                machine.room_keys
                / ".".join(filter(None, ("sealing", _room_of(settings, code))))
                / home.name
                / "recipients"
            ),
        }
        for code, home in homes.items()
    }


def consoles_of(settings: Settings) -> list[str]:
    """The parts that are consoles: of the authorities whose settings say how people sign in."""
    there = {code: home for code, home in authorities_of(settings).items() if (home / SETTINGS_FILE).exists()}
    return [_console(code) for code, home in there.items() if Home.open(home).settings.console.sign_on]


def _has_airflow(parts: Sequence[str]) -> bool:
    return any(not part.startswith(CONSOLE) for part in parts)


def _console(code: str) -> str:
    return f"{CONSOLE}-{code}" if code else CONSOLE


def _room_of(settings: Settings, code: str) -> str:
    """Whose rooms an authority's keys are for: its own, or "" for those of all together."""
    return code if code in own_workers(settings) else ""


def homes_hidden_from(settings: Settings, part: str) -> list[Path]:
    """The homes that a worker has no tasks for; nothing for other parts, whose units say it themselves."""
    if not part.startswith("worker@"):
        return []
    own, of = own_workers(settings), part.partition(".")[2]
    return [home for code, home in authorities_of(settings).items() if (code if code in own else "") != of]


def parts_of(settings: Settings) -> list[str]:
    """What runs on a machine that does everything."""
    if not settings.site.broker:
        return [*PARTS, *consoles_of(settings)]
    own = own_workers(settings)
    shared = [""] if len(own) < len(authorities_of(settings)) else []
    queues = [f"{room}.{code}" if code else room for code in [*shared, *own] for room in ROOMS]
    return [*PARTS, *(f"worker@{queue}" for queue in queues), *consoles_of(settings)]


def authorities_of(settings: Settings) -> dict[str, Path]:
    """The homes of all authorities that this Airflow serves, by code; "" where it serves one alone."""
    if settings.site.birthshare_home:
        return {"": settings.site.birthshare_home}
    return {one.code: one.home for one in _several(settings)}


def own_workers(settings: Settings) -> list[str]:
    """The authorities whose tasks go to queues of their own."""
    return [one.code for one in _several(settings) if one.own_workers]


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


def _words(machine: Machine, settings: Settings, parts: Sequence[str]) -> dict[str, str]:
    """What stands for each @word@ of a unit."""
    homes = " ".join(map(_plain, authorities_of(settings).values()))
    run = [sys.executable, HERE / "run.py", machine.settings]
    cleaning = [CLEANING] if _has_airflow(parts) else []
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


def _have_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        if os.geteuid() != 0:
            raise SettingsError(f"There is no user {name} yet", do="Run it as root, with sudo.") from None
        nobody_logs_in = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
        subprocess.run(["useradd", *nobody_logs_in, name], check=True)


def _can_run(user: str) -> None:
    """Raises SettingsError where the service could not even start."""
    try:
        if _as_user(user, [sys.executable, "-c", "import pipeline"]) == 0:
            return
    except PermissionError:
        pass
    raise SettingsError(
        f"{user} cannot read this program or its Python",
        where=f"{REPOSITORY}, {sys.base_prefix}",
        do="Put them where every user may read, as /opt, and not into anybody's home folder.",
    )


def check_libraries(chosen: argparse.Namespace) -> None:
    """Raises SettingsError where the lock that was installed lacks what was asked for."""
    for asked, library, lock in (
        (chosen.broker, "airflow.providers.celery", "workers"),
        (chosen.sign_on == "fab", "airflow.providers.fab", "sign_on"),
    ):
        if asked and importlib.util.find_spec(library) is None:
            do = f"sh infra/install.sh {lock} (sign_on holds all of workers)"
            raise SettingsError(f"{library} is not installed", where=str(REPOSITORY), do=do)


def check_parts(parts: Sequence[str], every: Sequence[str]) -> None:
    """Raises SettingsError for a part that these settings do not have."""
    if unknown := [part for part in parts if part not in every]:
        known = ", ".join(every)
        raise SettingsError(f"There is no part {', '.join(unknown)}", do=f"With these settings: {known}.")


def _as_user(name: str, command: Sequence[str]) -> int:
    """Run a command with the rights of a user and nothing of our own environment."""
    user = pwd.getpwnam(name)
    words = {"HOME": "/", "PATH": os.defpath, "LANG": "C.UTF-8"}
    rights: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    return subprocess.run(command, env=words, cwd="/", umask=0o077, check=False, **rights).returncode


def _start(machine: Machine, *, with_airflow: bool) -> int:
    """Bring Airflow's database up to date while nothing runs, then start everything."""
    under_systemd = RUNNING.exists()
    if under_systemd:
        subprocess.run(["systemctl", "stop", TARGET], check=False, capture_output=True)
    prepare = [sys.executable, str(HERE / "run.py"), str(machine.settings), "prepare"]
    if with_airflow and (code := _as_user(machine.user, prepare)):
        said = "Airflow's database could not be prepared, and nothing runs: the last lines above say why."
        print(f"{said} Put it right, and run this again.", file=sys.stderr)
        return code
    if not under_systemd:
        print(f"Installed. systemd does not run here; where it does: systemctl enable --now {TARGET}")
        return 0
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    for unit in (TARGET, CLEANING) if with_airflow else (TARGET,):
        subprocess.run(["systemctl", "enable", "--now", unit], check=True)
    print(f"Runs. See: systemctl list-dependencies {TARGET}, journalctl --unit 'birthshare-*'")
    return 0


def arguments_of(arguments: Sequence[str]) -> argparse.Namespace:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--home", type=_whole, help="of the authority")
    whose.add_argument("--authorities", type=_whole, help="the file that names the homes of several")
    parser.add_argument("--folder", type=_whole, default=FOLDER, help="Airflow's own")
    parser.add_argument(
        "--etc", type=_whole, default=Path("/etc/birthshare"), help="for settings and secrets"
    )
    parser.add_argument("--units", type=_whole, default=Path("/etc/systemd/system"))
    parser.add_argument("--user", default="birthshare", help="whom it runs as; made where missing")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--outside", type=_address, help="what people type, where a proxy stands before it")
    parser.add_argument("--database", type=_whole, help="a file with PostgreSQL's address; else SQLite")
    parser.add_argument("--broker", type=_whole, help="a file with Redis's address; else no Celery workers")
    parser.add_argument("--sign-on", choices=(SIMPLE, "fab"), default=SIMPLE)
    parser.add_argument(
        "--login", type=_login, action="append", default=[], metavar="NAME=ROLE", help="simple sign-on"
    )
    parser.add_argument("--parts", nargs="+", help="those of this machine alone, as worker@opening")
    return parser.parse_args(arguments)


def _whole(path: str) -> Path:
    """From / on, wherever the command was typed."""
    return Path(path).absolute()


def _address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise argparse.ArgumentTypeError("begins with https://")
    return text.rstrip("/")


def _login(text: str) -> str:
    name, _, role = text.partition("=")
    if not name or role not in ROLES:
        raise argparse.ArgumentTypeError(f"NAME=ROLE, where ROLE is one of {', '.join(ROLES)}")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
