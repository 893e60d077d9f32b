"""Lists that went out, at real centres or as the ledger records them, and what an officer asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Body, Delivered, Entry, Kind, PermitBody, ReleaseApproved
from pipeline.ledger.ledger import Ledger
from pipeline.questions import breaches, transfers
from pipeline.questions.breaches import Question
from pipeline.questions.transfers import Transfer
from pipeline.records import OnList, Permit
from receipts.centres import LEAD, Town
from scenarios.arrangement import MONTH

AGREEMENT = "welcome-card-first-visit"
DIGEST = "5" * 64
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nYQ==\n-----END SSH SIGNATURE-----\n"


def of(child: int, parent: int = 0, reference: str = "") -> OnList:
    """A child on a list, by made-up keyed references."""
    return OnList(
        child=f"c{child:031x}",
        parent=f"a{parent:031x}" if parent else "",
        dwelling=f"d{child:031x}",
        reference=reference,
    )


@dataclass
class Office:
    """The town's authority as its information governance officer sees it."""

    town: Town

    @property
    def home(self) -> Home:
        return self.town.home

    @property
    def now(self) -> datetime:
        return self.town.now

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        with opened_ledger(self.home) as ledger:
            yield ledger

    def records(self, *bodies: Body, month: str = str(MONTH), at: datetime | None = None) -> list[int]:
        """Entries of a month, as the program records them."""
        with self.ledger() as ledger:
            return ledger.append(*(Entry(body, month) for body in bodies), at=at or self.now)

    def permits(
        self, *children: OnList, recipient: str = "west", households: int | None = None, **changes: Any
    ) -> Permit:
        """Leave for one more list of the month, under the release that was approved."""
        with self.ledger() as ledger:
            [approved] = [
                entry.body
                for entry in ledger.entries(month=str(MONTH), kinds={Kind.RELEASE_APPROVED})
                if isinstance(entry.body, ReleaseApproved)
            ]
            content = {
                "agreement": AGREEMENT,
                "version": 1,
                "recipient": recipient,
                "file_name": f"{AGREEMENT}_{MONTH}_{recipient}.xlsx",
                "sealed_sha256": DIGEST,
                "households": len(children) if households is None else households,
                "children": len(children),
                "pack_sha256": approved.pack_sha256,
                "removed": {},
            }
            body = PermitBody(**{**content, **changes})
            return ledger.permit(body, children, month=str(MONTH), at=self.now)

    def sends(
        self, *children: OnList, recipient: str = "west", at: datetime | None = None, **changes: Any
    ) -> Permit:
        """One more list, which arrives."""
        permit = self.permits(*children, recipient=recipient, **changes)
        self.records(Delivered(permit=permit.entry, sha256=DIGEST, size=9, found_there=False), at=at)
        return permit

    def register(self, **asked: Any) -> list[Transfer]:
        """The rows of the register of transfers."""
        with self.ledger() as ledger:
            return transfers.transfers(self.home, ledger, **asked)

    def row(self, recipient: str, month: str = str(MONTH)) -> Transfer:
        """The only row of a recipient and month."""
        [row] = [one for one in self.register() if (one.recipient, one.month) == (recipient, month)]
        return row

    def asks(self, known_since: datetime | None = None, who: str = LEAD, **question: Any) -> dict[str, Any]:
        """What is known of a breach."""
        with self.ledger() as ledger:
            return breaches.breach(
                self.home,
                ledger,
                Question(**question),
                principal=who,
                purpose="a laptop was stolen",
                known_since=known_since,
                now=self.now,
            )

    def recorded(self, kind: Kind) -> Sequence[Body]:
        return self.town.recorded(kind)
