"""`birthshare geography upgrade`: lists of LSOAs of 2011 as lists of LSOAs of 2021."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.geography.upgrading import Upgraded
    from pipeline.home import Home


@click.command(short_help="Turn lists of LSOAs of 2011 into lists of 2021.")
@click.argument("lookup", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the new list; it takes the place of a file that is there. "
    "Else it is written beside the old one, with lsoa21 in its name.",
)
@click.option("--part", is_flag=True, help="LOOKUP is a part of the published one.")
@for_home
def upgrade(lookup: Path, out: Path | None, part: bool, home: Home, voice: Voice) -> None:
    """Turn the LSOAs of 2011 in the reach areas into those of 2021.

    LOOKUP is the exact fit lookup of LSOA (2011) to LSOA (2021) that the Office for National Statistics
    publishes, with the column CHGIND, as CSV. What cannot be said in whole LSOAs of 2021 stays as it is,
    and is listed. The lists in use are not changed: compare the new one, put it in the place of the old
    one, and have it signed.
    """
    from pipeline.geography.areas import GEOJSON, Kind, contents_of, read_areas
    from pipeline.geography.upgrading import read_lookup, upgraded

    if out is not None and out.resolve() in {file.resolve() for file in home.reach_areas}:
        raise SettingsError(
            "The new list would take the place of reach areas that are in use",
            where=str(out),
            do="Write it to another file, and compare the two first.",
        )
    known = read_lookup(lookup, part=part)
    lists = {
        file: contents_of([file])[0]
        for file in home.reach_areas
        if file.suffix.lower() not in GEOJSON and any(area.kind is Kind.LSOA11 for area in read_areas([file]))
    }
    if not lists:
        raise SettingsError("No line of the reach areas names an LSOA of 2011", where="nothing to upgrade")
    if out is not None and len(lists) > 1:
        raise SettingsError(
            "More than one file names LSOAs of 2011",
            where=", ".join(file.name for file in lists),
            do="Leave --out away: each is written beside the old one.",
        )
    results = {file: upgraded(file, content, known) for file, content in lists.items()}
    targets = {file: out or file.with_name(f"{file.stem}.lsoa21{file.suffix}") for file in lists}
    for target in targets.values():
        if out is None and target.exists():
            raise SettingsError(
                "This file is there already", where=str(target), do="Take it away, or say where with --out."
            )
    for file, result in results.items():
        if any(result.lines.values()):
            _write(targets[file], result.content)
    voice.answer({"files": [_facts(file, targets[file], result) for file, result in results.items()]})
    for file, result in results.items():
        _tell(voice, file, targets[file], result)
    if any(any(result.lines.values()) for result in results.values()):
        voice.advise(
            "Nothing in use has changed. See what it would move (`birthshare geography preview`), put it in "
            "the place of the old list, check it (`birthshare geography check`) and have it signed "
            "(`birthshare recipients sign`)."
        )


def _write(target: Path, content: bytes) -> None:
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(content)
    part.replace(target)


def _facts(file: Path, target: Path, result: Upgraded) -> dict[str, object]:
    from pipeline.geography.upgrading import CHANGES

    return {
        "file": str(file),
        "written": str(target) if any(result.lines.values()) else "",
        "upgraded": {CHANGES[change]: number for change, number in result.lines.items()},
        "left": [{"line": one.line, "code": one.code, "why": one.why} for one in result.left],
    }


def _tell(voice: Voice, file: Path, target: Path, result: Upgraded) -> None:
    from pipeline.geography.upgrading import CHANGES

    counts = ", ".join(f"{number:,} {CHANGES[change]}" for change, number in result.lines.items())
    voice.say(f"{file.name}: lines upgraded {sum(result.lines.values()):,} ({counts}).")
    voice.say(f"Written: {target}" if any(result.lines.values()) else "No new list was written.")
    if result.left:
        voice.table(
            f"Lines that stay as they are: {len(result.left):,}",
            ("Line", "LSOA 2011", "Why"),
            [(str(one.line), one.code, one.why) for one in result.left],
        )


COMMANDS: tuple[click.Command, ...] = (upgrade,)
