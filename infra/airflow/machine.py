"""A machine that Birthshare's Airflow is put on: where its things lie, and as whom it works."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_environment import REPOSITORY
from pipeline.errors import SettingsError


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


def have_user(name: str) -> None:
    """Make the service's user where it is missing; raises SettingsError where we may not."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        if os.geteuid() != 0:
            raise SettingsError(f"There is no user {name} yet", do="Run it as root, with sudo.") from None
        nobody_logs_in = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
        subprocess.run(["useradd", *nobody_logs_in, name], check=True)


def check_can_run(user: str) -> None:
    """Raises SettingsError where the service could not even start."""
    try:
        if as_user(user, [sys.executable, "-c", "import pipeline"]) == 0:
            return
    except PermissionError:
        pass
    raise SettingsError(
        f"{user} cannot read this program or its Python",
        where=f"{REPOSITORY}, {sys.base_prefix}",
        do="Put them where every user may read, as /opt, and not into anybody's home folder.",
    )


def as_user(name: str, command: Sequence[str]) -> int:
    """Run a command with the rights of a user and nothing of our own environment."""
    user = pwd.getpwnam(name)
    words = {"HOME": "/", "PATH": os.defpath, "LANG": "C.UTF-8"}
    rights: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    return subprocess.run(command, env=words, cwd="/", umask=0o077, check=False, **rights).returncode


def give_to(name: str, secrets: Path, folder: Path) -> None:
    """Airflow's own files and the secrets are the service's, and nobody else reads them."""
    user = pwd.getpwnam(name)
    for top in (secrets, folder):
        for path in (top, *top.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    for file in secrets.iterdir():
        file.chmod(0o600)
