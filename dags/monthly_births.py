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

from datetime import UTC, datetime, timedelta
from inspect import getdoc

from airflow.sdk import DAG, CronPartitionTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from birthshare_tasks import ReleaseDecision, batches, home_param, quietly, run_of


@task(show_return_value_in_logs=False)
@quietly
def prepare() -> list[list[list[str]]]:
    """Open, check, decide and count; the answer is the batches of agreements and recipients to send to."""
    from pipeline import month

    prepared = month.prepare(*run_of(get_current_context()), now=datetime.now(UTC))
    if prepared is None:
        raise AirflowSkipException("The month is closed: there is nothing left to ask or to send.")
    return batches(prepared.deliveries)


@task(
    show_return_value_in_logs=False,
    retries=5,
    retry_delay=timedelta(minutes=2),
    retry_exponential_backoff=True,
    max_retry_delay=timedelta(hours=1),
    max_active_tis_per_dagrun=1,
    doc_md="Seal and send one batch of lists. Centres that cannot be reached are tried again.",
)
@quietly
def deliver(batch: list[list[str]]) -> int:
    """Seal and send one batch; the answer is how many lists are there. Raises until all of it is."""
    from pipeline import month

    only = [(agreement, recipient) for agreement, recipient in batch]
    return len(month.deliver(*run_of(get_current_context()), now=datetime.now(UTC), only=only))


@task(show_return_value_in_logs=False)
@quietly
def close() -> bool:
    """Balance, sign and clear away; the answer is whether the books balance."""
    from pipeline import month

    return bool(month.close(*run_of(get_current_context()), now=datetime.now(UTC))["balanced"])


with DAG(
    dag_id="monthly_births",
    description="Last month's births, to the children's centres that may have them",
    doc_md=__doc__,
    schedule=CronPartitionTimetable("0 6 3 * *", timezone="Europe/London", run_offset=-1, key_format="%Y-%m"),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data lead", "retries": 0},
    tags=["birthshare", "monthly"],
    params={
        "home": home_param(),
        "month": Param(
            "",
            type="string",
            pattern="^([0-9]{4}-(0[1-9]|1[0-2]))?$",
            title="Month",
            description="Month of the extract, as YYYY-MM. Scheduled runs take the month before their own.",
        ),
    },
):
    prepared = prepare()
    first = ReleaseDecision(task_id="release_decision", doc_md=getdoc(ReleaseDecision))
    second = ReleaseDecision(task_id="second_decision", doc_md=getdoc(ReleaseDecision))
    delivered = deliver.expand(batch=prepared)
    prepared >> first >> second >> delivered >> close()
