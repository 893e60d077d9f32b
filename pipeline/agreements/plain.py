"""A whole agreement in plain English, for those who must agree to it.

Everything that the file says is said here, in short sentences, so that what people sign is what they
have read. The sentences on single rules are those of `clauses`, which also explain decisions.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.agreements import clauses
from pipeline.agreements.difference import Change, Effect
from pipeline.agreements.loading import Loaded
from pipeline.agreements.model import Agreement, LegalFact, Permission, Rounding, Shares
from pipeline.agreements.principles import no_surprises, other_principles
from pipeline.agreements.words import FIELDS, counted, days, listed, on_day, role, sentence, several

NEVER = (
    "A child who has died, or who was not born alive.",
    "A child of a delivery in which a brother or sister died, or is missing from the extract.",
    "A child whose NHS record is restricted, or was replaced by another.",
    "A family on the authority's own list of families who must not be written to.",
    "A record of which any of this cannot be told for certain.",
)


@dataclass(frozen=True)
class Section:
    """A heading and what is said under it, one point after another."""

    heading: str
    points: tuple[str, ...]


def plain(agreement: Agreement, digest: str, loaded: Loaded | None = None) -> list[Section]:
    """The agreement, section by section; `loaded` says who has signed it, where that was looked at."""
    parts = (
        ("What this is", _about(agreement)),
        ("What it is for", [sentence(agreement.purpose)]),
        ("Who takes part", _parties(agreement)),
        ("Who may receive something", _recipients(agreement)),
        ("About whom", _cohort(agreement)),
        ("Who is left out, or looked at by a person first", _exclusions(agreement)),
        ("Who is never shared, under any agreement", NEVER),
        ("On what condition", _condition(agreement)),
        ("What a recipient learns", _learnt(agreement)),
        ("What recipients may do", map(sentence, agreement.use.permitted)),
        ("What recipients may not do", map(sentence, agreement.use.forbidden or ("Anything else",))),
        ("For how long", _how_long(agreement)),
        ("What is checked each month", _checks(agreement)),
        ("From when, and until when", _dates(agreement)),
        ("Who must agree, and who has", _agreed(agreement, loaded)),
        ("The law relied on", _law(agreement)),
        ("No surprises: the eighth Caldicott principle", no_surprises(agreement)),
        ("The other seven Caldicott principles", other_principles(agreement)),
        ("How it came about", _history(agreement)),
        ("For the record", _codes(agreement, digest)),
    )
    return [Section(heading, tuple(points)) for heading, points in parts]


def as_text(sections: list[Section]) -> list[str]:
    """The sections as lines for a terminal."""
    lines: list[str] = []
    for section in sections:
        lines += ["", section.heading, *(f"- {point}" for point in section.points)]
    return lines


_EFFECTS = {
    Effect.WIDENS: "These widen the sharing:",
    Effect.EITHER: "These may widen or narrow it. Read them with care:",
    Effect.NARROWS: "These narrow it:",
    Effect.NEITHER: "These do neither:",
}


def differences(changes: list[Change], *, same_bytes: bool) -> list[str]:
    """What changed, as lines for a terminal; what widens the sharing comes first."""
    if not changes:
        same = "The two files are the same, to the letter."
        return [same if same_bytes else "Every rule is the same. Only comments or the layout differ."]
    lines: list[str] = []
    for section in by_effect(changes):
        lines += ["", section.heading, *(f"- {point}" for point in section.points)]
    return lines


def by_effect(changes: list[Change]) -> list[Section]:
    """The changes under what they do to the sharing; what widens it comes first."""
    said = [
        Section(heading, tuple(change.sentence for change in changes if change.effect is effect))
        for effect, heading in _EFFECTS.items()
    ]
    return [section for section in said if section.points]


def _about(agreement: Agreement) -> list[str]:
    replaces = f"It takes the place of version {agreement.replaces}."
    return [
        sentence(agreement.title),
        f"This is version {agreement.version} of the agreement.",
        *([replaces] if agreement.replaces is not None else []),
        {
            Shares.FAMILIES: "It shares families by name.",
            Shares.TOTALS: "It shares numbers alone. No family is on any list.",
            Shares.PSEUDONYMS: "It shares children under a pseudonym. No name or address leaves.",
        }[agreement.shares],
    ]


def _parties(agreement: Agreement) -> list[str]:
    return [
        *(f"{party.name}, as {party.role}." for party in agreement.parties),
        f"The births come from {listed(f'the supplier “{code}”' for code in agreement.suppliers)}.",
        *(
            f"What the supplier “{code}” reports against sharing counts too. None of its births is shared."
            for code in agreement.hears
        ),
    ]


def _recipients(agreement: Agreement) -> list[str]:
    kinds = listed(several(kind) for kind in agreement.recipients.kinds)
    return [
        f"Only these: {kinds}.",
        clauses.served(agreement),
        "Each list is sealed, so that only its own recipient can open it.",
    ]


def _cohort(agreement: Agreement) -> list[str]:
    loss = ["After a loss nothing is shared."] if agreement.cohort.of == "expected_births" else []
    rules = (clauses.born_in, clauses.aged, clauses.resident, clauses.settled)
    return [*(rule(agreement) for rule in rules), *loss]


def _exclusions(agreement: Agreement) -> list[str]:
    held = "Held means: not now. A held family is looked at again when it comes with a later extract."
    return [*(says(agreement) for says in clauses.EXCLUSIONS.values()), held]


def _condition(agreement: Agreement) -> list[str]:
    rules = {
        Permission.CONSENT: (clauses.worded, clauses.dated, clauses.expiring, clauses.scoped),
        Permission.NOTICE: (clauses.objecting,),
        Permission.NOT_NEEDED: (),
    }[agreement.confidentiality.permission]
    heard = [
        "A parent who refuses, withdraws or objects is heard, whoever else agreed.",
        clauses.opted_out(agreement),
    ]
    return [
        clauses.permitted(agreement),
        *(rule(agreement) for rule in rules),
        *([] if _of_totals(agreement) else heard),
        *_written_but_unused(agreement),
    ]


def _written_but_unused(agreement: Agreement) -> list[str]:
    """What the file says about answers of another kind than it asks for: said, so that nothing is hidden."""
    rules = agreement.confidentiality
    if rules.permission is Permission.CONSENT:
        return []
    opted_out = "stops" if rules.national_opt_out else "does not stop"
    written = [
        *([f"the kind of recipient {several(rules.scope)}"] if rules.scope is not None else []),
        *([f"the forms {listed(rules.wordings)}"] if rules.wordings else []),
        *([f"{days(rules.antenatal_days)} before the birth"] if rules.antenatal_days else []),
        *([f"a consent's age of {days(rules.max_age_days)}"] if rules.max_age_days is not None else []),
        *([f"that a national data opt-out {opted_out} a family"] if _of_totals(agreement) else []),
    ]
    return [f"The file also says {listed(written)}. This has no effect here."] if written else []


def _of_totals(agreement: Agreement) -> bool:
    return agreement.shares is Shares.TOTALS


def _learnt(agreement: Agreement) -> list[str]:
    return [*_fields(agreement), *_households(agreement), *_totals(agreement)]


def _fields(agreement: Agreement) -> list[str]:
    if _of_totals(agreement):
        return ["Nothing about any family."]
    learnt = [
        f"{several(kind).capitalize()} learn: {listed(FIELDS[one] for one in agreement.fields_of(kind))}."
        for kind in agreement.recipients.kinds
    ]
    if agreement.shares is Shares.PSEUDONYMS:
        learnt.append(
            "A child keeps its pseudonym from month to month. Only the sender can tell whose it is."
        )
    return learnt


def _households(agreement: Agreement) -> list[str]:
    if _of_totals(agreement):
        lines = "each child has" if agreement.household == "each_child" else "twins share"
        return [f"The file also says that {lines} a line. This has no effect here."]
    if agreement.household == "each_child":
        return ["Each child has a line of its own, twins too."]
    return ["Twins and triplets at one address share one line, so that a home gets one card."]


_ROUNDED = {
    Rounding.NONE: "told exactly where no family of the area can be on a list, else rounded to the nearest 5",
    Rounding.NEAREST_5: "rounded to the nearest 5",
    Rounding.NHS_ENGLAND_5: "rounded to the nearest 5; numbers from 1 to 7 become 5",
    Rounding.NEAREST_10: "rounded to the nearest 10",
}


def _totals(agreement: Agreement) -> list[str]:
    totals = agreement.totals
    if totals is None:
        return ["No recipient is told how many babies were born in its area."]
    smaller = (
        f"A number smaller than {totals.suppress_below} is told as “fewer than {totals.suppress_below}”."
    )
    return [
        "Each recipient is told how many babies were born in its area in the month.",
        "Every live birth counts there, whatever the parents answered and whoever is left out above.",
        f"The number is counted from the supplier's extract, and {_ROUNDED[totals.rounding]}.",
        *([smaller] if totals.suppress_below is not None else []),
        "Where families of the area may be on lists, a number that is small or not far above theirs is told "
        "as between two others. So nobody can work out how many said no.",
        "Where two agreements tell numbers of the same births for different areas, only one does.",
    ]


def _how_long(agreement: Agreement) -> list[str]:
    kept = agreement.kept_months
    return [
        f"A recipient must destroy each list {days(agreement.retention_days)} after it was made, and say so.",
        "The sender destroys its own working files when the month is closed.",
        f"What was decided is kept for {counted(kept, 'month')}, locked, without names or addresses. "
        "It shows what a change of this agreement would do."
        if kept
        else "What was decided is not kept to try out changes of this agreement.",
    ]


def _checks(agreement: Agreement) -> list[str]:
    release = agreement.release
    roles = listed((role(one) for one in release.roles), "or")
    many = "One person must" if release.approvals == 1 else "Two different persons must"
    ways = {"signature": "with their own signature", "airflow": "on the page of the scheduler, Airflow"}
    return [
        f"{many} look at the numbers and approve before anything leaves: {roles}.",
        f"They approve {listed((ways[way] for way in release.ways), 'or')}.",
        clauses.fresh(agreement),
        "Each list is checked again minutes before it leaves. It can then only become shorter.",
        "A child is shared once with a recipient under this agreement.",
        "The books must balance: every row that came in is accounted for.",
    ]


def _dates(agreement: Agreement) -> list[str]:
    return [clauses.in_force(agreement)]


def _agreed(agreement: Agreement, loaded: Loaded | None) -> list[str]:
    points = [clauses.approved_by(agreement)]
    if len(set(agreement.approvers)) > 1:
        points.append("At least two different persons must sign.")
    points.append(clauses.suspended_by(agreement))
    if loaded is None:
        return [*points, "Whether they have signed was not looked at here."]
    signed = {one.role: one.principal for one in loaded.signatures}
    for wanted in dict.fromkeys(agreement.approvers):
        who = f"signed by {signed[wanted]}" if wanted in signed else "the signature is missing"
        points.append(sentence(f"{role(wanted)}: {who}"))
    state = (
        "It stands today." if loaded.refusal is None else f"It does not stand today. {loaded.refusal.what}"
    )
    return [*points, sentence(state)]


def _law(agreement: Agreement) -> list[str]:
    basis = agreement.lawful_basis
    none = "The agreement names no condition for special kinds of data, such as health (Article 9)."
    return [
        *(f"Duty or power: {_read_on(fact)}" for fact in agreement.powers),
        f"UK GDPR, Article 6: {_read_on(basis.article_6)}",
        none if basis.article_9 is None else f"UK GDPR, Article 9: {_read_on(basis.article_9)}",
        f"The common law duty of confidentiality: {_read_on(agreement.confidentiality.basis)}",
    ]


def _read_on(fact: LegalFact) -> str:
    return f"{sentence(fact.says)} As of {on_day(fact.as_of)}."


def _history(agreement: Agreement) -> list[str]:
    told = [f"{on_day(event.when)}: {sentence(event.what)}" for event in agreement.history]
    return told or ["Nothing is written down about this."]


def _codes(agreement: Agreement, digest: str) -> list[str]:
    wanted = agreement.recipients
    return [
        f"Agreement: {agreement.id}, version {agreement.version}.",
        f"Suppliers: {', '.join([*agreement.suppliers, *agreement.hears])}.",
        f"Kinds of recipient: {', '.join(wanted.kinds)}.",
        f"Network: {wanted.network}." if wanted.network else f"Recipient: {wanted.named}.",
        f"Roles that sign: {', '.join(agreement.approvers)}.",
        f"Roles that approve each month: {', '.join(agreement.release.roles)}.",
        f"Fingerprint of the file (SHA-256): {digest}.",
    ]
