"""Everything that can be said of an agreement before it is signed: what is wrong, and who can be shared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from pipeline.agreements.model import Agreement
from pipeline.checking.asking import Answer, ask
from pipeline.checking.choices import Setting
from pipeline.checking.findings import Finding, findings
from pipeline.checking.in_home import findings_in
from pipeline.checking.mixing import disagreements
from pipeline.checking.properties import FIRST, NEVER, properties, setting_for, understand
from pipeline.checking.tables import Tables
from pipeline.errors import IntegrityError
from pipeline.home import Home

EVERYTHING = "all"
MIXED = 300  # whole records, put together at random, by which each check tries its own method


@dataclass(frozen=True)
class Checked:
    """What was found, and what was asked."""

    findings: tuple[Finding, ...]  # errors first
    answers: tuple[Answer, ...]
    decided: int  # records that the engine decided for this

    @property
    def well(self) -> bool:
        """Whether no error was found."""
        return all(one.level != "error" for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For programs. The records in it are of families that do not exist."""
        return {
            "well": self.well,
            "findings": [vars(one) for one in self.findings],
            "answers": [
                {
                    "asked": one.asked,
                    "ever": one.ever,
                    "combinations": one.combinations,
                    "stopped_by": [str(reason) for reason in one.stopped_by],
                    "example": {
                        "decided_on": one.example.decided_on,
                        "outcome": one.example.outcome,
                        "reasons": [str(reason) for reason in one.example.reasons],
                        "record": {fact.name: fact.code for fact in one.example.facts},
                    },
                }
                for one in self.answers
            ],
            "decided": self.decided,
        }


def check(
    agreement: Agreement,
    *,
    asked: Sequence[str],
    home: Home | None,
    now: datetime,
    random: np.random.Generator,
) -> Checked:
    """Look at an agreement, alone or in a home, and answer what was asked.

    Without a question it answers what must never be shared, and what a guardian asks first; with `all`
    every question known by name that some rule of this agreement looks at. Raises SettingsError for a
    question that it does not understand, and IntegrityError where the engine contradicts the answers.
    """
    setting = setting_for(Setting(agreement), asked)
    tables = Tables(setting, demonstration=home is not None and home.settings.authority.demonstration)
    questions = {one: understand(one, setting, tables.variables) for one in _questions(asked, setting)}
    if EVERYTHING in asked:
        questions = {one: wanted for one, wanted in questions.items() if wanted or one in asked}
    found = findings(agreement, tables)
    if home is not None:
        found += findings_in(home, agreement, on=now.date())
    answers = ask(tables, questions)
    _try_out(tables, random)
    ordered = sorted(found, key=lambda one: one.level)
    return Checked(tuple(ordered), tuple(answers), tables.engine.decided)


def _questions(asked: Sequence[str], setting: Setting) -> Iterable[str]:
    if EVERYTHING in asked:
        return [*properties(setting), *(one for one in asked if one != EVERYTHING)]
    return asked or [*(one for names in NEVER.values() for one in names), *FIRST]


def _try_out(tables: Tables, random: np.random.Generator) -> None:
    """Raises IntegrityError where whole records are decided otherwise than their parts."""
    if disagreements(tables, random, MIXED):
        raise IntegrityError(
            "The engine decides whole records otherwise than their parts",
            where=f"agreement {tables.setting.agreement.id}",
            do="No answer can be relied on; report this.",
        )
