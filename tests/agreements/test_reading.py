"""A file that is not exactly an agreement is refused in one sentence, with the line and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.reading import MOST_BYTES, parse
from pipeline.errors import SettingsError
from pipeline.records import TEMPLATES

TEXT = (TEMPLATES / "welcome-card-first-visit.v1.yaml").read_text()
FILE = Path("card.v1.yaml")


def line_of(text: str) -> int:
    """In which line of the template something stands."""
    return TEXT[: TEXT.index(text)].count("\n") + 1


def line_of_part(name: str) -> int:
    """In which line a part of the template begins."""
    return line_of(f"\n{name}") + 1


def refused(content: str | bytes) -> str:
    with pytest.raises(SettingsError) as stopped:
        parse(content if isinstance(content, bytes) else content.encode(), FILE)
    assert stopped.value.__suppress_context__ or stopped.value.__context__ is None
    return str(stopped.value)


# What stands in the template, what is written instead, and what is said, with the line of the first.
WRONG = {
    "an unknown key": ("retention_days: 90", "visits: welcome\nretention_days: 90", "visits is not a key"),
    "a key with a slip": ("retention_days: 90", "retention_day: 90", "did you mean retention_days?"),
    "a key of another part": ("  settling_days", "  scope: x\n  settling_days", "cohort.scope is not a key"),
    "a wrong type": ("retention_days: 90", "retention_days: soon", "retention_days must be a whole number"),
    "a number in quotes": ("retention_days: 90", 'retention_days: "90"', "must be a whole number"),
    "a fraction": ("retention_days: 90", "retention_days: 90.5", "must be a whole number"),
    "a number that is too small": ("retention_days: 90", "retention_days: 0", "must be more than 0"),
    "a number without end": ("retention_days: 90", f"retention_days: {'9' * 5000}", "must be a whole number"),
    "true for a number": ("version: 1", "version: true", "version must be a whole number"),
    "yes for true": ("  looked_after: true", "  looked_after: yes", "must be true or false"),
    "a bare word for a list": ("fields: [child", "fields: all #", "fields must be a list"),
    "an unknown field": ("fields: [child_name", "fields: [everything", "fields, item 1 must be one of"),
    "an unknown reason": (
        "  safeguarding: true", "  worrying: true\n  safeguarding: true", "exclusions.worrying is not a key",
    ),
    "a kind that is no code": ("  kinds: [childrens_centre]", "  kinds: [a b]", "item 1 is not a code"),
    "an unknown permission": ("  permission: consent", "  permission: maybe", "must be one of 'consent'"),
    "a role that is none": ("    role: controller", "    role: boss", "parties, item 1.role must be"),
    "a date without a day": ("  starts: 2026-01-01", "  starts: 2026-01", "dates.starts must be a date"),
    "a date and time": ("  starts: 2026-01-01", "  starts: 2026-01-01 10:00", "must be a date"),
    "a blank title": ("title: Welcome", 'title: "" #', "title must not be blank"),
    "a missing scope of forms": ("  wordings: [first", "  # wordings: [first", "consent needs the accepted"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_used_is_told_by_line_and_key(old: str, new: str, says: str) -> None:
    message = refused(TEXT.replace(old, new, 1))
    assert says in message
    expected = line_of_part("confidentiality:") if "accepted" in says else line_of(old)
    assert f"line {expected}, " in message
    assert "birthshare agreement check FILE" in message


@pytest.mark.parametrize(
    ("left_out", "parent", "key"),
    [
        ("  starts: 2026-01-01", "dates:", "dates.starts"),
        ("  review_by: 2026-12-31", "dates:", "dates.review_by"),
        ("  expires: 2027-12-31", "dates:", "dates.expires"),
        ("  residents_of: [E06999999]", "cohort:", "cohort.residents_of"),
    ],
)
def test_a_missing_key_is_told_by_the_line_of_what_it_belongs_to(
    left_out: str, parent: str, key: str
) -> None:
    assert f"line {line_of_part(parent)}, {key} is missing" in refused(TEXT.replace(left_out, "", 1))


def test_a_key_that_is_missing_at_the_top_is_named() -> None:
    assert "used: retention_days is missing" in refused(TEXT.replace("retention_days: 90", ""))


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("version: 1", "version: 1\nreplaces: 1", "\nreplaces:", "replaces must name an older version"),
        (
            "suppliers: [chis]",
            "suppliers: [chis]\nhears: [chis]",
            "\nhears:",
            "hears must name other suppliers",
        ),
        ("retention_days:", "shares: totals\nretention_days:", "\nshares:", "shares: totals needs totals"),
    ],
)
def test_a_rule_about_several_keys_is_told_by_the_line_of_the_key_that_it_names(
    old: str, new: str, at: str, says: str
) -> None:
    wrong = TEXT.replace(old, new, 1)
    line = wrong[: wrong.index(at) + 1].count("\n") + 1
    assert f"line {line}, {says}" in refused(wrong)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    message = refused(TEXT.replace("retention_days: 90", "retention_days: soon\nvisits: welcome"))
    assert "retention_days must" in message
    assert "visits is not" in message


def test_dates_must_be_in_order() -> None:
    message = refused(TEXT.replace("expires: 2027-12-31", "expires: 2025-12-31"))
    wanted = f"line {line_of_part('dates:')}, dates must be in the order starts, review_by, expires"
    assert wanted in message


# What the file holds, which line is at fault, and what is said.
UNREADABLE = {
    "nothing": ("", 0, "The file is empty"),
    "comments alone": ("# one\n", 0, "The file is empty"),
    "a list": ("\n- a\n", 2, "begins with a key"),
    "a word": ("agreement", 1, "begins with a key"),
    "a key twice": ("id: a\nid: b\n", 2, "the key id is written twice, first in line 1"),
    "a key twice deep down": ("a:\n  b: 1\n  b: 1\n", 3, "the key b is written twice"),
    "an anchor": ("a: 1\nb: &name 2\n", 2, "a reference to another place"),
    "an alias": ("a: &x 1\nb: *x\n", 1, "a reference to another place"),
    "a tag": ("a: !!python/object:os.system 1\n", 1, "a tag (!) cannot be used"),
    "a merge": ("<<: {a: b}\n", 1, "<< is not a key"),
    "a tab": ("a:\n\tb: 1\n", 2, "a tab stands here"),
    "an open bracket": ("a: [1, 2\nb: 3\n", 2, "a bracket is not closed"),
    "a colon in the text": ("a: one: two\n", 1, "a colon is not expected here"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "a second document"),
    "a day that there is not": ("a: 2026-02-30\n", 1, "there is no such day"),
    "a key that is a list": ("? [a]\n: b\n", 1, "a key must be a word"),
    "an invisible character": ('a: b\nc: "d\\u202Ee"\n', 2, "an invisible character"),
    "a control character": ("a: b\nc: d\x07\n", 2, "cannot be printed"),
    "lists in lists": ("a: " + "[" * 5000, 1, "too deep within one another"),
    "Latin-1": ("a: b\nc: café\n".encode("latin-1"), 2, "not text in UTF-8"),
    "UTF-16": ("a: b".encode("utf-16"), 1, "not text in UTF-8"),
}


@pytest.mark.parametrize(("content", "line", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_plain_yaml_is_told_by_its_line(content: str | bytes, line: int, says: str) -> None:
    message = refused(content)
    assert says in message
    assert not line or f"line {line}" in message


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse(b"\xef\xbb\xbf" + TEXT.encode(), FILE) == parse(TEXT.encode(), FILE)


def test_a_file_that_is_far_too_large_is_not_even_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "large.v1.yaml"
    with file.open("wb") as opened:
        opened.truncate(10_000_000_000)  # sparse: it takes no room
    with pytest.raises(SettingsError, match=f"at most {MOST_BYTES:,} bytes"):
        read_agreement(file)


def test_another_kind_of_file_given_by_mistake_is_not_quoted() -> None:
    message = refused('Mrs Ada Example, 12 High Street: "9434765919"\nretention_days: 9434765919\n')
    assert "Example" not in message
    assert "9434765919" not in message


def test_a_folder_or_a_missing_file_is_named_with_the_systems_reason(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "no.v1.yaml"):
        with pytest.raises(SettingsError, match=r"directory|No such file"):
            read_agreement(file)


def test_the_name_of_the_file_says_which_agreement_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "welcome-card-first-visit.v2.yaml"
    file.write_text(TEXT)
    with pytest.raises(SettingsError, match="Name it welcome-card-first-visit.v1.yaml"):
        read_agreement(file)


@pytest.mark.parametrize("file", sorted(TEMPLATES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_template_can_be_read(file: Path) -> None:
    assert read_agreement(file)[0].approvers
