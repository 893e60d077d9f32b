"""A draft of a supplier's profile, from a file that nobody knows yet.

Headings are held against the usual ones, and what stands under them against what the contract expects. What
the draft is not sure of it says, beside the line and in a list. No value is shown: of a column that was
matched to a coded one, its few short codes; of any other, at most how many different values there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd
import yaml

from pipeline.contract import Column, Contract
from pipeline.errors import SettingsError
from pipeline.intake.dates import USUAL, as_iso, way_of_writing
from pipeline.intake.profiles import answered, parse_profile
from pipeline.intake.unknown import Unknown, laid_out
from pipeline.intake.usual_headings import Usual, is_grave

_MOST_CODES, _LONGEST_CODE = 12, 3  # of a column that may be shown
_NHS_NUMBER = re.compile(r"[0-9]{10}\Z|[0-9]{3} [0-9]{3} [0-9]{4}\Z")
_ANY_DIGIT = re.compile("[0-9]")
_DIGIT = re.compile(r"[1-9]\Z")
_SPACED = re.compile(r"[0-9]{3} [0-9]{3} [0-9]{4}\Z")
_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}\Z", re.IGNORECASE)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MOST, _HALF = 0.9, 0.5  # of the values that must look alike
_DATE = "date"
_ASK_CODE = "?"  # in place of a meaning that nobody can know from a file; such a draft does not load

# What usual words in a coded column mean, in the contract's codes.
WORDS = {
    "sex": {"m": "1", "male": "1", "f": "2", "female": "2", "indeterminate": "9", "not known": "X"},
    "live_or_still_birth": {"live": "1", "l": "1", "live birth": "1"},
    "death_status": {"informal": "1", "formal": "2", "removed": "U", "none": ""},
    "confidentiality": {"unrestricted": "U", "restricted": "R", "very restricted": "V"},
    "consent_status": {
        "given": "given", "agreed": "given", "yes": "given", "y": "given",
        "refused": "refused", "declined": "refused", "no": "refused", "n": "refused",
        "withdrawn": "withdrawn", "not asked": "not_asked",
    },
    **dict.fromkeys(
        ("in_hospital", "looked_after", "adoption", "safeguarding"),
        {"yes": "Y", "no": "N", "y": "Y", "n": "N"},
    ),
}  # fmt: skip
WORDS["parent_death_status"] = WORDS["death_status"]


@dataclass(frozen=True)
class Draft:
    """A drafted profile."""

    text: str  # YAML
    unsure: tuple[str, ...]  # what a person must look at, in sentences
    missing: tuple[str, ...]  # columns that the contract asks for, and that were not found
    optional: tuple[str, ...]  # other columns of the contract that were not found
    problem: str  # why it cannot be used as it stands; "" where it can


@dataclass
class _Found:
    """What was found out, column by column of the contract."""

    columns: dict[str, str] = field(default_factory=dict)  # heading: column
    not_used: list[str] = field(default_factory=list)
    ways: dict[str, list[str]] = field(default_factory=dict)  # heading: ways of writing dates that fit
    dates: dict[str, str] = field(default_factory=dict)  # column, or "*": the one
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    spaced: bool = False
    remarks: dict[str, str] = field(default_factory=dict)  # heading: why it is not sure
    unsure: list[str] = field(default_factory=list)

    def remark(self, heading: str, why: str) -> None:
        """Say of a heading why the draft is not sure, besides what was said of it already."""
        before = self.remarks.get(heading)
        self.remarks[heading] = f"{before}; {why}" if before else why


def propose(content: bytes, contract: Contract, *, where: str) -> Draft:
    """A profile for files such as this one, of which `content` is opened already.

    Raises IntegrityError where the file has no header that could be recognised, or cannot be read.
    """
    unknown = laid_out(content, contract, where=where)
    found = _Found(unsure=list(unknown.unsure))
    _match(unknown, contract, found)
    under = dict(zip(unknown.headings, unknown.columns, strict=True))
    for heading, name in found.columns.items():
        _look_into(heading, contract.column(name), _filled(under[heading]), found)
    _one_for_all(found)
    missing = tuple(name for name in contract.must_exist if name not in found.columns.values())
    text = _written(unknown, found, missing, contract)
    found.unsure += [f"{heading}: {why}" for heading, why in found.remarks.items()]
    others = (name for name in contract.names if name not in (*found.columns.values(), *missing))
    return Draft(text, tuple(found.unsure), missing, tuple(others), _problem(text, contract))


def as_companion(text: str, dataset: str) -> str:
    """A draft as the part of its supplier's profile that is about a companion file."""
    lines = [line for line in text.splitlines() if not line.startswith("description:")]
    return "\n".join(["companions:", f"  {dataset}:", *(f"    {line}" for line in lines)]) + "\n"


def _filled(values: Sequence[str]) -> list[str]:
    return [value for value in values if value]


# --- headings -------------------------------------------------------------------------------------


def _match(unknown: Unknown, contract: Contract, found: _Found) -> None:
    """Each heading to the column that it means most; of two for one column, the first and surest."""
    under = dict(zip(unknown.headings, unknown.columns, strict=True))
    if len(under) < len(unknown.headings):
        found.unsure.append("Two columns have one heading: no run would know which is meant")
    usual = Usual(contract)
    meant = {heading: usual.likely(heading) for heading in under}
    order = sorted(meant, key=lambda heading: -max(meant[heading].values(), default=0))
    for heading in order:
        free = {name: share for name, share in meant[heading].items() if name not in found.columns.values()}
        best = max(free, key=lambda name: free[name], default=None)
        if best is not None:
            found.columns[heading] = best
            if free[best] < 1:
                found.remark(heading, f"its heading is only like those of {best}")
            elif len(meant[heading]) > len(free):
                found.remark(heading, f"another heading means the same as this, taken for {best}")
    _numbers_without_name(under, contract, found)
    found.columns = {heading: found.columns[heading] for heading in under if heading in found.columns}
    found.not_used = [heading for heading in under if heading not in found.columns]
    for heading in found.not_used:
        remark = _of_unused(heading, _filled(under[heading]))
        if remark:
            found.remark(heading, remark)


def _numbers_without_name(under: dict[str, tuple[str, ...]], contract: Contract, found: _Found) -> None:
    """The only column of NHS numbers is the child's, whatever its heading."""
    if "nhs_number" not in contract.names or "nhs_number" in found.columns.values():
        return
    numbers = [name for name in under if name not in found.columns and _are_nhs_numbers(_filled(under[name]))]
    if len(numbers) == 1:
        found.columns[numbers[0]] = "nhs_number"
        found.remarks[numbers[0]] = "taken for nhs_number by its contents alone"


def _of_unused(heading: str, values: Sequence[str]) -> str:
    """Why a person must look at a column that the draft leaves out; "" where nothing speaks for it."""
    if is_grave(heading):
        return "left out, and it sounds like something that stops a card; map it if it is"
    if _are_nhs_numbers(values):
        return "left out, and it holds NHS numbers; whose?"
    if values and sum(bool(_POSTCODE.match(value)) for value in values) >= _MOST * len(values):
        return "left out, and it holds postcodes; of what?"
    return ""


# --- contents -------------------------------------------------------------------------------------


def _look_into(heading: str, column: Column, values: Sequence[str], found: _Found) -> None:
    """What the contents say of a matched column."""
    if column.is_nhs_number:
        _nhs_numbers(heading, values, found)
    elif column.logical_type in (_DATE, "timestamp"):
        _dates(heading, column, values, found)
    elif column.codes:
        _codes(heading, column, values, found)
    elif column.logical_type == "integer" and values and not _mostly(_DIGIT, values):
        found.remark(heading, f"{_different(values)} that are not all single digits; give codes for them")
    elif column.name == "postcode" and values and not _mostly(_POSTCODE, values):
        found.remark(heading, "taken for postcode, and what it holds mostly does not look like postcodes")


def _nhs_numbers(heading: str, values: Sequence[str], found: _Found) -> None:
    if values and not _are_nhs_numbers(values):
        found.remark(heading, "taken for NHS numbers, and what it holds mostly is none")
    spaced = sum(bool(_SPACED.match(value)) for value in values)
    found.spaced = found.spaced or spaced > len(values) / 2
    if (1 - _MOST) * len(values) < spaced < _MOST * len(values):
        found.remark(heading, "some NHS numbers are written in groups, and some are not")


def _are_nhs_numbers(values: Sequence[str]) -> bool:
    return bool(values) and sum(map(_is_nhs_number, values)) >= _MOST * len(values)


def _is_nhs_number(value: str) -> bool:
    """Ten digits with a good check digit (modulus 11)."""
    if not _NHS_NUMBER.match(value):
        return False
    digits = [int(digit) for digit in value if digit != " "]
    check = 11 - sum(digit * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return check % 11 == digits[9] and check != 10


def _dates(heading: str, column: Column, values: Sequence[str], found: _Found) -> None:
    """The ways of writing that fit; which of several it is can only be told when all columns are known."""
    if not values:
        return
    ways, share = ways_of_writing(values)
    if share < _HALF:
        found.remarks[heading] = (
            f"taken for {column.name}, and no one way of writing dates fits what it holds"
        )
        return
    found.ways[heading] = ways
    if share < _MOST:
        found.remark(heading, f"{ways[0]} fits most of its dates, and others are written otherwise")


def ways_of_writing(values: Sequence[str]) -> tuple[list[str], float]:
    """The usual ways of writing in which most values are days of the calendar, and how many are so written.

    Of two that differ only in how many digits they ask for, the stricter alone.
    """
    text = pd.Series(list(dict.fromkeys(values)), dtype="str")
    shapes = {_ANY_DIGIT.sub("0", value): value for value in text}.values()
    likely = [way for way in USUAL if any(way_of_writing(way).fits(value) for value in shapes)]
    fitting = {way: float(as_iso(text, way, timed=False).map(_is_day).mean()) for way in likely}
    isos = float(text.map(_is_day).mean())  # what is an ISO date already is none of another way's
    fitting = {way: share - isos * (way != "YYYY-MM-DD") for way, share in fitting.items()}
    best = max(fitting.values(), default=0.0)
    fits = [way for way, share in fitting.items() if share == best]
    strict = [pattern for pattern in fits if not pattern.startswith(("D/", "M/", "D-"))]
    return strict or fits, best


def _is_day(iso: str) -> bool:
    """YYYY-MM-DD, of the lifetime of anybody who is in such a file."""
    try:
        return bool(_ISO.match(iso)) and 1900 <= date.fromisoformat(iso).year < 2100
    except ValueError:
        return False


def _codes(heading: str, column: Column, values: Sequence[str], found: _Found) -> None:
    """A meaning for each code that is not the contract's own, as far as it is a usual word."""
    codes = sorted(set(values))
    if set(codes) <= set(column.codes):
        return
    usual = WORDS.get(column.name, {})
    shown = all(len(code) <= _LONGEST_CODE or code.lower() in usual or code in column.codes for code in codes)
    if len(codes) > _MOST_CODES or not shown or heading in found.remarks:
        found.codes[column.name] = {}
        found.remark(heading, f"{_different(values)}, not shown: give each of them its meaning under codes")
        return
    # A code that the contract has too may mean another thing in a system that has codes of its own.
    meant = {code: usual.get(code.lower(), _ASK_CODE) for code in codes}
    found.codes[column.name] = meant
    asked = sum(meaning == _ASK_CODE for meaning in meant.values())
    ask = f"say what {asked} of its codes mean" if asked else "see that its codes mean what the draft says"
    found.remark(heading, f"{ask}, and add those that this file does not hold")


def _different(values: Sequence[str]) -> str:
    count = len(set(values))
    return f"{count} different value{'' if count == 1 else 's'}"


def _mostly(form: re.Pattern[str], values: Sequence[str]) -> bool:
    return sum(bool(form.match(value)) for value in values) >= _MOST * len(values)


def _one_for_all(found: _Found) -> None:
    """Of several ways that fit a column, the one that others must be; the most usual one stands for all.

    Where no column tells whether the day or the month comes first, that is said of each.
    """
    certain = [ways[0] for ways in found.ways.values() if len(ways) == 1]
    for heading, ways in found.ways.items():
        told = [way for way in ways if way in certain]
        found.dates[found.columns[heading]] = (told or ways)[0]
        if len(ways) > 1 and not told:
            found.remark(heading, f"{' and '.join(ways)} fit all its dates: ask the supplier which it is")
    used = list(found.dates.values())
    usual = max(dict.fromkeys(used), key=used.count, default="YYYY-MM-DD")
    others = {name: way for name, way in found.dates.items() if way != usual}
    found.dates = ({"*": usual} if usual != "YYYY-MM-DD" else {}) | others


# --- the draft ------------------------------------------------------------------------------------


def _written(unknown: Unknown, found: _Found, missing: Sequence[str], contract: Contract) -> str:
    """The YAML, with a comment wherever the draft is not sure."""
    layout = unknown.layout
    lines = [
        "# Drafted from one file: look at every line, and above all at those that say unsure.",
        "description: REPLACE with what this supplier's files are like.",
        *_only_where_said(layout.model_dump(exclude_defaults=True)),
    ]
    lines += ["nhs_numbers: spaced"] if found.spaced else []
    brought = [name for name in missing if name in answered(contract)]
    if brought:
        lines += [
            "# unsure: the file has no answers of parents. Do they come in a file of their own? Then:",
            '# consents: "consents_{supplier}_{month}.csv.gpg"',
            f"# elsewhere: [{', '.join(brought)}]",
        ]
    lines += [f"# missing: {name}, which every file must have" for name in missing if name not in brought]
    lines += _group("dates", found.dates, {})
    lines += _group("columns", found.columns, found.remarks)
    lines += _list("not_used", found.not_used, found.remarks)
    if found.codes:
        lines.append("codes:")
        for name, codes in found.codes.items():
            lines += _group(f"  {name}", codes, {}, margin="    ") if codes else [f"  {name}: {{}}"]
    return "\n".join(lines) + "\n"


def _only_where_said(said: dict[str, object]) -> list[str]:
    return [f"{name}: {_scalar(value)}" for name, value in said.items()]


def _group(name: str, said: dict[str, str], remarks: dict[str, str], margin: str = "  ") -> list[str]:
    if not said:
        return []
    lines = [f"{name}:"]
    for key, value in said.items():
        why = remarks.get(key) or ("say what it means" if value == _ASK_CODE else "")
        lines.append(f"{margin}{_scalar(key)}: {_scalar(value)}" + (f"  # unsure: {why}" if why else ""))
    return lines


def _list(name: str, said: Sequence[str], remarks: dict[str, str]) -> list[str]:
    if not said:
        return []
    whys = [remarks.get(one, "") for one in said]
    lines = [
        f"  - {_scalar(one)}" + (f"  # unsure: {why}" if why else "")
        for one, why in zip(said, whys, strict=True)
    ]
    return [f"{name}:", *lines]


def _scalar(value: object) -> str:
    """One word of YAML, in quotes where it needs them."""
    text = yaml.safe_dump(value, default_style=None, allow_unicode=True, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


def _problem(text: str, contract: Contract) -> str:
    """Why the draft does not load as it stands."""
    try:
        parse_profile(text, contract, where=Path("draft.yaml"))
    except SettingsError as error:
        return f"{error.what} ({error.where})"
    return ""
