"""How many worlds a property is tried on: the same few by default, many new ones when asked.

BIRTHSHARE_HYPOTHESIS=long tries 25 times as many, other ones in every run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("BIRTHSHARE_HYPOTHESIS") == "long"


def worlds_tried(usual: int) -> settings:
    """A decorator for a property that is tried on so many worlds."""
    return settings(
        max_examples=usual * 25 if LONG else usual,
        derandomize=not LONG,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
