"""`birthshare agreement`: what is in force, what a file says and changes, signing and suspending it."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from month_authority import AGREEMENT, MONTH, NOW, Authority, CommandLine
from pipeline import month as months
from pipeline.demo.authority import APPROVERS
from pipeline.errors import Refused
from pipeline.ledger.entries import Kind
from pipeline.records import TEMPLATES

FILE = "welcome-card-first-visit.v1.yaml"


@pytest.fixture
def file(authority: Authority) -> Path:
    return authority.home.agreements / FILE


def test_list_says_what_stands_and_who_signed(birthshare: CommandLine) -> None:
    [one] = birthshare("agreement", "list", "--json").json["agreements"]
    assert one.keys() == {"id", "version", "title", "digest", "stands", "why_not", "signed_by"}
    assert one["signed_by"] == APPROVERS
    assert (one["id"], one["version"], one["stands"], one["why_not"]) == (FILE.split(".")[0], 1, True, "")
    assert "in force" in birthshare("agreement", "list").out


def test_list_says_why_one_does_not_stand(birthshare: CommandLine, file: Path) -> None:
    file.with_suffix(".data_lead.sig").unlink()
    [one] = birthshare("agreement", "list", "--json").json["agreements"]
    assert one["stands"] is False
    assert "No signature of the data lead" in one["why_not"]


def test_list_of_none_says_so(birthshare: CommandLine, file: Path) -> None:
    file.unlink()
    assert "There is no agreement" in birthshare("agreement", "list").out


def test_check_reads_a_template_without_any_home(say: Any) -> None:
    answer = say("agreement", "check", TEMPLATES / FILE)
    assert answer.code == 0
    assert "It needs the signatures of: caldicott_guardian" in answer.out
    assert say("agreement", "check", TEMPLATES / FILE, "--json").json.keys() >= {"id", "version", "digest"}


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


# --- plain English --------------------------------------------------------------------------------


def test_show_says_the_whole_agreement_without_any_home(say: Any) -> None:
    answer = say("agreement", "show", TEMPLATES / FILE)
    assert answer.code == 0
    for heading in ("Who may receive something", "On what condition", "The law relied on", "No surprises"):
        assert heading in answer.out
    assert "Whether they have signed was not looked at here." in answer.out


def test_show_finds_an_agreement_by_its_id_and_says_who_signed(birthshare: CommandLine) -> None:
    answer = birthshare("agreement", "show", AGREEMENT)
    assert "Caldicott guardian: signed by caldicott.guardian@example.org." in answer.out
    assert "It stands today." in answer.out
    assert birthshare("agreement", "show", FILE).out == answer.out


def test_show_as_a_page_and_as_json_says_the_same(birthshare: CommandLine, tmp_path: Path) -> None:
    answer = birthshare("agreement", "show", AGREEMENT, "--html", tmp_path / "page.html", "--json")
    page = (tmp_path / "page.html").read_text()
    assert answer.json["title"] in page
    for section in answer.json["sections"]:
        assert section["heading"] in page


def test_show_of_what_is_not_there_names_what_is(birthshare: CommandLine) -> None:
    answer = birthshare("agreement", "show", "another")
    assert answer.code == 2
    answer.says("no such agreement", AGREEMENT)
    assert birthshare("agreement", "show", "another.v1.yaml").code == 2


def test_a_page_that_cannot_be_written_is_named(birthshare: CommandLine, tmp_path: Path) -> None:
    answer = birthshare("agreement", "show", AGREEMENT, "--html", tmp_path / "no" / "page.html")
    assert answer.code == 2
    answer.says("cannot be written", "page.html")


# --- differences ----------------------------------------------------------------------------------


def second_version(authority: Authority, *changes: tuple[str, str]) -> Path:
    """A draft of the agreement's second version."""
    text = authority.agreement_file(1).read_text()
    for old, new in (("version: 1", "version: 2\nreplaces: 1"), *changes):
        assert text.count(old) == 1
        text = text.replace(old, new)
    authority.agreement_file(2).write_text(text)
    return authority.agreement_file(2)


def test_diff_says_what_changes_by_its_meaning(birthshare: CommandLine) -> None:
    newer = second_version(
        birthshare.authority,
        ("retention_days: 90", "retention_days: 30"),
        ("[child_name,", "[ward, child_name,"),
    )
    answer = birthshare("agreement", "diff", FILE, newer)
    assert answer.out.index("Adds the ward") < answer.out.index("keep a list for 30 days instead of 90 days")
    changes = birthshare("agreement", "diff", FILE, newer, "--json").json["changes"]
    assert [change["effect"] for change in changes] == ["widens", "narrows", "neither", "neither"]


def test_diff_of_the_same_says_so(birthshare: CommandLine) -> None:
    assert "the same, to the letter" in birthshare("agreement", "diff", FILE, FILE).out


def test_diff_of_two_agreements_is_refused(say: Any) -> None:
    answer = say("agreement", "diff", TEMPLATES / FILE, TEMPLATES / "area-totals.v1.yaml")
    assert answer.code == 2
    answer.says("two different agreements", AGREEMENT, "area-totals")


# --- signing at a terminal ------------------------------------------------------------------------


class Terminal:
    """`birthshare` at a terminal of its own, with somebody who answers what it asks."""

    def __init__(self, *arguments: str | Path, answers: dict[str, str]) -> None:
        self.said = ""
        command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
        child, terminal = pty.fork()
        if child == 0:
            os.execv(sys.executable, command)
        answers = dict(answers)
        while chunk := self._read(terminal):
            self.said += chunk
            for question in [one for one in answers if one in self.said]:
                os.write(terminal, f"{answers.pop(question)}\n".encode())
        self.code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(terminal)

    @staticmethod
    def _read(terminal: int) -> str:
        try:
            return os.read(terminal, 10_000).decode(errors="replace")
        except OSError:  # how Linux says that the other side has gone
            return ""


def at_a_terminal(authority: Authority, file: Path, key: Path, **answers: str) -> Terminal:
    asked = {"Sign exactly this": answers["sign"], "Enter passphrase": answers.get("passphrase", "")}
    arguments = ("agreement", "sign", file, "--role", "data_lead", "--key", key)
    return Terminal(*arguments, "--home", authority.home.path, answers=asked)


def test_at_a_terminal_the_agreement_is_read_first_and_may_be_left_unsigned(
    authority: Authority, file: Path
) -> None:
    signature = file.with_suffix(".data_lead.sig")
    signature.unlink()
    key = authority.demo.approver_keys["data_lead"]
    terminal = at_a_terminal(authority, file, key, sign="n")
    assert terminal.code == 130
    assert "What recipients may not do" in terminal.said
    assert "Stopped. Nothing was signed or changed." in terminal.said
    assert not signature.exists()
    assert at_a_terminal(authority, file, key, sign="y").code == 0
    assert signature.exists()


def test_at_a_terminal_a_passphrase_is_asked_for(authority: Authority, file: Path, tmp_path: Path) -> None:
    key, signature = tmp_path / "key", file.with_suffix(".data_lead.sig")
    before = signature.read_bytes()
    shutil.copy(authority.demo.approver_keys["data_lead"], key)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "three sad tigers", "-f", str(key)]
    subprocess.run(change, check=True, capture_output=True)
    signature.unlink()
    assert at_a_terminal(authority, file, key, sign="y", passphrase="wrong").code == 2
    assert not signature.exists()
    terminal = at_a_terminal(authority, file, key, sign="y", passphrase="three sad tigers")
    assert terminal.code == 0
    assert "three sad tigers" not in terminal.said
    assert signature.read_bytes() == before  # Ed25519: the same key and content, the same signature


def test_a_signature_that_does_not_count_here_says_why(birthshare: CommandLine, tmp_path: Path) -> None:
    key = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    answer = birthshare("agreement", "sign", FILE, "--role", "data_lead", "--key", key)
    assert answer.code == 0
    assert "It does not count yet" in answer.out


# --- suspending -----------------------------------------------------------------------------------


def suspending(
    authority: Authority, role: str = "caldicott_guardian", *options: str
) -> tuple[str | Path, ...]:
    key = authority.demo.approver_keys[role]
    return ("agreement", "suspend", AGREEMENT, "--role", role, "--key", key, *options)


def test_any_one_role_stops_a_month_that_was_approved(authority: Authority, birthshare: CommandLine) -> None:
    authority.prepare_and_approve()
    answer = birthshare(
        *suspending(authority, "caldicott_guardian", "--note", "letters went astray"), "--json"
    )
    assert (answer.code, answer.json["version"]) == (0, 1)
    Path(answer.json["file"]).unlink()  # the ledger remembers
    stopped = birthshare.run()
    assert stopped.code == 3
    stopped.says("agreement_suspended")
    assert authority.files() == {}
    assert "agreement_suspended" in birthshare("agreement", "list").out
    [said] = authority.recorded(Kind.AGREEMENT_SUSPENDED)
    assert (said.principal, said.note) == (APPROVERS["caldicott_guardian"], "letters went astray")


def suspend_and_take_the_file_away(authority: Authority) -> None:
    assert CommandLine(authority)(*suspending(authority)).code == 0
    for file in authority.home.agreements.glob("*.suspend*"):
        file.unlink()


def put_a_file_there_by_hand(authority: Authority) -> None:
    authority.agreement_file().with_suffix(".suspend.data_lead.sig").touch()


@pytest.mark.parametrize("suspend", [suspend_and_take_the_file_away, put_a_file_there_by_hand])
def test_it_stops_between_two_lists_and_is_recorded(
    authority: Authority, suspend: Callable[[Authority], None]
) -> None:
    authority.setting("[suppliers.chis]", "[delivery]\nat_once = 1\n\n[suppliers.chis]")
    authority.prepare_and_approve()

    def after_the_first(stage: str, done: int, total: int) -> None:
        if stage == "delivery" and done == 1 and total > 1:
            suspend(authority)

    with pytest.raises(Refused, match="agreement_suspended"):
        months.run(authority.reopened(), MONTH, now=NOW, watch=after_the_first)
    assert len(authority.files()) < 4
    assert len(authority.recorded(Kind.AGREEMENT_SUSPENDED)) == 1


def test_a_new_version_signed_by_all_goes_on(authority: Authority, birthshare: CommandLine) -> None:
    assert birthshare(*suspending(authority)).code == 0
    assert birthshare.run().code == 3
    second_version(authority)
    assert birthshare.run().code == 3
    authority.sign_agreement(2)
    assert birthshare.finish()["agreements"][AGREEMENT]["version"] == 2


def test_who_may_not_suspend_is_told_who_may(authority: Authority, birthshare: CommandLine) -> None:
    key = authority.demo.approver_keys["data_lead"]
    answer = birthshare("agreement", "suspend", AGREEMENT, "--role", "mayor", "--key", key)
    assert answer.code == 3
    answer.says("mayor may not suspend", "caldicott_guardian")
    answer = birthshare("agreement", "suspend", AGREEMENT, "--role", "caldicott_guardian", "--key", key)
    assert answer.code == 3
    answer.says("does not hold the role Caldicott guardian")
    assert birthshare("agreement", "list", "--json").json["agreements"][0]["stands"] is True


# --- warnings -------------------------------------------------------------------------------------


def test_an_end_that_comes_near_is_told_wherever_somebody_looks(
    authority: Authority, birthshare: CommandLine
) -> None:
    text = authority.agreement_file().read_text()
    for key, days in (("review_by", 20), ("expires", 80)):
        text = re.sub(rf"(?m)^  {key}: .*$", f"  {key}: {NOW.date() + timedelta(days=days)}", text)
    authority.agreement_file().write_text(text)
    authority.sign_agreement(1)
    for command in (
        ("agreement", "list"),
        ("run", str(MONTH)),
        ("status", str(MONTH)),
        ("status",),
        ("doctor",),
    ):
        answer = birthshare(*command, "--json")
        assert any("must be reviewed by" in warning for warning in answer.json["warnings"]), command
        answer.says("Warning. Soon:", "must be reviewed by", "in 20 days", "Warning. In time:", "in 80 days")


def signing(authority: Authority, file: str, role: str) -> tuple[str | Path, ...]:
    key = authority.demo.approver_keys["data_lead"]
    return ("agreement", "sign", file, "--role", role, "--key", key)
