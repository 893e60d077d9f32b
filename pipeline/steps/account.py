"""The books: every row received is accounted for, under every agreement, or nothing is sent.

received = quarantined + duplicates + withheld + held + shared; and shared = the children on the
sealed lists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from pipeline.errors import IntegrityError
from pipeline.reasons import Outcome, Reason, count, having
from pipeline.records import Permit

Books = dict[str, dict[str, dict[str, int]]]  # agreement -> supplier -> column -> rows


def books(
    rows: Mapping[str, Mapping[str, int]],
    decisions: Mapping[str, pd.DataFrame],
    suppliers: Mapping[str, Iterable[str]],
) -> Books:
    """One month's books: `rows` received and quarantined by supplier; the others by agreement."""
    return {
        agreement: {
            supplier: {
                "received": rows[supplier]["received"],
                "quarantined": rows[supplier]["quarantined"],
                **outcomes(frame[frame["supplier"] == supplier]),
            }
            for supplier in suppliers[agreement]
        }
        for agreement, frame in decisions.items()
    }


def outcomes(decisions: pd.DataFrame) -> dict[str, int]:
    """Rows by outcome; an older version of another row counts as a duplicate and as nothing else."""
    duplicate = having(decisions["reasons"].to_numpy(), Reason.DUPLICATE_RECORD)
    outcome = decisions["outcome"].to_numpy()[~duplicate]
    return {
        "duplicates": int(duplicate.sum()),
        "withheld": int((outcome == Outcome.WITHHOLD).sum()),
        "held": int((outcome == Outcome.HOLD).sum()),
        "shared": int((outcome == Outcome.SHARE).sum()),
    }


def reasons(decisions: pd.DataFrame) -> dict[str, int]:
    """How many rows each reason is true of, duplicates left out; a row may have several reasons."""
    packed = decisions["reasons"].to_numpy()
    return count(packed[~having(packed, Reason.DUPLICATE_RECORD)])


def households(decisions: pd.DataFrame) -> dict[str, int]:
    """How many households each recipient is to receive."""
    shared = decisions[decisions["outcome"] == Outcome.SHARE]
    return {str(code): int(n) for code, n in shared.groupby("recipient")["household"].nunique().items()}


def check_balanced(month_books: Books) -> None:
    """Raises IntegrityError where a row is missing or counted twice."""
    for agreement, suppliers in month_books.items():
        for supplier, row in suppliers.items():
            accounted = sum(rows for column, rows in row.items() if column != "received")
            if accounted != row["received"]:
                raise IntegrityError(
                    f"The books do not balance: {row['received']} rows received, {accounted} accounted for",
                    where=f"{agreement}, {supplier}",
                    do="Nothing is sent. Keep the home as it is and report this.",
                )


def check_sent(month_books: Books, lists: Mapping[Permit, Collection[str]]) -> None:
    """Raises IntegrityError where the lists do not name exactly the children that are shared.

    `lists` has, for each permit, the children whom the ledger recorded as disclosed under it.
    """
    for agreement, suppliers in month_books.items():
        shared = sum(row["shared"] for row in suppliers.values())
        mine = {permit: children for permit, children in lists.items() if permit.agreement == agreement}
        named = sum(len(children) for children in mine.values())
        permitted = sum(permit.children for permit in mine)
        if not shared == named == permitted or len(set().union(*mine.values())) != named:
            raise IntegrityError(
                f"The books do not balance: {shared} children shared, {named} named, {permitted} permitted",
                where=agreement,
                do="Keep the home as it is and report this.",
            )
