"""`birthshare geography`: build the directory; where a postcode belongs, and why."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from month_authority import Answer, Authority, CommandLine
from pipeline.cli import run
from pipeline.demo.places import SAMPLE, sample_postcodes
from pipeline.facts import opened_ledger

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
    postcode = of_group(authority, group)
    found = place(say, authority, postcode, "--json").json
    assert (found["status"], bool(found["recipient"])) == (status, recipient)
    told = place(say, authority, postcode.lower())
    assert found["in_words"] in told.out
    assert postcode not in told.out


def test_every_step_of_why_is_told(say: Any, authority: Authority) -> None:
    ambiguous = of_group(authority, "ambiguous")
    found = place(say, authority, ambiguous, "--json").json
    assert [line["outcome"] for line in found["lines"]] == ["tied", "tied"]
    assert (
        found["directory"]["known"]
        and found["directory"]["authority"] == authority.home.settings.authority.code
    )
    told = place(say, authority, ambiguous).out
    assert told.count("reach_areas.csv line ") == 2
    for words in ("As read", "Directory", "position", "Hospital postcodes", "reach_area_ambiguous"):
        assert words in told


def test_without_a_network_every_network_is_told(say: Any, authority: Authority) -> None:
    answer = say(
        "geography",
        "place",
        "--json",
        "--home",
        authority.home.path,
        given=of_group(authority, "live") + "\n",
    ).json
    assert [one["network"] for one in answer["networks"]] == ["childrens_centres"]
    assert "status" not in answer


def test_a_postcode_that_is_not_known_is_said_so(say: Any, authority: Authority) -> None:
    told = place(say, authority, "CV99 9ZZ").out
    assert "No recipient: the postcode is not in the directory." in told
    assert "nothing is repaired, since the directory holds only a part of the country" in told


@pytest.mark.parametrize("given", ["\ufeff{}\r\n", "{}", "\n{}\n\n", "  {}  \r\n"])
def test_a_postcode_comes_as_programs_send_it(say: Any, authority: Authority, given: str) -> None:
    text = given.format(of_group(authority, "live"))
    answer = say("geography", "place", *NETWORK, "--json", "--home", authority.home.path, given=text)
    assert (answer.code, answer.json["status"]) == (0, "placed")


@pytest.mark.parametrize("given", ["", "\n", "  \n", "QX11 1ZZ\nQX11 1ZY\n", "QX11 1ZZ" + "Z" * 300])
def test_one_postcode_is_asked_for_and_no_other_number(say: Any, authority: Authority, given: str) -> None:
    answer = say("geography", "place", "--home", authority.home.path, given=given)
    assert answer.code == 2
    answer.says("standard input", "one postcode")
    assert "QX11" not in answer.out + answer.err


def test_what_is_no_text_is_refused(say: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"\xff\xfeQ\x00X\x00"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    with redirect_stderr(io.StringIO()) as err:
        assert run(["geography", "place", "--home", str(authority.home.path)]) == 2
    assert "standard input" in err.getvalue()


def test_nothing_is_recorded(say: Any, authority: Authority) -> None:
    before = sorted(path for path in authority.home.path.rglob("*") if "reach" not in path.parts)
    with opened_ledger(authority.home) as ledger:
        entries = [entry.seq for entry in ledger.entries()]
    place(say, authority, of_group(authority, "live"))
    place(say, authority, "CV99 9ZZ")
    assert sorted(path for path in authority.home.path.rglob("*") if "reach" not in path.parts) == before
    with opened_ledger(authority.home) as ledger:
        assert [entry.seq for entry in ledger.entries()] == entries


def of_group(authority: Authority, group: str) -> str:
    postcodes = sample_postcodes(authority.home.path / "reference" / "postcodes.sqlite")
    return str(postcodes.loc[postcodes["group"].eq(group), "postcode"].iloc[0])


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
