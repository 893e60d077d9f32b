"""Whose DAGs these are: one set for each authority that this Airflow serves.

For one authority `BIRTHSHARE_HOME` names its home. For several `BIRTHSHARE_AUTHORITIES` names a file with
a table for each (TOML):

    [camden]
    home = "/srv/birthshare/camden"
    own_workers = true        # its tasks go to queues of its own, as opening.camden

Every machine that runs tasks reads its own such file: where a home is may differ, and a machine without an
authority's home cannot do its work. No run names a home; who may trigger runs cannot choose one.

One authority's trouble is its own. A table that cannot be used takes the DAGs of that authority away and of
no other, and Airflow shows why (`show_authorities.py`). Whether a home is there is seen when a task runs.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError, one_to_a_line

HOME = "BIRTHSHARE_HOME"
AUTHORITIES = "BIRTHSHARE_AUTHORITIES"

_CODE = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_KNOWN = {"home", "own_workers"}


@dataclass(frozen=True)
class Authority:
    """One authority; `code` is "" where this Airflow serves one alone."""

    code: str
    home: Path
    own_workers: bool = False

    def dag_id(self, name: str) -> str:
        """The DAG's name among those of all authorities."""
        return f"{self.code}.{name}" if self.code else name

    def queue(self, room: str) -> str:
        """The queue for work that needs a room's keys."""
        return f"{room}.{self.code}" if self.own_workers else room


def authorities() -> list[Authority]:
    """Every authority whose table can be used, by code; raises SettingsError where no file can be read."""
    return _found()[0]


def check_authorities() -> None:
    """Raises SettingsError, which says of each what is wrong, where a table cannot be used."""
    unusable = _found()[1]
    if unusable:
        raise SettingsError(
            one_to_a_line("These authorities have no DAGs; the others have theirs", unusable),
            do="Correct the file on every machine that runs Airflow.",
        )


def authority_of(dag_id: str) -> Authority:
    """Whose DAG it is; raises SettingsError where this machine does not know the authority."""
    code = dag_id.rpartition(".")[0]
    for one in authorities():
        if one.code == code:
            return one
    raise SettingsError(
        "This machine does not know the authority", where=code, do=f"Name its home in {AUTHORITIES} here."
    )


def _found() -> tuple[list[Authority], list[str]]:
    """The authorities, and what is wrong with those that cannot be used."""
    file, home = os.environ.get(AUTHORITIES), os.environ.get(HOME)
    if file:
        return named_in(Path(file))
    if home:
        return [Authority("", Path(home))], []
    raise SettingsError(
        "No authority is named", do=f"Set {HOME} to its home, or {AUTHORITIES} to a file that names several."
    )


def named_in(file: Path) -> tuple[list[Authority], list[str]]:
    """The authorities in a file of several, and what is wrong with those that cannot be used.

    Raises SettingsError where it cannot be read or names none.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("The authorities cannot be read", where=f"{file}: {error}") from None
    if not tables:
        raise SettingsError("The file names no authority", where=str(file))
    found, unusable = list[Authority](), list[str]()
    for code, table in sorted(tables.items()):
        try:
            found.append(_authority(file, code, table))
        except SettingsError as error:
            unusable.append(str(error))
    tangled = [one for one in found if any(_tangled(one, other) for other in found)]
    unusable += [
        f"{one.code}: its home and another authority's are one, or one lies in the other" for one in tangled
    ]
    return [one for one in found if one not in tangled], unusable


def _tangled(one: Authority, other: Authority) -> bool:
    """Whether what belongs to one could be found in the other's home."""
    mine, others = (Path(os.path.realpath(home)) for home in (one.home, other.home))
    return one is not other and (mine.is_relative_to(others) or others.is_relative_to(mine))


def _authority(file: Path, code: str, table: Any) -> Authority:
    where = f"{file}: {code}"
    if not _CODE.fullmatch(code):
        raise SettingsError(
            "An authority's code is of a-z, 0-9, _ and -, and begins with a letter", where=where
        )
    if not isinstance(table, Mapping) or not set(table) <= _KNOWN:
        raise SettingsError(f"Only {' and '.join(sorted(_KNOWN))} are known here", where=where)
    home, own = table.get("home"), table.get("own_workers", False)
    if not isinstance(home, str) or not Path(home).is_absolute():
        raise SettingsError("home must be a whole path, from / on", where=where)
    if not isinstance(own, bool):
        raise SettingsError("own_workers is true or false", where=where)
    return Authority(code, Path(home), own)
