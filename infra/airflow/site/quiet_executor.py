"""A LocalExecutor that leaves the output of tasks in the tasks' own logs.

Airflow's own copies every line of every task to the scheduler's output as well, before secrets are
masked there. The task log, which only its owner can read, is the one place.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

from airflow.executors import local_executor
from airflow.executors.base_executor import BaseExecutor


class QuietLocalExecutor(local_executor.LocalExecutor):
    """LocalExecutor whose workers do not repeat what tasks print."""

    def _spawn_worker(self) -> None:
        worker = multiprocessing.Process(
            target=_run_worker,
            kwargs={
                "logger_name": self.log.name,
                "input": self.activity_queue,
                "output": self.result_queue,
                "unread_messages": self._unread_messages,
                "team_conf": self.conf,
            },
        )
        worker.start()
        self.workers[worker.pid or 0] = worker  # a started process has an id


def _run_worker(**kwargs: Any) -> None:
    """Airflow's own worker, in whose process alone the copying is switched off."""
    run = BaseExecutor.run_workload

    def run_quietly(workload: Any, **options: Any) -> int:
        return run(workload, **{**options, "subprocess_logs_to_stdout": False})

    BaseExecutor.run_workload = staticmethod(run_quietly)  # type: ignore[method-assign]  # the one switch there is
    local_executor._run_worker(**kwargs)
