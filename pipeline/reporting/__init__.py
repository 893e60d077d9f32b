"""Reporting: pages and files for people, made from the ledger's facts and from counts.

This room never sees a birth. What it writes can be read by everyone at the authority who may know
the counts; it is not for recipients, whose own numbers are on their lists.
"""

from pipeline.reporting.facts import MonthFacts
from pipeline.reporting.pages import month_page, release_page
from pipeline.reporting.supplier import supplier_report
from pipeline.reporting.text import release_text

__all__ = ["MonthFacts", "month_page", "release_page", "release_text", "supplier_report"]
