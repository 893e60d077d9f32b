"""What a home's settings leave to its surroundings: the database's address and suppliers' passphrases.

The command line takes them from the environment. In Airflow every task could read that, of every authority.
So a task asks for them as Connections: Airflow's own, which it keeps encrypted, or the secrets backend's that
the deployment has. Each authority has its own:

    birthshare_database           birthshare_database.camden            host, port, schema, login, password
    birthshare_passphrase_chis    birthshare_passphrase_chis.camden     password

They are asked for when they are needed, in the task's own process, and stand in no environment. Where one
authority is served alone, what is no Connection is taken from the environment, as on the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from birthshare_authorities import Authority
from pipeline.errors import SettingsError
from pipeline.home import DATABASE_VARIABLE, PASSPHRASE_VARIABLE

DATABASE = "birthshare_database"
PASSPHRASE = "birthshare_passphrase_"  # noqa: S105  # the beginning of a name

_KINDS = {
    "postgres",
    "postgresql",
    "generic",
    "",
    None,
}  # of Connections that mean PostgreSQL, or say nothing


def secrets_of(authority: Authority) -> Mapping[str, str]:
    """The secrets of one authority, by the variables that name them on the command line."""
    return _Secrets(authority.code, {} if authority.code else os.environ)


class _Secrets(Mapping[str, str]):
    """Asks for each secret once; holds those that were asked for, and no other authority's."""

    def __init__(self, code: str, environment: Mapping[str, str]) -> None:
        self._code, self._environment = code, environment
        self._found: dict[str, str] = {}

    def __getitem__(self, variable: str) -> str:
        if variable not in self._found:
            secret = _asked(variable, self._code) or self._environment.get(variable)
            if secret is None:
                raise KeyError(variable)
            self._found[variable] = secret
        return self._found[variable]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return "<secrets>"


def _asked(variable: str, code: str) -> str:
    """A secret as Airflow gives it, hidden from now on wherever Airflow writes; "" where there is none."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException
    from airflow.sdk.log import mask_secret

    name = f"{_name(variable)}.{code}" if code else _name(variable)
    try:
        found = Connection.get(name)
    except AirflowNotFoundException:
        return ""
    secret = _address(name, found) if variable == DATABASE_VARIABLE else str(found.password or "")
    mask_secret(secret)
    return secret


def _name(variable: str) -> str:
    """The Connection's name: that of the variable, as Connections are named."""
    if variable == DATABASE_VARIABLE:
        return DATABASE
    return PASSPHRASE + variable.removeprefix(PASSPHRASE_VARIABLE).lower()


def _address(name: str, database: Any) -> str:
    """A Connection to PostgreSQL as an address; what stands in its extra, as sslmode, follows the "?".

    Raises SettingsError for one that is filled in by half: it would lead to whatever database is the
    server's own, or make a login of the password, and errors name logins.
    """
    known = database.conn_type in _KINDS
    if not known or not database.schema or (database.password and not database.login):
        raise SettingsError(
            "The Connection to the ledger's database is of another kind, or not filled in",
            where=name,
            do="Give it the type postgres, and host, schema (the database), login and password.",
        )
    login = ":".join(quote(part, safe="") for part in (database.login, database.password) if part)
    host = f"{database.host or ''}{f':{database.port}' if database.port else ''}"
    options = urlencode(database.extra_dejson)
    return (
        f"postgresql://{login}{'@' if login else ''}{host}/{quote(database.schema, safe='')}"
        f"{'?' if options else ''}{options}"
    )
