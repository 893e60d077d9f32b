"""For every reason there is a place in the agreement, and words for what stands there."""

from __future__ import annotations

import pytest

from agreements.leaves import BASES, WELCOME, variations
from pipeline.agreements.clauses import KEYS, NO_AGREEMENT_LIFTS_THIS, clause
from pipeline.agreements.difference import value_of
from pipeline.agreements.model import Agreement
from pipeline.reasons import Reason, ReasonClass


def test_every_reason_that_an_agreement_sets_has_its_key() -> None:
    assert set(KEYS) == {reason for reason in Reason if reason.reason_class is not ReasonClass.NEVER}
    for key in KEYS.values():
        value_of(WELCOME, key)  # the key is there


@pytest.mark.parametrize("agreement", BASES, ids=lambda one: one.id)
def test_every_reason_has_words_under_every_agreement(agreement: Agreement) -> None:
    for reason in Reason:
        words = clause(reason, agreement)
        assert words.endswith(".")
        assert "None" not in words
        assert (words == NO_AGREEMENT_LIFTS_THIS) is (reason.reason_class is ReasonClass.NEVER)


# The same words whatever stands there, or a key that cannot change without others.
FIXED = {Reason.OBJECTED, Reason.ALREADY_SHARED, Reason.NO_FAMILY_SHARED, Reason.ADDRESS_INCOMPLETE,
         Reason.POSTCODE_UNKNOWN, Reason.POSTCODE_PSEUDO, Reason.POSTCODE_IMPRECISE}  # fmt: skip
FIXED |= {reason for reason, key in KEYS.items() if key == "confidentiality.permission"}


def test_the_words_are_about_what_stands_under_the_key() -> None:
    spoken = set()
    for agreement in BASES:
        for place, other in variations(agreement):
            here = [reason for reason, key in KEYS.items() if place.startswith(key)]
            spoken |= {reason for reason in here if clause(reason, agreement) != clause(reason, other)}
    assert set(KEYS) - spoken <= FIXED
