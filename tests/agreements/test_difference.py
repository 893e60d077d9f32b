"""A change of an agreement is said by its meaning, and nothing changes in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agreements.leaves import (
    BASES,
    FACT,
    LARGER_CHANGES,
    WELCOME,
    Content,
    a_third_version,
    by_name,
    changed,
    expected,
    family_hubs,
    for_each_kind,
    leaves,
    notice,
    totals_alone,
    variations,
)
from pipeline.agreements.difference import RULES, Effect, compare
from pipeline.agreements.model import Agreement
from pipeline.agreements.plain import differences
from pipeline.errors import SettingsError

W, E, N, NO = Effect


def put(place: str, value: Any) -> Callable[[Content], None]:
    """Write one value into an agreement."""

    def change(content: Content) -> None:
        *way, last = place.split(".")
        for part in way:
            content = content[part]
        content[last] = value

    return change


def both(*changes: Callable[[Content], object]) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for one in changes:
            one(content)

    return change


def told(old: Agreement, new: Agreement) -> dict[str, tuple[Effect, str]]:
    changes = compare(old, new)
    assert len({change.key for change in changes}) == len(changes)
    return {change.key: (change.effect, change.sentence) for change in changes}


# key, the change, what it does, and exactly how it is said; the agreement before is the welcome card.
SAID = (
    ("version", put("version", 2), NO, "It is version 2; the one before is version 1."),
    ("title", put("title", "Cards"), NO,
     "The title is now: “Cards”. Before: “Welcome cards for new families, with consent given on the "
     "first-visit form”."),
    ("suppliers", put("suppliers", ["chis", "maternity"]), W, "Takes births also from maternity."),
    ("hears", put("hears", ["maternity"]), N, "Heeds also what is said by maternity."),
    ("lawful_basis.article_9", put("lawful_basis.article_9", FACT), NO,
     "What is relied on under UK GDPR, Article 9, is now: “A law of its own”, as of 3 February 2026. "
     "Before: nothing."),
    ("confidentiality.scope", put("confidentiality.scope", None), W,
     "An answer need not name children's centres any more."),
    ("confidentiality.wordings",
     put("confidentiality.wordings", ["first-visit-form-2025", "first-visit-form-2026", "letter-2027"]), W,
     "These forms now count too: letter-2027."),
    ("confidentiality.antenatal_days", put("confidentiality.antenatal_days", 28), W,
     "Consent may now be given before the birth by up to 28 days (4 weeks) instead of 0 days."),
    ("confidentiality.max_age_days", put("confidentiality.max_age_days", 730), W,
     "Consent may now be as old as 730 days (2 years) instead of 84 days (12 weeks)."),
    ("confidentiality.national_opt_out", put("confidentiality.national_opt_out", True), N,
     "A national data opt-out now stops the sharing."),
    ("cohort.residents_of", put("cohort.residents_of", ["E06999999", "E06000001"]), W,
     "Takes in families who live in E06000001."),
    ("cohort.months_back", put("cohort.months_back", 1), N,
     "Births of earlier months now count, as far back as 1 month instead of 2 months."),
    ("cohort.minimum_age_days", put("cohort.minimum_age_days", 10), N,
     "A child must now be as old as 10 days instead of 0 days."),
    ("cohort.maximum_age_days", put("cohort.maximum_age_days", None), W,
     "A child may now be as old as any age instead of 126 days (18 weeks)."),
    ("cohort.settling_days", put("cohort.settling_days", 28), W,
     "A new address must now have stood for 28 days (4 weeks) instead of 35 days (5 weeks)."),
    ("exclusions.looked_after", put("exclusions.looked_after", False), W,
     "Children who are looked after are not left out or held any more."),
    ("exclusions.adoption", put("exclusions.adoption", False), W,
     "Children with a recorded adoption are not left out or held any more."),
    ("exclusions.safeguarding", put("exclusions.safeguarding", False), W,
     "Children with a safeguarding flag are not left out or held any more."),
    ("exclusions.parent_died", put("exclusions.parent_died", False), W,
     "Families whose named parent has died are not left out or held any more."),
    ("exclusions.in_hospital", put("exclusions.in_hospital", False), W,
     "Children who are still in hospital are not left out or held any more."),
    ("exclusions.parent_under_16", put("exclusions.parent_under_16", False), W,
     "Families whose named parent was under 16 are not left out or held any more."),
    ("recipients.kinds", family_hubs, W,
     "Adds family hubs as recipients. They learn the child's name, the parent's name, the address and the "
     "date of birth."),
    ("recipients.network", put("recipients.network", "hubs"), E,
     "The areas of “hubs” now say who receives what instead of “childrens_centres”."),
    ("fields",
     put("fields",
         ["child_name", "parent_name", "address", "date_of_birth", "ward", "deprivation_decile"]), W,
     "Adds the ward and the deprivation decile of the neighbourhood for children's centres."),
    ("household", put("household", "each_child"), NO,
     "Each child has a line of its own, twins too, instead of one line for a home."),
    ("totals", put("totals", None), N,
     "Recipients are not told any more how many babies were born in their area."),
    ("totals", put("totals.rounding", "nearest_10"), N,
     "The number of babies born in an area is now rounded to the nearest 10 instead of rounded to the "
     "nearest 5, and 1 to 7 to 5."),
    ("totals", put("totals.suppress_below", 11), N,
     "Numbers of babies smaller than 11 are now told as “fewer than”."),
    ("retention_days", put("retention_days", 91), W,
     "Recipients may now keep a list for 91 days (13 weeks) instead of 90 days."),
    ("kept_months", put("kept_months", 0), N,
     "What was decided is now kept here for 0 months instead of 12 months."),
    ("deaths_feed_max_age_days", put("deaths_feed_max_age_days", 8), W,
     "The newest word on deaths may now be as old as 8 days instead of 7 days."),
    ("release.approvals", put("release.approvals", 2), N,
     "Each month must now be approved by two different persons instead of one person."),
    ("release.roles", put("release.roles", ["data_lead"]), N,
     "A month may not be approved any more by: Caldicott guardian."),
    ("release.ways", put("release.ways", ["signature"]), N,
     "A month may not be approved any more on the page of the scheduler, Airflow."),
    ("dates.starts", put("dates.starts", "2026-02-01"), N,
     "It starts on 1 February 2026 instead of 1 January 2026."),
    ("dates.review_by", put("dates.review_by", "2026-11-30"), N,
     "It must be reviewed by 30 November 2026 instead of 31 December 2026."),
    ("dates.review_grace_days", put("dates.review_grace_days", 60), W,
     "When the review is late, it stops after 60 days instead of 30 days."),
    ("dates.expires", put("dates.expires", "2028-12-31"), W,
     "It expires on 31 December 2028 instead of 31 December 2027."),
    ("approvers", put("approvers", ["caldicott_guardian", "data_protection_officer"]), W,
     "It need not be signed any more by: data lead."),
    ("history", lambda content: content["history"].append({"when": "2026-05-01", "what": "A review."}), NO,
     "Added to the history: 1 May 2026: A review."),
    ("parties", lambda content: content["parties"].append({"name": "A firm", "role": "processor"}), W,
     "Takes in as a party: A firm (processor)."),
    ("powers", lambda content: content["powers"].append(FACT), NO,
     "Now also relies on: “A law of its own”, as of 3 February 2026."),
    ("use.permitted", lambda content: content["use"]["permitted"].append("Telephone."), W,
     "Recipients may now do this: Telephone."),
    ("use.forbidden", lambda content: content["use"]["forbidden"].append("Do not sing."), N,
     "This is now forbidden: Do not sing."),
)  # fmt: skip

# Changes that come from another version than the welcome card, or need something else to change with them.
SAID_OF_OTHERS = (
    (a_third_version, put("replaces", None), "replaces", NO,
     "It takes the place of no other; the one before takes the place of version 2."),
    (None, put("purpose", "To count."), "purpose", E, None),
    (None, put("lawful_basis.article_6", FACT), "lawful_basis.article_6", NO, None),
    (None, put("confidentiality.basis", FACT), "confidentiality.basis", NO, None),
    (None, notice, "confidentiality.permission", W,
     "Now parents are told, and may object, but need not say yes. Before, parents are asked, and must say "
     "yes."),
    (notice, put("confidentiality.objection_days", 14), "confidentiality.objection_days", W,
     "To object before anything is shared, parents now have 14 days (2 weeks) instead of 28 days (4 weeks)."),
    (None, notice, "confidentiality.objection_days", NO,
     "To object before anything is shared, parents now have 28 days (4 weeks)."),
    (None, expected, "cohort.of", E, "It is about babies who are still expected instead of births."),
    (expected, put("cohort.months_ahead", 4), "cohort.months_ahead", W,
     "Babies expected later now count, as far ahead as 4 months instead of 0 months."),
    (expected, put("cohort.minimum_gestation_days", 182), "cohort.minimum_gestation_days", N,
     "A pregnancy must now have lasted 182 days (26 weeks) instead of 0 days."),
    (None, by_name, "recipients.named", E,
     "“linkage-office” alone now receives everything."),
    (for_each_kind,
     lambda content: content["fields_for"]["childrens_centre"].append("parent_name"), "fields_for", W,
     "Adds the parent's name for children's centres."),
    (family_hubs, for_each_kind, "fields_for", N,
     "Takes the child's name, the parent's name and the date of birth away from children's centres."),
    (None, totals_alone, "shares", N, "Shares numbers alone instead of families by name."),
)  # fmt: skip


@pytest.mark.parametrize(("key", "change", "effect", "sentence"), SAID, ids=[row[0] for row in SAID])
def test_one_change_has_one_sentence(
    key: str, change: Callable[[Content], object], effect: Effect, sentence: str
) -> None:
    assert told(WELCOME, changed(WELCOME, change)) == {key: (effect, sentence)}


@pytest.mark.parametrize(
    ("before", "change", "key", "effect", "sentence"), SAID_OF_OTHERS, ids=[row[2] for row in SAID_OF_OTHERS]
)
def test_so_have_changes_of_other_agreements(
    before: Callable[[Content], object] | None,
    change: Callable[[Content], object],
    key: str,
    effect: Effect,
    sentence: str | None,
) -> None:
    old = changed(WELCOME, before) if before else WELCOME
    said = told(old, changed(old, change))[key]
    assert said[0] is effect
    assert sentence is None or said[1] == sentence


def test_every_rule_has_an_example() -> None:
    assert {row[0] for row in SAID} | {row[2] for row in SAID_OF_OTHERS} == set(RULES)


def test_every_place_of_an_agreement_has_a_rule() -> None:
    assert {rule_of(leaf) for leaf in leaves()} | {"totals"} == set(RULES) | {"id"}


def rule_of(leaf: str) -> str:
    """The rule's key that a place belongs to; the place's own name where there is none."""
    plain = leaf.split("[]")[0]
    return next((key for key in RULES if plain == key or plain.startswith(f"{key}.")), plain)


def test_whatever_changes_is_said_under_its_own_key_and_nothing_else_is() -> None:
    seen = set()
    for agreement in BASES:
        for place, other in variations(agreement):
            if other.id == agreement.id:
                said = {change.key for change in compare(agreement, other)}
                wanted = {key for key in RULES if rule_of(place) == key or key.startswith(f"{place}.")}
                assert said, place
                assert said <= wanted, place
                seen |= said
    needing_others = {
        "shares",
        "confidentiality.permission",
        "cohort.of",
        "recipients.network",
        "recipients.named",
    }
    assert set(RULES) - seen <= needing_others


@pytest.mark.parametrize("change", LARGER_CHANGES)
def test_going_back_does_the_opposite(change: Callable[[Content], None]) -> None:
    other = changed(WELCOME, change)
    there, back = (
        {change.key: change.effect for change in compare(*pair)}
        for pair in ((WELCOME, other), (other, WELCOME))
    )
    opposite = {W: N, N: W, E: E, NO: NO}
    single = [key for key in there if key in back]
    assert single
    for key in single:
        if key not in {"fields", "fields_for"}:  # with several changes each, in both directions
            assert back[key] is opposite[there[key]], key


def test_what_widens_comes_first_and_what_must_be_judged_next() -> None:
    change = both(
        put("household", "each_child"), put("retention_days", 400), put("release.approvals", 2),
        put("purpose", "To count."),
    )  # fmt: skip
    changes = compare(WELCOME, changed(WELCOME, change))
    assert [change.effect for change in changes] == [W, E, N, NO]
    lines = differences(changes, same_bytes=False)
    assert [line for line in lines if line.endswith(":")][0] == "These widen the sharing:"


def test_the_same_agreement_has_no_difference_and_that_is_said() -> None:
    assert compare(WELCOME, WELCOME) == []
    assert "to the letter" in differences([], same_bytes=True)[0]
    assert "Only comments" in differences([], same_bytes=False)[0]


def test_two_different_agreements_are_not_compared() -> None:
    with pytest.raises(SettingsError, match="two different agreements"):
        compare(WELCOME, changed(WELCOME, put("id", "another")))
