"""How a message leaves: by mail over TLS, or as JSON to an address that is itself a secret.

What a server answers is never repeated: it is another's words, and may hold a login or the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.errors import NotAllDelivered, SettingsError
from pipeline.home import Home, Mail, Webhook

if TYPE_CHECKING:
    from email.message import EmailMessage


def mail(home: Home, to: str, *, subject: str, text: str, name: str, now: datetime) -> None:
    """Send plain text to one mailbox; raises NotAllDelivered, or SettingsError for settings as such.

    `name` names the message: sent twice after a crash, it is the same message to a mail program.
    """
    import smtplib

    settings = home.settings.notices.mail
    assert settings is not None
    message = _message(settings, to, subject=subject, text=text, name=name, now=now)
    context = home.trusted(settings.trust)
    password = home.password(settings.password) if settings.user else ""
    where = settings.host, settings.port
    try:
        if settings.security == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(
                *where, _OURS, timeout=settings.timeout_seconds, context=context
            )
        else:
            line = smtplib.SMTP(*where, _OURS, timeout=settings.timeout_seconds)
        with line:
            if settings.security == "starttls":
                line.starttls(context=context)
            if settings.user:
                line.login(settings.user, password)
            line.send_message(message)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:  # logins are ASCII
        raise _not_sent(error, f"{settings.host}:{settings.port}") from None


def webhook(home: Home, content: Mapping[str, Any]) -> None:
    """Send JSON to the webhook; raises NotAllDelivered, or SettingsError where its address cannot be used."""
    import logging

    import httpx

    settings = home.settings.notices.webhook
    assert settings is not None
    address = _address(home, settings)
    for noisy in ("httpx", "httpcore"):  # they log the whole address, which is a secret
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        # Its words are not waited for: an answer could go on for ever, and others wait to be told meanwhile.
        with httpx.stream(
            "POST",
            address,
            json=content,
            verify=home.trusted(settings.trust),
            timeout=settings.timeout_seconds,
        ) as answer:
            taken, status = answer.is_success, answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _not_sent(error, "the webhook") from None
    if not taken:  # a redirection is not followed: it would hand the message to somebody else
        raise NotAllDelivered("The message was not taken", where=f"the webhook, HTTP {status}")


_OURS = "[127.0.0.1]"  # how we greet a mail server; asking for our own name could wait for a name server


def _message(settings: Mail, to: str, *, subject: str, text: str, name: str, now: datetime) -> EmailMessage:
    from email.message import EmailMessage
    from email.utils import format_datetime

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.sender, to, subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{name}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's out-of-office answers
    message.set_content(text)
    return message


def _address(home: Home, settings: Webhook) -> str:
    address = home.password(settings.address)
    if not address.startswith("https://") or not address.isprintable() or " " in address:
        raise SettingsError(
            "The address of the webhook is not one of HTTPS",
            where=str(home.at(settings.address)),
            do="Put the whole address into the file, alone, beginning with https://",
        )
    return address


def _not_sent(error: Exception, where: str) -> NotAllDelivered:
    return NotAllDelivered(f"The message could not be sent: {type(error).__name__}", where=where)
