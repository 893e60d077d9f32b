"""Tables of agreements, made once: the sample agreement with changes, and the templates."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pipeline.agreements.loading import read_agreement
from pipeline.checking.asking import Answer, ask
from pipeline.checking.choices import Setting
from pipeline.checking.properties import setting_for, understand
from pipeline.checking.tables import Tables
from pipeline.records import TEMPLATES
from spec.world import NOTICE, agreement

TEMPLATE_FILES = sorted(TEMPLATES.glob("*.yaml"))

# A notice has fewer answers to weigh, so its tables are quicker to make.
TOLD = {**NOTICE, "national_opt_out": True}
# Questions about days make boundaries of their own: all of them at once, so that tables are made once.
AGES = (
    "older than 120 days", "older than 119 days", "younger than 14 days", "younger than 15 days",
    "consent older than 60 days", "consent older than 59 days",
)  # fmt: skip
EXPECTED = {
    "cohort": {
        "of": "expected_births", "months_back": 0, "months_ahead": 6, "minimum_age_days": 0,
        "maximum_age_days": None, "minimum_gestation_days": 84,
    },
    "confidentiality": {"antenatal_days": 280, "max_age_days": None},
}  # fmt: skip


@cache
def template(name: str) -> Tables:
    return Tables(Setting(read_agreement(TEMPLATES / name)[0]))


def tables(*asked: str, **parts: Any) -> Tables:
    return _tables(asked, json.dumps(parts, sort_keys=True))


@cache
def _tables(asked: tuple[str, ...], parts: str) -> Tables:
    return Tables(setting_for(Setting(agreement(**json.loads(parts))), asked))


def answered(question: str, **parts: Any) -> Answer:
    """The answer to one question under the sample agreement with changes."""
    made = tables(*AGES, **parts)
    [answer] = ask(made, {question: understand(question, made.setting, made.variables)})
    return answer
