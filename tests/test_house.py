"""The house stands as designed: its walls, its generated pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_rooms_do_not_know_one_another() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    checked = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_generated_pages_are_up_to_date() -> None:
    command = [sys.executable, ROOT / "infra" / "generate.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_nothing_stands_at_the_root_beyond_the_agreed_names() -> None:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {name.split("/")[0] for name in names.splitlines()} - {""}
    agreed = {
        "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile",
        "dags", "pipeline", "schemas", "sharing_agreements", "tests", "infra",
    }  # fmt: skip
    assert {name for name in top if not name.startswith(".")} <= agreed
