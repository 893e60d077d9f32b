"""Every hard case comes out as its story says, through the real rooms and at any moment of the month."""

from __future__ import annotations

import calendar
from collections import Counter
from datetime import UTC, datetime

import pandas as pd
import pytest

from pipeline.agreements.loading import read_agreement
from pipeline.consent.decide import decide
from pipeline.contract import load_contract
from pipeline.demo.authority import AUTHORITY, TEMPLATE
from pipeline.demo.births import as_csv
from pipeline.demo.cases import CASES, expectations
from pipeline.geography.place import place, read_hospital_postcodes
from pipeline.geography.directory import Directory
from pipeline.geography.reach import Reach, build_reach
from pipeline.intake.profiles import load_profile
from pipeline.intake.readers import read_csv
from pipeline.reasons import Reason, ReasonClass, unpack
from pipeline.records import DISCLOSURES, SUPPRESSIONS, Extract, Month, empty
from pipeline.validation.checks import validate

# These are told by later words or by earlier months, not by an extract; the last two stand in
# agreements that tell parents and let them object.
NOT_IN_AN_EXTRACT = {
    Reason.SUPPRESSED, Reason.IDENTITY_SUPERSEDED, Reason.NATIONAL_OPT_OUT, Reason.ALREADY_SHARED,
    Reason.NOTICE_NOT_SENT, Reason.OBJECTION_WINDOW_OPEN,
}  # fmt: skip


def test_each_reason_that_an_extract_can_give_has_a_case() -> None:
    expected = {expects for _, expects in expectations()}
    wanted = {reason for reason in Reason if reason.reason_class is not ReasonClass.RUN} - NOT_IN_AN_EXTRACT
    assert {str(reason) for reason in wanted} <= expected


def test_each_row_rule_has_a_case() -> None:
    expected = {expects for _, expects in expectations()}
    assert {f"quarantined:{rule.id}" for rule in load_contract().rules} <= expected


def test_cases_are_told_apart() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(case.story for case in CASES)
