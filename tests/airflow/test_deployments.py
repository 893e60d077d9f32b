"""One machine with systemd: what the units say is what is started here, behind the walls that they ask for.

As an unprivileged user, from the settings that one command makes. A month is taken to the question to a
person; then Airflow's database and the ledger's are lost and put back from their backups, and the person
answers.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest

from airflow_environment import Site
from airflow_served import homes_hidden_from, parts_of
from airflow_server import AirflowServer, Login, Run
from airflow_settings import Settings
from machine import Machine
from pipeline import month as months
from pipeline.errors import SettingsError
from pipeline.home import Home
from room_keys import share_out
from servers.installing import provided
from servers.machine import MONTH, NOW, USER, Installed, install_at, place_for_a_machine, walls_possible
from servers.postgres import PostgresServer
from servers.units import behind_walls
from units import write_units

PARTS = ("api-server", "scheduler", "dag-processor")
WORST = 2.5  # of systemd's own measure of exposure: 0 is shut, 10 is open


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """An authority's machine."""
    with place_for_a_machine() as place:
        yield install_at(place)


@pytest.fixture(scope="module")
def celery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A machine with workers: its units, and its keys as the two rooms have them."""
    given = tmp_path_factory.mktemp("addresses")
    addresses = {"database": "postgresql+psycopg://airflow@127.0.0.1/airflow", "broker": "redis://127.0.0.1"}
    options = []
    for server, address in addresses.items():
        (given / server).write_text(address)
        options += [f"--{server}", str(given / server)]
    with place_for_a_machine() as place:
        installed = install_at(place, *options)
        share_out(Home.open(installed.demo.home), installed.machine.room_keys)
        yield installed


class InFile:
    """An SQLite database, backed up as the runbooks say."""

    def __init__(self, file: Path, backups: Path) -> None:
        self._file, self._kept = file, backups / file.name

    def keep(self) -> None:
        with closing(sqlite3.connect(self._file)) as live, closing(sqlite3.connect(self._kept)) as copy:
            live.backup(copy)

    def lose(self) -> None:
        for file in self._file.parent.glob(f"{self._file.name}*"):
            file.unlink()

    def put_back(self) -> None:
        shutil.copyfile(self._kept, self._file)
        self._file.chmod(0o600)
        shutil.chown(self._file, USER)


class OnServer:
    """A database of PostgreSQL's."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server, self._name = server, name

    def keep(self) -> None:
        self._kept = self._server.dump(self._name)

    def lose(self) -> None:
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def put_back(self) -> None:
        self._server.url(self._name)  # an empty one
        self._server.restore(self._name, self._kept)


@dataclass(frozen=True)
class Course:
    """What was seen of a month on a machine that lost its databases."""

    installed: Installed
    before: str | None  # the question's state when the machine was lost
    restored: str | None  # and when it was back
    states: dict[str, list[str | None]]  # after the answer


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def course(request: pytest.FixtureRequest, installed: Installed) -> Iterator[Course]:
    """A month through the units: while a person is asked, Airflow's database and the ledger's are lost."""
    walls_possible()
    with ExitStack() as stack:
        backups = Path(stack.enter_context(TemporaryDirectory()))
        if request.param == "sqlite":
            machine: Installed = installed
            airflow: InFile | OnServer = InFile(installed.settings.site.folder / "airflow.db", backups)
        else:
            server = stack.enter_context(PostgresServer())
            address = backups / "address"
            address.write_text(server.url("airflow").replace("postgresql:", "postgresql+psycopg:", 1))
            place = stack.enter_context(place_for_a_machine())
            machine = install_at(place, "--database", str(address))
            airflow = OnServer(server, "airflow")
        ledger = InFile(machine.demo.home / "state" / "birthshare.db", backups)
        yield gone_through(machine, airflow, ledger)


def gone_through(installed: Installed, *databases: InFile | OnServer) -> Course:
    """To the question, through the loss of the databases, and past the answer."""
    prepare(installed)
    with started(installed) as login:
        login.open_dag("monthly_births")
        asked = login.trigger("monthly_births", {"month": str(MONTH)})
        asked.until_asked("release_decision", seconds=180)
        before = state_of(asked)
        for one in databases:
            one.keep()
    for one in databases:
        one.lose()
        one.put_back()
    prepare(installed)  # nothing is new, and nothing is harmed
    with started(installed) as login:
        again = Run(login, "monthly_births", asked.run_id)
        restored = state_of(again)
        again.answer("release_decision", again.question("release_decision")["options"][0])
        again.until_task("second_decision", "success", seconds=120)
        return Course(installed, before, restored, again.states())


def prepare(installed: Installed) -> None:
    unit = installed.unit("scheduler")
    done = behind_walls(unit, [*unit.words("ExecStart")[:-1], "prepare"])
    assert done.wait(timeout=180) == 0


def state_of(run: Run) -> str | None:
    return run.states()["release_decision"][0]


class started:  # noqa: N801 - read as `with started(...)`
    """The machine's units run; a login of the data lead."""

    def __init__(self, installed: Installed) -> None:
        self._installed = installed

    def __enter__(self) -> Login:
        site = self._installed.settings.site
        server = AirflowServer(site)
        output = server.output("").parent
        output.mkdir(parents=True, exist_ok=True)
        for folder in (site.logs, output):
            shutil.chown(folder, USER)
        self._parts = {name: self._installed.unit(name).start(server.output(name)) for name in PARTS}
        try:
            run = self._installed.unit("scheduler").words("ExecStart")[:-1]
            for part in PARTS:
                subprocess.run([*run, "healthy", part, "--wait", "240"], check=True)
            assert all(part.poll() is None for part in self._parts.values())
            return server.login("data_lead")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """The machine has no power any more."""
        for part in self._parts.values():
            family = [psutil.Process(part.pid), *psutil.Process(part.pid).children(recursive=True)]
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            part.wait()


def test_the_months_question_survives_the_loss_of_airflows_database(course: Course) -> None:
    assert course.before == course.restored == "awaiting_input"
    assert course.states["release_decision"] == course.states["second_decision"] == ["success"]


def test_the_answer_after_the_loss_is_in_our_ledger_and_that_is_sound(course: Course) -> None:
    home = Home.open(course.installed.demo.home)
    [approval] = months.status(home, MONTH, now=NOW)["approvals"]
    assert (approval["principal"], approval["way"]) == ("data.lead@example.org", "airflow")
    verify = [str(Path(sys.executable).with_name("birthshare")), "ledger", "verify", "--home", str(home.path)]
    looked = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stdout + looked.stderr


def test_work_was_done_behind_the_walls_without_root(course: Course) -> None:
    installed = course.installed
    everything = [
        *installed.settings.site.folder.rglob("*"),
        *(installed.demo.home / "state" / "working").rglob("*"),
    ]
    written = [file for file in everything if file.parent.name != "parts"]  # that is this test's own
    assert [file for file in written if "working" in file.parts]
    assert {file.owner() for file in written} == {USER}
    assert [file for file in written if file.is_file() and file.stat().st_mode & 0o077] == []


def test_a_unit_writes_nowhere_else_and_sees_no_keys_that_are_not_its_own(installed: Installed) -> None:
    walls_possible()
    keys = installed.demo.home / "keys"
    elsewhere = installed.machine.settings.parent / "secrets"  # the service's own, but not to write to
    script = ["sh", "-c", f"touch {elsewhere}/x || ls {keys}"]
    for name, sees in {"scheduler": "decryption.key", "api-server": ""}.items():
        said = installed.machine.units.parent / name
        assert behind_walls(installed.unit(name), script, output=said).wait(timeout=30) == 0
        lines = said.read_text().splitlines()
        assert "Read-only file system" in lines[0]
        assert ("decryption.key" in lines) == bool(sees)


def test_the_unit_that_answers_people_knows_who_may_sign_and_has_no_key(installed: Installed) -> None:
    """Its pages say whose signature an agreement has."""
    walls_possible()
    keys = installed.demo.home / "keys"
    said = installed.machine.units.parent / "signers"
    look = ["sh", "-c", f"find {keys} -type f | sort; cat {keys}/approvers/allowed_signers"]
    assert behind_walls(installed.unit("api-server"), look, output=said).wait(timeout=30) == 0
    signers, public, *allowed = said.read_text().splitlines()
    assert [signers, public] == [f"{keys}/approvers/allowed_signers", f"{keys}/ledger.vkey"]
    assert str(keys.parent) not in installed.unit("api-server").words("ReadWritePaths")
    assert str(keys.parent / "state") in installed.unit("api-server").words("ReadWritePaths")
    assert allowed == (keys / "approvers" / "allowed_signers").read_text().splitlines()


def test_systemd_understands_every_unit(installed: Installed, celery: Installed) -> None:
    systemd_possible()
    for one in (installed, celery):
        files = sorted(one.machine.units.glob("birthshare*"))
        assert len(files) == 8
        looked = subprocess.run(
            ["systemd-analyze", "verify", *map(str, files)], capture_output=True, text=True, check=False
        )
        assert (looked.returncode, ours(looked.stderr)) == (0, [])


def ours(text: str) -> list[str]:
    return [line for line in text.splitlines() if "birthshare" in line]


def test_every_unit_is_shut_as_far_as_its_work_allows(installed: Installed) -> None:
    systemd_possible()
    for file in sorted(installed.machine.units.glob("*.service")):
        concrete = file.with_name(file.name.replace("@", "@opening"))
        if concrete != file:
            shutil.copyfile(file, concrete)
        looked = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", f"--threshold={WORST * 10:.0f}", str(concrete)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert looked.returncode == 0, looked.stdout[-300:]
        if concrete != file:
            concrete.unlink()


def systemd_possible() -> None:
    if not provided("systemd", lambda: shutil.which("systemd-analyze")):
        if os.environ.get("CI"):
            raise RuntimeError("systemd-analyze is missing; install the Debian package systemd")
        pytest.skip("units: no systemd-analyze")


def test_a_machine_with_workers_runs_one_for_each_room_and_keeps_homes_from_the_others(
    celery: Installed,
) -> None:
    target = (celery.machine.units / "birthshare.target").read_text()
    assert "birthshare-worker@opening.service birthshare-worker@sealing.service" in target
    home = str(celery.demo.home)
    assert home in celery.unit("scheduler").words("InaccessiblePaths")
    assert home in celery.unit("dag-processor").words("InaccessiblePaths")
    assert celery.unit("worker@", "opening").words("ExecStart")[-2:] == ["worker", "opening"]


def test_a_worker_has_its_own_rooms_keys_and_the_other_rooms_are_not_there(celery: Installed) -> None:
    walls_possible()
    room_keys = celery.machine.room_keys
    for room, other in {"opening": "sealing", "sealing": "opening"}.items():
        said = celery.machine.units.parent / room
        unit = celery.unit("worker@", room)
        looked = behind_walls(unit, ["sh", "-c", f"ls {room_keys}"], output=said)
        looked.wait(timeout=30)
        assert said.read_text().split() == [room]
        assert (room_keys / other / celery.demo.home.name).is_dir()


def test_no_secret_stands_in_settings_units_or_what_a_part_is_started_with(celery: Installed) -> None:
    from airflow_environment import environment

    secrets = {file.read_text() for file in (celery.machine.settings.parent / "secrets").iterdir()}
    assert len(secrets) == 5
    texts = [celery.machine.settings, *celery.machine.units.iterdir()]
    told = [*(file.read_text() for file in texts), *environment(celery.settings.site).values()]
    assert not [secret for secret in secrets if any(secret in text for text in told)]
    assert all(
        file.stat().st_mode & 0o777 == 0o600
        for file in (celery.machine.settings.parent / "secrets").iterdir()
    )


def test_keys_stay_where_they_are_until_the_other_room_can_check_signatures(celery: Installed) -> None:
    verifier = celery.demo.home / "keys" / "ledger.vkey"
    verifier.rename(verifier.with_suffix(".away"))
    with pytest.raises(SettingsError, match="birthshare ledger check"):
        share_out(Home.open(celery.demo.home), celery.machine.room_keys)
    verifier.with_suffix(".away").rename(verifier)


def test_keys_that_one_room_needs_leave_the_home_that_is_shared(celery: Installed) -> None:
    keys, folder = celery.demo.home / "keys", celery.machine.room_keys
    assert (keys / "decryption.key").resolve() == folder / "opening" / "home" / "decryption.key"
    assert (keys / "ledger.key").resolve() == folder / "sealing" / "home" / "ledger.key"
    assert not (keys / "staging.key").is_symlink()  # replaced by whoever destroys something, for both
    assert share_out(Home.open(celery.demo.home), folder) == []
    (keys / "ledger.key").unlink()
    (keys / "ledger.key").write_bytes(b"new")
    assert share_out(Home.open(celery.demo.home), folder) == [folder / "sealing" / "home" / "ledger.key"]
    assert (keys / "ledger.key").read_bytes() == b"new"


def test_an_authority_with_workers_of_its_own_shares_neither_home_nor_keys(tmp_path: Path) -> None:
    """Of three authorities one has its own; the paths are enough here, nothing is started."""
    file = tmp_path / "authorities.toml"
    names = {"camden": "own_workers = true", "leeds": "", "poole": ""}
    file.write_text("".join(f'[{code}]\nhome = "/srv/{code}"\n{own}\n' for code, own in names.items()))
    settings = Settings(Site(tmp_path, 8080, {}, authorities=file, broker="redis://queue"), 400)
    workers = [part for part in parts_of(settings) if part.startswith("worker")]
    assert workers == ["worker@opening", "worker@sealing", "worker@opening.camden", "worker@sealing.camden"]
    assert homes_hidden_from(settings, "worker@opening.camden") == [
        Path("/srv/leeds"),
        Path("/srv/poole"),
    ]
    assert homes_hidden_from(settings, "worker@opening") == [Path("/srv/camden")]
    machine = Machine(tmp_path / "etc" / "airflow.toml", tmp_path / "units", Path("/proc/self").owner())
    write_units(machine, settings, workers)
    said = (machine.units / "birthshare-worker@opening.camden.service.d" / "homes.conf").read_text()
    assert said == "[Service]\nInaccessiblePaths=/srv/leeds /srv/poole\n"
