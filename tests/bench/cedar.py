"""The rules of rules.cedar, asked about the births that decisions.py left: run by a Python that has cedarpy.

    python cedar.py FOLDER        time for each decision, and whether Cedar finds what the engine found

Everything that can be made beforehand is: policies and terms are parsed once, contexts are JSON already,
and only the answers are timed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import cedarpy

RULES = Path(__file__).resolve().parent / "rules.cedar"
IN_A_BATCH = 1_000


def main() -> None:
    given = json.loads((Path(sys.argv[1]) / "cedar.json").read_text())
    text = RULES.read_text()
    names = {f"policy{place}": name for place, name in enumerate(re.findall(r'@id\("(\w+)"\)', text), 1)}
    policies = cedarpy.PolicySet.from_str(text)
    terms = [{"uid": {"type": "Agreement", "id": "one"}, "attrs": given["agreement"], "parents": []}]
    entities = cedarpy.Entities.from_json_str(json.dumps(terms))
    requests = [_request(place, birth) for place, birth in enumerate(given["births"])]
    begun = perf_counter()
    answers = [
        answer
        for start in range(0, len(requests), IN_A_BATCH)
        for answer in cedarpy.is_authorized_batch(requests[start : start + IN_A_BATCH], policies, entities)
    ]
    seconds = perf_counter() - begun
    errors = sum(bool(answer.diagnostics.errors) for answer in answers)
    found = [
        [] if answer.allowed else sorted(names[reason] for reason in answer.diagnostics.reasons)
        for answer in answers
    ]
    print(
        json.dumps(
            {
                "births": len(requests),
                "rules": len(names),
                "seconds_a_decision": seconds / len(requests),
                "agree": not errors and found == given["engine"],
            }
        )
    )


def _request(place: int, birth: dict[str, Any]) -> dict[str, str]:
    asked = {"principal": f'Birth::"{place}"', "action": 'Action::"share"', "resource": 'Agreement::"one"'}
    return asked | {"context": json.dumps(birth)}


if __name__ == "__main__":
    main()
