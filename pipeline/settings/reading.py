"""Reading a file of settings: what is wrong with it is said by its place, never by its value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import SettingsError
from pipeline.settings.values import CODE

Model = TypeVar("Model", bound=BaseModel)

_IN_WORDS = {
    "extra_forbidden": "there is no such setting",
    "missing": "it must be there, and is not",
    "model_type": "names and their values must stand here, one below the other",
}


def read_model(model: type[Model], raw: object, *, where: Path) -> Model:
    """`raw` as `model`; raises SettingsError that names each wrong place and no value."""
    problems: list[str] = []
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            place = ".".join(_named(raw, problem["loc"])) or "the whole file"
            said = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{place}: {_IN_WORDS.get(problem['type'], said)}")
    raise SettingsError("Settings cannot be used: " + "; ".join(problems), where=str(where))


def _named(raw: Any, place: tuple[int | str, ...]) -> list[str]:
    """The way to a place, with whatever has a code by that code and not by its number in a list."""
    parts: list[str] = []
    for part in place:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            raw = None  # a key that is missing, for one
        code = raw.get("code") if isinstance(part, int) and isinstance(raw, dict) else None
        parts.append(code if isinstance(code, str) and CODE.fullmatch(code) else str(part))
    return parts
