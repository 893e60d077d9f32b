"""What an administrator asks `install.py` for by mistake is said in a sentence, and nothing is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import install
from airflow_settings import read_settings
from kept_settings import write_settings
from pipeline.errors import SettingsError
from pipeline.founding import make_home

ME = Path("/proc/self").owner()


class Office:
    """An administrator's machine, as far as settings and secrets go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        make_home(self.home)

    @property
    def settings(self) -> Path:
        return self.folder / "etc" / "airflow.toml"

    def asks(self, *words: object) -> None:
        """The command, up to its units."""
        places = [word for name in ("etc", "units", "folder") for word in (f"--{name}", self.folder / name)]
        chosen = install.arguments_of([*map(str, (*words, *places)), "--user", ME])
        write_settings(install.machine_of(chosen), chosen)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_home_is_found_from_where_the_command_is_typed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(office.folder)
    office.asks("--home", "home")
    assert read_settings(office.settings).site.birthshare_home == office.home


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--home", "{0}/nowhere"), "There is no home .*birthshare init"),
        (("--home", "{0}"), "There is no home"),
        (("--authorities", "{0}/nowhere.toml"), "The authorities cannot be read"),
        (("--authorities", "{0}/broken.toml"), "The authorities cannot be read"),
        (("--authorities", "{0}/wrong.toml"), "cannot be used(.|\n)*home must be a whole path"),
        (("--authorities", "{0}/gone.toml"), "There is no home"),
        (("--home", "{0}/home", "--database", "{0}/nowhere"), "the address of the database is missing"),
    ],
)
def test_what_is_not_there_is_said_and_no_settings_are_kept(
    office: Office, words: tuple[str, ...], said: str
) -> None:
    """Settings are kept as they are the next time: wrong ones would stand in the way of the right ones."""
    tables = {
        "broken": "[camden",
        "wrong": "[camden]\nhome = 3",
        "gone": f'[camden]\nhome = "{office.folder}/x"',
    }
    for name, text in tables.items():
        (office.folder / f"{name}.toml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        office.asks(*(word.format(office.folder) for word in words))
    assert not office.settings.exists()


@pytest.mark.parametrize(
    "words", [("--login", "data_lead"), ("--login", "lead=owner"), ("--outside", "airflow.example.org")]
)
def test_a_login_without_a_role_and_an_address_without_its_beginning_are_refused(
    office: Office, words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        office.asks("--home", office.home, *words)
    assert words[0] in capsys.readouterr().err


def test_settings_that_are_kept_are_not_passed_over_in_silence(office: Office) -> None:
    office.asks("--home", office.home, "--port", 8081)
    office.asks("--home", office.home)  # the port was not asked about
    assert read_settings(office.settings).site.port == 8081
    other = office.folder / "other"
    make_home(other)
    (office.folder / "address").write_text("postgresql+psycopg://airflow@db/airflow")
    for words, name in (
        (("--home", other), "home"),
        (("--home", office.home, "--port", 8082), "port"),
        (("--home", office.home, "--database", office.folder / "address"), "database"),
    ):
        with pytest.raises(SettingsError, match=f"say otherwise: {name}"):
            office.asks(*words)


def test_a_part_that_is_not_there_is_not_installed(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match="no part worker@opneing"):
        install.check_parts(["worker@opneing"], ["scheduler", "worker@opening"])
    install.check_parts(["worker@opening"], ["scheduler", "worker@opening"])


def test_what_was_not_installed_is_named_with_what_installs_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    chosen = install.arguments_of(["--home", str(office.home), "--sign-on", "fab"])
    with pytest.raises(SettingsError, match=r"install\.sh sign_on"):
        install.check_libraries(chosen)
