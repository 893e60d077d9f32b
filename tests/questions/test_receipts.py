"""How recipients stand with their lists: what waits for which of them, what is late, late ones first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.ledger.entries import Acknowledged
from pipeline.questions import receipts
from questions.sent_lists import DIGEST, Office


def stands(office: Office, **later: int) -> dict[str, Any]:
    with office.ledger() as ledger:
        return receipts.report(office.home, ledger, now=office.now + timedelta(**later))


def test_each_recipient_stands_where_its_open_lists_stand(office: Office) -> None:
    found = stands(office)
    open_lists = [row for row in office.register() if row.counts and not row.destroyed]
    assert {one["code"]: one["lists"] for one in found["recipients"]} == {
        code: sum(row.recipient == code for row in open_lists)
        for code in {row.recipient for row in open_lists}
    }
    for one in found["recipients"]:
        mine = [row for row in open_lists if row.recipient == one["code"]]
        assert one["collection"]["open"] == sum(row.collected is None for row in mine)
        assert one["destruction"]["open"] == len(mine)
        assert one["destruction"]["first"] == min(row.due for row in mine if row.due).isoformat()


def is_late(one: dict[str, Any]) -> bool:
    return any(one[clock]["late"] for clock in receipts.CLOCKS)


def test_what_is_late_is_said_in_words_and_stands_first(office: Office) -> None:
    """On the first day on which some recipients are late, and the first of the alphabet is not."""
    first = stands(office)["recipients"][0]["code"]
    for row in office.register(recipient=first):
        office.records(Acknowledged(of=row.entry, way="file", receipt_sha256=DIGEST), month=row.month)
    days = (stands(office, days=day) for day in range(200))
    found = next(day for day in days if 0 < sum(map(is_late, day["recipients"])) < len(day["recipients"]))
    assert found["recipients"][-1]["code"] == first
    late = [is_late(one) for one in found["recipients"]]
    assert late == sorted(late, reverse=True)
    assert found["late"] == len(found["alarms"]) == sum(late)
    for one in found["recipients"]:
        assert is_late(one) == any(
            words.startswith(f"{one['name']} ({one['code']}): ") for words in found["alarms"]
        )
