"""Help that somebody who is no programmer understands, and that comes at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

import pipeline.cli
from month_authority import MONTH, Authority
from pipeline.cli import root

COMMANDS = {
    "demo", "init", "doctor", "run", "status",
    "release show", "release approve", "release refuse", "release forgo", "release export",
    "agreement list", "agreement show", "agreement diff", "agreement check",
    "agreement sign", "agreement suspend",
    "changes apply", "changes list",
    "geography build", "geography place",
    "ledger verify", "ledger checkpoint",
}  # fmt: skip


def commands(group: click.Group = root, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def test_every_command_of_the_design_is_there() -> None:
    assert {name for name, _ in commands()} >= COMMANDS


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value))
def test_every_command_and_every_option_is_explained(name: str, command: click.Command) -> None:
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts[0]}"
    assert any("--json" in option.opts for option in command.params)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_is_given_for_each(say: Any, name: str) -> None:
    answer = say(*name.split(), "--help")
    assert answer.code == 0
    assert answer.out.startswith("Usage: birthshare ")


@pytest.mark.parametrize(
    "group", ["", "release", "agreement", "recipients", "changes", "geography", "ledger"]
)
def test_no_line_of_an_overview_is_cut_short(say: Any, group: str) -> None:
    assert "..." not in say(*group.split(), "--help").out.split("Commands:")[1]


@pytest.mark.parametrize("group", [(), ("release",), ("ledger",)])
def test_a_command_that_is_not_complete_shows_the_help(say: Any, group: tuple[str, ...]) -> None:
    answer = say(*group)
    assert answer.code == 2
    assert "Commands:" in answer.err


def test_help_imports_nothing_heavy() -> None:
    assert _imported("--help") & {"pandas", "numpy", "sqlalchemy", "pydantic", "rich", "yaml"} == set()
    assert _imported("run", "--help") & {"pandas", "numpy", "sqlalchemy", "pydantic"} == set()


def test_every_module_of_commands_is_reached() -> None:
    places = [place.stem for place in Path(pipeline.cli.__file__).parent.iterdir()]
    modules = [import_module(f"pipeline.cli.{name}") for name in places if not name.startswith("__")]
    inside = {"databases", "evidence", "witnesses"}  # of `birthshare ledger`
    found = {
        command.name
        for module in modules
        if hasattr(module, "COMMANDS") and module.__name__.rpartition(".")[2] not in inside
        for command in module.COMMANDS
    }
    assert found == set(root.list_commands(click.Context(root)))


def test_status_imports_only_what_it_reads_with(authority: Authority) -> None:
    heavy = {"great_expectations", "paramiko", "asyncssh", "openpyxl", "msoffcrypto", "pyarrow.csv", "jinja2"}
    assert _imported("status", str(MONTH), "--home", str(authority.home.path)) & heavy == set()


def test_python_m_pipeline_is_the_same_program() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "pipeline", "--version"], capture_output=True, text=True, check=True
    )
    program = Path(sys.executable).parent / "birthshare"
    assert (
        said.stdout
        == subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    )


def _imported(*arguments: str) -> set[str]:
    """The modules that one command imports, in a process of its own."""
    watched = (
        "import sys; from pipeline.cli import run; "
        f"assert run({list(arguments)!r}) == 0; print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    return set(done.stderr.split())
