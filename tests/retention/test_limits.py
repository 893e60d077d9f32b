"""What is kept, for how long and why stands in one list, and every file belongs to one class of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect
from threading import Thread

import pytest

from month_authority import CommandLine
from pipeline.encryption.gnupg import left_over
from pipeline.errors import IntegrityError, WaitingForPerson
from pipeline.facts import opened_ledger, verified
from pipeline.home import Home
from pipeline.keeping import retention
from pipeline.keeping.limits import CLASSES, class_of
from pipeline.ledger.entries import DataDestroyed, Kind, RetentionChecked
from pipeline.steps.desk import Desk
from retention.conftest import Write

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def recorded(home: Home, kind: Kind) -> list[object]:
    with opened_ledger(home) as ledger:
        return [entry.body for entry in ledger.entries(kinds={kind})]


def test_every_class_says_where_how_long_and_why() -> None:
    assert len({one.name for one in CLASSES}) == len(CLASSES)
    for one in CLASSES:
        assert one.where and one.holds and one.limit and one.why


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("inbox/chis/births_chis_2026-10.csv.gpg", "sealed_files"),
        ("state/working/2026-10/births.sealed", "working_files"),
        ("state/working/2026-10/month.key", "working_files"),
        ("state/working/2026-10/.0123.part", "leftovers"),
        ("state/kept/welcome-card/2026-10/about.sealed", "kept_decisions"),
        ("state/anew/welcome-card/2026-10/month.key", "leftovers"),
        ("state/birthshare.db", "ledger"),
        ("state/birthshare.db-wal", "ledger"),
        ("outbox/checkpoint.txt", "ledger"),
        ("outbox/months/2026-10.html", "reports"),
        ("outbox/chis/quarantine_chis_2026-10.csv", "reports"),
        ("state/reports/chis.2026-10.ab12.quarantine_chis_2026-10.csv.gpg.cd34.ef56", "reports"),
        ("outbox/letters/centre-01.pdf", "letters"),
        ("keys/recipients/centre-01.password", "keys"),
        ("keys/.0123.part", "leftovers"),
        ("reference/recipients.yaml", "agreements"),
        ("reference/postcodes.sqlite", "agreements"),
        ("birthshare.toml", "agreements"),
        ("profiles/newcomer.yaml", "agreements"),
        ("inbox/chis/births_chis_2026-10.zip.sig", "sealed_files"),
    ],
)
def test_a_file_belongs_to_one_class(home: Home, path: str, name: str) -> None:
    found = class_of(home, Path(path))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "path",
    [
        "births.csv", "inbox/births.csv", "inbox/chis/old/births.csv", "state/births.csv",
        "state/working/2026-10/extract/births.csv", "outbox/families.xlsx", "outbox/chis/families.csv",
        "reference/families.csv", "agreements/families.csv", "copy/state/birthshare.db",
        "profiles/families.csv",
    ],
)  # fmt: skip
def test_a_file_that_nobody_put_there_belongs_to_none(home: Home, path: str) -> None:
    assert class_of(home, Path(path)) is None


def test_every_file_of_reach_areas_is_known_wherever_it_is(home: Home) -> None:
    places = home.settings.geography.model_copy(update={"reach_areas": ("maps/one.csv", "maps/two.geojson")})
    other = replace(home, settings=home.settings.model_copy(update={"geography": places}))
    for name in ("maps/one.csv", "maps/two.geojson"):
        assert class_of(home, Path(name)) is None
        assert class_of(other, Path(name)).name == "agreements"  # type: ignore[union-attr]


def test_a_database_of_another_name_is_known_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIRTHSHARE_DATABASE", "sqlite:///data/record.sqlite3")
    assert class_of(home, Path("data/record.sqlite3")).name == "ledger"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "days", "of"),
    [
        ("outbox/months/2024-10.html", 730, "reports"),
        ("outbox/chis/validation_chis_2024-10.json", 730, "reports"),
        ("outbox/letters/centre-01.pdf", 1, "letters"),
        ("state/.0123456789abcdef.part", 1, "leftovers"),
        ("keys/.0123456789abcdef.part", 1, "leftovers"),
        ("outbox/.0123456789abcdef.part", 1, "leftovers"),
        ("outbox/months/.0123456789abcdef.part", 1, "leftovers"),
        ("outbox/chis/.0123456789abcdef.part", 1, "leftovers"),
    ],
)
def test_a_file_is_destroyed_on_the_day_after_its_last(
    home: Home, write: Write, name: str, days: int, of: str
) -> None:
    file = write(name, at=days_ago(days))
    assert retention.run(home, now=NOW)["destroyed"] == {}
    file = write(name, at=days_ago(days + 1))
    assert retention.run(home, now=NOW)["destroyed"] == {of: 1}
    assert not file.exists()
    [destroyed] = recorded(home, Kind.DATA_DESTROYED)
    assert isinstance(destroyed, DataDestroyed)
    assert (destroyed.data_class, destroyed.destroyed) == (of, 1)


def test_the_settings_say_how_long(home: Home, write: Write) -> None:
    file = home.path / "birthshare.toml"
    file.write_text(file.read_text() + "\n[retention]\nreports_days = 10\n")
    write("outbox/months/2026-10.html", at=days_ago(11))
    assert retention.run(Home.open(home.path), now=NOW)["destroyed"] == {"reports": 1}


def test_a_dry_run_destroys_and_records_nothing(home: Home, write: Write) -> None:
    file = write("outbox/letters/centre-01.pdf", at=days_ago(5))
    found = retention.run(home, now=NOW, dry_run=True)
    assert (found["destroyed"], found["dry_run"]) == ({"letters": 1}, True)
    assert file.exists()
    assert recorded(home, Kind.DATA_DESTROYED) == recorded(home, Kind.RETENTION_CHECKED) == []


def test_what_is_kept_is_counted_and_recorded_once_a_day(home: Home, write: Write) -> None:
    write("outbox/months/2026-10.html", at=days_ago(1))
    for _ in range(3):
        found = retention.run(home, now=NOW)
    [checked] = recorded(home, Kind.RETENTION_CHECKED)
    assert isinstance(checked, RetentionChecked)
    assert checked.kept["reports"] == found["kept"]["reports"] == 1
    retention.run(home, now=NOW + timedelta(days=1))
    assert len(recorded(home, Kind.RETENTION_CHECKED)) == 2


def test_a_file_that_nobody_knows_is_named_and_left_for_a_person(home: Home, write: Write) -> None:
    file = write("inbox/families.csv", at=days_ago(500))
    found = retention.run(home, now=NOW)
    assert found["unknown"] == ["inbox/families.csv"]
    assert file.exists()
    [checked] = recorded(home, Kind.RETENTION_CHECKED)
    assert isinstance(checked, RetentionChecked) and checked.unknown == 1


def test_a_link_leads_nowhere(home: Home, write: Write, tmp_path: Path) -> None:
    """Neither is what it points at destroyed, nor does it hide in the look."""
    elsewhere = tmp_path / "elsewhere.csv.gpg"
    elsewhere.write_bytes(b"somebody's")
    (home.path / "inbox" / "chis").mkdir(exist_ok=True)
    (home.path / "inbox" / "chis" / "births.csv.gpg").symlink_to(elsewhere)
    (home.path / "state" / "strange").symlink_to(tmp_path)
    found = retention.run(home, now=NOW + timedelta(days=4000))
    assert "state/strange" in found["unknown"]
    assert elsewhere.exists()


def test_a_link_to_nowhere_goes_like_a_file(home: Home, write: Write) -> None:
    letters = write("outbox/letters/centre-01.pdf", at=days_ago(9)).parent
    (letters / "centre-02.pdf").symlink_to("gone.pdf")
    later = datetime.now(UTC) + timedelta(days=9)
    assert retention.run(home, now=later)["destroyed"] == {"letters": 2}
    assert list(letters.iterdir()) == []


def test_a_file_that_goes_while_it_is_looked_at_stops_nothing(
    home: Home, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write("state/.0123456789abcdef.part", at=days_ago(9))
    write("outbox/letters/centre-01.pdf", at=days_ago(9))
    real = retention.class_of

    def meanwhile(home: Home, path: Path) -> object:
        part.unlink(missing_ok=True)
        return real(home, path)

    monkeypatch.setattr(retention, "class_of", meanwhile)
    assert retention.run(home, now=NOW)["destroyed"] == {"letters": 1}


def test_a_file_that_cannot_be_removed_is_said_and_the_others_go(home: Home, write: Write) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(9))
    write("outbox/months/2020-01.html", at=days_ago(3000))
    real = Path.unlink

    def unwilling(file: Path, missing_ok: bool = False) -> None:
        if file.parent.name == "months":
            raise PermissionError(1, "Operation not permitted")
        real(file, missing_ok=missing_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", unwilling)
        found = retention.run(home, now=NOW)
    assert found["destroyed"] == {"letters": 1}
    [waiting] = found["waiting"]
    assert waiting["where"] == "outbox/months/2020-01.html"
    assert "Operation not permitted" in waiting["do"]


def test_of_two_runs_at_once_one_destroys_a_thing_and_says_so(
    home: Home, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(9))
    real, others = retention.held, []

    def while_another_runs(desk: Desk) -> list[retention.Held]:
        found = list(real(desk))
        if not others:
            others.append(Thread(target=retention.run, args=(home,), kwargs={"now": NOW}))
            others[0].start()
            others[0].join(1)
        return found

    monkeypatch.setattr(retention, "held", while_another_runs)
    retention.run(home, now=NOW)
    others[0].join()
    assert len(recorded(home, Kind.DATA_DESTROYED)) == 1


class Killed(BaseException):
    """The process ends here."""


def killed(*_: object) -> None:
    raise Killed


def test_what_a_killed_run_destroyed_is_recorded_by_the_next(
    home: Home, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is killed, and together with what is over since."""
    for name in ("centre-01", "centre-02"):
        letter = write(f"outbox/letters/{name}.pdf", at=days_ago(9))
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(retention, "_record", killed)
            retention.run(home, now=NOW)
        assert not letter.exists()
    write("outbox/months/2020-01.html", at=days_ago(3000))
    assert recorded(home, Kind.DATA_DESTROYED) == []
    assert retention.run(home, now=NOW)["destroyed"] == {"letters": 2, "reports": 1}
    assert retention.run(home, now=NOW)["destroyed"] == {}
    assert len(recorded(home, Kind.DATA_DESTROYED)) == 2


def test_what_a_run_recorded_and_was_killed_then_is_not_recorded_again(
    home: Home, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(9))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(retention.under_way, "end", killed)
        retention.run(home, now=NOW)
    assert retention.run(home, now=NOW)["destroyed"] == {}
    assert len(recorded(home, Kind.DATA_DESTROYED)) == 1
    assert not (home.state / "destroying.json").exists()


def test_what_a_killed_run_had_not_come_to_is_counted_once(
    home: Home, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(9))
    write("outbox/letters/centre-02.pdf", at=days_ago(9))
    remove = retention._remove

    def killed_at_the_second(file: Path) -> None:
        if file.stem == "centre-02":
            raise Killed
        remove(file)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(retention, "_remove", killed_at_the_second)
        retention.run(home, now=NOW)
    assert retention.run(home, now=NOW)["destroyed"] == {"letters": 2}


def test_the_ledger_is_whole_and_signed_afterwards(home: Home, write: Write) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(5))
    retention.run(home, now=NOW)
    with opened_ledger(home) as ledger:
        assert verified(home, ledger).sound
    assert (home.path / "outbox" / "checkpoint.txt").is_file()


def test_a_demonstrations_home_holds_no_file_that_nobody_knows(birthshare: CommandLine) -> None:
    """After a whole month, and before it is closed: the list is complete, or this fails."""
    assert birthshare.run().code == 6
    before = birthshare("retention", "--json")
    assert (before.code, before.json["unknown"]) == (0, [])
    assert before.json["kept"]["working_files"] > 5
    assert birthshare.approve().code == 0
    assert birthshare.run().code == 0
    after = birthshare("retention", "--json")
    assert (after.code, after.json["unknown"], after.json["waiting"]) == (0, [], [])
    assert "working_files" not in after.json["kept"]
    assert after.json["kept"]["kept_decisions"] > 5


def test_the_command_shows_the_limits(birthshare: CommandLine) -> None:
    shown = birthshare("retention", "--limits")
    assert shown.code == 0
    for one in CLASSES:
        assert one.name in shown.out
    assert "30 days after the month is closed" in " ".join(shown.out.split())
    assert "working_files" in birthshare("retention", "--limits", "--json").json["limits"][2]["class"]


def test_the_command_waits_for_a_person_where_there_is_something_to_see_to(birthshare: CommandLine) -> None:
    (birthshare.authority.home.path / "inbox" / "families.csv").write_text("x")
    answer = birthshare("retention")
    assert answer.code == 6
    assert "Nobody knows this file: inbox/families.csv." in answer.out
    answer.says("1 thing waits for a person")


# --- outside the home -----------------------------------------------------------------------------


def gnupg_home(place: Path, name: str, *, at: datetime) -> Path:
    folder = place / name
    folder.mkdir(mode=0o700)
    (folder / "pubring.kbx").write_bytes(b"a key ring")
    os.utime(folder, (at.timestamp(), at.timestamp()))
    return folder


def test_what_a_killed_run_left_of_gnupg_goes_after_a_day(home: Home, memory: Path) -> None:
    old = gnupg_home(memory, "bshare-gpg-abcdefgh", at=days_ago(2))
    fresh = gnupg_home(memory, "bshare-gpg-ijklmnop", at=NOW)
    somebody_elses = gnupg_home(memory, "gpg-abcdefgh", at=days_ago(9))
    assert retention.run(home, now=NOW)["destroyed"] == {"leftovers": 1}
    assert (old.exists(), fresh.exists(), somebody_elses.exists()) == (False, True, True)


AT_WORK = """
from pipeline.encryption.gnupg import temporary_home
with temporary_home(agent=False) as home:
    print(home, flush=True)
    input()
"""


def test_what_a_process_still_uses_stays_however_old_it_is(home: Home, memory: Path) -> None:
    at_work = [sys.executable, "-c", AT_WORK]
    with subprocess.Popen(at_work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        used = Path(process.stdout.readline().strip())
        later = used.stat().st_mtime + 1
        assert used not in left_over([used.parent], later)
        process.kill()
    assert used in left_over([used.parent], later), "its run was killed"
    shutil.rmtree(used)


# --- every day ------------------------------------------------------------------------------------


def test_the_daily_run_gives_counts_alone(home: Home, write: Write) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(5))
    assert retention.run_day(home, now=NOW) == {"letters": 1, "kept": 0, "not_attested": 0}


def test_the_daily_run_stops_where_a_person_is_needed_and_names_no_file(home: Home, write: Write) -> None:
    write("outbox/letters/centre-01.pdf", at=days_ago(5))
    for name in ("families.csv", "chis/the-quillfeathers.csv"):
        write(f"inbox/{name}", at=days_ago(400))
    with pytest.raises(WaitingForPerson, match=r"2 things wait .*\(sealed_files, unknown\)") as stop:
        retention.run_day(home, now=NOW)
    assert ".csv" not in str(stop.value)
    assert recorded(home, Kind.DATA_DESTROYED), "what is over is destroyed all the same"


def test_nothing_is_destroyed_by_a_ledger_that_was_altered(home: Home, write: Write) -> None:
    retention.run(home, now=NOW)
    letter = write("outbox/letters/centre-01.pdf", at=days_ago(5))
    with closing(connect(home.state / "birthshare.db")) as database, database:
        for (trigger,) in database.execute(
            "select name from sqlite_master where type = 'trigger'"
        ).fetchall():
            database.execute(f"drop trigger {trigger}")
        database.execute("update entries set body = replace(body, 'unknown', 'unkown')")
    with pytest.raises(IntegrityError, match="damaged"):
        retention.run(home, now=NOW)
    assert letter.exists()


def test_a_home_that_goes_away_while_we_look_is_not_left_over(tmp_path: Path) -> None:
    """Others work here at the same time: what a folder lists may be gone a moment later."""

    class Place:
        def glob(self, _: str) -> list[Path]:
            return [tmp_path / "gone"]

    assert left_over([Place()], before=float("inf")) == []  # type: ignore[list-item]  # only iterated
