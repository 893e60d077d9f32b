"""When months run, and what their runs are called: by the month that they are for.

A plugin, since every part of Airflow that reads a DAG's schedule must know this class.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable
from airflow.utils.types import DagRunType


def name_of_run(kind: DagRunType, month: str) -> str:
    """The name of a new run for a month; "" where nobody knows which.

    The moment at the end is when the run was made: a month can be run more than once.
    """
    made = datetime.now(UTC).isoformat(timespec="milliseconds")
    return kind.generate_run_id(suffix="__".join(filter(None, [month, made])))


class Months(CronPartitionTimetable):
    """Runs for a month each, under names such as `scheduled__2026-10__2026-11-03T06:00:04.512+00:00`.

    Airflow does not tell here for which month a person triggers a run: see `birthshare_names.py`.
    """

    def generate_run_id(self, *, run_type: DagRunType, partition_key: str = "", **about: Any) -> str:
        """The name of a new run."""
        return name_of_run(run_type, partition_key)

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """As Airflow has it, except that a month which a backfill ran is not run at once as a missed one."""
        given = super().next_dagrun_info_v2(last_dagrun_info=last_dagrun_info, restriction=restriction)
        if given is None or last_dagrun_info is None or given.run_after > datetime.now(UTC):
            return given
        if given.partition_key != last_dagrun_info.partition_key:
            return given
        after = self._get_next(given.run_after)
        day, key = self._get_partition_info(after)
        return DagRunInfo(run_after=after, data_interval=None, partition_date=day, partition_key=key)


class BirthshareTimetables(AirflowPlugin):
    """Makes the timetable known to Airflow."""

    name = "birthshare_timetables"
    timetables = [Months]
