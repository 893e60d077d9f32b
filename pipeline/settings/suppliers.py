"""Settings of suppliers: who sends, how their files are named, sealed and signed, and where they wait."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.settings.values import FileName, Line, Port, Strict


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
