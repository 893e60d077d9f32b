"""What the fields that agreements name need of the home: files about areas, and pseudonym keys.

Looked at before anything is decided, so that no list stops half way for want of a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from pipeline.agreements.model import Agreement, ListField
from pipeline.errors import SettingsError
from pipeline.home import SETTINGS_FILE, Home, key_check

# Fields about the area that a family lives in, and not about the family itself.
OF_AREAS = frozenset({ListField.WARD, ListField.LSOA, ListField.DEPRIVATION_DECILE, ListField.LOCALITY})
_OF_2021 = frozenset({ListField.LSOA, ListField.DEPRIVATION_DECILE})

_PUBLISHED = {
    "ward_names": "the CSV of ward names and codes from the folder Documents of the postcode directory's zip",
    "deprivation": "File 7 (CSV) of the English indices of deprivation 2025, from gov.uk,",
}


def about_areas(agreements: Iterable[Agreement]) -> bool:
    """Whether any of the agreements names a field about areas."""
    return any(OF_AREAS & set(agreement.fields) for agreement in agreements)


def check(home: Home, agreement: Agreement) -> None:
    """Raises SettingsError where a field that the agreement names cannot be filled from this home."""
    from pipeline.geography.directory import Directory
    from pipeline.geography.enrichment import read_deciles, read_locality_names, read_ward_names

    fields = set(agreement.fields)
    if ListField.WARD in fields:
        read_ward_names(_file(home, agreement, "ward_names", ListField.WARD))
    if ListField.DEPRIVATION_DECILE in fields:
        read_deciles(_file(home, agreement, "deprivation", ListField.DEPRIVATION_DECILE))
    if localities(home, [agreement]) is not None and (names := home.settings.geography.locality_names):
        read_locality_names(home.at(names))
    if _OF_2021 & fields:
        with Directory(home.at(home.settings.geography.directory)) as directory:
            _check_vintage(directory.facts.vintages, directory.facts.release, agreement)
    if ListField.PSEUDONYM in fields:
        pseudonym_key(home, agreement)


def localities(home: Home, agreements: Iterable[Agreement]) -> str | None:
    """The network of reach areas that these agreements need for localities; None where they name none.

    Raises SettingsError where one of them names localities and the settings name no network of them.
    """
    network = home.settings.geography.localities
    wanting = [agreement.id for agreement in agreements if ListField.LOCALITY in agreement.fields]
    if wanting and network is None:
        raise SettingsError(
            f"The agreement names the field {ListField.LOCALITY}, and the settings name no network of them",
            where=f"{', '.join(wanting)}; {SETTINGS_FILE}, geography.localities",
            do="Write each locality's places into the reach areas under a network of their own, such as"
            f' localities, and under [geography] in {SETTINGS_FILE}: localities = "localities"',
        )
    return network if wanting else None


def _check_vintage(vintages: Iterable[str], release: str, agreement: Agreement) -> None:
    if "2021" not in vintages:
        wanted = ", ".join(sorted(_OF_2021 & set(agreement.fields)))
        raise SettingsError(
            f"The postcode directory has no LSOAs of 2021, which this agreement's fields need: {wanted}",
            where=f"{agreement.id}, {release}",
            do="Fetch a newer ONS Postcode Directory and run `birthshare geography build`.",
        )


def _file(home: Home, agreement: Agreement, setting: str, field: ListField) -> Path:
    named: str | None = getattr(home.settings.geography, setting)
    if named is None:
        raise SettingsError(
            f"The agreement names the field {field}, and the settings name no file to take it from",
            where=f"{agreement.id}; {SETTINGS_FILE}, geography.{setting}",
            do=f"Put {_PUBLISHED[setting]} into reference/ and write, under [geography] in {SETTINGS_FILE}:"
            f' {setting} = "reference/FILE.csv"',
        )
    return home.at(named)


def pseudonym_key_file(agreement: Agreement) -> str:
    """The file of the agreement's own pseudonym key, relative to the home."""
    return f"keys/pseudonym.{agreement.id}.key"


def pseudonym_key(home: Home, agreement: Agreement) -> bytes | None:
    """The agreement's own key for pseudonyms; None where it names no such field.

    Raises SettingsError where the key is missing, open to others, or not a key.
    """
    if ListField.PSEUDONYM not in agreement.fields:
        return None
    file = pseudonym_key_file(agreement)
    if not home.at(file).exists():
        raise SettingsError(
            "The agreement's key for pseudonyms is missing",
            where=str(home.at(file)),
            do="If it was never made, make it, and keep a safe copy, for another key makes other"
            f" pseudonyms:\n{how_to_make(home, agreement)}",
        )
    return home.secret(file.removeprefix("keys/"))


def how_to_make(home: Home, agreement: Agreement) -> str:
    """The command that makes an agreement's pseudonym key."""
    return f"  (umask 077 && head -c 32 /dev/urandom > {quote(str(home.at(pseudonym_key_file(agreement))))})"


def area_files(home: Home, agreements: Iterable[Agreement]) -> dict[str, Path]:
    """The files about areas that are read for these agreements, by setting."""
    if not about_areas(agreements):
        return {}
    geography = home.settings.geography
    named = {
        "ward_names": geography.ward_names,
        "deprivation": geography.deprivation,
        "locality_names": geography.locality_names,
    }
    return {setting: home.at(file) for setting, file in named.items() if file is not None}


def pseudonym_checks(home: Home, agreements: Iterable[Agreement]) -> dict[str, str]:
    """By agreement, a check of its pseudonym key that tells nothing of the key; another key differs.

    Raises SettingsError where two agreements have the same key: their lists could be joined.
    """
    keys = {agreement.id: pseudonym_key(home, agreement) for agreement in agreements}
    checks = {name: key_check(key) for name, key in keys.items() if key}
    same = [name for name, check in checks.items() if list(checks.values()).count(check) > 1]
    if same:
        raise SettingsError(
            "Agreements have the same key for pseudonyms, so that their lists could be joined",
            where=", ".join(sorted(same)),
            do="Give each a key of its own: what was copied is the wrong one.",
        )
    return checks
