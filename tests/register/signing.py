"""How the tests of the register sign it, look at it, and ask whether a recipient may be sent to."""

from __future__ import annotations

import subprocess
from pathlib import Path

from month_authority import NOW, Answer, Authority, CommandLine
from pipeline.demo.authority import APPROVERS
from pipeline.errors import BirthshareError
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Kind, RegisterAgreed
from pipeline.recipients import register

LEAD, GUARDIAN, OFFICER = "data_lead", "caldicott_guardian", "data_protection_officer"
FIRST, SECOND, WITH_KEY = "centre-01", "centre-02", "centre-04"


def sign(birthshare: CommandLine, role: str) -> Answer:
    """`birthshare recipients sign` by the person in a role."""
    key = birthshare.authority.demo.approver_keys[role]
    return birthshare("recipients", "sign", "--as", APPROVERS[role], "--key", key, "--json")


def ssh_keygen_signs(authority: Authority, key: Path, namespace: str = "register@birthshare") -> Path:
    """The statement signed without our program; the signature lies where ssh-keygen puts it."""
    statement = authority.home.at("reference/register.txt")
    order = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(key), str(statement)]
    subprocess.run(order, check=True, capture_output=True)
    return statement.with_suffix(".txt.sig")


def agreed(authority: Authority) -> list[RegisterAgreed]:
    """Every register that the ledger says was agreed, oldest first."""
    return [one for one in authority.recorded(Kind.REGISTER_AGREED) if isinstance(one, RegisterAgreed)]


def why_not(authority: Authority, code: str) -> str:
    """Why nothing is sent to a recipient now; "" where lists go to it."""
    recipient = authority.home.recipients()[code]
    with opened_ledger(authority.home) as ledger:
        try:
            register.check_agreed(authority.home, ledger, recipient, at=NOW)
            register.check_open(recipient, at=NOW)
        except BirthshareError as error:
            return str(error)
    return ""


def take_signatures_away(authority: Authority) -> None:
    for file in authority.home.at("reference").glob("register.*"):
        file.unlink()
