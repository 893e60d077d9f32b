"""*Decide on a release*: what would leave in a month, who has decided, and one's own signature on it.

What a second person may not read yet of the first is kept back below the console, for every way of asking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.responses import Response

from pipeline import month as months
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.signing import Document, Signed
from pipeline.console.typed import Note, Problems, Seen, SeenInForm
from pipeline.console.visit import Asked, Pages, Visit, said
from pipeline.errors import BirthshareError, Refused, SettingsError, WaitingForPerson
from pipeline.questions import releases
from pipeline.records import Month
from pipeline.reporting.pages import release_shown
from pipeline.steps.release import NAMESPACE, Approval, forgoing, refusal

pages = Pages()


@pages.page("/months/{month}/release", Act.SEE_MONTHS)
def the_release(visit: Asked, month: str) -> Response:
    """What would leave, who has decided, and what is left to do."""
    which = Month.parse(month)
    try:
        asked = releases.asked(visit.home, which, now=visit.now)
    except (WaitingForPerson, SettingsError) as error:
        return visit.page("no_release.html", which=which, lines=said(error))
    return visit.page("release_decision.html", **_shown(visit, which, asked))


@pages.page("/months/{month}/release/pack", Act.SEE_MONTHS)
def the_pack(visit: Asked, month: str, release: Seen) -> Response:
    """The exact bytes that an approval signs."""
    return _with(visit, month, release, lambda which, asked: _file(visit, _approval(which, asked)))


# --- approving ------------------------------------------------------------------------------------


@pages.page("/months/{month}/release/approve", Act.DECIDE_RELEASE)
def approving(visit: Asked, month: str, release: Seen) -> Response:
    """The form to approve exactly the release that was looked at."""
    return _with(visit, month, release, lambda which, asked: _approving(visit, which, asked))


@pages.form("/months/{month}/release/approve", Act.DECIDE_RELEASE)
def approve(visit: Asked, month: str, signed: Signed, release: SeenInForm, note: Note = "") -> Response:
    """Record the approval of the release that the form names."""

    def decide(which: Month, asked: releases.Asked) -> Response:
        document = _approval(which, asked)
        problems = _tried(lambda: _record(visit, which, asked, True, signed.over(visit, document), note))
        return _approving(visit, which, asked, problems, note) if problems else visit.to(_path(which))

    return _with(visit, month, release, decide)


def _approving(
    visit: Visit, which: Month, asked: releases.Asked, problems: Problems | None = None, note: str = ""
) -> Response:
    document = _approval(which, asked)
    return _form(visit, "release_approve.html", which, asked, document, problems, note)


# --- refusing -------------------------------------------------------------------------------------


@pages.page("/months/{month}/release/refuse", Act.DECIDE_RELEASE)
def refusing(visit: Asked, month: str, release: Seen) -> Response:
    """The form to refuse it, which asks why."""
    return _with(visit, month, release, lambda which, asked: _refusing(visit, which, asked))


@pages.page("/months/{month}/release/refusal", Act.DECIDE_RELEASE)
def the_refusal(visit: Asked, month: str, release: Seen) -> Response:
    """The exact bytes that a refusal signs."""
    return _with(visit, month, release, lambda which, asked: _file(visit, _refusal(which, asked)))


@pages.form("/months/{month}/release/refuse", Act.DECIDE_RELEASE)
def refuse(visit: Asked, month: str, signed: Signed, release: SeenInForm, note: Note = "") -> Response:
    """Record the refusal of the release that the form names, and why."""

    def decide(which: Month, asked: releases.Asked) -> Response:
        document = _refusal(which, asked)
        problems = _tried(lambda: _record(visit, which, asked, False, signed.over(visit, document), note))
        return _refusing(visit, which, asked, problems, note) if problems else visit.to(_path(which))

    return _with(visit, month, release, decide)


def _refusing(
    visit: Visit, which: Month, asked: releases.Asked, problems: Problems | None = None, note: str = ""
) -> Response:
    document = _refusal(which, asked)
    return _form(visit, "release_refuse.html", which, asked, document, problems, note)


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
        document = _without(which, asked, one)
        problems = _tried(lambda: _forgo(visit, which, asked, one, signed.over(visit, document), note))
        return _leaving_out(visit, which, asked, one, problems, note) if problems else visit.to(_path(which))

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


def _record(
    visit: Visit, which: Month, asked: releases.Asked, approve: bool, signature: str, note: str
) -> None:
    months.record_decision(
        visit.home,
        which,
        pack_sha256=asked.pack_sha256,
        principal=visit.person.principal,
        approve=approve,
        signature=signature,
        note=note,
        now=visit.now,
    )


def _forgo(
    visit: Visit, which: Month, asked: releases.Asked, one: months.Pair, signature: str, note: str
) -> None:
    agreement, recipient = one
    months.forgo(
        visit.home,
        which,
        pack_sha256=asked.pack_sha256,
        agreement=agreement,
        recipient=recipient,
        principal=visit.person.principal,
        signature=signature,
        note=note,
        now=visit.now,
    )


def _tried(decide: Callable[[], None]) -> Problems:
    """What is wrong with the form, at the field that it is about; nothing where it was recorded."""
    problems = Problems()
    try:
        decide()
    except BirthshareError as error:
        problems.stopped(error.where if error.where == "note" else "signature", error)
    return problems


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
