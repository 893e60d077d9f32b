"""`birthshare agreement preview` as people give it, on a month that was really run."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from month_authority import MONTH, Authority, CommandLine, personal_values, shown_values
from pipeline.ledger.entries import Kind
from pipeline.looking_back.preview import preview_file

DONE, WRONG_USE = 0, 2


def proposal(authority: Authority, **lines: str) -> Path:
    """Version 2 of the agreement in use, with lines of its YAML changed; nobody has signed it."""
    text = authority.agreement_file().read_text()
    for key, value in {"version": "2\nreplaces: 1", **lines}.items():
        text, changed = re.subn(rf"(?m)^(\s*){key}: [^#\n]*", rf"\g<1>{key}: {value}", text)
        assert changed == 1, key
    file = authority.agreement_file(2)
    file.write_text(text)
    return file


@pytest.fixture
def closed(birthshare: CommandLine) -> CommandLine:
    """A month that was run to its end."""
    birthshare.finish()
    return birthshare


def test_the_agreement_in_force_changes_nothing(closed: CommandLine) -> None:
    answer = closed("agreement", "preview", proposal(closed.authority))
    assert answer.code == DONE, answer.err
    assert "Newly shared: no family." in answer.out
    assert "No longer shared: no family." in answer.out


def test_a_proposal_says_in_words_what_it_would_change_and_why(closed: CommandLine) -> None:
    answer = closed("agreement", "preview", proposal(closed.authority, max_age_days="0"))
    assert answer.code == DONE, answer.err
    said = " ".join(answer.out.split())
    assert "No longer shared:" in said
    assert "The consent is older than the agreement allows" in said
    assert f"replayed on {MONTH.first_day:%B %Y}." in said
    assert "Children's Centre (centre-01): " in said


def test_the_name_of_a_file_among_the_agreements_is_enough(closed: CommandLine) -> None:
    file = proposal(closed.authority)
    assert closed("agreement", "preview", file.name, "--json").json["version"] == 2


def test_the_page_says_the_same_and_needs_nothing_else(closed: CommandLine, tmp_path: Path) -> None:
    page, file = tmp_path / "preview.html", proposal(closed.authority, max_age_days="0")
    answer = closed("agreement", "preview", file, "--html", page, "--json").json
    text = page.read_text()
    assert not re.search(r"(?i)<script|https?://", text)
    words = _Words()
    words.feed(text)
    for part in (
        answer["preview_sha256"],
        answer["digest"],
        "The consent is older than the agreement allows",
    ):
        assert part in words.text
    for code in answer["no_longer_shared"]["recipients"]:
        assert code in words.text


class _Words(HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def test_whoever_signs_is_recorded_with_the_preview_of_exactly_that_content(closed: CommandLine) -> None:
    authority = closed.authority
    file = proposal(authority)
    closed("agreement", "preview", file)
    file.write_text(file.read_text() + "\n# and a last thought\n")
    newest = closed("agreement", "preview", file, "--json").json["preview_sha256"]
    authority.sign_agreement(2)
    closed("run", str(MONTH.plus(1)))
    signed = [one for one in authority.recorded(Kind.AGREEMENT_SIGNED) if one.version == 2]
    assert signed
    assert {one.preview_sha256 for one in signed} == {newest}


def test_before_any_month_is_kept_there_is_nothing_to_replay(birthshare: CommandLine) -> None:
    answer = birthshare("agreement", "preview", proposal(birthshare.authority))
    assert answer.code == WRONG_USE
    answer.says("No past month is kept", "kept_months")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"just words", b"id: x\nid: y\n", b"[1, 2]", b"\t- a", b"a: &b [*b]"]
)
def test_a_file_that_is_no_agreement_is_refused_in_a_sentence(
    birthshare: CommandLine, content: bytes
) -> None:
    file = birthshare.authority.agreement_file(2)
    file.write_bytes(content)
    answer = birthshare("agreement", "preview", file)
    assert answer.code == WRONG_USE
    answer.says(file.name)
    assert not preview_file(file).exists()


@pytest.mark.parametrize(
    "options", [("--months", "0"), ("--months", "-3"), ("--months", "many"), ("--html", "/")]
)
def test_options_that_cannot_be_used(birthshare: CommandLine, options: tuple[str, ...]) -> None:
    answer = birthshare("agreement", "preview", proposal(birthshare.authority), *options)
    assert answer.code == WRONG_USE


def test_a_file_that_is_not_there(birthshare: CommandLine) -> None:
    birthshare("agreement", "preview", "nowhere.v1.yaml").says("There is no such file")


def test_a_folder_that_cannot_be_written_is_named(closed: CommandLine) -> None:
    file = proposal(closed.authority)
    (file.with_suffix(".preview.json")).mkdir()
    answer = closed("agreement", "preview", file)
    assert answer.code == WRONG_USE
    answer.says("cannot be written", "preview.json")
    assert closed.authority.recorded(Kind.AGREEMENT_PREVIEWED) == []


def test_nothing_personal_is_said_or_left_by_a_preview(closed: CommandLine, tmp_path: Path) -> None:
    file, page = proposal(closed.authority, max_age_days="0"), tmp_path / "preview.html"
    closed("agreement", "preview", file, "--html", page)
    values = personal_values(closed.authority.extract())
    assert shown_values(values, closed.said, page.read_text(), preview_file(file).read_text()) == []
