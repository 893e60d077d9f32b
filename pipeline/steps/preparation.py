"""From the sealed extract to decisions: intake, validation, geography, consent.

Each step leaves its work in the month's encrypted working files and then records in the ledger
that it is done. `pipeline.steps.releasing` binds that work into a release that a person can decide on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.contract import contract_of
from pipeline.errors import IntegrityError
from pipeline.home import Home
from pipeline.ledger.entries import (
    Decided,
    ExtractReceived,
    Placed,
    Validated,
)
from pipeline.places import reviewed
from pipeline.places.compiled import Places, hospitals
from pipeline.places.reviewed import Review
from pipeline.reasons import Reason, having
from pipeline.records import KEYED_PLACES, SUPPRESSIONS, among, declared, keyed_column, keyed_references
from pipeline.steps import account, needs, release
from pipeline.steps.companions import answers_about
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import (
    AREAS,
    BIRTHS,
    DISCLOSED,
    HOMES,
    KEYED,
    PLACEMENTS,
    UNREAD,
    Inputs,
    columns_of,
    decisions_of,
    not_arrived,
    terms_of,
    used,
    words_of,
)
from pipeline.steps.receiving import received, refusals_recorded, report_to_supplier
from pipeline.steps.results import keep_results
from pipeline.suppliers import drift

if TYPE_CHECKING:
    from pipeline.geography.place import Decided as ByPerson
    from pipeline.records import Extract
    from pipeline.validation.checks import Validated as Checked


class ColumnsMissing(IntegrityError):
    """An extract from which an agreement's exclusions cannot be known."""

    problem = "columns_missing"


# --- intake and validation ------------------------------------------------------------------------


def receive(desk: Desk, inputs: Inputs) -> list[Extract]:
    """Open every supplier's file; a file that is refused is recorded as refused."""
    found = []
    for supplier, file in inputs.arrivals.items():
        if file is None:
            raise not_arrived(desk, supplier)
        found.append(_receive_one(desk, supplier, file, inputs.digests["extracts"][supplier]))
    return found


def _receive_one(desk: Desk, supplier: str, file: Path, sealed_sha256: str) -> Extract:
    contract = contract_of(desk.home.settings.suppliers[supplier].dataset)
    earlier = [one.signed_at for one in used(desk, supplier)]
    with refusals_recorded(desk, supplier, sealed_sha256):
        extract = received(
            desk, supplier, file, sealed_sha256, contract=contract, recorded=Validated, earlier=earlier
        )
        _check_columns(desk, extract)
    desk.record_once(
        ExtractReceived(
            supplier=supplier,
            sealed_sha256=sealed_sha256,
            signer=extract.signer,
            signed_at=extract.signed_at,
            rows=len(extract.frame),
        ),
    )
    return extract


def _check_columns(desk: Desk, extract: Extract) -> None:
    """Raises ColumnsMissing where an exclusion of an agreement could not be applied to this extract."""
    from pipeline.consent.needs import columns_needed

    for one in desk.agreements:
        missing = columns_needed(one.agreement) - set(extract.frame.columns)
        if extract.supplier in one.agreement.suppliers and missing:
            raise ColumnsMissing(
                "The extract lacks columns that an agreement's exclusions need: "
                + ", ".join(sorted(missing)),
                where=f"extract of {extract.supplier} for {desk.month}, agreement {one.agreement.id}",
                do="Ask the supplier for them. Only a new version of the agreement can lift an exclusion.",
            )


def validate(desk: Desk, extracts: Iterable[Extract]) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Births of all suppliers, and rows received and quarantined by supplier.

    The supplier's report (row, field, rule, never a value) is left in the outbox.
    """
    from pipeline.validation.checks import validate as check

    births, unread, rows, first = [], [], {}, 1
    for extract in extracts:
        settings = desk.home.settings.suppliers[extract.supplier]
        with refusals_recorded(desk, extract.supplier, extract.sealed_sha256):
            valid = check(
                extract,
                contract=contract_of(settings.dataset),
                reference_key=desk.home.secret("subject.key"),
                first_reference=first,
                look_back_months=settings.look_back_months,
            )
        _check_every_row(extract, valid)
        report_to_supplier(desk.home, extract, valid, settings.dataset)
        results = keep_results(desk.home, extract, valid, settings.dataset)
        drift.check(desk, extract, valid, usable=valid.births)
        desk.staging.put(columns_of(extract.supplier), json.dumps(sorted(extract.frame.columns)).encode())
        received, accepted = len(extract.frame), len(valid.births)
        rows[extract.supplier] = {"received": received, "quarantined": valid.quarantined_rows}
        desk.record_once(
            Validated(
                supplier=extract.supplier,
                sealed_sha256=extract.sealed_sha256,
                rows=received,
                accepted=accepted,
                quarantined=dict(valid.by_rule),
                warned=dict(valid.warned),
                results_sha256=results,
            ),
        )
        births.append(valid.births)
        unread.append(valid.unread)
        first += received
    together = pd.concat(births, ignore_index=True)
    desk.staging.put_frame(BIRTHS, together)
    desk.staging.put_frame(UNREAD, pd.concat(unread, ignore_index=True))
    return together, rows


def _check_every_row(extract: Extract, valid: Checked) -> None:
    """Raises IntegrityError unless each row of the file is either a birth or in quarantine, once."""
    kept = sorted([*valid.births["row"], *valid.quarantine["row"].unique()])
    if kept != sorted(extract.frame["row"]):
        raise IntegrityError(
            "A row was lost or doubled in validation",
            where=f"extract of {extract.supplier} for {extract.month}",
            do="Nothing is sent. Keep the home as it is and report this.",
        )


# --- geography and consent ------------------------------------------------------------------------


def place(
    desk: Desk, births: pd.DataFrame, places: Places, reviews: Sequence[Review] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The births, and where each belongs in every network; networks that an agreement names are recorded.

    The births have their postcodes as they are meant. What people decided for single postcodes
    (`reviews`) counts where geography alone cannot say.

    What the fields of agreements tell of areas is looked up here too, while only places are in sight.
    """
    from pipeline.geography.place import place_everywhere

    given = births[["reference", "postcode"]]
    births = _as_meant(desk, births, places.directory)
    asked = births[["reference", "postcode"]]
    in_use = sorted({one.agreement.recipients.placed_in for one in desk.agreements})
    placements = place_everywhere(
        given,
        directory=places.directory,
        reach=places.reach,
        needed=_with_localities(desk, in_use),
        hospital_postcodes=hospitals(desk.home),
        decided=_decided(desk.home, reviews, asked["postcode"], places),
    )
    for network in in_use:
        placed = placements[placements["network"] == network]
        desk.record_once(
            Placed(
                network=network,
                directory_sha256=places.directory_sha256,
                reach_sha256=places.reach_sha256,
                statuses={str(status): int(n) for status, n in placed["status"].value_counts().items()},
            ),
        )
    desk.staging.put_frame(PLACEMENTS, placements)
    desk.staging.put_frame(KEYED, keyed_places(desk.home, asked, places.directory))
    _look_up_areas(desk, asked, places, placements)
    return births, placements


def _as_meant(desk: Desk, births: pd.DataFrame, directory: Path) -> pd.DataFrame:
    """The births, with the postcode that is meant where another was written, and the home that this makes.

    Else a word about the right address would not be heard for a family whose postcode was mistyped. A
    word about the address as it was written is heard all the same (`_of_homes`).
    """
    from pipeline.geography.place import meant_postcodes

    meant = meant_postcodes(births[["reference", "postcode"]], directory)
    rows = births.loc[meant.index, ["address_line_1", "dwelling"]]
    key = desk.home.secret("subject.key")
    homes = keyed_column(key, "dwelling", rows["address_line_1"], meant["postcode"])
    desk.staging.put_frame(HOMES, pd.DataFrame({"written": rows["dwelling"], "meant": homes}))
    if meant.empty:
        return births
    births = births.assign(postcode=births["postcode"].copy(), dwelling=births["dwelling"].copy())
    births.loc[meant.index, "postcode"] = meant["postcode"]
    births.loc[meant.index, "dwelling"] = homes
    desk.staging.put_frame(BIRTHS, births)
    return births


def _decided(
    home: Home, reviews: Sequence[Review], given: pd.Series, places: Places
) -> dict[str, dict[str, ByPerson]]:
    """What people decided for these postcodes, by network and compact postcode."""
    from pipeline.geography.reading import as_read

    if not reviews:
        return {}
    return reviewed.decided(home, reviews, as_read(given.unique().tolist(), places.directory))


def keyed_places(home: Home, asked: pd.DataFrame, directory: Path) -> pd.DataFrame:
    """The postcodes of `asked` (reference, postcode) as they were read, keyed (records.KEYED_PLACES)."""
    from pipeline.geography.reading import as_read

    read = as_read(asked["postcode"].tolist(), directory)
    places = keyed_references(home.secret("subject.key"), "place", read)
    return declared(asked.assign(place=places), KEYED_PLACES)


def _with_localities(desk: Desk, in_use: Iterable[str]) -> set[str]:
    network = needs.localities(desk.home, [one.agreement for one in desk.agreements])
    return {*in_use} if network is None else {*in_use, network}


def _look_up_areas(desk: Desk, asked: pd.DataFrame, places: Places, placements: pd.DataFrame) -> None:
    from pipeline.geography.enrichment import areas_of

    agreements = [one.agreement for one in desk.agreements]
    if needs.about_areas(agreements):
        files = needs.area_files(desk.home, agreements)
        network = needs.localities(desk.home, agreements)
        areas = areas_of(
            asked,
            directory=places.directory,
            ward_names=files.get("ward_names"),
            deprivation=files.get("deprivation"),
            localities=None if network is None else placements[placements["network"] == network],
            locality_names=files.get("locality_names"),
        )
        desk.staging.put_frame(AREAS, areas)


def words_about(desk: Desk, agreement: Agreement, births: pd.DataFrame) -> pd.DataFrame:
    """Later words, and what the suppliers say of one another's births (records.SUPPRESSIONS)."""
    later = _of_homes(
        desk, pd.concat([desk.ledger.suppressions(), _unread(desk, agreement)], ignore_index=True)
    )
    if births["supplier"].nunique() == 1 and births["supplier"].isin(agreement.suppliers).all():
        return later
    from pipeline.consent.words import of_children

    # Another supplier may name a parent whom ours leaves out.
    said = [of_children(births, later), said_by_others(desk.home, agreement, births)]
    return pd.concat(said, ignore_index=True)


def _of_homes(desk: Desk, words: pd.DataFrame) -> pd.DataFrame:
    """What was said about an address as it was written is said about the one that was meant, too."""
    if not desk.staging.has(HOMES):
        return words
    homes = desk.staging.frame(HOMES)
    homes = homes[(homes["written"] != homes["meant"]) & (homes["meant"] != "")].drop_duplicates()
    said = words.merge(homes, left_on="subject", right_on="written")
    return pd.concat([words, said.assign(subject=said["meant"])[list(words)]], ignore_index=True)


def _unread(desk: Desk, agreement: Agreement) -> pd.DataFrame:
    """Nobody knows what a row in quarantine says of a child whom another supplier reports too.

    Nor whether it tells that a woman who is expecting has given birth, or lost the child.
    """
    unread = _heard_in_quarantine(desk)
    if agreement.cohort.of == "births":
        unread = unread[unread["kind"] != "parent"]
    return declared(unread.assign(word=unread["word"].replace("", str(Reason.SUPPRESSED))), SUPPRESSIONS)


def _heard_in_quarantine(desk: Desk) -> pd.DataFrame:
    """records.UNREAD; a month that a program before this one began has no words in it."""
    unread = desk.staging.frame(UNREAD)
    since = np.datetime64("NaT", "s")
    return unread if "word" in unread else unread.assign(word="", since=since)


def said_by_others(home: Home, agreement: Agreement, births: pd.DataFrame) -> pd.DataFrame:
    """What one supplier's births say against sharing those of another (SUPPRESSIONS)."""
    from pipeline.consent.words import ended, heard, heard_beside

    ours = births["supplier"].isin(agreement.suppliers)
    others = births[~ours]
    said = [heard(others), heard_beside(births[ours])]
    if agreement.cohort.of == "expected_births":
        suppliers = home.settings.suppliers.items()
        of_births = [name for name, supplier in suppliers if supplier.dataset == "births"]
        said.append(ended(others, others["supplier"].isin(of_births)))
    return pd.concat(said, ignore_index=True)


def decide(
    desk: Desk, births: pd.DataFrame, placements: pd.DataFrame, answers: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Every birth decided under every agreement of its supplier; `answers` as `companions` keeps them."""
    from pipeline.consent.decide import decide as decide_one

    disclosures = desk.ledger.disclosures(before_month=str(desk.month))
    desk.staging.put_frame(DISCLOSED, disclosures)
    _remember_deliveries(desk, births)
    _remember_news(desk, births, placements, answers)
    decisions = {}
    for one in desk.agreements:
        agreement = one.agreement
        mine = births[births["supplier"].isin(agreement.suppliers)]
        words = words_about(desk, agreement, births)
        decided = decide_one(
            mine,
            placements[placements["reference"].isin(mine["reference"])],
            words,
            disclosures,
            agreement,
            month=desk.month,
            moment=desk.as_of,
            answers=answers_about(agreement, answers),
            demonstration=desk.home.settings.authority.demonstration,
        )
        if agreement.cohort.of == "expected_births":
            _remember_losses(desk, mine, decided, words)
        desk.staging.put(terms_of(agreement.id), one.agreement.model_dump_json().encode())
        desk.staging.put_frame(words_of(agreement.id), words)
        desk.staging.put_frame(decisions_of(agreement.id), decided)
        counted = account.outcomes(decided)
        duplicates = counted.pop("duplicates")
        desk.record_once(
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


def _remember_deliveries(desk: Desk, births: pd.DataFrame) -> None:
    """Who has given birth is expecting no more, even where her pregnancy is first heard of next month."""
    from pipeline.consent.words import deliveries

    if any(one.agreement.cohort.of == "expected_births" for one in desk.agreements):
        suppliers = desk.home.settings.suppliers
        of_births = [name for name in births["supplier"].unique() if suppliers[name].dataset == "births"]
        desk.ledger.suppress(deliveries(births[births["supplier"].isin(of_births)]), desk.clock)


def _remember_news(desk: Desk, births: pd.DataFrame, placements: pd.DataFrame, answers: pd.DataFrame) -> None:
    """What these extracts say against children on lists that went out; recalls rest on later words alone."""
    from pipeline.consent.later import said_of_shared

    on_lists, known = desk.ledger.on_lists(), desk.ledger.suppressions()
    agreements = [one.agreement for one in desk.agreements]
    said = [
        said_of_shared(
            births[births["supplier"].isin(agreement.suppliers)],
            placements,
            words_about(desk, agreement, births),
            known,
            on_lists,
            agreement,
            decided=[one.id for one in agreements],
            month=desk.month,
            moment=desk.as_of,
            answers=answers_about(agreement, answers),
            demonstration=desk.home.settings.authority.demonstration,
        )
        for agreement in agreements
    ]
    said.append(_said_in_quarantine(desk, on_lists["child"]))
    desk.ledger.suppress(pd.concat(said, ignore_index=True), desk.clock)


def _said_in_quarantine(desk: Desk, children: pd.Series[str]) -> pd.DataFrame:
    """What rows in quarantine say against these children: a row that cannot be used is no silence."""
    unread = _heard_in_quarantine(desk)
    said = unread[(unread["word"] != "") & among(unread["subject"], children)]
    return declared(said, SUPPRESSIONS)


def _remember_losses(desk: Desk, expected: pd.DataFrame, decided: pd.DataFrame, heard: pd.DataFrame) -> None:
    """A pregnancy that has ended stays ended, whatever next month's extracts say or leave out.

    A living child is remembered as a delivery, and is no reason to call a list back.
    """
    from pipeline.consent.words import BORN, of_children, told

    lost = np.zeros(len(decided), dtype=bool)
    for reason in (Reason.NOT_A_LIVE_BIRTH, Reason.CHILD_DIED):
        lost |= having(decided["reasons"].to_numpy(), reason)
    against = told(expected, of_children(expected, heard[heard["word"] != BORN]))
    ended = expected["reference"].isin(decided.loc[lost, "reference"]) | having(against, Reason.SUPPRESSED)
    over = expected[ended]
    said = {"subject": over["child"], "word": str(Reason.SUPPRESSED), "since": over["last_updated"]}
    desk.ledger.suppress(declared(pd.DataFrame(said), SUPPRESSIONS), desk.clock)
