"""What comes after sending: a later word about a family reaches every recipient that ever had it.

    words, heard → recalls raised (in the ledger) → notices → done, when the recipient says so

A recall is about one row of one list that went out, or may have gone out. It names the list's file and the
row's reference, and neither the family nor the reason. What a word does to lists that are still to be sent
is the gate's business (`pipeline.steps.dispatch`). Raising recalls again adds nothing, and what could not be
brought is tried again by every later run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import agreed, custody
from pipeline.afterwards import changes, notices, sent
from pipeline.afterwards.changes import Applied
from pipeline.afterwards.notices import Brought, Draft
from pipeline.afterwards.sent import Sent
from pipeline.agreements.loading import Version
from pipeline.agreements.model import Agreement
from pipeline.asking import check_known
from pipeline.custody import Custody
from pipeline.errors import NotAllDelivered, SettingsError, one_to_a_line
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import DeliveryFailed, Kind, PermitBody, RecallRaised
from pipeline.ledger.ledger import Ledger
from pipeline.reasons import Reason
from pipeline.steps.desk import Desk, Watch, no_watch
from pipeline.suppliers import fetching, reports

LOOKED_WITHIN = timedelta(hours=2)  # of sending, at suppliers' servers; a task and its tries may take that
_WEEKEND = (5, 6)  # days of the week; bank holidays are not known here


@dataclass(frozen=True)
class Followed:
    """What following the words up came to, in counts."""

    raised: int  # rows of lists, called back now
    recipients: int  # whose lists they are on
    brought: Brought  # notices, of this or an earlier day


# --- hearing, and following up --------------------------------------------------------------------


def apply_feeds(home: Home, *, now: datetime, watch: Watch = no_watch) -> tuple[list[Applied], Followed]:
    """Every feed that waits, here or at a server, then the recalls that follow from what is known now.

    A supplier's server that could not be looked through is in the answer as a problem, without a file.
    Reports to suppliers that wait are brought too, last; whose are not says `suppliers.waiting.warnings`.
    """
    with changes.between_months(home, now, watch) as desk:
        visits = [one for one in fetching.fetch(desk) if one.problem]
        applied, followed = changes.apply_waiting(desk), follow_up(desk)
        reports.bring(desk)
        unreached = [Applied(one.supplier, "", problem=one.problem) for one in visits]
        return [*applied, *unreached], followed


def apply_list(
    home: Home,
    file: Path,
    *,
    principal: str,
    word: str | None = None,
    now: datetime,
    watch: Watch = no_watch,
) -> tuple[Applied, Followed]:
    """The authority's own list (changes.apply_list), then the recalls that follow from what is known now."""
    with changes.between_months(home, now, watch) as desk:
        return changes.apply_own(desk, file, principal=principal, word=word), follow_up(desk)


def send(home: Home, *, now: datetime, watch: Watch = no_watch) -> Followed:
    """Raise what is to be recalled, and try again what is not delivered."""
    with changes.between_months(home, now, watch) as desk:
        return follow_up(desk)


def hear(home: Home, *, now: datetime) -> dict[str, int]:
    """The first half of each day, where suppliers' files can be opened: apply feeds; gives counts.

    What they say is recorded, and what is called back; nothing is brought to anybody. Raises what is wrong
    with the first feed that was refused, or with a supplier's server, once all the others are heard.
    """
    custody.check_opens(home)
    with changes.between_months(home, now) as desk:
        visits = fetching.fetch(desk)
        applied = changes.apply_waiting(desk)
        with desk.stage("recalls"):
            raised = _raise(desk)
    refused = [one.problem for one in applied if one.problem is not None]
    problem = refused[0] if refused else fetching.problem_of(visits)
    if problem:
        raise problem
    return {
        "feeds": len(applied),
        "words": sum(one.new for one in applied),
        "recalled": len({one.row for one in raised}),
    }


def call_back(home: Home, *, now: datetime) -> dict[str, int]:
    """The second half, where notices can be sealed and sent: bring all that wait; gives counts.

    Suppliers' reports are brought too; whose are not says `suppliers.waiting.warnings`. Raises
    NotAllDelivered where a notice is not delivered, and NotHeard while a word waits that nobody could hear:
    a scheduler tries again. Everything else is done by then.
    """
    custody.check_seals(home)
    with changes.between_months(home, now) as desk:
        followed = follow_up(desk)
        reports.bring(desk)
        unheard = _unheard(desk)
    try:
        followed.brought.check()
    except NotAllDelivered as late:
        also = f"\n{unheard}" if unheard else ""
        raise NotAllDelivered(f"{late.what}{also}", do=late.do) from None
    if unheard:
        raise unheard
    return {"recalled": followed.raised, "notices": followed.brought.delivered}


def bring_waiting(home: Home, *, now: datetime) -> dict[str, int]:
    """Bring what a month's preparation left to be sealed: notices and suppliers' reports; gives counts.

    No recipient's trouble is raised: the day's run tries again, and tells.
    """
    custody.check_seals(home)
    with changes.between_months(home, now) as desk:
        return {"notices": follow_up(desk).brought.delivered, "reports": reports.bring(desk).delivered}


class NotHeard(NotAllDelivered):
    """A later word waits, or may wait, that has not been heard: nothing is sent before it is."""


def check_heard(desk: Desk) -> None:
    """Raises NotHeard where a feed waits that was not applied, or where one may wait at a supplier's server.

    For machines that cannot open feeds; one that can hears them instead.
    """
    unheard = _unheard(desk)
    if unheard:
        raise unheard


def _unheard(desk: Desk) -> NotHeard | None:
    feeds = [f"{supplier}: {file.name}" for supplier, file, _ in changes.unheard(desk)]
    if feeds:
        return NotHeard(
            one_to_a_line("Later words wait that are not heard, and one may be a death", feeds),
            do="Hear them where suppliers' files can be opened: in Airflow clear the task `hear`, or run "
            "`birthshare changes apply`. If one was refused, that says what to do.",
        )
    suppliers = fetching.not_looked(desk, LOOKED_WITHIN)
    if suppliers:
        return NotHeard(
            "Nobody has looked lately for later words at suppliers' servers",
            where=", ".join(suppliers),
            do="Look there from where suppliers' files can be opened: in Airflow clear the task `hear`, or "
            "run `birthshare changes apply`.",
        )
    return None


def record_told(home: Home, recipient: str, *, principal: str, note: str = "", now: datetime) -> int:
    """Record what a person told a recipient to which nothing could be brought, and heard to be done.

    The answer is of how many rows. Raises Refused for a person whom the settings do not know, and
    SettingsError for a recipient whom nobody knows.
    """
    check_known(home, principal)
    with changes.between_months(home, now) as desk:
        waiting = _rows_of(home, desk.ledger, recipient)
        rows = sum(row.state == "waiting" for row in waiting)
        due = last_day(desk.now.date(), home.settings.receipts.recall_days)
        notices.record_told(desk, recipient, due=due, principal=principal, note=note)
        return rows


def follow_up(desk: Desk) -> Followed:
    """Raise a recall for every row of a list that a later word is about, and bring all that wait.

    No recipient's trouble is raised: it is recorded, and in the answer. On a machine without the keys for
    it nothing is brought: what is recorded waits for one that has them, and the answer says whom nobody told.
    """
    with desk.stage("recalls"):
        raised = _raise(desk)
    with desk.stage("notices"):
        brought = notices.bring(desk, _drafts(desk)) if custody.seals(desk.home) else _left(desk)
    rows = {one.row for one in raised}
    recipients = {one.recipient for one in raised}
    return Followed(len(rows), len(recipients), brought)


def _left(desk: Desk) -> Brought:
    """Who waits to be told where nothing can be sealed: this may be the only machine, without its key."""
    untold = {one.recipient for one in _drafts(desk)}
    untold |= {one.recipient for one in notices.SoFar.read(desk.ledger).waiting}
    why = f"This machine does not have the keys for {Custody.SEALING}"
    return Brought(failures=tuple(NotAllDelivered(why, where=code) for code in sorted(untold)))


# --- the rule -------------------------------------------------------------------------------------


def calls_back(word: str, agreement: Agreement | None) -> bool:
    """Whether a later word takes a family off a list made under that version; None: it is not known.

    A child in hospital comes home again, and the list stays right. A national opt-out counts where the
    agreement applies it. Any other word calls back, and so does a word under an unknown agreement.
    """
    if word == Reason.IN_HOSPITAL:
        return False
    if word == Reason.NATIONAL_OPT_OUT:
        return agreement is None or agreement.confidentiality.national_opt_out
    return True


def last_day(today: date, working_days: int) -> date:
    """The day that many working days (Monday to Friday) after today."""
    day = today
    while working_days:
        day += timedelta(days=1)
        working_days -= day.weekday() not in _WEEKEND
    return day


# --- raising --------------------------------------------------------------------------------------


def _raise(desk: Desk) -> list[RecallRaised]:
    """Record the recalls that are not recorded yet, one for each child of each row; gives them."""
    words = desk.ledger.words_since()
    if words.empty:
        return []
    words = words[_calling_back(desk, words)]
    # Of several words about a child: one about itself, and of these the first.
    first = words.sort_values(
        ["permit", "child", "said", "entry"], ascending=[True, True, False, True]
    ).drop_duplicates(["permit", "child"])
    due = last_day(desk.now.date(), desk.home.settings.receipts.recall_days)
    columns = ["permit", "reference", "child", "agreement", "recipient", "word", "said"]
    recalls = [
        RecallRaised(
            permit=permit,
            reference=reference,
            child=child,
            agreement=agreement,
            recipient=recipient,
            word=_word(word, said=said),
            due=due,
        )
        for permit, reference, child, agreement, recipient, word, said in first[columns].itertuples(
            index=False, name=None
        )
    ]
    desk.ledger.call_back(recalls, at=desk.clock)
    return recalls


def _calling_back(desk: Desk, words: pd.DataFrame) -> pd.Series:
    """Which of the words call back, under the version that each list was made under."""
    versions = _versions(desk)
    kinds = words[["permit", "word"]].drop_duplicates()
    answer = {
        (permit, word): calls_back(word, versions.get(permit))
        for permit, word in kinds.itertuples(index=False)
    }
    return pd.Series(
        [answer[pair] for pair in zip(words["permit"], words["word"], strict=True)],
        index=words.index,
        dtype="bool",
    )


def _versions(desk: Desk) -> Mapping[int, Agreement]:
    """By permit the agreement as it was signed; what is not as it was signed is left out."""
    known: Mapping[Version, Agreement] = agreed.as_signed(desk.home, desk.ledger)
    permits = {
        entry.seq: (entry.body.agreement, entry.body.version)
        for entry in desk.ledger.entries(kinds={Kind.PERMIT})
        if isinstance(entry.body, PermitBody)
    }
    return {seq: known[version] for seq, version in permits.items() if version in known}


def _word(word: str, *, said: bool) -> str:
    """Of a living child no death is said, though its twin's takes it off the list."""
    return Reason.SIBLING_DIED_OR_MISSING if word == Reason.CHILD_DIED and not said else word


def _drafts(desk: Desk) -> list[Draft]:
    """What recipients are not told yet: one notice for each agreement and recipient."""
    due = last_day(desk.now.date(), desk.home.settings.receipts.recall_days)
    untold: dict[tuple[str, str], list[int]] = {}
    for seq, recall in notices.untold(desk.ledger).items():
        untold.setdefault((recall.agreement, recall.recipient), []).append(seq)
    return [
        Draft("recall", agreement, recipient, tuple(entries), due)
        for (agreement, recipient), entries in sorted(untold.items())
    ]


# --- what is open ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row of a list that was called back, and where that stands."""

    recall: RecallRaised
    list_file: str
    month: str
    notice: Sent | None  # the one that says so; None: none could be made yet

    @property
    def due(self) -> date:
        """By when it must be done."""
        return self.notice.due if self.notice and self.notice.due else self.recall.due

    @property
    def state(self) -> str:
        """`waiting` for a notice to arrive, `told`, or `done`."""
        if self.notice is None or self.notice.delivered is None:
            return "waiting"
        return "told" if self.notice.open else "done"


def shown(home: Home, *, now: datetime) -> dict[str, Any]:
    """Where the recalls stand, in counts of lists' rows by recipient; changes nothing.

    Keys: recalls (recipient, name, recalled, waiting, told, done, late, due, problem). `due` is the first
    day that is not kept or still to come, "" where all is done; nobody is named.
    """
    today = now.astimezone(agreed.LONDON).date()
    names = {code: one.name for code, one in home.recipients().items()}
    with opened_ledger(home) as ledger:
        rows = _rows(ledger)
        problems = _problems(ledger)
    found = []
    for code in sorted({row.recall.recipient for row in rows}):
        mine = [row for row in rows if row.recall.recipient == code]
        counts = Counter(row.state for row in mine)
        undone = [row.due for row in mine if row.state != "done"]
        found.append(
            {
                "recipient": code,
                "name": names.get(code, ""),
                "recalled": len(mine),
                **{state: counts[state] for state in ("waiting", "told", "done")},
                "late": sum(due < today for due in undone),
                "due": min(undone).isoformat() if undone else "",
                "problem": problems.get(code, "") if counts["waiting"] else "",
            }
        )
    return {"recalls": found}


def open_lines(home: Home, recipient: str) -> list[dict[str, str]]:
    """What a recipient has not said is done: list_file, month, list_reference, due, notice (its file).

    Raises SettingsError for a recipient whom nobody knows.
    """
    with opened_ledger(home) as ledger:
        mine = [row for row in _rows_of(home, ledger, recipient) if row.state != "done"]
    return [
        {
            "list_file": row.list_file,
            "month": row.month,
            "list_reference": row.recall.reference,
            "due": row.due.isoformat(),
            "notice": row.notice.file if row.notice else "",
        }
        for row in sorted(mine, key=lambda row: (row.due, row.month, row.list_file, row.recall.reference))
    ]


def _rows_of(home: Home, ledger: Ledger, recipient: str) -> list[Row]:
    """The rows of one recipient, who is in the register, or was when a list went to it."""
    mine = [row for row in _rows(ledger) if row.recall.recipient == recipient]
    if not mine and recipient not in home.recipients():
        raise SettingsError(
            "This recipient is not known", where=recipient, do="See who is: birthshare recalls"
        )
    return mine


def _rows(ledger: Ledger) -> list[Row]:
    """Each row of a list that was called back, once."""
    states = {one.entry: one for one in sent.states(ledger)}
    so_far = notices.SoFar.read(ledger)
    told = {
        entry: states[seq]
        for seq, body in so_far.notices.items()
        if body.about == "recall"
        for entry in body.entries
    }
    found: dict[tuple[int, str], Row] = {}
    for seq, recall in so_far.recalls.items():
        permit, month = so_far.permits[recall.permit]
        row = Row(recall, permit.file_name, month, told.get(seq))
        found.setdefault(recall.row, row)
    return list(found.values())


def _problems(ledger: Ledger) -> dict[str, str]:
    """By recipient why the newest notice that failed could not be made or brought, as a code."""
    entries = ledger.entries(month="", kinds={Kind.DELIVERY_FAILED})
    bodies = [entry.body for entry in entries]
    return {one.recipient: one.problem for one in bodies if isinstance(one, DeliveryFailed)}
