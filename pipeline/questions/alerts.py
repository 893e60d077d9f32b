"""Rules for Prometheus, from what is measured: what is worth waking somebody for, and nothing else.

As Prometheus has metrics from OpenTelemetry: dots are underscores, a duration ends in its unit, a count in
`_total`. A task's process sends its numbers and ends, and a collector forgets them some minutes later. So
rules look back for the last number, and a counter counts by being there.
"""

from __future__ import annotations

from pipeline.questions.measures import PREFIX
from pipeline.questions.things import Urgency, Waits

GRAVE = ("check_ledger", "close")  # tasks whose error is no everyday matter
DAILY = "ledger_check"  # the DAG that runs whatever happens

_RULE = """\
      - alert: {name}
        expr: >-
          {expression}
        labels: {{severity: {severity}}}
        annotations:
          summary: {summary}
"""


def render_rules() -> str:
    """All of it, as a file for Prometheus."""
    return (
        "# Made by infra/generate.py from the code, for Prometheus (`rule_files`). What the metrics are:\n"
        "# infra/airflow/METRICS.md\n"
        f"groups:\n  - name: {PREFIX}\n    rules:\n" + "".join(_rules())
    )


def _rules() -> list[str]:
    due = "|".join(kind for kind in Waits if kind.urgency is Urgency.NOW)
    waiting = f'{_named("waiting")}{{kind=~"{due}"}}'
    stopped = f'{_named("tasks_stopped")}_total{{task=~"{"|".join(GRAVE)}"}}'
    daily = f'{_named("task_duration")}_milliseconds_count{{dag=~"(.*[.])?{DAILY}"}}'
    return [
        _RULE.format(
            name="BirthshareWaitsForAPerson", severity="ticket",
            expression=f"max by (authority, kind) (last_over_time({waiting}[4d])) > 0\n"
            f"          and max by (authority, kind) (last_over_time({waiting}[4d] offset 1d)) > 0",
            summary='"{{ $labels.kind }} waits for a person for a day, in {{ $labels.authority }}"',
        ),
        _RULE.format(
            name="BirthshareTaskStopped", severity="page",
            expression=f"max by (authority, dag, task, error) ({stopped}) > 0",
            summary='"{{ $labels.task }} stopped in {{ $labels.authority }}: {{ $labels.error }}"',
        ),
        _RULE.format(
            name="BirthshareDoesNotRun", severity="page",
            expression=f"count by (authority) (last_over_time({daily}[8d]))\n"
            f"          unless count by (authority) (last_over_time({daily}[26h]))",
            summary='"Nothing has looked at the ledger of {{ $labels.authority }} for a day"',
        ),
    ]  # fmt: skip


def _named(measure: str) -> str:
    return f"airflow_{PREFIX}_{measure}"
