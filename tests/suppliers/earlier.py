"""A supplier with an earlier month, for files that are unlike earlier ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from month_authority import MONTH, NOW, Authority
from pipeline import month as months
from pipeline.demo.nhs_numbers import nhs_numbers

BEFORE = MONTH.plus(-1)


def a_month_earlier(extract: pd.DataFrame) -> pd.DataFrame:
    """The same kind of file, a month before: every date a month earlier, and other children."""
    dates = [name for name in extract if "date" in name and name != "parent_date_of_birth"]
    moved = extract.copy()
    for name in dates:
        days = pd.to_datetime(extract[name].str[:10], format="%Y-%m-%d", errors="coerce")
        earlier = (days - pd.DateOffset(months=1)).dt.strftime("%Y-%m-%d") + extract[name].str[10:]
        moved[name] = earlier.where(days.notna(), extract[name])
    numbers = extract["nhs_number"][extract["nhs_number"].str.fullmatch("[0-9]{10}")].unique()
    others = dict(zip(numbers, nhs_numbers(np.random.default_rng(11), len(numbers)), strict=True))
    return moved.assign(nhs_number=extract["nhs_number"].map(lambda number: others.get(number, number)))


def alive(extract: pd.DataFrame) -> pd.DataFrame:
    """A feed without a child who died."""
    living = extract["live_or_still_birth"].isin(["1", ""]) & (extract["death_status"] == "")
    return extract[living & (extract["date_of_death"] == "")].reset_index(drop=True)


def of_before(authority: Authority) -> Path:
    """Where the earlier month's sealed file arrives."""
    return authority.inbox / authority.sealed.name.replace(str(MONTH), str(BEFORE))


def used_before(authority: Authority, extract: pd.DataFrame) -> None:
    """The earlier month's file comes and is used."""
    authority.send(a_month_earlier(extract), to=of_before(authority))
    months.run(authority.home, BEFORE, now=NOW, until="validation")
