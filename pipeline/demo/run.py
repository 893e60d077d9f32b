"""The demonstration: a whole authority in a folder, and one month run in it from end to end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from pipeline import month as months
from pipeline.demo.authority import APPROVERS, Demonstration, make_authority, sftp_places
from pipeline.demo.later_words import record_later_words
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import ReleaseRequested
from pipeline.records import Month
from pipeline.steps.desk import Watch, no_watch
from pipeline.steps.pack import PACK
from pipeline.steps.release import NAMESPACE

RESULT = "demo.json"
_MARK = "A Birthshare demonstration. `birthshare demo` replaces this folder.\n"


def run_demo(
    folder: Path,
    *,
    month: Month,
    births: int,
    centres: int,
    seed: int,
    now: datetime,
    watch: Watch = no_watch,
) -> dict[str, Any]:
    """Make the authority, run the month, approve it as its data lead, run it to the end.

    The answer is the month's state, also left in `demo.json`. A folder that an earlier demonstration
    left is made anew; raises SettingsError for any other folder that is not empty.
    """
    begun = perf_counter()
    clear(folder)
    with laid_out(
        folder, month=month, births=births, centres=centres, seed=seed, now=now, watch=watch
    ) as demo:
        made = perf_counter() - begun
        home = Home.open(demo.home)
        asked = months.run(home, month, now=now, until="release", watch=watch)
        approve(home, demo, "data_lead", now=now)
        state = months.run(home, month, now=now, watch=watch)
    state["seconds"] = {"authority": round(made, 3), **asked["seconds"], **state["seconds"]}
    state["folder"] = str(folder)
    (folder / RESULT).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    return state


@contextmanager
def laid_out(
    folder: Path,
    *,
    month: Month,
    births: int,
    centres: int,
    seed: int,
    now: datetime,
    watch: Watch = no_watch,
) -> Iterator[Demonstration]:
    """An authority in `folder` whose centres' SFTP server runs until the block ends."""
    watch("authority", 0, 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text(_MARK, encoding="utf-8")
    for place in (folder / "recipients", folder / "sftp"):
        place.mkdir(exist_ok=True)
    with DemonstrationSftp(**sftp_places(folder)) as server:
        demo = make_authority(
            folder,
            month=month,
            births=births,
            centres=centres,
            seed=seed,
            now=now,
            host="127.0.0.1",
            port=server.port,
            host_key=server.host_key,
        )
        cases = folder / "supplier" / "hard_cases.csv"
        record_later_words(Home.open(demo.home), demo.extract, cases, now=now)
        watch("authority", 1, 1)
        yield demo


def approve(home: Home, demo: Demonstration, role: str, *, now: datetime) -> None:
    """Sign the release that is asked about with the demonstration's key of one role."""
    with months.opened(home, demo.month, now) as desk:
        pack = desk.staging.get(PACK)
        asked = desk.recorded(ReleaseRequested)[-1].pack_sha256
    signature = sign_ssh(pack, private_key=demo.approver_keys[role], namespace=NAMESPACE).decode()
    months.record_decision(
        home,
        demo.month,
        pack_sha256=asked,
        principal=APPROVERS[role],
        approve=True,
        way="signature",
        signature=signature,
        now=now,
    )


def clear(folder: Path) -> None:
    """Remove an earlier demonstration; raises SettingsError where the folder holds anything else."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    readme = folder / "README.txt"
    if not readme.is_file() or readme.read_text(encoding="utf-8") != _MARK:
        raise SettingsError("This folder is not empty", where=str(folder), do="Name another with --dir.")
    shutil.rmtree(folder)
