"""Recalls of lists of other kinds: by pseudonym, of each child, of families who expect a baby."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.afterwards import recalls
from recalls.town import FEEDS, Town, said
from scenarios.arrangement import (
    EARLIER,
    NORTH_WARD,
    Ground,
    arranged,
    born,
    child,
    day,
    laid_ground,
    pregnancy,
    twin,
    word,
)

TEAM, CENTRE = "child-outcomes-team", "north"
AREAS = [("childrens_centres", CENTRE, NORTH_WARD)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Ground of their own: whoever leaves it takes away what lies in the recipients' folders."""
    with laid_ground(tmp_path_factory.mktemp("apart")) as made:
        yield made


def test_a_child_on_a_list_of_pseudonyms_is_called_back_by_the_rows_reference(
    ground: Ground, tmp_path: Path
) -> None:
    told = {"notice_date": day(-29), "date_of_birth": born(EARLIER)}
    with arranged(
        ground, tmp_path, "outcomes-linkage", areas=AREAS,
        recipients={TEAM: "research_team", CENTRE: "childrens_centre"}, formats={TEAM: "csv"},
        supplier_settings=FEEDS,
    ) as council:  # fmt: skip
        town = Town(council)
        council.sends("chis", [child("Ada", **told)], EARLIER)
        council.runs(EARLIER)
        [row] = council.rows(TEAM, EARLIER)
        town.hears(said("Ada", "national_opt_out"))
        notice = town.only_notice(TEAM)
        assert [line[2] for line in notice.lines] == [row["list_reference"]]
        assert row["pseudonym"] not in notice.text


def test_where_each_child_has_a_row_a_death_calls_back_the_twins_row_too(
    ground: Ground, tmp_path: Path
) -> None:
    yes = {"consent_wording": "registration-consent-2026"}
    with arranged(
        ground, tmp_path, "explicit-consent-nhs-number", areas=AREAS,
        recipients={CENTRE: "childrens_centre"},
        supplier_settings=FEEDS | {"consents": "consents_{supplier}_{month}.csv.gpg"},
    ) as council:  # fmt: skip
        town = Town(council)
        bea = child("Bea", number_of_births="2", **yes)
        council.sends("chis", [child("Ada", **yes), bea, twin(bea, "Ben")])
        council.answers("chis", [])
        council.runs()
        called = {row["Child"]: row["Reference"] for row in council.rows(CENTRE)}
        town.hears(said("Ben", "child_died"))
        found = sorted(line[2] for line in town.only_notice(CENTRE).lines)
        assert found == sorted(called[name] for name in ("Bea", "Ben"))
        assert {one.word for one in town.raised()} == {"child_died", "sibling_died_or_missing"}


def test_a_loss_reaches_the_centre_that_was_told_of_a_pregnancy(ground: Ground, tmp_path: Path) -> None:
    with arranged(
        ground, tmp_path, "antenatal-consent-at-booking", areas=AREAS,
        recipients={CENTRE: "childrens_centre"}, supplier_settings=FEEDS,
    ) as council:  # fmt: skip
        town = Town(council)
        council.sends("chis", [])
        council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea")])
        council.runs()
        called = {row["Parent or carer"]: row["Reference"] for row in council.rows(CENTRE)}
        council.feeds("maternity", [word("pregnancy", "Ada", "suppressed")])
        recalls.apply_feeds(town.home, now=council.now)
        notice = town.only_notice(CENTRE)
        assert [line[2] for line in notice.lines] == [called["Mary Adason"]]
        assert "loss" not in notice.text


def test_of_numbers_alone_nothing_is_called_back(ground: Ground, tmp_path: Path) -> None:
    with arranged(
        ground, tmp_path, "area-totals", areas=AREAS, recipients={CENTRE: "childrens_centre"},
        supplier_settings=FEEDS,
    ) as council:  # fmt: skip
        town = Town(council)
        council.sends("chis", [child("Ada")])
        council.runs()
        assert town.hears(said("Ada", "child_died")).raised == 0
        assert town.notices(CENTRE) == []
