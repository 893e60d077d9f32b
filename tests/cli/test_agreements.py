"""`birthshare agreement`: what is in force, what a file says, and signing it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from month_authority import Authority, CommandLine
from pipeline.records import TEMPLATES

FILE = "welcome-card-first-visit.v1.yaml"


@pytest.fixture
def file(authority: Authority) -> Path:
    return authority.home.agreements / FILE


def test_list_says_what_stands_and_who_signed(birthshare: CommandLine) -> None:
    [one] = birthshare("agreement", "list", "--json").json["agreements"]
    assert one.keys() == {"id", "version", "title", "digest", "stands", "why_not"}
    assert (one["id"], one["version"], one["stands"], one["why_not"]) == (FILE.split(".")[0], 1, True, "")
    assert "in force" in birthshare("agreement", "list").out


def test_list_says_why_one_does_not_stand(birthshare: CommandLine, file: Path) -> None:
    file.with_suffix(".data_lead.sig").unlink()
    [one] = birthshare("agreement", "list", "--json").json["agreements"]
    assert one["stands"] is False
    assert "No signature of data_lead" in one["why_not"]


def test_list_of_none_says_so(birthshare: CommandLine, file: Path) -> None:
    file.unlink()
    assert "There is no agreement" in birthshare("agreement", "list").out


def test_check_reads_a_template_without_any_home(say: Any) -> None:
    answer = say("agreement", "check", TEMPLATES / FILE)
    assert answer.code == 0
    assert "It needs the signatures of: caldicott_guardian" in answer.out
    assert say("agreement", "check", TEMPLATES / FILE, "--json").json.keys() == {"id", "version", "digest"}


def test_check_finds_a_file_among_the_homes_agreements(birthshare: CommandLine) -> None:
    assert birthshare("agreement", "check", FILE).code == 0
    answer = birthshare("agreement", "check", "other.v1.yaml")
    assert answer.code == 2
    answer.says("no such file", "other.v1.yaml")


def test_check_names_what_is_wrong(say: Any, tmp_path: Path) -> None:
    text = (TEMPLATES / FILE).read_text()
    (tmp_path / FILE).write_text(text.replace("retention_days: 90", "retention_days: soon\nvisits: welcome"))
    answer = say("agreement", "check", tmp_path / FILE)
    assert answer.code == 2
    answer.says("retention_days", "visits", FILE)


def test_a_signature_can_be_checked_with_ssh_keygen(
    authority: Authority, birthshare: CommandLine, file: Path
) -> None:
    signature = file.with_suffix(".data_lead.sig")
    signature.unlink()
    answer = birthshare(*signing(authority, FILE, "data_lead"), "--json")
    assert answer.json["file"] == str(signature)
    command = [
        "ssh-keygen", "-Y", "verify", "-n", "agreement@birthshare", "-I", "data.lead@example.org",
        "-f", authority.home.allowed_signers, "-s", signature,
    ]  # fmt: skip
    with file.open("rb") as content:
        assert subprocess.run(command, stdin=content, capture_output=True, check=False).returncode == 0
    assert birthshare("agreement", "list", "--json").json["agreements"][0]["stands"] is True


def test_a_role_that_is_not_asked_for_cannot_sign(authority: Authority, birthshare: CommandLine) -> None:
    answer = birthshare(*signing(authority, FILE, "mayor"))
    assert answer.code == 2
    answer.says("does not ask for this role", "caldicott_guardian, data_protection_officer, data_lead")


def signing(authority: Authority, file: str, role: str) -> tuple[str | Path, ...]:
    key = authority.demo.approver_keys["data_lead"]
    return ("agreement", "sign", file, "--role", role, "--key", key)
