"""The postcode that a text was placed by is told in one way, however it was written."""

from __future__ import annotations

from geography.town import Town, as_whole_country
from pipeline.geography.reading import as_read


def test_case_and_spacing_do_not_matter_and_what_cannot_be_a_postcode_is_none(town: Town) -> None:
    given = ["QA1 1AA", "qa11aa", " QA1  1AA ", "ZZ99 3VZ", "", "?"]
    assert as_read(given, town.directory) == ["QA11AA", "QA11AA", "QA11AA", "ZZ993VZ", "", ""]


def test_a_repaired_postcode_is_the_one_that_was_meant(town: Town) -> None:
    given = ["QA1 lAD", "QA1-1AD", "QA1 1AD", "QA9 9ZZ"]
    as_whole_country(town.directory)
    assert as_read(given, town.directory) == ["QA11AD", "QA11AD", "QA11AD", "QA99ZZ"]
