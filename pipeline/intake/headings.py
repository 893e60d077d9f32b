"""The headings of a supplier's file, as the names that the contract has for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.intake.profiles import Layout

# A heading is shown only where it looks like one; a file without a header begins with a family.
_HEADING = re.compile(r"[A-Za-z][A-Za-z_ ]{0,40}[A-Za-z0-9_]?\Z")


def contract_names(
    headings: Sequence[str], contract: Contract, layout: Layout, *, where: str, record: int = 0
) -> list[str]:
    """The contract's name for every heading; one that is known and not used has a name of no column's.

    `record` is where the header stands. Raises IntegrityError unless the headings are exactly as agreed.
    """
    names = [layout.to_contract(heading) for heading in headings]
    wanted = [name for name in contract.must_exist if name not in layout.elsewhere]
    missing = [name for name in wanted if name not in names]
    place = f"{where}, record {record}"
    if not are_headings(headings, contract, layout):
        raise IntegrityError(
            "The file does not begin with a header",
            where=place,
            do="Nothing was used. Ask the supplier to write the file again.",
        )
    problems = []
    if missing:
        problems.append(f"missing: {', '.join(missing)}")
    unknown = [
        _shown(heading, position, is_header=not missing)
        for position, (heading, name) in enumerate(zip(headings, names, strict=True), start=1)
        if name and (name not in contract.names or name in layout.elsewhere)
    ]
    if unknown:
        problems.append(f"not in the contract: {', '.join(unknown)}")
    twice = [name for name, times in Counter(names).items() if times > 1 and name in contract.names]
    if twice:
        problems.append(f"more than once: {', '.join(twice)}")
    if problems:
        raise IntegrityError(
            f"The columns are not what was agreed; {'; '.join(problems)}",
            where=place,
            do="Nothing was used. Ask the supplier what changed, and agree it before this file is run; what "
            "is agreed stands in its profile, under columns and not_used.",
        )
    return [name or f"not used {position}" for position, name in enumerate(names, start=1)]


def are_headings(fields: Sequence[str], contract: Contract, layout: Layout) -> bool:
    """Whether any field of a line is the heading of a column."""
    return not {layout.to_contract(field) for field in fields}.isdisjoint(contract.names)


def _shown(heading: str, position: int, *, is_header: bool) -> str:
    return f"{heading} (column {position})" if is_header and _HEADING.match(heading) else f"column {position}"
