"""The stages of a month, in order: the words of `--until`, progress bars and timings."""

from __future__ import annotations

STAGES = ("intake", "validation", "geography", "consent", "release", "delivery", "account")
