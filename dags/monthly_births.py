"""
### Last month's births, to the children's centres

Runs on the 3rd of each month at 6 in the morning for the month before, or for the month that you name when
you trigger it.

1. **prepare** fetches what waits at suppliers' servers, opens and checks the extract, decides for each
   family, and counts.
2. **release_decision** shows the counts and waits for an approver. Nothing has been sent yet.
3. **second_decision** asks another person, where an agreement wants two; else it is over at once.
4. **deliver** seals each list for its recipient and sends it. Centres that cannot be reached are tried again.
5. **close** balances the books, signs the record and destroys the month's working files.

**When something is red**, open the task's log: the error says what happened and what to do. Running a step
again is safe: what was done is not done twice. `birthshare status MONTH` shows the month in more detail.

- *prepare*: most often the extract is missing or is not what was agreed. Put it right, then clear the task.
  Or it differs from the supplier's earlier files, and the log says how: where that is meant, an approver
  accepts it (`birthshare intake accept MONTH`), else the supplier sends another. Then clear the task.
  Or a supplier's server could not be looked through: a death may wait there. Clear the task when it is back.
- *release_decision* or *second_decision*: refused, and the log says why. Correct what led to it, then trigger
  the month again: it makes a new release.
- *deliver*: a centre could not be reached. The others have their lists. Clear the task when it is back. Or
  more persons still have to approve, whom the log names: clear *second_decision* to ask them.
- *close*: something is still open, or the books do not balance. Nothing more is sent until that is explained.

Marking a task as a success by hand sends nothing and approves nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from inspect import getdoc

from airflow.sdk import DAG, CronPartitionTimetable, Param, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from birthshare_approval import ReleaseDecision
from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_tasks import BATCH, OPENING, SEALING, batches, run_of, step


@step(OPENING, pool="birthshare_opening")
def prepare() -> list[int]:
    """Open, check, decide and count; the answer is the numbers of the batches to send."""
    from pipeline import month

    prepared = month.prepare(*run_of(get_current_context()), now=datetime.now(UTC))
    if prepared is None:
        raise AirflowSkipException("The month is closed: there is nothing left to ask or to send.")
    return batches(len(prepared.deliveries))


@step(SEALING)
def deliver(batch: int) -> int:
    """Seal and send one batch; the answer is how many of its lists are there. Raises until all are.

    Which recipients a batch holds is asked of our own record: what travels between tasks can be edited.
    """
    from pipeline import month

    home, when = run_of(get_current_context())
    now = datetime.now(UTC)
    planned = month.planned(home, when, now=now)
    only = planned[batch * BATCH : (batch + 1) * BATCH] if batch >= 0 else []
    return len(month.deliver(home, when, now=now, only=only))


@step(SEALING)
def close() -> bool:
    """Balance, sign and clear away; the answer is whether the books balance."""
    from pipeline import month

    return bool(month.close(*run_of(get_current_context()), now=datetime.now(UTC))["balanced"])


def monthly_births(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "monthly_births",
        description="Last month's births, to the children's centres that may have them",
        doc_md=__doc__,
        schedule=CronPartitionTimetable("0 6 3 * *", timezone=LONDON, run_offset=-1, key_format="%Y-%m"),
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
        prepared = prepare()
        first = ReleaseDecision(task_id="release_decision", doc_md=getdoc(ReleaseDecision))
        second = ReleaseDecision(task_id="second_decision", doc_md=getdoc(ReleaseDecision))
        delivered = deliver.expand(batch=prepared)
        prepared >> first >> second >> delivered >> close()
    return dag


for one in authorities():
    monthly_births(one)
