"""The few ways in which Birthshare stops, one class for each exit code.

Every message says what happened, where, and what to do. None carries a personal value: name
the file, the row, the field, the rule, never what stood there.
"""

from __future__ import annotations

from collections.abc import Iterable


class BirthshareError(Exception):
    """Base of every stop that Birthshare words itself.

    `what` happened, `where` (file, row, field, rule or code), and what to `do` about it.
    """

    exit_code = 1
    answered = False  # the command line has already given its JSON answer

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, _printable(where), do
        super().__init__(what, self.where, do)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        apart = "\n" if "\n" in self.what else " "
        advice = f"{apart}{self.do}" if self.do else ""
        return f"{self.what.rstrip('.')}{place}.{advice}"


def _printable(where: str) -> str:
    """A place as it can be shown: the name of a file that came from outside may steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in where)


def one_to_a_line(what: str, failures: Iterable[object]) -> str:
    """What happened, as a heading over a line for each failure; the same words are said once."""
    return "\n".join([f"{what}:", *dict.fromkeys(f"  {failure}" for failure in failures)])


class SettingsError(BirthshareError):
    """Wrong use, or settings that cannot be used."""

    exit_code = 2


class NotNow(SettingsError):
    """What is needed cannot be had now; it may pass by itself, so another try later may help."""


class Busy(NotNow):
    """Somebody else is at this work now; it passes by itself."""


class Refused(BirthshareError):
    """Governance says no: agreement, approval, suspension, stale deaths feed."""

    exit_code = 3


class IntegrityError(BirthshareError):
    """Something is not what it must be: unreadable, wrongly signed, altered, unbalanced."""

    exit_code = 4


class NotAllDelivered(BirthshareError):
    """The month is done but for some recipients; run it again to finish them."""

    exit_code = 5
    passing = False  # whether it may pass by itself, so that another try soon may help


class WaitingForPerson(BirthshareError):
    """A person must decide before the month can go on."""

    exit_code = 6
