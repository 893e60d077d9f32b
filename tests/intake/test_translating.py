"""A supplier's dates, numbers, codes and blanks, as the contract writes them; nothing is guessed."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.intake.dates import USUAL, as_iso, way_of_writing
from pipeline.intake.profiles import Layout
from pipeline.intake.translating import translated


def texts(*values: str) -> pd.Series:
    return pd.Series(values, dtype="str")


def iso(value: str, pattern: str, *, timed: bool = False) -> str:
    [written] = as_iso(texts(value), pattern, timed=timed)
    return str(written)


# --- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("05/10/2026", "DD/MM/YYYY", "2026-10-05"),
        ("10/05/2026", "MM/DD/YYYY", "2026-10-05"),
        ("5/1/2026", "D/M/YYYY", "2026-01-05"),
        ("15/11/2026", "D/M/YYYY", "2026-11-15"),
        ("05-Oct-2026", "DD-MMM-YYYY", "2026-10-05"),
        ("05OCT2026", "DDMMMYYYY", "2026-10-05"),
        ("20261005", "YYYYMMDD", "2026-10-05"),
        ("05.10.2026", "DD.MM.YYYY", "2026-10-05"),
        ("05/10/2026 00:00", "DD/MM/YYYY HH:MM", "2026-10-05"),
    ],
)
def test_a_day_is_written_as_the_contract_writes_it(value: str, pattern: str, expected: str) -> None:
    assert iso(value, pattern) == expected


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("5/10/2026", "DD/MM/YYYY"),
        ("05/1/2026", "DD/MM/YYYY"),
        ("05/10/26", "DD/MM/YYYY"),
        ("05-10-2026", "DD/MM/YYYY"),
        ("05/10/2026\n", "DD/MM/YYYY"),
        ("05/10/2026 09:30", "DD/MM/YYYY"),
        ("x05/10/2026", "DD/MM/YYYY"),
        ("٠٥/١٠/٢٠٢٦", "DD/MM/YYYY"),
        ("05.10.2026", "DD/MM/YYYY"),
        ("05x10x2026", "DD.MM.YYYY"),
        ("05-Okt-2026", "DD-MMM-YYYY"),
        ("2026-10-05", "DD/MM/YYYY"),
        ("", "DD/MM/YYYY"),
    ],
)
def test_what_is_written_in_another_way_stays_as_it_is(value: str, pattern: str) -> None:
    assert iso(value, pattern) == value


def test_a_day_that_cannot_be_is_left_to_the_rules() -> None:
    """American dates in a British column become no day at all, and are never turned round."""
    assert iso("10/25/2026", "DD/MM/YYYY") == "2026-25-10"


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("05/10/2026 09:30", "DD/MM/YYYY HH:MM", "2026-10-05T09:30:00"),
        ("05-Oct-2026 09:30:59", "DD-MMM-YYYY HH:MM:SS", "2026-10-05T09:30:59"),
        ("05/10/2026", "DD/MM/YYYY", "2026-10-05"),
    ],
)
def test_a_moment_keeps_its_time(value: str, pattern: str, expected: str) -> None:
    assert iso(value, pattern, timed=True) == expected


@pytest.mark.parametrize(
    "pattern",
    ["DD/MM/YY", "YYMMDD", "DD/MM", "DD/MM/YYYY/YYYY", "MM/MM/YYYY", "DD/MM/YYYY HH", "HH:MM", "",
     "dd/mm/yyyy", "DD/MM/YYYYZ", "HH:MM DD/MM/YYYY", "DD/MM/YYYY MM", ".*", "DD/MM/YYYY SS"],
)  # fmt: skip
def test_a_way_of_writing_that_says_no_whole_day_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="four digits|is made of"):
        way_of_writing(pattern)


# As Python writes what a profile calls so.
_MEANS = {"YYYY": "%Y", "MMM": "%b", "DD": "%d", "HH:MM": "%H:%M", ":SS": ":%S", "MM": "%m"}


@settings(deadline=None, max_examples=60)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)), st.sampled_from(USUAL))
def test_whatever_python_writes_so_is_read_back(moment: datetime, pattern: str) -> None:
    form = pattern
    for part, meaning in _MEANS.items():
        form = form.replace(part, meaning)
    form = form.replace("D/M/", f"{moment.day}/{moment.month}/").replace(
        "M/D/", f"{moment.month}/{moment.day}/"
    )
    written = moment.strftime(form.replace("D-%b", f"{moment.day}-%b"))
    exact = {0: "%Y-%m-%d", 1: "%Y-%m-%dT%H:%M:00", 2: "%Y-%m-%dT%H:%M:%S"}[pattern.count(":")]
    assert iso(written, pattern, timed=True) == moment.strftime(exact)


def test_each_column_has_its_own_way_or_that_of_all(contract: Contract) -> None:
    frame = pd.DataFrame(
        {
            "date_of_birth": texts("05/10/2026 "),
            "consent_date": texts("20261012"),
            "last_updated": texts("05/10/2026"),
            "given_name": texts("05/10/2026"),
            "row": [1],
        }
    )
    layout = Layout(dates={"*": "DD/MM/YYYY", "consent_date": "YYYYMMDD"})
    [found] = translated(frame, contract, layout, where="file").to_dict("records")
    assert (found["date_of_birth"], found["consent_date"]) == ("2026-10-05", "2026-10-12")
    assert (found["last_updated"], found["given_name"]) == ("2026-10-05", "05/10/2026")


# --- NHS numbers, codes, blanks -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("943 476 5919", "9434765919"),
        (" 943 476 5919 ", "9434765919"),
        ("9434765919", "9434765919"),
        ("943  476 5919", "943  476 5919"),
        ("943-476-5919", "943-476-5919"),
        ("943 476 5919 1", "943 476 5919 1"),
        ("943 4765919", "943 4765919"),
        ("", ""),
    ],
)
def test_only_numbers_in_their_groups_are_put_together(contract: Contract, value: str, expected: str) -> None:
    frame = pd.DataFrame({"nhs_number": texts(value), "parent_nhs_number": texts(value), "row": [1]})
    [found] = translated(frame, contract, Layout(nhs_numbers="spaced"), where="file").to_dict("records")
    assert (found["nhs_number"], found["parent_nhs_number"]) == (expected, expected)
    [plain] = translated(frame, contract, Layout(), where="file").to_dict("records")
    assert plain["nhs_number"] == value


def test_a_code_of_ours_is_no_code_of_theirs(contract: Contract) -> None:
    layout = Layout(codes={"death_status": {"0": "", "9": "U"}})
    frame = pd.DataFrame({"death_status": texts("0", "9", ""), "row": [1, 2, 3]})
    assert translated(frame, contract, layout, where="file")["death_status"].tolist() == ["", "U", ""]
    with pytest.raises(IntegrityError, match="column death_status, record 2"):
        translated(frame.replace("9", "U"), contract, layout, where="file")


def test_what_stands_for_nothing_does_so_in_its_own_column_alone(contract: Contract) -> None:
    layout = Layout(blanks={"date_of_death": ("00/00/0000", "NULL")}, dates={"*": "DD/MM/YYYY"})
    frame = pd.DataFrame(
        {
            "date_of_death": texts("00/00/0000", " NULL", "05/10/2026"),
            "family_name": texts("NULL", "NULL", "NULL"),
            "row": [1, 2, 3],
        }
    )
    found = translated(frame, contract, layout, where="file")
    assert found["date_of_death"].tolist() == ["", "", "2026-10-05"]
    assert found["family_name"].tolist() == ["NULL"] * 3
