"""What a database says when it fails, in plain words, without the address' password or any value.

Databases word their errors for programmers. What cannot be used now is a NotNow: nobody's fault, or that of
the settings. What should never happen in a database of our own is an IntegrityError.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from pipeline.errors import BirthshareError, IntegrityError, NotNow, SettingsError

# By SQLite's primary result code or PostgreSQL's SQLSTATE.
_BUSY = {5, "55P03"}  # SQLITE_BUSY, lock_not_available
_FULL = {13, "53100"}  # SQLITE_FULL, disk_full
_BROKEN = {10, "58030"}  # SQLITE_IOERR, io_error
_GIVEN_UP = {"25P03"}  # idle_in_transaction_session_timeout: the server waited for us too long
_NOT_ALLOWED = {3, 8, "42501", "25006"}  # SQLITE_PERM, SQLITE_READONLY, insufficient_privilege, a replica


class NotAllowed(SettingsError):
    """The role, or the file's mode, does not let us do this."""


def in_words(error: DBAPIError, place: str) -> BirthshareError:
    """What to raise in place of `error`, for a database that is at `place`."""
    where, code = f"{place}: {_name(error.orig)}", _code(error.orig)
    if code in _NOT_ALLOWED:
        return NotAllowed(
            "The ledger's database does not let us do this",
            where=where,
            do="PostgreSQL: infra/postgresql/roles.sql gives each role what it needs. SQLite: see who owns "
            "the file and its folder.",
        )
    for codes, what, do in _PASSING:
        if code in codes:
            return NotNow(what, where=where, do=do)
    if (isinstance(error, OperationalError) and not is_no_text(error)) or code in _GIVEN_UP:
        return NotNow(
            "The ledger's database cannot be used",
            where=where,
            do="Check the `database` setting, that the server runs and that there is space left. "
            "Then run the same command again.",
        )
    return unreadable(where)


def unreadable(where: str) -> IntegrityError:
    """What to raise for a database that is not as it was made."""
    return IntegrityError(
        "The ledger's database refused to be read or changed",
        where=where,
        do="Check that it is Birthshare's own database, then run `birthshare ledger verify`. Where that says "
        "the same, keep the database as it is, and restore it from a backup.",
    )


def is_no_text(error: DBAPIError) -> bool:
    """Whether bytes stand in a column of text that are none; SQLite takes them, and its driver complains."""
    return str(error.orig).startswith("Could not decode to UTF-8")


# Whether the last transaction was kept is not always known; the same command finds out.
_PASSING = (
    (
        _BUSY,
        "The ledger's database is busy: somebody else is writing, and did not end",
        "Wait for the other command (or backup) to end, then run the same command again.",
    ),
    (
        _FULL,
        "The disk of the ledger's database is full",
        "Make space, then run the same command again: it goes on where this one was.",
    ),
    (
        _BROKEN,
        "The disk of the ledger's database does not read or write",
        "Look at the disk, its quota and the limits on the size of files. Then run the same command again: "
        "it goes on where this one was.",
    ),
)


def _code(error: BaseException | None) -> int | str | None:
    number = getattr(error, "sqlite_errorcode", None)
    if isinstance(number, int):
        return number & 0xFF
    state: str | None = getattr(error, "sqlstate", None)
    return state


def _name(error: BaseException | None) -> str:
    """What the database's own makers call it, which says nothing about anybody."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
