"""Library membership under its own consent: whole months under the template, beside the welcome card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.arrangement import ACROSS, EAST, NORTH_WARD, Arrangement, Ground, arranged, child, twin

CARD, LIBRARY = "welcome-card-first-visit", "library-membership"
BOTH = {"consent_scope": "childrens_centre;library"}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        CARD,
        LIBRARY,
        areas=[("childrens_centres", "north", NORTH_WARD)],
        recipients={"north": "childrens_centre", "library-service": "library", "other-library": "library"},
    ) as made:
        yield made


def test_a_yes_to_one_is_a_no_to_the_other(council: Arrangement) -> None:
    council.sends(
        "chis",
        [
            child("Ada", **BOTH),
            child("Centre"),
            child("Reader", consent_scope="library"),
            child("Refused", consent_status="refused", **BOTH),
        ],
    )
    council.runs()
    assert council.children("north") == ["Ada", "Centre"]
    assert council.children("library-service") == ["Ada", "Reader"]


def test_the_named_library_alone_serves_the_whole_authority_and_nobody_beyond(council: Arrangement) -> None:
    bea = child("Bea", number_of_births="2", postcode=EAST, **BOTH)
    council.sends("chis", [bea, twin(bea, "Ben"), child("Abroad", postcode=ACROSS, **BOTH)])
    council.asks()
    assert council.decided(agreement=CARD)["Bea"] == "no_reach_area"
    assert council.decided(agreement=LIBRARY) == {"Bea": "share", "Ben": "share", "Abroad": "not_resident"}
    council.approves()
    council.delivers()
    assert council.children("library-service") == ["Bea", "Ben"]  # a membership for each
    assert "other-library" not in council.everything_sent()
    assert council.headings("library-service")[:3] == ["Addressed to", "Child", "Parent or carer"]
