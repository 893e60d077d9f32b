"""A centre that wants a zip with address labels gets it from a real month, over a real server."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

from pypdf import PdfReader

from month_authority import AGREEMENT, MONTH, Authority, families_in, unzipped
from servers.installing import seven_zip


def test_a_zip_with_labels_reaches_its_centre_and_holds_every_family_once(
    authority: Authority, tmp_path: Path
) -> None:
    authority.change_recipient("centre-01", format="zip", labels="a4-21")
    authority.prepare_and_approve()
    state = authority.run()
    [row] = [row for row in state["recipients"] if row["code"] == "centre-01"]
    file = authority.received / "centre-01" / row["file"]
    password = (authority.home.path / "keys" / "recipients" / "centre-01.password").read_text().strip()

    files = unzipped(file, password)
    header, *families = families_in(files["contents.xlsx"])
    sheets = PdfReader(io.BytesIO(files["labels.pdf"])).pages
    printed = " ".join(" ".join(page.extract_text() for page in sheets).split())

    assert state["state"] == "closed"
    assert file.name == f"{AGREEMENT}_{MONTH}_centre-01.zip"
    assert len(families) == row["households"] > 0
    places = [header.index(heading) for heading in ("Reference", "Postcode")]
    for reference, postcode in ([str(family[place]) for place in places] for family in families):
        assert reference in printed or postcode in printed


def test_the_centre_opens_its_zip_with_7_zip(authority: Authority, tmp_path: Path) -> None:
    authority.change_recipient("centre-01", format="zip", labels="a4-8")
    authority.prepare_and_approve()
    authority.run()
    [file] = (authority.received / "centre-01").glob("*.zip")
    password = (authority.home.path / "keys" / "recipients" / "centre-01.password").read_text().strip()

    subprocess.run(
        [seven_zip(), "x", f"-p{password}", f"-o{tmp_path / 'out'}", file],
        check=True,
        capture_output=True,
    )

    assert {one.name for one in (tmp_path / "out").iterdir()} == {"contents.xlsx", "labels.pdf"}
