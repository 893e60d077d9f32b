"""What holds under every template, whatever it is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from month_authority import shown_values
from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement, ListField, Shares
from pipeline.demo.nhs_numbers import nhs_numbers
from scenarios.arrangement import (
    ACROSS,
    EARLIER,
    FAR_WARD,
    MONTH,
    NORTH,
    NORTH_WARD,
    Ground,
    Row,
    arranged,
    born,
    child,
    day,
    made_own,
    pregnancy,
    templates,
    word,
)

PERSONAL = ("nhs_number", "parent_nhs_number", "family_name", "parent_family_name", "address_line_1")
NAMES = [file.name.split(".")[0] for file in templates()]
ABOUT_HEALTH = {ListField.NHS_NUMBER, ListField.EXPECTED_DATE_OF_DELIVERY, ListField.PSEUDONYM}


@pytest.fixture(params=templates(), ids=NAMES)
def template(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


def test_it_says_in_plain_words_what_it_is_and_what_must_be_replaced(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    head = text.split("\nid:")[0]
    assert "# In plain words: " in head
    assert "This is a template " in head
    assert "# REPLACE" in text
    assert all(line.startswith("#") for line in head.splitlines() if line)
    assert "E069999" not in made_own(text)


def test_it_has_a_scenario_that_runs_whole_months_under_it(template: Path) -> None:
    scenario = template.name.split(".")[0].replace("-", "_")
    assert (Path(__file__).parent / f"test_{scenario}.py").is_file()


def test_a_caldicott_guardian_and_one_more_person_must_have_signed_it(template: Path) -> None:
    agreement, _ = read_agreement(template)
    assert "caldicott_guardian" in agreement.approvers
    assert len(agreement.approvers) >= 2
    if agreement.shares is not Shares.TOTALS:
        assert "data_protection_officer" in agreement.approvers


def test_data_about_health_has_a_basis_of_its_own(template: Path) -> None:
    agreement, _ = read_agreement(template)
    assert (agreement.lawful_basis.article_9 is not None) == bool(ABOUT_HEALTH & set(agreement.fields))


def test_what_would_hurt_is_excluded_and_what_was_not_agreed_is_forbidden(template: Path) -> None:
    agreement, _ = read_agreement(template)
    assert all(agreement.exclusions.model_dump().values())
    assert agreement.use.forbidden
    assert agreement.history


def test_nobody_is_written_to_whom_no_agreement_may_reach(
    template: Path, ground: Ground, tmp_path: Path
) -> None:
    agreement, _ = read_agreement(template)
    how = agreement.recipients
    place = how.named or "the-place"
    abroad = agreement.id == "neighbour-authority"
    with arranged(
        ground,
        tmp_path,
        agreement.id,
        areas=[(how.network or "elsewhere", place, FAR_WARD if abroad else NORTH_WARD)],
        recipients={place: how.kinds[0]},
    ) as council:
        expected = agreement.cohort.of == "expected_births"
        month, rows = (MONTH, _pregnancies(agreement)) if expected else (EARLIER, _births(agreement))
        for turn, supplier in enumerate([*agreement.suppliers, *agreement.hears]):
            council.sends(supplier, [] if turn else rows, month)
        council.hears([word("parent", "Protected", "suppressed")])
        council.asks(month)
        decided = council.decided(month)
        shared = [name for name, outcome in decided.items() if outcome == "share"]
        assert shared == ([] if agreement.shares is Shares.TOTALS else ["Ada"])
        assert set(decided) == {row["record_id"] for row in rows} - {"Unissued"}  # whom the rules set aside
        council.approves(month=month)
        council.delivers(month)
        assert len(council.files(place)) == 1
        kept = [file for name in ("state", "outbox") for file in (council.home.path / name).rglob("*")]
        values = {row[column] for row in rows for column in PERSONAL if column in row}
        assert shown_values(values, *(file.read_bytes() for file in kept if file.is_file())) == []


def _yes(agreement: Agreement) -> Row:
    """The answer, notice and home that make a family of this agreement an ordinary one."""
    wanted = agreement.confidentiality
    return {
        "postcode": ACROSS if agreement.id == "neighbour-authority" else NORTH,
        "consent_scope": wanted.scope or "",
        "consent_wording": "".join(wanted.wordings[-1:]),
        "notice_date": day(-40),
    }


def _births(agreement: Agreement) -> list[Row]:
    never: dict[str, Row] = {
        "Ada": {},
        "Informal": {"death_status": "1"},
        "Formal": {"death_status": "2"},
        "Dated": {"date_of_death": born(EARLIER, on=9)},
        "Stillborn": {"live_or_still_birth": "2"},
        "Unsaid": {"live_or_still_birth": ""},
        "Lonetwin": {"number_of_births": "2"},
        "Restricted": {"confidentiality": "R"},
        "Protected": {},
        "Unissued": {"nhs_number": str(nhs_numbers(np.random.default_rng(1), 1, prefix=800)[0])},
    }
    ordinary = _yes(agreement) | {"date_of_birth": born(EARLIER)}
    return [child(name, **ordinary | changes) for name, changes in never.items()]


def _pregnancies(agreement: Agreement) -> list[Row]:
    never: dict[str, Row] = {
        "Ada": {},
        "Ended": {"pregnancy_status": "ended"},
        "Delivered": {"pregnancy_status": "delivered"},
        "Unsaid": {"pregnancy_status": ""},
        "Overdue": {"expected_date_of_delivery": day(-1)},
        "Mourned": {"parent_death_status": "1"},
        "Restricted": {"confidentiality": "V"},
        "Protected": {},
    }
    ordinary = {key: value for key, value in _yes(agreement).items() if key != "notice_date"}
    return [pregnancy(name, **ordinary | changes) for name, changes in never.items()]
