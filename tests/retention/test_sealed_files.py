"""Sealed files in the inbox can be opened with our key, so they are the data, and end like it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline.afterwards import changes
from pipeline.demo.births import as_csv
from pipeline.errors import IntegrityError
from pipeline.keeping import retention

OBJECTED = {"subject": "child", "nhs_number": "9990000018", "word": "objected", "since": "2026-10-30"}


def destroyed(authority: Authority, days: int) -> int:
    found = retention.run(authority.reopened(), now=NOW + timedelta(days=days))
    return int(found["destroyed"].get("sealed_files", 0))


def waiting(authority: Authority, days: int) -> list[dict[str, Any]]:
    return list(retention.run(authority.reopened(), now=NOW + timedelta(days=days))["waiting"])


def test_an_extract_ends_so_many_days_after_its_month_was_closed(birthshare: CommandLine) -> None:
    birthshare.finish()
    authority = birthshare.authority
    assert destroyed(authority, 30) == 0
    assert destroyed(authority, 31) == 1
    assert not authority.sealed.exists()


def test_an_extract_of_an_open_month_stays_as_long_as_its_working_files(authority: Authority) -> None:
    authority.run(until="release")
    assert destroyed(authority, 90) == 0
    assert destroyed(authority, 91) == 1


def test_the_one_that_a_newer_extract_replaced_goes_as_well(authority: Authority) -> None:
    """It lies in the inbox under a name that no run looks for any more."""
    authority.run(until="release")
    older = authority.sealed.rename(authority.inbox / "replaced-births.gpg")
    authority.send(as_csv(authority.extract()))
    authority.prepare_and_approve()
    authority.run()
    assert destroyed(authority, 31) == 2
    assert not older.exists()


def test_the_companion_files_of_a_month_end_with_it(
    birthshare: CommandLine, answering: Callable[..., Path]
) -> None:
    companion = answering()
    authority = birthshare.authority
    birthshare.finish()
    assert companion.exists()
    assert destroyed(authority, 31) == 2
    assert not companion.exists()


def test_a_feed_ends_so_many_days_after_it_was_applied(
    birthshare: CommandLine, feeding: Callable[..., Path]
) -> None:
    authority = birthshare.authority
    authority.sealed.unlink()
    feed = feeding(OBJECTED)
    changes.apply_feeds(authority.reopened(), now=NOW)
    assert destroyed(authority, 30) == 0
    assert destroyed(authority, 31) == 1
    assert not feed.exists()


def test_a_feed_that_was_refused_waits_for_a_person_since_it_may_hold_a_death(
    birthshare: CommandLine, feeding: Callable[..., Path]
) -> None:
    authority = birthshare.authority
    authority.sealed.unlink()
    feed = feeding(content=b"what,is,this\n")
    [applied] = changes.apply_feeds(authority.reopened(), now=NOW)
    assert applied.problem is not None
    assert waiting(authority, 30) == []
    [told] = waiting(authority, 31)
    assert told["where"] == f"inbox/chis/{feed.name}"
    assert "may hold a death" in told["do"]
    assert feed.exists()


def test_an_extract_that_was_refused_ends_and_its_month_waits(authority: Authority) -> None:
    authority.send(b"what,is,this\n")
    with pytest.raises(IntegrityError, match="header"):
        authority.run()
    assert destroyed(authority, 30) == 0
    assert destroyed(authority, 31) == 1


def test_a_file_that_was_never_read_waits_for_a_person(authority: Authority) -> None:
    moment = NOW.timestamp()
    os.utime(authority.sealed, (moment, moment))
    assert waiting(authority, 90) == []
    [told] = waiting(authority, 91)
    assert (told["class"], told["where"]) == ("sealed_files", f"inbox/chis/{authority.sealed.name}")
    assert str(MONTH) in told["where"]
    assert "never read" in told["do"]
    assert authority.sealed.exists()
