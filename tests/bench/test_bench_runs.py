"""The figures can still be measured. How fast anything is, no test says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.reasons import Reason

BENCH = Path(__file__).with_name("bench.py")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [sys.executable, str(BENCH), "--quick", "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=280)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_the_demonstration_ends_with_balanced_books(figures: dict[str, Any]) -> None:
    assert figures["demo"]["balanced"]
    assert set(figures["demo"]["stages"]) >= {"authority", "intake", "validation", "delivery", "account"}


def test_both_sides_bring_a_list_to_every_centre(figures: dict[str, Any]) -> None:
    pair = figures["against_rival"]
    assert pair["birthshare"]["lists"] == pair["rival"]["lists"] == pair["centres"]
    assert pair["birthshare"]["rows"] > 0


def test_whom_birthshare_writes_to_the_rival_writes_to_as_well(figures: dict[str, Any]) -> None:
    homes = figures["against_rival"]["homes"]
    assert homes["birthshare_only"] == 0
    assert homes["both"] > homes["rival_only"]


def test_every_home_that_only_the_rival_writes_to_has_a_reason_against_it(figures: dict[str, Any]) -> None:
    pair = figures["against_rival"]
    assert sum(pair["reasons_against_homes_of_rival_only"].values()) >= pair["homes"]["rival_only"]


def test_many_births_are_decided_under_several_agreements(figures: dict[str, Any]) -> None:
    decisions = figures["decisions"]
    births = [size["births"] for size in decisions["sizes"]]
    assert births == [1_000, 2_000, 4_000]
    for size in decisions["sizes"]:
        assert size["decisions_a_second"] > 0
        assert size["peak_mib"] >= size["held_mib"]
        assert len(size["shared"]) == 3
        assert all(0 < shared < size["births"] for shared in size["shared"].values())
    assert decisions["interpreter"]["agree"]


def test_what_cedar_is_asked_are_rules_of_ours() -> None:
    rules = re.findall(r'@id\("(\w+)"\)', BENCH.with_name("rules.cedar").read_text(encoding="utf-8"))
    assert len(rules) == len(set(rules))
    assert set(rules) < {str(reason) for reason in Reason}


def test_engine_and_interpreter_agree_on_the_sample(figures: dict[str, Any]) -> None:
    assert figures["many"]["interpreter"]["agree"]
    assert figures["many"]["shared"] > 0


def test_every_list_is_brought_by_each_way(figures: dict[str, Any]) -> None:
    pushes = figures["pushes"]
    assert set(pushes["to_each"]) == {"ours", "sftp"}
    assert set(pushes["to_one"]) == {"ours", "sftp", "sftp_fsync"}
    for ways in (pushes["to_each"], pushes["to_one"]):
        assert all(min(seconds) > 0 for seconds in ways.values())


def test_lists_are_sealed_in_every_format(figures: dict[str, Any]) -> None:
    assert set(figures["sealing"]["seconds"]) == {"workbook", "csv", "zip", "zip with labels"}


def test_a_long_ledger_is_sound_whole_and_since_a_checkpoint(figures: dict[str, Any]) -> None:
    ledger = figures["ledger"]
    assert ledger["verified"]["sound"]
    assert ledger["since"]["sound"]
    assert ledger["entries"] == ledger["verified"]["read"] > ledger["since"]["read"]
    assert set(ledger["recorded"]["sqlite"]) == set(ledger["recorded"]["postgresql"])


def test_every_family_that_a_feed_speaks_of_is_called_back(figures: dict[str, Any]) -> None:
    past = figures["called_back"]
    assert past["entries"] > past["disclosures"]
    assert past["runs"][0]["seconds"] > 0


def test_rules_by_hand_find_what_ours_find_in_a_large_file(figures: dict[str, Any]) -> None:
    intake = figures["intake"]
    for turn in intake["turns"]:
        assert turn["ours"]["rows"] == intake["rows"]
        assert turn["ours"]["by_rule"] == turn["by_hand"]["by_rule"] != {}
    assert intake["checks"]["ours"]["broken"] == intake["checks"]["gx"]["broken"] > 0


def test_every_way_of_asking_the_directory_places_the_same(figures: dict[str, Any]) -> None:
    geography = figures["geography"]
    placed = geography["few"]["placed"]
    assert placed["ours"] == placed["bare"] == placed["pandas"] > 0
    assert set(geography["few"]["seconds"]) == {"bare", "ours", "command", "pandas"}
    assert sum(geography["many"]["ours"]["statuses"].values()) > 0
    assert geography["built"]["peak_mib"] > 0
