"""Runs one part of an Airflow, with every setting it needs. The process becomes that part.

run.py SETTINGS api-server | scheduler | dag-processor
run.py SETTINGS worker ROOM [--at-once N]   ROOM: opening, sealing, or a queue's whole name
run.py SETTINGS prepare                     makes or upgrades Airflow's database; harmless when done again
run.py SETTINGS healthy [PART] [--wait S]   whether the API server, or that part, is at work
run.py SETTINGS clean                       forgets runs and logs that are older than keep_days
run.py SETTINGS COMMAND ...                 any command of Airflow's own: dags list, users create ...
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_environment import environment
from airflow_health import is_healthy
from airflow_parts import PARTS, PREPARATIONS, airflow, asking, worker
from airflow_settings import Settings, read_settings
from pipeline.errors import BirthshareError


def main(arguments: list[str]) -> int:
    """Run what is asked for; the answer is the exit code, where the process became nothing else."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", type=Path, metavar="SETTINGS")
    parser.add_argument("command", metavar="COMMAND")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...")
    chosen = parser.parse_args(arguments)
    try:
        settings = read_settings(chosen.settings)
        return _OURS.get(chosen.command, _become)(settings, [chosen.command, *chosen.rest])
    except BirthshareError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _become(settings: Settings, command: list[str]) -> int:
    """Become a command of Airflow's own, or one of its parts."""
    words = [*PARTS[command[0]], *command[1:]] if command[0] in PARTS else command
    if words[0] == "api-server" and settings.site.outside:
        words.append("--proxy-headers")
    return _replaced(settings, airflow(*words))


def _work(settings: Settings, command: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py SETTINGS worker")
    parser.add_argument("room")
    parser.add_argument("--at-once", type=int, default=2, help="tasks; a month of 60 recipients is 5")
    chosen = parser.parse_args(command[1:])
    words = worker(
        chosen.room, queues=[chosen.room], at_once=chosen.at_once, folder=settings.site.folder
    )  # fmt: skip
    return _replaced(settings, airflow(*words))


def _replaced(settings: Settings, command: list[str]) -> int:
    settings.site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chdir(settings.site.folder)
    os.execve(command[0], command, environment(settings.site))  # noqa: S606 - no shell is what we want


def _prepare(settings: Settings, command: list[str]) -> int:
    settings.site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for step in PREPARATIONS:
        if code := _ran(settings, airflow(*step)):
            return code
    return 0


def _clean(settings: Settings, command: list[str]) -> int:
    """Forget what is old, in Airflow's database and then among its logs."""
    until = datetime.now(UTC) - timedelta(days=settings.keep_days)
    options = ("--clean-before-timestamp", until.isoformat(), "--skip-archive", "--yes")
    if code := _ran(settings, airflow("db", "clean", *options)):
        return code
    for file in settings.site.logs.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_mtime < until.timestamp():
            file.unlink(missing_ok=True)
    return 0


def _look(settings: Settings, command: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py SETTINGS healthy")
    parser.add_argument("part", nargs="?", default="api-server", help="or the room of a worker that is here")
    parser.add_argument("--wait", type=float, default=0.0, metavar="S", help="seconds")
    chosen = parser.parse_args(command[1:])
    if chosen.part not in PARTS:
        return _ran(settings, asking(chosen.part))
    return 0 if is_healthy(settings.site.address, chosen.part, seconds=chosen.wait) else 1


def _ran(settings: Settings, command: Sequence[str]) -> int:
    words = environment(settings.site)
    return subprocess.run(command, env=words, cwd=settings.site.folder, check=False).returncode


_OURS = {"worker": _work, "prepare": _prepare, "clean": _clean, "healthy": _look}

if __name__ == "__main__":
    os.umask(0o077)  # also of what this process becomes and starts
    sys.exit(main(sys.argv[1:]))
