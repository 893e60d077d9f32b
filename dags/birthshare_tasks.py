"""What every task of Birthshare is: quiet when it fails, silent but for counts, placed where its keys are.

Nothing here decides anything about births. Between tasks travel numbers only: no text, not even a code.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from birthshare_authorities import authority_of
from pipeline.errors import BirthshareError, Busy, NotAllDelivered, SettingsError

if TYPE_CHECKING:  # pandas stays out of the DAG processor
    from pipeline.home import Home
    from pipeline.records import Month

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# Which keys a task needs; its queue is named after them. See infra/airflow/README.md.
OPENING = "opening"  # the authority's own private keys, that open what suppliers seal
SEALING = "sealing"  # the keys that lists are sealed and sent with, and that sign the record

BATCH = 20  # recipients in one delivery task; a task costs seconds, a recipient a fraction of one

LONGEST = timedelta(hours=2)  # that a task of ours may take

# 20 s, 40 s, ... an hour: eight tries again within an hour and a half.
TRIED_AGAIN = {
    "retries": 8,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=1),
}


def step(room: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A task of ours, for a worker that has the `room`'s keys (OPENING or SEALING)."""

    def decorate(function: Callable[..., Any]) -> Any:
        made = {
            "show_return_value_in_logs": False,
            "multiple_outputs": False,
            "queue": room,
            "execution_timeout": LONGEST,
            "doc_md": getdoc(function),
        }
        return task(**{**made, **TRIED_AGAIN, **options})(quietly(numbers_only(function)))

    return decorate


def quietly(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Let out of a task only an error's class, place and exit code, with no chained cause.

    An error of a library can quote a record; Airflow would write it, with all its causes, into its log
    and database. Birthshare's own errors carry no personal value, so their message may be read. Only what
    may pass by itself leaves the retries that a task has; the others need a person.
    """

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            stop = _worded(error)
        raise stop

    return run


def _worded(error: Exception) -> AirflowException:
    if isinstance(error, AirflowSkipException):  # raised by our own tasks alone
        return AirflowSkipException(str(error))
    name = type(error).__name__
    if isinstance(error, BirthshareError):
        kind = AirflowException if isinstance(error, NotAllDelivered | Busy) else AirflowFailException
        return kind(f"{name}, exit code {error.exit_code}: {error}")
    return AirflowException(
        f"{name} at {_place(error)}, exit code 1. Run the month again; if it stays, report this."
    )


def _place(error: Exception) -> str:
    """The innermost line of ours that the error passed, else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "pipeline" in Path(frame.filename).parts]
    frame = (ours or list(frames))[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


class NotANumber(BirthshareError):
    """A task was given, or gave, something that is not a count; Airflow would have kept it."""


def numbers_only(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Refuse arguments and answers that are not numbers: Airflow keeps and shows both.

    Numbers are int and bool, lists of them, and mappings from names that the code gives to them. A text
    could be anybody's name. Raises NotANumber, which does not say what it was.
    """

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        for given in (*args, *kwargs.values()):
            _check(given, "given")
        answer = function(*args, **kwargs)
        _check(answer, "gave")
        return answer

    return run


def _check(value: object, how: str) -> None:
    inside: Any = [value]
    if isinstance(value, list):
        inside = value
    elif isinstance(value, Mapping):
        inside = [*value.values(), *(None if _is_name(key) else key for key in value)]
    if not all(one is None or type(one) in (int, bool) for one in inside):
        raise NotANumber(
            f"A task {'was given' if how == 'given' else 'gave'} something that is not a count",
            do="This is a fault of Birthshare: report it. Nothing of it was kept.",
        )


def _is_name(key: object) -> bool:
    """Whether a key is a word of our code; what was read from a file could be anything."""
    return isinstance(key, str) and key.isascii() and key.isidentifier() and key.islower() and len(key) < 40


def home_of(context: Mapping[str, Any]) -> Home:
    """The home of the authority whose DAG it is; raises SettingsError where it is not on this machine."""
    from pipeline.home import Home

    return Home.open(authority_of(context["dag"].dag_id).home)


def run_of(context: Mapping[str, Any]) -> tuple[Home, Month]:
    """The home and month of a run; raises SettingsError where no month is given, or two are."""
    from pipeline.records import Month

    home = home_of(context)
    months = {text for text in (context["dag_run"].partition_key, context["params"]["month"]) if text}
    if len(months) != 1:
        raise SettingsError(
            "The run must name one month", do="Give the month, as YYYY-MM, when you trigger it."
        )
    return home, Month.parse(months.pop())


def batches(deliveries: int) -> list[int]:
    """The numbers of the batches that so many deliveries are sent in; one where there are none.

    The empty batch keeps the month going: an empty list would skip `deliver` and all after it.
    """
    return list(range(max(-(-deliveries // BATCH), 1)))
