"""Which columns an agreement's exclusions cannot do without.

A column that a supplier does not send is blank for everybody, and a blank flag is clear: the exclusion
would be lifted in silence. Rules of permission need no place here, since a blank answer already stops.
Nobody is looked after before the birth; of expected births the other columns are the mother's. Where
only numbers are shared no exclusion protects anybody, and nothing more is asked of a supplier.
"""

from __future__ import annotations

from pipeline.agreements.model import Agreement, Permission, Shares


def columns_needed(agreement: Agreement) -> set[str]:
    """Columns of the contract without which the agreement cannot be applied to a supplier's births."""
    if agreement.shares is Shares.TOTALS:
        return set()
    exclusions = agreement.exclusions
    asked = {
        "looked_after": exclusions.looked_after and agreement.cohort.of == "births",
        "adoption": exclusions.adoption,
        "safeguarding": exclusions.safeguarding,
        "parent_death_status": exclusions.parent_died,
        "in_hospital": exclusions.in_hospital,
        "parent_date_of_birth": exclusions.parent_under_16,
        "address_since": agreement.cohort.settling_days > 0,
        "objection_date": agreement.confidentiality.permission is Permission.NOTICE,
    }
    return {column for column, wanted in asked.items() if wanted}
