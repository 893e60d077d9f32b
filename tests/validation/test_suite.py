"""Great Expectations sees outcomes alone, keeps them to itself, and is believed only when it ran."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from asked_once import asked_once
from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.validation import suite
from pipeline.validation.checks import Validated

Validate = Callable[..., Validated]
Row = Mapping[str, str]


OF_THE_FILE = 3  # expectations of the file as a whole come first


def outcomes_of(contract: Contract, *, rows: int = 3) -> pd.DataFrame:
    return pd.DataFrame({rule.id: [True] * rows for rule in contract.rules})


def test_the_suite_has_exactly_the_contracts_rules(contract: Contract) -> None:
    expectations = suite.build_suite(contract, rows=3).expectations[OF_THE_FILE:]
    assert [(e.column, e.description) for e in expectations] == [
        (r.id, r.description) for r in contract.rules
    ]
    assert [e.expectation_type for e in expectations] == [f"expect_{rule.id}" for rule in contract.rules]
    assert all(e.mostly == 1 and e.value_set == [True] for e in expectations)
    severities = {"error": "critical", "warning": "warning"}
    assert [e.severity for e in expectations] == [severities[rule.severity] for rule in contract.rules]


def test_results_count_the_rows_that_broke_each_rule(contract: Contract) -> None:
    outcomes = outcomes_of(contract)
    outcomes.loc[[0, 2], "date_future"] = False
    results = {result.rule: result for result in suite.check_outcomes(outcomes, contract, rows=3).rules}
    assert (results["date_future"].failed, results["date_future"].passed) == (2, False)
    assert sum(result.failed for result in results.values()) == 2


def test_no_rows_break_no_rule(contract: Contract) -> None:
    results = suite.check_outcomes(outcomes_of(contract, rows=0), contract, rows=0)
    assert [result.failed for result in results.rules] == [0] * len(contract.rules)
    assert results.document["not_met"] == 0


def test_a_row_that_was_not_judged_stops_the_file(contract: Contract) -> None:
    with pytest.raises(IntegrityError, match="did not run as it should"):
        suite.check_outcomes(outcomes_of(contract, rows=3), contract, rows=4)


def test_a_file_of_which_few_rows_can_be_used_is_marked_and_not_stopped(contract: Contract) -> None:
    errors = [rule.id for rule in contract.rules if rule.severity == "error"]
    warnings = [rule.id for rule in contract.rules if rule.severity == "warning"]
    outcomes = outcomes_of(contract, rows=20)
    outcomes.loc[:1, errors[0]] = False
    outcomes[warnings[0]] = False
    assert usable_rows_expected(suite.check_outcomes(outcomes, contract, rows=20))
    outcomes.loc[2, errors[1]] = False
    assert not usable_rows_expected(suite.check_outcomes(outcomes, contract, rows=20))


@pytest.mark.parametrize(("rows", "broken"), [(1, 0), (1, 1), (7, 3), (20, 2), (20, 3), (150, 149)])
def test_of_another_file_only_the_numbers_of_the_answer_are_others(
    contract: Contract, rows: int, broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is how all other tests have it answered; see `asked_once`."""
    outcomes = outcomes_of(contract, rows=rows)
    for rule in contract.rules[::4]:
        outcomes.loc[: broken - 1, rule.id] = False
    asked = suite.check_outcomes(outcomes, contract, rows=rows)
    earlier = outcomes_of(contract, rows=3)
    earlier.loc[0, contract.rules[1].id] = False
    monkeypatch.setattr(suite, "_checkpoint", asked_once(suite._checkpoint))
    suite.check_outcomes(earlier, contract, rows=3)
    monkeypatch.setattr(suite, "gx", None)  # it is not asked any more
    assert suite.check_outcomes(outcomes, contract, rows=rows) == asked


def usable_rows_expected(results: suite.Results) -> bool:
    (share,) = [one for one in results.document["file"] if "can be used" in one["description"]]
    return bool(share["met"])


def test_a_check_that_did_not_run_is_not_taken_for_one_that_passed(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes, full = outcomes_of(contract), suite.build_suite
    monkeypatch.setattr(
        suite,
        "build_suite",
        lambda contract, rows: full(replace(contract, rules=contract.rules[1:]), rows=rows),
    )
    with pytest.raises(IntegrityError, match="did not run as it should \\(rules row_blank\\)"):
        suite.check_outcomes(outcomes, contract, rows=3)


def test_a_check_that_crashed_stops_the_file(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ValueError("crashed")

    monkeypatch.setattr(suite.ExpectColumnValuesToBeInSet, "_validate", crash)
    with pytest.raises(IntegrityError, match="did not run as it should"):
        suite.check_outcomes(outcomes_of(contract), contract, rows=3)


def test_great_expectations_is_given_outcomes_and_nothing_else(
    validated: Validate, good: Row, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[pd.DataFrame] = []
    checkpoint = suite._checkpoint

    def look(outcomes: pd.DataFrame, *rest: Any) -> Any:
        seen.append(outcomes)
        return checkpoint(outcomes, *rest)

    monkeypatch.setattr(suite, "_checkpoint", look)
    validated(good, good | {"given_name": "=1"})
    (outcomes,) = seen
    assert list(outcomes) == [*(rule.id for rule in contract.rules), "accepted"]
    assert {str(dtype) for dtype in outcomes.dtypes} == {"bool"}


def test_nothing_that_validation_leaves_behind_holds_a_value(
    validated: Validate,
    good: Row,
    contract: Contract,
    canaries: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[str] = []
    counts = suite._counts
    monkeypatch.setattr(
        suite, "_counts", lambda result: (kept.append(json.dumps(result.to_json_dict())), counts(result))[1]
    )
    caplog.set_level(logging.DEBUG)
    result = validated(good, *[good | {rule_field: "=?\t"} for rule_field in breakable_fields(contract)])
    left = kept + [repr(result), json.dumps(result.summary), result.quarantine.to_csv(), caplog.text]
    left += capfd.readouterr()
    assert result.quarantined_rows > 10
    assert not [canary for canary in canaries for text in left if canary in text]


def breakable_fields(contract: Contract) -> list[str]:
    """Columns without codes; an unknown code would stop the file."""
    return [column.name for column in contract.columns if not column.codes]


def test_a_stopped_file_leaves_no_value_behind(
    validated: Validate,
    good: Row,
    canaries: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for stopped in ({"sex": "Zebedee"}, {"date_of_birth": "2020-01-01"}):
        with pytest.raises(IntegrityError) as caught:
            validated(good | stopped)
        error = caught.value
        left = ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
        left += [repr(error.__context__), repr(error.__cause__), caplog.text, *capfd.readouterr()]
        assert not [canary for canary in canaries for text in left if canary in text]


def test_validation_speaks_to_nobody(
    validated: Validate,
    good: Row,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No connection, no name looked up, no file in the user's home, no word on the screen."""
    attempts: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *where: attempts.append(where))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: attempts.append(where))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    validated(good, good | {"given_name": "=1"})
    assert attempts == []
    assert list(tmp_path.iterdir()) == []
    assert [record for record in caplog.records if record.name.startswith("great_expectations")] == []
    assert "".join(capfd.readouterr()) == ""


def test_great_expectations_is_loaded_only_when_a_file_is_checked() -> None:
    """It takes seconds; a command that checks no file must not wait for it."""
    program = "import sys, pipeline.validation.checks; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
