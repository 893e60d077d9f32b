"""What people decided for postcodes that geography could not place: which decisions count, and for whom.

A decision stands in the ledger. Which postcode it is about lies beside the entry, by keyed reference, and is
destroyed in time (`pipeline.ledger.entries.PostcodeReviewed`); after that it counts no more. The newest
decision about a postcode in a network is the only one, whatever it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.agreed import LONDON
from pipeline.agreements.loading import Loaded
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError
from pipeline.geography.postcodes import compact
from pipeline.geography.statuses import DECIDABLE, Status
from pipeline.home import Home
from pipeline.ledger.entries import Placed, PostcodeReviewed, Recorded, canonical
from pipeline.ledger.ledger import Ledger
from pipeline.networks import DIRECTORY_ALONE
from pipeline.reasons import Outcome
from pipeline.records import keyed_references
from pipeline.steps import release

if TYPE_CHECKING:
    from pipeline.geography.place import Decided

NAMESPACE = "places@birthshare"
ASKED = tuple(map(str, DECIDABLE))


@dataclass(frozen=True)
class Review:
    """One person's decision as the ledger holds it."""

    entry: int
    at: datetime
    body: PostcodeReviewed

    def last_day(self, days: int) -> date:
        """The last day on which it counts, so many days after it was made."""
        return self.at.astimezone(LONDON).date() + timedelta(days=days)


Key = tuple[str, str]  # a postcode's keyed reference, and a network


def newest(ledger: Ledger) -> dict[Key, Review]:
    """The newest decision about each postcode in each network, as far as it can be told which that is.

    A signature counts once, and after the decision that it names alone. So a decision that was changed or
    taken back counts no more, even if whoever can write to the ledger records it again.
    """
    found: dict[Key, Review] = {}
    signatures: set[str] = set()
    for entry in ledger.entries(kinds={PostcodeReviewed.kind}):
        body = entry.body
        if not isinstance(body, PostcodeReviewed):
            continue
        key = body.place, body.network
        follows = key not in found or body.follows == found[key].entry
        if body.place and follows and body.signature not in signatures:
            found[key] = Review(entry.seq, entry.at, body)
        signatures.add(body.signature)
    return found


def standing(
    home: Home, ledger: Ledger, served: Mapping[str, Collection[str]], today: date
) -> tuple[Review, ...]:
    """The decisions that count today, oldest first.

    Their time is not over, whoever decided is an approver still, and the recipient is in the register and has
    areas in that network (`served`: the recipients of each). That nobody serves a postcode needs no such.
    """
    approvers = {one.principal for one in home.settings.approvers}
    days = home.settings.retention.reviews_days
    found = [
        one
        for one in newest(ledger).values()
        if one.body.principal in approvers and today <= one.last_day(days)
    ]
    known = home.recipients() if found else {}
    served = {network: set(codes) & set(known) for network, codes in served.items()}
    counts = [
        one
        for one in found
        if not one.body.recipient or one.body.recipient in served.get(one.body.network, set())
    ]
    return tuple(sorted(counts, key=lambda one: one.entry))


def digest(reviews: Iterable[Review], signers_sha256: str) -> str:
    """A digest of which decisions count. The ledger never changes, so their numbers say what they are.

    Whose keys may sign them can change: `signers_sha256` is of the file that says so.
    """
    return release.digest(canonical([*(one.entry for one in reviews), signers_sha256]).encode())


def decided(home: Home, reviews: Sequence[Review], given: Iterable[str]) -> dict[str, dict[str, Decided]]:
    """By network and compact postcode, what was decided for these postcodes, however they are written.

    Each signature is verified again. Where one is not, or no longer, its person's over exactly this, as after
    a change of keys, the decision is none: the families stay held, and somebody is asked again.
    """
    from pipeline.geography.place import Decided

    if not reviews:
        return {}
    postcodes = {place: postcode for postcode, place in places_of(home, given).items()}
    found: dict[str, dict[str, Decided]] = {}
    for one in reviews:
        body = one.body
        if body.recipient and body.place in postcodes and is_signed(home, one):
            by_postcode = found.setdefault(body.network, {})
            by_postcode[postcodes[body.place]] = Decided(body.recipient, body.authority, body.claimants)
    return found


def about(ledger: Ledger, places: Collection[str]) -> list[int]:
    """The entries of all decisions about these places (keyed references), the newest and older ones."""
    return [
        entry.seq
        for entry in ledger.entries(kinds={PostcodeReviewed.kind})
        if isinstance(entry.body, PostcodeReviewed) and entry.body.place in set(places) - {""}
    ]


def unplaced(placed: Iterable[Recorded]) -> int:
    """Births that geography could not place when the month was last run, in networks of reach areas.

    `placed` are a month's entries of that kind. It is about each once for every network.
    """
    newest = {one.body.network: one.body.statuses for one in placed if isinstance(one.body, Placed)}
    return sum(
        statuses.get(status, 0)
        for network, statuses in newest.items()
        if network != DIRECTORY_ALONE
        for status in ASKED
    )


def remarks(
    month: str, placements: pd.DataFrame, decisions: Mapping[str, pd.DataFrame], agreements: Iterable[Loaded]
) -> list[str]:
    """What those who release the month should know of postcodes that geography could not place."""
    look = f"birthshare geography review {month}"
    found = []
    for one in agreements:
        name, network = one.agreement.id, one.agreement.recipients.placed_in
        decided, placed = decisions[name], placements[placements["network"] == network]
        status = placed.set_index("reference")["status"].reindex(decided["reference"]).to_numpy()
        chosen = sum((status == Status.PLACED_REVIEWED) & (decided["outcome"] == Outcome.SHARE))
        waiting = sum(np.isin(status, ASKED) & (decided["outcome"] == Outcome.HOLD))
        if chosen:
            found.append(
                f"{name}: {births(chosen)} to be shared with the recipient that a person chose "
                f"for the postcode ({look} --all)"
            )
        if waiting and network != DIRECTORY_ALONE:
            found.append(f"{name}: {births(waiting)} held whose postcode waits for a person ({look})")
    return found


def births(count: int) -> str:
    """So many births, in words."""
    return f"{count:,} birth{'' if count == 1 else 's'}"


def places_of(home: Home, given: Iterable[str]) -> dict[str, str]:
    """The keyed reference of each postcode, by the compact postcode; what cannot be one has none."""
    postcodes = sorted({compact(text) for text in given} - {""})
    return dict(zip(postcodes, keyed_references(home.secret("subject.key"), "place", postcodes), strict=True))


def statement(body: PostcodeReviewed) -> bytes:
    """What is signed. It names the postcode by its keyed reference alone."""
    between = f" between {', '.join(body.claimants)}" if body.claimants else ""
    lines = [
        "I decide which recipient serves this postcode in this network.",
        f"postcode: {body.place}, {body.once}",
        f"network: {body.network}",
        f"found: {body.status}{between}",
        f"recipient: {body.recipient or 'nobody'}",
        f"authority: {body.authority or 'none'}",
        f"directory: {body.directory_sha256}",
        f"reach areas: {body.reach_sha256}",
        f"decision before: {f'entry {body.follows}' if body.follows else 'none'}",
    ]
    return ("\n".join(lines) + "\n").encode()


def is_signed(home: Home, review: Review) -> bool:
    """Whether the signature of a recorded decision is good, by the keys that are listed now."""
    try:
        check_signature(home, review.body, at=review.at)
    except IntegrityError:
        return False
    return True


def check_signature(home: Home, body: PostcodeReviewed, *, at: datetime) -> None:
    """Raises IntegrityError unless the person it names signed exactly this statement."""
    try:
        signer = verify_ssh(
            statement(body),
            body.signature.encode(),
            allowed_signers=home.allowed_signers,
            namespace=NAMESPACE,
            at=at,
        )
    except IntegrityError as error:
        raise IntegrityError(
            error.what,
            where=body.principal,
            do=f"That person's line in {home.allowed_signers.relative_to(home.path)} must hold this key, and "
            f"{NAMESPACE} among its namespaces.",
        ) from None
    if signer != body.principal:
        raise IntegrityError(
            "The signature is another person's",
            where=body.principal,
            do="Decide with that person's own key, or name with --as the person whose key this is.",
        )
