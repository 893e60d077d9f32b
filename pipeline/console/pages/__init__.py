"""The console's pages; each module has its `pages`."""

from __future__ import annotations

from pipeline.console.pages import months, waiting, who_may

EVERY_PAGE = (waiting.pages, months.pages, who_may.pages)
