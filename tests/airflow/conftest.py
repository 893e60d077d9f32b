"""Airflow for tests: imported as a library that leaves no trace, and started for real."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import load

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(REPOSITORY / "infra" / "airflow"))


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
