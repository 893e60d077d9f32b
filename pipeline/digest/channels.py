"""Who is told: the shared mailboxes of roles, and one webhook."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.digest import post
from pipeline.home import Home
from pipeline.questions.things import Thing
from pipeline.roles import Role


@dataclass(frozen=True)
class Message:
    """One message in each of its forms."""

    name: str  # letters, digits and hyphens
    subject: str
    text: str
    content: Mapping[str, Any]  # for programs, without the text


@dataclass(frozen=True)
class Channel:
    """One mailbox, or the webhook."""

    words: str  # as an error calls it
    roles: frozenset[Role]  # whose things are told here
    mailbox: str = ""  # "" for the webhook

    @property
    def name(self) -> str:
        """As it is remembered."""
        return f"mail-{_digest(self.mailbox)}" if self.mailbox else "webhook"

    def mine(self, things: Iterable[Thing]) -> list[Thing]:
        """What is told here."""
        return [one for one in things if one.role in self.roles]

    def send(self, home: Home, message: Message, now: datetime) -> None:
        """Raises NotAllDelivered, and SettingsError for settings that cannot be used."""
        if self.mailbox:
            name = f"{message.name}.{self.name}"
            post.mail(home, self.mailbox, subject=message.subject, text=message.text, name=name, now=now)
        else:
            post.webhook(home, {"text": message.text, **message.content})


def channels(home: Home) -> list[Channel]:
    """Everybody whom the settings name; a role without a mailbox of its own is told to every mailbox."""
    notices = home.settings.notices
    alone = {role for role in Role if not notices.to.get(role)}
    boxes: dict[str, set[Role]] = {}
    for role, mailboxes in notices.to.items():
        for mailbox in mailboxes:
            boxes.setdefault(mailbox, set(alone)).add(role)
    found = [
        Channel(
            f"the mailbox of {', '.join(sorted(one.words for one in roles - alone))}", frozenset(roles), box
        )
        for box, roles in boxes.items()
    ]
    return [*found, *([Channel("the webhook", frozenset(Role))] if notices.webhook else [])]


def _digest(mailbox: str) -> str:
    return hashlib.sha256(mailbox.encode()).hexdigest()[:16]
