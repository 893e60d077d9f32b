"""*Proof* in the console: what is taken away there convinces whoever checks it with the verifier alone."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import itertools
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine, copied
from pipeline.console import errands
from pipeline.console.errands import VERIFICATION, Errand
from pipeline.console.pages import proof as proof_pages
from pipeline.console.visit import TOKEN
from pipeline.demo.authority import Demonstration
from pipeline.errors import SettingsError
from pipeline.facts import verifier
from pipeline.ledger.entries import EvidenceGiven, Kind
from pipeline.outside.witness import Witness
from pipeline.questions import evidence, proof
from pipeline.roles import Role

from .conftest import Asking

ROOT = Path(__file__).resolve().parents[2]
WITNESS = "council.example.org/witness"


@pytest.fixture(scope="module")
def authority(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority with a closed month, a witness and a place outside, for every test of this file."""
    folder = tmp_path_factory.mktemp("proved")
    with copied(prototype, folder) as one:
        other = Witness.make(folder / "witness", WITNESS)
        other.trust(verifier(one.home))
        (folder / "guardian").mkdir()
        with (one.home.path / "birthshare.toml").open("a") as settings:
            settings.write(
                f'\n[ledger]\nwitnesses = ["{other.verifier}"]\nwitnesses_needed = 1\n'
                f'\n[[ledger.places]]\nname = "guardian"\nfolder = "{folder / "guardian"}"\n'
            )
        own = Authority(one.demo, one.reopened(), one.received)
        commands = CommandLine(own)
        commands.finish()
        asked = commands("ledger", "request", "--out", folder / "request.txt")
        assert asked.code == 0, asked.err
        answer = other.sign((folder / "request.txt").read_text(), at=NOW)
        (folder / "answer.txt").write_text(f"{answer.line}\n")
        taken = commands("ledger", "countersigned", folder / "answer.txt")
        assert taken.code == 0, taken.err
        yield own


def outsider(program: Path, file: Path, key: str) -> int:
    """The verifier as an auditor runs it: a process of its own, which sees no installed package."""
    command = [sys.executable, "-I", "-S", program, file, "--key", key]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


# --- in the browser -------------------------------------------------------------------------------


def test_an_auditor_takes_evidence_and_verifier_away_and_the_one_holds_by_the_other(
    screens, authority: Authority, tmp_path: Path
) -> None:
    screen = screens(Role.AUDITOR)
    page = screen.page
    page.get_by_role("link", name="Proof").click()
    screen.look_over()
    assert page.get_by_role("row", name=WITNESS).inner_text().endswith("(today)")
    assert "guardian" in page.get_by_role("region", name="Places outside").inner_text()

    page.get_by_role("link", name="Download evidence").click()
    screen.look_over()
    page.get_by_role("button", name="Download evidence").click()
    assert page.title().startswith("Error: ")
    screen.complaints.clear()  # the browser names the status of a form that is wrong
    screen.look_over()
    page.get_by_label("For whom it is").fill("the external auditor")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download evidence").click()
    download.value.save_as(tmp_path / "pack.zip")

    page.get_by_role("link", name="Proof").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the whole ledger").click()
    download.value.save_as(tmp_path / download.value.suggested_filename)

    page.get_by_role("link", name="The verifier").click()
    screen.look_over()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download verify_birthshare.py").click()
    program = tmp_path / download.value.suggested_filename
    download.value.save_as(program)
    summary = page.locator("dl.summary").inner_text()
    assert hashlib.sha256(program.read_bytes()).hexdigest() in summary
    key = summary.splitlines()[-1]

    assert outsider(program, tmp_path / "pack.zip", key) == 0
    assert outsider(program, tmp_path / "ledger.jsonl.gz", key) == 0
    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack, zipfile.ZipFile(altered, "w") as other:
        for name in pack.namelist():
            other.writestr(name, pack.read(name).replace(b'"rows": 1', b'"rows": 2'))
    assert outsider(program, altered, key) == 1


def test_the_whole_ledger_is_verified_while_one_goes_on(screens, authority: Authority) -> None:
    screen = screens(Role.IG_OFFICER)
    page = screen.open("/proof")
    page.get_by_role("button", name="Verify now").click()
    errands.wait(authority.home, VERIFICATION)
    screen.open("/proof/verification")
    screen.look_over()
    entries = errands.newest(authority.home, VERIFICATION).answer["entries"]
    assert f"All {entries} entries were read again" in page.locator("main").inner_text()
    assert "entries from guardian" in page.locator("main").inner_text()


# --- verifying ------------------------------------------------------------------------------------


def test_one_verification_is_under_way_at_a_time_and_says_how_far_it_is(asking, authority: Authority) -> None:
    auditor: Asking = asking(Role.AUDITOR)
    under_way = Errand("auditor@example.org", NOW, done=2_048, of=10_000)
    lock = authority.home.state / "console" / "verification.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:  # as the process that verifies holds it
        fcntl.flock(held, fcntl.LOCK_EX)
        errands._write(authority.home, VERIFICATION, under_way)
        assert auditor.post("/proof/verification") == "/proof/verification"
        assert "2,048 of 10,000 entries" in auditor.get("/proof/verification")
        assert "Verify now" not in auditor.get("/proof")
    assert "It was broken off" in auditor.get("/proof/verification")
    assert "Verify now" in auditor.get("/proof")


def test_damage_is_found_named_and_shown_until_it_is_verified_again(
    prototype: Demonstration, tmp_path: Path
) -> None:
    with copied(prototype, tmp_path) as own:
        auditor = Asking(own.home, "auditor@example.org", lambda: NOW)
        with closing(sqlite3.connect(own.home.state / "birthshare.db")) as database, database:
            for trigger in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                database.execute(f"DROP TRIGGER {trigger[0]}")
            database.execute("UPDATE entries SET at = replace(at, 'T', ' ') WHERE seq = 1")
        auditor.post("/proof/verification")
        errands.wait(own.home, VERIFICATION)
        page = auditor.get("/proof/verification")
        assert "The ledger is damaged" in page
        assert "entry 1" in page
        assert "found something wrong" in auditor.get("/proof")


# --- what is taken away ---------------------------------------------------------------------------


def take(auditor: Asking, **typed: str) -> bytes:
    """The file that the form gives."""
    fields = {"month": "", "since": "", "until": "", "why": "the external auditor"} | typed
    answer = auditor.client.post("/proof/evidence", data={"token": auditor.token(), **fields})
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


@pytest.mark.parametrize(
    ("chosen", "about"),
    [
        ({"month": str(MONTH)}, "month"),
        ({"since": NOW.date().isoformat(), "until": NOW.date().isoformat()}, "ledger"),
    ],
)
def test_it_is_recorded_who_took_what_and_why(
    asking, authority: Authority, chosen: dict[str, str], about: str
) -> None:
    content = take(asking(Role.AUDITOR), **chosen)
    [*_, newest] = authority.recorded(Kind.EVIDENCE_GIVEN)
    assert newest == EvidenceGiven(
        about=about,
        sha256=hashlib.sha256(content).hexdigest(),
        principal="auditor@example.org",
        purpose="the external auditor",
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"why": " "}, "Say for whom the evidence is"),
        ({"why": "for case 4711"}, "without digits, addresses or names"),
        ({"month": ""}, "Choose a month, or give the first day and the last one"),
        ({"month": "2026-13"}, "Choose a month."),
        ({"month": "1999-01"}, "Nothing is recorded of that month"),
        ({"since": "2026-11-03"}, "Choose a month or give days, not both"),
        ({"month": "", "since": "2026-11-03", "until": "2026-11-02"}, "must not be before the first"),
        ({"month": "", "since": "3 Nov", "until": "2026-11-02"}, "Write the day with its month and year"),
        ({"month": "", "since": "1999-01-01", "until": "1999-01-02"}, "Nothing was recorded in those days"),
    ],
)
def test_a_form_that_is_wrong_says_so_keeps_what_was_typed_and_gives_nothing(
    asking, authority: Authority, typed: dict[str, str], said: str
) -> None:
    before = len(authority.recorded(Kind.EVIDENCE_GIVEN))
    whole = {"month": str(MONTH), "since": "", "until": "", "why": "the external auditor"} | typed
    page = asking(Role.AUDITOR).post("/proof/evidence", 422, **whole)
    assert said in page
    assert "<title>Error: " in page
    assert f'value="{whole["why"]}"' in page
    assert f'value="{whole["since"]}"' in page
    assert len(authority.recorded(Kind.EVIDENCE_GIVEN)) == before


def test_one_pack_is_made_at_a_time(asking) -> None:
    auditor, form = asking(Role.AUDITOR), {"month": str(MONTH), "why": "the external auditor"}
    with proof_pages._PACKING:
        assert "Try again in a minute" in auditor.post("/proof/evidence", 422, **form)
    assert auditor.client.post("/proof/evidence", data={TOKEN: auditor.token(), **form}).status_code == 200


def test_evidence_is_for_those_who_may_take_it(asking) -> None:
    lead: Asking = asking(Role.DATA_LEAD)
    assert "/proof/evidence" not in lead.get("/proof")
    assert "/proof/export" not in lead.get("/proof")
    lead.post("/proof/evidence", 403, month=str(MONTH), why="to see")
    lead.get("/proof/export", 403)


def test_an_auditor_may_take_evidence_on_the_command_line_too_and_strangers_may_not(
    authority: Authority, tmp_path: Path
) -> None:
    commands = CommandLine(authority)
    taken = ("ledger", "prove", "--month", str(MONTH), "--why", "to see", "--out", tmp_path / "p.zip", "--as")
    assert commands(*taken, "somebody@example.org").code == 3
    assert commands(*taken, "auditor@example.org").code == 0


def test_an_export_is_packed_as_it_is_read() -> None:
    read = itertools.count()
    lines = (hashlib.sha256(str(number).encode()).hexdigest().encode() for number in read)
    assert next(evidence.compressed(itertools.islice(lines, 50_000)))
    assert next(read) < 20_000
    lines = [b"one\n", b"two\n"]
    assert gzip.decompress(b"".join(evidence.compressed(lines))) == b"one\ntwo\n"


def test_a_pack_that_would_be_too_large_is_refused_before_it_is_read(authority: Authority) -> None:
    with (
        pytest.raises(SettingsError, match="more than one pack can hold"),
        closing(evidence.facts.Ledger.open(authority.home.database_url)) as ledger,
    ):
        many = range(1, evidence.MOST + 2)
        evidence.gather(authority.home, ledger, many, about="ledger", title="All", now=NOW)


# --- the verifier ---------------------------------------------------------------------------------


def test_an_installed_package_has_the_verifier_too(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "installed")
    found = "from pipeline.questions import proof; import sys; sys.stdout.buffer.write(proof.verifier())"
    shown = subprocess.run(
        [sys.executable, "-c", found],
        env={"PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert shown.stdout == proof.verifier() == (ROOT / "infra" / "verify_birthshare.py").read_bytes()
