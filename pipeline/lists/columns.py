"""The columns of every list: one place for their headings, their meaning and the form of their values.

`schemas/LIST.md` and `schemas/list.schema.json` are made from them for the owners of a recipient's own
system, and every finished CSV file is read back and checked against them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.lists.fields import PSEUDONYM, SEPARATOR
from pipeline.lists.references import CODE_FORM

# The columns that say what a row is called, and how the recipient shows that it opened the list.
REFERENCE, RECEIPT_CODE = "list_reference", "receipt_code"

_DAY, _MONTH, _AREA = r"\d{4}-\d{2}-\d{2}", r"\d{4}-\d{2}", r"[A-Z]\d{8}"


@dataclass(frozen=True)
class Column:
    """One column of a list."""

    name: str
    heading: str  # in the workbook; "" where the workbook says it elsewhere
    meaning: str
    form: str = "text"
    pattern: str = ""  # which every value has to match; "" where any text may stand
    always: bool = False  # whether every CSV file has it

    def fits(self, value: str) -> bool:
        """Whether a value has the column's form."""
        return not self.pattern or re.fullmatch(self.pattern, value) is not None


def _several(one: str) -> str:
    """A pattern for one value, for those of siblings, or for none."""
    return f"({one}({SEPARATOR}{one})*)?"


def _optional(one: str) -> str:
    return f"({one})?"


_ABOUT_FAMILIES = (
    Column(PSEUDONYM, "Pseudonym", "The child's pseudonym, the same in every month.", "64 of 0-9 and a-f",
           _optional("[0-9a-f]{64}")),
    Column("addressed_to", "Addressed to", "The first line of an envelope."),
    Column("children", "Children", "What a letter calls the children: their names, or `your new baby`."),
    Column("parent", "Parent or carer", "The parent or parents who were named to us."),
    *(
        Column(f"address_line_{line}", f"Address line {line}", f"Line {line} of the home's address.")
        for line in range(1, 6)
    ),
    Column("postcode", "Postcode", "The home's postcode: capitals, one space."),
    Column("date_of_birth", "Date of birth", "The children's dates of birth, the eldest first.",
           "YYYY-MM-DD", _several(_DAY)),
    Column("expected_date_of_delivery", "Baby expected on", "The day on which the baby is expected.",
           "YYYY-MM-DD", _several(_DAY)),
    Column("month_of_birth", "Month of birth", "The month in which the child was born.", "YYYY-MM",
           _several(_MONTH)),
    Column("sex", "Sex", "1 male, 2 female, 9 indeterminate, X not known (PERSON PHENOTYPIC SEX).",
           "one of 1, 2, 9, X", _several("[129X]")),
    Column("language", "Language", "The languages that are spoken at home."),
    Column("nhs_number", "NHS number", "The children's NHS numbers, the eldest first.", "10 digits",
           _several(r"\d{10}")),
    Column("ward", "Ward code", "The ward of the home, as the Office for National Statistics codes it.",
           "a letter and 8 digits", _optional(_AREA)),
    Column("ward_name", "Ward", "The ward's name."),
    Column("lsoa21", "Small area (LSOA 2021)", "The small area of the census of 2021.",
           "a letter and 8 digits", _optional(_AREA)),
    Column("locality", "Locality code", "The locality of the home, as the authority codes it."),
    Column("locality_name", "Locality", "The locality's name."),
    Column("deprivation_decile", "Deprivation decile",
           "1 is the most deprived tenth of England's small areas (Index of Multiple Deprivation 2025).",
           "1 to 10", _optional("[1-9]|10")),
    Column(REFERENCE, "Reference", "What a notice calls this row. Blank where the row is about no family.",
           "5 and 5 letters or digits", _optional(CODE_FORM)),
)  # fmt: skip

# These are the same on each row of a CSV file.
_ABOUT_THE_LIST = (
    Column("month", "", "The month that the list is for.", "YYYY-MM", _MONTH, True),
    Column("agreement", "", "The sharing agreement and its version.", "name.vN", r".+\.v\d+", True),
    Column("destroy_by", "", "The last day on which this file, and all that was made from it, may be held.",
           "YYYY-MM-DD", _DAY, True),
    Column("births_in_area_rounded", "",
           "Live births of the month in the recipient's area, rounded as agreed. Blank where the number is"
           " told as between two others, or not told.", "a whole number", _optional(r"\d+")),
    Column("births_in_area_least", "",
           "There were at least so many live births. Blank where a rounded number is told, or none.",
           "a whole number", _optional(r"\d+")),
    Column("births_in_area_most", "",
           "There were at most so many live births. Blank where a rounded number is told, or none.",
           "a whole number", _optional(r"\d+")),
    Column(RECEIPT_CODE, "", "What the recipient writes into its receipts for this list.",
           "5 and 5 letters or digits", CODE_FORM, True),
)  # fmt: skip

COLUMNS = {column.name: column for column in (*_ABOUT_FAMILIES, *_ABOUT_THE_LIST)}
HEADINGS = {column.name: column.heading for column in _ABOUT_FAMILIES}
