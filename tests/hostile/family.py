"""The family in every hostile file: values that occur nowhere else, which nothing may show or keep."""

from __future__ import annotations

from collections.abc import Sequence

from month_authority import MONTH
from pipeline.contract import contract_of

NUMBER, CHILD, STREET = "9997786424", "Quillawren-Zanthwick", "4711 Plumstone Wharf"
CANARIES = (NUMBER, CHILD, STREET)

_BORN = MONTH.first_day.isoformat()
_SAID = {
    "record_id": "r1",
    "nhs_number": NUMBER,
    "date_of_birth": _BORN,
    "sex": "1",
    "live_or_still_birth": "1",
    "number_of_births": "1",
    "given_name": CHILD,
    "family_name": CHILD,
    "address_line_1": STREET,
    "postcode": "AB1 2CD",
    "consent_status": "given",
    "consent_date": _BORN,
}
HEADER = list(contract_of("births").names)


def family(**changes: str) -> list[str]:
    """The family's row; `changes` by column."""
    said = _SAID | changes
    return [said.get(name, "") for name in HEADER]


def rows(*records: Sequence[str]) -> list[list[str]]:
    """A header and the records; the family alone where none is given."""
    return [HEADER, *map(list, records or [family()])]


def as_csv(records: Sequence[Sequence[str]], separator: str = ",", end: str = "\r\n") -> bytes:
    """Records as lines; nothing is quoted, for nothing here needs it."""
    return "".join(separator.join(record) + end for record in records).encode()


def as_quoted_csv(records: Sequence[Sequence[str]]) -> bytes:
    """Records as lines, every value quoted."""
    doubled = [[value.replace('"', '""') for value in record] for record in records]
    return as_csv([[f'"{value}"' for value in record] for record in doubled])


TABLE = as_csv(rows())
