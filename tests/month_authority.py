"""An authority for each test: a copy of one made at the start, served by one SFTP server."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msoffcrypto
import pytest
from python_calamine import CalamineWorkbook

from pipeline import month as months
from pipeline.demo.authority import Demonstration
from pipeline.demo.run import approve, laid_out
from pipeline.home import Home
from pipeline.records import Month

NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)


@dataclass(frozen=True)
class Authority:
    """One test's own authority."""

    demo: Demonstration
    home: Home
    received: Path  # a folder for each recipient

    def run(self, **options: Any) -> dict[str, Any]:
        return months.run(self.home, MONTH, now=NOW, **options)

    def approve(self, role: str = "data_lead") -> None:
        approve(self.home, self.demo, role, now=NOW)

    def prepare_and_approve(self) -> None:
        self.run(until="release")
        self.approve()

    def files(self) -> dict[str, bytes]:
        """Everything that recipients hold, by recipient and file name."""
        return {
            f"{file.parent.name}/{file.name}": file.read_bytes()
            for file in self.received.rglob("*")
            if file.is_file() and file.suffix in {".xlsx", ".gpg", ".part"}
        }

    def families(self, code: str) -> list[list[str]]:
        """The rows of a recipient's list, opened as that recipient would."""
        folder = self.received / code
        [file] = [file for file in folder.iterdir() if file.suffix in {".xlsx", ".gpg"}]
        if file.suffix == ".gpg":
            return _opened_csv(file, folder / f"{code}.private.asc")
        password = (self.home.path / "keys" / "recipients" / f"{code}.password").read_text().strip()
        return _opened_workbook(file, password)


@pytest.fixture(scope="session")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    folder = tmp_path_factory.mktemp("prototype") / "demo"
    with laid_out(folder, month=MONTH, births=150, centres=4, seed=7, now=NOW) as demo:
        yield demo


@pytest.fixture
def authority(prototype: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    home = tmp_path / "home"
    shutil.copytree(prototype.home, home)
    received = prototype.folder / "recipients"
    yield Authority(prototype, Home.open(home), received)
    for file in received.rglob("*"):
        if file.is_file() and (file.suffix in {".xlsx", ".part"} or file.name.endswith(".csv.gpg")):
            file.unlink()


def _opened_workbook(file: Path, password: str) -> list[list[str]]:
    plain = io.BytesIO()
    with file.open("rb") as sealed:
        office = msoffcrypto.OfficeFile(sealed)
        office.load_key(password=password, verify_password=True)
        office.decrypt(plain, verify_integrity=True)
    return (
        CalamineWorkbook.from_filelike(io.BytesIO(plain.getvalue())).get_sheet_by_name("Families").to_python()
    )


def _opened_csv(file: Path, key: Path) -> list[list[str]]:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bs") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", str(key)], check=True, capture_output=True)
        plain = subprocess.run([*gpg, "--decrypt", str(file)], check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    return list(csv.reader(io.StringIO(plain.decode())))
