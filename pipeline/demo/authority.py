"""Laying out the demonstration's authority: its home, its supplier, its approvers, its centres.

    D/home/            the authority's home, as `birthshare init` would begin it and people would fill it
    D/supplier/        the trust's side: its keys, and the extract before it is sealed
    D/approvers/       the private keys that only the approvers would have
    D/recipients/      one folder for each centre: what its SFTP account received, and how to open it
    D/sftp/            the host key of the server that stands for all centres' servers

Every key is real and made afresh; every family is invented.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict

import pandas as pd
import yaml

from pipeline.agreements.loading import NAMESPACE as AGREEMENT
from pipeline.agreements.loading import read_agreement
from pipeline.contract import load_contract
from pipeline.demo.births import as_csv, check_births, synthetic_extract
from pipeline.demo.case import hospital_postcode
from pipeline.demo.cases import CASES
from pipeline.demo.keys import OpenPgpKey, make_openpgp_key, make_ssh_key, seal_as_supplier, write_secret
from pipeline.demo.places import AUTHORITY, SAMPLE, centre_codes, reach_areas, sample_postcodes
from pipeline.encryption.at_rest import new_key
from pipeline.encryption.sealing import new_password
from pipeline.encryption.signing import new_note_key, sign_ssh
from pipeline.errors import SettingsError
from pipeline.facts import opened_ledger
from pipeline.geography.areas import HEADER
from pipeline.geography.building import build_directory
from pipeline.home import SETTINGS_FILE, Home
from pipeline.recipients.register import NAMESPACE as REGISTER
from pipeline.recipients.register import heard, in_force, present_text, signature_file, write_statement
from pipeline.records import TEMPLATES, Month
from pipeline.signers import line_for

SUPPLIER = "chis"
AUTHORITY_NAME = "Sampleton Council (demonstration)"
TEMPLATE = TEMPLATES / "welcome-card-first-visit.v1.yaml"

# Who holds which role. Addresses of roles, not of persons.
APPROVERS = {
    "caldicott_guardian": "caldicott.guardian@example.org",
    "data_protection_officer": "data.protection@example.org",
    "data_lead": "data.lead@example.org",
}

# Who may use the console, by their login in Airflow, and in which roles.
PEOPLE = {
    "data_lead": (APPROVERS["data_lead"], ("data_lead", "approver")),
    "data_protection_officer": (APPROVERS["data_protection_officer"], ("ig_officer",)),
    "caldicott_guardian": (APPROVERS["caldicott_guardian"], ("caldicott_guardian", "approver")),
    "auditor": ("auditor@example.org", ("auditor",)),
}

_BIRDS = (
    "Kingfisher", "Wagtail", "Nuthatch", "Goldcrest", "Lapwing", "Redstart", "Dunnock", "Siskin", "Linnet",
    "Curlew", "Skylark", "Chaffinch", "Fieldfare", "Whinchat", "Stonechat", "Bullfinch", "Moorhen", "Bittern",
    "Plover", "Treecreeper",
)  # fmt: skip
_HOUSES = ("House", "Lodge", "Court")


@dataclass(frozen=True)
class Demonstration:
    """Where everything of one demonstration is."""

    folder: Path
    home: Path
    month: Month
    extract: Path  # before sealing
    sealed: Path  # in the authority's inbox
    approver_keys: Mapping[str, Path]  # private SSH key of each approver, by role
    centres: tuple[str, ...]  # codes

    def recipient(self, code: str) -> Path:
        """What a centre's SFTP account received."""
        return self.folder / "recipients" / code


class SftpPlaces(TypedDict):
    """Arguments of `pipeline.demo.sftp.DemonstrationSftp`."""

    root: Path
    authorised_key: Path
    host_key_file: Path


def sftp_places(folder: Path) -> SftpPlaces:
    """What `pipeline.demo.sftp.DemonstrationSftp` needs to serve the demonstration in `folder`."""
    return {
        "root": folder / "recipients",
        "authorised_key": folder / "home" / "keys" / "delivery.key.pub",
        "host_key_file": folder / "sftp" / "host_key",
    }


def make_authority(
    folder: Path,
    *,
    month: Month,
    births: int,
    centres: int,
    seed: int,
    now: datetime,
    host: str,
    port: int,
    host_key: str,
) -> Demonstration:
    """Lay out a whole authority in `folder`, ready to run `month`; every centre's server is the given one.

    The agreement is in force at `now`. The births are the same for the same seed, month and number;
    keys and passwords never are. Raises SettingsError where `folder` already holds a demonstration,
    for a number of births or centres that cannot be, and where gpg or ssh-keygen is missing.
    """
    check_births(births)
    codes = centre_codes(centres)
    home = folder / "home"
    if home.exists():
        raise SettingsError(
            "This folder already holds a demonstration", where=str(folder), do="Choose another, or delete it."
        )
    _make_folders(home)
    supplier_key, decryption_key = _make_keys(folder, home)
    approver_keys = _make_approvers(folder, home)
    _write_settings(home / SETTINGS_FILE, supplier_key.fingerprint)
    _make_agreement(home, now, approver_keys)
    places = _make_places(home, centres)
    _make_recipients(folder, home, codes, server={"host": host, "port": port, "host_key": host_key})
    _agree_on_recipients(Home.open(home), approver_keys, now)
    frame = synthetic_extract(month, births, seed=seed, places=places, columns=_columns())
    extract = folder / "supplier" / f"births_{SUPPLIER}_{month}.csv"
    extract.write_bytes(as_csv(frame))
    _write_table(folder / "supplier" / "hard_cases.csv", ("record_id", "story", "expected"), _cases_in(frame))
    sealed = home / "inbox" / SUPPLIER / f"{extract.name}.gpg"
    seal_as_supplier(
        extract.read_bytes(),
        sealed,
        supplier_private=supplier_key.private,
        recipient_public=decryption_key.public,
    )
    return Demonstration(folder, home, month, extract, sealed, approver_keys, tuple(codes))


def _make_folders(home: Path) -> None:
    home.mkdir(parents=True, mode=0o700)
    private = ("keys", "keys/suppliers", "keys/recipients", "keys/approvers", "state")
    for name in (*private, "agreements", "reference", f"inbox/{SUPPLIER}", "outbox"):
        (home / name).mkdir(parents=True, mode=0o700)


def _make_keys(folder: Path, home: Path) -> tuple[OpenPgpKey, OpenPgpKey]:
    """The supplier's key and the authority's own; each side gets the other's public half."""
    keys, supplier = home / "keys", folder / "supplier"
    theirs = make_openpgp_key(supplier, SUPPLIER)
    write_secret(keys / "suppliers" / f"{SUPPLIER}.asc", theirs.public.read_bytes())
    made = make_openpgp_key(keys, "decryption")
    ours = OpenPgpKey(
        supplier / "authority.asc", made.private.rename(keys / "decryption.key"), made.fingerprint
    )
    shutil.move(made.public, ours.public)
    make_ssh_key(keys / "delivery.key", "delivery (demonstration)")
    (keys / "delivery.key.pub").chmod(0o600)
    write_secret(keys / "subject.key", new_key())
    write_secret(keys / "staging.key", new_key())
    write_secret(keys / "ledger.key", new_note_key())
    return theirs, ours


def _make_approvers(folder: Path, home: Path) -> dict[str, Path]:
    """A key for each approver, and the list of whom the authority believes, and for what."""
    private = folder / "approvers"
    private.mkdir(mode=0o700)
    lines = [
        line_for(principal, make_ssh_key(private / role, principal)) + "\n"
        for role, principal in APPROVERS.items()
    ]
    write_secret(home / "keys" / "approvers" / "allowed_signers", "".join(lines).encode())
    return {role: private / role for role in APPROVERS}


def _write_settings(file: Path, supplier_fingerprint: str) -> None:
    approvers = "".join(
        f"\n[[approvers]]\nprincipal = {json.dumps(principal)}\nroles = [{json.dumps(role)}]\n"
        f"airflow_user = {json.dumps(role)}\n"
        for role, principal in APPROVERS.items()
    )
    people = "".join(
        f"\n[[console.people]]\nprincipal = {json.dumps(principal)}\nroles = {json.dumps(roles)}\n"
        + ("" if login in APPROVERS else f"airflow_user = {json.dumps(login)}\n")
        for login, (principal, roles) in PEOPLE.items()
    )
    file.write_text(
        f"""# The settings of an invented authority. Paths are relative to this folder.

[authority]
name = {json.dumps(AUTHORITY_NAME)}
code = "{AUTHORITY}"
# Accepts NHS numbers of the test range 999, which no real child has. Never set this where families are real.
demonstration = true

[suppliers.{SUPPLIER}]
name = "Example Community NHS Trust (demonstration)"
signing_key = "keys/suppliers/{SUPPLIER}.asc"
signing_fingerprint = "{supplier_fingerprint}"

# Who may sign agreements and approve releases, and as what.
{approvers.lstrip()}
# Who may use the console (`birthshare console`), and in which roles.
{people.lstrip()}""",
        encoding="utf-8",
    )


def _make_agreement(home: Path, now: datetime, approver_keys: Mapping[str, Path]) -> None:
    """The template, made this authority's own and signed by every role that it asks for."""
    file = home / "agreements" / TEMPLATE.name
    file.write_text(_adapted(TEMPLATE.read_text(encoding="utf-8"), now), encoding="utf-8", newline="")
    agreement, _ = read_agreement(file)
    for role in agreement.approvers:
        signature = sign_ssh(file.read_bytes(), private_key=approver_keys[role], namespace=AGREEMENT)
        file.with_suffix(f".{role}.sig").write_bytes(signature)


def _adapted(template: str, now: datetime) -> str:
    """The template with what is marked in it replaced; ValueError where a mark is not found."""
    today = now.date()
    replacements = {
        "Example Community NHS Trust, Child Health Information Service  # REPLACE": (
            "Example Community NHS Trust, Child Health Information Service (demonstration)"
        ),
        "Example Council  # REPLACE": AUTHORITY_NAME,
        "Families who live here. REPLACE with the authority's own code.": "Families who live here.",
        "[E06999999]": f"[{AUTHORITY}]",
        "2026-01-01  # REPLACE": str(today - timedelta(days=200)),
        "2026-12-31  # REPLACE": str(today + timedelta(days=165)),
        "2027-12-31  # REPLACE": str(today + timedelta(days=530)),
    }
    for mark, own in replacements.items():
        if template.count(mark) != 1:
            raise ValueError(f"the template has no place, or several, for: {mark}")
        template = template.replace(mark, own)
    return template


def _make_places(home: Path, centres: int) -> pd.DataFrame:
    """The postcode directory, the reach areas and the hospital; returns the postcodes to live at."""
    reference = home / "reference"
    directory = reference / "postcodes.sqlite"
    build_directory(SAMPLE, directory, part=True)
    network = read_agreement(home / "agreements" / TEMPLATE.name)[0].recipients.placed_in
    lines = reach_areas(directory, centres, network)
    _write_table(reference / "reach_areas.csv", HEADER, ([line[name] for name in HEADER] for line in lines))
    places = sample_postcodes(directory)
    hospital = (hospital_postcode(places), "Maternity hospital (demonstration)")
    _write_table(reference / "hospital_postcodes.csv", ("postcode", "name"), [hospital])
    return places


def _make_recipients(
    folder: Path, home: Path, codes: Sequence[str], *, server: Mapping[str, str | int]
) -> None:
    """The register of centres: most open an Excel file with a password, a few have an OpenPGP key."""
    technical = set(codes[len(codes) - min(2, len(codes) // 2) :])
    entries: list[dict[str, str | int]] = []
    for number, code in enumerate(codes):
        received = folder / "recipients" / code
        received.mkdir(parents=True)
        way = _with_openpgp if code in technical else _with_password
        entry = {"code": code, "name": centre_name(number), "kind": "childrens_centre", "user": code}
        entries.append({**entry, **server, **way(received, home, code)})
    text = yaml.safe_dump({"recipients": entries}, sort_keys=False, allow_unicode=True, width=200)
    (home / "reference" / "recipients.yaml").write_text(text, encoding="utf-8")


def _agree_on_recipients(home: Home, approver_keys: Mapping[str, Path], now: datetime) -> None:
    sign_register(home, approver_keys)
    with opened_ledger(home) as ledger:
        heard(home, ledger, at=now)


def sign_register(home: Home, approver_keys: Mapping[str, Path]) -> None:
    """The register as it stands, signed by as many approvers as must."""
    with opened_ledger(home) as ledger:
        statement = present_text(home, in_force(ledger))
    write_statement(home, statement)
    signers = [one for one in home.settings.approvers if one.roles[0] in approver_keys]
    for one in signers[: home.settings.recipients.persons]:
        key = approver_keys[one.roles[0]]
        signature = sign_ssh(statement.encode(), private_key=key, namespace=REGISTER)
        signature_file(home, one.principal).write_bytes(signature)


def centre_name(number: int) -> str:
    """An invented name for each centre, counted from 0; sixty of them differ."""
    return f"{_BIRDS[number % len(_BIRDS)]} {_HOUSES[number // len(_BIRDS)]} Children's Centre"


def _with_password(received: Path, home: Path, code: str) -> dict[str, str]:
    password, key = new_password(), f"keys/recipients/{code}.password"
    write_secret(home / key, password.encode())
    (received / "HOW-TO-OPEN.txt").write_text(_OPEN_WORKBOOK.format(password=password), encoding="utf-8")
    return {"format": "workbook", "key": key}


def _with_openpgp(received: Path, home: Path, code: str) -> dict[str, str]:
    made, key = make_openpgp_key(received, code), f"keys/recipients/{code}.asc"
    write_secret(home / key, made.public.read_bytes())
    (received / "HOW-TO-OPEN.txt").write_text(_OPEN_CSV.format(private=made.private.name), encoding="utf-8")
    return {"format": "csv", "key": key}


_OPEN_WORKBOOK = """How to open the list in this folder

The list is the file whose name ends in .xlsx.
Open it with Microsoft Excel or LibreOffice. It asks for a password; this is it:

    {password}

This is a demonstration: every family on the list is invented. A real centre is told its
password by telephone or in person, and never finds it beside the list.
"""

_OPEN_CSV = """How to open the list in this folder

The list is the file whose name ends in .gpg. It can be opened with this centre's OpenPGP key,
which lies beside it as {private}. In a terminal, in this folder:

    export GNUPGHOME="$(mktemp -d)"
    gpg --import {private}
    gpg --decrypt *.gpg

This is a demonstration: every family on the list is invented. A real centre makes its own
key and never lets the private half out of its hands.
"""


def _columns() -> list[str]:
    return [column.name for column in load_contract().columns]


def _cases_in(frame: pd.DataFrame) -> Iterable[tuple[str, str, str]]:
    """The hard cases that the extract holds: record_id, story, and what must become of the row."""
    present = set(frame["record_id"])
    for case in CASES:
        for place, row in enumerate(case.rows):
            if case.record_id(place) in present:
                yield case.record_id(place), case.story, row.expects


def _write_table(file: Path, header: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
