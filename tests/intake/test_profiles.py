"""Profiles may only speak of what the contract has."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.contract import Contract, contract_of
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Authority, Home, Settings, Supplier
from pipeline.intake import profiles
from pipeline.intake.profiles import Profile, for_companion, load_profile, profile_of
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


def test_a_missing_profile_is_refused_with_those_that_there_are(contract: Contract, write: Path) -> None:
    write.write_text("description: own\n")
    with pytest.raises(SettingsError, match="cannot be read") as caught:
        load_profile("nowhere", contract, own=write.parent)
    assert caught.value.do.endswith(": own.")
    assert f"{write.parent}/NAME.yaml" in caught.value.do


def test_what_a_profile_may_say_stands_beside_what_it_may_not(contract: Contract, write: Path) -> None:
    write.write_text("description: own\ncodes: {consent_status: {J: yes}}\n")
    with pytest.raises(SettingsError, match="contract does not have: yes") as caught:
        load_profile("own", contract, own=write.parent)
    assert "given, refused, withdrawn, not_asked" in caught.value.do
    write.write_text("description: own\ncolumns: {Born: dob}\n")
    with pytest.raises(SettingsError, match="does not have: dob") as caught:
        load_profile("own", contract, own=write.parent)
    assert "date_of_birth" in caught.value.do


@pytest.mark.parametrize("text", ["", "- columns", "columns"])
def test_a_file_that_is_no_profile_is_refused_in_plain_words(
    contract: Contract, write: Path, text: str
) -> None:
    write.write_text(text)
    with pytest.raises(SettingsError, match="names and their values must stand here"):
        load_profile("own", contract, own=write.parent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {X: nhs_no}", "columns that the contract does not have: nhs_no"),
        ("codes: {gender: {M: '1'}}", "columns that the contract does not have: gender"),
        ("codes: {sex: {M: male}}", "codes that the contract does not have: male .profile own, column sex"),
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


# --- what a profile may say -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {A: nhs_number, B: nhs_number}", "two headings are mapped to one column: nhs_number"),
        ("columns: {A: nhs_number}\nnot_used: [A]", "headings are both mapped and not used: A"),
        ("columns: {A: consent_date}\nelsewhere: [consent_date]", "both mapped and come elsewhere"),
        ("elsewhere: [death_status]", "come elsewhere which no file of answers has: death_status"),
        ("elsewhere: [nowhere]", "columns that the contract does not have: nowhere"),
        ("dates: {given_name: DD/MM/YYYY}", "dates are written where there are none: given_name"),
        ("dates: {date_of_death: DD/MM/YY}", "of two, nobody can say the century"),
        ("dates: {'*': someday}", "a way of writing dates is made of"),
        ("blanks: {died: [x]}", "columns that the contract does not have: died"),
        ("codes: {number_of_births: {Twin: two}}", "maps to codes .* column number_of_births"),
        ("codes: {given_name: {X: 'Y'}}", "maps to codes .* column given_name"),
        ("codes: {consent_status: {'': given}}", "a blank is given a meaning under codes: consent_status"),
        ("codes: {death_status: {' ': U}}", "a blank is given a meaning under codes: death_status"),
        (
            "codes: {consent_status: {N: refused}}\nblanks: {consent_status: [N]}",
            "stands for nothing has a meaning under codes too: consent_status",
        ),
        ("companions: {answers: {codes: {consent_status: {'': given}}}}", "a blank is given a meaning"),
        (
            "companions: {answers: {columns: {A: postcode}}}",
            "not have: postcode .profile own, companions.ans",
        ),
        ("companions: {answers: {elsewhere: [consent_date]}}", "which no file of answers has"),
        ("companions: {answers: {columns: {A: nhs_number, B: nhs_number}}}", "two headings"),
        ("companions: {letters: {}}", "companions.letters"),
        ("columns:\n  A: nhs_number\n  A: postcode", "a name stands twice .*own.yaml, line 3"),
        ("columns: {A: nhs_number", "cannot be read: .*own.yaml, line 3"),
        ("columns: [A]", "columns"),
        ("rows_above_header: 51", "rows_above_header"),
        ("rows_above_header: some", "rows_above_header"),
        ("delimiter: ':'", "delimiter"),
        ("format: xlsx\ntrailer: END", "only a CSV file has a trailer"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    contract: Contract, write: Path, text: str, message: str
) -> None:
    write.write_text(f"description: own\n{text}\n")
    with pytest.raises(SettingsError, match=message) as caught:
        load_profile("own", contract)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "just a sentence", "- a\n- b", "\x00", "a: &b [*b]"])
def test_what_is_no_profile_at_all_is_refused(contract: Contract, write: Path, text: str) -> None:
    write.write_text(text)
    with pytest.raises(SettingsError):
        load_profile("own", contract)


def test_codes_are_the_text_that_was_written(contract: Contract, write: Path) -> None:
    """YAML alone would read 01 as a number and No as false."""
    write.write_text("description: own\ncodes: {consent_status: {01: given, No: refused, ~: not_asked}}\n")
    assert load_profile("own", contract).codes["consent_status"] == {
        "01": "given", "No": "refused", "~": "not_asked",
    }  # fmt: skip


def test_a_heading_that_is_not_used_may_be_called_as_a_column_is(contract: Contract, write: Path) -> None:
    write.write_text("description: own\ncolumns: {HOME: postcode}\nnot_used: [postcode]\n")
    own = load_profile("own", contract)
    assert (own.to_contract("HOME"), own.to_contract("postcode")) == ("postcode", "")


SHIPPED = sorted(file.stem for file in profiles.PROFILES.glob("*.yaml"))


def test_at_least_four_suppliers_that_differ_ship_with_us() -> None:
    assert {"wide_table", "person_and_consent", "coded_values", "workbook", "contract"} <= {*SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_profile_can_be_used(contract: Contract, name: str) -> None:
    own = load_profile(name, contract)
    if own.format != "fhir" and own.columns:
        assert {*contract.must_exist} <= {*own.columns.values(), *own.elsewhere}
    for companion in ("answers", "changes"):
        assert for_companion(own, contract_of(companion))


def test_columns_come_elsewhere_only_where_a_file_brings_them(tmp_path: Path) -> None:
    chis = Supplier(name="Child Health", profile="own", signing_key="x", signing_fingerprint="A" * 40)
    authority = Authority(name="Anywhere", code="E08000026")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.yaml").write_text("description: own\nelsewhere: [consent_status]\n")

    def home(supplier: Supplier) -> Home:
        return Home(tmp_path, Settings(authority=authority, suppliers={"chis": supplier}))

    with pytest.raises(SettingsError, match="No companion file brings these columns: consent_status"):
        profile_of(home(chis), "chis")
    answers = chis.model_copy(update={"consents": "consents_{supplier}_{month}.csv.gpg"})
    assert profile_of(home(answers), "chis").elsewhere == ("consent_status",)
