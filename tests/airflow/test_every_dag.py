"""Every DAG keeps the house rules."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SHARED = "birthshare_"  # how the names of modules begin that hold no DAG


def every_task(dags: dict[str, Any]) -> list[Any]:
    return [task for dag in dags.values() for task in dag.tasks]


def test_each_module_makes_the_dag_of_its_name_or_none(dags: dict[str, Any], dags_folder: Path) -> None:
    assert dags
    assert all(dag.dag_id == name for name, dag in dags.items())
    assert (dags_folder / ".airflowignore").read_text().split() == [f"{SHARED}*.py"]


def test_a_dag_says_what_it_does_and_what_to_do_when_it_fails(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag.description
        assert "When something is red" in dag.doc_md
        assert all(task.task_id in dag.doc_md for task in dag.tasks)


def test_a_dag_has_tags_and_its_tasks_an_owner_and_words(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert "birthshare" in dag.tags
    for task in every_task(dags):
        assert task.owner == "data lead"
        assert task.doc_md


def test_a_month_never_runs_twice_at_once_and_no_past_is_made_up_for(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag.max_active_runs == 1
        assert dag.catchup is False
        assert dag.start_date is None, "unpausing with a past start date runs the last missed month at once"


def test_all_but_a_question_is_tried_again_and_less_and_less_often(dags: dict[str, Any]) -> None:
    for task in every_task(dags):
        if task.task_id.endswith("_decision"):
            assert not task.retries
        else:
            assert task.retries > 0
            assert task.retry_exponential_backoff
            assert task.max_retry_delay


def test_every_task_goes_to_workers_that_have_its_keys(
    dags: dict[str, Any], modules: dict[str, ModuleType]
) -> None:
    assert {task.queue for task in every_task(dags)} == {"opening", "sealing"}
    own = modules["birthshare_authorities"].Authority("camden", Path("/nowhere"), own_workers=True)
    for name in dags:
        dag = getattr(modules[name], name)(own)
        assert dag.dag_id == f"camden.{name}"
        assert all(task.queue.endswith(".camden") for task in dag.tasks)


def test_no_task_writes_what_it_returns_into_its_log(dags: dict[str, Any]) -> None:
    for task in every_task(dags):
        arguments = getattr(task, "partial_kwargs", None) or vars(task)
        assert arguments.get("show_return_value_in_logs", False) is False


def test_every_task_lets_out_only_worded_errors(dags: dict[str, Any], tasks: ModuleType) -> None:
    quiet = tasks.quietly(len).__code__
    for task in every_task(dags):
        callable_ = getattr(task, "python_callable", None)
        resumed = [task.execute_complete] if hasattr(task, "execute_complete") else []
        entries = [callable_] if callable_ else [task.execute.__wrapped__, *resumed]
        assert all(entry.__code__ is quiet for entry in entries), task.task_id


def test_the_only_param_is_the_month(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert list(dag.params) == (["month"] if dag.dag_id.startswith("monthly") else [])
        assert all(dag.params.get_param(name).description for name in dag.params)
        assert dag.params.get("month", "") == "", "a month is never guessed"


def test_every_schedule_is_in_london_time(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        zone = getattr(dag.schedule, "timezone", None) or dag.schedule._timezone
        assert str(zone) == "Europe/London"


def test_reading_the_dags_loads_no_heavy_library(dags_folder: Path, tmp_path: Path) -> None:
    heavy = {"great_expectations", "pandas", "pyarrow", "paramiko", "openpyxl", "pipeline.month"}
    read = (
        "import sys, runpy\n"
        f"sys.path.insert(0, {str(dags_folder)!r})\n"
        f"for file in {[str(file) for file in dags_folder.glob('*.py')]!r}: runpy.run_path(file)\n"
        f"print(*({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", read],
        env={"AIRFLOW_HOME": str(tmp_path), "_AIRFLOW__AS_LIBRARY": "1"}
        | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/infra/airflow/plugins"}
        | {"BIRTHSHARE_HOME": "/nowhere"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == []


# --- nothing but counts travels, and nothing is kept beside them ------------------------------------

# What Airflow renders of a task, and keeps: a question without names, and counts of lists.
RENDERED = {"release_decision": ("subject", "body"), "second_decision": ("subject", "body")}
LABELS = {None, "{{ lists }}"}  # of mapped tasks; "lists 1 to 20"


def test_of_a_task_airflow_renders_no_text_but_what_is_known(dags: dict[str, Any]) -> None:
    for task in every_task(dags):
        assert tuple(task.template_fields) == RENDERED.get(task.task_id, ()), task.task_id
        for field in task.template_fields:
            assert getattr(task, field) in ("May this month's lists be sent?", None)
        assert task.map_index_template in LABELS


def test_no_task_is_given_text(dags: dict[str, Any]) -> None:
    for task in every_task(dags):
        made = getattr(task, "partial_kwargs", None) or vars(task)
        given = [*(made.get("op_args") or ()), *(made.get("op_kwargs") or {}).values()]
        assert all(type(one) in (int, bool) for one in given), task.task_id


def test_airflow_writes_to_nobody_about_an_error(dags: dict[str, Any]) -> None:
    """Its own letters would hold the whole log."""
    for task in every_task(dags):
        assert not (getattr(task, "partial_kwargs", None) or vars(task)).get("email")


FORBIDDEN = {
    "Variable": "secrets and settings come from files and Connections",
    "xcom_push": "a task gives counts back, which the guard has seen",
    "XCom": "a task gives counts back, which the guard has seen",
    "print": "what is printed stands in a log",
    "getLogger": "what is logged stands in a log; structlog, with counts",
    "set_note": "notes are kept",
    "environ": "every task reads the same; only for whose homes there are, and for one authority alone",
}
MAY = {("birthshare_authorities", "environ"), ("birthshare_secrets", "environ")}


def test_no_module_has_another_way_to_keep_or_read_something(dags_folder: Path) -> None:
    for file in dags_folder.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree)}
        names |= {
            one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names
        }
        found = {(file.stem, name) for name in names & set(FORBIDDEN)} - MAY
        assert not found, FORBIDDEN
