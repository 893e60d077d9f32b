"""Makes what infra/compose.yaml needs beside an authority's home: the secrets and each room's keys.

    sudo .venv/bin/python infra/airflow/containers.py --home /srv/birthshare --up

Done again it makes nothing anew but the links of keys that came since.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_environment import REPOSITORY, new_fernet_key
from pipeline.custody import Custody
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home
from pipeline.rooms import ROOMS
from room_keys import share_out

COMPOSE = REPOSITORY / "infra" / "compose.yaml"
SEEN_AS = Path("/run/birthshare-keys")  # what the workers call the folder of the rooms' keys
AIRFLOW, SERVERS = 10001, 999  # whom the containers run as: ours; those of PostgreSQL and Redis
QUEUE = """\
requirepass {password}
dir /data
appendonly yes
appendfsync always
save ""
"""


def make_secrets(folder: Path, *, ours: int = AIRFLOW, servers: int = SERVERS) -> None:
    """Every secret that is not there yet, readable for the one container's user that needs it."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    database = _kept(folder / "database.password", secrets.token_hex(32), servers)
    queue_password = secrets.token_hex(32)
    queue = _kept(folder / "queue.conf", QUEUE.format(password=queue_password), servers).split()[1]
    _kept(folder / "database.url", f"postgresql+psycopg://airflow:{database}@database/airflow", ours)
    _kept(folder / "broker.url", f"redis://:{queue}@queue:6379/0", ours)
    _kept(folder / "session.secret", secrets.token_hex(64), ours)
    _kept(folder / "token.secret", secrets.token_hex(64), ours)
    _kept(folder / "fernet.key", new_fernet_key(), ours)


def main(arguments: Sequence[str]) -> int:
    """Make what is missing, and start; the answer is the exit code."""
    chosen = _arguments(arguments)
    try:
        home = Home.open(chosen.home)
        if os.geteuid() == 0 and home.path.stat().st_uid != AIRFLOW:
            do = f"chown -R {AIRFLOW}:{AIRFLOW} {home.path}"
            raise SettingsError("The home is not the containers' user's", where=str(home.path), do=do)
        make_secrets(chosen.folder / "secrets")
        for room in ROOMS:
            (chosen.folder / "keys" / room).mkdir(mode=0o711, parents=True, exist_ok=True)
        share_out(home, chosen.folder / "keys", seen_as=SEEN_AS)
        _recipients(chosen.folder, home).mkdir(mode=0o711, parents=True, exist_ok=True)
    except BirthshareError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    file = chosen.folder / "compose.env"
    file.write_text(_described(home.path, chosen.folder), encoding="utf-8")
    with_console = ["--profile", "console"] if home.settings.console.sign_on else []
    command = ["docker", "compose", "--env-file", str(file), "--file", str(COMPOSE), *with_console]
    build = [
        "docker",
        "build",
        "--file",
        str(REPOSITORY / "infra/image/Containerfile"),
        "--tag",
        "birthshare",
    ]
    if not chosen.up:
        print(" ".join([*build, str(REPOSITORY)]), " ".join([*command, "up", "--detach"]), sep="\n")
        return 0
    for one in ([*build, str(REPOSITORY)], [*command, "up", "--detach"]):
        if code := subprocess.run(one, check=False).returncode:
            return code
    return 0


def _recipients(folder: Path, home: Home) -> Path:
    """Where recipients' keys are, which the console sees: it is mounted there, empty or not."""
    return folder / "keys" / Custody.SEALING / home.path.name / "recipients"


def _kept(file: Path, content: str, owner: int) -> str:
    """What the file holds; `content`, for its owner alone, where there is no file yet."""
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as opened:
            opened.write(content)
        if os.geteuid() == 0:
            os.chown(file, owner, owner)
    return file.read_text(encoding="utf-8")


def _described(home: Path, folder: Path) -> str:
    places = {"HOME": home, "NAME": home.name, "SECRETS": folder / "secrets", "KEYS": folder / "keys"}
    named = "".join(f"BIRTHSHARE_{name}={place}\n" for name, place in places.items())
    return f"COMPOSE_PROJECT_NAME=birthshare\n{named}"


def _whole(path: str) -> Path:
    """From / on: the file of the containers lies elsewhere than where the command is typed."""
    return Path(path).absolute()


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--home", type=_whole, required=True, help="of the authority, owned by user 10001")
    parser.add_argument("--folder", type=_whole, default=Path("/etc/birthshare-containers"), help="for both")
    parser.add_argument("--up", action="store_true", help="build the image and start; else say how")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
