"""Kill a month at every single step, one month for each: `make crash`, or

    python tests/crash/matrix.py [--database sqlite|postgresql] [--act NAME] [--from N]

For each step: the act is played up to it and killed there, and played again to its end by a fresh process;
what is left is compared with what the act leaves when nobody disturbs it. From the moment that a list may
have been given its name, everything is done a second time with recipients that take their files before we
come back. Prints the steps at which anything differs, and ends with 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from crash.left import left
from crash.story import ACTS, Undisturbed, at_number, play, undisturbed
from crash.world import MEMORY, World, made
from servers.postgres import PostgresServer

DATABASES = ("sqlite", "postgresql")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="this one alone")
    names = [act.__name__ for act in ACTS]
    parser.add_argument("--act", choices=names, action="append", help="this one alone")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first step to kill at")
    chosen = parser.parse_args(arguments)
    acts = chosen.act or names
    wrong = 0
    for database in chosen.database or DATABASES:
        begun = perf_counter()
        with _world(database) as world:
            normal = undisturbed(world)
            killed = 0
            for name in acts:
                for number, collects in _kills(normal.steps[name], chosen.first):
                    killed += 1
                    differs = _killed(world, normal, name, number, collects=collects)
                    if differs:
                        wrong += 1
                        how = ", and its recipients collect" if collects else ""
                        print(f"{database}, {name}, step {number}{how}: {normal.steps[name][number - 1]}")
                        print(*(f"    {one[:300]}" for one in differs), sep="\n", flush=True)
        print(f"{database}: {killed} months killed, {perf_counter() - begun:.0f} s", flush=True)
    print(f"{wrong} differ from an undisturbed month")
    return int(wrong > 0)


@contextmanager
def _world(database: str) -> Iterator[World]:
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="birthshare-crash-", dir=MEMORY))
        )
        server = stack.enter_context(PostgresServer()) if database == "postgresql" else None
        yield stack.enter_context(made(folder, births=30, centres=2, postgres=server))


def _kills(steps: Sequence[str], first: int) -> Iterator[tuple[int, bool]]:
    """Every step; with recipients that collect as well, from the first list that may be theirs on."""
    theirs = next((place for place, step in enumerate(steps) if "kept publish" in step), len(steps))
    for number in range(first, len(steps) + 1):
        yield number, False
        if number > theirs + 1:
            yield number, True


def _killed(world: World, normal: Undisturbed, name: str, number: int, *, collects: bool) -> list[str]:
    """How the month ends otherwise than the undisturbed one, when killed once."""
    world.go_back(normal.moments[name])
    act = next(act for act in ACTS if act.__name__ == name)
    play(act, world, at_number(number))
    taken = [world.collect()] if collects else []
    play(act, world)
    try:
        return left(world, taken).differs_from(normal.ends[name], collected=collects)
    except AssertionError as error:
        return [str(error)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
