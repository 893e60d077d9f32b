"""Takes the keys that one room alone needs out of a home that several workers share, and leaves links there.

    room_keys.py HOME FOLDER [--seen-as PATH]

Afterwards FOLDER/opening and FOLDER/sealing hold them: give each worker its own of the two. Where the other
is missing a link leads nowhere, and the worker knows that it does not have that key (pipeline.custody). Done
again, it takes what came since: a new recipient's password, a key that was replaced.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.custody import VERIFIES, Custody, held
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home


def share_out(home: Home, folder: Path, *, seen_as: Path | None = None, of: str = "") -> list[Path]:
    """The places of the keys that were taken out now; `seen_as` is what workers call `folder`.

    `of` is the authority's code, where it has workers of its own.

    Raises SettingsError where the room that opens could not check what the other has signed.
    """
    if not home.at(VERIFIES).is_file():
        raise SettingsError(
            "Nothing in the home shows yet how its ledger is signed",
            where=str(home.at(VERIFIES)),
            do="Run `birthshare ledger check` there, as the home's owner, and then this again.",
        )
    taken = []
    for room in (Custody.OPENING, Custody.SEALING):
        for key in held(home, room):
            if key.is_symlink():
                continue
            place = Path(f"{room}.{of}" if of else room, home.path.name, key.relative_to(home.at("keys")))
            _take_out(key, folder / place, (seen_as or folder) / place)
            taken.append(folder / place)
    return taken


def _take_out(key: Path, place: Path, seen_as: Path) -> None:
    """First the key is at its new place, then the link replaces it: there is no moment without it."""
    owner = key.stat()
    missing = [one for one in place.parents if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700)
        os.chown(one, owner.st_uid, owner.st_gid)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as new:
        new.write(key.read_bytes())
        new.flush()
        os.fsync(new.fileno())
    shutil.copystat(key, new.name)
    os.chown(new.name, owner.st_uid, owner.st_gid)
    Path(new.name).replace(place)
    link = key.with_name(f".{key.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(seen_as)
    link.replace(key)


def main(arguments: list[str]) -> int:
    """Take the keys of one home out; the answer is the exit code."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("home", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seen-as", type=Path, help="the folder's path where workers run, if it is another")
    chosen = parser.parse_args(arguments)
    try:
        for place in share_out(Home.open(chosen.home), chosen.folder.resolve(), seen_as=chosen.seen_as):
            print(place)
    except BirthshareError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
