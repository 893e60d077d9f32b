"""One family is forgotten, as far as anything here can tell who it is.

    who asks → kept off every list → what is kept, written anew without it → the record → recalls
             → whom the ledger's entries about it are about

Of closed months everything that is kept about the family goes, and the keys with it. A month that is still
open leaves it off its lists and keeps nothing of it when it is closed. Recipients that have it are told to
take it off (UK GDPR, Article 19). As soon as nobody can hold a list any more, the ledger can no longer tell
that the family was on it (`pipeline.keeping.references`). What stays, stays for the family's sake: the words
that keep it from being shared, and that it asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline import month as months
from pipeline.afterwards import recalls, sent
from pipeline.afterwards.recalls import Followed
from pipeline.asking import check_asks
from pipeline.errors import IntegrityError
from pipeline.home import Home
from pipeline.keeping import kept, limits, references, retention
from pipeline.keeping.kept import Kept
from pipeline.keeping.limits import SEALED_FILES
from pipeline.keeping.references import Forgotten
from pipeline.ledger.entries import (
    Body,
    DecisionsKept,
    Disclosure,
    Entry,
    FamilyErased,
    FamilyLookedUp,
    KeptDestroyed,
)
from pipeline.looking_back.explain import checked_number
from pipeline.looking_back.preview import check_reproduced
from pipeline.places import reviewed
from pipeline.records import SUPPRESSIONS, Month, declared, keyed_references
from pipeline.staging import Staging
from pipeline.steps import closing
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import BIRTHS, KEYED

STAYS = (
    "Later words about the family, such as a death, a refusal or this wish: they keep it from being shared.",
    "That somebody asked for this, who did it, and who looked the family up.",
    "The ledger's entries of lists, which prove what was shared with whom. Which family that is can be "
    "told only while somebody may hold the list, and by nobody without this authority's own key.",
)


@dataclass(frozen=True)
class _Family:
    """Keyed references of a family's children and named parents."""

    children: frozenset[str] = field(repr=False)
    parents: frozenset[str] = field(repr=False)


def erase(
    home: Home, nhs_number: str, *, principal: str, purpose: str, now: datetime
) -> tuple[dict[str, Any], Followed]:
    """Erase what is kept about the family of the child or named parent with this NHS number.

    All children of the same parent or household go together. Keys of the answer: erased_by, parts (of
    closed months that were written anew), months_open (that held the family: it is off their lists),
    lists (that it is on at recipients; because: why the ledger must still know that, for now), forgotten
    (entries of which it cannot be told any more), inbox (sealed files that may hold it: file and last_day),
    stays; and beside it what became of the recalls.

    Raises SettingsError for what is no NHS number or no purpose, Refused for a person who is not known.
    Who asks is recorded before anything is looked up. It may be called again after it was cut short.
    """
    number = checked_number(nhs_number)
    check_asks(home, principal, purpose)
    with months.working(home, Month(now.year, now.month), now) as desk:
        key = home.secret("subject.key")
        child, parent = (keyed_references(key, kind, [number])[0] for kind in ("child", "parent"))
        looked_up = FamilyLookedUp(subject=child, principal=principal, purpose=purpose)
        desk.ledger.append(Entry(looked_up), at=desk.clock)
        with kept.alone(home):
            kept.settle_alone(home, desk.ledger)
            pasts = [kept.read(home, month, one) for (month, _), one in kept.standing(desk.ledger).items()]
            opened = dict(_open_months(desk))
            family = _family(desk, {child}, {parent}, _rows(pasts, opened))
            at_work = [month for month, births in opened.items() if _holds(births, family)]
            touched = [past for past in pasts if _holds(past.births, family)]
            listed = _disclosed(desk, family.children)
            known = bool(at_work or touched or listed)
            if known:
                _keep_off_lists(desk, family)
            subjects = family.children | family.parents if known else {child}
            places = _places(desk, touched, {month: opened[month] for month in at_work}, family)
            erased = [
                FamilyErased(
                    subject=one,
                    principal=principal,
                    purpose=purpose,
                    parts=len(touched) + len(at_work),
                    lists=len({one.permit for one in listed}),
                )
                for one in sorted(subjects)
            ]
            _forget(desk, touched, family, erased)
        followed = recalls.follow_up(desk)
        asked = dict.fromkeys(family.children, desk.ledger.size + 1)
        forgotten = references.forget(desk.ledger, asked, at=desk.clock, principal=principal)
        postcodes = desk.ledger.destroy_openings(
            reviewed.about(desk.ledger, places), because="erasure", at=desk.clock, principal=principal
        )
        closing.sign(desk)
        desk.ledger.database.clean()
        answer = {
            "erased_by": principal,
            "parts": len(touched),
            "months_open": [str(month) for month in at_work],
            "lists": _lists(desk, listed, forgotten),
            "forgotten": forgotten.rows + postcodes,
            "inbox": _inbox(desk),
            "stays": list(STAYS),
        }
        return answer, followed


# --- who belongs to the family --------------------------------------------------------------------


def _open_months(desk: Desk) -> Iterator[tuple[Month, pd.DataFrame]]:
    for month in limits.months_at_work(desk.home):
        staging = Staging(desk.home.state / "working", str(month), desk.wrapping_key)
        if staging.has(BIRTHS):
            yield month, staging.frame(BIRTHS)


def _family(desk: Desk, children: set[str], parents: set[str], rows: pd.DataFrame) -> _Family:
    """Whoever is linked with these by a parent or a household, in what is held or on lists."""
    while True:
        shared = [(one.child, one.parent, "") for one in _disclosed(desk, children | parents)]
        on_lists = pd.DataFrame(shared, columns=list(rows), dtype="str")
        grown = kept.family_of(children, parents, pd.concat([rows, on_lists], ignore_index=True))
        if grown == (children - {""}, parents - {""}):
            return _Family(*map(frozenset, grown))
        children, parents = grown


def _rows(pasts: Sequence[Kept], opened: dict[Month, pd.DataFrame]) -> pd.DataFrame:
    """Every row that is held: child, parent, household in its month, or "" where not known."""
    found = [pd.DataFrame(columns=["child", "parent", "household"], dtype="str")]
    found += [births[["child", "parent"]].assign(household="") for births in opened.values()]
    found += [
        kept.with_households(past.births, past.decisions, of=f"{past.month} {past.agreement.id} ")
        for past in pasts
    ]
    return pd.concat(found, ignore_index=True)


def _disclosed(desk: Desk, subjects: Collection[str]) -> list[Disclosure]:
    """The rows of these children, or of these parents' children, on lists."""
    found = [entry.body for entry in desk.ledger.disclosures_of(subjects)]
    return [one for one in found if isinstance(one, Disclosure)]


def _holds(births: pd.DataFrame, family: _Family) -> bool:
    return bool(births["child"].isin(family.children).any())


def _places(
    desk: Desk, pasts: Collection[Kept], opened: Mapping[Month, pd.DataFrame], family: _Family
) -> set[str]:
    """Keyed references of the postcodes that the family was placed by, as far as they are held.

    What a person decided about such a postcode goes too, even where another family lives there: then somebody
    is asked about it again.
    """
    found = [(past.births, past.keyed_places) for past in pasts]
    for month, births in opened.items():
        staging = Staging(desk.home.state / "working", str(month), desk.wrapping_key)
        if staging.has(KEYED):
            found.append((births, staging.frame(KEYED)))
    ours = [
        places[places["reference"].isin(births.loc[births["child"].isin(family.children), "reference"])]
        for births, places in found
    ]
    return {place for one in ours for place in one["place"]} - {""}


# --- forgetting it --------------------------------------------------------------------------------


def _keep_off_lists(desk: Desk, family: _Family) -> None:
    words = pd.DataFrame({"subject": sorted(family.children), "word": "suppressed", "since": pd.NaT})
    desk.ledger.suppress(declared(words, SUPPRESSIONS), desk.clock)


def _forget(desk: Desk, touched: Collection[Kept], family: _Family, erased: Collection[FamilyErased]) -> None:
    """Write anew what holds the family, record that, and put it in the place of the old."""
    said = [Entry(_anew(desk.home, past, family), str(past.month)) for past in touched]
    said += [Entry(one) for one in erased]
    desk.ledger.append(*said, at=desk.clock)
    kept.settle_alone(desk.home, desk.ledger)
    for past in touched:  # those of which nothing could be left
        place = desk.home.state / "kept" / past.agreement.id
        if (past.month, past.agreement.id) not in kept.standing(desk.ledger):
            Staging(place, str(past.month), desk.wrapping_key).destroy()


def _anew(home: Home, past: Kept, family: _Family) -> Body:
    """The part without the family, laid beside it; the whole part ends where the rest is not sound alone.

    What is left must give the decisions that were made then; else no preview could use it.
    """
    rest = kept.without(past, family.children)
    try:
        check_reproduced(rest)
    except IntegrityError:
        return KeptDestroyed(agreement=past.agreement.id)
    anew: DecisionsKept = kept.write_anew(home, rest)
    return anew


# --- what is said of it ---------------------------------------------------------------------------


def _lists(desk: Desk, listed: Collection[Disclosure], forgotten: Forgotten) -> list[dict[str, str]]:
    """The lists at recipients that a child of the family is on; as they are after the recalls."""
    because = {one.entry: why for one, why in forgotten.stay}
    return [
        {
            "recipient": one.recipient,
            "month": one.month,
            "file": one.file,
            "state": one.state,
            "because": because.get(one.entry, ""),
        }
        for one in sent.followed(desk.ledger.followed({one.permit for one in listed}, ()))
    ]


def _inbox(desk: Desk) -> list[dict[str, str]]:
    """Sealed files that nobody can take one family out of, and until when they are held."""
    return [
        {"file": str(one.where), "last_day": one.last.isoformat()}
        for one in retention.held(desk)
        if one.of is SEALED_FILES
    ]
