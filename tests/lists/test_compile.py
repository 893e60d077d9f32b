"""One row for each household, nothing but what was decided, and only what the agreement names."""

from __future__ import annotations

import hashlib
import hmac
from itertools import chain, combinations
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.agreements.model import DIRECT_IDENTIFIERS, OF_EXPECTED_BIRTHS, ListField
from pipeline.errors import IntegrityError
from pipeline.lists.columns import REFERENCE
from pipeline.lists.fields import SHOWN
from pipeline.lists.pseudonyms import pseudonyms
from pipeline.reasons import Outcome, Reason, ReasonClass

# Fields that may stand beside one another; no agreement has all.
OF_FAMILIES = [
    field for field in ListField if field not in (ListField.PSEUDONYM, ListField.EXPECTED_DATE_OF_DELIVERY)
]
OF_PSEUDONYMS = [field for field in ListField if field not in DIRECT_IDENTIFIERS]

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
    ListField.SEX: {"sex": "X"},
}
AREA_CANARIES: dict[ListField, dict[str, str]] = {
    ListField.WARD: {"ward": "E05000777", "ward_name": "Quenwick"},
    ListField.LSOA: {"lsoa21": "E01000888"},
}
# The expected date of delivery stands where the date of birth does.
DATES = {ListField.EXPECTED_DATE_OF_DELIVERY}
NOT_FOR_LISTS = {
    "parent_nhs_number": "9990000034",
    "parent_date_of_birth": "1991-02-03",
    "time_of_birth": "04:56",
}


def subsets(fields: list[ListField]) -> list[tuple[ListField, ...]]:
    """One, two, all but one, and all of the fields."""
    sizes = (1, 2, len(fields) - 1, len(fields))
    return list(chain.from_iterable(combinations(fields, size) for size in sizes))


SUBSETS = [
    *subsets(OF_FAMILIES),
    *(fields for fields in subsets(OF_PSEUDONYMS) if ListField.PSEUDONYM in fields),
    *(
        fields
        for fields in subsets(sorted(OF_EXPECTED_BIRTHS))
        if ListField.EXPECTED_DATE_OF_DELIVERY in fields
    ),
]


def words(rows: pd.DataFrame) -> str:
    return " | ".join(rows.drop(columns=REFERENCE).to_numpy().ravel())


def test_every_field_that_an_agreement_can_name_can_be_shown() -> None:
    assert set(SHOWN) == set(ListField)


@pytest.mark.parametrize("fields", SUBSETS, ids="+".join)
def test_only_the_agreements_fields_are_shown_and_all_of_them(
    make: Any, fields: tuple[ListField, ...]
) -> None:
    births = make.births(
        {key: value for own in CANARIES.values() for key, value in own.items()} | NOT_FOR_LISTS
    )

    areas = make.areas(births, {key: value for own in AREA_CANARIES.values() for key, value in own.items()})

    rows = make.list(births, agreement=make.with_fields(*fields), areas=areas).rows

    agreed = [column for field in SHOWN if field in fields for column in SHOWN[field].columns]
    assert list(rows.columns) == [*agreed, REFERENCE]
    named = {ListField.DATE_OF_BIRTH if field in DATES else field for field in fields}
    for field, canaries in (CANARIES | AREA_CANARIES).items():
        for value in canaries.values():
            assert (value in words(rows)) == (field in named)
    assert not any(value in words(rows) for value in NOT_FOR_LISTS.values())


@pytest.mark.parametrize("unnamed", [field for field in OF_FAMILIES if field != ListField.CHILD_NAME])
def test_a_field_that_is_not_named_is_not_even_read(make: Any, unnamed: ListField) -> None:
    others = [field for field in OF_FAMILIES if not set(SHOWN[field].sources) & set(SHOWN[unnamed].sources)]
    births, areas = make.births({}), make.areas(make.births({}))
    own = [source for source in SHOWN[unnamed].sources if source in births]
    of_area = [source for source in SHOWN[unnamed].sources if source in areas]

    families = make.list(
        births.drop(columns=own), agreement=make.with_fields(*others), areas=areas.drop(columns=of_area)
    )

    assert len(families.rows) == 1


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


def test_each_kind_of_recipient_sees_its_own_fields_and_no_others(make: Any) -> None:
    births = make.births({"language": "Volapük", "nhs_number": "9990000026"})
    agreement = make.with_terms(
        recipients={"network": "centres", "kinds": ["childrens_centre", "health_visiting"]},
        fields=["child_name", "language", "nhs_number"],
        fields_for={"childrens_centre": ["child_name"], "health_visiting": ["language", "nhs_number"]},
    )

    centre = make.list(births, agreement=agreement, kind="childrens_centre").rows
    clinic = make.list(births, agreement=agreement, kind="health_visiting").rows

    assert list(centre.columns) == ["addressed_to", "children", REFERENCE]
    assert list(clinic.columns) == ["language", "nhs_number", REFERENCE]


def test_no_kind_of_recipient_is_given_nothing(make: Any) -> None:
    with pytest.raises(ValidationError, match="at least one field"):
        make.with_terms(
            recipients={"network": "centres", "kinds": ["childrens_centre", "library"]},
            fields=["address"],
            fields_for={"childrens_centre": ["address"], "library": []},
        )


def test_a_row_for_each_child_is_told_apart_from_the_families(make: Any) -> None:
    births = make.births({"dwelling": "home"}, {"dwelling": "home", "given_name": "Noah"}, {})
    decisions = make.decisions(births, {"household": 1}, {"household": 1})

    families = make.list(births, decisions, agreement=make.with_terms(household="each_child"))

    assert sorted(families.rows["children"]) == ["Ava", "Ava", "Noah"]
    assert families.households == 2
    assert len(families.children) == 3


@pytest.mark.parametrize("household", ["one_card", "each_child"])
def test_a_row_for_each_child_relaxes_nothing_about_siblings(make: Any, household: str) -> None:
    births = make.births({"dwelling": "home"}, {"dwelling": "home"})
    died = {"household": 1, "outcome": int(Outcome.WITHHOLD), "reasons": Reason.CHILD_DIED.bit}

    with pytest.raises(IntegrityError, match="may never be"):
        make.list(
            births,
            make.decisions(births, {"household": 1}, died),
            agreement=make.with_terms(household=household),
        )


PSEUDONYMS = ("pseudonym", "month_of_birth", "sex")


def test_a_pseudonym_is_the_same_each_month_and_differs_by_key(make: Any) -> None:
    numbers = ["9990000018", "9990000026"]

    one, other = pseudonyms(b"k" * 32, numbers)

    assert pseudonyms(b"k" * 32, numbers[::-1]) == [other, one]
    assert one == hmac.new(b"k" * 32, b"9990000018", hashlib.sha256).hexdigest()
    assert not {one, other} & set(pseudonyms(b"l" * 32, numbers))


@pytest.mark.parametrize(("key", "numbers"), [(None, ["9990000018"]), (b"", ["9990000018"]), (b"k", [""])])
def test_no_pseudonym_without_a_key_or_a_number(key: bytes | None, numbers: list[str]) -> None:
    with pytest.raises(IntegrityError) as refused:
        pseudonyms(key, numbers)

    assert "9990000018" not in str(refused.value)


def test_the_order_of_pseudonyms_tells_nothing_of_families(make: Any) -> None:
    births = make.births(
        *({"nhs_number": f"99900000{n:02d}", "date_of_birth": f"2026-0{n + 1}-01"} for n in range(9))
    )

    rows = make.list(births, agreement=make.with_fields(*PSEUDONYMS)).rows

    assert rows["pseudonym"].is_monotonic_increasing
    assert rows["pseudonym"].nunique() == 9


def test_a_birth_whose_area_was_not_looked_up_stops_a_list_that_needs_it(make: Any) -> None:
    births = make.births({}, {})

    with pytest.raises(IntegrityError, match="not exactly one"):
        make.list(births, agreement=make.with_fields("address", "ward"), areas=make.areas(births).head(1))


def test_neither_a_list_nor_its_refusal_shows_a_family(make: Any) -> None:
    births = make.births({"given_name": "Quilla", "postcode": "CV37 9ZZ"})
    shown = repr(make.list(births))

    with pytest.raises(IntegrityError) as refused:
        make.list(births, make.decisions(births, {"child": "another"}))

    for text in (shown, str(refused.value), repr(refused.value)):
        assert not any(value in text for value in ("Quilla", "CV37 9ZZ", "9990000018", "child-1"))
    assert refused.value.__context__ is None
