"""Read by every process of a test's own Airflow as it starts: makes functions of ours fail when told to.

The test copies it, as `sitecustomize.py`, into a folder on that Airflow's path, with `careless.py` and a plan
beside it: {"text": what a careless error quotes, "places": {"pipeline.month.close": "chained", ...}, "bare":
false}. A place that has a way fails in it, and says in `failed.txt` that it did; "held" waits at the pipe
`gate`, and then works. With "bare" the tasks have no guard at all.
"""

from __future__ import annotations

import functools
import importlib.machinery
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from careless import WAYS

HERE = Path(__file__).parent
GUARD = "birthshare_tasks"


def _plan() -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((HERE / "plan.json").read_text(encoding="utf-8"))
    return plan


def _breakable(place: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        plan = _plan()
        if way := plan["places"][place]:
            with (HERE / "failed.txt").open("a") as told:
                told.write(f"{place} {way}\n")
            if way == "held":
                (HERE / "gate").read_text()
            else:
                WAYS[way](plan["text"])
        return function(*args, **kwargs)

    return run


class _Breaking(importlib.machinery.PathFinder):
    """Finds modules as Python does; those of the plan are changed once they are loaded."""

    modules = {place.rpartition(".")[0] for place in _plan()["places"]} | {GUARD}

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> Any:
        if fullname not in cls.modules:
            return None
        spec = super().find_spec(fullname, path, target)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _changed(module, load)  # type: ignore[method-assign]
        return spec


def _changed(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    load(module)
    if module.__name__ == GUARD and _plan()["bare"]:
        module.quietly = lambda function: function  # type: ignore[attr-defined]
    for place in _plan()["places"]:
        owner, _, name = place.rpartition(".")
        if owner == module.__name__:
            setattr(module, name, _breakable(place, getattr(module, name)))


sys.meta_path.insert(0, _Breaking)
