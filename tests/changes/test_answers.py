"""Companion answers: the month waits for them, and they count beside what the births' rows say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from changes.writing import check_nothing_shown, families, reference
from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline import month as months
from pipeline.errors import IntegrityError
from pipeline.ledger.entries import AnswersReceived, ExtractRefused, Kind
from pipeline.reasons import Reason, unpack
from pipeline.steps.inputs import ANSWERS, decisions_of

DONE, INTEGRITY, WAITING = 0, 4, 6

Answering = Callable[..., Path]


def answer(family: pd.Series, status: str, person: str = "father", **more: str) -> dict[str, str]:
    said = {"nhs_number": family["nhs_number"], "consent_status": status, "consent_given_by": person}
    return {**said, "consent_date": str((NOW - timedelta(days=3)).date()), **more}


def reasons(authority: Authority, family: pd.Series) -> set[Reason]:
    """Every reason against a child, as the month is decided now."""
    [child] = reference(authority.home, "child", [family["nhs_number"]])
    with months.opened(authority.reopened(), MONTH, NOW) as desk:
        [one] = desk.agreements
        decided = desk.staging.frame(decisions_of(one.agreement.id))
    return {
        reason for packed in decided.loc[decided["child"] == child, "reasons"] for reason in unpack(packed)
    }


def test_a_month_waits_for_the_answers_as_it_waits_for_the_extract(
    birthshare: CommandLine, answering: Answering
) -> None:
    stopped = birthshare.run()
    assert stopped.code == WAITING
    stopped.says(f"consent answers of chis for {MONTH} have not arrived", f"consents_chis_{MONTH}.csv.gpg")
    answering()
    assert birthshare.finish()["balanced"]
    [received] = birthshare.authority.recorded(Kind.ANSWERS_RECEIVED)
    assert isinstance(received, AnswersReceived)
    assert (received.supplier, received.rows, received.unusable) == ("chis", 0, 0)


def test_a_refusal_in_the_companion_file_keeps_a_family_off_that_the_extract_would_share(
    birthshare: CommandLine, answering: Answering
) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    first, second, third = (family for _, family in families(authority).head(3).iterrows())
    answering(answer(first, "refused"), answer(second, "withdrawn"), answer(third, "given"))
    state = birthshare.finish()
    written = [str(row) for one in state["recipients"] for row in authority.families(one["code"])]
    for family, is_written in ((first, False), (second, False)):
        assert any(family["address_line_1"] in row for row in written) == is_written
    check_nothing_shown(birthshare, first["nhs_number"], second["nhs_number"], third["nhs_number"])


def test_a_late_yes_in_the_companion_file_is_heard_to_the_end(
    birthshare: CommandLine, answering: Answering
) -> None:
    """The birth's own row has no answer; without the file's the gate would take the family off again."""
    authority = birthshare.authority
    authority.run(until="release")
    late = families(authority).iloc[0]
    extract = authority.extract()
    mine = extract["nhs_number"] == late["nhs_number"]
    said = ["consent_status", "consent_date", "consent_scope", "consent_wording", "consent_given_by"]
    extract.loc[mine, said] = ""
    authority.send(extract)
    answering({name: late[name] for name in ("nhs_number", *said)})
    state = birthshare.finish()
    written = [str(row) for one in state["recipients"] for row in authority.families(one["code"])]
    assert any(late["address_line_1"] in row for row in written)


def test_each_answer_is_a_reason_by_its_own_code(birthshare: CommandLine, answering: Answering) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    refused, withdrawn = (family for _, family in families(authority).head(2).iterrows())
    answering(answer(refused, "refused"), answer(withdrawn, "withdrawn"))
    assert birthshare.run().code == WAITING
    assert Reason.CONSENT_REFUSED in reasons(authority, refused)
    assert Reason.CONSENT_WITHDRAWN in reasons(authority, withdrawn)


def test_answers_are_bound_into_what_is_approved(birthshare: CommandLine, answering: Answering) -> None:
    """Other answers are another release, even where they decide nothing."""
    answering()
    birthshare.run()
    birthshare.approve()
    answering({"nhs_number": "9997786424", "consent_status": "refused", "consent_given_by": "mother"})
    assert birthshare.run().code == WAITING
    assert len(birthshare.authority.recorded(Kind.RELEASE_REQUESTED)) == 2


def test_answers_altered_after_the_approval_are_found_out(
    birthshare: CommandLine, answering: Answering
) -> None:
    answering()
    birthshare.run()
    birthshare.approve()
    with months.opened(birthshare.authority.reopened(), MONTH, NOW) as desk:
        frame = desk.staging.frame(ANSWERS)
        row = dict.fromkeys(frame, "") | {"child": "0" * 32, "answer": "given", "date": pd.NaT}
        desk.staging.put_frame(ANSWERS, pd.concat([frame, pd.DataFrame([row])]).astype(frame.dtypes))
    with pytest.raises(IntegrityError, match="not those that were approved"):
        months.deliver(birthshare.authority.home, MONTH, now=NOW)
    assert birthshare.authority.files() == {}


def test_a_permission_about_nobody_is_counted_and_reported(
    birthshare: CommandLine, answering: Answering
) -> None:
    answering({"nhs_number": "999 778 6424", "consent_status": "given", "consent_given_by": "mother"})
    assert birthshare.run().code == WAITING
    [received] = birthshare.authority.recorded(Kind.ANSWERS_RECEIVED)
    assert isinstance(received, AnswersReceived)
    assert (received.rows, received.unusable) == (1, 1)
    report = birthshare.authority.home.outbox / "chis" / f"quarantine_consents_chis_{MONTH}.csv"
    assert "1,nhs_number,nhs_number_format" in report.read_text()
    check_nothing_shown(birthshare, "999 778 6424", "9997786424")


# --- files that are refused -----------------------------------------------------------------------

YES = "nhs_number,consent_status,consent_date,consent_given_by\r\n"
BAD = {
    "a refusal about nobody": (
        f"{YES}9997786425,refused,2026-10-10,mother\r\n", "refusal_unusable", "nobody would know whom",
    ),
    "a missing column": ("nhs_number,consent_status\r\n", "unusable", "missing: consent_date"),
    "an unknown column": (f"surname,{YES}", "unusable", "not in the contract"),
    "an unknown code": (f"{YES}9997786424,yes,2026-10-10,mother\r\n", "unusable", "column consent_status"),
    "nothing": ("", "unusable", "The file is empty"),
    "a ragged row": (f"{YES}9997786424,given\r\n", "unusable", "more or fewer fields"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_answers_that_cannot_be_relied_on_stop_the_month(
    birthshare: CommandLine, answering: Answering, kind: str
) -> None:
    text, problem, what = BAD[kind]
    answering(content=text.encode())
    stopped = birthshare.run()
    assert stopped.code == INTEGRITY
    stopped.says(what, "consent answers of chis")
    [refused] = birthshare.authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert refused.problem == problem
    assert birthshare.authority.recorded(Kind.ANSWERS_RECEIVED) == []
    assert birthshare.authority.recorded(Kind.RELEASE_REQUESTED) == []
    assert birthshare.run().code == INTEGRITY
    check_nothing_shown(birthshare, "9997786424", "9997786425")
    answering()
    assert birthshare.run().code == WAITING


def test_answers_not_in_utf_8_stop_the_month(birthshare: CommandLine, answering: Answering) -> None:
    answering(content=YES.encode() + b"9997786424,given,2026-10-10,m\xe8re\r\n")
    stopped = birthshare.run()
    assert stopped.code == INTEGRITY
    stopped.says("not in UTF-8", "record 1")


def test_answers_that_were_altered_on_their_way_stop_the_month(
    birthshare: CommandLine, answering: Answering
) -> None:
    file = answering()
    sealed = bytearray(file.read_bytes())
    sealed[len(sealed) // 2] ^= 1
    file.write_bytes(sealed)
    assert birthshare.run().code == INTEGRITY
    [refused] = birthshare.authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert refused.problem == "tampered"


def test_answers_used_in_another_month_are_refused(birthshare: CommandLine, answering: Answering) -> None:
    file = answering()
    birthshare.run()
    previous = MONTH.plus(-1)
    file.rename(file.with_name(f"consents_chis_{previous}.csv.gpg"))
    birthshare.authority.sealed.rename(birthshare.authority.inbox / f"births_chis_{previous}.csv.gpg")
    stopped = birthshare("run", str(previous))
    assert stopped.code == INTEGRITY
    stopped.says(f"already received for {MONTH}")


def test_a_file_that_has_gone_from_the_inbox_since_is_no_change(
    birthshare: CommandLine, answering: Answering
) -> None:
    file = answering()
    birthshare.run()
    birthshare.approve()
    file.unlink()
    assert birthshare.run().json["state"] == "closed"
