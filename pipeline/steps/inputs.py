"""What a month rests on: its extracts, its agreements, and the files that places are worked out from.

By digest, so that a change of any of them is seen; a change makes another release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline.agreements.model import Agreement
from pipeline.errors import IntegrityError, SettingsError, WaitingForPerson
from pipeline.home import SETTINGS_FILE, Home
from pipeline.intake.profiles import files_of
from pipeline.ledger.entries import (
    AnswersReceived,
    ChangesApplied,
    ExtractReceived,
    TotalsReceived,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.places import reviewed
from pipeline.places.compiled import Places, compiled_places, recipients_by_network
from pipeline.places.reviewed import Review
from pipeline.recipients import register
from pipeline.records import Month
from pipeline.steps import needs, receiving, release
from pipeline.steps.desk import Desk

# Names of the working files; those of decisions carry the agreement.
BIRTHS, PLACEMENTS, AREAS = "births", "placements", "areas"
KEYED = "keyed_places"  # by which places the births were placed, for previews of changed reach areas
ANSWERS = "answers"  # of the companion files
HOMES = "homes"  # keyed references of homes as their postcodes were written, and as they were meant
UNREAD = "unread"  # children and parents whom a row in quarantine names
DISCLOSED = "disclosed"  # what was shared before, as the decisions knew it


def decisions_of(agreement: str) -> str:
    """The working file of one agreement's decisions."""
    return f"decisions.{agreement}"


def terms_of(agreement: str) -> str:
    """The working file of the very version that was decided under, as JSON."""
    return f"terms.{agreement}"


def words_of(agreement: str) -> str:
    """The working file of the later words that an agreement's decisions heard."""
    return f"words.{agreement}"


def columns_of(supplier: str) -> str:
    """The working file that names the columns that a supplier's extract had, as JSON."""
    return f"columns.{supplier}"


# Settings of a supplier that say how files travel, and nothing of what is in them or who made them.
_ON_THE_WAY = {"inbox", "reports", "passphrase", "due_day"}


_Received = ExtractReceived | AnswersReceived | TotalsReceived


@dataclass(frozen=True)
class Inputs:
    """Everything that decisions rest on, by digest; a change of any makes another release.

    Later words about families are not among them: those can only shorten a list, at the gate.
    """

    arrivals: Mapping[str, Path | None] = field(repr=False)  # None: received, and gone from the inbox
    places: Places = field(repr=False)
    digests: Mapping[str, Any]
    # companion files of answers, of the suppliers that send one; None as in `arrivals`
    consents: Mapping[str, Path | None] = field(repr=False, default_factory=dict)
    totals: Mapping[str, Path | None] = field(repr=False, default_factory=dict)  # of counts, likewise
    reviews: tuple[Review, ...] = field(repr=False, default=())  # what people decided for postcodes


@dataclass(frozen=True)
class Awaited:
    """Something of a supplier's that the month still waits for."""

    supplier: str
    words: str
    late: bool  # it should have been here by now


def awaited(desk: Desk) -> list[Awaited]:
    """Which of the month's files have not come; none any more once a list was permitted.

    A file that is here and cannot be used is not awaited: that is found out when it is read.
    """
    if not awaits_files(desk):
        return []
    found = []
    for supplier in _suppliers(desk):
        due = due_on(desk.home, supplier, desk.month)
        late = due is not None and desk.now.date() > due
        was = "was" if late else "is"
        by = f"; it {was} due by {due.day} {due:%B %Y}" if due else ""
        found += [Awaited(supplier, f"{one.what}{by}", late) for one in _not_here(desk, supplier)]
    return found


def awaits_files(desk: Desk) -> bool:
    """Whether the month is still to be prepared: it is not closed, and no list of it was permitted."""
    return not desk.closed and not desk.ledger.standing_permits(str(desk.month))


def due_on(home: Home, supplier: str, month: Month) -> date | None:
    """The last day on which the supplier's files of the month are in time, where one was agreed."""
    day = home.settings.suppliers[supplier].due_day
    return None if day is None else month.plus(1).first_day.replace(day=day)


def _not_here(desk: Desk, supplier: str) -> Iterator[WaitingForPerson]:
    of = files_of(desk.home, supplier)
    looks = (_extract, of.file_name), (_consents, of.consents), (_totals, of.totals)
    for look, named in looks:
        try:
            file = look(desk, supplier, named) if named else None
            if file is not None:
                receiving.check_signature_here(desk.home, supplier, file)
        except WaitingForPerson as waiting:
            yield waiting
        except IntegrityError:
            continue  # it is here


def gather_inputs(desk: Desk) -> Inputs:
    """Find this month's files. Raises WaitingForPerson for one that has not come.

    A file that was received already and has gone from the inbox since is no change.
    """
    register.check_reach_areas(desk.home, desk.ledger, at=desk.clock)
    for one in desk.agreements:
        check_datasets(desk.home, one.agreement)
    files = {supplier: files_of(desk.home, supplier) for supplier in _suppliers(desk)}
    arrivals = {name: _extract(desk, name, of.file_name) for name, of in files.items()}
    consents = {name: _consents(desk, name, of.consents) for name, of in files.items() if of.consents}
    totals = {name: _totals(desk, name, of.totals) for name, of in files.items() if of.totals}
    places = compiled_places(desk.home, on=desk.month.last_day)
    reviews = reviewed.standing(desk.home, desk.ledger, recipients_by_network(places), desk.now.date())
    digests = {
        "extracts": _digests(desk, arrivals, used),
        "consents": _digests(desk, consents, answers_used),
        "totals": _digests(desk, totals, totals_used),
        "agreements": {one.agreement.id: one.digest for one in desk.agreements},
        "directory": places.directory_sha256,
        "reach_areas": places.reach_sha256,
        "reviewed": reviewed.digest(reviews, sha256(desk.home.allowed_signers) if reviews else ""),
        "hospital_postcodes": sha256(desk.home.at(desk.home.settings.geography.hospital_postcodes)),
        "fields": _field_digests(desk),
        "suppliers": {name: _supplier_digest(desk, name) for name in arrivals},
    }
    return Inputs(arrivals, places, digests, consents, totals, reviews)


def _field_digests(desk: Desk) -> dict[str, str]:
    """What the fields of agreements are filled from; raises SettingsError where one cannot be filled."""
    agreements = [one.agreement for one in desk.agreements]
    for agreement in agreements:
        needs.check(desk.home, agreement)
    files = {name: sha256(file) for name, file in needs.area_files(desk.home, agreements).items()}
    network = needs.localities(desk.home, agreements)
    localities = {} if network is None else {"localities": network}
    return files | localities | needs.pseudonym_checks(desk.home, agreements)


def _suppliers(desk: Desk) -> list[str]:
    agreements = [one.agreement for one in desk.agreements]
    return sorted({supplier for one in agreements for supplier in (*one.suppliers, *one.hears)})


def _supplier_digest(desk: Desk, supplier: str) -> str:
    """What we believe of a supplier: its settings, its profile and its key; not how its files come."""
    from pipeline.intake.profiles import profile_of

    settings = desk.home.settings.suppliers[supplier]
    profile = profile_of(desk.home, supplier)
    key = sha256(desk.home.at(settings.signing_key)) if settings.signing_key else ""
    said = settings.model_dump_json(exclude=_ON_THE_WAY)
    return release.digest(f"{said} {profile.model_dump_json()} {key}".encode())


def check_read_as_agreed(desk: Desk, inputs: Inputs) -> None:
    """Raises IntegrityError where a profile was exchanged between the digest and the reading of a file."""
    for supplier, digest in inputs.digests["suppliers"].items():
        if _supplier_digest(desk, supplier) != digest:
            raise IntegrityError(
                "The supplier's profile or key was changed while its file was read",
                where=supplier,
                do="Nothing was asked or sent. Run the month again.",
            )


def _extract(desk: Desk, supplier: str, named: str) -> Path | None:
    file = _arrival(desk, supplier, named)
    if file is None and not (desk.staging.has(BIRTHS) and used(desk, supplier)):
        raise not_arrived(desk, supplier)
    return file


def _consents(desk: Desk, supplier: str, named: str) -> Path | None:
    file = _arrival(desk, supplier, named)
    if file is None and not (desk.staging.has(ANSWERS) and answers_used(desk, supplier)):
        raise consents_not_arrived(desk, supplier)
    return file


def _totals(desk: Desk, supplier: str, named: str) -> Path | None:
    file = _arrival(desk, supplier, named)
    if file is None and not (desk.staging.has(BIRTHS) and totals_used(desk, supplier)):
        raise totals_not_arrived(desk, supplier)
    return file


def _arrival(desk: Desk, supplier: str, named: str) -> Path | None:
    """The file of that name for the month, where it is in the inbox."""
    from pipeline.intake.arrivals import find_arrivals

    return next(iter(find_arrivals(desk.home, supplier, desk.month, named)), None)


def _digests(
    desk: Desk, files: Mapping[str, Path | None], taken: Callable[[Desk, str], Sequence[_Received]]
) -> dict[str, str]:
    """By supplier, the file's digest, or that of the newest one `taken`, where it is gone from the inbox."""
    return {
        name: sha256(file) if file else taken(desk, name)[-1].sealed_sha256 for name, file in files.items()
    }


def check_datasets(home: Home, agreement: Agreement) -> None:
    """Raises SettingsError unless each supplier sends what the agreement is about."""
    known, about = home.settings.suppliers, agreement.cohort.of
    wrong = [name for name in agreement.suppliers if name in known and known[name].dataset != about]
    if wrong:
        raise SettingsError(
            f"The agreement is about {about.replace('_', ' ')}, and by the settings these suppliers do not "
            f"send them: {', '.join(wrong)}",
            where=f"agreement {agreement.id}, cohort.of; {SETTINGS_FILE}, suppliers, dataset",
            do="Correct the supplier's dataset, or name another supplier in a new version of the agreement.",
        )


def consents_not_arrived(desk: Desk, supplier: str) -> WaitingForPerson:
    return _not_arrived(desk, supplier, "consent answers", files_of(desk.home, supplier).consents)


def totals_not_arrived(desk: Desk, supplier: str) -> WaitingForPerson:
    return _not_arrived(desk, supplier, "totals", files_of(desk.home, supplier).totals)


def _not_arrived(desk: Desk, supplier: str, what: str, named: str | None) -> WaitingForPerson:
    name = (named or "").replace("{supplier}", supplier).replace("{month}", str(desk.month))
    return WaitingForPerson(
        f"The {what} of {supplier} for {desk.month} have not arrived",
        where=f"{desk.home.inbox(supplier)}, {name}",
        do="Ask the supplier for them, or put the file into that folder, and run the month again.",
    )


def answers_used(desk: Desk, supplier: str) -> list[AnswersReceived]:
    """The month's companion files of a supplier that were used, oldest first."""
    return [one for one in desk.recorded(AnswersReceived) if one.supplier == supplier]


def totals_used(desk: Desk, supplier: str) -> list[TotalsReceived]:
    """The month's files of counts of a supplier that were used, oldest first."""
    return [one for one in desk.recorded(TotalsReceived) if one.supplier == supplier]


def feeds_applied(ledger: Ledger) -> dict[str, list[datetime]]:
    """By supplier, when each of its feeds of changes that were applied was signed."""
    signed: dict[str, list[datetime]] = {}
    for entry in ledger.entries(kinds={ChangesApplied.kind}):
        if isinstance(entry.body, ChangesApplied) and entry.body.signed_at is not None:
            signed.setdefault(entry.body.source, []).append(entry.body.signed_at)
    return signed


def not_arrived(desk: Desk, supplier: str) -> WaitingForPerson:
    return WaitingForPerson(
        f"The extract of {supplier} for {desk.month} has not arrived",
        where=str(desk.home.inbox(supplier)),
        do="Ask the supplier for it, or put it into that folder, and run the month again.",
    )


def used(desk: Desk, supplier: str) -> list[ExtractReceived]:
    """The month's extracts of a supplier that were received and not refused, oldest first."""
    taken = {one.sealed_sha256 for one in desk.recorded(Validated) if one.supplier == supplier}
    received = [one for one in desk.recorded(ExtractReceived) if one.supplier == supplier]
    return [one for one in received if one.sealed_sha256 in taken]


def sha256(file: Path) -> str:
    """SHA-256 of a file; raises SettingsError where it cannot be read."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        raise SettingsError(
            "A file that the month needs cannot be read", where=str(file), do="Run `birthshare doctor`."
        ) from None
