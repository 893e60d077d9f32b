"""What one version of an agreement changes against another, in words and by meaning.

Every key of the model has a rule in `RULES`, and every rule says something when what stands under its
key differs, so that nothing changes in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any

from pipeline.agreements.model import (
    Agreement,
    Event,
    LegalFact,
    ListField,
    Party,
    Permission,
    Rounding,
    Shares,
    Totals,
)
from pipeline.agreements.words import FIELDS, counted, days, listed, named, on_day, role, sentence, several
from pipeline.errors import SettingsError


class Effect(StrEnum):
    """What a change does to what is shared, with whom, or for how long; those to look at first come first."""

    WIDENS = "widens"  # more is shared, with more, for longer, or on fewer conditions
    EITHER = "either"  # it may do both: a person must judge
    NARROWS = "narrows"
    NEITHER = "neither"


_W, _E, _N, _NO = Effect.WIDENS, Effect.EITHER, Effect.NARROWS, Effect.NEITHER
_OPPOSITE = {_W: _N, _N: _W, _E: _E, _NO: _NO}

Said = tuple[Effect, str]
# From what stood under the key, what stands there now, and the two agreements.
Rule = Callable[[Any, Any, Agreement, Agreement], list[Said]]


@dataclass(frozen=True)
class Change:
    """One change: the key it is about, what it does, and how it is said."""

    key: str
    effect: Effect
    sentence: str


def compare(old: Agreement, new: Agreement) -> list[Change]:
    """Every change from one version to another, those that widen first.

    Raises SettingsError for two different agreements.
    """
    if old.id != new.id:
        raise SettingsError(
            "These are two different agreements, not two versions of one",
            where=f"{old.id}, {new.id}",
            do="Name two versions of one agreement.",
        )
    changes = [
        Change(key, effect, sentence(words))
        for key, rule in RULES.items()
        if value_of(old, key) != value_of(new, key)
        for effect, words in rule(value_of(old, key), value_of(new, key), old, new)
    ]
    return sorted(changes, key=lambda change: list(Effect).index(change.effect))


def value_of(agreement: Agreement, key: str) -> Any:
    """What stands under a key such as `cohort.settling_days`."""
    value: Any = agreement
    for part in key.split("."):
        value = getattr(value, part)
    return value


# --- rules of one shape ---------------------------------------------------------------------------


def _number(more: Effect, words: str, unit: Callable[[int], str] = days, no_limit: str = "") -> Rule:
    """A number, of which more does `more`; where there is none, there is no limit, and that is most."""

    def rule(before: int | None, after: int | None, *_: Agreement) -> list[Said]:
        rises = after is None or (before is not None and after > before)
        said = [no_limit if number is None else unit(number) for number in (after, before)]
        return [(more if rises else _OPPOSITE[more], f"{words} {said[0]} instead of {said[1]}")]

    return rule


def _flag(on: Effect, words_on: str, words_off: str) -> Rule:
    def rule(before: bool, after: bool, *_: Agreement) -> list[Said]:
        return [(on, words_on) if after else (_OPPOSITE[on], words_off)]

    return rule


def _day(later: Effect, words: str) -> Rule:
    def rule(before: date, after: date, *_: Agreement) -> list[Said]:
        effect = later if after > before else _OPPOSITE[later]
        return [(effect, f"{words} {on_day(after)} instead of {on_day(before)}")]

    return rule


def _text(effect: Effect, words: str, shown: Callable[[Any], str] = "“{}”".format) -> Rule:
    def rule(before: Any, after: Any, *_: Agreement) -> list[Said]:
        return [(effect, f"{words} is now: {shown(after)}. Before: {shown(before)}")]

    return rule


def _items(more: Effect, adds: str, removes: str, word: Callable[[Any], str]) -> Rule:
    """A list of short things: what is added does `more`, what is taken away the opposite."""

    def rule(before: Sequence[Any], after: Sequence[Any], *_: Agreement) -> list[Said]:
        added, removed = _without(after, before), _without(before, after)
        said = [(more, f"{adds} {listed(map(word, added))}")] if added else []
        if removed:
            said.append((_OPPOSITE[more], f"{removes} {listed(map(word, removed))}"))
        return said or _in_another_order(adds)

    return rule


def _points(more: Effect, adds: str, removes: str, word: Callable[[Any], str] = str) -> Rule:
    """A list of whole sentences, each said by itself."""

    def rule(before: Sequence[Any], after: Sequence[Any], *_: Agreement) -> list[Said]:
        added = [(more, f"{adds}: {word(one)}") for one in _without(after, before)]
        removed = [(_OPPOSITE[more], f"{removes}: {word(one)}") for one in _without(before, after)]
        return added + removed or _in_another_order(adds)

    return rule


def _without(these: Sequence[Any], those: Sequence[Any]) -> list[Any]:
    return [one for one in these if one not in those]


def _in_another_order(about: str) -> list[Said]:
    return [(_NO, f"Written in another order or twice, with the same meaning: “{about.rstrip(':')} …”")]


# --- rules of their own ---------------------------------------------------------------------------


def _version(before: int, after: int, *_: Agreement) -> list[Said]:
    return [(_NO, f"It is version {after}; the one before is version {before}")]


def _replaces(before: int | None, after: int | None, *_: Agreement) -> list[Said]:
    said = ["no other" if number is None else f"version {number}" for number in (after, before)]
    return [(_NO, f"It takes the place of {said[0]}; the one before takes the place of {said[1]}")]


_LEAST_FIRST = (Shares.TOTALS, Shares.PSEUDONYMS, Shares.FAMILIES)
_SHARES = {
    Shares.FAMILIES: "families by name",
    Shares.TOTALS: "numbers alone",
    Shares.PSEUDONYMS: "children under a pseudonym",
}


def _shares(before: Shares, after: Shares, *_: Agreement) -> list[Said]:
    more = _LEAST_FIRST.index(after) > _LEAST_FIRST.index(before)
    return [(_W if more else _N, f"Shares {_SHARES[after]} instead of {_SHARES[before]}")]


_PERMISSIONS = {
    Permission.CONSENT: "parents are asked, and must say yes",
    Permission.NOTICE: "parents are told, and may object, but need not say yes",
    Permission.NOT_NEEDED: "no parent is asked or told, since no family is shared",
}


def _permission(before: Permission, after: Permission, *_: Agreement) -> list[Said]:
    effect = _N if after is Permission.CONSENT else _W
    if Permission.NOT_NEEDED in (after, before):
        effect = _E
    return [(effect, f"Now {_PERMISSIONS[after]}. Before, {_PERMISSIONS[before]}")]


def _scope(before: str | None, after: str | None, *_: Agreement) -> list[Said]:
    if after is None:
        return [(_W, f"An answer need not name {several(str(before))} any more")]
    if before is None:
        return [(_N, f"An answer must now name {several(after)}")]
    return [(_E, f"An answer must now name {several(after)} instead of {several(before)}")]


def _objection(before: int | None, after: int | None, *_: Agreement) -> list[Said]:
    """Where there was no such time, or is none now, `permission` has said what that does."""
    if before is None or after is None:
        time = "no time of their own" if after is None else days(after)
        return [(_NO, f"To object before anything is shared, parents now have {time}")]
    words = "To object before anything is shared, parents now have"
    return [(_N if after > before else _W, f"{words} {days(after)} instead of {days(before)}")]


_COHORTS = {"births": "births", "expected_births": "babies who are still expected"}


def _of(before: str, after: str, *_: Agreement) -> list[Said]:
    return [(_E, f"It is about {_COHORTS[after]} instead of {_COHORTS[before]}")]


def _kinds(before: Sequence[str], after: Sequence[str], old: Agreement, new: Agreement) -> list[Said]:
    added = [
        (_W, f"Adds {several(kind)} as recipients. They learn {_learnt(new, kind)}")
        for kind in _without(after, before)
    ]
    removed = [(_N, f"Nothing goes to {several(kind)} any more") for kind in _without(before, after)]
    return added + removed or _in_another_order("recipients")


def _learnt(agreement: Agreement, kind: str) -> str:
    return _named(agreement.fields_of(kind)) if agreement.fields else "numbers alone"


def _network(before: str | None, after: str | None, *_: Agreement) -> list[Said]:
    if after is None:
        return [(_E, f"The areas of “{before}” do not say any more who receives what")]
    instead = "" if before is None else f" instead of “{before}”"
    return [(_E, f"The areas of “{after}” now say who receives what{instead}")]


def _recipient(before: str | None, after: str | None, *_: Agreement) -> list[Said]:
    if after is None:
        return [(_E, f"“{before}” does not receive everything alone any more")]
    instead = "" if before is None else f" instead of “{before}”"
    return [(_E, f"“{after}” alone now receives everything{instead}")]


def _fields(before: Any, after: Any, old: Agreement, new: Agreement) -> list[Said]:
    """By kind of recipient that both versions name; a kind that is new or gone is said by itself."""
    kinds = [kind for kind in new.recipients.kinds if kind in old.recipients.kinds]
    said = [change for kind in kinds for change in _fields_of(kind, old, new)]
    if not said and set(old.recipients.kinds) == set(new.recipients.kinds):
        return _in_another_order("what each kind of recipient learns")
    return said


def _fields_of(kind: str, old: Agreement, new: Agreement) -> list[Said]:
    before, after = old.fields_of(kind), new.fields_of(kind)
    added, removed = _without(after, before), _without(before, after)
    said = [(_W, f"Adds {_named(added)} for {several(kind)}")] if added else []
    if removed:
        said.append((_N, f"Takes {_named(removed)} away from {several(kind)}"))
    return said


def _fields_for(before: Any, after: Any, old: Agreement, new: Agreement) -> list[Said]:
    """Nothing where `fields` differ too: all of it is said there."""
    return _fields(before, after, old, new) if old.fields == new.fields else []


def _named(fields: Iterable[ListField]) -> str:
    return listed(FIELDS[one] for one in fields)


def _household(before: str, after: str, *_: Agreement) -> list[Said]:
    if after == "each_child":
        return [(_NO, "Each child has a line of its own, twins too, instead of one line for a home")]
    return [(_NO, "Twins at one address share one line, instead of a line for each child")]


def _totals(before: Totals | None, after: Totals | None, *_: Agreement) -> list[Said]:
    if after is None:
        return [(_N, "Recipients are not told any more how many babies were born in their area")]
    if before is None:
        return [(_W, "Recipients are now told how many babies were born in their area, rounded")]
    return [*_rounding(before.rounding, after.rounding), *_suppressing(before, after)]


_ROUNDED = {
    Rounding.NONE: "told exactly where no family is on a list",
    Rounding.NEAREST_5: "rounded to the nearest 5",
    Rounding.NHS_ENGLAND_5: "rounded to the nearest 5, and 1 to 7 to 5",
    Rounding.NEAREST_10: "rounded to the nearest 10",
}


def _rounding(before: Rounding, after: Rounding) -> list[Said]:
    """The later kind says less."""
    if before is after:
        return []
    less = list(Rounding).index(after) > list(Rounding).index(before)
    numbers = f"{_ROUNDED[after]} instead of {_ROUNDED[before]}"
    return [(_N if less else _W, f"The number of babies born in an area is now {numbers}")]


def _suppressing(before: Totals, after: Totals) -> list[Said]:
    old, new = before.suppress_below, after.suppress_below
    if old == new:
        return []
    if new is None:
        return [(_W, "Small numbers of babies are now told where no family of the area is on a list")]
    instead = "" if old is None else f" instead of those smaller than {old}"
    effect = _N if new > (old or 0) else _W
    return [(effect, f"Numbers of babies smaller than {new} are now told as “fewer than”{instead}")]


def _exclusion(whom: str) -> Rule:
    return _flag(_N, f"{whom} now left out, or held", f"{whom} not left out or held any more")


def _fact(fact: LegalFact | None) -> str:
    return "nothing" if fact is None else f"“{fact.says}”, as of {on_day(fact.as_of)}"


def _event(event: Event) -> str:
    return f"{on_day(event.when)}: {event.what}"


def _party(party: Party) -> str:
    return f"{party.name} ({party.role})"


def _persons(number: int) -> str:
    return "one person" if number == 1 else "two different persons"


_months = partial(counted, what="month")
_WAYS = {"signature": "with a signature", "airflow": "on the page of the scheduler, Airflow"}

RULES: dict[str, Rule] = {
    "version": _version,
    "replaces": _replaces,
    "title": _text(_NO, "The title"),
    "purpose": _text(_E, "The purpose"),
    "shares": _shares,
    "parties": _items(_W, "Takes in as a party:", "Not a party any more:", _party),
    "suppliers": _items(_W, "Takes births also from", "Takes no births any more from", named),
    "hears": _items(_N, "Heeds also what is said by", "Does not heed any more what is said by", named),
    "powers": _points(_NO, "Now also relies on", "Does not rely any more on", _fact),
    "lawful_basis.article_6": _text(_NO, "What is relied on under UK GDPR, Article 6,", _fact),
    "lawful_basis.article_9": _text(_NO, "What is relied on under UK GDPR, Article 9,", _fact),
    "confidentiality.permission": _permission,
    "confidentiality.basis": _text(
        _NO, "What is relied on for the common law duty of confidentiality", _fact
    ),
    "confidentiality.scope": _scope,
    "confidentiality.wordings": _items(
        _W, "These forms now count too:", "These forms do not count any more:", str
    ),
    "confidentiality.antenatal_days": _number(_W, "Consent may now be given before the birth by up to"),
    "confidentiality.max_age_days": _number(_W, "Consent may now be as old as", no_limit="any age"),
    "confidentiality.objection_days": _objection,
    "confidentiality.national_opt_out": _flag(
        _N,
        "A national data opt-out now stops the sharing",
        "A national data opt-out does not stop the sharing any more",
    ),
    "cohort.of": _of,
    "cohort.residents_of": _items(
        _W, "Takes in families who live in", "Leaves out families who live in", str
    ),
    "cohort.months_back": _number(_W, "Births of earlier months now count, as far back as", _months),
    "cohort.months_ahead": _number(_W, "Babies expected later now count, as far ahead as", _months),
    "cohort.minimum_age_days": _number(_N, "A child must now be as old as"),
    "cohort.maximum_age_days": _number(_W, "A child may now be as old as", no_limit="any age"),
    "cohort.minimum_gestation_days": _number(_N, "A pregnancy must now have lasted"),
    "cohort.settling_days": _number(_N, "A new address must now have stood for"),
    "exclusions.looked_after": _exclusion("Children who are looked after are"),
    "exclusions.adoption": _exclusion("Children with a recorded adoption are"),
    "exclusions.safeguarding": _exclusion("Children with a safeguarding flag are"),
    "exclusions.parent_died": _exclusion("Families whose named parent has died are"),
    "exclusions.in_hospital": _exclusion("Children who are still in hospital are"),
    "exclusions.parent_under_16": _exclusion("Families whose named parent was under 16 are"),
    "recipients.kinds": _kinds,
    "recipients.network": _network,
    "recipients.named": _recipient,
    "fields": _fields,
    "fields_for": _fields_for,
    "household": _household,
    "totals": _totals,
    "use.permitted": _points(_W, "Recipients may now do this", "Recipients may not do this any more"),
    "use.forbidden": _points(_N, "This is now forbidden", "This is not forbidden any more"),
    "retention_days": _number(_W, "Recipients may now keep a list for"),
    "kept_months": _number(_W, "What was decided is now kept here for", _months),
    "deaths_feed_max_age_days": _number(_W, "The newest word on deaths may now be as old as"),
    "release.approvals": _number(_N, "Each month must now be approved by", _persons),
    "release.roles": _items(
        _W, "A month may now also be approved by:", "A month may not be approved any more by:", role
    ),
    "release.ways": _items(
        _W, "A month may now also be approved", "A month may not be approved any more", _WAYS.__getitem__
    ),
    "dates.starts": _day(_N, "It starts on"),
    "dates.review_by": _day(_W, "It must be reviewed by"),
    "dates.review_grace_days": _number(_W, "When the review is late, it stops after"),
    "dates.expires": _day(_W, "It expires on"),
    "approvers": _items(_N, "It must now also be signed by:", "It need not be signed any more by:", role),
    "history": _points(_NO, "Added to the history", "Taken out of the history", _event),
}
