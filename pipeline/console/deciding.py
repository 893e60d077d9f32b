"""Deciding: at once beside a small ledger, and else in a process of its own, while a page says how far it is.

    a form is sent → the whole record is read again → it is recorded and signed → the page it is about

What is handed to one person alone, such as a family's statement, and what somebody wrote into a form that
stopped, is kept in this process's memory for an hour at most, and in no file.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock, Timer
from typing import Any

from fastapi.responses import Response

from pipeline import facts
from pipeline.console import decisions, errands
from pipeline.console.decisions import Given
from pipeline.console.errands import DECISION, Errand
from pipeline.console.permissions import Act
from pipeline.console.visit import NotAllowed, Visit
from pipeline.errors import SettingsError
from pipeline.ledger.entries import canonical, check_note

AT_ONCE = 50_000  # entries; so many are read again, twice, while somebody waits for the page: two seconds
_FOR, _MOST = 3600, 100  # seconds, and decisions, of which anything is remembered
_MOST_BYTES = 128 << 20  # of all that is to be handed; evidence alone may be as much

Show = Callable[[Visit, bytes], Response]


@dataclass
class Kept:
    """What this process has of a decision that is under way, or over since less than an hour."""

    key: str
    by: str
    act: Act
    show: Show | None  # makes a page or a file of what is handed
    form: Mapping[str, str] = field(repr=False)  # to send it again
    action: str  # where that is sent
    ended: bool = False
    handed: bytes | None = field(default=None, repr=False)  # None where it did not end well

    @property
    def ready(self) -> bool:
        """Whether there is something to hand over."""
        return self.show is not None and self.handed is not None

    def hear(self, handed: bytes | None) -> None:
        """It is over."""
        self.handed, self.ended = handed, True
        _make_room(self)
        forget = Timer(_FOR, self._forget)
        forget.daemon = True
        forget.start()

    def _forget(self) -> None:
        with _lock:
            if _KEPT.get(self.key) is self:
                del _KEPT[self.key]


_KEPT: OrderedDict[str, Kept] = OrderedDict()  # by the decision's key, which nobody else can foretell
_lock = Lock()


def decide(
    visit: Visit,
    act: Act,
    name: str,
    arguments: Mapping[str, Any],
    *,
    about: str,
    show: Show | None = None,
    form: Mapping[str, str] | None = None,
    reads: int | None = None,
) -> Response:
    """Have it done: the page `about` it, what `show` makes of what is handed, or how far it is.

    `form` is what to send again where it is stopped. It `reads` so many entries, or the whole ledger: where
    these are few it is done while somebody waits, and raises what stops it.
    """
    given = Given(name, visit.person.principal, visit.now, arguments)
    if (_size(visit) if reads is None else reads) <= AT_ONCE:
        handed = decisions.done(visit.home, given)
        return show(visit, handed) if show else visit.to(about)
    check_note((form or {}).get("note", ""))  # nobody waits to hear that it cannot be recorded
    errands.forget_old(visit.home)
    key = _key(visit, given)
    kept = Kept(key, given.by, act, show, form or {}, visit.here)
    if errands.start(
        visit.home, DECISION + key, by=given.by, now=visit.now, given=given.write(), about=about,
        heard=kept.hear, handed=show is not None,
    ):  # fmt: skip
        _keep(kept)
    return visit.to(f"/deciding/{key}")


def have_done(visit: Visit, errand: str) -> Response:
    """Begin one of `errands`, unless it is under way; the page of the form says how far it is."""
    errands.start(visit.home, errand, by=visit.person.principal, now=visit.now)
    return visit.to(visit.here)


def standing(visit: Visit, key: str) -> tuple[Errand, Kept | None]:
    """How it stands with a decision of the visitor's own; raises SettingsError for any other."""
    errand, kept = errands.newest(visit.home, DECISION + key), _KEPT.get(key)
    whose = kept or errand  # what this process knows before what a file says
    if errand is None or whose is None or whose.by != visit.person.principal:
        raise SettingsError("No decision of yours is known by this address", do="Decide again, or ask again.")
    if kept is not None and not visit.may(kept.act):
        raise NotAllowed
    return errand, kept


def hand(visit: Visit, key: str) -> Response | None:
    """What is handed, once; None where it is not here, or not any more."""
    _, kept = standing(visit, key)
    if kept is None or kept.show is None or kept.handed is None:
        return None
    with _lock:
        first = _KEPT.pop(key, None) is kept
    if not first:
        return None
    try:
        return kept.show(visit, kept.handed)
    except BaseException:  # it was not given
        _keep(kept)
        raise


def _size(visit: Visit) -> int:
    with facts.opened_ledger(visit.home) as ledger:
        return ledger.size


def _key(visit: Visit, given: Given) -> str:
    """The same for the same form, sent twice to one address in one session."""
    content = canonical([visit.here, given.name, given.by, dict(given.arguments)]).encode()
    return hmac.digest(visit.guest.secret, b"decision " + content, "sha256").hex()[:32]


def _make_room(newest: Kept) -> None:
    """What nobody fetched goes, the oldest first, where memory would fill with it."""
    with _lock:
        waiting = [one for one in _KEPT.values() if one.handed]
        over = sum(len(one.handed or b"") for one in waiting) - _MOST_BYTES
        for one in waiting:
            if over > 0 and one is not newest:
                over -= len(one.handed or b"")
                del _KEPT[one.key]


def _keep(kept: Kept) -> None:
    with _lock:
        _KEPT[kept.key] = kept
        _KEPT.move_to_end(kept.key)
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
