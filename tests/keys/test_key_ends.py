"""Nobody learns that a key has ended by something that stops: it is told of 90, 30 and 7 days before."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from pipeline import doctor, key_ends
from pipeline.demo.keys import OpenPgpKey, make_openpgp_key
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.key_ends import KeyEnd

PERSON = "caldicott.guardian@example.org"
LINE = '{principal} namespaces="release@birthshare"{until} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFAKEFAKE\n'


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> OpenPgpKey:
    """A key that ends twenty days from now."""
    return make_openpgp_key(tmp_path_factory.mktemp("keys"), "short", expires="20d")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    make_home(tmp_path / "home")
    return Home.open(tmp_path / "home")


TODAY = date.today()  # gpg dates keys by the machine's clock


def lay(home: Home, file: str, content: bytes) -> None:
    target = home.at(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o600)


def test_a_suppliers_key_that_ends_is_told_of(home: Home, short: OpenPgpKey) -> None:
    lay(home, "keys/suppliers/chis.asc", short.public.read_bytes())
    [end] = key_ends.endings(home, TODAY)
    assert (end.whose, end.name) == ("supplier", "chis")
    assert timedelta(18) <= end.day - TODAY <= timedelta(20), "its last day may begin and not end"
    [words] = key_ends.warnings(home, TODAY)
    assert words.startswith("Soon: the key of chis is good until ")
    assert "ask it for its new key" in words


@pytest.mark.parametrize("file", key_ends.OURS, ids=["public half", "private key"])
def test_the_authoritys_own_key_too_on_machines_that_have_either_half(
    home: Home, short: OpenPgpKey, file: str
) -> None:
    lay(home, file, (short.public if file.endswith(".asc") else short.private).read_bytes())
    [end] = key_ends.endings(home, TODAY)
    assert (end.whose, end.name) == ("authority", file)
    assert "infra/runbooks/keys.md" in end.words(TODAY)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([""], None),
        ([',valid-before="20261201"'], date(2026, 11, 30)),
        ([',valid-before="20261201120000Z"'], date(2026, 11, 30)),
        ([',valid-before="20261001"', ',valid-before="20261210"'], date(2026, 12, 9)),
        ([',valid-before="20261201"', ""], None),
        ([',valid-before="20270401"'], None),
    ],
    ids=["no end", "one", "to the second", "the newest counts", "a new one without end", "far away"],
)
def test_an_approvers_key_ends_with_the_newest_of_their_lines(
    home: Home, lines: list[str], told: date | None
) -> None:
    text = "".join(LINE.format(principal=PERSON, until=until) for until in lines)
    lay(home, "keys/approvers/allowed_signers", f"# who may sign\n{text}".encode())
    found = [one for one in key_ends.endings(home, date(2026, 11, 22)) if one.whose == "approver"]
    assert found == ([KeyEnd("approver", PERSON, told)] if told else [])


@pytest.mark.parametrize(
    ("left", "begins"),
    [(-1, "Now: the key of chis was good until"), (7, "Now:"), (30, "Soon:"), (90, "In time:")],
)
def test_it_is_said_more_urgently_as_the_day_comes(left: int, begins: str) -> None:
    today = date(2026, 11, 22)
    assert KeyEnd("supplier", "chis", today + timedelta(left)).words(today).startswith(begins)


def test_what_is_no_key_is_for_the_doctor_and_ends_nowhere(home: Home) -> None:
    lay(home, "keys/suppliers/chis.asc", b"no key")
    assert key_ends.endings(home, TODAY) == []


def test_the_doctor_and_so_status_and_the_nightly_check_say_it(home: Home, short: OpenPgpKey) -> None:
    from datetime import UTC, datetime

    lay(home, "keys/suppliers/chis.asc", short.public.read_bytes())
    assert any("the key of chis" in one for one in doctor.warnings(home, datetime.now(UTC)))
