"""What every task of ours leaves behind for those who watch: metrics, and one line of counts in its log.

Metrics go where Airflow's own go (see infra/airflow/README.md, "Watching it"); what they are stands in
`pipeline.questions.measures`. Watching stops nothing: whatever goes wrong here is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import structlog
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.observability import stats

from birthshare_authorities import authority_of
from pipeline.errors import BirthshareError

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.questions.measures import Measure

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

FLUSHED_WITHIN = 3000  # milliseconds; a task's process ends without waiting for its metrics


class Stages:
    """How long each stage of the task that works in this process has taken, in seconds."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def watch(self, stage: str, done: int, total: int) -> None:
        """A `pipeline.steps.desk.Watch`: from a stage's first word to its last."""
        now = perf_counter()
        self.seconds[stage] = now - self.begun.setdefault(stage, now)


_stages = Stages()


def watch(stage: str, done: int, total: int) -> None:
    """What a task gives to the pipeline, so that its stages are measured."""
    _stages.watch(stage, done, total)


def measured(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Measure a task, and tell in its log how it ended: seconds, and the counts that it gives."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        global _stages
        _stages, begun = Stages(), perf_counter()
        try:
            answer = function(*args, **kwargs)
        except AirflowSkipException:
            raise
        except Exception as error:
            _ended(begun, error=_class_of(error))
            raise
        _ended(begun, counts=answer)
        return answer

    return run


def of_month(home: Home, look: Callable[[], Mapping[str, Any]]) -> None:
    """Tell the numbers of a month's state: rounded as metrics, and as they are in the task's log."""
    with suppress(Exception):
        from pipeline.questions import measures

        state = look()
        _line("month", **measures.logged(state))
        _gauges(home, measures.of_month(state))


def of_waiting(home: Home, things: Iterable[Any]) -> None:
    """Tell how many things of each kind wait for a person."""
    with suppress(Exception):
        from pipeline.questions import measures

        _gauges(home, measures.of_waiting(things))


def _gauges(home: Home, found: Iterable[Measure]) -> None:
    from pipeline.questions.measures import PREFIX

    code = home.settings.authority.code
    for one in found:
        stats.gauge(f"{PREFIX}.{one.name}", one.value, tags={"authority": code, **one.tags})


def _ended(begun: float, *, error: str = "", counts: object = None) -> None:
    with suppress(Exception):
        context = get_current_context()
        dag, task = context["dag"].dag_id, context["task"].task_id
        seconds = perf_counter() - begun
        stages = {name: round(took, 3) for name, took in _stages.seconds.items()}
        told = {"error": error} if error else {"counts": counts}
        _line("stopped" if error else "done", seconds=round(seconds, 3), stages=stages, **told)
        _timings(dag, task, seconds, error)
        _flush()


def _timings(dag: str, task: str, seconds: float, error: str) -> None:
    from pipeline.home import Home
    from pipeline.questions.measures import PREFIX

    code = Home.open(authority_of(dag).home).settings.authority.code
    tags = {"authority": code, "dag": dag, "task": task}
    stats.timing(f"{PREFIX}.task_duration", timedelta(seconds=seconds), tags=tags)
    for stage, took in _stages.seconds.items():
        stats.timing(f"{PREFIX}.stage_duration", timedelta(seconds=took), tags={**tags, "stage": stage})
    if error:
        stats.incr(f"{PREFIX}.tasks_stopped", tags={**tags, "error": error})


def _flush() -> None:
    """Send OpenTelemetry's metrics now: the process of a task ends without doing it."""
    from opentelemetry import metrics

    provider = metrics.get_meter_provider()
    if hasattr(provider, "force_flush"):
        provider.force_flush(timeout_millis=FLUSHED_WITHIN)


def _line(event: str, **counts: Any) -> None:
    """One line in the task's log, for programs: only numbers and codes of our own."""
    structlog.get_logger(logger_name="birthshare").info(event, **counts)


def _class_of(error: Exception) -> str:
    return type(error).__name__ if isinstance(error, BirthshareError) else "unforeseen"
