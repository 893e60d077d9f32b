"""Keys and recipients come to their end on a day that was told of before, and then get nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from month_authority import NOW, Authority, CommandLine
from pipeline.agreed import LONDON
from pipeline.demo.keys import make_openpgp_key
from pipeline.encryption import gnupg, public_keys
from pipeline.encryption.public_keys import expires, fingerprint
from pipeline.recipients import register
from register.signing import FIRST, SECOND, WITH_KEY, why_not

DONE, NOT_ALL_DELIVERED, WAITING = 0, 5, 6
TODAY = NOW.astimezone(LONDON).date()


def in_days(days: int) -> str:
    return str(TODAY + timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "words"),  # "" where nothing is told yet
    [
        (91, ""),
        (90, "In time: "),
        (31, "In time: "),
        (30, "Soon: "),
        (8, "Soon: "),
        (7, "Now: "),
        (0, "Now: "),
    ],
)
def test_the_end_of_a_password_is_told_90_30_and_7_days_before(
    authority: Authority, days: int, words: str
) -> None:
    authority.change_recipient(FIRST, key_until=in_days(days))
    told = [one for one in register.warnings(authority.home, TODAY) if FIRST in one]
    assert [one.split(FIRST)[0] for one in told] == ([f"{words}the key or password of "] if words else [])
    assert why_not(authority, FIRST) == ""  # good until the end of its last day


def test_status_and_doctor_tell_of_it(authority: Authority, birthshare: CommandLine) -> None:
    authority.change_recipient(FIRST, key_until=in_days(20))
    asked = birthshare.run()
    told = f"the key or password of {FIRST} is good until"
    assert any(told in words for words in birthshare("status", "--json").json["warnings"]), asked.err
    assert told in birthshare("doctor").err
    assert told in birthshare("recipients", "list").err


def test_after_its_last_day_a_recipient_waits_alone(authority: Authority, birthshare: CommandLine) -> None:
    authority.change_recipient(FIRST, key_until=in_days(-1))
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    stopped = birthshare.run()
    assert stopped.code == NOT_ALL_DELIVERED
    stopped.says(FIRST, f"was good until {in_days(-1)}", f"birthshare recipients password {FIRST}")
    states = {row["code"]: row["state"] for row in stopped.json["recipients"]}
    assert [code for code, state in states.items() if state != "delivered"] == [FIRST]


def test_before_its_first_and_after_its_last_day_a_recipient_has_no_list(authority: Authority) -> None:
    for change, words in (
        ({"starts": in_days(1)}, "before"),
        ({"starts": in_days(0), "ends": in_days(0)}, ""),
        ({"starts": None, "ends": in_days(-1)}, "after"),
    ):
        authority.change_recipient(FIRST, **change)
        assert words in why_not(authority, FIRST)
        assert bool(why_not(authority, FIRST)) == bool(words)
        assert why_not(authority, SECOND) == ""


# --- what an OpenPGP key says of itself -----------------------------------------------------------


def put_key(authority: Authority, folder: Path, *, expiring: str) -> Path:
    made = make_openpgp_key(folder, "recipient", expires=expiring)
    key = authority.home.at(f"keys/recipients/{WITH_KEY}.asc")
    key.write_bytes(made.public.read_bytes())
    return key


def test_an_openpgp_key_tells_its_end_itself(authority: Authority, tmp_path: Path) -> None:
    put_key(authority, tmp_path / "soon", expiring="20d")
    [told] = [one for one in register.warnings(authority.home, TODAY) if WITH_KEY in one]
    assert told.startswith("Soon: ")
    put_key(authority, tmp_path / "late", expiring="2y")
    assert register.warnings(authority.home, TODAY) == []
    authority.change_recipient(WITH_KEY, key_until=in_days(3))  # what was agreed may be less than it says
    [told] = register.warnings(authority.home, TODAY)
    assert told.startswith("Now: ")


def test_what_encrypts_may_end_before_the_key_itself(tmp_path: Path) -> None:
    with gnupg.temporary_home() as home:
        no_passphrase = ("--pinentry-mode", "loopback", "--passphrase", "")
        gnupg.run(home, *no_passphrase, "--quick-generate-key", "somebody", "ed25519", "default", "2y")
        listed = gnupg.run(home, "--with-colons", "--list-keys").output.decode()
        [primary] = [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr")]
        gnupg.run(home, *no_passphrase, "--quick-add-key", primary, "cv25519", "encr", "10d")
        key = tmp_path / "key.asc"
        key.write_bytes(gnupg.run(home, "--armor", "--export").output)
    end = expires(key)
    assert end is not None
    assert timedelta(days=9) < end - NOW < timedelta(days=11)
    assert fingerprint(key) == primary


def test_a_key_without_end_and_what_is_no_key_have_none(tmp_path: Path) -> None:
    made = make_openpgp_key(tmp_path, "for-ever", expires="never")
    assert expires(made.public) is None
    (tmp_path / "text").write_text("no key")
    assert (expires(tmp_path / "text"), fingerprint(tmp_path / "text")) == (None, "")


def test_what_is_said_of_a_key_is_of_the_bytes_that_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes the file while it is looked at must not have one key's fingerprint said of another."""
    one, other = (make_openpgp_key(tmp_path, name) for name in ("one", "other"))
    file = tmp_path / "key.asc"
    file.write_bytes(one.public.read_bytes())
    run = public_keys.run

    def swapped(*arguments: Any, **options: Any) -> Any:
        file.write_bytes(other.public.read_bytes())
        return run(*arguments, **options)

    monkeypatch.setattr(public_keys, "run", swapped)
    assert fingerprint(file) == one.fingerprint
