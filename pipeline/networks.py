"""What stands in place of a network, or of a recipient, where there is none: one word for every room."""

from __future__ import annotations

# The network of placements for which no reach area was looked at; no real network has this name.
DIRECTORY_ALONE = "directory"

# In place of a recipient's code, which begins with a letter or a digit: in nobody's area, in several at once.
NOBODY, SEVERAL = "-", "*"
