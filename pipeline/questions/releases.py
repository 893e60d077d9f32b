"""What is asked about a month's release: which one it is, who has decided on it, and who still may."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline import month as months
from pipeline.errors import Refused, SettingsError, WaitingForPerson
from pipeline.home import Home
from pipeline.month import Pair
from pipeline.records import Month
from pipeline.steps import approval, deciding, release
from pipeline.steps.desk import Desk
from pipeline.steps.pack import asked_pack, outstanding, read_release, refusal_of
from pipeline.wording import SHOWN


@dataclass(frozen=True)
class Asked:
    """The release that is asked about, and how far its decision is."""

    pack: bytes = field(repr=False)
    pack_sha256: str
    decisions: tuple[release.Approval, ...]  # with the words that may be read by now
    refused: str  # in words, by whom and why; "" where nobody did
    missing: tuple[release.Lacking, ...]
    deciders: tuple[str, ...]  # principals who may decide by signature
    in_airflow: tuple[str, ...]  # and who may in Airflow
    still_asked: tuple[str, ...]  # deciders by signature whose approval is missing
    outstanding: tuple[Pair, ...]  # lists that are neither delivered nor left out

    @property
    def content(self) -> dict[str, Any]:
        """The pack, read."""
        content: dict[str, Any] = json.loads(self.pack)
        return content


def asked(home: Home, month: Month, *, seen: str = "", now: datetime) -> Asked:
    """The release of a month; `seen` is the beginning of the digest of the one that somebody looked at.

    Raises WaitingForPerson where none is asked about, SettingsError where the month is closed, Refused where
    it is another one than was seen.
    """
    with months.opened(home, month, now) as desk:
        pack, pack_sha256 = _pack(desk, seen)
        refusal = refusal_of(desk, pack_sha256)
        return Asked(
            pack=pack,
            pack_sha256=pack_sha256,
            decisions=tuple(one for one in approval.told(desk) if one.pack_sha256 == pack_sha256),
            refused=release.reason_given(refusal.principal, refusal.note) if refusal else "",
            missing=() if refusal else tuple(approval.missing(desk)),
            deciders=tuple(one.principal for one in deciding.deciders(desk, "signature")),
            in_airflow=tuple(one.principal for one in deciding.deciders(desk, "airflow")),
            still_asked=() if refusal else _still_asked(desk),
            outstanding=tuple(outstanding(desk, read_release(pack))),
        )


def pack_asked_about(home: Home, month: Month, *, seen: str = "", now: datetime) -> tuple[bytes, str]:
    """Its exact bytes and their digest; raises as `asked` does."""
    with months.opened(home, month, now) as desk:
        return _pack(desk, seen)


def _pack(desk: Desk, seen: str) -> tuple[bytes, str]:
    content = asked_pack(desk)
    if content is None and desk.closed:
        raise SettingsError(
            f"{desk.month.in_full} is closed, and its release was destroyed with its working files",
            do=f"See what it came to: birthshare status {desk.month}",
        )
    if content is None:
        raise WaitingForPerson(
            f"No release of {desk.month.in_full} is asked about",
            do=f"Run the month first: birthshare run {desk.month}",
        )
    pack_sha256 = release.digest(content)
    if not pack_sha256.startswith(seen.lower()):
        raise Refused(
            "This is not the release that is asked about now",
            where=f"{desk.month}, pack {pack_sha256[:SHOWN]}",
            do=f"Look at it again: birthshare release show {desk.month}",
        )
    return content, pack_sha256


def _still_asked(desk: Desk) -> tuple[str, ...]:
    return tuple(one.principal for one in deciding.still_asked(desk, "signature"))
