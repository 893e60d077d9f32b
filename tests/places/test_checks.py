"""`geography check` in a home: beside its register and agreements, with how many families are at stake."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from month_authority import Authority, CommandLine
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.networks import NOBODY
from pipeline.places.checks import check
from pipeline.reporting.areas_page import Drawn, areas_page
from places.conftest import TODAY, Village
from spec.world import MONTH

ON = MONTH.last_day


def found(village: Village, fault: str, **more: Any) -> list[dict[str, Any]]:
    answer = check(village.home, on=ON, **more).answer
    return [one for one in answer["findings"] if one["fault"] == fault]


def agree(village: Village, **recipients: Any) -> None:
    """Another agreement in the home, as the demonstration's but for its recipients."""
    text = next(Path("sharing_agreements").glob("welcome-card-first-visit.v1.yaml")).read_text(
        encoding="utf-8"
    )
    terms = yaml.safe_load(text)
    terms["recipients"] = terms["recipients"] | recipients
    (village.home.agreements / "welcome-card-first-visit.v1.yaml").write_text(yaml.safe_dump(terms))


def test_recipients_that_are_not_in_the_register_are_errors_by_their_lines(village: Village) -> None:
    one, two = sorted(found(village, "not_registered"), key=lambda one: str(one["where"]))
    assert (one["level"], one["where"]) == ("error", "reach_areas.csv line 2, reach_areas.csv line 3")
    assert two["says"] == "elm has an area in centres, and is not in the register of recipients."


def test_localities_need_not_be_in_the_register_unless_an_agreement_sends_lists_there(
    village: Village,
) -> None:
    settings = village.home.path / "birthshare.toml"
    settings.write_text(settings.read_text() + '\n[geography]\nlocalities = "centres"\n')
    village.home = Home.open(village.home.path)
    assert found(village, "not_registered") == []
    agree(village, network="centres")
    assert len(found(village, "not_registered")) == 2


def test_a_network_that_an_agreement_needs_and_no_line_has_is_an_error(village: Village) -> None:
    agree(village, network="libraries")
    [one] = found(village, "nothing_in_force")
    assert (one["level"], one["network"]) == ("error", "libraries")
    assert found(village, "nothing_in_force", network="centres") == []


def test_files_without_a_line_in_force_are_an_error_where_no_agreement_stands_too(village: Village) -> None:
    [one] = check(village.home, on=date(1999, 1, 1)).answer["findings"]
    assert (one["level"], one["fault"], one["where"]) == ("error", "nothing_in_force", "reach_areas.csv")
    village.home.reach_areas[0].write_text("network,recipient,kind,code,from,to\n")
    [one] = found(village, "nothing_in_force")
    assert one["says"] == f"No line is in force on {ON}."


def test_a_network_of_which_no_line_speaks_is_not_said_to_be_well(village: Village) -> None:
    with pytest.raises(SettingsError, match="No line of the reach areas is of the network centers"):
        check(village.home, on=ON, network="centers")
    agree(village, network="libraries")
    assert found(village, "nothing_in_force", network="libraries")


def test_an_agreement_that_has_ended_needs_nothing(village: Village) -> None:
    agree(village, network="libraries")
    answer = check(village.home, on=date(2099, 1, 1)).answer
    assert "nothing_in_force" not in [one["fault"] for one in answer["findings"]]


def test_a_network_in_another_authority_than_the_homes_is_told(village: Village) -> None:
    settings = village.home.path / "birthshare.toml"
    own = village.home.settings.authority.code
    settings.write_text(settings.read_text().replace(own, "E07000001"))
    assert found(Village(Home.open(village.home.path), village.town), "other_authority") == []
    settings.write_text(settings.read_text().replace("E07000001", "E07000009"))
    [one] = found(Village(Home.open(village.home.path), village.town), "other_authority")
    assert one["says"] == "centres covers E07000001, and not E07000009, the authority of this home."


@pytest.mark.parametrize(
    ("many", "said"), [(0, "fewer than 8"), (7, "fewer than 8"), (9, "about 10"), (23, "about 25")]
)
def test_families_at_stake_are_rounded_and_few_are_not_told_from_none(
    village: Village, many: int, said: str
) -> None:
    village.keep(*village.at("QA1 2AA", many), *village.at("QA1 1AA", 3))
    [gap] = [one for one in found(village, "gap") if one["place"] == "E01000023"]
    assert (gap["postcodes"], gap["families"]) == (1, said)


def test_families_are_counted_in_the_whole_small_area_so_that_two_checks_tell_nothing_of_a_street(
    village: Village,
) -> None:
    village.keep(*village.at("QA1 1AA", 10), *village.at("QA1 1AB", 13))
    told = set()
    for left_out in TODAY[:2]:
        lines = [line for line in TODAY if line != left_out]
        shutil.move(village.town.areas(*lines), village.home.reach_areas[0])
        [gap] = [one for one in found(village, "gap") if one["place"] == "E01000021"]
        told.add((gap["postcodes"], gap["families"]))
    assert told == {(1, "about 25")}


def test_without_kept_months_nobody_knows_how_many_families(village: Village) -> None:
    assert {one["families"] for one in found(village, "gap")} == {""}


def test_the_answer_can_be_written_as_json_and_its_numbers_add_up(village: Village) -> None:
    checked = check(village.home, on=ON)
    assert json.loads(json.dumps(checked.answer)) == checked.answer
    centres, tiles = checked.answer["networks"]["centres"], checked.maps["centres"]
    assert {one["code"]: one["postcodes"] for one in centres["recipients"]} == {"elm": 1, "oak": 2}
    assert (
        centres["gaps"] == sum(one["postcodes"] for one in found(village, "gap")) + 4
    )  # these are imprecise
    assert set(tiles.serving.values()) <= {"elm", "oak", NOBODY}


def test_the_page_says_what_the_answer_says(village: Village) -> None:
    checked = check(village.home, on=ON)
    maps = {name: Drawn(one.side, one.serving) for name, one in checked.maps.items()}
    page = areas_page(checked.answer, maps, {}, checked.headings, year=checked.year, authority="Sampleton")
    text = " ".join(re.sub("<[^>]*>", " ", page).replace("&#39;", "'").split())
    for one in checked.answer["findings"]:
        assert one["where"] in text
        assert one["says"] in text
    assert "4 errors" not in text
    assert "2 errors" in text
    assert checked.answer["areas_sha256"] in text
    assert "<details" not in page
    many = {**checked.answer, "findings": checked.answer["findings"] * 20}
    longer = areas_page(many, {}, {}, checked.headings, year=checked.year, authority="Sampleton")
    assert "<details><summary>20 more</summary>" in longer
    assert "<script" not in page
    assert 'lang="en-GB"' in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_no_postcode_is_on_the_page_or_in_the_answer(village: Village) -> None:
    checked = check(village.home, on=ON)
    maps = {name: Drawn(one.side, one.serving) for name, one in checked.maps.items()}
    page = areas_page(checked.answer, maps, {}, checked.headings, year=checked.year, authority="Sampleton")
    assert not re.search("QA[12] ?[0-9][A-Z]{2}", page + json.dumps(checked.answer))


# --- the command ----------------------------------------------------------------------------------


def test_the_command_answers_and_writes_the_page(
    authority: Authority, birthshare: CommandLine, tmp_path: Path
) -> None:
    page = tmp_path / "areas.html"
    answer = birthshare("geography", "check", "--on", "2026-10-31", "--out", page)
    assert answer.code == 0
    assert "lines in force on 2026-10-31. 2 warnings." in answer.out
    assert "Places in nobody's area (1)" in answer.out
    assert f"Written: {page}" in answer.out
    assert page.stat().st_mode & 0o077 == 0
    assert "Check of the reach areas" in page.read_text(encoding="utf-8")
    told = birthshare("geography", "check", "--on", "2026-10-31", "--json").json
    assert told["well"] is True


def test_the_command_stops_with_an_error_and_names_every_line(
    authority: Authority, birthshare: CommandLine
) -> None:
    with authority.home.reach_areas[0].open("a", encoding="utf-8") as lines:
        lines.write("childrens_centres,centre-01,lsoa11,E01999999,2020-04-01,\n")
        lines.write("childrens_centres,centre-01,nothing,E01999999,2020-04-01,\n")
    answer = birthshare("geography", "check")
    assert answer.code == 2
    answer.says("reach_areas.csv", "check them again")
    assert "no such lsoa11" in answer.out
    assert "The kind must be one of" in answer.out
    told = birthshare("geography", "check", "--json")
    assert (told.code, told.json["well"]) == (2, False)
