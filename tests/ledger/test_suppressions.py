"""Later words about a subject: recorded once, given back as they came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pandas as pd
import pytest
from ledger_examples import child

from pipeline.errors import IntegrityError
from pipeline.ledger import database
from pipeline.ledger.entries import Kind
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import verify
from pipeline.records import DISCLOSURES, SUPPRESSIONS, declared, empty


def words(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(SUPPRESSIONS))
    frame["since"] = pd.to_datetime(frame["since"])
    return declared(frame, SUPPRESSIONS)


NEWS = words(
    (child(1), "child_died", "2026-10-20"),
    (child(2), "suppressed", None),
    (child(1), "death_removed", "2026-10-25"),
)


def test_words_come_back_as_they_were_recorded(ledger: Ledger, now: datetime) -> None:
    assert ledger.suppress(NEWS, now) == [1, 2, 3]
    pd.testing.assert_frame_equal(ledger.suppressions(), NEWS)
    assert [one.kind for one in ledger.entries(month="")] == [Kind.SUPPRESSION_RECORDED] * 3


def test_no_reference_stays_in_the_statements_that_are_remembered(ledger: Ledger, now: datetime) -> None:
    ledger.suppress(NEWS, now)
    asked = child(2)
    assert [one.word for one in ledger.words_about([asked])] == ["suppressed"]
    assert [one.seq for one in ledger.said_of([asked])] == [2]
    assert ledger.disclosures_of([asked]) == ledger.followed([], [asked]) == []
    values = [one.value for statement in database._STATEMENTS.values() for one in statement.binds.values()]
    assert asked not in str(values)


def test_a_word_is_recorded_once(ledger: Ledger, later: Callable[[], datetime]) -> None:
    ledger.suppress(NEWS, later())
    again = pd.concat([NEWS, words((child(3), "objected", "2026-10-30")), NEWS], ignore_index=True)
    assert ledger.suppress(again, later()) == [4]
    assert len(ledger.suppressions()) == 4
    assert verify(ledger, check_note=None).sound


def test_nothing_recorded_is_an_empty_frame_of_the_declared_columns(ledger: Ledger, now: datetime) -> None:
    assert ledger.suppress(empty(SUPPRESSIONS), now) == []
    pd.testing.assert_frame_equal(ledger.suppressions(), empty(SUPPRESSIONS), check_index_type=False)
    pd.testing.assert_frame_equal(
        ledger.disclosures(before_month="2026-10"), empty(DISCLOSURES), check_index_type=False
    )


@pytest.mark.parametrize(
    ("subject", "word"), [("", "child_died"), ("9990000026", "child_died"), (child(1), "gone")]
)
def test_an_unknown_word_or_a_bare_subject_is_refused_and_nothing_kept(
    ledger: Ledger, now: datetime, subject: str, word: str
) -> None:
    with pytest.raises(IntegrityError) as refusal:
        ledger.suppress(pd.concat([NEWS, words((subject, word, None))]), now)
    assert "9990000026" not in str(refusal.value)
    assert ledger.suppressions().empty
