"""*Checks*: what was checked in the suppliers' files: rules and counts, and no value."""

from __future__ import annotations

from fastapi.responses import Response

from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages
from pipeline.errors import SettingsError
from pipeline.reporting.checks import checks_index, checks_page
from pipeline.steps.results import kept_results, read_results

pages = Pages()


@pages.page("/checks", Act.SEE_MONTHS)
def every_file(visit: Asked) -> Response:
    """Every file of a month that was checked, the newest month first."""
    read = [(f"checks/{name}", read_results(file)[0]) for name, file in kept_results(visit.home).items()]
    found = [one for one in read if one[1]]
    return visit.report(lambda: checks_index(found, authority=visit.home.settings.authority.name))


@pages.page("/checks/{name}", Act.SEE_MONTHS)
def one_file(visit: Asked, name: str) -> Response:
    """What became of each rule on one file; `name` is as in the list of all."""
    file = kept_results(visit.home).get(name)
    found, digest = read_results(file) if file else ({}, "")
    if not found:
        raise SettingsError("There is no such file", do="Choose one under Checks.")
    authority = visit.home.settings.authority.name
    return visit.report(lambda: checks_page(found, digest=digest, authority=authority))
