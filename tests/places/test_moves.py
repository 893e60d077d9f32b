"""Changed reach areas, tried on past months: which families move, and what cannot be tried."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from month_authority import CommandLine
from pipeline.errors import IntegrityError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.keeping import kept
from pipeline.ledger.entries import Entry, Kind, ReachPreviewed
from pipeline.places.moves import preview
from pipeline.records import keyed_references
from pipeline.staging import Staging, WrappingKey
from pipeline.steps import release
from places.conftest import TODAY, Village
from preview.past import NOW, family
from spec.world import MONTH

ON = date(2026, 11, 20)
HIDDEN = {"least": 0, "most": 7}
OAK_1, OAK_2, ELM = TODAY
MERGED = (OAK_1, ("centres", "elm", *OAK_2[2:]), ELM)  # the second postcode goes to elm


def exactly(count: int) -> dict[str, int]:
    return {"least": count, "most": count}


def tried(village: Village, *lines: tuple[str, ...], **options: Any) -> dict[str, Any]:
    answer = preview(village.home, [village.proposed(*lines)], on=options.pop("on", ON), now=NOW, **options)
    [network] = answer["networks"]
    return {**answer, **network}


def moves(answer: dict[str, Any]) -> list[tuple[str, str, dict[str, int]]]:
    return [(one["then"], one["now"], one["families"]) for one in answer["moves"]]


def test_families_of_a_postcode_that_changes_hands_move_and_others_stay(village: Village) -> None:
    village.keep(*village.at("QA1 1AA", 10), *village.at("QA1 1AB", 9), *village.at("QA1 1AD", 8))
    answer = tried(village, *MERGED)
    assert moves(answer) == [("oak", "elm", exactly(9))]
    assert answer["recipients"] == [
        {"code": "elm", "then": exactly(8), "now": exactly(17)},
        {"code": "oak", "then": exactly(19), "now": exactly(10)},
    ]
    assert (answer["months"], answer["notes"], answer["not_previewable"]) == (["2026-10"], [], [])


def test_reach_areas_that_change_nothing_move_nobody(village: Village) -> None:
    village.keep(*village.at("QA1 1AA", 10), *village.at("QA1 1AD", 8))
    answer = tried(village, *TODAY)
    assert (answer["moves"], answer["moved"], answer["families"]) == ([], exactly(0), exactly(18))


def test_a_family_may_be_left_in_no_area_come_into_one_or_between_two(village: Village) -> None:
    lives = {"QA1 1AA": 10, "QA1 1AB": 11, "QA1 2AA": 12, "QA1 1AD": 13}
    village.keep(*(one for postcode, many in lives.items() for one in village.at(postcode, many)))
    wider = ("centres", "oak", "postcode", "QA1 2AA")
    twice = ("centres", "oak", *ELM[2:])
    answer = tried(village, OAK_1, ELM, twice, wider)
    assert answer["kinds"] == {
        "another": exactly(0), "nobody": exactly(11), "somebody": exactly(12), "several": exactly(13),
    }  # fmt: skip


def test_a_household_is_one_family_and_a_child_in_two_months_one_child(village: Village) -> None:
    september = MONTH.plus(-1)
    early = village.at("QA1 1AB", 10, september)
    twins = [
        family(100 + n, postcode="QA1 1AB", parent=f"mother-{n // 2}", dwelling=f"home-{n // 2}",
               number_of_births=2, birth_order=n % 2 + 1)
        for n in range(4)
    ]  # fmt: skip
    village.keep(*early, month=september)
    village.keep(*early, *twins)
    assert moves(tried(village, *MERGED)) == [("oak", "elm", exactly(12))]


@pytest.mark.parametrize(
    "changes",
    [{"live_or_still_birth": "2"}, {"death_status": "2"}, {"child": "child-2026-10-1"}],
    ids=["stillborn", "died", "another row about a child"],
)
def test_a_row_that_stands_for_no_living_child_counts_nowhere(
    village: Village, changes: dict[str, Any]
) -> None:
    village.keep(*village.at("QA1 1AB", 8), *village.at("QA1 1AB", 1, **changes))
    assert moves(tried(village, *MERGED)) == [("oak", "elm", exactly(8))]


def test_families_on_lists_are_counted_apart(village: Village) -> None:
    village.keep(*village.at("QA1 1AB", 20), *village.at("QA1 1AB", 9, consent_status="refused"))
    [move] = tried(village, *MERGED)["moves"]
    assert (move["families"], move["shared"]) == (exactly(29), exactly(20))


def test_the_day_says_which_proposed_lines_count(village: Village) -> None:
    village.keep(*village.at("QA1 1AB", 9))
    lines = ((*OAK_2, "2020-04-01", "2027-03-31"), ("centres", "elm", *OAK_2[2:], "2027-04-01", ""))
    now = tried(village, OAK_1, ELM, *lines)
    later = tried(village, OAK_1, ELM, *lines, on=date(2027, 4, 1))
    assert (moves(now), moves(later)) == ([], [("oak", "elm", exactly(9))])


def test_only_the_newest_months_where_that_is_asked_for(village: Village) -> None:
    september = MONTH.plus(-1)
    village.keep(*village.at("QA1 1AB", 9, september), month=september)
    village.keep(*village.at("QA1 1AB", 10))
    assert tried(village, *MERGED, months=1)["months"] == ["2026-10"]


def test_families_whom_neither_serves_are_not_among_them(village: Village) -> None:
    """In another authority, or with no fixed abode."""
    village.keep(*village.at("QA1 1AB", 9), *village.at("QB1 1AA", 9), *village.at("ZZ99 3VZ", 9))
    oak, elm = 7, 7  # at most, of those who stay: hidden, whether there is any
    assert tried(village, *MERGED)["families"] == {"least": 9, "most": 9 + oak + elm}


# --- what cannot be tried -------------------------------------------------------------------------


def test_a_month_that_was_kept_without_places_is_named(village: Village) -> None:
    village.keep(*village.at("QA1 1AB", 9))
    forget_places(village)
    with pytest.raises(SettingsError, match="2026-10: it was kept before"):
        tried(village, *MERGED)


def forget_places(village: Village) -> None:
    """The part as a program before this one left it."""
    state, key = village.home.state, WrappingKey(village.home)
    with opened_ledger(village.home) as ledger:
        [((month, name), said)] = kept.standing(ledger).items()
        old, anew = (Staging(state / folder / name, str(month), key) for folder in ("kept", "anew"))
        about = json.loads(old.get("about"))
        del about["files"]["keyed_places"]
        for file in about["files"]:
            anew.put(file, old.get(file))
        anew.put("about", release.canonical(about))
        ledger.append(Entry(said.model_copy(update={"sha256": anew.digest("about")}), str(month)), at=NOW)


def test_without_a_kept_month_there_is_nothing_to_try_on(village: Village) -> None:
    with pytest.raises(SettingsError, match="nothing to try"):
        tried(village, *MERGED)


def test_a_proposal_with_a_mistake_is_refused_and_not_recorded(village: Village) -> None:
    village.keep(*village.at("QA1 1AB", 9))
    with pytest.raises(SettingsError, match="line 2: no such"):
        tried(village, ("centres", "oak", "postcode", "QA9 9ZZ"))
    assert recorded(village) == []


def test_a_month_that_does_not_give_its_own_places_again_is_not_believed(village: Village) -> None:
    village.keep(*village.at("QA1 1AB", 9))
    with opened_ledger(village.home) as ledger:
        [((month, _), said)] = kept.standing(ledger).items()
        past = kept.read(village.home, month, said)
        past.placements.loc[past.placements["network"] == "centres", "recipient"] = "elm"
        ledger.append(Entry(kept.write_anew(village.home, past), str(month)), at=NOW)
    with pytest.raises(IntegrityError, match="does not give what was recorded"):
        tried(village, *MERGED)


def test_reach_areas_that_were_changed_since_are_spoken_of(village: Village) -> None:
    """Families of then are placed by the files of today as they were in force then; that is said."""
    village.keep(*village.at("QA1 1AB", 9), *village.at("QA1 1AD", 9))
    village.town.areas(*MERGED).replace(village.home.reach_areas[0])
    answer = tried(village, *TODAY)
    assert moves(answer) == [("elm", "oak", exactly(9))]
    [note] = answer["notes"]
    assert "the reach areas were changed" in note["says"]


# --- what is recorded and what never comes out ----------------------------------------------------


def recorded(village: Village) -> list[ReachPreviewed]:
    with opened_ledger(village.home) as ledger:
        bodies = [entry.body for entry in ledger.entries(kinds={Kind.REACH_PREVIEWED})]
    return [one for one in bodies if isinstance(one, ReachPreviewed)]


def test_each_preview_is_recorded_once_by_its_digest(village: Village) -> None:
    village.keep(*village.at("QA1 1AB", 9))
    first, again = tried(village, *MERGED), tried(village, *MERGED)
    other = tried(village, *TODAY)
    assert first["preview_sha256"] == again["preview_sha256"] != other["preview_sha256"]
    assert [one.preview_sha256 for one in recorded(village)] == [
        first["preview_sha256"], other["preview_sha256"],
    ]  # fmt: skip


def test_no_postcode_and_no_reference_comes_out(village: Village, tmp_path: Path) -> None:
    village.keep(*village.at("QA1 1AB", 9))
    file = village.proposed(*MERGED)
    page, line = tmp_path / "moves.html", CommandLine(type("Here", (), {"home": village.home})())
    said = line("geography", "preview", file, "--on", "2026-11-20", "--out", page)
    assert said.code == 0, said.err
    key = keyed_references(village.home.secret("subject.key"), "place", ["QA11AB"])[0]
    texts = said.out + said.err + page.read_text() + line("geography", "preview", file, "--json").out
    assert "elm" in said.out and "9" in said.out
    assert not [one for one in ("QA1 1AB", "QA11AB", key, "child-2026") if one in texts]
    for name in village.home.state.rglob("*"):
        if name.is_file() and name.suffix != ".sqlite":
            assert b"QA1 1AB" not in name.read_bytes()


def test_a_family_that_is_forgotten_takes_its_place_with_it(village: Village) -> None:
    births = village.at("QA1 1AB", 9)
    village.keep(*births)
    with opened_ledger(village.home) as ledger:
        [((month, _), said)] = kept.standing(ledger).items()
        rest = kept.without(kept.read(village.home, month, said), [births[0]["child"]])
    assert rest.keyed_places["reference"].tolist() == [one["reference"] for one in births[1:]]


# --- after a real month ---------------------------------------------------------------------------


def test_after_a_real_month_a_centre_that_closes_is_tried_and_the_page_has_its_map(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    """Some postcodes were withdrawn, badly written, or nobody serves them: all are placed as in the month."""
    birthshare.finish()
    home = birthshare.authority.home
    lines = home.reach_areas[0].read_text()
    first, second = sorted(set(re.findall("centre-[0-9]+", lines)))[:2]
    proposal = tmp_path / "merged.csv"
    proposal.write_text(lines.replace(first, second))
    answer = birthshare("geography", "preview", proposal, "--json")
    assert answer.code == 0, answer.err
    [network] = answer.json["networks"]
    by_code = {one["code"]: one for one in network["recipients"]}
    assert {(one["then"], one["now"]) for one in network["moves"]} >= {(first, second)}
    assert by_code[first]["now"] == exactly(0) != by_code[first]["then"]
    assert answer.json["notes"] == []
    [page] = (home.outbox / "months").glob("*.html")
    assert '<figure class="chart map">' in page.read_text()
    [counted] = birthshare("report", "month", page.stem, "--json").json["history"]["months"]
    [areas] = counted["areas"].values()
    assert first in areas and all(
        one["births"] >= one["consented"] >= one["shared"] for one in areas.values()
    )
