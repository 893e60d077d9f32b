"""The authority's own list: applied whole or not at all, once, and kept by keyed reference alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from changes.writing import WHO, changes_csv, check_nothing_shown, dwelling, reference
from month_authority import CommandLine
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import ChangesApplied, Kind

DONE, WRONG_USE, REFUSED = 0, 2, 3
CHILD, PARENT = "9997786424", "9994994972"
ADDRESS = {"subject": "address", "address_line_1": "Flat 4711, Plumstone Wharf", "postcode": "QX4 7ZQ"}
LIST = (
    {"subject": "child", "nhs_number": CHILD, "word": "suppressed"},
    {"subject": "parent", "nhs_number": PARENT, "word": "objected", "since": "2026-10-30"},
    ADDRESS | {"word": "suppressed"},
)
PERSONAL = (CHILD, PARENT, "Flat 4711", "FLAT4711", "Plumstone", "QX4 7ZQ", "QX47ZQ")

Write = Callable[..., Path]


def words(birthshare: CommandLine) -> list[tuple[str, str]]:
    with opened_ledger(birthshare.authority.home) as ledger:
        frame = ledger.suppressions()
    return list(zip(frame["subject"], frame["word"], strict=True))


def test_every_row_is_recorded_by_reference_and_somebody_vouches(
    birthshare: CommandLine, write: Write
) -> None:
    home = birthshare.authority.home
    before = words(birthshare)
    answer = birthshare("changes", "apply", write(*LIST), "--as", WHO, "--json")
    assert answer.code == DONE
    [file] = answer.json["files"]
    assert (file["source"], file["rows"], file["new"]) == ("authority", 3, 3)
    assert file["words"] == {"objected": 1, "suppressed": 2}
    assert words(birthshare)[len(before) :] == [
        (reference(home, "child", [CHILD])[0], "suppressed"),
        (reference(home, "parent", [PARENT])[0], "objected"),
        (dwelling(home, ADDRESS), "suppressed"),
    ]
    [body] = birthshare.authority.recorded(Kind.CHANGES_APPLIED)
    assert isinstance(body, ChangesApplied)
    assert (body.principal, body.signer, body.rows) == (WHO, "", 3)
    check_nothing_shown(birthshare, *PERSONAL)


def test_a_number_alone_cannot_be_guessed_from_what_is_recorded(
    birthshare: CommandLine, tmp_path: Path
) -> None:
    """The ledger is exported: a plain digest of one NHS number is found by trying all of them."""
    file = tmp_path / "withdrawn.csv"
    file.write_text(f"{CHILD}\n")
    assert birthshare("changes", "apply", file, "--word", "suppressed", "--as", WHO).code == DONE
    [body] = birthshare.authority.recorded(Kind.CHANGES_APPLIED)
    assert isinstance(body, ChangesApplied)
    assert body.sha256 != hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_same_list_twice_adds_nothing(birthshare: CommandLine, write: Write) -> None:
    file = write(*LIST)
    assert birthshare("changes", "apply", file, "--as", WHO).code == DONE
    with opened_ledger(birthshare.authority.home) as ledger:
        entries = len(list(ledger.entries()))
    answer = birthshare("changes", "apply", file, "--as", WHO, "--json")
    assert (answer.code, answer.json["files"][0]["new"]) == (DONE, 0)
    with opened_ledger(birthshare.authority.home) as ledger:
        assert len(list(ledger.entries())) == entries
    assert birthshare("ledger", "verify").code == DONE


def test_a_longer_list_adds_what_is_new(birthshare: CommandLine, write: Write) -> None:
    birthshare("changes", "apply", write(*LIST[:2]), "--as", WHO)
    answer = birthshare("changes", "apply", write(*LIST, name="longer.csv"), "--as", WHO, "--json")
    assert answer.json["files"][0]["new"] == 1


def test_an_own_list_cannot_take_back_a_death_that_a_supplier_reported(
    birthshare: CommandLine, write: Write
) -> None:
    before = words(birthshare)
    removed = {"subject": "child", "nhs_number": CHILD, "word": "death_removed", "since": "2026-10-30"}
    answer = birthshare("changes", "apply", write(*LIST, removed), "--as", WHO)
    assert answer.code == WRONG_USE
    answer.says("cannot take a death back", "death_removed", "supplier")
    assert words(birthshare) == before


BAD = {
    "a number with a slip": ({"nhs_number": "9997786425"}, "nhs_number: nhs_number_check_digit"),
    "nobody": ({"nhs_number": ""}, "nhs_number: subject_not_named"),
    "no word": ({"word": ""}, "word: value_missing"),
    "an unknown word": ({"word": "do_not_contact"}, "column word"),
    "an unknown subject": ({"subject": "mother"}, "column subject"),
    "no date": ({"since": "yesterday"}, "since: date_format"),
}


@pytest.mark.parametrize("spoilt", BAD)
def test_of_a_list_with_one_bad_row_nothing_is_applied(
    birthshare: CommandLine, write: Write, spoilt: str
) -> None:
    changed, what = BAD[spoilt]
    before = words(birthshare)
    answer = birthshare("changes", "apply", write(*LIST, LIST[0] | changed), "--as", WHO, "--json")
    assert answer.code == WRONG_USE
    answer.says(what, "record 4", "Nothing of the file was applied", "worse than none")
    assert words(birthshare) == before
    assert birthshare.authority.recorded(Kind.CHANGES_APPLIED) == []
    check_nothing_shown(birthshare, *PERSONAL, "9997786425")


FILES = {
    "empty": (b"", "is empty"),
    "no header": (changes_csv(LIST).split(b"\r\n", 1)[1], "does not begin with a header"),
    "a column missing": (b"subject,nhs_number\r\nchild,9997786424\r\n", "missing: word"),
    "a column that is not known": (
        b"subject,word,surname\r\nchild,suppressed,Zanthwick\r\n",
        "not in the contract",
    ),
    "not UTF-8": (b"subject,word,record_id\r\nchild,suppressed,Zo\xeb\r\n", "not in UTF-8"),
    "UTF-16": ("subject,word\r\nchild,suppressed\r\n".encode("utf-16"), "NUL bytes"),
    "a ragged row": (b"subject,word\r\nchild,suppressed,more\r\n", "more or fewer fields"),
    "sealed": (b"\x85\x02\x0c\x03\xff\xfe\x00", "NUL bytes"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_such_list_is_refused_in_words(
    birthshare: CommandLine, tmp_path: Path, kind: str
) -> None:
    content, what = FILES[kind]
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    answer = birthshare("changes", "apply", file, "--as", WHO)
    assert answer.code == WRONG_USE
    answer.says(what, "list.csv", "schemas/CHANGES.md")
    assert "Zanthwick" not in answer.err


def test_a_list_that_is_too_large_is_not_read(
    birthshare: CommandLine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.afterwards.changes.MAX_BYTES", 50)
    answer = birthshare("changes", "apply", write(*LIST), "--as", WHO)
    assert answer.code == WRONG_USE
    answer.says("too large", "list.csv")


def test_only_a_known_person_may_vouch_and_somebody_must(birthshare: CommandLine, write: Write) -> None:
    file = write(*LIST)
    stranger = birthshare("changes", "apply", file, "--as", "stranger@example.org")
    assert stranger.code == REFUSED
    stranger.says("not known here", "[[approvers]]")
    nobody = birthshare("changes", "apply", file)
    assert nobody.code == WRONG_USE
    nobody.says("--as")
    assert birthshare("changes", "apply", "--as", WHO).code == WRONG_USE
    assert birthshare.authority.recorded(Kind.CHANGES_APPLIED) == []


# --- bare numbers ---------------------------------------------------------------------------------

NUMBERS = {
    "as they are": f"{CHILD}\n{PARENT}\n",
    "with a heading, a byte order mark and closing commas": f"\ufeffnhs_number\r\n{CHILD},\r\n{PARENT},\r\n",
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_bare_numbers_are_said_of_a_child_and_of_a_parent(
    birthshare: CommandLine, tmp_path: Path, kind: str
) -> None:
    """The list does not tell which a number is, and an opted-out parent's data are on a card as well."""
    home, file = birthshare.authority.home, tmp_path / "optouts.txt"
    file.write_text(NUMBERS[kind], newline="")
    before = words(birthshare)
    answer = birthshare("changes", "apply", file, "--word", "national_opt_out", "--as", WHO, "--json")
    assert (answer.code, answer.json["files"][0]["rows"]) == (DONE, 2)
    said = {
        (subject, "national_opt_out")
        for subject_kind in ("child", "parent")
        for subject in reference(home, subject_kind, [CHILD, PARENT])
    }
    assert set(words(birthshare)[len(before) :]) == said
    check_nothing_shown(birthshare, *PERSONAL)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{CHILD}\n999 778 6424\n", "nhs_number: nhs_number_format"),
        (f"{CHILD}\n\n{PARENT}\n", "nhs_number: subject_not_named"),
        (f"{CHILD},suppressed\n", "nhs_number: nhs_number_format"),
        ("nhs_number\n", "holds no NHS numbers"),
        ("", "holds no NHS numbers"),
    ],
)
def test_of_bare_numbers_with_one_bad_line_nothing_is_applied(
    birthshare: CommandLine, tmp_path: Path, text: str, what: str
) -> None:
    file = tmp_path / "optouts.txt"
    file.write_text(text)
    before = words(birthshare)
    answer = birthshare("changes", "apply", file, "--word", "national_opt_out", "--as", WHO)
    assert answer.code == WRONG_USE
    answer.says(what, "optouts.txt", "Nothing of the file was applied")
    assert words(birthshare) == before
    check_nothing_shown(birthshare, *PERSONAL, "999 778 6424")


@pytest.mark.parametrize("word", ["opted_out", "death_removed"])
def test_a_word_that_bare_numbers_cannot_say_is_refused(
    birthshare: CommandLine, tmp_path: Path, word: str
) -> None:
    file = tmp_path / "optouts.txt"
    file.write_text(CHILD)
    answer = birthshare("changes", "apply", file, "--word", word, "--as", WHO)
    assert answer.code == WRONG_USE
    answer.says("not known", "national_opt_out")


def test_the_same_numbers_may_say_another_word(birthshare: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text(CHILD)
    for word in ("national_opt_out", "suppressed"):
        assert birthshare("changes", "apply", file, "--word", word, "--as", WHO).code == DONE
    assert len(birthshare.authority.recorded(Kind.CHANGES_APPLIED)) == 2


# --- what was applied -----------------------------------------------------------------------------


def test_what_was_applied_is_listed_in_counts(birthshare: CommandLine, write: Write) -> None:
    assert "No feed or list was applied yet." in birthshare("changes", "list").out
    birthshare("changes", "apply", write(*LIST), "--as", WHO)
    found = birthshare("changes", "list", "--json").json
    [applied] = found["applied"]
    assert (applied["source"], applied["by"], applied["rows"]) == ("authority", WHO, 3)
    assert applied["words"] == {"objected": 1, "suppressed": 2}
    assert found["words"]["objected"] == 1
    shown = birthshare("changes", "list")
    assert shown.code == DONE
    assert "suppressed" in shown.out
    check_nothing_shown(birthshare, *PERSONAL)
