"""The question to a person in Airflow: may this month's lists be sent? It binds its answer to one release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from birthshare_tasks import quietly, run_of
from pipeline.errors import Refused, SettingsError, WaitingForPerson
from pipeline.rooms import SEALING
from pipeline.wording import SHOWN

if TYPE_CHECKING:  # pandas stays out of the DAG processor
    from pipeline.home import Approver, Home
    from pipeline.records import Month

# The reasons for a refusal that can be chosen. Words of one's own are for the command line: whatever is
# typed into Airflow stays in its database, before anybody can look for a name in it.
REFUSE = "Refuse: "
REASONS = (
    "the numbers are not what I expect",
    "the extract is not what was agreed",
    "a recipient or its area is not right",
    "for a reason that I tell the data lead myself",
)
REFUSALS = {f"{REFUSE}{reason}": reason for reason in REASONS}


class ReleaseDecision(HITLOperator):
    """Asks a person whether exactly one release pack may leave, and records the answer in our own ledger.

    Airflow's screen is not the lock: whoever may edit a run can mark this task a success, and that records
    nothing. The answer is recorded by the very process that receives it, for the approver whose
    `airflow_user` answered, and for the pack whose digest stood in the answer that they chose: after a
    task is cleared Airflow goes on showing the old question. What is shown comes from our own store, for
    any user may change what travels between tasks.

    Where an agreement asks for two persons the next question is for those who have not answered yet. It
    shows the same counts and nothing of what the first person thought. No answer is no approval, however
    long it takes: nothing is chosen beforehand, and no timeout answers.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="May this month's lists be sent?",
            options=list(REFUSALS),
            retries=0,  # a question that was answered is not asked again by itself
            queue=SEALING,
            **kwargs,
        )

    @quietly
    def execute(self, context: Any) -> None:
        """Show the counts to those who are still asked, and wait; not where all approvals are there."""
        from pipeline import month as months

        home, month = run_of(context)
        content, pack = _asked_about(home, month)
        if not months.missing_approvals(home, month, now=datetime.now(UTC)):
            return
        self.subject = f"May the lists of {month.in_full} be sent?"
        self.body = _question(home, content, pack, context["dag"].dag_id)
        self.options = [_approve(pack), *REFUSALS]
        asked = _logins(months.still_asked(home, month, way="airflow", now=datetime.now(UTC)))
        self.assigned_users = [{"id": user, "name": user} for user in sorted(asked)]
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            waiting.kwargs = {"pack_sha256": pack}
            raise

    @quietly
    def execute_complete(self, context: Any, event: dict[str, Any], pack_sha256: str = "") -> None:
        """Record the person's answer; a refusal ends the run."""
        from pipeline import month as months

        home, month = run_of(context)
        reason = _reason(event, pack_sha256)
        new = months.record_decision(
            home,
            month,
            pack_sha256=pack_sha256,
            principal=_principal(_approvers(home, month), event),
            approve=not reason,
            way="airflow",
            note=reason,
            now=datetime.now(UTC),
        )
        if reason:
            raise Refused(
                f"The release was refused: {reason}",
                where=f"pack {pack_sha256[:SHOWN]}",
                do="Nothing was sent. Correct what led to it, then trigger the month again.",
            )
        if not new:
            raise Refused(
                "This person has approved this release already",
                where=f"pack {pack_sha256[:SHOWN]}",
                do="Clear this task, and let another person answer.",
            )


def _asked_about(home: Home, month: Month) -> tuple[bytes, str]:
    """The pack that waits for a decision, and its digest; raises WaitingForPerson where there is none.

    Once the month is closed nothing is asked any more, and the task is skipped.
    """
    from pipeline import month as months

    asked = months.pack_asked_about(home, month, now=datetime.now(UTC))
    if asked is None and months.is_closed(home, month, now=datetime.now(UTC)):
        raise AirflowSkipException("The month is closed: there is nothing left to ask.")
    if asked is None:
        raise WaitingForPerson("Nothing is prepared", where=str(month), do="Clear the task prepare.")
    return asked


def _approve(pack_sha256: str) -> str:
    return f"Approve release {pack_sha256[:SHOWN]}"


def _reason(event: Mapping[str, Any], pack_sha256: str) -> str:
    """Why the release is refused; "" for a yes to this very pack; raises Refused for any other answer."""
    chosen = event.get("chosen_options")
    if chosen == [_approve(pack_sha256)]:
        return ""
    for option, reason in REFUSALS.items():
        if chosen == [option]:
            return reason
    raise Refused(
        "The question was not answered, or for another release",
        where=f"pack {pack_sha256[:SHOWN]}",
        do="Trigger the month again and answer the new question.",
    )


def _approvers(home: Home, month: Month) -> dict[str, str]:
    """Principals by Airflow login, of those who may decide here; raises SettingsError where nobody may."""
    from pipeline import month as months

    return _logins(months.deciders(home, month, way="airflow", now=datetime.now(UTC)))


def _logins(people: Sequence[Approver]) -> dict[str, str]:
    logins = {str(person.airflow_user): person.principal for person in people}
    if not people or len(logins) < len(people):
        raise SettingsError(
            "Nobody can answer this in Airflow, or two approvers share a login",
            where="birthshare.toml, approvers.airflow_user",
            do="Approve with `birthshare release approve`, then clear this task.",
        )
    return logins


def _principal(logins: Mapping[str, str], event: Mapping[str, Any]) -> str:
    """Who answered, as the approvers' register knows them; raises Refused for anyone else and for nobody."""
    user = event.get("responded_by_user") or {}
    principal = logins.get(user.get("id", ""))
    if principal is None:
        raise Refused(
            "The answer did not come from an approver", do="Clear this task and let an approver answer."
        )
    return principal


def _question(home: Home, content: bytes, pack_sha256: str, dag: str) -> str:
    """The body of the question, in Markdown: what `birthshare release show` shows; no family is named."""
    from pipeline.reporting import release_markdown

    names = {code: one.name for code, one in home.recipients().items()}
    shown = release_markdown(json.loads(content), pack_sha256=pack_sha256, names=names)
    agreements = f"[What the agreements say](birthshare/{dag}/agreements)"
    return f"No list leaves before this is approved. {agreements}.\n{shown}\n"
