"""The contracts for suppliers' files, each read from a YAML file under `schemas/`.

The YAML is the only list of columns, types, codes and row rules. Intake asks it for the columns,
validation for the types and rules, the synthetic births for the order of columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pipeline.errors import IntegrityError, SettingsError
from pipeline.records import SCHEMAS

CONTRACT_FILE = SCHEMAS / "birth_extract.yaml"
# What a supplier's files can hold, and which contract says how.
CONTRACT_FILES = {
    "births": CONTRACT_FILE,
    "expected_births": SCHEMAS / "expected_birth_extract.yaml",
    "answers": SCHEMAS / "consent_answers.yaml",
    "changes": SCHEMAS / "changes.yaml",
    "totals": SCHEMAS / "totals.yaml",
}

# How each logical type of the contract travels in a frame.
DTYPES = {
    "string": "str",
    "time": "str",
    "date": "datetime64[s]",
    "timestamp": "datetime64[s]",
    "integer": "int16",
}
# How much it matters that a row breaks a rule: the row is set aside, or it goes on and the supplier is told.
ERROR, WARNING = "error", "warning"
SEVERITIES = (ERROR, WARNING)
WHOLE_ROW = "the whole row"  # what messages call the field of a rule that is about no single one
_SHOWN = 5  # record numbers that a message lists before it only counts


@dataclass(frozen=True)
class Column:
    """One column: its type, whether the file must have it, and the codes it may hold."""

    name: str
    business_name: str  # in capitals where it is the NHS Data Dictionary's
    description: str
    logical_type: str
    must_exist: bool
    required: bool  # a row whose value is blank is set aside
    max_length: int | None  # characters
    least: int | None  # of whole numbers
    most: int | None
    codes: Mapping[str, str]  # code and meaning; empty where the column is not coded

    @property
    def dtype(self) -> str:
        """The type in the births' frame."""
        return DTYPES[self.logical_type]

    @property
    def is_nhs_number(self) -> bool:
        """Whether it holds NHS numbers, of whomever."""
        return self.name.endswith("nhs_number")


@dataclass(frozen=True)
class Rule:
    """One row rule. A row that breaks it is set aside, or goes on and the supplier is told."""

    id: str
    description: str
    dimension: str
    severity: str  # one of SEVERITIES
    check: str  # name of the check in pipeline.validation.rules
    fields: tuple[str, ...]  # empty where the rule is about the row as a whole
    fix: str  # what the supplier should do
    example: str  # the shape of what breaks it, invented

    @property
    def sets_aside(self) -> bool:
        """Whether a row that breaks the rule is set aside."""
        return self.severity == ERROR


@dataclass(frozen=True)
class Contract:
    """One kind of file: all columns in order, and all row rules."""

    id: str
    version: str
    name: str
    dataset: str  # one of CONTRACT_FILES
    usage: str  # what a file is, in sentences
    limitations: str  # what stops a file or a row, in sentences
    month_of: str | None  # the date column that says which month a file is of, where one does
    months_ahead: int  # how many months after its own a file may speak of
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]

    def file_of(self, supplier: str, month: object) -> str:
        """What messages call a supplier's file of this kind; changes are of no month."""
        what = "extract" if self.month_of else self.name.lower()
        return f"{what} of {supplier}" + (f" for {month}" if self.dataset != "changes" else "")

    @property
    def names(self) -> tuple[str, ...]:
        """Every column's name, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def dtypes(self) -> dict[str, str]:
        """Every column's type in the births' frame, in order."""
        return {column.name: column.dtype for column in self.columns}

    @property
    def must_exist(self) -> tuple[str, ...]:
        """The columns that every file must have."""
        return tuple(column.name for column in self.columns if column.must_exist)

    def of_type(self, *logical_types: str) -> tuple[str, ...]:
        """The names of the columns of those logical types."""
        return tuple(column.name for column in self.columns if column.logical_type in logical_types)

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError where the contract has none."""
        return next(column for column in self.columns if column.name == name)


@cache
def load_contract(file: Path = CONTRACT_FILE) -> Contract:
    """The contract in an ODCS 3.1 file; raises SettingsError where it cannot be used."""
    problem = ""
    try:
        return _contract(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        problem = "it cannot be read"
    except (KeyError, TypeError, ValueError, IndexError) as error:
        problem = f"{type(error).__name__}: {error}"
    raise SettingsError(f"The contract for extracts cannot be used: {problem}", where=str(file))


def contract_of(dataset: str) -> Contract:
    """The contract that ships with Birthshare for one kind of file; one of CONTRACT_FILES."""
    return load_contract(CONTRACT_FILES[dataset])


def _contract(raw: Mapping[str, Any]) -> Contract:
    table = raw["schema"][0]
    columns = tuple(_column(item) for item in table["properties"])
    rules = tuple(_rule(item) for item in table["quality"])
    own = _custom(table)
    _check_unique([column.name for column in columns])
    _check_unique([rule.id for rule in rules])
    unknown = {name for rule in rules for name in rule.fields} - {column.name for column in columns}
    if unknown:
        raise ValueError(f"rules name columns that do not exist: {', '.join(sorted(unknown))}")
    return Contract(
        id=raw["id"],
        version=raw["version"],
        name=raw["name"],
        dataset=table["name"],
        usage=raw["description"]["usage"],
        limitations=raw["description"]["limitations"],
        month_of=own.get("monthOf"),
        months_ahead=own.get("monthsAhead", 0),
        columns=columns,
        rules=rules,
    )


def _column(item: Mapping[str, Any]) -> Column:
    own, options = _custom(item), item.get("logicalTypeOptions", {})
    if item["logicalType"] not in DTYPES:
        raise ValueError(f"column {item['name']} has an unknown logicalType")
    return Column(
        name=item["name"],
        business_name=item["businessName"],
        description=item["description"],
        logical_type=item["logicalType"],
        must_exist=own.get("mustExist", False),
        required=item.get("required", False),
        max_length=options.get("maxLength"),
        least=options.get("minimum"),
        most=options.get("maximum"),
        codes=MappingProxyType(own.get("codes", {})),
    )


def _rule(item: Mapping[str, Any]) -> Rule:
    own = _custom(item)
    if item["severity"] not in SEVERITIES:
        raise ValueError(f"rule {item['name']}: its severity is {' or '.join(SEVERITIES)}")
    return Rule(
        id=item["name"],
        description=item["description"],
        dimension=item["dimension"],
        severity=item["severity"],
        check=item["implementation"],
        fields=tuple(own["fields"]),
        fix=own["fix"],
        example=own["example"],
    )


def _custom(item: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry["value"] for entry in item.get("customProperties", ())}


def _check_unique(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError("a column or a rule is listed twice")


def in_words(records: Sequence[int] | np.ndarray[Any, Any]) -> str:
    """Record numbers for a message: the first few, and how many more there are."""
    shown = ", ".join(str(record) for record in records[:_SHOWN])
    more = f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
    return f"record{'s' if len(records) > 1 else ''} {shown}{more}"


def check_codes(
    column: str, values: pd.Series, known: Mapping[str, str], rows: pd.Series, *, where: str
) -> None:
    """A code that nobody agreed stops the file: a feed's meaning may have changed unannounced.

    Blank is always allowed. The value itself is not shown: it may be a personal value in a wrong
    column. Raises IntegrityError with the file (`where`), the column and the record numbers.
    """
    unknown = ~values.isin(["", *known])
    if not unknown.any():
        return
    records = rows[unknown].to_numpy()
    total = len(records)
    raise IntegrityError(
        f"{total} row{'s hold codes' if total > 1 else ' holds a code'} that the contract does not know",
        where=f"{where}, column {column}, {in_words(records)}",
        do="Nothing was used. Ask the supplier what the code means and agree it before this file is run.",
    )
