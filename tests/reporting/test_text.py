"""The release in a terminal says what its page says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipeline.errors import IntegrityError
from pipeline.reporting import release_markdown, release_text


def text_of(pack: dict[str, Any]) -> str:
    return release_text(pack, pack_sha256="09" * 32)


def leaves(content: Any) -> list[str]:
    if isinstance(content, dict):
        return [leaf for value in content.values() for leaf in leaves(value)]
    return [leaf for one in content for leaf in leaves(one)] if isinstance(content, list) else [str(content)]


def test_it_shows_everything_that_the_approval_binds_even_when_that_is_more(pack: dict[str, Any]) -> None:
    pack["something_new"] = {"deep": "ab12"}

    shown = text_of(pack)
    pack["agreements"]["welcome-card"]["approvals_by"] = ["data lead", "Caldicott guardian"]  # in words

    assert all(leaf in shown for leaf in leaves({k: v for k, v in pack.items() if k != "month"}))
    assert "October 2026" in shown
    assert "09" * 32 in shown


def test_it_is_plain_text_whose_books_are_judged(pack: dict[str, Any]) -> None:
    assert re.search(r"received: the books balance +100\n", text_of(pack))
    assert not re.search(r"<[a-z/]|&[a-z]+;", text_of(pack))
    assert "Warwick & District Council" in text_of(pack)

    pack["books"]["welcome-card"]["chis"]["received"] = 101

    assert re.search(r"THE BOOKS DO NOT BALANCE +101\n", text_of(pack))


def test_reasons_are_in_words_and_lists_are_summed(pack: dict[str, Any]) -> None:
    shown = text_of(pack)

    assert re.search(r"consent was refused \(withhold, consent_refused\) +18\n", shown)
    assert re.search(r"centre-3 +0\n +3 lists +58\n", shown)


def test_no_reasons_at_all_and_nothing_notable_are_said(pack: dict[str, Any]) -> None:
    pack["agreements"]["welcome-card"]["reasons"] = {}
    pack["notable"] = []

    assert "several\n  none\n" in text_of(pack)
    assert "nothing notable" in text_of(pack)


def test_a_reason_that_nobody_knows_makes_no_text(pack: dict[str, Any]) -> None:
    pack["agreements"]["welcome-card"]["reasons"] = {"invented": 1}

    with pytest.raises(IntegrityError, match="invented"):
        text_of(pack)


def test_in_markdown_counts_stand_in_tables_and_marks_in_names_are_only_names(pack: dict[str, Any]) -> None:
    pack["authority"] = "Warwick | [District](http://example.org) *Council* <b>"

    shown = release_markdown(pack, pack_sha256="09" * 32)

    assert "| received: the books balance | 100 |" in shown
    assert "| consent was refused (withhold, consent_refused) | 18 |" in shown
    assert "| 3 lists | 58 |" in shown
    assert r"Warwick \| \[District\](http://example.org) \*Council\* \<b\>" in shown


def test_in_markdown_moments_roles_and_recipients_are_in_words(pack: dict[str, Any]) -> None:
    pack["decided_at"] = pack["asked_at"] = "2026-07-03T08:00:00+00:00"

    shown = release_markdown(pack, pack_sha256="09" * 32, names={"centre-1": "Wagtail House"})

    assert "Decided on 3 July 2026, 09:00." in shown
    assert "Approvals needed: 1, by data lead or Caldicott guardian" in shown
    assert "| Wagtail House (centre-1) | 32 |" in shown
    assert not re.search(r"\dT\d|data_lead", shown)


def test_in_markdown_only_digests_that_nobody_compares_are_left_out_and_counted(pack: dict[str, Any]) -> None:
    pack["something_new"] = {"deep": "ab12", "digest": "cd" * 32}

    shown = release_markdown(pack, pack_sha256="09" * 32)

    assert "09" * 32 in shown
    assert "something_new › deep: ab12" in shown
    assert "cd" * 32 not in shown
    assert re.search(r"\b[1-9][0-9]* digests .*: birthshare release show 2026-10", shown)
