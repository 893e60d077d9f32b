"""`birthshare ledger`: evidence that an outsider can check without this program."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from pipeline.cli.options import MonthType, for_home, moment, writing
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.questions.evidence import Choose
    from pipeline.records import Month

_NUMBERS = re.compile(r"[0-9]{1,12}(-[0-9]{1,12})?(,[0-9]{1,12}(-[0-9]{1,12})?)*\Z")
_DAY = click.DateTime(formats=["%Y-%m-%d"])
_OUT = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Write evidence that an outsider can check.")
@click.option("--month", type=MonthType(), help="Everything that is recorded of one month.")
@click.option("--since", type=_DAY, metavar="DAY", help="What was recorded from this day (YYYY-MM-DD) ...")
@click.option("--until", type=_DAY, metavar="DAY", help="... to this one, both included.")
@click.option("--entries", "numbers", metavar="NUMBERS", help="Entries by their numbers, such as 5,7-9.")
@click.option("--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers.")
@click.option(
    "--why",
    metavar="WORDS",
    required=True,
    help="For whom it is, in one line; no names, digits or addresses.",
)
@click.option(
    "--out", type=_OUT, metavar="FILE", required=True, help="Where to write it: a name ending in .zip."
)
@for_home
def prove(
    month: Month | None, since: datetime | None, until: datetime | None, numbers: str | None,
    who: str, why: str, out: Path, home: Home, voice: Voice,
) -> None:  # fmt: skip
    """Write an evidence pack: entries of the ledger that an outsider checks without us.

    Say which entries: --month, or --since and --until, or --entries. What they rest on comes with them:
    permits, releases, the signed agreements. Nobody can be known from a pack. Whoever gets it checks it with
    infra/verify_birthshare.py and the ledger's public key. That you took it out, and why, is recorded first.
    """
    from pipeline.questions import evidence

    _check_ending(out, ".zip")
    given = evidence.give(home, _chosen(month, since, until, numbers), principal=who, why=why, now=moment())
    with _whole(out) as file:
        file.write(given.content)
    voice.answer(
        {
            "file": str(out),
            "sha256": given.sha256,
            "entries": given.entries,
            "checkpoint": given.checkpoint,
        }
    )
    voice.say(
        f"Written: {out}. Entries: {given.entries}. SHA-256: {given.sha256}",
        "README.txt in it says how it is checked. Give the ledger's public key in another way:",
        f"  {given.verifier_key}",
    )


@click.command(short_help="Write every entry, for an outsider to compute the root.")
@click.option(
    "--out",
    type=_OUT,
    metavar="FILE",
    required=True,
    help="Where to write it: .jsonl, or .jsonl.gz (smaller).",
)
@for_home
def export(out: Path, home: Home, voice: Voice) -> None:
    """Write every entry of the ledger as it is hashed, one to a line, with the newest checkpoint first.

    An outsider computes the Merkle root of all of them again with infra/verify_birthshare.py: only so it can
    be seen that nothing is left out. It holds no personal value and does not say whom entries are about.
    """
    from pipeline import facts
    from pipeline.questions import evidence

    _check_ending(out, ".jsonl", ".jsonl.gz")
    with facts.sound_ledger(home) as ledger, _whole(out) as file:
        entries = _write_lines(file, evidence.exported(home, ledger), compressed=out.name.endswith(".gz")) - 1
    voice.answer({"file": str(out), "entries": entries})
    voice.say(f"Written: {out}. Entries: {entries}.")


def _check_ending(out: Path, *endings: str) -> None:
    if not out.name.lower().endswith(endings):
        raise SettingsError(
            "The file's name must say what it is", where=out.name, do=f"Let it end in {' or '.join(endings)}."
        )


def _chosen(
    month: Month | None, since: datetime | None, until: datetime | None, numbers: str | None
) -> Choose:
    """The entries that are meant; SettingsError where that is not one choice."""
    from pipeline.questions import evidence

    choices = [one for one in (month, since, numbers) if one is not None]
    if len(choices) != 1 or (since is None) != (until is None):
        raise SettingsError(
            "Say which entries are to be shown", do="Give --month, or --since and --until, or --entries."
        )
    if month is not None:
        return evidence.the_month(str(month))
    if since is not None and until is not None:
        return evidence.the_days(since.date(), until.date())
    return evidence.the_numbers(_numbers(numbers or ""), numbers or "")


def _numbers(text: str) -> list[int]:
    """Numbers such as 5,7-9; raises SettingsError for anything else."""
    from pipeline.questions.evidence import MOST

    if _NUMBERS.match(text):
        parts = [part.partition("-") for part in text.split(",")]
        stretches = [(int(first), int(last or first)) for first, _, last in parts]
        if sum(max(last - first, 0) + 1 for first, last in stretches) <= MOST:
            found = [number for first, last in stretches for number in range(first, last + 1)]
            if found:
                return found
    raise SettingsError(
        "These are not numbers of entries", where="entries", do=f"Write 5,7-9; at most {MOST:,} at once."
    )


@contextmanager
def _whole(out: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone that gets its name when all of it is written."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)


def _write_lines(file: IO[bytes], lines: Iterable[bytes], *, compressed: bool) -> int:
    """Write all of them; gives how many. The same lines make the same bytes, compressed or not."""
    if not compressed:
        return _written(file, lines)
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        return _written(packed, lines)


def _written(file: IO[bytes] | gzip.GzipFile, lines: Iterable[bytes]) -> int:
    many = 0
    for line in lines:
        file.write(line)
        many += 1
    return many


COMMANDS = (prove, export)
