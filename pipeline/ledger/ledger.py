"""The ledger itself: every method is one transaction, durable when it returns.

Safe for several processes and threads at once: writers take turns, and readers see whole
transactions only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Literal

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, insert, or_, select, update

from pipeline.errors import IntegrityError
from pipeline.ledger import checkpoints, journal, notices, openings, permits, reports
from pipeline.ledger.beside import rows
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.ledger.database import Database
from pipeline.ledger.entries import (
    Body,
    ChangesApplied,
    Delivered,
    Entry,
    Kind,
    NoticeBody,
    PermitBody,
    Publishing,
    RecallRaised,
    Recorded,
    ReportDelivered,
    ReportPermitted,
    SuppressionRecorded,
)
from pipeline.ledger.findings import Verification
from pipeline.ledger.followed import followed
from pipeline.ledger.proofs import Proofs
from pipeline.ledger.replay import Watch, beginning, no_watch, read_to_end
from pipeline.ledger.tables import DISCLOSURES, ENTRIES, LEASES, RECALLS, SUPPRESSIONS, THESE
from pipeline.records import DISCLOSURES as DISCLOSURE_COLUMNS
from pipeline.records import ON_LISTS, OnList, Permit, declared
from pipeline.records import SUPPRESSIONS as SUPPRESSION_COLUMNS

_PAGE, _LARGEST_PAGE = 1000, 32_000  # entries


# A child on a list: its keyed reference, its parent's and its row's, "" where not known.
Listed = tuple[str, str, str]

_LISTED = (
    select(DISCLOSURES.c.child, DISCLOSURES.c.parent, DISCLOSURES.c.reference)
    .where(DISCLOSURES.c.permit == bindparam("permit"))
    .order_by(DISCLOSURES.c.entry)
)


class Ledger:
    """An opened ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open, and bring the tables up to date; the URL is `sqlite:///...` or `postgresql://...`.

        Raises SettingsError where the database cannot be reached, or was made by a newer program.
        """
        return cls(Database(url))

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.close()

    def append(self, *entries: Entry, at: datetime) -> list[int]:
        """Record entries, all or none; gives their numbers. Raises IntegrityError for a damaged ledger."""
        with self.database.writing() as connection:
            return journal.write(connection, entries, at)

    def entries(
        self, *, month: str | None = None, kinds: Collection[Kind] | None = None
    ) -> Iterator[Recorded]:
        """Entries in order, of one month (`""`: those of none) and of some kinds, or of all.

        Read page by page, so entries recorded meanwhile may appear at the end. Raises IntegrityError
        at an entry that cannot be read.
        """
        after, many = 0, _PAGE
        while True:
            with self.database.reading() as connection:
                page = list(journal.read(connection, month=month, kinds=kinds, after=after, limit=many))
            yield from page
            if len(page) < many:
                return
            # Of several kinds, a database puts all that is left in order for each page: few, large pages.
            after, many = page[-1].seq, min(2 * many, _LARGEST_PAGE)

    def newest(self, kind: Kind) -> Recorded | None:
        """The newest entry of a kind; the others are not read. Raises as `entries` does."""
        with self.database.reading() as connection:
            return journal.newest(connection, kind)

    def numbered(self, numbers: Collection[int]) -> list[Recorded]:
        """The entries with these numbers, in order. Raises as `entries` does."""
        with self.database.reading() as connection:
            return list(journal.numbered(connection, sorted(numbers)))

    def permit(
        self,
        body: PermitBody,
        on_list: Sequence[OnList],
        *,
        month: str,
        at: datetime,
        lease: tuple[str, int] | None = None,
    ) -> Permit:
        """Give leave for one sealed list, and record every child on it (keyed references).

        Raises TakenOver where a `lease` (key and token) is given and somebody took it since.

        Raises Refused where nobody approved the release or anybody refused it, or where a permit for
        the same month, agreement and recipient stands; IntegrityError where the children are not
        as many different ones as the body says.
        """
        with self.database.writing() as connection:
            if lease is not None and _token(connection, lease[0]) != lease[1]:
                raise permits.TakenOver(body.recipient)
            return permits.issue(connection, body, on_list, month=month, at=at)

    def annul(self, permit: Permit, *, at: datetime) -> None:
        """Take back a permit whose list was not delivered; its children no longer count as shared.

        Nothing happens where it is annulled already. Raises Refused where the list was delivered.
        """
        with self.database.writing() as connection:
            permits.annul(connection, permit, at=at)

    def standing_permits(self, month: str) -> list[Permit]:
        """The month's permits that were not annulled, delivered or not."""
        with self.database.reading() as connection:
            return permits.standing(connection, month)

    def delivered(self, month: str) -> dict[int, Delivered]:
        """What arrived, by the number of the permit's entry."""
        with self.database.reading() as connection:
            return permits.delivered(connection, month)

    def take(self, key: str) -> int:
        """Take the lease of `key`: the token given is higher than any before, and only it holds."""
        with self.database.writing() as connection:
            token = _token(connection, key) + 1
            if token == 1:
                connection.execute(insert(LEASES).values(key=key, token=token))
            else:
                connection.execute(update(LEASES).where(LEASES.c.key == key).values(token=token))
            return token

    def publish(
        self, permit: Permit, key: str, token: int, *, at: datetime, part: str = "", place: str = ""
    ) -> bool:
        """Whether the holder of this token may put the list in place now; if so, that is recorded.

        The permit is not annulled, its list not delivered, its release not refused meanwhile, nothing was
        said of a family on it since its gate listened, and the lease is ours. Raises IntegrityError where
        the ledger did not issue this very permit.
        """
        with self.database.writing() as connection:
            ours = _token(connection, key) == token
            return ours and permits.publish(connection, permit, at=at, part=part, place=place)

    def give_notice(
        self, body: NoticeBody, *, at: datetime, lease: tuple[str, int], note: str = ""
    ) -> Permit:
        """Give leave for one sealed notice; it belongs to no month. One that a person told is done (`note`).

        Raises TakenOver where somebody took the lease (key and token) since, Refused where a notice of this
        name or about one of these recalls stands.
        """
        with self.database.writing() as connection:
            if _token(connection, lease[0]) != lease[1]:
                raise permits.TakenOver(body.recipient)
            return notices.issue(connection, body, at=at, note=note)

    def annul_notice(self, notice: Permit, *, at: datetime, lease: tuple[str, int]) -> None:
        """Take back a notice that was not delivered; nothing happens where it was, or was annulled.

        Raises TakenOver as `give_notice` does.
        """
        with self.database.writing() as connection:
            if _token(connection, lease[0]) != lease[1]:
                raise permits.TakenOver(notice.recipient)
            notices.annul(connection, notice, at=at)

    def publish_notice(
        self, notice: Permit, key: str, token: int, *, at: datetime, part: str = "", place: str = ""
    ) -> bool:
        """Whether the holder of this token may put the notice in place now; if so, that is recorded."""
        with self.database.writing() as connection:
            ours = _token(connection, key) == token
            return ours and notices.publish(connection, notice, at=at, part=part, place=place)

    def permit_report(self, body: ReportPermitted, *, at: datetime, lease: tuple[str, int]) -> Permit:
        """Give leave for one sealed report to a supplier, in place of any of that name; of no month.

        Raises TakenOver where somebody took the lease (key and token) since.
        """
        with self.database.writing() as connection:
            if _token(connection, lease[0]) != lease[1]:
                raise permits.TakenOver(body.supplier)
            return reports.issue(connection, body, at=at)

    def publish_report(
        self, report: Permit, key: str, token: int, *, at: datetime, part: str = "", place: str = ""
    ) -> bool:
        """Whether the holder of this token may put the report in place now; if so, that is recorded."""
        with self.database.writing() as connection:
            ours = _token(connection, key) == token
            return ours and reports.publish(connection, report, at=at, part=part, place=place)

    def report_arrived(self, body: ReportDelivered, *, at: datetime) -> bool:
        """Record that a report arrived; whether that was new."""
        with self.database.writing() as connection:
            return reports.arrive(connection, body, at=at)

    def arrive(self, body: Delivered, *, month: str, at: datetime, taken: bool = False) -> bool:
        """Record that a list (or a notice, of no month) arrived, and that its recipient took it since.

        Whether that was new: of several runs that find it there, one records it.
        """
        with self.database.writing() as connection:
            return permits.arrive(connection, body, month=month, at=at, taken=taken)

    def asked(self, permit: Permit, *, place: str = "") -> list[str]:
        """The parts for which leave was given in the name of a list or notice, oldest first.

        With a `place`, those that were put there, or that nobody knows to have been put elsewhere.
        """
        return [one.part for one in self._published(permit) if not place or one.place in ("", place)]

    def asked_elsewhere(self, permit: Permit, *, place: str) -> list[str]:
        """The parts for which leave was given at another place, before the recipient moved."""
        return [one.part for one in self._published(permit) if one.place not in ("", place)]

    def _published(self, permit: Permit) -> list[Publishing]:
        with self.database.reading() as connection:
            published = journal.bodies(connection, Publishing, permit.month, after=permit.entry)
        return [body for body in published.values() if body.permit == permit.entry and body.part]

    def months(self) -> list[str]:
        """Every month that an entry belongs to, oldest first."""
        with self.database.reading() as connection:
            return list(connection.execute(_MONTHS).scalars())

    def began(self, month: str) -> bool:
        """Whether any entry belongs to this month."""
        one = select(ENTRIES.c.seq).where(ENTRIES.c.month == month).limit(1)
        with self.database.reading() as connection:
            return connection.execute(one).first() is not None

    @property
    def size(self) -> int:
        """How many entries there are; what is recorded from now on has a higher number."""
        with self.database.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(ENTRIES.c.seq), 0))).scalar_one())

    def said_since(self, permit: Permit) -> bool:
        """Whether a later word came about a family on the list after its gate had listened."""
        with self.database.reading() as connection:
            return permits.said_since(connection, permit)

    def children(self, permit: Permit) -> set[str]:
        """The keyed references of the children on a permit's list."""
        with self.database.reading() as connection:
            return permits.children(connection, permit)

    def suppress(
        self, rows: pd.DataFrame, at: datetime, *, source: ChangesApplied | None = None
    ) -> list[int]:
        """Record later words (columns of records.SUPPRESSIONS); those already recorded are left out.

        `source` says where they come from, and is recorded with them unless exactly this list was
        recorded before. Gives the numbers of the words' entries.
        """
        words = [
            SuppressionRecorded(subject=subject, word=word, since=_since(since))
            for subject, word, since in rows[list(SUPPRESSION_COLUMNS)].itertuples(index=False)
        ]
        with self.database.writing() as connection:
            known = set(connection.execute(_suppression_rows()))
            new = [
                word for word in dict.fromkeys(words) if (word.subject, word.word, word.since) not in known
            ]
            said: list[Body] = [*new, source] if source and _is_new(connection, source) else [*new]
            numbers = journal.write(connection, [Entry(body) for body in said], at)[: len(new)]
            rows_to_add = [
                {"entry": seq, **word.model_dump()} for seq, word in zip(numbers, new, strict=True)
            ]
            if rows_to_add:
                connection.execute(insert(SUPPRESSIONS), rows_to_add)
            return numbers

    def words_since(self) -> pd.DataFrame:
        """Later words about families on lists, which the lists' gates had not heard.

        Columns: permit, reference, child, agreement, recipient, month, word, entry (the word's), said (of
        this very child's row; False where it was said of another child of the row or of the same parent on
        the list). A list of which nobody can tell that it arrived is among them; what was called back
        already is not.
        """
        with self.database.reading() as connection:
            return permits.words_since(connection)

    def call_back(self, recalls: Sequence[RecallRaised], *, at: datetime) -> list[int]:
        """Record recalls, all or none; gives their numbers. One that was raised before is left out."""
        with self.database.writing() as connection:
            known = permits.called_back(connection, {one.permit for one in recalls})
            new = [one for one in dict.fromkeys(recalls) if (one.permit, one.child) not in known]
            numbers = journal.write(connection, [Entry(one) for one in new], at)
            rows = [
                {"entry": seq, "permit": one.permit, "reference": one.reference, "child": one.child}
                for seq, one in zip(numbers, new, strict=True)
            ]
            if rows:
                connection.execute(insert(RECALLS), rows)
            return numbers

    def suppressions(self) -> pd.DataFrame:
        """All later words, in the order of recording (columns of records.SUPPRESSIONS)."""
        with self.database.reading() as connection:
            rows = connection.execute(_suppression_rows()).all()
        frame = pd.DataFrame(rows, columns=list(SUPPRESSION_COLUMNS))
        frame["since"] = pd.to_datetime(frame["since"].replace("", None), format="ISO8601")
        return declared(frame, SUPPRESSION_COLUMNS)

    def disclosures(self, *, before_month: str) -> pd.DataFrame:
        """Who is on permitted lists of every other month, not called back (columns of records.DISCLOSURES).

        A later month counts as well, for when an old one is finished late. Annulled permits do not.
        """
        return self._on_lists(DISCLOSURE_COLUMNS, DISCLOSURES.c.month != before_month)

    def mark(self, *, before_month: str) -> tuple[int, ...]:
        """What differs as soon as `suppressions`, or `disclosures` before that month, may; soon read."""
        others = select(DISCLOSURES.c.entry).where(DISCLOSURES.c.month != before_month)
        annulled = select(ENTRIES.c.seq).where(ENTRIES.c.kind == str(Kind.PERMIT_ANNULLED))
        newest = (
            others.order_by(DISCLOSURES.c.entry.desc()),
            annulled.order_by(ENTRIES.c.seq.desc()),
            select(RECALLS.c.entry).order_by(RECALLS.c.entry.desc()),
            select(SUPPRESSIONS.c.entry).order_by(SUPPRESSIONS.c.entry.desc()),
        )
        with self.database.reading() as connection:
            return tuple(connection.execute(one.limit(1)).scalar() or 0 for one in newest)

    def on_lists(self) -> pd.DataFrame:
        """Who is on permitted lists of any month, not called back (columns of records.ON_LISTS)."""
        return self._on_lists(ON_LISTS)

    def _on_lists(self, columns: dict[str, str], *where: ColumnElement[bool]) -> pd.DataFrame:
        called_back = exists().where(
            RECALLS.c.permit == DISCLOSURES.c.permit, RECALLS.c.child == DISCLOSURES.c.child
        )
        query = select(*(DISCLOSURES.c[name] for name in columns)).where(~called_back, *where)
        query = query.order_by(DISCLOSURES.c.entry)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return declared(pd.DataFrame(rows, columns=list(columns)), columns)

    def on_permits(self, permits: Collection[int]) -> Iterator[Sequence[Listed]]:
        """Who is on these permits' lists, one list after the other, called back or not.

        Those whose opening was destroyed are not among them, nor those of a list that was annulled before it
        could arrive.
        """
        with self.database.reading() as connection:
            for permit in sorted(set(permits)):
                yield rows(connection, _LISTED, permit=permit)

    def disclosures_of(self, subjects: Collection[str]) -> list[Recorded]:
        """The disclosures of these children, or of children of these parents, in order.

        Those whose opening was destroyed are not found by anybody.
        """
        wanted = sorted(set(subjects) - {""})
        about = or_(DISCLOSURES.c.child.in_(THESE), DISCLOSURES.c.parent.in_(THESE))
        query = select(DISCLOSURES.c.entry).where(about)
        with self.database.reading() as connection:
            numbers = connection.execute(query, {THESE.key: wanted}).scalars().all()
            return list(journal.numbered(connection, numbers))

    def followed(self, permits: Collection[int], children: Collection[str]) -> list[Recorded]:
        """All that is recorded of these lists since leave was given for them, in order.

        The permits, what is said of them, recalls of these children's rows, and the notices of these with
        what is said of them. By index; no month is read whole.
        """
        with self.database.reading() as connection:
            return followed(connection, permits, children)

    def words_about(self, subjects: Collection[str]) -> list[SuppressionRecorded]:
        """The later words about these children, parents and dwellings, in order."""
        wanted = {THESE.key: sorted(set(subjects) - {""})}
        columns = SUPPRESSIONS.c.subject, SUPPRESSIONS.c.word, SUPPRESSIONS.c.since
        query = select(*columns).where(SUPPRESSIONS.c.subject.in_(THESE)).order_by(SUPPRESSIONS.c.entry)
        with self.database.reading() as connection:
            rows = connection.execute(query, wanted).mappings()
            return [SuppressionRecorded.model_validate(dict(row)) for row in rows]

    def said_of(self, subjects: Collection[str]) -> list[Recorded]:
        """The later words about these children, parents and dwellings, as entries, in order."""
        wanted = sorted(set(subjects) - {""})
        query = select(SUPPRESSIONS.c.entry).where(SUPPRESSIONS.c.subject.in_(THESE))
        with self.database.reading() as connection:
            numbers = [
                number
                for first in range(0, len(wanted), _PAGE)
                for number in connection.execute(query, {THESE.key: wanted[first : first + _PAGE]}).scalars()
            ]
            return list(journal.numbered(connection, numbers))

    def destroy_openings(
        self,
        disclosures: Collection[int],
        *,
        because: Literal["erasure", "retention"],
        at: datetime,
        principal: str = "",
    ) -> int:
        """Destroy what tells whom these disclosures, and recalls of the same rows, are about; how many.

        Recorded in the same transaction. They are found by no later word from then on: the caller has made
        sure that no recipient holds the list any more. Nothing of it is left in the database's file after
        `database.clean`, which takes long and is done once, at the end.
        """
        with self.database.writing() as connection:
            return openings.destroy(connection, disclosures, because=because, at=at, principal=principal)

    def openings_between(self, first: int, last: int) -> list[int]:
        """The entries from one number to another of which it can still be told whom they are about."""
        with self.database.reading() as connection:
            return openings.between(connection, first, last)

    def openings_of_look_ups(self, *, before: date) -> list[int]:
        """The look-ups of families before a day (in UTC) of which that can still be told."""
        with self.database.reading() as connection:
            return openings.of_kind(connection, Kind.FAMILY_LOOKED_UP, before.isoformat())

    def openings_of_reviews(self, *, before: date) -> list[int]:
        """The decisions about postcodes from before a day (in UTC) of which it can be told which that is."""
        with self.database.reading() as connection:
            return openings.of_kind(connection, Kind.POSTCODE_REVIEWED, before.isoformat())

    @contextmanager
    def proving(self) -> Iterator[Proofs]:
        """Proofs from one state of the ledger."""
        with self.database.reading() as connection:
            yield Proofs(connection)

    def checkpoint(
        self,
        sign: Callable[[str], str],
        *,
        origin: str,
        check_note: Callable[[str], str] | None = None,
        kept_elsewhere: Iterable[str] = (),
        watch: Watch = no_watch,
    ) -> Checkpoint:
        """Sign how long the ledger is and its Merkle root; the newest one again if nothing was added.

        Reads the whole ledger first: raises IntegrityError rather than sign a damaged one, or one that does
        not go on from the checkpoints `kept_elsewhere` (see `verify`): a second history would be signed.
        Others may write while it is read; what they recorded meanwhile is read when nobody can.
        """
        head = beginning()
        with self.database.reading() as connection:
            _check_sound(
                read_to_end(
                    connection, head, check_note=check_note, kept_elsewhere=kept_elsewhere, watch=watch
                )
            )
        with self.database.writing() as connection:
            found = read_to_end(connection, head)
            _check_sound(found)
            newest = checkpoints.latest(connection)
            if newest is not None and newest.size == found.entries:
                return newest
            text = checkpoints.statement(origin, found.entries, bytes.fromhex(found.root))
            checkpoint = Checkpoint(found.entries, found.root, sign(text))
            checkpoints.keep(connection, checkpoint)
            return checkpoint

    def checkpoint_sizes(self) -> list[int]:
        """Up to which entry each checkpoint goes, the oldest first."""
        with self.database.reading() as connection:
            return checkpoints.sizes(connection)

    def latest_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint, if there is one."""
        with self.database.reading() as connection:
            return checkpoints.latest(connection)

    def checkpoint_over(self, size: int) -> Checkpoint | None:
        """The checkpoint over so many entries, if there is one."""
        with self.database.reading() as connection:
            return checkpoints.of_size(connection, size)

    @contextmanager
    def checkpoints(self) -> Iterator[Iterator[Checkpoint]]:
        """Every checkpoint, from the newest to the oldest, as they were at one moment."""
        with self.database.reading() as connection:
            yield checkpoints.newest_first(connection)


def _every_month() -> Select[str]:
    """From each month to the next by the index, however many entries a month has."""
    later = ENTRIES.alias("later")
    found = select(func.min(ENTRIES.c.month).label("month")).where(ENTRIES.c.month > "").cte(recursive=True)
    following = select(func.min(later.c.month)).where(later.c.month > found.c.month).scalar_subquery()
    found = found.union_all(select(following).where(found.c.month.is_not(None)))
    return select(found.c.month).where(found.c.month.is_not(None)).order_by(found.c.month)


_MONTHS = _every_month()


def _check_sound(found: Verification) -> None:
    if found.problem is not None:
        raise IntegrityError(
            "The ledger is damaged and was not signed",
            where=str(found.problem),
            do="Run `birthshare ledger verify`, which says what it contradicts, and restore a backup.",
        )


def _token(connection: Connection, key: str) -> int:
    token = connection.execute(select(LEASES.c.token).where(LEASES.c.key == key)).scalar()
    return token or 0


def _is_new(connection: Connection, source: ChangesApplied) -> bool:
    """Whether no list with these bytes from there was recorded before with these words."""
    known = journal.read(connection, month="", kinds=[source.kind])
    bodies = [one.body for one in known if isinstance(one.body, ChangesApplied)]
    return (source.source, source.sha256, source.words) not in [
        (body.source, body.sha256, body.words) for body in bodies
    ]


def _since(moment: pd.Timestamp) -> str:
    return "" if pd.isna(moment) else moment.strftime("%Y-%m-%dT%H:%M:%S")


def _suppression_rows() -> Select[str, str, str]:
    return select(SUPPRESSIONS.c.subject, SUPPRESSIONS.c.word, SUPPRESSIONS.c.since).order_by(
        SUPPRESSIONS.c.entry
    )
