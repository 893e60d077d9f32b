"""Makes this machine run Airflow for an authority, and its console, as systemd units.

    sudo .venv/bin/python infra/airflow/install.py --home /srv/birthshare

What it makes: the settings (kept as they are where there are some), the secrets (made once), Airflow's
database or its new version, and the units. Then it starts them. Done again, it brings a newer program
in. See infra/runbooks/airflow.md, and infra/runbooks/console.md for the console.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_environment import HERE, REPOSITORY, SIMPLE
from airflow_served import authorities_of, consoles_of, has_airflow, parts_of, room_of
from airflow_settings import ROLES, Settings
from kept_settings import FOLDER, PORT, write_settings
from machine import Machine, as_user, check_can_run, have_user
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home
from room_keys import share_out
from units import CLEANING, TARGET, write_units

RUNNING = Path("/run/systemd/system")  # there where systemd runs the machine


def main(arguments: Sequence[str]) -> int:
    """Install what the arguments ask for; the answer is the exit code."""
    chosen = arguments_of(arguments)
    machine = machine_of(chosen)
    try:
        have_user(machine.user)
        check_can_run(machine.user)
        check_libraries(chosen)
        settings = write_settings(machine, chosen)
        check_parts(chosen.parts or [], parts_of(settings))
        share_keys(machine, settings)
        parts = chosen.parts or parts_of(settings)
        write_units(machine, settings, parts)
        return _start(machine, with_airflow=has_airflow(parts))
    except BirthshareError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except PermissionError as error:
        print(f"Not allowed ({error.filename}). Run it as root, with sudo.", file=sys.stderr)
        return SettingsError.exit_code


def machine_of(chosen: argparse.Namespace) -> Machine:
    """Where things are put on this machine."""
    return Machine(chosen.etc / "airflow.toml", chosen.units, chosen.user)


def share_keys(machine: Machine, settings: Settings) -> None:
    """Take the rooms' keys out of the homes, where anything runs that is not to see them all."""
    if settings.site.broker or consoles_of(settings):
        for code, home in authorities_of(settings).items():
            share_out(Home.open(home), machine.room_keys, of=room_of(settings, code))


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


def _start(machine: Machine, *, with_airflow: bool) -> int:
    """Bring Airflow's database up to date while nothing runs, then start everything."""
    under_systemd = RUNNING.exists()
    if under_systemd:
        subprocess.run(["systemctl", "stop", TARGET], check=False, capture_output=True)
    prepare = [sys.executable, str(HERE / "run.py"), str(machine.settings), "prepare"]
    if with_airflow and (code := as_user(machine.user, prepare)):
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
