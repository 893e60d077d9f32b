"""Can a record like this ever be shared? Answered from the tables, with an example.

"Never" means that every combination is stopped. "Yes" comes with one whole record, which the engine has
decided once more as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.checking.engine import Record
from pipeline.checking.families import Mask
from pipeline.checking.tables import INDEPENDENT, Table, Tables
from pipeline.errors import IntegrityError, SettingsError
from pipeline.reasons import Outcome, Reason

Wanted = Mapping[str, frozenset[int]]  # by variable, the positions of the choices that are asked about


@dataclass(frozen=True)
class Fact:
    """One line of an example: a variable, its value as a frame would hold it, and what that means."""

    name: str
    code: str
    words: str
    notable: bool  # asked about, or out of the ordinary


@dataclass(frozen=True)
class Example:
    """A whole record and what is decided about it; nobody real."""

    facts: tuple[Fact, ...]
    decided_on: str  # the day of the decision
    outcome: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Answer:
    """Whether a record with the property can ever be shared."""

    asked: str
    ever: bool
    combinations: int  # records with the property that the answer covers
    stopped_by: tuple[Reason, ...]  # where never: what stops those that have nothing else against them
    example: Example


def ask(tables: Tables, questions: Mapping[str, Sequence[Wanted]]) -> list[Answer]:
    """The answer to each question, about records that fit at least one of its alternatives.

    Raises IntegrityError where the engine decides an example otherwise than the tables say, and
    SettingsError for a question that fits no record.
    """
    asked = {name: _parts(tables, name, alternatives) for name, alternatives in questions.items()}
    shown = {name: [part for part in parts if part.ever][:1] or parts for name, parts in asked.items()}
    wanted = [part.record() for parts in shown.values() for part in parts]
    records = iter(tables.engine.records(wanted)) if wanted else iter(())
    return [
        _answer(tables, name, parts, [(part, next(records)) for part in shown[name]])
        for name, parts in asked.items()
    ]


def _parts(tables: Tables, asked: str, alternatives: Sequence[Wanted]) -> list[_Part]:
    parts = [part for wanted in alternatives if (part := _Part(tables, wanted)).combinations]
    if not parts:
        raise SettingsError(
            "No rule of this agreement looks at that, and no record differs by it",
            where=f"--ask {asked!r}",
            do="A record with it is decided just as one without it.",
        )
    return parts


def _answer(
    tables: Tables, asked: str, parts: Sequence[_Part], shown: Sequence[tuple[_Part, Record]]
) -> Answer:
    ever = shown[0][0].ever
    examples = [_example(tables, part, record, shared=ever) for part, record in shown]
    return Answer(
        asked,
        ever,
        sum(part.combinations for part in parts),
        tuple({reason: None for one in examples for reason in one.reasons}),
        examples[0],
    )


def _example(tables: Tables, part: _Part, record: Record, *, shared: bool) -> Example:
    """A record that fits, decided whole."""
    if (record.outcome is Outcome.SHARE) != shared:
        raise IntegrityError(
            "The engine decides a whole record otherwise than its parts",
            where=f"agreement {tables.setting.agreement.id}",
            do="No answer was given; report this.",
        )
    facts = []
    for name, variable in tables.variables.items():
        position = record.positions[name]
        choice, notable = variable.choices[position], name in part.wanted or position != 0
        facts.append(Fact(name, choice.code, f"{variable.words}: {choice.words}", notable))
    return Example(tuple(facts), str(tables.setting.today), record.outcome.word, record.reasons)


class _Part:
    """One alternative: the combinations that fit it in every group."""

    def __init__(self, tables: Tables, wanted: Wanted) -> None:
        self._tables = tables
        self.wanted = wanted
        self._fits = {name: tables.group(name).matching(wanted) for name in INDEPENDENT}
        self._fits_cohort = tables.cohort.matching(wanted)

    @cached_property
    def ever(self) -> bool:
        """Whether every group has a clear combination among those that fit, joined by the day of birth."""
        alone = all(self._clear(name).any() for name in INDEPENDENT)
        return self._tables.always == 0 and alone and bool(self._births)

    @cached_property
    def combinations(self) -> int:
        """How many records fit."""
        beside = [int(self._fits[name].sum()) for name in INDEPENDENT]
        some = next(iter(self._tables.births), 0)
        answers = int(self._tables.answers(some).matching(self.wanted).sum())
        return int(self._fits_cohort.sum()) * answers * math.prod(beside)

    def record(self) -> dict[str, int]:
        """One record that fits, as clear as can be and then as ordinary as can be."""
        tables, births = self._tables, self._births
        fits = self._allowed() if self._allowed().any() else self._fits_cohort
        if births:
            fits = fits & np.isin(tables.cohort.cases["date_of_birth"], births)
        chosen = _chosen(tables.cohort, fits)
        for name in INDEPENDENT:
            chosen |= _chosen(tables.group(name), self._fits[name])
        table = tables.answers(chosen["date_of_birth"])
        return chosen | _chosen(table, table.matching(self.wanted))

    def _clear(self, name: str) -> Mask:
        return self._fits[name] & self._tables.group(name).clear

    def _allowed(self) -> Mask:
        return self._fits_cohort & self._tables.cohort.clear

    @cached_property
    def _births(self) -> list[int]:
        """Days of birth that fit, are allowed, and have an answer that fits and is clear."""
        days = np.unique(self._tables.cohort.cases["date_of_birth"][self._allowed()])
        tables = {int(day): self._tables.answers(int(day)) for day in days}
        return [day for day, table in tables.items() if (table.matching(self.wanted) & table.clear).any()]


def _chosen(table: Table, fits: Mask) -> dict[str, int]:
    """The row that fits with the least against it, and then with the fewest choices out of the ordinary."""
    rows = np.flatnonzero(fits)
    against = np.bitwise_count(table.reasons[rows])
    unusual = np.sum([values[rows] != 0 for values in table.cases.values()], axis=0)
    best = rows[np.lexsort((unusual, against))[0]]
    return {name: int(values[best]) for name, values in table.cases.items()}
