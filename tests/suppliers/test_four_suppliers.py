"""Four suppliers write one month in four ways, and the very same is decided of every record.

A profile changes nothing but the writing: the demonstration's extract is turned into each supplier's own
form, sealed with gpg, and the month is run to the release with the profile that ships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from month_authority import MONTH, NOW, Authority, copied
from pipeline import month as months
from pipeline.contract import contract_of
from pipeline.demo.authority import Demonstration
from pipeline.errors import IntegrityError
from pipeline.intake.profiles import Profile, load_profile
from suppliers.writing import as_text, as_workbook, in_its_words

ABOVE = ["Births, all fields", 'Written by "reporting', "", ""]
Row = tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """What became of a month: of every record, and of every row that was set aside."""

    records: list[Row]  # record, agreement, outcome, reasons; a record that was sent twice is there twice
    aside: list[Row]  # row, field, rule

    @property
    def shared(self) -> int:
        return sum(outcome == "share" for _, _, outcome, _ in self.records)


def decided(authority: Authority) -> Decided:
    authority.run(until="release")
    decisions = months.decisions_by_record(authority.home, MONTH, now=NOW)
    [report] = (authority.home.outbox / "chis").glob(f"quarantine_chis_{MONTH}.csv")
    rows = pd.read_csv(report, dtype="str")
    return Decided(
        sorted(
            decisions[["record_id", "agreement", "outcome", "reasons"]].itertuples(index=False, name=None)
        ),
        sorted(rows[["row", "field", "rule"]].itertuples(index=False, name=None)),
    )


@pytest.fixture(scope="module")
def as_contract(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decided]:
    with copied(prototype, tmp_path_factory.mktemp("contract")) as authority:
        of_contract = decided(authority)
        assert of_contract.shared > 20
        assert len(of_contract.aside) > 4
        yield of_contract


def of_supplier(authority: Authority, name: str) -> tuple[Authority, Profile]:
    """The authority once its supplier has that profile, and the inbox is empty."""
    authority.sealed.unlink()
    authority.setting("[suppliers.chis]", f'[suppliers.chis]\nprofile = "{name}"')
    return replace(authority, home=authority.reopened()), load_profile(name, contract_of("births"))


def send(authority: Authority, content: bytes, pattern: str | None) -> None:
    assert pattern
    file = pattern.replace("{supplier}", "chis").replace("{month}", str(MONTH))
    authority.send(content, to=authority.inbox / file)


def test_one_wide_table(authority: Authority, as_contract: Decided) -> None:
    authority, profile = of_supplier(authority, "wide_table")
    rows, above = in_its_words(authority.extract(), profile), ABOVE[: profile.rows_above_header]
    assert len(rows[0]) > 60
    send(authority, as_text(rows, profile, above=above), profile.file_name)
    assert decided(authority) == as_contract


def test_separate_files_of_persons_and_consent(authority: Authority, as_contract: Decided) -> None:
    authority, profile = of_supplier(authority, "person_and_consent")
    extract, answers = authority.extract(), profile.companions["answers"]
    answered = extract[extract["consent_status"].isin(["given", "refused", "withdrawn"])]
    send(authority, as_text(in_its_words(extract, profile), profile), profile.file_name)
    send(authority, as_text(in_its_words(answered, answers), answers), profile.consents)
    # Who was not asked has no row in the file of answers.
    unasked = [
        (*record, reasons.replace("consent_not_asked", "consent_not_recorded"))
        for *record, reasons in as_contract.records
    ]
    # What is doubted of an answer is doubted where it stands: in the file of answers.
    aside = [(row, name, rule) for row, name, rule in as_contract.aside if not name.startswith("consent_")]
    assert decided(authority) == Decided(sorted(unasked), aside)


def test_coded_values_and_windows_1252(authority: Authority, as_contract: Decided) -> None:
    authority, profile = of_supplier(authority, "coded_values")
    content = as_text(in_its_words(authority.extract(), profile), profile)
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    send(authority, content, profile.file_name)
    assert decided(authority) == as_contract


def test_a_workbook(authority: Authority, as_contract: Decided) -> None:
    authority, profile = of_supplier(authority, "workbook")
    rows, above = in_its_words(authority.extract(), profile), ABOVE[: profile.rows_above_header]
    send(authority, as_workbook(rows, profile, above=above), profile.file_name)
    assert decided(authority) == as_contract


def test_another_profile_makes_another_release(authority: Authority) -> None:
    authority.run(until="release")
    first = authority.recorded("release_requested")
    own = authority.home.profiles / "contract.yaml"
    own.parent.mkdir()
    own.write_text("description: ours\ncolumns: {BABY: nhs_number}\n")
    authority.run(until="release")
    assert len(authority.recorded("release_requested")) == len(first) + 1


def test_a_profile_that_is_exchanged_while_a_file_is_read_asks_nobody(authority: Authority) -> None:
    own = authority.home.profiles / "contract.yaml"
    own.parent.mkdir()

    def exchange(stage: str, done: int, total: int) -> None:
        if stage == "validation":
            own.write_text("description: ours\ncolumns: {BABY: nhs_number}\n")

    with pytest.raises(IntegrityError, match="changed while its file was read"):
        authority.run(until="release", watch=exchange)
    assert authority.recorded("release_requested") == []
