"""Whose DAGs an Airflow has: one authority's trouble takes none of the others' away."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from dag_runs import context_of
from pipeline.errors import SettingsError


@pytest.fixture
def known(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["birthshare_authorities"]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of authorities, empty so far."""
    file = tmp_path / "authorities.toml"
    monkeypatch.setenv("BIRTHSHARE_AUTHORITIES", str(file))
    return file


def codes(known: ModuleType) -> list[str]:
    return [one.code for one in known.authorities()]


ALDER = '[alder]\nhome = "/srv/birthshare/alder"\n'


@pytest.mark.parametrize(
    "table_of_birch",
    [
        '[birch]\nhome = "not/from/the/root"\n',
        "[birch]\n",
        '[birch]\nhome = "/srv/birthshare/birch"\nown_workers = "yes"\n',
        '[birch]\nhome = "/srv/birthshare/birch"\nplace = "/srv"\n',
        '["Birch Council"]\nhome = "/srv/birthshare/birch"\n',
        "birch = 1\n",
    ],
)
def test_a_table_that_cannot_be_used_leaves_the_others(
    known: ModuleType, table: Path, table_of_birch: str
) -> None:
    table.write_text(
        table_of_birch + ALDER if "=" in table_of_birch.split("\n")[0] else ALDER + table_of_birch
    )
    assert codes(known) == ["alder"]
    with pytest.raises(SettingsError, match="have no DAGs"):
        known.check_authorities()


def test_where_all_can_be_used_nothing_is_shown(known: ModuleType, table: Path) -> None:
    table.write_text(ALDER + '[birch]\nhome = "/srv/birthshare/birch"\n')
    assert codes(known) == ["alder", "birch"]
    known.check_authorities()


@pytest.mark.parametrize(
    "home", ["/srv/birthshare/alder", "/srv/birthshare/alder/within", "/srv/../srv/birthshare"]
)
def test_homes_that_are_one_or_lie_in_one_another_are_nobodys(
    known: ModuleType, table: Path, home: str
) -> None:
    table.write_text(ALDER + f'[birch]\nhome = "{home}"\n[cedar]\nhome = "/srv/cedar"\n')
    assert codes(known) == ["cedar"]


def test_a_link_hides_nothing(known: ModuleType, table: Path, tmp_path: Path) -> None:
    (tmp_path / "alder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "alder")
    table.write_text(f'[alder]\nhome = "{tmp_path}/alder"\n[birch]\nhome = "{tmp_path}/link"\n')
    assert codes(known) == []


def test_a_home_that_is_not_there_fails_when_its_task_runs(
    known: ModuleType, tasks: ModuleType, table: Path
) -> None:
    table.write_text('[alder]\nhome = "/nowhere/alder"\n')
    assert codes(known) == ["alder"]
    with pytest.raises(SettingsError, match="not a Birthshare home"):
        tasks.home_of(context_of("alder.monthly_births", "2026-10"))


def test_a_task_of_an_authority_that_is_not_known_here_does_nothing(tasks: ModuleType, table: Path) -> None:
    table.write_text(ALDER)
    for dag in ("birch.monthly_births", "monthly_births", "alder.birch.monthly_births"):
        with pytest.raises(SettingsError, match="does not know the authority"):
            tasks.home_of(context_of(dag, "2026-10"))


@pytest.mark.parametrize(
    "given", [{"home": "/srv/birch"}, {"BIRTHSHARE_HOME": "/srv/birch"}, {"authority": "birch"}]
)
def test_nothing_that_a_run_is_given_chooses_the_home(
    tasks: ModuleType, table: Path, tmp_path: Path, given: dict[str, str]
) -> None:
    """Only the DAG's own id does, with the file on the machine."""
    table.write_text(f'[alder]\nhome = "{tmp_path}/alder"\n[birch]\nhome = "/srv/birch"\n')
    context = context_of("alder.monthly_births", "2026-10")
    context["params"] |= given
    context["dag_run"].conf = given
    with pytest.raises(SettingsError, match=f"{tmp_path}/alder"):
        tasks.home_of(context)
