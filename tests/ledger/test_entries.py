"""What can be recorded: known kinds with exactly their body, and nothing about a person."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.ledger.entries import (
    BODIES,
    Acknowledged,
    AgreementPreviewed,
    AgreementSigned,
    AgreementSuspended,
    AnswersReceived,
    AreasCounted,
    Balanced,
    Body,
    ChangesApplied,
    CheckpointWitnessed,
    Collected,
    DataDestroyed,
    Decided,
    DecisionsKept,
    Delivered,
    DeliveryFailed,
    DestructionAttested,
    DirectoryBuilt,
    Disclosure,
    DriftAccepted,
    Entry,
    EvidenceGiven,
    ExtractReceived,
    ExtractRefused,
    FamilyErased,
    FamilyLookedUp,
    FileFetched,
    FileRemoved,
    Fingerprinted,
    KeptDestroyed,
    Kind,
    LedgerChecked,
    ListForgone,
    MonthClosed,
    NoticeBody,
    OpeningsDestroyed,
    Overdue,
    PasswordMade,
    PermitAnnulled,
    PermitBody,
    Placed,
    PostcodeReviewed,
    PostcodesShown,
    Publishing,
    ReachPreviewed,
    RecallRaised,
    RegisterAgreed,
    RegisterSignature,
    ReleaseApproved,
    ReleaseRefused,
    ReleaseRequested,
    ReportDelivered,
    ReportPermitted,
    RetentionChecked,
    StagingDestroyed,
    SubjectKeyUsed,
    SuppressionRecorded,
    TotalsReceived,
    Validated,
    canonical,
    leaf,
    read_entry,
    write_body,
    write_moment,
)
from pipeline.ledger.schema import render_schema
from pipeline.records import SCHEMAS

SHA = "0123456789abcdef" * 4
SUBJECT = "0123456789abcdef" * 2
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\nAAAA==\n-----END SSH SIGNATURE-----\n"
DECISION: dict[str, Any] = {
    "pack_sha256": SHA,
    "principal": "data.lead@example.org",
    "roles": ("data_lead",),
    "way": "airflow",
}
EXAMPLES: list[Body] = [
    AgreementSigned(
        agreement="welcome-card", version=1, digest=SHA, role="caldicott_guardian",
        principal="caldicott.guardian@example.org", signature_sha256=SHA,
    ),
    SuppressionRecorded(subject=SUBJECT, word="child_died", since="2026-11-01T00:00:00"),
    ExtractReceived(
        supplier="chis", sealed_sha256=SHA, signer="A" * 40,
        signed_at=datetime(2026, 11, 2, 8, tzinfo=UTC), rows=400,
    ),
    ExtractRefused(supplier="chis", sealed_sha256=SHA, problem="wrong_signer"),
    FileFetched(
        supplier="chis", sealed_sha256=SHA, size=12345, afterwards="archived", signature_sha256=SHA,
    ),
    Fingerprinted(
        supplier="chis", dataset="births", sealed_sha256=SHA, rows=400, timely=390,
        filled={"nhs_number": 400, "sex": 400}, forms={"nhs_number": 400},
        codes={"sex": {"1": 205, "2": 195}}, quarantined={"value_missing": 3}, sketch="0f--" * 32,
    ),
    DriftAccepted(
        supplier="chis", dataset="births", sealed_sha256=SHA, differences_sha256=SHA,
        about=("rows", "code sex 9"), principal="data.lead@example.org",
        signature=SIGNATURE, note="The trust took over the births of a second hospital.",
    ),
    TotalsReceived(
        supplier="chis", sealed_sha256=SHA, signer="A" * 40,
        signed_at=datetime(2026, 11, 2, 8, tzinfo=UTC), rows=13, births=412,
        extract_sha256=SHA, counted=398, quarantined=3, unsaid=1, areas=12, areas_apart=2,
    ),
    ReportPermitted(
        supplier="chis", month="2026-10", file_name="quarantine_chis_2026-10_1a2b3c4d-5e6f7081.csv.gpg",
        sealed_sha256=SHA, about_sha256=SHA,
    ),
    ReportDelivered(permit=1, sha256=SHA, size=12345, found_there=False),
    Validated(
        supplier="chis", sealed_sha256=SHA, rows=400, accepted=395, quarantined={"check_digit": 5},
        warned={"name_temporary": 3}, results_sha256=SHA,
    ),
    DirectoryBuilt(
        product="ONSPD", released="2026-08", source_sha256=SHA, directory_sha256=SHA, before_sha256="",
        rows=2_720_556, live=1_831_739, vintages=("2011", "2021"), columns={"authority": "lad26cd"},
    ),
    Placed(network="centres", directory_sha256=SHA, reach_sha256=SHA, statuses={"placed": 390}),
    PostcodesShown(principal="data.lead@example.org", postcodes=3),
    PostcodeReviewed(
        place=SUBJECT, once=SUBJECT[::-1], network="centres", status="ambiguous",
        claimants=("centre-1", "centre-2"), recipient="centre-2", authority="E10000014",
        directory_sha256=SHA, reach_sha256=SHA, follows=0, principal="data.lead@example.org",
        signature=SIGNATURE, note="The new estate belongs to the second centre.",
    ),
    Decided(
        agreement="welcome-card", version=1, digest=SHA, decisions_sha256=SHA,
        outcomes={"share": 300}, reasons={"consent_refused": 60}, duplicates=3,
    ),
    ReleaseRequested(pack_sha256=SHA),
    ReleaseApproved(**{**DECISION, "way": "signature", "signature": SIGNATURE}),
    ReleaseRefused(**DECISION, note="Far fewer births than in any month before."),
    PermitBody(
        agreement="welcome-card", version=1, recipient="centre-1", file_name="births_centre-1_2026-10.xlsx",
        sealed_sha256=SHA, households=2, children=3, pack_sha256=SHA, removed={"child_died": 1},
    ),
    Disclosure(permit=1, child=SUBJECT, agreement="welcome-card", recipient="centre-1"),
    PermitAnnulled(permit=1),
    SubjectKeyUsed(check=SHA),
    Publishing(permit=1),
    AgreementSuspended(
        agreement="welcome-card", version=1, digest=SHA, role="caldicott_guardian",
        principal="caldicott.guardian@example.org", signature=SIGNATURE, note="A feed has changed.",
    ),
    AgreementPreviewed(
        agreement="welcome-card", version=2, digest=SHA, months=("2026-08", "2026-09"), preview_sha256=SHA,
    ),
    ReachPreviewed(
        areas_sha256=SHA, on=date(2027, 4, 1), months=("2026-08", "2026-09"), preview_sha256=SHA,
    ),
    AreasCounted(
        agreement="welcome-card", network="centres", births={"centre-1": 35}, consented={"centre-1": 25},
        shared={"centre-1": 20},
    ),
    ChangesApplied(
        source="authority", sha256=SHA, principal="data.lead@example.org", rows=4,
        words={"suppressed": 4}, unusable=0,
    ),
    AnswersReceived(
        supplier="chis", sealed_sha256=SHA, signer="A" * 40,
        signed_at=datetime(2026, 11, 2, 8, tzinfo=UTC), rows=40, unusable=1,
    ),
    DecisionsKept(agreement="welcome-card", until=date(2027, 10, 31), sha256=SHA),
    KeptDestroyed(agreement="welcome-card"),
    FamilyLookedUp(
        subject=SUBJECT, principal="data.lead@example.org", purpose="A parent asked by telephone.",
    ),
    ListForgone(
        agreement="welcome-card", recipient="centre-1", principal="data.lead@example.org", signature="",
    ),
    Delivered(permit=1, sha256=SHA, size=12345, found_there=False),
    DeliveryFailed(permit=1, agreement="welcome-card", recipient="centre-1", problem="unreachable"),
    Balanced(books={"welcome-card": {"chis": {"received": 400, "shared": 300}}}),
    RecallRaised(
        permit=1, reference="K7Q3M-9XTCD", child=SUBJECT, agreement="welcome-card", recipient="centre-1",
        word="child_died", due=date(2026, 11, 20),
    ),
    NoticeBody(
        about="recall", agreement="welcome-card", recipient="centre-1", file_name="recall_centre-1_7.xlsx",
        sealed_sha256=SHA, entries=(7,), due=date(2026, 11, 20),
    ),
    NoticeBody(
        about="recall", agreement="welcome-card", recipient="centre-1", file_name="recall_centre-1_7.told",
        sealed_sha256="", entries=(7,), due=date(2026, 11, 20), told_by="data.lead@example.org",
    ),
    Collected(of=1),
    Acknowledged(of=1, way="file", receipt_sha256=SHA),
    DestructionAttested(
        of=1, way="person", principal="data.lead@example.org", note="The centre said so by telephone.",
    ),
    FileRemoved(of=1),
    Overdue(
        of=1, what="collection", agreement="welcome-card", recipient="centre-1", due=date(2026, 11, 20),
    ),
    RegisterAgreed(
        statement_sha256=SHA, recipients={"centre-1": SHA}, reach_areas_sha256=SHA,
        signatures=(RegisterSignature(principal="data.lead@example.org", signature=SIGNATURE),),
    ),
    PasswordMade(recipient="centre-1", principal="data.lead@example.org"),
    DataDestroyed(data_class="sealed_files", destroyed=3, limit_days=30),
    FamilyErased(
        subject=SUBJECT, principal="data.lead@example.org", purpose="The parents asked for it.", parts=2,
    ),
    RetentionChecked(kept={"reports": 4}, overdue={}, unknown=0),
    OpeningsDestroyed(entries=((4, 6), (9, 9)), because="erasure", principal="data.lead@example.org"),
    LedgerChecked(entries=12, root=SHA),
    CheckpointWitnessed(
        size=12, root=SHA, witness="example.org/witness", cosigned_at=datetime(2026, 11, 3, 10, tzinfo=UTC),
        line="\u2014 example.org/witness zKZ0",
    ),
    EvidenceGiven(about="month", sha256=SHA, principal="data.lead@example.org", purpose="The annual audit."),
    StagingDestroyed(),
    StagingDestroyed(principal="data.lead@example.org", note="restored from a backup"),
    MonthClosed(),
]  # fmt: skip
PERMIT, REVIEWED = (
    next(one for one in EXAMPLES if isinstance(one, kind)) for kind in (PermitBody, PostcodeReviewed)
)


SALT = bytes(range(32))


def document(body: Body, seq: int = 7) -> dict[str, Any]:
    return {
        "seq": seq, "kind": str(body.kind), "month": "2026-10", "at": "2026-11-03T09:30:00.000000Z",
        "body": json.loads(write_body(body, SALT)[0]),
    }  # fmt: skip


def test_every_kind_has_a_body_a_wording_and_an_example_here() -> None:
    assert set(BODIES) == set(Kind) == {example.kind for example in EXAMPLES}
    assert all(kind.wording for kind in Kind)
    assert len({kind.wording for kind in Kind}) == len(Kind)


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: body.kind)
def test_what_was_written_is_what_is_read(body: Body) -> None:
    written, said = write_body(body, SALT)
    recorded = read_entry(7, body.kind, "2026-10", "2026-11-03T09:30:00.000000Z", written, said or None)
    assert recorded.body == body
    assert recorded.kind is body.kind


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: body.kind)
def test_a_leaf_is_the_canonical_form_of_the_whole_entry(body: Body) -> None:
    whole = document(body)
    written = leaf(**{**whole, "body": write_body(body, SALT)[0]})
    assert written == canonical(whole).encode()


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: body.kind)
def test_the_published_schema_accepts_every_kind_and_no_unknown_key(body: Body) -> None:
    check = jsonschema.Draft202012Validator(json.loads(render_schema()))
    assert check.is_valid(document(body))
    spoilt = document(body)
    spoilt["body"]["remark"] = "anything"
    assert not check.is_valid(spoilt)


def test_the_published_schema_is_up_to_date() -> None:
    assert (SCHEMAS / "ledger_entry.schema.json").read_text(encoding="utf-8") == render_schema()


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: body.kind)
def test_an_unknown_key_is_refused(body: Body) -> None:
    with pytest.raises(IntegrityError):
        type(body)(**{**body.model_dump(), "remark": "anything"})


# What would be a personal value, tried in each place that takes words.
@pytest.mark.parametrize(
    ("body", "place"),
    [
        (ExtractRefused, {"supplier": "chis", "sealed_sha256": SHA, "problem": "9990000026"}),
        (
            ExtractRefused,
            {"supplier": "chis", "sealed_sha256": SHA, "problem": "born: O\u2019Malley, 1 (Ann)"},
        ),
        (ExtractRefused, {"supplier": "9990000026", "sealed_sha256": SHA, "problem": "empty"}),
        (Validated, {"supplier": "chis", "rows": 1, "accepted": 0, "quarantined": {"999 000 0026\n": 1}}),
        (Disclosure, {"permit": 1, "child": "9990000026", "agreement": "card", "recipient": "centre-1"}),
        (Balanced, {"books": {"card": {"chis": {"9990000026": 1}}}}),
        (Balanced, {"books": {"card": "nine"}}),
        (SuppressionRecorded, {"subject": SUBJECT, "word": "Kirk", "since": ""}),
        (ReleaseApproved, {**DECISION, "principal": "9990000026@example.org"}),
        (ReleaseApproved, {**DECISION, "way": "signature", "signature": "9990000026"}),
        (PermitBody, {**PERMIT.model_dump(), "file_name": "9990000026.xlsx"}),
        (PostcodeReviewed, {**REVIEWED.model_dump(), "place": "QX1 9QX"}),
        (PostcodeReviewed, {**REVIEWED.model_dump(), "authority": "QX1 9QX"}),
    ],
)
def test_a_body_has_no_place_for_a_persons_details(body: type[Body], place: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError) as refusal:
        body(**place)
    assert "9990000026" not in str(refusal.value)
    assert "Malley" not in str(refusal.value)
    assert refusal.value.__context__ is None


@pytest.mark.parametrize(
    "note",
    [
        "Born on 3 October",
        "Postcode CV\u0661",
        "ask a@example.org",
        "two\nlines",
        "x" * 201,
        "a\u2028b",
        "\u00bd",
    ],
)
def test_an_approvers_note_with_digits_addresses_or_lines_is_refused_plainly(note: str) -> None:
    with pytest.raises(SettingsError, match="note") as refusal:
        ReleaseRefused(**DECISION, note=note)
    assert note not in str(refusal.value)


def test_a_signature_belongs_to_the_way_that_needs_it() -> None:
    with pytest.raises(IntegrityError, match="signature"):
        ReleaseApproved(**{**DECISION, "way": "signature"})
    with pytest.raises(IntegrityError, match="signature"):
        ReleaseApproved(**DECISION, signature=SIGNATURE)


def test_counts_are_never_negative_and_a_household_has_a_child() -> None:
    with pytest.raises(IntegrityError):
        Validated(supplier="chis", sealed_sha256=SHA, rows=-1, accepted=0, quarantined={})
    with pytest.raises(IntegrityError):
        PermitBody(**{**PERMIT.model_dump(), "households": 4})


def test_an_entry_belongs_to_a_month_or_to_none() -> None:
    assert Entry(MonthClosed()).month == ""
    with pytest.raises(SettingsError):
        Entry(MonthClosed(), "2026-13")


@pytest.mark.parametrize(
    ("kind", "at", "body"),
    [
        ("gossip", "2026-11-03T09:30:00.000000Z", "{}"),
        ("month_closed", "yesterday", "{}"),
        ("month_closed", "2026-11-03T09:30:00.000000Z", '{"name":"Ann"}'),
        ("release_refused", "2026-11-03T09:30:00.000000Z", json.dumps({**DECISION, "note": "4 Ann Road"})),
    ],
)
def test_an_entry_that_this_program_does_not_know_is_not_read(kind: str, at: str, body: str) -> None:
    with pytest.raises(IntegrityError, match="entry 7") as refusal:
        read_entry(7, kind, "", at, body)
    assert refusal.value.__context__ is None


def test_moments_are_written_in_utc() -> None:
    summer = datetime(2026, 7, 1, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert write_moment(summer) == "2026-07-01T09:00:00.000005Z"
    with pytest.raises(ValueError, match="time zone"):
        write_moment(datetime(2026, 7, 1))  # noqa: DTZ001
