"""Charts as inline SVG: no script, no colour that says anything alone, and the numbers in a table beside it.

A drawing shrinks and grows with its page, from a phone to A4. It is dark on white; lines are told apart by
dashes, marks and names. Raises ValueError for a number that is negative, or not one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from math import ceil, floor, isfinite, log10

from markupsafe import Markup, escape

Number = float | int | None  # None: not known, and not drawn

WIDE, SIZE = 360.0, 12.0  # of a drawing, and of its letters
LETTER = 0.62 * SIZE  # how wide a letter is, and a little more
_ROW, _TALL = 20.0, 180.0  # of a bar with the room around it; of a drawing of lines
_MOST_LETTERS = 22  # of a label beside a bar; the table has all of it
_INK, _PALE = "#0b0c0c", "#d8dde0"
_DASHES = ("none", "7 3", "2 3", "9 3 2 3")
_MARKS: tuple[Callable[[float, float], Markup], ...] = (
    lambda x, y: drawn("circle", cx=x, cy=y, r=3, fill=_INK),
    lambda x, y: drawn("rect", x=x - 3, y=y - 3, width=6, height=6, fill="#fff", stroke=_INK),
    lambda x, y: drawn("circle", cx=x, cy=y, r=3, fill="#fff", stroke=_INK),
    lambda x, y: drawn("rect", x=x - 3, y=y - 3, width=6, height=6, fill=_INK),
)


def bars(name: str, title: str, says: str, rows: Sequence[tuple[str, Number]], *, of: str) -> Markup:
    """A bar for each row, its label before it and its number behind; `of` heads the numbers.

    `name` (letters and hyphens) is this chart's alone on its page; `says` is what it shows, in a sentence.
    """
    most = _most(number for _, number in rows)
    labels = [_short(label) for label, _ in rows]
    left = _wide(labels) + 8
    room = WIDE - left - _wide([_written(number) for _, number in rows]) - 8
    parts = [_line(left, 0, left, len(rows) * _ROW)]
    for place, (label, (_, number)) in enumerate(zip(labels, rows, strict=True)):
        top, wide = place * _ROW, room * (number or 0) / most
        parts.append(drawn_text(left - 5, top + 14, label, "end"))
        parts.append(drawn("rect", x=left, y=top + 4, width=wide, height=_ROW - 8, fill=_INK))
        parts.append(drawn_text(left + wide + 5, top + 14, _written(number)))
    return _figure(
        name, title, says, len(rows) * _ROW + 2, parts, ([of], [(one, [number]) for one, number in rows])
    )


def lines(
    name: str, title: str, says: str, labels: Sequence[str], series: Mapping[str, Sequence[Number]]
) -> Markup:
    """A line for each of at most four series, named where it ends, over labels such as months.

    Takes `name`, `title` and `says` as `bars` does, and at least one label.
    """
    step, top = _scale(_most(number for numbers in series.values() for number in numbers))
    names = {what: f"{_short(what)} {_written(numbers[-1])}" for what, numbers in series.items()}
    left, right = _wide([_written(top)]) + 12, WIDE - _wide(names.values()) - 10
    low, high = _TALL - 26, 10.0

    def x(place: int) -> float:
        return right if len(labels) == 1 else left + (right - left) * place / (len(labels) - 1)

    def y(number: float) -> float:
        return low - (low - high) * number / top

    parts = []
    for number in (step * count for count in range(round(top / step) + 1)):
        parts.append(_line(left - 6, y(number), right, y(number), _PALE if number else _INK))
        parts.append(drawn_text(left - 9, y(number) + 4, _written(number), "end"))
    parts += _labels_below(labels, x)
    for numbers, dash, mark in zip(series.values(), _DASHES, _MARKS, strict=False):
        points = [(x(place), None if one is None else y(one)) for place, one in enumerate(numbers)]
        parts += _joined(points, dash) + [mark(at, height) for at, height in points if height is not None]
    ends = _apart([y(numbers[-1] or 0) for numbers in series.values()], high, low)
    parts += [drawn_text(right + 8, at + 4, said) for said, at in zip(names.values(), ends, strict=True)]
    rows = [(label, [numbers[place] for numbers in series.values()]) for place, label in enumerate(labels)]
    return _figure(name, title, says, _TALL, parts, (list(series), rows))


@lru_cache(maxsize=4096)  # a month's page has hundreds, and the next month's many of the same
def span(low: Number, middle: Number, high: Number, now: Number, *, most: Number) -> Markup:
    """From where to where a number was before, its middle, and where it is now, on a scale up to `most`.

    For a row of a table that says these numbers; who cannot see it misses nothing.
    """
    scale = _most([low, middle, high, now, most])

    def x(number: float) -> float:
        return 6 + 108 * number / scale

    parts = [_line(6, 9, 114, 9, _PALE)]
    if low is not None and high is not None:
        wide = x(high) - x(low) + 2
        parts.append(drawn("rect", x=x(low) - 1, y=4, width=wide, height=10, fill=_PALE, stroke=_INK))
    if middle is not None:
        parts.append(_line(x(middle), 2, x(middle), 16))
    if now is not None:
        parts.append(drawn("circle", cx=x(now), cy=9, r=4, fill=_INK))
    return Markup('<svg class="span" viewBox="0 0 120 18" aria-hidden="true">{}</svg>').format(_all(parts))


@lru_cache(maxsize=4096)
def nested(whole: int, part: int, core: int, *, most: Number) -> Markup:
    """A number, a part of it and a part of that, as bars in one another on a scale up to `most`.

    For a row of a table that says these numbers; who cannot see it misses nothing.
    """
    scale = _most([whole, part, core, most])
    parts = [
        drawn("rect", x=1, y=y, width=116 * number / scale, height=18 - 2 * y, fill=fill, stroke=_INK)
        for number, y, fill in ((whole, 1, "#fff"), (part, 3, _PALE), (core, 6, _INK))
        if number
    ]
    return Markup('<svg class="span" viewBox="0 0 120 18" aria-hidden="true">{}</svg>').format(_all(parts))


# --- numbers and places ---------------------------------------------------------------------------


def _most(numbers: Iterable[Number]) -> float:
    known = [number for number in numbers if number is not None]
    if any(not isfinite(number) or number < 0 for number in known):
        raise ValueError("a chart shows numbers from 0 upward")
    return max([1.0, *known])


def _scale(most: float) -> tuple[float, float]:
    """Steps of 1, 2 or 5 times a power of ten, at most five of them; and where the last one ends."""
    power = 10.0 ** floor(log10(most))
    step = max(1.0, next(one for one in (power / 5, power / 2, power, 2 * power) if most <= 5 * one))
    return step, step * ceil(most / step)


def _apart(wanted: Sequence[float], highest: float, lowest: float) -> list[float]:
    """Heights for labels, as wanted where they have room, and otherwise next to one another."""
    order, gap = sorted(range(len(wanted)), key=lambda place: wanted[place]), SIZE + 3
    found, last = list(wanted), highest - gap
    for place in order:
        found[place] = last = max(wanted[place], last + gap)
    last = lowest + gap
    for place in reversed(order):
        found[place] = last = min(found[place], last - gap)
    return found


def _written(number: Number) -> str:
    if number is None:
        return "not known"
    return f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"


def _short(label: str) -> str:
    return label if len(label) <= _MOST_LETTERS else f"{label[: _MOST_LETTERS - 1]}…"


def _wide(texts: Iterable[str]) -> float:
    return max((len(text) for text in texts), default=0) * LETTER


# --- drawing --------------------------------------------------------------------------------------


def _labels_below(labels: Sequence[str], x: Callable[[int], float]) -> Iterator[Markup]:
    """As many labels as have room: the last one, and every so many before it."""
    before = WIDE
    for place in range(len(labels) - 1, -1, -1):
        half = _wide([labels[place]]) / 2
        centre = max(x(place), half)
        if centre + half <= before:
            before = centre - half - LETTER
            yield drawn_text(centre, _TALL - 6, labels[place], "middle")


def _joined(points: Sequence[tuple[float, float | None]], dash: str) -> list[Markup]:
    """The line through points; it is broken where one is not known."""
    runs = [list(run) for known, run in groupby(points, lambda point: point[1] is not None) if known]
    paths = [" ".join(f"{x:.1f},{y:.1f}" for x, y in run) for run in runs]
    return [
        drawn("polyline", points=path, fill="none", stroke=_INK, stroke_width=2, stroke_dasharray=dash)
        for path in paths
    ]


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str = _INK) -> Markup:
    return drawn("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke)


def drawn_text(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    """Words that begin, end or have their middle at a place."""
    return drawn("text", text, x=x, y=y, text_anchor=anchor, fill=_INK)


def drawn(tag: str, text: str = "", **looks: float | str) -> Markup:
    """One element; its attributes are written with hyphens, its numbers with one decimal."""
    # Not by Markup.format, which takes ten times as long: a page has thousands of these.
    said = "".join(
        f' {key.replace("_", "-")}="{escape(value) if isinstance(value, str) else format(value, ".1f")}"'
        for key, value in looks.items()
    )
    return Markup(f"<{tag}{said}>{escape(text)}</{tag}>")  # noqa: S704  # all of it is escaped


def _all(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def picture(name: str, title: str, says: str, tall: float, parts: Iterable[Markup]) -> Markup:
    """A drawing as wide as all of them; `name`, `title` and `says` as `bars` takes them."""
    return Markup(
        '<svg viewBox="0 0 {} {}" font-size="{}" role="img" aria-labelledby="{name}-title {name}-says">'
        '<title id="{name}-title">{}</title><desc id="{name}-says">{}</desc>{}</svg>'
    ).format(round(WIDE), round(tall), round(SIZE), title, says, _all(parts), name=name)


def _figure(
    name: str,
    title: str,
    says: str,
    tall: float,
    parts: Iterable[Markup],
    table: tuple[Sequence[str], Sequence[tuple[str, Sequence[Number]]]],
) -> Markup:
    """The drawing and its table: the heads of its columns, and its rows."""
    svg = picture(name, title, says, tall, parts)
    heads = _all(Markup('<th scope="col" class="number">{}</th>').format(one) for one in table[0])
    return Markup(
        '<figure class="chart"><figcaption>{}</figcaption>{}<table><caption>{}</caption>'
        "<thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table></figure>"
    ).format(title, svg, says, heads, _all(_row(*row) for row in table[1]))


def _row(label: str, numbers: Iterable[Number]) -> Markup:
    # Written like `drawn`, and as often.
    cells = "".join(f'<td class="number">{_written(one)}</td>' for one in numbers)
    return Markup(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')  # noqa: S704  # numbers of ours
