"""Families that move between recipients, as numbers that may be shown.

The smallest parts that are told are families of one authority that go from one side to another, or stay.
Each is shown by itself: exactly, or as fewer than FEWEST, be it none. Which of them are told depends on the
postcodes alone, so that a proposal that moves one postcode does not tell whether a family lives there.
Every sum is worked out from what is shown of its parts, and so says nothing more; only the sum of all moves
is exact where that leaves room for every hidden part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from pipeline.looking_back.small_numbers import FEWEST, Shown
from pipeline.networks import NOBODY, SEVERAL

_HIDDEN = Shown(0, FEWEST - 1)
_PART = ["authority", "then", "now"]


def networks(families: pd.DataFrame, moves: pd.DataFrame) -> list[dict[str, Any]]:
    """Each network's moves as they may be shown.

    `families` has network, authority, then, now, shared: one row for each family. `moves` has place, network,
    authority, then, now: one row for each postcode, by its keyed reference.

    Keys: network; families, moved; kinds (another, nobody, somebody, several: how many of the moves are
    to another recipient, to none, to one from none, to several at once); moves (authority, then, now,
    postcodes, families, shared); recipients (code, then, now). Counts have least and most.
    """
    return [
        _network(
            str(name),
            families[families["network"] == name],
            those.drop_duplicates(["place", *_PART]),
        )
        for name, those in moves.groupby("network")
    ]


def _network(name: str, families: pd.DataFrame, moves: pd.DataFrame) -> dict[str, Any]:
    postcodes = moves.groupby(_PART)["place"].nunique()
    counts = families.groupby(_PART)["shared"].agg(["size", "sum"]).reindex(postcodes.index, fill_value=0)
    rows = [
        {
            **dict(zip(_PART, part, strict=True)),
            "postcodes": int(postcodes[part]),
            "count": int(counts.loc[part, "size"]),
            "families": shown(int(counts.loc[part, "size"])),
            "shared": shown_part(int(counts.loc[part, "sum"]), int(counts.loc[part, "size"])),
        }
        for part in postcodes.index
    ]
    moving = [row for row in rows if row["then"] != row["now"]]
    moved = total([row["count"] for row in moving])
    staying = [row["families"] for row in rows if row["then"] == row["now"] != NOBODY]
    return {
        "network": name,
        "families": _plain(_sum([*staying, moved])),
        "moved": _plain(moved),
        "kinds": {
            kind: _plain(_sum(row["families"] for row in moving if _kind(row) == kind))
            for kind in ("another", "nobody", "somebody", "several")
        },
        "moves": [
            {
                **{key: row[key] for key in (*_PART, "postcodes")},
                "families": _plain(row["families"]),
                "shared": _plain(row["shared"]),
            }
            for row in sorted(moving, key=lambda row: (-row["families"].most, -row["postcodes"]))
        ],
        "recipients": [
            {
                "code": code,
                **{
                    when: _plain(_sum(row["families"] for row in rows if row[when] == code))
                    for when in ("then", "now")
                },
            }
            for code in sorted({row[when] for row in rows for when in ("then", "now")} - {NOBODY, SEVERAL})
        ],
    }


def _kind(row: dict[str, Any]) -> str:
    """What a move is, for the family."""
    special = {NOBODY: "nobody", SEVERAL: "several"}
    if row["now"] in special:
        return special[row["now"]]
    return "somebody" if row["then"] in special else "another"


def shown(count: int) -> Shown:
    """One part by itself; whether there is any family at all is hidden, too."""
    return Shown(count, count) if count >= FEWEST else _HIDDEN


def shown_part(part: int, whole: int) -> Shown:
    """Some of these families, so that neither they nor the others are fewer than may be shown."""
    if whole < 2 * FEWEST:
        return Shown(0, shown(whole).most)
    if part < FEWEST:
        return _HIDDEN
    return Shown(part, part) if whole - part >= FEWEST else Shown(whole - FEWEST + 1, whole)


def total(counts: Collection[int]) -> Shown:
    """The sum of parts that do not overlap: exact where nobody can tell any hidden part by it."""
    hidden = [count for count in counts if not shown(count).exact]
    most = (FEWEST - 1) * len(hidden)
    if not hidden or (len(hidden) > 1 and 2 <= sum(hidden) <= most - 2):
        return Shown(sum(counts), sum(counts))
    return _sum(shown(count) for count in counts)


def _sum(parts: Iterable[Shown]) -> Shown:
    known = list(parts)
    return Shown(sum(one.least for one in known), sum(one.most for one in known))


def _plain(count: Shown) -> dict[str, int]:
    return {"least": count.least, "most": count.most}
