"""The settings of an Airflow: one file for a person, one place for every value, secrets in files alone."""

from __future__ import annotations

import json
import os
import stat
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

import run
from airflow_environment import Site, environment
from airflow_health import is_healthy
from airflow_settings import read_settings
from pipeline.errors import SettingsError

LEAST = 'folder = "{0}/airflow"\nhome = "{0}/home"\nsecrets = "{0}/secrets"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The least that settings must say."""
    (tmp_path / "airflow.toml").write_text(LEAST.format(tmp_path))
    return tmp_path / "airflow.toml"


def add(file: Path, lines: str) -> Path:
    file.write_text(f"{file.read_text()}{lines}\n")
    return file


def test_the_least_settings_are_one_machine_with_sqlite(file: Path) -> None:
    site = read_settings(file).site
    words = environment(site)
    assert words["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert words["AIRFLOW__CORE__EXECUTOR"] == "quiet_executor.QuietLocalExecutor"
    assert words["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("sqlite:///")
    assert words["BIRTHSHARE_HOME"] == str(file.parent / "home")


@pytest.mark.parametrize(
    "lines",
    [
        'prot = 8080', 'port = "8080"', "port = 0", 'database = "sqlite"', 'listen = 1', "keep_days = true",
        '[users]\nlead = "owner"', "[extra]\nA__B = 1", 'authorities = "/etc/a.toml"', "not toml",
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words(file: Path, lines: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(add(file, lines))
    assert str(file) in str(refused.value)


def test_settings_name_whole_paths(file: Path) -> None:
    file.write_text('folder = "airflow"\nhome = "/srv/home"\n')
    with pytest.raises(SettingsError, match="folder"):
        read_settings(file)


def test_a_database_without_its_address_is_never_replaced_by_an_empty_one(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"database\.url"):
        read_settings(add(file, 'database = "postgresql"'))


def test_addresses_with_passwords_are_read_by_a_command_and_stand_in_no_environment(file: Path) -> None:
    secrets = file.parent / "secrets"
    secrets.mkdir()
    (secrets / "database.url").write_text("postgresql+psycopg://airflow:a-long-password@db/airflow\n")
    (secrets / "broker.url").write_text("redis://:another-password@queue/0\n")
    words = environment(read_settings(add(file, 'database = "postgresql"\nbroker = "redis"')).site)
    assert not [value for value in words.values() if "password@" in value]
    command = words["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"]
    assert (
        command == words["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC_CMD"] == f"cat {secrets / 'database.url'}"
    )
    assert words["AIRFLOW__CELERY__BROKER_URL_CMD"] == f"cat {secrets / 'broker.url'}"
    assert words["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_a_changed_address_is_taken_and_a_secret_is_made_once(tmp_path: Path) -> None:
    for password in ("first-password", "second-password"):
        address = f"postgresql+psycopg://airflow:{password}@db/airflow"
        environment(Site(tmp_path, 8080, {"lead": "user"}, database=address))
        assert (tmp_path / "database.url").read_text() == address
    kept = {name: (tmp_path / name).read_text() for name in ("token.secret", "session.secret", "fernet.key")}
    environment(Site(tmp_path, 8080, {"lead": "user"}, database=address))
    assert kept == {name: (tmp_path / name).read_text() for name in kept}
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert len(kept["token.secret"]) == 128


def test_a_new_login_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    first = Site(tmp_path, 8080, {"lead": "user"}).passwords()
    both = Site(tmp_path, 8080, {"lead": "user", "guardian": "user"}).passwords()
    assert both["lead"] == first["lead"]
    assert both["guardian"] != both["lead"]


def test_another_sign_on_keeps_no_passwords_of_ours(file: Path) -> None:
    site = read_settings(add(file, 'sign_on = "fab"')).site
    words = environment(site)
    assert words["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS" not in words
    assert not (site.folder / "passwords.json").exists()


def test_nothing_of_the_callers_environment_reaches_airflow(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "a-token-of-somebody")
    assert "a-token-of-somebody" not in environment(read_settings(file).site).values()


def test_a_command_says_what_is_wrong_and_gives_the_exit_code(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([str(add(file, "port = 0")), "prepare"]) == 2
    assert "port is unknown, or not what it should be" in capsys.readouterr().err


def test_a_command_leaves_the_rights_of_its_callers_new_files_as_they_were(file: Path) -> None:
    before = os.umask(0o022)
    try:
        run.main([str(add(file, "port = 0")), "prepare"])
    finally:
        after = os.umask(before)
    assert after == 0o022


def test_old_logs_go_and_new_ones_stay(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(add(file, "keep_days = 30"))
    asked: list[list[str]] = []
    monkeypatch.setattr(run, "_ran", lambda settings, command: asked.append(command) or 0)
    settings.site.logs.mkdir(parents=True)
    old, new = settings.site.logs / "old.log", settings.site.logs / "new.log"
    for log, days in ((old, 31), (new, 29)):
        log.touch()
        os.utime(log, (time.time() - days * 86400,) * 2)
    assert run.main([str(file), "clean"]) == 0
    assert [log.name for log in settings.site.logs.iterdir()] == ["new.log"]
    assert asked[0][3:5] == ["db", "clean"]
    assert "--skip-archive" in asked[0]


class Answers(BaseHTTPRequestHandler):
    """An API server whose scheduler has died."""

    def do_GET(self) -> None:  # noqa: N802 - named by the library
        found = {"scheduler": {"status": "unhealthy"}, "dag_processor": {"status": "healthy"}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_dead_part_is_unhealthy_and_so_is_everything_without_an_api_server() -> None:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert is_healthy(address)
        assert is_healthy(address, "dag-processor")
        assert not is_healthy(address, "scheduler")
        server.shutdown()
    assert not is_healthy(address)
