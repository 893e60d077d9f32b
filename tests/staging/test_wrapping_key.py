"""The key that all months' keys are wrapped under is replaced whenever something was destroyed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.staging import Staging, WrappingKey
from preview.past import new_home

KEPT = ("2026-08", "2026-09")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one open month, and two months of which something is kept."""
    home = new_home(tmp_path / "home")
    working(home, "2026-10").put("births", b"of October")
    for month in KEPT:
        kept(home, month).put("births", month.encode())
    return home


def working(home: Home, month: str) -> Staging:
    return Staging(home.state / "working", month, WrappingKey(home))


def kept(home: Home, month: str) -> Staging:
    return Staging(home.state / "kept" / "welcome-card", month, WrappingKey(home))


def wrapping(home: Home) -> bytes:
    return (home.path / "keys" / "staging.key").read_bytes()


def files_under_keys(home: Home) -> set[str]:
    return {file.name for file in (home.path / "keys").iterdir() if "staging" in file.name}


def die_after(step: int, patch: pytest.MonkeyPatch) -> None:
    """Let so many files be removed or renamed, and no more."""
    done: list[str] = []

    def mortal(method: str) -> None:
        real = getattr(Path, method)

        def lives_or_dies(file: Path, *args: Any, **kwargs: Any) -> Any:
            if len(done) == step:
                raise KeyboardInterrupt
            done.append(method)
            return real(file, *args, **kwargs)

        patch.setattr(Path, method, lives_or_dies)

    for method in ("unlink", "replace", "rmdir"):
        mortal(method)


def test_a_destroyed_months_old_key_does_not_open_under_the_new_one(home: Home) -> None:
    copied = (home.state / "working" / "2026-10" / "month.key").read_bytes()
    before = wrapping(home)
    assert at_rest.unwrap(copied, before)
    working(home, "2026-10").destroy()
    with pytest.raises(IntegrityError, match="wrapped key"):
        at_rest.unwrap(copied, wrapping(home))
    assert files_under_keys(home) == {"staging.key"}


def test_everything_else_opens_as_before(home: Home) -> None:
    working(home, "2026-11").put("births", b"of November")
    working(home, "2026-10").destroy()
    assert [kept(home, month).get("births") for month in KEPT] == [month.encode() for month in KEPT]
    assert working(home, "2026-11").get("births") == b"of November"


def test_a_copy_of_another_months_key_from_before_does_not_open_either(home: Home) -> None:
    copied = (kept(home, "2026-08").folder / "month.key").read_bytes()
    working(home, "2026-10").destroy()
    with pytest.raises(IntegrityError):
        at_rest.unwrap(copied, wrapping(home))


@pytest.mark.parametrize("step", range(10))
def test_cut_short_anywhere_nothing_is_lost_and_the_next_time_ends_it(
    home: Home, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every removal and renaming is a step; what was to stay opens after each, with no repair."""
    before = wrapping(home)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        die_after(step, patch)
        working(home, "2026-10").destroy()
    assert [kept(home, month).get("births") for month in KEPT] == [month.encode() for month in KEPT]
    working(home, "2026-10").destroy()
    assert [kept(home, month).get("births") for month in KEPT] == [month.encode() for month in KEPT]
    assert not (home.state / "working" / "2026-10").exists()
    assert files_under_keys(home) == {"staging.key"}
    assert wrapping(home) != before


def test_a_key_of_a_backup_is_found_and_does_not_stop_anything(home: Home) -> None:
    """An old month's folder that somebody put back: its key was wrapped under a key that is gone."""
    old = working(home, "2026-10")
    copied = {file.name: file.read_bytes() for file in old.folder.iterdir()}
    old.destroy()
    old.folder.mkdir()
    for name, content in copied.items():
        (old.folder / name).write_bytes(content)
    assert WrappingKey(home).strange() == [old.folder / "month.key"]
    with pytest.raises(IntegrityError, match="wrapped key"):
        old.get("births")
    kept(home, "2026-08").destroy()
    assert kept(home, "2026-09").get("births") == b"2026-09"
    old.destroy()
    assert WrappingKey(home).strange() == []


def test_two_that_destroy_at_once_and_one_that_writes_do_not_disturb_one_another(home: Home) -> None:
    copies = {month: (kept(home, month).folder / "month.key").read_bytes() for month in KEPT}

    def write(number: int) -> None:
        working(home, f"2027-{number:02}").put("births", b"new")

    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(kept(home, month).destroy) for month in KEPT]
        waiting += [pool.submit(write, number) for number in range(1, 5)]
        for one in waiting:
            one.result()
    assert [working(home, f"2027-{number:02}").get("births") for number in range(1, 5)] == [b"new"] * 4
    assert working(home, "2026-10").get("births") == b"of October"
    for copied in copies.values():
        with pytest.raises(IntegrityError):
            at_rest.unwrap(copied, wrapping(home))


def test_without_the_wrapping_key_nothing_is_begun_and_nothing_is_kept(home: Home) -> None:
    (home.path / "keys" / "staging.key").unlink()
    for refused in (WrappingKey(home).check, lambda: working(home, "2026-10").put("x", b"")):
        with pytest.raises(SettingsError, match="missing"):
            refused()


def test_where_the_wrapping_key_is_not_nothing_is_destroyed_and_no_other_key_is_made(home: Home) -> None:
    """It is on another machine, which could read nothing any more under another one."""
    (home.path / "keys" / "staging.key").unlink()
    with pytest.raises(SettingsError, match="missing"):
        working(home, "2026-10").destroy()
    with pytest.raises(SettingsError, match="missing"):
        kept(home, KEPT[0]).destroy()
    assert files_under_keys(home) == set()
    assert working(home, "2026-10").has("births")
