"""Settings of places and witnesses: what cannot work is refused before a night depends on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import doctor
from pipeline.errors import SettingsError
from pipeline.founding import SETTINGS
from pipeline.home import Home
from pipeline.outside.witness import Witness
from witness.house import NAME, NOW, House

OTHER = "trust.example.org/witness"


@pytest.fixture
def other(tmp_path: Path) -> Witness:
    return Witness.make(tmp_path / "other", OTHER)


def test_the_settings_that_a_new_home_shows_can_be_used(house: House, witness: Witness) -> None:
    section = SETTINGS[SETTINGS.index("# [ledger]") : SETTINGS.index("\n\n# For how many days")]
    lines = [line.removeprefix("# ") for line in section.splitlines()]
    house.set(re.sub(r'"council[^"]*\+[^"]*"', f'"{witness.verifier}"', "\n".join(lines)))
    ledger = house.home.settings.ledger
    assert [place.name for place in ledger.places] == ["guardian", "neighbour"]
    assert (ledger.witnesses, ledger.witnesses_needed, ledger.witness_days) == ((witness.verifier,), 1, 35)
    assert ledger.places[1].witness == NAME


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('[[ledger.places]]\nname = "a"\nfolder = "/a"\nhost = "a.example.org"', "needed together"),
        ('[[ledger.places]]\nname = "a"\nfolder = "/a"\nuser = "me"\nhost_key = "x"', "needed together"),
        ('[[ledger.places]]\nname = "a"', "folder"),
        ('[[ledger.places]]\nname = "a"\nfolder = "/a"\nwitness = "nobody"', "one of witnesses"),
        (2 * '[[ledger.places]]\nname = "a"\nfolder = "/a"\n', "different names"),
        (
            '[ledger]\nwitnesses = ["a+00000000"]',
            "ledger.witnesses.0: not a verifier key; copy",
        ),
        ('[ledger]\nwitnesses = ["n123456789+00000000+AAAA"]', "nine or more digits"),
        ("[ledger]\nwitnesses_needed = 1", "more than there are"),
        ("[ledger]\nwitness_days = 0", "witness_days"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(house: House, settings: str, words: str) -> None:
    house.set(settings)
    with pytest.raises(SettingsError, match="Settings cannot be used") as refused:
        Home.open(house.path)
    assert words in str(refused.value)


def test_one_witness_under_two_names_does_not_count_twice(house: House, witness: Witness) -> None:
    _, _, key = witness.verifier.split("+", 2)
    house.set(f'[ledger]\nwitnesses = ["{witness.verifier}", "{OTHER}+00000000+{key}"]')
    with pytest.raises(SettingsError, match="different names and keys"):
        Home.open(house.path)


def test_two_places_for_one_witness_are_refused(house: House, witness: Witness, tmp_path: Path) -> None:
    house.count_on(witness)
    for name in ("one", "two"):
        house.keep_at(tmp_path / name, NAME)
    with pytest.raises(SettingsError, match="each at one place"):
        Home.open(house.path)


def test_the_doctor_names_a_key_that_is_none_and_a_place_that_is_gone(
    house: House, witness: Witness, other: Witness, tmp_path: Path
) -> None:
    house.set(f'[ledger]\nwitnesses = ["{witness.verifier}", "{other.verifier.replace("+B", "+A")}"]')
    house.keep_at(tmp_path / "guardian")
    house.keep_at(tmp_path / "gone").rmdir()
    found = {one.what: one for one in doctor.examine(house.home, now=NOW, connect=True)}
    assert "A witness's key is none" in found["the keys of the witnesses"].advice
    assert found["the place guardian for checkpoints"].well
    assert not found["the place gone for checkpoints"].well
    assert list((tmp_path / "guardian").iterdir()) == [], "the doctor writes nothing"
