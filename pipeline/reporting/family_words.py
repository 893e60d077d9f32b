"""What was shared about one family, in words that a child of ten can read.

Whoever gets such a statement may be upset, tired, or new to English. So: short sentences, no word that only
we use, never why a family was called back, and nothing that a bereaved parent should not have to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.agreements.words import listed, named, on_day, sentence
from pipeline.reporting.pages import month_in_full

FIELDS: Mapping[str, str] = {
    "child_name": "your child's name",
    "date_of_birth": "the day your child was born",
    "expected_date_of_delivery": "the day the baby was due",
    "parent_name": "a parent's name",
    "address": "your address",
    "language": "the language you speak at home",
    "nhs_number": "your child's NHS number",
    "ward": "which part of the council's area you live in (the ward)",
    "lsoa": "which small area you live in, as a code",
    "deprivation_decile": "how well off the area around your home is, from 1 to 10",
    "pseudonym": "a code in place of your child's name",
    "month_of_birth": "the month your child was born in",
    "sex": "if your child is a boy or a girl",
    "locality": "which part of the council's area you live in (the locality)",
}

RIGHTS = (
    ("You can ask.", "You can ask us what we keep about your family, and get a copy. It is free."),
    ("You can put it right.", "Tell us if something is wrong. We will put it right."),
    (
        "You can say no.",
        "You can say no at any time, even if you said yes before. Then we stop. We also ask those who got "
        "your details to take them off their lists.",
    ),
    (
        "You can ask us to delete it.",
        "You can ask us to delete what we keep about your family. We will tell you what we can delete, and "
        "what we must keep, and why.",
    ),
    (
        "You can complain.",
        "Please tell us first. If our answer does not help, you can go to the Information Commissioner. "
        "They look after these rights. Phone 0303 123 1113, or go to ico.org.uk.",
    ),
)

_NOT_SURE = "We cannot tell if it got there. So we count it as shared."


def nothing_shared(found: Mapping[str, Any]) -> list[str]:
    """What is said where nothing was shared, as far as anybody can tell."""
    lines = ["Our record shows nothing that we shared about your child."]
    if not found["erased"]:
        lines.append("This is true for the day on which we made this page.")
    return lines


def erased(days: list[str]) -> str:
    """That what was kept was deleted; "" where it was not. Who asked for it is not said."""
    if not days:
        return ""
    return (
        f"We deleted what we kept about your family on {listed(map(_day, days))}. What we shared before that "
        "day may no longer be on this page."
    )


def recipient(one: Mapping[str, Any]) -> str:
    """Who got it."""
    name, kind = one["recipient_name"] or one["recipient"], named(one["recipient_kind"])
    return name if kind.lower() in name.lower() else f"{name} ({kind})"


def sent(one: Mapping[str, Any]) -> list[str]:
    """When it was sent, and on which list."""
    on, month = _day(one["on"]), month_in_full(one["month"])
    lines = [f"We sent it on {on}." if one["certain"] else f"We began to send it on {on}. {_NOT_SURE}"]
    return [*lines, f"It was on our list for {month}."]


def fields(one: Mapping[str, Any]) -> list[str]:
    """What its reader could see."""
    return [FIELDS[name] for name in one["terms"]["fields"]]


def allowed(one: Mapping[str, Any]) -> list[str]:
    """What the parents had said, or were told, before it was shared."""
    on, form = one["their_word"]["on"], one["their_word"]["form"]
    if one["terms"]["permission"] == "consent":
        said = f"A parent said yes on {_day(on)}." if on else f"A parent said yes. {_DAY_GONE}"
        return [said, f"The form was called “{form}”."] if form else [said]
    told = "We only share when parents were told first, and nobody said no."
    return [told, f"Parents were told on {_day(on)}." if on else _DAY_GONE]


_DAY_GONE = "We do not keep the day any more."


def since(one: Mapping[str, Any], today: str) -> list[str]:
    """What has happened to it since."""
    return [*_lies(one["since"]), *_until(one["since"], today), *_taken_back(one["since"])]


def in_short(one: Mapping[str, Any]) -> str:
    """Where it is now, in a few words."""
    became = one["since"]
    if became["destroyed"]:
        return "They have destroyed it."
    if became["removed"] and not became["collected"]:
        return "We deleted it."
    if became["taken_back"]:
        return "We took it back." if became["off"] else "We are taking it back."
    return f"They may have it until {_day(became['until'])}." if became["until"] else "They may have it."


def _lies(became: Mapping[str, str]) -> list[str]:
    if became["destroyed"]:
        return [f"They told us on {_day(became['destroyed'])} that they have destroyed the list."]
    if became["acknowledged"]:
        return [f"They told us on {_day(became['acknowledged'])} that they have the list."]
    if became["collected"]:
        return [f"They picked it up on {_day(became['collected'])}, or a little before."]
    if became["removed"]:
        return [f"As far as we know, nobody picked it up. We deleted it on {_day(became['removed'])}."]
    return ["We do not know yet if they have picked it up."]


def _until(became: Mapping[str, str], today: str) -> list[str]:
    over = became["destroyed"] or (became["removed"] and not became["collected"])
    if over or not became["until"]:
        return []
    last = _day(became["until"])
    if became["until"] < today:
        return [f"They had to destroy it by {last}. They have not told us yet that they did."]
    if became["taken_back"]:
        return []
    return [f"They may keep it until {last}. Then they must destroy it, and tell us."]


def _taken_back(became: Mapping[str, str]) -> list[str]:
    if not became["taken_back"]:
        return []
    began = f"We began to take it back on {_day(became['taken_back'])}."
    if not became["told"]:
        return [f"{began} We will ask them to {_OFF}."]
    asked = f"{began} On {_day(became['told'])} we asked them to {_OFF}."
    if not became["off"]:
        return [asked, "They have not told us yet that they did."]
    return [asked, f"They told us on {_day(became['off'])} that they did."]


_OFF = "take your child off the list, and off all that was made from it"


def law(terms: Mapping[str, Any]) -> list[str]:
    """What the sharing rests on, in the words of the agreement."""
    said = terms["law"]
    return [
        *(f"Duty or power: {sentence(power)}" for power in said["powers"]),
        f"UK GDPR, Article 6: {sentence(said['article_6'])}",
        *([f"UK GDPR, Article 9: {sentence(said['article_9'])}"] if said["article_9"] else []),
        f"Confidentiality: {sentence(said['confidentiality'])}",
    ]


def kept_for(days: int) -> str:
    """For how long it is known who was on a list."""
    years = days // 365
    long = f"{years} years" if years > 1 else f"{days} days"
    return f"We keep who was on a list for about {long} after it had to be destroyed. Then we delete that."


def _day(written: str) -> str:
    return on_day(date.fromisoformat(written))
