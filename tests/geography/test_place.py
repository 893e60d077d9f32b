"""Each postcode gets its recipient or its reason; the room sees a reference and a postcode alone."""

from __future__ import annotations

import socket
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geography.town import NEW, OLD, OURS, THEIRS, WARD, Town
from pipeline.errors import IntegrityError, SettingsError
from pipeline.geography.areas import Kind
from pipeline.geography.place import Status, explain, place, place_everywhere, read_hospital_postcodes
from pipeline.networks import DIRECTORY_ALONE
from pipeline.reasons import Reason
from pipeline.records import PLACEMENTS

# One postcode for every status, in the town whose areas are below.
EXAMPLES = {
    "QA1 1AA": (Status.PLACED, "", "north", "lsoa11", OURS),
    "QA1 1ZZ": (Status.PLACED_TERMINATED, "", "north", "lsoa11", OURS),
    "QA1 IAA": (Status.PLACED_REPAIRED, "", "north", "lsoa11", OURS),
    "Postcode: QA1-1AA": (Status.PLACED_REPAIRED, "", "north", "lsoa11", OURS),
    "": (Status.BLANK, "postcode_unknown", "", "", ""),
    "QA9 9ZZ": (Status.UNKNOWN, "postcode_unknown", "", "", ""),
    "not a postcode": (Status.UNKNOWN, "postcode_unknown", "", "", ""),
    "ZZ99 3VZ": (Status.NO_FIXED_ABODE, "postcode_pseudo", "", "", ""),
    "zz993wz": (Status.ADDRESS_NOT_KNOWN, "postcode_pseudo", "", "", ""),
    "ZZ99 3CZ": (Status.COUNTRY_ALONE, "postcode_pseudo", "", "", ""),
    "ZZ99 4QZ": (Status.ABROAD, "postcode_pseudo", "", "", ""),
    "ZZ1 1ZZ": (Status.PSEUDO, "postcode_pseudo", "", "", ""),
    "BFPO 57": (Status.FORCES, "postcode_pseudo", "", "", ""),
    "BF1 3AA": (Status.FORCES, "postcode_pseudo", "", "", ""),
    "JE2 3AA": (Status.CROWN_DEPENDENCY, "postcode_imprecise", "", "", ""),
    "GY1 1AA": (Status.CROWN_DEPENDENCY, "postcode_imprecise", "", "", ""),
    "QA2 5AA": (Status.IMPRECISE, "postcode_imprecise", "", "", OURS),
    "QA2 6AA": (Status.IMPRECISE, "postcode_imprecise", "", "", OURS),
    "QA2 8AA": (Status.IMPRECISE, "postcode_imprecise", "", "", OURS),
    "QA2 0AA": (Status.IMPRECISE, "postcode_imprecise", "", "", OURS),
    "QA2 9AA": (Status.NO_GRID, "postcode_imprecise", "", "", OURS),
    "QA1 2AA": (Status.GAP, "no_reach_area", "", "", OURS),
    "QB1 1AA": (Status.OUT_OF_AREA, "no_reach_area", "", "", THEIRS),
    "QA1 1AD": (Status.AMBIGUOUS, "reach_area_ambiguous", "", "postcode", OURS),
}
AREAS = [
    ("centres", "north", "lsoa11", OLD),
    ("centres", "north", "postcode", "QA1 1AD"),
    ("centres", "south", "postcode", "QA1 1AD"),
]


@pytest.fixture
def served(town: Town) -> Town:
    """The town with its reach index."""
    town.compile(*AREAS)
    return town


@pytest.mark.parametrize("postcode", EXAMPLES)
def test_each_kind_of_postcode_has_its_status_and_reason(served: Town, postcode: str) -> None:
    status, *rest = EXAMPLES[postcode]
    found = served.one(postcode)
    assert [found[name] for name in ("status", "reason", "recipient", "matched", "authority")] == [
        status,
        *rest,
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("QA2 SAA", "QA2 5AA"),
        ("QA2-9AA", "QA2 9AA"),
        ("QA1 ZAA", "QA1 2AA"),
        ("QB1.1AA", "QB1 1AA"),
        ("QA1 IAD", "QA1 1AD"),
    ],
)
def test_a_repaired_postcode_is_held_for_the_reason_of_the_one_that_is_meant(
    served: Town, written: str, meant: str
) -> None:
    found, right = served.one(written), served.one(meant)
    assert right["reason"]
    assert {**found, "reference": 0} == {**right, "reference": 0}


def test_the_examples_above_show_every_status() -> None:
    by_a_person = {Status.PLACED_REVIEWED}  # the examples of test_decided
    assert {status for status, *_ in EXAMPLES.values()} == set(Status) - by_a_person


def test_every_status_has_a_wording_and_a_known_reason() -> None:
    for status in Status:
        assert status.wording
        assert status.reason == "" or Reason(status.reason)


def test_only_placed_birth_has_a_recipient_and_every_other_a_reason(served: Town) -> None:
    found = served.place(EXAMPLES)
    assert (found["recipient"].eq("") == found["reason"].ne("")).all()


@pytest.mark.parametrize("missing", [None, float("nan"), "   ", "\u00a0"])
def test_a_postcode_that_is_missing_is_no_postcode(served: Town, missing: object) -> None:
    asked = pd.DataFrame({"reference": [1], "postcode": pd.Series([missing], dtype="object")})
    found = place(
        asked,
        directory=served.directory,
        reach=served.reach,
        network="centres",
        hospital_postcodes=frozenset(),
    )
    assert found["reason"].tolist() == ["postcode_unknown"]


def test_a_named_postcode_of_no_precise_position_is_held_all_the_same(town: Town) -> None:
    town.compile(("centres", "north", "postcode", "QA2 5AA"))
    assert town.one("QA2 5AA")["status"] == "imprecise"


def test_placements_have_the_declared_columns_and_types(served: Town) -> None:
    found = served.place(EXAMPLES)
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == PLACEMENTS
    assert served.place([]).dtypes.astype(str).to_dict() == PLACEMENTS
    assert set(found["network"]) == {"centres"}


@pytest.mark.parametrize("extra", ["given_name", "date_of_birth", "consent_status", "row"])
def test_a_frame_that_says_more_is_refused(served: Town, extra: str) -> None:
    asked = pd.DataFrame({"reference": [1], "postcode": ["QA1 1AA"], extra: ["x"]})
    with pytest.raises(IntegrityError, match="columns other than reference and postcode"):
        place(
            asked,
            directory=served.directory,
            reach=served.reach,
            network="centres",
            hospital_postcodes=frozenset(),
        )


def test_a_frame_that_says_less_is_refused(served: Town) -> None:
    with pytest.raises(IntegrityError):
        place(
            pd.DataFrame({"reference": [1]}),
            directory=served.directory,
            reach=served.reach,
            network="centres",
            hospital_postcodes=frozenset(),
        )


def test_one_reference_cannot_be_asked_twice(served: Town) -> None:
    asked = pd.DataFrame({"reference": [1, 1], "postcode": ["QA1 1AA", "QA1 1AB"]})
    with pytest.raises(IntegrityError, match="same reference twice"):
        place(
            asked,
            directory=served.directory,
            reach=served.reach,
            network="centres",
            hospital_postcodes=frozenset(),
        )


def test_a_network_without_areas_is_a_plain_message(served: Town) -> None:
    with pytest.raises(SettingsError, match="No reach area of the network libraries"):
        served.place(["QA1 1AA"], network="libraries")


# With the directory alone there are no areas: what is known of the place decides.
ALONE = {
    "placed": ("QA1 1AA", "QA1 2AA", "QB1 1AA", "QA1 1AD"),  # one area, a gap, elsewhere, two areas
    "placed_terminated": ("QA1 1ZZ",),
    "blank": ("",),
    "unknown": ("QA9 9ZZ",),
    "no_fixed_abode": ("ZZ99 3VZ",),
    "placed_repaired": ("QA1 IAA",),
    "forces": ("BF1 3AA",),
    "crown_dependency": ("GY1 1AA",),
    "imprecise": ("QA2 5AA", "QA2 0AA"),
    "no_grid": ("QA2 9AA",),
}


@pytest.mark.parametrize("status", ALONE)
def test_with_the_directory_alone_no_reach_area_is_asked(served: Town, status: str) -> None:
    found = served.place(ALONE[status], network=DIRECTORY_ALONE)
    assert set(found["status"]) == {status}
    assert set(found["reason"]) == {Status(status).reason}
    assert set(found["recipient"]) == set(found["matched"]) == {""}
    assert set(found["network"]) == {"directory"}


def everywhere(served: Town, *postcodes: str, needed: tuple[str, ...] = ()) -> pd.DataFrame:
    listed = pd.Series(list(postcodes), dtype="str")
    return place_everywhere(
        pd.DataFrame({"reference": range(len(listed)), "postcode": listed}),
        directory=served.directory,
        reach=served.reach,
        needed=needed,
        hospital_postcodes=frozenset(["QA1 1AB"]),
    )


def test_every_network_in_force_is_placed_as_it_would_be_by_itself(town: Town) -> None:
    town.compile(*AREAS, ("libraries", "library", "ward", WARD))
    found = everywhere(town, *EXAMPLES)
    assert found.dtypes.astype(str).to_dict() == PLACEMENTS
    assert list(dict.fromkeys(found["network"])) == ["centres", "libraries", "directory"]
    for network, own in found.groupby("network"):
        alone = town.place(EXAMPLES, network=str(network), hospitals=frozenset(["QA1 1AB"]))
        pd.testing.assert_frame_equal(own.reset_index(drop=True), alone)


def test_a_network_that_an_agreement_needs_must_be_there(served: Town) -> None:
    assert len(everywhere(served, "QA1 1AA", needed=("centres", DIRECTORY_ALONE))) == 2
    with pytest.raises(SettingsError, match="No reach area of the network libraries"):
        everywhere(served, "QA1 1AA", needed=("centres", "libraries"))


def test_hospital_postcodes_are_marked_however_they_are_written(served: Town) -> None:
    found = served.place(
        ["QA1 1AA", "qa11ab", "", "QA9 9ZZ", "QA1 IAB", "QA1 IAA"],
        hospitals=frozenset(["QA11AB", "qa9 9zz", ""]),
    )
    assert found["hospital"].tolist() == [False, True, False, True, True, False]


def test_a_list_of_hospitals_is_read_by_its_column(tmp_path: Path) -> None:
    file = tmp_path / "hospital_postcodes.csv"
    file.write_text("name,postcode\nGeneral,qa1 1ab\nInfirmary,QB1 1AA\n,\n", encoding="utf-8-sig")
    assert read_hospital_postcodes(file) == {"QA11AB", "QB11AA"}


@pytest.mark.parametrize("content", [None, "code\nQA1 1AB\n", ""])
def test_a_list_of_hospitals_that_cannot_be_read_is_a_plain_message(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "hospital_postcodes.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="hospital postcodes") as stop:
        read_hospital_postcodes(file)
    assert "QA1" not in str(stop.value)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (
            "name,postcode\nGeneral,QA1 1AB\nInfirmary, London,QB1 1AA\n",
            "line 3",
        ),
        ("postcode\nQA1 IAB\n", "line 2"),
        ("name,postcode\nGeneral,\n", "line 2"),
        ("name,postcode,postcode\nGeneral,QA1 1AB,QA1 1AD\n", "no column"),
    ],
)
def test_a_hospital_without_its_postcode_is_not_passed_over(tmp_path: Path, content: str, where: str) -> None:
    """Else the card of a child who is still there would be posted to it."""
    file = tmp_path / "hospital_postcodes.csv"
    file.write_text(content)
    with pytest.raises(SettingsError, match=where) as stop:
        read_hospital_postcodes(file)
    assert "QA1" not in str(stop.value)


asked_lists = st.lists(st.sampled_from(sorted(EXAMPLES)), max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(postcodes=asked_lists, cut=st.integers(0, 30), order=st.randoms(use_true_random=False))
def test_neither_order_nor_company_changes_a_placement(
    served: Town, postcodes: list[str], cut: int, order
) -> None:
    whole = served.place(postcodes)
    turned = list(range(len(postcodes)))
    order.shuffle(turned)
    shuffled = served.place([postcodes[position] for position in turned])
    parts = pd.concat([served.place(postcodes[:cut]), served.place(postcodes[cut:])], ignore_index=True)
    columns = [name for name in PLACEMENTS if name != "reference"]
    pd.testing.assert_frame_equal(whole.iloc[turned][columns].reset_index(drop=True), shuffled[columns])
    pd.testing.assert_frame_equal(whole[columns], parts[columns])


def test_references_come_back_as_they_were_asked(served: Town) -> None:
    asked = pd.DataFrame({"reference": [70, 3, 41], "postcode": ["QA1 1AA", "", "QB1 1AA"]}, index=[9, 9, 1])
    found = place(
        asked,
        directory=served.directory,
        reach=served.reach,
        network="centres",
        hospital_postcodes=frozenset(),
    )
    assert found["reference"].tolist() == [70, 3, 41]
    assert found["status"].tolist() == ["placed", "blank", "out_of_area"]


def test_nothing_is_fetched(served: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("geography used the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    served.compile(*AREAS)
    assert served.one("QA1 1AA")["status"] == "placed"


def test_a_placement_is_explained_without_naming_the_place() -> None:
    by_area = "in the area of a recipient (by its small area (LSOA 2021))"
    assert explain("placed", "lsoa21", "centres") == by_area
    assert explain("gap", "", "centres") == "in an authority of this network, but in no recipient's area"
    assert all(explain(Status.PLACED, kind, "centres") for kind in Kind)


def test_with_the_directory_alone_nothing_is_said_of_a_recipients_area() -> None:
    for status in Status:
        assert "area of a recipient" not in explain(status, "", DIRECTORY_ALONE)
    assert explain("unknown", "", DIRECTORY_ALONE) == "the postcode is not in the directory"


def test_the_2021_vintage_places_as_well(town: Town) -> None:
    town.compile(("centres", "north", "lsoa21", NEW), ("centres", "south", "ward", WARD))
    assert town.one("QA1 1AA")["matched"] == "lsoa21"
