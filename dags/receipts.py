"""
### What centres did with their lists, every day

Runs every day at 8 in the morning, after the day's changes.

1. **look_and_remind** looks into every centre's folder: which lists were collected, and which receipts lie
   there. It records what is new and what is overdue, takes lists away that nobody collected until their last
   day, and reminds centres that are late, once a week.

**When something is red**, open the task's log: the error says what happened and what to do. Running it again
is safe: what was heard is recorded once, and nobody is reminded twice.

- *a centre could not be looked at*: the others were, and it is tried again by itself. If it stays red, ask
  the centre, and record what it says: `birthshare receipts record`.

What is overdue makes nothing red: `birthshare receipts` and `birthshare status` say whom to call.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_tasks import home_of, step
from pipeline.rooms import SEALING


@step(SEALING)
def look_and_remind() -> dict[str, int]:
    """Look, record, remind; the answer is counts. Raises until every centre was looked at."""
    from pipeline.afterwards import receipts

    looked = receipts.follow_up(home_of(get_current_context()), now=datetime.now(UTC))
    looked.check()
    return {**looked.counts, "reminders": looked.reminders.delivered}


def receipts(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "receipts",
        description="Which lists were collected, acknowledged and destroyed, and which are overdue",
        doc_md=__doc__,
        schedule=CronTriggerTimetable("0 8 * * *", timezone=LONDON),
        tags=["daily"],
    ) as dag:
        look_and_remind()
    return dag


for one in authorities():
    receipts(one)
