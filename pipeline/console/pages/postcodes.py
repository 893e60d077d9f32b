"""*Postcodes to settle*: what geography could not place in a month, and one person's signed decision.

Which postcode it is stands on no page that can be come back to: whoever wants to see it asks for it in a
form, and that is recorded. Everything else goes by the name that `pipeline.places.reviews` gives.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from typing import Annotated

from fastapi import Form
from fastapi.responses import Response

from pipeline.console import deciding
from pipeline.console.permissions import Act
from pipeline.console.signing import Document, Signed
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import SettingsError
from pipeline.ledger.entries import PostcodeReviewed, canonical
from pipeline.places import reviewed, reviews
from pipeline.records import Month

pages = Pages()

_NOBODY = "-"  # what the form says where no recipient is chosen; none is coded so


@pages.page("/map/review/{month}", Act.REVIEW_POSTCODES)
def queue(visit: Asked, month: str) -> Response:
    """What waits, with hints; no postcode."""
    which = Month.parse(month)
    return _queue(visit, which, reviews.queue(visit.home, which, now=visit.now))


@pages.form("/map/review/{month}/postcodes", Act.REVIEW_POSTCODES)
def with_postcodes(visit: Asked, month: str) -> Response:
    """The same with the postcodes, for this person's eyes; that is recorded first."""
    which = Month.parse(month)

    def shown(visit: Visit, handed: bytes) -> Response:
        found = reviews.queue(visit.home, which, now=visit.now)
        return _queue(visit, which, found, postcodes=json.loads(handed))

    asked = {"month": str(which), "principal": visit.person.principal}
    return deciding.decide(
        visit, Act.REVIEW_POSTCODES, "postcodes shown", asked, about=f"/map/review/{which}", show=shown
    )


@pages.page("/map/review/{month}/{name}", Act.REVIEW_POSTCODES)
def one(visit: Asked, month: str, name: str, recipient: str = "", authority: str = "") -> Response:
    """One of them: what is known around it, and the choices."""
    return _choices(visit, _asked(visit, month, name), Problems(), recipient, authority)


@pages.page("/map/review/{month}/{name}/sign", Act.REVIEW_POSTCODES)
def to_sign(visit: Asked, month: str, name: str, recipient: str = "", authority: str = "") -> Response:
    """The decision as it is to be signed."""
    asked, problems = _asked(visit, month, name), Problems()
    if not recipient:
        problems.add("recipient", "Choose who serves it, or nobody.")
        return _choices(visit, asked, problems, recipient, authority)
    try:
        return _signing(visit, asked, _draft(visit, asked, recipient, authority), problems)
    except SettingsError as error:
        problems.add("authority", f"{error.what}. Choose one of those that are listed.")
        return _choices(visit, asked, problems, recipient, authority)


@pages.page("/map/review/{month}/{name}/statement", Act.REVIEW_POSTCODES)
def statement(visit: Asked, month: str, name: str, recipient: str = "", authority: str = "") -> Response:
    """What is signed, to download. It names the postcode by a keyed reference alone."""
    asked = _asked(visit, month, name)
    document = _document(asked, _draft(visit, asked, recipient, authority))
    return visit.file(document.content, document.file_name)


@pages.form("/map/review/{month}/{name}", Act.REVIEW_POSTCODES)
def decide(
    visit: Asked,
    month: str,
    name: str,
    signed: Signed,
    recipient: Annotated[str, Form()] = "",
    authority: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """Record the signed decision."""
    asked = _asked(visit, month, name)
    drafted = _draft(visit, asked, recipient, authority)
    problems = Problems()
    signature = signed.noted(visit, _document(asked, drafted), note.strip(), problems)
    if problems:
        return _signing(visit, asked, drafted, problems, note)
    with problems.at(""):
        said = {"note": note.strip(), "signature": signature}
        decided = PostcodeReviewed.model_validate(drafted.model_dump() | said).model_dump(mode="json")
        return deciding.decide(
            visit,
            Act.REVIEW_POSTCODES,
            "postcode",
            {"month": asked.month, "name": asked.name, "reviewed": decided},
            about=f"/map/review/{asked.month}",
            form={"recipient": recipient, "authority": authority, "signature": signature, "note": note},
        )
    return _signing(visit, asked, drafted, problems, note)


# --- how it is shown ------------------------------------------------------------------------------


def _queue(visit: Visit, month: Month, found: reviews.Queue, *, postcodes: Collection[str] = ()) -> Response:
    """`postcodes`: the names of those that are shown, since that is recorded."""
    return visit.page("postcodes.html", month=month, found=found, postcodes=postcodes, births=reviewed.births)


def _choices(
    visit: Visit, asked: reviews.Asked, problems: Problems, recipient: str, authority: str
) -> Response:
    names = {code: known.name for code, known in visit.home.recipients().items()}
    return visit.page(
        "postcode.html",
        422 if problems else 200,
        asked=asked,
        month=Month.parse(asked.month),
        recipients=[(code, f"{names.get(code, code)} ({code})", "") for code in asked.recipients]
        + [(_NOBODY, "Nobody", "Its families stay held, and nobody is asked again.")],
        recipient=recipient,
        authorities=[("", "Choose one"), *((code, code) for code in asked.authorities)],
        authority=authority or asked.likely_authority,
        births=reviewed.births,
        problems=problems,
    )


def _signing(
    visit: Visit, asked: reviews.Asked, drafted: PostcodeReviewed, problems: Problems, note: str = ""
) -> Response:
    return visit.page(
        "postcode_sign.html",
        422 if problems else 200,
        asked=asked,
        month=Month.parse(asked.month),
        drafted=drafted,
        recipient=drafted.recipient or _NOBODY,
        words=reviews.in_words(drafted),
        document=_document(asked, drafted),
        note=note,
        problems=problems,
    )


# --- what is decided ------------------------------------------------------------------------------


def _asked(visit: Visit, month: str, name: str) -> reviews.Asked:
    which = Month.parse(month)
    return reviews.one_of(reviews.queue(visit.home, which, now=visit.now), name, which)


def _draft(visit: Visit, asked: reviews.Asked, recipient: str, authority: str) -> PostcodeReviewed:
    """The same draft each time that this session asks for it: what is signed is what was downloaded.

    Nobody else could foretell its random part, which is made from a secret of the session.
    """
    if not recipient:
        raise SettingsError("Nothing is decided", do="Choose who serves it, or nobody.")
    chosen = "" if recipient == _NOBODY else recipient
    drafted = reviews.draft(asked, recipient=chosen, authority=authority, principal=visit.person.principal)
    parts = canonical([asked.name, drafted.recipient, drafted.authority]).encode()
    once = hmac.digest(visit.guest.secret, b"postcode " + parts, "sha256").hex()[: len(drafted.once)]
    return drafted.model_copy(update={"once": once})


def _document(asked: reviews.Asked, drafted: PostcodeReviewed) -> Document:
    return Document(reviewed.statement(drafted), reviewed.NAMESPACE, f"postcode-{asked.name}.txt")
