"""What the authority and its supplier write, and the families that they write of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from month_authority import Authority, CommandLine
from pipeline.contract import contract_of
from pipeline.demo.births import as_csv
from pipeline.home import Home
from pipeline.records import dwelling_parts, keyed_references

Row = Mapping[str, str]
WHO = "data.lead@example.org"


def changes_csv(rows: Sequence[Row]) -> bytes:
    """Rows in the columns of the contract for changes."""
    columns = list(contract_of("changes").names)
    return as_csv(
        pd.DataFrame([dict.fromkeys(columns, "") | row for row in rows], columns=columns, dtype="str")
    )


def answers_csv(rows: Sequence[Row]) -> bytes:
    """Rows in the columns of the contract for answers."""
    columns = list(contract_of("answers").names)
    return as_csv(
        pd.DataFrame([dict.fromkeys(columns, "") | row for row in rows], columns=columns, dtype="str")
    )


def families(authority: Authority) -> pd.DataFrame:
    """Rows of the extract that are shared as it stands: single births, a yes, and a parent's number."""
    shared = {child for code in authority.demo.centres for child in authority.shared(code)}
    extract = authority.extract()
    ordinary = (extract["number_of_births"] == "1") & (extract["parent_nhs_number"] != "")
    children = pd.Series(reference(authority.home, "child", extract["nhs_number"].tolist()))
    return extract[ordinary & children.isin(shared)].reset_index(drop=True)


def reference(home: Home, kind: str, *parts: Sequence[str]) -> list[str]:
    """Keyed references, as the home makes them."""
    return keyed_references(home.secret("subject.key"), kind, *parts)


def dwelling(home: Home, family: Row) -> str:
    line, postcode = pd.Series([family["address_line_1"]]), pd.Series([family["postcode"]])
    return reference(home, "dwelling", *dwelling_parts(line, postcode))[0]


def check_nothing_shown(birthshare: CommandLine, *values: str) -> None:
    """Neither what was said nor any file of the home holds a value of a file."""
    home = birthshare.authority.home.path
    left = [file for part in ("state", "outbox") for file in (home / part).rglob("*") if file.is_file()]
    places = {"said": birthshare.said.encode(), **{str(file): file.read_bytes() for file in left}}
    shown = {(value, place) for value in values for place in places if value.encode() in places[place]}
    assert shown == set()
