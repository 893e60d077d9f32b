"""
### Last month's births, to the children's centres

Runs on the 3rd of each month at 6 in the morning for the month before, or for the month that you name when
you trigger it.

1. **arrivals** waits until the month's files of every supplier are here: extracts, answers and totals. It
   fetches what waits at suppliers' servers, and looks again after a minute, then less and less often, up to
   every hour.
2. **prepare** opens and checks the files, decides for each family, and counts.
3. **release_decision** shows the counts and waits for an approver. Nothing has been sent yet. A page that was
   open before shows the question after it is loaded again.
4. **second_decision** asks another person, where an agreement wants two; else it is over at once.
5. **hear** fetches and applies what suppliers have said of families meanwhile: a death, a withdrawal.
6. **deliver** seals each list for its recipient and sends it. Centres that cannot be reached are tried again.
7. **close** balances the books, signs the record and destroys the month's working files.

Beside them **bring** brings recalls that the extract raised, and suppliers' reports, to whom they are for.

**When something is red**, open the task's log: the error says what happened and what to do. Running a step
again is safe: what was done is not done twice. `birthshare status MONTH` shows the month in more detail.

- *arrivals*: the month has not begun, or is none: trigger the right one.
- *arrivals*: something has not come for a week, and the log says which supplier's. Ask for it. Clear the task
  to look at once and to wait for another week.
- *prepare*: most often an extract is not what was agreed. Put it right, then clear the task. Or it differs
  from the supplier's earlier files, and the log says how: where that is meant, an approver accepts it
  (`birthshare intake accept MONTH`), else the supplier sends another. Then clear the task.
- *arrivals* or *prepare*: a supplier's server could not be looked through, and a death may wait there. Clear
  the task when it is back.
- *release_decision* or *second_decision*: refused, and the log says why. Correct what led to it, then trigger
  the month again: it makes a new release. Where nothing has changed since, *prepare* says so and stops.
- *hear*: a feed of later words cannot be used, or a supplier's server cannot be looked through. Nothing is
  sent meanwhile: it may be a death. Put it right, as `daily_changes` says, then clear the task.
- *bring*: what it could not bring, `daily_changes` brings and tells of. A red one stopped at the ledger.
- *deliver*, later words wait that are not heard: clear *hear* with what comes after it.
- *deliver*: a centre could not be reached. The others have their lists. Clear the task when it is back. Or
  more persons still have to approve, whom the log names: clear *second_decision* to ask them.
- *close*: something is still open, or the books do not balance. Nothing more is sent until that is explained.

Marking a task as a success by hand sends nothing and approves nothing.

**A supplier's file that comes late**, or once more:

- *while the release waits for approval*: put only the newest into the inbox and clear *prepare*. That makes a
  new release, with a new question; no approval of the old one counts for it.
- *once the first list may be sent*: the month ends as it was approved. Births that it reports late come with
  the next month's file.
- *a later word about a family* (a death, a withdrawal) is never too late: `daily_changes` calls lists back.

**Months of the past** are made up for by a backfill of this DAG, one run at a time, over the days on which
their months begin: from 2026-07-01 to 2026-09-30 means July, August and September. Each waits for its own
files and asks its own question. A month that is closed sends nothing: its run ends at *prepare*, skipped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from inspect import getdoc
from typing import Any

from airflow.sdk import DAG, Asset, Param, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from birthshare_approval import ReleaseDecision
from birthshare_arrivals import Arrivals
from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_metrics import of_month, watch
from birthshare_tasks import BATCH, batches, run_of, step
from birthshare_timetable import Months
from pipeline.rooms import OPENING, SEALING


@step(OPENING, pool="birthshare_opening")
def prepare() -> list[int]:
    """Open, check, decide and count; the answer is the numbers of the batches to send."""
    from pipeline import month

    home, when = run_of(get_current_context())
    prepared = month.prepare(home, when, now=datetime.now(UTC), watch=watch)
    if prepared is None:
        raise AirflowSkipException("The month is closed: there is nothing left to ask or to send.")
    of_month(home, lambda: month.status(home, when, now=datetime.now(UTC)))
    return batches(len(prepared.deliveries))


@step(SEALING, trigger_rule="all_done", task_display_name="bring recalls and reports")
def bring() -> dict[str, int]:
    """Bring recalls that the extract raised, and suppliers' reports, also where preparing stopped; counts."""
    from pipeline.afterwards import recalls

    return recalls.bring_waiting(run_of(get_current_context())[0], now=datetime.now(UTC))


@step(OPENING, task_display_name="hear later words")
def hear() -> dict[str, int]:
    """Hear what suppliers say of families until the last moment; counts. Raises until all of it is heard."""
    from pipeline.afterwards import recalls

    return recalls.hear(run_of(get_current_context())[0], now=datetime.now(UTC))


@step(SEALING, map_index_template="{{ lists }}")
def deliver(batch: int) -> int:
    """Seal and send one batch; the answer is how many of its lists are there. Raises until all are.

    Which recipients a batch holds is asked of our own record: what travels between tasks can be edited.
    """
    from pipeline import month

    context: Any = get_current_context()
    home, when = run_of(context)
    now = datetime.now(UTC)
    planned = month.planned(home, when, now=now)
    only = planned[batch * BATCH : (batch + 1) * BATCH] if batch >= 0 else []
    context["lists"] = f"lists {batch * BATCH + 1} to {batch * BATCH + len(only)}" if only else "no lists"
    return len(month.deliver(home, when, now=now, only=only, watch=watch))


@step(SEALING)
def close() -> bool:
    """Balance, sign and clear away; the answer is whether the books balance."""
    from pipeline import month

    context = get_current_context()
    home, when = run_of(context)
    closed = month.close(home, when, now=datetime.now(UTC), watch=watch)
    of_month(home, lambda: closed)
    for asset in context["task"].outlets:
        context["outlet_events"][asset].add_partitions(str(when))  # a run by hand has none of its own
    return bool(closed["balanced"])


def closed_months(authority: Authority) -> Asset:
    """Says of each month, as a partition, that it was closed; for DAGs of the authority's own."""
    return Asset(authority.dag_id("closed_months"), group="birthshare")


def monthly_births(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "monthly_births",
        description="Last month's births, to the children's centres that may have them",
        doc_md=__doc__,
        schedule=Months("0 6 3 * *", timezone=LONDON, run_offset=-1, key_format="%Y-%m"),
        tags=["monthly"],
        params={
            "month": Param(
                "",
                type="string",
                pattern="^([0-9]{4}-(0[1-9]|1[0-2]))?$",
                title="Month",
                description="Of the extract, as YYYY-MM. Scheduled runs take the month before their own.",
            ),
        },
    ) as dag:
        arrived = Arrivals(task_id="arrivals", doc_md=getdoc(Arrivals))
        prepared = prepare()
        first = ReleaseDecision(task_id="release_decision", doc_md=getdoc(ReleaseDecision))
        second = ReleaseDecision(task_id="second_decision", doc_md=getdoc(ReleaseDecision))
        delivered = deliver.expand(batch=prepared)
        closed = close.override(outlets=[closed_months(authority)])()
        arrived >> prepared >> first >> second >> hear() >> delivered >> closed
        prepared >> bring()
    return dag


for one in authorities():
    monthly_births(one)
