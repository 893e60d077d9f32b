"""A postcode that geography cannot place waits for a person, whose signed decision counts from then on."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import Any

import pytest

from month_authority import AGREEMENT, MONTH, NOW, Authority, CommandLine, personal_values, shown_values
from pipeline import month as months
from pipeline.demo.authority import APPROVERS
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import IntegrityError, Refused, SettingsError, WaitingForPerson
from pipeline.facts import opened_ledger, verified
from pipeline.home import Home
from pipeline.keeping import erasing, retention
from pipeline.ledger.entries import Entry, Kind, Placed, PostcodeReviewed, PostcodesShown
from pipeline.places import compiled, reviewed, reviews
from pipeline.places.reviews import Asked

LEAD = APPROVERS["data_lead"]
UNKNOWN = "QX1 9QX"  # of the demonstration's family whose postcode is in no directory
CHOSEN, OTHER = "centre-04", "centre-01"


def asked(authority: Authority) -> dict[str, Asked]:
    """What is asked about, by status: the demonstration has one of each."""
    found = reviews.queue(authority.home, MONTH, now=NOW).asked
    assert len(found) == 2
    return {str(one.status): one for one in found}


def drafted(authority: Authority, one: Asked, recipient: str = CHOSEN, **changes: Any) -> PostcodeReviewed:
    """A decision that is not signed yet."""
    area = "" if one.claimants else one.authorities[0]
    drawn = reviews.draft(one, recipient=recipient, authority=area, principal=LEAD)
    return drawn.model_copy(update=changes)


def sign(authority: Authority, body: PostcodeReviewed, role: str = "data_lead") -> PostcodeReviewed:
    """The decision as the person in that role signs it."""
    key = authority.demo.approver_keys[role]
    signature = sign_ssh(reviewed.statement(body), private_key=key, namespace=reviewed.NAMESPACE)
    return body.model_copy(update={"signature": signature.decode()})


def decide(authority: Authority, one: Asked, recipient: str = CHOSEN) -> PostcodeReviewed:
    """The data lead decides."""
    signed = sign(authority, drafted(authority, one, recipient))
    reviews.decide(authority.home, one, signed, now=NOW)
    return signed


def pack(authority: Authority) -> tuple[dict[str, Any], str]:
    """The release that is asked about, and its digest."""
    found = months.pack_asked_about(authority.home, MONTH, now=NOW)
    assert found
    return json.loads(found[0]), found[1]


def by_command(birthshare: CommandLine, one: dict[str, Any], *options: str) -> int:
    key = birthshare.authority.demo.approver_keys["data_lead"]
    return birthshare(
        "geography", "decide", str(MONTH), one["name"], "--as", LEAD, "--key", key, *options
    ).code


# --- the whole way --------------------------------------------------------------------------------


def test_from_the_list_over_a_signature_to_the_list_of_the_centre_that_was_chosen(
    authority: Authority, birthshare: CommandLine
) -> None:
    extract = authority.extract()
    [row] = extract.index[extract["postcode"] == UNKNOWN] + 1
    assert any(
        "2 births held whose postcode waits for a person" in one for one in pack(authority)[0]["notable"]
    )
    waiting = birthshare("geography", "review", str(MONTH), "--json").json
    assert waiting["waiting"] == 2
    unknown, claimed = sorted(waiting["postcodes"], key=lambda one: len(one["claimants"]))
    assert unknown["rows"] == [{"supplier": "chis", "row": row}]
    assert len(claimed["claimants"]) == len(claimed["lines"]) == 2
    for claimant, line in zip(claimed["claimants"], claimed["lines"], strict=True):
        assert line.startswith(f"{claimant} in reach_areas.csv, line ")

    area = ("--authority", unknown["authorities"][0])
    assert by_command(birthshare, unknown, "--recipient", CHOSEN, *area) == 0
    assert by_command(birthshare, claimed, "--nobody") == 0
    nothing = birthshare("geography", "review", str(MONTH), "--json").json
    assert (nothing["waiting"], nothing["postcodes"]) == (0, [])
    told = birthshare("geography", "review", str(MONTH), "--all", "--json").json["postcodes"]
    assert {(one["recipient"], one["decided_by"]) for one in told} == {(CHOSEN, LEAD), ("", LEAD)}

    state = birthshare.finish()
    closed = birthshare("geography", "review", str(MONTH))
    assert closed.code == 2
    closed.says(f"{MONTH} is closed")
    assert any(UNKNOWN in row for row in authority.families(CHOSEN))
    assert state["agreements"][AGREEMENT]["reasons"]["reach_area_ambiguous"] == 1
    placed = [body.statuses for body in authority.recorded(Kind.PLACED) if isinstance(body, Placed)]
    assert ["placed_reviewed" in one for one in placed] == [False, True]

    birthshare("geography", "review", str(MONTH), "--all")  # in words
    assert not shown_values(personal_values(extract), birthshare.said)


def test_a_decision_makes_another_release_which_says_so(authority: Authority) -> None:
    _, first = pack(authority)
    decide(authority, asked(authority)["unknown"])
    authority.run(until="release")
    content, second = pack(authority)
    assert first != second
    said = f"{AGREEMENT}: 1 birth to be shared with the recipient that a person chose for the postcode"
    assert any(one.startswith(said) for one in content["notable"])
    assert pack(authority) == (content, second)


def test_births_that_are_withheld_anyway_wait_for_nothing(authority: Authority) -> None:
    extract = authority.extract()
    there = extract["postcode"] == UNKNOWN
    authority.send(extract.assign(consent_status=extract["consent_status"].mask(there, "refused")))
    authority.run(until="consent")
    assert [one.status for one in reviews.queue(authority.home, MONTH, now=NOW).asked] == ["ambiguous"]


def test_a_postcode_that_is_not_whole_is_the_supplier_s_to_put_right(authority: Authority) -> None:
    extract = authority.extract()
    authority.send(extract.assign(postcode=extract["postcode"].replace(UNKNOWN, "QX1")))
    authority.run(until="consent")
    found = reviews.queue(authority.home, MONTH, now=NOW)
    assert ([one.status for one in found.asked], found.not_whole) == (["ambiguous"], 1)


def test_a_month_that_was_not_run_has_nothing_to_show(authority: Authority) -> None:
    with pytest.raises(WaitingForPerson, match="Nothing is decided"):
        reviews.queue(authority.home, MONTH.plus(1), now=NOW)


# --- who sees a postcode --------------------------------------------------------------------------


def test_postcodes_are_shown_at_a_terminal_alone(birthshare: CommandLine) -> None:
    for option in ("--json", "--all"):
        refused = birthshare("geography", "review", str(MONTH), "--postcodes", "--as", LEAD, option)
        assert refused.code == 2
        refused.says("Postcodes are shown to a person at a terminal alone")
    assert not birthshare.authority.recorded(Kind.POSTCODES_SHOWN)


def test_at_a_terminal_somebody_who_is_known_sees_them_and_that_is_recorded(
    birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli.geography.review._at_terminal", lambda: True)
    look = ("geography", "review", str(MONTH), "--postcodes", "--as")
    assert birthshare(*look, "stranger@example.org").code == 3
    assert not birthshare.authority.recorded(Kind.POSTCODES_SHOWN)
    assert UNKNOWN in birthshare(*look, LEAD).out
    assert birthshare.authority.recorded(Kind.POSTCODES_SHOWN) == [
        PostcodesShown(principal=LEAD, postcodes=2)
    ]


def test_no_postcode_is_written_anywhere(authority: Authority) -> None:
    decide(authority, asked(authority)["unknown"])
    spellings = (UNKNOWN, UNKNOWN.replace(" ", ""))
    for file in (authority.home.path / "state").rglob("*"):
        if file.is_file():
            assert not shown_values(spellings, file.read_bytes())
    assert UNKNOWN not in repr(asked(authority)["unknown"])


# --- what is refused ------------------------------------------------------------------------------


def test_another_person_s_signature_counts_for_nobody(authority: Authority) -> None:
    one = asked(authority)["unknown"]
    with pytest.raises(IntegrityError, match="another person's"):
        reviews.decide(
            authority.home, one, sign(authority, drafted(authority, one), "caldicott_guardian"), now=NOW
        )


def test_a_stranger_decides_nothing(authority: Authority) -> None:
    one = asked(authority)["unknown"]
    signed = sign(authority, drafted(authority, one, principal="stranger@example.org"))
    with pytest.raises(Refused, match="may not decide"):
        reviews.decide(authority.home, one, signed, now=NOW)


@pytest.mark.parametrize("what", ["place", "network", "recipient", "authority", "follows", "reach_sha256"])
def test_a_signature_is_good_for_exactly_what_was_signed(authority: Authority, what: str) -> None:
    one = asked(authority)["unknown"]
    other = {
        "place": asked(authority)["ambiguous"].place, "network": "libraries", "recipient": OTHER,
        "authority": "E10000014", "follows": 1, "reach_sha256": "0" * 64,
    }  # fmt: skip
    as_asked = drafted(authority, one)
    signed = sign(authority, as_asked.model_copy(update={what: other[what]}))
    put_back = signed.model_copy(update={what: getattr(as_asked, what)})
    with pytest.raises(IntegrityError, match="signature is not good"):
        reviews.decide(authority.home, one, put_back, now=NOW)
    if what != "recipient":  # another one of the network may be chosen
        with pytest.raises((Refused, SettingsError)):
            reviews.decide(authority.home, one, signed, now=NOW)
    assert not authority.recorded(Kind.POSTCODE_REVIEWED)


def test_only_who_serves_the_network_may_be_chosen_and_of_two_claimants_one_of_them(
    authority: Authority,
) -> None:
    both = asked(authority)
    for one, recipient in ((both["unknown"], "library-1"), (both["ambiguous"], CHOSEN)):
        with pytest.raises(SettingsError, match="No such recipient"):
            drafted(authority, one, recipient)


@pytest.mark.parametrize("named", ["", "E99999999"])
def test_the_authority_of_an_unknown_postcode_is_never_guessed(authority: Authority, named: str) -> None:
    one = asked(authority)["unknown"]
    with pytest.raises(SettingsError, match="authority"):
        reviews.draft(one, recipient=CHOSEN, authority=named, principal=LEAD)


def test_what_was_seen_and_is_otherwise_by_now_must_be_looked_at_again(
    authority: Authority, birthshare: CommandLine
) -> None:
    one = asked(authority)["unknown"]
    signed = decide(authority, one, OTHER)
    decide(authority, asked(authority)["unknown"], "")  # and nobody after all
    with pytest.raises(Refused, match="No postcode of this name"):
        reviews.decide(authority.home, one, signed, now=NOW)
    # Nor can the decision that was taken back be recorded again, whoever has its signature.
    with pytest.raises(Refused, match="about something else"):
        reviews.decide(authority.home, asked(authority)["unknown"], signed, now=NOW)
    [*_, newest] = authority.recorded(Kind.POSTCODE_REVIEWED)
    assert isinstance(newest, PostcodeReviewed) and not newest.recipient
    assert not by_postcode(authority.home, UNKNOWN)


# --- what does not count --------------------------------------------------------------------------


def by_postcode(home: Home, postcode: str, later: timedelta = timedelta(0)) -> dict[str, Any]:
    """What is decided for a postcode in the network, as a month would use it that many days later."""
    places = compiled.compiled_places(home, on=MONTH.last_day)
    served = compiled.recipients_by_network(places)
    with opened_ledger(home) as ledger:
        counts = reviewed.standing(home, ledger, served, (NOW + later).date())
        return reviewed.decided(home, counts, [postcode])


def test_a_decision_counts_in_later_months_for_its_postcode_alone_and_not_for_ever(
    authority: Authority,
) -> None:
    decide(authority, asked(authority)["unknown"])
    [(network, found)] = by_postcode(authority.home, "qx19qx", timedelta(days=360)).items()
    assert (network, found["QX19QX"].recipient) == (asked(authority)["unknown"].network, CHOSEN)
    assert not by_postcode(authority.home, "QX1 9QZ")
    assert not by_postcode(authority.home, UNKNOWN, timedelta(days=367))


def test_it_ends_with_the_office_of_whoever_decided(authority: Authority) -> None:
    decide(authority, asked(authority)["unknown"])
    authority.setting(
        f'[[approvers]]\nprincipal = "{LEAD}"', '[[approvers]]\nprincipal = "new.lead@example.org"'
    )
    assert not by_postcode(authority.reopened(), UNKNOWN)


@pytest.mark.parametrize("served", [{}, {"childrens_centres": {OTHER}}])
def test_it_ends_when_the_recipient_serves_the_network_no_more(
    authority: Authority, served: dict[str, set[str]]
) -> None:
    decide(authority, asked(authority)["unknown"])
    with opened_ledger(authority.home) as ledger:
        assert reviewed.standing(authority.home, ledger, {"childrens_centres": {CHOSEN}}, NOW.date())
        assert not reviewed.standing(authority.home, ledger, served, NOW.date())


def test_it_ends_when_the_recipient_leaves_the_register(authority: Authority) -> None:
    decide(authority, asked(authority)["unknown"])
    served = {"childrens_centres": {CHOSEN}}
    register = authority.home.path / "reference" / "recipients.yaml"
    register.write_text(register.read_text().replace(f"code: {CHOSEN}\n", "code: centre-99\n"))
    assert CHOSEN not in authority.home.recipients()
    with opened_ledger(authority.home) as ledger:
        assert not reviewed.standing(authority.home, ledger, served, NOW.date())


@pytest.mark.parametrize("signed", ["by nobody", "by another person", "over another postcode"])
def test_an_entry_without_a_good_signature_places_nobody(authority: Authority, signed: str) -> None:
    """Whoever can write to the ledger cannot place a family."""
    one, other = asked(authority)["unknown"], asked(authority)["ambiguous"]
    body = drafted(authority, one)
    if signed == "by another person":
        body = sign(authority, body, "caldicott_guardian")
    elif signed == "over another postcode":
        body = sign(authority, body.model_copy(update={"place": other.place}))
        body = body.model_copy(update={"place": one.place})
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(body, str(MONTH)), at=NOW)
    assert not by_postcode(authority.home, UNKNOWN)
    assert all(one.waits for one in asked(authority).values())


@pytest.mark.parametrize("erased", [False, True], ids=["known", "destroyed since"])
def test_a_decision_taken_back_cannot_be_recorded_again(authority: Authority, erased: bool) -> None:
    """By whoever can write to the ledger and kept the signature; nor once nobody knows what it was about."""
    first = decide(authority, asked(authority)["unknown"], OTHER)
    decide(authority, asked(authority)["unknown"], "")
    with opened_ledger(authority.home) as ledger:
        if erased:
            entries = reviewed.about(ledger, [first.place])
            ledger.destroy_openings(entries, because="erasure", at=NOW, principal=LEAD)
        ledger.append(Entry(first, str(MONTH)), at=NOW)
    assert not by_postcode(authority.home, UNKNOWN)


def test_a_decision_that_was_signed_before_another_cannot_be_recorded_after_it(authority: Authority) -> None:
    one = asked(authority)["unknown"]
    never_recorded = sign(authority, drafted(authority, one, OTHER))
    decide(authority, one, CHOSEN)
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(never_recorded, str(MONTH)), at=NOW)
    [found] = by_postcode(authority.home, UNKNOWN).values()
    assert [said.recipient for said in found.values()] == [CHOSEN]


def test_where_a_key_may_sign_this_no_more_somebody_is_asked_again_and_the_month_goes_on(
    authority: Authority,
) -> None:
    signed = decide(authority, asked(authority)["unknown"])
    signers = authority.home.allowed_signers
    signers.write_text(signers.read_text().replace(f",{reviewed.NAMESPACE}", ""))
    again = asked(authority)["unknown"]
    assert again.waits
    with pytest.raises(IntegrityError, match="places@birthshare among its namespaces"):
        decide(authority, again)
    assert authority.recorded(Kind.POSTCODE_REVIEWED) == [signed]
    authority.run(until="release")
    assert any("2 births held whose postcode waits" in one for one in pack(authority)[0]["notable"])


def test_a_release_does_not_outlive_the_key_that_decided(authority: Authority) -> None:
    """Asked about already, it is made again without the family: the key may have been stolen."""
    decide(authority, asked(authority)["unknown"])
    authority.run(until="release")
    _, before = pack(authority)
    signers = authority.home.allowed_signers
    signers.write_text(signers.read_text().replace(f",{reviewed.NAMESPACE}", ""))
    authority.run(until="release")
    content, after = pack(authority)
    assert before != after
    assert not any("that a person chose" in one for one in content["notable"])


def test_a_decision_about_one_postcode_cannot_be_moved_to_another(authority: Authority) -> None:
    decide(authority, asked(authority)["unknown"])
    other = asked(authority)["ambiguous"].place
    database = authority.home.path / "state" / "birthshare.db"
    with sqlite3.connect(database) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        [entry] = connection.execute("SELECT seq FROM entries WHERE kind = 'postcode_reviewed'").fetchone()
        [said] = connection.execute("SELECT said FROM openings WHERE entry = ?", (entry,)).fetchone()
        moved = json.dumps(json.loads(said) | {"place": other}, sort_keys=True, separators=(",", ":"))
        connection.execute("UPDATE openings SET said = ? WHERE entry = ?", (moved, entry))
    with pytest.raises(IntegrityError, match="ledger is damaged"):
        authority.run(until="release")


# --- forgetting -----------------------------------------------------------------------------------


def test_which_postcode_it_was_is_destroyed_in_time_and_then_somebody_is_asked_again(
    authority: Authority,
) -> None:
    decide(authority, asked(authority)["unknown"])
    settings = authority.home.path / "birthshare.toml"
    settings.write_text(settings.read_text() + "\n[retention]\nreviews_days = 10\n")
    home = authority.reopened()
    assert retention.run(home, now=NOW + timedelta(days=9))["destroyed"].get("reviewed_places", 0) == 0
    assert retention.run(home, now=NOW + timedelta(days=12))["destroyed"]["reviewed_places"] == 1
    with opened_ledger(home) as ledger:
        assert not reviewed.newest(ledger)
        assert verified(home, ledger).sound
    [one] = authority.recorded(Kind.POSTCODE_REVIEWED)
    assert isinstance(one, PostcodeReviewed)
    assert (one.place, one.once, one.recipient) == ("", "", CHOSEN)


def test_a_family_that_is_forgotten_takes_its_postcode_s_decision_along(authority: Authority) -> None:
    both = asked(authority)
    for one in both.values():
        decide(authority, one, one.recipients[0])
    extract = authority.extract()
    [number] = extract.loc[extract["postcode"] == UNKNOWN, "nhs_number"]
    erasing.erase(authority.home, number, principal=LEAD, purpose="the parents asked", now=NOW)
    with opened_ledger(authority.home) as ledger:
        assert {place for place, _ in reviewed.newest(ledger)} == {both["ambiguous"].place}
        assert verified(authority.home, ledger).sound
