"""Several rows about one child: which of them stays, and which others must be heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

ADDRESS = [*(f"address_line_{line}" for line in range(1, 6)), "postcode"]


@dataclass(frozen=True, eq=False)
class Versions:
    """The rows of each child, in the order of the births."""

    child: npt.NDArray[np.intp] = field(repr=False)  # the same number for rows of the same child
    newest: pd.Series[bool] = field(repr=False)  # no other version is known to be newer
    stays: pd.Series[bool] = field(repr=False)  # the one row that speaks for the child

    @classmethod
    def of(cls, births: pd.DataFrame) -> Versions:
        """The newest `last_updated` of a child stays.

        A row without that date may be the newest, so it counts as such. Of several newest rows the
        lowest reference stays, and whatever speaks against any of them speaks against it: see
        `Findings.pool`. `births` is in the order of `reference`.
        """
        updated = births["last_updated"]
        latest = updated.groupby(births["child"]).transform("max")
        newest = updated.isna() | (updated == latest)
        first = ~births["child"].where(newest, "").duplicated()
        return cls(pd.factorize(births["child"])[0], newest, newest & first)


def addresses_differ(births: pd.DataFrame, versions: Versions) -> pd.Series[bool]:
    """Newest rows of one child that give different addresses: nobody knows which is right."""
    rivals = births[versions.newest]
    rivals = rivals[rivals["child"].duplicated(keep=False)]
    lines = rivals[ADDRESS[0]].str.cat(rivals[ADDRESS[1:]], sep="|")
    folded = lines.str.upper().str.replace(r"[^0-9A-Z|]+", "", regex=True)
    spellings = folded.groupby(rivals["child"]).transform("nunique")
    return pd.Series(births.index.isin(spellings.index[spellings > 1]), index=births.index)
