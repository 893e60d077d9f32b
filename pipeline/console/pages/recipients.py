"""*Recipients*: the register, each recipient, and changes of it that two people must sign."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import Response

from pipeline.agreements.words import named, on_day
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.signing import Document, Signed
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import BirthshareError
from pipeline.facts import opened_ledger
from pipeline.questions.recipients import about, standings, way
from pipeline.recipients import register
from pipeline.recipients.register import Standing
from pipeline.reporting.pages import month_in_full

pages = Pages()

_A_PAGE = 24  # lists: two years of months


@pages.page("/recipients", Act.SEE_RECIPIENTS)
def every_recipient(visit: Asked) -> Response:
    """The register: where lists go, whether that is agreed, and what is open."""
    with opened_ledger(visit.home) as ledger:
        found = standings(visit.home, ledger, now=visit.now)
        changed = not register.standing(visit.home, ledger, at=visit.now).is_agreed
    return visit.page(
        "recipients.html", recipients=found, changed=changed, way=way, named=named, on_day=on_day
    )


@pages.page("/recipients/register/changes", Act.SEE_RECIPIENTS)
def changes(visit: Asked) -> Response:
    """What was changed since the register was signed, and who has signed that."""
    return _changes(visit)


@pages.page("/recipients/register/changes/file", Act.SEE_RECIPIENTS)
def the_statement(visit: Asked) -> Response:
    """The text that is signed."""
    document = _document(_standing(visit))
    return visit.file(document.content, document.file_name)


@pages.form("/recipients/register/changes", Act.SIGN_REGISTER)
def sign(visit: Asked, signed: Signed, digest: Annotated[str, Form()] = "") -> Response:
    """Sign the register as it stands; `digest` is of the text that the visitor's page showed."""
    problems = Problems()
    try:
        document = _document(_standing(visit))
        document.check_shown(digest)
        signature = signed.over(visit, document).encode()
        with opened_ledger(visit.home) as ledger:
            register.sign(
                visit.home, ledger, principal=visit.person.principal, signature=signature, at=visit.now
            )
    except BirthshareError as error:
        problems.stopped("signature", error)
        return _changes(visit, problems)
    return visit.to("/recipients/register/changes")


@pages.page("/recipients/{code}", Act.SEE_RECIPIENTS)
def one_recipient(visit: Asked, code: str, page: int = 1) -> Response:
    """Its entry, its lists and what it has not done."""
    with opened_ledger(visit.home) as ledger:
        found = about(visit.home, ledger, code, now=visit.now)
    last = max(1, -(-len(found.lists) // _A_PAGE))
    page = min(max(page, 1), last)
    return visit.page(
        "one_recipient.html",
        recipient=found.standing.entry,
        standing=found.standing,
        lists=found.lists[(page - 1) * _A_PAGE : page * _A_PAGE],
        page=page,
        last=last,
        recalls=found.recalls,
        signed=found.signed,
        way=way,
        named=named,
        on_day=on_day,
        moment=in_london,
        month=month_in_full,
    )


def _changes(visit: Visit, problems: Problems | None = None) -> Response:
    now = _standing(visit)
    document = _document(now)
    approvers = [one.principal for one in visit.home.settings.approvers]
    return visit.page(
        "register_changes.html",
        422 if problems else 200,
        now=now,
        document=document,
        others=[one for one in approvers if one not in now.signed_by],
        may_sign=not now.is_agreed
        and visit.person.principal in approvers
        and visit.person.principal not in now.signed_by
        and visit.able(Act.SIGN_REGISTER),
        problems=problems or Problems(),
    )


def _standing(visit: Visit) -> Standing:
    with opened_ledger(visit.home) as ledger:
        return register.standing(visit.home, ledger, at=visit.now)


def _document(now: Standing) -> Document:
    return Document(now.present.encode(), register.NAMESPACE, "register.txt")
