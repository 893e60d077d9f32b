"""What the validation tests share: a good row, and extracts made from rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from pipeline.contract import Contract, load_contract
from pipeline.records import Extract, Month
from pipeline.validation.checks import Validated, validate

KEY = bytes(32)
OCTOBER = Month(2026, 10)
# Values that no result, message, log or exception may ever show.
CANARIES = ("Zebedee", "Quagmire", "9994765914", "9994765876", "CV32 5AA", "17 Canary Row", "Marjorie")


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract that ships with Birthshare."""
    return load_contract()


@pytest.fixture(scope="session")
def canaries() -> tuple[str, ...]:
    """Personal values planted in the rows; see `good`."""
    return CANARIES


@pytest.fixture(scope="session")
def good(contract: Contract) -> Mapping[str, str]:
    """A row that keeps every rule, full of planted values."""
    return MappingProxyType(
        dict.fromkeys(contract.names, "")
        | {
            "record_id": "R1",
            "nhs_number": "9994765914",
            "date_of_birth": "2026-10-05",
            "time_of_birth": "23:59",
            "sex": "1",
            "live_or_still_birth": "1",
            "number_of_births": "2",
            "birth_order": "1",
            "given_name": "Zebedee",
            "family_name": "Quagmire",
            "parent_given_name": "Marjorie",
            "parent_family_name": "O'Quagmire-Ångström",
            "parent_nhs_number": "9994765876",
            "parent_date_of_birth": "1996-02-29",
            "address_line_1": "17 Canary Row",
            "address_line_3": "-",
            "postcode": "CV32 5AA",
            "address_since": "2026-01-01",
            "in_hospital": "N",
            "confidentiality": "U",
            "language": "Polish",
            "consent_status": "given",
            "consent_date": "2026-10-12",
            "consent_scope": "childrens_centre;library",
            "consent_wording": "first-visit-form-2025",
            "consent_given_by": "mother",
            "last_updated": "2026-11-01T08:30:00",
        }
    )


@pytest.fixture(scope="session")
def extract_of() -> Callable[..., Extract]:
    """Rows as an extract for October 2026, signed on 3 November."""

    def build(*rows: Mapping[str, str], month: Month = OCTOBER) -> Extract:
        frame = pd.DataFrame(rows, dtype="str").assign(row=np.arange(1, len(rows) + 1))
        signed_at = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
        return Extract("chis", month, frame, "0" * 64, "A" * 40, signed_at)

    return build


@pytest.fixture(scope="session")
def validated(contract: Contract, extract_of: Callable[..., Extract]) -> Callable[..., Validated]:
    """Rows, validated by the contract."""

    def run(
        *rows: Mapping[str, str], month: Month = OCTOBER, look_back_months: int | None = None
    ) -> Validated:
        extract = extract_of(*rows, month=month)
        return validate(extract, contract=contract, reference_key=KEY, look_back_months=look_back_months)

    return run
