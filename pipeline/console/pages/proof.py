"""*Proof*: how far the record is signed and who countersigned it, and what an outsider checks it with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from threading import Lock
from typing import Annotated

from fastapi import Form
from fastapi.responses import Response, StreamingResponse

from pipeline import facts
from pipeline import month as months
from pipeline.console import deciding, errands
from pipeline.console.moments import ago, in_london
from pipeline.console.permissions import Act
from pipeline.console.rates import alone
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home
from pipeline.questions import evidence, proof
from pipeline.records import Month

pages = Pages()

_EXPORT = "ledger.jsonl.gz"
_PACKING = Lock()  # one pack at a time: each is held in memory, whole


@pages.page("/proof", Act.SEE_PROOF)
def proved(visit: Asked) -> Response:
    """How far the record is proved; what was recorded since the newest checkpoint is read again for it."""
    return visit.page(
        "proof.html",
        proof=proof.proof(visit.home, now=visit.now),
        errand=errands.newest(visit.home, errands.VERIFICATION),
        in_london=in_london,
        ago=lambda moment: ago(moment, visit.now),
    )


# --- the whole ledger -----------------------------------------------------------------------------


@pages.form("/proof/verification", Act.CHECK_PROOF)
def verify(visit: Asked) -> Response:
    """Have the whole ledger read again, unless that is under way."""
    return deciding.have_done(visit, errands.VERIFICATION)


@pages.page("/proof/verification", Act.SEE_PROOF)
def verification(visit: Asked) -> Response:
    """How far it is, or what it found."""
    errand = errands.newest(visit.home, errands.VERIFICATION)
    if errand is None:
        return visit.to("/proof")
    return visit.page("verification.html", errand=errand, in_london=in_london)


# --- what is taken away ---------------------------------------------------------------------------


@pages.page("/proof/evidence", Act.TAKE_EVIDENCE)
def which_evidence(visit: Asked) -> Response:
    """The form: which entries, and for whom."""
    return _evidence(visit, Problems())


@pages.form("/proof/evidence", Act.TAKE_EVIDENCE)
def take_evidence(
    visit: Asked,
    month: Annotated[str, Form()] = "",
    since: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Response:
    """The evidence pack; that it was taken, by whom and why, is recorded first."""
    typed = {"month": month, "since": since, "until": until, "why": why}
    problems = Problems()
    chosen = _chosen(problems, **{name: typed[name] for name in ("month", "since", "until")})
    if not why.strip():
        problems.add("why", "Say for whom the evidence is, in a few words.")
    if problems:
        return _evidence(visit, problems, **typed)
    name = f"evidence-{month or f'{since}-to-{until}'}.zip"
    try:
        with alone(_PACKING, "evidence packed"):
            return deciding.decide(
                visit,
                Act.TAKE_EVIDENCE,
                "evidence",
                {**chosen, "principal": visit.person.principal, "why": why.strip()},
                about="/proof/evidence",
                show=lambda visit, handed: visit.file(handed, name),
            )
    except SettingsError as error:
        problems.stopped("why" if error.where == "note" else "", error)
        return _evidence(visit, problems, **typed)


def _evidence(visit: Visit, problems: Problems, **typed: str) -> Response:
    begun = [(str(month), month.in_full) for month in reversed(months.begun(visit.home))]
    return visit.page(
        "take_evidence.html", 422 if problems else 200, months=begun, problems=problems, typed=typed
    )


def _chosen(problems: Problems, *, month: str, since: str, until: str) -> dict[str, str]:
    """Which entries are meant: a month's, or those of some days. Nothing where something is wrong with it."""
    first, last = problems.day("since", since), problems.day("until", until)
    if problems:
        return {}
    if month and not (first or last):
        try:
            return {"month": str(Month.parse(month)), "since": "", "until": ""}
        except BirthshareError:
            problems.add("month", "Choose a month.")
    elif month:
        problems.add("month", "Choose a month or give days, not both.")
    elif first is None or last is None:
        problems.add("month", "Choose a month, or give the first day and the last one.")
    elif last < first:
        problems.add("until", "The last day must not be before the first.")
    else:
        return {"month": "", "since": first.isoformat(), "until": last.isoformat()}
    return {}


@pages.page("/proof/export", Act.TAKE_EVIDENCE)
def export(visit: Asked) -> Response:
    """Every entry up to the newest checkpoint, sent as it is read: a ledger is larger than a memory."""
    blocks = _exported(visit.home, visit.now)
    begun = next(blocks)  # what goes wrong at the beginning is worded; nothing is sent yet
    named = {"Content-Disposition": f'attachment; filename="{_EXPORT}"'}
    return StreamingResponse(chain([begun], blocks), media_type="application/gzip", headers=named)


def _exported(home: Home, now: datetime) -> Iterator[bytes]:
    with facts.sound_ledger(home) as ledger:
        evidence.check_readable(home, ledger, range(1, ledger.size + 1), now=now)
        yield from evidence.compressed(evidence.exported(home, ledger, anew=False))


# --- the verifier ---------------------------------------------------------------------------------


@pages.page("/proof/verifier", Act.SEE_PROOF)
def about_verifier(visit: Asked) -> Response:
    """What it is, how it is used, and its digest."""
    return visit.page(
        "verifier.html",
        sha256=hashlib.sha256(proof.verifier()).hexdigest(),
        key=facts.verifier(visit.home).strip(),
    )


@pages.page("/proof/verifier/file", Act.SEE_PROOF)
def verifier(visit: Asked) -> Response:
    """The program itself."""
    return visit.file(proof.verifier(), proof.VERIFIER)
