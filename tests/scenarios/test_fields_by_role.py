"""Each kind of recipient sees what its role needs: a whole month under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.arrangement import NORTH_WARD, SOUTH, SOUTH_WARD, Arrangement, Ground, arranged, child

ADDRESS = [*(f"Address line {line}" for line in range(1, 6)), "Postcode"]


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "fields-by-role",
        areas=[("early_help", "centre", NORTH_WARD), ("early_help", "hub", SOUTH_WARD)],
        recipients={"centre": "childrens_centre", "hub": "family_hub"},
    ) as made:
        yield made


def test_a_centre_sees_whom_to_write_to_and_a_hub_sees_the_child_too(council: Arrangement) -> None:
    family = {"given_name": "Zebedee", "date_of_birth": "", "language": "pl"}
    born = child("Ada")["date_of_birth"]
    council.sends(
        "chis",
        [
            child("Ada", **family | {"date_of_birth": born}),
            child("Bea", **family | {"date_of_birth": born, "postcode": SOUTH}),
        ],
    )
    council.runs()
    assert council.headings("centre") == ["Parent or carer", *ADDRESS, "Reference"]
    assert council.headings("hub") == [
        "Addressed to", "Children", "Parent or carer", *ADDRESS, "Date of birth", "Language", "Reference",
    ]  # fmt: skip
    [row] = council.rows("centre")
    assert row == {
        "Parent or carer": "Mary Adason",
        **dict.fromkeys(ADDRESS, ""),
        "Address line 1": "1 Ada Street",
        "Postcode": "QA1 1AA",
        "Reference": row["Reference"],
    }
    assert council.rows("hub")[0]["Children"] == "Zebedee"
    assert council.rows("hub")[0]["Language"] == "pl"


def test_what_a_centre_may_not_see_is_nowhere_in_its_file(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", given_name="Zebedee", language="xx-secret", sex="1")])
    council.runs()
    cells = [str(cell) for sheet in council.sheets("centre").values() for row in sheet for cell in row]
    assert not [cell for cell in cells if "Zebedee" in cell or "xx-secret" in cell]
