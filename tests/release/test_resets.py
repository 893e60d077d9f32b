"""An approval is of exactly what was shown: any change makes a release that nobody has approved yet."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest

from changes.writing import answers_csv
from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline.ledger.entries import Kind

Change = Callable[[Authority], tuple[str, ...]]  # makes a change; the answer is further options of `run`


def another_extract(authority: Authority) -> tuple[str, ...]:
    """The same births, but one family has said no meanwhile."""
    extract = authority.extract()
    given = extract.index[extract["consent_status"] == "given"][0]
    extract.loc[given, "consent_status"] = "refused"
    authority.send(extract)
    return ()


def the_same_extract_signed_anew(authority: Authority) -> tuple[str, ...]:
    authority.send(authority.extract())
    return ()


def another_agreement(authority: Authority) -> tuple[str, ...]:
    """One word of the purpose, signed anew by every role."""
    file = authority.agreement_file()
    file.write_text(file.read_text() + "# Read again.\n")
    authority.sign_agreement(1)
    return ()


def other_decisions(authority: Authority) -> tuple[str, ...]:
    """The same inputs, decided as of another moment."""
    return ("--as-of", f"{NOW - timedelta(days=1):%Y-%m-%d}")


def another_key(authority: Authority) -> tuple[str, ...]:
    """A recipient opens its list with another password."""
    password = authority.home.path / "keys" / "recipients" / "centre-01.password"
    password.write_text("known to somebody else")
    return ()


def another_address(authority: Authority) -> tuple[str, ...]:
    authority.change_recipient("centre-01", user="another")
    return ()


def another_reach_area(authority: Authority) -> tuple[str, ...]:
    areas = authority.home.path / "reference" / "reach_areas.csv"
    areas.write_text("".join(areas.read_text().splitlines(keepends=True)[:-3]))
    authority.sign_register()
    return ()


def a_newer_directory(authority: Authority) -> tuple[str, ...]:
    """As `geography_refresh` puts it in the place of the other while people decide."""
    with (
        closing(sqlite3.connect(authority.home.at(authority.home.settings.geography.directory))) as places,
        places,
    ):
        facts = json.loads(places.execute("SELECT content FROM facts").fetchone()[0])
        newer = facts | {"source_sha256": "f" * 64, "digest": ""}
        places.execute("UPDATE facts SET content = ?", [json.dumps(newer)])
    return ()


CHANGES = (
    another_extract, the_same_extract_signed_anew, another_agreement, other_decisions, another_key,
    another_address, another_reach_area, a_newer_directory,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_any_change_resets_every_approval(two: CommandLine, change: Change) -> None:
    before = two("release", "show", str(MONTH), "--json").json["pack_sha256"]
    assert two.approve("data_lead").code == 0
    assert two.approve("caldicott_guardian").code == 0
    again = two.run(*change(two.authority))
    assert again.code == 6, again.err
    again.says("needs 2 different persons")
    assert two("release", "show", str(MONTH), "--json").json["pack_sha256"] != before
    assert two.authority.files() == {}


def test_another_companion_file_of_answers_resets_every_approval(
    authority: Authority, birthshare: CommandLine
) -> None:
    authority.ask_two()
    authority.setting("[suppliers.chis]", '[suppliers.chis]\nconsents = "{supplier}_{month}_answers.csv.gpg"')
    file = authority.inbox / f"chis_{MONTH}_answers.csv.gpg"
    agreed = authority.extract().query("consent_status == 'given' and nhs_number != ''").iloc[0]
    for answer in ("given", "refused"):
        said = {"nhs_number": agreed["nhs_number"], "consent_status": answer, "consent_given_by": "father"}
        authority.send(answers_csv([said | {"consent_date": agreed["consent_date"]}]), file)
        waiting = birthshare.run()
        assert waiting.code == 6
        waiting.says("needs 2 different persons")
        for role in ("data_lead", "caldicott_guardian"):
            assert birthshare.approve(role).code == 0
    assert len(authority.recorded(Kind.RELEASE_REQUESTED)) == 2


def test_one_approval_before_a_change_and_one_after_are_not_two(two: CommandLine) -> None:
    assert two.approve("data_lead").code == 0
    another_extract(two.authority)
    assert two.run().code == 6
    assert two.approve("caldicott_guardian").code == 0
    waiting = two.run()
    assert waiting.code == 6
    waiting.says("needs another person", "--as data.lead@example.org")
    assert two.authority.files() == {}


def test_approved_again_by_both_the_changed_month_leaves(two: CommandLine) -> None:
    assert two.approve("data_lead").code == 0
    another_extract(two.authority)
    assert two.run().code == 6
    for role in ("caldicott_guardian", "data_lead"):
        assert two.approve(role).code == 0
    assert two.run().json["state"] == "closed"


def test_without_a_change_running_again_resets_nothing(two: CommandLine) -> None:
    assert two.approve("data_lead").code == 0
    assert two.run().code == 6
    assert two.approve("caldicott_guardian").code == 0
    assert two.run().code == 0
    assert len(two.authority.recorded(Kind.RELEASE_REQUESTED)) == 1
