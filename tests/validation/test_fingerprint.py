"""What a file looks like in counts, and when that is unlike what came before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.contract import Contract, contract_of
from pipeline.home import Drift
from pipeline.records import Extract, Month
from pipeline.validation.checks import Validated
from pipeline.validation.differences import Earlier, announced, differences
from pipeline.validation.fingerprint import Fingerprint, alike, fingerprint, sketch

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
LIMITS = Drift()
SIZES = (13, 150, 600, 5_000)  # births a month

# A supplier whose codes and blanks come in fixed shares; rare true codes are among them.
CODES: dict[str, dict[str, float]] = {
    "sex": {"1": 0.512, "2": 0.486, "9": 0.001, "X": 0.001},
    "live_or_still_birth": {"1": 0.993, "2": 0.003, "3": 0.001, "5": 0.003},
    "death_status": {"": 0.997, "1": 0.001, "2": 0.002},
    "confidentiality": {"U": 0.985, "R": 0.01, "S": 0.005},
    "consent_status": {"given": 0.74, "refused": 0.06, "withdrawn": 0.01, "not_asked": 0.12, "": 0.07},
    "in_hospital": {"N": 0.96, "Y": 0.04},
    "looked_after": {"N": 0.994, "Y": 0.006},
    "adoption": {"N": 0.998, "Y": 0.002},
    "safeguarding": {"N": 0.97, "Y": 0.03},
    "parent_death_status": {"": 0.999, "2": 0.001},
}
FILLED = {
    "nhs_number": 1.0, "date_of_birth": 1.0, "given_name": 0.97, "postcode": 0.995, "address_line_4": 0.1,
    "address_line_5": 0.01, "consent_date": 0.8, "date_of_death": 0.003, "objection_date": 0.004,
    "parent_nhs_number": 0.97, "last_updated": 1.0,
}  # fmt: skip
FORMS = {"nhs_number": 0.999, "parent_nhs_number": 0.999, "date_of_birth": 1.0, "consent_date": 0.998}
QUARANTINED = {"value_missing": 0.004, "nhs_number_check_digit": 0.002, "postcode_form": 0.01}
TIMELY = 0.85


def a_month(
    births: float,
    rng: np.random.Generator,
    *,
    rows: int | None = None,
    codes: Mapping[str, Mapping[str, float]] = CODES,
    filled: Mapping[str, float] = FILLED,
    timely: float = TIMELY,
) -> Fingerprint:
    """What the supplier sends in one month, drawn from those shares."""
    rows = int(rng.poisson(births)) if rows is None else rows
    drawn = {
        column: dict(zip(shares, rng.multinomial(rows, list(shares.values())).tolist(), strict=True))
        for column, shares in codes.items()
    }
    counted = {
        column: {code: n for code, n in counts.items() if code and n} for column, counts in drawn.items()
    }
    with_value = {column: int(rng.binomial(rows, share)) for column, share in filled.items()}
    return Fingerprint(
        rows=rows,
        timely=int(rng.binomial(rows, timely)),
        filled=with_value | {column: sum(counts.values()) for column, counts in counted.items()},
        forms={column: int(rng.binomial(n, FORMS.get(column, 0))) for column, n in with_value.items()},
        codes=counted,
        quarantined={rule: int(rng.binomial(rows, share)) for rule, share in QUARANTINED.items()},
    )


def past(*months: Fingerprint) -> list[Earlier]:
    """Months that were used, from January 2026 on."""
    return [Earlier(str(Month(2026, 1).plus(at)), one) for at, one in enumerate(months)]


def about(now: Fingerprint, history: Sequence[Earlier], limits: Drift = LIMITS) -> set[str]:
    """What the differences are about."""
    return {one.about for one in differences(now, history, contract_of("births"), limits)}


def is_news(what: str) -> bool:
    """Whether a difference is that something came for the first time ever; that is meant to stop once."""
    return what.startswith("code ") or what in {"filled date_of_death", "filled objection_date"}


# --- what is counted ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def look(
    good: Mapping[str, str],
    contract: Contract,
    validated: Callable[..., Validated],
    extract_of: Callable[..., Extract],
) -> Callable[..., Fingerprint]:
    """The fingerprint of rows, each the good one with changes."""

    def run(*changes: Mapping[str, str], month: Month = OCTOBER, without: Sequence[str] = ()) -> Fingerprint:
        rows = [{**good, "number_of_births": "1", "birth_order": "1", **one} for one in changes]
        checked = validated(*rows, month=month)
        text = extract_of(*rows, month=month).frame.drop(columns=list(without))
        return fingerprint(text, contract, month=month, quarantined=checked.by_rule, usable=checked.births)

    return run


NOVEMBER_BORN = {"date_of_birth": "2026-11-02", "consent_date": "2026-11-03", "last_updated": "2026-11-03"}
NUMBERS = ("4010232137", "4505577104", "4857773457")


def test_a_fingerprint_counts_columns_values_codes_and_rules(look: Callable[..., Fingerprint]) -> None:
    found = look(
        {"nhs_number": NUMBERS[0], "sex": "1", "time_of_birth": " "},
        {"nhs_number": NUMBERS[1], "sex": "2", "postcode": ""},
        {"nhs_number": "12345", "sex": "", "given_name": "007"},
        {"nhs_number": NUMBERS[2], "date_of_birth": "2026-09-30", "consent_date": "12/10/2026"},
        without=["address_line_5"],
    )
    assert found.rows == 4
    assert found.timely == 2  # one is of September, one has no NHS number
    assert "address_line_5" not in found.columns and "address_line_4" in found.columns
    assert (found.filled["nhs_number"], found.filled["postcode"], found.filled["time_of_birth"]) == (4, 3, 3)
    assert (found.forms["nhs_number"], found.forms["given_name"], found.forms["consent_date"]) == (4, 1, 3)
    assert found.codes["sex"] == {"1": 2, "2": 1}
    assert found.quarantined["nhs_number_format"] == 1
    assert found.quarantined["nhs_number_check_digit"] == 0  # the rule was there, and set nothing aside


def test_a_fingerprint_holds_no_value(look: Callable[..., Fingerprint], canaries: tuple[str, ...]) -> None:
    said = repr(look({}, {"nhs_number": NUMBERS[2]}))
    assert not [one for one in canaries if one in said]


def test_two_sketches_tell_how_many_children_files_share() -> None:
    children = [f"{n:032x}" for n in np.random.default_rng(1).integers(0, 2**63, 900)]
    children = [child[16:] + child[:16] for child in children]
    whole = sketch(children[:600])
    assert alike(whole, sketch(children[:600][::-1])) == 1
    assert alike(whole, sketch(children[600:])) < 0.1
    assert alike(whole, sketch(children[:590] + children[890:])) > 0.85
    assert 0.15 < alike(whole, sketch(children[300:])) < 0.55  # a third of all
    assert alike("", whole) == 0


# --- what never was before ------------------------------------------------------------------------


def test_a_supplier_s_first_file_differs_from_nothing() -> None:
    assert about(a_month(600, np.random.default_rng(0)), []) == set()


def test_a_code_that_never_came_stops_at_its_first_row_and_only_once() -> None:
    rng = np.random.default_rng(3)
    plain = CODES | {"live_or_still_birth": {"1": 1.0}}
    history = past(*(a_month(600, rng, codes=plain) for _ in range(6)))
    now = replace(
        history[-1].fingerprint,
        codes=history[-1].fingerprint.codes | {"live_or_still_birth": {"1": 599, "2": 3}},
    )
    found = differences(now, history, contract_of("births"), LIMITS)
    assert [one.words for one in found] == [
        "live_or_still_birth: code 2 (stillbirth, ante-partum) never came before; 3 rows"
    ]
    assert about(now, [*history, Earlier("2026-07", now)]) == set()


def test_a_code_that_came_once_long_ago_is_known_for_good() -> None:
    rng = np.random.default_rng(3)
    first = a_month(600, rng)
    plain = CODES | {"sex": {"1": 0.5, "2": 0.5}}
    seen = replace(first, codes=first.codes | {"sex": {"1": 300, "2": 300, "9": 1}})
    history = past(seen, *(a_month(600, rng, codes=plain) for _ in range(15)))
    now = a_month(600, rng, codes=plain)
    now = replace(now, codes=now.codes | {"sex": now.codes["sex"] | {"9": 1}})
    assert "code sex 9" not in about(now, history)


def test_a_code_that_the_supplier_announced_stops_only_where_it_comes_in_masses() -> None:
    rng = np.random.default_rng(3)
    plain = CODES | {"in_hospital": {"N": 1.0}}
    history = past(*(a_month(600, rng, codes=plain) for _ in range(6)))
    some = a_month(600, rng, codes=CODES | {"in_hospital": {"N": 0.995, "Y": 0.005}})
    many = a_month(600, rng, codes=CODES | {"in_hospital": {"N": 0.5, "Y": 0.5}})
    foretold = Drift(known_codes={"in_hospital": ("Y",)})
    assert "code in_hospital Y" in about(some, history)
    assert not [one for one in about(some, history, foretold) if "in_hospital" in one]
    assert "shares in_hospital" in about(many, history, foretold)
    rows = some.codes["in_hospital"]["Y"]
    told = [*announced(some, history, contract_of("births"), foretold)]
    assert told == [f"in_hospital: code Y never came before; {rows} rows"]  # whoever releases is told
    assert not [*announced(some, history, contract_of("births"), LIMITS)]
    since = [*history, Earlier("2026-07", some)]
    assert not [*announced(some, since, contract_of("births"), foretold)]


def test_a_date_in_a_column_that_was_always_empty_stops_at_its_first_row() -> None:
    rng = np.random.default_rng(3)
    history = past(*(a_month(150, rng, filled=FILLED | {"date_of_death": 0}) for _ in range(4)))
    now = replace(history[0].fingerprint, filled=history[0].fingerprint.filled | {"date_of_death": 1})
    found = differences(now, history, contract_of("births"), LIMITS)
    assert [one.words for one in found] == ["date_of_death: was always empty, and is filled now; 1 row"]


def test_a_new_column_and_a_column_that_vanished_stop() -> None:
    rng = np.random.default_rng(3)
    history = past(*(a_month(150, rng) for _ in range(3)))
    before = history[-1].fingerprint
    filled = {name: rows for name, rows in before.filled.items() if name != "postcode"} | {"language": 0}
    now = replace(before, filled=filled, forms={**before.forms, "language": 0})
    now = replace(now, forms={name: rows for name, rows in now.forms.items() if name != "postcode"})
    words = [one.words for one in differences(now, history, contract_of("births"), LIMITS)]
    assert words == [
        "language: the column never came before",
        "postcode: the column is missing; it was in the last file",
    ]
    assert about(now, [*history, Earlier("2026-04", now)]) == set()


# --- more or less ---------------------------------------------------------------------------------


@pytest.mark.parametrize("births", SIZES)
def test_an_honest_supplier_is_not_stopped_by_chance(births: int) -> None:
    """After three months of history, fewer than one month in fifty; news of rare true codes is apart."""
    months, stops = 0, []
    for seed in range(40):
        rng = np.random.default_rng([births, seed])
        history: list[Earlier] = []
        for month in range(15):
            now = a_month(births, rng)
            found = about(now, history)
            history.append(Earlier(f"{month:02}", now, frozenset(found)))
            if month >= 3:
                months += 1
                stops += [one for one in found if not is_news(one)][:1]
    assert months == 480
    assert len(stops) < months / 50, stops


@pytest.mark.parametrize("births", SIZES)
def test_news_stops_a_supplier_no_more_once_its_rare_codes_are_known(births: int) -> None:
    """Each rare code and date stops a supplier at most once, so a place of 13 births soon has peace."""
    rng = np.random.default_rng(births)
    history: list[Earlier] = []
    news: list[str] = []
    for month in range(120):
        now = a_month(births, rng)
        found = about(now, history)
        news += [one for one in found if is_news(one)]
        history.append(Earlier(f"{month:03}", now, frozenset(found)))
    assert len(news) == len(set(news))


ACCIDENTS: dict[str, tuple[dict[str, Any], str, tuple[int, ...]]] = {
    "children who died are included": (
        {"codes": CODES | {"death_status": {"": 0.97, "2": 0.03}}},
        "filled death_status", (600, 5_000),
    ),
    "every consent is given": (
        {"codes": CODES | {"consent_status": {"given": 1.0}}}, "shares consent_status", (150, 600, 5_000),
    ),
    "sex is coded one higher": (
        {"codes": CODES | {"sex": {"2": 0.512, "9": 0.486, "X": 0.002}}}, "shares sex", (150, 600, 5_000),
    ),
    "yes and no are exchanged": (
        {"codes": CODES | {"in_hospital": {"Y": 0.96, "N": 0.04}}}, "shares in_hospital", SIZES,
    ),
    "postcodes are missing": ({"filled": FILLED | {"postcode": 0}}, "filled postcode", SIZES),
    "most rows are of earlier months": ({"timely": 0.02}, "own month date_of_birth", SIZES),
}  # fmt: skip


@pytest.mark.parametrize(
    ("accident", "births"), [(name, size) for name, (*_, sizes) in ACCIDENTS.items() for size in sizes]
)
def test_an_accident_stops_the_first_month(accident: str, births: int) -> None:
    changed, expected, _ = ACCIDENTS[accident]
    rng = np.random.default_rng([births, 7])
    history = past(*(a_month(births, rng) for _ in range(6)))
    assert expected in about(a_month(births, rng, **changed), history)


@pytest.mark.parametrize("births", SIZES)
def test_a_feed_that_begins_to_include_children_who_died_stops(births: int) -> None:
    """Norfolk: it never held one, and nobody was told. One child is enough."""
    rng = np.random.default_rng(births)
    alive = CODES | {"death_status": {"": 1.0}, "live_or_still_birth": {"1": 1.0}}
    no_dates = FILLED | {"date_of_death": 0.0}
    history = past(*(a_month(births, rng, codes=alive, filled=no_dates) for _ in range(3)))
    now = a_month(births, rng, codes=alive, filled=no_dates)
    now = replace(
        now,
        codes=now.codes | {"death_status": {"2": 1}},
        filled=now.filled | {"death_status": 1, "date_of_death": 1},
    )
    assert {"code death_status 2", "filled date_of_death"} <= about(now, history)


@pytest.mark.parametrize("births", [150, 600, 5_000])
@pytest.mark.parametrize("times", [0.5, 2.0])
def test_half_the_rows_and_twice_the_rows_stop(births: int, times: float) -> None:
    rng = np.random.default_rng(births)
    history = past(*(a_month(births, rng) for _ in range(6)))
    assert "rows" in about(a_month(births * times, rng), history)


def test_a_place_of_thirteen_births_is_stopped_by_none_and_by_fifty_but_not_by_six() -> None:
    rng = np.random.default_rng(13)
    history = past(*(a_month(13, rng, rows=13) for _ in range(6)))
    stopped = {rows: "rows" in about(a_month(13, rng, rows=rows), history) for rows in (0, 6, 24, 50)}
    assert stopped == {0: True, 6: False, 24: False, 50: True}


def test_a_quarantine_far_from_its_history_stops() -> None:
    rng = np.random.default_rng(5)
    history = past(*(a_month(600, rng) for _ in range(6)))
    now = a_month(600, rng)
    assert "rule value_missing" in about(
        replace(now, quarantined=now.quarantined | {"value_missing": 60}), history
    )


def test_a_rule_that_is_new_in_the_contract_is_not_held_against_the_supplier() -> None:
    rng = np.random.default_rng(5)
    history = past(*(a_month(600, rng) for _ in range(6)))
    now = a_month(600, rng)
    assert about(replace(now, quarantined=now.quarantined | {"rule_of_today": 60}), history) == set()


def test_values_of_another_kind_in_a_column_stop() -> None:
    rng = np.random.default_rng(5)
    history = past(*(a_month(150, rng) for _ in range(6)))
    now = a_month(150, rng)
    numbers = replace(now, forms=now.forms | {"given_name": now.filled["given_name"]})
    found = differences(numbers, history, contract_of("births"), LIMITS)
    rows = now.filled["given_name"]
    said = f"given_name: values of digits alone are {rows} of {rows} values, before 0 of "
    assert [one for one in found if one.words.startswith(said)]


def test_what_was_accepted_is_the_new_history() -> None:
    rng = np.random.default_rng(9)
    changed = CODES | {"consent_status": {"given": 0.4, "refused": 0.1, "withdrawn": 0.01, "not_asked": 0.49}}
    history = past(*(a_month(600, rng) for _ in range(11)))
    now = a_month(600, rng, codes=changed)
    found = about(now, history)
    assert "shares consent_status" in found
    following = a_month(600, rng, codes=changed)
    used = [*history, Earlier("2026-12", now, frozenset(found))]
    assert about(following, used) == set()
    back = a_month(600, rng)
    found = about(back, used)
    assert "shares consent_status" in found  # what it was before is now the change
    used.append(Earlier("2027-01", back, frozenset(found)))
    assert about(a_month(600, rng), used) == set()  # the last acceptance is where history begins


def test_the_same_differences_are_always_in_the_same_words(contract: Contract) -> None:
    """They are signed, and the ledger keeps counts in an order of its own."""
    rng = np.random.default_rng(9)
    history = past(*(a_month(600, rng) for _ in range(4)))
    now = a_month(
        600, rng, filled=FILLED | {"postcode": 0, "given_name": 0}, codes=CODES | {"sex": {"2": 1.0}}
    )
    counts = ("filled", "forms", "codes", "quarantined")
    kept = replace(now, **{name: dict(sorted(getattr(now, name).items(), reverse=True)) for name in counts})
    found = differences(now, history, contract, LIMITS)
    assert len(found) > 3
    assert differences(kept, history, contract, LIMITS) == found


def test_what_lies_further_back_than_the_settings_say_is_no_history() -> None:
    rng = np.random.default_rng(9)
    history = past(*(a_month(600, rng) for _ in range(12)), *(a_month(2_000, rng) for _ in range(2)))
    now = a_month(2_000, rng)
    assert "rows" in about(now, history)
    assert "rows" not in about(now, history, Drift(months=2))


# --- last month's file again ----------------------------------------------------------------------


def children(rng: np.random.Generator, number: int) -> list[str]:
    """Keyed references, as validation gives them."""
    return [rng.bytes(16).hex() for _ in range(number)]


@pytest.mark.parametrize("births", SIZES)
def test_the_same_children_under_another_month_stop(births: int) -> None:
    rng = np.random.default_rng(births)
    months = [replace(a_month(births, rng), sketch=sketch(children(rng, births))) for _ in range(4)]
    history = past(*months)
    found = differences(months[2], history, contract_of("births"), LIMITS)
    assert [one.words for one in found if one.about == "repeated"] == [
        "the file looks like that of 2026-03: about 100% of the children born in its month were in that "
        "one too"
    ]
    fresh = replace(months[2], sketch=sketch(children(rng, births)))
    assert "repeated" not in about(fresh, history)


def test_last_month_s_file_under_this_month_s_name_stops_and_late_births_do_not(
    look: Callable[..., Fingerprint],
) -> None:
    rng = np.random.default_rng(2)
    october = [{"nhs_number": number} for number in _numbers(rng, 40)]
    november = [{"nhs_number": number, **NOVEMBER_BORN} for number in _numbers(rng, 36)]
    history = past(look(*october))
    honest = look(*november, *october[:4], month=NOVEMBER)
    again = look(*november[:2], *october[2:], month=NOVEMBER)
    moved = look(*(row | NOVEMBER_BORN for row in october), month=NOVEMBER)
    assert about(honest, history) == set()
    assert "own month date_of_birth" in about(again, history)
    assert "repeated" in about(moved, history)


def test_women_who_are_expecting_still_are_no_repetition() -> None:
    rng = np.random.default_rng(4)
    contract = contract_of("expected_births")
    known = children(rng, 540)
    plain = {"nhs_number": 540}
    one = Fingerprint(540, None, plain, plain, {}, {}, sketch(known))
    usual = Fingerprint(540, None, plain, plain, {}, {}, sketch(known[60:] + children(rng, 60)))
    stale = differences(one, past(one), contract, LIMITS)
    assert [found.about for found in stale] == ["repeated"]
    assert differences(usual, past(one), contract, LIMITS) == ()


def _numbers(rng: np.random.Generator, number: int) -> list[str]:
    """Valid NHS numbers."""
    found: list[str] = []
    while len(found) < number:
        nine = f"45{rng.integers(0, 10**7):07d}"
        digit = 11 - sum(int(d) * w for d, w in zip(nine, range(10, 1, -1), strict=True)) % 11
        if digit != 10:
            found.append(f"{nine}{digit % 11}")
    return found
