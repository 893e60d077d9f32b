"""Later words find every row of every list that went out, and a row is called back once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pandas as pd
import pytest
from ledger_examples import APPROVED, MONTH, child, digest, permit_body

from pipeline.afterwards.sent import open_recalls, states
from pipeline.errors import IntegrityError, Refused
from pipeline.ledger.entries import Entry, Kind, NoticeBody, Publishing, RecallRaised, ReportPermitted
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.permits import TakenOver
from pipeline.ledger.verify import verify
from pipeline.records import SUPPRESSIONS, OnList, Permit, declared

Later = Callable[[], datetime]
MOTHER, HOME = child(50), child(60)
TWINS = [OnList(child(1), MOTHER, HOME, "AAAAA-11111"), OnList(child(2), MOTHER, HOME, "AAAAA-11111")]
NEIGHBOUR = OnList(child(3), child(51), HOME, "AAAAA-22222")  # at the same address, in a row of its own
WITHOUT_MOTHER = [
    OnList(child(4), "", child(61), "AAAAA-33333"),
    OnList(child(5), "", child(61), "AAAAA-33333"),
]


@pytest.fixture
def sent(ledger: Ledger, later: Later) -> Permit:
    """A list that was about to get its name at its recipient."""
    ledger.append(APPROVED, at=later())
    on_list = [*TWINS, NEIGHBOUR, *WITHOUT_MOTHER]
    permit = ledger.permit(permit_body(children=5), on_list, month=MONTH, at=later())
    assert ledger.publish(permit, "key", ledger.take("key"), at=later(), part="0" * 16)
    return permit


def say(ledger: Ledger, at: datetime, subject: str, word: str) -> None:
    rows = pd.DataFrame({"subject": [subject], "word": [word], "since": [pd.NaT]})
    ledger.suppress(declared(rows, SUPPRESSIONS), at)


def found(ledger: Ledger) -> list[tuple[str, str, bool]]:
    """Child, word, and whether it was said of the child itself."""
    words = ledger.words_since()
    return sorted(words[["child", "word", "said"]].itertuples(index=False, name=None))


def recall(permit: Permit, one: OnList, word: str = "child_died") -> RecallRaised:
    return RecallRaised(
        permit=permit.entry, reference=one.reference, child=one.child, agreement=permit.agreement,
        recipient=permit.recipient, word=word, due=date(2026, 11, 20),
    )  # fmt: skip


def test_a_word_about_a_child_finds_its_row_and_the_others_of_its_mother(
    ledger: Ledger, sent: Permit, later: Later
) -> None:
    say(ledger, later(), child(1), "child_died")
    assert found(ledger) == [(child(1), "child_died", True), (child(2), "child_died", False)]
    [row, _] = ledger.words_since().to_dict("records")
    expected: dict[str, Any] = {"permit": sent.entry, "reference": "AAAAA-11111", "agreement": "welcome-card"}
    assert {name: row[name] for name in expected} == expected
    assert (row["recipient"], row["month"]) == ("centre-1", MONTH)


def test_children_of_one_row_go_together_without_a_mother_too(
    ledger: Ledger, sent: Permit, later: Later
) -> None:
    say(ledger, later(), child(5), "objected")
    assert found(ledger) == [(child(4), "objected", False), (child(5), "objected", True)]


@pytest.mark.parametrize(("subject", "children"), [(MOTHER, [1, 2]), (HOME, [1, 2, 3]), (child(51), [3])])
def test_a_word_about_a_mother_or_a_home_finds_its_children(
    ledger: Ledger, sent: Permit, later: Later, subject: str, children: list[int]
) -> None:
    say(ledger, later(), subject, "suppressed")
    said = {one for one, _, said in found(ledger) if said}
    assert said == {child(number) for number in children}


@pytest.mark.parametrize(
    ("subject", "word", "may"),
    [
        (child(1), "child_died", False), (MOTHER, "objected", False), (HOME, "suppressed", False),
        (child(1), "death_removed", True), (child(9), "child_died", True),
    ],
)  # fmt: skip
def test_a_list_gets_no_name_once_its_gate_has_missed_a_word(
    ledger: Ledger, sent: Permit, later: Later, subject: str, word: str, may: bool
) -> None:
    say(ledger, later(), subject, word)
    assert ledger.publish(sent, "key", ledger.take("key"), at=later(), part="1" * 16) is may


@pytest.mark.parametrize("word", ["death_removed", "delivered"])
def test_words_that_take_nobody_off_a_list_find_nothing(
    ledger: Ledger, sent: Permit, later: Later, word: str
) -> None:
    say(ledger, later(), child(1), word)
    assert found(ledger) == []


def test_a_list_that_never_went_out_is_not_found(ledger: Ledger, later: Later) -> None:
    ledger.append(APPROVED, at=later())
    ledger.permit(permit_body(children=2), TWINS, month=MONTH, at=later())
    say(ledger, later(), child(1), "child_died")
    assert found(ledger) == []


def test_what_the_gate_had_heard_is_not_found(ledger: Ledger, later: Later) -> None:
    say(ledger, later(), child(1), "in_hospital")
    ledger.append(APPROVED, at=later())
    body = permit_body(children=2, heard=ledger.size)
    permit = ledger.permit(body, TWINS, month=MONTH, at=later())
    ledger.append(Entry(Publishing(permit=permit.entry), MONTH), at=later())
    assert found(ledger) == []


def test_a_row_is_called_back_once_and_does_not_count_as_shared_any_more(
    ledger: Ledger, sent: Permit, later: Later, check_note: Callable[[str], str]
) -> None:
    say(ledger, later(), child(1), "child_died")
    recalls = [recall(sent, one) for one in TWINS]
    assert len(ledger.call_back(recalls, at=later())) == 2
    assert ledger.call_back([*recalls, recall(sent, NEIGHBOUR)], at=later()) != []
    assert len(list(ledger.entries(kinds={Kind.RECALL_RAISED}))) == 3
    assert found(ledger) == []
    left = ledger.disclosures(before_month="2026-11")["child"]
    assert set(left) == {one.child for one in WITHOUT_MOTHER}
    assert verify(ledger, check_note=check_note).problem is None


def test_rows_of_older_lists_have_no_reference_and_are_counted_by_child(
    ledger: Ledger, sent: Permit, later: Later
) -> None:
    without = [one._replace(reference="") for one in (TWINS[0], NEIGHBOUR)]
    ledger.call_back([recall(sent, one) for one in without], at=later())
    [waiting] = open_recalls(ledger, states(ledger))
    assert waiting.rows == 2


# --- notices --------------------------------------------------------------------------------------


def body(*entries: int, **changes: Any) -> NoticeBody:
    content = {
        "about": "recall", "agreement": "welcome-card", "recipient": "centre-1",
        "file_name": f"recall_{entries[0]}.xlsx", "sealed_sha256": digest("7"), "entries": entries,
        "due": date(2026, 11, 20),
    }  # fmt: skip
    return NoticeBody(**{**content, **changes})


def give(ledger: Ledger, notice: NoticeBody, at: datetime) -> Permit:
    return ledger.give_notice(notice, at=at, lease=("notices", ledger.take("notices")))


def test_of_one_recall_one_notice_stands(ledger: Ledger, sent: Permit, later: Later) -> None:
    first, second, third = ledger.call_back([recall(sent, one) for one in [*TWINS, NEIGHBOUR]], at=later())
    give(ledger, body(first, second), later())
    with pytest.raises(Refused, match="stands already"):
        give(ledger, body(second, third), later())
    give(ledger, body(second, about="receipt"), later())  # a list's permit, and not that recall


def test_a_notice_is_given_under_the_lease_alone(ledger: Ledger, later: Later) -> None:
    token = ledger.take("notices")
    ledger.take("notices")
    with pytest.raises(TakenOver):
        ledger.give_notice(body(1), at=later(), lease=("notices", token))
    assert list(ledger.entries()) == []


def test_a_notice_that_was_taken_back_is_not_put_in_place(ledger: Ledger, later: Later) -> None:
    notice = give(ledger, body(1), later())
    token = ledger.take("notices")
    for _ in range(2):
        ledger.annul_notice(notice, at=later(), lease=("notices", token))
    assert not ledger.publish_notice(notice, "notices", token, at=later())
    with pytest.raises(TakenOver):
        ledger.annul_notice(notice, at=later(), lease=("notices", token - 1))
    assert [one.kind for one in ledger.entries()] == [Kind.NOTICE, Kind.PERMIT_ANNULLED]
    give(ledger, body(1), later())


def test_a_notice_is_put_in_place_by_the_newest_run_alone(ledger: Ledger, later: Later) -> None:
    notice = give(ledger, body(1), later())
    older, newer = ledger.take("notices"), ledger.take("notices")
    assert not ledger.publish_notice(notice, "notices", older, at=later(), part="0" * 16)
    assert ledger.publish_notice(notice, "notices", newer, at=later(), part="1" * 16)
    assert ledger.asked(notice) == ["1" * 16]


def test_a_report_is_put_in_place_by_the_newest_run_alone(ledger: Ledger, later: Later) -> None:
    told = ReportPermitted(
        supplier="chis", file_name="rows.csv.gpg", sealed_sha256=digest("1"), about_sha256=digest("2")
    )
    older, newer = ledger.take("chis"), ledger.take("chis")
    with pytest.raises(TakenOver):
        ledger.permit_report(told, at=later(), lease=("chis", older))
    report = ledger.permit_report(told, at=later(), lease=("chis", newer))
    assert not ledger.publish_report(report, "chis", older, at=later(), part="0" * 16)
    assert ledger.publish_report(report, "chis", newer, at=later(), part="1" * 16)


def test_what_the_ledger_did_not_issue_is_no_notice(ledger: Ledger, later: Later) -> None:
    notice = give(ledger, body(1), later())
    other = Permit(**{**vars(notice), "file_name": "another.xlsx"})
    with pytest.raises(IntegrityError):
        ledger.publish_notice(other, "notices", ledger.take("notices"), at=later())


def test_the_mark_changes_with_whatever_the_gate_must_hear(
    ledger: Ledger, sent: Permit, later: Later
) -> None:
    marks = [ledger.mark(before_month="2026-11")]
    say(ledger, later(), child(1), "child_died")
    marks.append(ledger.mark(before_month="2026-11"))
    ledger.call_back([recall(sent, TWINS[0])], at=later())
    marks.append(ledger.mark(before_month="2026-11"))
    other = ledger.permit(permit_body("centre-2", children=1), [NEIGHBOUR], month=MONTH, at=later())
    marks.append(ledger.mark(before_month="2026-11"))
    ledger.annul(other, at=later())
    marks.append(ledger.mark(before_month="2026-11"))
    assert len(set(marks)) == len(marks)


def test_the_mark_stays_where_only_the_month_itself_goes_on(
    ledger: Ledger, sent: Permit, later: Later
) -> None:
    before = ledger.mark(before_month=MONTH)
    say(ledger, later(), child(1), "child_died")
    after_word = ledger.mark(before_month=MONTH)
    assert after_word != before
    say(ledger, later(), child(1), "child_died")  # known already
    ledger.permit(permit_body("centre-2", children=1), [NEIGHBOUR], month=MONTH, at=later())
    assert ledger.mark(before_month=MONTH) == after_word
