"""A supplier's files come from its SFTP server whole, once, under agreed names, or they stay there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from changes.writing import changes_csv
from month_authority import MONTH, Authority
from month_authority import NOW as TODAY
from pipeline import month as months
from pipeline.afterwards import recalls
from pipeline.afterwards.changes import between_months
from pipeline.cli import run as run_command
from pipeline.delivery.sftp import FarSide
from pipeline.errors import BirthshareError, IntegrityError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.intake.arrivals import find_arrivals, find_feeds
from pipeline.ledger.entries import FileFetched, Kind
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month
from pipeline.steps import inputs
from pipeline.steps.desk import Desk
from pipeline.suppliers import fetching, visit
from pipeline.suppliers.fetch_problems import NotFetched
from pipeline.suppliers.fetching import fetch, problem_of
from pipeline.suppliers.visit import Fetched
from servers.sshd import CannotServe, OpenSshServer

NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
BIRTHS, FEED = "births_chis_2026-10.csv.gpg", "changes_chis_2026-11-02.csv.gpg"
CONTENT = b"sealed bytes, as far as anybody here can tell\n" * 4000
SHA = hashlib.sha256(CONTENT).hexdigest()
RECEIVED = f"{BIRTHS}.{SHA[:12]}.received"

SETTINGS = """
[authority]
name = "Sampleton Council"
code = "E07000222"

[suppliers.chis]
name = "Example Trust"
changes = "changes_{{supplier}}_{{date}}.csv.gpg"
signing_key = "keys/suppliers/chis.asc"
signing_fingerprint = "{fingerprint}"
{supplier}

[suppliers.chis.inbox]
host = "127.0.0.1"
port = {port}
user = "{user}"
folder = "{folder}"
host_key = "{host_key}"
{inbox}

[delivery]
timeout_seconds = 10
wait_seconds = 0
"""


@pytest.fixture(scope="module")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that we log in with."""
    file = tmp_path_factory.mktemp("keys") / "delivery.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


@pytest.fixture(scope="module")
def running(private_key: Path) -> Iterator[OpenSshServer]:
    """The supplier's server."""
    try:
        with OpenSshServer(["chis"], public_key=private_key.with_suffix(".key.pub")) as server:
            yield server
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")


@pytest.fixture
def server(running: OpenSshServer) -> Iterator[OpenSshServer]:
    """The supplier's server, with nothing in its folder."""
    folder = running.files("chis")
    yield running
    for one in folder.iterdir():
        shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
    folder.chmod(0o700)


@dataclass
class Place:
    """The supplier's folder, and the home that fetches from it."""

    server: OpenSshServer
    folder: Path  # as the supplier's own staff see it
    path: Path  # of the home

    def write(self, inbox: str = "", supplier: str = "", **other: Any) -> None:
        """The home's settings."""
        given: dict[str, Any] = {
            "port": self.server.port,
            "user": self.server.user("chis"),
            "folder": self.server.folder,
            "host_key": self.server.host_key,
            "fingerprint": "A" * 40,
        }
        text = SETTINGS.format(inbox=inbox, supplier=supplier, **(given | other))
        (self.path / "birthshare.toml").write_text(text)

    @property
    def home(self) -> Home:
        return Home.open(self.path)

    @property
    def inbox(self) -> Path:
        return self.home.inbox("chis")

    def put(self, name: str, content: bytes = CONTENT) -> Path:
        """A file that the supplier leaves in its folder."""
        file = self.folder / name
        file.write_bytes(content)
        shutil.chown(file, self.server.user("chis"), "nogroup")
        return file

    def fetch(self, meanwhile: Callable[[], object] = lambda: None) -> Fetched:
        """One visit; `meanwhile` is done between the two looks at a file that may grow, and between tries."""
        desk = Desk(self.home, Month(2026, 11), NOW)
        desk.wait = lambda seconds: meanwhile()  # type: ignore[method-assign]
        try:
            [visit] = fetch(desk)
        finally:
            desk.close()
        return visit

    def there(self) -> set[str]:
        """Everything in the supplier's folder, as paths in it."""
        return {str(one.relative_to(self.folder)) for one in self.folder.rglob("*") if not one.is_dir()}

    def here(self) -> dict[str, bytes]:
        """Everything in the home's inbox of this supplier."""
        return {one.name: one.read_bytes() for one in self.inbox.iterdir()}

    def recorded(self) -> list[FileFetched]:
        """What the ledger says was fetched."""
        with opened_ledger(self.home) as ledger:
            bodies = [entry.body for entry in ledger.entries(kinds={FileFetched.kind})]
        return [one for one in bodies if isinstance(one, FileFetched)]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory, private_key: Path) -> Path:
    """A home with its keys."""
    path = tmp_path_factory.mktemp("founded") / "home"
    make_home(path)
    shutil.copy(private_key, path / "keys" / "delivery.key")
    Ledger.open(f"sqlite:///{path / 'state' / 'birthshare.db'}").close()
    return path


@pytest.fixture
def place(server: OpenSshServer, founded: Path, tmp_path: Path) -> Place:
    """A supplier's folder and a home that knows of it."""
    path = tmp_path / "home"
    shutil.copytree(founded, path)
    place = Place(server, server.files("chis"), path)
    place.write()
    return place


# --- what comes -----------------------------------------------------------------------------------


def test_a_file_comes_whole_is_recorded_acknowledged_and_archived(place: Place) -> None:
    place.put(BIRTHS)
    visit = place.fetch()
    assert (visit.files, visit.again, visit.waiting, visit.others) == (1, 0, 0, 0)
    assert (visit.problem, visit.untidy) == (None, None)
    assert place.here() == {BIRTHS: CONTENT}
    assert (place.inbox / BIRTHS).stat().st_mode & 0o777 == 0o600
    assert find_arrivals(place.home, "chis", Month(2026, 10)) == [place.inbox / BIRTHS]
    assert place.recorded() == [
        FileFetched(supplier="chis", sealed_sha256=SHA, size=len(CONTENT), afterwards="archived")
    ]
    assert place.there() == {RECEIVED, f"archive/{BIRTHS}"}
    assert (place.folder / RECEIVED).read_text() == f"{SHA}  {BIRTHS}\n"
    assert (place.folder / "archive" / BIRTHS).read_bytes() == CONTENT


def test_a_file_is_removed_where_that_was_agreed(place: Place) -> None:
    place.write('afterwards = "remove"')
    place.put(BIRTHS)
    assert place.fetch().files == 1
    assert place.there() == {RECEIVED}
    assert [one.afterwards for one in place.recorded()] == ["removed"]


def test_the_program_sha256sum_reads_what_we_acknowledge(place: Place) -> None:
    place.put(BIRTHS)
    place.fetch()
    subprocess.run(["sha256sum", "--check", f"../{RECEIVED}"], cwd=place.folder / "archive", check=True)


def test_a_second_visit_finds_nothing(place: Place) -> None:
    place.put(BIRTHS)
    place.fetch()
    assert place.fetch() == Fetched("chis")
    assert len(place.recorded()) == 1


def test_a_file_of_no_bytes_and_a_large_one_come_as_they_are(place: Place) -> None:
    large = os.urandom(3_000_001)
    place.put(BIRTHS, b"")
    place.put(FEED, large)
    assert place.fetch().files == 2
    assert place.here() == {BIRTHS: b"", FEED: large}


# --- what stays -----------------------------------------------------------------------------------


def test_only_files_of_agreed_names_come(place: Place) -> None:
    strange = [
        "births_other_2026-10.csv.gpg", "births_chis.csv.gpg", "births_chis_2026-10.csv.gpg.exe",
        "births_chis_2026-10.csv", "births_chis_2026-10\n.csv.gpg", "births_chis_2026-10\\..\\x.csv.gpg",
    ]  # fmt: skip
    for name in strange:
        place.put(name)
    (place.folder / os.fsdecode(b"births_chis_2026-10\xff.csv.gpg")).write_bytes(CONTENT)
    place.put(f".{BIRTHS}")  # being written by somebody
    visit = place.fetch()
    assert (visit.files, visit.waiting, visit.others) == (0, 0, len(strange) + 1)
    assert place.here() == {}
    assert len(place.there()) == len(strange) + 2


def test_a_link_and_a_folder_are_never_followed(place: Place) -> None:
    (place.folder / BIRTHS).symlink_to("/etc/passwd")
    (place.folder / FEED).mkdir()
    target = place.put("secret")
    (place.folder / "births_chis_2026-09.csv.gpg").symlink_to(target)
    visit = place.fetch()
    assert (visit.files, visit.waiting, visit.others) == (0, 0, 4)
    assert place.here() == {}


def test_a_feed_without_its_day_comes_so_that_somebody_hears_of_it(place: Place) -> None:
    """It may hold a death, and the inbox says what is wrong with its name."""
    place.put("changes_chis_latest.csv.gpg")
    assert place.fetch().files == 1
    with pytest.raises(IntegrityError, match="does not say its day"):
        find_feeds(place.home, "chis")


def test_a_file_that_is_too_large_is_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(supplier="max_bytes = 1000")
    place.put(BIRTHS, bytes(1_052_000))
    place.put(FEED, bytes(1_000_000))
    read: list[str] = []
    pieces = FarSide.pieces
    monkeypatch.setattr(
        FarSide, "pieces", lambda side, name, limit: read.append(name) or pieces(side, name, limit)
    )
    visit = place.fetch()
    assert read == [FEED]
    assert "larger than was agreed" in str(visit.problem)
    assert set(place.here()) == {FEED}
    assert BIRTHS in place.there()


def test_a_folder_without_end_is_not_looked_through(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "MOST_NAMES", 300)
    for number in range(301):
        (place.folder / f"{number}.txt").touch()
    assert "more files than can be looked through" in str(place.fetch().problem)
    (place.folder / "0.txt").unlink()
    assert place.fetch().problem is None


# --- when it is whole -----------------------------------------------------------------------------


def grow(file: Path) -> None:
    with file.open("ab") as growing:
        growing.write(b"more")


def touch(file: Path) -> None:
    os.utime(file, (0, 1_000_000))


@pytest.mark.parametrize("change", [grow, touch], ids=["size", "time"])
def test_a_file_that_still_changes_waits(change: Callable[[Path], None], place: Place) -> None:
    file = place.put(BIRTHS)
    visit = place.fetch(meanwhile=lambda: change(file))
    assert (visit.files, visit.waiting, visit.problem) == (0, 1, None)
    assert (place.here(), place.recorded()) == ({}, [])
    assert place.fetch().files == 1


@pytest.mark.parametrize("change", [grow, touch, Path.unlink], ids=["size", "time", "gone"])
def test_a_file_that_changes_while_it_is_read_waits(
    change: Callable[[Path], None], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, pieces = place.put(BIRTHS), FarSide.pieces

    def changed(side: FarSide, name: str, limit_bytes: int) -> Iterator[bytes]:
        yield from pieces(side, name, limit_bytes)
        change(file)

    monkeypatch.setattr(FarSide, "pieces", changed)
    visit = place.fetch()
    assert (visit.files, visit.waiting) == (0, 1)
    assert (place.here(), place.recorded()) == ({}, [])


def test_a_file_that_comes_in_the_place_of_one_that_was_read_is_not_put_away_unread(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put(BIRTHS)
    acknowledge = visit.put

    def replaced(*args: Any, **kwargs: Any) -> None:
        acknowledge(*args, **kwargs)
        place.put(BIRTHS, b"corrected")

    monkeypatch.setattr(visit, "put", replaced)
    assert place.fetch().files == 1
    monkeypatch.undo()
    assert place.there() == {BIRTHS, RECEIVED}
    assert place.fetch().files == 1
    assert b"corrected" in place.here().values()


def test_the_two_looks_are_as_far_apart_as_the_settings_say(place: Place) -> None:
    place.write("still_seconds = 45.5")
    waited: list[float] = []
    with between_months(place.home, NOW) as desk:  # as the command does
        desk.wait = waited.append  # type: ignore[method-assign]
        fetch(desk)
        assert waited == []  # nobody waits for nothing
        place.put(BIRTHS)
        fetch(desk)
    assert waited == [45.5]


def test_a_file_waits_for_its_marker(place: Place) -> None:
    place.write('whole_when = "marker"')
    place.put(BIRTHS)
    assert place.fetch().waiting == 1
    place.put(f"{BIRTHS}.done", b"")
    assert place.fetch().files == 1
    assert place.there() == {RECEIVED, f"archive/{BIRTHS}", f"archive/{BIRTHS}.done"}


def test_a_marker_does_not_count_for_the_next_file(place: Place) -> None:
    """A run was killed when the file was archived and its marker was not."""
    place.write('whole_when = "marker"')
    place.put(BIRTHS)
    place.put(f"{BIRTHS}.done", b"")
    place.fetch()
    (place.folder / "archive" / f"{BIRTHS}.done").rename(place.folder / f"{BIRTHS}.done")
    place.fetch()
    place.put(BIRTHS, b"only half of the corrected one")
    assert place.fetch().waiting == 1
    assert set(place.here()) == {BIRTHS}


@pytest.mark.parametrize("line", ["{sha}  {name}\n", "{sha} *{name}\r\n", "{upper}  ./{name}\n"])
def test_a_file_waits_for_the_list_of_digests(line: str, place: Place) -> None:
    place.write('whole_when = "manifest"')
    place.put(BIRTHS)
    assert place.fetch().waiting == 1
    written = line.format(sha=SHA, upper=SHA.upper(), name=BIRTHS)
    place.put("SHA256SUMS", f"# our files\n{'0' * 64}  ../../etc/passwd\n{written}".encode())
    assert place.fetch().files == 1
    assert place.there() == {RECEIVED, f"archive/{BIRTHS}", "SHA256SUMS"}


def test_a_file_that_is_not_the_listed_one_waits(place: Place) -> None:
    place.write('whole_when = "manifest"')
    place.put(BIRTHS, CONTENT[:-1])
    place.put("SHA256SUMS", f"{SHA}  {BIRTHS}\n".encode())
    visit = place.fetch()
    assert (visit.files, visit.waiting) == (0, 1)
    assert (place.here(), place.recorded()) == ({}, [])


def test_the_list_of_digests_as_the_program_writes_it(place: Place) -> None:
    place.write('whole_when = "manifest"')
    place.put(BIRTHS)
    place.put(FEED, b"feed")
    made = subprocess.run(
        ["sha256sum", BIRTHS, FEED], cwd=place.folder, check=True, capture_output=True
    ).stdout
    place.put("SHA256SUMS", made)
    assert place.fetch().files == 2


def test_a_feed_that_is_not_whole_stops_a_month(place: Place) -> None:
    """The deaths in it would otherwise be heard after the lists went out."""
    place.write('whole_when = "marker"')
    place.put(FEED)
    problem = problem_of([place.fetch()])
    assert problem is not None
    assert problem.exit_code == 6
    assert FEED in str(problem)


# --- zips and their signatures --------------------------------------------------------------------

ZIP = "births_chis_2026-10.csv.zip"
ZIPPED = 'sealed = "zip"\nfile_name = "births_{supplier}_{month}.csv.zip"\n'


@pytest.mark.parametrize("ending", [".sig", ".asc"])
def test_a_zip_and_its_signature_come_together(ending: str, place: Place) -> None:
    place.write(supplier=ZIPPED)
    place.put(ZIP)
    assert (place.fetch().waiting, place.here()) == (1, {})
    place.put(f"{ZIP}{ending}", b"signature")
    visit = place.fetch()
    assert (visit.files, visit.waiting, visit.others) == (1, 0, 0)
    assert place.here() == {ZIP: CONTENT, f"{ZIP}{ending}": b"signature"}
    assert place.there() == {
        f"{ZIP}.{SHA[:12]}.received", f"archive/{ZIP}", f"archive/{ZIP}{ending}"
    }  # fmt: skip
    [entry] = place.recorded()
    assert entry.signature_sha256 == hashlib.sha256(b"signature").hexdigest()
    assert find_arrivals(place.home, "chis", Month(2026, 10)) == [place.inbox / ZIP]


def test_a_signature_that_still_changes_keeps_its_zip_waiting(place: Place) -> None:
    place.write(supplier=ZIPPED)
    place.put(ZIP)
    signature = place.put(f"{ZIP}.sig", b"signa")
    assert place.fetch(meanwhile=lambda: grow(signature)).waiting == 1
    assert place.here() == {}


def test_a_zip_that_nobody_signs_comes_alone(place: Place) -> None:
    place.write(supplier=f"{ZIPPED}unsigned = true\n")
    place.put(ZIP)
    assert place.fetch().files == 1


def test_a_better_signature_takes_the_place_of_the_first(place: Place) -> None:
    place.write(supplier=ZIPPED)
    for signature in (b"of a stranger", b"of the agreed key"):
        place.put(ZIP)
        place.put(f"{ZIP}.sig", signature)
        assert place.fetch().files == 1
        assert place.here() == {ZIP: CONTENT, f"{ZIP}.sig": signature}


def test_a_signature_that_a_killed_run_left_behind_is_archived(place: Place) -> None:
    place.write(supplier=ZIPPED)
    place.put(ZIP)
    place.put(f"{ZIP}.sig", b"signature")
    place.fetch()
    (place.folder / "archive" / f"{ZIP}.sig").rename(place.folder / f"{ZIP}.sig")
    place.fetch()
    assert f"archive/{ZIP}.sig" in place.there()
    assert f"{ZIP}.sig" not in place.there()


# --- what came before -----------------------------------------------------------------------------


def test_a_file_that_came_before_is_acknowledged_and_not_fetched_twice(place: Place) -> None:
    place.put(BIRTHS)
    place.fetch()
    (place.inbox / BIRTHS).unlink()  # its time was up
    place.put(BIRTHS)
    visit = place.fetch()
    assert (visit.files, visit.again) == (0, 1)
    assert place.here() == {}
    assert len(place.recorded()) == 1
    assert place.there() == {RECEIVED, f"archive/{BIRTHS}", f"archive/{BIRTHS}.{SHA[:12]}.1"}


def test_another_file_of_the_same_name_takes_no_place(place: Place) -> None:
    """Both are kept, here and in the archive, and a person is asked which of them stands."""
    place.put(BIRTHS)
    place.fetch()
    place.put(BIRTHS, b"corrected")
    assert place.fetch().files == 1
    assert place.here() == {BIRTHS: CONTENT, "births_chis_2026-10 (2).csv.gpg": b"corrected"}
    assert (place.folder / "archive" / BIRTHS).read_bytes() == CONTENT
    with pytest.raises(IntegrityError, match="Two different files have come"):
        find_arrivals(place.home, "chis", Month(2026, 10))


def test_another_feed_of_the_same_name_is_heard_as_well(place: Place) -> None:
    for content in (b"first", b"second", b"third"):
        place.put(FEED, content)
        place.fetch()
    feeds = find_feeds(place.home, "chis").values()
    assert {one.read_bytes() for one in feeds} == {b"first", b"second", b"third"}


def test_what_lay_in_the_inbox_already_is_recorded_and_not_doubled(place: Place) -> None:
    place.inbox.mkdir(parents=True, exist_ok=True)
    (place.inbox / BIRTHS).write_bytes(CONTENT)
    place.put(BIRTHS)
    assert place.fetch().files == 1
    assert set(place.here()) == {BIRTHS}


# --- what goes wrong ------------------------------------------------------------------------------


def not_listening(place: Place) -> None:
    place.write(port=1)


def wrong_host_key(place: Place) -> None:
    kind, key = place.server.host_key.split()
    place.write(host_key=f"{kind} {key[:-8]}{'AAAAAAAA' if not key.endswith('AAAAAAAA') else 'BBBBBBBB'}")


def wrong_user(place: Place) -> None:
    place.write(user="nobody-here")


def no_folder(place: Place) -> None:
    place.write(folder="/elsewhere")


def no_right(place: Place) -> None:
    shutil.chown(place.folder, "root", "root")
    place.folder.chmod(0o711)


def our_key_is_missing(place: Place) -> None:
    (place.path / "keys" / "delivery.key").unlink()


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (not_listening, 5, "The supplier's server refuses connections"),
        (wrong_host_key, 4, "does not show the host key that was agreed"),
        (wrong_user, 5, "The supplier's server does not accept our key"),
        (no_folder, 5, "The supplier's folder is not there"),
        (no_right, 5, "We may not read, write or put away files in the supplier's folder"),
        (our_key_is_missing, 2, "A key file is missing"),
    ],
)
def test_what_stops_a_visit_is_said_in_one_sentence(
    fault: Callable[[Place], None], code: int, words: str, place: Place
) -> None:
    place.put(BIRTHS)
    fault(place)
    try:
        problem = place.fetch().problem
    finally:
        shutil.chown(place.folder, place.server.user("chis"), "nogroup")
    assert problem is not None
    assert (problem.exit_code, words in str(problem)) == (code, True)
    assert "recipient" not in str(problem)
    assert "\n" not in str(problem)
    assert (place.here(), place.recorded()) == ({}, [])


def test_what_may_pass_is_tried_again(place: Place) -> None:
    place.put(BIRTHS)
    place.server.kill()
    visit = place.fetch(meanwhile=lambda: place.server._process or place.server.start())
    assert (visit.files, visit.problem) == (1, None)


def test_what_cannot_be_put_away_was_received_all_the_same(place: Place) -> None:
    place.put(BIRTHS)
    (place.folder / "archive").write_text("a file has the archive's name")
    visit = place.fetch()
    assert (visit.files, visit.problem) == (1, None)
    assert "did not put a file away" in str(visit.untidy)
    assert place.here() == {BIRTHS: CONTENT}
    (place.folder / "archive").unlink()
    visit = place.fetch()
    assert (visit.again, visit.untidy) == (1, None)
    assert f"archive/{BIRTHS}" in place.there()


def test_a_folder_that_we_may_only_read_still_gives_its_files(place: Place) -> None:
    place.put(BIRTHS)
    shutil.chown(place.folder, "root", "root")
    place.folder.chmod(0o755)
    try:
        visit = place.fetch()
    finally:
        shutil.chown(place.folder, place.server.user("chis"), "nogroup")
    assert (visit.files, visit.problem) == (1, None)
    assert visit.untidy is not None


def test_one_fetcher_does_it_where_two_come_at_once(place: Place) -> None:
    for day in range(1, 6):
        place.put(f"changes_chis_2026-11-0{day}.csv.gpg", b"%d" % day)
    with ThreadPoolExecutor(2) as pool:
        visits = [one.result() for one in [pool.submit(place.fetch) for _ in range(2)]]
    assert sorted(one.files for one in visits) == [0, 5]
    assert len(place.recorded()) == 5


# --- killed ---------------------------------------------------------------------------------------

# What changes something, here or at the server, in a visit.
STEPS: tuple[tuple[Any, str], ...] = (
    (FarSide, "pieces"), (os, "fsync"), (Path, "replace"),
    (Ledger, "append"), (FarSide, "write"), (FarSide, "rename"), (FarSide, "make_folder"), (FarSide, "move"),
)  # fmt: skip


def killed_at(number: int, place: Place) -> bool:
    """Fetch in a process that is gone before its step of this number; whether it had that many."""
    child = os.fork()
    if child == 0:
        left = [number]
        for owner, name in STEPS:
            setattr(owner, name, _counted(getattr(owner, name), left))
        try:
            place.fetch()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _counted(step: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        return step(*args, **kwargs)

    return counted


def test_killed_before_any_step_the_next_run_comes_to_the_same_end(place: Place, founded: Path) -> None:
    signature = b"signature"
    place.write('whole_when = "marker"', ZIPPED)
    number = 0
    while True:
        number += 1
        for one in (ZIP, f"{ZIP}.sig", f"{ZIP}.done"):
            place.put(one, signature if one.endswith(".sig") else CONTENT if one == ZIP else b"")
        ended = killed_at(number, place)
        looked_like_a_file = {name for name in place.here() if not name.endswith(".part")}
        assert looked_like_a_file in (set(), {f"{ZIP}.sig"}, {ZIP, f"{ZIP}.sig"})
        place.fetch()
        assert place.here() == {ZIP: CONTENT, f"{ZIP}.sig": signature}
        assert len(place.recorded()) == 1
        there = {one for one in place.there() if not one.endswith(".part")}
        assert {one for one in there if "/" not in one} == {f"{ZIP}.{SHA[:12]}.received"}
        assert {f"archive/{one}" for one in (ZIP, f"{ZIP}.sig", f"{ZIP}.done")} <= there
        if not ended:
            break
        start_again(place, founded)
    assert number > 12


def start_again(place: Place, founded: Path) -> None:
    """As before any visit."""
    settings = (place.path / "birthshare.toml").read_text()
    shutil.rmtree(place.path)
    shutil.copytree(founded, place.path)
    (place.path / "birthshare.toml").write_text(settings)
    for one in place.folder.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()


# --- as a user does it ----------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run_command([*map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_birthshare_intake_fetch(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.write("still_seconds = 0")
    place.put(BIRTHS)
    place.put("something else.txt")
    code, out, err = said(capsys, "intake", "fetch", "--json", "--home", place.path)
    assert (code, err) == (0, "")
    [told] = json.loads(out)["suppliers"]
    assert told == {
        "supplier": "chis", "files": 1, "again": 0, "waiting": 0, "others": 1, "problem": "", "untidy": ""
    }  # fmt: skip
    code, out, err = said(capsys, "intake", "fetch", "chis", "--home", place.path)
    assert code == 0
    assert "not whole yet" in out + err
    assert "agreed are births_chis_{month}.csv.gpg, changes_chis_{date}.csv.gpg" in out


def test_a_supplier_whose_files_come_by_themselves_cannot_be_visited(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(capsys, "intake", "fetch", "trust", "--home", place.path)
    assert code == 2
    assert "not in the settings" in err
    with (place.path / "birthshare.toml").open("a") as settings:
        settings.write('[suppliers.trust]\nname = "Trust"\nprofile = "contract"\nunsigned = true\n')
    code, _, err = said(capsys, "intake", "fetch", "trust", "--home", place.path)
    assert code == 2
    assert "do not wait at a server" in err


def test_a_server_that_does_not_answer_is_told_with_its_exit_code(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write(port=1)
    code, out, err = said(capsys, "intake", "fetch", "--json", "--home", place.path)
    assert code == 5
    assert "refuses connections" in json.loads(out)["suppliers"][0]["problem"]
    assert "Traceback" not in err


def test_a_look_at_the_server_changes_nothing(place: Place) -> None:
    place.put(BIRTHS)
    fetching.check_reached(place.home, "chis")
    assert (place.there(), place.recorded()) == ({BIRTHS}, [])
    not_listening(place)
    with pytest.raises(BirthshareError, match="refuses connections"):
        fetching.check_reached(place.home, "chis")


@pytest.mark.parametrize("wrong", ['archive = "../elsewhere"', 'archive = ".."', 'manifest = "/etc/passwd"'])
def test_the_archive_is_a_folder_in_the_folder(wrong: str, place: Place) -> None:
    place.write(wrong)
    with pytest.raises(SettingsError, match="plain name"):
        place.home  # noqa: B018


# --- before anything else -------------------------------------------------------------------------


@pytest.fixture
def waiting_there(authority: Authority, server: OpenSshServer, private_key: Path) -> Authority:
    """A month's extract and a feed of changes, at the trust's server and not in the inbox."""
    authority.setting("[suppliers.chis]", '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.csv.gpg"')
    shutil.copy(private_key, authority.home.path / "keys" / "inbox.key")
    settings = authority.home.path / "birthshare.toml"
    settings.write_text(
        f"{settings.read_text()}\n[delivery]\nwait_seconds = 0\n[suppliers.chis.inbox]\n"
        f'host = "127.0.0.1"\nport = {server.port}\nuser = "{server.user("chis")}"\n'
        f'folder = "{server.folder}"\nhost_key = "{server.host_key}"\n'
        'private_key = "keys/inbox.key"\nstill_seconds = 0\n'
    )
    objected = {"subject": "child", "nhs_number": "9990000018", "word": "objected", "since": "2026-10-30"}
    authority.send(changes_csv([objected]), authority.inbox / FEED)
    for file in (authority.inbox / FEED, authority.sealed):
        there = server.files("chis") / file.name
        shutil.move(file, there)
        shutil.chown(there, server.user("chis"), "nogroup")
    return authority


def test_a_month_fetches_and_hears_before_it_opens_anything(waiting_there: Authority) -> None:
    months.run(waiting_there.reopened(), MONTH, now=TODAY, until="intake")
    kinds = [Kind.FILE_FETCHED, Kind.CHANGES_APPLIED, Kind.EXTRACT_RECEIVED]
    assert [len(waiting_there.recorded(kind)) for kind in kinds] == [2, 1, 1]
    assert waiting_there.sealed.is_file()


def test_a_month_does_not_go_on_where_a_death_may_wait(
    waiting_there: Authority, server: OpenSshServer
) -> None:
    """Everything is here but what a server that does not answer may hold."""
    shutil.move(server.files("chis") / waiting_there.sealed.name, waiting_there.sealed)
    port = f"port = {server.port}"
    waiting_there.setting(port, "port = 1")
    with pytest.raises(NotFetched, match="refuses connections") as stopped:
        months.run(waiting_there.reopened(), MONTH, now=TODAY, until="intake")
    assert stopped.value.exit_code == 5
    assert waiting_there.recorded(Kind.EXTRACT_RECEIVED) == []
    waiting_there.setting("port = 1\n", f"{port}\n")
    months.run(waiting_there.reopened(), MONTH, now=TODAY, until="intake")
    assert len(waiting_there.recorded(Kind.EXTRACT_RECEIVED)) == 1


def test_the_day_hears_what_is_here_also_where_a_server_does_not_answer(
    waiting_there: Authority, server: OpenSshServer
) -> None:
    shutil.move(server.files("chis") / FEED, waiting_there.inbox / FEED)
    waiting_there.setting(f"port = {server.port}", "port = 1")
    with pytest.raises(NotFetched, match="refuses connections"):
        recalls.hear(waiting_there.reopened(), now=TODAY)
    assert len(waiting_there.recorded(Kind.CHANGES_APPLIED)) == 1


def test_another_place_for_files_makes_no_other_release(waiting_there: Authority) -> None:
    """How files travel says nothing of what is in them or who made them."""

    def believed() -> str:
        with months.opened(waiting_there.reopened(), MONTH, TODAY) as desk:
            return inputs._supplier_digest(desk, "chis")

    before = believed()
    waiting_there.setting("still_seconds = 0", "still_seconds = 5")
    assert believed() == before
    waiting_there.setting("still_seconds = 5", "still_seconds = 5\n[suppliers.chis.drift]\nmonths = 3")
    assert believed() != before
