"""A month that is killed at any step, and run again, ends as if nothing had happened.

Every kind of step once; `make crash` kills at each single one, on both databases.
"""

from __future__ import annotations

import pytest

from crash.boundaries import kind_of
from crash.left import left
from crash.story import ACTS, Undisturbed, at_first_not_in, at_number, play, send, undisturbed
from crash.world import World

# Between these the recipient's system may take the list, and we do not know that it came.
UNKNOWN = (
    "ledger has kept publish publishing",
    "server was sent posix-rename@openssh.com",
    "server answered posix-rename@openssh.com",
    "ledger about to keep arrive delivered",
    "ledger has kept arrive delivered",
)


@pytest.fixture(scope="module")
def normal(world: World) -> Undisturbed:
    return undisturbed(world)


def test_the_undisturbed_month_is_proved_and_its_steps_are_seen(normal: Undisturbed) -> None:
    kinds = {kind_of(step) for steps in normal.steps.values() for step in steps}
    end = normal.ends["call_back"]
    assert end.proved
    assert sum("welcome-card" in name.split("/")[1][:12] for name in end.lists) == 4  # lists and manifests
    assert sum(name.split("/")[1].startswith("recall") for name in end.lists) == 2
    assert {
        "file on the disk",
        "file named",
        "file removed",
        "ledger has kept permit disclosure, permit",
    } < kinds
    assert kinds > set(UNKNOWN)


@pytest.mark.timeout(240)
def test_killed_at_each_kind_of_step_again_and_again_the_month_ends_the_same(
    world: World, normal: Undisturbed
) -> None:
    world.go_back(normal.moments[ACTS[0].__name__])
    died: set[str] = set()
    for act in ACTS:
        while (played := play(act, world, at_first_not_in(frozenset(died)))).killed:
            died.add(kind_of(played.steps[-1]))
    assert died >= {kind_of(step) for steps in normal.steps.values() for step in steps}
    assert left(world).differs_from(normal.ends["call_back"]) == []


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_list_that_is_taken_before_we_know_that_it_came_is_not_sent_again(
    world: World, normal: Undisturbed, kind: str
) -> None:
    kinds = [kind_of(step) for step in normal.steps["send"]]
    world.go_back(normal.moments["send"])
    assert play(send, world, at_number(kinds.index(kind) + 1)).killed
    taken = world.collect()
    assert not play(send, world).killed
    assert left(world, [taken]).differs_from(normal.ends["send"], collected=True) == []
