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

What comes to its end makes nothing red, and is told 90, 30 and 7 days before: agreements, and the keys of
suppliers, recipients, approvers and of the authority. The answer is how many such sentences there are, and
the task's log has them; `birthshare ledger check` and `birthshare status` say them too. A place that cannot
be reached is one of them: the next night makes up for it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_tasks import home_of, step
from birthshare_words import say
from pipeline.rooms import SEALING


@step(SEALING)
def check_ledger() -> dict[str, int]:
    """Check, sign, bring out; gives counts. Raises where the ledger was altered."""
    from pipeline.outside import check

    night = check.run_day(home_of(get_current_context()), now=datetime.now(UTC))
    say(night.warnings)
    return night.counts


def ledger_check(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "ledger_check",
        description="The record is read again, compared with what others hold of it, and signed",
        doc_md=__doc__,
        schedule=CronTriggerTimetable("30 3 * * *", timezone=LONDON),
        tags=["daily"],
    ) as dag:
        check_ledger()
    return dag


for one in authorities():
    ledger_check(one)
