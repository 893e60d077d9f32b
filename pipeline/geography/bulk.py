"""Many postcodes at once, by the same rules: each rule is asked once for each case that there can be.

One by one, a month of a million births would wait longer for its postcodes than for anything else that
is done with them. Settled here is what the directory knows as it was written and what no two recipients
claim. All else is left to `place.place_each`: the unknown, what can be repaired, what a person decided,
the ambiguous, and what the writing alone tells.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.geography.directory import Directory
from pipeline.geography.numbers import QUALITIES, Keys, Numbers, Positions, keys_of, outward, texts_of
from pipeline.geography.reach import Reach, claim_of
from pipeline.geography.statuses import Claim, Status, of_place, of_text
from pipeline.networks import DIRECTORY_ALONE

STATUSES = tuple(Status)
_LEFT = -1

Codes = npt.NDArray[np.int32]


class Settled(NamedTuple):
    """The answers of one network: for each postcode asked, where its words stand in the lists."""

    left: npt.NDArray[np.bool_]  # not settled here; its codes mean nothing
    status: Codes  # in STATUSES
    served: Codes  # in `recipients` and in `matched`
    authority: Codes  # in `authorities`
    recipients: list[str]
    matched: list[str]
    authorities: list[str]

    @classmethod
    def nothing(cls, rows: int) -> Settled:
        """All rows are left."""
        codes = np.zeros(rows, np.int32)
        return cls(np.ones(rows, bool), codes, codes, codes, [], [], [])


@dataclass(frozen=True)
class Bulk:
    """Postcodes that were looked up in the directory once, to be placed in one network after the other."""

    keys: Keys
    _numbers: Numbers
    _at: Positions  # where the directory's numbers have them; -1 for what is left

    @classmethod
    def read(cls, given: pd.Series, places: Directory) -> Bulk:
        """Look the texts up (`str`, none missing)."""
        numbers, keys = places.numbers(), keys_of(given)
        at = numbers.find(keys)
        at[np.isin(outward(keys), _told_by_writing(numbers))] = _LEFT
        return cls(keys, numbers, at)

    @property
    def unknown(self) -> npt.NDArray[np.bool_]:
        """Which rows the directory does not know as written, or the writing alone tells of."""
        unknown: npt.NDArray[np.bool_] = self._at == _LEFT
        return unknown

    def among(self, postcodes: Collection[str]) -> npt.NDArray[np.bool_]:
        """Which rows are one of these compact postcodes; it says nothing of rows that are left."""
        found: npt.NDArray[np.bool_] = np.isin(self.keys, keys_of(pd.Series(sorted(postcodes), dtype="str")))
        return found

    def settle(self, areas: Reach, network: str) -> Settled:
        """Where they belong in this network."""
        alone, numbers = network == DIRECTORY_ALONE, self._numbers
        served, recipients, matched = ([], [], []) if alone else areas.everywhere(network)
        claim = np.array([Claim.ONE if alone else Claim.NOBODY, *map(claim_of, recipients)])
        who = np.zeros(len(numbers.keys) + 1, np.int32)  # by place in the directory; the last: left
        place = numbers.find(keys_of(pd.Series(served, dtype="str")))
        who[place] = np.arange(1, len(served) + 1)
        serves = set() if alone else areas.authorities(network)
        covered = np.array([name in serves for name in numbers.authorities] or [False])
        asked, authority = who[self._at], numbers.authority[self._at].astype(np.int32)
        status = _STATUS_OF[numbers.cases[self._at], claim[asked], covered[authority].astype(np.int8)]
        return Settled(
            left=(self._at == _LEFT) | (status == _AMBIGUOUS),
            status=status,
            served=np.where(_HELD[status], 0, asked),
            authority=authority,
            recipients=["", *recipients],
            matched=["", *matched],
            authorities=list(numbers.authorities),
        )


def _told_by_writing(numbers: Numbers) -> Keys:
    """Outward codes of the directory of which the writing alone tells: `of_text` looks at nothing else."""
    codes = outward(numbers.keys)
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    told = [of_text(text, text) is not None for text in texts_of(numbers.keys[first])]
    outwards: Keys = codes[first[told]]
    return outwards


def _every_status() -> Codes:
    """The status of every case: by `Numbers.cases`, claim, and coverage."""
    found = [
        STATUSES.index(of_place(quality=quality, live=live, claim=claim, covered=covered))
        for quality, live, claim, covered in product(QUALITIES, (False, True), Claim, (False, True))
    ]
    return np.array(found, np.int32).reshape(2 * len(QUALITIES), len(Claim), 2)


_STATUS_OF = _every_status()
_AMBIGUOUS = STATUSES.index(Status.AMBIGUOUS)
_HELD = np.array([bool(status.reason) for status in STATUSES])
