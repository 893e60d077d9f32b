"""A map of a network's areas as inline SVG: outlines, a number in each, and what the numbers mean beside it.

Drawn from square tiles, of which none is a postcode. No script, nothing from the web, and no colour that
says anything alone: areas are told apart by outlines and numbers, shades by their order, and the table
beside the map has every name and every number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, floor

from markupsafe import Markup, escape

from pipeline.networks import NOBODY, SEVERAL
from pipeline.reporting.charts import LETTER, SIZE, WIDE, Number, drawn
from pipeline.reporting.facts import MapFacts

Tile = tuple[int, int]  # column from the west, row from the south
SHADES = ("#f1f6fb", "#c9dff0", "#8fbde0", "#4f93c8", "#1f5f9c")  # of values, the lowest first
_FILLS = ("#dbe9f6", "#d3e8d6", "#fbe9c6", "#e6d8ee", "#e6e6e6")  # of areas that touch one another
_INK, _NOT_KNOWN = "#0b0c0c", "#ffffff"
_TALLEST = 420.0  # of a map, where WIDE is its width
_SMALL = SIZE - 1  # of the letters in the map
_PATTERNS = {
    NOBODY: Markup('<path d="M0 6L6 0" stroke="{ink}" stroke-width=".8"/>').format(ink=_INK),
    SEVERAL: Markup('<path d="M0 3h6M3 0v6" stroke="{ink}" stroke-width=".9"/>').format(ink=_INK),
}
_MEANING = {NOBODY: "in nobody's area", SEVERAL: "in several areas at once"}
_ROUND = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # metres, of the scale


def area_map(
    name: str,
    title: str,
    says: str,
    tiles: Mapping[Tile, str],
    labels: Mapping[str, str],
    *,
    side: int,
    year: int,
    values: Mapping[str, Number] | None = None,
    of: str = "",
    beside: Mapping[str, Mapping[str, Number]] | None = None,
) -> Markup:
    """The map and its table.

    `name` (letters and hyphens) is this map's alone on its page; `says` is what it shows, in a sentence.
    `tiles` has for each tile a code of `labels`, NOBODY or SEVERAL, and `side` is a tile's side in metres;
    `labels` has the name of each area by its code, in the order of their numbers, on the map or not. With
    `values` the areas are shaded, and `of` heads the values in the table; `beside` has further columns of
    numbers, by their heads. `year` is that of the directory, for the licence. Raises ValueError for a
    value that is negative.
    """
    numbers = {code: place for place, code in enumerate(labels, start=1)}
    areas = _areas(tiles)
    drawing = _Drawing(name, tiles, side)
    steps = _steps(values.values()) if values is not None else []
    fills = _told_apart(tiles, numbers) if values is None else _shaded(values, steps)
    parts = [drawing.area(areas[code], fills.get(code, _NOT_KNOWN)) for code in numbers if code in areas]
    parts += [drawing.pattern(areas[code], code) for code in _PATTERNS if code in areas]
    labelled = dict(drawing.numbers({numbers[code]: areas[code] for code in numbers if code in areas}))
    parts += labelled.values()
    parts.append(drawing.scale())
    shown = [code for code in _PATTERNS if code in tiles.values()]
    parts += drawing.key(shown, steps)
    svg = Markup(
        '<svg viewBox="0 0 {} {}" font-size="{}" role="img" aria-labelledby="{name}-title {name}-says">'
        '<title id="{name}-title">{}</title><desc id="{name}-says">{}</desc>{}{}</svg>'
    ).format(
        round(WIDE), ceil(drawing.tall), round(SIZE), title, says, drawing.defs(shown), _all(parts), name=name
    )
    columns = ({of: values} if values is not None else {}) | dict(beside or {})
    table = _table(says, labels, numbers, columns, missing=set(numbers.values()) - set(labelled))
    return Markup('<figure class="chart map"><figcaption>{}</figcaption>{}{}</figure>{}').format(
        title, svg, table, licence(year)
    )


def births_map(
    name: str,
    agreement: str,
    month: str,
    of: MapFacts,
    births: Mapping[str, int],
    names: Mapping[str, str],
    beside: Mapping[str, Mapping[str, int]] | None = None,
) -> Markup:
    """The births of a month (in full) by recipient, on the map of the areas under an agreement.

    `beside` are further numbers for its table, by their heads.
    """
    codes = sorted(births.keys() | set(of.tiles.values()) - {NOBODY, SEVERAL})
    called = tuple((code, f"{names[code]} ({code})" if code in names else code) for code in codes)
    columns = {"births": births, **(beside or {})}
    numbers = tuple((head, tuple(have.get(code, 0) for code in codes)) for head, have in columns.items())
    says = f"Births of {month} in each recipient's area, {agreement}, rounded to fives."
    return _births_map(name, says, of, called, numbers)


@lru_cache(maxsize=64)
def _births_map(
    name: str,
    says: str,
    of: MapFacts,
    called: tuple[tuple[str, str], ...],
    numbers: tuple[tuple[str, tuple[int, ...]], ...],
) -> Markup:
    """The same map is drawn once in a process; a page with three of them would else take twice as long."""
    codes = [code for code, _ in called]
    columns = {head: dict(zip(codes, have, strict=True)) for head, have in numbers}
    return area_map(
        name,
        "Births on the map",
        says,
        of.tiles,
        dict(called),
        side=of.side,
        year=of.year,
        values=columns.pop("births"),
        of="births",
        beside=columns,
    )


def licence(year: int) -> Markup:
    """What the licences of the directory ask to be said beside what is drawn from it."""
    return Markup(
        '<p class="hint">Contains OS data © Crown copyright and database right {year}. Contains Royal Mail'
        " data © Royal Mail copyright and database right {year}. Source: Office for National Statistics,"
        " licensed under the Open Government Licence v.3.0. Outlines are drawn from squares of the map,"
        " each for whoever serves most of its postcodes: they are not the exact borders.</p>"
    ).format(year=year)


# --- shades ---------------------------------------------------------------------------------------


def _steps(values: Iterable[Number]) -> list[float]:
    """Where each of the shades ends: equal steps of 1, 2 or 5 times a power of ten, from 0 upward."""
    known = [float(value) for value in values if value is not None]
    if any(not 0 <= value < float("inf") for value in known):
        raise ValueError("a map shows numbers from 0 upward")
    most, step = max(known, default=0.0), 1.0
    while step * len(SHADES) < most:
        step *= 2.5 if str(step)[0] == "2" else 2
    return [step * place for place in range(1, max(1, ceil(most / step)) + 1)] if known else []


def _shaded(values: Mapping[str, Number], steps: Sequence[float]) -> dict[str, str]:
    return {
        code: next(shade for shade, end in zip(SHADES, steps, strict=False) if value <= end)
        for code, value in values.items()
        if value is not None
    }


def _told_apart(tiles: Mapping[Tile, str], codes: Iterable[str]) -> dict[str, str]:
    """A fill for each area that its neighbours do not have, as far as the fills go."""
    touching: dict[str, set[str]] = {}
    for (column, row), code in tiles.items():
        for other in (tiles.get((column + 1, row)), tiles.get((column, row + 1))):
            if other is not None and other != code:
                touching.setdefault(code, set()).add(other)
                touching.setdefault(other, set()).add(code)
    found: dict[str, str] = {}
    for code in codes:
        near = [found[one] for one in touching.get(code, ()) if one in found]
        found[code] = min(_FILLS, key=lambda fill: (near.count(fill), list(found.values()).count(fill)))
    return found


# --- tiles ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Area:
    """Where one area lies."""

    ways: tuple[tuple[Tile, ...], ...]  # the corners around its pieces and holes, each way closed
    inmost: tuple[Tile, ...]  # the tiles of its largest piece, the best place for a number first


def _areas(tiles: Mapping[Tile, str]) -> dict[str, _Area]:
    """Every area on the map, by its code."""
    mine: dict[str, set[Tile]] = {}
    for at, code in tiles.items():
        mine.setdefault(code, set()).add(at)
    return {code: _area(frozenset(here)) for code, here in mine.items()}


@lru_cache(maxsize=2048)  # the same areas are drawn on every month's page, once for each agreement
def _area(tiles: frozenset[Tile]) -> _Area:
    ways = tuple(tuple(_corners(loop)) for loop in _loops(_edges(tiles)))
    return _Area(ways, tuple(_inmost_first(_pieces(tiles)[0])))


def _pieces(tiles: Iterable[Tile]) -> list[set[Tile]]:
    """Tiles that hang together, the largest piece first."""
    left, found = set(tiles), []
    while left:
        piece, reached = set(), {min(left)}
        while reached:
            piece |= reached
            left -= reached
            reached = {near for at in reached for near in _beside(at) if near in left}
        found.append(piece)
    return sorted(found, key=lambda piece: (-len(piece), min(piece)))


def _beside(at: Tile) -> tuple[Tile, ...]:
    column, row = at
    return (column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)


def _inmost_first(piece: Collection[Tile]) -> list[Tile]:
    """The tiles of a piece, those farthest from its border first, and of these the most central."""
    left, depth, deep = set(piece), dict[Tile, int](), 0
    while left:
        rim = {at for at in left if not left.issuperset(_beside(at))}
        depth |= dict.fromkeys(rim, deep)
        left, deep = left - rim, deep + 1
    middle = [sum(at[axis] for at in piece) / len(piece) for axis in (0, 1)]

    def apart(at: Tile) -> float:
        return (at[0] - middle[0]) ** 2 + (at[1] - middle[1]) ** 2

    return sorted(piece, key=lambda at: (-depth[at], apart(at), at))


def _edges(tiles: Iterable[Tile]) -> dict[Tile, list[Tile]]:
    """The edges where tiles end, from corner to corner, around each tile against the clock."""
    here, edges = set(tiles), dict[Tile, list[Tile]]()
    for column, row in sorted(here):
        corners = (column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)
        outward = (column, row - 1), (column + 1, row), (column, row + 1), (column - 1, row)
        for other, start, end in zip(outward, corners, (*corners[1:], corners[0]), strict=True):
            if other not in here:
                edges.setdefault(start, []).append(end)
    return edges


def _loops(edges: dict[Tile, list[Tile]]) -> Iterator[list[Tile]]:
    """Closed ways along the edges, each edge once; the first corner is the last one too."""
    for start, ends in edges.items():
        while ends:
            loop = [start, ends.pop()]
            while loop[-1] != start:
                loop.append(edges[loop[-1]].pop())
            yield loop


def _corners(loop: Sequence[Tile]) -> list[Tile]:
    """A closed way without the corners that it passes straight through."""
    turns = [
        at
        for before, at, after in zip(loop, loop[1:], loop[2:], strict=False)
        if not before[0] == at[0] == after[0] and not before[1] == at[1] == after[1]
    ]
    return [loop[0], *turns, loop[0]]


# --- drawing --------------------------------------------------------------------------------------


class _Drawing:
    """Where tiles are in the drawing, and what is drawn of them."""

    def __init__(self, name: str, tiles: Collection[Tile], side: int) -> None:
        self._name, self._side = name, side
        self._columns = max((column for column, _ in tiles), default=0) + 1
        self._rows = max((row for _, row in tiles), default=0) + 1
        # of the drawing, for one tile; in halves, so that what is written stays short
        self._unit = max(0.5, floor(2 * min(WIDE / self._columns, _TALLEST / self._rows)) / 2)
        self._left = floor(WIDE - self._unit * self._columns) / 2
        self._below = self._unit * self._rows + 6
        self.tall = self._below

    def area(self, area: _Area, fill: str) -> Markup:
        """One recipient's area."""
        return self._shape(area, fill)

    def pattern(self, area: _Area, code: str) -> Markup:
        """What is nobody's, or several recipients', hatched."""
        return self._shape(area, f"url(#{self._name}-{_word(code)})")

    def _shape(self, area: _Area, fill: str) -> Markup:
        """Its border: relative steps along the edges of tiles."""
        path = "".join(self._path(corners) for corners in area.ways)
        return drawn("path", d=path, fill=fill, stroke=_INK)

    def _path(self, corners: Sequence[Tile]) -> str:
        (column, row), unit = corners[0], self._unit
        steps = [
            f"h{(to[0] - at[0]) * unit:g}" if to[1] == at[1] else f"v{(at[1] - to[1]) * unit:g}"
            for at, to in pairwise(corners)
        ]
        return f"M{self._left + column * unit:g} {(self._rows - row) * unit:g}{''.join(steps)}z"

    def defs(self, shown: Iterable[str]) -> Markup:
        """The hatchings."""
        return Markup("<defs>{}</defs>").format(
            _all(
                Markup(
                    '<pattern id="{}-{}" width="6" height="6" patternUnits="userSpaceOnUse">'
                    '<path d="M0 0h6v6H0z" fill="#fff"/>{}</pattern>'
                ).format(self._name, _word(code), _PATTERNS[code])
                for code in shown
            )
        )

    def numbers(self, areas: Mapping[int, _Area]) -> Iterator[tuple[int, Markup]]:
        """Each area's number in the middle of its largest piece; none where there is no room for it."""
        taken: list[tuple[float, float, float]] = []
        for number, area in sorted(areas.items(), key=lambda one: -len(one[1].inmost)):
            half = len(str(number)) * LETTER / 2
            for column, row in area.inmost:
                x = self._left + (column + 0.5) * self._unit
                y = (self._rows - row - 0.5) * self._unit
                if all(abs(x - a) > half + b + 2 or abs(y - c) > SIZE for a, b, c in taken):
                    taken.append((x, half, y))
                    yield number, _text(x, y + 0.35 * _SMALL, str(number), "middle", halo=True)
                    break

    def scale(self) -> Markup:
        """How long a round number of metres is, and where north is."""
        metres = max([one for one in _ROUND if one <= self._side * self._columns / 3] or [_ROUND[0]])
        long = self._unit * metres / self._side
        said = f"{metres // 1_000} km" if metres >= 1_000 else f"{metres} m"
        y = self._below + 10
        self.tall = y + 10
        return _all(
            [
                Markup('<path d="M1 {y:.1f}v4h{:.1f}v-4" fill="none" stroke="{}"/>').format(
                    long, _INK, y=y - 2
                ),
                _text(long + 8, y + 3, said),
                Markup('<path d="M{:.1f} {:.1f}l4 9h-8z" fill="{}"/>').format(WIDE - 24, y - 6, _INK),
                _text(WIDE - 15, y + 3, "N"),
            ]
        )

    def key(self, shown: Iterable[str], steps: Sequence[float]) -> Iterator[Markup]:
        """What hatchings and shades mean."""
        for code in shown:
            self.tall += 18
            yield self._sample(0, f"url(#{self._name}-{_word(code)})")
            yield _text(22, self.tall - 4, f"mostly {_MEANING[code]}")
        if steps:
            self.tall += 18
        for place, (shade, end) in enumerate(zip(SHADES, steps, strict=False)):
            left = place * WIDE / len(SHADES)
            yield self._sample(left, shade)
            yield _text(left + 20, self.tall - 4, f"to {end:,.0f}")

    def _sample(self, left: float, fill: str) -> Markup:
        return drawn("rect", x=left + 1, y=self.tall - 14, width="15", height="11", fill=fill, stroke=_INK)


def _word(code: str) -> str:
    return "gap" if code == NOBODY else "several"


def _text(x: float, y: float, text: str, anchor: str = "start", *, halo: bool = False) -> Markup:
    around = {"stroke": "#fff", "stroke_width": "3", "paint_order": "stroke", "font_weight": "bold"}
    looks = {"text_anchor": anchor, "fill": _INK, "font_size": f"{_SMALL:.0f}"} | (around if halo else {})
    return drawn("text", text, x=x, y=y, **looks)


def _all(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _table(
    says: str,
    labels: Mapping[str, str],
    numbers: Mapping[str, int],
    columns: Mapping[str, Mapping[str, Number]],
    *,
    missing: Collection[int],
) -> Markup:
    heads = _all(Markup('<th scope="col" class="number">{}</th>').format(head) for head in columns)
    rows = [
        _row(numbers[code], label, [of.get(code) for of in columns.values()], numbers[code] in missing)
        for code, label in labels.items()
    ]
    return Markup(
        '<table><caption>{}</caption><thead><tr><th scope="col" class="number">No.</th>'
        '<th scope="col">Area</th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(says, heads, _all(rows))


def _row(number: int, label: str, values: Iterable[Number], missing: bool) -> Markup:
    # Written like `charts.drawn`, and as often.
    cells = "".join(f'<td class="number">{_written(value)}</td>' for value in values)
    hint = ' <span class="hint">(not numbered on the map)</span>' if missing else ""
    said = f'<td class="number">{number}</td><th scope="row">{escape(label)}{hint}</th>{cells}'
    return Markup(f"<tr>{said}</tr>")  # noqa: S704  # what is no number of ours is escaped


def _written(number: Number) -> str:
    if number is None:
        return "not known"
    return f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"
