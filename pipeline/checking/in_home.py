"""What is wrong with an agreement in one authority's home: who is missing, and what cannot be filled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date

from pipeline.agreements.model import Agreement, ListField
from pipeline.agreements.words import listed, named, role, several
from pipeline.checking.findings import Finding, error, warning
from pipeline.consent.needs import columns_needed
from pipeline.contract import contract_of
from pipeline.errors import BirthshareError
from pipeline.facts import opened_ledger
from pipeline.geography.areas import read_areas
from pipeline.home import SETTINGS_FILE, Home
from pipeline.keeping import kept
from pipeline.steps import needs

# The columns that fill a field, where a file need not have them.
_FILLED_FROM = {
    ListField.PARENT_NAME: ("parent_given_name", "parent_family_name"),
    ListField.LANGUAGE: ("language",),
    ListField.SEX: ("sex",),
}


def findings_in(home: Home, agreement: Agreement, *, on: date) -> list[Finding]:
    """Everything that is found of the agreement in this home, on a day; errors first."""
    found = [one for look in _LOOKS for one in look(home, agreement)]
    found += [*_columns(home, agreement), *_recipients(home, agreement, on)]
    return sorted(found, key=lambda one: one.level)


# --- suppliers and their files ----------------------------------------------------------------------


def _suppliers(home: Home, agreement: Agreement) -> Iterator[Finding]:
    known = home.settings.suppliers
    for code in agreement.suppliers:
        if code not in known:
            yield error("suppliers", f"{code} is not a supplier in {SETTINGS_FILE}.")
        elif known[code].dataset != agreement.cohort.of:
            sends, about = named(known[code].dataset), named(agreement.cohort.of)
            yield error("cohort.of", f"The agreement is about {about}, and {code} sends {sends}.")
    for code in set(agreement.hears) - set(known):
        yield error("hears", f"{code} is not a supplier in {SETTINGS_FILE}.")


def _columns(home: Home, agreement: Agreement) -> Iterator[Finding]:
    """Columns that the agreement rests on and that a supplier does not send, as far as is known."""
    contract = contract_of(agreement.cohort.of)
    wanted = dict.fromkeys(columns_needed(agreement), "exclusions")
    for field in agreement.fields:
        wanted |= dict.fromkeys(_FILLED_FROM.get(field, ()), "fields")
    wanted = {column: key for column, key in wanted.items() if column not in contract.must_exist}
    sent = _columns_sent(home) if wanted else {}
    for code in (code for code in agreement.suppliers if code in home.settings.suppliers):
        if code not in sent and wanted:
            yield warning(
                "suppliers",
                f"What {code} sends is not known yet. Its file must have the columns"
                f" {listed(sorted(wanted))}.",
            )
        for column, key in sorted(wanted.items()):
            if column not in sent.get(code, contract.names):
                yield error(key, f"The newest file of {code} lacks the column {column}, which this needs.")


def _columns_sent(home: Home) -> dict[str, Collection[str]]:
    """By supplier, the columns of its newest extract of a month that is closed."""
    sent: dict[str, Collection[str]] = {}
    with opened_ledger(home) as ledger:
        for (month, _), recorded in kept.standing(ledger).items():
            sent |= kept.read(home, month, recorded).columns
    return sent


def _fillable(home: Home, agreement: Agreement) -> Iterator[Finding]:
    """Files about areas, and the key for pseudonyms."""
    try:
        needs.check(home, agreement)
    except BirthshareError as problem:
        yield error("fields", str(problem))


# --- people -----------------------------------------------------------------------------------------


def _signers(home: Home, agreement: Agreement) -> Iterator[Finding]:
    people = home.settings.approvers
    for wanted in agreement.approvers:
        if not any(wanted in person.roles for person in people):
            yield error("approvers", f"Nobody in {SETTINGS_FILE} holds the role {role(wanted)}.")
    able = {person.principal for person in people if set(person.roles) & set(agreement.approvers)}
    if len(able) == 1 and len(agreement.approvers) > 1:
        yield error("approvers", "One person holds every role that must sign: two persons are needed.")


def _releasers(home: Home, agreement: Agreement) -> Iterator[Finding]:
    release, people = agreement.release, home.settings.approvers
    able = [person for person in people if set(person.roles) & set(release.roles)]
    if len({person.principal for person in able}) < release.approvals:
        roles = listed((role(one) for one in release.roles), last="or")
        yield error(
            "release.approvals",
            f"Each month needs {release.approvals} approval(s) by the {roles}, and {len(able)} person(s) in"
            f" {SETTINGS_FILE} may give one.",
        )
    for one in release.roles:
        if not any(one in person.roles for person in people):
            yield warning("release.roles", f"Nobody in {SETTINGS_FILE} holds the role {role(one)}.")
    if release.ways == ("airflow",) and not any(person.airflow_user for person in able):
        yield error("release.ways", "Nobody who may approve a month has a login in Airflow.")


def _replaced(home: Home, agreement: Agreement) -> Iterator[Finding]:
    older = agreement.replaces
    if older is not None and not (home.agreements / f"{agreement.id}.v{older}.yaml").is_file():
        yield error("replaces", f"There is no version {older} among the home's agreements.")


# --- recipients -------------------------------------------------------------------------------------


def _recipients(home: Home, agreement: Agreement, on: date) -> Iterator[Finding]:
    wanted = agreement.recipients
    key = "recipients.network" if wanted.named is None else "recipients.named"
    try:
        served = {wanted.named} if wanted.named is not None else _served(home, str(wanted.network), on)
        kinds = {code: one.kind for code, one in home.recipients().items()}
    except BirthshareError as problem:
        yield error(key, str(problem))
        return
    if not served:
        yield error(key, f"No reach area of the network {wanted.network} is in force on {on}.")
        return
    missing = sorted(served - set(kinds))
    if missing:
        yield error(key, f"Not in the register of recipients: {listed(missing)}.")
    for code in sorted(served & set(kinds)):
        if kinds[code] not in wanted.kinds:
            yield error(
                "recipients.kinds", f"{code} is a {named(kinds[code])}, which is not among the kinds."
            )
    for kind in wanted.kinds:
        if not any(kinds.get(code) == kind for code in served):
            yield warning("recipients.kinds", f"No {several(kind)} receive anything: none has a reach area.")


def _served(home: Home, network: str, on: date) -> set[str]:
    """The recipients whose reach areas of the network are in force."""
    areas = read_areas(home.reach_areas)
    return {area.recipient for area in areas if area.network == network and area.in_force(on)}


_LOOKS: tuple[Callable[[Home, Agreement], Iterator[Finding]], ...] = (
    _suppliers, _fillable, _signers, _releasers, _replaced,
)  # fmt: skip
