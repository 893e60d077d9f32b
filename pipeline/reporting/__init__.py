"""Reporting: pages and files for people, made from the ledger's facts and from counts.

This room never sees a birth. What it writes can be read by everyone at the authority who may know
the counts; it is not for recipients, whose own numbers are on their lists.
"""

from pipeline.reporting.agreement_page import agreement_page
from pipeline.reporting.facts import MonthFacts
from pipeline.reporting.family_text import family_text
from pipeline.reporting.pages import month_page, release_page
from pipeline.reporting.preview_page import preview_page
from pipeline.reporting.preview_text import preview_text
from pipeline.reporting.supplier import SupplierFile, SupplierReport
from pipeline.reporting.text import release_markdown, release_text

__all__ = [
    "MonthFacts",
    "SupplierFile",
    "SupplierReport",
    "agreement_page",
    "family_text",
    "month_page",
    "preview_page",
    "preview_text",
    "release_markdown",
    "release_page",
    "release_text",
]
