"""Asking for a month's release; `pipeline.steps.deciding` is how people answer.

While nothing that a release binds has changed, asking again asks about the same release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.agreements.loading import Loaded
from pipeline.agreements.model import Agreement
from pipeline.errors import Refused
from pipeline.ledger.entries import Decided, ReleaseRequested
from pipeline.lists import telling
from pipeline.places import reviewed
from pipeline.places.compiled import recipients_by_network
from pipeline.steps import account, needs, release
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import (
    ANSWERS,
    AREAS,
    BIRTHS,
    HOMES,
    PLACEMENTS,
    UNREAD,
    Inputs,
    check_read_as_agreed,
    decisions_of,
)
from pipeline.steps.pack import (
    PACK,
    Prepared,
    asked_pack,
    files_unchanged,
    outstanding,
    read_release,
    recipient_digests,
    refusal_of,
    stopped,
)
from pipeline.suppliers import drift, totals
from pipeline.wording import SHOWN

_SUBSTANCE = ("inputs", "working_files", "recipients", "agreements")  # all but moments and remarks


def ask(
    desk: Desk, inputs: Inputs, rows: Mapping[str, Mapping[str, int]], decisions: Mapping[str, pd.DataFrame]
) -> Prepared:
    """Bind everything into one pack of counts and ask for its approval."""
    check_read_as_agreed(desk, inputs)
    suppliers = {one.agreement.id: one.agreement.suppliers for one in desk.agreements}
    books = account.books(rows, decisions, suppliers)
    account.check_balanced(books)
    served = recipients_by_network(inputs.places)
    terms = {
        one.agreement.id: _terms(desk, one, decisions[one.agreement.id], served) for one in desk.agreements
    }
    areas = [AREAS] if needs.about_areas(one.agreement for one in desk.agreements) else []
    files = [BIRTHS, HOMES, UNREAD, PLACEMENTS, ANSWERS, *areas, *(decisions_of(name) for name in decisions)]
    pack = {
        "month": str(desk.month),
        "authority": desk.home.settings.authority.name,
        "decided_at": desk.as_of.isoformat(timespec="seconds"),
        "asked_at": desk.now.isoformat(timespec="seconds"),
        "inputs": inputs.digests,
        "working_files": {name: desk.staging.digest(name) for name in files},
        "recipients": recipient_digests(desk, terms),
        "books": books,
        "agreements": terms,
        "reconciled": [one["words"] for one in totals.reconciled(desk) if one["supplier"] in inputs.totals],
        "notable": _notable(desk, decisions),
        "stopped": stopped(desk, terms),
    }
    _check_not_refused(desk, pack)
    return _request(desk, pack)


def _check_not_refused(desk: Desk, pack: Mapping[str, Any]) -> None:
    """Raises Refused where a person refused exactly this before: asking again is no change."""
    before = asked_pack(desk)
    refusal = None if before is None else refusal_of(desk, release.digest(before))
    if before is None or refusal is None:
        return
    known = json.loads(before)
    if all(known[part] == json.loads(release.canonical(pack[part])) for part in _SUBSTANCE):
        raise Refused(
            "This release was refused, and nothing in it has changed since",
            where=f"{desk.month}, pack {release.digest(before)[:SHOWN]}",
            do=f"{release.reason_given(refusal.principal, refusal.note)} Correct what led to it, then run "
            "the month again. If it was a mistake, ask the supplier to sign the extract once more: a new "
            "file is a new release.",
        )


def _request(desk: Desk, pack: Mapping[str, Any]) -> Prepared:
    content = release.canonical(pack)
    desk.staging.put(PACK, content)
    desk.record_once(ReleaseRequested(pack_sha256=release.digest(content)))
    return read_release(content)


def _terms(
    desk: Desk, one: Loaded, decided: pd.DataFrame, served: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    agreement = one.agreement
    return {
        "version": agreement.version,
        "title": agreement.title,
        "suppliers": list(agreement.suppliers),
        "decisions_sha256": release.decisions_digest(decided),
        "reasons": account.reasons(decided),
        "households": _households(desk, agreement, decided, served),
        "approvals": agreement.release.approvals,
        "approvals_by": list(agreement.release.roles),
    }


def _households(
    desk: Desk, agreement: Agreement, decided: pd.DataFrame, served: Mapping[str, frozenset[str]]
) -> dict[str, int]:
    """Households by recipient. Whom the agreement serves has a list, so silence is never a riddle.

    That is who is named by the agreement, or by an area of its network and is of a kind that the
    agreement covers. A neighbour's centre, or one that serves no area any more, has none.
    """
    return dict.fromkeys(_served(desk, agreement, served), 0) | account.households(decided)


def _served(desk: Desk, agreement: Agreement, served: Mapping[str, frozenset[str]]) -> list[str]:
    to = agreement.recipients
    if to.named is not None:
        return [to.named]
    by_areas = served.get(to.placed_in, frozenset())
    return [code for code, known in desk.recipients.items() if code in by_areas and known.kind in to.kinds]


def _notable(desk: Desk, decisions: Mapping[str, pd.DataFrame]) -> list[str]:
    """What to know of the month's files, and outcomes that differ much from the month before, in words."""
    before = {
        entry.body.agreement: entry.body.outcomes
        for entry in desk.ledger.entries(month=str(desk.month.plus(-1)), kinds={Decided.kind})
        if isinstance(entry.body, Decided)
    }
    places = reviewed.remarks(str(desk.month), desk.staging.frame(PLACEMENTS), decisions, desk.agreements)
    silent = telling.remarks([one.agreement for one in desk.agreements])
    return [*drift.remarks(desk), *places, *silent] + [
        f"{agreement}: {words}"
        for agreement, decided in decisions.items()
        for words in release.notable(account.outcomes(decided), before.get(agreement, {}))
    ]


def under_way(desk: Desk) -> Prepared | None:
    """The release of a month whose first list was permitted; None before that.

    From then on the month is finished as it was approved, whatever has changed since; changes count
    from the next month. Raises Refused where its working files are lost.
    """
    if not desk.ledger.standing_permits(str(desk.month)):
        return None
    content = asked_pack(desk)
    if content is None or not files_unchanged(desk, json.loads(content)):
        raise Refused(
            "The working files of a month that is being sent were lost or altered",
            where=str(desk.month),
            do="Nothing more of this month can be sent. If they are lost for good, end it: "
            f"birthshare retention end {desk.month}",
        )
    return _asked_for_today(desk, json.loads(content))


def is_settled(desk: Desk) -> bool:
    """Whether every list that was asked about is delivered or forgone, and only the end is left."""
    content = asked_pack(desk)
    return content is not None and not outstanding(desk, read_release(content))


def standing(desk: Desk, inputs: Inputs) -> Prepared | None:
    """The release last asked for, if all that it binds is unchanged; None where it must be made anew."""
    content = asked_pack(desk)
    if content is None:
        return None
    pack = json.loads(content)
    unchanged = pack["inputs"] == json.loads(release.canonical(inputs.digests))
    if refusal_of(desk, release.digest(content)) or not unchanged or not _is_as_of(desk, pack):
        return None
    return _asked_for_today(desk, pack) if files_unchanged(desk, pack) else None


def _is_as_of(desk: Desk, pack: Mapping[str, Any]) -> bool:
    """Whether the decisions are of the moment that was asked for, if one was."""
    return desk.as_of == desk.now or pack["decided_at"] == desk.as_of.isoformat(timespec="seconds")


def _asked_for_today(desk: Desk, pack: dict[str, Any]) -> Prepared:
    """The release; asked about anew, on the same decisions, where a recipient's address or key changed."""
    current = recipient_digests(desk, pack["agreements"])
    if pack["recipients"] == current:
        return read_release(release.canonical(pack))
    asked_at = desk.now.isoformat(timespec="seconds")
    halted = stopped(desk, pack["agreements"])
    return _request(desk, {**pack, "recipients": current, "stopped": halted, "asked_at": asked_at})
