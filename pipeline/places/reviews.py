"""Postcodes that geography cannot place wait for a person, with what is known around them.

    what waits, and hints → a person decides and signs → the record → the month is run again

The month does not stop for it: its lists go without these families, who stay held. What was decided counts
for the postcode in that network from then on (`pipeline.places.reviewed`), until the directory knows it or
the claims on it change. Nothing here is written down but the decision; a postcode is handed out for a
person's eyes alone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, cast

import pandas as pd

from pipeline import facts
from pipeline import month as months
from pipeline.asking import check_known
from pipeline.errors import Refused, SettingsError, WaitingForPerson
from pipeline.geography.areas import Area, Kind, read_areas
from pipeline.geography.directory import Directory
from pipeline.geography.neighbours import Neighbours, neighbours
from pipeline.geography.place import Placement, place_each
from pipeline.geography.postcodes import compact, could_be
from pipeline.geography.reach import Reach
from pipeline.geography.statuses import Status
from pipeline.geography.why import claims
from pipeline.home import Home
from pipeline.ledger.entries import PostcodeReviewed, PostcodesShown, canonical
from pipeline.networks import DIRECTORY_ALONE
from pipeline.places.compiled import Places, compiled_places, recipients_by_network
from pipeline.places.reviewed import (
    ASKED,
    Key,
    Review,
    check_signature,
    is_signed,
    newest,
    places_of,
    standing,
)
from pipeline.reasons import Outcome
from pipeline.records import Month
from pipeline.steps import closing
from pipeline.steps.desk import Desk, Watch, no_watch
from pipeline.steps.inputs import BIRTHS, decisions_of
from pipeline.wording import stranger

_NAME = 12  # hexadecimal digits
_MOST = 4  # recipients or authorities named in a hint


class Row(NamedTuple):
    """Where a birth stands in a supplier's file; the header is record 0."""

    supplier: str
    row: int


@dataclass(frozen=True)
class Asked:
    """One postcode of one network that geography cannot place, with the hints for whoever decides."""

    month: str
    network: str
    status: Literal["unknown", "ambiguous"]
    claimants: tuple[str, ...]  # of an ambiguous one, in order
    matched: str  # by which kind of place they claim it
    lines: tuple[str, ...]  # where in the reach areas they do
    authority: str  # of an ambiguous one, as the directory has it
    near: Neighbours | None  # of an unknown one
    rows: tuple[Row, ...]  # the births that are held, or would be without a decision
    recipients: tuple[str, ...]  # who may be chosen
    authorities: tuple[str, ...]  # which may be named, of an unknown one
    directory_sha256: str
    reach_sha256: str
    follows: int  # the decision before, by its entry; 0: there is none
    decided_by: str = ""  # who decided, where that counts
    chosen: str = ""  # and for which recipient; "": nobody
    place: str = field(default="", repr=False)  # keyed reference
    postcode: str = field(default="", repr=False)  # for a person's eyes alone

    @property
    def name(self) -> str:
        """What the person calls it: another name as soon as anything that the person saw is another."""
        seen = [
            self.place, self.network, self.status, self.claimants, self.authority, self.near, self.recipients,
            self.directory_sha256, self.reach_sha256, self.follows,
        ]  # fmt: skip
        return hashlib.sha256(canonical(seen).encode()).hexdigest()[:_NAME]

    @property
    def waits(self) -> bool:
        """Whether nobody has decided yet."""
        return not self.decided_by

    @property
    def likely_authority(self) -> str:
        """The only authority that it can be in, as far as is known; "" where there are several, or none."""
        if self.claimants:
            return self.authority
        around = list(self.near.authorities) if self.near else []
        return around[0] if len(around) == 1 else ""

    @property
    def wording(self) -> str:
        """Why geography cannot place it."""
        return Status[self.status.upper()].wording

    @property
    def hints(self) -> list[str]:
        """What is known around it, a line each."""
        if self.claimants:
            by = f", each by {Kind[self.matched.upper()].wording}" if self.matched else ""
            return [
                f"claimed by {' and '.join(self.claimants)}{by}: {'; '.join(self.lines)}",
                f"in the authority {self.authority}",
            ]
        if self.near is None or not self.near.around:
            return ["no postcode of its district is in the directory"]
        return [
            f"live postcodes of its {self.near.around}: {_counted(self.near.recipients, 'nobody')}",
            f"in the authorities: {_counted(self.near.authorities, 'not known')}",
        ]


def _counted(counts: Mapping[str, int], blank: str) -> str:
    shown = [f"{code or blank} {count:,}" for code, count in list(counts.items())[:_MOST]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def in_words(decision: PostcodeReviewed) -> str:
    """What is decided, as a sentence."""
    if not decision.recipient:
        return "Nobody serves it, and its families stay held."
    return f"{decision.recipient} serves it; it is in the authority {decision.authority}."


@dataclass(frozen=True)
class Queue:
    """The month's postcodes that geography cannot place."""

    asked: tuple[Asked, ...]
    not_whole: int  # births whose postcode is not written as one: only the supplier can put that right
    partial: tuple[str, ...]  # the only authorities that the directory keeps; (): it keeps all


# --- what waits -----------------------------------------------------------------------------------


def queue(home: Home, month: Month, *, now: datetime) -> Queue:
    """What waits in an open month, and what was decided already, as things stand now.

    Births that are withheld anyway wait for nothing. Raises WaitingForPerson for a month that has no
    decisions, since it was not run, SettingsError for one that is closed, and IntegrityError where the ledger
    was altered since it was signed. It is only looked at: `decide` reads the whole ledger again.
    """
    with months.opened(home, month, now) as desk:
        facts.check_sound(home, desk.ledger)
        return _queue(desk)


def shown(home: Home, month: Month, *, principal: str, now: datetime, watch: Watch = no_watch) -> Queue:
    """The same for a person who is shown the postcodes themselves; that is recorded first.

    Raises Refused for a person who is not known.
    """
    check_known(home, principal)
    with months.alone(home, month, now, watch) as desk:
        found = _queue(desk)
        desk.record(PostcodesShown(principal=principal, postcodes=len({one.postcode for one in found.asked})))
        closing.sign(desk)
        return found


def one_of(found: Queue, name: str, month: Month | str) -> Asked:
    """The one that the person means; raises Refused where it is not asked about, or not so any more."""
    named = [one for one in found.asked if one.name == name.lower()]
    if len(named) != 1:
        raise Refused(
            "No postcode of this name is asked about now",
            where=f"{month}",
            do="The hints may have changed since you saw them. Look again: "
            f"birthshare geography review {month} --all",
        )
    return named[0]


def _queue(desk: Desk) -> Queue:
    networks = _held(desk)
    births = desk.staging.frame(BIRTHS)[["reference", "supplier", "row", "postcode"]]
    places = compiled_places(desk.home, on=desk.month.last_day)
    asked: list[Asked] = []
    not_whole: set[int] = set()
    with Directory(places.directory) as directory, Reach(places.reach, directory.facts) as areas:
        context = _Context.read(desk, places, directory, areas)
        for network, references in sorted(networks.items()):
            rows = births[births["reference"].isin(references)]
            texts = rows["postcode"].unique().tolist()
            placed = place_each(texts, directory, areas, network)
            read = {text: one.meant or compact(text) for text, one in placed.items()}
            status = rows["postcode"].map({text: str(one.status) for text, one in placed.items()})
            for postcode, some in rows[status.isin(ASKED)].groupby(rows["postcode"].map(read)):
                if not could_be(str(postcode)):
                    not_whole.update(some["reference"])
                    continue
                found = placed[some["postcode"].iloc[0]]
                asked.append(context.asked(str(postcode), network, found, some))
        partial = directory.facts.authorities
    ordered = sorted(asked, key=lambda one: (one.network, -len(one.rows), one.name))
    return Queue(tuple(ordered), len(not_whole), partial)


def _held(desk: Desk) -> dict[str, set[int]]:
    """By network of reach areas, the births that an agreement there does not withhold anyway."""
    found: dict[str, set[int]] = {}
    for one in desk.agreements:
        network = one.agreement.recipients.placed_in
        if network == DIRECTORY_ALONE:
            continue
        if desk.closed:
            raise SettingsError(
                f"{desk.month} is closed, and its postcodes are destroyed",
                do="Families who are held are looked at again when a later month's extract has them.",
            )
        if not desk.staging.has(decisions_of(one.agreement.id)):
            raise WaitingForPerson(
                f"Nothing is decided for {desk.month} yet",
                do=f"Its postcodes can be looked at once it was run: birthshare run {desk.month}",
            )
        decided = desk.staging.frame(decisions_of(one.agreement.id))
        able = decided.loc[decided["outcome"] != Outcome.WITHHOLD, "reference"]
        found.setdefault(network, set()).update(able)
    return found


@dataclass(frozen=True)
class _Context:
    """What all of a month's postcodes are looked at with."""

    desk: Desk
    places: Places
    directory: Directory
    areas: Reach
    served: Mapping[str, frozenset[str]]  # by network, the recipients that the register knows
    lines: tuple[Area, ...]  # of all reach areas
    before: Mapping[Key, int]
    counts: Mapping[Key, Review]

    @classmethod
    def read(cls, desk: Desk, places: Places, directory: Directory, areas: Reach) -> _Context:
        named = recipients_by_network(places)
        counting = standing(desk.home, desk.ledger, named, desk.now.date())
        return cls(
            desk,
            places,
            directory,
            areas,
            served={network: codes & desk.recipients.keys() for network, codes in named.items()},
            lines=tuple(read_areas(desk.home.reach_areas)),
            before={key: one.entry for key, one in newest(desk.ledger).items()},
            counts={(one.body.place, one.body.network): one for one in counting},
        )

    def asked(self, postcode: str, network: str, found: Placement, births: pd.DataFrame) -> Asked:
        served = self.areas.find([postcode], network).get(postcode)
        claimants = tuple(sorted(served.claimants.split(","))) if served else ()
        near = None if claimants else neighbours(postcode, self.directory, self.areas, network)
        place = places_of(self.desk.home, [postcode])[postcode]
        decided = self._decided((place, network), claimants)
        known = self.served.get(network, frozenset())
        return Asked(
            month=str(self.desk.month),
            network=network,
            status=cast("Literal['unknown', 'ambiguous']", str(found.status)),
            claimants=claimants,
            matched=served.matched if served else "",
            lines=self._claiming(postcode, network) if served else (),
            authority=found.authority,
            near=near,
            rows=tuple(sorted(_rows(births))),
            recipients=tuple(sorted(known & set(claimants) if claimants else known)),
            authorities=_authorities(near, self.areas.authorities(network)),
            directory_sha256=self.places.directory_sha256,
            reach_sha256=self.places.reach_sha256,
            follows=self.before.get((place, network), 0),
            decided_by=decided.principal if decided else "",
            chosen=decided.recipient if decided else "",
            place=place,
            postcode=postcode,
        )

    def _claiming(self, postcode: str, network: str) -> tuple[str, ...]:
        """The lines that claim it, as strongly as one another."""
        known = self.directory.find([postcode]).get(postcode)
        lines = [one for one in self.lines if one.network == network]
        tied = [one.area for one in claims(known, lines, self.desk.month.last_day) if one.outcome == "tied"]
        return tuple(f"{one.recipient} in {one.file.name}, {one.where}" for one in tied)

    def _decided(self, key: Key, claimants: tuple[str, ...]) -> PostcodeReviewed | None:
        """The decision that counts for it, if any does."""
        found = self.counts.get(key)
        holds = found is not None and found.body.claimants == claimants and is_signed(self.desk.home, found)
        return found.body if found and holds else None


def _rows(births: pd.DataFrame) -> Iterator[Row]:
    for supplier, row in zip(births["supplier"], births["row"], strict=True):
        yield Row(str(supplier), int(row))


def _authorities(near: Neighbours | None, covered: Iterable[str]) -> tuple[str, ...]:
    """The neighbours' authorities, those of the most first, and those in which the network serves anybody."""
    around = list(near.authorities) if near else []
    return tuple(code for code in dict.fromkeys([*around, *sorted(covered)]) if code)


# --- deciding -------------------------------------------------------------------------------------


def draft(
    asked: Asked, *, recipient: str, authority: str, principal: str, note: str = ""
) -> PostcodeReviewed:
    """The decision, to be signed; recipient "": nobody serves this postcode, and its families stay held.

    `authority` "" takes the directory's, or that of all neighbours. Raises SettingsError for a recipient
    that may not be chosen, or an authority that cannot be told or be right.
    """
    if recipient and recipient not in asked.recipients:
        who = "claims this postcode" if asked.claimants else f"serves areas of {asked.network}"
        raise SettingsError(
            f"No such recipient {who}",
            do=f"Choose one of: {', '.join(asked.recipients) or '(none)'}; or nobody.",
        )
    return PostcodeReviewed(
        place=asked.place,
        once=secrets.token_hex(16),  # what somebody could foretell hides nothing
        network=asked.network,
        status=asked.status,
        claimants=asked.claimants,
        recipient=recipient,
        authority=_authority(asked, authority) if recipient else "",
        directory_sha256=asked.directory_sha256,
        reach_sha256=asked.reach_sha256,
        follows=asked.follows,
        principal=principal,
        signature="",
        note=note.strip(),
    )


def decide(
    home: Home, asked: Asked, signed: PostcodeReviewed, *, now: datetime, watch: Watch = no_watch
) -> int:
    """Record a person's signed decision; the number of its entry.

    Raises Refused for somebody who is no approver, or where another thing is asked about by now;
    SettingsError as `draft` does, or while the month is being run; IntegrityError for a signature that is
    not theirs over exactly this.
    """
    with months.alone(home, Month.parse(asked.month), now, watch) as desk:
        current = one_of(_queue(desk), asked.name, desk.month)
        again = draft(
            current,
            recipient=signed.recipient,
            authority=signed.authority,
            principal=signed.principal,
            note=signed.note,
        )
        _check_may(home, signed.principal)
        of_their_own = {"once": signed.once, "signature": signed.signature}
        if again.model_copy(update=of_their_own) != signed:
            raise Refused(
                "This decision is about something else",
                where=f"{desk.month}, {asked.name}",
                do=f"Look again: birthshare geography review {desk.month}",
            )
        check_signature(home, signed, at=desk.clock)
        [entry] = desk.record(signed)
        closing.sign(desk)
        return entry


def _check_may(home: Home, principal: str) -> None:
    approvers = [one.principal for one in home.settings.approvers]
    if principal not in approvers:
        raise Refused(
            "This person may not decide about postcodes",
            where=stranger(principal),
            do=f"These may: {', '.join(approvers)}; see approvers in birthshare.toml.",
        )


def _authority(asked: Asked, named: str) -> str:
    """The postcode's authority: whether its families are residents is decided by it."""
    if asked.claimants:
        if named not in ("", asked.authority):
            raise SettingsError("The directory knows the authority of this postcode", where=asked.authority)
        return asked.authority
    found = named or asked.likely_authority
    if not found or found not in asked.authorities:
        raise SettingsError(
            "The authority of this postcode cannot be told"
            if not named
            else "That authority cannot be right",
            do=f"Name it with --authority: one of {', '.join(asked.authorities) or '(none)'}.",
        )
    return found
