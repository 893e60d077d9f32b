"""Every setting of Birthshare's own Airflow, in one place.

The demonstration, the tests, systemd units, containers and pods all take their environment from here. What
differs between them is in `Site`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.rooms import SEALING

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
DAGS = REPOSITORY / "dags"
SITE = HERE / "site"  # modules that Airflow itself imports: the executor and the local settings

# Nothing else of the caller's environment reaches Airflow: every task can read what is there.
INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")


SIMPLE = "simple"  # the auth manager that keeps a list of logins, with passwords in a file
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
PASSWORDS = "passwords.json"

# For a Site's `extra`, where nothing is to run but what somebody asks for: demonstrations and tests. Else a
# DAG that is opened shortly after its time runs at once, such as the months' from the third to the sixth.
ONLY_WHEN_ASKED = {"SCHEDULER__USE_JOB_SCHEDULE": "False"}


@dataclass(frozen=True)
class Site:
    """Where one Airflow lives and who may log in.

    `users` maps a login to its role: `viewer` looks, `user` triggers runs and answers approvals,
    `op` also manages connections and pools, `admin` does everything.
    """

    folder: Path  # AIRFLOW_HOME
    port: int
    users: Mapping[str, str]
    dags: Path = DAGS
    birthshare_home: Path | None = None  # of the one authority that this Airflow serves
    # Or of several: their homes by code, or the file that names them (dags/birthshare_authorities.py).
    authorities: Mapping[str, Path] | Path = field(default_factory=dict)
    database: str = ""  # PostgreSQL, as postgresql+psycopg://...; "" for an SQLite file in the folder
    broker: str = ""  # Redis, as redis://...; tasks then run in Celery workers, else beside the scheduler
    secrets: Path | None = None  # a folder for the secrets that all parts share; None for the folder itself
    listen: str = "127.0.0.1"  # Airflow's own default listens to the whole network
    api: str = ""  # where parts on other machines find the API server, as http://host:port
    outside: str = ""  # where browsers find it behind a proxy, as https://...
    sign_on: str = "simple"  # "fab" for people who sign on somewhere else; needs infra/locks/sign_on.txt
    extra: Mapping[str, str] = field(default_factory=dict)  # settings of Airflow's own, as SECTION__NAME

    @property
    def address(self) -> str:
        """Where the other parts find the API server; on one machine a browser too."""
        return self.api or f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        """Task logs, and the output of Airflow's own parts under `parts/`."""
        return self.folder / "logs"

    @property
    def database_url(self) -> str:
        """Airflow's own database."""
        return self.database or f"sqlite:///{self.folder / 'airflow.db'}"

    @property
    def secret_files(self) -> Path:
        """The folder of the secrets that all parts of this Airflow share."""
        return self.secrets or self.folder

    def passwords(self) -> dict[str, str]:
        """The password of every login; made on first use, kept in a file only its owner can read."""
        file = self.folder / PASSWORDS  # Airflow wants to write there itself
        known: dict[str, str] = json.loads(_kept(file, "{}"))
        missing = {name: secrets.token_urlsafe(12) for name in self.users if name not in known}
        if missing:
            _written(self.folder, json.dumps(known | missing)).replace(file)
        return known | missing


def environment(site: Site) -> dict[str, str]:
    """The whole environment for every part of one Airflow; makes its secrets on first use."""
    if site.sign_on == SIMPLE:
        site.passwords()
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    settings = _core(site) | _api(site) | _people(site) | _records(site) | _workers(site) | dict(site.extra)
    return (
        inherited
        | {f"AIRFLOW__{name}": value for name, value in settings.items()}
        | {
            "AIRFLOW_HOME": str(site.folder),
            **_whose(site),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join([str(SITE), str(REPOSITORY)]),
        }
    )


def _whose(site: Site) -> dict[str, str]:
    """Which authorities the DAGs are for; see dags/birthshare_authorities.py."""
    if isinstance(site.authorities, Path):
        return {"BIRTHSHARE_AUTHORITIES": str(site.authorities)}
    if not site.authorities:
        return {"BIRTHSHARE_HOME": str(site.birthshare_home or "")}
    tables = [f'["{code}"]\nhome = {json.dumps(str(home))}\n' for code, home in site.authorities.items()]
    file = site.folder / "authorities.toml"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text("\n".join(tables), encoding="utf-8")
    return {"BIRTHSHARE_AUTHORITIES": str(file)}


def _core(site: Site) -> dict[str, str]:
    return {
        "CORE__DAGS_FOLDER": str(site.dags),
        "CORE__PLUGINS_FOLDER": str(HERE / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "CORE__DEFAULT_TIMEZONE": "Europe/London",
        "CORE__EXECUTOR": "CeleryExecutor" if site.broker else "quiet_executor.QuietLocalExecutor",
        "CORE__MP_START_METHOD": "fork",  # so that what the scheduler imported is there in every task
        "CORE__PARALLELISM": "4",
        # Must name the very port of the API server, else every task is refused a connection.
        "CORE__EXECUTION_API_SERVER_URL": f"{site.address}/execution/",
        "CORE__FERNET_KEY_CMD": _secret_command(site, "fernet.key", new_fernet_key),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        # A file that was changed is read at once; the others again that often, for half a second of CPU each.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        # A new scheduler asks every half minute, not every five, whether tasks of a dead one wait for it.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    }


def _api(site: Site) -> dict[str, str]:
    return {
        "API__HOST": site.listen,
        "API__PORT": str(site.port),
        "API__BASE_URL": site.outside or site.address,
        "API__WORKERS": "1",
        "API__EXPOSE_CONFIG": "False",
        "API__SECRET_KEY_CMD": _secret_command(site, "session.secret"),
        "API_AUTH__JWT_SECRET_CMD": _secret_command(site, "token.secret"),
    }


def _people(site: Site) -> dict[str, str]:
    """Who may log in, and how that is known."""
    if site.sign_on != SIMPLE:
        return {"CORE__AUTH_MANAGER": FAB}
    return {
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in site.users.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(site.folder / PASSWORDS),
    }


def _records(site: Site) -> dict[str, str]:
    return {
        **_database(site),
        "LOGGING__BASE_LOG_FOLDER": str(site.logs),
        # What a task's process says stays in the task's own log. (LocalExecutor: site/quiet_executor.py.)
        "LOGGING__TASK_LOGS_TO_STDOUT": "False",
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(site.logs / "dag_processor"),
        "SENTRY__SENTRY_ON": "False",
    }


def _database(site: Site) -> dict[str, str]:
    """The address of Airflow's database. With a password in it, it is in no part's environment."""
    if not site.database:
        return {"DATABASE__SQL_ALCHEMY_CONN": site.database_url}
    command = _address_command(site, "database.url", site.database)
    # psycopg speaks both; Airflow would look for another driver.
    return {"DATABASE__SQL_ALCHEMY_CONN_CMD": command, "DATABASE__SQL_ALCHEMY_CONN_ASYNC_CMD": command}


def _workers(site: Site) -> dict[str, str]:
    """Where tasks run in Celery workers: the queue between, and how soon a dead worker is noticed."""
    if not site.broker:
        return {}
    return {
        # Results go to Airflow's own database: that is where they go when no place is named.
        "CELERY__BROKER_URL_CMD": _address_command(site, "broker.url", site.broker),
        # Who has done a task says so to Redis afterwards, and holds no other meanwhile: what a dead worker
        # held is lost to nobody. Redis would hand it on after that long; Airflow notices sooner.
        "CELERY__TASK_ACKS_LATE": "True",
        "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "10800",  # more than a task may take
        "CELERY__TASK_LOGS_TO_STDOUT": "False",
        "OPERATORS__DEFAULT_QUEUE": SEALING,
        # A task of which nothing was heard for a minute is tried again. A living one speaks every 5 seconds.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        # A task that no worker took for five minutes is queued anew, for two hours; after that it is red.
        "SCHEDULER__TASK_QUEUED_TIMEOUT": "300",
        "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "30",
        "SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "24",
    }


def _secret_command(site: Site, name: str, new: Callable[[], str] = lambda: secrets.token_hex(64)) -> str:
    """A command that prints a secret, made on first use; tasks then find none in their environment."""
    file = site.secret_files / name
    _kept(file, new())
    return shlex.join(["cat", str(file)])


def _address_command(site: Site, name: str, address: str) -> str:
    """A command that prints an address with a password in it."""
    file = site.secret_files / name
    if _kept(file, address) != address:
        _written(file.parent, address).replace(file)
    return shlex.join(["cat", str(file)])


def new_fernet_key() -> str:
    """A key for what Airflow seals in its own database: passwords of connections."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def _kept(file: Path, content: str) -> str:
    """What the file holds; `content`, written for its owner alone, where there is no file yet."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = _written(file.parent, content)
        with suppress(FileExistsError):  # another part was first, and its word counts
            file.hardlink_to(new)
        new.unlink()
    return file.read_text(encoding="utf-8").strip()


def _written(folder: Path, content: str) -> Path:
    """A new file beside its later place, so that nobody ever reads half of it."""
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as new:
        new.write(content)
    return Path(new.name)
