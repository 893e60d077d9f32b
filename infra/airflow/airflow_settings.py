"""Reads the settings of an Airflow that serves an authority: one file (TOML), and no secret in it.

folder = "/var/lib/birthshare-airflow"       # Airflow's own: its logs, and its database if that is SQLite
home = "/srv/birthshare"                     # of the one authority; or
# authorities = "/etc/birthshare/authorities.toml"   # of several: see dags/birthshare_authorities.py
secrets = "/etc/birthshare/secrets"          # a folder of files; made at installation

# port = 8080
# listen = "127.0.0.1"                       # where there is no proxy on the same machine
# outside = "https://airflow.example.org"    # what people type, where a proxy stands before it
# api = "http://airflow-1.internal:8080"     # where parts on other machines find the API server
# database = "postgresql"                    # its address in secrets/database.url; else SQLite
# broker = "redis"                           # its address in secrets/broker.url; else no Celery workers
# sign_on = "fab"                            # needs infra/locks/sign_on.txt
# keep_days = 400                            # how long Airflow remembers runs, and their logs

[users]                                      # of the simple sign-on: who may do what
data_lead = "user"

[extra]                                      # settings of Airflow's own
# SMTP__SMTP_HOST = "mail.example.org"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_environment import SIMPLE, Site
from pipeline.errors import SettingsError

KEEP_DAYS = 400  # so that the same month of last year is still there

_PATHS = ("folder", "home", "authorities", "secrets")
_TEXTS = {"listen": "127.0.0.1", "outside": "", "api": "", "sign_on": SIMPLE}
_NUMBERS = {"port": 8080, "keep_days": KEEP_DAYS}
SERVERS = {"database": "postgresql", "broker": "redis"}
_TABLES = ("users", "extra")
ROLES = ("viewer", "user", "op", "admin")


@dataclass(frozen=True)
class Settings:
    """An Airflow as its file describes it."""

    site: Site
    keep_days: int


def read_settings(file: Path) -> Settings:
    """The settings in a file; raises SettingsError where they cannot be used."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("The settings of Airflow cannot be read", where=f"{file}: {error}") from None
    _check(file, given)
    if ("home" in given) == ("authorities" in given):
        raise SettingsError("Name one home, or the file of several authorities", where=str(file))
    secrets = Path(given.get("secrets", given["folder"]))
    home, several = given.get("home"), given.get("authorities")
    texts = {name: given.get(name, default) for name, default in _TEXTS.items()}
    site = Site(
        folder=Path(given["folder"]),
        port=given.get("port", _NUMBERS["port"]),
        users=given.get("users", {}),
        birthshare_home=Path(home) if home else None,
        authorities=Path(several) if several else {},
        secrets=secrets,
        listen=texts["listen"],
        outside=texts["outside"],
        api=texts["api"],
        sign_on=texts["sign_on"],
        database=_address(secrets, given, "database"),
        broker=_address(secrets, given, "broker"),
        extra=given.get("extra", {}),
    )
    return Settings(site, given.get("keep_days", _NUMBERS["keep_days"]))


def _check(file: Path, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if not _fits(name, value):
            raise SettingsError(f"{name} is unknown, or not what it should be", where=str(file))
    if "folder" not in given:
        raise SettingsError("folder is missing", where=str(file))


def _fits(name: str, value: Any) -> bool:
    if name in _PATHS:
        return isinstance(value, str) and Path(value).is_absolute()
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _NUMBERS:
        return type(value) is int and value > 0
    if name in SERVERS:
        return bool(value == SERVERS[name])
    if name == "users":
        return isinstance(value, dict) and all(role in ROLES for role in value.values())
    return name in _TABLES and isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _address(secrets: Path, given: Mapping[str, Any], server: str) -> str:
    """Where a server is; "" where none is used. Never that in place of a file that is missing."""
    if server not in given:
        return ""
    file = secrets / f"{server}.url"
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            "An address is missing",
            where=str(file),
            do="Write it there; mode 0600, of the service's user.",
        ) from None
