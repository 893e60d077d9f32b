"""What the intake tests share: the contract, the identity profile, and files made from rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping

import pytest

from pipeline.contract import Contract, load_contract
from pipeline.intake.profiles import Profile, load_profile

# Values that no message, log or exception may ever show.
CANARIES = ("Zebedee", "Quagmire", "9434765919", "CV32 5AA", "17 Canary Row")


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract that ships with Birthshare."""
    return load_contract()


@pytest.fixture(scope="session")
def profile(contract: Contract) -> Profile:
    """The profile of a supplier who follows the contract to the letter."""
    return load_profile("contract", contract)


@pytest.fixture(scope="session")
def canaries() -> tuple[str, ...]:
    """Personal values planted in the files; see `a_row`."""
    return CANARIES


@pytest.fixture
def a_row(contract: Contract) -> dict[str, str]:
    """One good row of the columns that must exist, full of planted values."""
    return dict.fromkeys(contract.must_exist, "") | {
        "nhs_number": "9434765919",
        "date_of_birth": "2026-10-05",
        "live_or_still_birth": "1",
        "number_of_births": "1",
        "given_name": "Zebedee",
        "family_name": "Quagmire",
        "address_line_1": "17 Canary Row",
        "postcode": "CV32 5AA",
        "confidentiality": "U",
        "consent_status": "given",
        "consent_date": "2026-10-12",
    }


@pytest.fixture(scope="session")
def as_file() -> Callable[..., bytes]:
    """Rows as the bytes of a CSV file."""

    def write(*rows: Mapping[str, str], line_end: str = "\r\n", delimiter: str = ",") -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator=line_end, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    return write
