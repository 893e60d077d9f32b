"""From a supplier's feed of changes to the recalls at the recipients, beside a long past.

    python called_back.py FOLDER DISCLOSURES CHANGES RECIPIENTS TIMES

An authority whose lists went to so many recipients for YEARS years, so that its ledger holds so many
disclosures, each of another child. Then a sealed feed arrives that speaks of so many of these children, and
`birthshare changes apply` is run in a fresh process, as the daily run does: the whole ledger is verified,
the feed opened, every word recorded, the recalls raised, a notice sealed for each recipient and pushed to
its own account on a real OpenSSH server, and the ledger signed. As often as wanted, each time from the
state before. The answer is JSON, every time in seconds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from measure import run
from pairs import BIRTHSHARE

from pipeline import month as months
from pipeline.contract import contract_of
from pipeline.demo.authority import TEMPLATE, Demonstration, make_authority, sign_register
from pipeline.demo.births import as_csv
from pipeline.demo.keys import seal_as_supplier
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.home import Home
from pipeline.ledger.entries import Delivered, Entry, PermitBody, ReleaseApproved
from pipeline.ledger.ledger import Ledger
from pipeline.lists.references import list_name, row_reference
from pipeline.records import Month, OnList, keyed_references
from servers.sshd import OpenSshServer

YEARS = 5
PREFIXES = (943, 944, 945)  # of NHS numbers; each has room for some 900,000
WORDS = ("child_died", "consent_withdrawn", "suppressed", "objected")
AGREEMENT = TEMPLATE.name.split(".")[0]
NOW = datetime.now(UTC)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def measure(folder: Path, disclosures: int, changes: int, recipients: int, times: int) -> dict[str, Any]:
    """Build the past, and hear the feed so often."""
    children = _children(disclosures)
    begun = perf_counter()
    with _authority(folder, recipients) as (demo, server):
        home = Home.open(demo.home)
        entries = _record_past(home, demo.centres, children)
        built = perf_counter() - begun
        _send_feed(demo, home, children, changes)
        past = folder / "past"
        shutil.copytree(home.path, past)
        runs = [_heard(home, server, past, changes, recipients) for _ in range(times)]
    return {
        "disclosures": disclosures,
        "entries": entries,
        "changes": changes,
        "recipients": recipients,
        "built_seconds": built,
        "runs": runs,
    }


def _heard(home: Home, server: OpenSshServer, past: Path, changes: int, recipients: int) -> dict[str, Any]:
    shutil.rmtree(home.path)
    shutil.copytree(past, home.path)
    command = [str(BIRTHSHARE), "changes", "apply", "--json", "--home", str(home.path)]
    cost = run(command)
    answer = json.loads(cost.answer)
    notices = 0
    for code in server.codes:
        for file in server.files(code).iterdir():
            notices += file.name.startswith("recall")
            file.unlink()
    assert notices == recipients, f"{notices} of {recipients} notices arrived"
    recalled = answer["recalls"]["raised"]
    assert recalled == changes, f"{recalled} of {changes} rows were called back"
    return {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "peak_mib": cost.peak_mib}


@contextmanager
def _authority(folder: Path, recipients: int) -> Iterator[tuple[Demonstration, OpenSshServer]]:
    """An authority whose recipients each have an account."""
    month = Month(NOW.year, NOW.month).plus(-1)
    demo = make_authority(
        folder / "authority", month=month, births=0, centres=recipients, seed=1, now=NOW,
        host="127.0.0.1", port=22, host_key="ssh-ed25519 AAAA",
    )  # fmt: skip
    with OpenSshServer(demo.centres, public_key=demo.home / "keys" / "delivery.key.pub") as server:
        register = demo.home / "reference" / "recipients.yaml"
        entries = yaml.safe_load(register.read_text(encoding="utf-8"))
        for one in entries["recipients"]:
            one |= {"port": server.port, "host_key": server.host_key}
            one |= {"user": server.user(one["code"]), "folder": server.folder}
        register.write_text(yaml.safe_dump(entries), encoding="utf-8")
        settings = demo.home / "birthshare.toml"
        feed = '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.csv.gpg"'
        settings.write_text(settings.read_text().replace("[suppliers.chis]", feed))
        sign_register(Home.open(demo.home), demo.approver_keys)
        yield demo, server


def _children(count: int) -> list[str]:
    """NHS numbers, all different."""
    rng, each = np.random.default_rng(1), -(-count // len(PREFIXES))
    numbers = np.concatenate([nhs_numbers(rng, each, prefix=prefix) for prefix in PREFIXES])
    return [str(number) for number in numbers[:count]]


def _record_past(home: Home, recipients: tuple[str, ...], children: list[str]) -> int:
    """Record every list of YEARS years, as months do; the number of the ledger's entries."""
    last = Month(NOW.year, NOW.month).plus(-2)
    past = [last.plus(-back) for back in range(12 * YEARS)]
    with months.opened(home, last, NOW) as desk:
        desk.check_subject_key()
        desk.record_signatures()
    lists = [(month, code) for month in reversed(past) for code in recipients]
    keyed = keyed_references(home.secret("subject.key"), "child", children)
    # In memory, because thousands of transactions wait for the disk far longer than they take.
    with tempfile.TemporaryDirectory(dir=MEMORY) as place_to_build:
        building, database = Path(place_to_build) / "ledger.db", home.state / "birthshare.db"
        shutil.copyfile(database, building)
        with closing(Ledger.open(f"sqlite:///{building}")) as ledger:
            for month in reversed(past):
                ledger.append(Entry(_approved(month), str(month)), at=NOW)
            for place, (month, code) in enumerate(lists):
                theirs = keyed[place * len(keyed) // len(lists) : (place + 1) * len(keyed) // len(lists)]
                _record_list(home, ledger, month, code, theirs)
            entries = ledger.size
        shutil.copyfile(building, database)
    return entries


def _record_list(home: Home, ledger: Ledger, month: Month, code: str, children: list[str]) -> None:
    key, name = home.secret("subject.key"), list_name(AGREEMENT, str(month), code)
    on_list = [
        OnList(
            child=child,
            parent=secrets.token_hex(16),
            dwelling=secrets.token_hex(16),
            reference=row_reference(key, name, [child]),
        )
        for child in children
    ]
    body = PermitBody(
        agreement=AGREEMENT, version=1, recipient=code, file_name=f"{name}.xlsx",
        sealed_sha256=hashlib.sha256(name.encode()).hexdigest(), households=len(children),
        children=len(children), pack_sha256=_pack(month), removed={},
    )  # fmt: skip
    permit = ledger.permit(body, on_list, month=str(month), at=NOW)
    there = Delivered(permit=permit.entry, sha256=body.sealed_sha256, size=9000, found_there=False)
    ledger.append(Entry(there, str(month)), at=NOW)


def _approved(month: Month) -> ReleaseApproved:
    return ReleaseApproved(
        pack_sha256=_pack(month), principal="data.lead@example.org", roles=("data_lead",), way="airflow"
    )


def _pack(month: Month) -> str:
    return hashlib.sha256(str(month).encode()).hexdigest()


def _send_feed(demo: Demonstration, home: Home, children: list[str], changes: int) -> None:
    """The sealed feed in the inbox: a word about so many of the children."""
    spoken_of = np.random.default_rng(2).choice(children, changes, replace=False)
    columns = list(contract_of("changes").names)
    frame = pd.DataFrame({name: [""] * changes for name in columns}, dtype="str")
    frame["subject"], frame["nhs_number"] = "child", spoken_of
    frame["word"] = [WORDS[place % len(WORDS)] for place in range(changes)]
    frame["since"] = str((NOW - timedelta(days=1)).date())
    supplier = demo.folder / "supplier"
    seal_as_supplier(
        as_csv(frame),
        home.inbox("chis") / f"changes_chis_{NOW.date()}.csv.gpg",
        supplier_private=supplier / "chis.private.asc",
        recipient_public=supplier / "authority.asc",
    )


def main() -> None:
    folder, *numbers = sys.argv[1:]
    print(json.dumps(measure(Path(folder), *(int(number) for number in numbers))))


if __name__ == "__main__":
    main()
