"""Settings of the console: its address, the sign-on, and the people who may use it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pipeline.roles import Role
from pipeline.settings.values import Line, Port, Strict, different

# The origin of a server that is spoken to over TLS, or is on this machine.
_TLS_OR_HERE = r"^(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[1-9][0-9]{0,4})?"


# Browsers leave these out where they say which page they are on.
_LEFT_OUT = {"https": 443, "http": 80}


def _as_browsers_write(address: str) -> str:
    parts = urlsplit(address)
    if parts.port and parts.port == _LEFT_OUT[parts.scheme]:
        raise ValueError(f"leave out :{parts.port}, as browsers do: {parts.scheme}://{parts.hostname}")
    return address


class SignOn(Strict):
    """The council's own sign-on, an OpenID provider, and our registration there."""

    issuer: Annotated[str, StringConstraints(pattern=_TLS_OR_HERE + "(/[!-~]*)?$")]
    client_id: Line
    client_secret: Line = "keys/sign_on.secret"  # file of it, relative to the home  # noqa: S105  # no password
    claim: Line = "email"  # what tells people apart there; `sign_on` of a person is its value
    trust: Line = ""  # as Mail's


class Person(Strict):
    """Somebody who may use the console, and in which roles."""

    principal: Line  # as approvers' and in keys/approvers/allowed_signers, where they sign
    roles: Annotated[tuple[Role, ...], AfterValidator(different), Field(min_length=1)]
    sign_on: Line = ""  # what the sign-on's claim says of them; "" where they do not come in that way
    airflow_user: Line = ""  # their login in Airflow, where [[approvers]] does not say it


class Console(Strict):
    """The web pages for guardians, IG officers and approvers."""

    # The origin under which people open it, and passkeys are made for; "" on this machine alone.
    address: Annotated[
        str, StringConstraints(pattern=f"^$|{_TLS_OR_HERE}$"), AfterValidator(_as_browsers_write)
    ] = ""
    port: Port = 8470  # where it listens on its machine
    sign_on: SignOn | None = None
    people: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Console:
        for what in ("principal", "sign_on", "airflow_user"):
            named = [value for one in self.people if (value := getattr(one, what))]
            if len(set(named)) < len(named):
                raise ValueError(f"people: two have the same {what}")
        return self
