"""`birthshare recipients check`: what keeps a list from a recipient is found before a month needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from month_authority import Authority, CommandLine
from pipeline.demo.authority import sign_register
from pipeline.demo.keys import make_ssh_key
from pipeline.errors import one_to_a_line
from register.signing import FIRST, SECOND, WITH_KEY, why_not
from servers.sshd import CannotServe, OpenSshServer

DONE, WRONG_USE, NOT_ALL_DELIVERED = 0, 2, 5
EVERYTHING = ["signed", "dates", "key", "reached", "host key", "login", "folder", "may write"]
CODES = (FIRST, SECOND, "centre-03", WITH_KEY)


@pytest.fixture(scope="module")
def server(prototype: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSshServer]:
    key = Path(prototype.home) / "keys" / "delivery.key.pub"  # type: ignore[attr-defined]
    try:
        with OpenSshServer(CODES, public_key=key) as running:
            yield running
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")


@pytest.fixture
def real(authority: Authority, server: OpenSshServer) -> Authority:
    """Every recipient has its account at the OpenSSH server, as two persons signed it."""
    file = authority.home.at("reference/recipients.yaml")
    register = yaml.safe_load(file.read_text())
    for one in register["recipients"]:
        one |= {"port": server.port, "host_key": server.host_key}
        one |= {"user": server.user(one["code"]), "folder": server.folder}
    file.write_text(yaml.safe_dump(register))
    sign_register(authority.home, authority.demo.approver_keys)
    return authority


def looked(birthshare: CommandLine, *codes: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and by recipient what is not well, with the advice."""
    answer = birthshare("recipients", "check", *codes, "--json")
    assert "Traceback" not in answer.err
    found = {
        one["code"]: {part["what"]: part["advice"] for part in one["findings"] if not part["well"]}
        for one in answer.json["recipients"]
    }
    assert answer.json["well"] == (not any(found.values()))
    return answer.code, found


def test_where_all_is_well_everything_was_looked_at_and_nothing_is_left_behind(
    real: Authority, birthshare: CommandLine, server: OpenSshServer
) -> None:
    answer = birthshare("recipients", "check", "--json")
    assert answer.code == DONE, answer.out
    for one in answer.json["recipients"]:
        assert [part["what"] for part in one["findings"]] == EVERYTHING
        disk = os.statvfs(server.files(one["code"]))
        assert one["free_bytes"] == pytest.approx(disk.f_frsize * disk.f_bavail, rel=0.2)
    assert [list(server.files(code).iterdir()) for code in CODES] == [[], [], [], []]


def test_each_trouble_is_named_where_it_is_and_the_others_are_well(
    real: Authority, birthshare: CommandLine, server: OpenSshServer, tmp_path: Path
) -> None:
    other = make_ssh_key(tmp_path / "another", "another")
    troubles: dict[str, dict[str, object]] = {
        "reached": {"port": 1},
        "host key": {"host_key": " ".join(other.split()[:2])},
        "login": {"user": "nobody-of-that-name"},
        "folder": {"folder": "/not-there"},
    }
    for step, change in troubles.items():
        before = real.change_recipient(FIRST, **change)
        code, found = looked(birthshare)
        assert code == NOT_ALL_DELIVERED
        assert list(found.pop(FIRST)) == [step]
        assert not any(found.values())
        real.change_recipient(FIRST, **before)
    assert looked(birthshare)[0] == DONE


def test_a_folder_that_may_only_be_read_is_found(
    real: Authority, birthshare: CommandLine, server: OpenSshServer
) -> None:
    folder = server.files(FIRST)
    folder.chmod(0o555)
    try:
        code, found = looked(birthshare, FIRST)
    finally:
        folder.chmod(0o755)
    assert code == NOT_ALL_DELIVERED
    assert list(found[FIRST]) == ["may write"]


def test_what_is_not_signed_or_cannot_be_sealed_for_is_said_with_all_the_rest(
    real: Authority, birthshare: CommandLine
) -> None:
    assert why_not(real, FIRST) == ""
    real.change_recipient(FIRST, signed=False, contact="the office, by telephone")
    real.home.at(f"keys/recipients/{WITH_KEY}.asc").write_text("no key")
    code, found = looked(birthshare, FIRST, WITH_KEY)
    assert code == NOT_ALL_DELIVERED
    assert list(found[FIRST]) == ["signed"]
    assert list(found[WITH_KEY]) == ["signed", "key"]
    assert "OpenPGP public key" in found[WITH_KEY]["key"]


def test_a_code_that_nobody_has_is_wrong_use(birthshare: CommandLine) -> None:
    answer = birthshare("recipients", "check", "nobody")
    assert answer.code == WRONG_USE
    answer.says("Not in the register: nobody")


def test_the_list_says_where_lists_go_and_what_is_missing(real: Authority, birthshare: CommandLine) -> None:
    assert birthshare("recipients", "list", "--json").json["recipients"][0]["receives"] is True
    real.change_recipient(FIRST, signed=False, contact="the office, by telephone")
    first, second, *_ = birthshare("recipients", "list", "--json").json["recipients"]
    assert (first["receives"], second["receives"]) == (False, True)
    assert "contact is given: the office" in first["why_not"]
    assert first["way"].startswith(real.home.recipients()[FIRST].user)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("format: workbook", "format: docx", f"recipients.{FIRST}.format: Input should be 'workbook'"),
        ("format: workbook", "fromat: workbook", f"recipients.{FIRST}.fromat: there is no such setting"),
        (f"code: {FIRST}", "code: Nobody", "recipients.Nobody.code: must not be nobody"),
        ("format: workbook", "format: [", "recipients.yaml, line"),
    ],
)
def test_a_register_with_a_slip_says_where_it_is(
    authority: Authority, birthshare: CommandLine, was: str, now: str, words: str
) -> None:
    file = authority.home.at("reference/recipients.yaml")
    file.write_text(file.read_text().replace(was, now, 1))
    for command in (("recipients", "list"), ("recipients", "check"), ("receipts",)):
        answer = birthshare(*command)
        assert answer.code == WRONG_USE
        assert words in answer.err


def test_what_is_wrong_on_our_own_side_is_said_once() -> None:
    told = one_to_a_line("3 recipients could not be looked at", ["The key is missing."] * 3)
    assert told == "3 recipients could not be looked at:\n  The key is missing."
