"""Whom an agreement serves has a list each month, and nobody else, though the register knows more."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from month_authority import AGREEMENT, MONTH, NOW, Authority, CommandLine, clear
from pipeline import month as months
from pipeline.errors import NotAllDelivered, SettingsError
from pipeline.ledger.entries import Placed
from pipeline.steps.inputs import PLACEMENTS

CENTRES = {"centre-01", "centre-02", "centre-03", "centre-04"}


def planned(authority: Authority) -> dict[str, int]:
    """Households by recipient, as people are asked about them."""
    state = authority.run(until="release")
    return {one["code"]: one["households"] for one in state["recipients"] if one["agreement"] == AGREEMENT}


def register(authority: Authority, code: str, kind: str) -> None:
    """Add a recipient to the register; it has a key and an account of its own."""
    file = authority.home.path / "reference" / "recipients.yaml"
    entries = yaml.safe_load(file.read_text())
    key = f"keys/recipients/{code}.password"
    secret = authority.home.path / key
    secret.touch(mode=0o600)
    secret.write_text(f"a password of {code}")
    like = entries["recipients"][0]
    entries["recipients"].append(
        like | {"code": code, "name": code, "kind": kind, "user": code, "key": key, "format": "workbook"}
    )
    file.write_text(yaml.safe_dump(entries))
    authority.sign_register()


def areas(authority: Authority, *, network: str) -> None:
    """Write the reach areas again, every line in another network as well."""
    file = authority.home.path / "reference" / "reach_areas.csv"
    with file.open(newline="") as stream:
        header, *lines = csv.reader(stream)
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *lines, *([network, *line[1:]] for line in lines)])
    authority.sign_register()


@pytest.mark.parametrize("kind", ["childrens_centre", "library"])
def test_a_recipient_that_no_area_names_has_no_list(authority: Authority, kind: str) -> None:
    register(authority, "centre-of-a-neighbour", kind)

    assert set(planned(authority)) == CENTRES


def test_a_centre_with_areas_and_without_families_has_its_empty_list(authority: Authority) -> None:
    assert planned(authority)["centre-02"] > 0
    authority.say("objected", *authority.shared("centre-02"))
    areas(authority, network="libraries")  # a change, so that the month is decided anew

    assert set(planned(authority)) == CENTRES
    assert planned(authority)["centre-02"] == 0


def test_an_area_that_names_a_recipient_of_another_kind_stops_its_list_and_no_other(
    authority: Authority,
) -> None:
    authority.change_recipient("centre-03", kind="library")
    assert "centre-03" in planned(authority)
    authority.approve()

    try:
        with pytest.raises(NotAllDelivered, match="centre-03"):
            authority.run()
        assert {name.split("/")[0] for name in authority.files()} == CENTRES - {"centre-03"}
    finally:
        clear(authority.received)


def test_every_network_is_placed_and_those_in_use_are_recorded(authority: Authority) -> None:
    areas(authority, network="libraries")
    authority.run(until="release")

    with months.opened(authority.home, MONTH, NOW) as desk:
        placed = desk.staging.frame(PLACEMENTS)
        recorded = [one.network for one in desk.recorded(Placed)]

    assert set(placed["network"]) == {"childrens_centres", "libraries", "directory"}
    assert recorded == ["childrens_centres"]


def test_a_field_that_cannot_be_filled_stops_the_month_before_anything_is_decided(
    authority: Authority, birthshare: CommandLine
) -> None:
    file: Path = authority.agreement_file()
    text = file.read_text()
    fields = "fields: [child_name, parent_name, address, date_of_birth]"
    assert text.count(fields) == 1
    file.write_text(text.replace(fields, fields.replace("]", ", deprivation_decile]")))
    authority.sign_agreement(1)

    with pytest.raises(SettingsError, match="names the field deprivation_decile"):
        authority.run(until="release")

    with months.opened(authority.home, MONTH, NOW) as desk:
        assert desk.staging.names() == []
    findings = birthshare("doctor", "--json").json["findings"]
    [missing] = [one for one in findings if not one["well"]]
    assert "File 7 (CSV) of the English indices of deprivation 2025" in missing["advice"]
