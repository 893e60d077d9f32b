"""A new password is handed over once, on paper, and counts when two signed it. Earlier lists stay good."""

from __future__ import annotations

import io
import re
from pathlib import Path

import msoffcrypto
import pytest
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from month_authority import NOW, Answer, Authority, CommandLine
from pipeline.demo.authority import APPROVERS
from pipeline.encryption.sealing import PASSWORD_BITS, new_password
from pipeline.ledger.entries import Kind
from pipeline.lists.letter import Letter, render_letter
from pipeline.lists.references import CODE_FORM
from register.signing import FIRST, LEAD, SECOND, WITH_KEY, why_not

DONE, WRONG_USE, REFUSED = 0, 2, 3


def renew(birthshare: CommandLine, code: str = FIRST, *options: str | Path) -> Answer:
    return birthshare("recipients", "password", code, "--as", APPROVERS[LEAD], *options)


def password_of(authority: Authority, code: str = FIRST) -> str:
    return authority.home.at(f"keys/recipients/{code}.password").read_text()


def letter(authority: Authority, code: str = FIRST) -> Path:
    return authority.home.outbox / "letters" / f"{code}.pdf"


def test_the_letter_says_the_password_how_to_use_it_and_whom_to_ask(
    authority: Authority, birthshare: CommandLine
) -> None:
    before = password_of(authority)
    assert renew(birthshare).code == DONE
    assert password_of(authority) != before
    [page] = PdfReader(letter(authority)).pages
    text = " ".join(page.extract_text().split())
    assert all(group in text for group in password_of(authority).split("-"))
    assert authority.home.recipients()[FIRST].name in text
    assert "Excel or LibreOffice" in text
    assert "after two persons at" in text
    assert "still open with the password before this one" in text
    assert f"tell us at once: {APPROVERS[LEAD]}" in text


def test_nobody_but_the_owner_reads_the_letter_or_the_password_and_no_screen_shows_it(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert renew(birthshare).code == DONE
    key = authority.home.at(f"keys/recipients/{FIRST}.password")
    assert {file.stat().st_mode & 0o777 for file in (key, letter(authority))} == {0o600}
    assert password_of(authority) not in birthshare.said
    assert [file.name for file in key.parent.iterdir() if ".part" in file.name] == []
    [made] = authority.recorded(Kind.PASSWORD_MADE)
    assert made.model_dump() == {"recipient": FIRST, "principal": APPROVERS[LEAD]}


def test_its_recipient_waits_until_two_have_signed(authority: Authority, birthshare: CommandLine) -> None:
    assert why_not(authority, FIRST) == ""
    answer = renew(birthshare)
    assert "gets nothing until the register is signed" in " ".join(answer.out.split())
    assert "its key or password is another" in why_not(authority, FIRST)
    assert why_not(authority, SECOND) == ""
    authority.sign_register()
    assert why_not(authority, FIRST) == ""


def test_lists_and_receipts_of_before_stay_good(authority: Authority, birthshare: CommandLine) -> None:
    state = birthshare.finish()
    [row] = [row for row in state["recipients"] if row["code"] == FIRST]
    families, before = authority.families(FIRST), password_of(authority)
    assert renew(birthshare).code == DONE
    authority.sign_register()
    assert why_not(authority, FIRST) == ""

    sheets = opened(authority.received / FIRST / row["file"], before)
    assert sheets["Families"] == families
    [code] = re.findall(rf"'({CODE_FORM})'", str(sheets["Conditions of use"]))
    answered = authority.received / FIRST / f"{row['file']}.received.txt"
    answered.write_text(f"{code}\n")
    try:
        answer = birthshare("receipts", "--json")
    finally:
        answered.unlink()
    assert len(authority.recorded(Kind.ACKNOWLEDGED)) == 1, answer.err


def opened(file: Path, password: str) -> dict[str, list[list[str]]]:
    """Every sheet of a sealed workbook, by its name."""
    plain = io.BytesIO()
    with file.open("rb") as sealed:
        office = msoffcrypto.OfficeFile(sealed)
        office.load_key(password=password, verify_password=True)
        office.decrypt(plain, verify_integrity=True)
    book = CalamineWorkbook.from_filelike(io.BytesIO(plain.getvalue()))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_a_letter_is_never_written_over(authority: Authority, birthshare: CommandLine) -> None:
    assert renew(birthshare).code == DONE
    first, password = letter(authority).read_bytes(), password_of(authority)
    again = renew(birthshare)
    assert again.code == WRONG_USE
    again.says("is not written over", "delete it")
    assert letter(authority).read_bytes() == first
    assert password_of(authority) == password
    assert renew(birthshare, FIRST, "--letter", authority.home.path.parent / "another.pdf").code == DONE


def test_stopped_in_between_the_former_password_stays(
    authority: Authority, birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert why_not(authority, FIRST) == ""
    before = password_of(authority)

    def full(file: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert renew(birthshare).code == WRONG_USE
    monkeypatch.undo()
    assert password_of(authority) == before
    assert why_not(authority, FIRST) == ""
    folder = authority.home.at("keys/recipients")
    assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []
    assert not letter(authority).exists()  # nobody hands over what opens nothing


@pytest.mark.parametrize(
    ("code", "who", "words", "exit_code"),
    [
        (WITH_KEY, APPROVERS[LEAD], "have no password", WRONG_USE),
        ("nobody", APPROVERS[LEAD], "not in the register", WRONG_USE),
        (FIRST, "stranger@example.org", "not known here", REFUSED),
    ],
    ids=["openpgp", "unknown", "stranger"],
)
def test_who_has_no_password_or_may_not_make_one_is_told(
    authority: Authority, birthshare: CommandLine, code: str, who: str, words: str, exit_code: int
) -> None:
    answer = birthshare("recipients", "password", code, "--as", who)
    assert answer.code == exit_code
    answer.says(words)
    assert authority.recorded(Kind.PASSWORD_MADE) == []
    assert not letter(authority, code).exists()


def test_no_two_passwords_are_alike_and_all_are_strong() -> None:
    assert PASSWORD_BITS > 80
    assert len({new_password() for _ in range(50)}) == 50


def test_a_letter_for_a_zip_names_its_program_and_any_name_is_printed_as_it_is() -> None:
    name = 'Canolfan Blant Tŷ Ŵyn <b>& "Sons"'
    said = Letter("Example Council", name, new_password(), "zip", "data.lead@example.org", NOW.date(), True)
    [page] = PdfReader(io.BytesIO(render_letter(said))).pages
    text = page.extract_text()
    assert name in text
    assert "7-Zip" in text
    assert "before this one" not in text  # there was none
    assert render_letter(said) == render_letter(said)
