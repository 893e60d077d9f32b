"""Whose answers an agreement hears, and which suppliers it may name."""

from __future__ import annotations

import pandas as pd
import pytest

from month_authority import NOW, Authority, CommandLine
from pipeline.errors import SettingsError
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import ChangesApplied, Kind
from pipeline.records import ANSWERS, SUPPRESSIONS, declared, empty
from pipeline.steps.companions import answers_about
from pipeline.steps.inputs import check_datasets
from spec.world import agreement

SETTINGS_WRONG = 2


def answers(*rows: tuple[str, str]) -> pd.DataFrame:
    """(supplier, answer), each about a child of its own."""
    frame = pd.DataFrame(rows, columns=["supplier", "answer"])
    frame = frame.assign(child=[f"{n:032x}" for n in range(len(rows))], date=pd.Timestamp("2026-10-01"))
    return declared(frame.assign(person="mother", scope="", wording=""), {**ANSWERS, "supplier": "str"})


def test_of_another_suppliers_answers_only_those_against_sharing_count() -> None:
    theirs = [("elsewhere", "given"), ("elsewhere", "refused"), ("elsewhere", "withdrawn")]
    found = answers_about(agreement(suppliers=["chis"]), answers(("chis", "given"), *theirs))
    assert found["answer"].tolist() == ["given", "refused", "withdrawn"]
    assert list(found) == list(ANSWERS)


def test_an_agreement_about_births_may_not_name_a_supplier_of_expected_births(authority: Authority) -> None:
    authority.setting("[suppliers.chis]", '[suppliers.chis]\ndataset = "expected_births"')
    with pytest.raises(SettingsError, match="about births.*do not send them: chis"):
        check_datasets(authority.reopened(), agreement(suppliers=["chis"]))


def test_such_a_month_does_not_begin_and_the_doctor_says_why(birthshare: CommandLine) -> None:
    birthshare.authority.setting("[suppliers.chis]", '[suppliers.chis]\ndataset = "expected_births"')
    stopped = birthshare.run()
    assert stopped.code == SETTINGS_WRONG
    stopped.says("do not send them: chis", "cohort.of")
    findings = birthshare("doctor", "--json").json["findings"]
    [advice] = [
        one["advice"] for one in findings if one["what"].strip() == "its suppliers send what it is about"
    ]
    assert "do not send them: chis" in advice


def test_the_doctor_says_that_a_profile_is_missing(birthshare: CommandLine) -> None:
    birthshare.authority.setting("[suppliers.chis]", '[suppliers.chis]\nprofile = "nowhere"')
    findings = birthshare("doctor", "--json").json["findings"]
    [advice] = [one["advice"] for one in findings if one["what"] == "the profile of chis"]
    assert "profile cannot be read" in advice


# --- the ledger -----------------------------------------------------------------------------------


def test_words_and_where_they_come_from_are_one_transaction(authority: Authority) -> None:
    """A word that cannot be recorded leaves no trace of its list either."""
    body = ChangesApplied(
        source="authority", sha256="0" * 64, principal="data.lead@example.org", rows=1, words={}, unusable=0
    )
    wrong = declared(pd.DataFrame({"subject": ["0" * 32], "word": ["gone"], "since": [pd.NaT]}), SUPPRESSIONS)
    with opened_ledger(authority.home) as ledger, pytest.raises(Exception, match="word"):
        ledger.suppress(wrong, NOW, source=body)
    assert authority.recorded(Kind.CHANGES_APPLIED) == []
    with opened_ledger(authority.home) as ledger:
        ledger.suppress(empty(SUPPRESSIONS), NOW, source=body)
        ledger.suppress(empty(SUPPRESSIONS), NOW, source=body)
    assert authority.recorded(Kind.CHANGES_APPLIED) == [body]
