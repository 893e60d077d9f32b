"""References are keyed as HMAC-SHA-256 is defined, however they are worked out."""

from __future__ import annotations

import hmac

import pandas as pd
import pytest

from pipeline import records
from pipeline.records import PLACEMENTS, SUPPRESSIONS, among, declared, empty, keyed_column, keyed_references


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 200])
def test_a_reference_is_the_beginning_of_the_hmac_of_kind_and_parts(length: int) -> None:
    key = bytes(range(length))
    found = keyed_references(key, "child", ["9990000000", "é"], ["one", "two"])
    assert found == [
        hmac.digest(key, f"child\x1f{first}\x1f{second}".encode(), "sha256").hex()[:32]
        for first, second in (("9990000000", "one"), ("é", "two"))
    ]


def test_a_blank_part_makes_no_reference() -> None:
    assert keyed_references(b"key", "child", ["9990000000", ""], ["", "one"]) == ["", ""]


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 6, 10, 11])
def test_columns_are_keyed_in_blocks_as_if_they_were_whole(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_ROWS", 5)
    lines = pd.Series(
        [f"{row} High Street" for row in range(rows)], index=range(100, 100 + rows), dtype="str"
    )
    postcodes = pd.Series("cv31 1aa", index=lines.index, dtype="str")
    for kind, parts in (("child", [lines.tolist()]), ("dwelling", records.dwelling_parts(lines, postcodes))):
        columns = (lines, postcodes) if kind == "dwelling" else (lines,)
        found = keyed_column(b"key", kind, *columns)
        assert found.tolist() == keyed_references(b"key", kind, *parts)
        assert list(found.index) == list(lines.index)
        assert str(found.dtype) == "str"


@pytest.mark.parametrize("known", [[], ["one"], ["two", "", "two"], ["three"], ["one", "two", ""]])
@pytest.mark.parametrize("texts", [[], ["one", "two", "", "one"]])
def test_texts_among_the_known_are_found_however_the_known_are_given(
    texts: list[str], known: list[str]
) -> None:
    found = [text in known for text in texts]
    # Rows that were chosen of others have gaps in their index.
    asked = pd.Series(["out", *texts], dtype="str").iloc[1:]
    for given in (known, set(known), dict.fromkeys(known), pd.Series(known, dtype="str")):
        assert among(asked, given).tolist() == found


def test_a_frame_gets_the_declared_columns_in_their_order_and_types() -> None:
    given = pd.DataFrame(
        {
            "since": [pd.Timestamp("2026-10-31"), None],
            "more": [1, 2],
            "word": ["moved", ""],
            "subject": ["a", "b"],
        }
    ).astype({"since": "datetime64[ns]", "word": "object"})
    found = declared(given, SUPPRESSIONS)
    assert {column: str(dtype) for column, dtype in found.dtypes.items()} == SUPPRESSIONS
    assert list(found) == list(SUPPRESSIONS)
    assert found["since"].isna().tolist() == [False, True]
    assert found["subject"].tolist() == ["a", "b"]
    assert declared(found, SUPPRESSIONS).equals(found)


def test_a_column_that_is_missing_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(KeyError, match="hospital"):
        declared(empty(PLACEMENTS).drop(columns="hospital"), PLACEMENTS)
