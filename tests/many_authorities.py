"""Several authorities that one Airflow serves: copies of one, each with a home and centres of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from month_authority import MONTH, NOW, Authority
from pipeline.demo.authority import Demonstration, make_authority
from pipeline.home import Home

CENTRES = 3


def make_prototype(folder: Path, *, births: int = 60) -> Demonstration:
    """The authority that the others are copies of; nobody can be reached there."""
    return make_authority(
        folder, month=MONTH, births=births, centres=CENTRES, seed=20261122, now=NOW,
        host="127.0.0.1", port=1, host_key="ssh-ed25519 AAAA",
    )  # fmt: skip


def copy_of(prototype: Demonstration, folder: Path, name: str, **server: str | int) -> Authority:
    """An authority of that name. Its lists are handed over in folders, or go to `server` (port, host_key).

    Only its own people have logins: `NAME_data_lead` and so on.
    """
    home, received = folder / name / "home", folder / name / "received"
    shutil.copytree(prototype.home, home)
    for code in prototype.centres:
        (received / code).mkdir(parents=True)
        (received / code).chmod(0o750)
    _be(home, name)
    authority = Authority(prototype, Home.open(home), received)
    _send_to(authority, server)
    return authority


def _be(home: Path, name: str) -> None:
    """Call it by its name, and its approvers' logins after it."""
    file = home / "birthshare.toml"
    text = file.read_text().replace("Sampleton", name.capitalize())
    file.write_text(text.replace('airflow_user = "', f'airflow_user = "{name}_'))


def _send_to(authority: Authority, server: dict[str, str | int]) -> None:
    register = authority.home.path / "reference" / "recipients.yaml"
    entries = yaml.safe_load(register.read_text(encoding="utf-8"))
    for one in entries["recipients"]:
        if server:
            one |= server
            continue
        for key in ("host", "port", "user", "host_key"):
            one.pop(key, None)
        one |= {"via": "folder", "folder": str(authority.received / one["code"])}
    register.write_text(yaml.safe_dump(entries), encoding="utf-8")
    authority.sign_register()
