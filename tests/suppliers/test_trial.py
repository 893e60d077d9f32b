"""A supplier's test file is tried as a month would try it, and nothing is kept of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from month_authority import MONTH, Answer, Authority, CommandLine, personal_values, shown_values
from pipeline.contract import contract_of
from pipeline.demo.births import as_csv
from pipeline.intake.profiles import load_profile
from suppliers.writing import as_text, in_its_words

Check = Callable[..., Answer]


def everything(folder: Path) -> dict[str, str]:
    """Every file and folder, by its contents."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def check(
    birthshare: CommandLine, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Check:
    """`birthshare intake check`, which changes nothing in the home, leaves nothing, and shows no value."""
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)

    def run(file: Path, *options: str) -> Answer:
        before = everything(authority.home.path)
        answer = birthshare("intake", "check", file, *options)
        assert everything(authority.home.path) == before
        assert not list(temporary.iterdir())
        assert shown_values(personal_values(authority.extract()), answer.out, answer.err) == []
        return answer

    return run


def passed(answer: Answer) -> dict[str, bool]:
    return {step["name"]: step["passed"] for step in answer.json["steps"]}


def test_a_good_file_passes_every_step(check: Check, authority: Authority) -> None:
    answer = check(authority.sealed, "--json")
    assert answer.code == 0
    assert set(passed(answer)) == {
        "name", "profile", "opened", "signed", "read", "columns", "valid", "drift",
    }  # fmt: skip
    assert all(passed(answer).values())
    counts = {name: answer.json[name] for name in ("received", "accepted", "quarantined")}
    assert counts["received"] == len(authority.extract()) == counts["accepted"] + counts["quarantined"]
    assert (answer.json["supplier"], answer.json["month"], answer.json["error"]) == ("chis", str(MONTH), None)


def test_a_trial_finds_what_the_month_then_finds(check: Check, authority: Authority) -> None:
    tried = check(authority.sealed, "--json").json
    state = authority.run(until="release")
    assert (state["received"], state["quarantined"]) == (tried["received"], tried["quarantined"])


def test_rows_that_break_a_rule_are_named_by_number_field_and_rule(
    check: Check, authority: Authority
) -> None:
    frame = authority.extract()
    frame.loc[frame.index[6], "nhs_number"] = "1234567890"
    authority.send(frame)
    answer = check(authority.sealed, "--json")
    [broken] = [
        one for one in answer.json["rules"] if one["rule"] == "nhs_number_check_digit" and "7" in one["where"]
    ]
    assert (broken["field"], broken["severity"]) == ("nhs_number", "error")
    assert broken["fix"]


def test_a_file_of_another_name_is_tried_for_the_month_that_is_said(
    check: Check, authority: Authority
) -> None:
    other = authority.sealed.rename(authority.inbox / "first test.gpg")
    answer = check(other, "--month", str(MONTH), "--json")
    assert answer.code == 0
    assert not passed(answer)["name"]
    assert f"births_chis_{MONTH}.csv.gpg" in answer.json["steps"][0]["words"]
    told = check(other, "--month", str(MONTH)).out
    assert "under the agreed name, a month would use this file" in told
    assert check(other).code == 2


def test_a_test_file_need_not_be_sealed_and_is_warned_of(
    check: Check, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / f"births_chis_{MONTH}.csv"
    file.write_bytes(authority.demo.extract.read_bytes())
    answer = check(file, "--plain", "--json")
    assert answer.code == 0
    assert passed(answer)["name"]
    answer.says("must never lie about unsealed")
    check(file, "--month", str(MONTH)).says("not sealed with OpenPGP")


def test_a_file_that_a_month_would_refuse_ends_as_the_month_would(check: Check, authority: Authority) -> None:
    authority.send(authority.extract().rename(columns={"death_status": "dead"}))
    answer = check(authority.sealed, "--json")
    assert answer.code == 4
    assert passed(answer) == {"name": True, "profile": True, "opened": True, "signed": True, "read": False}
    assert answer.json["error"]["exit_code"] == 4
    answer.says("missing: death_status")


def test_a_file_that_is_signed_by_nobody_we_know_is_not_opened(check: Check, authority: Authority) -> None:
    authority.sealed.write_bytes(b"no seal at all")
    answer = check(authority.sealed, "--json")
    assert answer.code == 4
    assert not passed(answer)["opened"]


COMPANIONS = """[suppliers.chis]
consents = "consents_{supplier}_{month}.csv.gpg"
totals = "totals_{supplier}_{month}.csv.gpg"
changes = "changes_{supplier}_{date}.csv.gpg"
"""
NUMBER = "9991234578"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            f"consents_chis_{MONTH}.csv",
            f"nhs_number,consent_status,consent_date,consent_given_by\n{NUMBER},refused,{MONTH}-02,mother\n",
            "nhs_number,consent_status,consent_date,consent_given_by\n99912,refused,,mother\n",
        ),
        (
            f"changes_chis_{MONTH}-03.csv",
            f"subject,nhs_number,word,since\nchild,{NUMBER},child_died,{MONTH}-02\n",
            "subject,nhs_number,word,since\nchild,99912,child_died,\n",
        ),
        (
            f"totals_chis_{MONTH}.csv",
            f"month,area,births\n{MONTH},all,150\n",
            f"month,area,births\n{MONTH},all,many\n",
        ),
    ],
    ids=["answers", "changes", "totals"],
)
def test_a_companion_file_is_tried_by_its_own_rules(
    check: Check, authority: Authority, tmp_path: Path, name: str, good: str, bad: str
) -> None:
    authority.setting("[suppliers.chis]\n", COMPANIONS)
    file = tmp_path / name
    file.write_text(good)
    answer = check(file, "--plain", "--json")
    assert (answer.code, answer.json["received"]) == (0, 1), answer.err
    file.write_text(bad)
    answer = check(file, "--plain", "--json")
    assert (answer.code, passed(answer)["valid"]) == (4, False)
    assert answer.json["rules"]


def test_a_companion_file_of_another_name_is_what_it_is_said_to_be(
    check: Check, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "first test.csv"
    file.write_text(f"area,births\nall,{NUMBER[:2]}\n")
    options = ("--plain", "--month", str(MONTH), "--holds", "totals", "--json")
    unknown = check(file, *options).json
    assert (unknown["dataset"], unknown["error"]) == ("totals", None)
    assert unknown["steps"][0]["words"] == "the settings name no file of totals from this supplier"
    authority.setting("[suppliers.chis]\n", COMPANIONS)
    assert f"totals_chis_{MONTH}.csv" in check(file, *options).json["steps"][0]["words"]
    assert check(file, *options[:3]).code == 4


def test_a_column_that_an_agreement_needs_is_missed(check: Check, authority: Authority) -> None:
    authority.send(authority.extract().drop(columns=["adoption"]))
    answer = check(authority.sealed, "--json")
    assert (answer.code, passed(answer)["columns"]) == (4, False)
    answer.says("welcome-card-first-visit", "adoption", "Ask the supplier for them")


def test_a_missing_column_may_be_one_that_the_profile_leaves_out(check: Check, authority: Authority) -> None:
    own = authority.home.profiles / "contract.yaml"
    own.parent.mkdir()
    own.write_text("description: ours\nnot_used: [Adopted Y/N]\n")
    authority.send(authority.extract().rename(columns={"adoption": "Adopted Y/N"}))
    check(authority.sealed).says("leaves out (not_used: Adopted Y/N)")


def test_a_file_unlike_the_last_one_waits_for_a_person(
    check: Check, authority: Authority, birthshare: CommandLine, tmp_path: Path
) -> None:
    birthshare.finish()
    later, file = MONTH.plus(1), tmp_path / f"births_chis_{MONTH.plus(1)}.csv"
    few = authority.extract().iloc[:30].drop(columns=["language"]).assign(date_of_birth=f"{later}-01")
    file.write_bytes(as_csv(few))
    answer = check(file, "--plain", "--json")
    assert answer.code == 6
    assert not passed(answer)["drift"]
    answer.says("differs from earlier ones", "\n  language: the column is missing")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--supplier", "nobody"), "not in the settings"),
        (("--month", "October"), "month"),
    ],
)
def test_wrong_use_is_a_sentence(
    check: Check, authority: Authority, options: tuple[str, ...], says: str
) -> None:
    answer = check(authority.sealed, *options)
    assert answer.code == 2
    answer.says(says)


def test_a_broken_profile_is_the_first_thing_that_is_said(check: Check, authority: Authority) -> None:
    own = authority.home.profiles / "contract.yaml"
    own.parent.mkdir()
    own.write_text("description: ours\ncolumns: {A: nhs_number, B: nhs_number}\n")
    answer = check(authority.sealed)
    assert answer.code == 2
    answer.says("two headings are mapped to one column: nhs_number")


# --- from an unknown file to one that is used -----------------------------------------------------


def test_an_unknown_supplier_is_connected_by_its_draft(
    check: Check, birthshare: CommandLine, authority: Authority
) -> None:
    """Draft, try, run: a wide table that nobody knew before."""
    profile = load_profile("wide_table", contract_of("births"))
    rows = in_its_words(authority.extract(), profile)
    authority.send(as_text(rows, profile, above=["Births", "", ""]))
    out = authority.home.profiles / "newcomer.yaml"
    answer = birthshare("intake", "propose", authority.sealed, "--out", out)
    assert answer.code == 0, answer.err
    assert shown_values(personal_values(authority.extract()), out.read_bytes(), answer.out, answer.err) == []
    assert check(authority.sealed).code == 4
    authority.setting("[suppliers.chis]", '[suppliers.chis]\nprofile = "newcomer"')
    assert check(authority.sealed).code == 0
    assert birthshare("intake", "propose", authority.sealed, "--out", out).code == 2
