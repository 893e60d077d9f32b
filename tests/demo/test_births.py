"""The synthetic extract is the same for the same seed, obeys the contract, and looks like a month."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date

import nhs_number
import pandas as pd
import pytest

from pipeline.contract import load_contract
from pipeline.demo.births import as_csv, synthetic_extract
from pipeline.demo.case import hospital_postcode
from pipeline.demo.cases import expectations
from pipeline.errors import SettingsError
from pipeline.records import Month

Make = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def make(places: pd.DataFrame, columns: list[str], month: Month) -> Make:
    def extract(births: int = 400, *, seed: int = 7, month: Month = month) -> pd.DataFrame:
        return synthetic_extract(month, births, seed=seed, places=places, columns=columns)

    return extract


@pytest.fixture(scope="module")
def ordinary(make: Make) -> pd.DataFrame:
    """The rows that are no hard case, of a large month."""
    rows = make(3000)
    return rows[~rows["record_id"].str.startswith("case-") & (rows["record_id"] != "")]


def test_same_seed_same_extract(make: Make) -> None:
    assert as_csv(make()) == as_csv(make())
    assert as_csv(make()) != as_csv(make(seed=8))
    assert as_csv(make()) != as_csv(make(month=Month.parse("2026-03")))


@pytest.mark.parametrize("births", [0, 1, 2, 3, 41, 400])
def test_as_many_rows_as_asked_for(make: Make, births: int) -> None:
    assert len(make(births)) == births


@pytest.mark.parametrize("births", [-1, 400_001])
def test_numbers_that_cannot_be_are_refused(make: Make, births: int) -> None:
    with pytest.raises(SettingsError, match="0 to 400,000"):
        make(births)


def test_no_births_leave_the_header(make: Make, columns: list[str]) -> None:
    assert as_csv(make(0)).decode() == ",".join(columns) + "\r\n"


def test_columns_and_codes_are_the_contracts(make: Make, columns: list[str]) -> None:
    rows = make()
    assert rows.columns.tolist() == columns
    for column in load_contract().columns:
        if column.codes:
            assert set(rows[column.name]) <= {"", *column.codes}, column.name


def test_blanks_are_empty_text(make: Make) -> None:
    rows = make()
    assert (rows.dtypes == "str").all()
    assert not rows.isna().any(axis=None)


def test_every_hard_case_is_present(make: Make) -> None:
    wanted = sorted(record_id for record_id, _ in expectations())
    rows = make()["record_id"]
    assert sorted(rows[rows.str.startswith("case-") | (rows == "")]) == wanted


def test_a_small_extract_still_has_ordinary_families(make: Make) -> None:
    rows = make(20)["record_id"]
    assert 0 < rows.str.startswith("case-").sum() <= 10


def test_no_case_is_cut_in_half(make: Make) -> None:
    together = [record_id for record_id, _ in expectations()]
    for births in range(0, 200, 7):
        present = set(make(births)["record_id"])
        rows = [record_id in present for record_id in together]
        assert rows == sorted(rows, reverse=True)


def test_nhs_numbers_are_of_the_test_range_and_each_childs_own(ordinary: pd.DataFrame) -> None:
    children = ordinary["nhs_number"]
    parents = ordinary.loc[(ordinary["parent_nhs_number"] != "") & (ordinary["birth_order"] == "1")]
    numbers = [*children, *parents["parent_nhs_number"]]
    assert len(set(numbers)) == len(numbers)
    assert all(number.startswith("999") and nhs_number.is_valid(number) for number in numbers)


def test_everything_happened_before_the_extract_was_made(ordinary: pd.DataFrame, month: Month) -> None:
    extracted = month.plus(1).first_day.isoformat()
    for name in ("date_of_birth", "consent_date", "notice_date", "last_updated"):
        days = ordinary.loc[ordinary[name] != "", name]
        assert days.map(date.fromisoformat).map(date.isoformat).equals(days), name
        assert (days <= extracted).all(), name
    answered = ordinary[ordinary["consent_date"] != ""]
    assert (answered["consent_date"] >= answered["date_of_birth"]).all()
    assert (answered["last_updated"] >= answered["consent_date"]).all()


def test_it_looks_back_two_months(ordinary: pd.DataFrame, month: Month) -> None:
    born = ordinary["date_of_birth"].str[:7]
    assert set(born) == {str(month), str(month.plus(-1)), str(month.plus(-2))}
    assert 0.7 < (born == str(month)).mean() < 0.9


def test_parents_answers_are_mixed(ordinary: pd.DataFrame) -> None:
    shares = ordinary["consent_status"].value_counts(normalize=True)
    assert 0.68 < shares["given"] < 0.76
    assert set(shares.index) == {"given", "refused", "withdrawn", "not_asked", ""}
    unanswered = ordinary["consent_status"].isin(["", "not_asked"])
    assert (ordinary.loc[unanswered, "consent_date"] == "").all()
    assert (ordinary.loc[~unanswered, "consent_date"] != "").all()


def test_twins_come_in_twos(ordinary: pd.DataFrame) -> None:
    twins = ordinary[ordinary["number_of_births"] == "2"]
    homes = twins.groupby(["parent_given_name", "address_line_1", "postcode", "date_of_birth"])
    assert len(twins) > 10
    assert (homes["birth_order"].agg("".join).map(sorted) == [["1", "2"]] * homes.ngroups).all()


def test_families_live_in_every_group_but_where_two_centres_quarrel(
    ordinary: pd.DataFrame, places: pd.DataFrame
) -> None:
    group = ordinary["postcode"].map(places.set_index("postcode")["group"])
    assert set(group) == {"live", "terminated", "neighbour", "imprecise", "gap"}


def test_only_its_own_case_lives_at_the_hospital(columns: list[str], month: Month) -> None:
    places = pd.DataFrame({"postcode": ["CV31 1AA", "CV31 1AB"], "group": "live"})
    rows = synthetic_extract(month, 400, seed=1, places=places, columns=columns)
    there = rows.loc[rows["postcode"] == hospital_postcode(places), "record_id"]
    assert there.tolist() == ["case-hospital-address-1"]


def test_the_file_says_what_the_frame_says(make: Make) -> None:
    rows = make()
    content = as_csv(rows)
    assert content.count(b"\r\n") == content.count(b"\n") == len(rows) + 1
    read = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    assert read == [rows.columns.tolist(), *rows.to_numpy().tolist()]
