"""What can be asked about: properties with plain names, ages in days, and any variable's choice.

Written from the specification of decisions and not from the engine, so that each is a question that the
engine can get wrong. `NEVER` names, for each reason that no agreement can lift, the records that the
specification says are never shared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.checking.asking import Wanted
from pipeline.checking.choices import Setting, Variable
from pipeline.checking.variables import ANOTHER_WORD, said
from pipeline.errors import SettingsError
from pipeline.reasons import Reason

_SPOKEN = re.compile(r"((an?|the) )?((child|birth|record|family|case) with )?((an?|the) )?")
_DAYS = re.compile(r"(older|younger|consent older) than ([0-9]{1,5}) days")


@dataclass(frozen=True)
class Among:
    """Choices of a variable by code, or all its other choices."""

    codes: tuple[str, ...]
    others: bool = False

    def of(self, variable: Variable) -> frozenset[int]:
        """The positions of these choices."""
        return variable.but(*self.codes) if self.others else variable.codes(*self.codes)


def only(*codes: str) -> Among:
    """These choices."""
    return Among(codes)


def but(*codes: str) -> Among:
    """All choices but these."""
    return Among(codes, others=True)


Conditions = Mapping[str, Among]  # by variable; all of them hold


def _told(word: str) -> Conditions:
    return {said(word): but("none")}


_DEATHS = ("died", "died_undated", "died_coming", "removed_then_died", "both_at_once")
_ONE_MORE = {"number_of_births": only("2"), "siblings": only("1")}

# By name the alternatives of which a record fits at least one.
PROPERTIES: dict[str, Sequence[Conditions]] = {
    # Births and deaths.
    "a stillbirth": [{"live_or_still_birth": only("2", "3", "4")}],
    "a child born alive who died": [{"live_or_still_birth": only("5")}],
    "a birth not said to be live": [{"live_or_still_birth": only("blank", "unknown")}],
    "a death status": [{"death_status": only("1", "2")}],
    "an unknown death status": [{"death_status": only("unknown")}],
    "a date of death": [{"date_of_death": but("blank")}],
    "a death that nobody took back": [
        {"death_status": only("1", "2", "unknown"), "said_of_death": only("none")},
        {"date_of_death": but("blank"), "said_of_death": only("none")},
    ],
    "a death reported later": [{"said_of_death": only(*_DEATHS)}],
    "a death in an older row": [
        {"other_version": only("older"), "version": only("died", "dated_death"),
         "death_status": only("blank"), "said_of_death": only("none")},
    ],
    "a removed notice of death": [{"death_status": only("U")}],
    # Children born together.
    "a twin whose sibling died": [{**_ONE_MORE, "sibling": only("died", "dated_death")}],
    "a stillborn twin": [{**_ONE_MORE, "sibling": only("stillborn")}],
    "a twin who is missing": [{"number_of_births": only("2", "3"), "siblings": only("0")}],
    "a twin": [_ONE_MORE],
    "a twin with a restricted record": [{**_ONE_MORE, "sibling": only("restricted")}],
    "a twin who was refused": [{**_ONE_MORE, "sibling": only("refused", "withdrawn")}],
    "a number of births not known": [{"number_of_births": only("9", "blank")}],
    # Records that must not be used.
    "a restricted record": [{"confidentiality": but("U", "blank")}, _told(Reason.RESTRICTED_RECORD)],
    "a suppressed child": [{said(Reason.SUPPRESSED): only("child", "child_before", "child_undated")}],
    "a suppressed parent": [{said(Reason.SUPPRESSED): only("parent")}],
    "a suppressed address": [{said(Reason.SUPPRESSED): only("dwelling")}],
    "a later word that nobody knows": [_told(ANOTHER_WORD)],
    "a superseded identity": [_told(Reason.IDENTITY_SUPERSEDED)],
    "a number that is not issued": [{"nhs_number": only("not_issued", "malformed", "blank")}],
    "an older row": [{"other_version": only("newer"), "last_updated": only("given")}],
    "the second of two equal rows": [{"other_version": only("equal_before", "undated_before")}],
    # The child's and the family's situation.
    "looked after": [{"looked_after": only("Y", "unknown")}, _told(Reason.LOOKED_AFTER)],
    "adoption": [{"adoption": only("Y", "unknown")}, _told(Reason.ADOPTION)],
    "safeguarding flag": [{"safeguarding": only("Y", "unknown")}, _told(Reason.SAFEGUARDING)],
    "a parent who died": [{"parent_death_status": only("1", "2", "unknown")}, _told(Reason.PARENT_DIED)],
    "in hospital": [{"in_hospital": only("Y", "unknown")}, _told(Reason.IN_HOSPITAL)],
    "a hospital's postcode": [{"hospital_postcode": only("Y")}],
    "parent under 16": [{"parent_date_of_birth": only("under_16")}],
    "a recent move": [
        {"address_since": only("today", "settled_after")},
        {said(Reason.RECENT_MOVE): but("none"), "address_since": only("blank")},
        {said(Reason.RECENT_MOVE): only("child_undated", "child_coming")},
    ],
    # What the parents answered, were told, or objected to.
    "a refused parent": [
        {"consent_status": only("refused"), "answers": only("none")},
        {"answers": only("same_no_newer", "same_no_undated", "other_no", "other_no_undated", "nameless_no")},
        _told(Reason.CONSENT_REFUSED),
    ],
    "a second parent who refused": [{"answers": only("other_no", "other_no_undated", "other_yes_then_no")}],
    "a withdrawn consent": [
        {"consent_status": only("withdrawn"), "answers": only("none")},
        {"answers": only("same_back_newer", "other_back")}, _told(Reason.CONSENT_WITHDRAWN),
    ],
    "no answer": [{"consent_status": only("blank", "unknown"), "answers": only("none")}],
    "parents who were not asked": [{"consent_status": only("not_asked"), "answers": only("none")}],
    "two parents who disagree": [
        {"consent_status": only("given"), "answers": only("other_no", "other_back")}
    ],
    "consent without a date": [
        {"consent_status": only("given"), "consent_date": only("blank"), "answers": only("none")}
    ],
    "consent dated in the future": [
        {"consent_status": only("given"), "consent_date": only("future"), "answers": only("none")}
    ],
    "consent from too long before the birth": [
        {"consent_status": only("given"), "consent_date": only("too_early"), "answers": only("none")}
    ],
    "consent to something else": [
        {"consent_status": only("given"), "consent_scope": only("elsewhere", "blank"),
         "answers": only("none")},
    ],
    "consent on another form": [
        {"consent_status": only("given"), "consent_wording": only("another", "blank"),
         "answers": only("none")},
    ],
    "parents who were not told": [{"notice_date": only("blank", "future")}],
    "parents told today": [{"notice_date": only("today")}],
    "an objection": [{"objection_date": but("blank")}, _told(Reason.OBJECTED)],
    "a national opt-out": [_told(Reason.NATIONAL_OPT_OUT)],
    # Where the family lives, and what was shared before.
    "no address": [
        {"address_line_1": only("blank", "spaces")}, {"postcode": only("blank", "spaces")},
    ],
    "an unknown postcode": [{"placement": only(Reason.POSTCODE_UNKNOWN)}],
    "a postcode that is no place": [{"placement": only(Reason.POSTCODE_PSEUDO)}],
    "an imprecise postcode": [{"placement": only(Reason.POSTCODE_IMPRECISE)}],
    "no reach area": [{"placement": only(Reason.NO_REACH_AREA, "missing", "nobody")}],
    "two reach areas": [{"placement": only(Reason.REACH_AREA_AMBIGUOUS)}],
    "another authority": [{"authority": only("another")}],
    "shared before": [{"shared_before": only("before")}],
}  # fmt: skip

OF_EXPECTED_BIRTHS = {
    "a loss before birth": [{"live_or_still_birth": only("2", "3", "4", "5")}],
    "a pregnancy not said to continue": [{"live_or_still_birth": only("blank", "unknown")}],
    "a mother who died": PROPERTIES["a parent who died"],
}

# What must never be shared under any agreement, whatever else is true of the record.
NEVER: dict[Reason, tuple[str, ...]] = {
    Reason.NOT_A_LIVE_BIRTH: ("a stillbirth", "a child born alive who died"),
    Reason.LIVE_BIRTH_NOT_STATED: ("a birth not said to be live",),
    Reason.CHILD_DIED: (
        "a death that nobody took back", "a death reported later", "a death in an older row",
    ),
    Reason.SIBLING_DIED_OR_MISSING: (
        "a twin whose sibling died", "a stillborn twin", "a twin who is missing",
        "a twin with a restricted record", "a number of births not known",
    ),
    Reason.RESTRICTED_RECORD: ("a restricted record",),
    Reason.SUPPRESSED: (
        "a suppressed child", "a suppressed parent", "a suppressed address", "a later word that nobody knows",
    ),
    Reason.IDENTITY_SUPERSEDED: ("a superseded identity",),
    Reason.TEST_RECORD: ("a number that is not issued",),
    Reason.DUPLICATE_RECORD: ("an older row", "the second of two equal rows"),
}  # fmt: skip

# What a guardian asks first, after those.
FIRST = (
    "a refused parent", "a second parent who refused", "a withdrawn consent", "no answer", "an objection",
    "looked after", "adoption", "safeguarding flag",
)  # fmt: skip


def properties(setting: Setting) -> dict[str, Sequence[Conditions]]:
    """The properties that can be asked about by name under this agreement."""
    return {**PROPERTIES, **(OF_EXPECTED_BIRTHS if setting.expected else {})}


def setting_for(agreement_setting: Setting, asked: Sequence[str]) -> Setting:
    """The same setting, with the ages in days that the questions name among its boundaries."""
    found = [match for one in asked if (match := _DAYS.fullmatch(_plain(one)))]
    ages = {int(match[2]) for match in found if match[1] != "consent older"}
    consents = {int(match[2]) for match in found if match[1] == "consent older"}
    return Setting(agreement_setting.agreement, tuple(sorted(ages)), tuple(sorted(consents)))


def understand(asked: str, setting: Setting, known: Mapping[str, Variable]) -> list[Wanted]:
    """What was asked, as alternatives; raises SettingsError where it cannot be understood.

    The error never repeats what was typed: it may be a personal value.
    """
    plain = _plain(asked)
    by_name = {_plain(name): found for name, found in properties(setting).items()}
    if plain in by_name:
        return _positions(by_name[plain], known)
    if match := _DAYS.fullmatch(plain):
        return [_by_days(match[1], int(match[2]), setting, known)]
    name, equals, code = asked.partition("=")
    if equals:
        return [_by_choice(name.strip(), code.strip(), known)]
    raise SettingsError(
        "That is not a property that can be asked about",
        where="--ask",
        do="`--ask list` names them all; or write COLUMN=VALUE, or `older than 30 days`.",
    )


def _plain(text: str) -> str:
    """Without article and capitals: "A child with a stillbirth" asks what "stillbirth" does."""
    return _SPOKEN.sub("", " ".join(text.lower().split()), count=1)


def _positions(alternatives: Sequence[Conditions], known: Mapping[str, Variable]) -> list[Wanted]:
    """The alternatives that can be true at all under this agreement."""
    found: list[Wanted] = []
    for conditions in alternatives:
        if all(name in known for name in conditions):
            wanted = {name: among.of(known[name]) for name, among in conditions.items()}
            found += [wanted] if all(wanted.values()) else []
    return found


def _by_days(what: str, days: int, setting: Setting, known: Mapping[str, Variable]) -> Wanted:
    if what == "consent older":
        answers = [one.code for one in known["consent_date"].choices if _days_ago(one.code) > days]
        return {
            "consent_status": known["consent_status"].codes("given"),
            "answers": known["answers"].codes("none"),
            "consent_date": known["consent_date"].codes(*answers),
        }  # fmt: skip
    born = known["date_of_birth"]
    ages = {one.code: (setting.today - one.value).days for one in born.choices if one.value is not None}
    fits = [code for code, age in ages.items() if (age > days if what == "older" else age < days)]
    return {"date_of_birth": born.codes(*fits)}


def _days_ago(code: str) -> int:
    number = code.removesuffix("_days_ago")
    return int(number) if number.isdigit() else -1


def _by_choice(name: str, code: str, known: Mapping[str, Variable]) -> Wanted:
    if name not in known:
        raise SettingsError(
            "No rule of this agreement looks at that",
            where="--ask",
            do=f"Rules look at: {', '.join(known)}.",
        )
    positions = known[name].codes(code or "blank")
    if not positions:
        codes = ", ".join(one.code for one in known[name].choices)
        raise SettingsError(
            f"That is not among the values that rules tell apart: {codes}", where=f"--ask {name}=..."
        )
    return {name: positions}
