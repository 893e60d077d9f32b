"""A release leaves only when enough of the right people approved exactly it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement, Release
from pipeline.demo.keys import make_ssh_key
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.home import Approver
from pipeline.records import TEMPLATES
from pipeline.steps import release

NOW = datetime.now(UTC)
PACK = release.canonical({"month": "2026-10"})
DIGEST = release.digest(PACK)
LEAD, GUARDIAN, STRANGER = "lead@example.org", "guardian@example.org", "stranger@example.org"
APPROVERS = (
    Approver(principal=LEAD, roles=("data_lead",)),
    Approver(principal=GUARDIAN, roles=("caldicott_guardian",)),
    Approver(principal="officer@example.org", roles=("data_protection_officer",)),
)


def agreement(approvals: int) -> Agreement:
    template, _ = read_agreement(TEMPLATES / "welcome-card-first-visit.v1.yaml")
    terms = Release(approvals=approvals, roles=("data_lead", "caldicott_guardian"))
    return template.model_copy(update={"release": terms})


def approval(principal: str, **changes: object) -> release.Approval:
    given = release.Approval(DIGEST, True, principal, "airflow", "", NOW)
    return replace(given, **changes)


def missing(
    *approvals: release.Approval,
    needed: int = 1,
    signers: Path = Path("none"),
    approvers: tuple[Approver, ...] = APPROVERS,
) -> list[str]:
    found = release.check_approved(
        DIGEST, PACK, [agreement(needed)], approvals, approvers=approvers, allowed_signers=signers
    )
    return [one.words for one in found]


def test_one_approval_is_enough_where_the_agreement_asks_for_one() -> None:
    assert missing(approval(LEAD)) == []


def test_two_approvals_are_two_persons() -> None:
    twice = missing(approval(LEAD), approval(LEAD, way="airflow", at=NOW + timedelta(hours=1)), needed=2)
    assert twice == [
        "welcome-card-first-visit needs another person in the role data lead or Caldicott guardian "
        "(guardian@example.org)"
    ]
    assert missing(approval(LEAD), approval(GUARDIAN), needed=2) == []


def test_one_person_in_both_roles_is_still_one_person() -> None:
    both = (Approver(principal=LEAD, roles=("data_lead", "caldicott_guardian")),)
    assert missing(approval(LEAD), needed=2, approvers=both) == [
        "welcome-card-first-visit needs another person in the role data lead or Caldicott guardian "
        "(nobody, too few: see approvers in birthshare.toml)"
    ]


def test_what_is_missing_names_who_may_give_it() -> None:
    assert missing(needed=2) == [
        "welcome-card-first-visit needs 2 different persons in the role data lead or Caldicott guardian "
        "(lead@example.org or guardian@example.org)"
    ]


def test_where_only_airflow_counts_nobody_without_a_login_is_named() -> None:
    template = agreement(1)
    terms = template.release.model_copy(update={"ways": ("airflow",)})
    people = (*APPROVERS[1:], APPROVERS[0].model_copy(update={"airflow_user": "lead"}))
    [lacking] = release.check_approved(
        DIGEST,
        PACK,
        [template.model_copy(update={"release": terms})],
        [],
        approvers=people,
        allowed_signers=Path("none"),
    )
    assert lacking.people == (LEAD,)


@pytest.mark.parametrize(
    "other",
    [approval(LEAD, pack_sha256="0" * 64), approval(STRANGER), approval("officer@example.org")],
    ids=["of another release", "of a stranger", "of a person without the role"],
)
def test_an_approval_does_not_count(other: release.Approval) -> None:
    assert missing(other) == missing()
    assert missing()


def test_a_refusal_stands_against_any_approval() -> None:
    refusal = approval(GUARDIAN, approve=False, note="far fewer births than usual")
    for order in ((approval(LEAD), refusal), (refusal, approval(LEAD))):
        with pytest.raises(Refused, match=f'{GUARDIAN} refused it: "far fewer births than usual"'):
            missing(*order)


@pytest.mark.parametrize("note", ["", "   ", "-", "no", "…!?"])
def test_a_refusal_says_why(note: str) -> None:
    with pytest.raises(SettingsError, match="needs its reason"):
        release.check_reason(note)


def test_a_reason_is_a_few_words() -> None:
    release.check_reason("far fewer births than usual")


def test_a_pack_that_is_not_the_one_asked_about_is_an_integrity_error() -> None:
    with pytest.raises(IntegrityError):
        release.check_approved(
            DIGEST, PACK + b" ", [agreement(1)], [approval(LEAD)], approvers=APPROVERS, allowed_signers=Path()
        )


def test_a_signature_counts_only_over_this_pack_and_by_this_person(tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    public = make_ssh_key(tmp_path / "lead", LEAD)
    signers.write_text(f'{LEAD} namespaces="{release.NAMESPACE}" {public}\n')

    def signed(content: bytes, principal: str = LEAD) -> release.Approval:
        signature = sign_ssh(content, private_key=tmp_path / "lead", namespace=release.NAMESPACE).decode()
        return approval(principal, way="signature", signature=signature)

    assert missing(signed(PACK), signers=signers) == []
    for forged in (signed(b"another"), signed(release.refusal(PACK)), signed(PACK, GUARDIAN)):
        with pytest.raises(IntegrityError):
            missing(forged, signers=signers)


def test_only_large_changes_are_pointed_out() -> None:
    before = {"shared": 100, "held": 10, "withheld": 3}
    assert release.notable({"shared": 120, "held": 11, "withheld": 5}, before) == []
    assert release.notable({"shared": 20, "held": 10, "withheld": 3}, before) == [
        "shared: 20, last month 100"
    ]
    assert release.notable({"shared": 20}, {}) == []
