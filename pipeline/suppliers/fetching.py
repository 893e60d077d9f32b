"""Bringing suppliers' files from the SFTP servers where they wait: all of them, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import SETTINGS_FILE, Home, Inbox
from pipeline.keeping import kept
from pipeline.staging import write_whole
from pipeline.steps.desk import Desk
from pipeline.suppliers.fetch_problems import NotWhole
from pipeline.suppliers.fetch_problems import told as in_words
from pipeline.suppliers.visit import MOST_NAMES, Fetched, Visit

if TYPE_CHECKING:
    from pipeline.delivery.sftp import Endpoint


def problem_of(visits: Iterable[Fetched]) -> BirthshareError | None:
    """Why a month must not go on after these visits: a death may wait where somebody could not look.

    That something could not be put away at a server stops nothing.
    """
    return next((one.problem for one in visits if one.problem), None)


def may_pass(problem: BirthshareError) -> bool:
    """Whether a later visit may go well without anybody doing anything on our side."""
    return isinstance(problem, NotWhole) or getattr(problem, "passing", False)


def fetch(desk: Desk, only: Collection[str] = ()) -> list[Fetched]:
    """Visit these suppliers' servers, or all; what went wrong at one keeps nobody from the next.

    Raises SettingsError for a supplier without such a place, IntegrityError where the ledger was altered.
    """
    suppliers = desk.home.settings.suppliers
    for code in only:
        if desk.home.supplier(code).inbox is None:
            raise SettingsError(
                "This supplier's files do not wait at a server",
                where=f"{SETTINGS_FILE}, suppliers",
                do="Name one that has an [suppliers.CODE.inbox], or put its files into the home's inbox.",
            )
    places = {code: one.inbox for code, one in suppliers.items() if one.inbox and (not only or code in only)}
    return [_visited(desk, code, inbox) for code, inbox in places.items()]


def check_reached(home: Home, supplier: str) -> None:
    """Look into a supplier's folder and change nothing; raises what a visit would."""
    inbox = home.settings.suppliers[supplier].inbox
    if inbox is None:
        return
    from pipeline.delivery.problems import DeliveryFailed
    from pipeline.delivery.sftp import connected

    try:
        with connected(_endpoint(home, inbox), label=supplier) as side:
            side.found(MOST_NAMES)
        return
    except DeliveryFailed as failed:
        problem = in_words(failed)
    raise problem


def _visited(desk: Desk, supplier: str, inbox: Inbox) -> Fetched:
    """One visit, tried again where what went wrong may pass; one fetcher at a time."""
    settings, told = desk.home.settings.delivery, Fetched(supplier)
    with kept.alone(desk.home, f"inbox-{supplier}"), desk.stage("fetching"):
        for again in range(settings.tries):
            if again:
                desk.wait(settings.wait_seconds)
            told.problem = _tried(desk, supplier, inbox, told)
            if not getattr(told.problem, "passing", False):
                break
        if told.problem is None:
            _remember(desk, supplier)
    return told


def not_looked(desk: Desk, within: timedelta) -> list[str]:
    """The suppliers at whose servers nobody has looked for later words within that time."""
    waiting = [code for code, one in desk.home.settings.suppliers.items() if one.inbox]
    return [code for code in waiting if not _looked(desk, code, within)]


def _looked(desk: Desk, supplier: str, within: timedelta) -> bool:
    try:
        looked = datetime.fromisoformat(_memory(desk.home, supplier).read_text(encoding="ascii"))
        return timedelta(0) <= desk.clock - looked <= within
    except (OSError, ValueError, TypeError):
        return False


def _remember(desk: Desk, supplier: str) -> None:
    """Write down when all that was whole at a supplier's server had come."""
    file = _memory(desk.home, supplier)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(file, desk.now.isoformat().encode(), mode=0o600)


def _memory(home: Home, supplier: str) -> Path:
    return home.state / "looked" / supplier


def _tried(desk: Desk, supplier: str, inbox: Inbox, told: Fetched) -> BirthshareError | None:
    from pipeline.delivery.problems import DeliveryFailed
    from pipeline.delivery.sftp import connected

    told.waiting = told.others = 0
    try:
        with connected(_endpoint(desk.home, inbox), label=supplier) as side:
            return Visit(desk, supplier, inbox, side, told).collect()
    except DeliveryFailed as failed:
        return in_words(failed)
    except SettingsError as wrong:
        return wrong


def _endpoint(home: Home, inbox: Inbox) -> Endpoint:
    from pipeline.delivery.sftp import Endpoint

    return Endpoint(
        host=inbox.host,
        port=inbox.port,
        user=inbox.user,
        folder=inbox.folder,
        host_key=inbox.host_key,
        private_key=home.private_file(inbox.private_key),
        timeout_seconds=home.settings.delivery.timeout_seconds,
    )
