"""What a decision can read of one record, as a finite list: variables, and the choices of each.

The choices of a variable are complete: every value that it can have is judged as one of them is. Codes
stand for themselves, blank and one unknown code; of dates there is the day before, the day of and the
day after each boundary at which a rule of this agreement changes its mind. The first choice of each is
the ordinary one, with nothing against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pipeline.checking.choices import (
    ANOTHER_AUTHORITY,
    LATEST,
    UNKNOWN,
    Choice,
    Day,
    Fault,
    Other,
    Place,
    Said,
    Setting,
    Variable,
    Word,
)
from pipeline.consent.place import SAID_BY_GEOGRAPHY
from pipeline.consent.words import DEATH_REMOVED, SAYABLE
from pipeline.contract import contract_of
from pipeline.reasons import Reason


def variables(setting: Setting) -> dict[str, Variable]:
    """Every variable under this agreement, by name."""
    found = [
        *_coded(setting), *_flags(), *_of_days(setting), *_permission(setting), *_said(setting),
        *_beside(setting), *_rows(),
    ]  # fmt: skip
    return {one.name: one for one in found}


# --- columns of the births --------------------------------------------------------------------------


def _coded(setting: Setting) -> list[Variable]:
    return [
        _pregnancy() if setting.expected else _codes("live_or_still_birth", "live or stillbirth", first="1"),
        _codes("death_status", "notice of death", first=""),
        _codes("parent_death_status", "notice of the named parent's death", first=""),
        _codes("confidentiality", "confidentiality of the NHS record", first="U"),
        Variable("nhs_number", "NHS number", (
            Choice("issued", "in a range that is issued", "4000000004"),
            Choice("demonstration", "in the range for demonstrations", "9990000018"),
            Choice("not_issued", "in a range that is not issued", "5000000009"),
            Choice("malformed", "not ten digits", "400000"),
            Choice("blank", "blank", ""),
        )),
        Variable("address_line_1", "first line of the address", (
            Choice("given", "given", "1 Sample Street"), Choice("blank", "blank", ""),
            Choice("spaces", "only spaces", "  "),
        )),
        Variable("postcode", "postcode", (
            Choice("given", "given", "AA1 1AA"), Choice("blank", "blank", ""),
            Choice("spaces", "only spaces", "  "),
        )),
    ]  # fmt: skip


def _pregnancy() -> Variable:
    """Of expected births the same column says whether the pregnancy goes on."""
    ended = [Choice(code, "the pregnancy does not go on", code) for code in ("2", "3", "4", "5")]
    return Variable("live_or_still_birth", "pregnancy", (
        Choice("1", "goes on", "1"), *ended, Choice("blank", "not said", ""),
        Choice("unknown", "a code that nobody knows", UNKNOWN),
    ))  # fmt: skip


def _codes(name: str, words: str, *, first: str) -> Variable:
    """A coded column: the contract's codes, blank, and a code that the contract does not know."""
    known = {code: str(meaning) for code, meaning in contract_of("births").column(name).codes.items()}
    codes = {first: known.get(first, "blank"), **known, "": "blank"}
    choices = [Choice(code or "blank", meaning, code) for code, meaning in codes.items()]
    return Variable(name, words, (*choices, Choice("unknown", "a code that nobody knows", UNKNOWN)))


def _flags() -> list[Variable]:
    names = {
        "looked_after": "looked after", "adoption": "adoption", "safeguarding": "safeguarding flag",
        "in_hospital": "still in hospital",
    }  # fmt: skip
    choices = (
        Choice("N", "no", "N"), Choice("Y", "yes", "Y"), Choice("blank", "blank", ""),
        Choice("unknown", "a code that nobody knows", UNKNOWN),
    )  # fmt: skip
    return [Variable(name, words, choices) for name, words in names.items()]


def _of_days(setting: Setting) -> list[Variable]:
    settling = setting.agreement.cohort.settling_days
    born = [
        Choice(day.isoformat(), _born(setting, day), day) for day in setting.birth_days
    ]  # fmt: skip
    return [
        Variable("date_of_birth", "expected date of delivery" if setting.expected else "date of birth",
                 (*born, Choice("blank", "blank", None))),
        Variable("month", "month that is decided", tuple(
            Choice(str(behind), str(setting.month(behind)), behind)
            for behind in (1, 0, *range(2, LATEST + 1))
        )),
        Variable("date_of_death", "date of death", (
            Choice("blank", "blank", None), Choice("past", "yesterday", Day("today", -1)),
        )),
        Variable("parent_date_of_birth", "date of birth of the named parent", (
            Choice("30", "30 years before the birth", Day("birth", years=30)),
            Choice("blank", "blank", None),
            Choice("16", "16 years before the birth, to the day", Day("birth", years=16)),
            Choice("under_16", "a day short of 16 years before the birth", Day("birth", 1, years=16)),
            Choice("after", "after the birth", Day("birth", 1)),
        )),
        Variable("address_since", "day of the newest address", (
            Choice("blank", "no known change", None),
            *_around("settled", "so long ago that it is settled", -settling),
            *_around("today", "today", 0),
        )),
        Variable("last_updated", "day on which the row was last written", (
            Choice("given", "ten days ago", Day("today", -10)), Choice("blank", "blank", None),
        )),
    ]  # fmt: skip


def _born(setting: Setting, day: date) -> str:
    days = (setting.today - day).days
    if days < 0:
        return f"{day}, {-days} day(s) from now"
    return f"{day}, {days} day(s) {'ago' if setting.expected else 'old'}"


def _around(code: str, words: str, days: int) -> list[Choice]:
    """A boundary that many days from today: the day of it, the day before, the day after."""
    sides = {0: ("", ""), -1: ("_before", "the day before: "), 1: ("_after", "the day after: ")}
    return [
        Choice(code + suffix, prefix + words, Day("today", days + side))
        for side, (suffix, prefix) in sides.items()
    ]


# --- what parents answered and were told ------------------------------------------------------------


def _permission(setting: Setting) -> list[Variable]:
    terms = setting.agreement.confidentiality
    notice = terms.objection_days
    told = [] if notice is None else _around("told_long_enough", f"{notice} days ago, as agreed", -notice)
    return [
        _codes("consent_status", "the parents' answer", first="given"),
        Variable("consent_date", "day of the answer", tuple(_consent_days(setting))),
        Variable("consent_scope", "what the answer covers", tuple(_scopes(setting))),
        Variable("consent_wording", "version of the form", tuple(_wordings(setting))),
        Variable("consent_given_by", "who answered", (
            Choice("named", "a person who is named", "mother"), Choice("blank", "blank", ""),
        )),
        Variable("answers", "answers in the companion file", tuple(_companions(setting))),
        Variable("notice_date", "day on which the parents were told", (
            *told, Choice("today", "today", Day("today")), Choice("future", "tomorrow", Day("today", 1)),
            Choice("blank", "blank", None),
        )),
        Variable("objection_date", "day of an objection", (
            Choice("blank", "none", None), Choice("past", "yesterday", Day("today", -1)),
            Choice("today", "today", Day("today")), Choice("future", "tomorrow", Day("today", 1)),
        )),
    ]  # fmt: skip


def _consent_days(setting: Setting) -> list[Choice]:
    terms = setting.agreement.confidentiality
    found = [
        Choice("today", "today", Day("today")), Choice("blank", "blank", None),
        Choice("future", "tomorrow", Day("today", 1)),
        Choice("earliest", "the first day that counts", Day("birth", -terms.antenatal_days)),
        Choice("too_early", "a day too early to count", Day("birth", -terms.antenatal_days - 1)),
    ]  # fmt: skip
    ages = {*setting.consent_ages} | ({terms.max_age_days} if terms.max_age_days is not None else set())
    for age in sorted(ages):
        found += [
            Choice(f"{days}_days_ago", f"{days} days ago", Day("today", -days)) for days in (age, age + 1)
        ]
    return list({one.code: one for one in found}.values())


def _scopes(setting: Setting) -> list[Choice]:
    wanted = setting.agreement.confidentiality.scope
    if wanted is None:
        return [Choice("blank", "blank", "")]
    return [
        Choice("covers", f"{wanted}", wanted),
        Choice("among_others", f"{wanted}, among others", f"elsewhere; {wanted}"),
        Choice("elsewhere", f"something other than {wanted}", "elsewhere"),
        Choice("blank", "blank", ""),
    ]


def _wordings(setting: Setting) -> list[Choice]:
    known = setting.agreement.confidentiality.wordings
    return [
        *(Choice(one, f"{one}, which counts", one) for one in known[:1]),
        *([Choice("another", "a form that does not count", "another-form")] if known else []),
        Choice("blank", "blank", ""),
    ]


def _companions(setting: Setting) -> list[Choice]:
    same, long_ago = "mother", Day("today", -1000)
    terms = setting.agreement.confidentiality
    found = [
        Choice("none", "none", ()),
        Choice("same_yes_newer", "the same person agreed, today", (Said("given", same),)),
        Choice("same_yes_older", "the same person agreed, long ago", (Said("given", same, long_ago),)),
        Choice("same_no_newer", "the same person refused, today", (Said("refused", same),)),
        Choice("same_no_older", "the same person refused, long ago", (Said("refused", same, long_ago),)),
        Choice("same_no_undated", "the same person refused, undated", (Said("refused", same, None),)),
        Choice("same_back_newer", "the same person took it back, today", (Said("withdrawn", same),)),
        Choice("same_back_older", "the same person took it back, long ago",
               (Said("withdrawn", same, long_ago),)),
        Choice("other_yes", "another person agreed, today", (Said("given"),)),
        Choice("other_yes_old", "another person agreed, long ago", (Said("given", on=long_ago),)),
        Choice("other_yes_undated", "another person agreed, undated", (Said("given", on=None),)),
        Choice("other_yes_future", "another person agreed, tomorrow", (Said("given", on=Day("today", 1)),)),
        Choice("other_no", "another person refused, today", (Said("refused"),)),
        Choice("other_no_undated", "another person refused, undated", (Said("refused", on=None),)),
        Choice("other_back", "another person took it back, today", (Said("withdrawn"),)),
        Choice("other_no_then_yes", "another person refused long ago and agreed today",
               (Said("refused", on=long_ago), Said("given"))),
        Choice("other_yes_then_no", "another person agreed long ago and refused today",
               (Said("given", on=long_ago), Said("refused"))),
        Choice("nameless_yes", "somebody agreed, today", (Said("given", ""),)),
        Choice("nameless_no", "somebody refused, long ago", (Said("refused", "", long_ago),)),
    ]  # fmt: skip
    if terms.scope is not None:
        found.append(Choice("other_yes_elsewhere", "another person agreed to something else, today",
                            (Said("given", scope="elsewhere"),)))  # fmt: skip
    if terms.wordings:
        found.append(Choice("other_yes_old_form", "another person agreed on a form that does not count",
                            (Said("given", wording="another-form"),)))  # fmt: skip
    return found


# --- what was said later ----------------------------------------------------------------------------


BEFORE, AFTER, LAST, COMING = Day("today", -20), Day("today", -5), Day("today", -4), Day("today", 1)
ANOTHER_WORD = "a-word-that-nobody-knows"


def said(word: str) -> str:
    """The name of the variable for one later word."""
    return f"said_{word}"


def _said(setting: Setting) -> list[Variable]:
    words = {str(reason): reason.wording for reason in Reason if reason in SAYABLE}
    words[ANOTHER_WORD] = "a word that nobody knows"
    opt_out = str(Reason.NATIONAL_OPT_OUT)
    found = [
        Variable(said(code), f"later word: {words[code]}", _tellings(code, setting))
        for code in words if code != opt_out or setting.agreement.confidentiality.national_opt_out
    ]  # fmt: skip
    return [*found, Variable("said_of_death", "later words on a death", _deaths())]


def _tellings(word: str, setting: Setting) -> tuple[Choice, ...]:
    whom: tuple[Choice, ...] = (
        Choice("none", "nothing", ()),
        Choice("child", "of the child", (Word(word),)),
        Choice("parent", "of the named parent", (Word(word, "parent"),)),
        Choice("dwelling", "of the address", (Word(word, "dwelling"),)),
    )
    if word == Reason.NATIONAL_OPT_OUT:  # weighed against every answer: its day is looked at by nobody
        return whom
    if word == Reason.RECENT_MOVE:  # weighed against the day of the address
        settled = Word(word, on=Day("today", -setting.agreement.cohort.settling_days))
        whom = (*whom, Choice("child_settled", "of the child, so long ago that it is settled", (settled,)))
    return (
        *whom,
        Choice("child_before", "of the child, before the row was written", (Word(word, on=BEFORE),)),
        Choice("child_undated", "of the child, undated", (Word(word, on=None),)),
        Choice("child_coming", "of the child, from tomorrow on", (Word(word, on=COMING),)),
    )


def _deaths() -> tuple[Choice, ...]:
    died, removed = str(Reason.CHILD_DIED), DEATH_REMOVED
    return (
        Choice("none", "nothing", ()),
        Choice("died", "the child died", (Word(died),)),
        Choice("died_before", "the child died, said before the row was written", (Word(died, on=BEFORE),)),
        Choice("died_undated", "the child died, undated", (Word(died, on=None),)),
        Choice("died_coming", "the child died, dated tomorrow", (Word(died, on=COMING),)),
        Choice("died_of_parent", "a death was said of the parent's number", (Word(died, "parent"),)),
        Choice("died_of_dwelling", "a death was said of the address", (Word(died, "dwelling"),)),
        Choice("removed", "a notice of death was removed", (Word(removed),)),
        Choice("removed_before", "a notice of death was removed before the row was written",
               (Word(removed, on=BEFORE),)),
        Choice("removed_undated", "a notice of death was removed, undated", (Word(removed, on=None),)),
        Choice("removed_coming", "a notice of death is removed from tomorrow on",
               (Word(removed, on=COMING),)),
        Choice("removed_of_parent", "a notice of death was removed of the parent's number",
               (Word(removed, "parent"),)),
        Choice("died_then_removed", "the child died, and then the notice was removed",
               (Word(died), Word(removed, on=LAST))),
        Choice("removed_then_died", "a notice was removed, and then the child died",
               (Word(removed), Word(died, on=LAST))),
        Choice("both_at_once", "the child died, and the notice was removed at the same moment",
               (Word(died), Word(removed))),
    )  # fmt: skip


# --- what is known beside the rows ------------------------------------------------------------------


def _beside(setting: Setting) -> list[Variable]:
    named = setting.agreement.recipients.named is not None
    places = [Choice("placed", "found", Place())]
    places += [
        Choice(reason, reason.wording, Place(reason, False))
        for reason in Reason
        if reason in SAID_BY_GEOGRAPHY
    ]
    places.append(Choice("another", "not found, for a reason that nobody knows", Place(UNKNOWN, False)))
    places.append(Choice("missing", "never looked for", Place(known=False)))
    if not named:
        places.append(Choice("nobody", "found, but nobody serves it", Place(recipient=False)))
    return [
        Variable("placement", "place of the address", tuple(places)),
        Variable("authority", "authority that the address lies in", (
            Choice("covered", "one that the agreement covers", setting.agreement.cohort.residents_of[0]),
            Choice("another", "one that it does not cover", ANOTHER_AUTHORITY),
            Choice("blank", "not known", ""),
        )),
        Variable("hospital_postcode", "postcode of a hospital", (
            Choice("N", "no", False), Choice("Y", "yes", True),
        )),
        Variable("shared_before", "shared before", (
            Choice("never", "never", ()),
            Choice("before", "in an earlier month, with this recipient", ("month",)),
            Choice("this_month", "this month already, with this recipient", ("now",)),
            Choice("elsewhere", "in an earlier month, with another recipient", ("elsewhere",)),
            Choice("otherwise", "in an earlier month, under another agreement", ("otherwise",)),
        )),
    ]  # fmt: skip


# --- other rows: versions and siblings --------------------------------------------------------------


# Nobody else answers in this person's name: a newer answer of the mother's would answer her older refusal.
_ALONE = {"consent_given_by": "grandmother"}

_FAULTS = {
    "none": ("nothing is the matter with it", Fault()),
    "stillborn": ("it says stillborn", Fault({"live_or_still_birth": "2"})),
    "not_stated": ("it does not say that the birth was live", Fault({"live_or_still_birth": ""})),
    "died": ("it says that the child died", Fault({"death_status": "2"})),
    "dated_death": ("it gives a date of death", Fault({"date_of_death": Day("today", -1)})),
    "death_removed": ("it says that a notice of death was removed", Fault({"death_status": "U"})),
    "restricted": ("its NHS record is restricted", Fault({"confidentiality": "R"})),
    "test_number": ("its number is not issued", Fault({"nhs_number": "5000000009"})),
    "looked_after": ("it says looked after", Fault({"looked_after": "Y"})),
    "in_hospital": ("it says still in hospital", Fault({"in_hospital": "Y"})),
    "refused": ("it says that a third person refused", Fault({"consent_status": "refused", **_ALONE})),
    "withdrawn": (
        "it says that a third person took it back", Fault({"consent_status": "withdrawn", **_ALONE}),
    ),
    "objected": ("it gives a day of an objection", Fault({"objection_date": Day("today", -1)})),
    "elsewhere": ("it lives in another authority", Fault(authority=ANOTHER_AUTHORITY)),
}  # fmt: skip
# In another row about the same child these are weighed as any other fault of it is.
_AS_OTHERS = ("not_stated", "test_number", "in_hospital", "elsewhere")
_OF_SIBLINGS = {
    "suppressed": ("it is on the suppression list", Fault(word=str(Reason.SUPPRESSED))),
    "superseded": ("its number was superseded", Fault(word=str(Reason.IDENTITY_SUPERSEDED))),
}
_OF_VERSIONS = {
    "other_address": ("it gives another address", Fault({"address_line_2": "Flat 2"})),
    "other_number": ("it says that eight were born", Fault({"number_of_births": 8})),
}


def _rows() -> list[Variable]:
    siblings = {code: one for code, one in _FAULTS.items() if code != "death_removed"} | _OF_SIBLINGS
    versions = {code: one for code, one in _FAULTS.items() if code not in _AS_OTHERS} | _OF_VERSIONS
    return [
        Variable("number_of_births", "how many were born", tuple(
            Choice(str(one or "blank"), str(one or "blank"), one) for one in (1, 2, 3, 9, 0)
        )),
        Variable("birth_order", "which of them this one is", tuple(
            Choice(str(one or "blank"), str(one or "blank"), one) for one in (1, 0, 2, 8, 9)
        )),
        Variable("siblings", "brothers and sisters of the delivery in the extract", tuple(
            Choice(str(one), str(one), one) for one in (0, 1, 2)
        )),
        Variable("sibling_order", "which of them the brother or sister is", (
            Choice("next", "another", 2), Choice("same", "the first, too", 1), Choice("blank", "blank", 0),
        )),
        Variable("sibling_linked", "how the brother or sister is known", (
            Choice("parent", "by the named parent's number", "parent"),
            Choice("home", "by address and family name", "home"),
        )),
        Variable("sibling", "what is the matter with the brother or sister", _faults(siblings)),
        Variable("other_version", "another row about the same child", (
            Choice("none", "none", None),
            Choice("older", "an older one", Other(on=Day("today", -11))),
            Choice("equal_after", "one of the same day, after ours", Other(on=Day("today", -10))),
            Choice("equal_before", "one of the same day, before ours", Other(True, Day("today", -10))),
            Choice("newer", "a newer one", Other(on=Day("today", -9))),
            Choice("undated_after", "an undated one, after ours", Other()),
            Choice("undated_before", "an undated one, before ours", Other(True)),
        )),
        Variable("version", "what is the matter with the other row", _faults(versions)),
    ]  # fmt: skip


def _faults(known: Mapping[str, tuple[str, Fault]]) -> tuple[Choice, ...]:
    return tuple(Choice(code, words, fault) for code, (words, fault) in known.items())
