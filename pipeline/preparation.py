"""From the sealed extract to a release that a person can decide on: the steps of `month.prepare`.

Each step leaves its work in the month's encrypted working files and then records in the ledger
that it is done. While nothing that they rest on has changed, done steps are not done again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import account, release
from pipeline.contract import load_contract
from pipeline.desk import Desk
from pipeline.errors import BirthshareError, IntegrityError, Refused, WaitingForPerson
from pipeline.home import Home
from pipeline.ledger.entries import (
    Decided,
    ExtractReceived,
    ExtractRefused,
    PermitBody,
    Placed,
    ReleaseRequested,
    Validated,
)

if TYPE_CHECKING:
    from pipeline.records import Extract
    from pipeline.validation.checks import Validated as Checked

BIRTHS, PACK = "births", "release-pack"


class ReceivedBefore(IntegrityError):
    """A supplier's file came a second time, for another month."""

    problem = "received_before"


@dataclass(frozen=True)
class Prepared:
    """A release that waits for, or has, its approval."""

    pack_sha256: str
    deliveries: tuple[tuple[str, str], ...]  # (agreement, recipient)
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Places:
    """The files that places are worked out from, and what they are made of."""

    directory: Path
    reach: Path
    directory_sha256: str
    reach_sha256: str


@dataclass(frozen=True)
class Inputs:
    """Everything that decisions rest on, by digest; a change of any makes another release.

    Later words about families are not among them: those can only shorten a list, at the gate.
    """

    arrivals: Mapping[str, Path] = field(repr=False)
    places: Places = field(repr=False)
    digests: Mapping[str, Any]


# --- what the month rests on ----------------------------------------------------------------------


def gather_inputs(desk: Desk) -> Inputs:
    """Find this month's files. Raises WaitingForPerson for an extract that has not come."""
    arrivals = {supplier: _arrival(desk, supplier) for supplier in _suppliers(desk)}
    places = compiled_places(desk.home, on=desk.month.last_day)
    digests = {
        "extracts": {supplier: _sha256(file) for supplier, file in arrivals.items()},
        "agreements": {one.agreement.id: one.digest for one in desk.agreements},
        "directory": places.directory_sha256,
        "reach_areas": places.reach_sha256,
    }
    return Inputs(arrivals, places, digests)


def _suppliers(desk: Desk) -> list[str]:
    return sorted({supplier for one in desk.agreements for supplier in one.agreement.suppliers})


def _arrival(desk: Desk, supplier: str) -> Path:
    from pipeline.intake.arrivals import find_arrivals

    arrivals = find_arrivals(desk.home, supplier, desk.month)
    if not arrivals:
        raise WaitingForPerson(
            f"The extract of {supplier} for {desk.month} has not arrived",
            where=str(desk.home.inbox(supplier)),
            do="Ask the supplier for it, or put it into that folder, and run the month again.",
        )
    return arrivals[0]


def compiled_places(home: Home, *, on: date) -> Places:
    """The reach index of one day, compiled when its sources have changed."""
    from pipeline.geography.directory import Directory
    from pipeline.geography.reach import build_reach

    settings = home.settings.geography
    directory, areas = home.at(settings.directory), home.at(settings.reach_areas)
    with Directory(directory) as opened:
        directory_sha256 = opened.facts.sha256
    areas_sha256 = _sha256(areas)
    key = release.digest(f"{directory_sha256} {areas_sha256} {on}".encode())
    reach = home.state / "reach" / f"{key[:16]}.sqlite"
    if not reach.exists():
        reach.parent.mkdir(parents=True, exist_ok=True)
        build_reach(areas, directory, reach, on=on)
    return Places(directory, reach, directory_sha256, areas_sha256)


def hospitals(home: Home) -> frozenset[str]:
    """The authority's list of hospital postcodes."""
    from pipeline.geography.place import read_hospital_postcodes

    return read_hospital_postcodes(home.at(home.settings.geography.hospital_postcodes))


# --- intake and validation ------------------------------------------------------------------------


def receive(desk: Desk, inputs: Inputs) -> list[Extract]:
    """Open every supplier's file; a file that is refused is recorded as refused."""
    return [_receive_one(desk, supplier, file) for supplier, file in inputs.arrivals.items()]


def _receive_one(desk: Desk, supplier: str, file: Path) -> Extract:
    from pipeline.encryption.opening import open_openpgp
    from pipeline.intake.profiles import load_profile
    from pipeline.intake.readers import as_extract

    settings, sealed_sha256 = desk.home.settings.suppliers[supplier], _sha256(file)
    contract = load_contract()
    try:
        _check_not_used_before(desk, supplier, sealed_sha256, file)
        opened = open_openpgp(
            file,
            private_key=desk.home.private_file("keys/decryption.key"),
            signing_key=desk.home.at(settings.signing_key),
            fingerprint=settings.signing_fingerprint,
            max_bytes=settings.max_bytes,
        )
        extract = as_extract(
            opened,
            supplier,
            desk.month,
            contract=contract,
            profile=load_profile(settings.profile, contract),
        )
    except IntegrityError as error:
        _record_refusal(desk, supplier, sealed_sha256, error)
        raise
    _record_once(
        desk,
        ExtractReceived(
            supplier=supplier,
            sealed_sha256=sealed_sha256,
            signer=extract.signer,
            signed_at=extract.signed_at,
            rows=len(extract.frame),
        ),
    )
    return extract


def _check_not_used_before(desk: Desk, supplier: str, sealed_sha256: str, file: Path) -> None:
    """Raises ReceivedBefore for a file that an earlier run took for another month and did not refuse."""
    newest: dict[str, str] = {}
    used: dict[str, str] = {}
    for entry in desk.ledger.entries(kinds={ExtractReceived.kind, Validated.kind}):
        if isinstance(entry.body, ExtractReceived) and entry.body.supplier == supplier:
            newest[entry.month] = entry.body.sealed_sha256
        elif isinstance(entry.body, Validated) and entry.body.supplier == supplier:
            used[entry.month] = newest.get(entry.month, "")
    for month, known in used.items():
        if known == sealed_sha256 and month != str(desk.month):
            raise ReceivedBefore(
                f"This very file was already received for {month}",
                where=str(file),
                do="Ask the supplier for this month's file.",
            )


def validate(desk: Desk, extracts: Iterable[Extract]) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Births of all suppliers, and rows received and quarantined by supplier.

    The supplier's report (row, field, rule, never a value) is left in the outbox.
    """
    from pipeline.validation.checks import validate as check

    births, rows, first = [], {}, 1
    for extract in extracts:
        try:
            valid = check(
                extract,
                contract=load_contract(),
                reference_key=desk.home.secret("subject.key"),
                first_reference=first,
            )
        except IntegrityError as error:
            _record_refusal(desk, extract.supplier, extract.sealed_sha256, error)
            raise
        _report_to_supplier(desk, extract.supplier, valid)
        received, accepted = len(extract.frame), len(valid.births)
        rows[extract.supplier] = {"received": received, "quarantined": valid.quarantined_rows}
        _record_once(
            desk,
            Validated(
                supplier=extract.supplier, rows=received, accepted=accepted, quarantined=dict(valid.by_rule)
            ),
        )
        births.append(valid.births)
        first += received
    together = pd.concat(births, ignore_index=True)
    desk.staging.put_frame(BIRTHS, together)
    return together, rows


def _report_to_supplier(desk: Desk, supplier: str, valid: Checked) -> None:
    from pipeline.reporting import supplier_report

    folder = desk.home.outbox / supplier
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"quarantine_{supplier}_{desk.month}.csv").write_bytes(supplier_report(valid.quarantine))
    summary = json.dumps(valid.summary, indent=2) + "\n"
    (folder / f"validation_{supplier}_{desk.month}.json").write_text(summary, encoding="utf-8")


# --- geography and consent ------------------------------------------------------------------------


def place(desk: Desk, births: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Where each birth belongs, in every network that an agreement names."""
    from pipeline.geography.place import place as place_in

    found = []
    for network in sorted({one.agreement.recipients.network for one in desk.agreements}):
        placed = place_in(
            births[["reference", "postcode"]],
            directory=places.directory,
            reach=places.reach,
            network=network,
            hospital_postcodes=hospitals(desk.home),
        )
        found.append(placed)
        _record_once(
            desk,
            Placed(
                network=network,
                directory_sha256=places.directory_sha256,
                reach_sha256=places.reach_sha256,
                statuses={str(status): int(n) for status, n in placed["status"].value_counts().items()},
            ),
        )
    placements = pd.concat(found, ignore_index=True)
    desk.staging.put_frame("placements", placements)
    return placements


def decide(desk: Desk, births: pd.DataFrame, placements: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every birth decided under every agreement of its supplier."""
    from pipeline.consent.decide import decide as decide_one

    suppressions = desk.ledger.suppressions()
    disclosures = desk.ledger.disclosures(before_month=str(desk.month))
    decisions = {}
    for one in desk.agreements:
        agreement = one.agreement
        mine = births[births["supplier"].isin(agreement.suppliers)]
        decided = decide_one(
            mine,
            placements[placements["reference"].isin(mine["reference"])],
            suppressions,
            disclosures,
            agreement,
            month=desk.month,
            moment=desk.now,
            demonstration=desk.home.settings.authority.demonstration,
        )
        desk.staging.put_frame(f"decisions.{agreement.id}", decided)
        counted = account.outcomes(decided)
        duplicates = counted.pop("duplicates")
        _record_once(
            desk,
            Decided(
                agreement=agreement.id,
                version=agreement.version,
                digest=one.digest,
                decisions_sha256=release.decisions_digest(decided),
                outcomes=counted,
                reasons=account.reasons(decided),
                duplicates=duplicates,
            ),
        )
        decisions[agreement.id] = decided
    return decisions


# --- release --------------------------------------------------------------------------------------


def request_release(
    desk: Desk, inputs: Inputs, rows: Mapping[str, Mapping[str, int]], decisions: Mapping[str, pd.DataFrame]
) -> Prepared:
    """Bind everything into one pack of counts and ask for its approval."""
    suppliers = {one.agreement.id: one.agreement.suppliers for one in desk.agreements}
    books = account.books(rows, decisions, suppliers)
    account.check_balanced(books)
    pack = {
        "month": str(desk.month),
        "authority": desk.home.settings.authority.name,
        "decided_at": desk.now.isoformat(timespec="seconds"),
        "inputs": inputs.digests,
        "books": books,
        "agreements": {
            one.agreement.id: {
                "version": one.agreement.version,
                "title": one.agreement.title,
                "decisions_sha256": release.decisions_digest(decisions[one.agreement.id]),
                "reasons": account.reasons(decisions[one.agreement.id]),
                "households": _households(desk, one.agreement.recipients.kind, decisions[one.agreement.id]),
                "approvals": one.agreement.release.approvals,
                "approvals_by": list(one.agreement.release.roles),
            }
            for one in desk.agreements
        },
        "notable": _notable(desk, decisions),
    }
    content = release.canonical(pack)
    desk.staging.put(PACK, content)
    _record_once(desk, ReleaseRequested(pack_sha256=release.digest(content)))
    return read_release(content)


def _households(desk: Desk, kind: str, decided: pd.DataFrame) -> dict[str, int]:
    """Households by recipient. Every recipient of the kind has a list, so silence is never a riddle."""
    registered = {code: 0 for code, recipient in desk.recipients.items() if recipient.kind == kind}
    return registered | account.households(decided)


def _notable(desk: Desk, decisions: Mapping[str, pd.DataFrame]) -> list[str]:
    """Outcomes that differ much from the month before, in words and counts."""
    before = {
        entry.body.agreement: entry.body.outcomes
        for entry in desk.ledger.entries(month=str(desk.month.plus(-1)), kinds={Decided.kind})
        if isinstance(entry.body, Decided)
    }
    return [
        f"{agreement}: {words}"
        for agreement, decided in decisions.items()
        for words in release.notable(account.outcomes(decided), before.get(agreement, {}))
    ]


def standing_release(desk: Desk, inputs: Inputs) -> Prepared | None:
    """The release last asked for, unless something that it rests on has changed since.

    Raises Refused where that has changed after lists were already permitted.
    """
    asked = desk.recorded(ReleaseRequested)
    if not asked or not desk.staging.has(PACK):
        return None
    content = desk.staging.get(PACK)
    if release.digest(content) != asked[-1].pack_sha256:
        return None
    if json.loads(content)["inputs"] == json.loads(json.dumps(inputs.digests)):
        return read_release(content)
    if desk.recorded(PermitBody):
        raise Refused(
            "Something that this month rests on has changed after its first list was permitted",
            where=str(desk.month),
            do="Put the extract, agreements, reach areas and recipients back as they were, finish the month, "
            "and use the new ones from the next month.",
        )
    return None


def read_release(content: bytes) -> Prepared:
    """A pack as the month's next steps use it."""
    pack = json.loads(content)
    deliveries = tuple(
        (agreement, recipient)
        for agreement, terms in sorted(pack["agreements"].items())
        for recipient in sorted(terms["households"])
    )
    counts = {key: pack[key] for key in ("month", "books", "notable")}
    return Prepared(release.digest(content), deliveries, counts)


# --- small things ---------------------------------------------------------------------------------


def _record_once(desk: Desk, body: Any) -> None:
    """Record a step, unless the last word of its kind about the same thing says exactly this."""
    same = [known for known in desk.recorded(type(body)) if _about(known) == _about(body)]
    if not same or same[-1] != body:
        desk.record(body)


def _about(body: Any) -> tuple[str, ...]:
    return tuple(getattr(body, name, "") for name in ("supplier", "network", "agreement"))


def _record_refusal(desk: Desk, supplier: str, sealed_sha256: str, error: BirthshareError) -> None:
    problem = str(getattr(error, "problem", "unusable"))
    _record_once(desk, ExtractRefused(supplier=supplier, sealed_sha256=sealed_sha256, problem=problem))


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
