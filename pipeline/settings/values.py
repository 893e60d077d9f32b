"""Kinds of values that stand in settings, and the model that all settings are."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

CODE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")
Code = Annotated[str, StringConstraints(pattern=CODE)]


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be one line, without blanks at its ends")
    return text


Line = Annotated[str, AfterValidator(_one_line)]  # what is signed is read line by line
Port = Annotated[int, Field(gt=0, lt=65536)]


def _is_file_name(text: str) -> str:
    if "/" in text or "\\" in text or text.startswith("."):
        raise ValueError("must be a plain name, without / and not beginning with a dot")
    return text


FileName = Annotated[Line, AfterValidator(_is_file_name)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values, where none is there twice."""
    if len(set(values)) < len(values):
        raise ValueError("something is named twice")
    return values


# One file, or a list of files.
Files = Annotated[tuple[Line, ...], BeforeValidator(_listed), AfterValidator(different), Field(min_length=1)]


class Strict(BaseModel):
    """A model that refuses what it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
