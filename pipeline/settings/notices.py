"""Settings of messages: who is told what waits for people, by which server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from pipeline.roles import Role
from pipeline.settings.values import Line, Port, Strict

# The address of a shared mailbox, without a name beside it.
Mailbox = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}$")]
Link = Annotated[str, StringConstraints(pattern=r"^(https?://[!-~]+)?$")]


class Mail(Strict):
    """The server that takes our messages; never without TLS."""

    host: Line
    port: Port = 587
    security: Literal["starttls", "tls"] = "starttls"
    sender: Mailbox
    user: Line = ""  # "" where the server wants no login
    password: Line = "keys/mail.password"  # file of it, relative to the home  # noqa: S105  # no password
    trust: Line = ""  # certificates to trust, relative to the home; "": those that this machine trusts
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0


class Webhook(Strict):
    """An address that takes messages as JSON; whoever knows it can write there, so it stands in a file."""

    address: Line = "keys/webhook.address"  # file of it, relative to the home
    trust: Line = ""  # as Mail's
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0


class Notices(Strict):
    """Who is told what waits for people, and where they look."""

    to: dict[Role, tuple[Mailbox, ...]] = {}
    mail: Mail | None = None
    webhook: Webhook | None = None
    link: Link = ""  # of the console or of Airflow
    month_link: Link = ""  # of a month's page there; {month} stands for the month

    @model_validator(mode="after")
    def _can_be_sent(self) -> Notices:
        if any(self.to.values()) and self.mail is None:
            raise ValueError("to: a mail server is needed, see notices.mail")
        return self
