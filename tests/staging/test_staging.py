"""Working files are unreadable without the month's key, survive a failure, and end with the month."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.staging import Staging, WrappingKey
from preview.past import new_home

MONTH = "2026-10"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def staging(home: Home) -> Staging:
    """The month's working files, none yet."""
    return of(home)


def of(home: Home, month: str = MONTH) -> Staging:
    return Staging(home.state / "working", month, WrappingKey(home))


def mode_of(file: Path) -> int:
    """The permission bits of a file or folder."""
    return stat.S_IMODE(file.stat().st_mode)


def test_what_was_put_is_there_for_the_next_run(staging: Staging, home: Home) -> None:
    staging.put("births", b"first")
    staging.put("births", b"second")
    staging.put("list-NE-01.xlsx", b"")
    again = of(home)
    assert again.get("births") == b"second"
    assert again.get("list-NE-01.xlsx") == b""
    assert again.names() == ["births", "list-NE-01.xlsx"]
    assert again.has("births")
    assert not again.has("decisions")


def test_looking_makes_nothing(staging: Staging) -> None:
    assert staging.names() == []
    assert not staging.has("births")
    with pytest.raises(IntegrityError, match=r"not there \(2026-10/births\)"):
        staging.get("births")
    assert not staging.folder.exists()


def test_only_this_account_can_reach_the_files(staging: Staging) -> None:
    staging.put("births", b"content")
    assert mode_of(staging.folder) == 0o700
    assert mode_of(staging.folder / "month.key") == 0o400
    assert mode_of(staging.folder / "births.sealed") == 0o600


def test_nothing_on_disk_can_be_read(staging: Staging) -> None:
    staging.put_frame("births", pd.DataFrame({"family_name": ["Wollstonecraft"] * 50}))
    for file in staging.folder.iterdir():
        assert b"Wollstonecraft" not in file.read_bytes()
        assert b"family_name" not in file.read_bytes()
    assert "Wollstonecraft" not in repr(staging)


def test_a_frame_comes_back_in_its_types(staging: Staging) -> None:
    frame = pd.DataFrame(
        {
            "reference": pd.array([7, 9], dtype="int64"),
            "given_name": pd.array(["", "Zo\u00eb"], dtype="str"),
            "number_of_births": pd.array([0, 2], dtype="int16"),
            "outcome": pd.array([0, 2], dtype="int8"),
            "hospital": pd.array([True, False], dtype="bool"),
            "date_of_birth": np.array(["2026-10-03", "NaT"], dtype="datetime64[s]"),
        }
    )
    staging.put_frame("births", frame)
    pd.testing.assert_frame_equal(staging.frame("births"), frame)
    staging.put_frame("none", frame.iloc[:0])
    pd.testing.assert_frame_equal(staging.frame("none"), frame.iloc[:0])


def test_rows_are_numbered_anew(staging: Staging) -> None:
    staging.put_frame("births", pd.DataFrame({"reference": [1, 2, 3]}).iloc[1:])
    assert staging.frame("births").index.tolist() == [0, 1]


def test_another_wrapping_key_opens_nothing(staging: Staging, home: Home) -> None:
    staging.put("births", b"content")
    file = home.path / "keys" / "staging.key"
    ours = file.read_bytes()
    file.write_bytes(at_rest.new_key())
    for use in (lambda: staging.get("births"), lambda: staging.put("births", b"x")):
        with pytest.raises(IntegrityError, match="wrapped key"):
            use()
    file.write_bytes(ours)
    assert staging.get("births") == b"content"


def test_an_altered_exchanged_or_moved_file_is_found_out(staging: Staging) -> None:
    staging.put("births", b"content")
    staging.put("decisions", b"other content")
    births, decisions = (staging.folder / f"{name}.sealed" for name in ("births", "decisions"))
    births_bytes, decisions_bytes = births.read_bytes(), decisions.read_bytes()
    for altered in (decisions_bytes, births_bytes[:-1], births_bytes + b"\0", b""):
        births.write_bytes(altered)
        with pytest.raises(IntegrityError, match=r"2026-10/births"):
            staging.get("births")


def test_a_whole_month_moved_to_another_is_found_out(staging: Staging, home: Home) -> None:
    staging.put("births", b"content")
    staging.folder.rename(staging.folder.with_name("2026-11"))
    with pytest.raises(IntegrityError):
        of(home, "2026-11").get("births")


def test_destroyed_means_destroyed(staging: Staging) -> None:
    staging.put("births", b"content")
    staging.destroy()
    assert not staging.folder.exists()
    assert staging.names() == []
    staging.destroy()


def test_a_key_for_a_purpose_lasts_as_long_as_the_files_and_no_longer(staging: Staging, home: Home) -> None:
    first = staging.key_for("rows")
    with WrappingKey(home).replaced():
        pass
    assert of(home).key_for("rows") == first
    assert len({first, staging.key_for("codes"), of(home, "2026-11").key_for("rows")}) == 3
    staging.destroy()
    assert of(home).key_for("rows") != first


def test_destroying_begins_with_the_key(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short after the first file, nothing can be read any more, and a second call completes it."""
    staging.put("births", b"content")
    staging.put("decisions", b"content")
    removed: list[str] = []
    unlink = Path.unlink

    def power_cut_after_one(file: Path, missing_ok: bool = False) -> None:
        if file.parent == staging.folder:
            if removed:
                raise KeyboardInterrupt
            removed.append(file.name)
        unlink(file, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", power_cut_after_one)
        with pytest.raises(KeyboardInterrupt):
            staging.destroy()
    assert removed == ["month.key"]
    assert not staging.has("births")
    with pytest.raises(IntegrityError, match="not there"):
        staging.get("births")
    staging.destroy()
    assert not staging.folder.exists()


def test_a_new_key_never_stands_beside_files_of_a_destroyed_one(staging: Staging) -> None:
    staging.put("births", b"content")
    (staging.folder / "month.key").unlink()
    staging.put("decisions", b"content")
    assert staging.names() == ["decisions"]


def test_a_write_that_fails_leaves_what_was_there(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    staging.put("births", b"before")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space"):
            staging.put("births", b"after")
    assert staging.get("births") == b"before"
    assert sorted(file.name for file in staging.folder.iterdir()) == ["births.sealed", "month.key"]


def test_two_runs_that_start_at_once_share_one_key(home: Home) -> None:
    stagings = [of(home) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: pair[1].put(f"part-{pair[0]}", b"content"), enumerate(stagings)))
    assert [stagings[0].get(f"part-{number}") for number in range(8)] == [b"content"] * 8


@pytest.mark.parametrize("name", ["", ".", "..", "../births", "a/b", ".hidden", "a b", "births\n", "x" * 200])
def test_a_name_cannot_lead_elsewhere(name: str, staging: Staging) -> None:
    for use in (staging.get, staging.has, lambda name: staging.put(name, b"")):
        with pytest.raises(SettingsError, match="name may hold only"):
            use(name)


@pytest.mark.parametrize("month", ["2026-13", "../2026-10", "2026-10\n", ""])
def test_a_month_cannot_lead_elsewhere(month: str, home: Home) -> None:
    with pytest.raises(SettingsError, match="not a month"):
        of(home, month)
