"""Airflow for tests: imported as a library that leaves no trace, and started for real."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

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
        patch.delenv("BIRTHSHARE_HOME", raising=False)
        patch.syspath_prepend(str(dags_folder))
        yield {file.stem: _module(file) for file in sorted(dags_folder.glob("*.py"))}


def _module(file: Path) -> ModuleType:
    """By its name, as the others import it; by its place where the name is taken, as by a folder of tests."""
    module = importlib.import_module(file.stem)
    if module.__file__ == str(file):
        return module
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tasks(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["birthshare_tasks"]
