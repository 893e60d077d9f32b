"""Supplier profiles: another system's headings, codes and encoding, mapped to the contract."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, model_validator

from pipeline.contract import Contract, contract_of
from pipeline.errors import SettingsError
from pipeline.home import SETTINGS_FILE, Home, Strict, Supplier, read_model
from pipeline.intake.dates import way_of_writing
from pipeline.records import SCHEMAS

PROFILES = SCHEMAS / "profiles"
MOST_ROWS_ABOVE = 50
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\Z")


def _way(pattern: str) -> str:
    way_of_writing(pattern)
    return pattern


Way = Annotated[str, AfterValidator(_way)]  # of writing dates


class Layout(Strict):
    """How one kind of file differs from its contract. Nothing listed means no difference."""

    format: Literal["csv", "xlsx", "fhir"] = "csv"
    encoding: Literal["utf-8", "cp1252"] = "utf-8"  # of a CSV file
    delimiter: Literal[",", ";", "|", "\t"] = ","  # of a CSV file
    sheet: str = ""  # of a workbook; "" where it has one sheet
    rows_above_header: Annotated[int, Field(ge=0, le=MOST_ROWS_ABOVE)] = 0  # a title, a date of export
    trailer: str = ""  # the last line of a CSV file; "END OF FILE,{rows}": with the number of rows
    columns: dict[str, str] = {}  # the supplier's heading: the contract's column
    not_used: tuple[str, ...] = ()  # the supplier's headings that are known, and left out
    elsewhere: tuple[str, ...] = ()  # the contract's columns that come in a companion file instead
    dates: dict[str, Way] = {}  # the contract's column, or "*" for every date: such as DD/MM/YYYY
    codes: dict[str, dict[str, str]] = {}  # the contract's column: {supplier's code: contract's code}
    blanks: dict[str, tuple[str, ...]] = {}  # the contract's column: what stands there for nothing
    nhs_numbers: Literal["plain", "spaced"] = "plain"  # spaced: 943 476 5919

    @model_validator(mode="after")
    def _fits_together(self) -> Layout:
        twice = {name for name, times in Counter(self.columns.values()).items() if times > 1}
        both = sorted({*self.columns} & {*self.not_used})
        brought = sorted({*self.columns.values()} & {*self.elsewhere})
        if twice:
            raise ValueError(f"two headings are mapped to one column: {', '.join(sorted(twice))}")
        if both:
            raise ValueError(f"headings are both mapped and not used: {', '.join(both)}")
        if brought:
            raise ValueError(f"columns are both mapped and come elsewhere: {', '.join(brought)}")
        if self.trailer and self.format != "csv":
            raise ValueError("only a CSV file has a trailer")
        self._check_blanks()
        return self

    def _check_blanks(self) -> None:
        """A blank is no code that could mean a permission, and a code with a meaning is no blank."""
        given = sorted(name for name, codes in self.codes.items() if not all(code.strip() for code in codes))
        both = sorted(name for name, words in self.blanks.items() if {*words} & {*self.codes.get(name, ())})
        if given:
            raise ValueError(f"a blank is given a meaning under codes: {', '.join(given)}")
        if both:
            raise ValueError(f"what stands for nothing has a meaning under codes too: {', '.join(both)}")

    def to_contract(self, heading: str) -> str:
        """The contract's name for a heading; an unmapped heading keeps its own, one not used has none."""
        return "" if heading in self.not_used else self.columns.get(heading, heading)


class Profile(Layout):
    """How one supplier's files differ from the contracts: its extract's layout, and what its others have.

    The supplier's settings may say otherwise of how its files are sealed and named: ask `files_of`.
    """

    description: str
    sealed: Literal["openpgp", "zip"] = "openpgp"  # zip: AES-256 under a passphrase, signed beside it
    file_name: str = "births_{supplier}_{month}.csv.gpg"
    consents: str | None = None  # name of the companion file of answers, where one is sent
    changes: str | None = None  # name of the feed of later words, where one is sent
    totals: str | None = None  # name of the companion file of counts, where one is sent
    companions: dict[Literal["answers", "changes", "totals"], Layout] = {}


@dataclass(frozen=True)
class SupplierFiles:
    """How a supplier's files are sealed and named; None for a file that it does not send."""

    sealed: Literal["openpgp", "zip"]
    file_name: str
    consents: str | None
    changes: str | None
    totals: str | None


def files_of(home: Home, supplier: str) -> SupplierFiles:
    """What is in force of a supplier's files: as its settings say, or else as its profile does.

    Raises SettingsError where one could be taken for another, or the profile cannot be used, and for a
    supplier that is not in the settings.
    """
    return _in_force(home.supplier(supplier), profile_of(home, supplier))


def profile_of(home: Home, supplier: str) -> Profile:
    """The profile of a supplier in the settings; raises SettingsError as `load_profile` does.

    And where a column is said to come in a companion file that this supplier does not send, or the names
    of its files could be taken for one another.
    """
    settings = home.supplier(supplier)
    profile = load_profile(settings.profile, contract_of(settings.dataset), own=home.profiles)
    where = f"{SETTINGS_FILE}, suppliers.{supplier}, or its profile {settings.profile}"
    files = _in_force(settings, profile)
    _check_names(files, settings.dataset, where)
    if profile.elsewhere and not files.consents:
        raise SettingsError(
            "No companion file brings these columns: " + ", ".join(profile.elsewhere),
            where=where,
            do="Name the companion file of answers, `consents`, or take the columns out of `elsewhere`.",
        )
    return profile


def _in_force(settings: Supplier, profile: Profile) -> SupplierFiles:
    return SupplierFiles(
        sealed=settings.sealed or profile.sealed,
        file_name=settings.file_name or profile.file_name,
        consents=settings.consents or profile.consents,
        changes=settings.changes or profile.changes,
        totals=settings.totals or profile.totals,
    )


def name_as_agreed(pattern: str, supplier: str, when: str) -> re.Pattern[str]:
    """A file's pattern as a regular expression; a day after a month would be another file."""
    parts = re.split(r"(\{supplier\}|\{month\}|\{date\})", pattern)
    meaning = {"{supplier}": supplier} | dict.fromkeys(("{month}", "{date}"), rf"{when}(?![0-9]|-[0-9]).*")
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts) + r"\Z", re.IGNORECASE)


def _check_names(files: SupplierFiles, dataset: str, where: str) -> None:
    """Raises SettingsError unless every file can be told from the others by its name."""
    named = {"file_name": files.file_name, "consents": files.consents, "totals": files.totals}
    wanted = dict.fromkeys(named, "{month}") | {"changes": "{date}"}
    sent = {name: pattern for name, pattern in (named | {"changes": files.changes}).items() if pattern}
    problem = ""
    for name, pattern in sent.items():
        if pattern.count(wanted[name]) != 1:
            problem = f"{name} must hold {wanted[name]} once"
    month, day = "2026-10", "2026-10-31"
    called = {kind: one.replace("{month}", month).replace("{date}", day) for kind, one in sent.items()}
    for kind, other in permutations(sent, 2):
        own = name_as_agreed(sent[kind], r"\{supplier\}", day if kind == "changes" else month)
        if own.match(called[other]):
            problem = f"{kind} and {other} must differ: one could be taken for the other"
    if files.consents and dataset == "expected_births":
        problem = "consents: expected births carry their answers themselves"
    if files.totals and dataset == "expected_births":
        problem = "totals: only births are counted"
    if problem:
        raise SettingsError(f"The names of a supplier's files cannot be used: {problem}", where=where)


def profile_file(name: str, own: Path | None = None) -> Path:
    """The file of the profile of that name: among the home's `own`, or else those that ship with us."""
    if not _NAME.match(name):
        raise SettingsError(
            "That is not a profile's name",
            where=f"{SETTINGS_FILE}, suppliers, profile",
            do="Use small letters, digits, - and _; the file is called NAME.yaml.",
        )
    mine = own / f"{name}.yaml" if own else None
    return mine if mine and mine.is_file() else PROFILES / f"{name}.yaml"


def load_profile(name: str, contract: Contract, own: Path | None = None) -> Profile:
    """The profile of that name; raises SettingsError where it is missing or names unknown columns.

    `own` is the home's folder of profiles, which come before those that ship with us.
    """
    file = profile_file(name, own)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            "The supplier's profile cannot be read",
            where=str(file),
            do=_known(own),
        ) from None
    return parse_profile(text, contract, where=file)


def _known(own: Path | None) -> str:
    """Which profiles there are, and where one's own lie."""
    shipped = {file.stem for file in PROFILES.glob("*.yaml")}
    ours = {file.stem for file in own.glob("*.yaml")} if own else set()
    lies = f"Put it at {own}/NAME.yaml, or name" if own else "Name"
    return f"{lies} one of these in the supplier's settings: {', '.join(sorted(shipped | ours))}."


def parse_profile(text: str, contract: Contract, *, where: Path) -> Profile:
    """The profile in a YAML text; raises SettingsError as `load_profile` does."""
    profile = read_model(Profile, _as_written(text, where), where=where)
    _check(profile, contract, f"profile {where.stem}")
    for dataset, layout in profile.companions.items():
        _check(layout, contract_of(dataset), f"profile {where.stem}, companions.{dataset}")
    return profile


class _AsWritten(yaml.BaseLoader):
    """Everything as the text that was written: the code 01 is not 1, nor is No a truth value."""


def _once(loader: _AsWritten, node: yaml.MappingNode) -> dict[Any, Any]:
    """A group in which every name stands once: of two, nobody knows which counts."""
    names = [name.value for name, _ in node.value]
    if any(not isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise yaml.MarkedYAMLError(problem="a name stands twice", problem_mark=node.start_mark)
    return loader.construct_mapping(node, deep=True)


_AsWritten.add_constructor("tag:yaml.org,2002:map", _once)


def _as_written(text: str, where: Path) -> object:
    place, what = str(where), "it is not YAML"
    try:
        return yaml.load(text, Loader=_AsWritten)  # noqa: S506  (it builds text, lists and groups alone)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}, line {mark.line + 1}" if mark else place
        what = getattr(error, "problem", None) or what
    raise SettingsError(
        f"The supplier's profile cannot be read: {what}",
        where=place,
        do="Compare it with those that ship with Birthshare, schemas/profiles, and put it right.",
    )


def for_companion(profile: Profile, companion: Contract) -> Layout:
    """How a companion file differs: as the profile says of it, or else as far as it has the same columns.

    A code that the companion's contract does not have is left out, and then stops the file.
    """
    if companion.dataset in profile.companions:
        return profile.companions[companion.dataset]
    codes = {name: codes for name, codes in profile.codes.items() if name in companion.names}
    return Layout(
        format=profile.format if profile.format != "fhir" else "csv",
        encoding=profile.encoding,
        delimiter=profile.delimiter,
        columns={own: name for own, name in profile.columns.items() if name in companion.names},
        dates={name: how for name, how in profile.dates.items() if name in ("*", *companion.names)},
        codes={
            name: {own: code for own, code in known.items() if code in _codes_of(companion, name)}
            for name, known in codes.items()
        },
        blanks={name: words for name, words in profile.blanks.items() if name in companion.names},
        nhs_numbers=profile.nhs_numbers,
    )


def _check(layout: Layout, contract: Contract, where: str) -> None:
    """Raises SettingsError where a layout speaks of what its contract does not have."""
    if layout.format == "fhir":
        _check_messages(layout, contract, where)
    for problem, columns in _strange(layout, contract).items():
        if columns:
            named = ", ".join(sorted(columns))
            raise SettingsError(
                f"The profile {problem}: {named}",
                where=where,
                do=f"Its columns are: {', '.join(contract.names)}.",
            )
    for column, codes in layout.codes.items():
        known = _codes_of(contract, column)
        strange = {*codes.values()} - {"", *known}
        if strange:
            raise SettingsError(
                f"The profile maps to codes that the contract does not have: {', '.join(sorted(strange))}",
                where=f"{where}, column {column}",
                do=f"It has {', '.join(known)}; and '' where a code means nothing." if known else _NO_CODES,
            )


_NO_CODES = "That column has no codes; take it out of codes."


def _check_messages(layout: Layout, contract: Contract, where: str) -> None:
    """Event messages are as specified: there are those of births and of changes, and nothing is mapped."""
    if contract.dataset not in ("births", "changes"):
        raise SettingsError("Only births and changes come as event messages", where=where)
    mapped = [name for name in ("columns", "codes", "blanks", "dates", "not_used") if getattr(layout, name)]
    if mapped:
        raise SettingsError(
            f"Event messages are as specified, and the profile maps them: {', '.join(mapped)}", where=where
        )


def _strange(layout: Layout, contract: Contract) -> dict[str, set[str]]:
    """The columns of which a layout says what cannot be, by problem."""
    dated, elsewhere = {name for name in layout.dates if name != "*"}, {*layout.elsewhere}
    named = {*layout.columns.values(), *layout.codes, *layout.blanks, *elsewhere, *dated}
    return {
        "names columns that the contract does not have": named - {*contract.names},
        "says how dates are written where there are none": dated - {*contract.of_type("date", "timestamp")},
        "says that columns come elsewhere which no file of answers has": elsewhere - answered(contract),
    }


def answered(contract: Contract) -> set[str]:
    """The columns of births that a companion file of answers can bring in their place."""
    of_births = contract.dataset == "births"
    return {name for name in contract.names if of_births and name.startswith("consent_")}


def _codes_of(contract: Contract, column: str) -> tuple[str, ...]:
    """What may stand in a column that a supplier writes in codes."""
    known = contract.column(column)
    return tuple("123456789") if known.logical_type == "integer" else tuple(known.codes)
