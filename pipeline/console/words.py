"""Pages of words alone, for whoever it may be: what went wrong, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import HTMLResponse

from pipeline.console.commands import led
from pipeline.console.visit import TEMPLATES
from pipeline.reporting.pages import Frame, environment, framed


def words(
    request: Request, heading: str, lines: Sequence[str], status: int, *, on: tuple[str, str] | None = None
) -> HTMLResponse:
    """A heading and a paragraph for each line; `on` is a link to go on with, as (address, what it says)."""
    root = str(request.scope.get("root_path", ""))
    with framed(Frame(TEMPLATES, {"visit": None, "root": root, "led": lambda text: led(text, root)})):
        template = environment().get_template("words.html")
        return HTMLResponse(template.render(heading=heading, lines=lines, on=on), status)
