"""`birthshare geography`: build the directory; where a postcode belongs, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from month_authority import Answer, Authority, CommandLine
from pipeline.demo.places import SAMPLE, sample_postcodes

NETWORK = ("--network", "childrens_centres")


def test_build_says_what_it_built(authority: Authority, birthshare: CommandLine) -> None:
    directory = authority.home.path / "reference" / "postcodes.sqlite"
    directory.unlink()
    built = birthshare("geography", "build", SAMPLE, "--part", "--json").json
    assert {"release", "sha256", "rows", "live", "vintages", "columns", "changes"} <= built.keys()
    assert built["rows"] > built["live"] > 1000
    assert directory.is_file()
    assert f"{built['rows']:,} postcodes" in birthshare("geography", "build", SAMPLE, "--part").out


def test_a_file_that_is_no_directory_is_refused(birthshare: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    answer = birthshare("geography", "build", tmp_path / "notes.csv")
    assert answer.code == 2
    answer.says("notes.csv")


@pytest.mark.parametrize(
    ("group", "status", "recipient"),
    [("live", "placed", True), ("terminated", "placed_terminated", True), ("ambiguous", "ambiguous", False)],
)
def test_a_postcode_is_asked_for_and_explained(
    say: Any, authority: Authority, group: str, status: str, recipient: bool
) -> None:
    postcodes = sample_postcodes(authority.home.path / "reference" / "postcodes.sqlite")
    postcode = postcodes.loc[postcodes["group"].eq(group), "postcode"].iloc[0]
    found = place(say, authority, postcode, "--json").json
    assert (found["status"], bool(found["recipient"])) == (status, recipient)
    told = place(say, authority, postcode.lower())
    assert found["in_words"] in told.out
    assert postcode not in told.out


def test_a_postcode_that_is_not_known_is_said_so(say: Any, authority: Authority) -> None:
    assert "No recipient: the postcode is not in the directory." in place(say, authority, "CV99 9ZZ").out


def test_an_unknown_network_is_refused(say: Any, authority: Authority) -> None:
    answer = say("geography", "place", "--network", "zoos", "--home", authority.home.path, given="CV1 1AA\n")
    assert answer.code == 2
    answer.says("zoos", "reach area")


def place(say: Any, authority: Authority, postcode: str, *options: str) -> Answer:
    answer: Answer = say(
        "geography", "place", *NETWORK, "--home", authority.home.path, *options, given=f"{postcode}\n"
    )
    assert answer.code == 0
    return answer
