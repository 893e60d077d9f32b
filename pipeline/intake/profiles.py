"""Supplier profiles: another system's headings, codes and encoding, mapped to the contract."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from pipeline.contract import Contract
from pipeline.errors import SettingsError
from pipeline.home import Strict, read_model
from pipeline.records import SCHEMAS

PROFILES = SCHEMAS / "profiles"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\Z")


class Layout(Strict):
    """How one kind of file differs from its contract. Nothing listed means no difference."""

    format: Literal["csv", "xlsx", "fhir"] = "csv"
    encoding: Literal["utf-8", "cp1252"] = "utf-8"  # of a CSV file
    delimiter: Literal[",", ";", "|", "\t"] = ","  # of a CSV file
    sheet: str = ""  # of a workbook; "" where it has one sheet
    rows_above_header: Annotated[int, Field(ge=0, le=50)] = 0  # a title, a date of export
    columns: dict[str, str] = {}  # the supplier's heading: the contract's column
    not_used: tuple[str, ...] = ()  # the supplier's headings that are known, and left out
    elsewhere: tuple[str, ...] = ()  # the contract's columns that come in a companion file instead
    dates: dict[str, str] = {}  # the contract's column, or "*" for every date: such as DD/MM/YYYY
    codes: dict[str, dict[str, str]] = {}  # the contract's column: {supplier's code: contract's code}
    nhs_numbers: Literal["plain", "spaced"] = "plain"  # spaced: 943 476 5919

    def to_contract(self, heading: str) -> str:
        """The contract's name for a heading; an unmapped heading keeps its own."""
        return self.columns.get(heading, heading)


class Profile(Layout):
    """How one supplier's files differ from the contracts: its extract's layout, and what its others have."""

    description: str
    companions: dict[Literal["answers", "changes", "totals"], Layout] = {}


def profile_file(name: str, own: Path | None = None) -> Path:
    """The file of the profile of that name: among the home's `own`, or else those that ship with us."""
    if not _NAME.match(name):
        raise SettingsError("That is not a profile's name", do="Use small letters, digits, - and _.")
    mine = own / f"{name}.yaml" if own else None
    return mine if mine and mine.is_file() else PROFILES / f"{name}.yaml"


def load_profile(name: str, contract: Contract, own: Path | None = None) -> Profile:
    """The profile of that name; raises SettingsError where it is missing or names unknown columns.

    `own` is the home's folder of profiles, which come before those that ship with us.
    """
    file = profile_file(name, own)
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise SettingsError(
            "The supplier's profile cannot be read",
            where=str(file),
            do="Name an existing profile in the supplier's settings.",
        ) from None
    profile = read_model(Profile, raw, where=file)
    _check_targets(profile, contract, name)
    return profile


def for_companion(profile: Profile, companion: Contract) -> Layout:
    """How a companion file differs: as the profile says of it, or else as far as it has the same columns.

    A code that the companion's contract does not have is left out, and then stops the file.
    """
    if companion.dataset in profile.companions:
        return profile.companions[companion.dataset]
    return Layout(
        format=profile.format if profile.format != "fhir" else "csv",
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        columns={own: name for own, name in profile.columns.items() if name in companion.names},
        dates={name: how for name, how in profile.dates.items() if name in ("*", *companion.names)},
        codes={
            name: {own: code for own, code in codes.items() if code in companion.column(name).codes}
            for name, codes in profile.codes.items()
            if name in companion.names
        },
        nhs_numbers=profile.nhs_numbers,
    )


def _check_targets(profile: Profile, contract: Contract, name: str) -> None:
    named = [*profile.columns.values(), *profile.codes]
    unknown = sorted(set(named) - set(contract.names))
    if unknown:
        raise SettingsError(
            f"The profile names columns that the contract does not have: {', '.join(unknown)}",
            where=f"profile {name}",
        )
    for column, codes in profile.codes.items():
        if not set(codes.values()) <= {"", *contract.column(column).codes}:
            raise SettingsError(
                "The profile maps to codes that the contract does not have",
                where=f"profile {name}, column {column}",
            )
