"""Whom entries are about is forgotten when its time is over, or when the family asks: and not before.

As long as anybody may hold a list, a later word must find it. As soon as nobody can, the wish counts.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from pipeline.errors import WaitingForPerson
from pipeline.facts import opened_ledger, verified
from pipeline.keeping import retention
from pipeline.ledger.entries import (
    Disclosure,
    Entry,
    FamilyLookedUp,
    Kind,
    MonthClosed,
    OpeningsDestroyed,
    PermitBody,
    ReleaseApproved,
    canonical,
)
from pipeline.lists.references import code_check, list_name, receipt_code, row_reference
from pipeline.records import Month, OnList
from questions.families_town import asks, closed, erases, keyed, recorded, town
from receipts.centres import LEAD, Town
from scenarios.arrangement import EARLIER, MONTH, born, child

__all__ = ["closed", "town"]

YEARS = 2_192  # days


def retains(town: Town) -> dict[str, int]:
    """The daily run; what it destroyed, by class of data."""
    return dict(retention.run(town.home, now=town.now)["destroyed"])


def known(town: Town, name: str) -> bool:
    """Whether the ledger can still tell of which lists a child is on."""
    with opened_ledger(town.home) as ledger:
        return bool(ledger.disclosures_of([keyed(town, name)]))


def sound(town: Town) -> bool:
    with opened_ledger(town.home) as ledger:
        return verified(town.home, ledger).sound


def destroyed(town: Town) -> list[OpeningsDestroyed]:
    return [e.body for e in recorded(town, Kind.OPENINGS_DESTROYED) if isinstance(e.body, OpeningsDestroyed)]


def says_destroyed(town: Town, code: str = "north") -> None:
    centre = town[code]
    centre.says("destroyed", centre.list_of(EARLIER))
    centre.takes(centre.list_of(EARLIER))
    town.looks()


def says_done(town: Town, code: str = "north") -> None:
    """The centre answers the notice that calls families back."""
    [notice] = [one for one in town.rows() if one.what == "recall" and one.recipient == code]
    town[code].says("done", town[code].folder / notice.file)
    town.looks()


# --- a family that asked --------------------------------------------------------------------------


def test_while_the_centre_may_hold_the_list_it_stays_known_and_the_answer_says_why(town: Town) -> None:
    answer = erases(town, "Ada")
    [listed] = answer["lists"]
    assert (listed["recipient"], answer["forgotten"]) == ("north", 0)
    assert "has not said that it destroyed it" in listed["because"]
    retains(town)
    assert known(town, "Ada")
    assert destroyed(town) == []


def cleaned(town: Town) -> bool:
    """Whether the database's file was written anew since something was destroyed in it."""
    with closing(sqlite3.connect(town.home.database_url.removeprefix("sqlite:///"))) as database:
        return database.execute("PRAGMA user_version").fetchone() == (0,)


def test_when_the_centre_said_that_the_family_is_off_the_daily_run_comes_to_the_end(town: Town) -> None:
    erases(town, "Ada")
    says_done(town)
    assert retains(town)["references"] == 2, "the disclosure, and the recall of its row"
    assert (known(town, "Ada"), known(town, "Bea")) == (False, True)
    [gone] = destroyed(town)
    assert (gone.because, gone.principal) == ("erasure", "")
    assert sound(town)
    assert cleaned(town), "by the daily run"


def test_the_centre_s_receipts_still_count_when_somebody_on_its_list_is_forgotten(town: Town) -> None:
    erases(town, "Ada")
    says_done(town)
    retains(town)
    says_destroyed(town)
    assert town.row("north", EARLIER).state == "destroyed"


def test_a_wrong_code_counts_no_more_than_before(town: Town) -> None:
    erases(town, "Ada")
    says_done(town)
    retains(town)
    town["north"].says("destroyed", town["north"].list_of(EARLIER), "CDFGH-34679")
    assert "does not count" in " ".join(town.looks().remarks)
    assert town.row("north", EARLIER).state == "delivered"


def test_when_the_list_is_destroyed_already_it_is_forgotten_at_once(town: Town) -> None:
    says_destroyed(town)
    answer = erases(town, "Ada")
    assert answer["forgotten"] == 2, "the disclosure, and the recall of its row"
    assert [one["because"] for one in answer["lists"]] == [""]
    [gone] = destroyed(town)
    assert (gone.because, gone.principal) == ("erasure", LEAD)
    assert not known(town, "Ada")
    assert sound(town)
    assert cleaned(town)


def test_whoever_has_the_key_and_a_guess_cannot_try_it_out(town: Town) -> None:
    """What the row was called, and the code of the list, stand in entries that stay for ever."""
    key = town.home.secret("subject.key")
    ada, bea = (keyed(town, name) for name in ("Ada", "Bea"))
    says_destroyed(town)
    erases(town, "Ada")
    assert not known(town, "Ada")
    with opened_ledger(town.home) as ledger:
        every = list(ledger.entries())
    [permit] = [one for one in every if isinstance(one.body, PermitBody) and one.body.recipient == "north"]
    assert isinstance(permit.body, PermitBody)
    of_list = list_name(permit.body.agreement, permit.month, "north")
    said = " ".join(canonical(one.body.model_dump(mode="json")) for one in every)
    assert permit.body.receipt_check in said
    for guess in ([ada], [bea]):
        assert row_reference(key, of_list, guess) not in said
    assert code_check(key, receipt_code(key, of_list, [ada, bea])) not in said


def test_when_nobody_ever_took_the_list_and_we_removed_it_it_is_forgotten(town: Town) -> None:
    erases(town, "Ada")
    due = town.row("north", EARLIER).due
    assert due
    town.days_pass((due - town.now.date()).days + 1)
    assert town.looks().recorded["file_removed"] == 2
    retains(town)
    assert not known(town, "Ada")


def test_the_last_day_alone_is_no_reason(town: Town) -> None:
    town["north"].takes(town["north"].list_of(EARLIER))
    town.looks()
    erases(town, "Ada")
    town.days_pass(400)
    retains(town)
    assert known(town, "Ada")


def test_twins_go_together_and_nobody_else(town: Town) -> None:
    says_destroyed(town, "south")
    erases(town, "mother of Tim")
    assert [known(town, name) for name in ("Tim", "Tom", "Ada")] == [False, False, True]


def test_the_statement_says_that_it_was_erased_and_no_longer_what_was_shared(town: Town) -> None:
    says_destroyed(town)
    erases(town, "Ada")
    for name in ("Ada", "mother of Ada"):
        found = asks(town, name)
        assert (found["shared"], found["erased"]) == ([], [town.now.date().isoformat()])


def test_who_was_only_on_a_list_is_said_to_be_erased_too(town: Town) -> None:
    """When nothing was kept of its month any more."""
    retention.run(town.home, now=town.now + timedelta(days=500))
    says_destroyed(town)
    town.days_pass(501)
    assert erases(town, "Ada")["parts"] == 0
    assert asks(town, "Ada")["erased"]


def test_the_wish_and_the_words_that_protect_the_family_stay(town: Town) -> None:
    says_destroyed(town)
    erases(town, "Ada")
    [erased] = {e.body.subject for e in recorded(town, Kind.FAMILY_ERASED)} & {keyed(town, "Ada")}  # type: ignore[attr-defined]
    with opened_ledger(town.home) as ledger:
        assert [word.word for word in ledger.words_about([erased])] == ["suppressed"]


def test_the_same_family_with_a_new_yes_is_not_shared_again(town: Town) -> None:
    """That it was shared is forgotten; that it does not want to be is not."""
    says_destroyed(town)
    erases(town, "Ada")
    again = [child("Ada", date_of_birth=born(MONTH)), child("Eve", date_of_birth=born(MONTH))]
    town.arrangement.sends("chis", again, MONTH)
    town.arrangement.asks(MONTH)
    assert town.arrangement.decided(MONTH) == {"Ada": "suppressed", "Eve": "share"}


def test_a_brother_or_sister_who_is_born_later_is_shared_and_known(town: Town) -> None:
    says_destroyed(town)
    erases(town, "Ada")
    of_ada = child("Ada")["parent_nhs_number"]
    sister = child("Zoe", date_of_birth=born(MONTH), parent_nhs_number=of_ada)
    town.arrangement.sends("chis", [sister], MONTH)
    town.arrangement.runs(MONTH)
    centre = town["north"]
    centre.says("destroyed", centre.list_of(MONTH))
    town.looks()
    retains(town)
    assert known(town, "Zoe")
    [shared] = asks(town, "mother of Ada")["shared"]
    assert shared["month"] == str(MONTH)


# --- when time is over ----------------------------------------------------------------------------


def last_day(town: Town, code: str = "north") -> int:
    """In how many days references of a centre's list have their last."""
    due = town.row(code, EARLIER).due
    assert due
    return (due - town.now.date()).days + YEARS


def test_on_the_day_after_its_last_a_destroyed_list_tells_of_nobody_any_more(town: Town) -> None:
    says_destroyed(town)
    town.days_pass(last_day(town))
    assert "references" not in retains(town)
    town.days_pass(1)
    assert retains(town)["references"] == 1
    assert [known(town, name) for name in ("Ada", "Bea")] == [False, False]
    assert destroyed(town)[0].because == "retention"
    assert sound(town)
    assert "references" not in retains(town)


def test_a_list_that_somebody_may_still_hold_waits_for_a_person(town: Town) -> None:
    centre = town["south"]
    sealed, code = centre.list_of(EARLIER), centre.code_in(centre.list_of(EARLIER))
    centre.takes(sealed)
    says_destroyed(town)
    town.days_pass(last_day(town) + 1)
    found = retention.run(town.home, now=town.now)
    [waiting] = [one for one in found["waiting"] if one["class"] == "references"]
    assert "birthshare receipts record" in waiting["do"]
    assert (known(town, "Ada"), known(town, "Tim")) == (False, True)
    with pytest.raises(WaitingForPerson):
        retention.run_day(town.home, now=town.now)
    centre.says("destroyed", sealed, code)
    town.looks()
    assert retains(town)["references"] == 1
    assert not known(town, "Tim")


def test_a_dry_run_destroys_none(town: Town) -> None:
    says_destroyed(town)
    erases_none = retention.run(town.home, now=town.now + timedelta(days=last_day(town) + 1), dry_run=True)
    assert erases_none["destroyed"]["references"] == 1
    assert known(town, "Ada")


def test_who_was_looked_up_is_forgotten_after_the_same_time(town: Town) -> None:
    asks(town, "Ada")
    town.days_pass(YEARS + 1)
    asks(town, "Bea")
    assert retains(town)["references"] >= 1
    [old, new] = [e.body for e in recorded(town, Kind.FAMILY_LOOKED_UP) if isinstance(e.body, FamilyLookedUp)]
    assert (old.subject, old.principal, new.subject) == ("", LEAD, keyed(town, "Bea"))


def test_a_list_that_was_never_sent_tells_of_nobody_as_soon_as_its_month_is_closed(town: Town) -> None:
    later = Month(2031, 5)
    pack = "e" * 64
    with opened_ledger(town.home) as ledger:
        approved = ReleaseApproved(pack_sha256=pack, principal=LEAD, roles=("data_lead",), way="airflow")
        ledger.append(Entry(approved, str(later)), at=town.now)
        body = PermitBody(
            agreement="welcome-card-first-visit", version=1, recipient="north", file_name="a.xlsx",
            sealed_sha256="f" * 64, households=1, children=1, pack_sha256=pack, removed={},
        )  # fmt: skip
        permit = ledger.permit(body, [OnList(keyed(town, "Ada"))], month=str(later), at=town.now)
        ledger.annul(permit, at=town.now)
    assert "references" not in retains(town)
    with opened_ledger(town.home) as ledger:
        ledger.append(Entry(MonthClosed(), str(later)), at=town.now)
    assert retains(town)["references"] == 1
    bodies = [e.body for e in recorded(town, Kind.DISCLOSURE) if isinstance(e.body, Disclosure)]
    assert [one.child for one in bodies if one.permit == permit.entry] == [""]
    assert known(town, "Ada"), "of the list that was sent"
    assert sound(town)
