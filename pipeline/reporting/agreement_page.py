"""An agreement in plain English, as a page to read, print and keep."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.agreements.model import Agreement
from pipeline.agreements.plain import Section
from pipeline.reporting.pages import environment


def agreement_page(agreement: Agreement, sections: Sequence[Section]) -> str:
    """One HTML file that needs nothing else: the same words as `birthshare agreement show` says."""
    return environment().get_template("agreement.html").render(agreement=agreement, sections=sections)
