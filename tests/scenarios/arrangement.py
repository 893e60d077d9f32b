"""A whole authority for any template: an invented town, its suppliers, its people and its recipients.

The keys come from one demonstration that is laid out once. Every agreement is the template itself with
its marks replaced, signed by every role that it asks for; every month runs through the real code.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msoffcrypto
import numpy as np
import pandas as pd
import yaml
from python_calamine import CalamineWorkbook

from accepting import going_on
from geography.town import published
from month_authority import MONTH, NOW, clear
from pipeline import month as months
from pipeline.afterwards import changes
from pipeline.agreed import LONDON
from pipeline.agreements.loading import NAMESPACE as AGREEMENT
from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement, Shares
from pipeline.demo.authority import Demonstration, sign_register
from pipeline.demo.births import as_csv
from pipeline.demo.keys import OpenPgpKey, make_openpgp_key, make_ssh_key, seal_as_supplier, write_secret
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.demo.run import laid_out
from pipeline.encryption import gnupg
from pipeline.encryption.at_rest import new_key
from pipeline.encryption.sealing import new_password
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import WaitingForPerson
from pipeline.geography.areas import HEADER
from pipeline.geography.building import build_directory
from pipeline.home import Home
from pipeline.intake.profiles import files_of
from pipeline.places.reviewed import NAMESPACE as PLACES
from pipeline.recipients.register import NAMESPACE as REGISTER
from pipeline.records import TEMPLATES, Month
from pipeline.steps.release import NAMESPACE as RELEASE
from pipeline.suppliers.drift import NAMESPACE as INTAKE

TODAY = NOW.astimezone(LONDON).date()
EARLIER = MONTH.plus(-1)  # the month before the one that is run, where a scenario has two

# Two authorities, side by side, and the wards of ours.
OURS, NEIGHBOUR = "E06000901", "E06000902"
NORTH_WARD, SOUTH_WARD, EAST_WARD, FAR_WARD = "E05000901", "E05000902", "E05000903", "E05000904"
NORTH, SOUTH, EAST, ACROSS = "QA1 1AA", "QA2 2AA", "QA3 3AA", "QB1 1AA"
HOSPITAL = "QA1 9HH"

_TOWN = [
    (NORTH, "", OURS, NORTH_WARD, "E01000911", "E01000921", "1", "400000", "200000"),
    (SOUTH, "", OURS, SOUTH_WARD, "E01000912", "E01000922", "1", "400100", "200000"),
    (EAST, "", OURS, EAST_WARD, "E01000913", "E01000923", "1", "400200", "200000"),
    (HOSPITAL, "", OURS, NORTH_WARD, "E01000911", "E01000921", "1", "400010", "200000"),
    (ACROSS, "", NEIGHBOUR, FAR_WARD, "E01000914", "E01000924", "1", "400300", "200000"),
]

WARD_NAMES = {NORTH_WARD: "Northfield", SOUTH_WARD: "Southgate", EAST_WARD: "Eastway", FAR_WARD: "Farside"}
# As File 7 of the English indices of deprivation 2025 has them.
_DEPRIVATION = (
    "LSOA code (2021)",
    "LSOA name (2021)",
    "Index of Multiple Deprivation (IMD) Decile (where 1 is most deprived 10% of LSOAs)",
)
_DECILES = [("E01000921", "Northfield 001A", "2"), ("E01000922", "Southgate 001A", "9")]

FORM = "first-visit-form-2026"
Row = dict[str, str]
Area = tuple[str, str, str]  # network, recipient, ward


def day(days: int) -> str:
    """The day that many days from today, as a supplier writes it; before today below zero."""
    return str(TODAY + timedelta(days=days))


def born(month: Month = MONTH, on: int = 6) -> str:
    """A day of the month, as a supplier writes it."""
    return str(month.first_day.replace(day=on))


@cache
def _numbers() -> Iterator[str]:
    return iter([str(number) for number in nhs_numbers(np.random.default_rng(11), 400)])


@cache
def number_of(name: str) -> str:
    """The NHS number of somebody, by the name that a scenario calls them; always the same."""
    return next(_numbers())


def child(name: str, **changes: str) -> Row:
    """An ordinary family's row: a live single birth whose mother said yes and was told in time.

    The mother's surname is the child's first name and "son", so that each list reads like a register.
    """
    row = {
        "record_id": name,
        "nhs_number": number_of(name),
        "date_of_birth": born(),
        "sex": "2",
        "live_or_still_birth": "1",
        "number_of_births": "1",
        "birth_order": "1",
        "death_status": "",
        "date_of_death": "",
        "given_name": name,
        "family_name": f"{name}son",
        "parent_given_name": "Mary",
        "parent_family_name": f"{name}son",
        "parent_nhs_number": number_of(f"mother of {name}"),
        "parent_date_of_birth": "1995-03-02",
        "parent_death_status": "",
        "address_line_1": f"1 {name} Street",
        "postcode": NORTH,
        "address_since": "2020-01-01",
        "in_hospital": "N",
        "confidentiality": "U",
        "looked_after": "N",
        "adoption": "N",
        "safeguarding": "N",
        "language": "en",
        "consent_status": "given",
        "consent_date": day(-8),
        "consent_scope": "childrens_centre",
        "consent_wording": FORM,
        "consent_given_by": "mother",
        "notice_date": "",
        "objection_date": "",
        "last_updated": day(-2),
    }
    return row | changes


def twin(first: Row, name: str, **changes: str) -> Row:
    """The second child of a delivery whose first is given."""
    own = {"record_id": name, "nhs_number": number_of(name), "given_name": name, "birth_order": "2"}
    return first | own | changes


def pregnancy(name: str, **changes: str) -> Row:
    """An ordinary pregnancy's row: it goes on, and the woman said yes at her booking appointment."""
    row = {
        "record_id": name,
        "pregnancy_id": f"pregnancy of {name}",
        "nhs_number": number_of(f"mother of {name}"),
        "expected_date_of_delivery": day(60),
        "booking_date": day(-130),
        "pregnancy_status": "continuing",
        "parent_given_name": "Mary",
        "parent_family_name": f"{name}son",
        "parent_date_of_birth": "1995-03-02",
        "parent_death_status": "",
        "address_line_1": f"1 {name} Street",
        "postcode": NORTH,
        "address_since": "2020-01-01",
        "in_hospital": "N",
        "confidentiality": "U",
        "adoption": "N",
        "safeguarding": "N",
        "language": "en",
        "consent_status": "given",
        "consent_date": day(-130),
        "consent_scope": "childrens_centre",
        "consent_wording": "booking-form-2026",
        "consent_given_by": "mother",
        "last_updated": day(-2),
    }
    return row | changes


def answer(name: str, status: str, **changes: str) -> Row:
    """One row of the companion file: what somebody answered about a child."""
    row = {
        "nhs_number": number_of(name),
        "consent_status": status,
        "consent_date": day(-3),
        "consent_scope": "childrens_centre",
        "consent_wording": FORM,
        "consent_given_by": "father",
    }
    return row | changes


def word(subject: str, name: str, said: str) -> Row:
    """One row of a feed or list: a later word about a child, its mother, or a pregnancy."""
    return {
        "subject": subject,
        "nhs_number": number_of(name if subject == "child" else f"mother of {name}"),
        "pregnancy_id": f"pregnancy of {name}" if subject == "pregnancy" else "",
        "word": said,
        "since": day(0),
    }


# --- the ground on which every arrangement is built -----------------------------------------------


@dataclass(frozen=True)
class Ground:
    """What all arrangements have in common: a server, and keys that take a while to make."""

    demo: Demonstration
    approver_keys: Mapping[str, Path]  # private SSH key by role
    suppliers: Mapping[str, OpenPgpKey]
    csv_key: tuple[Path, Path]  # a recipient's OpenPGP key: public, private
    directory: Path
    server: Mapping[str, Any]  # host, port and host key of every recipient's server


@contextmanager
def laid_ground(folder: Path) -> Iterator[Ground]:
    """Keys, postcode directory and a running SFTP server."""
    with laid_out(folder / "demo", month=MONTH, births=0, centres=2, seed=7, now=NOW) as demo:
        register = yaml.safe_load((demo.home / "reference" / "recipients.yaml").read_text())
        [with_password, with_key] = register["recipients"]
        private = demo.recipient(with_key["code"]) / f"{with_key['code']}.private.asc"
        yield Ground(
            demo,
            _approver_keys(folder / "approvers"),
            _suppliers(folder / "supplier", demo),
            (demo.home / with_key["key"], private),
            _directory(folder),
            {name: with_password[name] for name in ("host", "port", "host_key")},
        )


def templates() -> list[Path]:
    """Every template that ships."""
    return sorted(TEMPLATES.glob("*.yaml"))


def template_named(name: str) -> Path:
    """The newest version of a template."""
    return max(TEMPLATES.glob(f"{name}.v*.yaml"))


def _approver_keys(folder: Path) -> dict[str, Path]:
    """A key for every role that any template asks for; each role is held by another person."""
    agreements = [read_agreement(file)[0] for file in templates()]
    roles = {role for one in agreements for role in (*one.approvers, *one.release.roles)}
    for role in roles:
        make_ssh_key(folder / role, principal(role))
    return {role: folder / role for role in roles}


def principal(role: str) -> str:
    """Who holds a role: the address of the role, not of a person."""
    return f"{role.replace('_', '.')}@example.org"


def _suppliers(folder: Path, demo: Demonstration) -> dict[str, OpenPgpKey]:
    """Two trusts, each with its own key; the second is whichever other supplier a template names."""
    theirs = demo.folder / "supplier"
    settings = Home.open(demo.home).settings.suppliers["chis"]
    first = OpenPgpKey(theirs / "chis.asc", theirs / "chis.private.asc", settings.signing_fingerprint)
    if not first.public.exists():
        shutil.copy(demo.home / settings.signing_key, first.public)
    return {"chis": first, "": make_openpgp_key(folder, "second")}


def _directory(folder: Path) -> Path:
    source, target = folder / "onspd.csv", folder / "postcodes.sqlite"
    source.write_text(published(rows=_TOWN), encoding="utf-8")
    build_directory(source, target, part=True)
    return target


# --- one arrangement ------------------------------------------------------------------------------


@dataclass
class Arrangement:
    """One authority under one template or several, and what its people do in a month."""

    ground: Ground
    home: Home
    agreements: tuple[Agreement, ...]
    received: Path  # a folder for each recipient
    now: datetime = NOW

    # What suppliers send.

    def sends(self, supplier: str, rows: Sequence[Row], month: Month = MONTH) -> None:
        """A supplier signs, seals and sends its extract of a month."""
        what = files_of(self.home, supplier).file_name.format(supplier=supplier, month=month)
        self._arrives(supplier, what, rows, like=child("anybody"))

    def answers(self, supplier: str, rows: Sequence[Row], month: Month = MONTH) -> None:
        """A supplier signs, seals and sends its companion file of answers."""
        self._arrives(supplier, f"consents_{supplier}_{month}.csv.gpg", rows, like=answer("anybody", "given"))

    def _arrives(self, supplier: str, name: str, rows: Sequence[Row], *, like: Row) -> None:
        """A file with these rows; without any it has the header of a row like that one."""
        key = self.ground.suppliers.get(supplier, self.ground.suppliers[""])
        inbox = self.home.inbox(supplier)
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / name).unlink(missing_ok=True)
        theirs = self.ground.demo.folder / "supplier" / "authority.asc"
        header = list(rows[0] if rows else like)
        content = as_csv(pd.DataFrame(rows, columns=header, dtype="str").fillna(""))
        seal_as_supplier(content, inbox / name, supplier_private=key.private, recipient_public=theirs)

    # What is heard between months.

    def feeds(self, supplier: str, words: Sequence[Row]) -> None:
        """A supplier's feed of later words arrives; the next run reads it by itself."""
        self._arrives(
            supplier, f"changes_{supplier}_{TODAY}.csv.gpg", words, like=word("child", "anybody", "")
        )

    def hears(self, words: Sequence[Row]) -> None:
        """The data lead applies the authority's own list: protected families, opt-outs."""
        file = self.home.path / "inbox" / "own-list.csv"
        file.write_bytes(as_csv(pd.DataFrame(words, dtype="str")))
        changes.apply_list(self.home, file, principal=principal("data_lead"), now=self.now)

    def days_pass(self, days: int) -> None:
        """Later things happen so many days later."""
        self.now += timedelta(days=days)

    # What people of the authority do.

    def asks(self, month: Month = MONTH) -> dict[str, Any]:
        """Run the month up to the question to a person; that its few children differ is accepted before."""
        return going_on(
            lambda: months.run(self.home, month, now=self.now, until="release"),
            self.home,
            month,
            principal=principal("data_lead"),
            key=self.ground.approver_keys["data_lead"],
            now=self.now,
        )

    def decided(self, month: Month = MONTH, agreement: str = "") -> dict[str, str]:
        """What was decided about each record: "share", or its reasons separated by spaces."""
        rows = months.decisions_by_record(self.home, month, now=self.now)
        rows = rows[rows["agreement"] == (agreement or self.agreements[0].id)]
        words = rows["reasons"].str.replace(";", " ").where(rows["outcome"] != "share", "share")
        return dict(zip(rows["record_id"], words, strict=True))

    def approves(self, *roles: str, month: Month = MONTH) -> None:
        """Holders of these roles approve what is asked about; without any, as many as must."""
        content, digest = months.pack_asked_about(self.home, month, now=self.now) or (b"", "")
        for role in roles or self._enough():
            key = self.ground.approver_keys[role]
            months.record_decision(
                self.home,
                month,
                pack_sha256=digest,
                principal=principal(role),
                approve=True,
                signature=sign_ssh(content, private_key=key, namespace=RELEASE).decode(),
                note="The numbers are as expected.",
                now=self.now,
            )

    def _enough(self) -> tuple[str, ...]:
        """Roles whose holders together can approve under every agreement."""
        wanted = [role for one in self.agreements for role in one.release.roles[: one.release.approvals]]
        return tuple(dict.fromkeys(wanted))

    def delivers(self, month: Month = MONTH) -> dict[str, Any]:
        """Run the month to its end."""
        return months.run(self.home, month, now=self.now)

    def runs(self, month: Month = MONTH) -> dict[str, Any]:
        """The whole month: asked about, approved, delivered, closed."""
        self.asks(month)
        self.approves(month=month)
        state = self.delivers(month)
        assert state["state"] == "closed"
        assert state["balanced"] is True
        return state

    def suspends(self, role: str, agreement: Agreement | None = None) -> None:
        """A file beside the agreement, by hand: the plainest way to stop it."""
        one = agreement or self.agreements[0]
        file = self.home.agreements / f"{one.id}.v{one.version}.suspend.{role}.sig"
        file.write_text("stop", encoding="utf-8")

    def waits_for(self, month: Month = MONTH) -> str:
        """What the month waits for, in words."""
        try:
            self.delivers(month)
        except WaitingForPerson as waiting:
            return waiting.what
        return ""

    # What recipients hold.

    def files(self, recipient: str) -> list[str]:
        """The names of the lists that a recipient has."""
        found = (self.received / recipient).iterdir()
        return sorted(file.name for file in found if file.suffix in {".xlsx", ".gpg"})

    def everything_sent(self) -> dict[str, list[str]]:
        """Every recipient's files."""
        return {place.name: files for place in self.received.iterdir() if (files := self.files(place.name))}

    def sheets(self, recipient: str, month: Month = MONTH) -> dict[str, list[list[str]]]:
        """A recipient's list, opened as that recipient would: each sheet's cells; a CSV is one sheet."""
        [name] = [one for one in self.files(recipient) if f"_{month}_" in one]
        return self.opened(recipient, self.received / recipient / name)

    def opened(self, recipient: str, file: Path) -> dict[str, list[list[str]]]:
        """A list or notice, opened as its recipient would: each sheet's cells; a CSV is one sheet."""
        if file.suffix == ".gpg":
            return {"": _opened_csv(file.read_bytes(), self.ground.csv_key[1])}
        password = (self.home.path / "keys" / "recipients" / f"{recipient}.password").read_text()
        return _opened_workbook(file.read_bytes(), password.strip())

    def rows(self, recipient: str, month: Month = MONTH) -> list[dict[str, str]]:
        """A recipient's list, row by row, by heading."""
        header, *rows = self._table(recipient, month)
        return [dict(zip(header, row, strict=True)) for row in rows]

    def headings(self, recipient: str, month: Month = MONTH) -> list[str]:
        """The headings of a recipient's list."""
        return self._table(recipient, month)[0]

    def children(self, recipient: str, month: Month = MONTH) -> list[str]:
        """Whom a recipient's list names, in alphabetical order."""
        column = {"Families": "Children", "Children": "Child", "": "children"}
        [heading] = [column[name] for name in self.sheets(recipient, month) if name in column]
        return sorted(row[heading] for row in self.rows(recipient, month))

    def _table(self, recipient: str, month: Month) -> list[list[str]]:
        return next(iter(self.sheets(recipient, month).values()))

    def babies_in_area(self, recipient: str, month: Month = MONTH) -> float | str:
        """The number of births as a recipient was told it: rounded, or in words."""
        numbers = self.sheets(recipient, month)["Your numbers"]
        [found] = [row[1] for row in numbers if str(row[0]).startswith("Babies born in your area")]
        told: float | str = found
        return told


@contextmanager
def arranged(
    ground: Ground,
    folder: Path,
    *names: str,
    areas: Iterable[Area],
    recipients: Mapping[str, str],
    formats: Mapping[str, str] | None = None,
    supplier_settings: Mapping[str, str] | None = None,
) -> Iterator[Arrangement]:
    """An authority under the named templates.

    `areas` say which ward belongs to which recipient in which network, `recipients` the kind of each,
    `formats` who gets a CSV instead of a workbook (one at most has the key for it).
    """
    path = folder / "home"
    shutil.copytree(ground.demo.home, path, ignore=shutil.ignore_patterns("agreements", "inbox", "outbox"))
    for name in ("agreements", "inbox", "outbox"):
        (path / name).mkdir(mode=0o700)
    agreements = tuple(_own_agreement(ground, path, template_named(name)) for name in names)
    _write_settings(ground, path, agreements, supplier_settings or {})
    _write_places(ground, path, areas)
    received = ground.demo.folder / "recipients"
    made = _write_recipients(ground, path, received, recipients, formats or {})
    sign_register(Home.open(path), ground.approver_keys)
    try:
        yield Arrangement(ground, Home.open(path), agreements, received)
    finally:
        clear(received)
        for place in made:
            shutil.rmtree(place)


def made_own(template: str) -> str:
    """A template with everything that is marked in it replaced, as an authority would before it signs."""
    spans = {"starts": -200, "review_by": 165, "expires": 530}
    own = template.replace("[E06999999]", f"[{OURS}]").replace("[E06999998]", f"[{NEIGHBOUR}]")
    for name, days in spans.items():
        own, count = re.subn(rf"{name}: \S+  # REPLACE", f"{name}: {day(days)}", own)
        assert count == 1, f"the template marks no place for {name}"
    return own


def _own_agreement(ground: Ground, home: Path, template: Path) -> Agreement:
    file = home / "agreements" / template.name
    file.write_text(made_own(template.read_text(encoding="utf-8")), encoding="utf-8")
    agreement, _ = read_agreement(file)
    for role in agreement.approvers:
        sign_agreement(ground, file, role)
    if agreement.shares is Shares.PSEUDONYMS:
        write_secret(home / "keys" / f"pseudonym.{agreement.id}.key", new_key())
    return agreement


def sign_agreement(ground: Ground, file: Path, role: str) -> None:
    """The signature of a role's holder beside the agreement."""
    signature = sign_ssh(file.read_bytes(), private_key=ground.approver_keys[role], namespace=AGREEMENT)
    file.with_suffix(f".{role}.sig").write_bytes(signature)


def _write_settings(
    ground: Ground,
    home: Path,
    agreements: Sequence[Agreement],
    supplier_settings: Mapping[str, str],
) -> None:
    datasets = {name: "births" for one in agreements for name in one.hears}
    datasets |= {name: one.cohort.of for one in agreements for name in one.suppliers}
    suppliers = [_supplier(ground, home, name, datasets[name], supplier_settings) for name in datasets]
    approvers = [
        f'[[approvers]]\nprincipal = "{principal(role)}"\nroles = ["{role}"]\n'
        for role in ground.approver_keys
    ]
    head = f'''[authority]
name = "Example Council"
code = "{OURS}"
demonstration = true

[geography]
ward_names = "reference/ward_names.csv"
deprivation = "reference/deprivation.csv"
'''
    (home / "birthshare.toml").write_text("\n".join([head, *suppliers, *approvers]), encoding="utf-8")
    lines = [
        f'{principal(role)} namespaces="{AGREEMENT},{RELEASE},{REGISTER},{INTAKE},{PLACES}" {_public(key)}\n'
        for role, key in ground.approver_keys.items()
    ]
    (home / "keys" / "approvers" / "allowed_signers").write_text("".join(lines), encoding="utf-8")


def _public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text(encoding="utf-8").strip()


def _supplier(ground: Ground, home: Path, name: str, dataset: str, settings: Mapping[str, str]) -> str:
    key = ground.suppliers.get(name, ground.suppliers[""])
    file = home / "keys" / "suppliers" / f"{name}.asc"
    file.unlink(missing_ok=True)
    write_secret(file, key.public.read_bytes())
    given = {
        "name": f"Example trust {name}",
        "signing_key": f"keys/suppliers/{name}.asc",
        "signing_fingerprint": key.fingerprint,
        "dataset": dataset,
        **settings,
    }
    (home / "inbox" / name).mkdir(mode=0o700)
    return "\n".join(
        [f"[suppliers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in given.items())]
    )


def _write_places(ground: Ground, home: Path, areas: Iterable[Area]) -> None:
    reference = home / "reference"
    shutil.copy(ground.directory, reference / "postcodes.sqlite")
    lines = [(network, recipient, "ward", ward, "2020-04-01", "") for network, recipient, ward in areas]
    for name, rows in {
        "reach_areas.csv": [HEADER, *lines],
        "hospital_postcodes.csv": [("postcode", "name"), (HOSPITAL, "Example Hospital")],
        "ward_names.csv": [("WD25CD", "WD25NM"), *WARD_NAMES.items()],
        "deprivation.csv": [_DEPRIVATION, *_DECILES],
    }.items():
        with (reference / name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(rows)


def _write_recipients(
    ground: Ground, home: Path, received: Path, recipients: Mapping[str, str], formats: Mapping[str, str]
) -> list[Path]:
    """The register, a key for each recipient, and its account at the server; gives the accounts' folders."""
    entries = []
    for code, kind in recipients.items():
        (received / code).mkdir()
        how = formats.get(code, "workbook")
        key = f"keys/recipients/{code}.{'asc' if how == 'csv' else 'password'}"
        secret = ground.csv_key[0].read_bytes() if how == "csv" else new_password().encode()
        write_secret(home / key, secret)
        entry = {"code": code, "name": f"The {code}", "kind": kind, "user": code, "format": how, "key": key}
        entries.append(entry | dict(ground.server))
    (home / "reference" / "recipients.yaml").write_text(yaml.safe_dump({"recipients": entries}))
    return [received / code for code in recipients]


# --- opening lists as recipients do ---------------------------------------------------------------


@cache
def _opened_workbook(sealed: bytes, password: str) -> dict[str, list[list[str]]]:
    plain = io.BytesIO()
    office = msoffcrypto.OfficeFile(io.BytesIO(sealed))
    office.load_key(password=password, verify_password=True)
    office.decrypt(plain, verify_integrity=True)
    book = CalamineWorkbook.from_filelike(io.BytesIO(plain.getvalue()))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


@cache
def _opened_csv(sealed: bytes, key: Path) -> list[list[str]]:
    with gnupg.temporary_home() as home:
        gnupg.import_key(home, key)
        plain = gnupg.run(home, "--decrypt", given=sealed).output
    return list(csv.reader(io.StringIO(plain.decode())))
