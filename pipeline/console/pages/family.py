"""*Family*: what was shared about one family, for whoever answers its parents.

    why → whom → what was shared → the statement to print, or evidence

Why somebody looks is asked first; that they look is recorded before anything is shown, and so is what they
take. The NHS number is in the body of forms and nowhere else: no address, title, cookie or log has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Form
from fastapi.responses import Response

from pipeline.asking import check_asks
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
        check_asks(visit.home, visit.person.principal, why)
    except SettingsError as error:
        problems.stopped("why", error)
    return problems


def _whom(visit: Visit, why: str, problems: Problems) -> Response:
    return visit.page("family_whom.html", 422 if problems else 200, why=why, problems=problems)


@pages.form("/family/found", Act.SEE_FAMILY)
def found(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """What was shared, as an officer reads it before anything is given to anybody."""
    return _answered(
        visit,
        why,
        number,
        lambda: visit.page(
            "family_found.html",
            said=for_officer(_looked_up(visit, why, number, whole=False)),
            why=why,
            number=number,
        ),
    )


@pages.form("/family/statement", Act.SEE_FAMILY)
def statement(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """The statement for a parent, to print."""

    def shown() -> Response:
        answer = _looked_up(visit, why, number, whole=True)
        _record_given(visit, family_page(answer).encode(), why)
        return visit.report(lambda: family_page(answer), above="above_statement.html", why=why, number=number)

    return _answered(visit, why, number, shown)


@pages.form("/family/file", Act.SEE_FAMILY)
def file(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """The statement as one file."""

    def given() -> Response:
        content = family_page(_looked_up(visit, why, number, whole=True)).encode()
        _record_given(visit, content, why)
        return visit.file(content, "statement.html")

    return _answered(visit, why, number, given)


@pages.form("/family/evidence", Act.SEE_FAMILY)
def evidence(visit: Asked, why: Words = "", number: Words = "") -> Response:
    """The proofs, for whoever checks the statement."""

    def given() -> Response:
        answer = _looked_up(visit, why, number, whole=True)
        content = families.evidence_pack(visit.home, answer, now=visit.now)
        _record_given(visit, content, why)
        return visit.file(content, "evidence.zip")

    return _answered(visit, why, number, given)


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


def _looked_up(visit: Visit, why: str, number: str, *, whole: bool) -> Mapping[str, Any]:
    """The family, of which it is recorded first that this person looked."""
    return families.family(
        visit.home, number, principal=visit.person.principal, purpose=why, now=visit.now, whole=whole
    )


def _record_given(visit: Visit, content: bytes, why: str) -> None:
    families.record_given(visit.home, content, principal=visit.person.principal, purpose=why, now=visit.now)
