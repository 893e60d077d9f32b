"""`birthshare ledger prove` and `export`, as a person gives them."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from given import Closed, files_of, here

from month_authority import MONTH, Answer, CommandLine
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import EvidenceGiven, Kind

WHO = ("--as", "data.lead@example.org", "--why", "for the auditor")


@pytest.fixture
def prove(closed: Closed, tmp_path: Path):
    def given(*options: str, out: str = "given.zip", who: tuple[str, ...] = WHO) -> Answer:
        return closed.commands("ledger", "prove", *options, *who, "--out", tmp_path / out)

    return given


@pytest.mark.parametrize(
    "choice",
    [
        ("--month", str(MONTH)),
        ("--entries", "1"),
        ("--entries", "5,7-9"),
        ("--since", "2000-01-01", "--until", "2099-12-31"),
    ],
)
def test_what_is_asked_for_is_proved(prove, closed: Closed, tmp_path: Path, choice: tuple[str, ...]) -> None:
    answer = prove(*choice)
    assert answer.code == 0, answer.err
    assert closed.key in answer.out
    assert here(tmp_path / "given.zip", "--key", closed.key).sound
    assert stat.S_IMODE((tmp_path / "given.zip").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["given.zip"]


def test_who_took_it_out_and_why_is_recorded_with_its_digest(prove, closed: Closed, tmp_path: Path) -> None:
    answer = prove("--month", str(MONTH), "--json")
    content = (tmp_path / "given.zip").read_bytes()
    assert answer.json["sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.json["entries"] == len(json.loads(files_of(content)["evidence.json"])["entries"])
    given = closed.authority.recorded(EvidenceGiven.kind)[-1]
    assert given == EvidenceGiven(
        about="month", sha256=answer.json["sha256"], principal=WHO[1], purpose="for the auditor"
    )


@pytest.mark.parametrize(
    ("choice", "who", "code", "words"),
    [
        ((), WHO, 2, "Say which entries"),
        (("--month", str(MONTH), "--entries", "1"), WHO, 2, "Say which entries"),
        (("--since", "2026-01-01"), WHO, 2, "Say which entries"),
        (("--since", "2001-01-01", "--until", "2001-01-02"), WHO, 2, "Nothing was recorded"),
        (("--month", "2031-01"), WHO, 2, "Nothing is recorded"),
        (("--entries", "99999"), WHO, 2, "no such entry"),
        (("--entries", "0"), WHO, 2, "no such entry"),
        (("--entries", "9-7"), WHO, 2, "not numbers of entries"),
        (("--entries", "1-999999999"), WHO, 2, "not numbers of entries"),
        (("--entries", "1;2"), WHO, 2, "not numbers of entries"),
        (("--entries", "1"), ("--as", "nobody@example.org", "--why", "for fun"), 3, "not known here"),
        (("--entries", "1"), ("--as", WHO[1], "--why", " "), 2, "said why"),
        (("--entries", "1"), ("--as", WHO[1], "--why", "about 9990000018"), 2, "cannot be recorded"),
    ],
)
def test_what_cannot_be_proved_is_said_and_nothing_is_written_or_recorded(
    prove,
    closed: Closed,
    tmp_path: Path,
    choice: tuple[str, ...],
    who: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    before = closed.authority.recorded(Kind.EVIDENCE_GIVEN)
    answer = prove(*choice, who=who)
    assert answer.code == code
    answer.says(words)
    assert not list(tmp_path.iterdir())
    assert closed.authority.recorded(Kind.EVIDENCE_GIVEN) == before


def test_a_name_says_what_the_file_is(prove, closed: Closed, tmp_path: Path) -> None:
    assert prove("--entries", "1", out="given.pdf").code == 2
    assert closed.commands("ledger", "export", "--out", tmp_path / "all.csv").code == 2
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said(prove, closed: Closed, tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    assert prove("--entries", "1", out="folder.zip").code == 2
    (tmp_path / "file").write_text("")
    answer = prove("--entries", "1", out="file/given.zip")
    assert answer.code == 2
    answer.says("cannot be written")


def test_a_ledger_that_grew_is_signed_anew(birthshare: CommandLine, tmp_path: Path) -> None:
    """Evidence of what no checkpoint covered yet."""
    assert birthshare("ledger", "prove", "--entries", "1", *WHO, "--out", tmp_path / "first.zip").code == 0
    with opened_ledger(birthshare.authority.home) as ledger:
        size = ledger.size
    last = str(size)
    assert birthshare("ledger", "prove", "--entries", last, *WHO, "--out", tmp_path / "second.zip").code == 0
    said = [
        json.loads(files_of((tmp_path / name).read_bytes())["evidence.json"])
        for name in ("first.zip", "second.zip")
    ]
    assert [one["note"] for one in said[1]["held"]] == [said[0]["checkpoint"]]
    assert (
        birthshare("ledger", "export", "--out", tmp_path / "all.jsonl", "--json").json["entries"] == size + 1
    )


def test_an_export_is_recorded_by_nobody_and_holds_no_opening(closed: Closed, tmp_path: Path) -> None:
    assert closed.commands("ledger", "export", "--out", tmp_path / "all.jsonl").code == 0
    text = (tmp_path / "all.jsonl").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "all.jsonl").stat().st_mode) == 0o600
    with opened_ledger(closed.home) as ledger:
        [permit, *_] = ledger.standing_permits(str(MONTH))
        assert not any(child in text for child in ledger.children(permit))
        assert text.count("\n") == ledger.size + 1
