"""The `birthshare` command. Exit codes are those of `pipeline.errors`."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline.cli import agreements, authority, ledgers, months, places, releases
from pipeline.errors import BirthshareError

UNEXPECTED, WRONG_USE, INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="birthshare")
def root() -> None:
    """Share births with children's centres: by consent, by agreement, with proof.

    Start with `birthshare demo`, which makes a whole invented authority in a folder and runs a month
    in it. For your own authority: `birthshare init`, then `birthshare doctor`.

    Exit codes: 0 done; 1 unexpected failure; 2 wrong use or settings; 3 refused by governance;
    4 integrity; 5 finished, but some recipients are not served yet; 6 waiting for a person.
    """


for _commands in (authority, months, releases, agreements, places, ledgers):
    for _command in _commands.COMMANDS:
        root.add_command(_command)


def main() -> None:
    """The program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives its exit code. A user's mistake is a sentence, never a traceback."""
    try:
        root.main(list(arguments), prog_name="birthshare", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        _tell("Stopped. Running the same command again goes on where this one was.")
        return INTERRUPTED
    except BirthshareError as error:
        if "--json" in arguments:
            _answer_once(error)
        _tell(str(error))
        return error.exit_code
    except Exception as error:
        # The message and the traceback's values stay unsaid: either could quote a record.
        place = traceback.extract_tb(error.__traceback__)[-1]
        _tell(
            f"Unexpected failure: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}. "
            "Run the command again; if it stays, report this line."
        )
        return UNEXPECTED
    return 0


def _answer_once(error: BirthshareError) -> None:
    """For programs: why it stopped, where the command has not answered with a state already."""
    if not error.answered:
        why = {"exit_code": error.exit_code, "what": error.what, "where": error.where, "do": error.do}
        print(json.dumps({"error": why}, indent=2, ensure_ascii=False))


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
