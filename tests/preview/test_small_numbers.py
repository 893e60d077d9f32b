"""A hidden number cannot be worked out from what is shown, even by who knows how it is hidden."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from pipeline.looking_back.small_numbers import FEWEST, Shown, other_view, shown, table

# Every table of up to four parts with counts around what matters: none, small, just large enough.
COUNTS = (0, 1, 2, 3, 6, 7, 8, 9, 15)
TABLES = [counts for parts in (1, 2, 3, 4) for counts in product(COUNTS, repeat=parts)]


def published(counts: Iterable[int]) -> Any:
    made = table({str(place): count for place, count in enumerate(counts)})
    return tuple(made.cells.values()), made.total


def hidden(count: int) -> bool:
    return 0 < count < FEWEST


def test_a_count_of_one_to_seven_is_never_shown() -> None:
    assert [str(shown(count)) for count in (0, 1, 7, 8, 1500)] == [
        "0", "fewer than 8", "fewer than 8", "8", "1,500",
    ]  # fmt: skip


def test_a_total_beside_one_hidden_count_is_no_more_than_the_cells_say() -> None:
    made = table({"oak": 20, "elm": 3})
    assert made.cells == {"oak": Shown(20, 20), "elm": Shown(1, 7)}
    assert made.total == Shown(21, 27)
    assert str(made.total) == "between 21 and 27"


def test_a_total_is_exact_where_it_gives_nothing_away() -> None:
    assert table({"oak": 20, "elm": 0}).total == Shown(20, 20)
    assert table({"oak": 20, "elm": 3, "ash": 4}).total == Shown(27, 27)


@pytest.mark.parametrize("counts", [(1, 1), (7, 7), (20, 7, 7), (1, 1, 1)])
def test_a_total_that_leaves_the_hidden_counts_no_room_is_not_exact(counts: tuple[int, ...]) -> None:
    assert not published(counts)[1].exact


def test_whoever_knows_the_rule_and_sees_a_table_cannot_tell_any_hidden_count() -> None:
    """Every table that would be shown alike is tried: each hidden count has several values among them."""
    alike: defaultdict[Any, list[tuple[int, ...]]] = defaultdict(list)
    for counts in product(range(11), repeat=3):
        alike[published(counts)].append(counts)
    for tables in alike.values():
        for place, count in enumerate(tables[0]):
            if hidden(count):
                assert len({counts[place] for counts in tables}) > 1, tables


def test_the_true_counts_are_always_within_what_is_shown() -> None:
    for counts in TABLES:
        cells, total = published(counts)
        assert all(one.least <= count <= one.most for one, count in zip(cells, counts, strict=True))
        assert total.least <= sum(counts) <= total.most


def test_two_views_of_one_total_give_no_more_away_than_one() -> None:
    """Recipients and reasons count the same families; both together are what somebody sees."""
    alike: defaultdict[Any, list[tuple[tuple[int, ...], tuple[int, ...]]]] = defaultdict(list)
    most = 18
    for total in range(most + FEWEST):
        parted = [(count, total - count) for count in range(total + 1)]
        for recipients, reasons in product(parted, repeat=2):
            made = table({"oak": recipients[0], "elm": recipients[1]})
            other = other_view(made, {"late": reasons[0], "refused": reasons[1]})
            seen = tuple(made.cells.values()), made.total, other and tuple(other.values())
            alike[seen].append((recipients, reasons))
    for pairs in alike.values():
        if sum(pairs[0][0]) > most:
            continue  # others that are shown alike have more families than were tried
        for view, place in product((0, 1), repeat=2):
            shows_it = view == 0 or other_view(_table(pairs[0][0]), _named(pairs[0][1])) is not None
            if hidden(pairs[0][view][place]) and shows_it:
                assert len({pair[view][place] for pair in pairs}) > 1


def test_another_view_that_would_give_the_total_away_is_not_shown() -> None:
    made = table({"oak": 20, "elm": 3})
    assert other_view(made, {"late": 23}) is None
    assert other_view(table({"oak": 20, "elm": 9}), {"late": 26, "refused": 3}) is None
    assert other_view(table({"oak": 20, "elm": 9}), {"late": 29}) == {"late": Shown(29, 29)}


def _named(counts: tuple[int, ...]) -> dict[str, int]:
    return {str(place): count for place, count in enumerate(counts)}


def _table(counts: tuple[int, ...]) -> Any:
    return table(_named(counts))
