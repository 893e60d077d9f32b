"""What happens in the home of an authority, act by act, and what is left of it at the end.

Every act is played by a process of its own, which may be killed; whoever plays it again finishes it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from crash.boundaries import kind_of, watch
from crash.left import Left, left
from crash.world import Kept, World
from month_authority import MONTH, NOW
from pipeline import month as months
from pipeline.afterwards import recalls
from pipeline.demo.run import approve as sign

KILLED = -signal.SIGKILL
SECONDS = 120  # in which an act must have ended
Act = Callable[[World], None]
Dies = Callable[[int, str], bool]  # the how manieth step this is, and its name


def never(number: int, step: str) -> bool:
    """Let it live."""
    return False


def at_number(wanted: int) -> Dies:
    """Die at this step, counted from 1."""
    return lambda number, step: number == wanted


def at_first_not_in(seen: frozenset[str]) -> Dies:
    """Die at the first step of a kind that is not among these."""
    return lambda number, step: kind_of(step) not in seen


@dataclass(frozen=True)
class Played:
    """How a process ended, and the steps that it took."""

    killed: bool
    steps: list[str]


def play(act: Act, world: World, dies: Dies = never) -> Played:
    """One act in a process of its own, which kills itself with SIGKILL at the step that `dies` chooses."""
    if act is call_back:
        world.speak_of_families()
    told, telling = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=_alone, args=(act, world, dies, telling))
    process.start()
    os.close(telling)
    with os.fdopen(told, encoding="utf-8") as lines:
        steps = lines.read().splitlines()
    process.join(SECONDS)
    assert process.exitcode in (0, KILLED), f"{act.__name__} ended with {process.exitcode} after {steps[-3:]}"
    return Played(process.exitcode == KILLED, steps)


def _alone(act: Act, world: World, dies: Dies, telling: int) -> None:
    number = 0

    def reached(step: str) -> None:
        nonlocal number
        number += 1
        os.write(telling, f"{step}\n".encode())
        if dies(number, step):
            os.kill(os.getpid(), signal.SIGKILL)

    watch(reached, world.home.path)
    act(world)


# --- the acts of a month ---------------------------------------------------------------------------


def prepare(world: World) -> None:
    """From the extract to the question to a person."""
    months.run(world.home, MONTH, now=NOW, until="release")


def approve(world: World) -> None:
    """The data lead's answer."""
    sign(world.home, world.authority.demo, "data_lead", now=NOW)


def send(world: World) -> None:
    """Every list to its recipient, and the month's end."""
    months.run(world.home, MONTH, now=NOW)


def call_back(world: World) -> None:
    """What a feed says of families on those lists, to the recipients that have them."""
    recalls.hear(world.home, now=NOW)
    recalls.call_back(world.home, now=NOW)


ACTS: tuple[Act, ...] = (prepare, approve, send, call_back)


@dataclass(frozen=True)
class Undisturbed:
    """What happens when nobody disturbs it, by act: the moment before, its steps, and what it leaves."""

    moments: dict[str, Kept]
    steps: dict[str, list[str]]
    ends: dict[str, Left]


def undisturbed(world: World) -> Undisturbed:
    """Play every act to its end.

    Once in this process before that: what it has imported by then, no process after it imports anew.
    """
    first = world.keep("first")
    for act in ACTS:
        act(world)
    world.go_back(first)
    normal = Undisturbed({}, {}, {})
    for act in ACTS:
        normal.moments[act.__name__] = world.keep(act.__name__)
        normal.steps[act.__name__] = play(act, world).steps
        normal.ends[act.__name__] = left(world)
    return normal
