"""`birthshare.toml` as a whole."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from pipeline import premises
from pipeline.settings.console import Console
from pipeline.settings.notices import Notices
from pipeline.settings.outside import Outside
from pipeline.settings.suppliers import Supplier
from pipeline.settings.values import Code, Files, Strict


class Authority(Strict):
    """The local authority whose home this is."""

    name: str
    code: Annotated[str, StringConstraints(pattern=r"^E(06|07|08|09|10)[0-9]{6}$")]  # GSS code
    demonstration: bool = False  # NHS numbers of the test range 999 are then accepted


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
