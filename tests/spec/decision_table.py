"""Print the table of examples as sharing_agreements/DECISION_TABLE.md.

python tests/spec/decision_table.py            fails where the page is stale
python tests/spec/decision_table.py --write    writes it
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spec.examples import Chapter, Example

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "sharing_agreements" / "DECISION_TABLE.md"

_HEAD = """# The decision, by example

May this family be put on this list? Each line below is tested: the program decides it so, and so does a
second, plain reading of the same rules. Written by `python tests/spec/decision_table.py --write`; do not
edit by hand.

Unless a line says otherwise, it is about one live birth of 8 October 2026 with nothing against it: the
mother agreed on 20 October on an accepted form that covers children's centres, the address is complete
and in a centre's area. The agreement rests on consent; it covers births of the month and two months
before, from 14 to 120 days old, and consents up to 60 days old. The decision falls on 3 November 2026.
A pregnancy is one expected on 20 February 2027 of a woman who agreed on 20 October 2026; the agreement
covers those expected in the month and eight months after, from the twelfth week on. An answer in the
file beside the extract is, unless a line says otherwise, the father's of 21 October.

**Share**: the family is on the list. **Hold**: not now; the next month looks again. **Withhold**: no.
Every reason that is true is kept and the strictest decides. Where several rows are given, each has its
own line. A reason of class N cannot be lifted by any agreement.
"""


def render() -> str:
    """The page, from the examples and the reasons' own wording."""
    from spec.examples import CHAPTERS

    return "\n".join([_HEAD, *(_chapter(chapter) for chapter in CHAPTERS), _reasons()])


def _chapter(chapter: Chapter) -> str:
    head = f"## {chapter.title}\n\n| the family | decision | reasons |\n|---|---|---|\n"
    return head + "".join(_lines(example) for example in chapter.examples)


def _lines(example: Example) -> str:
    several = len(example.decided) > 1
    lines = ""
    for place, (outcome, reasons) in enumerate(example.decided.values(), start=1):
        story = example.story if place == 1 else ""
        row = f" *row {place}*" if several else ""
        named = ", ".join(f"`{reason}`" for reason in _ordered(reasons))
        lines += f"| {story}{row} | {outcome} | {named} |\n"
    return lines


def _ordered(reasons: frozenset[str]) -> list[str]:
    from pipeline.reasons import Reason

    return [str(reason) for reason in Reason if reason in reasons]


def _reasons() -> str:
    from pipeline.reasons import Reason, ReasonClass

    decided = [reason for reason in Reason if reason.reason_class is not ReasonClass.RUN]
    head = "## The reasons\n\n| reason | class | decision | in words |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{reason}` | {reason.reason_class} | {reason.outcome.word} | {reason.wording} |\n"
        for reason in decided
    )


def main(arguments: list[str]) -> int:
    """Write the page, or check it; 0 where it is up to date."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    page = render()
    if arguments == ["--write"]:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{PAGE.name} is stale. Run: python tests/spec/decision_table.py --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
