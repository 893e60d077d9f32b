"""Answers as files: what kind is said by the ending of the name."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import writing
from pipeline.errors import SettingsError

Makers = Mapping[str, Callable[[], bytes]]  # by ending, such as ".html"

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the answer to FILE, of the kind that its ending says. It is readable by you alone.",
)


def check_kind(file: Path | None, endings: Collection[str]) -> None:
    """Raises SettingsError for an ending that an answer has no form for; before anything is recorded."""
    if file is not None and file.suffix.lower() not in endings:
        raise SettingsError(
            "This answer cannot be written as that kind of file",
            where=file.name,
            do=f"Let the name end in {' or '.join(endings)}.",
        )


def write_answer(file: Path | None, makers: Makers) -> str:
    """Write the answer where one is wanted; says so in a sentence ("" where none is).

    Raises SettingsError for an ending that this answer has no form for, or a place that cannot be written.
    """
    if file is None:
        return ""
    check_kind(file, makers)
    from pipeline.staging import write_whole

    content = makers[file.suffix.lower()]()
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content, mode=0o600)
    return f"Written: {file}"


def as_json(content: Mapping[str, Any]) -> bytes:
    """An answer as a JSON file."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
