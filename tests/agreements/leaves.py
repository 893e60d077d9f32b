"""Every place of an agreement that can be changed, and agreements in which exactly that was changed."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import date, timedelta
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement, ListField, Permission, Rounding, Shares
from pipeline.records import TEMPLATES

Content = dict[str, Any]

AGREEMENTS = {file.name: read_agreement(file)[0] for file in sorted(TEMPLATES.glob("*.yaml"))}
WELCOME = AGREEMENTS["welcome-card-first-visit.v1.yaml"]

FACT = {"says": "A law of its own", "as_of": "2026-02-03"}
TOTALS = {"source": "extract", "rounding": "nhs_england_5"}
WORDS = [
    *Permission, *Shares, *ListField, *Rounding, "each_child", "one_card", "births", "expected_births",
    "processor", "controller", "joint controller", "signature", "airflow", "another_code", "E06000001",
]  # fmt: skip


def leaves(model: type[BaseModel] = Agreement, before: str = "") -> set[str]:
    """`cohort.settling_days`, `parties[].name`: every place of the model that holds a value of its own."""
    return {
        leaf
        for name, field in model.model_fields.items()
        for leaf in _leaves_of(field.annotation, before + name)
    }


def _leaves_of(annotation: Any, place: str) -> set[str]:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _leaves_of(inside[0], place)
    if origin in (typing.Union, types.UnionType):
        return set().union(*(_leaves_of(one, place) for one in inside if one is not type(None)))
    if origin is tuple:
        return _leaves_of(inside[0], f"{place}[]")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return leaves(annotation, f"{place}.")
    single = origin is typing.Literal and len(inside) == 1  # cannot be anything else
    return set() if single else {place}


def changed(agreement: Agreement, change: Callable[[Content], object]) -> Agreement:
    """The agreement with something changed; it must still be one."""
    content = agreement.model_dump(mode="json")
    change(content)
    return Agreement.model_validate(content)


def variations(agreement: Agreement) -> Iterator[tuple[str, Agreement]]:
    """The agreement with one place changed at a time, wherever it is still an agreement then."""
    content = agreement.model_dump(mode="json")
    for place, path, value in _places(content):
        for candidates in _candidates(value):
            others = (_with(content, path, candidate) for candidate in candidates)
            found = next((one for one in others if one not in (None, agreement)), None)
            if found is not None:
                yield place, found


def _with(content: Content, path: tuple[Any, ...], value: Any) -> Agreement | None:
    """The agreement with a value put there; None where it is no agreement then."""
    other: Any = deepcopy(content)
    target = other
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    try:
        return Agreement.model_validate(other)
    except ValidationError:
        return None


def _places(value: Any, place: str = "", path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any, Any]]:
    if path:
        yield place, path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, f"{place}.{key}" if place else key, (*path, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _places(inner, f"{place}[]", (*path, number))


def _candidates(value: Any) -> Iterator[Sequence[Any]]:
    """Other values, in groups: of each group the first that can stand there is enough."""
    if isinstance(value, bool):
        yield [not value]
    elif isinstance(value, int):
        yield [value + 1]
        yield [value - 1]
    elif isinstance(value, str):
        yield _later(value) or [f"{value}-changed", *WORDS]
    elif isinstance(value, list):
        yield [value[:-1]]
        yield [[*value, word] for word in WORDS if not any(isinstance(one, dict) for one in value)]
    yield [None] if value is not None else [1, 2, "another_code", FACT, TOTALS]


def _later(day: str) -> list[str]:
    try:
        return [str(date.fromisoformat(day) + timedelta(days=days)) for days in (1, -1)]
    except ValueError:
        return []


def family_hubs(content: Content) -> None:
    content["recipients"]["kinds"] = ["childrens_centre", "family_hub"]


def notice(content: Content) -> None:
    content["confidentiality"] |= {"permission": "notice", "objection_days": 28}


def by_name(content: Content) -> None:
    content["recipients"] |= {"network": None, "named": "linkage-office"}


def for_each_kind(content: Content) -> None:
    family_hubs(content)
    content["fields_for"] = {"childrens_centre": ["address"], "family_hub": content["fields"]}


def totals_alone(content: Content) -> None:
    content |= {"shares": "totals", "fields": [], "totals": TOTALS}
    content["confidentiality"] |= {"permission": "not_needed"}


def under_pseudonym(content: Content) -> None:
    content |= {"shares": "pseudonyms", "fields": ["pseudonym", "sex"], "household": "each_child"}


def expected(content: Content) -> None:
    content |= {"fields": ["parent_name", "address"], "totals": None}
    content["cohort"] |= {"of": "expected_births", "months_back": 0, "maximum_age_days": None}


def a_third_version(content: Content) -> None:
    content |= {"version": 3, "replaces": 2}


LARGER_CHANGES = (
    family_hubs, notice, by_name, for_each_kind, totals_alone, under_pseudonym, expected, a_third_version,
)  # fmt: skip
# Of each kind one, so that every place can be changed in some of them.
BASES = (*AGREEMENTS.values(), *(changed(WELCOME, change) for change in LARGER_CHANGES))
