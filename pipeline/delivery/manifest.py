"""The manifest that lies beside each delivered list: what the list's bytes must be, and how the ledger stood.

It holds digests, sizes, codes and the signed checkpoint, and no personal value, so that whoever takes
the list can prove what they were given without opening it. The checkpoint also carries the ledger's
head out of the authority's house.
"""

from __future__ import annotations

import json
from contextlib import suppress

from pipeline.records import Permit

LIMIT_BYTES = 65_536
_MADE_BY = "birthshare"


def manifest_name(file_name: str) -> str:
    """What the manifest of the list in this file is called."""
    return f"{file_name}.manifest.json"


def manifest(permit: Permit, *, version: int, size: int, checkpoint: str) -> bytes:
    """The manifest of a permitted list of `size` bytes; `checkpoint` is a signed note, or ""."""
    said = {
        "made_by": _MADE_BY,
        "file": permit.file_name,
        "sha256": permit.sealed_sha256,
        "size": size,
        "agreement": permit.agreement,
        "version": version,
        "month": permit.month,
        "recipient": permit.recipient,
        "permit": permit.entry,
        "checkpoint": checkpoint,
    }
    return (json.dumps(said, indent=2) + "\n").encode()


def is_manifest_of(content: bytes, file_name: str) -> bool:
    """Whether it is a manifest that we made for that file."""
    with suppress(ValueError, RecursionError):
        said = json.loads(content)
        return isinstance(said, dict) and (said.get("made_by"), said.get("file")) == (_MADE_BY, file_name)
    return False
