"""Who has which key: what opens suppliers' files and what seals lists can lie on different machines.

    opening    opens what suppliers seal, decides and counts; it reaches no recipient
    sealing    asks people, seals lists and sends them, signs the ledger; it opens no supplier's file

One machine may be both, and mostly is. Where it is not, the home's other files are shared by all, and of the
keys each machine has its own: `KEYS` is the one list of them. `keys/` itself is shared too, for staging.key
is replaced in it; a machine's own private keys are laid into it there alone.

Which machine this is shows by what lies here, so nobody can say so wrongly. What it cannot do it leaves to
the other, where that is harmless (a recall that is recorded waits), and stops where it is not: no list is
sent while a word waits that nobody could open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline import rooms
from pipeline.errors import SettingsError
from pipeline.home import Home

OPENS, SIGNS, SENDS = "keys/decryption.key", "keys/ledger.key", "keys/delivery.key"
VERIFIES = "keys/ledger.vkey"  # the public half of what signs, for machines without it


class Custody(StrEnum):
    """Which machines have a key."""

    OPENING = rooms.OPENING
    SEALING = rooms.SEALING
    BOTH = "both"


@dataclass(frozen=True)
class Key:
    """One kind of secret in a home."""

    where: str  # a pattern of paths under the home
    custody: Custody
    does: str


KEYS = (
    Key(OPENS, Custody.OPENING, "opens suppliers' OpenPGP files"),
    Key("keys/suppliers/*.passphrase", Custody.OPENING, "opens suppliers' zip files"),
    Key("keys/fetching.key", Custody.OPENING, "logs in where suppliers leave their files"),
    Key(SIGNS, Custody.SEALING, "signs how far the ledger goes"),
    Key(SENDS, Custody.SEALING, "logs in at recipients, suppliers' places and places outside"),
    Key("keys/recipients/*", Custody.SEALING, "passwords and public keys that lists are sealed with"),
    Key("keys/subject.key", Custody.BOTH, "recognises families from month to month"),
    Key("keys/pseudonym.*.key", Custody.BOTH, "makes an agreement's pseudonyms"),
    Key("keys/staging.key*", Custody.BOTH, "locks the working files; replaced when something is destroyed"),
    Key("keys/mail.password", Custody.BOTH, "logs in at the mail server, to tell what waits and what failed"),
    Key("keys/webhook.address", Custody.BOTH, "the address of the webhook that is told the same"),
    Key("keys/sign_on.secret", Custody.BOTH, "proves to the council's sign-on that the console asks"),
)


def opens(home: Home) -> bool:
    """Whether suppliers' files can be opened on this machine."""
    return home.at(OPENS).is_file()


def seals(home: Home) -> bool:
    """Whether lists can be sealed and sent, and the ledger signed, on this machine."""
    return home.at(SIGNS).is_file()


def leaves_signing(home: Home) -> bool:
    """Whether what is recorded on this machine is signed by the next work of one that has the key."""
    return not seals(home) and home.at(VERIFIES).is_file()


def check_seals(home: Home) -> None:
    """Raises SettingsError on a machine that does not have the keys that lists are sealed and sent with."""
    _check(home, SIGNS, Custody.SEALING)


def check_opens(home: Home) -> None:
    """Raises SettingsError on a machine that does not have the keys that open suppliers' files."""
    _check(home, OPENS, Custody.OPENING)


def check_not_lost(home: Home) -> None:
    """Raises SettingsError where the key that signs the ledger is gone, and the one that sends lists is here.

    No machine has one of them alone. Without this a month would go on to its last question before anybody
    heard of it. (Keys of recipients are on the console's machine, too.)
    """
    if not seals(home) and home.at(SENDS).is_file():
        raise SettingsError(
            "The key that signs the ledger is lost: the one that sends lists is here, and it is not",
            where=str(home.at(SIGNS)),
            do="Put it back from your safe copy. A machine that only opens has neither of them.",
        )


def _check(home: Home, key: str, custody: Custody) -> None:
    if not home.at(key).is_file():
        raise SettingsError(
            f"This machine does not have the keys for {custody}",
            where=str(home.at(key)),
            do=f"Do this on the machine that has them (in Airflow: a worker of the queue {custody}), or run "
            "`birthshare doctor`, if it should be this one.",
        )


def held(home: Home, custody: Custody) -> list[Path]:
    """The secret files in this home that are of that custody alone, in order."""
    return sorted(file for file, known in _named(home) if known == {custody})


def custody_of(home: Home, file: Path) -> set[Custody]:
    """Which machines need a file, by its path; nothing where it is no secret, or nobody knows it."""
    relative = str(file.relative_to(home.path))
    found = {one.custody for one in KEYS if fnmatchcase(relative, one.where)}
    settings = home.settings
    if relative in {one.inbox.private_key for one in settings.suppliers.values() if one.inbox}:
        found.add(Custody.OPENING)
    if relative in {one.passphrase for one in settings.suppliers.values()}:
        found.add(Custody.OPENING)
    if relative == settings.delivery.private_key:
        found.add(Custody.SEALING)
    return found


def _named(home: Home) -> Iterator[tuple[Path, set[Custody]]]:
    files = (file for file in home.at("keys").rglob("*") if file.is_file())
    return ((file, custody_of(home, file)) for file in files)
