"""Why a list was not delivered: the codes, their wording, and what to do."""

from __future__ import annotations

from pipeline.errors import NotAllDelivered
from pipeline.wording import Worded


class Problem(Worded):
    """Why a push to one recipient did not end in a receipt."""

    UNREACHABLE = "unreachable", "The recipient's server cannot be reached", "Check host, port and network."
    REFUSED = (
        "refused",
        "The recipient's server refuses connections",
        "Ask whether its SFTP service is running.",
    )
    INCOMPATIBLE = (
        "incompatible",
        "The recipient's server offers no method of encryption that is still safe",
        "Ask its administrator to allow AES and SHA-2.",
    )
    HOST_KEY = (
        "host_key",
        "The recipient's server does not show the host key that was agreed",
        "Do not accept the new key by hand: ask its administrator, by a way you already trust.",
    )
    LOGIN = (
        "login",
        "The recipient's server does not accept our key for this user",
        "Send it our public key again.",
    )
    NO_FOLDER = "no_folder", "The folder is not there", "Ask for it, or correct the folder."
    PERMISSION = "permission", "We may not read or write in the folder for lists", "Ask for the right to."
    FULL = (
        "full",
        "The recipient's server could not store the list; its disk is probably full or read-only",
        "Ask its administrator to look at the disk and the quota.",
    )
    TIMED_OUT = "timed_out", "The recipient's server stopped answering", "Try again later."
    LOST = (
        "lost",
        "The connection was lost",
        "Run the month again; what has already arrived is not sent twice.",
    )
    ALTERED = (
        "altered",
        "The recipient's server gave back other bytes than it was sent",
        "Nothing was put in place. Ask its administrator about scanners or converters.",
    )
    OCCUPIED = (
        "occupied",
        "Something else stands under this list's name at the recipient",
        "It was left as it is. Ask the recipient what it is before it is moved away.",
    )
    NOT_PLACED = (
        "not_placed",
        "The recipient's server did not give the list its final name",
        "Ask its administrator whether files may be renamed there.",
    )
    MOVED = (
        "moved",
        "The recipient was given another place while this list was on its way to the former one",
        "Nobody can tell from here whether it arrived there, so it is not sent again. Ask the recipient. "
        "Put its former place back, signed, to finish what was begun; or end the month without this list: "
        "birthshare release forgo.",
    )
    VANISHED = (
        "vanished",
        "A file that was there a moment ago is gone from the recipient's folder",
        "Ask that whatever collects files there leaves names that begin with a dot alone.",
    )
    TOO_LARGE = (
        "too_large",
        "A file in the recipient's folder is larger than anything that is expected there",
        "It was not read. Ask the recipient what it is.",
    )
    TOO_MANY = (
        "too_many",
        "There are more files in the folder than can be looked through",
        "Ask that what is done with is taken away.",
    )
    CONNECTOR = (
        "connector",
        "The program that makes the connection to the recipient ended",
        "Run the recipient's proxy_command by hand to see what it says.",
    )
    NOT_OURS = (
        "not_ours",
        "The folder for hand-over is not one that only we and its carrier can use",
        "It must be a folder on a disk of this machine, with no rights for others: chmod o-rwx.",
    )
    SUPERSEDED = (
        "superseded",
        "Another run has taken over this delivery, or leave for it was taken back",
        "Nothing to do: look at the status of the month.",
    )


# Worth another try within the same run: what passes by itself, and nothing that a person must look at.
_PASSING = {
    Problem.UNREACHABLE,
    Problem.REFUSED,
    Problem.TIMED_OUT,
    Problem.LOST,
    Problem.CONNECTOR,
}


class DeliveryFailed(NotAllDelivered):
    """One recipient has not got its list; `problem` says why. It may be tried again."""

    def __init__(self, problem: Problem, *, where: str) -> None:
        self.problem = problem
        super().__init__(problem.wording, where=where, do=problem.advice)
        self.passing = problem in _PASSING


def in_words(code: str) -> str:
    """A code of what went wrong, in words where they stand here."""
    known = {str(one): one.wording for one in Problem}
    return known.get(code, code.replace("_", " "))
