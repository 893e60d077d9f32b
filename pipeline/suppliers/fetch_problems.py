"""Why a supplier's files could not be brought, in words about a supplier and its server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import BirthshareError, IntegrityError, NotAllDelivered, WaitingForPerson
from pipeline.wording import Worded

if TYPE_CHECKING:
    from pipeline.delivery.problems import DeliveryFailed


class FetchProblem(Worded):
    """Why a supplier's files could not be brought; the codes are those of pipeline.delivery.problems."""

    UNREACHABLE = "unreachable", "The supplier's server cannot be reached", "Check host, port and network."
    REFUSED = (
        "refused",
        "The supplier's server refuses connections",
        "Ask whether its SFTP service is running.",
    )
    INCOMPATIBLE = (
        "incompatible",
        "The supplier's server offers no method of encryption that is still safe",
        "Ask its administrator to allow AES and SHA-2.",
    )
    HOST_KEY = (
        "host_key",
        "The supplier's server does not show the host key that was agreed",
        "Do not accept the new key by hand: ask its administrator, by a way you already trust.",
    )
    LOGIN = (
        "login",
        "The supplier's server does not accept our key for this user",
        "Send it our public key again.",
    )
    NO_FOLDER = "no_folder", "The supplier's folder is not there", "Ask for it, or correct the folder."
    PERMISSION = (
        "permission",
        "We may not read, write or put away files in the supplier's folder",
        "Ask its administrator for the right to.",
    )
    FULL = (
        "full",
        "The supplier's server could not store our word that a file was received",
        "Ask its administrator to look at the disk and our right to write there.",
    )
    TIMED_OUT = "timed_out", "The supplier's server stopped answering", "Try again later."
    LOST = "lost", "The connection to the supplier's server was lost", "Try again."
    NOT_PLACED = (
        "not_placed",
        "The supplier's server did not put a file away into its archive",
        "It was received, and lies there still. Ask whether files may be renamed there.",
    )
    VANISHED = (
        "vanished",
        "A file that was there a moment ago is gone from the supplier's folder",
        "Ask what else collects files there.",
    )
    TOO_LARGE = (
        "too_large",
        "A file in the supplier's folder is larger than was agreed",
        "It was not read. Ask the supplier what it holds before you raise max_bytes in the settings.",
    )
    TOO_MANY = (
        "too_many",
        "The supplier's folder holds more files than can be looked through",
        "Ask that what is done with is taken away.",
    )
    OTHER = "other", "The supplier's server did not do what it was asked to", "Try again, then report this."


class NotFetched(NotAllDelivered):
    """A supplier's files could not all be brought. It may be tried again."""


class NotWhole(WaitingForPerson):
    """A feed of changes lies at the supplier's server, and is not whole yet."""


def told(failed: DeliveryFailed) -> BirthshareError:
    """What went wrong at a server, in words about a supplier; a wrong host key may be somebody else's."""
    known = {str(one): one for one in FetchProblem}
    problem = known.get(str(failed.problem), FetchProblem.OTHER)
    kind = IntegrityError if problem is FetchProblem.HOST_KEY else NotFetched
    error = kind(problem.wording, where=failed.where, do=problem.advice)
    if isinstance(error, NotFetched):
        error.passing = failed.passing
    return error
