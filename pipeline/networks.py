"""The network of reach areas that is none: agreements and geography know it by the same name."""

from __future__ import annotations

# The network of placements for which no reach area was looked at; no real network has this name.
DIRECTORY_ALONE = "directory"
