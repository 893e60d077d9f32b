"""Airflow for tests: imported as a library that leaves no trace, and started for real."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import load

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(REPOSITORY / "infra"), str(REPOSITORY / "infra" / "airflow")]


@pytest.fixture(scope="session")
def dags_folder() -> Path:
    return REPOSITORY / "dags"


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory, dags_folder: Path) -> Iterator[dict[str, ModuleType]]:
    """Every module of `dags/`, imported without Airflow's database, configuration file or logging."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("_AIRFLOW__AS_LIBRARY", "1")
        patch.setenv("BIRTHSHARE_HOME", "/nowhere")  # where a test does not say which
        patch.delenv("BIRTHSHARE_AUTHORITIES", raising=False)
        patch.syspath_prepend(str(REPOSITORY / "infra" / "airflow" / "plugins"))
        patch.syspath_prepend(str(dags_folder))
        yield {file.stem: load(file) for file in sorted(dags_folder.glob("*.py"))}


@pytest.fixture(scope="session")
def tasks(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["birthshare_tasks"]


@pytest.fixture(scope="session")
def asking(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["birthshare_approval"]


@pytest.fixture(scope="session")
def dags(modules: dict[str, ModuleType]) -> dict[str, Any]:
    """Every DAG for an Airflow that serves one authority, by its id."""
    authority = modules["birthshare_authorities"].Authority("", Path("/nowhere"))
    names = [name for name in modules if not name.startswith(("birthshare_", "show_"))]
    return {name: getattr(modules[name], name)(authority) for name in names}


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new Airflow's database, an SQLite file; made once for all processes of this test session."""
    from airflow_environment import Site
    from airflow_server import AirflowServer

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "new-airflow"
    folder.mkdir(mode=0o700, exist_ok=True)
    database = folder / "airflow.db"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            AirflowServer(Site(folder, 1, {})).prepare()
            (folder / "made").touch()
    return database


@pytest.fixture(scope="module")
def airflow_folder(tmp_path_factory: pytest.TempPathFactory, new_database: Path) -> Path:
    """The folder of an Airflow whose database is prepared."""
    folder = tmp_path_factory.mktemp("airflow")
    shutil.copy(new_database, folder)
    return folder
