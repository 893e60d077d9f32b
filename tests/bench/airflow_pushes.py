"""The same files brought by Airflow's SFTP provider, with a Python that has it.

    python airflow_pushes.py hook|tasks PLAN

`hook` is the hook that its operator works with, one call after the other and nothing of Airflow's around
it; `tasks` are tasks of a DAG with its operator, run by `dag.test` in one process, which is the least that
Airflow ever takes for them: no scheduler, no workers, no queue. The last line of the output is the
seconds, without the start of Python, the imports and the database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

DAG = """
from datetime import UTC, datetime
from airflow.providers.sftp.operators.sftp import SFTPOperator
from airflow.sdk import DAG

with DAG("pushes", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    for number, put in enumerate({puts}):
        SFTPOperator(
            task_id=f"put_{{number}}",
            ssh_conn_id=f"to_{{number}}",
            local_filepath=put["local"],
            remote_filepath=put["remote"],
            operation="put",
        )
"""


def main() -> None:
    way, plan = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="airflow-") as home:
        _set_up(home, plan)
        print(_by_hook(plan) if way == "hook" else _by_tasks(plan, home))


def _set_up(home: str, plan: dict[str, Any]) -> None:
    os.environ |= {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
    for number, put in enumerate(plan["puts"]):
        connection = {
            "conn_type": "sftp",
            "host": "127.0.0.1",
            "port": plan["port"],
            "login": put["user"],
            "extra": {
                "key_file": plan["private_key"],
                "host_key": plan["host_key"],
                "no_host_key_check": False,
            },
        }
        os.environ[f"AIRFLOW_CONN_TO_{number}"] = json.dumps(connection)


def _by_hook(plan: dict[str, Any]) -> float:
    from airflow.providers.sftp.hooks.sftp import SFTPHook

    begun = perf_counter()
    for number, put in enumerate(plan["puts"]):
        SFTPHook(ssh_conn_id=f"to_{number}").store_file(put["remote"], put["local"])
    return perf_counter() - begun


def _by_tasks(plan: dict[str, Any], home: str) -> float:
    dags = Path(home) / "dags"
    dags.mkdir()
    (dags / "pushes.py").write_text(DAG.format(puts=plan["puts"]), encoding="utf-8")
    for command in (("db", "migrate"), ("dags", "reserialize")):
        subprocess.run([sys.executable, "-m", "airflow", *command], check=True, capture_output=True)
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(str(dags)).dags["pushes"]
    begun = perf_counter()
    run = dag.test()
    seconds = perf_counter() - begun
    if run.state != "success":
        raise RuntimeError(f"the tasks ended with {run.state}")
    return seconds


if __name__ == "__main__":
    main()
