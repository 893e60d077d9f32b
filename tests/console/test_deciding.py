"""Beside a large ledger a decision is made in a process of its own, and no page waits for it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import signal
import subprocess
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from month_authority import AGREEMENT, MONTH, NOW, Authority, copied
from pipeline.console import apart, deciding, decisions, errands
from pipeline.console.deciding import Kept
from pipeline.console.permissions import Act
from pipeline.console.visit import TOKEN
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.home import DATABASE_VARIABLE, Home
from pipeline.ledger.entries import AgreementPreviewed, EvidenceGiven, Kind, ReleaseApproved
from pipeline.roles import Role

from .conftest import Asking, Screen
from .test_months import RELEASE, a_refusal, approval, words

NOTE = "the numbers look as always to me"
GUARDIAN = APPROVERS["caldicott_guardian"]
VERSION = f"/agreements/{AGREEMENT}/1"


@pytest.fixture(scope="module")
def waiting(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """An authority whose month waits for the approval of one person."""
    with copied(prototype, tmp_path_factory.mktemp("waiting")) as one:
        one.run(until="release")
        yield replace(prototype, home=one.home.path)


@pytest.fixture
def authority(waiting: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(waiting, tmp_path) as own:
        yield own


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ledger is too large to be read while somebody waits."""
    monkeypatch.setattr(deciding, "AT_ONCE", 0)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Those that were begun."""
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def begin(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        process = popen(command, **how)
        if apart.__name__ in command:
            begun.append(process)
        return process

    monkeypatch.setattr(errands.subprocess, "Popen", begin)
    return begun


@contextmanager
def held_up(home: Home, *turns: str) -> Iterator[None]:
    """Nothing that is done apart gets its turn meanwhile, or nothing of these."""
    folder = home.state / "console"
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        for name in turns or ("deciding", "making"):
            fcntl.flock(stack.enter_context((folder / f"{name}.lock").open("w")), fcntl.LOCK_EX)
        yield


def over(home: Home, page: str, somebody: Asking) -> str:
    """Where its page leads, or that page, when the decision is over and this process has heard so."""
    errands.wait(home, f"decision-{page.removeprefix('/deciding/')}")
    while True:
        answer = somebody.client.get(page)
        if "See how far it is now" not in answer.text:
            return str(answer.headers.get("location", answer.text))


def written(home: Home) -> bytes:
    """All that stands in files of the console."""
    return b"".join(file.read_bytes() for file in (home.state / "console").iterdir())


def sent_again(page: str) -> dict[str, str]:
    """The form with what somebody wrote and signed, as the page has kept it."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
        if name != TOKEN
    }


def test_a_decision_says_how_far_it_is_and_is_recorded_once(
    authority: Authority, asking: Callable[[Role], Asking], processes: list[subprocess.Popen[bytes]]
) -> None:
    guardian, lead = asking(Role.GUARDIAN), asking(Role.DATA_LEAD)
    form = approval(authority, "caldicott_guardian") | {"note": NOTE}
    with held_up(authority.home):
        page = guardian.post(f"{RELEASE}/approve", **form)
        assert guardian.post(f"{RELEASE}/approve", **form) == page, "sent twice, it is the same decision"
        assert len(processes) == 1
        shown = guardian.get(page)
        assert "Your decision is being recorded" in shown
        assert "waits for its turn" in shown
        errands._write(
            authority.home,
            f"decision-{page.removeprefix('/deciding/')}",
            errands.Errand(GUARDIAN, NOW, done=300, of=1200, about=RELEASE),
        )
        assert "25% of that is done" in words(guardian.get(page))
        assert NOTE not in shown
        lead.get(page, 404)
        assert not authority.recorded(Kind.RELEASE_APPROVED)
        private = [form["signature"].splitlines()[1], NOTE]
        command = Path(f"/proc/{processes[0].pid}/cmdline").read_bytes()
        assert not [text for text in private if text.encode() in written(authority.home) + command]
    assert over(authority.home, page, guardian) == RELEASE
    [one] = authority.recorded(Kind.RELEASE_APPROVED)
    assert isinstance(one, ReleaseApproved)
    assert (one.principal, one.note) == (GUARDIAN, NOTE)
    guardian.post(f"{RELEASE}/approve", 422, **form | {"signature": "none"})


def test_what_was_killed_in_the_middle_says_so_and_can_be_sent_again(
    authority: Authority, asking: Callable[[Role], Asking], processes: list[subprocess.Popen[bytes]]
) -> None:
    guardian = asking(Role.GUARDIAN)
    form = approval(authority, "caldicott_guardian") | {"note": NOTE}
    with held_up(authority.home):
        page = guardian.post(f"{RELEASE}/approve", **form)
        os.kill(processes[0].pid, signal.SIGKILL)
        shown = over(authority.home, page, guardian)
    assert "It was broken off" in words(shown)
    assert not authority.recorded(Kind.RELEASE_APPROVED)
    elsewhere = asking(Role.GUARDIAN)  # the console, or the browser, was closed meanwhile
    deciding._KEPT.clear()
    assert "It was broken off" in words(elsewhere.get(page))
    assert guardian.post(f"{RELEASE}/approve", **sent_again(shown)) == page
    assert over(authority.home, page, guardian) == RELEASE
    assert len(authority.recorded(Kind.RELEASE_APPROVED)) == 1


def test_what_stops_it_is_said_and_what_was_written_is_not_lost(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    guardian, signers = asking(Role.GUARDIAN), authority.home.allowed_signers
    form = approval(authority, "caldicott_guardian") | {"note": NOTE}
    guardian.post(f"{RELEASE}/approve", 422, **form | {"note": "about 12 High Street"})
    with held_up(authority.home):
        page = guardian.post(f"{RELEASE}/approve", **form)
        signers.write_text("")
    shown = over(authority.home, page, guardian)
    assert "Nothing was recorded." in words(shown)
    assert NOTE in words(shown)
    assert sent_again(shown) == form
    gone = replace(authority.home, environment={DATABASE_VARIABLE: "sqlite:////no/such/folder/ledger.db"})
    assert decisions._recorded(gone, GUARDIAN, 0) == "Whether it was recorded cannot be read now."


def test_of_two_decisions_at_once_the_second_knows_the_first(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    guardian, lead = asking(Role.GUARDIAN), asking(Role.DATA_LEAD)
    refuses = a_refusal(authority, "caldicott_guardian", "far fewer births than there were")
    with held_up(authority.home):
        first = guardian.post(f"{RELEASE}/refuse", **refuses)
        second = lead.post(f"{RELEASE}/refuse", **a_refusal(authority, "data_lead", "too few births"))
    ends = {over(authority.home, first, guardian), over(authority.home, second, lead)}
    assert len(authority.recorded(Kind.RELEASE_REFUSED)) == 1
    assert RELEASE in ends
    [other] = ends - {RELEASE}
    assert "Nothing was recorded. This release was refused already" in words(other)


def test_who_decides_does_not_wait_for_what_is_made_for_others(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    guardian, auditor = asking(Role.GUARDIAN), asking(Role.AUDITOR)
    with held_up(authority.home, "making"):
        made = auditor.post(f"{VERSION}/checks")
        page = guardian.post(f"{RELEASE}/approve", **approval(authority, "caldicott_guardian"))
        assert over(authority.home, page, guardian) == RELEASE
        assert "is being made, or waits for its turn" in words(auditor.get(made))


@pytest.mark.parametrize("about", ["//evil.example/", "/\\evil.example/", "https://evil.example/"])
def test_a_file_that_was_altered_leads_to_no_other_site(
    authority: Authority, asking: Callable[[Role], Asking], about: str
) -> None:
    guardian, key = asking(Role.GUARDIAN), "1" * 32
    (authority.home.state / "console").mkdir(exist_ok=True)
    (authority.home.state / "console" / f"decision-{key}.lock").touch()
    errands._write(authority.home, f"decision-{key}", errands.Errand(GUARDIAN, NOW, ended=NOW, about=about))
    leads = str(guardian.client.get(f"/deciding/{key}").headers["location"])
    assert leads.startswith("/")
    assert leads[1] not in "/\\"


# --- what is handed to one person -----------------------------------------------------------------


def test_evidence_is_handed_once_to_whoever_asked(
    authority: Authority, asking: Callable[[Role], Asking], processes: list[subprocess.Popen[bytes]]
) -> None:
    auditor, guardian = asking(Role.AUDITOR), asking(Role.GUARDIAN)
    fields = {"month": str(MONTH), "since": "", "until": "", "why": "the external auditor"}
    with held_up(authority.home):
        page = auditor.post("/proof/evidence", **fields)
        os.kill(processes[0].pid, signal.SIGKILL)
        over(authority.home, page, auditor)
    assert auditor.post(page) == page, "of what was broken off nothing is handed"
    page = auditor.post("/proof/evidence", **fields)
    assert "What you asked for is ready" in over(authority.home, page, auditor)
    guardian.post(page, 404)
    name = f"decision-{page.removeprefix('/deciding/')}"
    kept = errands.newest(authority.home, name)
    assert kept is not None
    errands._write(authority.home, name, replace(kept, by=GUARDIAN))
    guardian.post(page, 404)  # whatever the file says
    errands._write(authority.home, name, kept)
    content = auditor.client.post(page, data={TOKEN: auditor.token()}).content
    [given] = authority.recorded(Kind.EVIDENCE_GIVEN)
    assert isinstance(given, EvidenceGiven)
    assert given.sha256 == hashlib.sha256(content).hexdigest()
    assert auditor.post(page) == page
    assert "was given to you already" in words(auditor.get(page))


def test_an_agreement_is_checked_and_tried_out_apart(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    auditor, guardian = asking(Role.AUDITOR), asking(Role.GUARDIAN)
    page = auditor.post(f"{VERSION}/checks")
    assert "What you asked for is ready" in over(authority.home, page, auditor)
    assert re.search(r"a stillbirth</th><td>never</td><td>not a live birth", auditor.post(page, 200))
    page = guardian.post(f"{VERSION}/preview", months="0")
    assert "Nothing was recorded. No past month" in words(over(authority.home, page, guardian))


def test_a_preview_that_was_made_apart_is_recorded_and_shown(
    authority: Authority, asking: Callable[[Role], Asking]
) -> None:
    auditor, guardian = asking(Role.AUDITOR), asking(Role.GUARDIAN)
    for role in ("data_lead", "caldicott_guardian"):
        authority.approve(role)
    authority.run()
    page = guardian.post(f"{VERSION}/preview", months="1")
    assert "What you asked for is ready" in over(authority.home, page, guardian)
    [made] = authority.recorded(Kind.AGREEMENT_PREVIEWED)
    assert isinstance(made, AgreementPreviewed)
    auditor.get(page, 404)
    newest = guardian.post(page)
    assert newest == f"{VERSION}/preview/newest"
    assert made.preview_sha256 in guardian.get(newest)
    assert "was given to you already" in words(guardian.get(page))


def test_a_breach_of_very_many_children_is_worked_out_apart(
    authority: Authority, asking: Callable[[Role], Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = asking(Role.IG_OFFICER)
    told = {"happened": "agreement", "agreement": AGREEMENT, "why": "a test", "asked": "known"}
    monkeypatch.setattr(deciding, "AT_ONCE", 10)
    for role in ("data_lead", "caldicott_guardian"):
        authority.approve(role)
    authority.run()
    affected, everything = (officer.post(path, **told) for path in ("/breach", "/breach/facts"))
    assert affected != everything
    for page, heading in ((affected, "Who is affected"), (everything, "<h1>Breach: ")):
        assert "What you asked for is ready" in over(authority.home, page, officer)
        assert heading in officer.post(page, 200)
    wrong = officer.post("/breach", 422, **told | {"day": "2030-01-01", "clock": "10:00"})
    assert "That moment has not come yet" in wrong


def test_what_was_answered_about_a_breach_that_was_stopped_can_be_sent_again(
    authority: Authority, asking: Callable[[Role], Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = asking(Role.IG_OFFICER)
    told = {"happened": "agreement", "agreement": AGREEMENT, "why": "a stick was lost", "asked": "known"}
    monkeypatch.setattr(deciding, "AT_ONCE", -1)  # no list went out yet
    for role in ("data_lead", "caldicott_guardian"):
        authority.approve(role)
    authority.run()
    register = authority.home.path / "reference" / "recipients.yaml"
    with held_up(authority.home):
        page = officer.post("/breach", **told)
        away = register.rename(register.with_suffix(".away"))
    errands.wait(authority.home, f"decision-{page.removeprefix('/deciding/')}")
    away.rename(register)
    stopped = over(authority.home, page, officer)
    assert "Nothing was recorded. " in words(stopped)
    assert "What you wrote is kept here for an hour" in words(stopped)
    assert b"a stick was lost" not in written(authority.home)
    again = sent_again(stopped)
    assert {name: value for name, value in again.items() if value} == told
    assert "What you asked for is ready" in over(authority.home, officer.post("/breach", **again), officer)


def test_what_nobody_fetches_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_MOST_BYTES", 10)
    monkeypatch.setattr(deciding, "_KEPT", OrderedDict())
    kept = [Kept(str(number), GUARDIAN, Act.SEE_BREACH, None, {}, "/breach") for number in range(4)]
    for one, content in zip(kept, (b"12345", b"", b"123456", b"a whole year's"), strict=True):
        deciding._keep(one)
        one.hear(content)
        assert one.key in deciding._KEPT
    assert list(deciding._KEPT) == ["1", "3"]


def test_what_could_not_be_shown_is_not_lost(
    authority: Authority, asking: Callable[[Role], Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = asking(Role.AUDITOR)
    page = auditor.post(f"{VERSION}/checks")
    over(authority.home, page, auditor)
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.console.pages.agreements._checked", lambda *_: 1 / 0)
        auditor.post(page, 500)
    assert "a stillbirth" in auditor.post(page, 200)


# --- as people see it ------------------------------------------------------------------------------


def test_each_of_its_pages_can_be_read_by_everybody(
    authority: Authority, screens: Callable[[Role], Screen]
) -> None:
    home, screen, key = authority.home, screens(Role.GUARDIAN), "0" * 32
    begun = errands.Errand(GUARDIAN, NOW, about=RELEASE)
    handed, over = replace(begun, handed=True), {"ended": NOW}
    signed = Kept(key, GUARDIAN, Act.DECIDE_RELEASE, None, {"note": NOTE}, RELEASE, ended=True)
    made = replace(signed, show=lambda visit, content: visit.to("/"), form={}, handed=b"it")
    (home.state / "console").mkdir(exist_ok=True)
    with errands._lock(home, f"decision-{key}").open("w") as lock:
        for says, is_held, errand, kept in (
            ("It has just begun", True, begun, None),
            ("25% of that is done", True, replace(handed, done=300, of=1200), None),
            ("It was broken off", False, begun, signed),
            (NOTE, False, replace(begun, **over, problem=("Nothing was recorded.", "Ask.")), signed),
            ("It is given once", False, replace(handed, **over), made),
            ("Ask for it again", False, replace(handed, **over), None),
        ):
            fcntl.flock(lock, fcntl.LOCK_EX if is_held else fcntl.LOCK_UN)
            errands._write(home, f"decision-{key}", errand)
            deciding._KEPT.pop(key, None)
            if kept:
                deciding._KEPT[key] = kept
            said = words(screen.open(f"/deciding/{key}").content())
            assert says in said
            assert f"About months › {MONTH} › release" in said
            screen.look_over()
    deciding._KEPT.clear()


# --- errands --------------------------------------------------------------------------------------


def test_who_only_looks_whether_one_is_under_way_keeps_none_from_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "lock").open("w") as looking, (tmp_path / "lock").open("w") as lock:
        fcntl.flock(looking, fcntl.LOCK_SH)
        flock = fcntl.flock

        def as_always(file: object, how: int) -> None:
            try:
                flock(file, how)  # type: ignore[arg-type]  # any file, as flock takes it
            finally:
                looking.close()  # it was looked

        monkeypatch.setattr(errands.fcntl, "flock", as_always)
        assert errands._taken(lock)
    with (tmp_path / "lock").open("w") as under_way, (tmp_path / "lock").open("w") as lock:
        flock(under_way, fcntl.LOCK_EX)
        assert not errands._taken(lock)


class Asked(Mapping[str, str]):
    """Secrets as Airflow gives them: each when it is asked for by its name alone."""

    def __getitem__(self, name: str) -> str:
        return {DATABASE_VARIABLE: "sqlite:////own.db"}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_a_process_has_the_database_of_its_own_home_and_no_other(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, "sqlite:////another.db")
    own = replace(authority.home, environment=Asked())
    assert errands._environment(own)[DATABASE_VARIABLE] == "sqlite:////own.db"
    assert DATABASE_VARIABLE not in errands._environment(replace(authority.home, environment={}))
