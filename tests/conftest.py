"""What every test may use: the helpers that start real servers are importable as `servers.*`."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from msoffcrypto.method.ecma376_agile import ECMA376Agile

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE))
sys.path.append(str(_HERE.parent / "infra"))

from asked_once import asked_once  # noqa: E402  # found by the lines above, like the next three
from at_length import AT_LENGTH  # noqa: E402
from chromium_browser import NoBrowser, browser  # noqa: E402
from servers.installing import provided  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What `make long` runs, and `make test` has no time for: whole Airflows through accidents, attacks,
# backfills and behind walls, and whether the figures can still be measured.
_SLOW = ("bypasses", "celery", "deployments", "months")
LONG = ["bench", *(f"airflow/test_{name}.py" for name in _SLOW)]
collect_ignore = [] if AT_LENGTH else LONG


# How soon a value was made is the machine's affair: other tests run beside it.
settings.register_profile("suite", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("suite")


# What was collected stays to the end: looking through it for garbage again and again is for nothing.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries at a server that a test has taken down."""
    monkeypatch.setattr("pipeline.steps.desk.Desk.wait", staticmethod(lambda seconds: None))


_SEALING = ECMA376Agile.generate_encryption_parameters


@pytest.fixture(scope="session", autouse=True)
def few_rounds() -> Iterator[None]:
    """Workbooks of tests are sealed with a hundredth of the rounds; `whole_rounds` gives them back.

    Hashing their passwords a hundred thousand times, to seal and to look, was a tenth of the suite.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ECMA376Agile, "generate_encryption_parameters", staticmethod(_with_few_rounds))
        yield


def _with_few_rounds(key: str, salt_value: bytes | None = None, spin_count: int = 100_000) -> Any:
    return _SEALING(key, salt_value, spin_count // 100)


@pytest.fixture
def whole_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workbooks are sealed as they are for a recipient."""
    monkeypatch.setattr(ECMA376Agile, "generate_encryption_parameters", staticmethod(_SEALING))


@pytest.fixture(autouse=True)
def one_asking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations is asked once about each contract; tests of validation ask it every time."""
    if "validation" in request.path.parts:
        return
    from pipeline.validation import suite

    monkeypatch.setattr(suite, "_checkpoint", asked_once(suite._checkpoint))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser for one file of tests.

    No longer: while it is open its loop runs in this thread, where nothing else could run coroutines and no
    second one could be opened.
    """
    provided("chromium", lambda: shutil.which("chromium"))
    try:
        with browser() as opened:
            yield opened
    except NoBrowser as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no browser: {reason}")
