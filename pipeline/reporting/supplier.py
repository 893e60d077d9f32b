"""The report that a supplier gets on its rows: where, which field, which rule, how to put it right.

It never holds a value, nor the supplier's own record_id, which is a local patient identifier: a row is
named by where it stands in the supplier's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pandas as pd

from pipeline.agreements.words import on_day
from pipeline.contract import ERROR, WARNING, WHOLE_ROW, contract_of
from pipeline.records import QUARANTINE
from pipeline.reporting.sheets import LONDON, Cell, Column, Sheet, as_csv, workbook_of

MOST_LINES = 1_000  # of one rule; how many more there are is said

_SEVERITIES = {ERROR: "set aside", WARNING: "used; please check"}
_CSV = (
    "supplier", "row", "field", "rule", "severity", "what_it_means", "how_to_put_it_right", "your_heading",
    "spreadsheet_row",
)  # fmt: skip
_ROWS = (
    Column("Record", "number", 10),
    Column("Row in a spreadsheet", "number", 13),
    Column("Your heading", width=24),
    Column("Field", width=22),
    Column("Rule", width=24),
    Column("What became of it", width=14),
    Column("What is wrong", width=46),
    Column("How to put it right", width=46),
)
_ABOUT = (Column("What", width=30), Column("In words", width=100))


@dataclass(frozen=True)
class SupplierFile:
    """Which of a supplier's files a report is about, and how the supplier writes it."""

    supplier: str
    name: str  # as the contract calls it, such as "extract of chis for 2026-10"
    dataset: str  # one of contract.CONTRACT_FILES
    sha256: str  # of the sealed file
    signed_at: datetime
    signed: bool  # False: it came without a signature, and `signed_at` is when it was first seen
    rows: int
    headings: Mapping[str, str] = field(default_factory=dict)  # by the contract's column, the supplier's own
    lines_above: int = 0  # the header
    dates: Mapping[str, str] = field(default_factory=dict)  # by the contract's column, or "*": how written
    grouped_numbers: bool = False  # NHS numbers may come in groups of three, three and four digits
    own_codes: bool = False  # some columns hold the supplier's own codes
    counted_in: Literal["record", "message"] = "record"


@dataclass(frozen=True)
class _Line:
    """One rule that one row breaks; row 0 stands for those that are not listed."""

    row: int
    field: str
    rule: str
    severity: str
    said: str
    fix: str


class SupplierReport:
    """One report, as CSV for a program and as a workbook for a person.

    `quarantine` and `warnings` are records.QUARANTINE: rows that were set aside, and rows that were used
    though something about them should be looked at. A row that broke several rules has several lines.
    """

    def __init__(
        self, about: SupplierFile, quarantine: pd.DataFrame, warnings: pd.DataFrame | None = None
    ) -> None:
        self._about = about
        self._rules = {rule.id: rule for rule in contract_of(about.dataset).rules}
        self._found = {ERROR: quarantine, WARNING: quarantine.iloc[:0] if warnings is None else warnings}
        self._lines = [
            line for severity, found in self._found.items() for line in self._listed(severity, found)
        ]

    def as_csv(self) -> bytes:
        """UTF-8, RFC 4180: one line for each row, field and rule, the rows that were set aside first."""
        columns = [Column(name) for name in _CSV]
        return as_csv(columns, (self._csv_row(line) for line in self._lines))

    def as_workbook(self) -> bytes:
        """Two sheets: what the report says in all, and its lines. Headings come first, no cell is merged."""
        about = Sheet("About this report", _ABOUT, self._in_words(), is_table=False, of_sentences=True)
        return workbook_of(about, Sheet("Rows", _ROWS, map(self._row, self._lines), of_sentences=True))

    def rows(self, severity: str) -> int:
        """How many rows have anything of that severity."""
        return int(self._found[severity]["row"].nunique())

    # --- lines ------------------------------------------------------------------------------------

    def _listed(self, severity: str, found: pd.DataFrame) -> Iterator[_Line]:
        """In the order of the supplier's file; of each rule at most MOST_LINES, then how many more."""
        ordered = found[list(QUARANTINE)].sort_values(["row", "field", "rule"], kind="stable")
        shown = ordered.groupby("rule", sort=False).head(MOST_LINES)
        for row, name, rule in shown[["row", "field", "rule"]].itertuples(index=False, name=None):
            yield self._line(row, name, rule, severity)
        counts = ordered["rule"].value_counts(sort=False)
        for rule, count in counts[counts > MOST_LINES].sort_index().items():
            said = f"{count - MOST_LINES:,} more lines of this rule are not listed"
            yield _Line(0, "", str(rule), severity, said, "")

    def _line(self, row: int, name: str, rule: str, severity: str) -> _Line:
        said, fix = self._worded(rule, name)
        return _Line(row, name or WHOLE_ROW, rule, severity, said, fix)

    def _worded(self, rule: str, name: str = "") -> tuple[str, str]:
        """What is wrong and what to do, by what was agreed where that is not the contract's way.

        `name` is the field, or "" where all fields are meant.
        """
        about, known = self._about, self._rules.get(rule)
        if rule == "date_format" and about.dates:
            ways = (
                [about.dates.get(name) or about.dates.get("*")]
                if name
                else dict.fromkeys(about.dates.values())
            )
            agreed = " or ".join(filter(None, ways)) or "YYYY-MM-DD"
            return f"The date is not written as was agreed, {agreed}.", f"Write the date so: {agreed}."
        if rule == "nhs_number_format" and about.grouped_numbers:
            return (
                "An NHS number is exactly ten digits, together or as 3, 3 and 4 with a space between.",
                "Write all ten digits, as text, and no zero lost at the beginning.",
            )
        return (_plain(known.description), _plain(known.fix)) if known else ("", "")

    def _csv_row(self, line: _Line) -> tuple[Cell, ...]:
        what = (line.row or None, line.field, line.rule, line.severity, line.said, line.fix)
        return (self._about.supplier, *what, self._heading(line), self._spreadsheet_row(line))

    def _row(self, line: _Line) -> tuple[Cell, ...]:
        at = (line.row or None, self._spreadsheet_row(line))
        became = _SEVERITIES[line.severity]
        return (*at, self._heading(line), line.field, line.rule, became, line.said, line.fix)

    def _spreadsheet_row(self, line: _Line) -> int | None:
        """Where a record is seen in a spreadsheet program: below the header, and what stands above that."""
        if not line.row or self._about.counted_in != "record":
            return None
        return self._about.lines_above + 1 + line.row

    def _heading(self, line: _Line) -> str:
        if not line.field or line.field == WHOLE_ROW:
            return ""
        return self._about.headings.get(line.field, line.field)

    # --- in words ---------------------------------------------------------------------------------

    def _in_words(self) -> Iterator[tuple[str, str]]:
        about = self._about
        day = on_day(about.signed_at.astimezone(LONDON).date())
        yield "This report is about", f"the {about.name}"
        yield ("Signed" if about.signed else "First seen"), day
        yield "SHA-256 of the sealed file", about.sha256
        yield f"{about.counted_in.capitalize()}s in the file", f"{about.rows:,}"
        yield "Set aside", f"{self._many(ERROR)}: each breaks a rule, and nothing of it is used"
        yield "Used, and to be checked", f"{self._many(WARNING)}: please look at them"
        yield "What to do", self._what_to_do()
        yield "Where a row stands", self._where()
        if about.own_codes:
            yield (
                "Codes",
                "Where a sentence names a code, it is the contract's; send your own for it, as was agreed.",
            )
        yield (
            "What is not here",
            "No value of any field, and no identifier of a patient: a row is known by its number.",
        )
        for severity in self._found:
            yield from self._rules_in_words(severity)

    def _many(self, severity: str) -> str:
        rows = self.rows(severity)
        return f"{rows:,} {self._about.counted_in}{'' if rows == 1 else 's'}"

    def _what_to_do(self) -> str:
        if self.rows(ERROR) and self._about.dataset == "changes":
            return (
                "Nothing of this file was applied: half a list of deaths and withdrawals looks whole. Put "
                "the rows right and send all of it again at once, sealed and signed as always."
            )
        if self.rows(ERROR):
            return (
                "Put the rows right in your own system and send the whole file again, sealed and signed as "
                "always. A corrected file takes the place of this one as long as its month is not released."
            )
        return "Nothing has to be sent again." + (
            " Put right what should be checked before the next file." if self.rows(WARNING) else ""
        )

    def _where(self) -> str:
        if self._about.counted_in == "message":
            return "Record 1 is the first message of the file."
        above = self._about.lines_above
        said = "Record 1 is the first row below the header. Opened in a spreadsheet program, that is row "
        more = (
            f", since {above} {'line stands' if above == 1 else 'lines stand'} above the header"
            if above
            else ""
        )
        return f"{said}{above + 2}{more}."

    def _rules_in_words(self, severity: str) -> Iterator[tuple[str, str]]:
        """Each rule that was broken, most rows first."""
        rows = (
            self._found[severity].groupby("rule")["row"].nunique().sort_values(ascending=False, kind="stable")
        )
        for rule, count in rows.items():
            yield (
                f"{rule}: {count:,} {_SEVERITIES[severity]}",
                " ".join(filter(None, self._worded(str(rule)))),
            )


def _plain(sentence: str) -> str:
    """Without the marks that set code apart on a page in Markdown."""
    return sentence.replace("`", "")
