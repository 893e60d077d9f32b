"""What goes to a witness and comes back, in the forms of https://c2sp.org/tlog-witness (add-checkpoint).

A request says from which size on the checkpoint is to be countersigned, proves that the ledger begins with
what the witness signed last, and carries the checkpoint. The answer is signature lines; or a size alone, when
the witness signed another checkpoint last than the request begins with.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.errors import IntegrityError

LIMIT_BYTES = 65_536  # of a request, an answer or a note; the longest takes a few thousand
_MOST_HASHES = 63
_OLD = re.compile(r"old (?P<size>0|[1-9][0-9]{0,18})\Z")
_HASH = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\Z")  # 32 bytes
_SIZE = re.compile(r"(?P<size>0|[1-9][0-9]{0,18})\n\Z")


@dataclass(frozen=True)
class Request:
    """A checkpoint that is to be countersigned."""

    old: int  # entries that the witness has signed already
    proof: tuple[bytes, ...]  # that the checkpoint's ledger begins with them
    note: str  # the checkpoint, signed by its ledger


def write_request(old: int, proof: Sequence[bytes], note: str) -> str:
    """A request as it is sent."""
    hashes = (base64.b64encode(one).decode() for one in proof)
    return "".join(f"{line}\n" for line in chain([f"old {old}"], hashes, [""])) + note


def read_request(text: str) -> Request:
    """A request as it came; raises IntegrityError for anything else."""
    head, separator, note = text.partition("\n\n")
    first, *hashes = head.split("\n")
    old = _OLD.match(first)
    if old and separator and len(hashes) <= _MOST_HASHES and all(map(_HASH.match, hashes)):
        return Request(int(old["size"]), tuple(map(base64.b64decode, hashes)), note)
    raise IntegrityError(
        "This is not a request for a countersignature", do="Use the file exactly as it was given."
    )


def signed_up_to(answer: str) -> int | None:
    """The size that the witness signed last, where that is all it answers; None for signature lines."""
    said = _SIZE.match(answer)
    return int(said["size"]) if said else None
