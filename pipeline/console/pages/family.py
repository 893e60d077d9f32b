"""*Family*: what was shared about one family, for whoever answers its parents.

    why → whom → what was shared → the statement to print, or evidence

Why somebody looks is asked first; that they look is recorded before anything is shown, and so is what they
take. The NHS number is in the body of forms and nowhere else: no address, title, cookie or log has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import Form
from fastapi.responses import Response

from pipeline.asking import check_looks
from pipeline.console import deciding
from pipeline.console.permissions import Act
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import SettingsError
from pipeline.looking_back.explain import checked_number
from pipeline.questions import families
from pipeline.reporting.family_page import family_page, for_officer

pages = Pages()

Words = Annotated[str, Form()]


@pages.page("/family", Act.SEE_FAMILY)
def why(visit: Asked) -> Response:
    """The first question: why somebody looks."""
    return _why(visit, "", Problems())


def _why(visit: Visit, said: str, problems: Problems) -> Response:
    return visit.page("family_why.html", 422 if problems else 200, why=said, problems=problems)


@pages.form("/family", Act.SEE_FAMILY)
def whom(visit: Asked, why: Words = "") -> Response:
    """The second question, once the first has an answer that can be recorded."""
    problems = _problems(visit, why)
    return _why(visit, why, problems) if problems else _whom(visit, why, Problems())


def _problems(visit: Visit, why: str) -> Problems:
    problems = Problems()
    try:
        check_looks(visit.home, visit.person.principal, why)
    except SettingsError as error:
        problems.stopped("why", error)
    return problems


def _whom(visit: Visit, why: str, problems: Problems) -> Response:
    return visit.page("family_whom.html", 422 if problems else 200, why=why, problems=problems)


@pages.form("/family/found", Act.SEE_FAMILY)
def found(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """What was shared, as an officer reads it before anything is given to anybody."""

    def shown() -> Response:
        answer = families.family(
            visit.home,
            number,
            principal=visit.person.principal,
            purpose=why,
            now=visit.now,
            whole=False,
        )
        return visit.page("family_found.html", said=for_officer(answer), why=why, number=number)

    return _answered(visit, why, number, shown)


@pages.form("/family/statement", Act.SEE_FAMILY)
def statement(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """The statement for a parent, to print."""

    def shown(visit: Visit, handed: bytes) -> Response:
        answer = json.loads(handed)
        return visit.report(lambda: family_page(answer), above="above_statement.html", why=why, number=number)

    return _given(visit, why, number, "statement", shown)


@pages.form("/family/file", Act.SEE_FAMILY)
def file(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """The statement as one file."""
    return _given(
        visit, why, number, "statement file", lambda visit, handed: visit.file(handed, "statement.html")
    )


@pages.form("/family/evidence", Act.SEE_FAMILY)
def evidence(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """The proofs, for whoever checks the statement."""
    return _given(
        visit, why, number, "family evidence", lambda visit, handed: visit.file(handed, "evidence.zip")
    )


def _given(visit: Visit, why: str, number: str, name: str, show: deciding.Show) -> Response:
    """What is handed over, which is recorded; the family is looked up anew, in the whole record."""
    asked = {"nhs_number": number, "principal": visit.person.principal, "purpose": why}
    return _answered(
        visit,
        why,
        number,
        lambda: deciding.decide(visit, Act.SEE_FAMILY, name, asked, about="/family", show=show),
    )


def _answered(visit: Visit, why: str, number: str, answer: Callable[[], Response]) -> Response:
    """The answer; or the question again that has none, before anything was looked up."""
    problems = _problems(visit, why)
    if problems:
        return _why(visit, why, problems)
    try:
        checked_number(number)
    except SettingsError as error:
        problems.stopped("number", error)
        return _whom(visit, why, problems)
    return answer()
