"""Later words about families, between months and up to the last minute.

    a supplier's sealed feed, or the authority's own list → every word, keyed, into the ledger

A file is applied whole or not at all, and applying it twice adds nothing. Words are only ever added:
they shorten lists at the next gate. A month applies what waits in the inboxes by itself.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import custody, facts
from pipeline.agreed import LONDON
from pipeline.asking import check_known
from pipeline.contract import contract_of
from pipeline.errors import BirthshareError, IntegrityError, SettingsError, WaitingForPerson
from pipeline.home import Home
from pipeline.ledger.entries import ChangesApplied, SuppressionRecorded
from pipeline.records import Extract, Month
from pipeline.steps import closing
from pipeline.steps.desk import Desk, Watch, no_watch
from pipeline.steps.receiving import layout_of, opened_file, record_refusal, report_to_supplier

AUTHORITY = "authority"  # the source of its own lists
MAX_BYTES = 100_000_000  # of an authority's own list
_ONLY_DATED = "death_removed"  # a list of bare numbers has no dates, and an own list reports no deaths


@dataclass(frozen=True)
class Applied:
    """What became of one file."""

    source: str
    file: str
    rows: int = 0
    words: dict[str, int] = field(default_factory=dict)  # rows by word
    new: int = 0  # words that were not known before
    silent: int = 0  # messages that only say that a record changed, and not what
    problem: BirthshareError | None = None  # why nothing of it was applied


# --- suppliers' feeds -----------------------------------------------------------------------------


def apply_feeds(home: Home, *, now: datetime, watch: Watch = no_watch) -> list[Applied]:
    """Every feed that waits in an inbox and was not applied before, oldest first.

    A feed that is refused is recorded as refused, and is no reason to leave the others unread. Raises
    IntegrityError where the ledger was altered.
    """
    with between_months(home, now, watch) as desk:
        return apply_waiting(desk)


def hear(desk: Desk) -> None:
    """Apply what waits, before a month is decided or sent.

    Raises IntegrityError where a feed cannot be used: it may hold a death.
    """
    refused = [one.problem for one in apply_waiting(desk) if one.problem]
    if refused:
        raise refused[0]


def apply_waiting(desk: Desk) -> list[Applied]:
    """As `apply_feeds`, at a desk that is open already."""
    return [_apply_or_refuse(desk, *feed) for feed in unheard(desk)]


def unheard(desk: Desk) -> Iterator[tuple[str, Path, str]]:
    """Every feed that waits in an inbox and was not applied: supplier, file, SHA-256; oldest first."""
    from pipeline.intake.arrivals import find_feeds

    for supplier in desk.home.settings.suppliers:
        known = _applied_before(desk, supplier)
        for sealed_sha256, file in find_feeds(desk.home, supplier).items():
            if sealed_sha256 not in known:
                yield supplier, file, sealed_sha256


def _applied_before(desk: Desk, supplier: str) -> set[str]:
    entries = desk.ledger.entries(kinds={ChangesApplied.kind})
    bodies = [entry.body for entry in entries if isinstance(entry.body, ChangesApplied)]
    return {body.sha256 for body in bodies if body.source == supplier and not body.principal}


def _apply_or_refuse(desk: Desk, supplier: str, file: Path, sealed_sha256: str) -> Applied:
    try:
        return _apply_feed(desk, supplier, file, sealed_sha256)
    except WaitingForPerson as error:
        return Applied(supplier, file.name, problem=error)
    except IntegrityError as error:
        record_refusal(desk.ledger, supplier, sealed_sha256, error, month="", at=desk.clock)
        advice = f"{error.do} Move this file out of the inbox once a newer one holds what it held."
        problem = IntegrityError(error.what, where=_in_file(error, file), do=advice)
        return Applied(supplier, file.name, problem=problem)


def _apply_feed(desk: Desk, supplier: str, file: Path, sealed_sha256: str) -> Applied:
    from pipeline.validation.changes import validate_changes

    opened = opened_file(
        desk.home, supplier, file, sealed_sha256=sealed_sha256, ledger=desk.ledger, now=desk.now
    )
    frame, rows = _read(desk, supplier, opened.content, file.name)
    extract = Extract(supplier, desk.month, frame, sealed_sha256, opened.signer, opened.signed_at)
    heard = validate_changes(extract, reference_key=desk.home.secret("subject.key"))
    if heard.checked.quarantined_rows:
        report_to_supplier(desk.home, extract, heard.checked, "changes")
    heard.check_whole(file.name)
    if not opened.signer and (heard.words["word"] == _ONLY_DATED).any():
        raise IntegrityError(
            "A feed that nobody signed takes a death back",
            where=f"{file.name}, column word, {_ONLY_DATED}",
            do="Nothing of it was applied. Ask the supplier to sign its feeds.",
        )
    vouched = {"signer": opened.signer, "signed_at": opened.signed_at}
    applied = _record(desk, supplier, file, heard.words, rows, sealed_sha256, vouched)
    return replace(applied, silent=rows - int(frame["row"].nunique()))


def _read(desk: Desk, supplier: str, content: bytes, where: str) -> tuple[pd.DataFrame, int]:
    """A feed's words as text, and how many rows or messages it has; it comes as settings or profile say."""
    contract = contract_of("changes")
    layout = layout_of(desk.home, supplier, contract)
    if layout.format == "fhir":
        from pipeline.intake.fhir import read_messages

        read = read_messages(content, zone=LONDON, where=where)
        return read.frame, read.count
    from pipeline.intake.files import read_file

    frame = read_file(content, contract=contract, layout=layout, where=where)
    return frame, len(frame)


# --- the authority's own lists --------------------------------------------------------------------


def apply_list(
    home: Home,
    file: Path,
    *,
    principal: str,
    word: str | None = None,
    now: datetime,
    watch: Watch = no_watch,
) -> Applied:
    """Apply the authority's own list, for which a person vouches.

    CSV as `schemas/CHANGES.md` says; with a `word`, bare NHS numbers, one a line, and the word is said of
    each as a child and as a parent, since the list does not tell which it is. Raises SettingsError, with
    rows and columns and no value, where anything of it cannot be used: then nothing is applied. Raises
    Refused for a person whom the settings do not know.
    """
    with between_months(home, now, watch) as desk:
        return apply_own(desk, file, principal=principal, word=word)


def apply_own(desk: Desk, file: Path, *, principal: str, word: str | None = None) -> Applied:
    """As `apply_list`, at a desk that is open already."""
    check_known(desk.home, principal)
    content = _content(file)
    with desk.stage("reading"):
        words, rows = _own_words(desk, file, content, word)
    # Under our key, unlike the digest of a feed, which is sealed: this list may be one number, soon guessed.
    keyed = hmac.digest(desk.home.secret("subject.key"), b"own list of changes\x1f" + content, "sha256").hex()
    return _record(desk, AUTHORITY, file, words, rows, keyed, {"principal": principal})


def _own_words(desk: Desk, file: Path, content: bytes, word: str | None) -> tuple[pd.DataFrame, int]:
    """The list's words (records.SUPPRESSIONS), and how many rows it has."""
    from pipeline.validation.changes import validate_changes

    key = desk.home.secret("subject.key")
    try:
        frame = _table(content, file) if word is None else _bare_numbers(content, word, file)
        extract = Extract(AUTHORITY, desk.month, frame, "", "", desk.now)
        heard = [validate_changes(extract, reference_key=key)]
        heard[0].check_whole(file.name)
    except IntegrityError as error:
        raise SettingsError(error.what, where=_in_file(error, file), do=_NOT_HALF) from None
    if (heard[0].words["word"] == _ONLY_DATED).any():
        raise SettingsError(
            "Your own list cannot take a death back",
            where=f"{file.name}, column word, {_ONLY_DATED}",
            do=f"{_NOT_HALF} Ask the supplier that reported the death to take it back in its feed.",
        )
    if word is not None:
        as_parents = Extract(AUTHORITY, desk.month, frame.assign(subject="parent"), "", "", desk.now)
        heard.append(validate_changes(as_parents, reference_key=key))
    return pd.concat([one.words for one in heard], ignore_index=True), len(frame)


_NOT_HALF = (
    "Nothing of the file was applied: half a list of protected families is worse than none, since it looks "
    "whole. Correct it and apply it again; schemas/CHANGES.md says how it is written."
)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError("The list cannot be read", where=f"{file}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise SettingsError("The list is too large", where=f"{file.name}, more than {MAX_BYTES:,} bytes")
    return content


def _table(content: bytes, file: Path) -> pd.DataFrame:
    from pipeline.intake.files import read_file
    from pipeline.intake.profiles import Layout

    return read_file(content, contract=contract_of("changes"), layout=Layout(), where=file.name)


def _bare_numbers(content: bytes, word: str, file: Path) -> pd.DataFrame:
    """NHS numbers, one a line, each perhaps with a closing comma; a heading `nhs_number` may come first."""
    _check_word(word)
    try:
        lines = content.decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError:
        raise IntegrityError("The file is not in UTF-8", where=file.name) from None
    numbers = [line.strip().removesuffix(",") for line in lines]
    if numbers and numbers[0].lower() == "nhs_number":
        numbers = numbers[1:]
    if not numbers:
        raise IntegrityError("The file holds no NHS numbers", where=file.name)
    frame = pd.DataFrame({"subject": "child", "nhs_number": numbers, "word": word}, dtype="str")
    return frame.assign(row=np.arange(1, len(numbers) + 1, dtype=np.int64))


def _check_word(word: str) -> None:
    words = [code for code in contract_of("changes").column("word").codes if code != _ONLY_DATED]
    if word not in words:
        raise SettingsError("That word is not known", where="--word", do=f"Use one of: {', '.join(words)}.")


# --- the record -----------------------------------------------------------------------------------


def listed(home: Home) -> dict[str, Any]:
    """What was applied when, and how many words of each kind stand; no subject.

    Keys: applied (at, source, by, signed_at, rows, words), words (by word). That a woman gave birth is
    remembered too, and is no word against a family: it is not counted.
    """
    from pipeline.consent.words import DELIVERED

    with facts.opened_ledger(home) as ledger:
        applied = list(ledger.entries(kinds={ChangesApplied.kind}))
        said = ledger.entries(kinds={SuppressionRecorded.kind})
        words = Counter(entry.body.word for entry in said if isinstance(entry.body, SuppressionRecorded))
    return {
        "applied": [
            {
                "at": entry.at.isoformat(timespec="seconds"),
                "source": entry.body.source,
                "by": entry.body.principal or entry.body.signer or "nobody signed it",
                "signed_at": entry.body.signed_at.isoformat() if entry.body.signed_at else "",
                "rows": entry.body.rows,
                "words": entry.body.words,
            }
            for entry in applied
            if isinstance(entry.body, ChangesApplied)
        ],
        "words": {word: number for word, number in sorted(words.items()) if word != DELIVERED},
    }


def _record(
    desk: Desk, source: str, file: Path, words: pd.DataFrame, rows: int, sha256: str, vouched: dict[str, Any]
) -> Applied:
    """Every word and where it comes from, in one transaction."""
    counts = {str(word): int(number) for word, number in words["word"].value_counts().items()}
    body = ChangesApplied(source=source, sha256=sha256, rows=rows, words=counts, unusable=0, **vouched)
    with desk.stage("recording"):
        new = desk.ledger.suppress(words, desk.clock, source=body)
    return Applied(source, file.name, rows, counts, len(new))


def _in_file(error: BirthshareError, file: Path) -> str:
    return error.where if file.name in error.where else f"{file.name}, {error.where}"


@contextmanager
def between_months(home: Home, now: datetime, watch: Watch = no_watch) -> Iterator[Desk]:
    """A desk between months; what was recorded is signed when the work is done.

    A machine that only opens leaves that to the next work of one that signs. Raises IntegrityError where the
    ledger was altered.
    """
    desk = Desk(home, Month(now.year, now.month), now, watch)
    try:
        facts.check_trusted(desk)
        yield desk
        if not custody.leaves_signing(home):
            with desk.stage("signing"):
                closing.sign(desk)
    finally:
        desk.close()
