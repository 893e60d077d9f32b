"""Suppliers' feeds: opened and verified as extracts are, applied once, heard at the last gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from changes.writing import changes_csv, families, reference
from month_authority import MONTH, NOW, CommandLine
from pipeline import month as months
from pipeline.afterwards import changes
from pipeline.encryption import gnupg
from pipeline.errors import IntegrityError, Refused
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import ChangesApplied, ExtractRefused, Kind

DONE, WRONG_USE, REFUSED, INTEGRITY, WAITING = 0, 2, 3, 4, 6
NUMBER = "9997786424"
DEATH = {"subject": "child", "nhs_number": NUMBER, "word": "child_died", "since": "2026-11-01T10:00:00"}

Feed = Callable[..., Path]


def said_of(birthshare: CommandLine, kind: str, number: str) -> set[str]:
    home = birthshare.authority.home
    with opened_ledger(home) as ledger:
        words = ledger.suppressions()
    return set(words.loc[words["subject"].isin(reference(home, kind, [number])), "word"])


def test_a_feed_is_verified_and_applied_once(birthshare: CommandLine, feeding: Feed) -> None:
    feeding(DEATH)
    answer = birthshare("changes", "apply", "--json")
    assert answer.code == DONE
    [file] = answer.json["files"]
    assert (file["source"], file["applied"], file["rows"], file["new"]) == ("chis", True, 1, 1)
    assert said_of(birthshare, "child", NUMBER) == {"child_died"}
    [body] = birthshare.authority.recorded(Kind.CHANGES_APPLIED)
    assert isinstance(body, ChangesApplied)
    assert (len(body.signer), body.principal) == (40, "")
    again = birthshare("changes", "apply", "--json")
    assert (again.code, again.json["files"]) == (DONE, [])
    birthshare("changes", "apply").says()
    assert birthshare("ledger", "verify").code == DONE


def test_feeds_of_several_days_add_up(birthshare: CommandLine, feeding: Feed) -> None:
    feeding(DEATH)
    feeding(DEATH, DEATH | {"word": "death_removed", "since": "2026-11-02"}, day="2026-11-03")
    answer = birthshare("changes", "apply", "--json").json
    assert [file["new"] for file in answer["files"]] == [1, 1]
    assert said_of(birthshare, "child", NUMBER) == {"child_died", "death_removed"}


def test_a_feed_without_changes_says_that_there_were_none(birthshare: CommandLine, feeding: Feed) -> None:
    feeding()
    assert birthshare("changes", "apply", "--json").json["files"][0]["rows"] == 0
    assert len(birthshare.authority.recorded(Kind.CHANGES_APPLIED)) == 1


# --- feeds that are refused -----------------------------------------------------------------------


def signed_by_another(birthshare: CommandLine, target: Path) -> None:
    authority = birthshare.authority
    key = authority.received / "centre-04" / "centre-04.private.asc"
    with gnupg.temporary_home() as home:
        gnupg.import_key(home, key)
        ours = str(authority.supplier / "authority.asc")
        finished = gnupg.run(
            home, "--recipient-file", ours, "--sign", "--encrypt", given=changes_csv([DEATH])
        )
    target.write_bytes(finished.output)


REFUSED_FEEDS: dict[str, tuple[bytes | None, str, str]] = {
    "wrong signer": (None, "wrong_signer", "not signed by the agreed key"),
    "bad row": (changes_csv([DEATH, DEATH | {"nhs_number": "123"}]), "rows_unusable", "record 2"),
    "unknown word": (changes_csv([DEATH | {"word": "dead"}]), "unusable", "column word"),
    "missing column": (b"subject,nhs_number\r\nchild,9997786424\r\n", "unusable", "missing: word"),
    "not UTF-8": (b"subject,word,record_id\r\nchild,suppressed,Zo\xeb\r\n", "unusable", "not in UTF-8"),
    "empty": (b"", "unusable", "The file is empty"),
}


@pytest.mark.parametrize("kind", REFUSED_FEEDS)
def test_a_feed_that_cannot_be_trusted_is_refused_whole_and_recorded(
    birthshare: CommandLine, feeding: Feed, kind: str
) -> None:
    content, problem, what = REFUSED_FEEDS[kind]
    file = feeding(content=content or b"")
    if content is None:
        signed_by_another(birthshare, file)
    answer = birthshare("changes", "apply", "--json")
    assert answer.code == INTEGRITY
    answer.says(what, file.name, "Move this file out of the inbox")
    assert answer.json["files"][0]["applied"] is False
    assert said_of(birthshare, "child", NUMBER) == set()
    birthshare("changes", "apply")
    [refused] = birthshare.authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert (refused.supplier, refused.problem) == ("chis", problem)
    assert birthshare.authority.recorded(Kind.CHANGES_APPLIED) == []
    assert NUMBER not in birthshare.said


def test_a_refused_feed_does_not_keep_another_from_being_heard(
    birthshare: CommandLine, feeding: Feed
) -> None:
    feeding(content=b"nonsense")
    feeding(DEATH, day="2026-11-03")
    assert birthshare("changes", "apply").code == INTEGRITY
    assert said_of(birthshare, "child", NUMBER) == {"child_died"}


def test_the_supplier_is_told_rows_and_rules_and_no_value(birthshare: CommandLine, feeding: Feed) -> None:
    feeding(DEATH, DEATH | {"nhs_number": "9997786425"})
    birthshare("changes", "apply")
    [report] = (birthshare.authority.home.outbox / "chis").glob("quarantine_changes_chis_*.csv")
    assert "2,nhs_number,nhs_number_check_digit" in report.read_text()
    assert "99977864" not in report.read_text()


def test_a_feed_that_says_it_was_signed_in_the_future_is_refused(
    birthshare: CommandLine, feeding: Feed
) -> None:
    feeding(DEATH)
    home = birthshare.authority.reopened()
    [found] = changes.apply_feeds(home, now=NOW - timedelta(hours=2))
    assert found.problem is not None
    assert "signed in the future" in str(found.problem)


# --- the month ------------------------------------------------------------------------------------


def test_a_month_hears_what_waits_in_the_inbox_before_it_decides(
    birthshare: CommandLine, feeding: Feed
) -> None:
    authority = birthshare.authority
    assert birthshare.run().code == WAITING
    family = families(authority).iloc[0]
    [child] = reference(authority.home, "child", [family["nhs_number"]])
    feeding({"subject": "child", "nhs_number": family["nhs_number"], "word": "restricted_record"})
    authority.send(authority.extract())  # signed anew: the month is decided anew
    assert birthshare.run().code == WAITING
    assert child not in {one for code in authority.demo.centres for one in authority.shared(code)}


@pytest.mark.parametrize(
    ("subject", "number", "word"),
    [
        ("child", "nhs_number", "child_died"),
        ("child", "nhs_number", "consent_withdrawn"),
        ("parent", "parent_nhs_number", "suppressed"),
    ],
)
def test_a_word_that_comes_after_the_approval_is_heard_at_the_gate(
    birthshare: CommandLine, feeding: Feed, subject: str, number: str, word: str
) -> None:
    authority = birthshare.authority
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    family = families(authority).iloc[0]
    home = family["address_line_1"]
    feeding({"subject": subject, "nhs_number": family[number], "word": word, "since": "2026-11-01"})
    lists = months.deliver(authority.reopened(), MONTH, now=NOW)
    written = [str(row) for one in lists for row in authority.families(one["code"])]
    assert written
    assert not any(home in row for row in written)


def test_no_list_is_sealed_while_a_feed_lies_there_that_cannot_be_read(
    birthshare: CommandLine, feeding: Feed
) -> None:
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    bad = feeding(content=b"nonsense")
    answer = birthshare.run()
    assert answer.code == INTEGRITY
    answer.says(bad.name)
    assert birthshare.authority.files() == {}
    with pytest.raises(IntegrityError, match=bad.name):
        months.deliver(birthshare.authority.reopened(), MONTH, now=NOW)
    assert birthshare.authority.files() == {}
    bad.unlink()
    assert birthshare.run().json["state"] == "closed"


def test_a_feed_is_a_newer_word_on_deaths(birthshare: CommandLine, feeding: Feed) -> None:
    """The extract is older than the agreement allows; a feed applied since makes up for it."""
    authority = birthshare.authority
    authority.prepare_and_approve()
    late = NOW + timedelta(days=8)
    with pytest.raises(Refused, match="deaths_feed_stale"):
        months.run(authority.home, MONTH, now=late)
    _record_feed_of(birthshare, NOW + timedelta(days=3))
    assert months.run(authority.home, MONTH, now=late)["state"] == "closed"


def test_the_authoritys_own_list_is_no_word_on_deaths(birthshare: CommandLine, write: Feed) -> None:
    authority = birthshare.authority
    authority.prepare_and_approve()
    late = NOW + timedelta(days=8)
    changes.apply_list(authority.home, write(DEATH), principal="data.lead@example.org", now=late)
    with pytest.raises(Refused, match="deaths_feed_stale"):
        months.run(authority.home, MONTH, now=late)


def _record_feed_of(birthshare: CommandLine, signed_at: datetime) -> None:
    """A feed that was applied; gpg signs with the clock of today, so the entry is written directly."""
    from pipeline.records import SUPPRESSIONS, empty

    body = ChangesApplied(
        source="chis", sha256="0" * 64, signer="A" * 40, signed_at=signed_at, rows=0, words={}, unusable=0
    )
    with opened_ledger(birthshare.authority.home) as ledger:
        ledger.suppress(empty(SUPPRESSIONS), NOW, source=body)


def test_a_damaged_ledger_takes_no_words(birthshare: CommandLine, feeding: Feed) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    (authority.home.outbox / "checkpoint.txt").write_text("birthshare/E06000000\n99\nAAAA\n\n")
    feeding(DEATH)
    with pytest.raises(IntegrityError, match="ledger is damaged"):
        changes.apply_feeds(authority.reopened(), now=NOW)
    assert said_of(birthshare, "child", NUMBER) == set()
