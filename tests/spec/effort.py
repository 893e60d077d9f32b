"""How many worlds a property is tried on: the same few by default, many new ones when asked.

BIRTHSHARE_HYPOTHESIS=long tries 25 times as many, other ones in every run; the engine and the reference
interpreter are then compared on more than 100,000 births:

    BIRTHSHARE_HYPOTHESIS=long python -m pytest tests/spec/test_differential.py
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("BIRTHSHARE_HYPOTHESIS") == "long"


def worlds_tried(usual: int, at_length: int = 0) -> settings:
    """A decorator for a property that is tried on so many worlds, and at length on so many."""
    return settings(
        max_examples=(at_length or usual * 25) if LONG else usual,
        derandomize=not LONG,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
