"""Pseudonyms: the same child is the same from month to month, and nobody without the key can tell who."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from pipeline.errors import IntegrityError


def pseudonyms(key: bytes | None, nhs_numbers: Sequence[str]) -> list[str]:
    """HMAC-SHA-256 of each NHS number under the agreement's own key, as 64 hexadecimal digits.

    Another agreement has another key, so that two extracts cannot be joined. Raises IntegrityError
    where there is no key, or a number is blank.
    """
    if not key or not all(nhs_numbers):
        raise IntegrityError(
            "A pseudonym cannot be made: the key or an NHS number is missing",
            do="The list was not made. See what is missing: birthshare doctor",
        )
    return [hmac.digest(key, number.encode(), "sha256").hex() for number in nhs_numbers]
