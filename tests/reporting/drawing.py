"""A drawing as a reader sees it: its labels with the room that they take, and its table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from xml.etree import ElementTree

from markupsafe import Markup

from pipeline.reporting.charts import SIZE

LETTER = 0.56 * SIZE  # a digit of Arial; other letters are narrower on the average


@dataclass(frozen=True)
class Label:
    """A text of a drawing, with the room that it takes."""

    text: str
    left: float
    right: float
    base: float

    def meets(self, other: Label) -> bool:
        beside = self.right <= other.left or other.right <= self.left
        return not beside and abs(self.base - other.base) < SIZE


class Drawing:
    """A chart's elements, numbers and labels."""

    def __init__(self, chart: Markup) -> None:
        self.figure = ElementTree.fromstring(chart)
        [self.svg] = [one for one in self.figure.iter() if one.tag == "svg"]
        self.wide, self.tall = (float(one) for one in self.svg.attrib["viewBox"].split()[2:])

    def all(self, tag: str) -> list[ElementTree.Element]:
        return [one for one in self.svg.iter() if one.tag == tag]

    def labels(self) -> list[Label]:
        return [self._label(one) for one in self.all("text")]

    def _label(self, one: ElementTree.Element) -> Label:
        text, x, wide = one.text or "", float(one.attrib["x"]), len(one.text or "") * LETTER
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[one.attrib["text-anchor"]]
        return Label(text, left, left + wide, float(one.attrib["y"]))

    def rows(self) -> list[list[str]]:
        return [["".join(cell.itertext()) for cell in row] for row in self.figure.iter("tr")]

    def check_readable(self) -> None:
        """Everything is inside, every number is one, and no label lies on another."""
        places = [float(n) for one in self.svg.iter() for n in re.findall(r"[-0-9.]+", one.get("points", ""))]
        for one in self.svg.iter():
            places += [
                float(one.get(name, 0)) for name in ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy", "width")
            ]
        assert all(0 <= place <= max(self.wide, self.tall) for place in places)
        labels = self.labels()
        assert all(
            one.left >= 0 and one.right <= self.wide + 1 and 0 < one.base <= self.tall for one in labels
        )
        assert not [(a.text, b.text) for a, b in combinations(labels, 2) if a.meets(b)]
