"""A backup cannot bring back what was destroyed: one is made, and restored, with tar."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

from month_authority import MONTH, NOW, Authority, CommandLine, personal_values
from pipeline import month as months
from pipeline.demo.authority import APPROVERS
from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.keeping import kept, retention
from servers.installing import program

REPOSITORY = Path(__file__).resolve().parents[2]
EXCLUDED = REPOSITORY / "infra" / "backup.exclude"
RUNBOOK = REPOSITORY / "infra" / "runbooks" / "backups.md"
WHO = ("--as", APPROVERS["data_lead"], "--why", "restored from a backup")


def back_up(home: Home, to: Path, *options: str) -> None:
    """As the runbook says: the database on its own, as SQLite copies one in use, and the rest with tar."""
    to.mkdir()
    with (
        closing(connect(home.state / "birthshare.db")) as used,
        closing(connect(to / "birthshare.db")) as copy,
    ):
        used.backup(copy)
    subprocess.run(
        ["tar", "--create", "--file", str(to / "home.tar"), "--directory", str(home.path), *options, "."],
        check=True,
    )


def excluding() -> str:
    return f"--exclude-from={EXCLUDED}"


def restore(backup: Path, home: Home) -> None:
    """On a new disk: nothing of the home is left but what the backup holds."""
    shutil.rmtree(home.path)
    home.path.mkdir(mode=0o700)
    subprocess.run(
        ["tar", "--extract", "--file", str(backup / "home.tar"), "--directory", str(home.path)], check=True
    )
    home.state.mkdir(exist_ok=True)
    shutil.copy(backup / "birthshare.db", home.state / "birthshare.db")


def new_wrapping_key(home: Home) -> None:
    """As the runbook says."""
    file = home.path / "keys" / "staging.key"
    subprocess.run(["sh", "-c", f"umask 077 && head -c 32 /dev/urandom > '{file}'"], check=True)


def names_in(backup: Path) -> list[str]:
    listed = subprocess.run(
        ["tar", "--list", "--file", str(backup / "home.tar")], check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.splitlines() if not name.endswith("/")]


def keys_in(home: Path) -> Iterator[bytes]:
    """Everything there that could be a wrapping key."""
    for file in home.rglob("*"):
        if file.is_file() and file.stat().st_size == at_rest.KEY_BYTES:
            yield file.read_bytes()


def opened(folder: Path, wrapping: list[bytes]) -> list[bytes]:
    """What an attacker with all these keys gets out of the sealed files under a folder."""
    found = []
    for wrapped in folder.rglob("month.key"):
        for key in wrapping:
            try:
                inside = at_rest.unwrap(wrapped.read_bytes(), key)
            except (IntegrityError, SettingsError):
                continue
            for file in wrapped.parent.glob("*.sealed"):
                name = f"{wrapped.parent.name}/{file.name.removesuffix('.sealed')}"
                found.append(at_rest.unseal(file.read_bytes(), inside, name=name))
    return found


# --- what a backup holds --------------------------------------------------------------------------


def test_a_backup_holds_nothing_that_must_end(authority: Authority, tmp_path: Path) -> None:
    """Taken in the middle of a month, with a letter in the outbox and a file half written."""
    authority.prepare_and_approve()
    for name in ("outbox/letters/centre-01.pdf", "keys/.0123.part", "keys/staging.key.next"):
        (authority.home.path / name).parent.mkdir(exist_ok=True)
        (authority.home.path / name).write_bytes(b"secret")
    back_up(authority.home, tmp_path / "backup", excluding())
    classes = {retention.class_of(authority.home, Path(name)) for name in names_in(tmp_path / "backup")}
    assert {one.name for one in classes if one} <= {"keys", "agreements", "reports", "made_again", "ledger"}
    assert None not in classes
    assert not [name for name in names_in(tmp_path / "backup") if "staging.key" in name]
    postcodes = set(authority.extract()["postcode"])  # these stand in the directory of all postcodes, too
    personal = personal_values(authority.extract()) - postcodes
    for file in (tmp_path / "backup").iterdir():
        assert not [value for value in personal if value.encode() in file.read_bytes()]


def test_rsync_reads_the_same_list(authority: Authority, tmp_path: Path) -> None:
    rsync = program("rsync", "rsync")
    authority.prepare_and_approve()
    subprocess.run([rsync, "-a", excluding(), f"{authority.home.path}/", str(tmp_path / "copy")], check=True)
    left = {file.relative_to(tmp_path / "copy") for file in (tmp_path / "copy").rglob("*") if file.is_file()}
    names = {one.name for file in left if (one := retention.class_of(authority.home, file))}
    assert names <= {"keys", "agreements", "reports", "made_again", "ledger"}
    assert Path("keys/staging.key") not in left


def test_the_runbook_names_everything_that_is_left_out() -> None:
    text = RUNBOOK.read_text()
    lines = [line for line in EXCLUDED.read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        place = line.split("/*")[0].removesuffix(".next")
        assert place in text or line.startswith(("state/", "*")), line


# --- restoring what the runbook's backup holds ----------------------------------------------------


def test_after_a_month_is_over_an_older_backup_opens_nothing_of_it(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    authority = birthshare.authority
    authority.prepare_and_approve()
    back_up(authority.home, tmp_path / "backup", excluding())
    authority.run()
    restore(tmp_path / "backup", authority.home)
    assert opened(authority.home.path, [*keys_in(authority.home.path)]) == []
    assert not list(authority.home.path.rglob("month.key"))
    assert not [file for file in (authority.home.path / "inbox").rglob("*") if file.is_file()]


def test_the_older_database_is_noticed_and_nothing_is_sent_a_second_time(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    """The way that the runbook describes, from the alarm to a month that has its end."""
    authority = birthshare.authority
    authority.prepare_and_approve()
    back_up(authority.home, tmp_path / "backup", excluding())
    authority.run()
    sent, sealed = authority.files(), authority.sealed.read_bytes()
    elsewhere = tmp_path / "checkpoint.txt"
    shutil.copy(authority.home.path / "outbox" / "checkpoint.txt", elsewhere)

    restore(tmp_path / "backup", authority.home)
    new_wrapping_key(authority.home)
    assert birthshare("ledger", "verify").code == 0, "on its own an older database looks whole"
    verified = birthshare("ledger", "verify", "--kept", elsewhere)
    assert verified.code == 4
    shutil.copy(elsewhere, authority.home.path / "outbox" / "checkpoint.txt")
    assert birthshare("ledger", "verify").code == 4
    authority.inbox.mkdir(parents=True, exist_ok=True)
    authority.sealed.write_bytes(sealed)
    for command in (("run", str(MONTH)), ("retention",), ("retention", "end", str(MONTH), *WHO)):
        assert birthshare(*command).code == 4, "nothing is done with a database that is known to be older"

    (authority.home.path / "outbox" / "checkpoint.txt").unlink()
    assert birthshare("retention", "end", str(MONTH), *WHO).code == 0
    again = birthshare.run()
    assert (again.code, again.json["state"]) == (0, "closed")
    assert birthshare.approve().code != 0
    assert authority.files() == sent


def test_kept_decisions_that_are_gone_are_named_and_then_left_behind(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    authority = birthshare.authority
    birthshare.finish()
    back_up(authority.home, tmp_path / "backup", excluding())
    restore(tmp_path / "backup", authority.home)
    new_wrapping_key(authority.home)
    found = birthshare("retention", "--json")
    assert found.code == 6
    [waiting] = found.json["waiting"]
    assert (waiting["class"], waiting["where"].split("/")[-1]) == ("kept_decisions", str(MONTH))
    assert "forget-lost" in waiting["do"]
    assert birthshare("retention", "forget-lost", "--json").json == {"gone": 1}
    assert birthshare("retention").code == 0
    with opened_ledger(authority.home) as ledger:
        assert kept.standing(ledger) == {}
    assert birthshare("ledger", "verify").code == 0


# --- restoring what a careless backup holds -------------------------------------------------------


def test_a_backup_of_everything_but_the_wrapping_key_opens_nothing_that_was_destroyed(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    """It has the month's sealed files and the month's key, wrapped. That key's wrapping key is gone."""
    authority = birthshare.authority
    authority.prepare_and_approve()
    back_up(authority.home, tmp_path / "backup", "--exclude=keys/staging.key")
    at_that_time = authority.home.secret("staging.key")
    authority.run()
    today = authority.home.secret("staging.key")
    checkpoint = (authority.home.path / "outbox" / "checkpoint.txt").read_bytes()
    newest = (authority.home.state / "birthshare.db").read_bytes()

    restore(tmp_path / "backup", authority.home)
    working = authority.home.state / "working" / str(MONTH)
    assert len(list(working.glob("*.sealed"))) > 5
    assert opened(working, [at_that_time]), "this is what the old wrapping key would have opened"
    assert opened(authority.home.path, [today, *keys_in(authority.home.path)]) == []

    # With the newest database it is known that the month is over, and the files go at once.
    (authority.home.path / "keys" / "staging.key").touch(mode=0o600)
    (authority.home.path / "keys" / "staging.key").write_bytes(today)
    (authority.home.state / "birthshare.db").write_bytes(newest)
    (authority.home.path / "outbox" / "checkpoint.txt").write_bytes(checkpoint)
    found = birthshare("retention", "--json")
    assert found.json["destroyed"]["working_files"] == 1
    assert not working.exists()


def test_an_open_month_that_was_put_back_and_does_not_open_stops_with_words(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    back_up(authority.home, tmp_path / "backup", "--exclude=keys/staging.key")
    restore(tmp_path / "backup", authority.home)
    new_wrapping_key(authority.home)
    for command in (("run", str(MONTH)), ("status", str(MONTH))):
        stopped = birthshare(*command)
        assert stopped.code == 4
        stopped.says(f"state/working/{MONTH}/month.key", "take this folder away", "backups.md")
    shutil.rmtree(authority.home.state / "working" / str(MONTH))
    assert birthshare.run().code == 6
    assert months.status(authority.home, MONTH, now=NOW)["state"] == "open"


def test_the_folder_of_kept_decisions_alone_put_back_after_their_time_goes_at_once(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    authority = birthshare.authority
    birthshare.finish()
    shutil.copytree(authority.home.state / "kept", tmp_path / "kept")
    after = NOW.replace(year=NOW.year + 3, day=1)
    assert retention.run(authority.home, now=after)["destroyed"]["kept_decisions"] == 1
    shutil.rmtree(authority.home.state / "kept")
    shutil.copytree(tmp_path / "kept", authority.home.state / "kept")
    assert opened(authority.home.path, [*keys_in(authority.home.path)]) == []
    again: dict[str, Any] = retention.run(authority.home, now=after)
    assert again["destroyed"]["kept_decisions"] == 1
    assert not list((authority.home.state / "kept").rglob("*.sealed"))
