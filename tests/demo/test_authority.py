"""The authority that is laid out is whole: its home opens, its agreement stands, its keys are private."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.agreements.loading import Loaded, load_all, read_agreement, standing
from pipeline.delivery.push import look
from pipeline.delivery.sftp import Endpoint
from pipeline.demo.authority import APPROVERS, TEMPLATE, Demonstration, make_authority, sftp_places
from pipeline.demo.cases import expectations
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.encryption.sealing import seal_openpgp
from pipeline.encryption.signing import note_verifier, sign_ssh, verify_ssh
from pipeline.errors import SettingsError
from pipeline.geography.compiling import build_reach
from pipeline.home import Home
from pipeline.intake.arrivals import find_arrivals
from pipeline.records import Month


@pytest.fixture(scope="module")
def home(made: Demonstration) -> Home:
    return Home.open(made.home)


def load(home: Home, at: datetime) -> list[Loaded]:
    return load_all(
        home.agreements,
        allowed_signers=home.allowed_signers,
        approvers=home.settings.approvers,
        at=at,
    )


def lay_out(folder: Path, *, births: int = 10, centres: int = 2) -> Demonstration:
    return make_authority(
        folder, month=Month.parse("2026-02"), births=births, centres=centres, seed=1,
        now=datetime.fromisoformat("2026-03-03T09:00:00+00:00"),
        host="127.0.0.1", port=1, host_key="ssh-ed25519 A",
    )  # fmt: skip


def test_every_key_file_is_its_owners_alone(made: Demonstration) -> None:
    keys = [made.home / "keys", *(made.home / "keys").rglob("*")]
    modes = {str(path.relative_to(made.home)): path.stat().st_mode & 0o777 for path in keys}
    assert {
        name for name, mode in modes.items() if mode != (0o700 if (made.home / name).is_dir() else 0o600)
    } == set()
    assert {path.stat().st_mode & 0o777 for path in made.approver_keys.values()} == {0o600}


def test_the_home_has_each_secret(home: Home) -> None:
    for name in ("subject.key", "staging.key", "ledger.key"):
        assert len(home.secret(name)) == 32, name
    assert len({home.secret(name) for name in ("subject.key", "staging.key", "ledger.key")}) == 3
    assert note_verifier("demonstration", home.secret("ledger.key"))
    assert (
        home.private_file("keys/decryption.key")
        .read_bytes()
        .startswith(b"-----BEGIN PGP PRIVATE KEY BLOCK-----")
    )


def test_the_home_is_marked_as_a_demonstration(home: Home) -> None:
    assert home.settings.authority.demonstration
    assert "demonstration" in home.settings.authority.name


def test_the_agreement_stands_now_but_not_for_ever(home: Home, now: datetime) -> None:
    (stands,), refused = standing(load(home, now))
    assert refused == {}
    assert {signature.role for signature in stands.signatures} == set(APPROVERS)
    assert stands.agreement.cohort.residents_of == (home.settings.authority.code,)
    assert standing(load(home, now + timedelta(days=365)))[0] == []
    assert standing(load(home, now - timedelta(days=365)))[0] == []


def test_one_changed_letter_undoes_every_signature(
    made: Demonstration, now: datetime, tmp_path: Path
) -> None:
    shutil.copytree(made.home, tmp_path / "home")
    file = tmp_path / "home" / "agreements" / TEMPLATE.name
    file.write_text(file.read_text().replace("retention_days: 90", "retention_days: 91"))
    assert standing(load(Home.open(tmp_path / "home"), now))[0] == []


def test_nothing_in_the_agreement_is_left_to_replace(made: Demonstration) -> None:
    text = (made.home / "agreements" / TEMPLATE.name).read_text()
    assert "E06999999" not in text
    assert "# REPLACE" not in text


def test_the_template_says_what_was_agreed() -> None:
    agreement, _ = read_agreement(TEMPLATE)
    assert set(agreement.fields) == {"child_name", "parent_name", "address", "date_of_birth"}
    assert agreement.confidentiality.permission == "consent"
    assert agreement.confidentiality.scope == "childrens_centre"
    assert agreement.retention_days == 90
    assert any("not visit" in line for line in agreement.use.forbidden)
    assert set(agreement.approvers) == set(APPROVERS)


def test_approvers_can_approve_a_release_each_with_their_own_key(
    made: Demonstration, home: Home, now: datetime
) -> None:
    assert {
        role: person.principal for person in home.settings.approvers for role in person.roles
    } == APPROVERS
    for role, principal in APPROVERS.items():
        signature = sign_ssh(b"pack", private_key=made.approver_keys[role], namespace="release@birthshare")
        signer = verify_ssh(
            b"pack", signature, allowed_signers=home.allowed_signers, namespace="release@birthshare", at=now
        )
        assert signer == principal


def test_the_extract_lies_in_the_inbox(made: Demonstration, home: Home) -> None:
    assert find_arrivals(home, "chis", made.month) == [made.sealed]


def test_the_supplier_keeps_what_it_sealed_and_what_to_expect(made: Demonstration) -> None:
    rows = list(csv.DictReader(io.StringIO(made.extract.read_text(encoding="utf-8"), newline="")))
    assert len(rows) == 250
    cases = list(csv.DictReader((made.folder / "supplier" / "hard_cases.csv").open(encoding="utf-8")))
    assert [(case["record_id"], case["expected"]) for case in cases] == expectations()
    assert {case["record_id"] for case in cases} <= {row["record_id"] for row in rows}


def test_reach_areas_name_the_centres_and_fit_the_directory(
    made: Demonstration, home: Home, tmp_path: Path
) -> None:
    reference = made.home / "reference"
    build_reach(
        [reference / "reach_areas.csv"],
        reference / "postcodes.sqlite",
        tmp_path / "r",
        on=made.month.last_day,
    )
    lines = list(csv.DictReader((reference / "reach_areas.csv").open()))
    assert {line["recipient"] for line in lines} == set(home.recipients()) == set(made.centres)
    (stands,), _ = standing(load(home, datetime.fromisoformat("2026-03-03T09:00:00+00:00")))
    assert {line["network"] for line in lines} == {stands.agreement.recipients.network}


def test_every_centre_can_be_reached_with_the_delivery_key(home: Home) -> None:
    for recipient in home.recipients().values():
        endpoint = Endpoint(
            host=recipient.host, port=recipient.port, user=recipient.user, folder=recipient.folder,
            host_key=recipient.host_key, private_key=home.at(home.settings.delivery.private_key),
            timeout_seconds=10,
        )  # fmt: skip
        assert look(endpoint, "nothing-yet.xlsx") is None
        assert look(endpoint, "HOW-TO-OPEN.txt") is not None


def test_most_centres_have_a_password_and_two_a_key(home: Home) -> None:
    ways = [recipient.format for recipient in home.recipients().values()]
    assert ways == ["workbook", "workbook", "csv", "csv"]
    passwords = [home.at(r.key).read_text() for r in home.recipients().values() if r.format == "workbook"]
    assert len(set(passwords)) == len(passwords)


def test_a_centre_finds_its_password(made: Demonstration, home: Home) -> None:
    for code, recipient in home.recipients().items():
        if recipient.format == "workbook":
            assert (
                home.at(recipient.key).read_text() in (made.recipient(code) / "HOW-TO-OPEN.txt").read_text()
            )


def test_a_centre_opens_its_csv_by_the_commands_it_finds(made: Demonstration, home: Home) -> None:
    recipient = home.recipients()["centre-04"]
    folder = made.recipient("centre-04")
    sealed = folder / "list.csv.gpg"
    sealed.write_bytes(seal_openpgp(b"a list", home.at(recipient.key)))
    text = (folder / "HOW-TO-OPEN.txt").read_text()
    commands = "\n".join(line.strip() for line in text.splitlines() if line.startswith("    "))
    try:
        with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as short:
            done = subprocess.run(
                ["sh", "-ec", f"{commands}\ngpgconf --kill all"],
                cwd=folder, env={"PATH": os.environ["PATH"], "TMPDIR": short},
                capture_output=True, check=True,
            )  # fmt: skip
    finally:
        sealed.unlink()
    assert done.stdout == b"a list"


def test_no_folder_is_laid_out_twice(made: Demonstration) -> None:
    with pytest.raises(SettingsError, match="already holds"):
        lay_out(made.folder)


@pytest.mark.parametrize("wanted", [{"centres": 1}, {"centres": 61}, {"births": -1}])
def test_numbers_that_cannot_be_are_refused_before_anything_is_made(
    tmp_path: Path, wanted: dict[str, int]
) -> None:
    with pytest.raises(SettingsError):
        lay_out(tmp_path / "d", **wanted)
    assert not (tmp_path / "d").exists()


def test_the_most_centres_have_different_names(tmp_path: Path) -> None:
    made = lay_out(tmp_path / "d", centres=60)
    names = {recipient.name for recipient in Home.open(made.home).recipients().values()}
    assert len(names) == 60


def test_a_month_without_births_can_be_laid_out(tmp_path: Path) -> None:
    made = lay_out(tmp_path / "d", births=0)
    assert len(made.extract.read_text().splitlines()) == 1


def test_the_server_finds_the_accounts_where_they_are_laid_out(made: Demonstration) -> None:
    server = DemonstrationSftp(**sftp_places(made.folder))
    assert [server.folder_of(code) for code in made.centres] == [
        made.recipient(code) for code in made.centres
    ]
