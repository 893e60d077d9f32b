"""*Decide on a release*: what would leave in a month, who has decided, and one's own signature on it.

What a second person may not read yet of the first is kept back below the console, for every way of asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import Response

from pipeline import month as months
from pipeline.console import deciding
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.signing import Document, Signed, SignedForm
from pipeline.console.typed import Note, Problems, Seen, SeenInForm
from pipeline.console.visit import Asked, Pages, Visit, said
from pipeline.errors import Refused, SettingsError, WaitingForPerson
from pipeline.questions import releases
from pipeline.records import Month
from pipeline.reporting.pages import release_shown
from pipeline.steps.release import NAMESPACE, Approval, check_reason, forgoing, refusal

pages = Pages()


@pages.page("/months/{month}/release", Act.SEE_MONTHS)
def the_release(visit: Asked, month: str) -> Response:
    """What would leave, who has decided, and what is left to do."""
    which = Month.parse(month)
    try:
        asked = releases.asked(visit.home, which, now=visit.now)
    except (WaitingForPerson, SettingsError) as error:
        return visit.page("no_release.html", which=which, what=error.what)
    return visit.page("release_decision.html", **_shown(visit, which, asked))


@pages.page("/months/{month}/release/pack", Act.SEE_MONTHS)
def the_pack(visit: Asked, month: str, release: Seen) -> Response:
    """The exact bytes that an approval signs."""
    return _with(visit, month, release, lambda which, asked: _file(visit, _approval(which, asked)))


# --- approving and refusing -----------------------------------------------------------------------


@pages.page("/months/{month}/release/approve", Act.DECIDE_RELEASE)
def approving(visit: Asked, month: str, release: Seen) -> Response:
    """The form to approve exactly the release that was looked at."""
    return _with(visit, month, release, lambda which, asked: _deciding(visit, which, asked, _APPROVE))


@pages.form("/months/{month}/release/approve", Act.DECIDE_RELEASE)
def approve(visit: Asked, month: str, signed: Signed, release: SeenInForm, note: Note = "") -> Response:
    """Record the approval of the release that the form names."""
    return _decided(visit, month, signed, release, note, _APPROVE)


@pages.page("/months/{month}/release/refuse", Act.DECIDE_RELEASE)
def refusing(visit: Asked, month: str, release: Seen) -> Response:
    """The form to refuse it, which asks why."""
    return _with(visit, month, release, lambda which, asked: _deciding(visit, which, asked, _REFUSE))


@pages.page("/months/{month}/release/refusal", Act.DECIDE_RELEASE)
def the_refusal(visit: Asked, month: str, release: Seen) -> Response:
    """The exact bytes that a refusal signs."""
    return _with(visit, month, release, lambda which, asked: _file(visit, _refusal(which, asked)))


@pages.form("/months/{month}/release/refuse", Act.DECIDE_RELEASE)
def refuse(visit: Asked, month: str, signed: Signed, release: SeenInForm, note: Note = "") -> Response:
    """Record the refusal of the release that the form names, and why."""
    return _decided(visit, month, signed, release, note, _REFUSE)


def _decided(
    visit: Visit, month: str, signed: SignedForm, release: str, note: str, one: _Decision
) -> Response:
    def decide(which: Month, asked: releases.Asked) -> Response:
        problems = Problems()
        if not one.approve:
            with problems.at("note"):
                check_reason(note)
        signature = signed.noted(visit, one.document(which, asked), note, problems)
        if not problems:
            with problems.at("signature"):
                said = {"approve": one.approve, **_said(visit, which, asked, signature, note)}
                return _record(visit, which, "release", said)
        return _deciding(visit, which, asked, one, problems, note)

    return _with(visit, month, release, decide)


def _deciding(
    visit: Visit,
    which: Month,
    asked: releases.Asked,
    one: _Decision,
    problems: Problems | None = None,
    note: str = "",
) -> Response:
    return _form(visit, one.template, which, asked, one.document(which, asked), problems, note)


# --- ending the month without one list --------------------------------------------------------------


@pages.page("/months/{month}/release/without", Act.DECIDE_RELEASE)
def without_which(visit: Asked, month: str, release: Seen) -> Response:
    """The lists that have not been delivered, to choose from."""
    return _with(
        visit,
        month,
        release,
        lambda which, asked: visit.page("release_lists.html", **_shown(visit, which, asked)),
    )


@pages.page("/months/{month}/release/without/{agreement}/{recipient}", Act.DECIDE_RELEASE)
def leaving_out(visit: Asked, month: str, agreement: str, recipient: str, release: Seen) -> Response:
    """The form to end the month without this list."""
    one = agreement, recipient
    return _with(visit, month, release, lambda which, asked: _leaving_out(visit, which, asked, one))


@pages.page("/months/{month}/release/without/{agreement}/{recipient}/statement", Act.DECIDE_RELEASE)
def the_statement(visit: Asked, month: str, agreement: str, recipient: str, release: Seen) -> Response:
    """The exact bytes that are signed to leave this list out."""
    one = agreement, recipient
    return _with(visit, month, release, lambda which, asked: _file(visit, _without(which, asked, one)))


@pages.form("/months/{month}/release/without/{agreement}/{recipient}", Act.DECIDE_RELEASE)
def leave_out(
    visit: Asked,
    month: str,
    agreement: str,
    recipient: str,
    signed: Signed,
    release: SeenInForm,
    note: Note = "",
) -> Response:
    """Record that the month ends without this list."""
    one = agreement, recipient

    def decide(which: Month, asked: releases.Asked) -> Response:
        problems, of = Problems(), {"agreement": agreement, "recipient": recipient}
        signature = signed.noted(visit, _without(which, asked, one), note, problems)
        if not problems:
            with problems.at("signature"):
                return _record(visit, which, "without", of | _said(visit, which, asked, signature, note))
        return _leaving_out(visit, which, asked, one, problems, note)

    return _with(visit, month, release, decide)


def _leaving_out(
    visit: Visit,
    which: Month,
    asked: releases.Asked,
    one: months.Pair,
    problems: Problems | None = None,
    note: str = "",
) -> Response:
    document = _without(which, asked, one)
    return _form(visit, "release_without.html", which, asked, document, problems, note, one=one)


# --- what is signed -------------------------------------------------------------------------------


def _approval(which: Month, asked: releases.Asked) -> Document:
    return Document(asked.pack, NAMESPACE, f"release-{which}.json")


def _refusal(which: Month, asked: releases.Asked) -> Document:
    return Document(refusal(asked.pack), NAMESPACE, f"refusal-{which}.txt")


def _without(which: Month, asked: releases.Asked, one: months.Pair) -> Document:
    """Raises SettingsError for what is no list that is left: codes in an address could be anything."""
    if one not in asked.outstanding:
        raise SettingsError("No such list is left to be delivered", do="Look at the release again.")
    agreement, recipient = one
    content = forgoing(asked.pack_sha256, agreement, recipient)
    return Document(content, NAMESPACE, f"without-{which}-{recipient}.txt")


@dataclass(frozen=True)
class _Decision:
    """Yes or no to a release: the form, and what is signed."""

    approve: bool
    template: str
    document: Callable[[Month, releases.Asked], Document]


_APPROVE = _Decision(True, "release_approve.html", _approval)
_REFUSE = _Decision(False, "release_refuse.html", _refusal)


def _file(visit: Visit, document: Document) -> Response:
    return visit.file(document.content, document.file_name)


# --- deciding -------------------------------------------------------------------------------------


def _with(visit: Visit, month: str, seen: str, then: Callable[[Month, releases.Asked], Response]) -> Response:
    """Go on with the release that was looked at; where another is asked about by now, or none, say so."""
    which = Month.parse(month)
    try:
        asked = releases.asked(visit.home, which, seen=seen, now=visit.now)
    except (Refused, WaitingForPerson, SettingsError) as error:
        return visit.page("look_again.html", 409, which=which, lines=said(error))
    return then(which, asked)


def _said(visit: Visit, which: Month, asked: releases.Asked, signature: str, note: str) -> dict[str, Any]:
    """What every decision about a release has in it."""
    return {
        "month": str(which),
        "pack_sha256": asked.pack_sha256,
        "principal": visit.person.principal,
        "signature": signature,
        "note": note,
    }


def _record(visit: Visit, which: Month, name: str, said: Mapping[str, Any]) -> Response:
    form = {"release": said["pack_sha256"], "signature": said["signature"], "note": said["note"]}
    return deciding.decide(visit, Act.DECIDE_RELEASE, name, said, about=_path(which), form=form)


# --- what is shown --------------------------------------------------------------------------------


def _path(which: Month) -> str:
    return f"/months/{which}/release"


def _form(
    visit: Visit,
    template: str,
    which: Month,
    asked: releases.Asked,
    document: Document,
    problems: Problems | None,
    note: str,
    **more: Any,
) -> Response:
    return visit.page(
        template,
        422 if problems else 200,
        **_shown(visit, which, asked),
        document=document,
        problems=problems or Problems(),
        note=note,
        **more,
    )


def _shown(visit: Visit, which: Month, asked: releases.Asked) -> dict[str, Any]:
    me = visit.person.principal
    able = visit.able(Act.DECIDE_RELEASE) and me in asked.deciders
    names = {code: one.name for code, one in visit.home.recipients().items()}
    shown = release_shown(asked.content, asked.pack_sha256, names)
    agreements = shown["pack"]["agreements"].values()
    return {
        **shown,
        "which": which,
        "asked": asked,
        "households": [rows for one in agreements for rows in one["households"].values()],
        "decisions": [(one, _when(one)) for one in asked.decisions],
        "may_decide": able and not asked.refused and bool(asked.outstanding),
        "may_approve": able and me in asked.still_asked,
    }


def _when(one: Approval) -> str:
    return in_london(one.at)
