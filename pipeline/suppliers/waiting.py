"""Reports that wait until they have arrived at their supplier.

    state/reports/<supplier>.<month, or "changes">.<digest of the supplier's file>.<name>

They hold rows by number, fields and rules and no personal value, so they wait as they are; what was sealed of
one lies beside it, so that the same bytes can be tried again. A report goes from here when it has arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.home import Home
from pipeline.staging import write_whole

_OF_NO_MONTH = "changes"
_SEALED = ".gpg"
_WHY = ".why.txt"
_SHOWN = 16  # hexadecimal digits of a digest in a file's name


@dataclass(frozen=True)
class Waiting:
    """One file of a report that has not arrived yet."""

    supplier: str
    month: str  # of the supplier's file; "" for a feed of changes
    about_sha256: str  # the supplier's sealed file
    name: str
    plain: Path

    @property
    def file_name(self) -> str:
        """What it is called at the supplier's place."""
        return f"{self.name}{_SEALED}"

    def sealed(self, key: Path) -> bytes:
        """The bytes that were sealed of it for this key, or none."""
        found = sorted(self._sealed(_digest(key)))
        return found[0].read_bytes() if found else b""

    def keep_sealed(self, content: bytes, key: Path) -> None:
        """Keep bytes that were sealed for this key, in place of any others."""
        self._forget_sealed()
        kept = f"{self.plain.name}{_SEALED}.{_digest(key)}.{hashlib.sha256(content).hexdigest()[:_SHOWN]}"
        write_whole(self.plain.with_name(kept), content, mode=0o600)

    def forget(self) -> None:
        """Remove all of it."""
        self._forget_sealed()
        self.plain.unlink(missing_ok=True)

    def _sealed(self, key: str) -> Iterator[Path]:
        return self.plain.parent.glob(f"{self.plain.name}{_SEALED}.{key}.*")

    def _forget_sealed(self) -> None:
        for file in list(self._sealed("*")):
            file.unlink(missing_ok=True)


def keep(home: Home, supplier: str, month: str, about_sha256: str, files: Mapping[str, bytes]) -> None:
    """Let a report wait; `files` by their names. One that arrived before is found out when it is brought."""
    folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        file = folder(home) / f"{supplier}.{month or _OF_NO_MONTH}.{about_sha256}.{name}"
        write_whole(file, content, mode=0o600)


def found(home: Home) -> list[Waiting]:
    """Everything that waits, in the order of suppliers, months and files."""
    files = [file for file in sorted(folder(home).glob("*.*.*.*")) if file.suffix in (".csv", ".xlsx")]
    return [_read(file) for file in files]


def say_why(home: Home, supplier: str, why: str) -> None:
    """Keep why a supplier's reports could not be brought, for who asks later; "" where nothing is wrong."""
    file = folder(home) / f"{supplier}{_WHY}"
    if why:
        write_whole(file, why.encode(), mode=0o600)
    else:
        file.unlink(missing_ok=True)


def why(home: Home, supplier: str) -> str:
    """Why a supplier's reports could not be brought at the last try; "" where that is not known."""
    with suppress(OSError):
        return (folder(home) / f"{supplier}{_WHY}").read_text(encoding="utf-8")
    return ""


def warnings(home: Home) -> list[str]:
    """Which suppliers have not got their report yet, and why; a sentence for each."""
    suppliers = dict.fromkeys(one.supplier for one in found(home))
    return [
        " ".join(
            filter(
                None,
                (
                    f"A report to {supplier} on its rows is not delivered yet.",
                    why(home, supplier),
                    "Try again: birthshare intake report --send",
                ),
            )
        )
        for supplier in suppliers
    ]


def folder(home: Home) -> Path:
    """Where reports wait."""
    return home.state / "reports"


def _read(file: Path) -> Waiting:
    supplier, month, about, name = file.name.split(".", 3)
    return Waiting(supplier, "" if month == _OF_NO_MONTH else month, about, name, file)


def _digest(key: Path) -> str:
    """By which bytes are told apart that were sealed for another key; one that is missing has none."""
    try:
        return hashlib.sha256(key.read_bytes()).hexdigest()[:_SHOWN]
    except OSError:
        return "0" * _SHOWN
