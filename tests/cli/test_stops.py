"""How a command stops: the exit code for programs, a sentence for people, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from month_authority import MONTH, Authority, CommandLine
from pipeline import month as months
from servers.terminal import hears_ctrl_c

PROGRAM = Path(sys.executable).parent / "birthshare"
SECRET = "Smith, 999 000 0018, CV32 5AA"  # what an unexpected error could quote

WRONG_USE = [
    ("nonsense",),
    ("run",),
    ("run", "2026-13"),
    ("run", "October"),
    ("run", "2026-10", "--until", "lunch"),
    ("run", "2026-10", "--as-of", "yesterday"),
    ("status", "2026-10", "extra"),
    ("release", "approve", "2026-10"),
    ("release", "approve", "2026-10", "--as", "me", "--key", "/nowhere/key"),
    ("release", "export", "2026-10"),
    ("agreement", "check", "/nowhere/agreement.yaml"),
    ("geography", "build", "/nowhere/onspd.zip"),
    ("geography", "place", "--netwrk", "zoos"),
    ("ledger", "verify", "--kept", "/nowhere/note"),
]


@pytest.mark.parametrize("arguments", WRONG_USE, ids=" ".join)
def test_wrong_use_is_2_with_a_sentence(birthshare: CommandLine, arguments: tuple[str, ...]) -> None:
    answer = birthshare(*arguments)
    assert (answer.code, answer.out) == (2, "")
    answer.says(" ")


@pytest.mark.parametrize("arguments", WRONG_USE, ids=" ".join)
def test_programs_are_told_the_same_as_one_object(
    birthshare: CommandLine, arguments: tuple[str, ...]
) -> None:
    error = birthshare(*arguments, "--json").json["error"]
    assert error.keys() == {"exit_code", "what", "where", "do"}
    assert error["exit_code"] == 2
    assert error["what"]


def test_a_folder_that_is_no_home_is_2(say: Any, tmp_path: Path) -> None:
    for command in (
        ("status",),
        ("doctor",),
        ("run", "2026-10"),
        ("ledger", "verify"),
        ("agreement", "list"),
    ):
        answer = say(*command, "--home", tmp_path)
        assert answer.code == 2
        answer.says("not a Birthshare home", str(tmp_path), "birthshare init")


def test_the_home_may_come_from_the_environment_or_be_this_folder(
    say: Any,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert say("status").code == 2
    monkeypatch.setenv("BIRTHSHARE_HOME", str(authority.home.path))
    assert say("status").code == 0
    monkeypatch.delenv("BIRTHSHARE_HOME")
    monkeypatch.chdir(authority.home.path)
    assert say("status").code == 0


def test_home_stands_above_the_environment(
    say: Any,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("BIRTHSHARE_HOME", str(tmp_path))
    assert say("status", "--home", authority.home.path).code == 0


def test_settings_that_cannot_be_used_name_the_place_and_no_value(
    authority: Authority, birthshare: CommandLine
) -> None:
    authority.setting('code = "E07000222"', 'code = "Warwick"\nunknown = "thing"')
    answer = birthshare("status")
    assert answer.code == 2
    answer.says("authority.code", "authority.unknown", "birthshare.toml")
    assert "Warwick" not in answer.err


def test_an_unexpected_failure_is_1_and_quotes_nothing(
    birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ValueError(SECRET) from KeyError(SECRET)

    monkeypatch.setattr(months, "begun", fail)
    answer = birthshare("status")
    assert (answer.code, answer.out) == (1, "")
    answer.says("Unexpected failure: ValueError", "test_stops.py", "report this line")
    assert SECRET not in answer.err
    as_json = birthshare("status", "--json")
    assert as_json.json["error"]["exit_code"] == 1
    assert SECRET not in as_json.out + as_json.err


def test_an_interrupted_command_says_how_to_go_on(
    birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(months, "begun", interrupt)
    answer = birthshare("status")
    assert (answer.code, answer.out) == (130, "")
    answer.says("Stopped.", "same command again")


def test_ctrl_c_in_the_middle_of_a_month_loses_nothing(authority: Authority, birthshare: CommandLine) -> None:
    fifo = authority.home.path / "keys" / "suppliers" / "chis.asc"
    key = fifo.read_bytes()
    fifo.unlink()
    os.mkfifo(fifo)  # the run waits here for the supplier's key, for as long as nobody writes it
    command = [PROGRAM, "run", str(MONTH), "--home", str(authority.home.path)]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # The second opens when the run has come to reading it.
    with subprocess.Popen(command, **piped, preexec_fn=hears_ctrl_c) as running, fifo.open("wb"):
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "same command again" in told
    assert "Traceback" not in told
    fifo.unlink()
    fifo.write_bytes(key)
    birthshare.finish()
