"""Every hard case comes out as its story says, through the real rooms and at any moment of the month."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time

import pandas as pd
import pytest

from pipeline.agreements.loading import read_agreement
from pipeline.consent.decide import decide
from pipeline.contract import load_contract
from pipeline.demo.authority import TEMPLATE, Demonstration
from pipeline.demo.cases import CASES, expectations
from pipeline.encryption.opening import open_openpgp
from pipeline.geography.compiling import build_reach
from pipeline.geography.place import place, read_hospital_postcodes
from pipeline.home import Home
from pipeline.intake.files import as_extract
from pipeline.intake.profiles import load_profile
from pipeline.reasons import Outcome, Reason, ReasonClass, unpack
from pipeline.records import DISCLOSURES, SUPPRESSIONS, Extract, empty
from pipeline.validation.checks import Validated, validate

# These are told by later words or by earlier months, not by an extract; three stand in agreements that tell
# parents and let them object, or that share numbers alone. A demonstration takes test numbers for real ones.
NOT_IN_AN_EXTRACT = {
    Reason.SUPPRESSED, Reason.IDENTITY_SUPERSEDED, Reason.NATIONAL_OPT_OUT, Reason.ALREADY_SHARED,
    Reason.NOTICE_NOT_SENT, Reason.OBJECTION_WINDOW_OPEN, Reason.NO_FAMILY_SHARED,
    Reason.TEST_RECORD,
}  # fmt: skip


def test_each_reason_that_an_extract_can_give_has_a_case() -> None:
    expected = {expects for _, expects in expectations()}
    wanted = {reason for reason in Reason if reason.reason_class is not ReasonClass.RUN} - NOT_IN_AN_EXTRACT
    assert {str(reason) for reason in wanted} <= expected


def test_each_rule_that_sets_rows_aside_has_a_case() -> None:
    expected = {expects for _, expects in expectations()}
    assert {f"quarantined:{rule.id}" for rule in load_contract().rules if rule.sets_aside} <= expected


def test_cases_are_told_apart() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(case.story for case in CASES)


@pytest.fixture(scope="module")
def extract(made: Demonstration) -> Extract:
    """What the authority finds in its inbox."""
    home, month = Home.open(made.home), made.month
    supplier = home.settings.suppliers["chis"]
    opened = open_openpgp(
        made.sealed,
        private_key=home.at("keys/decryption.key"),
        signing_key=home.at(supplier.signing_key),
        fingerprint=supplier.signing_fingerprint,
        max_bytes=supplier.max_bytes,
    )
    contract = load_contract()
    return as_extract(
        opened, "chis", month, contract=contract, layout=load_profile(supplier.profile, contract)
    )


@pytest.fixture(scope="module")
def validated(made: Demonstration, extract: Extract) -> Validated:
    look_back = Home.open(made.home).settings.suppliers["chis"].look_back_months
    return validate(extract, contract=load_contract(), reference_key=b"k" * 32, look_back_months=look_back)


@pytest.fixture(scope="module")
def placements(
    made: Demonstration, validated: Validated, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    reference = made.home / "reference"
    directory, reach = reference / "postcodes.sqlite", tmp_path_factory.mktemp("reach") / "reach.sqlite"
    build_reach([reference / "reach_areas.csv"], directory, reach, on=made.month.last_day)
    return place(
        validated.births[["reference", "postcode"]],
        directory=directory,
        reach=reach,
        network="childrens_centres",
        hospital_postcodes=read_hospital_postcodes(reference / "hospital_postcodes.csv"),
    )


@pytest.mark.parametrize("day", ["first", "last"])
def test_each_case_comes_out_as_its_story_says(
    made: Demonstration, extract: Extract, validated: Validated, placements: pd.DataFrame, day: str
) -> None:
    after = made.month.plus(1)
    moment = datetime.combine(after.first_day if day == "first" else after.last_day, time(9), tzinfo=UTC)
    agreement, _ = read_agreement(made.home / "agreements" / TEMPLATE.name)
    decisions = decide(
        validated.births,
        placements,
        empty(SUPPRESSIONS),
        empty(DISCLOSURES),
        agreement,
        month=made.month,
        moment=moment,
        demonstration=True,
    )
    became = _became(extract, validated, decisions)
    wanted = expectations()
    missing = [(record_id, expects) for record_id, expects in wanted if expects not in became[record_id]]
    assert missing == []
    assert became["case-sent-twice-1"] == {"share": 1, "duplicate_record": 1}


def _became(extract: Extract, validated: Validated, decisions: pd.DataFrame) -> dict[str, Counter[str]]:
    """By record_id: the outcome "share", every reason, and every rule that set it aside."""
    became: dict[str, Counter[str]] = {record_id: Counter() for record_id in extract.frame["record_id"]}
    row_ids = extract.frame.set_index("row")["record_id"]
    for line in validated.quarantine.itertuples():
        became[row_ids[line.row]][f"quarantined:{line.rule}"] += 1
    ids = validated.births.set_index("reference")["record_id"]
    for line in decisions.itertuples():
        reasons = [str(reason) for reason in unpack(line.reasons)]
        became[ids[line.reference]].update(reasons if line.outcome != Outcome.SHARE else ["share"])
    return became
