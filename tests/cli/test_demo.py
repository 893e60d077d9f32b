"""`birthshare demo`: a whole authority in a folder, and where everything is in it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from month_authority import Answer

# As the design names them; others may be added.
KEYS = {
    "month",
    "received",
    "quarantined",
    "duplicates",
    "agreements",
    "recipients",
    "balanced",
    "ledger",
    "seconds",
}


def test_its_answer_has_the_agreed_keys(small: tuple[Path, Answer], state: Any) -> None:
    assert small[1].code == 0
    assert state.keys() >= KEYS
    [agreement] = state["agreements"].values()
    assert agreement.keys() >= {"shared", "held", "withheld", "reasons"}
    for recipient in state["recipients"]:
        assert recipient.keys() >= {"code", "agreement", "households", "file", "sha256", "state"}
    assert state["ledger"].keys() >= {"entries", "root", "verified"}


def test_every_birth_is_accounted_for_and_every_centre_served(state: Any) -> None:
    [agreement] = state["agreements"].values()
    assert state["received"] == 60
    counted = sum(agreement[name] for name in ("duplicates", "withheld", "held", "shared"))
    assert state["quarantined"] + counted == 60
    assert [row["state"] for row in state["recipients"]] == ["delivered"] * 3
    assert state["balanced"] is True
    assert state["ledger"]["verified"] is True


def test_in_json_nothing_else_is_said(small: tuple[Path, Answer]) -> None:
    assert small[1].err == ""


def test_it_leaves_the_answer_and_the_agreed_folders(small: tuple[Path, Answer], state: Any) -> None:
    folder = small[0]
    assert json.loads((folder / "demo.json").read_text()) == state
    assert {"home", "recipients", "supplier", "demo.json"} <= {path.name for path in folder.iterdir()}
    for row in state["recipients"]:
        received = folder / "recipients" / row["code"]
        assert (received / row["file"]).is_file()
        assert (received / "HOW-TO-OPEN.txt").is_file()


def test_the_password_that_a_centre_is_told_opens_its_list(small: tuple[Path, Answer], state: Any) -> None:
    row = next(row for row in state["recipients"] if row["file"].endswith(".xlsx"))
    received = small[0] / "recipients" / row["code"]
    [password] = re.findall(r"^ {4}(\S+)$", (received / "HOW-TO-OPEN.txt").read_text(), re.MULTILINE)
    assert len(_families(received / row["file"], password)) == row["households"] > 0


def test_the_commands_that_a_centre_is_told_open_its_list(small: tuple[Path, Answer], state: Any) -> None:
    row = next(row for row in state["recipients"] if row["file"].endswith(".gpg"))
    received = small[0] / "recipients" / row["code"]
    commands = re.findall(r"^ {4}(.+)$", (received / "HOW-TO-OPEN.txt").read_text(), re.MULTILINE)
    clean_up = 'gpgconf --homedir "$GNUPGHOME" --kill all'
    opened = subprocess.run(
        ["sh", "-e", "-c", "\n".join([*commands, clean_up])], cwd=received, capture_output=True, check=True
    )
    header, *families = opened.stdout.decode().splitlines()
    assert "address" in header
    assert len(families) == row["households"] > 0


def test_a_person_is_told_where_everything_is(say: Any, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    told = say("demo", "--dir", folder, "--births", "60", "--centres", "3")
    assert told.code == 0
    named = [Path(path) for path in re.findall(rf"^ +({re.escape(str(folder))}/\S+)", told.out, re.MULTILINE)]
    assert len(named) >= 8
    assert [path for path in named if not path.exists()] == []
    for words in ("received", "quarantined", "duplicates", "withheld", "held", "shared", "centre-03"):
        assert words in told.out

    (folder / "recipients" / "left-over").mkdir()
    again = say("demo", "--dir", folder, "--births", "60", "--centres", "3", "--json")
    assert again.json["state"] == "closed"
    assert not (folder / "recipients" / "left-over").exists()


def test_the_commands_to_try_work(say: Any, small: tuple[Path, Answer], state: Any) -> None:
    home = small[0] / "home"
    before = (home / "state" / "birthshare.db").read_bytes()
    assert say("status", state["month"], "--home", home).code == 0
    assert say("ledger", "verify", "--home", home).code == 0
    assert say("run", state["month"], "--home", home, "--json").json["state"] == "closed"
    assert (home / "state" / "birthshare.db").read_bytes() == before


def test_a_folder_with_other_things_is_left_as_it_is(say: Any, tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("my own notes")
    answer = say("demo", "--dir", tmp_path)
    assert answer.code == 2
    answer.says("not empty", "--dir")
    assert [path.name for path in tmp_path.iterdir()] == ["README.txt"]


def test_a_folder_that_only_pretends_to_be_a_demonstration_is_left_as_it_is(say: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    assert say("demo", "--dir", tmp_path, "--json").json["error"]["exit_code"] == 2
    assert (tmp_path / "thesis").is_dir()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--centres", "500"), ("--births", "-1"), ("--month", "October"), ("--month", "2099-01")],
)
def test_what_cannot_be_made_is_refused_in_words(say: Any, tmp_path: Path, option: str, value: str) -> None:
    answer = say("demo", "--dir", tmp_path / "demo", option, value)
    assert answer.code == 2
    answer.says("")
    assert len(answer.err.strip().splitlines()[-1]) > 20


def _families(file: Path, password: str) -> list[list[str]]:
    import io

    import msoffcrypto
    from python_calamine import CalamineWorkbook

    plain = io.BytesIO()
    with file.open("rb") as sealed:
        office = msoffcrypto.OfficeFile(sealed)
        office.load_key(password=password, verify_password=True)
        office.decrypt(plain, verify_integrity=True)
    plain.seek(0)
    return CalamineWorkbook.from_filelike(plain).get_sheet_by_name("Families").to_python()[1:]
