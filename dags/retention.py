"""
### Everything is destroyed on time, every day

Runs every day at 5 in the morning.

1. **destroy_and_look** destroys every file and key whose time is up, and then compares every file in the home
   with what may be kept there. Both are recorded in the ledger.

**When something is red**, open the task's log: the error says how many things wait for a person, and of which
class of data. Running it again is safe: what was destroyed is gone, and nothing that stays is touched.
`birthshare retention` names each and says what to do about it, and `birthshare retention --limits` what is
kept, for how long and why.

- *a month that is half sent*: send the other lists, or end it without them.
- *a file that was never read, or a feed that was refused*: it may hold a death. Apply it, or ask the
  supplier.
- *a file that nobody knows*: somebody put it there. See what it is, and take it out of the home.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_tasks import home_of, step
from pipeline.rooms import SEALING


@step(SEALING)
def destroy_and_look() -> dict[str, int]:
    """Destroy what is over, look at every file; gives counts. Raises where a person must see to it."""
    from pipeline.keeping import retention

    return retention.run_day(home_of(get_current_context()), now=datetime.now(UTC))


def retention(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "retention",
        description="Files and keys whose time is up are destroyed, and that is shown",
        doc_md=__doc__,
        schedule=CronTriggerTimetable("0 5 * * *", timezone=LONDON),
        tags=["daily"],
    ) as dag:
        destroy_and_look()
    return dag


for one in authorities():
    retention(one)
