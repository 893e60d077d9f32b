"""The reference interpreter: the specification of decisions, one record at a time, in plain Python.

Written from the specification, not from the engine: no frames, no sets packed in numbers, no clever
order. It is slow and it is meant to be read. Where it and the engine differ, one of them is wrong.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pipeline.agreements.model import Agreement
from spec.world import Decision, Row, World

NEVER = {
    "not_a_live_birth": "withhold", "live_birth_not_stated": "hold", "child_died": "withhold",
    "sibling_died_or_missing": "hold", "restricted_record": "withhold", "suppressed": "withhold",
    "identity_superseded": "withhold", "test_record": "withhold",
}  # fmt: skip

HELD = {
    "parent_died", "in_hospital", "recent_move", "parent_under_16", "consent_not_asked",
    "consent_not_recorded", "notice_not_sent", "objection_window_open", "address_incomplete",
    "postcode_unknown", "postcode_pseudo", "postcode_imprecise", "no_reach_area", "reach_area_ambiguous",
}  # fmt: skip

# Later words that mean what they say; every other word suppresses.
KNOWN_WORDS = {
    "restricted_record", "suppressed", "identity_superseded", "looked_after", "adoption", "safeguarding",
    "parent_died", "in_hospital", "recent_move", "consent_refused", "consent_withdrawn", "objected",
    "national_opt_out",
}  # fmt: skip

Found = dict[str, str]  # reason -> outcome
Home = tuple[str, str]  # dwelling and family name

STRICTNESS = ["share", "hold", "withhold"]


def interpret(world: World) -> dict[int, Decision]:
    """Every birth of the world, decided."""
    own = {row["reference"]: _own_reasons(row, world) for row in world.births}
    together = {row["reference"]: _with_rivals(row, world, own) for row in world.births}
    return {row["reference"]: _decided(row, world, together) for row in world.births}


# --- versions of one child -------------------------------------------------------------------------


def versions(row: Row, world: World) -> list[Row]:
    return [other for other in world.births if other["child"] == row["child"]]


def newest(row: Row, world: World) -> list[Row]:
    """Versions that no other is known to be newer than."""
    all_of_them = versions(row, world)
    dates = [other["last_updated"] for other in all_of_them if other["last_updated"]]
    return [v for v in all_of_them if v["last_updated"] is None or v["last_updated"] == max(dates)]


def stays(row: Row, world: World) -> Row:
    return min(newest(row, world), key=lambda version: version["reference"])


def _with_rivals(row: Row, world: World, own: dict[int, Found]) -> Found:
    """What speaks against any of several newest versions speaks against each."""
    rivals = newest(row, world)
    if row["reference"] not in [rival["reference"] for rival in rivals]:
        return own[row["reference"]]
    found: Found = {}
    for rival in rivals:
        for reason, outcome in own[rival["reference"]].items():
            found[reason] = stricter(found.get(reason, "share"), outcome)
    return found


def stricter(one: str, other: str) -> str:
    return max(one, other, key=STRICTNESS.index)


# --- one row -----------------------------------------------------------------------------------------


def _own_reasons(row: Row, world: World) -> Found:
    """Every reason that applies to the row, whatever its other versions and siblings are."""
    found: Found = {}
    for reason in [*_never(row, world), *_cohort(row, world), *_family(row, world), *_permission(row, world)]:
        found[reason] = NEVER.get(reason, "hold" if reason in HELD else "withhold")
    for reason in _place(row, world):
        found[reason] = "hold" if reason in HELD else "withhold"
    found.update(_age(row, world))
    return found


def _said(row: Row, world: World) -> set[str]:
    """What was said later; deaths, deliveries and moves are weighed by their days."""
    words = [said["word"] for said in _later_words(row, world)]
    others = [word for word in words if word not in ("child_died", "death_removed", "delivered")]
    return {word if word in KNOWN_WORDS else "suppressed" for word in others}


def _later_words(row: Row, world: World) -> list[Row]:
    """Later words about the child, a parent whom any version names, or the dwelling."""
    subjects = _subjects(row) | {version["parent"] for version in versions(row, world)} - {""}
    return [said for said in world.suppressions if said["subject"] in subjects]


def _subjects(row: Row) -> set[str]:
    return {row["child"], row["parent"], row["dwelling"]} - {""}


def _never(row: Row, world: World) -> list[str]:
    said, found = _said(row, world), []
    ended = ("2", "3", "4", "5")
    heard = versions(row, world) if _expected(world) else [row]
    if any(version["live_or_still_birth"] in ended for version in heard):
        found.append("not_a_live_birth")
    if row["live_or_still_birth"] not in ("1", *ended):
        found.append("live_birth_not_stated")
    if any(_dead(subject, world) for subject in _subjects(row)):
        found.append("child_died")
    if row["confidentiality"] not in ("U", "") or "restricted_record" in said:
        found.append("restricted_record")
    if "suppressed" in said or (_expected(world) and _has_given_birth(row, world)):
        found.append("suppressed")
    found += ["identity_superseded"] if "identity_superseded" in said else []
    if not _issued(row["nhs_number"], world.demonstration):
        found.append("test_record")
    return found


def _has_given_birth(row: Row, world: World) -> bool:
    """The woman, or her home, has had a child, and it is too soon for another."""
    said = [s for s in world.suppressions if s["word"] == "delivered" and s["subject"] in _at_home(row)]
    too_soon = timedelta(days=240)
    return any(s["since"] is None or row["date_of_birth"] < s["since"].date() + too_soon for s in said)


def _at_home(row: Row) -> set[str]:
    return {row["parent"], row["dwelling"]} - {""}


def _dead(subject: str, world: World) -> bool:
    """A death stands unless a removal is newer than every word of it."""
    deaths: list[datetime | None] = []
    removals: list[datetime] = []
    for row in world.births:
        if row["child"] == subject:
            if row["death_status"] not in ("", "U") or row["date_of_death"]:
                deaths.append(row["last_updated"])
            if row["death_status"] == "U" and row["last_updated"]:
                removals.append(row["last_updated"])
    for said in world.suppressions:
        if said["subject"] == subject and said["word"] == "child_died":
            deaths.append(said["since"])
        if said["subject"] == subject and said["word"] == "death_removed" and said["since"]:
            removals.append(said["since"])
    now = world.moment.replace(tzinfo=None)
    removals = [removal for removal in removals if removal <= now]
    return any(death is None or not any(removal > death for removal in removals) for death in deaths)


def _issued(number: str, demonstration: bool) -> bool:
    if len(number) != 10 or any(digit not in "0123456789" for digit in number):
        return False
    first = int(number[:3])
    issued = 300 <= first <= 399 or 400 <= first <= 499 or 600 <= first <= 799
    return issued or (demonstration and first == 999)


def _expected(world: World) -> bool:
    """The rows tell of pregnancies: the day of birth is the expected one."""
    return bool(world.agreement.cohort.of == "expected_births")


def _cohort(row: Row, world: World) -> list[str]:
    born, cohort = row["date_of_birth"], world.agreement.cohort
    first = world.month.plus(-cohort.months_back).first_day
    last = world.month.plus(cohort.months_ahead).last_day
    return [] if first <= born <= last else ["born_outside_window"]


def _age(row: Row, world: World) -> Found:
    days, cohort = (world.moment.date() - row["date_of_birth"]).days, world.agreement.cohort
    if _expected(world):
        if days > 0:
            return {"age_outside_window": "withhold"}
        return {"age_outside_window": "hold"} if 280 + days < cohort.minimum_gestation_days else {}
    if cohort.maximum_age_days is not None and days > cohort.maximum_age_days:
        return {"age_outside_window": "withhold"}
    return {"age_outside_window": "hold"} if days < cohort.minimum_age_days else {}


def _family(row: Row, world: World) -> list[str]:
    said, agreed, found = _said(row, world), world.agreement.exclusions, []
    for flag in ("looked_after", "adoption", "safeguarding"):
        if getattr(agreed, flag) and (row[flag] not in ("N", "") or flag in said):
            found.append(flag)
    if agreed.parent_died and (row["parent_death_status"] not in ("", "U") or "parent_died" in said):
        found.append("parent_died")
    hospital = row["in_hospital"] not in ("N", "") or _placement(row, world)["hospital"]
    if agreed.in_hospital and (hospital or "in_hospital" in said):
        found.append("in_hospital")
    if _moved(row, world) or _said_to_have_moved(row, world):
        found.append("recent_move")
    begun = timedelta(days=280) if _expected(world) else timedelta(0)
    if agreed.parent_under_16 and _under_16(row["parent_date_of_birth"], row["date_of_birth"] - begun):
        found.append("parent_under_16")
    return found


def _moved(row: Row, world: World) -> bool:
    """Too new an address, or newest versions that disagree on it."""
    rivals = newest(row, world)
    if row["reference"] in [r["reference"] for r in rivals] and len({_address(r) for r in rivals}) > 1:
        return True
    since = row["address_since"]
    return bool(since) and (world.moment.date() - since).days < world.agreement.cohort.settling_days


def _said_to_have_moved(row: Row, world: World) -> bool:
    """Unless the row gives an address that holds since that day or later; no day is never late enough."""
    moves = [said["since"] for said in _later_words(row, world) if said["word"] == "recent_move"]
    since = row["address_since"]
    return any(move is None or since is None or since < move.date() for move in moves)


def _address(row: Row) -> tuple[str, ...]:
    lines = [*(row[f"address_line_{line}"] for line in range(1, 6)), row["postcode"]]
    return tuple("".join(c for c in line.upper() if c.isascii() and c.isalnum()) for line in lines)


def _under_16(parent: date | None, day: date) -> bool:
    if parent is None:
        return False
    years = day.year - parent.year
    if (day.month, day.day) < (parent.month, parent.day):
        years -= 1
    return years < 16


# --- what the parents said ------------------------------------------------------------------------------


def _answers(row: Row, world: World) -> list[Row]:
    """The answers about the child that stand: the newest of each person, in a row or beside the rows.

    A permission in a row is heard only from the newest versions, a refusal or withdrawal from any.
    """
    fresh = [version["reference"] for version in newest(row, world)]
    in_rows = [
        {
            "person": v["consent_given_by"], "answer": v["consent_status"], "date": v["consent_date"],
            "scope": v["consent_scope"], "wording": v["consent_wording"], "companion": False,
        }
        for v in versions(row, world)
        if v["consent_status"] in ("refused", "withdrawn")
        or (v["consent_status"] == "given" and v["reference"] in fresh)
    ]  # fmt: skip
    beside = [{**a, "companion": True} for a in world.answers if a["child"] == row["child"]]
    heard = [{**a, "person": _one_person(a["person"])} for a in [*in_rows, *beside]]
    return [answer for answer in heard if not _overtaken(answer, heard, world.moment.date())]


def _one_person(word: str) -> str:
    """Two parents can both be "the parent": such a word names nobody."""
    vague = (
        "parent", "parents", "both", "both parents", "carer", "carers", "guardian", "family", "other",
        "unknown", "not known", "not stated", "none", "n/a",
    )  # fmt: skip
    return "" if word.strip().lower() in vague else word


def _overtaken(answer: Row, heard: list[Row], today: date) -> bool:
    """A newer answer of the same person is known; nobody knows that of an undated or nameless one.

    A permission from after today is not known yet.
    """
    if answer["date"] is None or answer["person"] == "":
        return False
    return any(
        other["person"] == answer["person"]
        and other["date"] is not None
        and other["date"] > answer["date"]
        and not (other["answer"] == "given" and other["date"] > today)
        for other in heard
    )


def _permission(row: Row, world: World) -> list[str]:
    permission = world.agreement.confidentiality.permission
    consent = permission == "consent"
    said, answers = _said(row, world), _answers(row, world)
    statuses = [answer["answer"] for answer in answers]
    refused = "refused" in statuses or "consent_refused" in said
    found = ["consent_withdrawn"] if "withdrawn" in statuses or "consent_withdrawn" in said else []
    found += ["consent_conflict"] if _conflict(answers) else []
    if any(version["objection_date"] for version in versions(row, world)) or "objected" in said:
        found.append("objected")
    if consent:
        found += ["consent_refused"] if refused else []
        found += _wrong_with_yes(row, world)
        found += [] if any(answer["companion"] for answer in answers) else _unanswered(row)
    elif permission == "notice":
        found += ["objected"] if refused else []
        found += _notice(row, world)
    if world.agreement.confidentiality.national_opt_out and "national_opt_out" in said:
        spoilt = [reason for reason in found if reason in SPOILS_A_YES]
        if not consent or "given" not in statuses or spoilt:
            found.append("national_opt_out")
    return found


SPOILS_A_YES = {
    "consent_refused", "consent_withdrawn", "consent_conflict", "consent_scope_missing",
    "consent_wording_not_accepted", "consent_date_invalid", "consent_expired",
}  # fmt: skip


def _conflict(answers: list[Row]) -> bool:
    return any(
        one["person"] != other["person"] and one["answer"] != other["answer"]
        for one in answers
        for other in answers
    )


def _unanswered(row: Row) -> list[str]:
    if row["consent_status"] == "not_asked":
        return ["consent_not_asked"]
    known = row["consent_status"] in ("given", "refused", "withdrawn")
    return [] if known else ["consent_not_recorded"]


def _wrong_with_yes(row: Row, world: World) -> list[str]:
    terms, today, found = world.agreement.confidentiality, world.moment.date(), []
    for answer in _answers(row, world):
        if answer["answer"] != "given":
            continue
        kinds = [kind.strip() for kind in answer["scope"].split(";")]
        if terms.scope is not None and terms.scope not in kinds:
            found.append("consent_scope_missing")
        if answer["wording"] not in terms.wordings:
            found.append("consent_wording_not_accepted")
        found += _wrong_date(answer["date"], row["date_of_birth"], today, world.agreement)
    return found


def _wrong_date(answered: date | None, born: date, today: date, agreed: Agreement) -> list[str]:
    terms = agreed.confidentiality
    if answered is None:
        return ["consent_date_invalid"]
    earliest = born - timedelta(days=terms.antenatal_days)
    found = ["consent_date_invalid"] if answered > today or answered < earliest else []
    old = terms.max_age_days is not None and (today - answered).days > terms.max_age_days
    return [*found, "consent_expired"] if old else found


def _notice(row: Row, world: World) -> list[str]:
    told, today = row["notice_date"], world.moment.date()
    if told is None:
        return ["notice_not_sent"]
    days = world.agreement.confidentiality.objection_days
    assert days is not None
    found = ["notice_not_sent"] if told > today else []
    return [*found, "objection_window_open"] if today < told + timedelta(days=days) else found


# --- where the card would go ------------------------------------------------------------------------------


def _placement(row: Row, world: World) -> Row:
    network, named = world.agreement.recipients.network, world.agreement.recipients.named
    for placement in world.placements:
        if placement["reference"] == row["reference"] and placement["network"] == (network or "directory"):
            return {**placement, "recipient": named} if named and not placement["reason"] else placement
    return {"reason": "nobody looked", "recipient": "", "authority": "", "hospital": False}


def _place(row: Row, world: World) -> list[str]:
    where, found = _placement(row, world), []
    reason, authority = where["reason"], where["authority"]
    if authority not in world.agreement.cohort.residents_of and not (authority == "" and reason):
        found.append("not_resident")
    if not row["address_line_1"].strip() or not row["postcode"].strip():
        found.append("address_incomplete")
    if reason in ("postcode_unknown", "postcode_pseudo", "postcode_imprecise"):
        found.append(reason)
    elif world.agreement.recipients.named:
        found += ["postcode_unknown"] if reason else []
    elif reason == "reach_area_ambiguous":
        found.append(reason)
    elif reason or not where["recipient"]:
        found.append("no_reach_area")
    for past in world.disclosures:
        same = past["child"] == row["child"] and past["recipient"] == where["recipient"]
        if same and past["agreement"] == world.agreement.id and past["month"] != str(world.month):
            found.append("already_shared")
    return [*found, "no_family_shared"] if world.agreement.shares == "totals" else found


# --- siblings ---------------------------------------------------------------------------------------------


def _children(world: World) -> list[Row]:
    """One row for each child: the one that stays."""
    return [row for row in world.births if stays(row, world) is row]


def _near(one: Row, other: Row, parent_unknown: set[Home], any_day: bool) -> bool:
    """Two rows are of one delivery; those that expect one, whatever the expected day."""
    if one["child"] == other["child"]:
        return True
    if abs((one["date_of_birth"] - other["date_of_birth"]).days) > 1 and not any_day:
        return False
    if one["parent"] and one["parent"] == other["parent"]:
        return True
    return _home(one) == _home(other) and _home(one) in parent_unknown


def _home(row: Row) -> Home | None:
    name = row["family_name"].upper().strip()
    return (row["dwelling"], name) if row["dwelling"] and name else None


def delivery(child: Row, world: World) -> list[Row]:
    """All newest rows that are linked to the child's, directly or through others.

    Where a row does not give the parent, its dwelling and family name stand for the parent.
    """
    rows = [row for row in world.births if row in newest(row, world)]
    homes = [_home(row) for row in rows if row["parent"] == ""]
    parent_unknown = {home for home in homes if home is not None}
    reached = [row for row in rows if row["child"] == child["child"]]
    for found in reached:
        reached += [
            row for row in rows
            if row not in reached and _near(found, row, parent_unknown, _expected(world))
        ]  # fmt: skip
    return reached


def _siblings(child: Row, world: World) -> list[Row]:
    together = delivery(child, world)
    return [row for row in _children(world) if row in together and row["child"] != child["child"]]


def _sibling_lost(child: Row, world: World, reasons: dict[int, Found]) -> bool:
    """Died, missing, or the rows of the delivery do not fit together."""
    together, siblings = delivery(child, world), _siblings(child, world)
    if any(set(reasons[sibling["reference"]]) & set(NEVER) for sibling in siblings):
        return True
    if len({row["number_of_births"] for row in together}) > 1:
        return True
    if len({row["parent"] for row in together} - {""}) > 1:
        return True
    orders = [row["birth_order"] for row in [child, *siblings] if 1 <= row["birth_order"] <= 7]
    if len(set(orders)) < len(orders):
        return True
    return child["number_of_births"] != len(siblings) + 1


def _decided(row: Row, world: World, reasons: dict[int, Found]) -> Decision:
    """The row's reasons, and those that come from its siblings or a newer version."""
    child, found = stays(row, world), dict(reasons[row["reference"]])
    if _sibling_lost(child, world, reasons):
        found["sibling_died_or_missing"] = "hold"
    if row is child:
        for sibling in _siblings(child, world):
            for reason in set(reasons[sibling["reference"]]) - set(NEVER):
                found.setdefault(reason, "hold")
    else:
        found["duplicate_record"] = "withhold"
    outcome = max(["share", *found.values()], key=STRICTNESS.index)
    recipient = _placement(row, world)["recipient"]
    return Decision(outcome, frozenset(found), _household(child, world), recipient)


def _household(child: Row, world: World) -> int:
    """The lowest reference of the delivery's children at the child's dwelling."""
    if not child["dwelling"]:
        return int(child["reference"])
    at_home = [s for s in _siblings(child, world) if s["dwelling"] == child["dwelling"]]
    return int(min(row["reference"] for row in [child, *at_home]))
