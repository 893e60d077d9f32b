"""Whose keys stand in the list of signers, as ssh-keygen itself tells their fingerprints."""

from __future__ import annotations

import subprocess
from pathlib import Path

from month_authority import Authority, authority, prototype  # noqa: F401  # fixtures
from pipeline.demo.keys import make_ssh_key
from pipeline.signers import EVERYTHING, keys_of, line_for, passkey_line
from software_passkey import SoftwarePasskey

WHO = "caldicott.guardian@example.org"


def test_every_key_of_a_person_is_named(authority: Authority, tmp_path: Path) -> None:  # noqa: F811
    kind, key, *_ = make_ssh_key(tmp_path / "one", "one").split()
    lines = [
        "# whose keys",
        f"{WHO} {kind} {key}",
        f'other@example.org,{WHO} namespaces="a b",valid-before="20200101" {kind} {key} a comment',
        f'"{WHO}" valid-after=20200101 {kind} {key}',
        passkey_line(WHO, SoftwarePasskey().public),
        f"#{WHO} {kind} {key}",
        f"x{WHO} {kind} {key}",
        f"other@example.org {kind} {key} {WHO}",
        f"{WHO} {kind} not=base64",
        f"{WHO} {kind} cut00",
        "",
    ]
    authority.home.allowed_signers.write_text("\n".join(lines))
    found = keys_of(authority.home, WHO)
    assert [one.words for one in found] == ["SSH key (Ed25519)"] * 3 + ["passkey or security key"]
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "one.pub")], capture_output=True, check=True, text=True
    ).stdout
    assert found[0].fingerprint in said.split()


def test_a_line_lets_a_key_sign_what_approvers_sign(authority: Authority, tmp_path: Path) -> None:  # noqa: F811
    """The demonstration's own lines are made so, and months, agreements and registers count by them."""
    public = make_ssh_key(tmp_path / "one", "one")
    line = line_for(WHO, public)
    assert line.endswith(public)
    assert all(one in line for one in EVERYTHING)
    before = authority.home.allowed_signers.read_text().splitlines()[0]
    assert before.split()[1] == line.split()[1]
