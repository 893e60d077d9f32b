"""The contract's rules as one would write them by hand for this one file, in pyarrow and numpy.

Reading is bare pyarrow: it looks neither for misplaced quotes nor for short rows. Of the rules only the
number of rows that break each is worked out. `intake.py` compares these with what Birthshare counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from pipeline.nhs_number import FOR_TESTS, ISSUED
from pipeline.validation import rules

FIRST, LAST, LOOK_BACK, SIGNED = (
    np.datetime64(day) for day in ("2026-10-01", "2026-10-31", "2026-07-01", "2026-11-03")
)
DATES = ("date_of_birth", "date_of_death", "parent_date_of_birth", "address_since", "consent_date",
         "notice_date", "objection_date", "last_updated")  # fmt: skip
NAMES = ("given_name", "family_name", "parent_given_name", "parent_family_name")
TEXTS = ("record_id", *NAMES, *(f"address_line_{line}" for line in range(1, 6)), "language",
         "consent_scope", "consent_wording", "consent_given_by")  # fmt: skip
LONGEST = 300 * np.timedelta64(1, "D")
DANGEROUS = f"{rules._HIDDEN}|{rules._FORMULA}"


def read(content: bytes) -> pa.Table:
    """Every column as text."""
    names = content[: content.index(b"\r\n")].decode().split(",")
    return arrow_csv.read_csv(
        pa.BufferReader(content),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )


def by_rule(table: pa.Table) -> dict[str, int]:
    """Rows that break each rule that any row breaks; of warnings, rows that are not set aside."""
    hand = ByHand(table)
    errors = hand.errors()
    failed = np.any(list(errors.values()), axis=0)
    bad = pc.replace_substring_regex(hand["nhs_number"].filter(pa.array(failed)), "[^0-9]", "").unique()
    errors["other_row_unusable"] = hand.isin("nhs_number", bad) & ~failed
    failed |= errors["other_row_unusable"]
    doubted = {name: mask & ~failed for name, mask in hand.warnings().items()}
    counted = {name: int(mask.sum()) for name, mask in (errors | doubted).items()}
    return {name: rows for name, rows in counted.items() if rows}


class ByHand:
    """One table, and what several rules ask of it."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = {name: pc.utf8_trim(table.column(name), " ") for name in table.column_names}
        self.rows = table.num_rows
        self.filled = {name: _mask(pc.not_equal(self[name], "")) for name in table.column_names}
        self.written = {name: self.match(name, rules.DAY_OR_MOMENT) for name in DATES}
        self.days = {name: self._days(name) for name in DATES}
        self.ten = {name: self.match(name, "^[0-9]{10}$") for name in ("nhs_number", "parent_nhs_number")}

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        return self._columns[name]

    def match(self, name: str, pattern: str) -> Any:
        return _mask(pc.match_substring_regex(self[name], pattern))

    def isin(self, name: str, values: Any) -> Any:
        values = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        return _mask(pc.is_in(self[name], values))

    def _days(self, name: str) -> Any:
        if not self.filled[name].any():
            return np.full(self.rows, "NaT", "datetime64[D]")
        text = pd.Series(self[name].to_pandas()).where(self.written[name])
        return pd.to_datetime(text, format="ISO8601", errors="coerce").to_numpy().astype("datetime64[D]")

    def _number(self, name: str) -> tuple[Any, Any]:
        """Rows whose ten digits are no number, and those whose ten digits nobody is given."""
        numbers = self[name].filter(pa.array(self.ten[name])).cast(pa.int64()).to_numpy()
        digits = [numbers // 10**place % 10 for place in range(10)]
        wrong = (11 - sum((place + 1) * digits[place] for place in range(1, 10)) % 11) % 11 != digits[0]
        same = numbers % 1_111_111_111 == 0
        known = np.isin(np.arange(1000), [*ISSUED, FOR_TESTS])[numbers // 10**7]
        found = []
        for mask in (wrong, same, ~known & ~wrong & ~same):
            found.append(np.zeros(self.rows, dtype=bool))
            found[-1][self.ten[name]] = mask
        return tuple(found)

    def _digit(self, name: str) -> Any:
        one = self.match(name, "^[1-9]$")
        return pc.if_else(pa.chunked_array([pa.array(one)]), self[name], "0").cast(pa.int64()).to_numpy()

    def errors(self) -> dict[str, Any]:
        """Masks of rows to set aside, but for the one that rests on the others."""
        filled, days, blank = self.filled, self.days, ~np.any(list(self.filled.values()), axis=0)
        numbers = [self._number(name) for name in self.ten]
        self.strange_parent = numbers[1][2]
        order, number = self._digit("birth_order"), self._digit("number_of_births")
        self.order, self.number = order, number
        dated = {
            n: filled[n] & ~(self.match(n, rules._DAY) if n != "last_updated" else self.written[n])
            for n in DATES
        }
        answered = self.isin("consent_status", ["given", "refused", "withdrawn"])
        self.answered, born = answered, days["date_of_birth"]
        same = _mask(pc.equal(self["parent_nhs_number"], self["nhs_number"]))
        limits = {name: rules_most(name) for name in (*TEXTS, "postcode")}
        return {
            "row_blank": blank,
            "value_missing": (~filled["nhs_number"] | ~filled["date_of_birth"]) & ~blank,
            "nhs_number_format": _any(filled[name] & ~ten for name, ten in self.ten.items()),
            "nhs_number_check_digit": numbers[0][0] | numbers[1][0],
            "nhs_number_repeated": numbers[0][1] | numbers[1][1],
            "nhs_number_not_issued": numbers[0][2],
            "parent_is_child": filled["parent_nhs_number"] & same,
            "date_format": _any(dated.values()),
            "date_impossible": _any(filled[n] & ~dated[n] & np.isnat(days[n]) for n in DATES),
            "date_future": _any(days[n] > SIGNED for n in (*DATES[:4], "last_updated")),
            "death_before_birth": days["date_of_death"] < born,
            "updated_before_birth": days["last_updated"] < born,
            "born_after_month": born > LAST,
            "born_too_long_ago": born < LOOK_BACK,
            "notice_too_early": days["notice_date"] < born - LONGEST,
            "time_format": filled["time_of_birth"] & ~self.match("time_of_birth", rules._TIME),
            "number_format": (filled["number_of_births"] & (number == 0))
            | (filled["birth_order"] & (order == 0)),
            "birth_order_too_high": (order < 8) & (number > 0) & (order > number),
            "postcode_characters": ~self.match("postcode", rules._AROUND_POSTCODE),
            "text_dangerous": _any(self.match(name, DANGEROUS) for name in TEXTS if filled[name].any()),
            "name_begins_with_hyphen": _any(_mask(pc.starts_with(self[name], "-")) for name in NAMES),
            "text_too_long": _any(
                _mask(pc.greater(pc.utf8_length(self[name]), most)) for name, most in limits.items()
            ),
            "answer_lost": filled["consent_date"] & ~answered,
            "version_tied": self._versions()[1],
        }  # fmt: skip

    def warnings(self) -> dict[str, Any]:
        """Masks of rows that go on."""
        filled, days, born = self.filled, self.days, self.days["date_of_birth"]
        given, refused = self.isin("consent_status", ["given"]), self.isin("consent_status", ["refused"])
        noticed = self.isin("death_status", ["1", "2"])
        age = born - days["parent_date_of_birth"]
        year = np.timedelta64(1, "D") * 365.25
        born_state = self["live_or_still_birth"]
        several = (self.number > 1) & (self.number < 9)
        return {
            "parent_number_not_issued": self.strange_parent,
            "date_to_come": _any(days[name] > SIGNED for name in DATES[4:7]),
            "parent_age_implausible": (age < 10 * year) | (age > 70 * year),
            "number_of_births_unknown": ~filled["number_of_births"] | (self.number == 9),
            "birth_order_unknown": several & ((self.order == 0) | (self.order >= 8)),
            "death_without_notice": filled["date_of_death"] & ~noticed,
            "death_not_told": _mask(pc.equal(born_state, "5")) & ~filled["date_of_death"] & ~noticed,
            "stillbirth_with_consent": given & self.isin("live_or_still_birth", ["2", "3", "4"]),
            "postcode_not_whole": filled["postcode"] & ~self.match("postcode", rules._WHOLE_POSTCODE),
            "name_temporary": _any(
                filled[name] & self.match(name, pattern) for name, pattern in rules._TEMPORARY.items()
            ),
            "name_with_digits": _any(self.match(name, r"\p{Nd}") for name in NAMES[2:]),
            "answer_undated": ~filled["consent_date"] & self.answered,
            "answer_by_nobody": ~filled["consent_given_by"] & given,
            "refusal_as_if_given": refused & (filled["consent_scope"] | filled["consent_wording"]),
            "objection_before_notice": days["objection_date"] < days["notice_date"],
            "versions_disagree": self._versions()[0],
        }

    def _versions(self) -> tuple[Any, Any]:
        """Rows of one child that differ in a fact, and newest ones that say different things."""
        number = self["nhs_number"].to_pandas()
        again = np.flatnonzero(number.duplicated(keep=False) & self.ten["nhs_number"])
        rows = pd.DataFrame({name: column.take(again).to_pandas() for name, column in self._columns.items()})
        child = rows["nhs_number"]
        differ, tied = np.zeros(self.rows, dtype=bool), np.zeros(self.rows, dtype=bool)
        said = rows[["date_of_birth", "sex"]].replace(["", "X"], None)
        differ[again] = (said.groupby(child).transform("nunique") > 1).any(axis=1)
        updated = pd.Series(self.days_and_times("last_updated", again))
        newest = ~(updated < updated.groupby(child).transform("max"))
        facts = rows.drop(columns=["record_id", "last_updated"])[newest]
        accounts = facts.drop_duplicates().groupby("nhs_number").size()
        tied[again] = newest & child.map(accounts).gt(1)
        return differ, tied

    def days_and_times(self, name: str, rows: Any) -> Any:
        text = self[name].take(rows).to_pandas().where(self.written[name][rows])
        return pd.to_datetime(text, format="ISO8601", errors="coerce").to_numpy()


def rules_most(name: str) -> int:
    """How many characters a column may have."""
    from pipeline.contract import contract_of

    return int(contract_of("births").column(name).max_length or 0)


def _mask(found: Any) -> Any:
    return found.to_numpy().astype(np.bool_)


def _any(masks: Any) -> Any:
    kept: Sequence[Any] = list(masks)
    return np.logical_or.reduce(kept)
