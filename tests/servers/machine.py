"""A machine as `infra/airflow/install.py` leaves it: an authority's home, settings, secrets and units."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import install
from airflow_served import parts_of
from airflow_settings import Settings
from kept_settings import write_settings
from machine import Machine
from pipeline.demo.authority import Demonstration, make_authority
from pipeline.home import Home
from pipeline.outside import check
from pipeline.records import Month
from servers.ports import free_port
from servers.units import CannotBuildWalls, Unit, ensure_possible
from units import write_units

USER = "daemon"  # there on every Debian, with a group of its name, and without any right
NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)


@dataclass(frozen=True)
class Installed:
    """What the command left on the machine."""

    demo: Demonstration
    machine: Machine
    settings: Settings

    def unit(self, name: str, instance: str = "") -> Unit:
        return Unit(self.machine.units / f"birthshare-{name}.service", instance=instance)


@contextmanager
def place_for_a_machine() -> Iterator[Path]:
    """Under /var/lib: /tmp is not there for a unit."""
    place = Path(tempfile.mkdtemp(prefix="birthshare-units-", dir="/var/lib" if os.geteuid() == 0 else None))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def install_at(
    place: Path, *options: str, with_home: Callable[[Path], object] = lambda home: None
) -> Installed:
    """Make an authority and install what it takes; `with_home` does before that what people would do."""
    user = USER if os.geteuid() == 0 else Path("/proc/self").owner()
    demo = make_authority(
        place / "demo", month=MONTH, births=120, centres=2, seed=1, now=NOW,
        host="127.0.0.1", port=1, host_key="ssh-ed25519 AAAA",
    )  # fmt: skip
    check.run_day(Home.open(demo.home), now=NOW)
    with_home(demo.home)
    for path in (demo.home, *demo.home.rglob("*")):
        shutil.chown(path, user)
    where = ["--folder", place / "airflow", "--etc", place / "etc", "--units", place / "units"]
    asked = ["--home", demo.home, *where, "--user", user, "--port", free_port(), "--login", "data_lead=admin"]
    chosen = install.arguments_of([*map(str, asked), *options])
    machine = install.machine_of(chosen)
    settings = write_settings(machine, chosen)
    write_units(machine, settings, parts_of(settings))
    return Installed(demo, machine, settings)


def walls_possible() -> None:
    if os.geteuid() != 0:
        pytest.skip("walls of units: only root may put them up")
    try:
        ensure_possible()
    except CannotBuildWalls as reason:
        pytest.skip(f"walls of units: {reason}")
