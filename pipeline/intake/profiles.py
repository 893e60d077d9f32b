"""Supplier profiles: another system's headings, codes and encoding, mapped to the contract."""

from __future__ import annotations

import re
from typing import Literal

import pandas as pd
import yaml

from pipeline.contract import Contract, check_codes
from pipeline.errors import SettingsError
from pipeline.home import Strict, read_model
from pipeline.records import SCHEMAS

PROFILES = SCHEMAS / "profiles"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\Z")


class Profile(Strict):
    """How one supplier's file differs from the contract. Nothing listed means no difference."""

    description: str
    encoding: Literal["utf-8", "cp1252"] = "utf-8"
    columns: dict[str, str] = {}  # the supplier's heading: the contract's column
    codes: dict[str, dict[str, str]] = {}  # the contract's column: {supplier's code: contract's code}

    def to_contract(self, heading: str) -> str:
        """The contract's name for a heading; an unmapped heading keeps its own."""
        return self.columns.get(heading, heading)


def load_profile(name: str, contract: Contract) -> Profile:
    """The profile of that name; raises SettingsError where it is missing or names unknown columns."""
    if not _NAME.match(name):
        raise SettingsError("That is not a profile's name", do="Use small letters, digits, - and _.")
    file = PROFILES / f"{name}.yaml"
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


def for_companion(profile: Profile, companion: Contract) -> Profile:
    """What a profile says of the columns and codes that a companion file has too.

    A code that the companion's contract does not have is left out, and then stops the file.
    """
    return profile.model_copy(
        update={
            "columns": {own: name for own, name in profile.columns.items() if name in companion.names},
            "codes": {
                name: {own: code for own, code in codes.items() if code in companion.column(name).codes}
                for name, codes in profile.codes.items()
                if name in companion.names
            },
        }
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


def translate_codes(frame: pd.DataFrame, profile: Profile, *, where: str) -> pd.DataFrame:
    """`frame` with the supplier's codes replaced by the contract's.

    Raises IntegrityError where a mapped column holds a code that the profile does not know.
    """
    translated = {}
    for column, codes in profile.codes.items():
        if column in frame:
            values = frame[column].str.strip(" ")
            check_codes(column, values, codes, frame["row"], where=where)
            translated[column] = values.replace(codes)
    return frame.assign(**translated)
