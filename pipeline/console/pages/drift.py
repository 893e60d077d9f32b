"""*Drift*: how a month's files differ from the same supplier's earlier ones, and accepting exactly that."""

from __future__ import annotations

from fastapi.responses import Response

from pipeline import month as months
from pipeline.console import deciding, decisions
from pipeline.console.permissions import Act
from pipeline.console.signing import Document, Signed
from pipeline.console.typed import Note, Problems, Seen, SeenInForm
from pipeline.console.visit import Asked, Pages, Visit, said
from pipeline.errors import BirthshareError, Refused, SettingsError
from pipeline.records import Month
from pipeline.suppliers.drift import NAMESPACE, Compared

pages = Pages()


@pages.page("/months/{month}/drift", Act.SEE_MONTHS)
def differences(visit: Asked, month: str) -> Response:
    """Every file of the month, in words beside its earlier ones."""
    which = Month.parse(month)
    files = months.files_compared(visit.home, which, now=visit.now)
    approvers = [one.principal for one in visit.home.settings.approvers]
    able = visit.able(Act.ACCEPT_DRIFT) and visit.person.principal in approvers
    return visit.page("drift.html", which=which, files=files, approvers=approvers, may_accept=able)


@pages.page("/months/{month}/drift/{supplier}/{dataset}", Act.ACCEPT_DRIFT)
def accepting(visit: Asked, month: str, supplier: str, dataset: str, seen: Seen) -> Response:
    """The form to accept exactly the differences that were looked at."""
    try:
        file = _file(visit, Month.parse(month), supplier, dataset, seen)
    except (Refused, SettingsError) as error:
        return _other(visit, month, error)
    return _form(visit, file)


@pages.page("/months/{month}/drift/{supplier}/{dataset}/statement", Act.ACCEPT_DRIFT)
def the_statement(visit: Asked, month: str, supplier: str, dataset: str, seen: Seen) -> Response:
    """The exact bytes that are signed to accept them."""
    document = _document(_file(visit, Month.parse(month), supplier, dataset, seen))
    return visit.file(document.content, document.file_name)


@pages.form("/months/{month}/drift/{supplier}/{dataset}", Act.ACCEPT_DRIFT)
def accept(
    visit: Asked, month: str, supplier: str, dataset: str, signed: Signed, seen: SeenInForm, note: Note = ""
) -> Response:
    """Record that exactly these differences of exactly this file are accepted."""
    try:
        file = _file(visit, Month.parse(month), supplier, dataset, seen)
    except (Refused, SettingsError) as error:
        return _other(visit, month, error)
    problems = Problems()
    signature = signed.noted(visit, _document(file), note, problems)
    if problems:
        return _form(visit, file, problems, note)
    with problems.at("signature"):
        said = {"principal": visit.person.principal, "signature": signature, "note": note}
        which = {"month": file.month, "supplier": supplier, "dataset": dataset, "seen": seen}
        return deciding.decide(
            visit,
            Act.ACCEPT_DRIFT,
            "drift",
            which | said,
            about=f"/months/{file.month}/drift",
            form={"seen": seen, "signature": signature, "note": note},
        )
    return _form(visit, file, problems, note)


def _file(visit: Visit, month: Month, supplier: str, dataset: str, seen: str) -> Compared:
    return decisions.compared(visit.home, month, supplier, dataset, seen, now=visit.now)


def _document(file: Compared) -> Document:
    return Document(file.statement, NAMESPACE, f"differences-{file.supplier}-{file.dataset}-{file.month}.txt")


def _form(visit: Visit, file: Compared, problems: Problems | None = None, note: str = "") -> Response:
    return visit.page(
        "drift_accept.html",
        422 if problems else 200,
        which=Month.parse(file.month),
        file=file,
        document=_document(file),
        problems=problems or Problems(),
        note=note,
    )


def _other(visit: Visit, month: str, error: BirthshareError) -> Response:
    return visit.page("drift_look_again.html", 409, which=Month.parse(month), lines=said(error))
