"""A supplier's first test file, held against everything, with nothing recorded and nothing sent.

The same modules as in a month open, read and validate it, and stop where a month would stop. What is said
of it is counts, row numbers, fields and rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import facts
from pipeline.contract import WHOLE_ROW, Contract, contract_of, in_words
from pipeline.errors import (
    BirthshareError,
    IntegrityError,
    SettingsError,
    WaitingForPerson,
    one_to_a_line,
)
from pipeline.home import Home
from pipeline.intake.arrivals import Claim, claims_of
from pipeline.intake.profiles import files_of, profile_of
from pipeline.records import Extract, Month
from pipeline.steps.inputs import sha256
from pipeline.steps.receiving import check_turn, layout_of, opened_file
from pipeline.suppliers import drift

if TYPE_CHECKING:
    from pipeline.agreements.model import Agreement
    from pipeline.encryption.opening import Opened
    from pipeline.validation.checks import Checked


@dataclass(frozen=True)
class Step:
    """One thing that was tried."""

    name: str
    passed: bool
    words: str


@dataclass(frozen=True)
class Broken:
    """One rule that rows broke in one field, and what the supplier should do."""

    rule: str
    field: str
    severity: str  # error: the rows are set aside; warning: they go on
    rows: int
    where: str  # the first row numbers, in words
    description: str
    fix: str


@dataclass(frozen=True)
class Trial:
    """What would become of a file."""

    supplier: str
    dataset: str
    month: str
    steps: tuple[Step, ...]
    counts: dict[str, int] = field(default_factory=dict)  # received, accepted, quarantined, warned
    broken: tuple[Broken, ...] = ()
    problem: BirthshareError | None = None  # where a month would stop
    plain: bool = False  # it is not sealed

    @property
    def as_in_a_month(self) -> bool:
        """Whether a month would look for the file and open it just as it is."""
        return not self.plain and all(step.passed for step in self.steps)

    @property
    def as_json(self) -> dict[str, Any]:
        """Counts, names and sentences."""
        stop = self.problem
        return {
            "supplier": self.supplier,
            "dataset": self.dataset,
            "month": self.month,
            "steps": [vars(step) for step in self.steps],
            **self.counts,
            "rules": [vars(one) for one in self.broken],
            "error": {"exit_code": stop.exit_code, "what": stop.what, "where": stop.where, "do": stop.do}
            if stop
            else None,
        }


def try_file(
    home: Home,
    file: Path,
    *,
    supplier: str | None = None,
    month: Month | None = None,
    holds: str | None = None,
    plain: bool = False,
    now: datetime,
) -> Trial:
    """What would become of a file, step by step to the first that stops it; nothing is kept of it.

    Whose it is, which of that supplier's files (`holds`, a dataset) and of which month is said, or told by
    its name. With `plain` it is not sealed. Raises SettingsError where that is not known, or the file
    cannot be read.
    """
    claim, named = _claim(home, file, supplier, month, holds, plain=plain)
    trial = Trial(claim.supplier, claim.dataset, claim.when, (named,), plain=plain)
    run = _Run(home, file, claim, plain, now)
    for step in run.steps():
        try:
            passed = step()
        except (IntegrityError, SettingsError, WaitingForPerson) as error:
            passed = Step(str(step.__name__).strip("_"), False, error.what)
            return replace(_counted(trial, run), steps=(*trial.steps, passed), problem=error)
        trial = replace(trial, steps=(*trial.steps, *([passed] if passed else [])))
    return _counted(trial, run)


def _counted(trial: Trial, run: _Run) -> Trial:
    """With what validation found, as far as it went."""
    checked = run.checked
    if checked is None:
        return trial
    counts = {
        "received": len(checked.failed),
        "accepted": len(checked.frame),
        "quarantined": checked.quarantined_rows,
        "warned": int(checked.warnings["row"].nunique()),
    }
    broken = [*_broken(checked.quarantine, checked), *_broken(checked.warnings, checked)]
    return replace(trial, counts=counts, broken=tuple(broken))


def _broken(lines: pd.DataFrame, checked: Checked) -> Iterator[Broken]:
    rules = {rule.id: rule for rule in checked.rows.contract.rules}
    for (name, column), rows in lines.groupby(["rule", "field"], sort=True)["row"]:
        rule = rules[str(name)]
        yield Broken(
            rule=rule.id,
            field=str(column) or WHOLE_ROW,
            severity=rule.severity,
            rows=len(rows),
            where=in_words(rows.to_numpy()),
            description=rule.description,
            fix=rule.fix,
        )


def opened_content(home: Home, file: Path, supplier: str | None, *, now: datetime) -> bytes:
    """What a sealed file holds whose profile is to be drafted.

    Raises SettingsError where it is not known whose it is, and as `receiving.opened_file` does.
    """
    whose = _whose(home, supplier, [one.supplier for one in claims_of(file.name, home)], file)
    return opened_file(home, whose, file, sealed_sha256=sha256(file), ledger=None, now=now).content


# --- whose file it is -----------------------------------------------------------------------------


def _claim(
    home: Home, file: Path, supplier: str | None, month: Month | None, holds: str | None, *, plain: bool
) -> tuple[Claim, Step]:
    """Whose file it is, which and of when; and whether its name is one that a month would look for."""
    names = [file.name, *(file.name + ending for ending in _SEALED if plain)]
    claims = [one for name in names for one in claims_of(name, home) if supplier in (None, one.supplier)]
    whose = _whose(home, supplier, [one.supplier for one in claims], file)
    mine = next((one for one in claims if one.supplier == whose and holds in (None, one.dataset)), None)
    if mine is None and month is None:
        raise SettingsError(
            "The file's name does not say of which month it is",
            where=f"{file.name}; agreed is {_agreed(home, whose, 'YYYY-MM')}",
            do="Say which with --month.",
        )
    found = mine or Claim(whose, holds or home.settings.suppliers[whose].dataset, str(month))
    found = replace(found, when=str(month)) if month and found.dataset != "changes" else found
    return found, _named(home, found, fits=mine is not None)


_SEALED = (".gpg", ".pgp", ".asc", ".zip")  # endings that a test file lacks before it is sealed


def _whose(home: Home, supplier: str | None, claimed: list[str], file: Path) -> str:
    """The supplier that is said, or that the file's name says, or the only one."""
    known = sorted(home.settings.suppliers)
    if supplier is not None:
        home.supplier(supplier)
    likely = [supplier] if supplier else sorted(set(claimed)) or known
    if len(likely) != 1:
        raise SettingsError(
            "The file's name does not say whose it is",
            where=file.name,
            do=f"Say which supplier with --supplier: {', '.join(known)}.",
        )
    return likely[0]


def _named(home: Home, claim: Claim, *, fits: bool) -> Step:
    if fits:
        return Step("name", True, f"the file's name is that of {_called(claim)}")
    agreed = _agreed(home, claim.supplier, claim.when, claim.dataset)
    if not agreed:
        return Step("name", False, f"the settings name no file of {claim.dataset} from this supplier")
    return Step("name", False, f"a month would not look for a file of this name, but for {agreed}")


def _agreed(home: Home, supplier: str, month: str, dataset: str = "") -> str:
    """The name that the extract of a month has, or one of its companion files; "" where none is sent."""
    files = files_of(home, supplier)
    beside = {"answers": files.consents, "changes": files.changes, "totals": files.totals}
    pattern = beside.get(dataset, files.file_name) or ""
    return pattern.replace("{supplier}", supplier).replace("{month}", month)


def _called(claim: Claim) -> str:
    return contract_of(claim.dataset).file_of(claim.supplier, claim.when)


# --- the steps ------------------------------------------------------------------------------------


class _Run:
    """One file on its way; each step leaves for the next what it found."""

    def __init__(self, home: Home, file: Path, claim: Claim, plain: bool, now: datetime) -> None:
        self.home, self.file, self.claim, self.plain, self.now = home, file, claim, plain, now
        # A feed of changes is of a day, and of no month; nothing that is asked here depends on which.
        self.month = Month.parse(claim.when[: len("YYYY-MM")])
        self.contract: Contract = contract_of(claim.dataset)
        self.checked: Checked | None = None
        self.usable: pd.DataFrame | None = None

    def steps(self) -> tuple[Callable[[], Step | None], ...]:
        """In order."""
        return self._profile, self._opened, self._signed, self._read, self._columns, self._valid, self._drift

    def _profile(self) -> Step:
        profile_of(self.home, self.claim.supplier)
        name = self.home.settings.suppliers[self.claim.supplier].profile
        return Step("profile", True, f"the profile {name} can be used")

    def _opened(self) -> Step:
        if self.plain:
            self.opened = self._as_it_is()
            return Step("opened", True, "the file is not sealed, as you said; a month would refuse it so")
        digest = sha256(self.file)
        self.opened = opened_file(
            self.home, self.claim.supplier, self.file, sealed_sha256=digest, ledger=None, now=self.now
        )
        signed = "signed by the agreed key" if self.opened.signer else "unsigned, as the settings allow"
        return Step("opened", True, f"it is sealed for us and {signed}")

    def _as_it_is(self) -> Opened:
        from pipeline.encryption.opening import Opened

        most = self.home.settings.suppliers[self.claim.supplier].max_bytes
        try:
            with self.file.open("rb") as content:
                read = content.read(most + 1)
        except OSError as error:
            raise SettingsError("The file cannot be read", where=f"{self.file}: {error.strerror}") from None
        if len(read) > most:
            raise IntegrityError("The file is larger than agreed", where=f"{self.file}, {most:,} bytes")
        return Opened(content=read, signer="", signed_at=self.now, sealed_sha256=sha256(self.file))

    def _signed(self) -> Step | None:
        if self.plain or self.claim.dataset == "changes":
            return None
        signed_at = self.opened.signed_at
        check_turn(self.claim.supplier, self.file, signed_at, month=self.month, earlier=())
        return Step("signed", True, f"it was signed on {signed_at:%Y-%m-%d}, not before {self.month} began")

    def _read(self) -> Step:
        from pipeline.intake.files import as_extract

        claim, changes = self.claim, self.claim.dataset == "changes"
        layout = layout_of(self.home, claim.supplier, self.contract)
        if changes and layout.format == "fhir":
            self.extract = self._messages()
        else:
            self.extract = as_extract(
                self.opened, claim.supplier, self.month, contract=self.contract, layout=layout
            )
        rows, columns = len(self.extract.frame), len(self.extract.frame.columns) - 1
        none = "; it is a header and no rows" if not rows else ""
        return Step("read", True, f"{rows:,} rows of {columns} columns that are used{none}")

    def _messages(self) -> Extract:
        from pipeline.agreed import LONDON
        from pipeline.intake.fhir import read_messages

        opened, where = self.opened, self.file.name
        frame = read_messages(opened.content, zone=LONDON, where=where).frame
        who = self.claim.supplier
        return Extract(who, self.month, frame, opened.sealed_sha256, opened.signer, opened.signed_at)

    def _columns(self) -> Step | None:
        """Whether agreements about this supplier ask for columns that are not there."""
        if self.claim.dataset not in ("births", "expected_births"):
            return None
        lacking = dict(_lacking(self.home, self.extract))
        if not lacking:
            return Step("columns", True, "the columns that agreements' exclusions need are there")
        named = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in lacking.items())
        raise IntegrityError(
            f"The extract lacks columns that an agreement's exclusions need: {named}",
            where=_called(self.claim),
            do=f"{self._may_be()}Only a new version of the agreement can lift an exclusion.",
        )

    def _may_be(self) -> str:
        """Where missing columns may be: under headings that the profile leaves out, or with the supplier."""
        left_out = layout_of(self.home, self.claim.supplier, self.contract).not_used
        if not left_out:
            return "Ask the supplier for them. "
        return (
            "See whether they are among the headings that the profile leaves out (not_used: "
            f"{', '.join(left_out)}), and map those under columns; otherwise ask the supplier for them. "
        )

    def _valid(self) -> Step:
        self.checked, self.usable = _validated(self.home, self.extract, self.contract, self._keep)
        words = f"{self.checked.quarantined_rows:,} of {len(self.checked.failed):,} rows would be set aside"
        return Step("valid", True, words)

    def _keep(self, checked: Checked) -> None:
        self.checked = checked

    def _drift(self) -> Step | None:
        if self.claim.dataset not in ("births", "expected_births", "answers") or self.checked is None:
            return None
        if not _has_ledger(self.home):
            return Step("drift", True, "there is no earlier file to hold it against")
        with facts.opened_ledger(self.home) as ledger:
            months, differences = drift.tried(
                self.home, ledger, self.extract, self.checked, usable=self.usable
            )
        if differences:
            raise WaitingForPerson(
                one_to_a_line(
                    f"The file differs from earlier ones, of {', '.join(months)}",
                    (one.words for one in differences),
                ),
                do="Ask the supplier what has changed. A month would wait until an approver accepts it.",
            )
        beside = f"it is like the files of {len(months)} earlier months" if months else ""
        return Step("drift", True, beside or "there is no earlier file to hold it against")


def _validated(
    home: Home, extract: Extract, contract: Contract, keep: Callable[[Checked], None]
) -> tuple[Checked, pd.DataFrame | None]:
    """What the rules say, and the rows that are about children; `keep` hears of it before anything stops."""
    key = home.secret("subject.key")
    if contract.dataset == "answers":
        from pipeline.validation.answers import validate_answers

        answered = validate_answers(extract, reference_key=key)
        keep(answered.checked)
        answered.check_no_refusal_lost(contract.file_of(extract.supplier, extract.month))
        return answered.checked, None
    if contract.dataset == "changes":
        from pipeline.validation.changes import validate_changes

        heard = validate_changes(extract, reference_key=key)
        keep(heard.checked)
        heard.check_whole(contract.file_of(extract.supplier, extract.month))
        return heard.checked, None
    if contract.dataset in ("births", "expected_births"):
        from pipeline.validation.checks import validate

        months = home.settings.suppliers[extract.supplier].look_back_months
        births = validate(extract, contract=contract, reference_key=key, look_back_months=months)
        return births, births.births
    from pipeline.validation.checks import check
    from pipeline.validation.totals import totals_in

    checked = check(extract, contract)
    keep(checked)
    totals_in(checked, contract.file_of(extract.supplier, extract.month))
    return checked, None


def _lacking(home: Home, extract: Extract) -> Iterator[tuple[str, list[str]]]:
    """Agreements of the supplier, signed or not, and the columns that their newest versions would miss."""
    from pipeline.agreements.loading import read_agreement
    from pipeline.consent.needs import columns_needed

    newest: dict[str, Agreement] = {}
    for file in sorted(home.agreements.glob("*.yaml")):
        agreement, _ = read_agreement(file)
        if agreement.version >= newest.get(agreement.id, agreement).version:
            newest[agreement.id] = agreement
    for name, agreement in newest.items():
        missing = sorted(columns_needed(agreement) - {*extract.frame.columns})
        if extract.supplier in agreement.suppliers and missing:
            yield name, missing


def _has_ledger(home: Home) -> bool:
    """Whether there is one already: opening it would make it."""
    path = home.database_url.removeprefix("sqlite:///")
    return path == home.database_url or Path(path).is_file()
