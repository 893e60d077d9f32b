"""The verifier is one short file that needs nothing but Python."""

from __future__ import annotations

import ast
import sys

import pytest
from given import PROGRAM, alone

from pipeline.encryption.signing import note_verifier

SOURCE = PROGRAM.read_text(encoding="utf-8")


def test_it_can_be_read_in_one_go() -> None:
    lines = SOURCE.splitlines()
    assert len(lines) < 460
    assert max(map(len, lines)) <= 110


def test_it_imports_the_standard_library_alone() -> None:
    tree = ast.walk(ast.parse(SOURCE))
    imports = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names if isinstance(node, ast.Import)}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
    network = {"socket", "http", "urllib", "ssl", "ftplib", "smtplib", "asyncio"}
    assert not names & network


def test_help_needs_nothing() -> None:
    assert alone("--help").code == 0


@pytest.mark.parametrize("arguments", [[], ["pack.zip"], ["pack.zip", "--key", "no key"], ["--key", "a+b+c"]])
def test_wrong_use_is_2(arguments: list[str]) -> None:
    found = alone(*arguments)
    assert found.code == 2
    assert "Traceback" not in found.said
    assert "functools" not in found.said


@pytest.mark.parametrize("option", ["--key", "--witness"])
def test_a_key_that_was_copied_wrongly_is_said_to_be(option: str) -> None:
    right = note_verifier("log.example.org", bytes(32))
    found = alone("pack.zip", "--key", right, option, right[:-2] + "BB")
    assert found.code == 2
    assert f"{option}: not such a key; copy its line again" in found.said


def test_a_file_that_is_not_there_is_wrong_use() -> None:
    found = alone("missing.zip", "--key", note_verifier("log.example.org", bytes(32)))
    assert found.code == 2
    assert "not there" in found.said
