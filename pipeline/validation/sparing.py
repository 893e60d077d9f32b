"""Loading Great Expectations without what our suite never uses, in less than half the time.

A month of 1,500 births is checked faster than the library is loaded, and much of that is for one kind of
expectation, about distributions: statistics and charts. Within `sparingly()` these are found, but read
only when somebody asks for anything in them; they then work as ever. The collection of garbage waits as
well: what an import makes stays.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_WHEN_USED = ("altair", "scipy.stats")


class _WhenUsed:
    """A finder of modules that come to life at their first use."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, to be read later; None for all others, which are looked for as ever."""
        spec = PathFinder.find_spec(name, path, target) if name in _WHEN_USED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def sparingly() -> Iterator[None]:
    """What is imported within leaves statistics and charts for later."""
    collecting = gc.isenabled()
    gc.disable()
    sys.meta_path.insert(0, _WhenUsed)
    try:
        yield
    finally:
        sys.meta_path.remove(_WhenUsed)
        if collecting:
            gc.enable()
