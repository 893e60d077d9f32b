"""Opening what a supplier sealed: decrypted for us, signed by exactly the key that was agreed.

gpg alone cannot be asked "is this all right?": it ends with 0 for a file that nobody signed and
for one that nobody encrypted. So the plaintext stays in memory, unseen, until every status line
that must be there is there and none that must not be.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.encryption.framing import is_cut_off
from pipeline.encryption.gnupg import Finished, Status, import_key, run, temporary_home
from pipeline.errors import IntegrityError, SettingsError
from pipeline.wording import Worded

SIGNED = ("NEWSIG", "GOODSIG", "VALIDSIG")  # said once each of the one good signature
_DECRYPTED = ("BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC")
NEVER = (
    "BADSIG",
    "ERRSIG",
    "EXPSIG",
    "EXPKEYSIG",
    "REVKEYSIG",
    "NO_PUBKEY",
    "NODATA",
    "UNEXPECTED",
    "TRUNCATED",
    "BADMDC",
    "DECRYPTION_FAILED",
    "FAILURE",
)
_PRIMARY = 9  # the place of the primary key's fingerprint in a VALIDSIG line
_NO_PINENTRY = 85  # GPG_ERR_NO_PINENTRY: a passphrase would have been asked for
_ERROR_CODE = 0xFFFF  # the part of a gpg error number that is the code, without its source
_SEALED_SLACK = 1 << 20


class SealProblem(Worded):
    """Why a sealed file was not opened."""

    EMPTY = "empty", "The sealed file is empty", "Ask the supplier to send it again."
    NOT_OPENPGP = (
        "not_openpgp",
        "The file is not sealed with OpenPGP",
        "Ask the supplier to encrypt and sign it, and to destroy this copy if it was sent unsealed.",
    )
    NOT_ENCRYPTED = (
        "not_encrypted",
        "The file is signed but not encrypted",
        "Anyone could read it on its way: tell the information governance officer, then ask for a new one.",
    )
    NOT_FOR_US = (
        "not_for_us",
        "The file was not encrypted for this authority's key",
        "Send the supplier our public key again.",
    )
    UNSIGNED = "unsigned", "The file is encrypted but nobody signed it", "Ask the supplier to sign it."
    SEVERAL_SIGNATURES = (
        "several_signatures",
        "The file has more than one signature",
        "Ask the supplier to sign it once.",
    )
    WRONG_SIGNER = (
        "wrong_signer",
        "The file was not signed by the agreed key",
        "Ask the supplier, by a way you already trust, who signed it.",
    )
    EXPIRED = (
        "expired_key",
        "The file was signed with a key (or a signature) that has expired",
        "Ask the supplier to sign with a key in force, and for its new public key.",
    )
    REVOKED = (
        "revoked_key",
        "The file was signed with a key that was revoked",
        "Ask the supplier, by a way you already trust, for its new key.",
    )
    TAMPERED = (
        "tampered",
        "The file was altered or damaged after it was sealed",
        "Ask the supplier to send it again.",
    )
    TRUNCATED = (
        "truncated",
        "The file ends too early; the upload did not finish",
        "Ask the supplier to send it again.",
    )
    TOO_LARGE = (
        "too_large",
        "The file opens to more bytes than was agreed",
        "Ask the supplier what it holds before you raise max_bytes in the settings.",
    )
    NOT_ZIP = (
        "not_zip",
        "The file is not a zip",
        "Ask the supplier to send it as was agreed, and to destroy this copy if it was sent unsealed.",
    )
    IN_THE_CLEAR = (
        "in_the_clear",
        "The file in the zip is not encrypted",
        "Anyone could read it on its way: tell the information governance officer, then ask for a new one.",
    )
    WEAK_ENCRYPTION = (
        "weak_encryption",
        "The zip is encrypted by a weaker method than was agreed",
        "Only AES-256 is agreed. Tell the information governance officer, and ask the supplier to choose "
        "AES-256 in its program.",
    )
    WRONG_PASSPHRASE = (
        "wrong_passphrase",
        "The zip does not open with the agreed passphrase",
        "Compare the passphrase with the supplier's, by a way you already trust.",
    )
    SEVERAL_FILES = (
        "several_files",
        "The zip holds more than one file",
        "Ask the supplier for one zip for each file.",
    )
    NO_FILE = "no_file", "The zip holds no file, or a folder", "Ask the supplier for a zip of the file alone."
    NAME_WITH_PATH = (
        "name_with_path",
        "The name of the file in the zip leads out of it, or cannot be a file's name",
        "It was not opened. Ask the supplier how this zip was made.",
    )
    OTHER_METHOD = (
        "other_method",
        "The zip is compressed by a method that is not read here",
        "Ask the supplier to choose Deflate, or no compression.",
    )
    SOMETHING_AROUND = (
        "something_around",
        "The zip is not put together as its own lists say, or something stands before, after or inside it",
        "It was not opened. Ask the supplier to make it again, with no comment and not self-extracting.",
    )
    NESTED = (
        "nested",
        "The zip holds another zip",
        "Ask the supplier for a zip of the file itself.",
    )
    NOT_A_SIGNATURE = (
        "not_a_signature",
        "What lies beside the file is not a detached signature",
        "Ask the supplier to sign the sealed file with: gpg --detach-sign",
    )
    NOT_OF_THIS_FILE = (
        "not_of_this_file",
        "The signature beside the file is not one of these bytes",
        "The file was altered after it was signed, or the signature is another file's. Ask the supplier to "
        "send both again.",
    )
    NOT_PROVEN = (
        "not_proven",
        "Not every check of the seal could be made",
        "Ask the supplier to seal the file again.",
    )


class SealRefused(IntegrityError):
    """A sealed file was not opened; `problem` says why."""

    def __init__(self, problem: SealProblem, *, where: str) -> None:
        self.problem = problem
        super().__init__(problem.wording, where=where, do=problem.advice)


@dataclass(frozen=True)
class Opened:
    """What a sealed file held, who signed it and when."""

    content: bytes = field(repr=False)
    signer: str  # fingerprint of the primary key; "" where nobody signed, as the settings allow
    signed_at: datetime  # UTC, as the signature says; without one, when the file was first seen
    sealed_sha256: str


def open_openpgp(
    sealed: Path, *, private_key: Path, signing_key: Path, fingerprint: str, max_bytes: int
) -> Opened:
    """Decrypt a file and verify its one signature, all in memory.

    `fingerprint` is the primary key's, 40 hexadecimal digits in capitals; `max_bytes` bounds what
    the file may open to. Raises SealRefused with a code for every bad file, and SettingsError where
    our own keys cannot be used.
    """
    content = content_of(sealed, max_bytes)
    with temporary_home() as home:
        _import_private(home, private_key)
        import_signer(home, signing_key, fingerprint)
        finished = run(home, "--decrypt", given=content, limit=max_bytes)
    _check_no_passphrase(finished.status, private_key)
    if not _accepted(finished, fingerprint):
        raise SealRefused(_problem(finished, fingerprint, content), where=sealed.name)
    return Opened(
        finished.output, fingerprint, signed_at(finished.status), hashlib.sha256(content).hexdigest()
    )


def check_signer(signing_key: Path, fingerprint: str) -> None:
    """Raises SettingsError where the file does not hold the key with this fingerprint."""
    with temporary_home() as home:
        import_signer(home, signing_key, fingerprint)


def content_of(sealed: Path, max_bytes: int) -> bytes:
    """The bytes of a sealed file; raises SealRefused for one that is empty or far larger than agreed."""
    # Armour adds a third; anything beyond twice the agreed size need not even be read.
    bound = 2 * max_bytes + _SEALED_SLACK
    try:
        with sealed.open("rb") as file:
            content = file.read(bound + 1)
    except OSError:
        raise IntegrityError("A sealed file cannot be read", where=sealed.name) from None
    if not content:
        raise SealRefused(SealProblem.EMPTY, where=sealed.name)
    if len(content) > bound:
        raise SealRefused(SealProblem.TOO_LARGE, where=sealed.name)
    return content


def _import_private(home: Path, private_key: Path) -> None:
    status = import_key(home, private_key)
    secret = 16  # the flag of IMPORT_OK that says: contains a private key
    if not any(line[0] == "IMPORT_OK" and int(line[1]) & secret for line in status.lines):
        raise SettingsError("The file holds no private key that gpg can use", where=str(private_key))


def import_signer(home: Path, signing_key: Path, fingerprint: str) -> None:
    """Put the agreed key into a keyring; raises SettingsError where the file does not hold it."""
    status = import_key(home, signing_key)
    if not any(line[0] == "IMPORT_OK" and line[2] == fingerprint for line in status.lines):
        raise SettingsError(
            "The file does not hold the supplier's key with the agreed fingerprint",
            where=str(signing_key),
            do="Compare signing_key and signing_fingerprint in the settings.",
        )


def _check_no_passphrase(status: Status, private_key: Path) -> None:
    """Our key must open without anyone present to type a passphrase."""
    failure = status.first("ERROR")
    if (
        len(failure) > 1
        and failure[0] == "pkdecrypt_failed"
        and int(failure[1]) & _ERROR_CODE == _NO_PINENTRY
    ):
        raise SettingsError(
            "The private key asks for a passphrase",
            where=str(private_key),
            do="Keep it without one, readable by this account alone (mode 0600).",
        )


def _accepted(finished: Finished, fingerprint: str) -> bool:
    """Whether everything that must be shown was shown, once, and nothing else."""
    status = finished.status
    return (
        finished.code == 0
        and not finished.overflowed
        and all(status.count(word) == 1 for word in (*_DECRYPTED, *SIGNED))
        and not status.has(*NEVER)
        and status.before("BEGIN_DECRYPTION", "PLAINTEXT")
        and primary(status) == fingerprint
    )


def _problem(finished: Finished, fingerprint: str, content: bytes) -> SealProblem:
    """Why a file was not accepted. This only words a refusal that was already made."""
    status = finished.status
    if finished.overflowed:
        return SealProblem.TOO_LARGE
    if not finished.status.has("DECRYPTION_OKAY") and is_cut_off(content):
        return SealProblem.TRUNCATED
    if not status.has("BEGIN_DECRYPTION", "ENC_TO"):
        return SealProblem.NOT_ENCRYPTED if status.has("PLAINTEXT", "NEWSIG") else SealProblem.NOT_OPENPGP
    # First: bytes after the damage are noise, and one time in thirty gpg takes noise for another message.
    if status.before("DECRYPTION_INFO", "DECRYPTION_FAILED"):
        return SealProblem.TAMPERED
    if not status.has("DECRYPTION_INFO", "ERROR") or status.has("NEED_PASSPHRASE_SYM"):
        return SealProblem.NOT_FOR_US
    # gpg leaves off at a signature that has expired, without a word on how the decryption went.
    if status.has("BADMDC", "DECRYPTION_FAILED") or not status.has("DECRYPTION_OKAY", "EXPSIG"):
        return SealProblem.TAMPERED
    return signature_problem(status, fingerprint)


def signature_problem(status: Status, fingerprint: str) -> SealProblem:
    """Why a signature was not accepted; this only words a refusal that was already made."""
    by_word = {
        "REVKEYSIG": SealProblem.REVOKED,
        "EXPKEYSIG": SealProblem.EXPIRED,
        "EXPSIG": SealProblem.EXPIRED,
        "BADSIG": SealProblem.TAMPERED,
        "NO_PUBKEY": SealProblem.WRONG_SIGNER,
    }
    if not status.has("NEWSIG"):
        return SealProblem.UNSIGNED
    if status.count("NEWSIG") > 1:
        return SealProblem.SEVERAL_SIGNATURES
    if status.has("VALIDSIG") and primary(status) != fingerprint:
        return SealProblem.WRONG_SIGNER
    return next((problem for word, problem in by_word.items() if status.has(word)), SealProblem.NOT_PROVEN)


def primary(status: Status) -> str:
    """The fingerprint of the signer's primary key, or ""."""
    words = status.first("VALIDSIG")
    return words[_PRIMARY] if len(words) > _PRIMARY else ""


def signed_at(status: Status) -> datetime:
    """When the signature says that it was made, UTC."""
    written = status.first("VALIDSIG")[2]  # seconds since 1970, or ISO 8601 basic format
    if "T" in written:
        return datetime.strptime(written, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(written), UTC)
