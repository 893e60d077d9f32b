"""What tasks leave behind for those who watch: names, codes and rounded numbers, and nobody's name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from structlog.testing import capture_logs

from dag_runs import context_of
from pipeline.digest import failures
from pipeline.errors import IntegrityError
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.questions import alerts, measures
from pipeline.questions.things import Thing, Waits
from servers.installing import program

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CANARY = "Zenobia-Quillfeather"

STATE = {
    "received": 203,
    "quarantined": 1,
    "agreements": {
        "welcome": {"shared": 188, "held": 0, "withheld": 14, "reasons": {"child_died": 1, "no": 13}}
    },
    "recipients": [{"state": "delivered"}, {"state": "delivered"}, {"state": "failed", "name": CANARY}],
}


# A day's number is there for minutes, as a collector shows it; rules have to look back for it.
ALERTS = """
rule_files: [alerts.yaml]
evaluation_interval: 1h
tests:
  - interval: 1h
    input_series:
      - series: 'airflow_birthshare_waiting{authority="a", kind="ledger_damaged"}'
        values: '2 _x23 1 _x30'
      - series: 'airflow_birthshare_waiting{authority="b", kind="ledger_damaged"}'
        values: '2 _x23 0 _x30'
      - series: 'airflow_birthshare_waiting{authority="a", kind="uncollected"}'
        values: '2 _x23 2 _x30'
    alert_rule_test:
      - {eval_time: 23h, alertname: BirthshareWaitsForAPerson, exp_alerts: []}
      - eval_time: 30h
        alertname: BirthshareWaitsForAPerson
        exp_alerts:
          - exp_labels: {severity: ticket, authority: a, kind: ledger_damaged}
            exp_annotations: {summary: "ledger_damaged waits for a person for a day, in a"}
  - interval: 1h
    input_series:
      - series: 'airflow_birthshare_tasks_stopped_total{authority="a", dag="monthly_births", task="close", error="IntegrityError"}'
        values: '_x3 1 _x20'
      - series: 'airflow_birthshare_tasks_stopped_total{authority="a", dag="monthly_births", task="send", error="NotNow"}'
        values: '_x3 1 _x20'
      - series: 'airflow_birthshare_task_duration_milliseconds_count{authority="a", dag="ledger_check"}'
        values: '1 _x40'
      - series: 'airflow_birthshare_task_duration_milliseconds_count{authority="b", dag="b.ledger_check"}'
        values: '1 _x23 1 _x20'
    alert_rule_test:
      - eval_time: 3h
        alertname: BirthshareTaskStopped
        exp_alerts:
          - exp_labels: {severity: page, authority: a, dag: monthly_births, task: close, error: IntegrityError}
            exp_annotations: {summary: "close stopped in a: IntegrityError"}
      - {eval_time: 25h, alertname: BirthshareDoesNotRun, exp_alerts: []}
      - eval_time: 28h
        alertname: BirthshareDoesNotRun
        exp_alerts:
          - exp_labels: {severity: page, authority: a}
            exp_annotations: {summary: "Nothing has looked at the ledger of a for a day"}
"""  # noqa: E501  # promtool reads it as written


def of_month() -> dict[tuple[str, ...], int]:
    return {(one.name, *one.tags.values()): one.value for one in measures.of_month(STATE)}


def test_numbers_of_families_are_rounded_and_small_ones_are_all_alike() -> None:
    told = of_month()
    assert told["rows_received",] == 205
    assert told["reasons", "welcome", "child_died"] == told["rows_quarantined",] == 5
    assert told["births", "welcome", "held"] == 0
    families = [value for (name, *_), value in told.items() if name != "lists"]
    assert all(value % 5 == 0 for value in families), "an exact number can be subtracted from another"


def test_lists_are_counted_by_state_and_a_state_without_any_is_nought() -> None:
    told = of_month()
    assert [told["lists", one] for one in measures.STATES] == [0, 1, 2, 0]


def test_no_month_and_no_recipient_is_a_tag() -> None:
    tags = {name for one in measures.of_month(STATE) for name in one.tags}
    assert tags == {"agreement", "outcome", "reason", "state"}


def test_what_waits_is_counted_by_kind_and_falls_back_to_nought() -> None:
    thing = Thing(Waits.UNCOLLECTED, Waits.UNCOLLECTED.urgency, recipient="maple")
    told = {one.tags["kind"]: one.value for one in measures.of_waiting([thing])}
    assert told.pop("uncollected") == 1
    assert len(told) == len(Waits) - 1
    assert set(told.values()) == {0}


def test_every_name_that_is_measured_is_explained() -> None:
    source = (REPOSITORY / "dags" / "birthshare_metrics.py").read_text()
    names = {one.name for one in [*measures.of_month(STATE), *measures.of_waiting([])]}
    names |= {name for name in measures.MEANINGS if f"{{PREFIX}}.{name}" in source}
    assert names == set(measures.MEANINGS)


def test_alerts_are_of_what_is_measured_and_of_tasks_that_are_there(dags: dict[str, Any]) -> None:
    rules = yaml.safe_load(alerts.render_rules())["groups"][0]["rules"]
    units = {"waiting": "", "tasks_stopped": "_total", "task_duration": "_milliseconds_count"}
    asked = [name for rule in rules for name in re.findall(r"airflow_birthshare_(\w+)", rule["expr"])]
    assert set(asked) == {name + units[name] for name in measures.MEANINGS if name in units}
    assert set(alerts.GRAVE) <= {task.task_id for dag in dags.values() for task in dag.tasks}
    assert alerts.DAILY in dags


def test_prometheus_takes_the_rules_and_they_tell_when_they_should(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    (tmp_path / "alerts.yaml").write_text(alerts.render_rules())
    cases = tmp_path / "cases.yaml"
    cases.write_text(ALERTS)
    tried = subprocess.run([promtool, "test", "rules", str(cases)], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stdout + tried.stderr


# --- one line in the log --------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    make_home(tmp_path / "home")
    monkeypatch.setenv("BIRTHSHARE_HOME", str(tmp_path / "home"))
    return Home.open(tmp_path / "home")


@pytest.fixture
def metrics(modules: dict[str, ModuleType], home: Home, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, in a run of the monthly DAG."""
    module = modules["birthshare_metrics"]
    context = {**context_of("monthly_births", "2026-10"), "task": SimpleNamespace(task_id="prepare")}
    monkeypatch.setattr(module, "get_current_context", lambda: context)
    return module


def test_a_task_writes_one_line_of_seconds_and_counts(metrics: ModuleType) -> None:
    @metrics.measured
    def work() -> dict[str, int]:
        metrics.watch("intake", 0, 1)
        metrics.watch("intake", 1, 1)
        return {"recalled": 2}

    with capture_logs() as lines:
        work()
    [line] = lines
    assert (line["event"], line["counts"]) == ("done", {"recalled": 2})
    assert line["seconds"] >= line["stages"]["intake"] >= 0


def test_a_failure_is_logged_by_its_class_and_no_word_of_it(metrics: ModuleType) -> None:
    @metrics.measured
    def fail(error: Exception) -> None:
        raise error

    with capture_logs() as lines:
        for error in (IntegrityError(CANARY), KeyError(CANARY)):
            with pytest.raises(type(error)):
                fail(error)
    assert [line["error"] for line in lines] == ["IntegrityError", "unforeseen"]
    assert CANARY not in str(lines)


def test_a_months_numbers_are_in_the_log_without_a_recipients_name(metrics: ModuleType, home: Home) -> None:
    with capture_logs() as lines:
        metrics.of_month(home, lambda: STATE)
    assert lines[0]["agreements"]["welcome"]["reasons"] == {"child_died": 1, "no": 13}
    assert lines[0]["lists"] == {"delivered": 2, "failed": 1}
    assert CANARY not in str(lines)


def test_watching_never_stops_a_task(
    metrics: ModuleType, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError(CANARY)

    monkeypatch.setattr(metrics.stats, "timing", broken)
    monkeypatch.setattr(metrics.stats, "gauge", broken)
    assert metrics.measured(lambda: 3)() == 3
    metrics.of_month(home, lambda: STATE)
    metrics.of_month(home, broken)


# --- failures that are told -----------------------------------------------------------------------


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[failures.Failure]:
    """Every failure that was told."""
    found: list[failures.Failure] = []

    def tell(home: Home, failure: failures.Failure, **_: Any) -> Any:
        found.append(failure)
        return SimpleNamespace(check=lambda: None)

    monkeypatch.setattr(failures, "tell", tell)
    return found


def failed(error: object, run_id: str = "manual__2026-11-03T06:00:00+00:00") -> dict[str, Any]:
    instance = SimpleNamespace(run_id=run_id, log_url=f"http://127.0.0.1/runs/{run_id}/tasks/prepare")
    return {
        **context_of("monthly_births", "2026-10"),
        "task": SimpleNamespace(task_id="prepare"),
        "ti": instance,
        "exception": error,
    }


def test_the_words_that_a_task_lets_out_are_told(
    modules: dict[str, ModuleType], tasks: ModuleType, home: Home, told: list[failures.Failure]
) -> None:
    @tasks.quietly
    def stop() -> None:
        raise IntegrityError("The file is cut off", do="Ask for it again.")

    with pytest.raises(Exception) as caught:
        stop()
    modules["birthshare_failures"].tell_of_failure(failed(caught.value))
    [one] = told
    assert one.words == "IntegrityError, exit code 4: The file is cut off. Ask for it again."
    assert (one.dag, one.task, one.month) == ("monthly_births", "prepare", "2026-10")
    assert one.link.endswith("/runs/manual__2026-11-03T06:00:00+00:00/tasks/prepare")


@pytest.mark.parametrize("error", [ValueError(CANARY), CANARY, None])
def test_anybody_elses_words_are_not(
    modules: dict[str, ModuleType], home: Home, told: list[failures.Failure], error: object
) -> None:
    modules["birthshare_failures"].tell_of_failure(failed(error))
    assert CANARY not in str(told)
    assert "See its log" in told[0].words


def test_nor_is_the_name_that_somebody_gave_to_a_run(
    modules: dict[str, ModuleType], home: Home, told: list[failures.Failure]
) -> None:
    modules["birthshare_failures"].tell_of_failure(failed(None, run_id=f"for {CANARY}"))
    assert told[0].link.endswith("/dags/monthly_births")


def test_a_notice_that_cannot_be_sent_is_one_line_without_words(
    modules: dict[str, ModuleType], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError(CANARY)

    monkeypatch.setattr(failures, "tell", broken)
    with capture_logs() as lines:
        modules["birthshare_failures"].tell_of_failure(failed(None))
    assert [line["error"] for line in lines] == ["OSError"]
    assert CANARY not in str(lines)


def test_where_the_home_is_not_there_one_line_says_so(
    modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a DAG processor of its own, which tells of tasks whose process was killed."""
    monkeypatch.setenv("BIRTHSHARE_HOME", "/nowhere")
    with capture_logs() as lines:
        modules["birthshare_failures"].tell_of_failure(failed(None))
    assert [line["error"] for line in lines] == ["SettingsError"]


def test_every_task_tells_when_it_has_failed(dags: dict[str, Any], modules: dict[str, ModuleType]) -> None:
    wanted = modules["birthshare_failures"].tell_of_failure
    for dag in dags.values():
        for task in dag.tasks:
            told_by = getattr(task, "partial_kwargs", None) or vars(task)
            given = told_by["on_failure_callback"]
            assert wanted in (given if isinstance(given, list | tuple) else [given]), task.task_id


# --- as they leave --------------------------------------------------------------------------------


class Collector(ThreadingHTTPServer):
    """Takes OpenTelemetry's metrics over HTTP, as a collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[bytes] = []

    @property
    def metrics(self) -> dict[str, list[dict[str, str]]]:
        """The tags under each name."""
        found: dict[str, list[dict[str, str]]] = {}
        for content in self.taken:
            for resource in ExportMetricsServiceRequest.FromString(content).resource_metrics:
                for metric in (one for scope in resource.scope_metrics for one in scope.metrics):
                    points = getattr(metric, metric.WhichOneof("data")).data_points
                    tags = [{tag.key: tag.value.string_value for tag in point.attributes} for point in points]
                    found.setdefault(metric.name, []).extend(tags)
        return found


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()


# As Airflow's own process of a task begins and ends: without waiting for anything.
PROCESS = f"""
import os, sys
from types import SimpleNamespace
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
import birthshare_metrics
context = {{"dag": SimpleNamespace(dag_id="monthly_births"), "task": SimpleNamespace(task_id="prepare")}}
birthshare_metrics.get_current_context = lambda: context

@birthshare_metrics.measured
def prepare():
    from pipeline.home import Home
    birthshare_metrics.watch("intake", 0, 1)
    birthshare_metrics.of_month(Home.open({{home!r}}), lambda: {STATE!r})
    raise KeyError({CANARY!r})

try:
    prepare()
except KeyError:
    os._exit(0)
"""


def test_metrics_reach_a_collector_before_the_tasks_process_ends(home: Home, tmp_path: Path) -> None:
    script = tmp_path / "process.py"
    script.write_text(
        PROCESS.replace("{home!r}", repr(home.path)).replace("PosixPath(", "__import__('pathlib').Path(")
    )
    with collecting() as collector:
        subprocess.run(
            [sys.executable, str(script)],
            env={
                "PATH": os.environ["PATH"],
                "AIRFLOW_HOME": str(tmp_path / "airflow"),
                "_AIRFLOW__AS_LIBRARY": "1",
                "AIRFLOW__METRICS__OTEL_ON": "True",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
                "BIRTHSHARE_HOME": str(home.path),
                "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "dags")]),
            },
            check=True, timeout=120,
        )  # fmt: skip
    arrived = collector.metrics
    assert {f"airflow.{measures.PREFIX}.{name}" for name in measures.MEANINGS} - set(arrived) == {
        "airflow.birthshare.waiting"
    }
    ours = [tags for name, all_tags in arrived.items() if measures.PREFIX in name for tags in all_tags]
    assert {tags["authority"] for tags in ours} == {home.settings.authority.code}
    assert {"agreement": "welcome", "reason": "child_died", "authority": home.settings.authority.code} in ours
    assert CANARY.encode() not in b"".join(collector.taken)
