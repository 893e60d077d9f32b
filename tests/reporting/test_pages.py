"""The pages say what the counts say, in words, and need nothing but themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.errors import IntegrityError
from pipeline.reasons import Reason
from pipeline.reporting import MonthFacts, month_page, release_page
from pipeline.reporting.facts import MapFacts
from pipeline.reporting.pages import heard_up_to

State = dict[str, Any]


class Page(HTMLParser):
    """A page as a reader sees it: its words, its tables' rows, and whatever it would fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action", "data"}]
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self.in_cell = False

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style":
            return
        self.words += data
        if self.in_cell:
            self.rows[-1][-1] += data

    def row(self, first: str) -> list[str]:
        """The cells of the first row that begins with these words."""
        return next([" ".join(cell.split()) for cell in row] for row in self.rows if row and first in row[0])


def the_month(state: State) -> str:
    return month_page(MonthFacts.of(state))


def the_release(pack: State) -> str:
    return release_page(pack, pack_sha256="09" * 32)


@pytest.fixture(params=["month", "release"])
def page(request: pytest.FixtureRequest, state: State, pack: State) -> str:
    return the_month(state) if request.param == "month" else the_release(pack)


def test_a_page_needs_nothing_from_anywhere(page: str) -> None:
    seen = Page(page)

    assert seen.addresses == []
    assert not {"script", "link", "img", "iframe", "form", "object"} & set(seen.tags)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bon[a-z]+=", page)
    assert "default-src 'none'" in page


def test_a_page_shows_the_balanced_books(page: str) -> None:
    seen = Page(page)

    for name, rows in [("Shared", 60), ("Held", 13), ("Withheld", 20), ("Duplicates", 3), ("Quarantined", 4)]:
        assert seen.row(name)[-1] == str(rows)
    assert seen.row("Accounted for")[-1] == seen.row("Received")[-1] == "100"
    assert seen.row("Received")[1] == "the books balance"


def test_a_page_gives_each_reason_in_words_with_its_outcome_and_code(page: str) -> None:
    assert Page(page).row("Consent was refused") == [
        "Consent was refused",
        "withhold",
        "consent_refused",
        "18",
    ]


def test_every_reason_can_be_shown(state: State) -> None:
    state["agreements"]["welcome-card"]["reasons"] = {str(reason): 1 for reason in Reason}

    seen = Page(the_month(state))

    assert all(any(str(reason) in row[-2:-1] for row in seen.rows) for reason in Reason)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=x>', "Tom & Jerry"])
def test_whatever_is_in_a_count_s_name_stays_text(state: State, pack: State, hostile: str) -> None:
    state["authority"] = pack["authority"] = hostile
    state["recipients"][0]["file"] = hostile
    pack["notable"] = [hostile]

    for seen in (Page(the_month(state)), Page(the_release(pack))):
        assert not {"script", "img"} & set(seen.tags)
        assert hostile in seen.words


def test_a_month_shows_its_lists_approvals_and_checkpoint(state: State) -> None:
    seen = Page(the_month(state))

    assert seen.row("centre-2")[1:4] == ["welcome-card", "26", "delivered"]
    assert "b2" * 32 in seen.row("centre-2")[4]
    assert seen.row("data.lead@example.org")[2:4] == ["approved", "signature"]
    assert state["checkpoint"].strip() in seen.words
    assert "c3" * 32 in seen.words


def change_books(state: State) -> None:
    state["received"] = 101


def leave_open(state: State) -> None:
    state["balanced"] = False


def break_ledger(state: State) -> None:
    state["ledger"]["verified"] = False


def wait(state: State) -> None:
    state["waiting_for"] = "approval of release 0123456789ab"


def fail_one(state: State) -> None:
    state["recipients"][0] |= {"state": "failed", "problem": "host_key"}


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda state: None, "2 lists are delivered, for 58 households"),
        (change_books, "The books do not balance"),
        (leave_open, "The month is not closed"),
        (break_ledger, "The ledger is not verified"),
        (wait, "Waiting for approval of release 0123456789ab"),
        (fail_one, "1 of 2 lists are not delivered"),
    ],
)
def test_the_first_thing_that_a_month_says_is_where_it_stands(
    state: State, happens: Callable[[State], None], said: str
) -> None:
    happens(state)

    words = " ".join(Page(the_month(state)).words.split())

    assert said in words.split("Books")[0]
    assert ("are delivered" in words) == (said.startswith("2 lists"))


def test_a_page_never_says_that_books_balance_which_do_not(state: State, pack: State) -> None:
    change_books(state)
    pack["books"]["welcome-card"]["chis"]["received"] = 101

    for page in (the_month(state), the_release(pack)):
        assert Page(page).row("Received")[1] == "THE BOOKS DO NOT BALANCE"


def test_a_list_that_failed_says_why(state: State) -> None:
    fail_one(state)

    assert Page(the_month(state)).row("centre-1")[3] == "failed: host key"


def test_a_demonstration_says_that_it_is_one(state: State) -> None:
    assert "demonstration" not in Page(the_month(state)).words
    assert "demonstration" in Page(the_month(state | {"demonstration": True})).words


def test_a_month_that_has_not_begun_to_send_can_be_shown(state: State) -> None:
    state |= {"recipients": [], "approvals": [], "checkpoint": "", "waiting_for": "an approval"}

    words = Page(the_month(state)).words

    assert "No list has been made" in words
    assert "Nobody has decided yet" in words


@pytest.mark.parametrize("key", ["month", "received", "agreements", "recipients", "balanced", "ledger"])
def test_a_state_with_something_missing_makes_no_page(state: State, key: str) -> None:
    del state[key]

    with pytest.raises(IntegrityError, match=key):
        the_month(state)


def test_a_reason_that_nobody_knows_makes_no_page(state: State, pack: State) -> None:
    state["agreements"]["welcome-card"]["reasons"] = {"invented": 1}
    pack["agreements"]["welcome-card"]["reasons"] = {"invented": 1}

    for page in (lambda: the_month(state), lambda: the_release(pack)):
        with pytest.raises(IntegrityError, match="invented"):
            page()


def test_a_release_shows_everything_that_its_approval_binds(pack: State) -> None:
    words = the_release(pack)
    pack["agreements"]["welcome-card"]["approvals_by"] = ["data lead", "Caldicott guardian"]  # in words

    def leaves(content: Any) -> list[str]:
        if isinstance(content, dict):
            return [leaf for value in content.values() for leaf in leaves(value)]
        return (
            [leaf for one in content for leaf in leaves(one)] if isinstance(content, list) else [str(content)]
        )

    shown = Page(words).words
    for leaf in leaves({key: value for key, value in pack.items() if key != "month"}):
        assert leaf in shown
    assert "October 2026" in shown
    assert "09" * 32 in shown


def test_a_moment_is_london_time(state: State, pack: State) -> None:
    pack["decided_at"] = "2026-07-03T08:00:00+00:00"
    state["approvals"][0]["at"] = "2026-07-03T22:30:00+00:00"

    assert "Decided on 3 July 2026, 09:00." in the_release(pack)
    assert "3 July 2026, 23:30<" in the_month(state)


def test_recipients_are_named_as_people_know_them(state: State) -> None:
    state["recipients"][0]["name"] = "Wagtail House"

    assert Page(the_month(state)).row("Wagtail House (centre-1)")[2] == "32"
    assert Page(the_month(state)).row("centre-2")[2] == "26"


def test_each_part_of_a_page_that_can_be_moved_sideways_has_a_name_of_its_own(
    state: State, pack: State
) -> None:
    for content in (state, pack):
        content["agreements"]["another"] = content["agreements"]["welcome-card"]
    pack["books"]["another"] = pack["books"]["welcome-card"]

    for page in (the_month(state), the_release(pack)):
        names = re.findall(r'role="region"\s+aria-label="([^"]+)"', page)
        assert len(names) > 2
        assert len(names) == len(set(names))


def test_a_release_shows_what_it_binds_even_when_it_binds_more(pack: State) -> None:
    pack["something_new"] = {"deep": {"inside": "ab12"}}

    assert Page(the_release(pack)).row("something_new")[-1] == "ab12"


def test_a_release_shows_empty_lists_too(pack: State) -> None:
    seen = Page(the_release(pack))

    assert seen.row("centre-3") == ["centre-3", "0"]
    assert seen.row("3 lists") == ["3 lists", "58"]


def receipt(**changes: Any) -> State:
    moments = {f"{what}_at": "" for what in ("collected", "acknowledged", "destroyed", "removed")}
    sent = {"state": "delivered", "delivered_at": "2026-11-03T10:00:00+00:00", "due": {}, "overdue": []}
    return {**sent, **moments, **changes}


def test_a_month_says_what_became_of_each_list(state: State) -> None:
    late, done = state["recipients"]
    late["receipt"] = receipt(
        due={"collection": "2026-11-08", "destruction": "2027-02-01"}, overdue=["collection"]
    )
    done["receipt"] = receipt(state="destroyed", destroyed_at="2026-11-30T09:00:00+00:00")
    seen = Page(the_month(state))
    after = [row for row in seen.rows if row[0] == "centre-1"][1]
    assert [cell.strip() for cell in after[1:]] == [
        "3 November 2026", "Overdue: was due by 8 November 2026", "not yet", "Due by 1 February 2027",
    ]  # fmt: skip
    assert [cell.strip() for cell in [row for row in seen.rows if row[0] == "centre-2"][1][1:]] == [
        "3 November 2026", "yes", "yes", "30 November 2026",
    ]  # fmt: skip
    assert "1 of 2 lists are overdue at their recipients" in " ".join(seen.words.split()).split("Books")[0]


def test_a_list_that_we_took_away_again_is_said_to_be(state: State) -> None:
    removed = receipt(state="removed", removed_at="2027-02-02T09:00:00+00:00")
    for one in state["recipients"]:
        one["receipt"] = removed
    words = " ".join(Page(the_month(state)).words.split())
    assert "Nobody said that they have it. We removed the sealed list on 2 February 2027." in words


def test_a_page_remembers_up_to_where_it_was_told(state: State) -> None:
    assert heard_up_to(the_month(state)) == 0
    assert heard_up_to(the_month(state | {"receipts_to": 61})) == 61


def test_a_month_that_was_ended_without_books_is_not_to_be_run_again(state: State) -> None:
    leave_open(state)
    state["state"] = "closed"
    state["recipients"][0] |= {"state": "waiting"}

    words = " ".join(Page(the_month(state)).words.split())

    assert "ended without books" in words.split("Books")[0]
    assert "again" not in words.split("Books")[0]


def test_a_month_says_how_it_went(state: State) -> None:
    state["course"] = {
        "files": [
            {
                "what": "extract",
                "supplier": "chis",
                "signed_at": "2026-11-02",
                "opened_at": "2026-11-03",
                "rows": 9,
            }
        ],
        "refused": [{"supplier": "chis", "problem": "wrong_signer", "at": "2026-11-01T10:00:00+00:00"}],
        "accepted": [
            {
                "supplier": "chis",
                "dataset": "births",
                "about": ["code sex 9", "rows"],
                "principal": "data.lead@example.org",
                "note": "a second ward",
                "at": "2026-11-02T10:00:00+00:00",
            }
        ],
        "failed": [
            {
                "agreement": "welcome-card",
                "recipient": "centre-2",
                "times": 3,
                "problem": "host_key",
                "first_at": "2026-11-04T10:00:00+00:00",
                "delivered_at": "2026-11-05T10:00:00+00:00",
            }
        ],
        "forgone": [
            {
                "agreement": "welcome-card",
                "recipient": "centre-3",
                "principal": "data.lead@example.org",
                "note": "it closed for good",
                "at": "2026-11-06T10:00:00+00:00",
            }
        ],
        "annulled": 0,
        "placed": [
            {
                "network": "centres",
                "product": "ONSPD",
                "released": "2026-08",
                "directory_sha256": "d" * 64,
                "reach_sha256": "e" * 64,
                "agreed_by": ["data.lead@example.org", "guardian@example.org"],
                "agreed_at": "2026-10-01T10:00:00+01:00",
                "statuses": {"placed": 8, "placed_reviewed": 1},
            }
        ],
        "reviewed": [
            {
                "network": "centres",
                "status": "unknown",
                "recipient": "",
                "principal": "data.lead@example.org",
                "note": "a new street",
                "at": "2026-11-04T10:00:00+00:00",
            }
        ],
    }

    words = " ".join(Page(the_month(state)).words.split())

    assert "1 November 2026: a file of chis was refused (wrong signer)" in words
    assert (
        "2 November 2026: data.lead@example.org accepted that the births of chis differ from earlier files "
        "(code sex 9; rows): a second ward." in words
    )
    assert "failed 3 times (host key), and was delivered on 5 November 2026" in words
    assert "ends without centre-3's list under welcome-card: it closed for good" in words
    assert f"ONSPD of August 2026{'d' * 64}" in words
    assert f"data.lead@example.org and guardian@example.org, first on 1 October 2026{'e' * 64}" in words
    assert (
        "data.lead@example.org decided for one postcode that nobody serves it in centres: a new street"
        in words
    )


def test_an_approval_names_the_release_that_it_is_about(state: State) -> None:
    state["approvals"][0]["pack_sha256"] = "0a1b2c3d4e5f" + "6" * 52

    assert Page(the_month(state)).row("data.lead@example.org")[1] == "0a1b2c3d4e5f"


# --- births by area ------------------------------------------------------------------------------


def counts(what: str, code: str, now: int, before: int | None) -> State:
    earlier = dict.fromkeys(("before", "median", "least", "most"), before)
    return {"agreement": "welcome-card", "what": f"area_{what}", "code": code, "now": now, **earlier}


@pytest.fixture(params=[None, 35], ids=["the first month", "beside earlier months"])
def with_areas(request: pytest.FixtureRequest, state: State) -> State:
    """The month with births in two areas; in the second nobody permitted it."""
    born = {"centre-1": (40, 30, 25), "centre-2": (5, 0, 0)}
    kinds = ("births", "consented", "shared")
    areas = {code: dict(zip(kinds, numbers, strict=True)) for code, numbers in born.items()}
    month = {"month": "2026-10", "state": "closed", "received": 100, "agreements": state["agreements"]}
    now = {**month, "areas": {"welcome-card": areas}}
    state["recipients"][0]["name"] = "Oak <b>Centre</b>"
    state["history"] = {
        "months": [{**now, "month": "2026-09"}, now] if request.param else [now],
        "compared_with": 1 if request.param else 0,
        "fewest": 3,
        "compared": [
            {**counts(what, code, areas[code][what], request.param), "unusual": False}
            for what in kinds
            for code in born
        ],
    }
    return state


MAP = MapFacts({(0, 0): "centre-1", (1, 0): "centre-1", (1, 1): "centre-2", (0, 1): "-"}, 500, 2026)


def test_births_by_area_stand_in_a_table_with_each_centre_s_name(with_areas: State) -> None:
    seen = Page(the_month(with_areas))
    earlier = ["35", "35"] if with_areas["history"]["compared_with"] else []
    [row] = [row for row in seen.rows if row and "Oak" in row[0] and "(centre-1)" not in row[0]]
    assert [cell.strip() for cell in row[2:]] == ["40", *earlier, "30", *earlier, "25", *earlier]
    assert "<b>Centre</b>" in row[0]  # as text
    assert [one.strip() for one in seen.row("centre-2")][2:3] == ["5"]


def test_the_map_is_drawn_where_there_is_one_and_its_lack_is_told(with_areas: State) -> None:
    facts = MonthFacts.of(with_areas)
    drawn, changed = month_page(facts, {"welcome-card": MAP}), month_page(facts, {"welcome-card": None})
    assert 'class="chart map"' in drawn and "There is no map" not in drawn
    assert 'class="chart map"' not in changed and "There is no map" in changed
    for page in (drawn, changed):
        assert page.count("<caption>") == page.count("<table")
        assert not re.findall(r"<th(?![^>]*scope=)[\s>]", page)
        assert "<b>Centre" not in page


def test_areas_stand_under_their_locality_with_its_sum(with_areas: State) -> None:
    of = replace(MAP, within={"centre-1": "Ashford", "centre-2": "Ashford"})
    alone = Page(month_page(MonthFacts.of(with_areas), {"welcome-card": of}))
    assert not [row for row in alone.rows if row and row[0] == "Ashford"]  # one locality heads nothing
    of = replace(MAP, within={"centre-2": "Ashford"})
    seen = Page(month_page(MonthFacts.of(with_areas), {"welcome-card": of}))
    heads = [row[0] for row in seen.rows if row]
    assert heads.index("Ashford") < heads.index("In no locality")
    assert [cell for cell in seen.row("Ashford")[2:] if cell] == ["5", "0", "0"]


def test_areas_over_time_are_drawn_once_there_are_two_months(with_areas: State) -> None:
    several = bool(with_areas["history"]["compared_with"])
    assert ("Births in all areas together" in the_month(with_areas)) is several


def test_without_counts_by_area_the_page_has_none(state: State) -> None:
    assert "Births by area" not in the_month(state)


def test_every_heading_of_a_table_says_what_it_heads(page: str) -> None:
    assert not re.findall(r"<th(?![^>]*scope=)[\s>]", page)


def test_every_table_is_named(page: str) -> None:
    assert page.count("<caption>") == page.count("<table")
