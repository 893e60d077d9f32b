"""Settings of what is kept outside: places for checkpoints, and witnesses that countersign them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pipeline.settings.values import Code, Line, Port, Strict

_VERIFIER = re.compile(r"^[!-*,-~]{1,150}\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$")


def _is_verifier(text: str) -> str:
    if not _VERIFIER.match(text):
        raise ValueError("not a verifier key; copy its line again, whole, as the witness showed it")
    return text


VerifierKey = Annotated[str, AfterValidator(_is_verifier)]


class Place(Strict):
    """A place outside this home to which every checkpoint is brought: a folder, or one at an SFTP server."""

    name: Code
    folder: Line
    host: Line = ""  # "" for a folder of this machine, or one that is mounted here
    port: Port = 22
    user: Line = ""
    host_key: Line = ""  # "ssh-ed25519 AAAA..."
    witness: Line = ""  # the name of the witness that takes requests here, and leaves its answers

    @model_validator(mode="after")
    def _can_be_reached(self) -> Place:
        if bool(self.host) != bool(self.user and self.host_key):
            raise ValueError("host, user and host_key are needed together, or none of them")
        return self


class Outside(Strict):
    """Where checkpoints of the ledger are kept besides, and who countersigns them."""

    places: tuple[Place, ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()  # name+id+key, of another organisation each
    witnesses_needed: Annotated[int, Field(ge=0)] = 0  # of them, for a checkpoint to be fully countersigned
    witness_days: Annotated[int, Field(ge=2)] = 35  # how old the newest such may be before somebody is told

    @model_validator(mode="after")
    def _fits_together(self) -> Outside:
        names = [one.name for one in self.places]
        witnesses = [one.split("+", 1)[0] for one in self.witnesses]
        keys = [one.split("+", 2)[2] for one in self.witnesses]
        if len(set(names)) < len(names):
            raise ValueError("places must have different names")
        if any(re.search("[0-9]{9}", name) for name in witnesses):
            raise ValueError("a witness's name must not hold nine or more digits in a row")
        if len(set(witnesses)) < len(witnesses) or len(set(keys)) < len(keys):
            raise ValueError("witnesses must have different names and keys")
        if self.witnesses_needed > len(witnesses):
            raise ValueError("witnesses_needed is more than there are witnesses")
        asked = [one.witness for one in self.places if one.witness]
        if not set(asked) <= set(witnesses) or len(set(asked)) < len(asked):
            raise ValueError("a place's witness must be one of witnesses, each at one place")
        return self
