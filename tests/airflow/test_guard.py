"""What a task takes, gives and lets out: counts, and errors in our own words. Nothing else is ever said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from careless import RAISED, unspeakable
from pipeline.errors import SettingsError
from pipeline.rooms import SEALING

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PLANTED = "Zenobia-Quillfeather 9434765919"

COUNTED: list[Any] = [None, 0, True, 19, [], [0, 1, 2], {}, {"feeds": 2, "delivered": 1, "leftovers": 0}]
NOT_COUNTED: dict[str, Any] = {
    "a name": PLANTED,
    "text that says nothing": "",
    "bytes": b"7",
    "a fraction": 0.5,
    "an NHS number": 9434765919,
    "the day of a birth": 20_261_103,
    "one name among counts": [1, 2, PLANTED],
    "lists in lists": [[1]],
    "several at once": (1, 2),
    "a name as a key": {"zenobia": 1},
    "a number as a key": {9434765919: 1},
    "a name under a key": {"feeds": PLANTED},
    "more under a key": {"feeds": {"words": 1}},
    "an error": ValueError(PLANTED),
}


@pytest.mark.parametrize("answer", COUNTED, ids=str)
def test_counts_are_taken_and_given(tasks: ModuleType, answer: Any) -> None:
    assert tasks.numbers_only(lambda given: given)(answer) == answer


@pytest.mark.parametrize("answer", NOT_COUNTED.values(), ids=NOT_COUNTED.keys())
def test_nothing_else_is_given_or_taken(tasks: ModuleType, answer: Any) -> None:
    gives, takes = tasks.numbers_only(lambda: answer), tasks.numbers_only(lambda *_, **__: None)
    for call in (gives, lambda: takes(answer), lambda: takes(batch=answer)):
        with pytest.raises(tasks.NotANumber, match="something that is not a count") as refused:
            call()
        assert PLANTED not in str(refused.value)


def test_a_task_that_gives_more_than_counts_fails_and_is_not_tried_again(tasks: ModuleType) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    task = tasks.step(SEALING)(lambda: PLANTED)
    with pytest.raises(AirflowFailException, match="NotANumber, exit code 1: A task gave something") as stop:
        task.function()
    assert PLANTED not in repr(stop.value)


def test_what_a_task_is_given_is_no_template_and_is_not_kept(tasks: ModuleType) -> None:
    from airflow.sdk import DAG

    with DAG("any"):
        made = tasks.step(SEALING, task_id="any")(lambda batch: None)(batch="{{ dag_run.conf }}")
    assert made.operator.template_fields == ()


# --- errors, and whatever else is said --------------------------------------------------------------

# As in Airflow, log lines and warnings have a way of their own, past the process's output.
RUN = """
import json, logging, os, sys, traceback, warnings
import birthshare_tasks, careless
kept = os.fdopen(os.dup(1), "w", buffering=1)
logging.basicConfig(stream=kept, level=logging.DEBUG)
warnings.showwarning = lambda *warning, **_: print(*warning, file=kept)
guard, (text, *ways) = %s, sys.argv[1:]
for way in ways:
    def task():
        careless.WAYS[way](text)
    before = sys.stdout, sys.stderr
    try:
        guard(task)()
    except BaseException as stop:
        assert (sys.stdout, sys.stderr) == before
        words = [*traceback.format_exception(stop), repr(stop.args), repr([stop.__context__, stop.__cause__])]
        print("\\n" + json.dumps([way, type(stop).__name__, str(stop), "".join(words)]))
"""


@dataclass(frozen=True)
class Heard:
    """How each careless way ended (class, message, whole text), and all that its process said."""

    ways: dict[str, list[str]]
    out: str
    err: str


def heard(folder: Path, guard: str, ways: Iterable[str]) -> Heard:
    """What is heard of tasks that fail in these ways, in a process of their own."""
    places = [REPOSITORY / "dags", REPOSITORY, REPOSITORY / "tests"]
    done = subprocess.run(
        [sys.executable, "-c", RUN % guard, PLANTED, *ways],
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, places)),
            "AIRFLOW_HOME": str(folder), "_AIRFLOW__AS_LIBRARY": "1", "BIRTHSHARE_HOME": "/nowhere",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    return Heard({way: words for way, *words in lines}, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return heard(
        tmp_path_factory.mktemp("airflow"), "birthshare_tasks.quietly", [way.__name__ for way in RAISED]
    )


def test_whatever_fails_and_however_nothing_of_it_is_heard(guarded: Heard) -> None:
    assert set(guarded.ways) == {way.__name__ for way in RAISED}
    for part in PLANTED.split():
        assert part not in guarded.out + guarded.err


def test_what_is_let_out_says_its_class_its_place_and_what_to_do(guarded: Heard) -> None:
    names = {"chained": "ValueError", "leaving": "SystemExit", "not_text": "UnicodeDecodeError"}
    for way, name in names.items():
        kind, message, _ = guarded.ways[way]
        assert kind == "AirflowException", "it is tried again"
        assert message.startswith(f"{name} at careless.py:")
        assert message.endswith("exit code 1. Run the month again; if it stays, report this.")
    assert guarded.ways["unspeakable"][1].startswith("Unspeakable at careless.py:")
    kind, message, _ = guarded.ways["too_late"]
    assert kind == "AirflowTaskTimeout", "it is tried again"
    assert message.startswith("It took too long, and was ended at careless.py:")


def test_without_the_guard_all_of_it_would_be_heard(tmp_path: Path) -> None:
    """The ways above do quote what they worked on: the silence is ours."""
    bare = heard(tmp_path, "(lambda task: task)", [way.__name__ for way in RAISED if way is not unspeakable])
    assert [way for way, words in bare.ways.items() if PLANTED not in words[-1]] == ["loud"]
    assert bare.out.count(PLANTED) > 3 + len(bare.ways), "what is printed, besides what we print of each"
    assert bare.out.count(PLANTED) > 9 + len(bare.ways), "and log lines and a warning"
    assert bare.err.count(PLANTED) > 3, "prints, a thread and a finaliser"


def test_a_task_that_waits_for_a_person_or_a_file_goes_on_waiting(tasks: ModuleType) -> None:
    from datetime import UTC, datetime

    from airflow.sdk.exceptions import AirflowRescheduleException, TaskAwaitingInput

    for waiting in (TaskAwaitingInput(method_name="x"), AirflowRescheduleException(datetime.now(UTC))):

        @tasks.quietly
        def task(waiting: BaseException = waiting) -> None:
            raise waiting

        with pytest.raises(type(waiting)) as stop:
            task()
        assert stop.value is waiting


def test_after_a_task_its_process_speaks_again(tasks: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    @tasks.quietly
    def task() -> None:
        print("unheard")
        os.system("echo unheard")
        raise SettingsError("The settings cannot be read")

    with pytest.raises(Exception, match="SettingsError, exit code 2"):
        task()
    print("heard")
    os.system("echo heard >&2")
    out, err = capfd.readouterr()
    assert (out, err) == ("heard\n", "heard\n")
