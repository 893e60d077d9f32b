"""Waiting for suppliers' files, without a worker meanwhile: a look, and another one later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator

from birthshare_tasks import LONGEST, TRIED_AGAIN, quietly, run_of
from pipeline.errors import SettingsError, WaitingForPerson, one_to_a_line
from pipeline.rooms import OPENING

FIRST_WAIT = timedelta(minutes=1)  # about, between the first two looks; each wait is twice the one before
LONGEST_WAIT = timedelta(hours=1)  # between two looks
GIVEN_UP = timedelta(days=7)  # after the first look; then a person must ask


class Arrivals(BaseSensorOperator):
    """Waits until every supplier's files of the month are here.

    Each look first fetches what waits at suppliers' servers; the waits between looks grow from a minute to an
    hour, and no worker is held meanwhile. Fails when something has not come for a week: the log says what,
    and of which supplier. Clearing the task looks at once, and waits for another week.
    """

    template_fields: Sequence[str] = ()  # Airflow keeps what comes of those

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            mode="reschedule",
            poke_interval=FIRST_WAIT,
            exponential_backoff=True,
            max_wait=LONGEST_WAIT,
            timeout=2 * GIVEN_UP,  # Airflow's own words for it would not say what was waited for
            queue=OPENING,
            execution_timeout=LONGEST,
            **TRIED_AGAIN,
            **kwargs,
        )

    @quietly
    def execute(self, context: Any) -> None:
        """Look once, and ask Airflow for another look later where something is awaited."""
        super().execute(context)

    def poke(self, context: Any) -> bool:
        """Whether everything is here; raises WaitingForPerson where it has not come for too long.

        Raises SettingsError for a month to come: by a slip of the pen it would keep the others waiting.
        """
        from pipeline import month
        from pipeline.afterwards.sent import day_of

        home, when = run_of(context)
        now = datetime.now(UTC)
        if when.first_day > day_of(now):
            raise SettingsError(f"{when} has not begun", do="Trigger the month that you mean.")
        awaited = month.look_for_files(home, when, now=now)
        for one in awaited:
            self.log.info("Awaited: %s", one.words)
        if awaited and now - _first_look(context, now) > GIVEN_UP:
            raise WaitingForPerson(
                one_to_a_line(
                    f"{when} has waited for {GIVEN_UP.days} days", [f"{one.words}." for one in awaited]
                ),
                do="Ask the supplier. Clear this task to look at once, and to wait again.",
            )
        return not awaited


def _first_look(context: Any, now: datetime) -> datetime:
    """When this waiting began; clearing the task begins another."""
    first: datetime | None = context["ti"].get_first_reschedule_date(context)
    return first or now
