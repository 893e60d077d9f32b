"""Which release of which product a postcode directory is: as the file's own name says."""

from __future__ import annotations

import re
from typing import Literal

from pipeline.records import Month

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATED = re.compile(rf"(?<![a-z])({'|'.join(_MONTHS)})[a-z]*[^a-z0-9]{{1,2}}(20[0-9]{{2}})(?![0-9])")
Product = Literal["ONSPD", "NSPL", ""]
_PRODUCTS: dict[Product, re.Pattern[str]] = {
    "ONSPD": re.compile(r"onspd|ons[ _-]postcode[ _-]directory"),
    "NSPL": re.compile(r"nspl|national[ _-]statistics[ _-]postcode[ _-]lookup"),
}


def product_of(release: str) -> Product:
    """ONSPD or NSPL; "" where the name does not say."""
    return next((name for name, said in _PRODUCTS.items() if said.match(release.lower())), "")


def month_of(release: str) -> Month | None:
    """The month of the release: ONSPD_AUG_2026_UK.csv is of August 2026. None where the name does not say."""
    found = _DATED.search(release.lower())
    return Month(int(found[2]), _MONTHS.index(found[1]) + 1) if found else None
