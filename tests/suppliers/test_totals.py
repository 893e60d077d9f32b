"""The trust's own counts: read whole or not at all, and held beside the month's births."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from changes.writing import check_nothing_shown
from month_authority import MONTH, NOW, CommandLine
from pipeline.contract import contract_of
from pipeline.errors import IntegrityError
from pipeline.keeping import retention
from pipeline.ledger.entries import ExtractRefused, Kind, TotalsReceived
from pipeline.records import Extract, Month
from pipeline.validation.reconciling import MoreThanCounted, Reconciled, reconcile
from pipeline.validation.totals import Totals, TotalsUnusable, validate_totals

DONE, INTEGRITY, WAITING = 0, 4, 6
OCTOBER = Month(2026, 10)
WARD, OTHER_WARD, LSOA = "E05000001", "E05000002", "E01000001"

Row = tuple[str, str]  # area, births


def totals_of(*rows: Row, **more: str) -> Totals:
    frame = pd.DataFrame(rows, columns=["area", "births"], dtype="str").assign(**more)
    frame = frame.assign(row=range(1, len(rows) + 1))
    return validate_totals(Extract("chis", OCTOBER, frame, "0" * 64, "", datetime(2026, 11, 2, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("rows", "births", "areas", "kind"),
    [
        ([("all", "0")], 0, {}, ""),
        ([("all", "412")], 412, {}, ""),
        ([(WARD, "3"), (OTHER_WARD, "0")], 3, {WARD: 3, OTHER_WARD: 0}, "ward"),
        ([(LSOA, "3"), ("all", "9999")], 9999, {LSOA: 3}, "lsoa21"),
        ([("W05000001", "1")], 1, {"W05000001": 1}, "ward"),
    ],
)
def test_counts_are_of_the_whole_or_of_areas_or_both(
    rows: list[Row], births: int, areas: dict[str, int], kind: str
) -> None:
    assert totals_of(*rows) == Totals(births, areas, kind)
    assert totals_of(*rows, month="2026-10").births == births


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([], "no counts"),
        ([("all", "<5")], "count_format"),
        ([("all", "-1")], "count_format"),
        ([("all", "10000")], "count_format"),
        ([("all", "1.0")], "count_format"),
        ([("all", "012")], "count_format"),
        ([("all", "")], "value_missing"),
        ([("", "12")], "value_missing"),
        ([("Total", "12")], "area_format"),
        ([("E06000001", "12")], "area_format"),
        ([("e05000001", "12")], "area_format"),
        ([("all", "12"), ("all", "12")], "area_repeated"),
        ([(WARD, "1"), (WARD, "2")], "area_repeated"),
        ([(WARD, "1"), (LSOA, "1")], "count twice"),
        ([("all", "3"), (WARD, "2"), (OTHER_WARD, "2")], "add up to more"),
    ],
)
def test_half_a_count_is_no_count(rows: list[Row], what: str) -> None:
    with pytest.raises(TotalsUnusable, match=what) as refused:
        totals_of(*rows)
    assert "totals of chis for 2026-10" in refused.value.where


def test_counts_of_another_month_are_refused() -> None:
    with pytest.raises(TotalsUnusable, match="month: month_other"):
        totals_of(("all", "12"), month="2026-09")


def births(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """A birth for each child, day and indicator."""
    frame = pd.DataFrame(rows, columns=["child", "date_of_birth", "live_or_still_birth"])
    return frame.assign(
        reference=range(1, len(rows) + 1),
        date_of_birth=frame["date_of_birth"].astype("datetime64[s]"),
        last_updated=pd.Timestamp("2026-10-20"),
    )


MIXED = births(
    ("first", "2026-10-01", "1"), ("last", "2026-10-31", "1"), ("died later", "2026-10-05", "5"),
    ("stillborn", "2026-10-05", "2"), ("not said", "2026-10-05", ""), ("of September", "2026-09-30", "1"),
    ("twice", "2026-10-05", "1"), ("twice", "2026-10-05", "1"),
)  # fmt: skip


def test_each_child_of_the_month_that_was_born_alive_counts_once() -> None:
    found = reconcile(Totals(4, {}, ""), MIXED, quarantined=2, month=OCTOBER, areas=None)
    assert found == Reconciled(births=4, counted=4, quarantined=2, unsaid=1)


def test_a_newer_version_of_a_row_counts_in_place_of_the_older() -> None:
    versions = births(("one", "2026-10-05", "1"), ("one", "2026-10-05", "2"))
    versions.loc[1, "last_updated"] = pd.Timestamp("2026-10-25")
    assert reconcile(Totals(0, {}, ""), versions, quarantined=0, month=OCTOBER, areas=None).counted == 0


def test_areas_are_held_beside_one_another() -> None:
    lived = pd.Series([WARD, WARD, OTHER_WARD, WARD, WARD, WARD, "", WARD], index=MIXED["reference"])
    for given, apart in (({WARD: 2, OTHER_WARD: 1}, 0), ({WARD: 3, OTHER_WARD: 1, "E05000003": 1}, 2)):
        found = reconcile(Totals(9, given, "ward"), MIXED, quarantined=0, month=OCTOBER, areas=lived)
        assert (found.areas, found.areas_apart) == (len(given), apart)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Reconciled(412, 412, 0, 0), "chis counts 412 live births, the extract has 412. The two agree."),
        (
            Reconciled(412, 398, 3, 1, areas=41, areas_apart=7),
            "chis counts 412 live births, the extract has 398, and 3 more in quarantine, and 1 of whom "
            "nothing says whether they were born alive. 10 are missing. They differ in 7 of 41 areas.",
        ),
        (
            Reconciled(412, 410, 3, 0),
            "chis counts 412 live births, the extract has 410, and 3 more in quarantine. The difference "
            "may be among these.",
        ),
        (
            Reconciled(1, 2, 0, 0),
            "chis counts 1 live birth, the extract has 2. 1 too many: find out which, before you approve.",
        ),
    ],
)
def test_the_comparison_in_words(found: Reconciled, words: str) -> None:
    assert found.words("chis") == words


@pytest.mark.parametrize(
    ("counted", "tolerance", "stops"),
    [(110, 0.1, False), (111, 0.1, True), (100, 0, False), (101, 0, True), (0, 0, False), (20, 0.1, False)],
)
def test_too_many_births_stop_the_month_and_too_few_do_not(
    counted: int, tolerance: float, stops: bool
) -> None:
    found = Reconciled(births=100, counted=counted, quarantined=9, unsaid=9)
    if not stops:
        found.check_not_more(tolerance, where="here")
        return
    with pytest.raises(MoreThanCounted, match=f"has {counted} live births, and the trust counts 100"):
        found.check_not_more(tolerance, where="here")


def test_one_birth_where_the_trust_counts_none_is_too_many() -> None:
    with pytest.raises(IntegrityError):
        Reconciled(births=0, counted=1, quarantined=0, unsaid=0).check_not_more(0.9, where="here")


# --- a whole month --------------------------------------------------------------------------------

Counting = Callable[..., Path]


@pytest.fixture
def counting(birthshare: CommandLine) -> Counting:
    """The trust's own counts, sealed, in the inbox; the settings know of them."""
    authority = birthshare.authority
    authority.setting("[suppliers.chis]", '[suppliers.chis]\ntotals = "totals_{supplier}_{month}.csv.gpg"')

    def sent(*rows: Row) -> Path:
        lines = "".join(f"{area},{births}\r\n" for area, births in rows)
        return authority.send(
            f"area,births\r\n{lines}".encode(), authority.inbox / f"totals_chis_{MONTH}.csv.gpg"
        )

    return sent


def test_a_month_waits_for_the_counts_and_shows_them_to_whom_it_asks(
    birthshare: CommandLine, counting: Counting
) -> None:
    stopped = birthshare.run()
    assert stopped.code == WAITING
    stopped.says(f"The totals of chis for {MONTH} have not arrived", f"totals_chis_{MONTH}.csv.gpg")
    counting(("all", "900"), ("E05999999", "3"))
    assert birthshare.run().code == WAITING
    [shown] = birthshare("status", str(MONTH), "--json").json["totals"]
    assert (shown["supplier"], shown["births"], shown["areas"], shown["areas_apart"]) == ("chis", 900, 1, 1)
    assert 90 < shown["counted"] < 150
    assert shown["missing"] == 900 - shown["counted"] - shown["quarantined"] - shown["unsaid"]
    release = birthshare("release", "show", str(MONTH))
    for said in (release.out, birthshare("status", str(MONTH)).out):
        assert "chis counts 900 live births" in " ".join(said.split())
    state = birthshare.finish()
    assert state["totals"] == [shown]
    [received] = birthshare.authority.recorded(Kind.TOTALS_RECEIVED)
    assert isinstance(received, TotalsReceived)
    assert (received.births, received.counted, received.rows) == (900, shown["counted"], 2)
    page = birthshare.authority.home.outbox / "months" / f"{MONTH}.html"
    assert "chis counts 900 live births" in page.read_text()
    numbers = birthshare.authority.extract()["nhs_number"]
    retention.run(birthshare.authority.reopened(), now=NOW + timedelta(days=31))
    assert not list(birthshare.authority.inbox.glob("totals_*"))  # it ends with its month's other files
    check_nothing_shown(birthshare, *numbers[numbers.str.len() == 10])


def test_more_births_than_the_trust_counts_stop_the_month_until_a_file_is_put_right(
    birthshare: CommandLine, counting: Counting
) -> None:
    counting(("all", "12"))
    stopped = birthshare.run()
    assert stopped.code == INTEGRITY
    stopped.says("live births, and the trust counts 12", "may be children who died")
    [refused] = birthshare.authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert refused.problem == "more_than_counted"
    assert birthshare.authority.recorded(Kind.TOTALS_RECEIVED) == []
    counting(("all", "140"))
    assert birthshare.run().code == WAITING
    [shown] = birthshare("status", str(MONTH), "--json").json["totals"]
    assert shown["births"] == 140


def test_counts_that_cannot_be_used_stop_the_month(birthshare: CommandLine, counting: Counting) -> None:
    counting(("all", "<5"))
    stopped = birthshare.run()
    assert stopped.code == INTEGRITY
    stopped.says("births: count_format", "record 1", "schemas/TOTALS.md")
    assert "<5" not in stopped.err
    assert contract_of("totals").column("births").most == 9999
    [file] = birthshare.authority.inbox.glob("totals_*")
    tried = birthshare("intake", "check", file)  # the same before anything is run
    assert tried.code == INTEGRITY
    tried.says("births: count_format")
