"""
### What waits for people, told once a day

Runs at half past eight on weekdays, after the day's other runs.

1. **tell_people** looks what waits for a person (a release to approve, a file that differs, a centre that has
   not collected its list, an agreement that expires) and sends it to the mailboxes and the webhook that the
   settings name under `[notices]`: at most one message a day, and none where there is nothing new to tell. A
   thing is named again after a week, or when it becomes more urgent. No message holds anything of a family.

**When something is red**, open the task's log: the error says what happened and what to do. Running it again
is safe: who has been told today is not told again.

- *messages could not be sent*: the mail server or the webhook did not take them. Nothing else stops because
  of it, and it is tried again by itself; `birthshare waiting` shows the same list at any time.

Failures of other DAGs are told at once, one message a day for each, by the task that failed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_metrics import of_waiting
from birthshare_tasks import home_of, step
from pipeline.rooms import SEALING


@step(SEALING)
def tell_people() -> dict[str, int]:
    """Send today's digest where there is anything to tell; gives counts. Raises where one is owed."""
    from pipeline.digest import daily

    home = home_of(get_current_context())
    return daily.run_day(home, now=datetime.now(UTC), seen=partial(of_waiting, home))


def daily_digest(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "daily_digest",
        description="What waits for a person, to shared mailboxes and a webhook, at most once a day",
        doc_md=__doc__,
        schedule=CronTriggerTimetable("30 8 * * 1-5", timezone=LONDON),
        tags=["daily"],
    ) as dag:
        tell_people()
    return dag


for one in authorities():
    daily_digest(one)
