"""A release leaves only when enough of the right people approved exactly it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import release
from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement, Release
from pipeline.demo.keys import make_ssh_key
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import IntegrityError, Refused
from pipeline.home import Approver
from pipeline.records import TEMPLATES

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


def missing(*approvals: release.Approval, needed: int = 1, signers: Path = Path("none")) -> list[str]:
    return release.check_approved(
        DIGEST, PACK, [agreement(needed)], approvals, approvers=APPROVERS, allowed_signers=signers
    )


def test_one_approval_is_enough_where_the_agreement_asks_for_one() -> None:
    assert missing(approval(LEAD)) == []


def test_two_approvals_are_two_persons() -> None:
    assert missing(approval(LEAD), approval(LEAD), needed=2)
    assert missing(approval(LEAD), approval(GUARDIAN), needed=2) == []


@pytest.mark.parametrize(
    "other",
    [approval(LEAD, pack_sha256="0" * 64), approval(STRANGER), approval("officer@example.org")],
    ids=["of another release", "of a stranger", "of a person without the role"],
)
def test_an_approval_does_not_count(other: release.Approval) -> None:
    assert missing(other) == ["welcome-card-first-visit: 1 approval(s) by data_lead or caldicott_guardian"]


def test_a_refusal_stands_against_any_approval() -> None:
    with pytest.raises(Refused, match="refused"):
        missing(approval(LEAD), approval(GUARDIAN, approve=False))


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
