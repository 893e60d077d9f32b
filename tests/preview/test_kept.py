"""What is kept of a month: coded, encrypted, for as long as was agreed, and no day longer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from month_authority import MONTH as LAST_MONTH
from month_authority import NOW as TODAY
from month_authority import Authority, CommandLine, personal_values
from pipeline import month as months
from pipeline.errors import IntegrityError
from pipeline.facts import opened_ledger, verified
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.keeping.kept import Kept, destroy_overdue
from pipeline.ledger.entries import Kind
from pipeline.looking_back import preview
from pipeline.reasons import Outcome
from pipeline.staging import Staging, WrappingKey
from preview.past import family, keep, world
from spec.world import MONTH, agreement, answer, word


def standing(home: Home) -> list[str]:
    with opened_ledger(home) as ledger:
        return [f"{month} {name}" for month, name in kept.standing(ledger)]


def opened(home: Home) -> Kept:
    with opened_ledger(home) as ledger:
        [((month, _), recorded)] = kept.standing(ledger).items()
        return kept.read(home, month, recorded)


def destroy(home: Home, now: datetime) -> None:
    with opened_ledger(home) as ledger:
        destroy_overdue(home, ledger, now)


def files_of(home: Home) -> list[Path]:
    return [file for file in (home.state / "kept").rglob("*") if file.is_file()]


# --- keeping --------------------------------------------------------------------------------------


def test_what_is_kept_gives_the_decisions_of_the_month_again(home: Home) -> None:
    births = [family(1), family(2, consent_status="refused"), family(3, in_hospital="Y")]
    past = world(*births, answers=(answer("child-2026-10-1", answer="refused"),))
    keep(home, past)
    found = opened(home)
    assert found.decisions["outcome"].tolist() == ["withhold", "withhold", "hold"]
    assert found.decisions["reasons"].tolist()[2] == "in_hospital"
    [again] = preview.replay(home, found.agreement, {MONTH: [found]})
    assert again.now["outcome"].tolist() == found.decisions["outcome"].tolist()


def test_how_a_month_ended_is_kept_beside_what_was_decided(home: Home) -> None:
    past = world(family(1), family(2))
    ended = past.decide()
    ended.loc[0, "outcome"] = int(Outcome.HOLD)
    keep(home, past, final=ended)
    found = opened(home).decisions
    assert found["outcome"].tolist() == ["share", "share"]
    assert found["final_outcome"].tolist() == ["hold", "share"]


def test_an_agreement_that_keeps_nothing_leaves_nothing(home: Home) -> None:
    keep(home, world(family(1), agreement=agreement(kept_months=0)))
    assert (standing(home), files_of(home)) == ([], [])


def test_only_words_about_these_families_are_kept(home: Home) -> None:
    words = (word("parent-2026-10-1", "objected"), word("stranger", "objected"))
    keep(home, world(family(1), suppressions=words))
    assert opened(home).words["subject"].tolist() == ["parent-2026-10-1"]


def test_keeping_again_changes_nothing(home: Home) -> None:
    past = world(family(1))
    keep(home, past)
    before = {file: file.read_bytes() for file in files_of(home) if file.suffix == ".sealed"}
    keep(home, world(family(1), family(2)))
    assert {file: file.read_bytes() for file in files_of(home) if file.suffix == ".sealed"} == before
    assert standing(home) == ["2026-10 welcome-card"]


@pytest.mark.parametrize("step", range(7))
def test_keeping_that_was_cut_short_is_finished_the_next_time(
    home: Home, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, written = world(family(1), family(2)), []
    put = Staging.put

    def dies(self: Staging, name: str, content: bytes) -> None:
        if self.folder.parent.name == "welcome-card":
            if len(written) == step:
                raise KeyboardInterrupt
            written.append(name)
        put(self, name, content)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Staging, "put", dies)
        keep(home, past)
    assert standing(home) == []
    keep(home, past)
    assert len(opened(home).births) == 2


def test_what_was_altered_since_is_not_believed(home: Home) -> None:
    keep(home, world(family(1), family(2)))
    own = Staging(home.state / "kept" / "welcome-card", str(MONTH), WrappingKey(home))
    own.put_frame("decisions", own.frame("decisions").assign(outcome="hold"))
    with pytest.raises(IntegrityError, match="not what the ledger says"):
        opened(home)


def test_a_whole_part_that_was_put_there_by_another_hand_is_not_believed(home: Home) -> None:
    """Its files agree with one another, and not with the ledger."""
    keep(home, world(family(1), family(2)))
    own = Staging(home.state / "kept" / "welcome-card", str(MONTH), WrappingKey(home))
    about = json.loads(own.get("about"))
    own.put("about", json.dumps({**about, "demonstration": True}).encode())
    with pytest.raises(IntegrityError, match="not what the ledger says"):
        opened(home)


# --- destroying -----------------------------------------------------------------------------------


def test_it_is_kept_until_the_last_day_of_the_last_agreed_month(home: Home) -> None:
    keep(home, world(family(1), agreement=agreement(kept_months=3)))
    destroy(home, datetime(2027, 1, 31, 23, 0, tzinfo=UTC))
    assert standing(home) == ["2026-10 welcome-card"]
    destroy(home, datetime(2027, 2, 1, 0, 30, tzinfo=UTC))
    assert (standing(home), files_of(home)) == ([], [])


def test_days_end_when_they_end_in_london(home: Home) -> None:
    keep(home, world(family(1), agreement=agreement(kept_months=8)))  # until 30 June, in summer time
    destroy(home, datetime(2027, 6, 30, 22, 59, tzinfo=UTC))
    assert standing(home)
    destroy(home, datetime(2027, 6, 30, 23, 1, tzinfo=UTC))
    assert not standing(home)


def test_each_agreement_has_its_own_time_and_its_own_key(home: Home) -> None:
    keep(home, world(family(1), agreement=agreement(kept_months=1)))
    keep(home, world(family(1), agreement=agreement(id="library-card", kept_months=2)))
    destroy(home, datetime(2026, 12, 31, 9, 0, tzinfo=UTC))
    assert standing(home) == ["2026-10 library-card"]
    assert not (home.state / "kept" / "welcome-card" / "2026-10").exists()
    assert len(opened(home).births) == 1


def test_destroying_that_was_cut_short_is_finished_the_next_time(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(home, world(family(1), agreement=agreement(kept_months=1)))
    late = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)

    def dies(self: Staging) -> NoReturn:
        self._key_file.unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(Staging, "destroy", dies)
        destroy(home, late)
    assert standing(home)
    destroy(home, late)
    destroy(home, late)
    assert (standing(home), files_of(home)) == ([], [])
    with opened_ledger(home) as ledger:
        assert len(list(ledger.entries(kinds={Kind.KEPT_DESTROYED}))) == 1


# --- at the end of a real month -------------------------------------------------------------------


def test_a_real_month_is_kept_when_it_is_closed_and_holds_no_personal_value(
    birthshare: CommandLine,
) -> None:
    """What was kept is decrypted here, and searched for everything that is personal in the extract."""
    extract, home = birthshare.authority.extract(), birthshare.authority.home
    birthshare.finish()
    found = opened(home)
    assert len(found.births) == len(found.decisions) > 100
    values = {value for column in _PERSONAL for value in extract[column] if len(value) > 3}
    texts = {
        str(value)
        for frame in (
            found.births,
            found.placements,
            found.keyed_places,
            found.words,
            found.answers,
            found.decisions,
        )
        for column in frame
        for value in frame[column].astype("str").unique()
    }
    assert len(values) > 200
    assert not {text for text in texts if text in values}
    assert not [text for text in texts if any(value in text for value in personal_values(extract))]
    for file in files_of(home):
        content = file.read_bytes()
        assert not [value for value in personal_values(extract) if value.encode() in content]


_PERSONAL = (
    "record_id", "nhs_number", "given_name", "family_name", "parent_given_name", "parent_family_name",
    "parent_nhs_number", "parent_date_of_birth", "address_line_1", "address_line_2", "address_line_3",
    "postcode",
)  # fmt: skip


def test_a_closed_month_says_how_long_it_is_kept_and_the_ledger_is_whole(birthshare: CommandLine) -> None:
    birthshare.finish()
    home = birthshare.authority.home
    with opened_ledger(home) as ledger:
        [recorded] = kept.standing(ledger).values()
        assert verified(home, ledger).sound
    assert recorded.until == LAST_MONTH.plus(12).last_day


def test_the_next_run_of_any_month_destroys_what_is_overdue(birthshare: CommandLine) -> None:
    birthshare.finish()
    authority = birthshare.authority
    years_later = TODAY.replace(year=TODAY.year + 3, month=1, day=1)
    months.run(authority.home, LAST_MONTH, now=years_later)
    assert (standing(authority.home), files_of(authority.home)) == ([], [])
    assert authority.recorded(Kind.KEPT_DESTROYED)


def test_a_close_that_was_killed_after_the_books_still_keeps_the_month(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.prepare_and_approve()

    def dies(*args: Any) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("pipeline.steps.closing.keep", dies)
        authority.run()
    assert standing(authority.home) == []
    assert authority.run()["state"] == "closed"
    assert len(standing(authority.home)) == 1
