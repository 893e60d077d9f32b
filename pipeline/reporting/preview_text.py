"""A preview in words, for the command line and the page: counts, never a family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.looking_back.small_numbers import Shown
from pipeline.reporting.pages import month_in_full

DIRECTIONS = {
    "newly_shared": ("Newly shared", "Why they were not shared then"),
    "no_longer_shared": ("No longer shared", "Why they would not be shared now"),
}


def counted(count: Mapping[str, int]) -> str:
    """A count that may be shown, in words."""
    return str(Shown(count["least"], count["most"]))


def families(count: Mapping[str, int]) -> str:
    """A count of families, in words."""
    return "no family" if count["most"] == 0 else f"{counted(count)} families"


def reason_rows(direction: Mapping[str, Any], words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each combination of reasons in words, and how many families it was; "" where that is hidden."""
    rows = [
        (
            _sentence("; ".join(words[code] for code in one["codes"])),
            counted(one["families"]) if one["families"] else "",
        )
        for one in direction["reasons"]
    ]
    return [*rows, ("And other reasons", "")] if direction["more_reasons"] else rows


def recipient_rows(direction: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each recipient by its name in the register, and how many families it was."""
    return [
        (f"{names[code]} ({code})" if names.get(code) else code, counted(count))
        for code, count in direction["recipients"].items()
    ]


def preview_text(preview: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The preview as paragraphs. `words` says each code of a reason, `names` each recipient's."""
    months = ", ".join(month_in_full(month) for month in preview["months"])
    lines = [
        f"{preview['agreement']}, version {preview['version']}, replayed on {months}.",
        f"Then, {families(preview['families_then'])} were to be shared under this agreement.",
        *(
            f"Not replayed on {month_in_full(one['month'])}: {one['why']}."
            for one in preview["not_previewable"]
        ),
    ]
    for key, (title, why) in DIRECTIONS.items():
        one = preview[key]
        lines += ["", f"{title}: {families(one['total'])}."]
        lines += [f"  {of}: {count}" for of, count in recipient_rows(one, names)]
        reasons = reason_rows(one, words)
        lines += [f"{why}:"] if reasons else []
        lines += [f"  {said}" + (f": {count}" if count else "") for said, count in reasons]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
