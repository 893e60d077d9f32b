"""The companion file of counts, with which the month's births are reconciled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.contract import contract_of
from pipeline.ledger.entries import TotalsReceived
from pipeline.places.compiled import Places
from pipeline.records import Extract
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import Inputs, totals_not_arrived, totals_used
from pipeline.steps.receiving import received, refusals_recorded

if TYPE_CHECKING:
    from pipeline.validation.reconciling import Reconciled
    from pipeline.validation.totals import Totals


def receive_totals(desk: Desk, inputs: Inputs) -> list[Extract]:
    """Open the file of counts of every supplier that sends one; a refused file is recorded as refused."""
    found = []
    for supplier, file in inputs.totals.items():
        if file is None:
            raise totals_not_arrived(desk, supplier)
        sealed_sha256 = inputs.digests["totals"][supplier]
        earlier = [one.signed_at for one in totals_used(desk, supplier)]
        kind = contract_of("totals")
        with refusals_recorded(desk, supplier, sealed_sha256):
            extract = received(
                desk, supplier, file, sealed_sha256, contract=kind, recorded=TotalsReceived, earlier=earlier
            )
        found.append(extract)
    return found


def reconcile_totals(
    desk: Desk,
    files: Iterable[Extract],
    births: pd.DataFrame,
    rows: Mapping[str, Mapping[str, int]],
    inputs: Inputs,
) -> None:
    """Hold each supplier's births beside its own count, and record both.

    `rows` are received and quarantined by supplier. Raises TotalsUnusable for a file that is no count of
    the month, and MoreThanCounted where an extract has too many live births.
    """
    from pipeline.validation.totals import validate_totals

    for file in files:
        mine = births[births["supplier"] == file.supplier]
        with refusals_recorded(desk, file.supplier, file.sealed_sha256):
            totals = validate_totals(file)
            found = _reconciled(desk, totals, mine, rows[file.supplier]["quarantined"], inputs.places)
            tolerance = desk.home.settings.suppliers[file.supplier].totals_tolerance
            found.check_not_more(tolerance, where=f"extract and totals of {file.supplier} for {desk.month}")
        desk.record_once(
            TotalsReceived(
                supplier=file.supplier,
                sealed_sha256=file.sealed_sha256,
                signer=file.signer,
                signed_at=file.signed_at,
                rows=len(file.frame),
                extract_sha256=inputs.digests["extracts"][file.supplier],
                **vars(found),
            )
        )


def _reconciled(
    desk: Desk, totals: Totals, births: pd.DataFrame, quarantined: int, places: Places
) -> Reconciled:
    from pipeline.geography.enrichment import areas_of
    from pipeline.validation.reconciling import reconcile

    areas = None
    if totals.areas:
        asked = births[["reference", "postcode"]]
        known = areas_of(asked, directory=places.directory, ward_names=None, deprivation=None)
        areas = known.set_index("reference")[totals.kind]
    return reconcile(totals, births, quarantined=quarantined, month=desk.month, areas=areas)


def reconciled(desk: Desk) -> list[dict[str, Any]]:
    """The newest comparison of each supplier of the month: its counts, and a sentence (`words`)."""
    from pipeline.validation.reconciling import Reconciled

    newest = {one.supplier: one for one in desk.recorded(TotalsReceived)}
    found = []
    for supplier, one in sorted(newest.items()):
        counts = {name: getattr(one, name) for name in Reconciled.__dataclass_fields__}
        compared = Reconciled(**counts)
        beyond = {"more": compared.more, "missing": compared.missing}
        found.append({"supplier": supplier, **counts, **beyond, "words": compared.words(supplier)})
    return found
