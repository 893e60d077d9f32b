"""Looking at every recipient before a month needs it: is all signed, are its keys good, can it be reached?

At the far side a small file is written under a name that begins with a dot, read back and removed;
nothing else is touched there.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pipeline import agreed
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.ledger import Ledger
from pipeline.recipients import register
from pipeline.steps.desk import Watch, no_watch
from pipeline.steps.dispatch import endpoint

_PROBE = ".birthshare-check"
_CONTENT = b"Birthshare looked whether it may write here. This file can be deleted.\n"
# What was shown to work before each of these problems; for any other, everything but writing.
_STEPS = ("reached", "host key", "login", "folder", "may write")
_FAILS_AT = {
    "unreachable": 0, "refused": 0, "incompatible": 0, "timed_out": 0, "connector": 0,
    "host_key": 1, "login": 2, "no_folder": 3, "not_ours": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what is wrong and what to do, or is "" where it is well."""

    what: str
    advice: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.advice


@dataclass(frozen=True)
class Looked:
    """What was found about one recipient."""

    code: str
    findings: tuple[Finding, ...]
    free: int | None = None  # bytes on the disk of its folder; None where that is not known

    @property
    def well(self) -> bool:
        """Whether a list could go there now."""
        return all(one.well for one in self.findings)


def look(
    home: Home, ledger: Ledger, codes: Collection[str] = (), *, at: datetime, watch: Watch = no_watch
) -> list[Looked]:
    """Look at these recipients, or at all, several at once; one that does not answer holds no other.

    Raises SettingsError for a code that is not in the register.
    """
    known = home.recipients()
    unknown = sorted(set(codes) - known.keys())
    if unknown:
        raise SettingsError(
            f"Not in the register: {', '.join(unknown)}", do="See: birthshare recipients list"
        )
    asked = [known[code] for code in codes or known]
    register.heard(home, ledger, at=at)  # once, and not by each that looks
    found = []
    with ThreadPoolExecutor(max_workers=home.settings.delivery.at_once) as pool:
        for one in pool.map(lambda recipient: _looked(home, ledger, recipient, at), asked):
            found.append(one)
            watch("recipients", len(found), len(asked))
    return found


def _looked(home: Home, ledger: Ledger, recipient: Recipient, at: datetime) -> Looked:
    checks: dict[str, Callable[[], object]] = {
        "signed": lambda: register.check_agreed(home, ledger, recipient, at=at),
        "dates": lambda: register.check_open(recipient, at=at),
        "key": lambda: check_key(home, recipient, at=at),
    }
    findings = [_tried(what, check) for what, check in checks.items()]
    problem, free = None, None
    try:
        free = check_may_write(home, recipient)
    except BirthshareError as error:
        problem = error
    return Looked(recipient.code, (*findings, *_way_there(problem)), free)


def _tried(what: str, check: Callable[[], object]) -> Finding:
    try:
        check()
    except BirthshareError as error:
        return Finding(what, str(error))
    return Finding(what)


def check_key(home: Home, recipient: Recipient, *, at: datetime) -> None:
    """Raises SettingsError where nothing can be sealed for a recipient's key now."""
    from pipeline.encryption.sealing import seal_openpgp

    if recipient.format == "csv":
        seal_openpgp(b"", home.at(recipient.key))
    else:
        home.password(recipient.key)
    end = register.key_ends(home, recipient)
    if end and end < at.astimezone(agreed.LONDON).date():
        raise SettingsError(
            f"It was good until {end}", where=recipient.key, do="Ask for a new key, or make a new password."
        )


def _way_there(problem: BirthshareError | None) -> Iterator[Finding]:
    """What is known of the way there, step by step; what comes after a step that fails is not known."""
    failed = _FAILS_AT.get(str(getattr(problem, "problem", "")), len(_STEPS) - 1) if problem else len(_STEPS)
    if isinstance(problem, SettingsError):
        failed = 0
    yield from (Finding(step) for step in _STEPS[:failed])
    if problem:
        yield Finding(_STEPS[failed], str(problem))


def check_reached(home: Home, recipient: Recipient) -> None:
    """Open the folder at the recipient and write nothing; raises as `check_may_write`."""
    from pipeline.delivery.way import far_side

    with far_side(endpoint(home, recipient), label=recipient.code) as side:
        side.digest(_PROBE)


def check_may_write(home: Home, recipient: Recipient) -> int | None:
    """Write a small file at the recipient, read it back, remove it; the bytes that are free there, if known.

    Raises DeliveryFailed where that cannot be done, SettingsError where our own key or the recipient's
    pinned one cannot be used.
    """
    from pipeline.delivery.problems import DeliveryFailed, Problem
    from pipeline.delivery.way import far_side

    name = f"{_PROBE}-{secrets.token_hex(8)}"
    with far_side(endpoint(home, recipient), label=recipient.code) as side:
        try:
            side.write(name, _CONTENT)
            if side.digest(name) != hashlib.sha256(_CONTENT).hexdigest():
                raise DeliveryFailed(Problem.ALTERED, where=recipient.code)
        finally:
            side.discard(name)
        if side.digest(name) is not None:
            raise DeliveryFailed(Problem.PERMISSION, where=recipient.code)
        return side.free()
