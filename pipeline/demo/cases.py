"""The hard cases of the demonstration, each with what must become of it.

One `Case` is one row, or a few rows that belong together (a delivery, two versions of one record).
Each begins as an ordinary family whose parents agreed; a case says only what differs. Its rows can
be found in the extract by their record_id, `case-<case>-<row>`. What is expected holds under the
agreement "welcome-card-first-visit", at any moment of the month after the extract's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from pipeline.demo.case import QUARANTINED, SHARE, Case, CaseRow, Change, Setting
from pipeline.demo.nhs_numbers import nhs_numbers

UNISSUED_RANGE = 555  # a range that nobody is given numbers from and that no demonstration lifts


def _on(months: int, day: int) -> Change:
    """A day of the extract's month, or of an earlier or later one."""
    return lambda setting, _: setting.month.plus(months).first_day.replace(day=day).isoformat()


def _years_before(years: int) -> Change:
    def change(setting: Setting, _: str) -> str:
        return date(setting.month.year - years, setting.month.number, 1).isoformat()

    return change


def _in(group: str) -> Change:
    """A postcode of a group of places."""
    return lambda setting, _: setting.postcodes.get(group, setting.postcodes["live"])


def _as(shape: Callable[[str], str]) -> Change:
    """What stands there, written differently."""
    return lambda _, ordinary: shape(ordinary)


def _unissued(setting: Setting, ordinary: str) -> str:
    return str(nhs_numbers(np.random.default_rng(int(ordinary)), 1, prefix=UNISSUED_RANGE)[0])


def _same_for_both(setting: Setting, _: str) -> str:
    return str(nhs_numbers(np.random.default_rng(setting.month.year), 1)[0])


def _wrong_digit(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def _slashes(day: str) -> str:
    return f"{day[8:]}/{day[5:7]}/{day[:4]}"


def _one(id_: str, story: str, expects: str, **changes: str | Change) -> Case:
    return Case(id_, story, (CaseRow(expects, changes),))


def _unanswered(status: str) -> dict[str, str | Change]:
    return {"consent_status": status, "consent_date": "", "consent_wording": "", "consent_scope": ""}


_TWO: dict[str, str | Change] = {"number_of_births": "2", "birth_order": "1"}
_SECOND: dict[str, str | Change] = {"birth_order": "2"}
_BEFORE = {"last_updated": _on(0, 10)}

_DIED = (
    _one(
        "died-informally",
        "An informal notice of death, and nothing else says so.",
        "child_died",
        death_status="1",
    ),
    _one(
        "died",
        "A formal notice of death with its date.",
        "child_died",
        death_status="2",
        date_of_death=_on(0, 9),
    ),
    _one(
        "died-date-only",
        "Only a date of death: the status was forgotten.",
        "child_died",
        date_of_death=_on(0, 9),
    ),
    _one("death-removed", "A notice of death was sent in error and removed.", SHARE, death_status="U"),
    Case(
        "death-in-older-version",
        "The newer version of the record no longer shows the death.",
        (
            CaseRow("child_died"),
            CaseRow("duplicate_record", {"death_status": "1", **_BEFORE}, same="child"),
        ),
    ),
    _one(
        "stillborn",
        "A stillbirth: the law asks for its notification too.",
        "not_a_live_birth",
        live_or_still_birth="3",
    ),
    _one("born-and-died", "Born alive and died later.", "not_a_live_birth", live_or_still_birth="5"),
    _one(
        "live-not-stated",
        "The record does not say whether the child was born alive.",
        "live_birth_not_stated",
        live_or_still_birth="",
    ),
    Case(
        "twin-lost",
        "One of two twins has died: no card goes to this family.",
        (
            CaseRow("sibling_died_or_missing", _TWO),
            CaseRow("child_died", {**_SECOND, "death_status": "2"}, "family"),
        ),
    ),
    Case(
        "twin-stillborn",
        "One of two twins was stillborn.",
        (
            CaseRow("sibling_died_or_missing", _TWO),
            CaseRow("not_a_live_birth", {**_SECOND, "live_or_still_birth": "2"}, "family"),
        ),
    ),
    Case(
        "triplets-one-missing",
        "Three were born, two are in the extract: what of the third?",
        (
            CaseRow("sibling_died_or_missing", {**_TWO, "number_of_births": "3"}),
            CaseRow("sibling_died_or_missing", _SECOND, "family"),
        ),
    ),
)

_PROTECTED = (
    _one(
        "restricted",
        "Access to the NHS record is restricted; the address is held back.",
        "restricted_record",
        confidentiality="R",
        address_line_1="",
        address_line_3="",
        postcode="",
    ),
    _one(
        "restricted-older-code",
        "The same, as an older system writes it.",
        "restricted_record",
        confidentiality="S",
    ),
    _one("redacted", "The NHS record is redacted.", "restricted_record", confidentiality="REDACTED"),
    _one(
        "unissued-number",
        "A test record that slipped into the real feed.",
        QUARANTINED + "nhs_number_not_issued",
        nhs_number=_unissued,
    ),
    _one("looked-after", "The child is looked after.", "looked_after", looked_after="Y"),
    _one("adoption", "An adoption is under way.", "adoption", adoption="Y"),
    _one("safeguarding", "A safeguarding flag stands.", "safeguarding", safeguarding="Y"),
    _one("parent-died", "The named parent has died.", "parent_died", parent_death_status="2"),
    _one(
        "parent-very-young",
        "The parent was fifteen: a person must look first.",
        "parent_under_16",
        parent_date_of_birth=_years_before(15),
    ),
    _one("in-hospital", "The child is still in hospital.", "in_hospital", in_hospital="Y"),
    _one(
        "hospital-address",
        "The address is the hospital's.",
        "in_hospital",
        postcode=lambda setting, _: setting.hospital,
    ),
    _one("just-moved", "The address changed days ago.", "recent_move", address_since=_on(1, 1)),
)

_ANSWERS = (
    _one("refused", "The parents said no.", "consent_refused", consent_status="refused"),
    _one(
        "withdrawn", "The parents took their consent back.", "consent_withdrawn", consent_status="withdrawn"
    ),
    Case(
        "parents-disagree",
        "The mother agreed, the father had refused.",
        (
            CaseRow("consent_conflict"),
            CaseRow(
                "duplicate_record",
                {"consent_status": "refused", "consent_given_by": "father", **_BEFORE},
                "child",
            ),
        ),
    ),
    _one(
        "not-asked", "The first visit has not taken place.", "consent_not_asked", **_unanswered("not_asked")
    ),
    _one(
        "not-recorded",
        "The first visit took place; no answer was entered.",
        "consent_not_recorded",
        **_unanswered(""),
    ),
    _one(
        "library-only",
        "The parents agreed to the library, not to the centre.",
        "consent_scope_missing",
        consent_scope="library",
    ),
    _one(
        "old-form",
        "A form whose wording nobody approved for this.",
        "consent_wording_not_accepted",
        consent_wording="first-visit-form-2019",
    ),
    _one("undated-consent", "A consent without a date.", "consent_date_invalid", consent_date=""),
    _one(
        "consent-before-birth",
        "A consent from before the birth.",
        "consent_date_invalid",
        consent_date=_on(-1, 20),
    ),
    _one("consent-to-come", "A consent from next year.", "consent_date_invalid", consent_date=_on(12, 1)),
    _one(
        "old-consent",
        "An answer that lay for three months.",
        "consent_expired",
        date_of_birth=_on(-2, 1),
        notice_date=_on(-2, 2),
        consent_date=_on(-2, 4),
    ),
    _one("objected", "Agreed first, then objected.", "objected", objection_date=_on(0, 19)),
    _one(
        "born-long-ago",
        "Born four months before.",
        "born_outside_window",
        date_of_birth=_on(-4, 10),
        notice_date=_on(-4, 12),
    ),
    _one(
        "too-old",
        "Born five months before: too old for this card.",
        "age_outside_window",
        date_of_birth=_on(-5, 10),
        notice_date=_on(-5, 12),
    ),
    _one(
        "late-answer",
        "Born last month; the answer came in this one.",
        SHARE,
        date_of_birth=_on(-1, 9),
        notice_date=_on(-1, 10),
    ),
    _one("told-by-nobody", "No notice was sent; the parents were asked and agreed.", SHARE, notice_date=""),
    _one("told-just-now", "Told on the day of the extract, and agreed.", SHARE, notice_date=_on(1, 1)),
    _one(
        "several-places",
        "The parents agreed to the centre and to the library.",
        SHARE,
        consent_scope="library;childrens_centre",
    ),
)

_PLACES = (
    _one("no-first-line", "No house to post a card to.", "address_incomplete", address_line_1=""),
    _one("no-postcode", "No postcode.", "address_incomplete", postcode=""),
    _one("lower-case", "The postcode in small letters.", SHARE, postcode=_as(str.lower)),
    _one(
        "no-space",
        "The postcode without its space.",
        SHARE,
        postcode=_as(lambda postcode: postcode.replace(" ", "")),
    ),
    _one(
        "terminated",
        "A postcode that is no longer used for new addresses.",
        SHARE,
        postcode=_in("terminated"),
    ),
    _one("nobody-knows-where", "No fixed abode.", "postcode_pseudo", postcode="ZZ99 3VZ"),
    _one("unknown-postcode", "A postcode that is in no directory.", "postcode_unknown", postcode="QX1 9QX"),
    _one(
        "imprecise", "A postcode without a precise position.", "postcode_imprecise", postcode=_in("imprecise")
    ),
    _one("neighbour", "The family lives beyond the border.", "not_resident", postcode=_in("neighbour")),
    _one("gap", "A street that no centre's reach area covers.", "no_reach_area", postcode=_in("gap")),
    _one(
        "two-centres", "A street that two centres claim.", "reach_area_ambiguous", postcode=_in("ambiguous")
    ),
)

_TOGETHER = (
    Case(
        "twins", "Twins at one address: one card.", (CaseRow(SHARE, _TWO), CaseRow(SHARE, _SECOND, "family"))
    ),
    Case(
        "twins-at-midnight",
        "Twins, born before and after midnight.",
        (CaseRow(SHARE, _TWO), CaseRow(SHARE, {**_SECOND, "date_of_birth": _on(0, 7)}, "family")),
    ),
    Case(
        "sent-twice",
        "The very same row twice.",
        (CaseRow(SHARE), CaseRow("duplicate_record", same="all")),
    ),
    Case(
        "corrected",
        "A newer version of a record, with the family's new name.",
        (
            CaseRow(SHARE),
            CaseRow("duplicate_record", {"family_name": "Oldname", **_BEFORE}, "child"),
        ),
    ),
    Case(
        "withdrawn-meanwhile",
        "Agreed at first; the newer version withdraws.",
        (
            CaseRow("consent_withdrawn", {"consent_status": "withdrawn", "consent_date": _on(0, 19)}),
            CaseRow(
                "duplicate_record", {"consent_status": "given", "consent_date": _on(0, 9), **_BEFORE}, "child"
            ),
        ),
    ),
    _one("not-named-yet", "The child has no name yet.", SHARE, given_name="BABY"),
    _one("twin-one", "Named as the hospital did.", SHARE, given_name="Infant"),
    _one(
        "letters-of-other-languages",
        "Names as people write them.",
        SHARE,
        given_name="Zoë",
        family_name="Wójcik-O'Neill",
    ),
)


def _spoilt(id_: str, story: str, rule: str, **changes: str | Change) -> Case:
    return _one(id_, story, QUARANTINED + rule, **changes)


_UNUSABLE = (
    _spoilt(
        "number-with-spaces",
        "The NHS number in groups.",
        "nhs_number_format",
        nhs_number=_as(lambda number: f"{number[:3]} {number[3:6]} {number[6:]}"),
    ),
    _spoilt(
        "number-mistyped",
        "One digit of the NHS number is wrong.",
        "nhs_number_check_digit",
        nhs_number=_as(_wrong_digit),
    ),
    _spoilt(
        "number-repeated",
        "One digit ten times: it passes the check digit.",
        "nhs_number_repeated",
        nhs_number="4444444444",
    ),
    _spoilt("number-missing", "No NHS number yet.", "value_missing", nhs_number=""),
    _spoilt(
        "parent-number-mistyped",
        "One digit of the parent's NHS number is wrong.",
        "nhs_number_check_digit",
        parent_nhs_number=_as(_wrong_digit),
    ),
    _spoilt(
        "parent-with-the-childs-number",
        "The same NHS number for child and parent.",
        "parent_is_child",
        nhs_number=_same_for_both,
        parent_nhs_number=_same_for_both,
    ),
    _spoilt("date-with-slashes", "DD/MM/YYYY.", "date_format", date_of_birth=_as(_slashes)),
    _spoilt(
        "date-without-hyphens",
        "YYYYMMDD.",
        "date_format",
        date_of_birth=_as(lambda day: day.replace("-", "")),
    ),
    _spoilt("date-in-words", "6 October.", "date_format", consent_date="6 October"),
    _spoilt(
        "no-such-day",
        "The thirtieth of February.",
        "date_impossible",
        consent_date=lambda setting, _: f"{setting.month.year}-02-30",
    ),
    _spoilt("born-in-the-future", "Born in ten years.", "date_future", date_of_birth=_on(120, 1)),
    _spoilt(
        "died-before-birth",
        "The date of death lies before the birth.",
        "death_before_birth",
        date_of_death=_on(-1, 5),
    ),
    _spoilt(
        "updated-before-birth",
        "The record would have last changed before the birth.",
        "updated_before_birth",
        last_updated=_on(-1, 5),
    ),
    _spoilt(
        "born-next-month",
        "Born on the day of the extract, after its month.",
        "born_after_month",
        date_of_birth=_on(1, 1),
        last_updated=_on(1, 1),
    ),
    _spoilt(
        "born-years-ago",
        "Born two years before: nobody agreed to hear of it so late.",
        "born_too_long_ago",
        date_of_birth=_on(-24, 6),
    ),
    _spoilt(
        "told-long-before",
        "A day that stands for none: told in 1900.",
        "notice_too_early",
        notice_date="1900-01-01",
    ),
    _spoilt("time-in-words", "Born in the morning.", "time_format", time_of_birth="morning"),
    _spoilt("number-in-words", "A birth of one, in letters.", "number_format", number_of_births="one"),
    _spoilt("third-of-one", "The third child of a single birth.", "birth_order_too_high", birth_order="3"),
    _spoilt(
        "postcode-with-a-star",
        "A sign that no postcode has.",
        "postcode_characters",
        postcode=_as(lambda postcode: postcode.replace(" ", "*")),
    ),
    _spoilt(
        "name-is-a-formula", "A name that a spreadsheet would calculate.", "text_dangerous", given_name="=1+1"
    ),
    _spoilt(
        "street-is-a-formula",
        "A street that a spreadsheet would look up.",
        "text_dangerous",
        address_line_2="@SUM(A1)",
    ),
    _spoilt(
        "name-with-hyphen",
        "A name that begins with a hyphen.",
        "name_begins_with_hyphen",
        family_name=_as(lambda name: f"-{name}"),
    ),
    _spoilt("name-without-end", "Two fields run together.", "text_too_long", given_name="Ann " * 40),
    _spoilt(
        "answer-lost",
        "The day of an answer, and no answer: was it a refusal?",
        "answer_lost",
        consent_status="",
    ),
    Case(
        "equally-new",
        "Two versions of one day: one agrees, one refuses.",
        (
            CaseRow(QUARANTINED + "version_tied"),
            CaseRow(QUARANTINED + "version_tied", {"consent_status": "refused"}, "child"),
        ),
    ),
    Case(
        "row-of-commas",
        "A row without a single value.",
        (CaseRow(QUARANTINED + "row_blank", same="nothing"),),
    ),
    Case(
        "newer-version-unusable",
        "Two versions; the newer cannot be read, so neither is used.",
        (
            CaseRow(QUARANTINED + "date_format", {"date_of_death": "yesterday"}),
            CaseRow(QUARANTINED + "other_row_unusable", {"date_of_death": "", **_BEFORE}, "child"),
        ),
    ),
)

CASES: tuple[Case, ...] = (*_DIED, *_PROTECTED, *_ANSWERS, *_PLACES, *_TOGETHER, *_UNUSABLE)


def expectations() -> list[tuple[str, str]]:
    """record_id and what must become of it, one for each row of every case."""
    return [(case.record_id(place), row.expects) for case in CASES for place, row in enumerate(case.rows)]
