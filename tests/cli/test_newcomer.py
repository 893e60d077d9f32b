"""From nothing to a month in one's own home, by what `birthshare doctor` says and nothing else.

The commands that it prints are run as they stand. What only people can do (ask for keys, fill in
names, agree) is done by `People`, with real keys.
"""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from month_authority import MONTH, NOW, Answer, Authority
from pipeline.contract import load_contract
from pipeline.demo.births import as_csv, synthetic_extract
from pipeline.demo.keys import OpenPgpKey, make_openpgp_key, seal_as_supplier
from pipeline.demo.places import AUTHORITY, SAMPLE, reach_areas, sample_postcodes
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.records import TEMPLATES

ROLES = {
    "caldicott_guardian": "caldicott.guardian@example.org",
    "data_protection_officer": "data.protection@example.org",
    "data_lead": "data.lead@example.org",
}
CENTRES = ("centre-01", "centre-02")


@dataclass
class People:
    """Those who found an authority, and those whom they ask."""

    say: Any
    folder: Path
    server: DemonstrationSftp
    supplier: OpenPgpKey

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def agreement(self) -> Path:
        return self.home / "agreements" / "welcome-card-first-visit.v1.yaml"

    def missing(self) -> dict[str, str]:
        """What doctor says is missing, and its advice."""
        answer: Answer = self.say("doctor", "--home", self.home, "--json")
        found = {one["what"]: one["advice"] for one in answer.json["findings"] if not one["well"]}
        assert answer.code == (2 if found else 0)
        return found

    def follow(self, advice: str) -> None:
        """Run the commands in one advice, as a person would paste them."""
        commands = "\n".join(line for line in advice.splitlines() if line.startswith("  "))
        subprocess.run(["sh", "-e", "-c", commands], cwd=self.folder, check=True, capture_output=True)

    def fill_in_settings(self) -> None:
        file = self.home / "birthshare.toml"
        text = file.read_text()
        text = re.sub(r'"REPLACE: (.*)"', r'"\1"', text).replace("E06999999", AUTHORITY)
        text = text.replace("0" * 40, self.supplier.fingerprint)
        # Its births are invented ones, whose NHS numbers no real child has.
        file.write_text(text.replace("[authority]\n", "[authority]\ndemonstration = true\n"))

    def give_supplier_key(self) -> None:
        target = self.home / "keys" / "suppliers" / "chis.asc"
        target.write_bytes(self.supplier.public.read_bytes())

    def make_approver_keys(self, advice: dict[str, str]) -> None:
        for person in ROLES.values():
            self.follow(advice[f"the public key of {person}"])

    def key_of(self, role: str) -> Path:
        return self.folder / f"{ROLES[role]}.key"

    def register_recipients(self) -> None:
        """By the commented example in the register."""
        file = self.home / "reference" / "recipients.yaml"
        example = re.findall(r"^# (?:- | )?(.*)$", file.read_text().split("recipients: []")[1], re.MULTILINE)
        shown = yaml.safe_load("\n".join(line.strip() for line in example))
        entries = [
            {
                **shown, "code": code, "user": code, "host": self.server.host, "port": self.server.port,
                "folder": ".", "host_key": self.server.host_key, "key": f"keys/recipients/{code}.password",
            }
            for code in CENTRES
        ]  # fmt: skip
        file.write_text(yaml.safe_dump({"recipients": entries}))

    def draw_reach_areas(self) -> None:
        file = self.home / "reference" / "reach_areas.csv"
        header = file.read_text().strip().split(",")
        lines = reach_areas(self.home / "reference" / "postcodes.sqlite", len(CENTRES), "childrens_centres")
        with file.open("a", newline="") as stream:
            csv.DictWriter(stream, header).writerows(lines)

    def agree(self) -> None:
        text = (TEMPLATES / self.agreement.name).read_text().replace("E06999999", AUTHORITY)
        for name, year in (("starts", -1), ("review_by", 1), ("expires", 2)):
            text = re.sub(rf"{name}: \S+", f"{name}: {NOW.year + year}-06-30", text)
        self.agreement.write_text(text)
        assert self.say("agreement", "check", self.agreement).code == 0
        for role in ROLES:
            signing = ("agreement", "sign", self.agreement, "--role", role, "--key", self.key_of(role))
            assert self.say(*signing).code == 0

    def sign_register(self) -> None:
        for role in ("data_lead", "caldicott_guardian"):
            signing = ("recipients", "sign", "--as", ROLES[role], "--key", self.key_of(role))
            assert self.say(*signing, "--home", self.home).code == 0

    def send_extract(self) -> None:
        places = sample_postcodes(self.home / "reference" / "postcodes.sqlite")
        columns = [column.name for column in load_contract().columns]
        births = synthetic_extract(MONTH, 60, seed=3, places=places, columns=columns)
        seal_as_supplier(
            as_csv(births),
            self.home / "inbox" / "chis" / f"births_chis_{MONTH}.csv.gpg",
            supplier_private=self.supplier.private,
            recipient_public=self.home / "keys" / "decryption.asc",
        )


@contextmanager
def founded(say: Any, folder: Path) -> Iterator[People]:
    for code in CENTRES:
        (folder / "received" / code).mkdir(parents=True)
    supplier = make_openpgp_key(folder / "trust", "chis")
    key = folder / "home" / "keys" / "delivery.key.pub"
    with DemonstrationSftp(folder / "received", key, host_key_file=folder / "host_key") as server:
        assert say("init", folder / "home").code == 0
        yield People(say, folder, server, supplier)


@pytest.fixture
def people(say: Any, tmp_path: Path) -> Iterator[People]:
    with founded(say, tmp_path) as found:
        yield found


def test_doctor_leads_from_an_empty_home_to_a_month_in_it(people: People) -> None:
    missing = people.missing()
    assert "birthshare.toml is filled in" in missing
    people.fill_in_settings()
    people.give_supplier_key()
    for key in ("keys/decryption.key", "keys/delivery.key"):
        people.follow(next(advice for what, advice in missing.items() if what.startswith(key)))
    people.make_approver_keys(missing)

    source = f"FILE.zip --home {people.home}"
    assert f"birthshare geography build {source}" in people.missing()["the postcode directory"]
    assert people.say("geography", "build", SAMPLE, "--part", "--home", people.home).code == 0
    people.register_recipients()
    for code in CENTRES:
        advice = people.missing()[f"keys/recipients/{code}.password: the password of {code}"]
        assert f"birthshare recipients password {code} --as WHO" in advice
        making = ("recipients", "password", code, "--as", ROLES["data_lead"], "--home", people.home)
        assert people.say(*making).code == 0

    unsigned = "the register of recipients is signed"
    assert list(people.missing()) == ["an agreement that stands", unsigned]
    people.agree()
    assert list(people.missing()) == ["  reach areas for its recipients", unsigned]
    people.draw_reach_areas()
    assert "birthshare recipients sign --as" in people.missing()[unsigned]
    people.sign_register()
    assert people.missing() == {}
    assert people.say("doctor", "--connect", "--home", people.home).code == 0

    _run_a_month(people)


def _run_a_month(people: People) -> None:
    at_home = ("--home", people.home)
    waiting = people.say("run", MONTH, *at_home)
    assert waiting.code == 6
    waiting.says("has not arrived", str(people.home / "inbox" / "chis"))
    people.send_extract()
    assert people.say("run", MONTH, *at_home).code == 6
    assert "Nothing leaves before it is approved" in people.say("release", "show", MONTH, *at_home).out
    who = ("--as", ROLES["data_lead"], "--key", people.key_of("data_lead"))
    assert people.say("release", "approve", MONTH, *who, *at_home).code == 0
    state = people.say("run", MONTH, "--json", *at_home).json
    assert state["state"] == "closed"
    assert sum(row["households"] for row in state["recipients"]) > 0
    for row in state["recipients"]:
        assert (people.folder / "received" / row["code"] / row["file"]).is_file()


def test_doctor_tells_a_person_what_is_missing_and_how_many(people: People) -> None:
    answer = people.say("doctor", "--home", people.home)
    assert answer.code == 2
    lines = answer.out.splitlines()
    missing = [line for line in lines if line.startswith("MISSING")]
    assert len(missing) > 5
    answer.says(f"{len(missing)} things are missing")
    for line in missing:
        assert lines[lines.index(line) + 1].startswith(" " * 9), f"no advice for: {line}"


def test_doctor_with_connect_names_a_server_that_cannot_be_reached(
    say: Any, small: tuple[Path, Answer]
) -> None:
    home = small[0] / "home"  # its server was there only while the demonstration ran
    assert say("doctor", "--home", home).code == 0
    answer = say("doctor", "--connect", "--home", home)
    assert answer.code == 2
    assert "MISSING  the server of centre-01" in answer.out


def test_a_home_is_made_only_where_nothing_is(say: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "subject.key").write_text("somebody's")
    answer = say("init", tmp_path)
    assert answer.code == 2
    answer.says("not empty")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["subject.key"]


def test_a_home_that_is_there_is_not_made_twice(say: Any, tmp_path: Path) -> None:
    assert say("init", tmp_path / "home", "--json").json == {"home": str(tmp_path / "home")}
    key = (tmp_path / "home" / "keys" / "subject.key").read_bytes()
    again = say("init", "--home", tmp_path / "home")
    assert again.code == 2
    again.says("home already", "birthshare doctor")
    assert (tmp_path / "home" / "keys" / "subject.key").read_bytes() == key


def test_init_without_a_folder_says_how(say: Any) -> None:
    answer = say("init")
    assert answer.code == 2
    answer.says("birthshare init FOLDER")


def test_secrets_of_a_new_home_are_its_owners_alone(say: Any, tmp_path: Path) -> None:
    say("init", tmp_path / "home")
    keys = tmp_path / "home" / "keys"
    assert {file.name for file in keys.glob("*.key")} == {"subject.key", "staging.key", "ledger.key"}
    assert [file.name for file in (keys, *keys.glob("*.key")) if file.stat().st_mode & 0o077] == []


def test_doctor_names_what_an_agreement_cannot_do_without(say: Any, authority: Authority) -> None:
    """A recipient that only the reach areas know, and a network that they do not know."""
    register = authority.home.path / "reference" / "recipients.yaml"
    register.write_text(register.read_text().replace("code: centre-01", "code: centre-91"))
    authority.sign_register()
    findings = say("doctor", "--home", authority.home.path, "--json").json["findings"]
    [missing] = [one for one in findings if not one["well"]]
    assert "named as recipients: centre-01" in missing["advice"]

    areas = authority.home.path / "reference" / "reach_areas.csv"
    areas.write_text(areas.read_text().replace("childrens_centres,", "libraries,"))
    authority.sign_register()
    findings = say("doctor", "--home", authority.home.path, "--json").json["findings"]
    [missing] = [one for one in findings if not one["well"]]
    assert "No reach area of the network childrens_centres" in missing["advice"]
