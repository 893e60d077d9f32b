"""Profiles may only speak of what the contract has."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.contract import Contract, contract_of
from pipeline.errors import IntegrityError, SettingsError
from pipeline.intake import profiles
from pipeline.intake.profiles import Profile, for_companion, load_profile
from pipeline.intake.translating import translated


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a profile called `own`."""
    monkeypatch.setattr(profiles, "PROFILES", tmp_path)
    return tmp_path / "own.yaml"


def test_the_contracts_own_profile_changes_nothing(profile: Profile) -> None:
    assert (profile.encoding, profile.columns, profile.codes) == ("utf-8", {}, {})


@pytest.mark.parametrize("name", ["../secrets", "UPPER", "", "a b"])
def test_a_name_that_could_leave_the_folder_is_refused(contract: Contract, name: str) -> None:
    with pytest.raises(SettingsError, match="not a profile's name"):
        load_profile(name, contract)


def test_a_missing_profile_is_refused(contract: Contract) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_profile("nowhere", contract)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {X: nhs_no}", "columns that the contract does not have: nhs_no"),
        ("codes: {gender: {M: '1'}}", "columns that the contract does not have: gender"),
        ("codes: {sex: {M: male}}", "codes that the contract does not have .profile own, column sex"),
        ("encoding: latin-1", "encoding"),
        ("colums: {}", "colums"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_profile_that_says_more_than_the_contract_is_refused(
    contract: Contract, write: Path, text: str, message: str
) -> None:
    write.write_text(f"description: own\n{text}\n")
    with pytest.raises(SettingsError, match=message):
        load_profile("own", contract)


def test_a_companion_file_is_read_as_far_as_it_has_the_same_columns(contract: Contract) -> None:
    profile = Profile(
        description="own",
        columns={"BABY": "nhs_number", "LINE1": "address_line_1"},
        codes={"consent_status": {"1": "given", "2": "refused", "3": "not_asked"}, "sex": {"M": "1"}},
    )
    own = for_companion(profile, contract_of("answers"))
    assert own.columns == {"BABY": "nhs_number"}
    assert own.codes == {"consent_status": {"1": "given", "2": "refused"}}
    answers = contract_of("answers")
    frame = pd.DataFrame({"consent_status": ["1", "2"], "row": [1, 2]})
    assert translated(frame, answers, own, where="answers")["consent_status"].tolist() == [
        "given",
        "refused",
    ]
    with pytest.raises(IntegrityError, match="column consent_status, record 1"):
        translated(frame.replace("1", "3"), answers, own, where="answers")
