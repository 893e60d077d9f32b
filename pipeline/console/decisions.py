"""What people decide in the console, and what they are handed, by name: so that another process can do it.

Beside a small ledger a page does it while somebody waits, beside a large one `errands` does; it is the same
either way. What it takes can be written as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from pipeline import facts
from pipeline import month as months
from pipeline.agreements.loading import file_of
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import PostcodeReviewed
from pipeline.places import reviews
from pipeline.questions import agreements, evidence, families
from pipeline.questions.agreements import Version
from pipeline.questions.breaches import Question, breach
from pipeline.records import Month
from pipeline.reporting.family_page import family_page
from pipeline.steps.desk import Watch, no_watch
from pipeline.suppliers.drift import Compared, check_seen

_PASSES = (facts.READING, "signing")  # each reads all of it


@dataclass(frozen=True)
class Given:
    """A decision as it was sent."""

    name: str  # one of DECISIONS
    by: str
    now: datetime
    arguments: Mapping[str, Any] = field(repr=False)  # may name a family

    @classmethod
    def read(cls, written: bytes) -> Given:
        """As `write` wrote it."""
        kept = json.loads(written)
        return cls(**kept | {"now": datetime.fromisoformat(kept["now"])})

    def write(self) -> bytes:
        """For a pipe, and no file."""
        return json.dumps(asdict(self) | {"now": self.now.isoformat()}).encode()


def done(home: Home, given: Given, watch: Watch = no_watch) -> bytes:
    """Do it, and give what is handed to whoever asked, b"" for a mere decision. Raises what it raises."""
    return DECISIONS[given.name](home, given.now, watch, **given.arguments) or b""


def carried_out(
    home: Home, written: bytes, watch: Callable[[int, int], None], *, later: timedelta = timedelta()
) -> bytes:
    """The same where nobody waits for the page, and `later` than it was sent.

    What stops it says whether anything was recorded.
    """
    with facts.opened_ledger(home) as ledger:
        before = ledger.size
    by = ""

    def in_all(stage: str, read: int, total: int) -> None:
        if stage in _PASSES:
            watch(_PASSES.index(stage) * total + read, len(_PASSES) * total)

    try:
        given = Given.read(written)
        by = given.by
        return done(home, Given(given.name, by, given.now + later, given.arguments), in_all)
    except BirthshareError as error:
        raise BirthshareError(
            f"{_recorded(home, by, before)} {error.what}", where=error.where, do=error.do
        ) from None
    except Exception as error:  # its text could hold anything
        raise BirthshareError(
            f"{_recorded(home, by, before)} It failed: {type(error).__name__}",
            do="If that stays, report this.",
        ) from None


def _recorded(home: Home, by: str, before: int) -> str:
    """Whether anything was by this person since, as a sentence."""
    try:
        with facts.opened_ledger(home) as ledger:
            since = ledger.numbered(range(before + 1, ledger.size + 1))
    except BirthshareError:
        return "Whether it was recorded cannot be read now."
    if any(getattr(entry.body, "principal", None) == by for entry in since):
        return "It was recorded, or a part of it, and then stopped."
    return "Nothing was recorded."


# --- what there is --------------------------------------------------------------------------------


def _release(home: Home, now: datetime, watch: Watch, *, month: str, **said: Any) -> None:
    months.record_decision(home, Month.parse(month), **said, now=now, watch=watch)


def _without(home: Home, now: datetime, watch: Watch, *, month: str, **said: Any) -> None:
    months.forgo(home, Month.parse(month), **said, now=now, watch=watch)


def _drift(
    home: Home,
    now: datetime,
    watch: Watch,
    *,
    month: str,
    supplier: str,
    dataset: str,
    seen: str,
    **said: Any,
) -> None:
    file = compared(home, Month.parse(month), supplier, dataset, seen, now=now)
    months.accept_differences(home, file, **said, now=now, watch=watch)


def _postcode(
    home: Home, now: datetime, watch: Watch, *, month: str, name: str, reviewed: dict[str, Any]
) -> None:
    which = Month.parse(month)
    asked = reviews.one_of(reviews.queue(home, which, now=now), name, which)
    reviews.decide(home, asked, PostcodeReviewed.model_validate(reviewed), now=now, watch=watch)


def _postcodes_shown(home: Home, now: datetime, watch: Watch, *, month: str, principal: str) -> bytes:
    """The names of those of which it is recorded."""
    found = reviews.shown(home, Month.parse(month), principal=principal, now=now, watch=watch)
    return json.dumps([one.name for one in found.asked]).encode()


def _statement(home: Home, now: datetime, watch: Watch, **asked: str) -> bytes:
    """What it is made from, with what is private in it left out."""
    answer = families.statement(_family(home, now, watch, asked))
    _given(home, now, family_page(answer).encode(), asked)
    return json.dumps(answer).encode()


def _statement_file(home: Home, now: datetime, watch: Watch, **asked: str) -> bytes:
    return _given(home, now, family_page(_family(home, now, watch, asked)).encode(), asked)


def _family_evidence(home: Home, now: datetime, watch: Watch, **asked: str) -> bytes:
    answer = _family(home, now, watch, asked)
    return _given(home, now, families.evidence_pack(home, answer, now=now), asked)


def _family(home: Home, now: datetime, watch: Watch, asked: Mapping[str, Any]) -> dict[str, Any]:
    return families.family(home, **asked, now=now, watch=watch)


def _given(home: Home, now: datetime, content: bytes, asked: Mapping[str, Any]) -> bytes:
    said = {name: asked[name] for name in ("principal", "purpose")}
    families.record_given(home, content, **said, now=now)
    return content


def _evidence(
    home: Home, now: datetime, watch: Watch, *, month: str, since: str, until: str, principal: str, why: str
) -> bytes:
    days = [date.fromisoformat(day) for day in (since, until) if day]
    choose = evidence.the_month(month) if month else evidence.the_days(*days)
    return evidence.give(home, choose, principal=principal, why=why, now=now).content


def _breach(
    home: Home, now: datetime, watch: Watch, *, question: dict[str, str], known_since: str, **said: str
) -> bytes:
    """What is known of it; nobody stands in it."""
    days = {name: date.fromisoformat(question[name]) for name in ("since", "until") if question[name]}
    names = {name: question[name] for name in ("delivery", "recipient", "agreement")}
    asked = Question(**names, since=days.get("since"), until=days.get("until"))
    since = datetime.fromisoformat(known_since) if known_since else None
    with facts.sound_ledger(home) as ledger:
        return json.dumps(breach(home, ledger, asked, **said, known_since=since, now=now)).encode()


def _checks(home: Home, now: datetime, watch: Watch, *, agreement: str, version: int) -> bytes:
    """What is wrong with it, and who can ever be shared under it; as `birthshare agreement check`."""
    import numpy as np

    from pipeline.checking.check import check

    one = _version(home, agreement, version, now)
    found = check(one.agreement, asked=(), home=home, now=now, random=np.random.default_rng())
    return json.dumps(found.as_json()).encode()


def _preview(
    home: Home, now: datetime, watch: Watch, *, agreement: str, version: int, months: int | None
) -> None:
    from pipeline.looking_back.preview import preview

    one = _version(home, agreement, version, now)
    preview(home, file_of(home.agreements, one.agreement), months=months, now=now)


def _version(home: Home, name: str, number: int, now: datetime) -> Version:
    with facts.opened_ledger(home) as ledger:
        return agreements.version(home, ledger, name, number, now=now)


DECISIONS: Mapping[str, Callable[..., bytes | None]] = {
    "release": _release,
    "without": _without,
    "drift": _drift,
    "postcode": _postcode,
    "postcodes shown": _postcodes_shown,
    "statement": _statement,
    "statement file": _statement_file,
    "family evidence": _family_evidence,
    "evidence": _evidence,
    "breach": _breach,
    "checks": _checks,
    "preview": _preview,
}


def compared(home: Home, month: Month, supplier: str, dataset: str, seen: str, *, now: datetime) -> Compared:
    """The file whose differences somebody saw; raises SettingsError for none, Refused for other ones."""
    files = months.files_compared(home, month, now=now)
    found = next((one for one in files if (one.supplier, one.dataset) == (supplier, dataset)), None)
    if found is None:
        raise SettingsError("No such file of the month was read", do="See which were.")
    check_seen(found, seen)
    return found
