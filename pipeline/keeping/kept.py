"""What is kept of a month when it is closed: decisions and what they rested on, coded and encrypted.

It lets a proposed agreement be replayed on real past months, changed reach areas be tried on them, and a
decision be explained later. Names, addresses and numbers are not in it, only what the rules compare; the
references, of places too, are keyed ones. Each agreement's part of a month has a key of its own, which is
destroyed when the agreed months are over, and with it everything that it opens. A family is taken out of a
part by writing the part anew, under a new key, and destroying the old one.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.agreed import LONDON
from pipeline.agreements.model import Agreement
from pipeline.errors import IntegrityError
from pipeline.home import Home
from pipeline.ledger.entries import DecisionsKept, Entry, FamilyErased, KeptDestroyed, Kind
from pipeline.ledger.ledger import Ledger
from pipeline.reasons import Outcome, unpack
from pipeline.records import KEYED_PLACES, SUPPRESSIONS, Month, among, declared, empty
from pipeline.staging import Staging, WrappingKey
from pipeline.steps import release
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import (
    ANSWERS,
    BIRTHS,
    DISCLOSED,
    KEYED,
    PLACEMENTS,
    columns_of,
    decisions_of,
    terms_of,
    words_of,
)
from pipeline.steps.pack import PACK

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
    until: date  # the last day on which it may be kept
    births: pd.DataFrame = field(repr=False)  # coded
    placements: pd.DataFrame = field(repr=False)  # in every network
    keyed_places: pd.DataFrame = field(repr=False)  # records.KEYED_PLACES; of older months none
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
    with alone(desk.home):
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
    pack = json.loads(desk.staging.get(PACK))
    said = {
        "agreement": agreement.model_dump(mode="json"),
        "digest": pack["inputs"]["agreements"][agreement.id],
        "moment": pack["decided_at"],
        "demonstration": desk.home.settings.authority.demonstration,
        "columns": {name: json.loads(desk.staging.get(columns_of(name))) for name in agreement.suppliers},
    }
    return _written(_staging(desk.home, desk.month, agreement.id), said, _frames(desk, agreement, ended))


def _written(kept: Staging, said: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]) -> bytes:
    for name, frame in frames.items():
        kept.put_frame(name, frame)
    about = release.canonical({**said, "files": {name: kept.digest(name) for name in frames}})
    kept.put(ABOUT, about)
    return about


def _frames(desk: Desk, agreement: Agreement, ended: pd.DataFrame) -> dict[str, pd.DataFrame]:
    from pipeline.consent.coded import coded

    # Coded together and then parted, so that parts of several agreements can be laid together again.
    births, answers = coded(desk.staging.frame(BIRTHS), desk.staging.frame(ANSWERS))
    decided = desk.staging.frame(decisions_of(agreement.id))
    mine = births[births["supplier"].isin(agreement.suppliers)]
    forgotten, _ = family_of(_erased(desk), (), with_households(mine, decided))
    return _about(
        mine[~among(mine["child"], forgotten)],
        desk.staging.frame(PLACEMENTS),
        _keyed_places(desk.staging),
        desk.staging.frame(words_of(agreement.id)),
        answers,
        desk.staging.frame(DISCLOSED),
        in_codes(decided, ended),
    )


def _about(
    births: pd.DataFrame,
    placements: pd.DataFrame,
    keyed_places: pd.DataFrame,
    words: pd.DataFrame,
    answers: pd.DataFrame,
    disclosures: pd.DataFrame,
    decisions: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """What is kept of these births, by its name: of everything else only what is about them."""
    subjects = pd.concat([births["child"], births["parent"], births["dwelling"]])
    return {
        BIRTHS: births,
        PLACEMENTS: placements[placements["reference"].isin(births["reference"])],
        KEYED: keyed_places[keyed_places["reference"].isin(births["reference"])],
        WORDS: words[among(words["subject"], subjects)],
        ANSWERS: answers[among(answers["child"], births["child"])],
        DISCLOSED: disclosures[among(disclosures["child"], births["child"])],
        DECISIONS_THEN: decisions[decisions["reference"].isin(births["reference"])],
    }


def _keyed_places(staging: Staging) -> pd.DataFrame:
    """As they were kept; none of a month that a program before this one worked on."""
    return staging.frame(KEYED) if staging.has(KEYED) else empty(KEYED_PLACES)


def _erased(desk: Desk) -> set[str]:
    """Everybody (keyed references) who was to be forgotten: nothing of them is kept ever after."""
    said = desk.ledger.entries(kinds={FamilyErased.kind})
    return {entry.body.subject for entry in said if isinstance(entry.body, FamilyErased)}


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
    if _anew(home, month, recorded.agreement).folder.is_dir():
        with alone(home):
            _settle(home, month, recorded)
    kept = _staging(home, month, recorded.agreement)
    if not kept.has(ABOUT):
        raise IntegrityError(
            "What was kept of a month is lost",
            where=f"{month}, {recorded.agreement}",
            do="What to do then: birthshare retention",
        )
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
    return _opened(kept, month, recorded.until, about)


def _opened(kept: Staging, month: Month, until: date, about: Mapping[str, Any]) -> Kept:
    return Kept(
        month=month,
        agreement=Agreement.model_validate(about["agreement"]),
        digest=about["digest"],
        moment=datetime.fromisoformat(about["moment"]),
        demonstration=about["demonstration"],
        columns={name: frozenset(columns) for name, columns in about["columns"].items()},
        until=until,
        births=kept.frame(BIRTHS),
        placements=kept.frame(PLACEMENTS),
        keyed_places=_keyed_places(kept),
        words=declared(kept.frame(WORDS), SUPPRESSIONS),
        answers=kept.frame(ANSWERS),
        disclosures=kept.frame(DISCLOSED),
        decisions=kept.frame(DECISIONS_THEN),
    )


# --- forgetting a family --------------------------------------------------------------------------


def with_households(births: pd.DataFrame, decisions: pd.DataFrame, of: str = "") -> pd.DataFrame:
    """Each birth's child and parent, and its household, whose number is that of one month (`of`) alone."""
    rows = births.merge(decisions[["reference", "household"]], on="reference")
    return rows.assign(household=of + rows["household"].astype("str"))[["child", "parent", "household"]]


def family_of(
    children: Collection[str], parents: Collection[str], rows: pd.DataFrame
) -> tuple[set[str], set[str]]:
    """These children and parents, and whoever is linked with them by a parent or a household of the rows.

    `rows` has child, parent and household, "" where one is not known; a link may have several steps.
    """
    known = {"child": set(children), "parent": set(parents), "household": set[str]()}
    while True:
        ours = rows[np.logical_or.reduce([among(rows[name], known[name] - {""}) for name in known])]
        grown = {name: values | set(ours[name]) for name, values in known.items()}
        if grown == known:
            return known["child"] - {""}, known["parent"] - {""}
        known = grown


def without(past: Kept, children: Collection[str]) -> Kept:
    """A part without these children (keyed references) and what is about nobody else."""
    frames = _about(
        past.births[~among(past.births["child"], children)],
        past.placements,
        past.keyed_places,
        past.words,
        past.answers,
        past.disclosures,
        past.decisions,
    )
    return replace(
        past,
        births=frames[BIRTHS].reset_index(drop=True),
        placements=frames[PLACEMENTS].reset_index(drop=True),
        keyed_places=frames[KEYED].reset_index(drop=True),
        words=frames[WORDS].reset_index(drop=True),
        answers=frames[ANSWERS].reset_index(drop=True),
        disclosures=frames[DISCLOSED].reset_index(drop=True),
        decisions=frames[DECISIONS_THEN].reset_index(drop=True),
    )


def write_anew(home: Home, past: Kept) -> DecisionsKept:
    """Lay a part beside the one that stands, under a new key; what the ledger is then to say of it.

    Once that is recorded `settle` puts it in the place of the old one. Until then the old one stands.
    """
    anew = _anew(home, past.month, past.agreement.id)
    anew.destroy()
    said = {
        "agreement": past.agreement.model_dump(mode="json"),
        "digest": past.digest,
        "moment": past.moment.isoformat(),
        "demonstration": past.demonstration,
        "columns": {name: sorted(columns) for name, columns in past.columns.items()},
    }
    frames = {
        BIRTHS: past.births, PLACEMENTS: past.placements, KEYED: past.keyed_places, WORDS: past.words,
        ANSWERS: past.answers, DISCLOSED: past.disclosures, DECISIONS_THEN: past.decisions,
    }  # fmt: skip
    about = _written(anew, said, frames)
    return DecisionsKept(agreement=past.agreement.id, until=past.until, sha256=release.digest(about))


def settle(home: Home, ledger: Ledger) -> None:
    """Come to the end of what `write_anew` began: what the ledger names takes its place, the rest goes."""
    if (home.state / "anew").is_dir():
        with alone(home):
            settle_alone(home, ledger)


def settle_alone(home: Home, ledger: Ledger) -> None:
    """The same, for one who keeps the others out already."""
    for (month, _), recorded in standing(ledger).items():
        _settle(home, month, recorded)
    for folder in (home.state / "anew").glob("*/*"):  # of parts that were destroyed meanwhile
        _anew(home, Month.parse(folder.name), folder.parent.name).destroy()


def _settle(home: Home, month: Month, recorded: DecisionsKept) -> None:
    anew = _anew(home, month, recorded.agreement)
    if not anew.has(ABOUT) or release.digest(anew.get(ABOUT)) != recorded.sha256:
        anew.destroy()
        return
    old = _staging(home, month, recorded.agreement)
    old.destroy()
    anew.move(old)


# --- destroying -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One agreement's part of a past month, as it lies there or should."""

    month: Month
    agreement: str
    where: Path  # relative to the home
    until: date  # the last day; date.min where the ledger says that it is gone
    is_lost: bool = False  # it should be there, and cannot be opened


def parts(home: Home, ledger: Ledger) -> list[Part]:
    """Every part that the ledger says is kept, and those of closed months that it knows nothing of."""
    stand = standing(ledger)
    closed = {entry.month for entry in ledger.entries(kinds={Kind.MONTH_CLOSED})}
    found = [
        Part(month, name, _place(home, month, name), one.until, not _staging(home, month, name).has(ABOUT))
        for (month, name), one in stand.items()
    ]
    for folder in sorted((home.state / "kept").glob("*/*")):
        if folder.name in closed and (Month.parse(folder.name), folder.parent.name) not in stand:
            month, name = Month.parse(folder.name), folder.parent.name
            found.append(Part(month, name, _place(home, month, name), date.min))
    return found


def destroy(home: Home, ledger: Ledger, part: Part, *, at: datetime) -> None:
    """Destroy one part, key first, and record it unless that was recorded."""
    with alone(home):
        _staging(home, part.month, part.agreement).destroy()
        if (part.month, part.agreement) in standing(ledger):
            ledger.append(Entry(KeptDestroyed(agreement=part.agreement), str(part.month)), at=at)


def destroy_overdue(home: Home, ledger: Ledger, now: datetime) -> None:
    """Destroy what is kept longer than agreed, key first. May be called again after being cut short."""
    today = now.astimezone(LONDON).date()
    for part in parts(home, ledger):
        if part.until < today:
            destroy(home, ledger, part, at=now)


@contextmanager
def alone(home: Home, work: str = "kept") -> Iterator[None]:
    """Nobody else destroys or writes anew meanwhile; the lock goes with the process.

    `work` is what the others wait for, where it is more than one change of what is kept.
    """
    folder = home.state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{work}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _staging(home: Home, month: Month, agreement: str) -> Staging:
    return Staging(home.state / "kept" / agreement, str(month), WrappingKey(home))


def _anew(home: Home, month: Month, agreement: str) -> Staging:
    return Staging(home.state / "anew" / agreement, str(month), WrappingKey(home))


def _place(home: Home, month: Month, agreement: str) -> Path:
    return _staging(home, month, agreement).folder.relative_to(home.path)
