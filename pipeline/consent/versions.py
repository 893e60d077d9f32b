"""Several rows about one child: which of them stays, and which others must be heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.consent.groups import Groups, Rows, numbered, several

ADDRESS = [*(f"address_line_{line}" for line in range(1, 6)), "postcode"]


@dataclass(frozen=True, eq=False)
class Versions:
    """The rows of each child, in the order of the births."""

    child: Groups = field(repr=False)  # the same number for rows of the same child
    newest: Rows = field(repr=False)  # no other version is known to be newer
    stays: Rows = field(repr=False)  # the one row that speaks for the child

    @classmethod
    def of(cls, births: pd.DataFrame) -> Versions:
        """The newest `last_updated` of a child stays.

        A row without that date may be the newest, so it counts as such. Of several newest rows the
        lowest reference stays, and whatever speaks against any of them speaks against it: see
        `Findings.pool`. `births` is in the order of `reference`.
        """
        child = numbered(births["child"])
        newest = ~_overtaken(births["last_updated"], child)
        stays = newest.copy()
        stays[newest] = ~pd.Series(child[newest]).duplicated()
        return cls(child, newest, stays)

    def numbers(self, births: pd.DataFrame, children: pd.Series[str]) -> Groups:
        """The number of each of these children; -1 where no birth is about it."""
        numbers = numbered(pd.concat([births["child"], children]))[len(births) :]
        return np.where(numbers <= self.child.max(initial=-1), numbers, -1)


def _overtaken(updated: pd.Series, child: Groups) -> Rows:
    """Rows of which a newer version is known."""
    rivals = several(child, np.ones(len(child), dtype="bool"))
    latest = updated[rivals].groupby(child[rivals]).transform("max")
    older = rivals.copy()
    older[rivals] = updated[rivals] < latest
    return older


def addresses_differ(births: pd.DataFrame, versions: Versions) -> Rows:
    """Newest rows of one child that give different addresses: nobody knows which is right."""
    rivals = several(versions.child, versions.newest)
    folded = folded_address(births.loc[rivals, ADDRESS])
    differ = rivals.copy()
    differ[rivals] = folded.groupby(versions.child[rivals]).transform("nunique") > 1
    return differ


def folded_address(births: pd.DataFrame) -> pd.Series[str]:
    """The whole address, so that two spellings of one meet."""
    lines = births[ADDRESS[0]].str.cat(births[ADDRESS[1:]], sep="|")
    return lines.str.upper().str.replace(r"[^0-9A-Z|]+", "", regex=True)
