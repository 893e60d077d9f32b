"""A supplier's report reaches it whole and once, sealed for it alone, whatever stops it on its way."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import load_workbook

from crash import boundaries
from month_authority import MONTH, NOW, Authority, CommandLine, personal_values, shown_values
from pipeline.afterwards import changes
from pipeline.contract import contract_of
from pipeline.delivery import push
from pipeline.demo.keys import OpenPgpKey, make_openpgp_key
from pipeline.errors import SettingsError
from pipeline.facts import opened_ledger
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.ledger.entries import Body, Kind, ReportDelivered, ReportPermitted
from pipeline.ledger.ledger import Ledger
from pipeline.records import Extract
from pipeline.steps.desk import Desk
from pipeline.steps.receiving import report_to_supplier
from pipeline.suppliers import reports, waiting
from pipeline.suppliers.reports import Brought
from pipeline.validation.checks import check
from servers.sshd import CannotServe, OpenSshServer

ABOUT, OTHER = "a" * 64, "b" * 64
CONTENT = {"rows.csv": b"supplier,row\r\nchis,17\r\n", "rows.xlsx": b"not really a workbook"}
NAMES = {f"{name}.gpg" for name in CONTENT}


@dataclass
class Trust:
    """A supplier with a folder for its reports, and the authority that brings them."""

    path: Path
    key: OpenPgpKey
    folder: Path

    @property
    def home(self) -> Home:
        return Home.open(self.path)

    def goes_to(self, **place: object) -> None:
        """Write into the settings where its reports go."""
        file = self.path / "birthshare.toml"
        kept = [line for line in file.read_text().splitlines() if not line.startswith("reports = ")]
        said = ", ".join(f"{name} = {value!r}" for name, value in place.items()).replace("'", '"')
        at = kept.index("[suppliers.chis]") + 1
        file.write_text("\n".join([*kept[:at], *([f"reports = {{ {said} }}"] if place else []), *kept[at:]]))

    def goes_to_folder(self, key: str = "keys/suppliers/chis.asc") -> None:
        self.goes_to(via="folder", folder=str(self.folder), key=key)

    def report(self, about: str = ABOUT, **content: bytes) -> None:
        """A report waits."""
        waiting.keep(self.home, "chis", "2026-10", about, content or CONTENT)

    def brought(self) -> Brought:
        desk = Desk(self.home, MONTH, NOW)
        try:
            return reports.bring(desk)
        finally:
            desk.close()

    def recorded(self, kind: Kind) -> list[Body]:
        with opened_ledger(self.home) as ledger:
            return [entry.body for entry in ledger.entries(kinds={kind})]

    def received(self, folder: Path | None = None) -> dict[str, bytes]:
        """What lies in its folder, opened with its key."""
        return {file.name: opened(file, self.key) for file in sorted((folder or self.folder).iterdir())}

    def states(self) -> list[str]:
        with opened_ledger(self.home) as ledger:
            return [one["state"] for one in reports.shown(self.home, ledger)]

    def left(self) -> list[str]:
        files = waiting.folder(self.home).iterdir()
        return sorted(file.name for file in files if not file.name.startswith("."))  # parts go by retention


def opened(file: Path, key: OpenPgpKey) -> bytes:
    """Decrypted by the supplier's own gpg."""
    with tempfile.TemporaryDirectory(prefix="bs", dir="/tmp") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", str(key.private)], check=True, capture_output=True)
        plain = subprocess.run([*gpg, "--decrypt", str(file)], check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    return plain


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> OpenPgpKey:
    return make_openpgp_key(tmp_path_factory.mktemp("trust"), "chis")


@pytest.fixture
def trust(key: OpenPgpKey, tmp_path: Path) -> Trust:
    path, folder = tmp_path / "home", tmp_path / "trust"
    make_home(path)
    folder.mkdir(mode=0o750)
    (path / "keys" / "suppliers" / "chis.asc").write_bytes(key.public.read_bytes())
    own = Trust(path, key, folder)
    own.goes_to_folder()
    return own


# --- there, whole and once ------------------------------------------------------------------------


def test_both_files_arrive_sealed_for_the_supplier_and_nothing_waits_any_more(trust: Trust) -> None:
    trust.report()

    assert trust.brought() == Brought(2)

    assert trust.received() == {f"{name}.gpg": content for name, content in CONTENT.items()}
    assert trust.left() == [] and waiting.warnings(trust.home) == []
    permitted = [body for body in trust.recorded(Kind.REPORT_PERMITTED) if isinstance(body, ReportPermitted)]
    assert {body.file_name for body in permitted} == NAMES
    about = {(body.supplier, body.month, body.about_sha256) for body in permitted}
    assert about == {("chis", "2026-10", ABOUT)}
    on_disk = {hashlib.sha256(file.read_bytes()).hexdigest() for file in trust.folder.iterdir()}
    arrived = [body for body in trust.recorded(Kind.REPORT_DELIVERED) if isinstance(body, ReportDelivered)]
    assert {body.sha256 for body in arrived} == {body.sealed_sha256 for body in permitted} == on_disk


def test_a_month_that_is_run_again_sends_the_same_report_no_second_time(trust: Trust) -> None:
    trust.report()
    trust.brought()
    for file in trust.folder.iterdir():
        file.unlink()  # the supplier has taken it

    trust.report()

    assert trust.brought() == Brought(0)
    assert trust.received() == {}
    assert trust.left() == []


def test_a_corrected_file_makes_a_report_of_its_own(trust: Trust) -> None:
    trust.report()
    trust.report(OTHER, **{"rows_of_the_corrected_file.csv": b"supplier,row\r\n"})

    assert trust.brought().delivered == 3
    assert "rows_of_the_corrected_file.csv.gpg" in trust.received()


def test_without_a_place_reports_stay_in_the_outbox_and_none_waits(trust: Trust) -> None:
    trust.report()
    trust.goes_to()

    assert trust.brought() == Brought(0)
    assert trust.left() == []
    assert trust.recorded(Kind.REPORT_PERMITTED) == []


# --- trouble --------------------------------------------------------------------------------------


def test_trouble_is_told_kept_and_made_up_for_by_a_later_run(trust: Trust) -> None:
    trust.report()
    away = trust.folder.rename(trust.folder.with_name("away"))

    brought = trust.brought()

    assert brought.delivered == 0
    assert [str(one).count("report to chis") for one in brought.failures] == [1, 1]
    assert brought.failure is not None and "intake report --send" in str(brought.failure)
    [warning] = waiting.warnings(trust.home)
    assert "chis" in warning and "The folder is not there" in warning
    assert trust.states() == ["waiting", "waiting"]

    away.rename(trust.folder)
    assert trust.brought() == Brought(2)
    assert waiting.warnings(trust.home) == [] and trust.left() == []
    assert trust.states() == ["delivered", "delivered"]


def test_one_suppliers_trouble_holds_no_other(trust: Trust) -> None:
    other = trust.folder.with_name("other")
    other.mkdir(mode=0o750)
    file = trust.path / "birthshare.toml"
    section = file.read_text().partition("[suppliers.chis]")[2].partition("[[approvers]]")[0]
    away = f"[suppliers.away]{section.replace(str(trust.folder), str(trust.folder.with_name('gone')))}"
    file.write_text(file.read_text().replace("[[approvers]]", f"{away}\n[[approvers]]", 1))
    waiting.keep(trust.home, "away", "2026-10", ABOUT, CONTENT)
    trust.report()

    brought = trust.brought()

    assert brought.delivered == 2 and set(trust.received()) == NAMES
    assert {"report to away" in str(one) for one in brought.failures} == {True}
    assert [one.supplier for one in waiting.found(trust.home)] == ["away", "away"]


def test_a_key_that_cannot_be_sealed_for_sends_nothing_and_a_new_one_does(trust: Trust) -> None:
    file = trust.path / "keys" / "suppliers" / "chis.asc"
    good = file.read_bytes()
    file.write_text("no key at all")
    trust.report()

    brought = trust.brought()

    assert "holds no OpenPGP public key" in str(brought.failures[0])
    assert list(trust.folder.iterdir()) == [] and trust.recorded(Kind.REPORT_PERMITTED) == []

    file.write_bytes(good)
    assert trust.brought() == Brought(2)


def test_after_a_change_of_key_the_report_is_sealed_anew(trust: Trust, tmp_path: Path) -> None:
    trust.report()
    away = trust.folder.rename(trust.folder.with_name("away"))
    trust.brought()
    away.rename(trust.folder)
    new = make_openpgp_key(tmp_path / "new", "chis")
    (trust.path / "keys" / "suppliers" / "chis.asc").write_bytes(new.public.read_bytes())

    assert trust.brought() == Brought(2)

    trust.key = new
    assert trust.received() == {f"{name}.gpg": content for name, content in CONTENT.items()}
    leaves = [body for body in trust.recorded(Kind.REPORT_PERMITTED) if isinstance(body, ReportPermitted)]
    assert len(leaves) == 4  # leave for the first bytes is worth nothing now


def test_a_strange_file_under_its_name_is_left_alone(trust: Trust) -> None:
    theirs = trust.folder / "rows.csv.gpg"
    theirs.write_bytes(b"theirs")
    trust.report()

    brought = trust.brought()

    assert brought.delivered == 1 and "Something else stands" in str(brought.failures[0])
    assert theirs.read_bytes() == b"theirs"


def test_a_place_inside_the_home_is_refused(trust: Trust) -> None:
    trust.goes_to(via="folder", folder=str(trust.path / "outbox"), key="keys/suppliers/chis.asc")
    trust.report()

    [failure, _] = trust.brought().failures

    assert "apart from this home" in str(failure)


@pytest.mark.parametrize(
    "place",
    [
        {"key": "k"},
        {"host": "sftp.example.org", "user": "u", "key": "k"},
        {"via": "folder", "host": "sftp.example.org", "key": "k"},
    ],
)
def test_a_place_that_cannot_be_reached_is_refused_with_the_settings(
    trust: Trust, place: dict[str, str]
) -> None:
    trust.goes_to(**place)

    with pytest.raises(SettingsError, match="reports"):
        Home.open(trust.path)


# --- killed anywhere ------------------------------------------------------------------------------


def test_killed_at_any_step_the_next_run_brings_it_and_nothing_twice(trust: Trust) -> None:
    """Every step of one file's way: files, ledger, and the names it gets at the supplier's place."""
    steps = _steps(trust)
    assert any("permit_report report_permitted" in step for step in steps) and len(steps) > 10

    for number, step in enumerate(steps):
        for file in trust.folder.iterdir():
            file.unlink()
        name = f"rows_{number}.csv"
        trust.report(**{name: b"supplier,row\r\n"})
        _in_a_process(trust, killed_at=number)
        left = _digests(trust)

        trust.brought()

        assert trust.received() == {f"{name}.gpg": b"supplier,row\r\n"}, step
        assert left.items() <= _digests(trust).items(), step
        assert trust.left() == [], step
        arrived = [one for one in trust.recorded(Kind.REPORT_DELIVERED) if isinstance(one, ReportDelivered)]
        assert len(arrived) == number + 3 == len({one.permit for one in arrived}), step  # two were before


@pytest.mark.parametrize(
    ("where", "held_at"), [(Ledger, "permit_report"), (push._Push, "put"), (push._Push, "_place")]
)
def test_of_two_runs_at_once_the_newer_one_brings_the_report_and_the_older_one_nothing(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, where: Any, held_at: str
) -> None:
    """The first is held up before it has leave, before it writes aside, or just before it gives the name."""
    real, begun, there = getattr(where, held_at), [], dict[str, bytes]()

    def held(self: Any, *arguments: Any, **named: Any) -> Any:
        if not begun:
            begun.append(True)
            trust.brought()
            there.update(trust.received())
        return real(self, *arguments, **named)

    monkeypatch.setattr(where, held_at, held)
    trust.report(**{"once.csv": b"supplier,row\r\n"})
    trust.brought()
    assert trust.received() == there == {"once.csv.gpg": b"supplier,row\r\n"}
    assert trust.left() == []
    assert len(trust.recorded(Kind.REPORT_DELIVERED)) == len(trust.recorded(Kind.REPORT_PERMITTED)) == 1


def test_killed_after_it_got_its_name_a_report_that_was_taken_is_not_sent_again(trust: Trust) -> None:
    steps = _steps(trust)
    [named] = [n for n, step in enumerate(steps) if step == "folder on the disk: trust"]
    trust.report(**{"taken.csv": b"supplier,row\r\n"})
    _in_a_process(trust, killed_at=named)
    (trust.folder / "taken.csv.gpg").unlink()  # the supplier has taken it meanwhile

    assert trust.brought().delivered == 1

    assert not (trust.folder / "taken.csv.gpg").exists() and trust.left() == []


def _steps(trust: Trust) -> list[str]:
    """The steps that one file takes, in order; not those of making a database."""
    trust.report(**{"first.csv": b"supplier,row\r\n"})
    trust.brought()
    trust.report(**{"look.csv": b"supplier,row\r\n"})
    said = trust.path.parent / "steps"
    _in_a_process(trust, said=said)
    return said.read_text().splitlines()


def _in_a_process(trust: Trust, *, killed_at: int = -1, said: Path | None = None) -> None:
    """Bring what waits in a process that ends at the step of that number, or tells its steps."""
    child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if said else 9)
        return
    heard: list[str] = []

    def reached(step: str) -> None:
        if killed_at == len(heard):
            os._exit(9)
        heard.append(step)

    try:
        boundaries.watch(reached, trust.path.parent)
        trust.brought()
        if said:
            said.write_text("\n".join(heard))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _digests(trust: Trust) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in trust.folder.glob("*.gpg")}


# --- over SFTP ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenSshServer, Path]]:
    """The trust's own OpenSSH server, and the key that we log in with."""
    file = tmp_path_factory.mktemp("ssh") / "delivery.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    try:
        with OpenSshServer(["chis"], public_key=file.with_suffix(".key.pub")) as running:
            yield running, file
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")


def over_sftp(trust: Trust, server: tuple[OpenSshServer, Path], **changes: object) -> Path:
    """Let the reports go to the server; the folder where they arrive, empty."""
    running, key = server
    target = trust.path / "keys" / "delivery.key"
    target.write_bytes(key.read_bytes())
    target.chmod(0o600)
    place = {
        "host": "127.0.0.1", "port": running.port, "user": running.user("chis"), "folder": running.folder,
        "host_key": running.host_key, "key": "keys/suppliers/chis.asc",
    }  # fmt: skip
    trust.goes_to(**(place | changes))
    files = running.files("chis")
    for file in files.iterdir():
        file.unlink()
    return files


def test_a_report_goes_to_the_suppliers_own_server(trust: Trust, server: tuple[OpenSshServer, Path]) -> None:
    files = over_sftp(trust, server)
    trust.report()

    assert trust.brought() == Brought(2)
    assert trust.received(files) == {f"{name}.gpg": content for name, content in CONTENT.items()}


def test_a_server_without_the_agreed_host_key_gets_nothing(
    trust: Trust, server: tuple[OpenSshServer, Path]
) -> None:
    strange = Path(server[1].with_suffix(".key.pub")).read_text().rsplit(" ", 1)[0]
    files = over_sftp(trust, server, host_key=strange)
    trust.report()

    brought = trust.brought()

    assert brought.delivered == 0 and "host key" in str(brought.failures[0])
    assert list(files.iterdir()) == []


# --- whole months and feeds -----------------------------------------------------------------------


@pytest.fixture
def sending(authority: Authority, key: OpenPgpKey, tmp_path: Path) -> Callable[[], dict[str, bytes]]:
    """The demonstration's trust is sent its reports; the answer is what it received, opened."""
    folder = tmp_path / "trust"
    folder.mkdir(mode=0o750)
    (authority.home.path / "keys" / "reports.asc").write_bytes(key.public.read_bytes())
    place = f'{{ via = "folder", folder = "{folder}", key = "keys/reports.asc" }}'
    authority.setting("[suppliers.chis]", f"[suppliers.chis]\nreports = {place}")
    return lambda: {file.name: opened(file, key) for file in folder.iterdir()}


def test_a_month_brings_its_report_before_anybody_releases_it(
    authority: Authority, sending: Callable[[], dict[str, bytes]]
) -> None:
    """With nothing in it of what any row says: every column of a row that is set aside has a canary."""
    extract = authority.extract()
    last = extract.index[-1]
    canaries = {name: f"Zanzibarquux{number:02d}Canary" for number, name in enumerate(extract.columns)}
    coded = {column.name for column in contract_of("births").columns if column.codes}
    for name in extract.columns.difference(coded):
        extract.loc[last, name] = canaries[name]
    planted = [canary for canary in canaries.values() if (extract == canary).any(axis=None)]
    assert len(planted) > 10
    authority.send(extract)
    own = replace(authority, home=authority.reopened())

    state = own.run(until="release")

    assert state["warnings"] == []
    received = sending()
    assert sorted(name.rsplit(".", 2)[1] for name in received) == ["csv", "xlsx"]
    [name] = [name for name in received if name.endswith(".csv.gpg")]
    digest = hashlib.sha256(authority.sealed.read_bytes()).hexdigest()
    assert f"_{MONTH}_{digest[:8]}-" in name
    lines = list(csv.DictReader(io.StringIO(received[name].decode(), newline="")))
    assert str(last + 1) in {line["row"] for line in lines}
    assert all(line["what_it_means"] and line["severity"] in ("error", "warning") for line in lines)
    [book] = [load_workbook(io.BytesIO(one)) for name, one in received.items() if name.endswith(".xlsx.gpg")]
    cells = " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    values = personal_values(extract) | set(extract["record_id"]) | set(planted)
    assert shown_values(values, received[name], cells) == []

    again = own.run(until="release")

    assert again["warnings"] == [] and sending() == received
    assert len(own.recorded(Kind.REPORT_DELIVERED)) == 2


def test_a_month_goes_on_where_its_report_cannot_be_brought(
    authority: Authority, sending: Callable[[], dict[str, bytes]], birthshare: CommandLine
) -> None:
    (authority.home.path / "keys" / "reports.asc").write_text("no key")
    own = replace(authority, home=authority.reopened())

    state = own.run(until="release")

    assert "approval" in state["waiting_for"]
    [warning] = state["warnings"]
    assert "A report to chis" in warning and "no OpenPGP public key" in warning
    seen = birthshare("intake", "report")
    assert seen.code == 0 and "waiting" in seen.out
    seen.says("no OpenPGP public key")
    tried = birthshare("intake", "report", "--send")
    assert tried.code == 5
    tried.says("report to chis", "birthshare intake report --send")
    looked = birthshare("doctor")
    assert looked.code == 2 and "the key of chis for its reports" in looked.out
    assert sending() == {}


def test_a_feed_that_is_refused_tells_its_supplier_which_rows_are_wrong(
    authority: Authority, sending: Callable[[], dict[str, bytes]], birthshare: CommandLine
) -> None:
    authority.setting("[suppliers.chis]", '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.csv.gpg"')
    row = {"subject": "child", "nhs_number": "12345", "word": "child_died", "since": ""}
    feed = pd.DataFrame([row])
    authority.send(feed, authority.inbox / "changes_chis_2026-11-02.csv.gpg")

    assert birthshare("changes", "apply").code == 4

    [content] = [one for name, one in sending().items() if name.endswith(".csv.gpg")]
    [line] = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert (line["row"], line["field"]) == ("1", "nhs_number")
    assert "12345" not in content.decode()
    home = authority.reopened()
    assert [one.supplier for one in waiting.found(home)] == []
    assert changes.listed(home)["applied"] == []


# --- how the supplier writes its files ------------------------------------------------------------


def test_a_report_speaks_of_fields_and_rows_as_the_suppliers_own_file_has_them(trust: Trust) -> None:
    """Its profile renames a column and has two lines above the header."""
    profile = "description: Another system\nrows_above_header: 2\ncolumns: {NHS No: nhs_number}\n"
    trust.home.profiles.mkdir(exist_ok=True)
    (trust.home.profiles / "other.yaml").write_text(profile)
    settings = trust.path / "birthshare.toml"
    settings.write_text(
        settings.read_text().replace("[suppliers.chis]", '[suppliers.chis]\nprofile = "other"', 1)
    )
    contract = contract_of("births")
    row = dict.fromkeys(contract.names, "") | {"nhs_number": "12345", "date_of_birth": f"{MONTH}-05"}
    extract = Extract("chis", MONTH, pd.DataFrame([row | {"row": 1}]), ABOUT, "F" * 40, NOW)

    report_to_supplier(trust.home, extract, check(extract, contract), "births")

    [file] = [one for one in waiting.found(trust.home) if one.name.endswith(".csv")]
    assert (file.supplier, file.month, file.about_sha256) == ("chis", str(MONTH), ABOUT)
    lines = csv.DictReader(io.StringIO(file.plain.read_text(), newline=""))
    [line] = [line for line in lines if line["rule"] == "nhs_number_format"]
    assert (line["row"], line["spreadsheet_row"]) == ("1", "4")
    assert (line["field"], line["your_heading"]) == ("nhs_number", "NHS No")
    kept = trust.home.outbox / "chis" / f"quarantine_chis_{MONTH}.csv"
    assert kept.read_bytes() == file.plain.read_bytes()
