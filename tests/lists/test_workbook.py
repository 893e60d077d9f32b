"""A list as a workbook, read back by a reader that shares no code with the writer."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from pipeline.agreements.model import ListField, Rounding
from pipeline.lists.columns import HEADINGS
from pipeline.lists.compile import FamilyList
from pipeline.lists.fields import SHOWN
from pipeline.lists.references import CODE_FORM
from pipeline.lists.telling import Told
from pipeline.lists.totals import AreaNumbers
from pipeline.lists.workbook import count_rows, render_workbook
from pipeline.reasons import Outcome, Reason

MADE_ON = date(2026, 11, 4)
NOT_SHARED = Reason.NO_FAMILY_SHARED.bit


def rendered(families: FamilyList, recipient_name: str = "Lillington & Campion Centre") -> bytes:
    return render_workbook(
        families,
        recipient_name=recipient_name,
        authority_name="Warwick Council",
        made_on=MADE_ON,
        file_name=f"{families.name}.xlsx",
    )


def sheet(content: bytes, name: str) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(name).to_python()


def families_in(content: bytes) -> list[dict[str, Any]]:
    return read_rows(content, "Families")


def names_of_sheets(content: bytes) -> list[str]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names


def first_sheet(content: bytes) -> str:
    return names_of_sheets(content)[0]


def read_rows(content: bytes, name: str) -> list[dict[str, Any]]:
    header, *rows = sheet(content, name)
    return [dict(zip(header, row, strict=True)) for row in rows]


def numbers_in(content: bytes) -> dict[str, Any]:
    return {row[0]: row[1] for row in sheet(content, "Your numbers")}


def text_of(content: bytes, name: str) -> str:
    return "\n".join(str(cell) for row in sheet(content, name) for cell in row)


def part(content: bytes, name: str) -> str:
    return zipfile.ZipFile(io.BytesIO(content)).read(name).decode()


def test_a_mail_merge_finds_one_heading_row_and_a_row_for_each_household(make: Any) -> None:
    content = rendered(make.list(make.births({}, {"given_name": "Noah", "family_name": "Khan"})))

    rows = families_in(content)

    assert len(rows) == 2
    assert re.fullmatch(CODE_FORM, rows[0].pop("Reference"))
    assert rows[0] == {
        "Addressed to": "The parents or carers of Ava Smith",
        "Children": "Ava",
        "Parent or carer": "Jane Smith",
        "Address line 1": "1 High Street",
        "Address line 2": "",
        "Address line 3": "",
        "Address line 4": "Leamington Spa",
        "Address line 5": "",
        "Postcode": "CV31 1AA",
        "Date of birth": "5 October 2026",
    }


@pytest.mark.parametrize("field", ListField)
def test_every_column_that_a_list_can_have_has_a_heading(make: Any, field: ListField) -> None:
    beside = [ListField.PARENT_NAME] if field is ListField.EXPECTED_DATE_OF_DELIVERY else []
    content = rendered(make.list(make.births({}), agreement=make.with_fields(field, *beside)))

    header, row = sheet(content, first_sheet(content))

    assert header.pop() == "Reference"
    own = [heading for heading in header if heading != "Parent or carer"] if beside else header
    assert own == [HEADINGS[column] for column in SHOWN[field].columns]
    assert len(row) == len(header) + 1


def test_a_list_of_children_has_a_row_and_a_number_for_each(make: Any) -> None:
    births = make.births({"dwelling": "home"}, {"dwelling": "home", "given_name": "Noah"})
    decisions = make.decisions(births, {"household": 1}, {"household": 1})
    agreement = make.with_terms(household="each_child")

    content = rendered(make.list(births, decisions, agreement=agreement))

    assert [row["Child"] for row in read_rows(content, "Children")] == ["Ava", "Noah"]
    assert numbers_in(content)["Children on this list"] == 2
    assert "Families on this list" not in numbers_in(content)
    assert count_rows(content) == 2


def test_numbers_alone_are_two_sheets_and_speak_of_no_list_of_families(make: Any) -> None:
    births = make.births({})
    nobody = make.decisions(births, {"outcome": int(Outcome.WITHHOLD), "reasons": NOT_SHARED})

    content = rendered(make.list(births, nobody, agreement=make.with_terms(**make.totals)))

    assert names_of_sheets(content) == ["Conditions of use", "Your numbers"]
    assert numbers_in(content)["Babies born in your area in October 2026 (rounded)"] == 15
    said = text_of(content, "Conditions of use") + text_of(content, "Your numbers")
    assert not any(words in said for words in ("on this list", "no family for you", "remove a family"))
    assert count_rows(content) == 0


@pytest.mark.parametrize("household", ["one_card", "each_child"])
def test_a_list_of_expected_births_never_speaks_of_a_new_baby(make: Any, household: str) -> None:
    births = make.births({"date_of_birth": "2027-02-03"})
    fields = ["parent_name", "address", "expected_date_of_delivery"]
    agreement = make.with_terms(fields=fields, household=household, **make.expected)

    families = make.list(births, agreement=agreement)
    content = rendered(replace(families, totals=AreaNumbers(births=None)))

    assert families_in(content)[0]["Baby expected on"] == "3 February 2027"
    assert "Families expecting a baby, for" in part(content, "xl/worksheets/sheet1.xml")
    assert "just before you post" in text_of(content, "Conditions of use")
    said = "".join(text_of(content, name) for name in names_of_sheets(content)).lower()
    assert not any(words in said for words in ("your new baby", "date of birth", "was born", "babies born"))


def test_a_list_of_pseudonyms_says_that_nobody_may_be_looked_for(make: Any) -> None:
    agreement = make.with_fields("pseudonym", "month_of_birth", "sex")

    content = rendered(make.list(make.births({}), agreement=agreement))

    assert "Look for nobody" in text_of(content, "Conditions of use")
    assert read_rows(content, "Children")[0]["Sex"] == "Female"
    assert "asks not to be contacted" not in text_of(content, "Conditions of use")


def test_a_decile_that_is_not_known_is_a_blank_cell(make: Any) -> None:
    births = make.births({"postcode": "CV31 1AA"}, {"postcode": "CV31 1AB"})
    areas = make.areas(births, {"deprivation_decile": 10}, {"deprivation_decile": 0})
    agreement = make.with_fields("address", "deprivation_decile")

    content = rendered(make.list(births, agreement=agreement, areas=areas))

    assert [row["Deprivation decile"] for row in families_in(content)] == ["10", ""]
    assert "10 in the least deprived" in text_of(content, "Conditions of use")
    assert "deprived" not in text_of(rendered(make.list(births)), "Conditions of use")


def test_numbers_are_text_and_keep_their_noughts(make: Any) -> None:
    births = make.births({"nhs_number": "0040000009", "address_line_1": "007"})
    content = rendered(make.list(births, agreement=make.with_fields("address", "nhs_number")))

    row = families_in(content)[0]

    assert row["NHS number"] == "0040000009"
    assert row["Address line 1"] == "007"


def test_siblings_dates_and_numbers_are_written_for_people(make: Any) -> None:
    births = make.births(
        {"dwelling": "home", "date_of_birth": "2026-10-05", "nhs_number": "9990000018"},
        {"dwelling": "home", "date_of_birth": "2026-10-06", "nhs_number": "9990000026", "birth_order": 2},
    )
    decisions = make.decisions(births, {"household": 1}, {"household": 1})
    families = make.list(births, decisions, agreement=make.with_fields("date_of_birth", "nhs_number"))

    row = families_in(rendered(families))[0]

    assert row["Date of birth"] == "5 October 2026 and 6 October 2026"
    assert row["NHS number"] == "9990000018 and 9990000026"


@pytest.mark.parametrize(
    "value", ["=HYPERLINK(1)", "=1+1", "+44", "-1", "@SUM(1)", "#N/A", "TRUE", "1e5", "_x0041_"]
)
def test_hostile_text_lands_as_text(make: Any, value: str) -> None:
    content = rendered(make.list(make.births({"address_line_2": value})))
    families = part(content, "xl/worksheets/sheet1.xml")

    assert "<f>" not in families  # no formula
    assert "<v>" not in families  # no number, truth value or error
    assert families_in(content)[0]["Address line 2"] == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\tTab", " Tab"),
        ("two\r\nlines", "two lines"),
        ("a\x00b\x08c\x1bd", "a\ufffdb\ufffdc\ufffdd"),
        ("a\ufffeb\uffff", "a\ufffdb\ufffd"),
        ("12 \u202etseW", "12 \ufffdtseW"),
    ],
)
def test_no_character_can_break_or_disguise_the_file(make: Any, value: str, shown: str) -> None:
    content = rendered(make.list(make.births({"address_line_2": value})))

    assert families_in(content)[0]["Address line 2"] == shown


def test_every_family_cell_is_formatted_as_text(make: Any) -> None:
    content = rendered(make.list(make.births({})))
    styles, families = part(content, "xl/styles.xml"), part(content, "xl/worksheets/sheet1.xml")
    formats = re.findall(r'<xf numFmtId="(\d+)"', styles.split("<cellXfs")[1].split("</cellXfs>")[0])

    used = {formats[int(style)] for style in re.findall(r'<c r="[A-Z]+\d+" s="(\d+)"', families)}

    assert used == {"49"}  # Excel's built-in "@"


def test_the_sheet_prints_on_a4_with_its_headings_on_each_page(make: Any) -> None:
    content = rendered(make.list(make.births({})), recipient_name="Lillington & Campion Centre")
    families, book = part(content, "xl/worksheets/sheet1.xml"), part(content, "xl/workbook.xml")

    assert 'orientation="landscape"' in families
    assert 'paperSize="9"' in families
    assert 'fitToPage="1"' in families
    assert 'state="frozen"' in families
    assert "Lillington &amp;&amp; Campion Centre, October 2026" in families
    assert "Destroy by 2 February 2027" in families
    assert "_xlnm.Print_Titles" in book
    assert "'Families'!$1:$1" in book


def test_the_conditions_of_use_say_what_was_agreed(make: Any) -> None:
    conditions = text_of(rendered(make.list(make.births({}))), "Conditions of use")

    for said in (
        "Welcome cards for families who agreed (version 2)",
        "For Lillington & Campion Centre, October 2026. Made on 4 November 2026.",
        "To post a welcome card to each new family.",
        "Post one card to each family.",
        "Visit a family.",
        "Destroy this file and everything made from it by 2 February 2027.",
    ):
        assert said in conditions


def test_a_receipts_name_and_code_stand_in_cells_of_their_own_to_be_copied(make: Any) -> None:
    families = make.list(make.births({}))
    cells = text_of(rendered(families), "Conditions of use").splitlines()

    assert "welcome-card_2026-10_centre-1.xlsx.received.txt" in cells
    assert families.receipt_code in cells
    assert "welcome-card_2026-10_centre-1.xlsx.destroyed.txt" in cells


def test_numbers_alone_have_a_receipt_code_and_no_references(make: Any) -> None:
    births = make.births({})
    nobody = make.decisions(births, {"outcome": int(Outcome.WITHHOLD), "reasons": NOT_SHARED})
    families = make.list(births, nobody, agreement=make.with_terms(**make.totals))
    said = text_of(rendered(families), "Conditions of use")

    assert families.receipt_code in said
    assert "reference" not in said


def test_a_family_is_told_by_the_reference_that_a_recall_would_name(make: Any) -> None:
    families = make.list(make.births({}, {"given_name": "Noah"}))
    content = rendered(families)

    assert {row["Reference"] for row in families_in(content)} == {one.reference for one in families.on_list}
    assert "has a reference in the last column" in text_of(content, "Conditions of use")
    assert "If we ask you to remove a family, we name this reference" in text_of(content, "Conditions of use")


def test_your_numbers_are_counts_and_how_to_read_them(make: Any) -> None:
    content = rendered(make.list(make.births({}, {})))
    numbers = numbers_in(content)

    assert numbers["Families on this list"] == 2
    assert numbers["Babies born in your area in October 2026 (rounded)"] == 15
    assert "5 stands for any number from 1 to 7" in text_of(content, "Your numbers")


@pytest.mark.parametrize(
    ("told", "said", "why"),
    [
        (Told(least=9, most=17), "between 9 and 17", "not far above the number of babies who are on lists"),
        (Told(least=0, most=7), "fewer than 8", "since it is small"),
        (Told(), "not told this month", "Together they could point to single families"),
        (Told(13, rounding=Rounding.NONE), 13, "It is the exact number"),
    ],
)
def test_a_number_that_is_not_rounded_is_said_in_words_and_why(
    make: Any, told: Told, said: str | int, why: str
) -> None:
    content = rendered(replace(make.list(make.births({})), totals=AreaNumbers(births=told)))

    assert numbers_in(content)["Babies born in your area in October 2026"] == said
    assert why in text_of(content, "Your numbers")


def test_your_numbers_never_speak_of_reasons_or_refusals(make: Any) -> None:
    numbers = text_of(rendered(make.list(make.births({}))), "Your numbers").lower()

    unsaid = ("refus", "withh", "held", "died", "declin", "said no", "consent")
    assert not any(word in numbers for word in unsaid)


def test_no_number_of_births_where_the_agreement_gives_none(make: Any) -> None:
    families = replace(make.list(make.births({})), totals=AreaNumbers(births=None))

    assert "Babies" not in text_of(rendered(families), "Your numbers")


def test_an_empty_list_is_a_workbook_that_says_so(make: Any) -> None:
    births = make.births({}).head(0)

    content = rendered(make.list(births, make.decisions(births)))

    assert len(sheet(content, "Families")) == 1
    assert "There is no family for you" in text_of(content, "Your numbers")


def test_the_same_list_makes_the_same_bytes(make: Any) -> None:
    births = make.births({}, {"given_name": "Noah"})

    assert rendered(make.list(births)) == rendered(make.list(births[::-1]))


def test_the_file_says_nothing_about_persons_or_machines_in_its_properties(make: Any) -> None:
    content = rendered(make.list(make.births({})))
    said = set(re.findall(r">([^<>]+)<", part(content, "docProps/core.xml")))
    times = {member.date_time for member in zipfile.ZipFile(io.BytesIO(content)).infolist()}

    assert said == {"Birthshare", "Families, October 2026", "2026-11-04T00:00:00Z"}
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_is_written_to_disk(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    families = make.list(make.births({}))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there-is-no-such-folder"))

    assert len(families_in(rendered(families))) == 1
