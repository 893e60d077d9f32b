"""A month and the days after it through real Airflow: triggered and approved over its REST API.

Everything that is sent is found on real OpenSSH accounts. The lists are opened by other programs than
those that made them, and compared with the families that a few plain lines find in the extract before it
was sealed. Then everything that Airflow has kept is searched for anybody's name, number or address.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import httpx
import msoffcrypto
import pytest
import yaml
from python_calamine import CalamineWorkbook

from airflow_environment import ONLY_WHEN_ASKED, Site
from airflow_server import AirflowServer, Login, Run
from changes.writing import changes_csv
from pipeline import month as months
from pipeline.afterwards.visits import receipt_digest
from pipeline.agreements.loading import NAMESPACE, read_agreement
from pipeline.demo.authority import TEMPLATE, Demonstration, make_authority, sign_register
from pipeline.demo.keys import seal_as_supplier
from pipeline.demo.places import SAMPLE
from pipeline.encryption.signing import sign_ssh
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Acknowledged, Kind
from pipeline.lists.references import CODE_FORM
from pipeline.records import Month
from servers.ports import free_port
from servers.sshd import CannotServe, OpenSshServer

NOW = datetime.now(UTC)
MONTH = Month(NOW.year, NOW.month).plus(-1)
BIRTHS = 300
DAG = "monthly_births"
QUESTION, NEXT_QUESTION = "release_decision", "second_decision"

# In the order in which a family's death becomes known, is answered, and is over; each DAG's tasks in order.
DAILY = {
    "daily_changes": ("hear", "call_back"),
    "receipts": ("look_and_remind",),
    "retention": ("destroy_and_look",),
    "ledger_check": ("check_ledger",),
    "geography_refresh": ("refresh",),
    "daily_digest": ("tell_people",),
}
WORD = rb"[0-9A-Za-z]+"
CANARY = "Zenobia Quillfeather"  # whom the files of others name without need

# parent, first line, postcode -> dates of birth
Families = dict[tuple[str, str, str], set[str]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    """An authority with four centres, whose agreement asks for two approvals.

    Where the centres are is filled in when their server runs.
    """
    demo = make_authority(
        tmp_path_factory.mktemp("authority") / "demo",
        month=MONTH, births=BIRTHS, centres=4, seed=20261103, now=NOW,
        host="127.0.0.1", port=1, host_key="ssh-ed25519 AAAA",
    )  # fmt: skip
    file = demo.home / "agreements" / TEMPLATE.name
    text = file.read_text()
    assert text.count("approvals: 1\n") == 1
    file.write_text(text.replace("approvals: 1\n", "approvals: 2\n"))
    for role in read_agreement(file)[0].approvers:
        signature = sign_ssh(file.read_bytes(), private_key=demo.approver_keys[role], namespace=NAMESPACE)
        file.with_suffix(f".{role}.sig").write_bytes(signature)
    return demo


@pytest.fixture(scope="module")
def centres(authority: Demonstration) -> Iterator[OpenSshServer]:
    """A real OpenSSH account for every centre, entered in the authority's register."""
    try:
        server = OpenSshServer(authority.centres, public_key=authority.home / "keys" / "delivery.key.pub")
        server.__enter__()
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")
    try:
        register = authority.home / "reference" / "recipients.yaml"
        entries = yaml.safe_load(register.read_text(encoding="utf-8"))
        for one in entries["recipients"]:
            one |= {"port": server.port, "host_key": server.host_key}
            one |= {"user": server.user(one["code"]), "folder": server.folder}
        register.write_text(yaml.safe_dump(entries), encoding="utf-8")
        sign_register(Home.open(authority.home), authority.approver_keys)
        yield server
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def airflow(
    airflow_folder: Path, authority: Demonstration, centres: OpenSshServer
) -> Iterator[AirflowServer]:
    users = {"data_lead": "user", "caldicott_guardian": "user", "passer_by": "user", "operator": "op"}
    home = authority.home
    site = Site(airflow_folder, free_port(), users, birthshare_home=home, extra=ONLY_WHEN_ASKED)
    with AirflowServer(site, prepared=True) as server:
        server.login("operator").open_dag(DAG)
        yield server


@pytest.fixture(scope="module")
def before(airflow: AirflowServer) -> bytes:
    """All that Airflow keeps before it has run anything."""
    return everything_in(airflow.site.folder)


@dataclass(frozen=True)
class Story:
    """What was seen on the way."""

    run: Run
    state: str
    states: dict[str, list[str | None]]
    on_the_servers: list[str]  # files, at the end of the run


@pytest.fixture(scope="module")
def marked(airflow: AirflowServer, authority: Demonstration, centres: OpenSshServer, before: bytes) -> Story:
    """A run whose questions nobody answered: a user marked them as successes."""
    user = airflow.login("passer_by")
    run = user.trigger(DAG, {"month": str(MONTH)})
    for question in (QUESTION, NEXT_QUESTION):
        run.until_asked(question, seconds=240)
        user.patch(f"{run.path}/taskInstances/{question}", {"new_state": "success"})
    state = run.until_finished(seconds=240)
    return Story(run, state, run.states(), files_on(centres))


@pytest.fixture(scope="module")
def outdated(
    airflow: AirflowServer, authority: Demonstration, centres: OpenSshServer, marked: Story
) -> Story:
    """The same run again with another input. Airflow keeps the old question; the lead says yes to it."""
    reach = authority.home / "reference" / "reach_areas.csv"
    header, *lines = reach.read_text(encoding="utf-8").splitlines()
    reach.write_text("\n".join([header, *reversed(lines), ""]), encoding="utf-8")
    sign_register(Home.open(authority.home), authority.approver_keys)
    run = Run(airflow.login("data_lead"), DAG, marked.run.run_id)
    run.clear("prepare")
    run.until_asked(QUESTION, seconds=240)
    run.answer(QUESTION, run.question(QUESTION)["options"][0])
    state = run.until_finished(seconds=240)
    return Story(run, state, run.states(), files_on(centres))


@dataclass(frozen=True)
class Approved(Story):
    question: dict[str, Any]
    next_question: dict[str, Any]
    before_the_answers: list[str]  # files on the servers, with one answer given
    refused: dict[str, int]  # what a login got for an answer that is not its to give


@pytest.fixture(scope="module")
def approved(
    airflow: AirflowServer, authority: Demonstration, centres: OpenSshServer, outdated: Story
) -> Approved:
    """The next run of the same month, approved by the data lead and then by the Caldicott guardian."""
    lead = airflow.login("data_lead")
    run = lead.trigger(DAG, {"month": str(MONTH)})
    guardian = Run(airflow.login("caldicott_guardian"), DAG, run.run_id)
    run.until_asked(QUESTION, seconds=240)
    question = run.question(QUESTION)
    yes = question["options"][0]
    refused = {
        "a passer-by": status_of(Run(airflow.login("passer_by"), DAG, run.run_id), QUESTION, yes),
        "the second before the first": status_of(guardian, NEXT_QUESTION, yes),
    }
    run.answer(QUESTION, yes)
    run.until_asked(NEXT_QUESTION, seconds=240)
    next_question, nothing = run.question(NEXT_QUESTION), files_on(centres)
    refused["the first again"] = status_of(run, NEXT_QUESTION, yes)
    guardian.answer(NEXT_QUESTION, yes)
    state = run.until_finished(seconds=240)
    return Approved(run, state, run.states(), files_on(centres), question, next_question, nothing, refused)


@dataclass(frozen=True)
class Days:
    """The daily runs after the month was closed, all of them over, and what was there for them."""

    runs: dict[str, Run]  # by DAG
    stopped: Run  # of retention once more, with a file in the home that nobody knows
    centre: str  # that has the family in which a child died
    list_file: Path
    reference: str  # of the family's row on that list
    receipts: list[Path]
    left_over: Path
    codes: set[str]  # that stand inside sealed files alone


@pytest.fixture(scope="module")
def days(
    airflow: AirflowServer, authority: Demonstration, centres: OpenSshServer, approved: Approved
) -> Days:
    """A death is heard and called back; its centre answers; what a killed run left behind grows old."""
    operator = airflow.login("operator")
    for dag in DAILY:
        operator.open_dag(dag)

    def day_of(dag: str) -> Run:
        run = operator.trigger(dag, {})
        run.until_finished(seconds=240)
        return run

    centre = authority.centres[0]
    list_file = list_of(centre, centres)
    reference, child = somebody_on(list_file, centre, authority)
    report_death(child, authority)
    left_over = leave_behind(authority)
    runs = {"daily_changes": day_of("daily_changes")}
    there = {file: code_in(file, centre, authority) for file in [list_file, *notices(centre, centres)]}
    receipts = [
        put_receipt(file, "received" if file == list_file else "done", code, centres.user(centre))
        for file, code in there.items()
    ]
    runs |= {dag: day_of(dag) for dag in DAILY if dag not in runs}
    with stray_file(authority):
        stopped = day_of("retention")
    codes = {reference, *there.values()}
    return Days(runs, stopped, centre, list_file, reference, receipts, left_over, codes)


def status_of(run: Run, question: str, option: str) -> int:
    """The HTTP status that Airflow refuses an answer with."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        run.answer(question, option)
    return refused.value.response.status_code


def test_marking_the_question_a_success_delivers_nothing(marked: Story) -> None:
    assert marked.states[QUESTION] == marked.states[NEXT_QUESTION] == ["success"]
    assert marked.states["deliver"] == ["failed"]
    assert marked.states["close"] == ["upstream_failed"]
    assert marked.state == "failed"
    assert marked.on_the_servers == []


def test_marking_the_question_a_success_records_no_approval(
    authority: Demonstration, approved: Approved
) -> None:
    """Only the answers that persons gave stand in the ledger."""
    state = months.status(Home.open(authority.home), MONTH, now=NOW)
    assert [(one["principal"], one["way"]) for one in state["approvals"]] == [
        ("data.lead@example.org", "airflow"),
        ("caldicott.guardian@example.org", "airflow"),
    ]


def test_the_failed_delivery_says_what_is_missing_and_is_not_tried_again(
    marked: Story, airflow: AirflowServer
) -> None:
    log = "".join(file.read_text() for file in airflow.site.logs.rglob("*deliver*/**/*.log"))
    assert "WaitingForPerson, exit code 6: The release waits for approval" in log
    assert "Task failed with exception" in log


def test_a_yes_to_an_outdated_question_approves_nothing(outdated: Story) -> None:
    assert outdated.states["prepare"] == ["success"]
    assert outdated.states[QUESTION] == ["failed"]
    assert outdated.states[NEXT_QUESTION] == ["upstream_failed"]
    assert outdated.on_the_servers == []


def test_nothing_leaves_before_the_second_answer(approved: Approved) -> None:
    assert approved.before_the_answers == []


def test_only_approvers_may_answer_and_each_once(approved: Approved) -> None:
    assert approved.refused == {
        "a passer-by": 403, "the second before the first": 404, "the first again": 403,
    }  # fmt: skip
    assert assigned_to(approved.question) == {"data_lead", "caldicott_guardian"}
    assert assigned_to(approved.next_question) == {"caldicott_guardian"}


def assigned_to(question: dict[str, Any]) -> set[str]:
    return {user["id"] for user in question["assigned_users"]}


def test_the_second_is_asked_what_the_first_was_and_told_nothing_of_the_answer(approved: Approved) -> None:
    shown = ("subject", "body", "options", "params")
    first, second = ({key: one[key] for key in shown} for one in (approved.question, approved.next_question))
    assert first == second
    assert first["params"] == {}, "there is no field for words, which Airflow would show to the other"


def test_the_question_shows_counts_and_the_digest_that_the_button_names(approved: Approved) -> None:
    body, options = approved.question["body"], approved.question["options"]
    digest = re.search("[0-9a-f]{64}", body)
    assert digest
    assert options[0] == f"Approve release {digest[0][:12]}"
    assert all(option.startswith("Refuse: ") for option in options[1:])
    assert str(BIRTHS) in body
    assert "centre-01" in body


def test_the_approved_month_runs_to_its_end(approved: Approved) -> None:
    assert approved.run.run_id.startswith(f"manual__{MONTH}__"), "named after its month, as scheduled ones"
    assert approved.state == "success"
    assert set(approved.states) == {
        "arrivals", "prepare", "bring", QUESTION, NEXT_QUESTION, "hear", "deliver", "close",
    }  # fmt: skip
    assert all(state == "success" for states in approved.states.values() for state in states)


def test_every_centre_finds_exactly_its_families(
    authority: Demonstration, centres: OpenSshServer, approved: Approved
) -> None:
    expected = expected_families(authority)
    assert set(expected) == set(authority.centres), "every centre has families in this extract"
    for code in authority.centres:
        assert opened(list_of(code, centres), code, authority) == expected[code], code


def test_running_the_month_by_hand_afterwards_sends_nothing(
    authority: Demonstration, centres: OpenSshServer, approved: Approved
) -> None:
    then = files_on(centres)
    months.run(Home.open(authority.home), MONTH, now=NOW)
    assert files_on(centres) == then


def test_what_travels_between_tasks_is_numbers(airflow: AirflowServer, approved: Approved) -> None:
    entries = returned(airflow.login("data_lead"), approved.run)
    assert set(entries) == {
        (task, "return_value") for task in ("prepare", "bring", "hear", "deliver", "close")
    }
    assert entries["prepare", "return_value"] == [0], "the number of the one batch"
    assert entries["deliver", "return_value"] == 4
    assert entries["close", "return_value"] is True


def returned(login: Login, run: Run) -> dict[tuple[str, str], Any]:
    """What the tasks of a run gave back, by task and key."""
    return {
        (entry["task_id"], entry["key"]): login.get(
            f"{run.path}/taskInstances/{entry['task_id']}/xcomEntries/{entry['key']}"
            f"?map_index={entry['map_index']}"
        )["value"]
        for entry in login.get(f"{run.path}/taskInstances/~/xcomEntries")["xcom_entries"]
    }


def test_every_daily_run_ends_in_success(days: Days) -> None:
    for dag, tasks in DAILY.items():
        assert days.runs[dag].until_finished(seconds=5) == "success"
        assert days.runs[dag].states() == {task: ["success"] for task in tasks}


def test_nothing_runs_but_what_was_asked_for(airflow: AirflowServer, days: Days) -> None:
    """Whatever the day is: Airflow would make up at once for what was due shortly before a DAG was opened."""
    runs = airflow.login("operator").get("/dags/~/dagRuns?limit=100")["dag_runs"]
    assert {run["dag_id"] for run in runs} == {DAG, *DAILY}
    assert {run["run_type"] for run in runs} == {"manual"}


def test_a_death_in_the_feed_is_called_back_from_the_one_centre_that_has_the_family(
    authority: Demonstration, centres: OpenSshServer, days: Days
) -> None:
    assert {code for code in authority.centres if notices(code, centres)} == {days.centre}
    [notice] = notices(days.centre, centres)
    assert table(workbook(notice, days.centre, authority), "References") == [
        {"List": days.list_file.name, "Month": str(MONTH), "Reference": days.reference}
    ]


def test_the_receipts_that_the_centre_put_there_are_recorded(authority: Demonstration, days: Days) -> None:
    with opened_ledger(Home.open(authority.home)) as ledger:
        bodies = [entry.body for entry in ledger.entries(kinds={Kind.ACKNOWLEDGED})]
    recorded = [(body.way, body.receipt_sha256) for body in bodies if isinstance(body, Acknowledged)]
    assert len(days.receipts) == 2, "one for the list, one for the recall"
    home = Home.open(authority.home)
    digests = [receipt_digest(home, file.read_bytes()) for file in days.receipts]
    assert sorted(recorded) == sorted(("file", digest) for digest in digests)


def test_what_was_left_behind_is_destroyed(days: Days) -> None:
    assert not days.left_over.exists()


def test_a_file_that_nobody_knows_stops_retention_and_is_not_named(
    airflow: AirflowServer, days: Days
) -> None:
    """Whoever put it there chose its name: the command line says it, and no log keeps it."""
    assert days.stopped.until_finished(seconds=5) == "failed"
    log = "".join(file.read_text() for file in airflow.site.logs.rglob("*retention*/**/*.log"))
    assert "WaitingForPerson, exit code 6: 1 thing waits for a person" in log


def test_daily_runs_give_back_counts_alone(airflow: AirflowServer, days: Days) -> None:
    operator = airflow.login("operator")
    given = {dag: returned(operator, run) for dag, run in days.runs.items()}
    assert {dag: {task for task, _ in one} for dag, one in given.items()} == {
        dag: set(tasks) for dag, tasks in DAILY.items()
    }
    counts = {dag: given[dag][tasks[-1], "return_value"] for dag, tasks in DAILY.items()}
    assert given["daily_changes"]["hear", "return_value"] == {"feeds": 1, "words": 1, "recalled": 1}
    assert counts["geography_refresh"].pop("warnings") >= 0
    assert counts["retention"].pop("kept") > 0
    assert counts["ledger_check"].pop("entries") > 0
    assert counts == {
        "daily_changes": {"recalled": 0, "notices": 1},
        "geography_refresh": {"directories": 0, "errors": 0},
        "receipts": {"acknowledged": 2, "reminders": 0},
        "retention": {"leftovers": 1, "not_attested": 0},
        "ledger_check": {"recorded": 1, "countersigned": 0, "places_lacking": 0, "warnings": 0},
        "daily_digest": {"waiting": 0, "urgent": 0, "sent": 0},
    }


def test_airflow_has_kept_nothing_of_any_family(
    airflow: AirflowServer, authority: Demonstration, before: bytes, approved: Approved, days: Days
) -> None:
    after = everything_in(airflow.site.folder)
    for run in (approved.run, *days.runs.values(), days.stopped):
        assert run.run_id.encode() in after, "the search looks where runs are kept"
    planted = personal_values(authority) | days.codes | {CANARY, *CANARY.split()}
    assert len(planted) > 4 * BIRTHS
    assert found(planted, after) - found(planted, before) == set()


def test_the_scheduler_does_not_repeat_what_tasks_say(airflow: AirflowServer, marked: Story) -> None:
    assert "The release waits for approval" not in airflow.output("scheduler").read_text()


def test_only_its_owner_reads_what_airflow_keeps(airflow: AirflowServer, approved: Approved) -> None:
    for path in [airflow.site.folder, *airflow.site.folder.rglob("*")]:
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_opening_the_dag_ran_no_month_by_itself(airflow: AirflowServer, approved: Approved) -> None:
    runs = airflow.login("operator").get(f"/dags/{DAG}/dagRuns")["dag_runs"]
    assert [run["run_type"] for run in runs] == ["manual", "manual"]


def test_people_who_change_something_at_the_same_moment_are_all_answered(
    airflow: AirflowServer, approved: Approved, days: Days
) -> None:
    """On SQLite Airflow by itself refuses one of two, after both have waited five seconds."""

    def changes(person: str) -> list[int]:
        login = airflow.login("operator")
        words = [{"key": f"{person}_{number}", "value": "1"} for number in range(10)]
        return [login.status("POST", "/variables", word) for word in words]

    with ThreadPoolExecutor() as people:
        answers = list(people.map(changes, ("one", "another", "a third")))
    assert answers == [[201] * 10] * 3


# --- what ought to be there, found without our engine ----------------------------------------------


def expected_families(authority: Demonstration) -> dict[str, Families]:
    """By centre: whose parents agreed, at an address that one centre serves, and the hard cases as told."""
    stories = read_csv(authority.folder / "supplier" / "hard_cases.csv")
    hard = {one["record_id"] for one in stories}
    fine = {one["record_id"] for one in stories if one["expected"] == "share"}
    served = centre_of_each_postcode(authority)
    families: dict[str, Families] = {}
    for row in read_csv(authority.extract):
        code = served.get(compact(row["postcode"]), "")
        case = row["record_id"] in hard or not row["record_id"]
        if code and (row["record_id"] in fine if case else row["consent_status"] == "given"):
            parent = f"{row['parent_given_name']} {row['parent_family_name']}".casefold()
            key = (parent, row["address_line_1"], compact(row["postcode"]))
            families.setdefault(code, {}).setdefault(key, set()).add(row["date_of_birth"])
    return families


def centre_of_each_postcode(authority: Demonstration) -> dict[str, str]:
    """The one centre that claims each postcode most narrowly: postcode, small area, sector, ward."""
    claims: dict[tuple[str, str], set[str]] = {}
    for line in read_csv(authority.home / "reference" / "reach_areas.csv"):
        claims.setdefault((line["kind"], compact(line["code"])), set()).add(line["recipient"])
    served = {}
    for row in read_csv(SAMPLE):
        postcode = compact(row["pcds"])
        places = [
            ("postcode", postcode),
            ("lsoa11", row["lsoa11"]),
            ("sector", postcode[:-2]),
            ("ward", row["osward"]),
        ]
        narrowest = next((claims[place] for place in places if place in claims), set())
        if len(narrowest) == 1 and row["oslaua"] == "E07000222" and row["osgrdind"] in ("1", "2", "3", "4"):
            (served[postcode],) = narrowest
    return served


def opened(file: Path, code: str, authority: Demonstration) -> Families:
    """A list as its centre sees it, opened with what the centre has."""
    rows = from_gpg(file, code, authority) if file.suffix == ".gpg" else from_office(file, code, authority)
    return {
        (parent.casefold(), line, compact(postcode)): {
            day(text) for text in re.split(r"\W+and\W+|;|, ", born)
        }
        for parent, line, postcode, born in rows
    }


def from_gpg(file: Path, code: str, authority: Demonstration) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as home:  # short: gpg's agent refuses long paths
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--import", authority.recipient(code) / f"{code}.private.asc"], check=True)
        text = subprocess.run([*gpg, "--decrypt", file], check=True, capture_output=True).stdout.decode()
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    names = ("parent", "address_line_1", "postcode", "date_of_birth")
    rows = (row for row in csv.DictReader(StringIO(text)) if row["list_reference"])
    return [tuple(row[name] for name in names) for row in rows]


def from_office(file: Path, code: str, authority: Demonstration) -> list[tuple[str, ...]]:
    names = ("Parent or carer", "Address line 1", "Postcode", "Date of birth")
    return [tuple(row[name] for name in names) for row in table(workbook(file, code, authority), "Families")]


def workbook(file: Path, code: str, authority: Demonstration) -> CalamineWorkbook:
    """A list or notice, opened with the centre's password."""
    how = (authority.recipient(code) / "HOW-TO-OPEN.txt").read_text(encoding="utf-8")
    password = next(line.strip() for line in how.splitlines() if line.startswith("    "))
    plain = BytesIO()
    with file.open("rb") as sealed:
        office = msoffcrypto.OfficeFile(sealed)
        office.load_key(password=password)
        office.decrypt(plain, verify_integrity=True)
    plain.seek(0)
    return CalamineWorkbook.from_filelike(plain)


def table(book: CalamineWorkbook, sheet: str) -> list[dict[str, str]]:
    """The rows of a sheet, by their headings."""
    header, *rows = book.get_sheet_by_name(sheet).to_python()
    return [dict(zip(map(str, header), map(str, row), strict=True)) for row in rows]


def day(text: str) -> str:
    """A date as the extract writes it, from either kind of list."""
    for written in ("%Y-%m-%d", "%d %B %Y"):
        try:
            return datetime.strptime(text, written).date().isoformat()
        except ValueError:
            continue
    raise ValueError("neither kind of list writes a date like this")


def compact(postcode: str) -> str:
    return postcode.replace(" ", "").upper()


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


# --- what others do after the month was closed ------------------------------------------------------


def list_of(code: str, centres: OpenSshServer) -> Path:
    """The sealed list in a centre's folder."""
    found = centres.files(code).glob(f"*_{MONTH}_{code}.*")
    (file,) = (one for one in found if one.suffix in (".xlsx", ".gpg"))
    return file


def notices(code: str, centres: OpenSshServer) -> list[Path]:
    """The sealed recalls in a centre's folder."""
    found = centres.files(code).glob("recall_*")
    return sorted(file for file in found if file.suffix in (".xlsx", ".gpg"))


def somebody_on(file: Path, code: str, authority: Demonstration) -> tuple[str, str]:
    """The reference of an only child's row on a list, and the child's NHS number."""
    children = {
        (row["address_line_1"], compact(row["postcode"]), row["date_of_birth"]): row["nhs_number"]
        for row in read_csv(authority.extract)
        if row["number_of_births"] == "1" and not row["record_id"].startswith("case-")
    }
    for row in table(workbook(file, code, authority), "Families"):
        where = row["Address line 1"], compact(row["Postcode"])
        if " and " not in row["Date of birth"] and (*where, day(row["Date of birth"])) in children:
            return row["Reference"], children[*where, day(row["Date of birth"])]
    raise AssertionError("the list has no only child")


def report_death(nhs_number: str, authority: Demonstration) -> None:
    """The supplier's sealed feed of changes, of which the settings now know, arrives in the inbox."""
    settings = authority.home / "birthshare.toml"
    text = settings.read_text()
    assert text.count("[suppliers.chis]\n") == 1
    feed = 'changes = "changes_{supplier}_{date}.csv.gpg"'
    settings.write_text(text.replace("[suppliers.chis]\n", f"[suppliers.chis]\n{feed}\n"))
    death = {"subject": "child", "nhs_number": nhs_number, "word": "child_died", "since": str(NOW.date())}
    seal_as_supplier(
        changes_csv([death | {"record_id": CANARY}]),
        authority.home / "inbox" / "chis" / f"changes_chis_{NOW.date()}.csv.gpg",
        supplier_private=authority.folder / "supplier" / "chis.private.asc",
        recipient_public=authority.folder / "supplier" / "authority.asc",
    )


def leave_behind(authority: Demonstration) -> Path:
    """What a run that was killed three days ago had not finished writing."""
    file = authority.home / "outbox" / "months" / f"{MONTH}.html.part"
    file.write_text(CANARY)
    then = (NOW - timedelta(days=3)).timestamp()
    os.utime(file, (then, then))
    return file


@contextmanager
def stray_file(authority: Demonstration) -> Iterator[None]:
    """Somebody's own file, for a while, named after a family."""
    file = authority.home / "outbox" / f"{CANARY}.xlsx"
    file.touch()
    yield
    file.unlink()


def code_in(file: Path, centre: str, authority: Demonstration) -> str:
    """The code that a list or notice asks for, read where it explains itself."""
    book = workbook(file, centre, authority)
    [sheet] = {"Conditions of use", "What to do"} & set(book.sheet_names)
    said = "\n".join(str(cell) for row in book.get_sheet_by_name(sheet).to_python() for cell in row)
    [code] = set(re.findall(rf"(?:^|the code )({CODE_FORM})\b", said, re.MULTILINE))
    return str(code)


def put_receipt(file: Path, word: str, code: str, user: str) -> Path:
    """A centre's text file beside a list or notice, with more on it than it was asked for."""
    receipt = file.with_name(f"{file.name}.{word}.txt")
    receipt.write_text(f"{code}\r\n{CANARY} did this.\r\n")
    shutil.chown(receipt, user, "nogroup")
    return receipt


# --- what Airflow keeps -----------------------------------------------------------------------------


def personal_values(authority: Demonstration) -> set[str]:
    """Every name, NHS number, postcode and first address line of the extract, as it may be written."""
    values: set[str] = set()
    for row in read_csv(authority.extract):
        for who in ("", "parent_"):
            given, family = row[f"{who}given_name"], row[f"{who}family_name"]
            values |= {row[f"{who}nhs_number"], family, f"{given} {family}"}
        values |= {row["postcode"], compact(row["postcode"]), row["address_line_1"]}
    return {value for value in values if len(value.strip()) > 3}


def everything_in(folder: Path) -> bytes:
    """Every file below a folder, end to end: database, its journal, logs of tasks and of Airflow itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return b"\n".join(file.read_bytes() for file in files)


def found(values: set[str], content: bytes) -> set[str]:
    """Those values that stand there as words of their own, also as JSON would write them."""
    words = set(re.findall(WORD, content))  # only what has all its words there is looked for end to end
    return {
        value
        for value in values
        for text in (value.encode(), json.dumps(value)[1:-1].encode())
        if words.issuperset(re.findall(WORD, text))
        and re.search(rb"(?<![0-9A-Za-z])" + re.escape(text) + rb"(?![0-9A-Za-z])", content)
    }


def files_on(centres: OpenSshServer) -> list[str]:
    return sorted(str(file) for code in centres.codes for file in centres.files(code).rglob("*"))
