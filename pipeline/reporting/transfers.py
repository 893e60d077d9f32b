"""The register of transfers as a file: a table for a spreadsheet, or a page to print.

What comes in are the rows and sums that `pipeline.questions.transfers` gives to programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pipeline.agreements.words import counted, named, on_day
from pipeline.reporting.pages import environment
from pipeline.reporting.sheets import Cell, Column, as_csv, as_workbook, csv_parts

Row = Mapping[str, Any]

_COLUMNS = {
    "entry": Column("Entry", "number", 9),
    "counted": Column("Transfer", width=10),
    "kind": Column("Kind", width=18),
    "state_in_words": Column("State", width=24),
    "day": Column("Day", "day", 13),
    "month": Column("Month", width=10),
    "agreement": Column("Agreement", width=28),
    "version": Column("Version", "number", 9),
    "recipient": Column("Recipient", width=14),
    "recipient_name": Column("Recipient's name", width=30),
    "recipient_kind": Column("Kind of recipient", width=18),
    "households": Column("Households", "number", 12),
    "children": Column("Children", "number", 10),
    "fields_in_words": Column("What it shows of a family", width=48),
    "fields_codes": Column("Fields", width=30),
    "file": Column("File", width=44),
    "size": Column("Bytes", "number", 10),
    "sha256": Column("Digest of the file (SHA-256)", width=34),
    "sealed": Column("How it is sealed", width=30),
    "register_entry": Column("Entry of the register of recipients", "number", 14),
    "approved": Column("Release approved by", width=30),
    "permitted_at": Column("Permitted", "moment", 22),
    "delivered_at": Column("Delivered", "moment", 22),
    "found": Column("Found there by a later try", width=14),
    "tries_failed": Column("Tries that failed", "number", 10),
    "collected_at": Column("Collected", "moment", 22),
    "acknowledged_at": Column("Acknowledged", "moment", 22),
    "destroyed_at": Column("Said to be destroyed", "moment", 22),
    "removed_at": Column("Removed by us", "moment", 22),
    "due": Column("To be destroyed or done by", "day", 13),
    "called_back": Column("Rows called back", "number", 10),
    "called_back_open": Column("Of these, not off the list", "number", 12),
    "agreement_sha256": Column("Digest of the agreement (SHA-256)", width=34),
    "pack_sha256": Column("Digest of the release (SHA-256)", width=34),
    "checkpoint": Column("Covered by the checkpoint of size", "number", 14),
}

_KINDS = {
    "list": "list",
    "recall": "notice of recall",
    "receipt": "reminder of a receipt",
    "destruction": "reminder to destroy",
}
_ZERO_IS_BLANK = ("version", "size", "register_entry", "checkpoint")


def transfers_csv(rows: Iterable[Row]) -> bytes:
    """One line for each row of the register."""
    return as_csv([*_COLUMNS.values()], map(_cells, rows))


def transfers_csv_parts(rows: Iterable[Row]) -> Iterator[bytes]:
    """The same, part by part, as rows come."""
    return csv_parts([*_COLUMNS.values()], map(_cells, rows))


def transfers_workbook(rows: Iterable[Row], sums: Mapping[str, Any], *, about: Row) -> bytes:
    """The register as a table, and beside it what it is and what it comes to.

    `about`: authority, since and until ("" where the period is open), agreement and recipient ("" for
    all), made_at (ISO 8601), entries and checkpoint (how far the ledger, and its newest checkpoint, went).
    """
    return as_workbook("Transfers", [*_COLUMNS.values()], map(_cells, rows), notes=_notes(sums, about))


def transfers_page(rows: Sequence[Row], sums: Mapping[str, Any], *, about: Row) -> str:
    """The register to read and print, on its side; `about` as for the workbook."""
    shown = [_shown(row) for row in rows]
    return (
        environment()
        .get_template("transfers.html")
        .render(
            rows=shown, versions=_versions(shown), sums=sums, about=about, heading=heading(about), notes=NOTES
        )
    )


def _versions(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Which agreement versions the rows rest on, and what each shows to which kind of recipient."""
    names = ("agreement", "version", "recipient_kind", "fields_in_words", "agreement_sha256")
    return sorted({tuple(row[name] for name in names) for row in rows if row["version"]})


def heading(about: Row) -> str:
    """What the register is of: which days, agreement, recipient and state."""
    only = [f"{what} {about[what]}" for what in ("agreement", "recipient", "state") if about.get(what)]
    words = ", ".join([period(about["since"], about["until"]), *only])
    return words[:1].upper() + words[1:]


def period(since: str, until: str) -> str:
    """Days as words; "" for an open end."""
    words = [f"from {on_day(date.fromisoformat(since))}"] if since else []
    words += [f"to {on_day(date.fromisoformat(until))}"] if until else []
    return " ".join(words) or "from the beginning of the ledger"


def state_in_words(row: Row) -> str:
    """Where a list or notice stands, and what is not known of it."""
    said = str(row["state"]).replace("_", " ")
    if row["problem"] and not row["delivered_at"]:
        said += f" ({row['problem'].replace('_', ' ')})"
    return said + (": may have arrived" if row["may_have_arrived"] else "")


NOTES = (
    (
        "A transfer",
        "A sealed list that is known to have arrived at its recipient. Its day is the day on which that was"
        " seen, in London's time.",
    ),
    (
        "Not counted",
        "Lists that were permitted and did not arrive (waiting, failed, annulled), lists that could not be"
        " made (failed) and lists that a person decided to do without (forgone); and notices, which name rows"
        " of earlier lists and no family. “May have arrived”: it was about to appear when it was last heard"
        " of.",
    ),
    ("Households and children", "As often as they were sent: a child on two lists counts twice."),
    (
        "Fields",
        "As the agreement's file says for this kind of recipient as it is registered today. Where the file of"
        " that version is not in the home any more, so it says; the digest tells which file it was.",
    ),
    (
        "Proof",
        "Each row is an entry of the ledger. The checkpoint covers it: whoever holds that checkpoint can"
        " check it (birthshare ledger prove).",
    ),
)


def _notes(sums: Mapping[str, Any], about: Row) -> list[tuple[str, str]]:
    return [
        ("Register of transfers", about["authority"]),
        ("Of", heading(about)),
        ("Made", about["made_at"]),
        ("Ledger", f"{about['entries']} entries; the newest checkpoint covers {about['checkpoint']}"),
        *sums_in_words(sums),
        *NOTES,
    ]


def sums_in_words(sums: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the register comes to, with a line for each agreement."""
    lines = [("All transfers", _sum(sums))]
    lines += [(f"Under {name}", _sum(one)) for name, one in sums["agreements"].items()]
    apart = ", ".join(f"{many} {state}" for state, many in sums["not_transfers"].items()) or "none"
    return [*lines, ("Lists that are no transfer", apart), ("Notices delivered", str(sums["notices"]))]


def _sum(sums: Mapping[str, int]) -> str:
    lists = counted(sums["transfers"], "list")
    children = "1 child" if sums["children"] == 1 else f"{sums['children']} children"
    return f"{lists}, {counted(sums['households'], 'household')}, {children}"


def _cells(row: Row) -> Iterator[Cell]:
    shown = _shown(row)
    for name, column in _COLUMNS.items():
        cell = shown[name]
        if name in _ZERO_IS_BLANK and not cell:
            yield None
        elif column.kind == "day":
            yield date.fromisoformat(cell) if cell else None
        elif column.kind == "moment":
            yield datetime.fromisoformat(cell) if cell else None
        else:
            yield cell


def _shown(row: Row) -> dict[str, Any]:
    """The row with what people read in place of codes."""
    return {
        **row,
        "counted": "yes" if row["transfer"] else "no",
        "kind": _KINDS[row["what"]],
        "state_in_words": state_in_words(row),
        "recipient_kind": named(row["recipient_kind"]),
        "fields_codes": "" if row["fields"] is None else ";".join(row["fields"]),
        "approved": "; ".join(row["approved_by"]),
        "found": "yes" if row["found_there"] else "",
    }
