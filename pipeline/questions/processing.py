"""The record of processing activities that the law asks for, made from the agreements.

UK GDPR, Article 30(1) for controllers and 30(2) for processors, with what the Information Commissioner's
template and the NHS's Data Security and Protection Toolkit (evidence item 1.1.2) ask besides. What this
program cannot know is left open, and begins with TO_WRITE_IN.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from pipeline import agreed
from pipeline.agreements.loading import Loaded
from pipeline.agreements.model import Agreement, Shares
from pipeline.agreements.plain import plain
from pipeline.agreements.words import counted, listed, role, sentence, several
from pipeline.home import Home, Recipient
from pipeline.keeping.limits import CLASSES, KEPT_DECISIONS, LEDGER
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written
from pipeline.questions.agreements import State, state_of
from pipeline.questions.transfers import Transfer, totals, transfers

TO_WRITE_IN = "To be written in: "
YEAR = timedelta(days=365)  # of which volumes are told
_MOST_PLACES = 3  # that are named one by one
_DATA_PROTECTION_OFFICER = {"data_protection_officer", "dpo"}

# What this program does by itself, whatever an agreement says; not what an authority does around it.
SECURITY = (
    "Extracts arrive encrypted for this authority's key and signed by the supplier's. They are opened in "
    "memory.",
    "Working files are encrypted (AES-256-GCM) under a key of their month, which is destroyed with them.",
    "Nothing leaves before people have signed the agreement, and approved that month's counts.",
    "A list holds the fields that the agreement names and no others, and is sealed for one recipient alone.",
    "A list is brought over SFTP to a server whose key is known beforehand, or put into a folder for a "
    "carrier, and only with leave that the ledger gave for exactly these bytes.",
    "Every list, look-up and destruction is recorded in a ledger that names nobody and shows later changes.",
    "What is over is destroyed by a daily run, and every file that nobody knows is named.",
)


@dataclass(frozen=True)
class Case:
    """One agreement version, and what is known around it."""

    home: Home
    loaded: Loaded
    register: Mapping[str, Recipient]
    sent: Sequence[Transfer]  # of the last twelve months, under this agreement
    today: date

    @property
    def agreement(self) -> Agreement:
        """What the version says."""
        return self.loaded.agreement

    @cached_property
    def said(self) -> dict[str, tuple[str, ...]]:
        """The agreement in plain English, by heading."""
        return {one.heading: one.points for one in plain(self.agreement, self.loaded.digest, self.loaded)}

    @property
    def state(self) -> State:
        """Whether it counts today, and if not, why."""
        return state_of(self.loaded, self.today)

    def parties(self, *roles: str) -> list[str]:
        """The names of the parties in these roles."""
        return [one.name for one in self.agreement.parties if one.role in roles]


@dataclass(frozen=True)
class Asked:
    """One thing that a record of processing says, and where the law or a template asks for it."""

    key: str
    heading: str
    law: str
    says: Callable[[Case], Iterable[str]]


def article30(home: Home, ledger: Ledger, *, now: datetime) -> dict[str, Any]:
    """The record of today. Raises SettingsError where agreements or the register cannot be read.

    Keys: authority, made_at, since (of the counts), to_write_in (how a point begins that nobody here knows),
    asked (key, heading, law), activities (agreement, version, title, state, state_in_words, points: by key).
    """
    found = cases(home, ledger, transfers(home, ledger, since=day(now) - YEAR), now=now)
    return {
        "authority": home.settings.authority.name,
        "made_at": written(now),
        "since": (day(now) - YEAR).isoformat(),
        "to_write_in": TO_WRITE_IN,
        "asked": [{"key": one.key, "heading": one.heading, "law": one.law} for one in ASKED],
        "activities": [
            {
                "agreement": case.agreement.id,
                "version": case.agreement.version,
                "title": case.agreement.title,
                "state": str(case.state),
                "state_in_words": case.state.wording,
                "points": {one.key: list(one.says(case)) for one in ASKED},
            }
            for case in found
        ],
    }


def cases(home: Home, ledger: Ledger, sent: Iterable[Transfer], *, now: datetime) -> list[Case]:
    """Of each agreement the version that is in force; after these, else the newest that was ever signed.

    `sent`: the rows of the register of the last twelve months.
    """
    versions = agreed.loaded(home, ledger, now)
    ever = {(one.agreement, one.version) for one, _ in agreed.signed(ledger)}
    signed = [one for one in versions if one.signed or one.name in ever]
    chosen = [agreed.chosen(signed, name) for name in sorted({one.agreement.id for one in signed})]
    register, theirs = home.recipients(), defaultdict[str, list[Transfer]](list)
    for row in sent:
        theirs[row.agreement].append(row)
    found = [Case(home, one, register, theirs[one.agreement.id], day(now)) for one in chosen]
    return sorted(found, key=lambda case: case.state is not State.IN_FORCE)


def day(now: datetime) -> date:
    """The day of a moment, in London."""
    return now.astimezone(agreed.LONDON).date()


# --- what is asked, one after the other -----------------------------------------------------------


def _agreement(case: Case) -> Iterator[str]:
    one = case.agreement
    yield f"{one.id}, version {one.version}: {case.state.wording}."
    if case.loaded.refusal is not None:
        yield sentence(case.loaded.refusal.what)
    yield from case.said["From when, and until when"]
    yield from (f"{sentence(role(by.role))[:-1]}: signed by {by.principal}." for by in case.loaded.signatures)


def _controllers(case: Case) -> Iterator[str]:
    yield from (f"Controller: {name}." for name in case.parties("controller"))
    yield from (f"Joint controller: {name}." for name in case.parties("joint controller"))
    yield f"{TO_WRITE_IN}contact details of each, and of a representative where there is one."


def _officer(case: Case) -> Iterator[str]:
    officers = [one for one in case.home.settings.approvers if _DATA_PROTECTION_OFFICER & set(one.roles)]
    name = case.home.settings.authority.name
    yield from (f"Of {name}: {one.principal}." for one in officers)
    whose = "of the other controllers" if officers else "of each controller"
    yield f"{TO_WRITE_IN}the data protection officers {whose}."


def _processors(case: Case) -> Iterator[str]:
    behalf = listed(case.parties("controller", "joint controller"))
    names = case.parties("processor")
    yield from (
        f"{name}, on behalf of {behalf}. What it does is what stands in this record." for name in names
    )
    if names:
        yield f"{TO_WRITE_IN}its contact details, and where the contract with it is (Article 28)."
    else:
        yield "The agreement names none."


def _purposes(case: Case) -> Iterator[str]:
    yield from case.said["What it is for"]
    yield from (f"Permitted: {point}" for point in case.said["What recipients may do"])


def _people(case: Case) -> Iterator[str]:
    if case.agreement.shares is Shares.TOTALS:
        yield "Nobody leaves: only numbers, which are counted from children's records."
    elif case.agreement.cohort.of == "expected_births":
        yield "Persons who expect a child, and a parent who is named with them."
    else:
        yield "Newborn children, and a parent who is named with each."
    yield from case.said["About whom"]


def _data(case: Case) -> Iterator[str]:
    yield from case.said["What a recipient learns"]


def _special(case: Case) -> Iterator[str]:
    basis = case.agreement.lawful_basis.article_9
    if basis is None:
        yield "None is shared under this agreement: it names no condition of Article 9."
        yield "What extracts hold besides, such as flags, decides who is left out. No recipient learns it."
        return
    yield sentence(basis.says)
    yield f"{TO_WRITE_IN}the condition of Schedule 1 to the Data Protection Act 2018, where one is needed."


def _lawful(case: Case) -> Iterator[str]:
    yield from (point for point in case.said["The law relied on"] if not point.startswith("The common law"))


def _confidentiality(case: Case) -> Iterator[str]:
    yield sentence(case.agreement.confidentiality.basis.says)
    yield from case.said["On what condition"]


def _recipients(case: Case) -> Iterator[str]:
    wanted = case.agreement.recipients
    theirs = _theirs(case)
    for kind in wanted.kinds:
        number = sum(one.kind == kind for one in theirs)
        yield f"{sentence(several(kind))[:-1]}: {number} in the register today."
    if wanted.named is not None:
        yield f"Only one of them: {wanted.named}."
    reached = len({row.recipient for row in case.sent if row.counts})
    yield f"In the last twelve months lists arrived at {counted(reached, 'recipient')}: {volume(case.sent)}."
    yield "Whoever else opens a list has it from its recipient: the list says that it must not be passed on."


def _theirs(case: Case) -> list[Recipient]:
    """The recipients that may be sent something today: of the kinds, or by the name, that it names."""
    wanted = case.agreement.recipients
    return [
        one
        for one in case.register.values()
        if one.kind in wanted.kinds
        and wanted.named in (None, one.code)
        and (one.starts is None or one.starts <= case.today)
        and (one.ends is None or case.today <= one.ends)
    ]


def volume(rows: Collection[Transfer]) -> str:
    """What arrived, in words."""
    sums = totals(rows)
    children = f"{sums['children']} child{'' if sums['children'] == 1 else 'ren'}"
    return f"{counted(sums['transfers'], 'list')}, {counted(sums['households'], 'household')}, {children}"


def _abroad(case: Case) -> Iterator[str]:
    theirs = _theirs(case)
    ways = {f"the server {one.host}" if one.host else "a folder for a carrier" for one in theirs}
    places = f"{len(ways)} servers or folders" if len(ways) > _MOST_PLACES else listed(sorted(ways))
    yield "The agreement provides for none: lists go to its recipients in the register alone."
    if theirs:
        yield f"They are brought to {places}. In which country these stand, this program cannot tell."
    yield f"{TO_WRITE_IN}that they, this home and its backups are in the United Kingdom, or the safeguards."


def _kept_there(case: Case) -> Iterator[str]:
    yield case.said["For how long"][0]


def _kept_here(case: Case) -> Iterator[str]:
    yield from case.said["For how long"][1:]
    for one in CLASSES:
        if one.ends and one is not KEPT_DECISIONS:  # of these the agreement itself says it
            yield sentence(f"{one.name.replace('_', ' ')}: {one.in_words(case.home.settings.retention)}")
    yield sentence(f"{LEDGER.name}: no limit; {LEDGER.why}")


def _security(case: Case) -> Iterator[str]:
    yield from SECURITY
    yield from case.said["What is checked each month"]
    yield f"{TO_WRITE_IN}how machines, buildings and people are protected, here and at recipients."


def _source(case: Case) -> Iterator[str]:
    suppliers = case.home.settings.suppliers
    for code in (*case.agreement.suppliers, *case.agreement.hears):
        name = suppliers[code].name if code in suppliers else "not in the settings"
        yield f"Child Health Information Service “{code}”: {name}."


def _automated(case: Case) -> Iterator[str]:
    yield "Fixed rules of the agreement decide which family is on a list. People approve each month's counts."
    yield "Nothing else is decided about anybody."


def _impact(case: Case) -> Iterator[str]:
    yield f"{TO_WRITE_IN}the data protection impact assessment (Article 35): where it is, and its date."
    yield f"{TO_WRITE_IN}what the loss or disclosure of a list could mean for a family."


def _owner(case: Case) -> Iterator[str]:
    yield (
        "Sharing may be stopped at once by any of: "
        + listed(map(role, case.agreement.suspenders), "or")
        + "."
    )
    yield f"{TO_WRITE_IN}the information asset owner, and who supports and maintains the system."


ASKED = (
    Asked("agreement", "Agreement, its dates and signatures", "DSPT 1.1.2", _agreement),
    Asked("controllers", "Controllers and joint controllers", "Article 30(1)(a)", _controllers),
    Asked("officer", "Data protection officers", "Article 30(1)(a)", _officer),
    Asked("processors", "Processors, and on whose behalf", "Article 30(2)", _processors),
    Asked("purposes", "Purposes", "Article 30(1)(b)", _purposes),
    Asked("people", "Categories of people", "Article 30(1)(c)", _people),
    Asked("data", "Categories of personal data", "Article 30(1)(c)", _data),
    Asked("special", "Special categories of data", "Articles 9, 30(1)(c)", _special),
    Asked("lawful", "Lawful bases, duties and powers", "Articles 6 and 9", _lawful),
    Asked("confidentiality", "Confidentiality and national data opt-out", "Common law", _confidentiality),
    Asked("recipients", "Categories of recipients", "Article 30(1)(d)", _recipients),
    Asked("abroad", "Transfers to third countries", "Article 30(1)(e)", _abroad),
    Asked("kept_there", "Time limit at recipients", "Article 30(1)(f)", _kept_there),
    Asked("kept_here", "Time limits here", "Article 30(1)(f)", _kept_here),
    Asked("security", "Security measures", "Article 30(1)(g)", _security),
    Asked("source", "Source of the data", "ICO template", _source),
    Asked("automated", "Automated decisions", "ICO template", _automated),
    Asked("impact", "Impact assessment, and impact of a loss", "Article 35, DSPT 1.1.2", _impact),
    Asked("owner", "Who is responsible", "DSPT 1.1.2", _owner),
)
