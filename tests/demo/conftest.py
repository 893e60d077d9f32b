"""One small demonstration on real parts, made once: keys by gpg and ssh-keygen, an SFTP server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from pipeline.contract import load_contract
from pipeline.demo.authority import Demonstration, make_authority, sftp_places
from pipeline.demo.places import SAMPLE, sample_postcodes
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.geography.building import build_directory
from pipeline.records import Month

MONTH = Month.parse("2026-02")  # a short one
NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.fixture(scope="session")
def month() -> Month:
    return MONTH


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def columns() -> list[str]:
    return [column.name for column in load_contract().columns]


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The sample's postcodes, each with its group."""
    directory = tmp_path_factory.mktemp("reference") / "postcodes.sqlite"
    build_directory(SAMPLE, directory, part=True)
    return sample_postcodes(directory)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "d"


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[DemonstrationSftp]:
    with DemonstrationSftp(**sftp_places(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def made(folder: Path, server: DemonstrationSftp) -> Demonstration:
    """A demonstration whose centres are all on the server."""
    return make_authority(
        folder,
        month=MONTH,
        births=250,
        centres=4,
        seed=1,
        now=NOW,
        host=server.host,
        port=server.port,
        host_key=server.host_key,
    )
