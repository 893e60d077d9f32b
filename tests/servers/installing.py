"""Programs that a bare machine lacks are installed once, though several test processes need them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Found = TypeVar("Found")

# Known before any test looks for what was left in a temporary folder of its own.
_LOCK = Path(tempfile.gettempdir()) / "birthshare-tests-install.lock"

# Debian would start servers of its own; at this run level it does not.
_QUIETLY = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
_APT_GET = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=180", "-o", "Dpkg::Options::=--force-confold")


def provided(package: str, find: Callable[[], Found | None]) -> Found | None:
    """What `find` finds; where that is nothing, Debian's package is installed first, if we may."""
    found = find()
    if found or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return found
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nobody else installs anything for these tests meanwhile
        if not find():
            for words in (["update"], ["install", "-y", "--no-install-recommends", package]):
                subprocess.run(
                    [*_APT_GET, *words], env=os.environ | _QUIETLY, check=False, capture_output=True
                )
    return find()


def program(name: str, package: str) -> str:
    """Where a program of Debian's is. In CI it must be there; elsewhere a test without it is a named skip."""
    found = provided(package, lambda: shutil.which(name))
    if found:
        return found
    lacking = f"{name} is not installed (Debian's {package})"
    if os.environ.get("CI"):
        pytest.fail(lacking)
    pytest.skip(lacking)  # its name is the reason


def seven_zip() -> str:
    """The program with which recipients open our zip files, and suppliers make theirs."""
    return program("7z", "p7zip-full")
