"""The JSON Schema of a ledger entry, for those who check an export without this program."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from pipeline.ledger.entries import BODIES, Kind


def render_schema() -> str:
    """`schemas/ledger_entry.schema.json`: one entry, whose body depends on its kind."""
    references, definitions = models_json_schema(
        [(body, "serialization") for body in BODIES.values()], ref_template="#/$defs/{model}"
    )
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Entry of a Birthshare ledger",
        "type": "object",
        "additionalProperties": False,
        "required": ["at", "body", "kind", "month", "seq"],
        "properties": {
            "seq": {"type": "integer", "minimum": 1},
            "kind": {"enum": list(BODIES)},
            "month": {"type": "string", "pattern": "^([0-9]{4}-(0[1-9]|1[0-2]))?$"},
            "at": {"type": "string", "format": "date-time"},
            "body": {"type": "object"},
        },
        "oneOf": [_with_body(body.kind, references[body, "serialization"]) for body in BODIES.values()],
        **definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _with_body(kind: Kind, body: Any) -> dict[str, Any]:
    return {"description": kind.wording, "properties": {"kind": {"const": str(kind)}, "body": body}}
