"""What every task of Birthshare is: quiet when it fails, silent but for counts, placed where its keys are.

Nothing here decides anything about births. Between tasks travel numbers only: no text, not even a code. What
libraries print, log and warn of while a task of ours runs goes nowhere: `birthshare_silence.py`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskAwaitingInput,
    TaskDeferred,
)

from birthshare_authorities import authority_of
from birthshare_metrics import measured
from birthshare_secrets import secrets_of
from birthshare_silence import silence
from pipeline.errors import BirthshareError, NotAllDelivered, NotNow, SettingsError

if TYPE_CHECKING:  # pandas stays out of the DAG processor
    from pipeline.home import Home
    from pipeline.records import Month

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# Under which tasks count, beside the ledger's kinds of entries and the classes of data that we keep. No other
# name leaves a task: one that was read from a file could be anybody's.
COUNTS = {
    "countersigned", "directories", "entries", "errors", "feeds", "kept", "not_attested", "notices",
    "places_lacking", "recalled", "recorded", "reminders", "reports", "sent", "urgent", "waiting",
    "warnings", "words",
}  # fmt: skip
MOST = 10_000_000  # no count comes near it, and every NHS number is more

BATCH = 20  # recipients in one delivery task; a task costs seconds, a recipient a fraction of one

LONGEST = timedelta(hours=2)  # that a task of ours may take

# 20 s, 40 s, ... an hour: eight tries again within an hour and a half.
TRIED_AGAIN: dict[str, Any] = {
    "retries": 8,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=1),
}


def step(room: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task of ours, for a worker that has the `room`'s keys (see `pipeline.rooms`)."""

    def decorate(function: Callable[..., Any]) -> Any:
        made = {
            "show_return_value_in_logs": False,
            "queue": room,
            "execution_timeout": LONGEST,
            "doc_md": getdoc(function),
        }
        return task_decorator_factory(
            quietly(measured(numbers_only(function))),
            multiple_outputs=False,
            decorated_operator_class=Step,
            **{**made, **TRIED_AGAIN, **options},
        )

    return decorate


class Step(DecoratedOperator, PythonOperator):
    """The operator behind `step`. Nothing of it is a template: Airflow keeps what comes of those."""

    template_fields: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    custom_operator_name = "@step"

    def __init__(self, *, python_callable: Any, op_args: Any, op_kwargs: Any, **kwargs: Any) -> None:
        given = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(kwargs_to_upstream=given, **given, **kwargs)


# How a task tells Airflow to wait. None of them is written into a log.
_WAITING = (TaskAwaitingInput, TaskDeferred, AirflowRescheduleException)


def quietly(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Let out of a task only an error's class, place and exit code, with no chained cause, and no other word.

    An error of a library can quote a record; Airflow would write it, with all its causes, into its log
    and database. Birthshare's own errors carry no personal value, so their message may be read. Only what
    may pass by itself leaves the retries that a task has; the others need a person.
    """

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            try:
                with silence():
                    return function(*args, **kwargs)
            except _WAITING:
                raise
            except BaseException as error:  # what a SystemExit was given would be written down too
                stop = _worded(error)
        except _WAITING:
            raise
        except BaseException as error:  # time ran out while it was worded, or the error's own words fail
            stop = _worded(error)
        raise stop

    return run


def _worded(error: BaseException) -> BaseException:
    if isinstance(error, AirflowSkipException):  # raised by our own tasks alone
        return AirflowSkipException(str(error))
    name = type(error).__name__
    if isinstance(error, BirthshareError):
        kind = AirflowException if isinstance(error, NotAllDelivered | NotNow) else AirflowFailException
        return kind(f"{name}, exit code {error.exit_code}: {error}")
    if isinstance(error, AirflowTaskTimeout):
        return AirflowTaskTimeout(f"It took too long, and was ended at {_place(error)}. It is tried again.")
    return AirflowException(
        f"{name} at {_place(error)}, exit code 1. Run the month again; if it stays, report this."
    )


def _place(error: BaseException) -> str:
    """The innermost line of ours that the error passed, else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "pipeline" in Path(frame.filename).parts]
    frame = (ours or list(frames))[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


class NotANumber(BirthshareError):
    """A task was given, or gave, something that is not a count; Airflow would have kept it."""


def numbers_only(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Refuse arguments and answers that are not counts: Airflow keeps and shows both.

    Counts are int and bool, lists of them, and mappings to them from the names that our own code counts
    under. A text could be anybody's name, and a number of ten digits somebody's. Raises NotANumber, which
    does not say what it was.
    """

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        _check("was given", *args, *kwargs.values())
        answer = function(*args, **kwargs)
        _check("gave", answer)
        return answer

    return run


def _check(did: str, *values: object) -> None:
    if not all(_is_count(value) or _holds_counts(value) for value in values):
        raise NotANumber(
            f"A task {did} something that is not a count",
            do="This is a fault of Birthshare: report it. Nothing of it was kept. (COUNTS has the names.)",
        )


def _holds_counts(value: object) -> bool:
    if isinstance(value, Mapping):
        return set(value) <= _names() and all(map(_is_count, value.values()))
    return isinstance(value, list) and all(map(_is_count, value))


def _names() -> set[str]:
    from pipeline.keeping.limits import CLASSES
    from pipeline.ledger.entries import Kind

    return COUNTS | {one.name for one in CLASSES} | set(map(str, Kind))


def _is_count(value: object) -> bool:
    # No subclass of int is one: it could bring a text of its own. mypy does not see that its type was asked.
    return value is None or (type(value) in (int, bool) and abs(value) < MOST)  # type: ignore[arg-type]


def home_of(context: Mapping[str, Any]) -> Home:
    """The home of the authority whose DAG it is; raises SettingsError where it is not on this machine."""
    from pipeline.home import Home

    authority = authority_of(context["dag"].dag_id)
    return Home.open(authority.home, environment=secrets_of(authority))


def run_of(context: Mapping[str, Any]) -> tuple[Home, Month]:
    """The home and month of a run; raises SettingsError where no month is given, or two are."""
    return home_of(context), month_of(context["dag_run"].partition_key, context["params"]["month"])


def month_of(key: str | None, param: str | None) -> Month:
    """The month of a run by its partition key or its parameter; raises SettingsError for none and for two."""
    from pipeline.records import Month

    months = {text for text in (key, param) if text}
    if len(months) != 1:
        raise SettingsError(
            "The run must name one month", do="Give the month, as YYYY-MM, when you trigger it."
        )
    return Month.parse(months.pop())


def batches(deliveries: int) -> list[int]:
    """The numbers of the batches that so many deliveries are sent in; one where there are none.

    The empty batch keeps the month going: an empty list would skip `deliver` and all after it.
    """
    return list(range(max(-(-deliveries // BATCH), 1)))
