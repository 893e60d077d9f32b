"""An authority's home folder: where everything of one authority is, and its settings.

Paths in the settings are relative to the home. Secrets are never in the settings: they are files
under `keys/`, mode 0600, or environment variables named where they are used. Whoever opens a home may
give these another way: tasks of Airflow do (dags/birthshare_secrets.py).
"""

from __future__ import annotations

import hmac
import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import premises
from pipeline.errors import SettingsError
from pipeline.settings.console import Console, Person, SignOn
from pipeline.settings.notices import Mail, Webhook
from pipeline.settings.outside import Place
from pipeline.settings.reading import read_model
from pipeline.settings.recipients import Jump, Recipient, Recipients, SheetOfLabels
from pipeline.settings.settings import Approver, Authority, Delivery, Geography, Receipts, Retention, Settings
from pipeline.settings.suppliers import Drift, Inbox, Supplier
from pipeline.settings.values import Code, Strict

if TYPE_CHECKING:
    import ssl

    from pipeline.records import Month  # it brings pandas

__all__ = [
    "DATABASE_VARIABLE",
    "GIVEN",
    "PASSPHRASE_VARIABLE",
    "SECRET_BYTES",
    "SETTINGS_FILE",
    "SHORTEST_PASSPHRASE",
    "Approver",
    "Authority",
    "Code",
    "Console",
    "Delivery",
    "Drift",
    "Geography",
    "Home",
    "Inbox",
    "Jump",
    "Mail",
    "Person",
    "Place",
    "Receipts",
    "Recipient",
    "Retention",
    "Settings",
    "SheetOfLabels",
    "SignOn",
    "Strict",
    "Supplier",
    "Webhook",
    "key_check",
    "passphrase_variable",
    "read_model",
]

SETTINGS_FILE = premises.SETTINGS_FILE
SECRET_BYTES = 32
SHORTEST_PASSPHRASE = 16  # characters

DATABASE_VARIABLE = "BIRTHSHARE_DATABASE"
PASSPHRASE_VARIABLE = "BIRTHSHARE_PASSPHRASE_"  # and the supplier's code  # noqa: S105  # no passphrase
GIVEN = "given"  # as the database's address: it comes from outside, and without it nothing runs


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
            many = Counter(values)
            same = [one.code for one, value in zip(register, values, strict=True) if many[value] > 1]
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
