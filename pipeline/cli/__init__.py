"""The `birthshare` command. Exit codes are those of `pipeline.errors`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline.cli.late import LateGroup
from pipeline.cli.voice import wrapped
from pipeline.errors import BirthshareError

UNEXPECTED, WRONG_USE, INTERRUPTED = 1, 2, 130


_MODULES = {
    "agreement": "agreements",
    "changes": "changes",
    "console": "console",
    "demo": "authority",
    "doctor": "authority",
    "explain": "explaining",
    "geography": "geography",
    "init": "authority",
    "intake": "intake",
    "ledger": "ledgers",
    "recalls": "recalls",
    "receipts": "receipts",
    "recipients": "recipients",
    "release": "releases",
    "report": "reports",
    "retention": "retention",
    "run": "months",
    "status": "months",
    "waiting": "waiting",
}


@click.group(
    cls=LateGroup,
    modules={command: f"pipeline.cli.{module}" for command, module in _MODULES.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="birthshare")
def root() -> None:
    """Share births with children's centres: by consent, by agreement, with proof.

    To see what it does, start with `birthshare demo`: it makes a whole invented authority in a folder
    and runs a month in it. For your own authority: `birthshare init`, then `birthshare doctor`.

    \b
    A month, step by step:
      birthshare run MONTH              opens the extract, decides, and waits
      birthshare release show MONTH     what would leave, in counts and no names
      birthshare release approve MONTH  by a person, with their own key
      birthshare run MONTH              seals and delivers the lists

    \b
    Exit codes, for programs:
      0 done                            4 damaged, altered or unbalanced
      1 unexpected failure              5 done, but some lists not delivered
      2 wrong use or settings           6 waiting for a person
      3 refused by an agreement, an approval or a suspension
    """


def main() -> None:
    """The program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives its exit code. A user's mistake is a sentence, never a traceback."""
    as_json = "--json" in arguments
    try:
        root.main(list(arguments), prog_name="birthshare", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG_USE
    except click.ClickException as error:
        error.show()
        return _stopped(WRONG_USE, error.format_message(), as_json=as_json)
    except (click.Abort, KeyboardInterrupt) as error:
        at_a_question = isinstance(error, click.Abort) and error.__cause__ is None
        again = "Running the same command again goes on where this one was."
        what = f"Stopped. {'Nothing was signed or changed.' if at_a_question else again}"
        _tell(f"\n{what}")
        return _stopped(INTERRUPTED, what, as_json=as_json)
    except BirthshareError as error:
        _tell(str(error))
        as_json = as_json and not error.answered
        return _stopped(error.exit_code, error.what, where=error.where, do=error.do, as_json=as_json)
    except Exception as error:
        what, where = _unexpected(error)
        _tell(f"{what} at {where}. Run the command again; if it stays, report this line.")
        return _stopped(UNEXPECTED, what, where=where, as_json=as_json)
    return 0


def _unexpected(error: Exception) -> tuple[str, str]:
    """What and where; the message and the traceback stay unsaid, since either could quote a record.

    What the operating system calls it, such as a full disk, is in the system's own words.
    """
    place = traceback.extract_tb(error.__traceback__)[-1]
    number = error.errno if isinstance(error, OSError) else None
    name = f"{type(error).__name__}, {os.strerror(number)}" if number else type(error).__name__
    return f"Unexpected failure: {name}", f"{Path(place.filename).name}:{place.lineno}"


def _stopped(exit_code: int, what: str, *, where: str = "", do: str = "", as_json: bool) -> int:
    """The exit code; for programs also why, where the command has not answered with a state already."""
    if as_json:
        why = {"exit_code": exit_code, "what": what, "where": where, "do": do}
        print(json.dumps({"error": why}, indent=2, ensure_ascii=False))
    return exit_code


def _folded(line: str, width: int) -> list[str]:
    """A sentence over several lines; a command (indented) left whole, to be copied."""
    return [line] if line.startswith("  ") else wrapped(line, width) or [""]


def _tell(message: str) -> None:
    lines = message.splitlines()
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in _folded(line, width)]
    print(*lines, sep="\n", file=sys.stderr)
