"""Pages in place of commands: what names a command leads, in the console, to the page that does it.

What stops somebody, waits or is worth knowing is worded below the console for everybody, and names commands.
Here such a command becomes the name of a page and the way there. One that no page does stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from markupsafe import Markup, escape

from pipeline.console.permissions import Act
from pipeline.records import Month


class Page(NamedTuple):
    command: str  # as a pattern, without the program's name
    path: str
    words: str  # that stand in the command's place
    act: Act  # that the page is


_MONTH = "(?P<month>[0-9]{4}-(?:0[1-9]|1[0-2]))"
_CHANGES = "/recipients/register/changes"
PAGES = (
    Page("waiting", "/", "Waiting for you", Act.SEE_WAITING),
    Page(f"status {_MONTH}", "/months/{month}", "{in_full}", Act.SEE_MONTHS),
    Page("status", "/months", "Months", Act.SEE_MONTHS),
    Page(
        f"release (?:show|forgo) {_MONTH}", "/months/{month}/release", "the release of {in_full}",
        Act.SEE_MONTHS,
    ),
    Page(f"intake changes {_MONTH}", "/months/{month}/drift", "the files of {in_full}", Act.SEE_MONTHS),
    Page("agreement list", "/agreements", "Agreements", Act.SEE_AGREEMENTS),
    Page(
        r"agreement suspend [\w-]+ --role ROLE --key YOUR-KEY", "/agreements", "Agreements",
        Act.SEE_AGREEMENTS,
    ),
    Page(r"report transfers(?: --[a-z]+ [\w.-]+)*", "/transfers", "Transfers", Act.SEE_TRANSFERS),
    Page(r"recalls(?: show [\w-]+)?", "/recalls", "Recalls and receipts", Act.SEE_RECALLS),
    Page("receipts", "/recalls", "Recalls and receipts", Act.SEE_RECALLS),
    Page("recipients list", "/recipients", "Recipients", Act.SEE_RECIPIENTS),
    Page("recipients diff", _CHANGES, "Changes of the register", Act.SEE_RECIPIENTS),
    Page(
        "recipients sign --as [A-Z]+ --key [A-Z-]+", _CHANGES, "Changes of the register", Act.SEE_RECIPIENTS,
    ),
    Page(
        f"geography review {_MONTH}(?: --all)?", "/map/review/{month}", "Postcodes to settle, {in_full}",
        Act.REVIEW_POSTCODES,
    ),
    Page("geography check", "/map", "the check of the reach areas under Map", Act.SEE_MAP),
    Page("report family", "/family", "Family", Act.SEE_FAMILY),
    Page("ledger verify", "/proof", "the verification under Proof", Act.SEE_PROOF),
    Page("ledger export", "/proof", "the whole ledger under Proof", Act.SEE_PROOF),
    Page(
        r"ledger prove(?: \S+ --as YOU --why WORDS --out evidence\.zip)?", "/proof/evidence",
        "the evidence under Proof", Act.TAKE_EVIDENCE,
    ),
)  # fmt: skip

# Not the beginning of a longer command, such as `receipts record`.
_ENDS = r"(?![\w-]| (?:--|[A-Z]{2}|[0-9]|record\b|take-back\b|send\b|told\b))"
_COMMAND = re.compile(
    f"`?birthshare (?P<command>{'|'.join(one.command.replace('?P<month>', '?:') for one in PAGES)}){_ENDS}`?"
)


def has_page(command: str) -> bool:
    """Whether a page does all that this command does."""
    return _COMMAND.fullmatch(command) is not None


def led(text: str, root: str, may: Callable[[Act], bool] = lambda act: True) -> Markup:
    """A text with pages in place of the commands that it names; a page that one may not open has no link.

    `root` is what stands before every address of ours.
    """
    parts, done = Markup(), 0
    for found in _COMMAND.finditer(text):
        parts += escape(text[done : found.start()]) + _link(found["command"], root, may)
        done = found.end()
    return parts + escape(text[done:])


def _link(command: str, root: str, may: Callable[[Act], bool]) -> Markup:
    page, match = next((one, known) for one in PAGES if (known := re.fullmatch(one.command, command)))
    month = match.groupdict().get("month", "")
    words = page.words.format(in_full=Month.parse(month).in_full if month else "")
    if not may(page.act):
        return escape(words)
    return Markup('<a href="{}">{}</a>').format(root + page.path.format(month=month), words)
