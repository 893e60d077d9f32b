"""The roles in which people do this work: whose turn it is, and what the console lets them see and do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """One of them; a person may have several."""

    DATA_LEAD = "data_lead"
    IG_OFFICER = "ig_officer"
    GUARDIAN = "caldicott_guardian"
    APPROVER = "approver"  # whoever an agreement lets approve its releases
    AUDITOR = "auditor"  # looks, and decides nothing

    @property
    def words(self) -> str:
        """As people say it."""
        return {"ig_officer": "IG officer", "caldicott_guardian": "Caldicott guardian"}.get(
            self, self.replace("_", " ")
        )
