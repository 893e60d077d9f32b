"""The reach index: for one day, which recipient serves each postcode of each network.

Compiled by `pipeline.geography.compiling` from the reach areas and the postcode directory, so that a run
only looks up. Whoever only looks up needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import SettingsError
from pipeline.geography.directory import Directory, DirectoryFacts
from pipeline.geography.read_only import REBUILD, found, kept_facts, open_read_only
from pipeline.geography.statuses import Claim

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

VERSION = 203  # as `directory.VERSION` has it

_FIND = """
SELECT s.postcode, s.recipient, s.matched, s.claimants
FROM json_each(?1) AS asked CROSS JOIN served AS s ON s.network = ?2 AND s.postcode = asked.value
"""
_EVERYWHERE = "SELECT postcode, recipient, matched FROM served WHERE network = ?"


class Served(NamedTuple):
    """What the reach areas of one network say of one postcode."""

    postcode: str
    recipient: str  # "" where several claim it
    matched: str  # the kind of place by which it is claimed
    claimants: str  # codes of all who claim it by places of that size, joined by ","

    @property
    def claim(self) -> Claim:
        """Whether one recipient serves it, or several claim it."""
        return claim_of(self.recipient)


def claim_of(recipient: str) -> Claim:
    """Who claims a postcode that the network has: one recipient, or several where it has none."""
    return Claim.ONE if recipient else Claim.SEVERAL


class ReachFacts(NamedTuple):
    """What a compiled reach index is made of."""

    on: str  # the day whose lines count, YYYY-MM-DD
    areas_sha256: str  # of the files of reach areas, as areas.areas_sha256 has it
    directory_sha256: str  # DirectoryFacts.sha256
    lines: int  # in force on the day
    recipients: dict[str, dict[str, int]]  # network: {recipient: postcodes that it serves}
    ambiguous: dict[str, int]  # network: postcodes that two recipients claim

    @classmethod
    def read(cls, stored: dict[str, Any]) -> ReachFacts:
        """The facts as they were stored."""
        return cls(**stored)


class Reach:
    """A compiled reach index, opened for reading only."""

    def __init__(self, path: str | PathLike[str], directory: DirectoryFacts) -> None:
        """Open it; raises SettingsError where it is missing or was made from another directory."""
        self._connection = open_read_only(path, version=VERSION, what="reach index")
        self.facts = ReachFacts.read(kept_facts(self._connection))
        if self.facts.directory_sha256 != directory.sha256:
            self._connection.close()
            raise SettingsError(
                "The reach index was made from another postcode directory", where=str(path), do=REBUILD
            )

    def __enter__(self) -> Reach:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def check_network(self, network: str) -> None:
        """Raise SettingsError where no line in force names the network."""
        if network not in self.facts.recipients:
            raise SettingsError(
                f"No reach area of the network {network} is in force",
                where=f"on {self.facts.on}",
                do="Check the agreement's network against the reach areas.",
            )

    def find(self, postcodes: Iterable[str], network: str) -> dict[str, Served]:
        """Who serves these compact postcodes in the network; one that nobody serves is not in it."""
        return {row[0]: Served(*row) for row in found(self._connection, _FIND, postcodes, network)}

    def postcodes(self) -> set[str]:
        """Every compact postcode that is claimed in some network."""
        return {postcode for (postcode,) in self._connection.execute("SELECT DISTINCT postcode FROM served")}

    def everywhere(self, network: str) -> tuple[list[str], list[str], list[str]]:
        """Every postcode that is claimed in the network, with the recipient and the kind as in `Served`."""
        rows = self._connection.execute(_EVERYWHERE, (network,)).fetchall()
        postcodes, recipients, matched = map(list, zip(*rows, strict=True)) if rows else ([], [], [])
        return postcodes, recipients, matched

    def authorities(self, network: str) -> set[str]:
        """GSS codes of the authorities that the network covers.

        That is where most of its live postcodes are, and wherever it serves at least a tenth of an
        authority's.
        """
        rows = self._connection.execute("SELECT authority FROM covered WHERE network = ?", (network,))
        return {authority for (authority,) in rows}


def recipients_by_network(reach: Path, directory: Path) -> dict[str, frozenset[str]]:
    """The recipients that the reach areas in force name, by network; raises SettingsError as Reach does."""
    with Directory(directory) as opened, Reach(reach, opened.facts) as areas:
        return {network: frozenset(codes) for network, codes in areas.facts.recipients.items()}
