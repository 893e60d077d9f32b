"""Names as a card shows them."""

from __future__ import annotations

import pytest

from pipeline.lists import names

STAND_INS = [
    ("Baby", "Smith"),
    ("BABY SMITH", "SMITH"),
    ("Infant", "Smith"),
    ("Twin 1", "Smith"),
    ("TWIN ONE", "SMITH"),
    ("TwinA", "Baby"),
    ("Twin2", "Smith"),
    ("Baby Boy", "Smith"),
    ("BABYGIRL", "SMITH"),
    ("Male infant", "Smith"),
    ("FEMALE", "SMITH"),
    ("Baby of Jane", "Smith"),
    ("B/O Jane", "Smith"),
    ("Triplet III", "Smith"),
    ("not yet named", "Smith"),
    ("NO NAME", "SMITH"),
    ("Unknown", "Smith"),
    ("TBC", "Smith"),
    ("A", "Smith"),
    ("", "Smith"),
    ("-", "Smith"),
    ("..", "Smith"),
    ("Ava", "Baby"),
    ("Ava", "UNKNOWN"),
]
REAL_NAMES = [
    ("Ava", "Smith"),
    ("Noah", ""),
    ("Jack", "Child"),
    ("Amelia", "Boy"),
    ("Ó", "Briain"),
    ("李", "王"),
    ("Babs", "Malek"),
    ("Noa", "Twinn"),
    ("Anne-Marie", "O'Neill"),
    ("Norah", "Temperley"),
]


@pytest.mark.parametrize(("given", "family"), STAND_INS)
def test_a_stand_in_is_never_taken_for_a_name(given: str, family: str) -> None:
    assert names.is_temporary(given, family)
    assert names.children([given], [family]) == "your new baby"
    assert names.addressed_to([given], [family]) == "The parents or carers"


@pytest.mark.parametrize(("given", "family"), REAL_NAMES)
def test_a_real_name_is_not_taken_for_a_stand_in(given: str, family: str) -> None:
    assert not names.is_temporary(given, family)


@pytest.mark.parametrize(
    ("received", "shown"),
    [
        ("SMITH", "Smith"),
        ("O'NEILL", "O'Neill"),
        ("O’NEILL", "O’Neill"),
        ("JOHN'S", "John's"),
        ("MCDONALD", "Mcdonald"),
        ("ANNE-MARIE", "Anne-Marie"),
        ("ST. JOHN", "St. John"),
        ("VAN DER BERG", "Van Der Berg"),
        ("ÉLODIE", "Élodie"),
        ("McDonald", "McDonald"),
        ("de la Cruz", "de la Cruz"),
        ("smith", "smith"),
        ("  Ava   May ", "Ava May"),
        ("李", "李"),
        ("", ""),
    ],
)
def test_upper_case_is_written_as_people_write_it_and_the_rest_is_kept(received: str, shown: str) -> None:
    assert names.as_written(received) == shown


@pytest.mark.parametrize(
    ("given", "family", "addressed_to", "children"),
    [
        (["AVA"], ["SMITH"], "The parents or carers of Ava Smith", "Ava"),
        (["Ava", "Noah"], ["Smith"] * 2, "The parents or carers of Ava and Noah Smith", "Ava and Noah"),
        (["Ava", "NOAH"], ["Smith", "SMITH"], "The parents or carers of Ava and Noah Smith", "Ava and Noah"),
        (
            ["Ava", "Noah", "Mia"],
            ["Smith"] * 3,
            "The parents or carers of Ava, Noah and Mia Smith",
            "Ava, Noah and Mia",
        ),
        (
            ["Ava", "Noah"],
            ["Smith", "Khan"],
            "The parents or carers of Ava Smith and Noah Khan",
            "Ava and Noah",
        ),
        (["Ava"], [""], "The parents or carers of Ava", "Ava"),
        (["Twin 1", "Twin 2"], ["Smith"] * 2, "The parents or carers", "your new babies"),
        (["Ava", "Twin 2"], ["Smith"] * 2, "The parents or carers", "your new babies"),
    ],
)
def test_a_household_is_addressed_in_words(
    given: list[str], family: list[str], addressed_to: str, children: str
) -> None:
    assert names.addressed_to(given, family) == addressed_to
    assert names.children(given, family) == children
