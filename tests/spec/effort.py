"""How many worlds a property is tried on: some by default, many with BIRTHSHARE_HYPOTHESIS=long."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FACTOR = 25 if os.environ.get("BIRTHSHARE_HYPOTHESIS") == "long" else 1


def worlds_tried(usual: int) -> settings:
    """A decorator for a property that is tried on so many worlds."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=usual * _FACTOR, deadline=None, suppress_health_check=slow)
