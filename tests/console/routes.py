"""Every page and form of the console, each with an address at which there is something to see."""

from __future__ import annotations

import re

from month_authority import AGREEMENT, MONTH
from pipeline.console.pages import EVERY_PAGE

# What stands for a part of an address, by its name; by "PATH name" where one name means different things.
EXAMPLES = {
    "agreement": AGREEMENT,
    "code": "centre-01",
    "dataset": "births",
    "key": "0" * 32,  # of no decision of anybody's
    "month": str(MONTH),
    "name": AGREEMENT,
    "number": "1",
    "recipient": "centre-01",
    "supplier": "chis",
    "/checks/{name} name": f"{MONTH}_chis_births",
    "/map/review/{month}/{name} name": "review-1",
    "/map/review/{month}/{name}/sign name": "review-1",
    "/map/review/{month}/{name}/statement name": "review-1",
}

ROUTES = sorted(
    ((method, path, act) for pages in EVERY_PAGE for (method, path), act in pages.acts.items()),
    key=lambda route: route[:2],
)


def address(path: str) -> str:
    """The path with examples in it; raises KeyError for a part that has none."""
    return re.sub(r"\{(\w+)\}", lambda part: EXAMPLES.get(f"{path} {part[1]}") or EXAMPLES[part[1]], path)
