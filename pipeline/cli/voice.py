"""How the command line speaks: tables and sentences for people, one JSON object for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.steps.desk import Watch

PLAIN_WIDTH = 110  # columns, where nobody says how many there are


class Voice:
    """Answers on stdout, everything else on stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def answer(self, content: Any) -> None:
        """The one JSON object, where it was asked for."""
        if self.as_json:
            print(json.dumps(content, indent=2, ensure_ascii=False))

    def say(self, *lines: str) -> None:
        """Sentences for a person."""
        if not self.as_json:
            for line in lines:
                print(line)

    def advise(self, advice: str, margin: int = 0) -> None:
        """What to do: sentences wrapped at words, and commands (indented) left whole, to be copied."""
        for line in advice.splitlines():
            whole = not line or line.startswith("  ")
            for part in [line] if whole else wrapped(line, _width() - margin):
                self.say(" " * margin + part)

    def warn(self, warnings: Iterable[str]) -> None:
        """What a person should know besides the answer: on stderr, so that programs get it in the JSON."""
        for warning in warnings:
            print(f"Warning. {warning}", file=sys.stderr)

    def table(
        self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0
    ) -> None:
        """A table for a person; the last `numbers` columns are aligned to the right."""
        if self.as_json:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", header_style="bold")
        for place, name in enumerate(header):
            right = place >= len(header) - numbers
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for row in rows:
            # As Text, since a cell of plain words in brackets would be taken for markup and not shown.
            table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
        _console().print(table)

    @contextmanager
    def progress(self) -> Iterator[Watch]:
        """A bar for each stage, on a terminal only."""
        if not sys.stderr.isatty():
            yield lambda stage, done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            tasks: dict[str, Any] = {}

            def watch(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(stage, total=total)
                bars.update(tasks[stage], completed=done, total=total)

            yield watch


def wrapped(sentence: str, width: int) -> list[str]:
    """Lines of at most so many characters, broken between words only."""
    import textwrap

    return textwrap.wrap(sentence, max(width, 20), break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH


def _console() -> Any:
    from rich.console import Console

    return Console(width=_width())
