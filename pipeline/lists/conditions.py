"""The conditions of use that go with every list."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.agreements.model import Agreement, ListField, Shares
from pipeline.agreements.words import on_day
from pipeline.lists.compile import FamilyList

Term = tuple[str, tuple[str, ...]]  # a heading and its sentences


def destroy_by(agreement: Agreement, made_on: date) -> date:
    """The last day on which the recipient may hold a list that was made on that day."""
    return made_on + timedelta(days=agreement.retention_days)


def subjects(agreement: Agreement) -> str:
    """What the rows of a list are about: "Families" or "Children"."""
    born = agreement.cohort.of == "births"
    return "Children" if born and agreement.household == "each_child" else "Families"


def conditions(
    family_list: FamilyList, *, recipient_name: str, authority_name: str, made_on: date, file_name: str
) -> list[Term]:
    """Headings, each with its sentences, in plain words for whoever opens the file of that name."""
    agreement = family_list.agreement
    last_day = on_day(destroy_by(agreement, made_on))
    return [
        ("Agreement", (f"{agreement.title} (version {agreement.version})",)),
        ("This list", (f"For {recipient_name}, {family_list.month.in_full}. Made on {on_day(made_on)}.",)),
        (
            "When you have it",
            (
                f"Tell {authority_name} that this list arrived and opens: put a text file (Notepad will do)"
                " where you found the list. Its name:",
                f"{file_name}.received.txt",
                "It holds this code and nothing else:",
                family_list.receipt_code,
            ),
        ),
        ("Purpose", (agreement.purpose,)),
        ("You may", agreement.use.permitted),
        ("You must not", agreement.use.forbidden),
        *_special_care(agreement),
        *_about_areas(family_list),
        *_about_references(family_list),
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
                f"Destroy this file and everything made from it by {last_day}.",
                f"Then tell {authority_name}: put a text file with the same code where you found the list."
                " Its name:",
                f"{file_name}.destroyed.txt",
            ),
        ),
        (
            "Tell us at once",
            (
                f"Tell {authority_name} the same day if this list is not for you, is lost, or was seen by"
                " anyone else.",
                *_about_people(agreement),
            ),
        ),
    ]


def _about_areas(family_list: FamilyList) -> list[Term]:
    if ListField.DEPRIVATION_DECILE not in family_list.fields:
        return []
    return [
        (
            "Deprivation decile",
            (
                "1 means that the home is in the most deprived tenth of England's small areas, 10 in the"
                " least deprived (Index of Multiple Deprivation 2025). Blank means not known.",
                "It describes the area. It says nothing about any family in it.",
            ),
        )
    ]


def _about_references(family_list: FamilyList) -> list[Term]:
    if not family_list.fields:
        return []
    one = "child" if subjects(family_list.agreement) == "Children" else "family"
    return [
        (
            "References",
            (
                f"Each {one} has a reference in the last column. If we ask you to remove a {one}, we name"
                " this reference and the list, and nothing else.",
                "It is of no use to anybody else. Do not print it on an envelope.",
            ),
        )
    ]


def _special_care(agreement: Agreement) -> list[Term]:
    if agreement.cohort.of == "expected_births":
        return [
            (
                "Before you write",
                (
                    "These families expect a baby who is not born yet. Write nothing about a birth or a new"
                    " baby.",
                    "A pregnancy can end in a loss. Look for a notice to remove a family just before you post"
                    " anything, and post nothing after the day on which the baby is expected.",
                ),
            )
        ]
    if agreement.shares is Shares.PSEUDONYMS:
        return [
            (
                "Look for nobody",
                (
                    "Do not try to find out who a child on this list is, and do not show a number so small"
                    " that somebody else could.",
                    "Join this list with nothing but what the agreement names.",
                ),
            )
        ]
    return []


def _about_people(agreement: Agreement) -> tuple[str, ...]:
    if agreement.shares is Shares.TOTALS:
        return ()
    if agreement.shares is Shares.PSEUDONYMS:
        return ("Tell us also if you believe that a child on this list could be recognised.",)
    return (
        "Tell us also if a family asks not to be contacted: stop, and do not ask why.",
        "If you are told to remove a family, do so at once, from everything made from the list.",
    )
