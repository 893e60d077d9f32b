"""A preview as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.reporting.pages import environment, month_in_full
from pipeline.reporting.preview_text import DIRECTIONS, counted, families, reason_rows, recipient_rows


def preview_page(
    preview: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str], *, authority: str
) -> str:
    """What a proposed agreement would have changed.

    `words` says each code of a reason, `names` each recipient's.
    """
    pages = environment()
    pages.filters.update(month=month_in_full, counted=counted, families=families)
    return pages.get_template("preview.html").render(
        preview=preview,
        authority=authority,
        directions=DIRECTIONS,
        recipients={key: recipient_rows(preview[key], names) for key in DIRECTIONS},
        reasons={key: reason_rows(preview[key], words) for key in DIRECTIONS},
    )
