"""What waits for a person is found where it lies, named once, and said in words without a family in them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from month_authority import AGREEMENT, MONTH, NOW, Authority, CommandLine, personal_values, shown_values
from pipeline.agreements.loading import read_agreement
from pipeline.errors import NotAllDelivered, WaitingForPerson
from pipeline.facts import opened_ledger
from pipeline.keeping import retention
from pipeline.ledger.entries import Entry, ExtractRefused, Fingerprinted, MonthClosed
from pipeline.outside import check
from pipeline.questions.things import Thing, Urgency, Waits
from pipeline.questions.waiting_for_people import things_to_do
from pipeline.roles import Role


def found(authority: Authority, at: datetime = NOW) -> dict[Waits, Thing]:
    """What waits, by kind."""
    return {one.kind: one for one in things_to_do(authority.reopened(), at)}


def test_an_authority_that_has_not_begun_waits_for_nothing(authority: Authority) -> None:
    assert things_to_do(authority.home, NOW) == []


def test_a_release_waits_for_one_person_and_then_for_another(authority: Authority) -> None:
    authority.ask_two()
    with pytest.raises(WaitingForPerson):
        authority.run()
    first = found(authority)[Waits.RELEASE_FIRST]
    assert (first.month, first.agreement, first.count) == (str(MONTH), AGREEMENT, 2)
    assert (first.role, first.urgency) == (Role.APPROVER, Urgency.NOW)
    authority.approve()
    second = found(authority)
    assert second[Waits.RELEASE_SECOND].count == 1
    assert Waits.RELEASE_FIRST not in second


def test_lists_that_did_not_arrive_are_named_by_their_recipient(authority: Authority) -> None:
    code = next(iter(authority.home.recipients()))
    authority.change_recipient(code, port=1)
    authority.prepare_and_approve()
    with pytest.raises(NotAllDelivered):
        authority.run()
    assert found(authority)[Waits.DELIVERY].recipient == code


def test_a_closed_month_waits_for_its_recipients_and_the_next_for_its_file(authority: Authority) -> None:
    authority.prepare_and_approve()
    authority.run()
    assert found(authority) == {}
    later = found(authority, NOW + timedelta(days=60))
    assert (later[Waits.UNCOLLECTED].role, later[Waits.UNCOLLECTED].urgency) == (Role.DATA_LEAD, Urgency.LATE)
    assert later[Waits.UNACKNOWLEDGED].due == NOW.date() + timedelta(days=10)
    assert later[Waits.EXTRACT_LATE].supplier == "chis"
    assert later[Waits.EXTRACT_LATE].month > str(MONTH)


def test_a_day_that_was_agreed_with_a_supplier_says_when_its_file_is_late(authority: Authority) -> None:
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(MonthClosed(), str(MONTH)), at=NOW)
    authority.setting("[suppliers.chis]\n", "[suppliers.chis]\ndue_day = 20\n")
    expected = MONTH.plus(1)
    day = expected.plus(1).first_day.replace(day=20)
    noon = NOW.replace(year=day.year, month=day.month, day=day.day, hour=12)
    assert Waits.EXTRACT_LATE not in found(authority, noon)
    assert found(authority, noon + timedelta(days=1))[Waits.EXTRACT_LATE].due == day


def test_a_file_and_a_feed_that_were_refused_are_urgent_until_others_come(authority: Authority) -> None:
    refused = ExtractRefused(supplier="chis", sealed_sha256="0" * 64, problem="bad_signature")
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(refused, str(MONTH)), Entry(refused), at=NOW)
    waits = found(authority)
    assert waits[Waits.EXTRACT_REFUSED].urgency is waits[Waits.FEED_REFUSED].urgency is Urgency.NOW
    authority.run(until="release")
    assert Waits.EXTRACT_REFUSED not in found(authority)


def test_a_file_that_differs_stops_its_month_for_an_approver(authority: Authority) -> None:
    authority.run(until="release")
    with opened_ledger(authority.home) as ledger:
        [usual] = [
            entry.body
            for entry in ledger.entries(kinds={Fingerprinted.kind})
            if isinstance(entry.body, Fingerprinted)
        ]
        earlier = usual.model_copy(update={"rows": usual.rows * 9, "sealed_sha256": "1" * 64})
        validated = next(e.body for e in ledger.entries(month=str(MONTH)) if e.kind == "validated")
        before = str(MONTH.plus(-1))
        ledger.append(
            Entry(earlier, before),
            Entry(validated.model_copy(update={"sealed_sha256": "1" * 64}), before),
            Entry(MonthClosed(), before),
            at=NOW,
        )
    with opened_ledger(authority.home) as ledger:
        newest = usual.model_copy(update={"sealed_sha256": "2" * 64})
        ledger.append(Entry(newest, str(MONTH)), at=NOW)
    drift = found(authority)[Waits.DRIFT]
    assert (drift.supplier, drift.month, drift.role) == ("chis", str(MONTH), Role.APPROVER)


def test_changed_recipients_wait_for_signatures_and_old_keys_for_new_ones(authority: Authority) -> None:
    code = next(iter(authority.home.recipients()))
    end = NOW.date() + timedelta(days=20)
    authority.change_recipient(code, signed=False, key_until=end)
    waits = found(authority)
    assert waits[Waits.REGISTER_UNSIGNED].count == 2
    assert Waits.AREAS_UNSIGNED not in waits
    assert (waits[Waits.KEY_ENDS].recipient, waits[Waits.KEY_ENDS].due) == (code, end)
    assert waits[Waits.KEY_ENDS].urgency is Urgency.SOON


def test_changed_reach_areas_wait_for_signatures_by_themselves(authority: Authority) -> None:
    [areas] = authority.home.settings.geography.reach_areas
    with (authority.home.path / areas).open("a") as file:
        file.write("\n")
    waits = found(authority)
    assert (waits[Waits.AREAS_UNSIGNED].count, waits[Waits.AREAS_UNSIGNED].urgency) == (2, Urgency.NOW)
    assert Waits.REGISTER_UNSIGNED not in waits


def test_agreements_are_named_before_they_end_when_they_have_and_not_for_ever(authority: Authority) -> None:
    dates = read_agreement(authority.agreement_file())[0].dates
    stops = dates.review_by + timedelta(days=dates.review_grace_days)
    noon = datetime(stops.year, stops.month, stops.day, 12, tzinfo=NOW.tzinfo)
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(MonthClosed(), str(MONTH)), at=NOW)
    ends = {one.kind for one in things_to_do(authority.home, noon - timedelta(days=300))}
    assert not ends & {Waits.AGREEMENT_EXPIRY, Waits.AGREEMENT_REVIEW, Waits.AGREEMENT_STOPPED}
    assert found(authority, noon)[Waits.AGREEMENT_REVIEW].urgency is Urgency.NOW
    stopped = found(authority, noon + timedelta(days=1))
    assert stopped[Waits.AGREEMENT_STOPPED].agreement == f"{AGREEMENT}.v1"
    assert Waits.AGREEMENT_STOPPED not in found(authority, noon + timedelta(days=500))


def test_a_draft_waits_for_the_roles_that_have_not_signed(authority: Authority) -> None:
    for signature in authority.home.agreements.glob("*.sig"):
        if "guardian" in signature.name:
            signature.unlink()
    draft = found(authority)[Waits.AGREEMENT_UNSIGNED]
    assert (draft.agreement, draft.count) == (f"{AGREEMENT}.v1", 1)
    assert draft.urgency is Urgency.IN_TIME


def test_signatures_that_were_there_once_and_are_gone_are_urgent(authority: Authority) -> None:
    authority.run(until="release")
    for signature in authority.home.agreements.glob("*.sig"):
        signature.unlink()
    assert found(authority)[Waits.AGREEMENT_UNSIGNED].urgency is Urgency.NOW


def test_a_file_that_nobody_knows_waits_without_its_name(authority: Authority) -> None:
    (authority.home.path / "Quillfeather.csv").write_text("")
    retention.run(authority.home, now=NOW)
    thing = found(authority)[Waits.RETENTION]
    assert (thing.of, thing.count) == ("unknown", 1)
    assert "Quillfeather" not in str(thing)


def test_damage_is_the_first_thing_that_is_said(authority: Authority) -> None:
    check.run_day(authority.home, now=NOW)
    older = (authority.home.state / "birthshare.db").read_bytes()
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(MonthClosed(), str(MONTH)), at=NOW)
    check.run_day(authority.home, now=NOW)
    (authority.home.state / "birthshare.db").write_bytes(older)
    assert things_to_do(authority.home, NOW)[0].kind is Waits.LEDGER_DAMAGED


def test_what_cannot_be_looked_at_is_said_and_hides_nothing_else(authority: Authority) -> None:
    authority.run(until="release")
    (authority.home.path / "reference" / "recipients.yaml").write_text("recipients: [")
    waits = things_to_do(authority.home, NOW)
    assert "the register of recipients" in {one.of for one in waits if one.kind is Waits.NOT_READABLE}
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(ExtractRefused(supplier="chis", sealed_sha256="0" * 64, problem="cut")), at=NOW)
    assert Waits.FEED_REFUSED in {one.kind for one in things_to_do(authority.home, NOW)}


def test_the_command_says_it_grouped_by_whose_turn_and_ends_well(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert birthshare("waiting").out == "Nothing waits for anybody.\n"
    authority.run(until="release")
    shown = birthshare("waiting")
    assert shown.code == 0, "to be told what waits is no failure"
    assert "For the approver:\n  Now: the release of" in shown.out
    thing, postcodes = birthshare("waiting", "--json").json["things"]
    assert (postcodes["kind"], postcodes["count"]) == ("postcodes", 0), "how many families is not told"
    assert (thing["kind"], thing["month"], thing["count"]) == ("release_first", str(MONTH), 1)
    sent = birthshare("waiting", "--send", "--json")
    assert sent.json["sent"] == {"channels": 0, "sent": 0, "failed": 0}
    assert not shown_values(personal_values(authority.extract()), birthshare.said)


def test_every_kind_has_words_of_its_own_and_a_command() -> None:
    codes = {"recipient": "maple", "agreement": "welcome.v1", "supplier": "chis", "of": "vault"}
    things = [
        Thing(kind, kind.urgency, due=date(2026, 11, 2), count=3, month="2026-10", **codes) for kind in Waits
    ]
    assert len({one.words for one in things}) == len(Waits)
    for one in things:
        assert one.command.startswith("birthshare ")
        assert "{" not in one.words + one.command
