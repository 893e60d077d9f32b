"""An authority's home folder: where everything of one authority is, and its settings.

Paths in the settings are relative to the home. Secrets are never in the settings: they are files
under `keys/`, mode 0600, or environment variables named where they are used. Whoever opens a home may
give these another way: tasks of Airflow do (dags/birthshare_secrets.py).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from pipeline import premises
from pipeline.errors import SettingsError
from pipeline.roles import Role

if TYPE_CHECKING:
    import ssl

    from pipeline.records import Month  # it brings pandas

Model = TypeVar("Model", bound=BaseModel)

SETTINGS_FILE = premises.SETTINGS_FILE
SECRET_BYTES = 32
SHORTEST_PASSPHRASE = 16  # characters

DATABASE_VARIABLE = "BIRTHSHARE_DATABASE"
PASSPHRASE_VARIABLE = "BIRTHSHARE_PASSPHRASE_"  # and the supplier's code  # noqa: S105  # no passphrase
GIVEN = "given"  # as the database's address: it comes from outside, and without it nothing runs

_CODE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")
Code = Annotated[str, StringConstraints(pattern=_CODE)]


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be one line, without blanks at its ends")
    return text


Line = Annotated[str, AfterValidator(_one_line)]  # what is signed is read line by line


Port = Annotated[int, Field(gt=0, lt=65536)]


class Strict(BaseModel):
    """A model that refuses what it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Authority(Strict):
    """The local authority whose home this is."""

    name: str
    code: Annotated[str, StringConstraints(pattern=r"^E(06|07|08|09|10)[0-9]{6}$")]  # GSS code
    demonstration: bool = False  # NHS numbers of the test range 999 are then accepted


def _is_file_name(text: str) -> str:
    if "/" in text or "\\" in text or text.startswith("."):
        raise ValueError("must be a plain name, without / and not beginning with a dot")
    return text


FileName = Annotated[Line, AfterValidator(_is_file_name)]


class Inbox(Strict):
    """A folder at an SFTP server, where a supplier leaves its sealed files."""

    host: Line
    port: Port = 22
    user: Line
    folder: Line = "."
    host_key: Line  # "ssh-ed25519 AAAA..."
    private_key: Line = "keys/delivery.key"
    # How we know that a file is whole: it has stopped growing, a marker beside it, or a list of digests.
    whole_when: Literal["still", "marker", "manifest"] = "still"
    afterwards: Literal["archive", "remove"] = "archive"
    archive: FileName = "archive"  # a folder in the folder
    still_seconds: Annotated[float, Field(ge=0, le=600)] = 20.0  # between two looks at a file that may grow
    manifest: FileName = "SHA256SUMS"  # the list of digests: as `sha256sum` writes it


class ReportsTo(Strict):
    """Where a supplier's own reports go, and the key that they are sealed for."""

    via: Literal["sftp", "folder"] = "sftp"
    host: Line = ""
    port: Port = 22
    user: Line = ""
    folder: Line = "."
    host_key: Line = ""  # "ssh-ed25519 AAAA..."
    key: Line  # OpenPGP public key file of the supplier, relative to the home

    @model_validator(mode="after")
    def _can_be_reached(self) -> ReportsTo:
        named = (bool(self.host), bool(self.user), bool(self.host_key))
        if self.via == "sftp" and not all(named):
            raise ValueError("reports: host, user and host_key are needed for SFTP")
        if self.via == "folder" and any(named):
            raise ValueError("reports: a folder has no host, user or host_key")
        return self


class Drift(Strict):
    """How far a supplier's file may be from its earlier ones before a person must look.

    What is no further than chance goes never counts: see pipeline.validation.differences.
    """

    rows_lower: Annotated[float, Field(gt=0, lt=1)] = 0.6  # of the usual number of rows
    rows_upper: Annotated[float, Field(gt=1)] = 1.7
    share_points: Annotated[float, Field(gt=0, lt=1)] = 0.15  # of the rows, up or down
    share_times: Annotated[float, Field(gt=1)] = 4.0  # a share that is small, up or down
    months: Annotated[int, Field(ge=1, le=36)] = 12  # of history that a file is held against
    # By column: rare codes that the supplier has said it sends, and which need not stop a month when they
    # first come. A code that is not here stops one, once.
    known_codes: dict[str, tuple[str, ...]] = {}


def _is_fingerprint(text: str) -> str:
    if not re.fullmatch("([0-9A-F]{40})?", text):
        raise ValueError("write the fingerprint as 40 digits, 0 to 9 and A to F, without spaces")
    return text


class Supplier(Strict):
    """A Child Health Information Service (CHIS) that sends extracts."""

    name: str
    profile: str = "contract"
    signing_key: str = ""  # public key file, relative to the home; needed unless files come unsigned
    signing_fingerprint: Annotated[str, AfterValidator(_is_fingerprint)] = ""
    file_name: str | None = None  # this and the other files' names: None where they are as the profile says
    max_bytes: Annotated[int, Field(gt=0)] = 200_000_000  # opened size, in bytes
    dataset: Literal["births", "expected_births"] = "births"
    consents: str | None = None  # name of the companion file of answers, if this supplier sends one
    changes: str | None = None  # name of the feed of later words, if this supplier sends one
    changes_format: Literal["csv", "fhir"] = "csv"  # what the feed holds: the contract's rows, or messages
    totals: str | None = None  # name of the companion file of counts, if this supplier sends one
    # By how much of the trust's own count an extract may hold more live births before the month stops.
    totals_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.1
    sealed: Literal["openpgp", "zip"] | None = None  # None: as the profile says
    passphrase: Line = ""  # file of the passphrase of zip files, relative to the home
    unsigned: bool = False  # zip files come without a signature, and the ledger says so
    look_back_months: Annotated[int, Field(ge=0, le=60)] = 12  # how late a birth may still be reported
    inbox: Inbox | None = None  # where its files wait; None: they come into the home's inbox by themselves
    # The day of the next month by whose end a month's files should be here; after it they are called late.
    due_day: Annotated[int, Field(ge=1, le=28)] | None = None
    reports: ReportsTo | None = None  # None: its reports stay in the outbox
    drift: Drift = Drift()

    @model_validator(mode="after")
    def _somebody_signs(self) -> Supplier:
        if not self.unsigned and not (self.signing_key and self.signing_fingerprint):
            raise ValueError("signing_key and signing_fingerprint are needed, unless unsigned is true")
        return self


class Approver(Strict):
    """A person who may approve, with the roles they hold."""

    principal: str  # as in keys/approvers/allowed_signers
    roles: tuple[str, ...]
    airflow_user: str | None = None


class Delivery(Strict):
    """Defaults for pushing lists over SFTP."""

    at_once: Annotated[int, Field(ge=1, le=32)] = 8
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    private_key: str = "keys/delivery.key"
    tries: Annotated[int, Field(ge=1, le=10)] = 3  # of one run, where trying again may help
    wait_seconds: Annotated[float, Field(ge=0)] = 2.0  # before the second try; three times longer each time


class Receipts(Strict):
    """Within how many days recipients do their part; after that somebody is told."""

    collected_days: Annotated[int, Field(ge=1)] = 5
    acknowledged_days: Annotated[int, Field(ge=1)] = 10
    recall_days: Annotated[int, Field(ge=1)] = 2  # to take a family off everything made from a list
    remind_days: Annotated[int, Field(ge=1)] = 7  # between reminders


class Retention(Strict):
    """For how many days each class of data is kept here. Agreements limit what recipients keep."""

    sealed_files_days: Annotated[int, Field(ge=1)] = 30  # in the inbox, after their month or feed is done
    working_files_days: Annotated[int, Field(ge=1)] = 90  # of a month that was not closed, after its last day
    reports_days: Annotated[int, Field(ge=1)] = 730  # pages and suppliers' reports in the outbox
    letters_days: Annotated[int, Field(ge=1)] = 1  # letters with a recipient's password
    reviews_days: Annotated[int, Field(ge=1)] = 365  # decisions about single postcodes, after they were made
    # Whom ledger entries are about, after a list's last day. A child can come again for 60 months (Cohort).
    references_days: Annotated[int, Field(ge=2_000)] = 2_192


class RecipientsSettings(Strict):
    """Who must sign a change of the register of recipients or of the reach areas."""

    persons: Annotated[int, Field(ge=2)] = 2  # different approvers


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("something is named twice")
    return values


# One file, or a list of files.
Files = Annotated[tuple[Line, ...], BeforeValidator(_listed), AfterValidator(_different), Field(min_length=1)]


class Geography(Strict):
    """The files that places are worked out from."""

    directory: str = premises.DIRECTORY
    reach_areas: Files = premises.REACH_AREAS  # CSV or GeoJSON; all of them together count
    hospital_postcodes: str = premises.HOSPITAL_POSTCODES
    ward_names: str | None = None  # names and codes of wards, from the directory's Documents folder
    deprivation: str | None = None  # English indices of deprivation 2025, File 7
    localities: Code | None = None  # the network of reach areas that lists name localities from
    refresh_moves: Annotated[int, Field(ge=0)] = 0  # live postcodes that a new release may move by itself
    locality_names: str | None = None  # names of localities by code; without it their codes are shown


_VERIFIER = re.compile(r"^[!-*,-~]{1,150}\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$")


def _is_verifier(text: str) -> str:
    if not _VERIFIER.match(text):
        raise ValueError("not a verifier key; copy its line again, whole, as the witness showed it")
    return text


VerifierKey = Annotated[str, AfterValidator(_is_verifier)]


class Place(Strict):
    """A place outside this home to which every checkpoint is brought: a folder, or one at an SFTP server."""

    name: Code
    folder: Line
    host: Line = ""  # "" for a folder of this machine, or one that is mounted here
    port: Port = 22
    user: Line = ""
    host_key: Line = ""  # "ssh-ed25519 AAAA..."
    witness: Line = ""  # the name of the witness that takes requests here, and leaves its answers

    @model_validator(mode="after")
    def _can_be_reached(self) -> Place:
        if bool(self.host) != bool(self.user and self.host_key):
            raise ValueError("host, user and host_key are needed together, or none of them")
        return self


class Outside(Strict):
    """Where checkpoints of the ledger are kept besides, and who countersigns them."""

    places: tuple[Place, ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()  # name+id+key, of another organisation each
    witnesses_needed: Annotated[int, Field(ge=0)] = 0  # of them, for a checkpoint to be fully countersigned
    witness_days: Annotated[int, Field(ge=2)] = 35  # how old the newest such may be before somebody is told

    @model_validator(mode="after")
    def _fits_together(self) -> Outside:
        names = [one.name for one in self.places]
        witnesses = [one.split("+", 1)[0] for one in self.witnesses]
        keys = [one.split("+", 2)[2] for one in self.witnesses]
        if len(set(names)) < len(names):
            raise ValueError("places must have different names")
        if any(re.search("[0-9]{9}", name) for name in witnesses):
            raise ValueError("a witness's name must not hold nine or more digits in a row")
        if len(set(witnesses)) < len(witnesses) or len(set(keys)) < len(keys):
            raise ValueError("witnesses must have different names and keys")
        if self.witnesses_needed > len(witnesses):
            raise ValueError("witnesses_needed is more than there are witnesses")
        asked = [one.witness for one in self.places if one.witness]
        if not set(asked) <= set(witnesses) or len(set(asked)) < len(asked):
            raise ValueError("a place's witness must be one of witnesses, each at one place")
        return self


# The address of a shared mailbox, without a name beside it.
Mailbox = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}$")]
Link = Annotated[str, StringConstraints(pattern=r"^(https?://[!-~]+)?$")]


class Mail(Strict):
    """The server that takes our messages; never without TLS."""

    host: Line
    port: Port = 587
    security: Literal["starttls", "tls"] = "starttls"
    sender: Mailbox
    user: Line = ""  # "" where the server wants no login
    password: Line = "keys/mail.password"  # file of it, relative to the home  # noqa: S105  # no password
    trust: Line = ""  # certificates to trust, relative to the home; "": those that this machine trusts
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0


class Webhook(Strict):
    """An address that takes messages as JSON; whoever knows it can write there, so it stands in a file."""

    address: Line = "keys/webhook.address"  # file of it, relative to the home
    trust: Line = ""  # as Mail's
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0


class Notices(Strict):
    """Who is told what waits for people, and where they look."""

    to: dict[Role, tuple[Mailbox, ...]] = {}
    mail: Mail | None = None
    webhook: Webhook | None = None
    link: Link = ""  # of the console or of Airflow
    month_link: Link = ""  # of a month's page there; {month} stands for the month

    @model_validator(mode="after")
    def _can_be_sent(self) -> Notices:
        if any(self.to.values()) and self.mail is None:
            raise ValueError("to: a mail server is needed, see notices.mail")
        return self


# The origin of a server that is spoken to over TLS, or is on this machine.
_TLS_OR_HERE = r"^(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?"


class SignOn(Strict):
    """The council's own sign-on, an OpenID provider, and our registration there."""

    issuer: Annotated[str, StringConstraints(pattern=_TLS_OR_HERE + "(/[!-~]*)?$")]
    client_id: Line
    client_secret: Line = "keys/sign_on.secret"  # file of it, relative to the home  # noqa: S105  # no password
    claim: Line = "email"  # what tells people apart there; `sign_on` of a person is its value
    trust: Line = ""  # as Mail's


class Person(Strict):
    """Somebody who may use the console, and in which roles."""

    principal: Line  # as approvers' and in keys/approvers/allowed_signers, where they sign
    roles: Annotated[tuple[Role, ...], AfterValidator(_different), Field(min_length=1)]
    sign_on: Line = ""  # what the sign-on's claim says of them; "" where they do not come in that way
    airflow_user: Line = ""  # their login in Airflow, where [[approvers]] does not say it


class Console(Strict):
    """The web pages for guardians, IG officers and approvers."""

    # The origin under which people open it, and passkeys are made for; "" on this machine alone.
    address: Annotated[str, StringConstraints(pattern=f"^$|{_TLS_OR_HERE}$")] = ""
    port: Port = 8470  # where it listens on its machine
    sign_on: SignOn | None = None
    people: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Console:
        for what in ("principal", "sign_on", "airflow_user"):
            named = [value for one in self.people if (value := getattr(one, what))]
            if len(set(named)) < len(named):
                raise ValueError(f"people: two have the same {what}")
        return self


class Settings(Strict):
    """`birthshare.toml`."""

    authority: Authority
    database: str = "sqlite:///state/birthshare.db"
    suppliers: dict[Code, Supplier]
    approvers: tuple[Approver, ...] = ()
    geography: Geography = Geography()
    delivery: Delivery = Delivery()
    receipts: Receipts = Receipts()
    retention: Retention = Retention()
    recipients: RecipientsSettings = RecipientsSettings()
    ledger: Outside = Outside()
    notices: Notices = Notices()
    console: Console = Console()


class Jump(Strict):
    """A host that the way to a recipient's server leads through; our delivery key logs in there too."""

    host: Line
    port: Port = 22
    user: Line
    host_key: Line


SheetOfLabels = Literal["a4-8", "a4-14", "a4-21", "a4-24"]  # A4, by labels on a sheet


class Recipient(Strict):
    """A children's centre, family hub or other place that receives lists."""

    code: Code
    name: Line
    kind: Code  # childrens_centre, family_hub, library, ...: as agreements name the kinds
    contact: Line = ""  # a post and its telephone or shared mailbox, never a person's name
    starts: date | None = None  # the first day on which anything may be sent there
    ends: date | None = None  # the last
    via: Literal["sftp", "folder"] = "sftp"  # a folder of this machine, which MESH or another carrier empties
    host: Line = ""
    port: Port = 22
    user: Line = ""
    folder: Line = "."
    host_key: Line = ""  # "ssh-ed25519 AAAA..."
    jump: Jump | None = None
    proxy_command: tuple[str, ...] = ()  # a program whose input and output are the connection
    at_once: Annotated[int, Field(ge=1, le=8)] = 1  # connections to this recipient
    bytes_a_second: Annotated[int, Field(ge=1024)] | None = None
    format: Literal["workbook", "csv", "zip"]  # Office-encrypted xlsx, CSV in OpenPGP, or AES-256 zip
    labels: SheetOfLabels | None = None  # for address labels, which a zip may hold
    key: Line  # password file or OpenPGP public key file, relative to the home
    key_until: date | None = None  # the last day of the key or password, where it does not say so itself

    @model_validator(mode="after")
    def _can_be_reached(self) -> Recipient:
        if self.via == "sftp" and not (self.host and self.user and self.host_key):
            raise ValueError("host, user and host_key are needed for SFTP")
        if self.via == "folder" and (self.host or self.user or self.host_key or self.jump):
            raise ValueError("a folder has no host, user, host_key or jump")
        if self.jump and self.proxy_command:
            raise ValueError("give jump or proxy_command, not both")
        if self.labels and self.format != "zip":
            raise ValueError("labels need the format zip, which holds several files")
        if self.starts and self.ends and self.ends < self.starts:
            raise ValueError("ends is before starts")
        return self

    @property
    def account(self) -> tuple[str, int, str, str]:
        """Where its files lie: the same for two spellings of one place."""
        folder = os.path.realpath(self.folder) if self.via == "folder" else os.path.normpath(self.folder)
        return self.host.lower(), self.port, self.user, folder

    @property
    def place(self) -> str:
        """A digest of its account and of the server that it is on: another after a move."""
        said = (*self.account, *self.host_key.split()[:2])
        return hashlib.sha256("\x1f".join(map(str, said)).encode()).hexdigest()[:16]


class Recipients(Strict):
    """`reference/recipients.yaml`."""

    recipients: tuple[Recipient, ...]


def passphrase_variable(supplier: str) -> str:
    """The environment variable that may hold what opens a supplier's zip files."""
    return PASSPHRASE_VARIABLE + re.sub("[^A-Z0-9]", "_", supplier.upper())


@dataclass(frozen=True)
class Home:
    """An opened home folder."""

    path: Path
    settings: Settings
    # What gives the secrets that stand in no file.
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)

    @classmethod
    def open(cls, path: Path, environment: Mapping[str, str] = os.environ) -> Home:
        """Read the settings; raises SettingsError with the setting's place, never its value."""
        file = path / SETTINGS_FILE
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(
                "This folder is not a Birthshare home",
                where=str(path),
                do="Name the right one with --home or BIRTHSHARE_HOME, or make one with `birthshare init`.",
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError("The settings cannot be read", where=f"{file}: {error}") from None
        return cls(path.resolve(), read_model(Settings, raw, where=file), environment)

    def at(self, relative: str) -> Path:
        """A path named in the settings."""
        return self.path / relative

    @property
    def reach_areas(self) -> list[Path]:
        """The files of reach areas."""
        return [self.at(file) for file in self.settings.geography.reach_areas]

    @property
    def database_url(self) -> str:
        """The database address, an SQLite path made absolute; BIRTHSHARE_DATABASE overrides it.

        Raises SettingsError where the settings leave it to that, and it is not there.
        """
        url = self.environment.get(DATABASE_VARIABLE, self.settings.database)
        if url == GIVEN:
            raise SettingsError(
                "The database's address was not given",
                where=f"{SETTINGS_FILE}, database",
                do=f"Set {DATABASE_VARIABLE}; in Airflow, see infra/airflow/README.md, Secrets.",
            )
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith("sqlite:////"):
            return f"{prefix}{self.path / url.removeprefix(prefix)}"
        return url

    @property
    def profiles(self) -> Path:
        """Profiles of this authority's own suppliers, beside those that ship with Birthshare."""
        return self.path / "profiles"

    @property
    def agreements(self) -> Path:
        """The agreements in use, with their signatures."""
        return self.path / "agreements"

    @property
    def allowed_signers(self) -> Path:
        """The approvers' public keys, as `ssh-keygen` reads them."""
        return self.path / "keys" / "approvers" / "allowed_signers"

    def supplier(self, code: str) -> Supplier:
        """One supplier's settings; raises SettingsError where there are none."""
        known = self.settings.suppliers
        if code in known:
            return known[code]
        raise SettingsError(
            "This supplier is not in the settings",
            do=f"Add it under [suppliers], or use one of: {', '.join(sorted(known))}.",
        )

    def inbox(self, supplier: str) -> Path:
        """Where one supplier's sealed files arrive."""
        return self.path / "inbox" / supplier

    @property
    def outbox(self) -> Path:
        """Reports for suppliers and approvers."""
        return self.path / "outbox"

    @property
    def month_pages(self) -> Path:
        """The pages of closed months, which reporting writes."""
        return self.outbox / "months"

    def month_page(self, month: Month) -> Path:
        """One month's page, where it is closed."""
        return self.month_pages / f"{month}.html"

    @property
    def checks(self) -> Path:
        """What was checked in suppliers' files; its `index.html` leads to every page there."""
        return self.outbox / "checks"

    @property
    def state(self) -> Path:
        """The embedded database and the encrypted working files."""
        return self.path / "state"

    def private_file(self, relative: str) -> Path:
        """A file that only its owner may read; raises SettingsError where it is missing or open to others."""
        file = self.path / relative
        try:
            mode = file.stat().st_mode
        except OSError:
            raise SettingsError(
                "A key file is missing", where=str(file), do="Run `birthshare doctor`."
            ) from None
        if mode & 0o077:
            raise SettingsError(
                "A key file can be read by others", where=str(file), do=f"Run: chmod 600 '{file}'"
            )
        return file

    def trusted(self, certificates: str) -> ssl.SSLContext:
        """Who may vouch for a server: those whom this machine trusts, or the file `certificates`.

        Raises SettingsError where that cannot be read.
        """
        import ssl

        file = str(self.at(certificates)) if certificates else None
        try:
            return ssl.create_default_context(cafile=file)
        except (OSError, ssl.SSLError):
            raise SettingsError("A file of certificates cannot be read", where=file or "") from None

    def secret(self, name: str) -> bytes:
        """A secret of 32 bytes under `keys/`; raises SettingsError as `private_file` does, or for others."""
        file = self.private_file(f"keys/{name}")
        content = file.read_bytes()
        if len(content) != SECRET_BYTES:
            raise SettingsError(
                "A key file does not hold a key", where=str(file), do="Put it back from your safe copy."
            )
        return content

    def password(self, relative: str) -> str:
        """A recipient's password; raises SettingsError as `private_file` does, or where it is not text."""
        file = self.private_file(relative)
        try:
            password = file.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            password = ""
        if not password:
            raise SettingsError("A password file holds no password", where=str(file))
        return password

    def passphrase(self, supplier: str) -> str:
        """What opens a supplier's zip files: from BIRTHSHARE_PASSPHRASE_ and its code, or else from its file.

        Raises SettingsError as `private_file` does, or where it is missing, short, or not in plain letters.
        """
        variable = passphrase_variable(supplier)
        file = self.settings.suppliers[supplier].passphrase
        passphrase = self.environment.get(variable, "").strip()
        where = f"the environment variable {variable}" if passphrase else str(self.path / file)
        if not passphrase and not file:
            raise SettingsError(
                "There is no passphrase for a supplier's zip files",
                where=f"{SETTINGS_FILE}, suppliers.{supplier}.passphrase",
                do=f"Put it into a file under keys/, mode 0600, and name that there; or into {variable}.",
            )
        passphrase = passphrase or self.password(file)
        if len(passphrase) < SHORTEST_PASSPHRASE or not (passphrase.isascii() and passphrase.isprintable()):
            raise SettingsError(
                f"A supplier's passphrase must have {SHORTEST_PASSPHRASE} or more plain letters and digits",
                where=where,
                do="Agree another with the supplier: who has a zip can try short ones by the billion.",
            )
        return passphrase

    def recipients(self) -> dict[str, Recipient]:
        """All recipients by code; raises SettingsError where the register cannot be read."""
        file = self.path / "reference" / "recipients.yaml"
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise _unreadable_register(str(file)) from None
        register = _register(text, file)
        self._check_apart(register, file)
        return {recipient.code: recipient for recipient in register}

    def _check_apart(self, register: tuple[Recipient, ...], file: Path) -> None:
        """Raises SettingsError where two recipients share a place or a key."""
        told_apart: dict[str, list[object]] = {
            "code": [one.code for one in register],
            "account": [one.account for one in register],
            "key file": [one.key for one in register],
            "key": [self._content(one.key) or one.code for one in register],
        }
        for what, values in told_apart.items():
            same = [one.code for one, value in zip(register, values, strict=True) if values.count(value) > 1]
            if same:
                raise SettingsError(
                    f"Recipients have the same {what}: {', '.join(same)}",
                    where=str(file),
                    do="Give each its own: a list is for one recipient alone.",
                )

    def _content(self, relative: str) -> bytes:
        file = self.path / relative
        return file.read_bytes() if file.is_file() else b""


@lru_cache(maxsize=8)
def _register(text: str, file: Path) -> tuple[Recipient, ...]:
    """The recipients in a register's text; the same text is read once in a process, which takes long."""
    import yaml

    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _unreadable_register(f"{file}, line {mark.line + 1}" if mark else str(file)) from None
    return read_model(Recipients, raw, where=file).recipients


def _unreadable_register(where: str) -> SettingsError:
    return SettingsError(
        "The register of recipients cannot be read",
        where=where,
        do="Compare it with the register of a demonstration (birthshare demo), and put it right.",
    )


def key_check(key: bytes) -> str:
    """What shows that a key is the same as before, and tells nothing of it."""
    return hmac.digest(key, b"check", "sha256").hex()


_IN_WORDS = {
    "extra_forbidden": "there is no such setting",
    "missing": "it must be there, and is not",
    "model_type": "names and their values must stand here, one below the other",
}


def read_model(model: type[Model], raw: object, *, where: Path) -> Model:
    """`raw` as `model`; raises SettingsError that names each wrong place and no value."""
    problems: list[str] = []
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            place = ".".join(_named(raw, problem["loc"])) or "the whole file"
            said = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{place}: {_IN_WORDS.get(problem['type'], said)}")
    raise SettingsError("Settings cannot be used: " + "; ".join(problems), where=str(where))


def _named(raw: Any, place: tuple[int | str, ...]) -> list[str]:
    """The way to a place, with whatever has a code by that code and not by its number in a list."""
    parts: list[str] = []
    for part in place:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            raw = None  # a key that is missing, for one
        code = raw.get("code") if isinstance(part, int) and isinstance(raw, dict) else None
        parts.append(code if isinstance(code, str) and _CODE.fullmatch(code) else str(part))
    return parts
