"""Places and witnesses around a real month: they never hold it up, and it never runs on an older record."""

from __future__ import annotations

import shutil
from pathlib import Path

from month_authority import MONTH, Authority, CommandLine
from pipeline.cli import run
from pipeline.errors import SettingsError
from pipeline.ledger.entries import Kind


def keep_at(authority: Authority, *folders: Path, made: bool = True) -> CommandLine:
    """The command line on the home with these places in its settings."""
    with (authority.home.path / "birthshare.toml").open("a") as settings:
        for folder in folders:
            if made:
                folder.mkdir()
            settings.write(f'\n[[ledger.places]]\nname = "{folder.name}"\nfolder = "{folder}"\n')
    return CommandLine(Authority(authority.demo, authority.reopened(), authority.received))


def test_a_closed_month_brings_its_checkpoint_out(authority: Authority, tmp_path: Path) -> None:
    birthshare = keep_at(authority, tmp_path / "guardian")
    state = birthshare.finish()
    [file] = (tmp_path / "guardian").iterdir()
    assert file.read_text() == state["checkpoint"]
    assert birthshare("ledger", "verify", "--json").json["kept"][1]["where"] == "guardian"


def test_places_that_cannot_be_reached_do_not_hold_up_a_month(authority: Authority, tmp_path: Path) -> None:
    birthshare = keep_at(authority, tmp_path / "gone", made=False)
    warnings = birthshare.finish()["warnings"]
    assert any(one.startswith("The place gone has not got the newest checkpoint") for one in warnings)
    (tmp_path / "gone").mkdir()
    assert birthshare("ledger", "check").code == 0
    assert len(list((tmp_path / "gone").iterdir())) == 1
    assert birthshare("status", str(MONTH), "--json").json["warnings"] == []


def test_no_month_runs_on_a_database_that_is_older_than_what_others_hold(
    authority: Authority, tmp_path: Path
) -> None:
    home = authority.home.path
    birthshare = keep_at(authority, tmp_path / "guardian")
    shutil.copytree(home, tmp_path / "backup")
    birthshare.finish()
    for name in ("state", "outbox"):
        shutil.rmtree(home / name)
        shutil.copytree(tmp_path / "backup" / name, home / name)
    sent = authority.files()
    answer = birthshare.run()
    assert answer.code == 4
    answer.says("its database is older than it was", "see guardian", "backups.md")
    verified = birthshare("ledger", "verify")
    assert verified.code == 4
    verified.says("its database is older than it was", "see guardian")
    assert authority.files() == sent
    assert authority.recorded(Kind.RELEASE_REQUESTED) == []


def test_two_organisations_with_nothing_but_files_between_them(
    authority: Authority, birthshare: CommandLine, tmp_path: Path
) -> None:
    """The commands as each of the two types them."""
    asked, answer, folder = tmp_path / "asked.txt", tmp_path / "answer.txt", tmp_path / "witness"

    def second(*arguments: str | Path) -> None:
        assert run(["ledger", "witness", *map(str, arguments)]) == 0

    second("init", folder, "--name", "council.example.org/witness")
    vkey = (folder / "witness.vkey").read_text().strip()
    second("trust", folder, birthshare("ledger", "key", "--json").json["verifier_key"])
    with (authority.home.path / "birthshare.toml").open("a") as settings:
        settings.write(f'\n[ledger]\nwitnesses = ["{vkey}"]\nwitnesses_needed = 1\n')
    size = birthshare("ledger", "check", "--json").json["checkpoint"]["size"]
    assert birthshare("ledger", "request", "--out", asked).code == 0
    second("sign", folder, asked, "--out", answer)
    taken = birthshare("ledger", "countersigned", answer, "--json").json
    assert [one["size"] for one in taken["countersigned"]] == [size]
    assert birthshare("ledger", "countersigned", answer, "--json").json == {"countersigned": []}
    [held] = folder.glob("logs/*/signed.txt")
    kept = birthshare("ledger", "verify", "--kept", held)
    assert kept.code == 0
    assert f"It fits the checkpoint of {size} entries from {held}." in " ".join(kept.out.split())


def test_mistakes_are_sentences(birthshare: CommandLine, authority: Authority, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("hello")
    no_witness = birthshare("ledger", "request")
    assert no_witness.code == SettingsError.exit_code
    no_witness.says("There is no witness in the settings")
    birthshare("ledger", "countersigned", note).says("no countersignature of a witness of ours")
    note.write_bytes(b"\xff" * 100_000)
    birthshare("ledger", "countersigned", note).says("not what it should be")
    with (authority.home.path / "birthshare.toml").open("a") as settings:
        settings.write('\n[ledger]\nwitnesses = ["a+00000000+AAAA"]\n')
    wrong = birthshare("ledger", "check")
    assert wrong.code == SettingsError.exit_code
    wrong.says("A witness's key is none", "ledger.witnesses")
    assert birthshare("status", str(MONTH)).code == 0
