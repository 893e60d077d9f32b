"""FHIR resources as trees of named elements, the same from XML and from JSON, within limits.

Only what both forms have in common is kept: an element's name, its value as text, and its parts. Nothing
that an attacker may write makes the reader open a file, grow without end or dig without end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import IntegrityError

MOST_DEPTH = 40  # elements within elements; the messages that we read have about ten
MOST_ELEMENTS = 5_000_000  # of one file; such a message has one to three hundred
MOST_DIGITS = 30  # of one number

_HALF = re.compile("[\ud800-\udfff]")  # of those that UTF-16 writes in two halves
_FHIR, _XHTML = "{http://hl7.org/fhir}", "{http://www.w3.org/1999/xhtml}"
_ASK = "Nothing of the file was applied. Ask the supplier to write it again."


class Unreadable(IntegrityError):
    """Content that is no FHIR resource in XML or JSON, or goes beyond the limits."""

    problem = "unreadable"


@dataclass(frozen=True)
class Element:
    """One element of a resource; `value` is "" where it has none, or neither text nor a truth value.

    `number` is a number as it is written. XML does not tell a number from text: there both are the same.
    """

    name: str
    value: str = field(default="", repr=False)
    parts: tuple[Element, ...] = field(default=(), repr=False)
    number: str = field(default="", repr=False)

    def all(self, *path: str) -> list[Element]:
        """Every element at the end of a path of names."""
        found = [self]
        for name in path:
            found = [part for one in found for part in one.parts if part.name == name]
        return found

    def extensions(self, url: str) -> list[Element]:
        """Its own extensions of that URL."""
        return [one for one in self.all("extension") if [part.value for part in one.all("url")] == [url]]


def read_resources(content: bytes, *, where: str) -> Iterator[Element]:
    """The resources in a file, in order: one in XML, or one after another in JSON.

    Raises Unreadable, with the place and no value.
    """
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return iter([_from_xml(content, where)])
    return _from_json(content, where)


# --- XML ------------------------------------------------------------------------------------------


def _from_xml(content: bytes, where: str) -> Element:
    from xml.etree.ElementTree import ParseError  # the exception alone; defusedxml reads

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    problem, builder = "", _Builder(where)
    try:
        parser = DefusedXMLParser(target=builder, forbid_dtd=True)
        parser.feed(content)
        parser.close()
        return builder.root
    except DefusedXmlException:
        problem = "The file declares a document type or entities, which no FHIR message does"
    except (ParseError, LookupError, ValueError):  # the parser's own message may quote the file
        problem = "The file is not well-formed XML"
    raise Unreadable(problem, where=where, do=_ASK)


class _Builder:
    """Builds the tree from the parser's events, and stops at the limits; text between elements is nothing."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.open: list[tuple[str, str, list[Element]]] = [("", "", [])]
        self.narrative = 0  # how deep we are in XHTML, which is for people
        self.limits = _Limits(where)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.limits.element(depth=len(self.open) + self.narrative)
        if self.narrative or tag.startswith(_XHTML):
            self.narrative += 1
            return
        if not tag.startswith(_FHIR):
            raise Unreadable("The file holds an element that is not FHIR's", where=self.where, do=_ASK)
        parts = [Element("url", attributes["url"])] if "url" in attributes else []
        self.open.append((tag.removeprefix(_FHIR), attributes.get("value", ""), parts))

    def end(self, tag: str) -> None:
        """An element ends."""
        if self.narrative:
            self.narrative -= 1
            return
        name, value, parts = self.open.pop()
        self.open[-1][2].append(Element(name, value, tuple(parts), number=value))

    def data(self, text: str) -> None:
        """Text between elements, which FHIR does not have."""

    def close(self) -> None:
        """The file ends."""

    @property
    def root(self) -> Element:
        """The outermost element."""
        [root] = self.open[0][2]
        return root


# --- JSON -----------------------------------------------------------------------------------------


def _from_json(content: bytes, where: str) -> Iterator[Element]:
    text = _in_utf8(content)
    if text is None:
        raise Unreadable("The file is not in UTF-8", where=where, do=_ASK)
    decoder = json.JSONDecoder(
        object_pairs_hook=_once, parse_constant=_no_number, parse_int=_written, parse_float=_written
    )
    limits, at, number = _Limits(where), _next(text, 0), 0
    while at < len(text):
        number += 1
        try:
            read, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):  # its own message may quote the file
            read = None
        if not isinstance(read, dict):
            place = f"{where}, message {number}"
            raise Unreadable("This is no FHIR resource in XML or JSON", where=place, do=_ASK)
        yield _resource(read, limits, depth=1)
        at = _next(text, at)


def _in_utf8(content: bytes) -> str | None:
    """The content as text, or None; the decoder's own error holds the whole file."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _next(text: str, at: int) -> int:
    """Where the next value begins."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each name stands once: of two, nobody knows which counts."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


class _Number(str):
    """A number as it is written; text in a place of a number stays apart from it."""


def _written(text: str) -> _Number:
    if len(text) > MOST_DIGITS:
        raise ValueError("a number without end")
    return _Number(text)


def _no_number(text: str) -> float:
    raise ValueError("not a number")


def _resource(read: dict[str, Any], limits: _Limits, depth: int) -> Element:
    return Element(_text(read.get("resourceType"), limits), "", _parts(read, limits, depth))


def _parts(read: dict[str, Any], limits: _Limits, depth: int) -> tuple[Element, ...]:
    found = []
    for name, value in read.items():
        for one in value if isinstance(value, list) else [value]:
            limits.element(depth)
            found.append(_element(name, one, limits, depth))
    return tuple(found)


def _element(name: str, value: Any, limits: _Limits, depth: int) -> Element:
    if isinstance(value, dict):
        if "resourceType" in value:  # XML writes the resource's name around it
            return Element(name, "", (_resource(value, limits, depth + 1),))
        return Element(name, "", _parts(value, limits, depth + 1))
    if isinstance(value, bool):
        return Element(name, str(value).lower())
    return Element(name, _text(value, limits), number=value if isinstance(value, _Number) else "")


def _text(value: Any, limits: _Limits) -> str:
    if not isinstance(value, str) or isinstance(value, _Number):
        return ""
    limits.text(value)
    return value


class _Limits:
    """How deep and how large a file may be."""

    def __init__(self, where: str) -> None:
        self.where, self.elements = where, 0

    def element(self, depth: int) -> None:
        """One more element, that deep; raises Unreadable beyond a limit."""
        self.elements += 1
        if depth > MOST_DEPTH or self.elements > MOST_ELEMENTS:
            raise Unreadable("The file is deeper or larger than any message", where=self.where, do=_ASK)

    def text(self, text: str) -> None:
        """A text of JSON, which can write half a character; nobody can keep one, so it raises Unreadable."""
        if _HALF.search(text):
            raise Unreadable("A text of the file holds half a character", where=self.where, do=_ASK)
