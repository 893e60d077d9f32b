"""Authorities whose centres stand behind a gate, an Airflow for them, and what became of their months."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from airflow_environment import ONLY_WHEN_ASKED, Site
from airflow_server import AirflowServer, Run, free_port
from pipeline.delivery.manifest import manifest_name
from pipeline.demo.authority import APPROVERS, Demonstration, make_authority, sftp_places, sign_register
from pipeline.demo.keys import write_secret
from pipeline.demo.places import sample_postcodes
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.encryption.sealing import new_password
from pipeline.facts import opened_ledger, verified
from pipeline.home import SETTINGS_FILE, Home
from pipeline.ledger.entries import Delivered, Kind, PermitBody
from pipeline.records import Month
from servers.sshd import OpenSshServer
from soak.gate import Gate

NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)
DAG = "monthly_births"
QUESTIONS = ("release_decision", "second_decision")
LEAD, OPERATOR = "data_lead", "operator"


@dataclass(frozen=True)
class Authority:
    """One authority with an open month, and its centres' servers."""

    code: str
    demo: Demonstration
    gate: Gate  # before all its centres
    files: Callable[[str], Path]  # what a centre's account received
    placed: list[str] | None = None  # every file that got its final name, where the server tells

    @property
    def dag(self) -> str:
        """Its monthly DAG."""
        return f"{self.code}.{DAG}" if self.code else DAG

    @property
    def home(self) -> Home:
        """Its home."""
        return Home.open(self.demo.home)

    def check_sent_once(self) -> int:
        """Every list that was planned is at its centre, as recorded, and was put there once; how many.

        Raises AssertionError otherwise, and where the ledger is not sound.
        """
        with opened_ledger(self.home) as ledger:
            permits = {one.seq: one.body for one in ledger.entries(kinds={Kind.PERMIT})}
            bodies = [one.body for one in ledger.entries(kinds={Kind.DELIVERED})]
            assert verified(self.home, ledger).problem is None
        delivered = [body for body in bodies if isinstance(body, Delivered)]
        for body in delivered:
            permit = permits[body.permit]
            assert isinstance(permit, PermitBody)
            file = self.files(permit.recipient) / permit.file_name
            assert hashlib.sha256(file.read_bytes()).hexdigest() == body.sha256, permit.recipient
        assert len(delivered) == len({body.permit for body in delivered})
        if self.placed is not None:
            # Its manifest gets its name first, and once more where a try died before the list had its own.
            lists = Counter(file for file in self.placed if not file.endswith(manifest_name("")))
            assert [file for file, times in lists.items() if times > 1] == []
            assert lists.total() == len(delivered)
        return len(delivered)


@contextmanager
def authority(
    folder: Path,
    code: str = "",
    *,
    centres: int,
    births: int,
    seed: int = 1,
    ledger: str = "",
    patience: float = 30.0,
) -> Iterator[Authority]:
    """An authority with an open month; `ledger` is its database's address, `patience` in seconds."""
    for place in (folder / "recipients", folder / "sftp"):
        place.mkdir(parents=True)
    with DemonstrationSftp(**sftp_places(folder)) as server, Gate(server.port) as gate:
        demo = make_authority(
            folder, month=MONTH, births=births, centres=centres, seed=seed, now=NOW,
            host="127.0.0.1", port=gate.port, host_key=server.host_key,
        )  # fmt: skip
        settings = demo.home / SETTINGS_FILE
        where = f"database = {json.dumps(ledger)}\n" if ledger else ""
        settings.write_text(f"{where}{settings.read_text()}\n[delivery]\ntimeout_seconds = {patience}\n")
        yield Authority(code, demo, gate, demo.recipient, server.placed)


@contextmanager
def on_openssh(folder: Path, *, centres: int, births: int) -> Iterator[Authority]:
    """An authority whose centres, as many as one likes, have accounts on a real OpenSSH server."""
    demo = make_authority(
        folder, month=MONTH, births=births, centres=60, seed=1, now=NOW,
        host="127.0.0.1", port=1, host_key="ssh-ed25519 AAAA",
    )  # fmt: skip
    entries = _more_centres(demo, centres)
    codes = [str(one["code"]) for one in entries]
    key = demo.home / "keys" / "delivery.key.pub"
    with OpenSshServer(codes, public_key=key) as server, Gate(server.port) as gate:
        for one in entries:
            one |= {"port": gate.port, "host_key": server.host_key}
            one |= {"user": server.user(one["code"]), "folder": server.folder}
        register = demo.home / "reference" / "recipients.yaml"
        register.write_text(yaml.safe_dump({"recipients": entries}), encoding="utf-8")
        sign_register(Home.open(demo.home), demo.approver_keys)
        yield Authority("", demo, gate, server.files)


def _more_centres(demo: Demonstration, wanted: int) -> list[dict[str, Any]]:
    """Entries for so many centres, each with its own password; postcodes are dealt out among them."""
    home = demo.home
    entries = yaml.safe_load((home / "reference" / "recipients.yaml").read_text())["recipients"]
    for number in range(len(entries) + 1, wanted + 1):
        code = f"centre-{number}"
        key = f"keys/recipients/{code}.password"
        write_secret(home / key, new_password().encode())
        entries.append(entries[0] | {"code": code, "name": f"Centre {number}", "key": key})
    postcodes = sample_postcodes(home / "reference" / "postcodes.sqlite")
    live = postcodes.loc[postcodes["group"].eq("live"), "postcode"]
    file = home / "reference" / "reach_areas.csv"
    with file.open() as stream:
        like = next(csv.DictReader(stream))
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(like))
        writer.writeheader()
        for place, postcode in enumerate(sorted(live)):
            mine = {"recipient": entries[place % wanted]["code"], "kind": "postcode", "code": postcode}
            writer.writerow(like | mine)
    return list(entries)


def site_for(
    folder: Path,
    homes: Mapping[str, Path],
    *,
    database: str = "",
    broker: str = "",
    extra: Mapping[str, str] | None = None,
) -> Site:
    """An Airflow for these homes by code; for one, without a code in its DAGs' names, where that is ""."""
    users = dict.fromkeys(APPROVERS, "user") | {OPERATOR: "op"}
    whose = {"birthshare_home": homes[""]} if "" in homes else {"authorities": homes}
    address = database.replace("postgresql://", "postgresql+psycopg://", 1)
    more = ONLY_WHEN_ASKED | dict(extra or {})
    return Site(folder, free_port(), users, database=address, broker=broker, extra=more, **whose)


def begin(airflow: AirflowServer, one: Authority) -> Run:
    """Trigger the month and let it run until it asks a person."""
    airflow.login(OPERATOR).open_dag(one.dag, seconds=300)
    run = airflow.login(LEAD).trigger(one.dag, {"month": str(MONTH)})
    run.until_asked(QUESTIONS[0], seconds=300)
    return run


def approve(run: Run) -> None:
    """Answer the question with yes."""
    run.answer(QUESTIONS[0], run.question(QUESTIONS[0])["options"][0])


def tries(airflow: AirflowServer, run: Run) -> dict[int, int]:
    """How often each batch of the delivery was begun, by its number."""
    found = airflow.login(LEAD).get(f"{run.path}/taskInstances?task_id=deliver&limit=200")
    return {one["map_index"]: one["try_number"] for one in found["task_instances"]}
