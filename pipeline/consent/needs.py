"""Which columns an agreement's exclusions cannot do without.

A column that a supplier does not send is blank for everybody, and a blank flag is clear: the exclusion
would be lifted in silence. Rules of permission need no place here, since a blank answer already stops.
"""

from __future__ import annotations

from pipeline.agreements.model import Agreement, Permission


def columns_needed(agreement: Agreement) -> set[str]:
    """Columns of the contract without which the agreement cannot be applied to a supplier's births."""
    exclusions = agreement.exclusions
    asked = {
        "looked_after": exclusions.looked_after,
        "adoption": exclusions.adoption,
        "safeguarding": exclusions.safeguarding,
        "parent_death_status": exclusions.parent_died,
        "in_hospital": exclusions.in_hospital,
        "parent_date_of_birth": exclusions.parent_under_16,
        "address_since": agreement.cohort.settling_days > 0,
        "objection_date": agreement.confidentiality.permission is Permission.NOTICE,
    }
    return {column for column, wanted in asked.items() if wanted}
