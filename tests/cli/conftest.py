"""Commands as a user gives them, and the authority that each test has for itself."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from month_authority import Answer, authority, birthshare, prototype
from pipeline.cli import run

__all__ = ["authority", "birthshare", "prototype"]

Say = Callable[..., Answer]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """The command line in this process, with nothing added to what is said to it."""
    monkeypatch.delenv("BIRTHSHARE_HOME", raising=False)

    def said(*arguments: str | Path, given: str = "") -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run([str(argument) for argument in arguments])
        return Answer(code, out.getvalue(), err.getvalue())

    return said


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A small demonstration, made by the command once, and what the command said as JSON."""
    folder = tmp_path_factory.mktemp("small") / "demo"
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run(["demo", "--dir", str(folder), "--births", "60", "--centres", "3", "--json"])
    return folder, Answer(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def state(small: tuple[Path, Answer]) -> Any:
    """The small demonstration's one JSON object."""
    return json.loads(small[1].out)
