"""A profile is drafted from an unknown file: of what it is not sure it says so, and it shows no value."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.contract import Contract, contract_of
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.errors import IntegrityError
from pipeline.intake.files import read_file
from pipeline.intake.profiles import Layout, Profile, load_profile, parse_profile
from pipeline.intake.proposing import Draft, as_companion, propose, ways_of_writing
from suppliers.writing import as_text, as_workbook, in_its_words

ROWS = 40
ABOVE = ["Births, all fields", 'Written by "reporting', "", ""]
PERSONAL = ("nhs_number", "parent_nhs_number", "given_name", "family_name", "address_line_1", "postcode")


@pytest.fixture(scope="module")
def extract(contract: Contract) -> pd.DataFrame:
    """Rows as the contract writes them, in which every value that is personal is long."""
    children, parents = np.split(nhs_numbers(np.random.default_rng(4), 2 * ROWS), 2)
    born = [date(2026, 10, 1) + timedelta(days=row % 31) for row in range(ROWS)]
    filled = {
        "record_id": [f"R{row:05}" for row in range(ROWS)],
        "nhs_number": children,
        "parent_nhs_number": parents,
        "date_of_birth": [str(day) for day in born],
        "consent_date": [str(day + timedelta(days=11)) for day in born],
        "last_updated": [f"{day + timedelta(days=12)}T09:30:00" for day in born],
        "given_name": [f"Zebedee{row:03}" for row in range(ROWS)],
        "family_name": [f"Quagmirë{row:03}" for row in range(ROWS)],
        "address_line_1": [f"{row} Canary Row" for row in range(ROWS)],
        "postcode": [f"CV{row % 9 + 1} {row % 7 + 1}AA" for row in range(ROWS)],
        "sex": ["1", "2"] * (ROWS // 2),
        "live_or_still_birth": ["1"] * (ROWS - 1) + ["2"],
        "number_of_births": ["1"] * (ROWS - 2) + ["2"] * 2,
        "confidentiality": ["U"] * (ROWS - 1) + ["R"],
        "consent_status": (["given"] * 3 + ["refused"]) * (ROWS // 4),
    }
    return pd.DataFrame(
        {name: filled.get(name, "") for name in contract.names}, index=range(ROWS), dtype="str"
    )


def written(extract: pd.DataFrame, profile: Profile) -> bytes:
    rows, above = in_its_words(extract, profile), ABOVE[: profile.rows_above_header]
    return (as_workbook if profile.format == "xlsx" else as_text)(rows, profile, above=above)


def drafted(content: bytes, contract: Contract, extract: pd.DataFrame) -> Draft:
    """The draft, which shows nothing personal."""
    draft = propose(content, contract, where="file")
    said = draft.text + "".join(draft.unsure) + draft.problem
    personal = {value for column in PERSONAL for value in extract[column]}
    assert not [value for value in personal | {"Unused Canary", "Canary"} if value in said]
    return draft


def of_rows(headings: list[str], *rows: list[str]) -> bytes:
    return as_text([headings, *rows], Layout())


# --- files of the four suppliers ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wide_table", "person_and_consent", "coded_values", "workbook"])
def test_the_layout_and_every_heading_are_found(contract: Contract, extract: pd.DataFrame, name: str) -> None:
    known = load_profile(name, contract)
    draft = drafted(written(extract, known), contract, extract)
    raw = yaml.load(draft.text, Loader=yaml.BaseLoader)
    assert raw["columns"] == dict(sorted(known.columns.items()))
    assert raw.get("not_used", []) == sorted(known.not_used)
    for what in ("format", "sheet", "encoding", "delimiter", "trailer", "nhs_numbers"):
        assert raw.get(what, Layout.model_fields[what].default) == getattr(known, what)
    assert int(raw.get("rows_above_header", 0)) == known.rows_above_header


@pytest.mark.parametrize("name", ["wide_table", "coded_values"])
def test_the_way_of_writing_dates_is_found(contract: Contract, extract: pd.DataFrame, name: str) -> None:
    known = load_profile(name, contract)
    draft = drafted(written(extract, known), contract, extract)
    assert yaml.safe_load(draft.text)["dates"] == known.dates


def test_a_draft_without_doubts_reads_the_very_file(
    contract: Contract, extract: pd.DataFrame, tmp_path: Path
) -> None:
    content = written(extract, load_profile("wide_table", contract))
    draft = drafted(content, contract, extract)
    assert (draft.unsure, draft.missing, draft.problem) == ((), (), "")
    profile = parse_profile(draft.text, contract, where=tmp_path / "draft.yaml")
    frame = read_file(content, contract=contract, layout=profile, where="file")
    pd.testing.assert_frame_equal(frame[list(contract.names)], extract)


def test_codes_that_nobody_can_know_are_asked_and_stop_the_draft(
    contract: Contract, extract: pd.DataFrame
) -> None:
    draft = drafted(written(extract, load_profile("coded_values", contract)), contract, extract)
    codes = yaml.load(draft.text, Loader=yaml.BaseLoader)["codes"]
    assert codes["consent_status"] == {"01": "?", "02": "?"}
    assert codes["sex"] == {"F": "2", "M": "1"}
    assert "maps to codes that the contract does not have" in draft.problem
    assert any(one.startswith("CONS_CD: say what 2 of its codes mean") for one in draft.unsure)


def test_columns_without_which_no_file_can_be_used_are_listed(
    contract: Contract, extract: pd.DataFrame
) -> None:
    draft = drafted(written(extract, load_profile("person_and_consent", contract)), contract, extract)
    assert draft.missing == ("consent_status", "consent_date")
    assert "# elsewhere: [consent_status, consent_date]" in draft.text


# --- doubts ---------------------------------------------------------------------------------------


def test_days_that_fit_both_ways_are_said_to(contract: Contract) -> None:
    rows = [["1", f"0{day}/0{10 - day}/2026", "Zebedee"] for day in range(1, 10)]
    draft = propose(of_rows(["NHS No", "DOB", "Surname"], *rows), contract, where="file")
    assert "DOB: DD/MM/YYYY and MM/DD/YYYY fit all its dates: ask the supplier which it is" in draft.unsure
    assert "DOB: date_of_birth  # unsure: DD/MM/YYYY and MM/DD/YYYY fit" in draft.text


@pytest.mark.parametrize(
    ("values", "ways"),
    [
        (["13/10/2026", "01/02/2026"], ["DD/MM/YYYY"]),
        (["10/13/2026", "01/02/2026"], ["MM/DD/YYYY"]),
        (["01/02/2026"], ["DD/MM/YYYY", "MM/DD/YYYY"]),
        (["1/2/2026", "31/12/2026"], ["D/M/YYYY"]),
        (["20261005"], ["YYYYMMDD"]),
        (["05102026"], ["DDMMYYYY"]),
        (["2026-10-05"], ["YYYY-MM-DD"]),
        (["05-Oct-2026 09:30"], ["DD-MMM-YYYY HH:MM"]),
    ],
)
def test_the_ways_of_writing_are_those_that_fit_every_value(values: list[str], ways: list[str]) -> None:
    assert ways_of_writing(values) == (ways, 1.0)


def test_no_way_fits_what_is_no_date() -> None:
    assert ways_of_writing(["Zebedee", "05/10/26"])[1] == 0


def test_the_only_nhs_numbers_are_known_by_their_check_digit(
    contract: Contract, extract: pd.DataFrame
) -> None:
    rows = extract[["nhs_number", "date_of_birth", "family_name", "given_name"]].to_numpy().tolist()
    draft = drafted(of_rows(["Key", "DOB", "Surname", "Forename"], *rows), contract, extract)
    assert "Key: nhs_number  # unsure: taken for nhs_number by its contents alone" in draft.text
    wrong = [[number[:9] + str((int(number[9]) + 1) % 10), *rest] for number, *rest in rows]
    draft = drafted(of_rows(["Key", "DOB", "Surname", "Forename"], *wrong), contract, extract)
    assert "nhs_number" in draft.missing


def test_a_heading_with_other_contents_is_doubted(contract: Contract) -> None:
    headings = ["NHS Number", "DOB", "Postcode", "No of babies"]
    draft = propose(of_rows(headings, ["Zebedee", "Quagmire", "Canary", "Twins"]), contract, where="file")
    doubted = [one.split(":")[0] for one in draft.unsure]
    assert doubted == headings
    assert "Canary" not in draft.text


@pytest.mark.parametrize("heading", ["Deceased marker", "Opt out", "Child protection plan"])
def test_a_column_that_may_stop_a_card_is_never_left_out_silently(contract: Contract, heading: str) -> None:
    draft = propose(of_rows(["NHS No", "DOB", "Surname", heading, "Ward"]), contract, where="file")
    [doubt] = [one for one in draft.unsure if one.startswith(heading)]
    assert "stops a card" in doubt or "is only like" in doubt
    assert "  - Ward\n" in draft.text


@pytest.mark.parametrize(
    "values", [["Zebedee", "Quagmire"], [f"{number:02}" for number in range(13)], ["given", "Zebedee"]]
)
def test_codes_that_may_be_something_else_are_not_shown(contract: Contract, values: list[str]) -> None:
    rows = [["1", "x", "y", value] for value in values]
    draft = propose(of_rows(["NHS No", "DOB", "Surname", "Consent"], *rows), contract, where="file")
    assert f"{len(values)} different values, not shown" in draft.text
    assert yaml.safe_load(draft.text)["codes"] == {"consent_status": {}}


@pytest.mark.parametrize(
    ("last", "trailer"),
    [
        (["END OF FILE", "1"], "END OF FILE,{rows}"),
        (["Total number of records: 1"], "Total number of records: {rows}"),
        (["End of file, exported by Zebedee Quagmire"], None),
        (["Count", "Zebedee"], None),
        (["Zebedee", "1"], None),
    ],
)
def test_of_a_last_line_nothing_is_shown_but_words_of_an_end(
    contract: Contract, last: list[str], trailer: str | None
) -> None:
    draft = propose(of_rows(["NHS No", "DOB", "Surname"], ["1", "x", "y"], last), contract, where="file")
    assert yaml.safe_load(draft.text).get("trailer") == trailer
    assert "Zebedee" not in draft.text + "".join(draft.unsure)


def test_codes_under_a_doubtful_heading_are_not_shown(contract: Contract) -> None:
    headings = ["NHS No", "DOB", "Surname", "Birth status old"]
    draft = propose(of_rows(headings, ["1", "x", "y", "Kim"]), contract, where="file")
    assert "Kim" not in draft.text


def test_two_headings_for_one_column_are_both_named(contract: Contract) -> None:
    draft = propose(of_rows(["NHS No", "DOB", "Surname", "Family name"]), contract, where="file")
    assert yaml.safe_load(draft.text)["columns"]["Surname"] == "family_name"
    assert "Family name" in yaml.safe_load(draft.text)["not_used"]


# --- files of which no profile can be drafted -----------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "No line looks like a header"),
        (b"Zebedee,Quagmire,17 Canary Row\n", "No line looks like a header"),
        ("NHS No,DOB,Surname\n".encode("utf-16"), "NUL bytes"),
        (b"NHS No,DOB,Surname,\x81\n", "neither in UTF-8 nor in Windows-1252"),
        (b"NHS No,DOB,Surname,9434765919\n", "do not look like headings .file, columns 4"),
        (b"NHS No,DOB,Surname,\n", "do not look like headings .file, columns 4"),
        (b"<Bundle/>", "looks like messages"),
        (b"PK\x03\x04", "workbook"),
    ],
)
def test_what_cannot_be_laid_out_is_refused_in_a_sentence(
    contract: Contract, content: bytes, says: str
) -> None:
    with pytest.raises(IntegrityError, match=says) as caught:
        propose(content, contract, where="file")
    assert "9434765919" not in str(caught.value)
    assert "Zebedee" not in str(caught.value)


def test_columns_that_not_every_file_has_are_named_where_they_were_not_found(contract: Contract) -> None:
    """A heading that was left out may be one of them."""
    headings = list(contract.must_exist)
    draft = propose(of_rows([*headings, "Moved in"]), contract, where="test file")
    assert not draft.missing
    assert "address_since" in draft.optional
    assert not {*draft.optional} & {*headings}


def test_a_file_of_answers_is_drafted_as_a_part_of_its_suppliers_profile(contract: Contract) -> None:
    rows = of_rows(
        ["Child NHS No", "Answer", "Answer Date", "Answered by"], ["", "Y", "31/10/2026", "mother"]
    )
    draft = propose(rows, contract_of("answers"), where="test file")
    assert "Answer: left out, and it sounds like something that stops a card; map it if it is" in draft.unsure
    part = as_companion(draft.text, "answers").replace("not_used:", "#").replace("- Answer", "#")
    profile = parse_profile(f"description: ours\n{part}", contract, where=Path("ours.yaml"))
    assert profile.companions["answers"].columns["Answer Date"] == "consent_date"
    assert profile.companions["answers"].dates == {"*": "DD/MM/YYYY"}
