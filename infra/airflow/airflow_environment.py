"""Every setting of Birthshare's own Airflow, in one place.

For the demonstration and the tests: one machine, SQLite, a list of logins with passwords in a file.
A production Airflow keeps the same values for logging, execution and approval, on PostgreSQL and with
a real sign-on; see `infra/airflow/README.md`.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
DAGS = REPOSITORY / "dags"
SITE = HERE / "site"  # modules that Airflow itself imports: the executor and the local settings

# Nothing else of the caller's environment reaches Airflow: every task can read what is there.
INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")


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
    authorities: Mapping[str, Path] = field(default_factory=dict)  # or of several: their homes, by code
    database: str = ""  # PostgreSQL, as postgresql+psycopg://...; "" for an SQLite file in the folder
    broker: str = ""  # Redis, as redis://...; tasks then run in Celery workers, else beside the scheduler
    extra: Mapping[str, str] = field(default_factory=dict)  # settings of Airflow's own, as SECTION__NAME

    @property
    def address(self) -> str:
        """Where a browser on this machine finds Airflow."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        """Task logs, and the output of Airflow's own parts under `parts/`."""
        return self.folder / "logs"

    @property
    def database_url(self) -> str:
        """Airflow's own database."""
        return self.database or f"sqlite:///{self.folder / 'airflow.db'}"

    def passwords(self) -> dict[str, str]:
        """The password of every login; made on first use, kept in a file only its owner can read."""
        return {**json.loads(_kept(self.folder / "passwords.json", _new_passwords(self.users)))}


def environment(site: Site) -> dict[str, str]:
    """The whole environment for every part of one Airflow; makes its secrets on first use."""
    site.passwords()
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    settings = _core(site) | _api(site) | _records(site) | _workers(site) | dict(site.extra)
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
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in site.users.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(site.folder / "passwords.json"),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    }


def _api(site: Site) -> dict[str, str]:
    return {
        "API__HOST": "127.0.0.1",  # Airflow's own default listens to the whole network
        "API__PORT": str(site.port),
        "API__BASE_URL": site.address,
        "API__WORKERS": "1",
        "API__EXPOSE_CONFIG": "False",
        "API__SECRET_KEY_CMD": _secret_command(site.folder / "session.secret"),
        "API_AUTH__JWT_SECRET_CMD": _secret_command(site.folder / "token.secret"),
    }


def _records(site: Site) -> dict[str, str]:
    return {
        "DATABASE__SQL_ALCHEMY_CONN": site.database_url,
        # psycopg speaks both; Airflow would look for another driver. SQLite has its own.
        **({"DATABASE__SQL_ALCHEMY_CONN_ASYNC": site.database_url} if site.database else {}),
        "LOGGING__BASE_LOG_FOLDER": str(site.logs),
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(site.logs / "dag_processor"),
        "SENTRY__SENTRY_ON": "False",
    }


def _workers(site: Site) -> dict[str, str]:
    """Where tasks run in Celery workers: the queue between, and how soon a dead worker is noticed."""
    if not site.broker:
        return {}
    return {
        "CELERY__BROKER_URL": site.broker,
        "CELERY__RESULT_BACKEND": f"db+{site.database_url}",
        "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "OPERATORS__DEFAULT_QUEUE": "sealing",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    }


def _secret_command(file: Path) -> str:
    """A command that prints a secret of 64 random bytes; tasks then find no secret in their environment."""
    _kept(file, secrets.token_hex(64))
    return shlex.join(["cat", str(file)])


def _new_passwords(users: Mapping[str, str]) -> str:
    return json.dumps({name: secrets.token_urlsafe(12) for name in users})


def _kept(file: Path, content: str) -> str:
    """What the file holds; `content`, written for its owner alone, where there is no file yet."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(content, encoding="utf-8")
    return file.read_text(encoding="utf-8")
