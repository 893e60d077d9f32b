"""
### Later words about families, and recalls, every day

Runs every day at 7 in the morning, for whatever waits in the inboxes, here and at suppliers' servers.

1. **hear** fetches what waits at suppliers' servers, and applies the suppliers' feeds of changes (deaths,
   withdrawals, protected families, moves). Which lists these families are on is recorded.
2. **call_back** sends a sealed recall to every centre that has one of these families on a list. Recalls that
   could not be brought on an earlier day are tried again, and so are suppliers' reports. It runs even where
   something could not be heard, and is red as long as that is so.

**When something is red**, open the task's log: the error says what happened and what to do. Running it again
is safe: what was applied or sent is not applied or sent twice. Clear *hear* with what comes after it.

- *hear*, a feed cannot be used: it may hold a death. The other feeds were applied, and recalls are sent. Ask
  the supplier for it again, move the old file out of the inbox, then clear the task.
- *hear*, a supplier's server cannot be reached, or a feed there is not whole: what is here was applied. It is
  tried again by itself where that may help. If it stays red, call the supplier.
- *call_back*, a centre has not got its recall: it is tried again by itself. If it stays red, call the centre:
  the log names it, and `birthshare recalls show CENTRE` gives the lists and references, and no names.
- *call_back*, later words wait that are not heard: see *hear*. No month sends a list meanwhile.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_tasks import home_of, step
from pipeline.rooms import OPENING, SEALING


@step(OPENING, task_display_name="hear later words")
def hear() -> dict[str, int]:
    """Apply what suppliers say of families; the answer is counts. Raises until all of it is heard."""
    from pipeline.afterwards import recalls

    return recalls.hear(home_of(get_current_context()), now=datetime.now(UTC))


@step(SEALING, trigger_rule="all_done")
def call_back() -> dict[str, int]:
    """Bring recalls to the centres, whatever became of hearing; gives counts. Raises until all are there."""
    from pipeline.afterwards import recalls

    return recalls.call_back(home_of(get_current_context()), now=datetime.now(UTC))


def daily_changes(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "daily_changes",
        description="Deaths, withdrawals and moves, to every centre that has the family on a list",
        doc_md=__doc__,
        schedule=CronTriggerTimetable("0 7 * * *", timezone=LONDON),
        tags=["daily"],
    ) as dag:
        hear() >> call_back()
    return dag


for one in authorities():
    daily_changes(one)
