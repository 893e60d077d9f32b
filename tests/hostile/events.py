"""Files that should be FHIR messages: what each is, as bytes, and the words that say what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable

from hostile.family import CHILD, NUMBER
from intake import messages

_NAMED = {"use": "official", "family": CHILD, "given": [CHILD]}
_DOCTYPE = '<?xml version="1.0"?><!DOCTYPE Bundle [{}]>'
_LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def _birth(family: str = CHILD) -> bytes:
    return messages.as_json(messages.birth(NUMBER, name=[_NAMED | {"family": family}]))


def _xml() -> str:
    return messages.as_xml(messages.birth(NUMBER, name=[_NAMED])).decode()


def nothing() -> bytes:
    return b""


def a_death_among_births() -> bytes:
    return _birth() + messages.as_json(messages.death())


def cut_off_json() -> bytes:
    return _birth()[:-40]


def cut_off_xml() -> bytes:
    return _xml()[:-40].encode()


def deep_json() -> bytes:
    return b'{"resourceType": "Bundle", "a": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_001


def deep_json_lists() -> bytes:
    return b'{"resourceType": "Bundle", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def deep_xml() -> bytes:
    return b'<Bundle xmlns="http://hl7.org/fhir">' + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</Bundle>"


def json_name_twice() -> bytes:
    return _birth().replace(b'"type": "message"', b'"type": "message", "type": "message"', 1)


def json_nan() -> bytes:
    return _birth().replace(b'"type": "message"', b'"type": "message", "total": NaN', 1)


def json_huge_number() -> bytes:
    return _birth().replace(
        b'"valueQuantity": {"value": 1', b'"valueQuantity": {"value": ' + b"9" * 10_000, 1
    )


def half_a_character() -> bytes:
    return _birth(f"{CHILD}\ud83d")


def json_in_utf16() -> bytes:
    return _birth().decode().encode("utf-16")


def json_in_latin1() -> bytes:
    return json.dumps(json.loads(_birth(f"{CHILD} Zoë")), ensure_ascii=False).encode("latin-1")


def list_of_messages() -> bytes:
    return b"[" + _birth() + b"]"


def words_after_the_message() -> bytes:
    return _birth() + CHILD.encode()


def entities_that_grow() -> bytes:
    return (_DOCTYPE.format(_LAUGHS) + _root().replace(CHILD, "&i;")).encode()


def entity_from_a_file() -> bytes:
    return (
        _DOCTYPE.format('<!ENTITY s SYSTEM "file:///etc/passwd">') + _root().replace(CHILD, "&s;")
    ).encode()


def entity_from_the_web() -> bytes:
    return (_DOCTYPE.format('<!ENTITY % s SYSTEM "http://127.0.0.1:9/x"> %s;') + _root()).encode()


def document_type_of_a_file() -> bytes:
    return ('<!DOCTYPE Bundle SYSTEM "file:///etc/passwd">' + _root()).encode()


def another_namespace() -> bytes:
    return _xml().replace("http://hl7.org/fhir", "http://example.org/fhir", 1).encode()


def unknown_encoding() -> bytes:
    return _xml().replace("UTF-8", "x-none", 1).encode()


def _root() -> str:
    return _xml().split("?>", 1)[1]


EVENTS: dict[Callable[[], bytes], tuple[str, ...]] = {
    nothing: ("empty",),
    a_death_among_births: ("message 2",),
    cut_off_json: ("no FHIR resource",),
    cut_off_xml: ("not well-formed XML",),
    deep_json: ("no FHIR resource",),
    deep_json_lists: ("no FHIR resource",),
    deep_xml: ("deeper or larger",),
    json_name_twice: ("no FHIR resource",),
    json_nan: ("no FHIR resource",),
    json_huge_number: ("message 1",),
    half_a_character: ("half a character",),
    json_in_utf16: ("not in UTF-8",),
    json_in_latin1: ("not in UTF-8",),
    list_of_messages: ("no FHIR resource",),
    words_after_the_message: ("message 2",),
    entities_that_grow: ("document type or entities",),
    entity_from_a_file: ("document type or entities",),
    entity_from_the_web: ("document type or entities",),
    document_type_of_a_file: ("document type or entities",),
    another_namespace: ("not FHIR's",),
    unknown_encoding: ("not well-formed XML",),
}
