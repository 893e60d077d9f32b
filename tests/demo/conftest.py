"""One small demonstration on real parts, made once: keys by gpg and ssh-keygen, an SFTP server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from pipeline.contract import load_contract
from pipeline.demo.authority import Demonstration, make_authority, sftp_places
from pipeline.demo.places import SAMPLE, sample_postcodes
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.geography.directory import build_directory
from pipeline.records import Month

MONTH = Month.parse("2026-02")  # a short one


@dataclass(frozen=True)
class Made:
    """A demonstration, and the server that its centres share."""

    demonstration: Demonstration
    server: DemonstrationSftp
    now: datetime


@pytest.fixture(scope="session")
def month() -> Month:
    return MONTH


@pytest.fixture(scope="session")
def columns() -> list[str]:
    return [column.name for column in load_contract().columns]


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The sample's postcodes, each with its group."""
    directory = tmp_path_factory.mktemp("reference") / "postcodes.sqlite"
    build_directory(SAMPLE, directory)
    return sample_postcodes(directory)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder: Path = tmp_path_factory.mktemp("demo") / "d"
    now = datetime.now(UTC)
    with DemonstrationSftp(**sftp_places(folder)) as server:
        demonstration = make_authority(
            folder,
            month=MONTH,
            births=250,
            centres=4,
            seed=1,
            now=now,
            host=server.host,
            port=server.port,
            host_key=server.host_key,
        )
        yield Made(demonstration, server, now)
