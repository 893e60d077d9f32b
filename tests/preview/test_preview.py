"""What a proposed agreement would have changed, told from the past months that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.ledger.entries import Kind
from pipeline.looking_back.preview import preview, preview_file
from pipeline.records import Month
from preview.past import NOW, family, keep, proposed, world, written
from spec.world import COLUMNS, MONTH, NOTICE, NUMBERS, agreement, placed

SEPTEMBER, OCTOBER = MONTH.plus(-1), MONTH
NONE, SMALL = {"least": 0, "most": 0}, {"least": 1, "most": 7}


def exactly(count: int) -> dict[str, int]:
    return {"least": count, "most": count}


def codes(direction: dict[str, Any]) -> list[list[str]]:
    return [one["codes"] for one in direction["reasons"]]


def many(count: int, first: int = 1, month: Month = MONTH, **changes: Any) -> list[dict[str, Any]]:
    return [family(reference, month, **changes) for reference in range(first, first + count)]


def test_a_proposal_that_changes_nothing_would_change_nothing(home: Home, tmp_path: Path) -> None:
    births = [*many(12), *many(9, 13, consent_status="refused"), family(30, in_hospital="Y")]
    keep(home, world(*births))
    seen = preview(home, proposed(tmp_path), now=NOW)
    assert seen["families_then"] == exactly(12)
    assert (seen["newly_shared"]["total"], seen["no_longer_shared"]["total"]) == (NONE, NONE)


def test_a_lifted_exclusion_shares_families_newly_and_says_why_they_were_not(
    home: Home, tmp_path: Path
) -> None:
    keep(home, world(*many(10), *many(9, 11, in_hospital="Y"), *many(8, 20, consent_status="refused")))
    seen = preview(home, proposed(tmp_path, exclusions={"in_hospital": False}), now=NOW)
    assert seen["newly_shared"]["recipients"] == {"oak": exactly(9)}
    assert seen["newly_shared"]["reasons"] == [{"codes": ["in_hospital"], "families": exactly(9)}]
    assert seen["no_longer_shared"]["total"] == NONE


def test_a_stricter_rule_shares_families_no_longer_and_says_why(home: Home, tmp_path: Path) -> None:
    both = agreement(confidentiality={"wordings": ["form-2024", "form-2025"]})
    keep(home, world(*many(10), *many(20, 11, consent_wording="form-2024"), agreement=both))
    seen = preview(home, proposed(tmp_path), now=NOW)
    assert seen["no_longer_shared"]["recipients"] == {"oak": exactly(20)}
    assert codes(seen["no_longer_shared"]) == [["consent_wording_not_accepted"]]


def test_a_family_with_two_reasons_is_counted_once_with_both(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(8, in_hospital="Y", safeguarding="Y"), *many(9, 9, in_hospital="Y")))
    seen = preview(
        home, proposed(tmp_path, exclusions={"in_hospital": False, "safeguarding": False}), now=NOW
    )
    assert seen["newly_shared"]["total"] == exactly(17)
    assert codes(seen["newly_shared"]) == [["in_hospital"], ["safeguarding", "in_hospital"]]


def test_twins_are_one_family(home: Home, tmp_path: Path) -> None:
    twins = [
        family(place, parent=f"mother-{place // 2}", dwelling=f"home-{place // 2}", number_of_births=2,
               birth_order=place % 2 + 1, in_hospital="Y")
        for place in range(2, 22)
    ]  # fmt: skip
    keep(home, world(*twins))
    seen = preview(home, proposed(tmp_path, exclusions={"in_hospital": False}), now=NOW)
    assert seen["newly_shared"]["total"] == exactly(10)


def test_small_numbers_are_hidden_by_recipient(home: Home, tmp_path: Path) -> None:
    births = [*many(20, in_hospital="Y"), *many(3, 21, in_hospital="Y")]
    places = tuple(
        placed(one["reference"], recipient="oak" if one["reference"] <= 20 else "elm") for one in births
    )
    keep(home, world(*births, placements=places))
    seen = preview(home, proposed(tmp_path, exclusions={"in_hospital": False}), now=NOW)
    assert seen["newly_shared"]["recipients"] == {"elm": SMALL, "oak": exactly(20)}
    assert seen["newly_shared"]["total"] == {"least": 21, "most": 27}
    assert seen["newly_shared"]["reasons"] == [{"codes": ["in_hospital"], "families": None}]
    assert "23" not in json.dumps(seen["newly_shared"])


def test_a_family_shared_in_an_earlier_month_is_not_shared_again(home: Home, tmp_path: Path) -> None:
    """It was sent again in the next month, as families that were held are; the proposal shares it once."""
    september = [family(one, SEPTEMBER, in_hospital="Y") for one in range(1, 10)]
    october = [dict(row, in_hospital="N") for row in september]
    keep(home, world(*september, month=SEPTEMBER))
    keep(home, world(*october, month=OCTOBER))
    seen = preview(home, proposed(tmp_path, exclusions={"in_hospital": False}), now=NOW)
    assert seen["months"] == ["2026-09", "2026-10"]
    assert seen["families_then"] == exactly(9)
    assert (seen["newly_shared"]["total"], seen["no_longer_shared"]["total"]) == (NONE, NONE)


def test_a_family_that_came_in_two_months_is_counted_once(home: Home, tmp_path: Path) -> None:
    """Had the proposal shared it in the first month, it would have been shared already in the second."""
    for month in (SEPTEMBER, OCTOBER):
        keep(home, world(*many(9, month=SEPTEMBER, in_hospital="Y"), month=month))
    seen = preview(home, proposed(tmp_path, exclusions={"in_hospital": False}), now=NOW)
    assert seen["newly_shared"]["total"] == exactly(9)


def test_a_family_that_the_proposal_would_share_a_month_later_is_not_lost(home: Home, tmp_path: Path) -> None:
    """What was really shared in a replayed month does not count against the proposal in the next."""
    both = agreement(confidentiality={"wordings": ["form-2024", "form-2025"]})
    old = many(9, month=SEPTEMBER, consent_wording="form-2024")
    shared = tuple(
        {"child": row["child"], "agreement": "welcome-card", "recipient": "oak", "month": "2026-09"}
        for row in old
    )
    new = [dict(row, consent_wording="form-2025") for row in old]
    keep(home, world(*old, month=SEPTEMBER, agreement=both))
    keep(home, world(*new, agreement=both, disclosures=shared))
    seen = preview(home, proposed(tmp_path), now=NOW)
    assert seen["families_then"] == exactly(9)
    assert (seen["newly_shared"]["total"], seen["no_longer_shared"]["total"]) == (NONE, NONE)


def test_what_was_shared_before_the_kept_months_stays_shared(home: Home, tmp_path: Path) -> None:
    births = many(9)
    before = tuple(
        {"child": row["child"], "agreement": "welcome-card", "recipient": "oak", "month": "2026-08"}
        for row in births
    )
    keep(home, world(*births, disclosures=before))
    seen = preview(home, proposed(tmp_path), now=NOW)
    assert (seen["families_then"], seen["newly_shared"]["total"]) == (NONE, NONE)


def test_only_the_newest_months_where_that_is_asked_for(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(9, month=SEPTEMBER), month=SEPTEMBER))
    keep(home, world(*many(9)))
    assert preview(home, proposed(tmp_path), months=1, now=NOW)["months"] == ["2026-10"]


def test_another_recipient_is_a_change_for_both(home: Home, tmp_path: Path) -> None:
    births = many(9)
    places = (*(placed(row["reference"]) for row in births),
              *(placed(row["reference"], network="hubs", recipient="hub") for row in births))  # fmt: skip
    keep(home, world(*births, placements=places))
    file = proposed(tmp_path, recipients={"network": "hubs", "kinds": ["family_hub"]})
    seen = preview(home, file, now=NOW)
    assert seen["newly_shared"]["recipients"] == {"hub": exactly(9)}
    assert seen["no_longer_shared"]["recipients"] == {"oak": exactly(9)}
    assert codes(seen["newly_shared"]) == codes(seen["no_longer_shared"]) == [["other_recipient"]]


def test_an_agreement_that_was_not_there_would_share_all_of_its_families_newly(
    home: Home, tmp_path: Path
) -> None:
    keep(home, world(*many(9)))
    seen = preview(home, written(tmp_path, agreement(id="library-card")), now=NOW)
    assert seen["families_then"] == NONE
    assert seen["newly_shared"]["recipients"] == {"oak": exactly(9)}
    assert codes(seen["newly_shared"]) == [["not_decided"]]


def test_notice_in_place_of_consent(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(8), *many(9, 9, consent_status="not_asked", consent_date=None)))
    seen = preview(home, proposed(tmp_path, confidentiality=NOTICE), now=NOW)
    assert codes(seen["newly_shared"]) == [["consent_not_asked"]]


def test_numbers_alone_share_no_family(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(9)))
    seen = preview(home, proposed(tmp_path, **NUMBERS), now=NOW)
    assert seen["no_longer_shared"]["total"] == exactly(9)
    assert codes(seen["no_longer_shared"]) == [["no_family_shared"]]


# --- what cannot be replayed ----------------------------------------------------------------------


def test_a_network_that_was_not_kept_is_named(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(9)))
    file = proposed(tmp_path, recipients={"network": "hubs", "kinds": ["family_hub"]})
    with pytest.raises(SettingsError, match="2026-10: the families were not placed in the network hubs"):
        preview(home, file, now=NOW)


def test_a_supplier_that_was_not_kept_is_named(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(9)))
    with pytest.raises(SettingsError, match="nothing is kept of the supplier hospital"):
        preview(home, proposed(tmp_path, suppliers=["trust", "hospital"]), now=NOW)


def test_a_column_that_the_extract_lacked_is_named_and_the_other_months_are_replayed(
    home: Home, tmp_path: Path
) -> None:
    lifted = agreement(exclusions={"in_hospital": False})
    without = set(COLUMNS) - {"in_hospital"}
    keep(home, world(*many(9, month=SEPTEMBER), month=SEPTEMBER, agreement=lifted), columns=without)
    keep(home, world(*many(9), agreement=lifted))
    seen = preview(home, proposed(tmp_path), now=NOW)
    assert seen["months"] == ["2026-10"]
    [refused] = seen["not_previewable"]
    assert refused["month"] == "2026-09"
    assert "in_hospital (trust)" in refused["why"]


def test_without_a_kept_month_there_is_nothing_to_replay(home: Home, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No past month is kept"):
        preview(home, proposed(tmp_path), now=NOW)
    assert not preview_file(proposed(tmp_path)).exists()


def test_a_past_that_is_not_reproduced_is_not_relied_on(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.consent import rules

    keep(home, world(*many(9), *many(9, 10, in_hospital="Y")))
    weaker = tuple(rule for rule in rules.RULES if rule.reason != "in_hospital")
    monkeypatch.setattr("pipeline.consent.findings.RULES", weaker)
    with pytest.raises(IntegrityError, match="does not give what was decided then"):
        preview(home, proposed(tmp_path), now=NOW)


# --- what is left of it ---------------------------------------------------------------------------


def test_it_is_written_beside_the_agreement_and_recorded_once_by_its_digest(
    home: Home, tmp_path: Path
) -> None:
    keep(home, world(*many(9)))
    file = proposed(tmp_path)
    seen = preview(home, file, now=NOW)
    assert preview(home, file, now=NOW) == seen
    content = preview_file(file).read_bytes()
    assert preview_file(file).name == "welcome-card.v2.preview.json"
    assert kept.release.digest(content) == seen["preview_sha256"]
    with opened_ledger(home) as ledger:
        [entry] = ledger.entries(kinds={Kind.AGREEMENT_PREVIEWED})
    assert entry.body.preview_sha256 == seen["preview_sha256"]
    assert entry.body.digest == kept.release.digest(file.read_bytes())
    assert entry.body.months == ("2026-10",)


def test_no_family_can_be_found_in_it(home: Home, tmp_path: Path) -> None:
    keep(home, world(*many(9, in_hospital="Y")))
    file = proposed(tmp_path, exclusions={"in_hospital": False})
    preview(home, file, now=NOW)
    said = preview_file(file).read_text()
    assert not [word for word in ("child-", "parent-", "dwelling-", "Family", "AA1") if word in said]
