"""Each recipient gets the list in the format of its entry, sealed for it alone, with every row counted."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msoffcrypto
import pytest
import pyzipper
from pydantic import ValidationError
from pypdf import PdfReader

from pipeline.demo.keys import make_openpgp_key
from pipeline.encryption import gnupg
from pipeline.encryption.sealing import new_password
from pipeline.errors import IntegrityError
from pipeline.home import Home, Recipient, Settings
from pipeline.lists import labels as address_labels
from pipeline.lists.compile import FamilyList
from pipeline.lists.csv import count_rows as count_csv
from pipeline.lists.workbook import count_rows as count_workbook
from pipeline.steps import formats

MADE_ON = date(2026, 11, 4)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    key = tmp_path / "centre-1.password"
    key.touch(mode=0o600)
    key.write_text(new_password(), encoding="utf-8")
    authority = {"name": "Warwick Council", "code": "E10000031"}
    return Home(tmp_path, Settings.model_validate({"authority": authority, "suppliers": {}}))


def recipient(form: str, **terms: Any) -> Recipient:
    way = {"host": "localhost", "user": "centre-1", "host_key": "ssh-ed25519 AAAA"}
    plain = {"code": "centre-1", "name": "Lillington Centre", "kind": "childrens_centre", **way}
    return Recipient.model_validate(plain | {"format": form, "key": "centre-1.password"} | terms)


def sealed(home: Home, to: Recipient, families: FamilyList) -> tuple[bytes, str]:
    return formats.sealed_for(home, to, families, rows=len(families.rows), made_on=MADE_ON)


def unzipped(home: Home, content: bytes) -> dict[str, bytes]:
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        archive.setpassword(home.password("centre-1.password").encode())
        return {name: archive.read(name) for name in archive.namelist()}


def conditions_in(workbook: bytes) -> str:
    from python_calamine import CalamineWorkbook

    rows = (
        CalamineWorkbook.from_filelike(io.BytesIO(workbook))
        .get_sheet_by_name("Conditions of use")
        .to_python()
    )
    return "\n".join(str(cell) for row in rows for cell in row)


def test_a_workbook_is_sealed_under_the_recipients_password(home: Home, make: Any) -> None:
    content, ending = sealed(home, recipient("workbook"), make.list(make.births({}, {})))

    opened = io.BytesIO()
    office = msoffcrypto.OfficeFile(io.BytesIO(content))
    office.load_key(password=home.password("centre-1.password"), verify_password=True)
    office.decrypt(opened, verify_integrity=True)

    assert ending == "xlsx"
    assert count_workbook(opened.getvalue()) == 2
    assert "welcome-card_2026-10_centre-1.xlsx.received.txt" in conditions_in(opened.getvalue())


def test_a_zip_holds_the_workbook_and_says_nothing_outside(home: Home, make: Any) -> None:
    content, ending = sealed(home, recipient("zip"), make.list(make.births({}, {})))

    files = unzipped(home, content)

    assert ending == "zip"
    assert list(files) == ["contents.xlsx"]
    assert count_workbook(files["contents.xlsx"]) == 2
    # A receipt names the file that was delivered, not the one inside.
    assert "welcome-card_2026-10_centre-1.zip.received.txt" in conditions_in(files["contents.xlsx"])


def test_address_labels_go_into_the_same_zip_where_they_are_asked_for(home: Home, make: Any) -> None:
    content, _ = sealed(home, recipient("zip", labels="a4-14"), make.list(make.births({}, {})))

    files = unzipped(home, content)

    assert list(files) == ["contents.xlsx", "labels.pdf"]
    assert "14 labels" in PdfReader(io.BytesIO(files["labels.pdf"])).pages[-1].extract_text()


def test_a_list_without_addresses_has_no_labels_in_its_zip(home: Home, make: Any) -> None:
    families = make.list(make.births({}), agreement=make.with_fields("child_name"))

    content, _ = sealed(home, recipient("zip", labels="a4-14"), families)

    assert list(unzipped(home, content)) == ["contents.xlsx"]


def test_csv_is_sealed_for_the_recipients_own_key(home: Home, make: Any, tmp_path: Path) -> None:
    made = make_openpgp_key(tmp_path, "centre-1")
    to = recipient("csv", key=made.public.name)

    content, ending = sealed(home, to, make.list(make.births({}, {})))
    with gnupg.temporary_home() as own:
        gnupg.import_key(own, made.private)
        plain = gnupg.run(own, "--decrypt", given=content).output

    assert ending == "csv.gpg"
    assert count_csv(plain) == 2


@pytest.mark.parametrize("form", ["workbook", "zip", "csv"])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_file_with_another_number_of_rows_is_never_sealed(
    home: Home, make: Any, form: str, rows: int
) -> None:
    families = make.list(make.births({}, {}))

    with pytest.raises(IntegrityError, match="exactly the families"):
        formats.sealed_for(home, recipient(form), families, rows=rows, made_on=MADE_ON)


def test_labels_that_lack_a_family_are_never_sealed(
    home: Home, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = address_labels.render_labels

    def one_lost(*arguments: Any, **options: Any) -> Any:
        labels = whole(*arguments, **options)
        return replace(labels, printed=labels.printed - 1) if labels else None

    monkeypatch.setattr(address_labels, "render_labels", one_lost)

    with pytest.raises(IntegrityError, match="exactly the families"):
        sealed(home, recipient("zip", labels="a4-8"), make.list(make.births({}, {})))


def test_a_sheet_of_labels_that_is_not_known_is_refused_when_the_register_is_read() -> None:
    with pytest.raises(ValidationError, match="a4-21"):
        recipient("zip", labels="L9999")
