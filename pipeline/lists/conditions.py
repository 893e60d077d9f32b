"""The conditions of use that go with every list."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.agreements.model import Agreement
from pipeline.records import Month


def in_full(day: date) -> str:
    """A day as a letter writes it: 5 October 2026."""
    return f"{day.day} {day:%B %Y}"


def month_in_full(month: Month) -> str:
    """A month as a letter writes it: October 2026."""
    return f"{month.first_day:%B %Y}"


def destroy_by(agreement: Agreement, made_on: date) -> date:
    """The last day on which the recipient may hold a list that was made on that day."""
    return made_on + timedelta(days=agreement.retention_days)


def conditions(
    agreement: Agreement, month: Month, *, recipient_name: str, authority_name: str, made_on: date
) -> list[tuple[str, tuple[str, ...]]]:
    """Headings, each with its sentences, in plain words for whoever opens the list."""
    last_day = in_full(destroy_by(agreement, made_on))
    return [
        ("Agreement", (f"{agreement.title} (version {agreement.version})",)),
        ("This list", (f"For {recipient_name}, {month_in_full(month)}. Made on {in_full(made_on)}.",)),
        ("Purpose", (agreement.purpose,)),
        ("You may", agreement.use.permitted),
        ("You must not", agreement.use.forbidden),
        (
            "Keep it safe",
            (
                "Only staff who need this list for its purpose may see it.",
                "Keep the password apart from the file. Do not save or send a copy without the password.",
            ),
        ),
        (
            "Destroy it",
            (
                f"Destroy this file and everything made from it by {last_day}, and tell {authority_name} when"
                " you have.",
            ),
        ),
        (
            "Tell us at once",
            (
                f"Tell {authority_name} the same day if this list is not for you, is lost, or was seen by"
                " anyone else.",
                "Tell us also if a family asks not to be contacted: stop, and do not ask why.",
                "If you are told to remove a family, do so at once, from everything made from the list.",
            ),
        ),
    ]
