"""What is kept of a month when it is closed: decisions and what they rested on, coded and encrypted.

It lets a proposed agreement be replayed on real past months, and a decision be explained later. Names,
addresses and numbers are not in it, only what the rules compare; the references are the ledger's keyed
ones. Each agreement's part of a month has a key of its own, which is destroyed when the agreed months
are over, and with it everything that it opens.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline import release
from pipeline.agreed import LONDON
from pipeline.agreements.model import Agreement
from pipeline.desk import Desk
from pipeline.errors import IntegrityError
from pipeline.home import Home
from pipeline.inputs import (
    ANSWERS,
    BIRTHS,
    DISCLOSED,
    PLACEMENTS,
    columns_of,
    decisions_of,
    terms_of,
    words_of,
)
from pipeline.ledger.entries import DecisionsKept, Entry, KeptDestroyed
from pipeline.ledger.ledger import Ledger
from pipeline.pack import PACK
from pipeline.reasons import Outcome, unpack
from pipeline.records import SUPPRESSIONS, Month, declared
from pipeline.staging import Staging

# Names of what is kept, each in the agreement's own part of the month.
ABOUT, WORDS, DECISIONS_THEN = "about", "words", "decisions"

# Decisions as they are kept: codes, since the bits of a packed set are for one run alone.
KEPT_DECISIONS = {
    "reference": "int64",
    "supplier": "str",
    "child": "str",
    "household": "int64",
    "recipient": "str",
    "outcome": "str",  # as decided: share, hold or withhold
    "reasons": "str",  # codes, separated by ";"
    "final_outcome": "str",  # as it ended: after the gate, and after lists that were forgone
    "final_reasons": "str",
}


@dataclass(frozen=True, eq=False)
class Kept:
    """One agreement's part of a past month, opened."""

    month: Month
    agreement: Agreement
    digest: str
    moment: datetime  # of decision
    demonstration: bool
    columns: Mapping[str, frozenset[str]]  # by supplier, those that its extract had
    births: pd.DataFrame = field(repr=False)  # coded
    placements: pd.DataFrame = field(repr=False)  # in every network
    words: pd.DataFrame = field(repr=False)  # records.SUPPRESSIONS
    answers: pd.DataFrame = field(repr=False)  # records.ANSWERS and supplier, of the companion files
    disclosures: pd.DataFrame = field(repr=False)  # records.DISCLOSURES
    decisions: pd.DataFrame = field(repr=False)  # KEPT_DECISIONS


# --- keeping --------------------------------------------------------------------------------------


def keep(desk: Desk, final: Mapping[str, pd.DataFrame]) -> None:
    """Keep the month's decisions for as long as each agreement says.

    `final` has each agreement's decisions (records.DECISIONS) as the month ended. May be called again:
    what was kept, or was destroyed since, is left as it is.
    """
    done = {one.agreement for one in desk.recorded(DecisionsKept)}
    for name, ended in final.items():
        agreement = Agreement.model_validate_json(desk.staging.get(terms_of(name)))
        if name in done or not agreement.kept_months:
            continue
        about = _put(desk, agreement, ended)
        until = desk.month.plus(agreement.kept_months).last_day
        desk.record(DecisionsKept(agreement=name, until=until, sha256=release.digest(about)))


def _put(desk: Desk, agreement: Agreement, ended: pd.DataFrame) -> bytes:
    """Write one agreement's part; the account of it comes last, and is what the ledger names."""
    kept = _staging(desk.home, desk.month, agreement.id)
    frames = _frames(desk, agreement, ended)
    for name, frame in frames.items():
        kept.put_frame(name, frame)
    pack = json.loads(desk.staging.get(PACK))
    about = release.canonical(
        {
            "agreement": agreement.model_dump(mode="json"),
            "digest": pack["inputs"]["agreements"][agreement.id],
            "moment": pack["decided_at"],
            "demonstration": desk.home.settings.authority.demonstration,
            "columns": {name: json.loads(desk.staging.get(columns_of(name))) for name in agreement.suppliers},
            "files": {name: kept.digest(name) for name in frames},
        }
    )
    kept.put(ABOUT, about)
    return about


def _frames(desk: Desk, agreement: Agreement, ended: pd.DataFrame) -> dict[str, pd.DataFrame]:
    from pipeline.consent.coded import coded

    # Coded together and then parted, so that parts of several agreements can be laid together again.
    births, answers = coded(desk.staging.frame(BIRTHS), desk.staging.frame(ANSWERS))
    births = births[births["supplier"].isin(agreement.suppliers)]
    placements, disclosures = desk.staging.frame(PLACEMENTS), desk.staging.frame(DISCLOSED)
    words = desk.staging.frame(words_of(agreement.id))
    subjects = set(births["child"]) | set(births["parent"]) | set(births["dwelling"])
    return {
        BIRTHS: births,
        PLACEMENTS: placements[placements["reference"].isin(births["reference"])],
        WORDS: words[words["subject"].isin(subjects)],
        ANSWERS: answers[answers["child"].isin(births["child"])],
        DISCLOSED: disclosures[disclosures["child"].isin(births["child"])],
        DECISIONS_THEN: in_codes(desk.staging.frame(decisions_of(agreement.id)), ended),
    }


def in_codes(decided: pd.DataFrame, ended: pd.DataFrame) -> pd.DataFrame:
    """Decisions as decided and as they ended, in codes."""
    final = ended.set_index("reference").reindex(decided["reference"])
    coded = decided.assign(
        outcome=_outcomes(decided["outcome"]),
        reasons=codes(decided["reasons"]),
        final_outcome=_outcomes(final["outcome"]),
        final_reasons=codes(final["reasons"]),
    )
    return declared(coded, KEPT_DECISIONS)


def _outcomes(column: pd.Series) -> list[str]:
    words = {int(outcome): outcome.word for outcome in Outcome}
    return [words[one] for one in column]


def codes(packed: pd.Series) -> list[str]:
    """Packed sets of reasons as codes, separated by ";"."""
    words = {one: ";".join(unpack(one)) for one in packed.unique()}
    return [words[one] for one in packed]


def decisions_in_codes(decided: pd.DataFrame) -> pd.DataFrame:
    """Decisions (records.DECISIONS) as they are kept, without how they ended."""
    return in_codes(decided, decided).drop(columns=["final_outcome", "final_reasons"])


# --- reading --------------------------------------------------------------------------------------


def standing(ledger: Ledger) -> dict[tuple[Month, str], DecisionsKept]:
    """What is kept and was not destroyed, by month and agreement, oldest month first."""
    found: dict[tuple[Month, str], DecisionsKept] = {}
    for entry in ledger.entries(kinds={DecisionsKept.kind, KeptDestroyed.kind}):
        if isinstance(entry.body, DecisionsKept):
            found[Month.parse(entry.month), entry.body.agreement] = entry.body
        elif isinstance(entry.body, KeptDestroyed):
            found.pop((Month.parse(entry.month), entry.body.agreement), None)
    return dict(sorted(found.items(), key=lambda one: one[0]))


def read(home: Home, month: Month, recorded: DecisionsKept) -> Kept:
    """One agreement's part of a past month.

    Raises IntegrityError where it is lost, or is not what the ledger says was kept.
    """
    kept = _staging(home, month, recorded.agreement)
    content = kept.get(ABOUT)
    about = json.loads(content)
    if release.digest(content) != recorded.sha256 or any(
        kept.digest(name) != digest for name, digest in about["files"].items()
    ):
        raise IntegrityError(
            "What was kept of a month is not what the ledger says",
            where=f"{month}, {recorded.agreement}",
            do="Keep the home as it is and report this.",
        )
    return _opened(kept, month, about)


def _opened(kept: Staging, month: Month, about: Mapping[str, Any]) -> Kept:
    return Kept(
        month=month,
        agreement=Agreement.model_validate(about["agreement"]),
        digest=about["digest"],
        moment=datetime.fromisoformat(about["moment"]),
        demonstration=about["demonstration"],
        columns={name: frozenset(columns) for name, columns in about["columns"].items()},
        births=kept.frame(BIRTHS),
        placements=kept.frame(PLACEMENTS),
        words=declared(kept.frame(WORDS), SUPPRESSIONS),
        answers=kept.frame(ANSWERS),
        disclosures=kept.frame(DISCLOSED),
        decisions=kept.frame(DECISIONS_THEN),
    )


# --- destroying -----------------------------------------------------------------------------------


def destroy_overdue(home: Home, ledger: Ledger, now: datetime) -> None:
    """Destroy what is kept longer than agreed, key first. May be called again after being cut short."""
    today = now.astimezone(LONDON).date()
    if not any(one.until < today for one in standing(ledger).values()):
        return
    with _alone(home):
        for (month, agreement), recorded in standing(ledger).items():
            if recorded.until < today:
                _staging(home, month, agreement).destroy()
                ledger.append(Entry(KeptDestroyed(agreement=agreement), str(month)), at=now)


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Nobody else destroys meanwhile; the lock goes with the process."""
    folder = home.state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "kept.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _staging(home: Home, month: Month, agreement: str) -> Staging:
    return Staging(home.state / "kept" / agreement, str(month), home.secret("staging.key"))
