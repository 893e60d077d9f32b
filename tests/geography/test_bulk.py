"""A million postcodes are placed as one is: two ways, one answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geography.test_place import AREAS, EXAMPLES
from geography.town import OURS, TOWN, Town
from pipeline.geography.directory import Directory
from pipeline.geography.frames import placed
from pipeline.geography.numbers import keys_of, texts_of
from pipeline.geography.place import Decided
from pipeline.geography.postcodes import compact
from pipeline.geography.reach import Reach
from pipeline.geography.statuses import of_text
from pipeline.networks import DIRECTORY_ALONE

POSTCODES = [row[0] for row in TOWN]
LETTERS = "QAB019Zz\u00e1\u0131 \u00a0.-\x00'"
# Postcodes as people write them: real ones with a case, spaces or letters changed, and any other text.
WRITTEN = st.one_of(
    st.sampled_from([*POSTCODES, *EXAMPLES]),
    st.sampled_from(POSTCODES).map(str.lower),
    st.sampled_from(POSTCODES).map(lambda text: text.replace(" ", "")),
    st.sampled_from(POSTCODES).map(lambda text: text.replace(" ", "  ")),
    st.builds(lambda text, at, by: text[:at] + by + text[at:], st.sampled_from(POSTCODES), st.integers(0, 8),
              st.sampled_from(LETTERS)),
    st.builds(lambda text, at, by: text[:at] + by + text[at + 1:], st.sampled_from(POSTCODES),
              st.integers(0, 7), st.sampled_from(LETTERS)),
    st.text(LETTERS, max_size=10),
    st.text(max_size=10).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)),
)  # fmt: skip


@pytest.fixture
def served(town: Town) -> Town:
    town.compile(*AREAS)
    return town


def both_ways(
    town: Town, texts: Iterable[str], decided: Mapping[str, Mapping[str, Decided]] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    listed = pd.Series(list(texts), dtype="str")
    asked = pd.DataFrame({"reference": range(len(listed)), "postcode": listed})
    hospitals = frozenset({"QA1 1AA", "QA9 9ZZ"})
    with Directory(town.directory) as places, Reach(town.reach, places.facts) as areas:
        one, other = (
            placed(asked, places, areas, ["centres", DIRECTORY_ALONE], hospitals, decided or {}, many=many)
            for many in (0, len(listed) + 1)
        )
    return one, other


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(WRITTEN, max_size=12))
def test_many_are_placed_as_one_is(served: Town, texts: list[str]) -> None:
    in_bulk, one_by_one = both_ways(served, texts)
    pd.testing.assert_frame_equal(in_bulk, one_by_one)


def test_every_status_comes_out_of_both_ways(served: Town) -> None:
    in_bulk, one_by_one = both_ways(served, EXAMPLES)
    pd.testing.assert_frame_equal(in_bulk, one_by_one)
    assert in_bulk["status"].nunique() >= len({status for status, *_ in EXAMPLES.values()}) - 1


def test_what_a_person_decided_counts_in_both_ways(served: Town) -> None:
    decided = {
        "QA11AD": Decided("south", OURS, ("north", "south")),
        "QA99ZZ": Decided("north", OURS),
        "QA11AA": Decided("south", OURS),
    }
    in_bulk, one_by_one = both_ways(served, ["QA1 1AD", "qa9 9zz", "QA1 1AA"], {"centres": decided})
    pd.testing.assert_frame_equal(in_bulk, one_by_one)
    assert in_bulk["recipient"].tolist()[:3] == ["south", "north", "north"]


@settings(max_examples=300)
@given(text=WRITTEN)
def test_two_ways_of_writing_share_a_number_only_where_they_are_one_postcode(text: str) -> None:
    (key,) = keys_of(pd.Series([text], dtype="str"))
    known = {
        number: compact(postcode) for postcode, number in zip(POSTCODES, numbers_of(POSTCODES), strict=True)
    }
    assert compact(text) == known.get(key, compact(text))


def numbers_of(texts: Iterable[str]) -> list[int]:
    return [int(key) for key in keys_of(pd.Series(list(texts), dtype="str"))]


@pytest.mark.parametrize("text", ["QA1 1AA", "qa11aa", "Qa1  1aA", "QA11AA"])
def test_case_and_spaces_do_not_change_the_number(text: str) -> None:
    assert numbers_of([text]) == numbers_of(["QA11AA"])
    assert texts_of(keys_of(pd.Series([text], dtype="str"))) == ["QA11AA"]


@given(outcode=st.from_regex(r"\A[A-Z]{1,2}[0-9][A-Z0-9]?\Z"), one=st.from_regex(r"\A[0-9][A-Z]{2}\Z"))
def test_what_the_writing_tells_hangs_on_the_outward_code(outcode: str, one: str) -> None:
    told, elsewhere = (of_text(outcode + inward, outcode + inward) for inward in (one, "1AA"))
    assert (told is None) == (elsewhere is None)
