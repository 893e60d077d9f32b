"""A field that this home cannot fill stops the agreement before anything is decided, with words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geography.town import NAMES, NSPL_2021, OLD_NSPL, ONSPD_2023, TOWN, published
from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement
from pipeline.errors import SettingsError
from pipeline.geography.building import build_directory
from pipeline.home import Authority, Geography, Home, Settings
from pipeline.records import TEMPLATES
from pipeline.steps import needs

BASE = read_agreement(TEMPLATES / "welcome-card-first-visit.v1.yaml")[0]
LINKAGE = {"shares": "pseudonyms", "household": "each_child", "fields": ["pseudonym", "sex"]}


def agreement(**terms: Any) -> Agreement:
    return Agreement.model_validate(BASE.model_dump() | terms)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    (tmp_path / "reference").mkdir()
    (tmp_path / "wards.csv").write_text("WD25CD,WD25NM\nE05000001,Milverton\n")
    (tmp_path / "imd.csv").write_text(
        "LSOA code (2021),Index of Multiple Deprivation (IMD) Decile\nE01000021,3\n"
    )
    with_directory(tmp_path)
    return tmp_path


def with_directory(folder: Path, *, of_2021: bool = True) -> None:
    source = folder / "NSPL_UK.csv"
    old = [(*row[:5], "", *row[6:]) for row in TOWN]
    source.write_text(published(ONSPD_2023, NAMES) if of_2021 else published(NSPL_2021, OLD_NSPL, old))
    build_directory(source, folder / "reference" / "postcodes.sqlite", part=True)


def home(folder: Path, **geography: str) -> Home:
    authority = Authority(name="A council", code="E07000001")
    return Home(folder, Settings(authority=authority, suppliers={}, geography=Geography(**geography)))


BOTH = {"ward_names": "wards.csv", "deprivation": "imd.csv"}


@pytest.mark.parametrize("field", ["ward", "lsoa", "deprivation_decile"])
def test_a_home_with_the_files_can_fill_fields_about_areas(folder: Path, field: str) -> None:
    needs.check(home(folder, **BOTH), agreement(fields=["address", field]))


@pytest.mark.parametrize(
    ("field", "setting"), [("ward", "ward_names"), ("deprivation_decile", "deprivation")]
)
def test_a_field_without_its_setting_names_field_agreement_and_setting(
    folder: Path, field: str, setting: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        needs.check(home(folder), agreement(fields=["address", field]))

    assert all(word in str(refused.value) for word in (field, setting, BASE.id, "birthshare.toml"))


@pytest.mark.parametrize("field", ["ward", "deprivation_decile"])
def test_a_field_whose_file_is_not_there_names_the_file(folder: Path, field: str) -> None:
    lost = home(folder, ward_names="gone.csv", deprivation="gone.csv")

    with pytest.raises(SettingsError, match="is missing.*gone.csv"):
        needs.check(lost, agreement(fields=["address", field]))


@pytest.mark.parametrize("field", ["lsoa", "deprivation_decile"])
def test_a_directory_without_the_areas_of_2021_is_refused_for_fields_of_2021(
    folder: Path, field: str
) -> None:
    with_directory(folder, of_2021=False)

    with pytest.raises(SettingsError, match=f"no LSOAs of 2021.*{field}.*geography build"):
        needs.check(home(folder, **BOTH), agreement(fields=["address", field]))
    needs.check(home(folder, **BOTH), agreement(fields=["address", "ward"]))


def test_an_agreement_that_names_none_of_these_needs_nothing(folder: Path) -> None:
    needs.check(home(folder), BASE)

    assert needs.area_files(home(folder, **BOTH), [BASE]) == {}
    assert needs.pseudonym_checks(home(folder), [BASE]) == {}


def test_the_files_that_are_read_are_known_by_their_setting(folder: Path) -> None:
    files = needs.area_files(home(folder, **BOTH), [BASE, agreement(fields=["address", "ward"])])

    assert files == {"ward_names": folder / "wards.csv", "deprivation": folder / "imd.csv"}


LOCAL = {"fields": ["address", "locality"]}


def test_localities_need_their_network_and_its_setting_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        needs.check(home(folder), agreement(**LOCAL))

    assert all(word in str(refused.value) for word in ("locality", BASE.id, "geography.localities"))


def test_localities_are_their_network_and_names_are_read_where_there_are_any(folder: Path) -> None:
    (folder / "localities.csv").write_text("code,name\nwest,West Town\n")
    settled = home(folder, localities="districts", locality_names="localities.csv")
    needs.check(home(folder, localities="districts"), agreement(**LOCAL))
    needs.check(settled, agreement(**LOCAL))

    assert needs.localities(settled, [BASE]) is None
    assert needs.localities(settled, [BASE, agreement(**LOCAL)]) == "districts"
    assert needs.area_files(settled, [agreement(**LOCAL)]) == {"locality_names": folder / "localities.csv"}
    (folder / "localities.csv").unlink()
    with pytest.raises(SettingsError, match="names of localities is missing"):
        needs.check(settled, agreement(**LOCAL))


def test_a_missing_pseudonym_key_is_told_with_the_command_that_makes_it(folder: Path) -> None:
    linkage = agreement(**LINKAGE)

    with pytest.raises(SettingsError) as refused:
        needs.check(home(folder), linkage)

    assert f"keys/pseudonym.{BASE.id}.key" in str(refused.value)
    assert needs.how_to_make(home(folder), linkage) in str(refused.value)


def test_the_command_makes_a_key_that_is_taken(folder: Path) -> None:
    import subprocess

    linkage = agreement(**LINKAGE)
    subprocess.run(["sh", "-c", needs.how_to_make(home(folder), linkage).strip()], check=True)

    key = needs.pseudonym_key(home(folder), linkage)

    assert key is not None and len(key) == 32
    needs.check(home(folder), linkage)


def test_two_agreements_with_one_pseudonym_key_are_refused_since_their_lists_could_be_joined(
    folder: Path,
) -> None:
    two = [agreement(**LINKAGE), agreement(**LINKAGE, id="another-study")]
    for one in two:
        file = folder / "keys" / f"pseudonym.{one.id}.key"
        file.write_bytes(bytes(32))
        file.chmod(0o600)
    with pytest.raises(SettingsError, match="could be joined.*another-study"):
        needs.pseudonym_checks(home(folder), two)


@pytest.mark.parametrize(
    ("content", "mode", "said"), [(b"short", 0o600, "does not hold a key"), (b"k" * 32, 0o644, "by others")]
)
def test_a_pseudonym_key_that_is_none_or_open_to_others_is_refused(
    folder: Path, content: bytes, mode: int, said: str
) -> None:
    file = folder / "keys" / f"pseudonym.{BASE.id}.key"
    file.write_bytes(content)
    file.chmod(mode)

    with pytest.raises(SettingsError, match=said):
        needs.check(home(folder), agreement(**LINKAGE))


def test_another_key_is_seen_and_neither_is_told(folder: Path) -> None:
    file, linkage = folder / "keys" / f"pseudonym.{BASE.id}.key", agreement(**LINKAGE)
    found = []
    for key in (b"k" * 32, b"l" * 32):
        file.write_bytes(key)
        file.chmod(0o600)
        found.append(needs.pseudonym_checks(home(folder), [linkage])[BASE.id])

    assert found[0] != found[1]
    assert (b"k" * 32).hex() not in found[0]
