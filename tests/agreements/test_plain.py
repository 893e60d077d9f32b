"""In plain English stands everything that an agreement says, in words that a guardian knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from agreements.leaves import AGREEMENTS, BASES, LARGER_CHANGES, WELCOME, Content, changed, leaves, variations
from pipeline.agreements.loading import Loaded
from pipeline.agreements.model import Agreement
from pipeline.agreements.plain import Section, as_text, plain
from pipeline.agreements.signatures import Signature
from pipeline.errors import Refused
from pipeline.reporting import agreement_page

# Sections in which people's own words stand, and the one for the file's own codes.
THEIR_WORDS = {
    "What it is for", "What recipients may do", "What recipients may not do", "The law relied on",
    "How it came about", "Who takes part",
}  # fmt: skip
CODES = "For the record"
JARGON = re.compile(
    r"\b(opt-in|YAML|JSON|SHA|hash|digest|cohort|null|true|false|boolean|regex|gate|API|enum)\b|_"
)


def said(agreement: Agreement) -> list[str]:
    return as_text(plain(agreement, "0" * 64))


def our_sentences(agreement: Agreement) -> list[str]:
    points = [
        point
        for section in plain(agreement, "0" * 64)[1:]
        if section.heading not in THEIR_WORDS | {CODES}
        for point in section.points
    ]
    return [sentence for point in points for sentence in re.split(r"(?<=[.:]) ", point)]


def test_whatever_is_changed_changes_what_is_said() -> None:
    seen = set()
    for agreement in BASES:
        before = said(agreement)
        for place, other in variations(agreement):
            unused = place.startswith("fields") and agreement.fields_for  # each kind has its own
            assert said(other) != before or unused, place
            seen.add(place)
    assert {leaf for leaf in leaves() if leaf not in seen} <= BY_LARGER_CHANGES


# What no single change can reach, since something else must change with it.
BY_LARGER_CHANGES = {"id", "shares", "fields_for", "confidentiality.permission", "cohort.of"}


@pytest.mark.parametrize("change", LARGER_CHANGES)
def test_so_do_changes_that_need_others(change: Callable[[Content], None]) -> None:
    assert said(changed(WELCOME, change)) != said(WELCOME)


@pytest.mark.parametrize("agreement", AGREEMENTS.values(), ids=AGREEMENTS)
def test_sentences_are_short(agreement: Agreement) -> None:
    lengths = [len(sentence.split()) for sentence in our_sentences(agreement)]
    assert sum(lengths) / len(lengths) <= 12
    assert max(lengths) <= 30


@pytest.mark.parametrize("agreement", BASES, ids=lambda one: one.id)
def test_no_code_stands_where_a_guardian_reads(agreement: Agreement) -> None:
    names = re.compile("|".join(map(re.escape, (*agreement.suppliers, *agreement.confidentiality.wordings))))
    for sentence in our_sentences(agreement):
        assert not JARGON.search(names.sub("", sentence)), sentence


@pytest.mark.parametrize("agreement", AGREEMENTS.values(), ids=AGREEMENTS)
def test_the_eighth_principle_is_answered_and_the_other_seven_too(agreement: Agreement) -> None:
    sections = {section.heading: section.points for section in plain(agreement, "")}
    assert len(sections["No surprises: the eighth Caldicott principle"]) > 1
    assert [point[0] for point in sections["The other seven Caldicott principles"]] == list("1234567")


def test_who_has_signed_and_whose_signature_is_missing_is_said() -> None:
    signature = Signature("data_lead", "data.lead@example.org", "0" * 64)
    loaded = Loaded(WELCOME, "", (signature,), Refused("It is not signed"), False, True, False)
    [section] = [one for one in plain(WELCOME, "", loaded) if one.heading == "Who must agree, and who has"]
    assert "Data lead: signed by data.lead@example.org." in section.points
    assert "Caldicott guardian: the signature is missing." in section.points
    assert "It does not stand today. It is not signed." in section.points
    standing = replace(loaded, refusal=None)
    assert "It stands today." in said_of(standing)


def said_of(loaded: Loaded) -> tuple[str, ...]:
    sections = plain(loaded.agreement, "", loaded)
    return next(one.points for one in sections if one.heading == "Who must agree, and who has")


def test_the_page_says_the_same_words_and_needs_nothing_else() -> None:
    sections = plain(WELCOME, "0" * 64)
    page = agreement_page(WELCOME, sections)
    for section in sections:
        assert section.heading in page
        assert all(escaped(point) in page for point in section.points)
    assert '<html lang="en-GB">' in page
    assert not re.search(r"<script|<link|<img|https?://|url\(", page)


def test_the_page_shows_text_and_never_runs_it() -> None:
    page = agreement_page(WELCOME, [Section("<script>", ("<b>bold</b>",))])
    assert "<script>" not in page
    assert "<b>" not in page


def escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))
