"""A proposed agreement, replayed on the past months that are kept, beside what was decided then.

The proposal is replayed as if it had been in force from the first of these months: a family that it
would have shared in one month was shared before in the next. Only counts come out, and small ones are
hidden (`pipeline.looking_back.small_numbers`). That protects the numbers of one preview; whoever may run
several, of other months or other drafts, can compare them, so each one is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement
from pipeline.errors import IntegrityError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.keeping.kept import Kept
from pipeline.ledger.entries import AgreementPreviewed, Entry
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.small_numbers import Shown, other_view, shown, table
from pipeline.reasons import Reason
from pipeline.records import DISCLOSURES, Month, among, declared
from pipeline.steps import release
from pipeline.steps.companions import answers_about
from pipeline.steps.preparation import said_by_others

# Why a family's outcome differs, beside the reasons of the decision itself.
OTHER_RECIPIENT, NOT_DECIDED = "other_recipient", "not_decided"
WORDING = {
    **{str(reason): reason.wording for reason in Reason},
    OTHER_RECIPIENT: "another recipient serves the family",
    NOT_DECIDED: "not decided under this agreement",
}

SOME_REASONS = 3  # named at most, where their numbers cannot be shown


@dataclass(frozen=True, eq=False)
class Replayed:
    """What was decided under an agreement in one month, and what the proposal decides: KEPT_DECISIONS."""

    month: Month
    then: pd.DataFrame = field(repr=False)
    now: pd.DataFrame = field(repr=False)


def preview(home: Home, file: Path, *, months: int | None = None, now: datetime) -> dict[str, Any]:
    """What the agreement in `file`, signed or not, would change; of the newest `months` that are kept.

    The answer is also written beside the file as `<id>.v<version>.preview.json`, and recorded in the
    ledger by its digest and the file's. Keys: agreement, version, digest, months, not_previewable
    (month and why), families_then, newly_shared and no_longer_shared (total, recipients, reasons), and
    counts as least and most.

    Raises SettingsError where no month can be replayed, IntegrityError where a kept month does not give
    the decisions that were made then.
    """
    proposal, digest = read_agreement(file)
    with opened_ledger(home) as ledger:
        pasts = _pasts(home, ledger, months)
        refused = {month: why for month, parts in pasts.items() if (why := not_previewable(proposal, parts))}
        replayed = replay(home, proposal, {month: pasts[month] for month in pasts if month not in refused})
        if not replayed:
            raise _nothing_to_replay(refused)
        answer = {
            "agreement": proposal.id,
            "version": proposal.version,
            "digest": digest,
            "months": [str(one.month) for one in replayed],
            "not_previewable": [{"month": str(month), "why": why} for month, why in refused.items()],
            **_changes(replayed),
        }
        content = release.canonical(answer)
        _write(preview_file(file), content)
        _record(ledger, proposal, answer, release.digest(content), now)
    return {**answer, "preview_sha256": release.digest(content)}


def preview_file(file: Path) -> Path:
    """Where the newest preview of an agreement's file is."""
    return file.with_suffix(".preview.json")


def seen(ledger: Ledger, file: Path, digest: str) -> tuple[dict[str, Any], datetime] | None:
    """The newest preview of exactly the content that has this digest, as `preview` gave it, and when.

    None where there is none, or what lies beside the file is not what the ledger has of it.
    """
    recorded = [
        (entry.body.preview_sha256, entry.at)
        for entry in ledger.entries(kinds={AgreementPreviewed.kind})
        if isinstance(entry.body, AgreementPreviewed) and entry.body.digest == digest
    ]
    with suppress(OSError):
        content = preview_file(file).read_bytes()
        if recorded and release.digest(content) == recorded[-1][0]:
            sha256, at = recorded[-1]
            return {**json.loads(content), "preview_sha256": sha256}, at
    return None


def months_kept(ledger: Ledger) -> list[Month]:
    """The past months on which a proposal can be replayed, oldest first."""
    return sorted({month for month, _ in kept.standing(ledger)})


# --- the past -------------------------------------------------------------------------------------


def _pasts(home: Home, ledger: Ledger, newest: int | None) -> dict[Month, list[Kept]]:
    """The kept months, oldest first, with every agreement's part."""
    recorded: dict[Month, list[Any]] = {}
    for (month, _), one in kept.standing(ledger).items():
        recorded.setdefault(month, []).append(one)
    chosen = list(recorded)[-newest:] if newest else list(recorded)
    return {month: [kept.read(home, month, one) for one in recorded[month]] for month in chosen}


def not_previewable(proposal: Agreement, parts: Sequence[Kept]) -> str:
    """Why the proposal cannot be replayed on a month, in words; "" where it can."""
    from pipeline.consent.needs import columns_needed

    columns = {name: had for part in parts for name, had in part.columns.items()}
    lacking = [name for name in proposal.suppliers if name not in columns]
    if lacking:
        return f"nothing is kept of the supplier {', '.join(lacking)}"
    networks = {network for part in _chosen(proposal, parts) for network in part.placements["network"]}
    if proposal.recipients.placed_in not in networks:
        return f"the families were not placed in the network {proposal.recipients.placed_in}"
    missing = {
        f"{column} ({name})"
        for name in proposal.suppliers
        for column in columns_needed(proposal) - columns[name]
    }
    if missing:
        return f"the extract lacked columns that the proposal needs: {', '.join(sorted(missing))}"
    return ""


def _chosen(proposal: Agreement, parts: Sequence[Kept]) -> list[Kept]:
    """The parts to replay on: the agreement's own, or all where it has none with every supplier."""
    own = [
        part
        for part in parts
        if part.agreement.id == proposal.id and set(proposal.suppliers) <= set(part.agreement.suppliers)
    ]
    return own or list(parts)


def _together(home: Home, proposal: Agreement, parts: Sequence[Kept]) -> Kept:
    """The month as the proposal finds it.

    Suppliers whom it does not name are heard against sharing, as in a month; where it names one more
    than was decided together then, what that one said against sharing still counts as said by another.
    """
    births = pd.concat([part.births for part in parts]).drop_duplicates("reference")
    mine = births["supplier"].isin(proposal.suppliers)
    words = [*(part.words for part in parts), said_by_others(home, proposal, births)]
    placements = pd.concat([part.placements for part in parts])
    return replace(
        parts[0],
        agreement=proposal,
        births=births[mine],
        placements=placements.drop_duplicates(["reference", "network"]),
        words=pd.concat(words, ignore_index=True),
        answers=pd.concat([part.answers for part in parts]).drop_duplicates(),
        disclosures=pd.concat([part.disclosures for part in parts]).drop_duplicates(),
    )


# --- the replay -----------------------------------------------------------------------------------


def replay(home: Home, proposal: Agreement, pasts: Mapping[Month, Sequence[Kept]]) -> list[Replayed]:
    """Decide every past month again under the proposal, oldest first.

    Raises IntegrityError where the agreement that was in force does not give what was decided then.
    """
    replayed: list[Replayed] = []
    months = {str(month) for month in pasts}
    shared = declared(pd.DataFrame(columns=list(DISCLOSURES)), DISCLOSURES)
    for month, parts in pasts.items():
        chosen = _chosen(proposal, parts)
        for part in chosen:
            check_reproduced(part)
        past = _together(home, proposal, chosen)
        ours = past.disclosures["agreement"] == proposal.id
        before = past.disclosures[~(ours & past.disclosures["month"].isin(months))]
        now = _decided(replace(past, disclosures=pd.concat([before, shared], ignore_index=True)))
        shared = pd.concat([shared, _as_disclosures(now, proposal, month)], ignore_index=True)
        own = [part.decisions for part in parts if part.agreement.id == proposal.id]
        replayed.append(Replayed(month, own[0] if own else now.head(0), now))
    return replayed


def _decided(past: Kept) -> pd.DataFrame:
    from pipeline.consent.decide import decide

    decided = decide(
        past.births,
        past.placements[past.placements["reference"].isin(past.births["reference"])],
        past.words,
        past.disclosures,
        past.agreement,
        month=past.month,
        moment=past.moment,
        answers=answers_about(past.agreement, past.answers),
        demonstration=past.demonstration,
    )
    return kept.decisions_in_codes(decided)


def check_reproduced(part: Kept) -> None:
    """Raises IntegrityError unless the agreement in force then gives exactly what was decided then."""
    again = _decided(part).reset_index(drop=True)
    if not again.equals(part.decisions[list(again.columns)].reset_index(drop=True)):
        raise IntegrityError(
            "Replaying a past month does not give what was decided then",
            where=f"{part.month}, {part.agreement.id} version {part.agreement.version}",
            do="Previews cannot be relied on. Keep the home as it is and report this.",
        )


def _as_disclosures(decided: pd.DataFrame, proposal: Agreement, month: Month) -> pd.DataFrame:
    shared = decided[decided["outcome"] == "share"]
    return declared(shared.assign(agreement=proposal.id, month=str(month)), DISCLOSURES)


# --- the comparison -------------------------------------------------------------------------------


def _changes(replayed: Sequence[Replayed]) -> dict[str, Any]:
    then = pd.concat([one.then.assign(month=str(one.month)) for one in replayed], ignore_index=True)
    now = pd.concat([one.now.assign(month=str(one.month)) for one in replayed], ignore_index=True)
    return {
        "families_then": _plain(shown(len(_families(then, None)))),
        "newly_shared": _counted(_families(now, then)),
        "no_longer_shared": _counted(_families(then, now)),
    }


def _families(decided: pd.DataFrame, other: pd.DataFrame | None) -> pd.DataFrame:
    """Families that are shared, or those whom the `other` decisions never share with that recipient.

    One row for each: recipient, and why the other decisions did not share them.
    """
    shared = decided[decided["outcome"] == "share"]
    if other is not None:
        pairs = shared["child"] + " " + shared["recipient"]
        elsewhere = other[other["outcome"] == "share"]
        there = pd.Series(among(pairs, elsewhere["child"] + " " + elsewhere["recipient"]), index=pairs.index)
        family = [shared[name] for name in ("month", "household", "recipient")]
        shared = shared[~there.groupby(family).transform("any")]
        shared = shared.assign(why=_why(shared, other))
    else:
        shared = shared.assign(why="")
    families = shared.groupby(["month", "household", "recipient"])["why"].agg(_joined)
    return families.reset_index()[["recipient", "why"]]


def _why(shared: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """For each child the codes of why the other decisions of its month do not share it there."""
    reasons = other["reasons"].where(other["outcome"] != "share", OTHER_RECIPIENT)
    speaks = ~other["reasons"].str.split(";").map(lambda codes: str(Reason.DUPLICATE_RECORD) in codes)
    known = {
        (month, child): why
        for month, child, why in zip(
            other.loc[speaks, "month"], other.loc[speaks, "child"], reasons[speaks], strict=True
        )
    }
    pairs = zip(shared["month"], shared["child"], strict=True)
    return [known.get(pair, NOT_DECIDED) for pair in pairs]


def _joined(whys: Iterable[str]) -> str:
    """The codes of several children of one family, each once, in the order of the specification."""
    codes = {code for why in whys for code in why.split(";")}
    return ";".join(code for code in WORDING if code in codes)


def _counted(families: pd.DataFrame) -> dict[str, Any]:
    """Counts by recipient and by reasons, as they may be shown."""
    by_recipient = table({str(code): int(n) for code, n in families.groupby("recipient").size().items()})
    reasons = {str(why): int(n) for why, n in families.groupby("why").size().items()}
    counts = other_view(by_recipient, reasons)
    return {
        "total": _plain(by_recipient.total),
        "recipients": {code: _plain(one) for code, one in by_recipient.cells.items()},
        "reasons": [
            {"codes": why.split(";"), "families": _plain(counts[why]) if counts else None}
            for why in _named(reasons, numbered=counts is not None)
        ],
        "more_reasons": counts is None and len(reasons) > SOME_REASONS,
    }


def _named(reasons: Mapping[str, int], *, numbered: bool) -> list[str]:
    """The reasons to name: the most frequent first, or some in no telling order."""
    if numbered:
        return sorted(reasons, key=lambda why: (-shown(reasons[why]).least, why))
    return sorted(reasons)[:SOME_REASONS]


def _plain(count: Shown) -> dict[str, int]:
    return {"least": count.least, "most": count.most}


# --- what is left of it ---------------------------------------------------------------------------


def _nothing_to_replay(refused: Mapping[Month, str]) -> SettingsError:
    if not refused:
        return SettingsError(
            "No past month is kept, so there is nothing to replay the proposal on",
            do="Months are kept when they are closed, for as long as an agreement's kept_months says.",
        )
    return SettingsError(
        "The proposal cannot be replayed on any past month",
        where="; ".join(f"{month}: {why}" for month, why in refused.items()),
    )


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    part = file.with_suffix(".part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        raise SettingsError("The preview cannot be written", where=f"{file}: {error.strerror}") from None


def _record(
    ledger: Ledger, proposal: Agreement, answer: Mapping[str, Any], digest: str, now: datetime
) -> None:
    """Record the preview, unless the newest of this content is the same."""
    body = AgreementPreviewed(
        agreement=proposal.id,
        version=proposal.version,
        digest=answer["digest"],
        months=tuple(answer["months"]),
        preview_sha256=digest,
    )
    known = [entry.body for entry in ledger.entries(kinds={body.kind})]
    same = [one for one in known if isinstance(one, AgreementPreviewed) and one.digest == body.digest]
    if not same or same[-1] != body:
        ledger.append(Entry(body), at=now)
