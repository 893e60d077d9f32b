"""What usual headings mean, and that much alike is not the same."""

from __future__ import annotations

import pytest

from pipeline.contract import Contract
from pipeline.intake.usual_headings import Usual, is_grave


@pytest.fixture(scope="module")
def usual(contract: Contract) -> Usual:
    return Usual(contract)


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("NHS_NO", "nhs_number"),
        ("NHSNumber", "nhs_number"),
        ("Baby NHS Number", "nhs_number"),
        ("Mother's NHS No.", "parent_nhs_number"),
        ("DOB", "date_of_birth"),
        ("babyDob", "date_of_birth"),
        ("Mum DOB", "parent_date_of_birth"),
        ("Child Surname", "family_name"),
        ("First name", "given_name"),
        ("M_FORENAME", "parent_given_name"),
        ("Addr1", "address_line_1"),
        ("PCODE", "postcode"),
        ("GENDER_CD", "sex"),
        ("Deceased Y/N", "death_status"),
        ("No. of babies", "number_of_births"),
        ("Consent to share", "consent_status"),
        ("Last Amended", "last_updated"),
    ],
)
def test_a_usual_heading_is_known(usual: Usual, heading: str, column: str) -> None:
    likely = usual.likely(heading)
    assert [name for name, share in likely.items() if share == 1] == [column]
    assert usual.knows(heading)


@pytest.mark.parametrize(
    "heading",
    ["GP Postcode", "Birth Weight", "Place of Birth Postcode", "Mother Telephone", "", "Ward", "17"],
)
def test_a_heading_of_something_else_is_taken_for_nothing(usual: Usual, heading: str) -> None:
    assert usual.likely(heading) == {}
    assert not usual.knows(heading)


@pytest.mark.parametrize(
    "heading",
    ["Deceased flag", "CHILD_DEATH_DT", "Opt out", "Foster placement", "Record Sensitive", "Adopted?"],
)
def test_a_heading_that_may_stop_a_card_is_grave(heading: str) -> None:
    assert is_grave(heading)


@pytest.mark.parametrize("heading", ["Birth Weight", "Ward", "Shoulder"])
def test_others_are_not(heading: str) -> None:
    assert not is_grave(heading)
