"""One row for each household, nothing but what was decided, and only what the agreement names."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pandas as pd
import pytest

from pipeline.agreements.model import ListField
from pipeline.errors import IntegrityError
from pipeline.lists.fields import SHOWN
from pipeline.reasons import Outcome, Reason, ReasonClass

ALL_FIELDS = list(ListField)

# A canary for each field: no two fields share a value.
CANARIES: dict[ListField, dict[str, str]] = {
    ListField.CHILD_NAME: {"given_name": "Quilla", "family_name": "Vexmoor"},
    ListField.PARENT_NAME: {"parent_given_name": "Ystra", "parent_family_name": "Holmbrew"},
    ListField.ADDRESS: {
        **{f"address_line_{line}": f"{line}0 Zedwick" for line in range(1, 6)},
        "postcode": "CV37 9ZZ",
    },
    ListField.DATE_OF_BIRTH: {"date_of_birth": "2026-10-17"},
    ListField.LANGUAGE: {"language": "Volapük"},
    ListField.NHS_NUMBER: {"nhs_number": "9990000026"},
}
NOT_FOR_LISTS = {
    "parent_nhs_number": "9990000034",
    "parent_date_of_birth": "1991-02-03",
    "time_of_birth": "04:56",
}


def subsets() -> list[tuple[ListField, ...]]:
    return list(chain.from_iterable(combinations(ALL_FIELDS, size) for size in range(1, len(ALL_FIELDS) + 1)))


def words(rows: pd.DataFrame) -> str:
    return " | ".join(rows.to_numpy().ravel())


def test_every_field_that_an_agreement_can_name_can_be_shown() -> None:
    assert set(SHOWN) == set(ListField)


@pytest.mark.parametrize("fields", subsets(), ids="+".join)
def test_only_the_agreements_fields_are_shown_and_all_of_them(
    make: Any, fields: tuple[ListField, ...]
) -> None:
    births = make.births(
        {key: value for own in CANARIES.values() for key, value in own.items()} | NOT_FOR_LISTS
    )

    rows = make.list(births, agreement=make.with_fields(*fields)).rows

    assert list(rows.columns) == [
        column for field in SHOWN if field in fields for column in SHOWN[field].columns
    ]
    for field, canaries in CANARIES.items():
        for value in canaries.values():
            assert (value in words(rows)) == (field in fields)
    assert not any(value in words(rows) for value in NOT_FOR_LISTS.values())


@pytest.mark.parametrize("unnamed", [field for field in ListField if field != ListField.CHILD_NAME])
def test_a_field_that_is_not_named_is_not_even_read(make: Any, unnamed: ListField) -> None:
    births = make.births({}).drop(columns=list(SHOWN[unnamed].sources))
    others = [field for field in ListField if field != unnamed]

    assert len(make.list(births, agreement=make.with_fields(*others)).rows) == 1


def test_siblings_of_one_household_share_one_row(make: Any) -> None:
    families = make.twins({"given_name": "Ava"}, {"given_name": "Noah", "nhs_number": "9990000026"})

    assert len(families.rows) == 1
    assert families.rows["addressed_to"][0] == "The parents or carers of Ava and Noah Smith"
    assert families.rows["parent"][0] == "Jane Smith"
    assert families.rows["date_of_birth"][0] == "2026-10-05"
    assert families.children == ["child-1", "child-2"]


def test_the_eldest_is_named_first_and_a_blank_birth_order_comes_last(make: Any) -> None:
    families = make.twins(
        {"given_name": "Third", "birth_order": 0},
        {"given_name": "Second", "birth_order": 2},
        {"given_name": "First", "birth_order": 1},
    )

    assert families.rows["children"][0] == "First, Second and Third"


def test_twins_born_either_side_of_midnight_keep_both_days(make: Any) -> None:
    families = make.twins({"date_of_birth": "2026-10-05"}, {"date_of_birth": "2026-10-06"})

    assert families.rows["date_of_birth"][0] == "2026-10-05;2026-10-06"


def test_two_families_at_one_address_get_a_card_each(make: Any) -> None:
    births = make.births({"dwelling": "home"}, {"dwelling": "home", "family_name": "Khan"})

    assert len(make.list(births).rows) == 2


def test_an_address_is_ready_for_post(make: Any) -> None:
    row = make.list(make.births({"postcode": "cv311aa", "address_line_2": "Lillington"})).rows.iloc[0]

    assert row["postcode"] == "CV31 1AA"
    assert row["address_line_1":"address_line_5"].tolist() == [
        "1 High Street", "Lillington", "", "Leamington Spa", "",
    ]  # fmt: skip


def test_a_stand_in_for_a_name_never_reaches_a_list(make: Any) -> None:
    rows = make.list(make.births({"given_name": "BABY BOY", "family_name": "VEXMOOR"})).rows

    assert rows["children"][0] == "your new baby"
    assert "baby boy" not in words(rows).lower()


@pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.WITHHOLD])
def test_nothing_but_share_is_on_a_list(make: Any, outcome: Outcome) -> None:
    births = make.births({"given_name": "Ava"}, {"given_name": "Noah"})
    decisions = make.decisions(births, {}, {"outcome": int(outcome), "reasons": Reason.CONSENT_REFUSED.bit})

    families = make.list(births, decisions)

    assert families.children == ["child-1"]
    assert "Noah" not in words(families.rows)


def test_other_recipients_families_are_not_on_a_list(make: Any) -> None:
    births = make.births({"given_name": "Ava"}, {"given_name": "Noah"})

    families = make.list(births, make.decisions(births, {}, {"recipient": "centre-2"}))

    assert families.children == ["child-1"]


def test_births_without_a_decision_are_not_on_a_list(make: Any) -> None:
    births = make.births({}, {})

    assert make.list(births, make.decisions(births).head(1)).children == ["child-1"]


def test_a_month_without_families_is_an_empty_list_with_the_same_columns(make: Any) -> None:
    full = make.list(make.births({}))
    births = make.births({}).head(0)

    empty = make.list(births, make.decisions(births))

    assert empty.rows.empty
    assert empty.children == []
    assert list(empty.rows.columns) == list(full.rows.columns)


def test_the_order_of_the_extract_does_not_show(make: Any) -> None:
    births = make.births(
        *({"postcode": f"CV3{n % 3} 1AA", "given_name": f"Name{'abc'[n % 3]}"} for n in range(9))
    )
    decisions = make.decisions(births)

    forward = make.list(births, decisions)
    backward = make.list(births[::-1], decisions.sample(frac=1, random_state=1))

    pd.testing.assert_frame_equal(forward.rows, backward.rows)
    assert forward.children == backward.children
    assert forward.rows["postcode"].is_monotonic_increasing


@pytest.mark.parametrize(
    "decided",
    [
        {"reasons": Reason.CONSENT_REFUSED.bit},
        {"child": "child-of-another-birth"},
        {"reference": 99},
    ],
    ids=["has a reason against it", "another child", "no such birth"],
)
def test_a_share_that_contradicts_itself_stops_the_list(make: Any, decided: dict[str, Any]) -> None:
    births = make.births({})

    with pytest.raises(IntegrityError):
        make.list(births, make.decisions(births, decided))


def test_a_birth_decided_twice_stops_the_list(make: Any) -> None:
    births = make.births({})
    decisions = make.decisions(births)

    with pytest.raises(IntegrityError, match="decided twice"):
        make.list(births, pd.concat([decisions, decisions.assign(outcome=int(Outcome.WITHHOLD))]))


def test_a_child_twice_on_a_list_stops_it(make: Any) -> None:
    births = make.births({"child": "same"}, {"child": "same"})

    with pytest.raises(IntegrityError, match="twice"):
        make.list(births)


def test_a_household_with_two_addresses_stops_the_list(make: Any) -> None:
    births = make.births({"dwelling": "here"}, {"dwelling": "there"})

    with pytest.raises(IntegrityError, match="two addresses"):
        make.list(births, make.decisions(births, {"household": 1}, {"household": 1}))


@pytest.mark.parametrize("reason", [one for one in Reason if one.reason_class is ReasonClass.NEVER])
def test_no_card_goes_to_a_home_where_a_child_may_never_be_shared(make: Any, reason: Reason) -> None:
    births = make.births({"dwelling": "home"}, {"dwelling": "home"})
    sibling = {"household": 1, "outcome": int(reason.outcome), "reasons": reason.bit}
    decisions = make.decisions(births, {"household": 1}, sibling)

    if reason is Reason.DUPLICATE_RECORD:  # an older version of a row is not a sibling
        assert make.list(births, decisions).children == ["child-1"]
        return
    with pytest.raises(IntegrityError, match="may never be"):
        make.list(births, decisions)


def test_neither_a_list_nor_its_refusal_shows_a_family(make: Any) -> None:
    births = make.births({"given_name": "Quilla", "postcode": "CV37 9ZZ"})
    shown = repr(make.list(births))

    with pytest.raises(IntegrityError) as refused:
        make.list(births, make.decisions(births, {"child": "another"}))

    for text in (shown, str(refused.value), repr(refused.value)):
        assert not any(value in text for value in ("Quilla", "CV37 9ZZ", "9990000018", "child-1"))
    assert refused.value.__context__ is None
