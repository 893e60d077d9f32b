"""One look into a recipient's folder: what it shows of each list and notice that was put there.

A recipient's own files are only read. What a receipt says counts where the code in it is the one that
stands inside that very list or notice, since only whoever opened it knows that. A list of ours that lies
there after its last day is taken away, if it still is what we put there, byte by byte.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.afterwards import notices
from pipeline.afterwards.sent import Sent
from pipeline.errors import SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Acknowledged, Body, Collected, DestructionAttested, Entry, FileRemoved
from pipeline.recipients import register
from pipeline.steps import dispatch
from pipeline.steps.desk import Desk

if TYPE_CHECKING:
    from pipeline.delivery.problems import Problem
    from pipeline.delivery.receipt_files import Word
    from pipeline.delivery.way import FarSide

_ANY = re.compile(r".*", re.DOTALL)


def visit(
    desk: Desk, code: str, rows: Collection[Sent], *, take_back: int = 0, principal: str = ""
) -> tuple[Counter[str], list[str]]:
    """One look into a recipient's folder: what was recorded, and what a person should know.

    `take_back` is the permit of a list that a person wants taken away at once, before its last day.
    Raises NotAllDelivered or SettingsError where it cannot be looked into.
    """
    from pipeline.delivery.way import far_side

    recorded: Counter[str] = Counter()
    remarks: list[str] = []
    way = dispatch.endpoint(desk.home, _known(desk, code))
    with far_side(way, label=code) as far:
        folder = _Folder(far, set(far.names(_ANY)))
        for row in rows:
            if _may_be_aside(folder, row) and far.digest(_aside(row)) is not None:
                folder.names.add(_aside(row))
            if row.removed and _aside(row) in folder.names:
                _clear_away(folder, row)
            for body in _found(desk, folder, row, remarks):
                recorded[body.kind] += 1
                record(desk, row, body)
            wanted = row.entry == take_back
            removal = FileRemoved(of=row.entry, principal=principal if wanted else "")
            if (wanted or _is_past(desk, row)) and _take_away(desk, folder, row, removal, remarks):
                recorded[FileRemoved.kind] += 1
    return recorded, remarks


@dataclass(frozen=True)
class _Folder:
    """A recipient's folder in an open session, and the names in it when we came."""

    far: FarSide
    names: set[str]


def _known(desk: Desk, code: str) -> Recipient:
    """The recipient as persons signed it; an old key of its own does not matter, since nothing is sealed."""
    known = desk.recipients.get(code)
    if known is None:
        raise SettingsError(
            "This recipient is not in the register any more",
            where=code,
            do="Ask it yourself, and record what it says: birthshare receipts record",
        )
    try:
        register.check_agreed(desk.home, desk.ledger, known, at=desk.clock)
    except register.NotAgreed as error:
        if error.problem != "key_expired":
            raise
    return known


def _found(desk: Desk, folder: _Folder, row: Sent, remarks: list[str]) -> Iterator[Body]:
    """What the folder newly shows of one list or notice."""
    from pipeline.delivery.receipt_files import receipts_beside

    if not row.collected and not row.removed and folder.names.isdisjoint({row.file, _aside(row)}):
        yield Collected(of=row.entry)
    for word, receipts in receipts_beside(folder.names, row.file).items():
        if is_new(row, word):
            yield from _heard(desk, folder, row, word, receipts, remarks)


def receipt_digest(home: Home, receipt: bytes) -> str:
    """The digest of a receipt under our key: the code in it is short enough to be found from a plain one."""
    return hmac.digest(home.secret("subject.key"), b"receipt\x1f" + receipt, "sha256").hex()


def _heard(
    desk: Desk, folder: _Folder, row: Sent, word: Word, receipts: Collection[str], remarks: list[str]
) -> Iterator[Body]:
    """What the receipts of one word come to: where one of them is right, the others do not matter."""
    from pipeline.delivery.receipt_files import MOST_BYTES

    doubts = []
    for name in receipts:
        content, problem = _read(folder, name, MOST_BYTES)
        if problem is not None:
            doubts.append(
                f"{row.recipient}: the receipt beside {row.file} cannot be read. {problem.wording}."
            )
        elif _is_right(desk, row, content):
            yield said(row, word, way="file", receipt_sha256=receipt_digest(desk.home, content))
            return
        else:
            doubts.append(
                f"{row.recipient}: {row.file} has a receipt ({word}) without the code that stands inside it. "
                "It does not count. Ask the recipient which file it opened."
            )
    remarks.extend(dict.fromkeys(doubts))


def _read(folder: _Folder, name: str, limit_bytes: int) -> tuple[bytes, Problem | None]:
    """A small file there, or why it cannot be read; raises DeliveryFailed where the session is over."""
    from pipeline.delivery.problems import DeliveryFailed

    try:
        return folder.far.read(name, limit_bytes), None
    except DeliveryFailed as error:
        if not folder.far.is_open:
            raise
        return b"", error.problem


def _is_right(desk: Desk, row: Sent, content: bytes) -> bool:
    """Whether a receipt holds the code that only whoever opened that list or notice knows."""
    from pipeline.delivery.receipt_files import code_in, holds
    from pipeline.lists.references import code_check

    if not row.receipt_check:
        return holds(content, _code(desk, row))
    return code_check(desk.home.secret("subject.key"), code_in(content)) == row.receipt_check


def _code(desk: Desk, row: Sent) -> str:
    """What stands inside the list or notice, and on nothing else."""
    from pipeline.lists.references import list_name, receipt_code

    if not row.is_list:
        return notices.code_of(desk.home.secret("subject.key"), row.file)
    [permit] = [one for one in desk.ledger.standing_permits(row.month) if one.entry == row.entry]
    of_list = list_name(row.agreement, row.month, row.recipient)
    return receipt_code(desk.home.secret("subject.key"), of_list, sorted(desk.ledger.children(permit)))


# --- taking away what is past its last day --------------------------------------------------------


def _is_past(desk: Desk, row: Sent) -> bool:
    return row.is_list and row.due is not None and row.due < desk.now.date() and not row.removed


def _take_away(desk: Desk, folder: _Folder, row: Sent, removal: FileRemoved, remarks: list[str]) -> bool:
    """Remove the sealed list where it is ours byte by byte; whether it was removed.

    It is moved aside first and recorded then, so that a look that was killed in between does not find
    it gone and take it for collected.
    """
    aside, far = _aside(row), folder.far
    there = aside if aside in folder.names else row.file
    if there not in folder.names:
        return False
    if far.digest(there) != row.sha256:
        remarks.append(
            f"{row.recipient}: something else stands under the name {there} than the list that is to be "
            "taken away. It was left as it is. Ask the recipient what it is."
        )
        return False
    if there != aside:
        far.rename(there, aside)
    record(desk, row, removal)
    _clear_away(folder, row)
    return True


def _may_be_aside(folder: _Folder, row: Sent) -> bool:
    """Whether it may have been moved aside, unlisted: some servers list no name that begins with a dot."""
    gone = folder.names.isdisjoint({row.file, _aside(row)})
    return gone and row.is_list and not row.collected and not row.removed


def _clear_away(folder: _Folder, row: Sent) -> None:
    """Remove what is left of a list that is recorded as removed."""
    folder.far.discard(_aside(row))
    _take_manifest_away(folder, row)


def _take_manifest_away(folder: _Folder, row: Sent) -> None:
    """Remove the list's manifest where it is ours; what cannot be read is not, and stays."""
    from pipeline.delivery.manifest import LIMIT_BYTES, is_manifest_of, manifest_name

    name = manifest_name(row.file)
    if name in folder.names and is_manifest_of(_read(folder, name, LIMIT_BYTES)[0], row.file):
        folder.far.discard(name)


def _aside(row: Sent) -> str:
    """What a list of ours is called while it is taken away."""
    return f".{row.file}.removing"


# --- what is said -----------------------------------------------------------------------------------


def words(row: Sent) -> tuple[Word, ...]:
    """What can be said of it."""
    return ("received", "destroyed") if row.is_list else ("done",)


def is_new(row: Sent, word: Word) -> bool:
    """Whether the word belongs to it, and adds to what is known."""
    known = row.destroyed if word == "destroyed" else row.acknowledged or row.destroyed
    return word in words(row) and known is None


def said(row: Sent, word: Word, **vouched: Any) -> Body:
    """The word as the ledger records it; `vouched` says who stands for it."""
    kind = DestructionAttested if word == "destroyed" else Acknowledged
    return kind(of=row.entry, **vouched)


def record(desk: Desk, row: Sent, body: Body) -> None:
    """Append an entry about a list or notice, in the list's month."""
    desk.ledger.append(Entry(body, row.month), at=desk.clock)
