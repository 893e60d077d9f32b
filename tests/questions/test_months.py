"""A month beside the months before it: what is out of the ordinary is said, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import copy
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asked import watched
from month_authority import Answer, CommandLine
from pipeline.errors import SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import (
    DirectoryBuilt,
    Entry,
    ListForgone,
    Placed,
    PostcodeReviewed,
    RegisterAgreed,
    RegisterSignature,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.history import FEWEST, _Earlier, agreements, history, is_unusual, of_month
from pipeline.questions.months import month as asked
from pipeline.records import Month
from preview.past import new_home
from questions import past

THIS = Month(2026, 10)
LATER = past.after(THIS, 40)
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nYQ==\n-----END SSH SIGNATURE-----\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with opened_ledger(home) as opened:
        yield opened


@pytest.fixture
def report(home: Home) -> Callable[..., Answer]:
    """`birthshare report month` on this home."""
    line = CommandLine(type("Here", (), {"home": home})())
    return lambda *arguments: line("report", "month", *arguments)


def some_months(ledger: Ledger, many: int, **changes: Any) -> None:
    """Months before this one, with 10 households at one centre and 20 to 22 at another."""
    for back in range(many, 0, -1):
        past.closed(ledger, THIS.plus(-back), {"centre-1": 10, "centre-2": 20 + back % 3}, **changes)


def unusual(state: dict[str, Any]) -> dict[tuple[str, str], tuple[int, float]]:
    """What is out of the ordinary: what it is now, and the median before."""
    return {
        (one["what"], one["code"]): (one["now"], one["median"])
        for one in state["history"]["compared"]
        if one["unusual"]
    }


def state_of(home: Home, month: Month = THIS) -> dict[str, Any]:
    return asked(home, month, now=LATER)


# --- the rule -------------------------------------------------------------------------------------


@given(st.integers(0, 100), st.lists(st.integers(0, 100), max_size=12))
def test_a_count_is_unusual_only_beyond_every_earlier_one_and_never_beside_few(
    now: int, before: list[int]
) -> None:
    if is_unusual(now, before):
        assert len(before) >= FEWEST
        assert now < min(before) or now > max(before)
        assert abs(now - median(before)) >= 5


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (40, [20, 22, 25], True),
        (40, [20, 22], False),  # too few to know
        (25, [20, 22, 25], False),  # it was so before
        (27, [20, 22, 25], False),  # near enough to the middle
        (3, [0, 0, 0], False),  # too small a difference
        (5, [0, 0, 0], True),
        (0, [20, 22, 25], True),
    ],
)
def test_the_rule_of_what_is_unusual(now: int, before: list[int], said: bool) -> None:
    assert is_unusual(now, before) is said


# --- months ---------------------------------------------------------------------------------------


def test_a_usual_month_has_nothing_out_of_the_ordinary(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 6)
    past.closed(ledger, THIS, {"centre-1": 11, "centre-2": 20})

    state = state_of(home)

    assert state["history"]["compared_with"] == 6
    assert unusual(state) == {}


def test_a_centre_whose_list_falls_away_a_reason_that_grows_and_a_late_file_are_said(
    home: Home, ledger: Ledger
) -> None:
    some_months(ledger, 6)
    past.closed(
        ledger, THIS, {"centre-1": 10}, reasons={"consent_refused": 60, "restricted_record": 10}, signed=20
    )

    state = state_of(home)

    assert unusual(state)["recipient", "centre-2"] == (0, 21)
    assert unusual(state)["reason", "consent_refused"] == (60, 20)
    assert unusual(state)["file", "chis"] == (20, 2)
    assert ("recipient", "centre-1") not in unusual(state)


def test_the_month_before_and_the_range_are_beside_each_count(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 4)
    past.closed(ledger, THIS, {"centre-1": 10, "centre-2": 30})

    [one] = [one for one in state_of(home)["history"]["compared"] if one["code"] == "centre-2"]

    assert (one["now"], one["before"], one["median"], one["least"], one["most"]) == (30, 21, 21, 20, 22)


def test_what_earlier_months_say_is_the_same_however_often_and_in_whatever_order_it_is_asked(
    ledger: Ledger,
) -> None:
    """Several pages ask it at once: nothing that one of them asks may be what another is told."""
    some_months(ledger, 4)
    earlier = tuple(one for back in range(4, 0, -1) if (one := of_month(ledger, THIS.plus(-back))))
    months = _Earlier(str(THIS), earlier)
    before = {name: copy(value) for name, value in vars(months).items()}
    new, known = ("", "file", "another"), ("", "file", "chis")
    assert (months.of(new).numbers, months.of(known).numbers) == ((), (2, 2, 2, 2))
    assert months.of((past.AGREEMENT, "recipient", "centre-3")).numbers == (0, 0, 0, 0)
    assert vars(months) == before


def test_at_most_twelve_months_are_looked_back_at(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 14)
    past.closed(ledger, THIS, {"centre-1": 10})

    found = state_of(home)["history"]

    assert [one["month"] for one in found["months"]] == [str(THIS.plus(-back)) for back in range(12, -1, -1)]
    assert found["compared_with"] == 12


def test_months_without_books_are_shown_and_not_compared_with(home: Home, ledger: Ledger) -> None:
    past.closed(ledger, THIS.plus(-4), {"centre-1": 10})
    past.begin(ledger, THIS.plus(-2))
    past.closed(ledger, THIS, {"centre-1": 10})

    found = state_of(home)["history"]

    assert [(one["month"], one["state"], one["received"]) for one in found["months"]] == [
        ("2026-06", "closed", 44),
        ("2026-08", "open", None),
        ("2026-10", "closed", 44),
    ]
    assert found["compared_with"] == 1


def test_a_later_month_is_not_looked_at(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 3)
    past.closed(ledger, THIS, {"centre-1": 10, "centre-2": 20})
    before = state_of(home)["history"]

    past.closed(ledger, THIS.plus(1), {"centre-1": 100})

    assert state_of(home)["history"] == before


def test_an_agreement_that_is_new_is_compared_with_nothing(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 6)
    past.begin(ledger, THIS, shared=9, agreement="family-hubs")
    past.send(ledger, THIS, "hub-1", 9, agreement="family-hubs")
    past.end(ledger, THIS, shared=9, withheld=30, agreement="family-hubs")

    state = state_of(home)

    mine = [one for one in state["history"]["compared"] if one["agreement"]]
    assert {one["agreement"] for one in mine} == {"family-hubs"}
    assert {one["median"] for one in mine} == {None}


def test_a_list_that_was_annulled_counts_nothing(ledger: Ledger) -> None:
    month = THIS.plus(-1)
    past.begin(ledger, month, shared=8)
    permit = ledger.permit(
        past.permit_body(month, "centre-9", 5),
        [past.on_list(month, "centre-9", n) for n in range(5)],
        month=str(month),
        at=past.after(month, 4),
    )
    ledger.annul(permit, at=past.after(month, 4))
    past.send(ledger, month, "centre-1", 8)
    past.end(ledger, month, shared=8, withheld=30)

    found = of_month(ledger, month)

    assert found is not None
    assert found.households == {past.AGREEMENT: {"centre-1": 8}}


def test_the_counts_of_a_past_month_are_those_of_its_own_page(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 1)
    before = THIS.plus(-1)

    mine = agreements(list(ledger.entries(month=str(before))))
    found = of_month(ledger, before)

    assert found is not None
    assert mine == state_of(home, before)["agreements"] == asdict(found)["agreements"]


# --- births by area ------------------------------------------------------------------------------


def areas_of(state: dict[str, Any], code: str) -> dict[str, tuple[int, int | None, float | None]]:
    """Of one area each count: now, in the month before, and the median before."""
    return {
        one["what"]: (one["now"], one["before"], one["median"])
        for one in state["history"]["compared"]
        if one["code"] == code and one["what"].startswith("area_")
    }


def test_each_area_s_births_are_beside_those_of_earlier_months(home: Home, ledger: Ledger) -> None:
    for back, births in ((3, 20), (2, 40), (1, 30)):
        past.closed(ledger, THIS.plus(-back), {"centre-1": 10}, born={"centre-1": births})
    past.closed(ledger, THIS, {"centre-1": 10}, born={"centre-1": 25})

    assert areas_of(state_of(home), "centre-1") == {
        "area_births": (25, 30, 30),
        "area_consented": (20, 25, 25),
        "area_shared": (15, 20, 20),
    }


def test_a_month_before_areas_were_counted_is_not_one_without_births(home: Home, ledger: Ledger) -> None:
    some_months(ledger, 3)
    past.closed(ledger, THIS, {"centre-1": 10}, born={"centre-1": 25})

    assert areas_of(state_of(home), "centre-1")["area_births"] == (25, None, None)


def test_an_area_with_far_fewer_births_than_ever_is_out_of_the_ordinary(home: Home, ledger: Ledger) -> None:
    for back in range(4, 0, -1):
        past.closed(ledger, THIS.plus(-back), {"centre-1": 10}, born={"centre-1": 40, "centre-2": 40})
    past.closed(ledger, THIS, {"centre-1": 10}, born={"centre-1": 40})

    assert unusual(state_of(home))["area_births", "centre-2"] == (0, 40)
    assert ("area_births", "centre-1") not in unusual(state_of(home))


def test_one_birth_more_that_rounds_up_is_nothing_out_of_the_ordinary(home: Home, ledger: Ledger) -> None:
    for back in range(4, 0, -1):
        past.closed(ledger, THIS.plus(-back), {"centre-1": 10}, born={"centre-1": 10})
    past.closed(ledger, THIS, {"centre-1": 10}, born={"centre-1": 15})

    assert unusual(state_of(home)) == {}


def test_the_page_has_births_by_area_without_a_map_where_places_are_not_those_of_then(
    home: Home, ledger: Ledger, report: Callable[..., Answer], tmp_path: Path
) -> None:
    for back in range(2, -1, -1):
        past.closed(ledger, THIS.plus(-back), {"centre-1": 10}, born={"centre-1": 30 + 5 * back})

    assert report(str(THIS), "--out", tmp_path / "month.html").code == 0

    page = (tmp_path / "month.html").read_text()
    assert "Births by area" in page and "There is no map" in page and "Births in all areas together" in page
    assert (
        " ".join(re.sub("<[^>]*>", " ", page).split()).count("centre-1 30 35 37.5 25 30 32.5 20 25 27.5") == 1
    )


# --- how it went ----------------------------------------------------------------------------------


def test_refused_files_failed_tries_and_forgone_lists_are_told(home: Home, ledger: Ledger) -> None:
    past.refused(ledger, THIS)
    past.begin(ledger, THIS, shared=40)
    past.send(ledger, THIS, "centre-1", 40, failures=3)
    past.record(
        ledger,
        THIS,
        ListForgone(
            agreement=past.AGREEMENT,
            recipient="centre-2",
            principal=past.LEAD,
            signature=SIGNATURE,
            note="it closed for good",
        ),
    )
    past.end(ledger, THIS, shared=40, withheld=30)

    course = state_of(home)["course"]

    assert [(one["supplier"], one["problem"]) for one in course["refused"]] == [("chis", "wrong_signer")]
    [failed] = course["failed"]
    assert (failed["recipient"], failed["times"], failed["problem"]) == ("centre-1", 3, "unreachable")
    assert failed["delivered_at"].startswith("2026-11-05")
    assert [(one["recipient"], one["note"]) for one in course["forgone"]] == [
        ("centre-2", "it closed for good")
    ]
    assert [(one["what"], one["rows"]) for one in course["files"]] == [("extract", 74)]


def test_a_month_says_by_which_directory_and_whose_reach_areas_homes_were_placed(
    home: Home, ledger: Ledger
) -> None:
    directory, areas, others = "d" * 64, "e" * 64, "f" * 64
    built = DirectoryBuilt(
        product="ONSPD", released="2026-08", source_sha256="c" * 64, directory_sha256=directory,
        before_sha256="", rows=2, live=1, vintages=("2021",), columns={"authority": "lad26cd"},
    )  # fmt: skip
    signed = [
        RegisterAgreed(
            statement_sha256="b" * 64,
            recipients={},
            reach_areas_sha256=digest,
            signatures=(RegisterSignature(principal=who, signature=SIGNATURE),),
        )
        for digest, who in ((areas, past.LEAD), (others, "other@example.org"))
    ]
    ledger.append(*map(Entry, (built, *signed)), at=past.after(THIS, 0))
    first, last = (
        Placed(network="centres", directory_sha256=sha256, reach_sha256=areas, statuses=statuses)
        for sha256, statuses in (("a" * 64, {"unknown": 1}), (directory, {"placed_reviewed": 1}))
    )
    past.record(ledger, THIS, first)
    past.record(
        ledger,
        THIS,
        PostcodeReviewed(
            place="1" * 32, once="2" * 32, network="centres", status="unknown", recipient="centre-1",
            authority="E10000014", directory_sha256=directory,
            reach_sha256=areas, follows=0, principal=past.LEAD, signature=SIGNATURE, note="a new street",
        ),
        last,
    )  # fmt: skip
    past.closed(ledger, THIS, {"centre-1": 10})

    course = state_of(home)["course"]

    [placed] = course["placed"]
    assert (placed["product"], placed["released"], placed["statuses"]) == (
        "ONSPD", "2026-08", {"placed_reviewed": 1},
    )  # fmt: skip
    assert (placed["agreed_by"], placed["reach_sha256"]) == ([past.LEAD], areas)
    [reviewed] = course["reviewed"]
    assert (reviewed["principal"], reviewed["recipient"], reviewed["note"]) == (
        past.LEAD, "centre-1", "a new street",
    )  # fmt: skip


# --- the command ----------------------------------------------------------------------------------


def test_the_page_says_what_is_unusual_in_words_and_draws_it(
    home: Home, ledger: Ledger, report: Callable[..., Answer], tmp_path: Path
) -> None:
    some_months(ledger, 6)
    past.closed(ledger, THIS, {"centre-1": 10})

    answer = report(str(THIS), "--out", tmp_path / "month.html")

    page = (tmp_path / "month.html").read_text()
    assert answer.code == 0, answer.err
    assert "households for centre-2" in answer.out and "households for centre-2: <strong>0</strong>" in page
    # What became of the rows; rows received, one agreement, and a span for each recipient.
    assert page.count("<svg") == 1 + 2 + 2
    assert "<script" not in page and "//" not in page
    assert (tmp_path / "month.html").stat().st_mode & 0o077 == 0


def test_an_open_month_says_that_it_is(
    home: Home, ledger: Ledger, report: Callable[..., Answer], tmp_path: Path
) -> None:
    some_months(ledger, 3)
    past.refused(ledger, THIS)

    answer = report(str(THIS), "--out", tmp_path / "month.html", "--json")

    assert (answer.code, answer.json["state"]) == (0, "open")
    page = (tmp_path / "month.html").read_text()
    assert "Waiting for" in page and "The month is open" in page


def test_a_month_that_was_never_begun_is_a_sentence(home: Home, report: Callable[..., Answer]) -> None:
    with pytest.raises(SettingsError, match="never begun"):
        state_of(home)

    answer = report(str(THIS))
    assert answer.code == 2
    answer.says("never begun")


def test_the_answer_is_the_same_as_a_file_and_on_the_screen(
    ledger: Ledger, report: Callable[..., Answer], tmp_path: Path
) -> None:
    some_months(ledger, 1)
    past.closed(ledger, THIS, {"centre-1": 10})

    answer = report(str(THIS), "--json", "--out", tmp_path / "month.json")

    written = json.loads((tmp_path / "month.json").read_text())
    assert {**written, "seconds": {}} == {**answer.json, "seconds": {}}


def test_sixty_months_are_as_much_work_as_thirteen(tmp_path: Path) -> None:
    """What is read does not grow with the months before the twelve."""
    state = {"month": str(THIS), "state": "open", "balanced": False, "received": 0, "agreements": {}}

    def work(months: int) -> int:
        with watched() as reading, closing(Ledger.open(f"sqlite:///{tmp_path / f'{months}.db'}")) as ledger:
            for back in range(months, 0, -1):
                past.closed(ledger, THIS.plus(-back), {"centre-1": 1})
            before = reading.steps
            assert history(ledger, {**state, "recipients": []})["compared_with"] == 12
            return reading.steps - before

    few, many = work(13), work(60)
    assert 0 < many < 1.3 * few
