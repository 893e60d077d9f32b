"""From a companion file's text to the trust's own counts of births."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.contract import contract_of, in_words
from pipeline.errors import IntegrityError
from pipeline.records import Extract
from pipeline.validation.checks import Checked, check
from pipeline.validation.counts import ALL, kind_of


class TotalsUnusable(IntegrityError):
    """A file of counts that is no count of its month."""

    problem = "totals_unusable"


@dataclass(frozen=True)
class Totals:
    """How many live births the trust counts."""

    births: int
    areas: dict[str, int] = field(repr=False)  # by GSS code, all of one kind; empty where not given
    kind: str  # of these areas: a column of what geography knows of a postcode; "" without areas


def validate_totals(extract: Extract) -> Totals:
    """The counts of a companion file; raises as `totals_in` and `checks.check` do."""
    contract = contract_of("totals")
    return totals_in(check(extract, contract), contract.file_of(extract.supplier, extract.month))


def totals_in(checked: Checked, where: str) -> Totals:
    """The counts of a file that was checked; without a row of the whole, what the areas add up to.

    Raises TotalsUnusable unless every row can be used and all of them together make one count.
    """
    _check_whole(checked, where)
    counts = dict(zip(checked.frame["area"], checked.frame["births"].astype("int64").tolist(), strict=True))
    whole = counts.pop(ALL, None)
    kinds = {kind_of(area) for area in counts}
    if not counts and whole is None:
        raise _unusable("The file holds no counts", where)
    if len(kinds) > 1:
        both = "The areas are wards and LSOAs, and births would count twice"
        raise _unusable(both, f"{where}, column area")
    together = sum(counts.values())
    if whole is not None and together > whole:
        raise _unusable("The areas add up to more births than the whole has", f"{where}, column births")
    return Totals(together if whole is None else whole, counts, next(iter(kinds), ""))


def _check_whole(checked: Checked, where: str) -> None:
    rows = checked.quarantine["row"].unique()
    if len(rows):
        what = f"{len(rows)} of the counts cannot be used ({checked.broken})"
        raise _unusable(what, f"{where}, {in_words(rows)}")


def _unusable(what: str, where: str) -> TotalsUnusable:
    return TotalsUnusable(
        what,
        where=where,
        do="Nothing was used: half a count is no count. Ask the supplier to correct the file and send it "
        "again; schemas/TOTALS.md says how it is written.",
    )
