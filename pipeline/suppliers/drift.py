"""A supplier's file beside its earlier ones: what differs stops the month until a person accepts it.

Each file's fingerprint is kept in the ledger, in counts. A file is held against those of the same supplier's
earlier months that were used, before anything is decided from it. Whoever accepts differences signs exactly
these, of exactly this file; another file or another difference asks again. Once the file is used it belongs
to the history itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.contract import contract_of
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError, Refused, SettingsError, WaitingForPerson, one_to_a_line
from pipeline.home import SETTINGS_FILE, Home
from pipeline.ledger import remembered
from pipeline.ledger.entries import AnswersReceived, Body, DriftAccepted, Fingerprinted, Recorded, Validated
from pipeline.ledger.ledger import Ledger
from pipeline.steps.desk import Desk
from pipeline.validation.differences import Difference, Earlier, announced, differences
from pipeline.validation.fingerprint import Fingerprint, fingerprint
from pipeline.wording import SHOWN, stranger

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.records import Extract
    from pipeline.validation.checks import Checked

NAMESPACE = "intake@birthshare"
_KINDS = {Fingerprinted.kind, DriftAccepted.kind, Validated.kind, AnswersReceived.kind}


@dataclass(frozen=True)
class Compared:
    """One file of the desk's month beside the supplier's earlier ones."""

    month: str
    supplier: str
    dataset: str
    sealed_sha256: str
    beside: tuple[str, ...]  # the months that it was held against
    differences: tuple[Difference, ...]
    announced: tuple[str, ...]  # what is new and not asked about, since the settings said that it would come
    accepted_by: tuple[str, ...]
    used: bool  # it passed before, looking as it does, so nothing is asked any more

    @property
    def waits(self) -> bool:
        """Whether a person must still say whether the differences are meant."""
        return bool(self.differences) and not (self.used or self.accepted_by)

    @property
    def name(self) -> str:
        """What messages call the file."""
        return f"{_called(self.dataset)} of {self.supplier}"

    @property
    def words(self) -> tuple[str, ...]:
        """Every difference in words."""
        return tuple(one.words for one in self.differences)

    @property
    def statement(self) -> bytes:
        """What is signed to accept exactly these differences of exactly this file."""
        return _statement(self.month, self.supplier, self.dataset, self.sealed_sha256, self.words)

    @property
    def statement_sha256(self) -> str:
        """The digest of what is signed."""
        return hashlib.sha256(self.statement).hexdigest()


def check(desk: Desk, extract: Extract, checked: Checked, *, usable: pd.DataFrame | None = None) -> None:
    """Record what the file looks like, and hold it against the supplier's earlier ones.

    `usable` as in `fingerprint`. Raises WaitingForPerson where it differs and nobody has accepted that.
    """
    body = _seen(extract, checked, usable)
    desk.record_once(body)
    compared = _compared(desk, body)
    if compared.waits:
        raise _unlike(compared)


def tried(
    home: Home, ledger: Ledger, extract: Extract, checked: Checked, *, usable: pd.DataFrame | None = None
) -> tuple[tuple[str, ...], tuple[Difference, ...]]:
    """The earlier months that a test file is held against, and how it differs; nothing is recorded."""
    body = _seen(extract, checked, usable)
    entries = remembered.entries(ledger, _KINDS)
    history = _history(one for one in entries if _is_about(one.body, body) and one.month < str(extract.month))
    limits = home.settings.suppliers[body.supplier].drift
    found = differences(_read(body), history, contract_of(body.dataset), limits)
    return tuple(one.month for one in history), found


def _seen(extract: Extract, checked: Checked, usable: pd.DataFrame | None) -> Fingerprinted:
    contract = checked.rows.contract
    found = fingerprint(
        extract.frame, contract, month=extract.month, quarantined=checked.by_rule, usable=usable
    )
    return Fingerprinted(
        supplier=extract.supplier,
        dataset=contract.dataset,
        sealed_sha256=extract.sealed_sha256,
        **vars(found),
    )


def compared(desk: Desk) -> list[Compared]:
    """Every supplier's newest file of the month, beside its earlier ones."""
    newest = {(one.supplier, one.dataset): one for one in desk.recorded(Fingerprinted)}
    return [_compared(desk, newest[key]) for key in sorted(newest) if key[0] in desk.home.settings.suppliers]


def waiting(desk: Desk) -> list[Compared]:
    """The files that wait for a person to accept what differs."""
    return [one for one in compared(desk) if one.waits]


def remarks(desk: Desk) -> list[str]:
    """What those who release the month should know of its files, in sentences."""
    found = []
    for one in compared(desk):
        if not one.beside:
            found.append(f"{one.name}: the first file; there is no earlier one to hold it against")
        found += [f"{one.name}, announced in the settings (known_codes): {words}" for words in one.announced]
        if one.differences and one.accepted_by:
            who = ", ".join(one.accepted_by)
            found += [f"{one.name}, accepted by {who}: {words}" for words in one.words]
    return found


def accept(desk: Desk, file: Compared, *, principal: str, signature: str, note: str) -> bool:
    """Record that a person accepts exactly these differences; False where they had already.

    Raises SettingsError where nothing is asked, Refused for somebody who is no approver, IntegrityError for a
    signature that is not theirs over this statement.
    """
    if principal in file.accepted_by:
        return False
    if not file.waits or file.statement_sha256 not in {one.statement_sha256 for one in waiting(desk)}:
        raise nothing_asked(desk, file.supplier)
    approvers = [one.principal for one in desk.home.settings.approvers]
    if principal not in approvers:
        raise Refused(
            "This person may not accept a file's differences",
            where=stranger(principal),
            do=f"These may: {', '.join(approvers)}; see approvers in {SETTINGS_FILE}.",
        )
    body = DriftAccepted(
        supplier=file.supplier,
        dataset=file.dataset,
        sealed_sha256=file.sealed_sha256,
        differences_sha256=file.statement_sha256,
        about=tuple(dict.fromkeys(one.about for one in file.differences)),
        principal=principal,
        signature=signature,
        note=note.strip(),
    )
    _check_signature(desk, body, file.statement, at=desk.now)
    desk.record(body)
    return True


def how_to_go_on(file: Compared) -> str:
    """What to do about a file that waits."""
    who = f"--supplier {file.supplier} --as WHO --key THEIR-PRIVATE-KEY"
    return (
        "Ask the supplier what has changed. Where all of it is meant, an approver accepts exactly this, and "
        f"the month is run again:\n  birthshare intake accept {file.month} {who}\n"
        "Where it is not, ask for another file, put it into the inbox, and run the month again."
    )


def check_seen(file: Compared, seen: str) -> None:
    """Raises Refused where the file's differences are others than those whose digest so begins."""
    if not file.statement_sha256.startswith(seen.lower()):
        raise Refused(
            "These are not the differences that are asked about now",
            where=f"{file.name} for {file.month}, {file.statement_sha256[:SHOWN]}",
            do=f"Look at them again: birthshare intake changes {file.month}",
        )


def nothing_asked(desk: Desk, supplier: str) -> SettingsError:
    """Raised where no file of the supplier waits for anybody."""
    return SettingsError(
        f"No file of {supplier} for {desk.month} waits for an acceptance",
        do=f"See what does: birthshare intake changes {desk.month}",
    )


# --- beside earlier files -------------------------------------------------------------------------


def _compared(desk: Desk, body: Fingerprinted) -> Compared:
    entries = [one for one in remembered.entries(desk.ledger, _KINDS) if _is_about(one.body, body)]
    history = _history(one for one in entries if one.month < str(desk.month))
    mine = [
        one for one in entries if one.month == str(desk.month) and _sealed(one.body) == body.sealed_sha256
    ]
    limits = desk.home.settings.suppliers[body.supplier].drift
    held = _read(body), history, contract_of(body.dataset), limits
    found = differences(*held)
    words = tuple(one.words for one in found)
    statement = _statement(str(desk.month), body.supplier, body.dataset, body.sealed_sha256, words)
    return Compared(
        month=str(desk.month),
        supplier=body.supplier,
        dataset=body.dataset,
        sealed_sha256=body.sealed_sha256,
        beside=tuple(one.month for one in history),
        differences=found,
        announced=tuple(announced(*held)),
        accepted_by=_accepted_by(desk, mine, statement),
        used=body in _passed(mine),
    )


def _passed(entries: Iterable[Recorded]) -> list[Fingerprinted]:
    """How one file looked whenever it was used; read by another profile, it is asked about again."""
    looks, passed = None, []
    for one in entries:
        if isinstance(one.body, Fingerprinted):
            looks = one.body
        elif looks is not None and isinstance(one.body, Validated | AnswersReceived):
            passed.append(looks)
    return passed


def _history(entries: Iterable[Recorded]) -> list[Earlier]:
    """By month, oldest first, the newest file that was used, as it looked when it was used or accepted."""
    used: dict[str, str] = {}
    looks: dict[tuple[str, str], Fingerprint] = {}
    stands: dict[tuple[str, str], Fingerprint] = {}
    accepted: dict[tuple[str, str], set[str]] = {}
    for one in entries:
        key = one.month, _sealed(one.body)
        if isinstance(one.body, Fingerprinted):
            looks[key] = _read(one.body)
            continue
        if isinstance(one.body, DriftAccepted):
            accepted.setdefault(key, set()).update(one.body.about)
        else:
            used[key[0]] = key[1]
        if key in looks:
            stands[key] = looks[key]
    return [
        Earlier(month, stands[month, sealed], frozenset(accepted.get((month, sealed), ())))
        for month, sealed in sorted(used.items())
        if (month, sealed) in stands
    ]


def _is_about(body: Body, file: Fingerprinted) -> bool:
    """Whether an entry is about the same supplier's files of the same kind."""
    if getattr(body, "supplier", "") != file.supplier:
        return False
    if isinstance(body, Fingerprinted | DriftAccepted):
        return body.dataset == file.dataset
    return isinstance(body, AnswersReceived) == (file.dataset == "answers")


def _sealed(body: Body) -> str:
    return str(getattr(body, "sealed_sha256", ""))


def _read(body: Fingerprinted) -> Fingerprint:
    return Fingerprint(
        rows=body.rows,
        timely=body.timely,
        filled=body.filled,
        forms=body.forms,
        codes=body.codes,
        quarantined=body.quarantined,
        sketch=body.sketch,
    )


# --- acceptance -----------------------------------------------------------------------------------


def _statement(month: str, supplier: str, dataset: str, sealed_sha256: str, words: Iterable[str]) -> bytes:
    lines = [
        "I accept that this file differs from earlier ones in exactly these ways.",
        f"supplier: {supplier}",
        f"file: {_called(dataset)} for {month}, {sealed_sha256}",
        *(f"- {one}" for one in words),
    ]
    return ("\n".join(lines) + "\n").encode()


def _accepted_by(desk: Desk, mine: Iterable[Recorded], statement: bytes) -> tuple[str, ...]:
    """Who accepted exactly this and is an approver still; every signature is verified again."""
    digest = hashlib.sha256(statement).hexdigest()
    approvers = {one.principal for one in desk.home.settings.approvers}
    found = []
    for one in mine:
        body = one.body
        if (
            isinstance(body, DriftAccepted)
            and body.differences_sha256 == digest
            and body.principal in approvers
        ):
            _check_signature(desk, body, statement, at=one.at)
            found.append(body.principal)
    return tuple(found)


def _check_signature(desk: Desk, body: DriftAccepted, statement: bytes, *, at: datetime) -> None:
    signer = verify_ssh(
        statement,
        body.signature.encode(),
        allowed_signers=desk.home.allowed_signers,
        namespace=NAMESPACE,
        at=at,
    )
    if signer != body.principal:
        raise IntegrityError(
            "The signature is another person's",
            where=body.principal,
            do="Accept with that person's own key, or name with --as the person whose key this is.",
        )


def _unlike(file: Compared) -> WaitingForPerson:
    which = f"{file.name} for {file.month}, file {file.sealed_sha256[:SHOWN]}, beside {_months(file.beside)}"
    return WaitingForPerson(
        one_to_a_line(f"The file differs from earlier ones ({which})", file.words),
        do=f"Nothing was decided from it. {how_to_go_on(file)}",
    )


def _months(beside: Iterable[str]) -> str:
    months = list(beside)
    return f"{months[0]} to {months[-1]}" if len(months) > 1 else months[0]


def _called(dataset: str) -> str:
    return dataset.replace("_", " ")
