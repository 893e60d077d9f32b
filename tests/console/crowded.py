"""One authority for tests that only look: a closed month in which everything is that a page could get wrong.

Whoever may write a text wrote HTML into it; its supplier also a child's name into the name of a file. Three
families have values that occur nowhere else. There is one person for each role, with that role alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from canaries import CANARY, values_of, with_canaries
from month_authority import AGREEMENT, MONTH, NOW, Authority, CommandLine, clear, copied
from pipeline import month as months
from pipeline.demo.authority import APPROVERS, AUTHORITY_NAME, Demonstration
from pipeline.roles import Role

MARKUP = '<b class="evil">x</b><script src="//evil.example/x.js"></script>'
_NAMED = f'{CANARY["given_name"]} <b class="evil">'  # as the name of a file may go on after its month
_WRITTEN_AGREEMENT = ("title: ", "  - name: ", '    says: "')  # the first of each, in the agreement


@dataclass(frozen=True)
class Crowded:
    """It, and what to look for."""

    authority: Authority
    canaries: list[str]  # personal values of the three families

    @staticmethod
    def principal(role: Role) -> str:
        """Who has this role and no other."""
        return f"{role.value}{MARKUP}"


@contextmanager
def crowded(prototype: Demonstration, folder: Path) -> Iterator[Crowded]:
    """In this folder, until the block ends."""
    with copied(prototype, folder) as authority:
        _settings(authority)
        authority = Authority(authority.demo, authority.reopened(), authority.received)
        _written(authority)
        _refused(authority)
        extract = with_canaries(authority.extract())
        sealed = authority.send(extract)
        sealed.rename(sealed.with_name(sealed.name.replace(".csv", f" {_NAMED}.csv")))
        authority.prepare_and_approve()
        authority.run()
        clear(authority.received)  # others send there, too, as long as this one stays
        _suspended(authority)
        yield Crowded(authority, values_of(extract))


def _settings(authority: Authority) -> None:
    """People, and names of the authority and of its supplier."""
    for name in (AUTHORITY_NAME, "Example Community NHS Trust (demonstration)"):
        authority.setting(f"name = {json.dumps(name)}", f"name = {json.dumps(name + MARKUP)}")
    with (authority.home.path / "birthshare.toml").open("a") as file:
        for role in Role:
            principal = json.dumps(Crowded.principal(role))
            file.write(f'\n[[console.people]]\nprincipal = {principal}\nroles = ["{role.value}"]\n')


def _written(authority: Authority) -> None:
    """Names and texts of a recipient and of the agreement."""
    authority.change_recipient("centre-01", name=f"Centre {MARKUP}", contact=f"Post {MARKUP}")
    file = authority.agreement_file()
    text = file.read_text()
    for start in _WRITTEN_AGREEMENT:
        line = re.search(f"^{re.escape(start)}.*$", text, re.MULTILINE)
        assert line
        key = start.rstrip(' "')
        text = text.replace(line[0], f"{key} {json.dumps(f'Text {MARKUP}')}", 1)
    file.write_text(text)
    authority.sign_agreement(1)


def _refused(authority: Authority) -> None:
    """A first extract, whose release somebody refused for a reason."""
    authority.run(until="release")
    asked = CommandLine(authority)("release", "show", str(MONTH), "--json").json["pack_sha256"]
    months.record_decision(
        authority.home,
        MONTH,
        pack_sha256=asked,
        principal=APPROVERS["data_lead"],
        approve=False,
        way="airflow",
        note=f"Refused {MARKUP}",
        now=NOW,
    )


def _suspended(authority: Authority) -> None:
    role = "data_lead"
    said = CommandLine(authority)(
        "agreement", "suspend", AGREEMENT, "--version", "1", "--role", role, "--key",
        authority.demo.approver_keys[role], "--note", f"Suspended {MARKUP}",
    )  # fmt: skip
    assert said.code == 0, said.err
