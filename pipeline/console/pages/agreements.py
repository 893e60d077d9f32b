"""*Agreements*: what each version says and changes, who signed it, what it would have shared; signing it, and
stopping it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import Form
from fastapi.responses import Response

from pipeline import agreed
from pipeline.agreements.difference import compare
from pipeline.agreements.loading import NAMESPACE, file_of
from pipeline.agreements.plain import by_effect, plain
from pipeline.agreements.signatures import suspension
from pipeline.agreements.words import on_day, role
from pipeline.console import deciding
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.rates import alone
from pipeline.console.signing import Document, Signed
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import BirthshareError
from pipeline.facts import opened_ledger
from pipeline.looking_back import preview
from pipeline.questions.agreements import State, Version, version, versions
from pipeline.reasons import Reason
from pipeline.reporting import preview_page

pages = Pages()

_CHOICES = (1, 3, 6, 12)  # how many of the newest months a preview may be asked for, besides all
_WORKING = Lock()  # one preview or check at a time: each keeps a processor busy


@pages.page("/agreements", Act.SEE_AGREEMENTS)
def every_agreement(visit: Asked) -> Response:
    """Every version, by agreement and the newest first."""
    with opened_ledger(visit.home) as ledger:
        found = versions(visit.home, ledger, now=visit.now)
    today = visit.now.astimezone(agreed.LONDON).date()
    return visit.page(
        "agreements.html",
        agreements=_by_title(found),
        warnings=agreed.warnings(visit.home, [one.loaded for one in found], today),
        mine=_roles(visit) if visit.able(Act.SIGN_AGREEMENT) else set(),
        **_WORDS,
    )


def _by_title(found: Sequence[Version]) -> list[tuple[str, list[Version]]]:
    """By agreement; its title is that of the version in force, else of the newest."""
    grouped: dict[str, list[Version]] = {}
    for one in found:
        grouped.setdefault(one.agreement.id, []).append(one)
    return [
        (next((one for one in mine if one.state is State.IN_FORCE), mine[0]).agreement.title, mine)
        for mine in grouped.values()
    ]


# --- one version, and signing it ------------------------------------------------------------------


@pages.page("/agreements/{name}/{number}", Act.SEE_AGREEMENTS)
def one_agreement(visit: Asked, name: str, number: int) -> Response:
    """All that there is to read of a version, and at its end the form to sign it."""
    return _one(visit, name, number)


@pages.page("/agreements/{name}/{number}/file", Act.SEE_AGREEMENTS)
def the_file(visit: Asked, name: str, number: int) -> Response:
    """The exact bytes of its file, which people sign."""
    return _download(visit, _document(visit, _version(visit, name, number)))


@pages.form("/agreements/{name}/{number}/sign", Act.SIGN_AGREEMENT)
def sign(
    visit: Asked,
    name: str,
    number: int,
    signed: Signed,
    role: Annotated[str, Form()] = "",
    digest: Annotated[str, Form()] = "",
) -> Response:
    """Put the visitor's signature beside the file; `digest` is of the file that their page showed."""
    problems = Problems()
    try:
        one = _version(visit, name, number)
        document = _document(visit, one)
        document.check_shown(digest)
        signature = signed.over(visit, document).encode()
        agreed.sign(
            visit.home,
            one.loaded,
            role=role,
            signature=signature,
            at=visit.now,
        )
    except BirthshareError as error:
        problems.stopped("signature", error)
        return _one(visit, name, number, problems)
    return visit.to(f"/agreements/{name}/{number}")


def _one(visit: Visit, name: str, number: int, problems: Problems | None = None) -> Response:
    one = _version(visit, name, number)
    with opened_ledger(visit.home) as ledger:
        seen = preview.seen(ledger, _file(visit, one), one.loaded.digest)
    return visit.page(
        "one_agreement.html",
        422 if problems else 200,
        **_about(visit, one),
        sections=plain(one.agreement, one.loaded.digest, one.loaded),
        changes=by_effect(compare(one.before, one.agreement)) if one.before else [],
        seen=seen,
        as_whom=[asked for asked in one.loaded.awaits if asked in _roles(visit)],
        document=_document(visit, one),
        problems=problems or Problems(),
    )


# --- stopping it ----------------------------------------------------------------------------------


@pages.page("/agreements/{name}/{number}/suspend", Act.SIGN_AGREEMENT)
def suspend(visit: Asked, name: str, number: int) -> Response:
    """What suspending does, and the form for it."""
    return _suspending(visit, name, number)


@pages.page("/agreements/{name}/{number}/suspension", Act.SIGN_AGREEMENT)
def the_suspension(visit: Asked, name: str, number: int) -> Response:
    """The line that is signed to suspend it."""
    return _download(visit, _suspension(_version(visit, name, number)))


@pages.form("/agreements/{name}/{number}/suspend", Act.SIGN_AGREEMENT)
def suspend_now(
    visit: Asked,
    name: str,
    number: int,
    signed: Signed,
    role: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    digest: Annotated[str, Form()] = "",
) -> Response:
    """Suspend it at once and for good."""
    problems = Problems()
    with problems.at("signature"):
        one = _version(visit, name, number)
        document = _suspension(one)
        document.check_shown(digest)
        signature = signed.noted(visit, document, note, problems).encode()
        if not problems:
            agreed.suspend(visit.home, one.loaded, role=role, signature=signature, note=note, at=visit.now)
            return visit.to(f"/agreements/{name}/{number}")
    return _suspending(visit, name, number, problems, note)


def _suspending(
    visit: Visit, name: str, number: int, problems: Problems | None = None, note: str = ""
) -> Response:
    one = _version(visit, name, number)
    return visit.page(
        "suspend_agreement.html",
        422 if problems else 200,
        **_about(visit, one),
        as_whom=[role for role in one.agreement.suspenders if role in _roles(visit)],
        document=_suspension(one),
        problems=problems or Problems(),
        note=note,
    )


# --- trying it out --------------------------------------------------------------------------------


@pages.page("/agreements/{name}/{number}/preview", Act.SEE_AGREEMENTS)
def previews(visit: Asked, name: str, number: int) -> Response:
    """The newest preview of it, and the form for another."""
    one = _version(visit, name, number)
    with opened_ledger(visit.home) as ledger:
        seen = preview.seen(ledger, _file(visit, one), one.loaded.digest)
        kept = len(preview.months_kept(ledger))
    choices = [count for count in _CHOICES if count < kept]
    return visit.page("previews.html", **_about(visit, one), seen=seen, kept=kept, choices=choices)


@pages.form("/agreements/{name}/{number}/preview", Act.PREVIEW_AGREEMENT)
def preview_now(visit: Asked, name: str, number: int, months: Annotated[int, Form(ge=0)] = 0) -> Response:
    """Replay it on the newest `months` that are kept; 0 for all. Recorded, as from the command line."""
    _version(visit, name, number)
    about = f"/agreements/{name}/{number}/preview"
    with alone(_WORKING, "an agreement tried out"):
        return deciding.decide(
            visit,
            Act.PREVIEW_AGREEMENT,
            "preview",
            {"agreement": name, "version": number, "months": months or None},
            about=about,
            show=lambda visit, _: visit.to(f"{about}/newest"),
        )


@pages.page("/agreements/{name}/{number}/preview/newest", Act.SEE_AGREEMENTS)
def newest_preview(visit: Asked, name: str, number: int) -> Response:
    """The newest preview of exactly this file, as it was recorded."""
    one = _version(visit, name, number)
    with opened_ledger(visit.home) as ledger:
        seen = preview.seen(ledger, _file(visit, one), one.loaded.digest)
    if seen is None:
        return visit.to(f"/agreements/{name}/{number}/preview")
    names = {code: recipient.name for code, recipient in visit.home.recipients().items()}
    owner = visit.home.settings.authority.name
    return visit.report(
        lambda: preview_page(seen[0], preview.WORDING, names, authority=owner),
        above="above_preview.html",
        version=one,
    )


@pages.page("/agreements/{name}/{number}/checks", Act.SEE_AGREEMENTS)
def checks(visit: Asked, name: str, number: int) -> Response:
    """What is checked, and the form to have it done: it takes seconds."""
    one = _version(visit, name, number)
    return visit.page("agreement_checks.html", **_about(visit, one), checked=None)


@pages.form("/agreements/{name}/{number}/checks", Act.SEE_AGREEMENTS)
def check_now(visit: Asked, name: str, number: int) -> Response:
    """What is wrong with it, and who can ever be shared under it; as `birthshare agreement check`."""
    _version(visit, name, number)
    with alone(_WORKING, "an agreement tried out"):
        return deciding.decide(
            visit,
            Act.SEE_AGREEMENTS,
            "checks",
            {"agreement": name, "version": number},
            about=f"/agreements/{name}/{number}/checks",
            show=lambda visit, handed: _checked(visit, _version(visit, name, number), json.loads(handed)),
        )


def _checked(visit: Visit, one: Version, checked: Mapping[str, Any]) -> Response:
    words = {str(reason): reason.wording for reason in Reason}
    answers = [
        (each["asked"], each["ever"], [words[code] for code in each["stopped_by"]])
        for each in checked["answers"]
    ]
    return visit.page("agreement_checks.html", **_about(visit, one), checked=checked, answers=answers)


# --- what they share ------------------------------------------------------------------------------

_KINDS = {
    State.IN_FORCE: "good", State.SUSPENDED: "bad", State.UNSIGNED: "wait", State.NOT_BEGUN: "wait",
    State.EXPIRED: "bad", State.LAPSED: "bad", State.REPLACED: "",
}  # fmt: skip


_WORDS: dict[str, Any] = {"kinds": _KINDS, "role_in_words": role, "on_day": on_day, "moment": in_london}


def _about(visit: Visit, one: Version) -> dict[str, Any]:
    """What every page about one version shows."""
    return {
        "version": one,
        "agreement": one.agreement,
        "address": f"/agreements/{one.agreement.id}/{one.agreement.version}",
        "may_sign": visit.able(Act.SIGN_AGREEMENT),
        "may_suspend": visit.able(Act.SIGN_AGREEMENT)
        and not one.loaded.suspended
        and any(role in _roles(visit) for role in one.agreement.suspenders),
        "may_preview": visit.able(Act.PREVIEW_AGREEMENT),
        **_WORDS,
    }


def _roles(visit: Visit) -> set[str]:
    """The roles of agreements that the visitor holds, as an approver."""
    mine = [one.roles for one in visit.home.settings.approvers if one.principal == visit.person.principal]
    return {role for roles in mine for role in roles}


def _version(visit: Visit, name: str, number: int) -> Version:
    with opened_ledger(visit.home) as ledger:
        return version(visit.home, ledger, name, number, now=visit.now)


def _file(visit: Visit, one: Version) -> Path:
    return file_of(visit.home.agreements, one.agreement)


def _document(visit: Visit, one: Version) -> Document:
    return Document(agreed.content_of(visit.home, one.loaded), NAMESPACE, _file(visit, one).name)


def _suspension(one: Version) -> Document:
    name = f"{one.agreement.id}.v{one.agreement.version}.suspension.txt"
    return Document(suspension(one.agreement, one.loaded.digest), NAMESPACE, name)


def _download(visit: Visit, document: Document) -> Response:
    return visit.file(document.content, document.file_name)
