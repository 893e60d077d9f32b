"""From the bytes of an agreement's file to what it says, or every reason why it cannot be read.

What people sign must have one meaning that a reader of the file can see. So only the plain parts of
YAML count: keys, lists, text, whole numbers, `true`, `false`, `null` and dates. Everything else is
refused with its line.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.agreements.model import Agreement
from pipeline.errors import SettingsError

MOST_BYTES = 200_000  # an agreement is some pages of text
_DEEPEST = 12  # lists and groups within one another; the model needs five
_REWRITE = "Correct the file, and see whether it can be read: birthshare agreement check FILE"

_WORDS_THAT_ARE_NOT_TEXT = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE_NUMBER = re.compile(r"(0|-?[1-9][0-9]{0,15})\Z")
_KEY = re.compile(r"[A-Za-z0-9_<-]{1,40}\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


@lru_cache(maxsize=256)  # every step of a month reads the same bytes again, and PyYAML is slow
def parse(content: bytes, file: Path) -> Agreement:
    """The agreement that the bytes hold; raises SettingsError with every wrong line, never a value."""
    top = _composed(_text(content, file), file)
    lines = _Lines(top)
    plain = json.dumps(_plain(top, file))
    try:
        # Read as JSON, strictly: a number in quotes is not a number, nor is 1 the same as true.
        return Agreement.model_validate_json(plain, strict=True)
    except ValidationError as error:
        problems = _telling(error.errors(include_input=False, include_url=False))
    told = [_told(lines, problem) for problem in problems]
    raise SettingsError("The agreement cannot be used: " + "; ".join(told), where=str(file), do=_REWRITE)


def _text(content: bytes, file: Path) -> str:
    """The file as text that a person can see; raises SettingsError otherwise."""
    if len(content) > MOST_BYTES:
        raise SettingsError(
            "The file is too large to be an agreement",
            where=str(file),
            do=f"An agreement has at most {MOST_BYTES:,} bytes.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable("it is not text in UTF-8", line, file) from None


def _composed(text: str, file: Path) -> yaml.MappingNode:
    """The tree of keys and values, of which each knows its line."""
    try:
        _check_events(text, file)
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _unreadable(_yaml_problem(error), _line(mark), file) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _unreadable("a character stands here that cannot be printed", line, file) from None
    if top is None:
        raise SettingsError("The file is empty", where=str(file), do="Copy a template into it.")
    if not isinstance(top, yaml.MappingNode):
        raise _unreadable("an agreement begins with a key, such as `id:`", _line(top.start_mark), file)
    return top


def _check_events(text: str, file: Path) -> None:
    """Raises SettingsError for what a reader of the file could not follow."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        problem = _not_plain(event)
        if documents > 1:
            problem = "the file holds a second document; there can be only one"
        if depth > _DEEPEST:
            problem = "lists and groups stand too deep within one another"
        if problem:
            raise _unreadable(problem, _line(event.start_mark), file)


def _not_plain(event: yaml.Event) -> str:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        return "a reference to another place (& or *) cannot be used; write it out"
    if getattr(event, "tag", None):
        return "a tag (!) cannot be used"
    return ""


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    """The commonest slips in plain words; else in the words of the YAML library, which quote no value."""
    problem = error.problem or ""
    if "'\\t'" in problem:
        return "a tab stands here; use spaces"
    if "mapping values are not allowed" in problem:
        return "a colon is not expected here; put the text in quotes, or correct the indentation"
    if "expected ',' or" in problem:
        return "a bracket is not closed before here, or a comma is missing"
    if "expected <block end>" in problem or "could not find expected ':'" in problem:
        return "the indentation is not right, or a colon is missing"
    return problem or "it is not YAML"


def _plain(node: yaml.Node, file: Path) -> Any:
    """The node as JSON can write it; raises SettingsError for a key that is written twice."""
    if isinstance(node, yaml.MappingNode):
        return {key: _plain(value, file) for key, value in _keys(node, file)}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, file) for item in node.value]
    return _scalar(node, file)


def _keys(node: yaml.MappingNode, file: Path) -> Iterator[tuple[str, yaml.Node]]:
    first: dict[str, int] = {}
    for key, value in node.value:
        line = _line(key.start_mark)
        if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
            raise _unreadable("a key must be a word", line, file)
        if key.value in first:
            problem = f"the key {_shown(key.value)} is written twice, first in line {first[key.value]}"
            raise _unreadable(problem, line, file)
        first[key.value] = line
        yield key.value, value


def _scalar(node: yaml.Node, file: Path) -> str | int | bool | None:
    """A value: only what stands without quotes may be more than text."""
    text, line = str(node.value), _line(node.start_mark)
    if any(unicodedata.category(character).startswith("C") for character in text.replace("\n", "")):
        raise _unreadable("an invisible character stands in this text", line, file)
    if getattr(node, "style", None) is not None:
        return text
    if text in _WORDS_THAT_ARE_NOT_TEXT:
        return _WORDS_THAT_ARE_NOT_TEXT[text]
    if _DATE.match(text):
        return _day(text, line, file)
    return int(text) if _WHOLE_NUMBER.match(text) else text


def _day(text: str, line: int, file: Path) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _unreadable("there is no such day", line, file) from None


class _Lines:
    """In which line each key of a file stands."""

    def __init__(self, top: yaml.MappingNode) -> None:
        self._top = top

    def of(self, place: Sequence[str | int]) -> str:
        """`line 12, cohort.months_back `; of a key that is missing, the line of the one it belongs to."""
        node: yaml.Node | None = self._top
        line = 0
        for part in place:
            key, node = _entered(node, part)
            if key is None:
                break
            line = _line(key.start_mark)
        name = ".".join(_shown(part) for part in place).replace(".item", ", item")
        return f"line {line}, {name} " if line else f"{name} "

    def named_in(self, words: str) -> str:
        """`line 12, `: where the first key of the file stands that a rule about several keys names."""
        for name in re.findall(r"[a-z_]+", words):
            key, _ = _entered(self._top, name)
            if key is not None:
                return f"line {_line(key.start_mark)}, "
        return ""


def _entered(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Where one part of a place is written, and what is written there."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None, None


def _shown(part: str | int) -> str:
    """A key as it may be shown, since any file may be given by mistake; list items count from 1."""
    if isinstance(part, int):
        return f"item {part + 1}"
    return part if _KEY.match(part) else "a key"


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that an agreement knows",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be blank",
    "date_type": "must be a date, written YYYY-MM-DD",
    "date_parsing": "must be a date, written YYYY-MM-DD",
    "date_from_datetime_parsing": "must be a date, written YYYY-MM-DD",
    "tuple_type": "must be a list",
    "dict_type": "must be a group of keys",
    "model_type": "must be a group of keys",
    "too_short": "must name at least {min_length}",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "enum": "must be one of {expected}",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "is not a code of the form {pattern}",
}


def _told(lines: _Lines, problem: ErrorDetails) -> str:
    """One thing that is wrong, with its line and key."""
    words = _in_words(problem)
    return f"{lines.of(problem['loc']) if problem['loc'] else lines.named_in(words)}{words}"


def _telling(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without a list's being too short where that is only because its items are wrong."""
    within = {problem["loc"][:-1] for problem in problems} | {problem["loc"][:-2] for problem in problems}
    return [one for one in problems if one["type"] != "too_short" or one["loc"] not in within]


def _in_words(problem: ErrorDetails) -> str:
    words = _WORDS.get(problem["type"])
    if words is None:
        return problem["msg"].removeprefix("Value error, ")
    meant = get_close_matches(str(problem["loc"][-1]), _known_keys(), n=1)
    hint = f" (did you mean {meant[0]}?)" if meant and problem["type"] == "extra_forbidden" else ""
    return words.format(**problem.get("ctx", {})) + hint


def _known_keys() -> set[str]:
    schema = Agreement.model_json_schema()
    return {key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})}


def _line(mark: Any) -> int:
    """The line of a mark of the YAML library, counted from 1."""
    return mark.line + 1 if mark else 1


def _unreadable(what: str, line: int, file: Path) -> SettingsError:
    return SettingsError(f"The agreement cannot be read: {what}", where=f"{file}, line {line}", do=_REWRITE)
