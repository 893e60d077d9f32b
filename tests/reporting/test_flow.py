"""The picture of the books: every row flows somewhere, once, and every number can be read."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reporting.facts import AgreementFacts, RecipientFacts
from pipeline.reporting.flow import MOST_LISTS, Flow, Stream, flow_of
from reporting.drawing import Drawing

rows = st.integers(0, 5000)


def books(shared: int, held: int, withheld: int, duplicates: int, quarantined: int) -> AgreementFacts:
    received = shared + held + withheld + duplicates + quarantined
    return AgreementFacts("cards", received, quarantined, duplicates, withheld, held, shared, ())


def a_list(number: int, children: int | None) -> RecipientFacts:
    return RecipientFacts(
        f"centre-{number:02d}", "cards", children or 0, "", "", "delivered", "", None, None, children
    )


@st.composite
def months(draw: st.DrawFn) -> tuple[AgreementFacts, list[RecipientFacts]]:
    """Balanced books, and lists of some of the shared rows or of all."""
    lists = [a_list(number, draw(rows)) for number in range(draw(st.integers(0, 14)))]
    listed = sum(one.children or 0 for one in lists)
    return books(listed + draw(rows), *(draw(rows) for _ in range(4))), lists


def every(stream: Stream) -> list[Stream]:
    return [stream, *(below for part in stream.parts for below in every(part))]


def drawn(flow: Flow) -> Drawing:
    return Drawing(flow.picture("flow-1", "Rows of October"))


@settings(max_examples=60, deadline=None)
@given(months())
def test_every_row_flows_somewhere_once(month: tuple[AgreementFacts, list[RecipientFacts]]) -> None:
    facts, lists = month
    flow = flow_of(facts, lists)
    if not facts.received:
        assert flow is None
        return
    assert flow is not None and flow.received.rows == facts.received
    found = {one.name: one.rows for one in every(flow.received)}
    for name in ("shared", "held", "withheld", "duplicates", "quarantined"):
        assert found[name] == getattr(facts, name)
    assert sum(one.rows for one in flow.lists) == facts.shared
    assert len(flow.lists) <= MOST_LISTS + 1
    assert found["decided"] == facts.received - facts.duplicates - facts.quarantined


@settings(max_examples=60, deadline=None)
@given(months())
def test_every_number_can_be_read(month: tuple[AgreementFacts, list[RecipientFacts]]) -> None:
    flow = flow_of(*month)
    if flow is None:
        return
    drawing = drawn(flow)
    drawing.check_readable()
    labels = " ".join(label.text for label in drawing.labels())
    for one in every(flow.received):
        assert f"{one.rows:,}" in labels or not one.rows


def test_bars_are_as_high_as_their_rows_are_many() -> None:
    flow = flow_of(books(60, 20, 10, 6, 4), [a_list(1, 40), a_list(2, 20)])
    assert flow is not None
    high = sorted({float(one.attrib["height"]) for one in drawn(flow).all("rect")})
    assert high == [6, 9, 15, 30, 60, 90, 135, 150]


def test_what_it_shows_is_said_for_those_who_do_not_see_it() -> None:
    flow = flow_of(books(60, 20, 10, 6, 4), [a_list(1, 40), a_list(2, None)])
    assert flow is not None
    [says] = [one.text for one in drawn(flow).all("desc")]
    assert says == (
        "Rows of October: 100 received: 90 decided, 6 duplicates, 4 quarantined; "
        "90 decided: 60 shared, 20 held, 10 withheld; 60 shared: 40 centre-01, 20 on no list."
    )


def test_books_or_lists_that_do_not_balance_are_not_drawn() -> None:
    facts = books(60, 20, 10, 6, 4)
    assert flow_of(replace(facts, received=101), []) is None
    assert flow_of(facts, [a_list(1, 61)]) is None
    assert flow_of(facts, [replace(a_list(1, 61), agreement="another")]) is not None
