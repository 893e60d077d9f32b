"""The console on a machine that has only some of the keys, as it is installed beside Airflow and alone.

Alone (infra/systemd/birthshare-console.service) it has what decisions take, and leaves signing the ledger to
the machine with that key. In Airflow's web server it has none, and shows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from month_authority import MONTH, NOW, Authority, copied
from pipeline.custody import KEYS, Custody
from pipeline.demo.authority import Demonstration
from pipeline.encryption.signing import sign_ssh
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Kind
from pipeline.outside import check
from pipeline.questions import evidence, releases
from pipeline.roles import Role
from pipeline.steps.release import NAMESPACE

from .conftest import Asking, principal_of

PAGES = (
    "/", "/months", "/checks", "/agreements", "/recipients", "/transfers", "/recalls", "/map", "/proof",
    "/breach", "/who-may",
)  # fmt: skip


@pytest.fixture(scope="module")
def asked(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority whose month waits for an approval, and whose ledger was signed."""
    with copied(prototype, tmp_path_factory.mktemp("asked")) as one:
        one.run(until="release")
        check.run_day(one.home, now=NOW)
        yield one


@contextmanager
def away(home: Home, keys: list[Path], place: Path) -> Iterator[None]:
    """These keys are elsewhere meanwhile."""
    kept = {key: place / str(number) for number, key in enumerate(keys)}
    for key, there in kept.items():
        shutil.move(key, there)
    try:
        yield
    finally:
        for key, there in kept.items():
            shutil.move(there, key)


def test_where_the_ledgers_key_is_not_a_decision_is_taken_and_signed_by_the_next_work_of_who_has_it(
    asked: Authority, tmp_path: Path
) -> None:
    of_rooms = [
        one.where for one in KEYS if one.custody is not Custody.BOTH and "recipients" not in one.where
    ]
    keys = [key for place in of_rooms for key in asked.home.path.glob(place)]
    guardian = Asking(asked.home, principal_of(asked.home, Role.GUARDIAN), lambda: NOW)
    with away(asked.home, keys, tmp_path):
        approve(asked, guardian)
        with opened_ledger(asked.home) as ledger:
            [approval] = list(ledger.entries(kinds={Kind.RELEASE_APPROVED}))
            assert ledger.latest_checkpoint().size < approval.seq + 1
            with pytest.raises(Exception, match="Not all of this is signed yet"):
                evidence.gather(asked.home, ledger, [approval.seq], about="ledger", title="", now=NOW)
    later = NOW + timedelta(minutes=1)
    check.run_day(asked.home, now=later)
    with opened_ledger(asked.home) as ledger:
        assert ledger.latest_checkpoint().size > approval.seq


def approve(asked: Authority, guardian: Asking) -> None:
    one = releases.asked(asked.home, MONTH, now=NOW)
    key = asked.demo.approver_keys["caldicott_guardian"]
    signature = sign_ssh(one.pack, private_key=key, namespace=NAMESPACE).decode()
    form = {"release": one.pack_sha256, "signature": signature, "note": ""}
    guardian.post(f"/months/{MONTH}/release/approve", **form)


def test_without_any_key_months_agreements_and_the_ledger_can_be_looked_at(
    asked: Authority, tmp_path: Path
) -> None:
    keys = [file for file in asked.home.at("keys").rglob("*") if file.is_file() and not is_public(file)]
    assert len(keys) > 5
    guardian = Asking(asked.home, principal_of(asked.home, Role.GUARDIAN), lambda: NOW)
    with away(asked.home, keys, tmp_path):
        for path in PAGES:
            assert "Decide, sign and ask about families" in guardian.get(path), path
        assert "Open" in guardian.get("/months")
        assert "Decide, sign and ask about families" in guardian.get(f"/months/{MONTH}", 404)  # it is locked


def is_public(file: Path) -> bool:
    """As in infra/airflow/install.py."""
    return file.name in ("allowed_signers", "ledger.vkey")
