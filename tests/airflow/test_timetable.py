"""Which month runs next, and what its run is called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest


@pytest.fixture
def months(dags: dict[str, Any]) -> Any:
    """The timetable of the months."""
    return dags["monthly_births"].schedule


def info(months: Any, ticks_back: int) -> Any:
    """What Airflow knows of the scheduled run so many months ago; 0 for the last one that was due."""
    from airflow.timetables.base import DagRunInfo

    when = months._align_to_prev(datetime.now(UTC))
    for _ in range(ticks_back):
        when = months._get_prev(when)
    day, key = months._get_partition_info(when)
    return DagRunInfo(run_after=when, data_interval=None, partition_date=day, partition_key=key)


def next_after(months: Any, last: Any) -> Any:
    from airflow.timetables.base import TimeRestriction

    return months.next_dagrun_info_v2(
        last_dagrun_info=last, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )


@pytest.mark.parametrize("kind", ["SCHEDULED", "BACKFILL_JOB"])
def test_a_run_is_named_after_its_month(months: Any, kind: str) -> None:
    from airflow.utils.types import DagRunType

    about = {"run_after": datetime.now(UTC), "data_interval": None, "partition_key": "2026-10"}
    name = months.generate_run_id(run_type=DagRunType[kind], **about)
    assert name.startswith(f"{kind.removesuffix('_JOB').lower()}__2026-10__{datetime.now(UTC).year}-")


def test_the_month_that_was_missed_is_run_when_airflow_is_back(months: Any) -> None:
    missed = next_after(months, info(months, 1))
    assert (missed.run_after, missed.partition_key) == (
        info(months, 0).run_after,
        info(months, 0).partition_key,
    )
    assert missed.run_after < datetime.now(UTC)


def test_a_month_that_a_backfill_ran_was_not_missed(months: Any) -> None:
    """A backfill's run counts as of the day on which its month begins."""
    due = info(months, 0)
    following = next_after(months, due._replace(run_after=due.partition_date))
    assert following.run_after > datetime.now(UTC)
    assert following.partition_key > due.partition_key


def test_after_the_run_of_this_month_comes_that_of_the_next(months: Any) -> None:
    due = info(months, 0)
    following = next_after(months, due)
    assert following.run_after > datetime.now(UTC)
    assert following.partition_key > due.partition_key
