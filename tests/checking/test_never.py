"""What no agreement can lift is unreachable under every template: proved over all coded records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checking.worlds import AGES, TEMPLATE_FILES, TOLD, tables, template
from pipeline.checking.asking import ask
from pipeline.checking.choices import Setting
from pipeline.checking.mixing import disagreements
from pipeline.checking.properties import NEVER, understand
from pipeline.checking.tables import INDEPENDENT, Tables
from pipeline.consent import decide, findings
from pipeline.errors import IntegrityError
from pipeline.reasons import Reason, ReasonClass

every_template = pytest.mark.parametrize("file", TEMPLATE_FILES, ids=lambda file: file.name)
MANY = 1_000
MUCH = 20_000  # a group that looks at another only where rare parts meet shows in few records


def test_every_reason_that_no_agreement_lifts_has_its_records() -> None:
    assert set(NEVER) == {one for one in Reason if one.reason_class is ReasonClass.NEVER}


@every_template
def test_no_record_that_must_not_be_shared_is_shared(file: Path) -> None:
    made = template(file.name)
    asked = [(reason, name) for reason, names in NEVER.items() for name in names]
    questions = {name: understand(name, made.setting, made.variables) for _, name in asked}
    answers = {answer.asked: answer for answer in ask(made, questions)}
    for reason, name in asked:
        answer = answers[name]
        assert not answer.ever, name
        assert answer.combinations > 0
        assert reason in answer.stopped_by, name


@every_template
def test_each_of_those_reasons_is_reached(file: Path) -> None:
    """Otherwise nothing is proved. (That no record with a reason is shared, the engine checks itself.)"""
    made = template(file.name)
    found = np.concatenate([made.group(name).reasons for name in INDEPENDENT])
    for reason in NEVER:
        assert (found & reason.bit).any(), reason


@every_template
def test_groups_do_not_look_at_one_another(file: Path) -> None:
    assert disagreements(template(file.name), np.random.default_rng(1), MUCH) == 0


def test_a_group_that_looks_at_another_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one column of a group the engine is asked about other records than the tables are of."""
    made = tables(*AGES, confidentiality=TOLD)
    assert disagreements(made, np.random.default_rng(1), MANY) == 0
    whole = made.engine.reasons

    def of_others(chosen: dict[str, np.ndarray], total: int) -> np.ndarray:
        return whole({name: one for name, one in chosen.items() if name != "confidentiality"}, total)

    monkeypatch.setattr(made.engine, "reasons", of_others)
    assert disagreements(made, np.random.default_rng(1), MANY) > 0


# --- the proof can fail -----------------------------------------------------------------------------

OF_ONE_ROW = [
    Reason.NOT_A_LIVE_BIRTH, Reason.LIVE_BIRTH_NOT_STATED, Reason.CHILD_DIED, Reason.RESTRICTED_RECORD,
    Reason.SUPPRESSED, Reason.IDENTITY_SUPERSEDED, Reason.TEST_RECORD,
]  # fmt: skip


@pytest.fixture(scope="module")
def without_rules() -> Tables:
    """The tables of an engine that has lost every rule about one row that no agreement can lift."""
    with pytest.MonkeyPatch.context() as patch:
        left = tuple(rule for rule in findings.RULES if rule.reason not in OF_ONE_ROW)
        patch.setattr(findings, "RULES", left)
        made = Tables(Setting(tables(*AGES, confidentiality=TOLD).setting.agreement))
        assert made.always == 0  # decides everything now, while the rules are gone
        made.engine.records = _unpatched(made, left)
        return made


def _unpatched(made: Tables, rules: tuple[object, ...]) -> Callable[[Any], Any]:
    records = made.engine.records

    def decided(wanted: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(findings, "RULES", rules)
            return records(wanted)

    return decided


@pytest.mark.parametrize("reason", OF_ONE_ROW)
def test_an_engine_that_lost_a_rule_is_caught(without_rules: Tables, reason: Reason) -> None:
    made = without_rules
    questions = {name: understand(name, made.setting, made.variables) for name in NEVER[reason]}
    assert any(answer.ever for answer in ask(made, questions))


def test_an_engine_that_forgets_siblings_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "hold_families", lambda *_: None)
    made = Tables(Setting(tables(*AGES, confidentiality=TOLD).setting.agreement))
    names = NEVER[Reason.SIBLING_DIED_OR_MISSING]
    answers = ask(made, {name: understand(name, made.setting, made.variables) for name in names})
    assert all(answer.ever for answer in answers)


def test_an_engine_that_changes_its_mind_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An example is decided once more, whole; where that says otherwise there is no answer."""
    made = tables(*AGES, confidentiality=TOLD)
    assert made.always == 0
    left = tuple(rule for rule in findings.RULES if rule.reason is not Reason.NOT_A_LIVE_BIRTH)
    monkeypatch.setattr(findings, "RULES", left)
    with pytest.raises(IntegrityError, match="otherwise than its parts"):
        ask(made, {"a stillbirth": understand("a stillbirth", made.setting, made.variables)})
