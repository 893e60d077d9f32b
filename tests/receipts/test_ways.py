"""Receipts are heard, and lists taken away, whichever way leads to a recipient."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from receipts.centres import Town
from scenarios.arrangement import EARLIER, MONTH
from servers.sshd import CannotServe, OpenSshServer


@pytest.fixture
def over_openssh(town: Town) -> Iterator[tuple[Town, Path]]:
    """The north's folder, moved to an account of its own on a real OpenSSH server."""
    key = town.home.path / "keys" / "delivery.key.pub"
    try:
        with OpenSshServer(["north"], public_key=key) as server:
            town.change_recipient(
                "north",
                host="127.0.0.1",
                port=server.port,
                user=server.user("north"),
                folder=server.folder,
                host_key=server.host_key,
            )
            yield town, moved(town, server.files("north"))
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"OpenSSH server: {reason}")


@pytest.fixture
def through_a_folder(town: Town, tmp_path: Path) -> tuple[Town, Path]:
    """The north's folder, on the authority's own machine, where a carrier empties it."""
    place = tmp_path / "carrier"
    place.mkdir(mode=0o700)
    town.change_recipient("north", via="folder", folder=str(place), host="", user="", host_key="")
    return town, moved(town, place)


def moved(town: Town, place: Path) -> Path:
    owner = place.stat()
    for file in list(town["north"].folder.iterdir()):
        shutil.copy(file, place)
        os.chown(place / file.name, owner.st_uid, owner.st_gid)
    return place


@pytest.fixture(params=["over_openssh", "through_a_folder"])
def way(request: pytest.FixtureRequest) -> tuple[Town, Path]:
    found: tuple[Town, Path] = request.getfixturevalue(request.param)
    return found


def test_receipts_are_heard_and_lists_collected(way: tuple[Town, Path]) -> None:
    town, place = way
    sealed, earlier = town["north"].list_of(MONTH), town["north"].list_of(EARLIER)
    (place / f"{sealed.name}.received.txt").write_text(town["north"].code_in(sealed))
    (place / f"{sealed.name}.received.txt").chmod(0o644)
    (place / earlier.name).unlink()
    assert town.looks().recorded == {"acknowledged": 1, "collected": 1}


def test_a_list_past_its_last_day_is_taken_away(way: tuple[Town, Path]) -> None:
    town, place = way
    town.days_pass(91)
    town.looks()
    assert town.row("north").removed
    assert list(place.iterdir()) == []


def test_a_link_in_the_carrier_s_folder_is_not_followed(
    through_a_folder: tuple[Town, Path], tmp_path: Path
) -> None:
    town, place = through_a_folder
    sealed = town["north"].list_of(MONTH)
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text(town["north"].code_in(sealed))
    (place / f"{sealed.name}.received.txt").symlink_to(elsewhere)
    looked = town.looks()
    assert looked.recorded.total() == 0
    assert "cannot be read" in looked.remarks[0]
