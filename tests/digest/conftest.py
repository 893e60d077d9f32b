"""A small home whose settings name mailboxes and a webhook, and servers that take both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from month_authority import authority, birthshare, prototype
from pipeline.digest import daily
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.questions.things import Thing, Urgency, Waits
from servers.mail import HERE, MailServer, Webhook, serving

__all__ = ["authority", "birthshare", "office", "prototype"]

LOGIN = "birthshare-relay", "quillfeather-and-ink"
SECRET_PATH = "/services/0123456789abcdefghij"
LEAD, OFFICER = "births@council.example", "information.governance@council.example"
MONDAY = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)

APPROVAL = Thing(
    Waits.RELEASE_FIRST, Urgency.NOW, since=date(2026, 11, 1), count=1, month="2026-10", agreement="welcome"
)
UNCOLLECTED = Thing(Waits.UNCOLLECTED, Urgency.SOON, recipient="maple", due=date(2026, 10, 20), count=2)
EXPIRY = Thing(Waits.AGREEMENT_EXPIRY, Urgency.IN_TIME, agreement="welcome.v1", due=date(2027, 1, 20))


@dataclass
class Office:
    """Whoever is told, and what they were told."""

    home: Home
    mail: MailServer
    webhook: Webhook

    def tell(self, *things: Thing, day: int = 0) -> daily.Told:
        """The digest of a day, counted from the Monday."""
        return daily.send(self.home, things, now=MONDAY + timedelta(days=day))

    def texts(self, mailbox: str = LEAD) -> list[str]:
        return [one.get_content() for one in self.mail.of(mailbox)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    home = tmp_path / "home"
    make_home(home)
    mail, webhook = MailServer(tmp_path, LOGIN), Webhook(tmp_path, SECRET_PATH)
    _private(home / "keys" / "mail.password", LOGIN[1])
    _private(home / "keys" / "webhook.address", webhook.address)
    trust = json.dumps(str(mail.trust))
    with (home / "birthshare.toml").open("a") as settings:
        settings.write(f"""
[notices]
to = {{ data_lead = ["{LEAD}"], ig_officer = ["{OFFICER}"] }}
link = "https://airflow.council.example"
month_link = "https://airflow.council.example/birthshare/months/{{month}}"
[notices.mail]
host = "{HERE}"
port = {mail.port}
sender = "birthshare@council.example"
user = "{LOGIN[0]}"
trust = {trust}
[notices.webhook]
trust = {json.dumps(str(webhook.trust))}
""")
    with serving(mail), serving(webhook):
        yield Office(Home.open(home), mail, webhook)


def _private(file: Path, content: str) -> None:
    file.touch(mode=0o600)
    file.write_text(content)
