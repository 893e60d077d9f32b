"""Checkpoints: what the ledger was, signed, in a form that others' programs read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from pipeline.encryption.signing import sign_note
from pipeline.errors import IntegrityError, SettingsError
from pipeline.ledger.checkpoints import read_origin, read_statement, statement
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import EMPTY_ROOT
from pipeline.ledger.verify import verify

ORIGIN = "birthshare.example.org/test"
Sign = Callable[[str], str]
CLOSED = Entry(MonthClosed(), "2026-10")


def test_the_text_is_that_of_the_published_format() -> None:
    # The example of the C2SP tlog-checkpoint specification.
    root = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    text = statement("example.com/behind-the-sofa", 20852163, root)
    assert text == "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert read_statement(text) == (20852163, root)


ROOT = base64.b64encode(EMPTY_ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"origin\n0\n{ROOT}",
        f"origin\n00\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n\u0661\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
        f"or igin\n1\n{ROOT}\n",
        f"origin\n1\n{ROOT}\nmore\n",
        f"origin\n1\n{ROOT[:-4]}\n",
        f"origin\n1\n{ROOT[:-2]}V=\n",
        "origin\n1\nnot base64 at all\n",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="not a checkpoint"):
        read_statement(text)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "two\nlines", "n\u00e4me"])
def test_an_origin_that_would_change_the_text_is_refused(
    ledger: Ledger, sign: Sign, now: datetime, origin: str
) -> None:
    with pytest.raises(SettingsError, match="origin"):
        ledger.checkpoint(sign, origin=origin)
    assert ledger.latest_checkpoint() is None


def test_a_checkpoint_states_size_and_root_under_a_signature(
    ledger: Ledger, sign: Sign, check_note: Sign, now: datetime
) -> None:
    ledger.append(CLOSED, CLOSED, at=now)
    checkpoint = ledger.checkpoint(sign, origin=ORIGIN)
    assert checkpoint == ledger.latest_checkpoint()
    assert checkpoint.size == 2
    assert checkpoint.root == verify(ledger, check_note=None).root
    assert read_statement(check_note(checkpoint.note)) == (2, bytes.fromhex(checkpoint.root))


def test_without_new_entries_the_checkpoint_stays_the_same(
    ledger: Ledger, sign: Sign, later: Callable[[], datetime]
) -> None:
    ledger.append(CLOSED, at=later())
    first = ledger.checkpoint(sign, origin=ORIGIN)
    assert ledger.checkpoint(sign, origin=ORIGIN) == first
    ledger.append(CLOSED, at=later())
    assert ledger.checkpoint(sign, origin=ORIGIN).size == 2


def test_an_empty_ledger_has_a_checkpoint_too(ledger: Ledger, sign: Sign, now: datetime) -> None:
    assert ledger.checkpoint(sign, origin=ORIGIN).root == EMPTY_ROOT.hex()
    ledger.append(CLOSED, at=now)
    assert verify(ledger, check_note=None).checkpoints == 1
    assert verify(ledger, check_note=None).sound


def test_a_damaged_ledger_is_not_signed(
    ledger: Ledger, sign: Sign, sql: Callable[..., Any], unguarded: None, now: datetime
) -> None:
    ledger.append(CLOSED, CLOSED, CLOSED, at=now)
    sql("UPDATE entries SET month = '2026-09' WHERE seq = 2")
    with pytest.raises(IntegrityError, match="entry 2 does not say what was recorded"):
        ledger.checkpoint(sign, origin=ORIGIN)
    assert ledger.latest_checkpoint() is None


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_what_was_recorded_while_it_was_read_is_read_before_it_is_signed(
    ledger: Ledger, unguarded: None, sql: Callable[..., Any], sign: Sign, now: datetime
) -> None:
    def meanwhile(change: str = "") -> Iterator[str]:
        """Asked for what others hold once the state that is read is fixed; on SQLite nobody could write."""
        ledger.append(CLOSED, at=now)
        sql(f"UPDATE entries SET month = '{change or '2026-10'}' WHERE seq = 2")
        yield from ()

    ledger.append(CLOSED, at=now)
    with pytest.raises(IntegrityError, match="damaged.*entry 2 "):
        ledger.checkpoint(sign, origin=ORIGIN, kept_elsewhere=meanwhile("2026-11"))
    assert ledger.latest_checkpoint() is None
    sql("UPDATE entries SET month = '2026-10' WHERE seq = 2")
    assert ledger.checkpoint(sign, origin=ORIGIN, kept_elsewhere=meanwhile()).size == 3


def test_another_key_is_noticed(ledger: Ledger, check_note: Sign, now: datetime) -> None:
    ledger.append(CLOSED, at=now)
    ledger.checkpoint(lambda text: sign_note(text, name=ORIGIN, private_key=bytes(32)), origin=ORIGIN)
    found = verify(ledger, check_note=check_note)
    assert str(found.problem) == "entry 1 is the last of a checkpoint whose signature is not genuine"


def test_every_checkpoint_is_read_from_the_newest_back_as_far_as_is_wanted(
    ledger: Ledger, sign: Sign, later: Callable[[], datetime]
) -> None:
    made = []
    for _ in range(5):
        ledger.append(CLOSED, at=later())
        made.append(ledger.checkpoint(sign, origin=ORIGIN))
    with ledger.checkpoints() as known:
        assert list(known) == made[::-1]
    with ledger.checkpoints() as known:
        assert next(known) == made[-1]
    ledger.append(CLOSED, at=later())


def test_a_checkpoint_names_its_ledger() -> None:
    assert read_origin(statement("birthshare/E06999999", 0, EMPTY_ROOT)) == "birthshare/E06999999"
    with pytest.raises(IntegrityError, match="not a checkpoint"):
        read_origin("birthshare/E06999999\n")
