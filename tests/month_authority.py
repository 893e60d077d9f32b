"""An authority for each test: a copy of one made at the start, served by one SFTP server."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msoffcrypto
import pandas as pd
import pytest
import pyzipper
import yaml
from python_calamine import CalamineWorkbook

from pipeline import month as months
from pipeline.agreements.loading import NAMESPACE, read_agreement
from pipeline.cli import run as run_command
from pipeline.demo.authority import APPROVERS, Demonstration, sign_register
from pipeline.demo.births import as_csv
from pipeline.demo.keys import seal_as_supplier
from pipeline.demo.run import approve, laid_out
from pipeline.encryption.signing import sign_ssh
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Body, Kind
from pipeline.reasons import Outcome
from pipeline.records import SUPPRESSIONS, Month, declared
from pipeline.steps.inputs import decisions_of

AGREEMENT = "welcome-card-first-visit"

NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)


@dataclass(frozen=True)
class Authority:
    """One test's own authority."""

    demo: Demonstration
    home: Home
    received: Path  # a folder for each recipient

    def run(self, **options: Any) -> dict[str, Any]:
        return months.run(self.home, MONTH, now=NOW, **options)

    def approve(self, role: str = "data_lead") -> None:
        approve(self.home, self.demo, role, now=NOW)

    def decide(self, pack_sha256: str, *, approve: bool) -> None:
        """The data lead's decision, given in Airflow."""
        months.record_decision(
            self.home,
            MONTH,
            pack_sha256=pack_sha256,
            principal=APPROVERS["data_lead"],
            approve=approve,
            way="airflow",
            note="" if approve else "far fewer births than there were",
            now=NOW,
        )

    def prepare_and_approve(self) -> None:
        self.run(until="release")
        self.approve()

    @property
    def supplier(self) -> Path:
        """The trust's side: its keys, and the extract before it is sealed."""
        return self.demo.folder / "supplier"

    @property
    def inbox(self) -> Path:
        """Where the trust's sealed files arrive."""
        return self.home.path / "inbox" / "chis"

    @property
    def sealed(self) -> Path:
        """The month's sealed extract."""
        return self.inbox / self.demo.sealed.name

    def extract(self) -> pd.DataFrame:
        """The demonstration's extract before it was sealed, as text."""
        return pd.read_csv(self.demo.extract, dtype="str", keep_default_na=False)

    def send(self, extract: bytes | pd.DataFrame, to: Path | None = None) -> Path:
        """Seal an extract as the trust does and put it into the inbox, in place of what was there."""
        content = extract if isinstance(extract, bytes) else as_csv(extract)
        target = to or self.sealed
        target.unlink(missing_ok=True)
        seal_as_supplier(
            content,
            target,
            supplier_private=self.supplier / "chis.private.asc",
            recipient_public=self.supplier / "authority.asc",
        )
        return target

    def setting(self, old: str, new: str) -> None:
        """Change the settings; `old` must be there once."""
        file = self.home.path / "birthshare.toml"
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))

    def shared(self, code: str) -> list[str]:
        """The children whom the decisions share with a recipient, before anything is sent.

        Those come first of whose home there is no other birth: what is said of a child is said of twins too.
        """
        with months.opened(self.home, MONTH, NOW) as desk:
            [one] = desk.agreements
            decided = desk.staging.frame(decisions_of(one.agreement.id))
            births = desk.staging.frame("births").drop_duplicates("child")
        mine = (decided["recipient"] == code) & (decided["outcome"] == Outcome.SHARE)
        together = births.duplicated("parent", keep=False) | births.duplicated("dwelling", keep=False)
        of_several = set(births.loc[together, "child"])
        return sorted(decided.loc[mine, "child"], key=lambda child: (child in of_several, child))

    def of_two_homes(self, code: str) -> tuple[str, str]:
        """Two children shared with a recipient; what is said of one says nothing of the other."""
        with months.opened(self.home, MONTH, NOW) as desk:
            births = desk.staging.frame("births").drop_duplicates("child").set_index("child")
        first, *others = self.shared(code)
        kin = ["parent", "dwelling"]
        return first, next(one for one in others if births.loc[one, kin].ne(births.loc[first, kin]).all())

    def say(self, word: str, *children: str, at: datetime = NOW) -> None:
        """Record a later word about children."""
        rows = pd.DataFrame({"subject": list(children), "word": word, "since": pd.Timestamp(at.date())})
        with opened_ledger(self.home) as ledger:
            ledger.suppress(declared(rows, SUPPRESSIONS), at)

    def change_recipient(self, code: str, *, signed: bool = True, **changes: Any) -> dict[str, Any]:
        """Change a recipient in the register, and have it signed; gives what was there. None: left out."""
        file = self.home.path / "reference" / "recipients.yaml"
        listed = yaml.safe_load(file.read_text())
        [entry] = [entry for entry in listed["recipients"] if entry["code"] == code]
        before = {name: entry.get(name) for name in changes}
        kept = {name: value for name, value in (entry | changes).items() if value is not None}
        entry.clear()
        entry.update(kept)
        file.write_text(yaml.safe_dump(listed))
        if signed:
            self.sign_register()
        return before

    def sign_register(self) -> None:
        """Two approvers' signatures over the register and the reach areas as they stand."""
        sign_register(self.home, self.demo.approver_keys)

    def agreement_file(self, version: int = 1) -> Path:
        """The agreement's YAML."""
        return self.home.agreements / f"{AGREEMENT}.v{version}.yaml"

    def sign_agreement(self, version: int) -> None:
        """Every required role's signature over the version as it stands."""
        file = self.agreement_file(version)
        for role in read_agreement(file)[0].approvers:
            signature = sign_ssh(
                file.read_bytes(), private_key=self.demo.approver_keys[role], namespace=NAMESPACE
            )
            file.with_suffix(f".{role}.sig").write_bytes(signature)

    def ask_two(self) -> None:
        """Let the agreement ask for the approval of two persons, signed anew by every role."""
        file = self.agreement_file()
        text = file.read_text()
        assert text.count("approvals: 1\n") == 1
        file.write_text(text.replace("approvals: 1\n", "approvals: 2\n"))
        self.sign_agreement(1)

    def reopened(self) -> Home:
        """The home with its settings read again."""
        return Home.open(self.home.path)

    def recorded(self, kind: Kind) -> list[Body]:
        """What the ledger says of one kind, oldest first."""
        with opened_ledger(self.home) as ledger:
            return [entry.body for entry in ledger.entries(kinds={kind})]

    def files(self) -> dict[str, bytes]:
        """Everything that recipients hold, by recipient and file name."""
        return {
            f"{file.parent.name}/{file.name}": file.read_bytes()
            for file in self.received.rglob("*")
            if file.is_file() and file.suffix in {".xlsx", ".zip", ".gpg", ".part"}
        }

    def families(self, code: str) -> list[list[str]]:
        """The rows of a recipient's list, opened as that recipient would."""
        folder = self.received / code
        [file] = [file for file in folder.iterdir() if file.suffix in {".xlsx", ".zip", ".gpg"}]
        if file.suffix == ".gpg":
            return _opened_csv(file, folder / f"{code}.private.asc")
        password = (self.home.path / "keys" / "recipients" / f"{code}.password").read_text().strip()
        if file.suffix == ".zip":
            return families_in(unzipped(file, password)["contents.xlsx"])
        return _opened_workbook(file, password)


@dataclass(frozen=True)
class Answer:
    """What one command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)

    def says(self, *words: str) -> None:
        """Every word is in what was said to the person, and no traceback is."""
        missing = [word for word in words if word not in self.err]
        assert not missing, f"{missing} not in: {self.err}"
        assert "Traceback" not in self.err


class CommandLine:
    """The real command line, in this process, on one home; everything that it printed is kept."""

    def __init__(self, authority: Authority) -> None:
        self.authority, self.said = authority, ""

    def __call__(self, *arguments: str | Path) -> Answer:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run_command([*map(str, arguments), "--home", str(self.authority.home.path)])
        self.said += out.getvalue() + err.getvalue()
        return Answer(code, out.getvalue(), err.getvalue())

    def run(self, *options: str) -> Answer:
        """`birthshare run` for the test's month, answering in JSON."""
        return self("run", str(MONTH), "--json", *options)

    def approve(self, role: str = "data_lead", *options: str) -> Answer:
        """`birthshare release approve`, with the own key of the person in that role."""
        return self.decide("approve", role, *options)

    def decide(self, word: str, role: str, *options: str) -> Answer:
        """`birthshare release` approve or refuse, with the own key of the person in that role."""
        who, key = APPROVERS[role], self.authority.demo.approver_keys[role]
        return self("release", word, str(MONTH), "--as", who, "--key", key, *options)

    def finish(self) -> dict[str, Any]:
        """Ask, approve, deliver; the month's state, closed."""
        assert self.run().code == 6
        assert self.approve().code == 0
        answer = self.run()
        assert answer.code == 0, answer.err
        state: dict[str, Any] = answer.json
        assert state["state"] == "closed"
        return state


PERSONAL = (
    "nhs_number", "family_name", "parent_given_name", "parent_family_name", "parent_nhs_number",
    "parent_date_of_birth", "address_line_1", "address_line_2", "postcode",
)  # fmt: skip


def personal_values(extract: pd.DataFrame) -> set[str]:
    """What no message may hold; values so short that they are part of ordinary words are left out."""
    return {value for column in PERSONAL for value in extract[column] if len(value) > 5}


def shown_values(values: Iterable[str], *places: str | bytes) -> list[str]:
    """Those of the values that stand in any of the places."""
    content = [place.encode() if isinstance(place, str) else place for place in places]
    return [value for value in values if any(value.encode() in place for place in content)]


@pytest.fixture(scope="session")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    folder = tmp_path_factory.mktemp("prototype") / "demo"
    with laid_out(folder, month=MONTH, births=150, centres=4, seed=7, now=NOW) as demo:
        yield demo


@pytest.fixture
def authority(prototype: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(prototype, tmp_path) as own:
        yield own


@pytest.fixture
def birthshare(authority: Authority) -> CommandLine:
    return CommandLine(authority)


@contextmanager
def copied(prototype: Demonstration, folder: Path) -> Iterator[Authority]:
    """The prototype's home in a folder of one's own, while nobody else sends to its recipients."""
    home = folder / "home"
    shutil.copytree(prototype.home, home)
    received = prototype.folder / "recipients"
    yield Authority(prototype, Home.open(home), received)
    clear(received)


def clear(received: Path) -> None:
    """Take away what the recipients were sent."""
    for file in received.rglob("*"):
        if file.is_file() and (file.suffix in {".xlsx", ".zip", ".part"} or file.name.endswith(".csv.gpg")):
            file.unlink()


def _opened_workbook(file: Path, password: str) -> list[list[str]]:
    plain = io.BytesIO()
    with file.open("rb") as sealed:
        office = msoffcrypto.OfficeFile(sealed)
        office.load_key(password=password, verify_password=True)
        office.decrypt(plain, verify_integrity=True)
    return families_in(plain.getvalue())


def families_in(workbook: bytes) -> list[list[str]]:
    """The rows of the sheet of families."""
    return CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_name("Families").to_python()


def unzipped(file: Path, password: str) -> dict[str, bytes]:
    """What a zip holds, by name."""
    with pyzipper.AESZipFile(file) as archive:
        archive.setpassword(password.encode())
        return {name: archive.read(name) for name in archive.namelist()}


def _opened_csv(file: Path, key: Path) -> list[list[str]]:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bs", dir="/tmp") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", str(key)], check=True, capture_output=True)
        plain = subprocess.run([*gpg, "--decrypt", str(file)], check=True, capture_output=True).stdout
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    header, *rows = csv.reader(io.StringIO(plain.decode()))
    called = header.index("list_reference")
    return [header, *(row for row in rows if row[called])]  # without the row that is about no family
