"""The modules of `dags/` without a server, and the context that Airflow gives to a task."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

Found = TypeVar("Found")


def context_of(dag: str, month: str = "", key: str | None = None) -> dict[str, Any]:
    """Of a run of the DAG: triggered for a month by hand, or scheduled with a partition key."""
    return {
        "dag": SimpleNamespace(dag_id=dag),
        "params": {"month": month},
        "dag_run": SimpleNamespace(partition_key=key),
    }


def load(file: Path) -> ModuleType:
    """By its name, as the others import it; by its place where the name is taken, as by a folder of tests."""
    module = importlib.import_module(file.stem)
    if module.__file__ == str(file):
        return module
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcome(coroutine: Coroutine[Any, Any, Found]) -> Found:
    """What comes of it in a thread of its own: in this one a browser's loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
