"""A postcode that was written wrongly is repaired where only one can be meant, and never otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from geography.town import NAMES, ONSPD_2023, OURS, TOWN, Line, as_whole_country, published
from pipeline.geography.building import build_directory
from pipeline.geography.directory import Directory
from pipeline.geography.frames import meant as meant_of
from pipeline.geography.place import repairs
from pipeline.geography.postcodes import compact, could_be
from pipeline.geography.repairing import look_alikes, read, repaired


def row(postcode: str, terminated: str = "") -> Line:
    return (postcode, terminated, OURS, "E05000001", "E01000011", "E01000021", "1", "400000", "200000")


# Real shapes of postcodes; which of them there are is invented.
ROWS = [
    row("SW10 5AB"), row("SW1A 1AA"), row("M1 1AA"), row("M11 1AA"), row("LS1 4AB"), row("LS5 6SS"),
    row("BS5 2AB"), row("B5 2AB"), row("B57 9JB"), row("BS7 9JD"), row("SO1 4DE"), row("S10 4DE"),
    row("N15 4AB", "199901"), row("IG1 2XY"), row("LG1 2XY"), row("AB42 1DS"), row("AB4 2LS"), row("OL1 1QQ"),
    row("W1B 4AB"), row("CO1 1AB"), row("DL1 3AB"), row("DL11 3AB"), row("L99 9AA"), row("T51 1AA"),
    row("E1 6QD"), row("LE1 6QD"), row("B8 3WG"), row("BB2 3WG"), row("B82 3WG"), row("L1 1LL"),
    row("CB2 1SD"), row("CB21 5DN"), row("N1 4AB", "199901"), row("LN1 4AB"), row("DN1 1BS"), row("DN11 8SA"),
]  # fmt: skip


def built(folder: Path, rows: Iterable[Line] = ROWS) -> Path:
    source = folder / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(ONSPD_2023, NAMES, rows), encoding="utf-8", newline="")
    build_directory(source, folder / "postcodes.sqlite", part=True)
    return folder / "postcodes.sqlite"


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    directory = built(tmp_path_factory.mktemp("country"))
    as_whole_country(directory)
    with Directory(directory) as opened:
        yield opened


def meant(text: str, country: Directory) -> str:
    """What the text is repaired to, "" where it is not."""
    found = repaired([text], country)
    return found[text].postcode if found else ""


MENDED = [
    ("SW1O 5AB", "SW105AB"),
    ("5W10 5AB", "SW105AB"),
    ("sw1o5ab", "SW105AB"),
    ("SWI0 5AB", "SW105AB"),
    ("SWl0 5AB", "SW105AB"),
    ("SW10 SAB", "SW105AB"),
    ("SW10 5A8", "SW105AB"),
    ("L55 655", "LS56SS"),  # the same damage three times
    ("LS5 65S", "LS56SS"),
    ("LS5 655", "LS56SS"),
    ("W18 4AB", "W1B4AB"),  # it has the form of a postcode, but there is no such district
    ("0L1 1QQ", "OL11QQ"),
    ("C01 1AB", "CO11AB"),
    ("SW10-5AB", "SW105AB"),
    ("SW10.5AB.", "SW105AB"),
    ("'SW10 5AB'", "SW105AB"),
    ("(SW10) 5AB", "SW105AB"),
    ("Postcode: SW10 5AB", "SW105AB"),
    ("SW10 5AB (temp)", "SW105AB"),
    ("SW10 5AB, SW10 5AB", "SW105AB"),
    ("SW105ABSW105AB", "SW105AB"),
    ("SW10\u20145AB", "SW105AB"),
    ("\uff33\uff37\uff11\uff10 5AB", "SW105AB"),
    ("S.W.1.0 5AB", "SW105AB"),
    ("pc SW1O-5AB", "SW105AB"),
    ("1 N1 4AB", "LN14AB"),  # without its 1 it was withdrawn
]


@pytest.mark.parametrize(("text", "postcode"), MENDED)
def test_what_can_only_mean_one_is_repaired(country: Directory, text: str, postcode: str) -> None:
    assert meant(text, country) == postcode


LEFT = {
    "1G1 2XY": "two are like it",
    "N1S 4AB": "the only one like it was withdrawn: a newer one is likelier to be meant",
    "M.11AA": "a character may be missing where the dot stands, and there is such a postcode",
    "M?1 1AA": "a question mark stands for a character that nobody could read",
    "SW1* 5AB": "so does a star",
    "SW_10 5AB": "and a line to be filled in",
    "BS 2AB": "the digit of the district may be missing, and not the 5 be an S",
    "S1O 4DE": "two characters may have changed places",
    "DLL1 3AB": "a key may have been struck twice",
    "AB421S": "a letter may be missing",
    "B57 9JD": "it has the form of a postcode, of a district that there is: it may be new",
    "SW01 5AB": "digits that changed places are not put back",
    "SW0 5AB": "a digit that is missing is not put in",
    "SW100 5AB": "a digit too many is not taken out",
    "SW10 5AB, M1 1AA": "two postcodes",
    "1 E1 6QD": "a house's number, and not a small l",
    "1, E1 6QD": "the same with a sign",
    "1, E16QD": "and where the postcode is closed",
    "B8/2 3WG": "one of two districts",
    "CB2 1SD/N": "a flat's letter behind it",
    "LL11 1": "a sector, whose two letters were left out",
    "LL111": "the same, closed",
    "SW10 5AB old": "a word that may say that they have moved",
    "not SW10 5AB": "or that it is wrong",
    "SW10": "half of one",
    "unknown": "none",
    "": "nothing",
    "\u0405W10 5AB": "the letter of another script",
    "SW10 5AB" + " " * 60 + "x": "longer than any postcode with its words",
}


@pytest.mark.parametrize("text", LEFT, ids=list(LEFT.values()))
def test_what_can_mean_something_else_is_left(country: Directory, text: str) -> None:
    assert meant(text, country) == ""


def test_a_part_of_the_country_repairs_nothing(tmp_path: Path) -> None:
    with Directory(built(tmp_path)) as part:
        assert part.facts.part
        assert repaired(["SW1O 5AB", "SW10-5AB"], part) == {}


def test_a_directory_of_some_authorities_repairs_nothing(tmp_path: Path) -> None:
    source = tmp_path / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(ONSPD_2023, NAMES, TOWN), encoding="utf-8", newline="")
    build_directory(source, tmp_path / "some.sqlite", authorities=[OURS], part=True)
    as_whole_country(tmp_path / "some.sqlite")
    with Directory(tmp_path / "some.sqlite") as some:
        assert repaired(["QA1 IAA"], some) == {}


def test_many_texts_are_answered_as_each_by_itself(country: Directory) -> None:
    texts = [text for text, _ in MENDED] + list(LEFT)
    together = {text: one.postcode for text, one in repaired(texts, country).items()}
    assert together == {text: meant(text, country) for text in texts if meant(text, country)}


UNUSUAL = [
    "DN11\u00a08S",
    "dn118s\u2009",
    "SW10\u00a05AB",
    "SW1O\u00a05AB",
    "QX1\u00a09QX",
    "\u00a0",
    "SW10-5AB",
]


@pytest.mark.parametrize("many", [1, 1_000], ids=["in bulk", "one by one"])
def test_what_a_card_is_addressed_to_is_read_as_the_postcode_that_was_placed(
    country: Directory, many: int
) -> None:
    """However it was spaced: what comes of the first reading is read again, for reviews and previews."""
    given = pd.Series(UNUSUAL, dtype="str")
    asked = pd.DataFrame({"reference": range(len(UNUSUAL)), "postcode": given})
    addressed = given.copy()
    rewritten = meant_of(asked, country, many)
    addressed[rewritten.index] = rewritten["postcode"]
    assert addressed.tolist() == [
        "DN11 8S",
        "dn118s",
        "SW10 5AB",
        "SW10 5AB",
        "QX1 9QX",
        "\u00a0",
        "SW10 5AB",
    ]
    once, again = repairs(given, country), repairs(addressed, country)
    read_once = [once.get(text) or compact(text) for text in given]
    assert [again.get(text) or compact(text) for text in addressed] == read_once


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("SW1A1AA", True), ("M11AA", True), ("EC1A1BB", True), ("B331TH", True), ("SW011AA", False),
     ("SI11AA", False), ("N1S4AB", False), ("W1S4AB", True), ("SW1A1AO", False), ("ABC1AA", False)],
)  # fmt: skip
def test_the_forms_of_postcodes(text: str, is_one: bool) -> None:
    assert could_be(text) is is_one


def test_only_one_pair_is_exchanged_at_a_time() -> None:
    assert look_alikes("SW1OSAB") == set()
    assert "SW105AB" in look_alikes("SW105A8") | look_alikes("SW1O5AB")
    assert all(could_be(text) for text in look_alikes("S1O1SB8"))


def test_a_text_is_read_in_two_pieces_or_not() -> None:
    assert read("SW10 5AB") == ("SW105AB", True, False, frozenset())
    assert read("SW105AB") == ("SW105AB", False, False, frozenset())
    assert read("S.W10 5AB") == ("SW105AB", False, True, {"W105AB"})
    assert read("LL11 1") is None
    assert read("ten") is None
    assert compact("SW10-5AB") == ""
