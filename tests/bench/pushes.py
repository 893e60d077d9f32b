"""Bringing files to a real OpenSSH server, ours beside others, in one fresh process.

    python pushes.py FOLDER RECIPIENTS LISTS TIMES [PYTHON]

Two questions. So many recipients, each with an account of its own and one list: `sftp -b` for one after
the other, and the operator of Airflow's SFTP provider, where PYTHON is one that has it (airflow_pushes.py).
And so many lists in one account: one `sftp -b` that puts them all, without and with its option to have
them put on the disk. Ours puts every file on the disk, reads it back and renames it. The ledger has no
part in it. All take turns, so often; the answer is JSON, every time in seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.delivery.push import push
from pipeline.delivery.sftp import Endpoint
from pipeline.delivery.side_by_side import Task, side_by_side
from pipeline.delivery.way import Lines
from pipeline.home import Delivery
from pipeline.records import Permit
from servers.sshd import OpenSshServer

BYTES = 9_000  # of a sealed list of ten families
AT_ONCE = 8  # connections to one recipient, the most that the register allows
ONE = "ONE"  # the account that gets many lists


class Pushes:
    """The server, the files, and the ways to bring them there."""

    def __init__(self, folder: Path, recipients: int, lists: int) -> None:
        self.folder = folder
        self.codes = [f"NE-{number:02}" for number in range(1, recipients + 1)]
        self.key = folder / "delivery.key"
        _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        self.names = [f"list_{number:04}.xlsx" for number in range(max(lists, recipients))]
        self.files = {name: secrets.token_bytes(BYTES) for name in self.names}
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        self.many = self.names[:lists]
        self.server = OpenSshServer([*self.codes, ONE], public_key=self.key.with_suffix(".key.pub"))

    # --- one list for each of many ---

    def ours_to_each(self) -> None:
        """As a month does it: side by side, as many at once as the settings say."""
        self._push([(code, name, 1) for code, name in zip(self.codes, self.names, strict=False)], Delivery())

    def sftp_to_each(self) -> None:
        """A person's script."""
        for code, name in zip(self.codes, self.names, strict=False):
            self._sftp(code, [f"put {self.folder / name} {self.server.folder}/{name}"])

    # --- many lists for one ---

    def ours_to_one(self) -> None:
        """All connections that one recipient may have."""
        self._push([(ONE, name, AT_ONCE) for name in self.many], Delivery(at_once=AT_ONCE))

    def sftp_to_one(self, option: str = "") -> None:
        """One session."""
        puts = [f"put {option} {self.folder / name} {self.server.folder}/{name}" for name in self.many]
        self._sftp(ONE, puts)

    # ---

    def received(self) -> int:
        """How many files arrived whole; they are taken away."""
        whole = 0
        for code in (*self.codes, ONE):
            for file in self.server.files(code).iterdir():
                whole += file.read_bytes() == self.files.get(file.name)
                file.unlink()
        return whole

    def plan(self) -> dict[str, Any]:
        """What airflow_pushes.py is told."""
        return {
            "port": self.server.port,
            "host_key": self.server.host_key,
            "private_key": str(self.key),
            "puts": [self._put(code, name) for code, name in zip(self.codes, self.names, strict=False)],
        }

    def _put(self, code: str, name: str) -> dict[str, str]:
        remote = f"{self.server.folder}/{name}"
        return {"user": self.server.user(code), "local": str(self.folder / name), "remote": remote}

    def _push(self, lists: list[tuple[str, str, int]], settings: Delivery) -> None:
        with Lines() as lines:
            tasks = [Task(code, most, partial(self._bring, code, name, lines)) for code, name, most in lists]
            failures = side_by_side(tasks, settings)
        if failures:
            raise failures[0]

    def _bring(self, code: str, name: str, lines: Lines) -> None:
        sealed = self.files[name]
        digest = hashlib.sha256(sealed).hexdigest()
        permit = Permit(
            entry=1, month="2026-10", agreement="bench", recipient=code, file_name=name,
            sealed_sha256=digest, households=10, children=10,
        )  # fmt: skip
        beside = json.dumps({"list": name, "sha256": digest}).encode()
        push(sealed, permit, self._way(code), stands=lambda part: True, beside=beside, lines=lines)

    def _way(self, code: str) -> Endpoint:
        server = self.server
        return Endpoint(
            "127.0.0.1", server.port, server.user(code), server.folder, server.host_key, self.key, 30.0
        )

    def _sftp(self, code: str, commands: list[str]) -> None:
        batch, known = self.folder / "batch", self.folder / "known_hosts"
        batch.write_text("\n".join(commands) + "\n")
        known.write_text(f"[127.0.0.1]:{self.server.port} {self.server.host_key}\n")
        options = ["-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-F", os.devnull]
        account = f"{self.server.user(code)}@127.0.0.1"
        where = ["-b", str(batch), "-P", str(self.server.port), "-i", str(self.key)]
        _call("sftp", "-q", *where, *options, account)


def measure(folder: Path, recipients: int, lists: int, times: int, airflow: str) -> dict[str, Any]:
    """Every time of every way, in the order in which they took turns."""
    pushes = Pushes(folder, recipients, lists)
    to_each = {"ours": pushes.ours_to_each, "sftp": pushes.sftp_to_each}
    to_one = {
        "ours": pushes.ours_to_one,
        "sftp": pushes.sftp_to_one,
        "sftp_fsync": partial(pushes.sftp_to_one, "-f"),
    }
    with pushes.server:
        each = _in_turns(pushes, to_each, times, expected=recipients)
        if airflow:
            each |= dict(_with_airflow(pushes, airflow, times))
        one = _in_turns(pushes, to_one, times, expected=lists)
    return {"recipients": recipients, "to_each": each, "lists": lists, "to_one": one, "bytes": BYTES}


def _in_turns(
    pushes: Pushes, ways: Mapping[str, Callable[[], None]], times: int, *, expected: int
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, bring in ways.items():
            begun = perf_counter()
            bring()
            seconds[name].append(perf_counter() - begun)
            arrived = pushes.received()
            assert arrived == expected, f"{name}: {arrived} of {expected} arrived"
    return seconds


def _with_airflow(pushes: Pushes, python: str, times: int) -> Iterator[tuple[str, list[float]]]:
    script = Path(__file__).with_name("airflow_pushes.py")
    (pushes.folder / "plan.json").write_text(json.dumps(pushes.plan()))
    for way in ("hook", "tasks"):
        seconds = []
        for _ in range(times):
            command = [python, str(script), way, str(pushes.folder / "plan.json")]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds.append(float(answer.stdout.splitlines()[-1]))
            assert pushes.received() == len(pushes.codes)
        yield f"airflow_{way}", seconds


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    folder, recipients, lists, times, *airflow = sys.argv[1:]
    answer = measure(Path(folder), int(recipients), int(lists), int(times), airflow[0] if airflow else "")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
