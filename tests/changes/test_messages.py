"""A supplier's feed may be event messages: sealed, read whole or not at all, and heard as rows are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from changes.writing import check_nothing_shown, families, reference
from intake.messages import NUMBER, RECORD, as_json, as_xml, collection, death, message, move, restricted
from month_authority import CommandLine
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import ExtractRefused, Kind

DONE, INTEGRITY, WAITING = 0, 4, 6

Messages = Callable[..., Path]


@pytest.fixture
def messages(birthshare: CommandLine) -> Messages:
    """The trust's feed of messages, sealed, in the inbox; the settings know of it."""
    birthshare.authority.setting(
        "[suppliers.chis]",
        '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.fhir.gpg"\nchanges_format = "fhir"',
    )

    def sent(content: bytes, day: str = "2026-11-02") -> Path:
        authority = birthshare.authority
        return authority.send(content, authority.inbox / f"changes_chis_{day}.fhir.gpg")

    return sent


def said_of(birthshare: CommandLine, kind: str, number: str) -> set[str]:
    home = birthshare.authority.home
    with opened_ledger(home) as ledger:
        words = ledger.suppressions()
    return set(words.loc[words["subject"].isin(reference(home, kind, [number])), "word"])


@pytest.mark.parametrize("write", [as_json, lambda *all_of_them: as_xml(collection(*all_of_them))])
def test_messages_are_verified_and_applied_once(
    birthshare: CommandLine, messages: Messages, write: Callable[..., bytes]
) -> None:
    messages(write(death("1"), message(RECORD, meta=restricted("R")), move(), message(RECORD)))
    [file] = birthshare("changes", "apply", "--json").json["files"]
    assert (file["source"], file["applied"], file["rows"], file["new"]) == ("chis", True, 4, 6)
    assert file["silent"] == 1  # a bare change of a record: nobody knows of what
    assert said_of(birthshare, "child", NUMBER) == {"child_died", "restricted_record", "recent_move"}
    assert said_of(birthshare, "parent", NUMBER) == {"parent_died", "restricted_record", "recent_move"}
    assert birthshare("changes", "apply", "--json").json["files"] == []
    check_nothing_shown(birthshare, NUMBER, "SAMPLESON")


def test_a_month_hears_a_message_before_a_list_is_sealed(birthshare: CommandLine, messages: Messages) -> None:
    authority = birthshare.authority
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    first, second = (family for _, family in families(authority).head(2).iterrows())
    messages(as_json(death("2", number=first["nhs_number"]), move(number=second["parent_nhs_number"])))
    state = birthshare.run().json
    assert state["state"] == "closed"
    written = [str(row) for one in state["recipients"] for row in authority.families(one["code"])]
    assert written
    assert not any(
        family["address_line_1"] in row for family in (first, second) for row in written
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problem", "what"),
    [
        (as_json(death(), death("3")), "message_unusable", "message 2"),
        (as_json(death(), death(number="9997786425")), "rows_unusable", "nhs_number_check_digit"),
        (as_json(death(), message("pds-birth-notification-1")), "message_unusable", "MessageHeader.event"),
        (b"<!DOCTYPE a []><a/>", "unreadable", "declares a document type"),
        (b"subject,nhs_number,word\r\n", "unreadable", "no FHIR resource"),
        (b"", "message_unusable", "empty"),
    ],
    ids=["a code", "a number", "an event", "a document type", "rows", "nothing"],
)
def test_one_message_that_cannot_be_used_refuses_the_file(
    birthshare: CommandLine, messages: Messages, content: bytes, problem: str, what: str
) -> None:
    file = messages(content)
    answer = birthshare("changes", "apply")
    assert answer.code == INTEGRITY
    answer.says(what, file.name, "Move this file out of the inbox")
    assert said_of(birthshare, "child", NUMBER) == set()
    [refused] = birthshare.authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert (refused.supplier, refused.problem) == ("chis", problem)
    check_nothing_shown(birthshare, NUMBER, "9997786425")


def test_a_death_that_was_taken_back_by_a_newer_message_no_longer_stands(
    birthshare: CommandLine, messages: Messages
) -> None:
    birthshare.run()
    family = families(birthshare.authority).iloc[0]
    number = family["nhs_number"]
    messages(as_json(death("1", "2026-11-01T10:00:00Z", number=number)))
    messages(as_json(death("U", "2026-11-01T10:00:01Z", number=number)), day="2026-11-03")
    birthshare.approve()
    state = birthshare.run().json
    written = [str(row) for one in state["recipients"] for row in birthshare.authority.families(one["code"])]
    assert any(family["address_line_1"] in row for row in written)
    assert said_of(birthshare, "parent", number) == {"parent_died"}
