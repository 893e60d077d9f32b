"""What the room says of itself is all that is in it."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline import geography


def test_the_guide_to_the_room_names_every_module() -> None:
    modules = {file.stem for file in Path(geography.__path__[0]).glob("[a-z]*.py")}
    assert geography.__doc__ is not None
    assert modules <= set(re.findall("[a-z_]+", geography.__doc__))
