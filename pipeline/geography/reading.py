"""Which postcode each text was placed by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.geography.directory import Directory
from pipeline.geography.place import repairs
from pipeline.geography.postcodes import compact


def as_read(given: Iterable[str], directory: Path) -> list[str]:
    """Each text as the compact postcode that geography placed it by; "" for what cannot be one.

    Raises SettingsError where the built `directory` is missing or stale.
    """
    texts = list(given)
    with Directory(directory) as places:
        meant = repairs(set(texts), places)
    return [meant.get(text) or compact(text) for text in texts]
