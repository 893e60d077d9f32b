"""How old the postcode directory is: a new one comes every quarter, and a street built since is unknown."""

from __future__ import annotations

from datetime import date

from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.records import Month

MONTHS = 6  # two releases missed


def warnings(home: Home, today: date) -> list[str]:
    """That the directory is old, or that nobody can tell, in a sentence; `today` is a day in London."""
    if home.settings.authority.demonstration:  # its directory is a sample, which does not age
        return []
    from pipeline.geography.releases import month_of

    release = _in_use(home)
    if not release:  # that is no warning, and is said elsewhere
        return []
    month = month_of(release)
    if month is None:
        return [
            f"Nobody can tell how old the postcode directory is: {release} does not name its month. Build it "
            "from the file as published, such as ONSPD_AUG_2026_UK.csv."
        ]
    if today <= month.plus(MONTHS).last_day:
        return []
    return [
        f"The postcode directory is of {month.in_full}, {age(month, today)} months ago. One comes "
        "every February, May, August and November; homes built since are not found in this one. Download "
        "the newest ONSPD from geoportal.statistics.gov.uk and run `birthshare geography build`."
    ]


def released(home: Home) -> Month | None:
    """The month of the directory in use; None where there is none, or its name does not say."""
    from pipeline.geography.releases import month_of

    return month_of(_in_use(home))


def _in_use(home: Home) -> str:
    """The file name of the release in use; "" where there is none that can be read."""
    from pipeline.geography.directory import Directory

    try:
        with Directory(home.at(home.settings.geography.directory)) as directory:
            return directory.facts.release
    except SettingsError:
        return ""


def age(released: Month, today: date) -> int:
    """Whole months between the month of a release and that of a day."""
    return (today.year - released.year) * 12 + today.month - released.number
