"""A text that looks like another of its kind is taken for canonical JSON only where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.entries import canonical
from pipeline.ledger.shapes import Shapes

VALUES = st.one_of(
    st.text(max_size=6),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
)
OBJECTS = st.dictionaries(st.sampled_from(["at", "child", 'quoted"', "\u00e9", "("]), VALUES, max_size=4)
SEEN = {"agreement": "welcome-card", "found_there": False, "note": None, "permit": 12}


def is_canonical(text: str) -> bool:
    """As the rule is said: parsed and written again it is the same, and an object."""
    try:
        body = json.loads(text)
        return isinstance(body, dict) and canonical(body) == text
    except (ValueError, RecursionError):
        return False


def fits(shapes: Shapes, text: str) -> bool:
    try:
        return shapes.fits("delivered", text)
    except (ValueError, RecursionError):
        return False


@given(st.lists(OBJECTS, min_size=1, max_size=5))
def test_whatever_is_canonical_fits_whatever_was_seen_before(bodies: list[dict[str, Any]]) -> None:
    shapes = Shapes()
    assert all(fits(shapes, canonical(body)) for body in [*bodies, *bodies])


@given(OBJECTS, st.data())
def test_nothing_else_fits(seen: dict[str, Any], data: st.DataObject) -> None:
    shapes, text = Shapes(), canonical(seen)
    assert fits(shapes, text)
    place = data.draw(st.integers(0, len(text)))
    more = data.draw(st.text(st.sampled_from(' \n\t{}[],:"\\u0019ent-.\x00\x1f\x7f\u2028'), max_size=3))
    fewer = data.draw(st.integers(0, 3))
    other = text[:place] + more + text[place + fewer :]
    assert fits(shapes, other) == is_canonical(other)


@pytest.mark.parametrize(
    "text",
    [
        '{"agreement":"welcome-card","found_there":false,"note":null,"permit":012}',
        '{"agreement":"welcome-card","found_there":false,"note":null,"permit":-0}',
        '{"agreement":"welcome-card","found_there":false,"note":null,"permit":1.50}',
        '{"agreement":"welcome-card","found_there":false,"note":null,"permit":12}\n',
        ' {"agreement":"welcome-card","found_there":false,"note":null,"permit":12}',
        '{"agreement":"welcome\\u002dcard","found_there":false,"note":null,"permit":12}',
        '{"agreement":"welcome\ncard","found_there":false,"note":null,"permit":12}',
        '{"agreement":"welcome-card","found_there":False,"note":null,"permit":12}',
        '{"found_there":false,"agreement":"welcome-card","note":null,"permit":12}',
        '{"agreement":"a","agreement":"welcome-card","found_there":false,"note":null,"permit":12}',
        '{"agreement":"welcome-card","found_there":false,"note":null,"permit":\u0661}',
        '["agreement"]',
    ],
)
def test_what_only_looks_like_one_seen_before_does_not_fit(text: str) -> None:
    shapes = Shapes()
    assert fits(shapes, canonical(SEEN))
    assert not fits(shapes, text)


@pytest.mark.parametrize("permit", ["0", "7", "-7", "true", '"12"', '"\u00e9"', "1.5", "[1,2]", '"\\n"'])
def test_other_values_than_those_seen_before_fit(permit: str) -> None:
    shapes = Shapes()
    assert fits(shapes, canonical(SEEN))
    text = f'{{"agreement":"welcome-card","found_there":false,"note":null,"permit":{permit}}}'
    assert is_canonical(text)
    assert fits(shapes, text)
