"""
### The record is read again and shown to others, every night

Runs every night at half past three.

1. **check_ledger** reads the whole ledger again and compares it with the checkpoints that others hold. Then
   it signs how far the ledger goes, brings that to every place outside, takes witnesses' answers home and
   leaves new requests for them.

**When something is red**, open the task's log: the error says what happened and what to do. Running it again
is safe: what was recorded, signed or brought is not recorded, signed or brought twice.

- *the ledger is damaged*: nothing more is sent to anybody before it is mended. Do not run anything by hand;
  keep the database as it is, and tell the information governance officer. Where a backup was put back, the
  runbook on backups says what to do.

A place that cannot be reached makes nothing red: the next night makes up for it. `birthshare ledger check`
and `birthshare status` say so, and which agreements and keys come to their end.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from birthshare_tasks import home_of, home_param, quietly


@task(
    show_return_value_in_logs=False,
    multiple_outputs=False,
    doc_md="Read the ledger again, compare it with what others hold, sign it, and bring that to them.",
)
@quietly
def check_ledger() -> dict[str, int]:
    """Check, sign, bring out; gives counts. Raises where the ledger was altered."""
    from pipeline.outside import check

    return check.run_day(home_of(get_current_context()), now=datetime.now(UTC))


with DAG(
    dag_id="ledger_check",
    description="The record is read again, compared with what others hold of it, and signed",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 3 * * *", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data lead", "retries": 0},
    tags=["birthshare", "daily"],
    params={"home": home_param()},
):
    checked = check_ledger()
