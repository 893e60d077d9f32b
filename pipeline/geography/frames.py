"""Placements as frames: one row for each row that was asked, in every network that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.geography.bulk import STATUSES, Bulk, Codes, Settled
from pipeline.geography.place import Decided, Placement, place_each, repairs
from pipeline.geography.postcodes import compact, plainly, spaced
from pipeline.records import PLACEMENTS, among, declared

if TYPE_CHECKING:
    from pipeline.geography.directory import Directory
    from pipeline.geography.reach import Reach

MANY = 10_000  # rows; from about 9,000 on, reading the directory whole costs less than asking it so often


def placed(
    asked: pd.DataFrame,
    places: Directory,
    areas: Reach,
    networks: Sequence[str],
    hospital_postcodes: frozenset[str],
    decided: Mapping[str, Mapping[str, Decided]],
    many: int = MANY,
) -> pd.DataFrame:
    """One placement (`records.PLACEMENTS`) for each network and row of `asked`, in the order asked.

    From `many` rows on they are settled in bulk, which answers the same.
    """
    given = asked["postcode"].fillna("").astype("str")
    hospitals = {compact(postcode) for postcode in hospital_postcodes} - {""}
    bulk = Bulk.read(given, places) if len(given) >= many else None
    at_hospital = bulk.among(hospitals) if bulk else np.zeros(len(given), bool)
    frames = []
    for network in networks:
        settled = bulk.settle(areas, network) if bulk else Settled.nothing(len(given))
        codes, texts = pd.factorize(given[settled.left])
        found = place_each(texts.tolist(), places, areas, network, decided.get(network, {}))
        answers = _Answers(settled, [found[text] for text in texts], codes)
        in_hospital = np.array([(found[text].meant or compact(text)) in hospitals for text in texts], bool)
        frame = answers.frame(network).assign(
            reference=asked["reference"].to_numpy(),
            hospital=answers.flags(at_hospital, in_hospital),
        )
        frames.append(declared(frame, PLACEMENTS))
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def meant(asked: pd.DataFrame, places: Directory, many: int = MANY) -> pd.DataFrame:
    """Of the rows of `asked` those whose postcode is repaired, with the postcode that is meant.

    With them those that are written with other spaces than the ordinary one, in the ordinary way.
    """
    given = asked["postcode"].fillna("").astype("str")
    odd = given.str.contains(r"[^A-Za-z0-9 ]", regex=True)
    strange = given[odd | Bulk.read(given, places).unknown] if len(given) >= many else given
    texts = strange.unique().tolist()
    codes = {text: code for text in given[odd].unique().tolist() if (code := compact(text))}
    known = places.find(codes.values())
    # What nobody knows keeps its spaces where they are: in other halves another one could be meant.
    postcodes = {text: spaced(code) if code in known else plainly(text) for text, code in codes.items()}
    postcodes |= {text: spaced(code) for text, code in repairs(texts, places).items()}
    rows = asked.loc[among(given, postcodes), ["reference"]]
    return rows.assign(postcode=given[rows.index].map(postcodes).astype("str"))


@dataclass(frozen=True)
class _Answers:
    """What was settled in bulk, and what was then found for the texts that were left."""

    settled: Settled
    rest: Sequence[Placement]  # for each distinct text that was left
    codes: npt.NDArray[np.intp]  # for each row that was left, which of `rest`

    def frame(self, network: str) -> pd.DataFrame:
        """All that PLACEMENTS declares but the reference and the hospital."""
        settled, rest = self.settled, self.rest
        reasons = [status.reason for status in STATUSES]
        return pd.DataFrame(
            {
                "network": _column([network], np.zeros(len(settled.left), np.int32)),
                "status": self._words(STATUSES, settled.status, [one.status for one in rest]),
                "reason": self._words(reasons, settled.status, [one.status.reason for one in rest]),
                "recipient": self._words(settled.recipients, settled.served, [one.recipient for one in rest]),
                "matched": self._words(settled.matched, settled.served, [one.matched for one in rest]),
                "authority": self._words(
                    settled.authorities, settled.authority, [one.authority for one in rest]
                ),
            }
        )

    def _words(self, settled: Sequence[str], codes: Codes, rest: Sequence[str]) -> pd.Series:
        codes = codes.copy()
        codes[self.settled.left] = len(settled) + self.codes
        return _column([*settled, *rest], codes)

    def flags(self, settled: npt.NDArray[np.bool_], rest: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """One flag for each row, from those of the settled rows and of the texts that were left."""
        flags = settled.copy()
        flags[self.settled.left] = rest[self.codes]
        return flags


def _column(words: Sequence[str], codes: Codes) -> pd.Series:
    """Text in which few words stand very often."""
    text = pa.array([str(word) for word in words], pa.large_string())
    return pd.Series(text.take(pa.array(codes)), dtype="str")
