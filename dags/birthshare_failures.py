"""A task that has failed for good is told to people, once a day for each DAG; see `pipeline.digest.failures`.

What is told is what `birthshare_tasks.quietly` lets out of a task, and nothing else that Airflow knows of the
failure. Telling it stops nothing: where it cannot be sent, one line in the task's log says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from birthshare_silence import silence

# How an error begins that `quietly` worded: class and exit code, or class and place.
_OURS = re.compile(
    r"\w+, exit code \d+: |\w+ at [\w.]+:\d+, exit code 1\. |It took too long, and was ended at "
)
_RUN = re.compile(r"[a-z_]+__[0-9A-Za-z:.+_-]+")  # as Airflow calls runs; a person can call one anything
_NO_WORDS = (
    "It ended without words of its own: it was ended from outside, or its machine is gone. See its log."
)


def tell_of_failure(context: Mapping[str, Any]) -> None:
    """Airflow calls this when a task has failed and is not tried again; it never raises."""
    try:
        with silence():
            _tell(context)
    except BaseException as error:  # its words could be anybody's
        structlog.get_logger(logger_name="birthshare").warning(
            "the notice of this failure was not sent", error=type(error).__name__
        )


def _tell(context: Mapping[str, Any]) -> None:
    from birthshare_tasks import home_of
    from pipeline.digest.failures import Failure, tell

    failure = Failure(
        dag=context["dag"].dag_id,
        task=context["task"].task_id,
        month=_month(context),
        words=_words(context.get("exception")),
        link=_link(context),
    )
    tell(home_of(context), failure, now=datetime.now(UTC)).check()


def _words(error: object) -> str:
    words = str(error) if isinstance(error, BaseException) else ""
    return words if _OURS.match(words) else _NO_WORDS


def _month(context: Mapping[str, Any]) -> str:
    """The run's month, where its DAG is about one and the run names it."""
    from birthshare_tasks import run_of

    with suppress(Exception):
        return str(run_of(context)[1])
    return ""


def _link(context: Mapping[str, Any]) -> str:
    """To the task's log; to its DAG where somebody gave the run a name of their own."""
    from airflow.sdk.configuration import conf

    instance = context["ti"]
    if _RUN.fullmatch(instance.run_id):
        return str(instance.log_url)
    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{context['dag'].dag_id}"
