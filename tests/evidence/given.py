"""What an outsider does: runs the verifier, on packs as they were given and as somebody altered them."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from month_authority import Authority, CommandLine
from pipeline.home import Home

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
PROGRAM = Path(__file__).parents[2] / "infra" / "verify_birthshare.py"


def _loaded() -> ModuleType:
    found = importlib.util.spec_from_file_location("verify_birthshare", PROGRAM)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


verifier = _loaded()
verifier.is_signed = cache(verifier.is_signed)  # `here` asks the same of it hundreds of times


@dataclass(frozen=True)
class Found:
    """How the verifier ended, and what it said."""

    code: int
    said: str

    @property
    def sound(self) -> bool:
        """Nothing is wrong; that is said, and so is the contrary."""
        assert (self.code, "WRONG" in self.said) in ((0, False), (1, True)), self.said
        assert "Traceback" not in self.said
        return self.code == 0


def alone(*arguments: str | Path) -> Found:
    """The verifier as an auditor runs it: a process of its own, which sees no installed package."""
    command = [sys.executable, "-I", "-S", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Found(done.returncode, done.stdout + done.stderr)


def here(*arguments: str | Path) -> Found:
    """The same program in this process, where it is asked hundreds of times."""
    told = ["verify_birthshare.py", *map(str, arguments)]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out), mock.patch.object(sys, "argv", told):
        try:
            code = verifier.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Found(code, out.getvalue())


def files_of(pack: bytes) -> dict[str, bytes]:
    """The files in a pack."""
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    """Files as a pack."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, text in files.items():
            pack.writestr(name, text)
    return content.getvalue()


def altered(pack: bytes, change: Callable[[Any], object]) -> bytes:
    """The pack with what is said in it changed."""
    files = files_of(pack)
    said = json.loads(files["evidence.json"])
    change(said)
    files["evidence.json"] = json.dumps(said).encode()
    return packed(files)


@dataclass(frozen=True)
class Closed:
    """An authority whose month is closed."""

    authority: Authority
    key: str  # the ledger's verifier key

    @property
    def home(self) -> Home:
        """Its home, which tests read and do not write."""
        return self.authority.home

    @property
    def commands(self) -> CommandLine:
        """The command line on its home."""
        return CommandLine(self.authority)

    @property
    def signers(self) -> Path:
        """The approvers' keys."""
        return self.home.allowed_signers
