"""Where a task gets its home's secrets from, and that no other authority's task has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import context_of
from pipeline.errors import SettingsError
from pipeline.home import DATABASE_VARIABLE, Home, passphrase_variable

OPENS = "Quetzalcoatlus-1912"
SETTINGS = """
database = "given"
[authority]
name = "Sampleshire"
code = "E10000031"
[suppliers.st-marys]
name = "St Mary's"
unsigned = true
"""


@pytest.fixture
def secrets(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["birthshare_secrets"]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a Connection, where Airflow looks for one without a server; test_leaks.py has real ones."""

    def make(name: str, **connection: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

    return make


def of(secrets: ModuleType, modules: dict[str, ModuleType], code: str) -> Any:
    return secrets.secrets_of(modules["birthshare_authorities"].Authority(code, Path("/nowhere")))


def test_the_database_and_passphrases_are_connections(
    secrets: ModuleType, modules: dict[str, ModuleType], connections: Callable[..., None]
) -> None:
    connections(
        "birthshare_database.camden", conn_type="postgres", host="db.example.org", port=5433, schema="births",
        login="birth share", password="p@ss/word:", extra={"sslmode": "verify-full"},
    )  # fmt: skip
    connections("birthshare_passphrase_st_marys.camden", conn_type="generic", password=OPENS)
    camden = of(secrets, modules, "camden")
    assert camden[DATABASE_VARIABLE] == (
        "postgresql://birth%20share:p%40ss%2Fword%3A@db.example.org:5433/births?sslmode=verify-full"
    )
    assert camden[passphrase_variable("st-marys")] == OPENS


@pytest.mark.parametrize(
    "filled_in",
    [
        {"host": "db"},
        {"host": "db", "schema": "births", "password": OPENS},
        {"host": "/tmp/sqlite.db", "schema": "births", "conn_type": "sqlite"},
    ],
    ids=["no database", "no login", "another kind"],
)
def test_a_connection_that_is_filled_in_by_half_is_no_address(
    secrets: ModuleType, modules: dict[str, ModuleType], connections: Callable[..., None], filled_in: Any
) -> None:
    """It would lead to some other database, or make a login of the password, and errors name logins."""
    connections("birthshare_database.camden", **{"conn_type": "postgres", **filled_in})
    with pytest.raises(SettingsError, match=r"birthshare_database\.camden") as refused:
        of(secrets, modules, "camden").get(DATABASE_VARIABLE)
    assert OPENS not in str(refused.value)


def test_another_authority_has_its_own_or_none(
    secrets: ModuleType, modules: dict[str, ModuleType], connections: Callable[..., None]
) -> None:
    connections("birthshare_database.camden", conn_type="postgres", host="db", password=OPENS)
    connections("birthshare_database", conn_type="postgres", host="db", password=OPENS)
    assert of(secrets, modules, "barnet").get(DATABASE_VARIABLE) is None


def test_where_several_are_served_the_environment_gives_none_of_them_anything(
    secrets: ModuleType,
    modules: dict[str, ModuleType],
    connections: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else all of them would write into one database."""
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql://db/births")
    assert of(secrets, modules, "camden").get(DATABASE_VARIABLE) is None
    assert of(secrets, modules, "")[DATABASE_VARIABLE] == "postgresql://db/births", "one alone"


def test_a_task_works_with_its_authoritys_database(
    tasks: ModuleType, connections: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "birthshare.toml").write_text(SETTINGS)
    (tmp_path / "all.toml").write_text(f'[camden]\nhome = "{tmp_path}"\n')
    monkeypatch.setenv("BIRTHSHARE_AUTHORITIES", str(tmp_path / "all.toml"))
    with pytest.raises(SettingsError, match="address was not given"):
        assert tasks.home_of(context_of("camden.receipts")).database_url
    connections("birthshare_database.camden", conn_type="postgres", host="db", schema="births")
    connections("birthshare_passphrase_st_marys.camden", conn_type="generic", password=OPENS)
    home = tasks.home_of(context_of("camden.receipts"))
    assert home.database_url == "postgresql://db/births"
    assert home.passphrase("st-marys") == OPENS
    assert OPENS not in repr(home)


def test_a_home_that_is_given_its_database_never_makes_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that cannot be reached is not an empty ledger, in which nothing was ever sent."""
    (tmp_path / "birthshare.toml").write_text(SETTINGS)
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    with pytest.raises(SettingsError, match=r"not given \(birthshare.toml, database\)"):
        assert Home.open(tmp_path).database_url
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql://db/births")
    assert Home.open(tmp_path).database_url == "postgresql://db/births"
