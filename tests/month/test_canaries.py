"""Nothing personal is left outside the sealed files.

Three families of the extract have values that occur nowhere else, a canary in every personal field:
one is shared, one is held, one breaks a rule. A good month and months that fail in every stage are run
by the command line; then everything that was said, logged and left is searched for those values.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from canaries import (
    ANSWERED,
    CANARY,
    CODED,
    HELD,
    LATER,
    PUBLIC,
    QUOTED,
    SET_ASIDE,
    SHARED,
    Search,
    personal_columns,
    values_of,
    with_canaries,
)
from changes.writing import answers_csv, changes_csv
from month_authority import MONTH, Authority, CommandLine
from pipeline.demo.births import as_csv
from pipeline.ledger.entries import Kind, Validated

UNEXPECTED, INTEGRITY, WAITING, DONE = 1, 4, 6, 0


@dataclass
class Watched:
    """A home whose extract holds the canaries, and everything that its runs say and leave."""

    birthshare: CommandLine
    search: Search
    captured: pytest.CaptureFixture[str]
    logged: pytest.LogCaptureFixture
    temporary: Path

    @property
    def authority(self) -> Authority:
        return self.birthshare.authority

    def check_nothing_found(self) -> None:
        self.search.text("command line", self.birthshare.said)
        self.search.text("screen", "".join(self.captured.readouterr()))
        self.search.text("log", self.logged.text)
        self.search.folder(self.authority.home.path, leaving_out=PUBLIC)
        self.search.folder(self.authority.received)
        self.search.folder(self.temporary)
        assert self.search.found == set()


@pytest.fixture
def watched(
    birthshare: CommandLine,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Watched:
    extract = with_canaries(birthshare.authority.extract())
    birthshare.authority.send(extract)
    birthshare.authority.change_recipient("centre-01", format="zip", labels="a4-21")
    search = Search(values_of(extract))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    _search_before_removal(search, monkeypatch)
    return Watched(birthshare, search, capfd, caplog, temporary)


def _search_before_removal(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that a run makes and takes away again are searched as they go."""
    remove = shutil.rmtree

    def searched(folder: Any, *args: Any, **kwargs: Any) -> None:
        search.folder(Path(folder))
        remove(folder, *args, **kwargs)

    monkeypatch.setattr(shutil, "rmtree", searched)


# --- the search itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("births", {*CANARY, *SHARED, *HELD, *SET_ASIDE, "date_of_birth"}),
        ("answers", {*ANSWERED}),
        ("changes", {name for said in LATER for name in said}),
    ],
)
def test_every_personal_field_of_what_suppliers_send_has_a_canary(kind: str, planted: set[str]) -> None:
    """The contract says which there are; codes and small numbers are like everybody else's."""
    assert planted.difference(CODED) == personal_columns(kind)


def test_the_search_finds_every_canary_where_it_must_be(watched: Watched) -> None:
    extract = with_canaries(watched.authority.extract())
    search = Search(values_of(extract))
    assert len(search.values) > 18
    for sent in (as_csv(extract), answers_csv([ANSWERED]), changes_csv(LATER)):
        search.bytes("what was sent", sent)
    assert {value for value, _ in search.found} == set(search.values)


def test_the_search_finds_a_canary_in_a_log_and_in_a_file(watched: Watched) -> None:
    logging.getLogger("pipeline").debug("family of %s", CANARY["family_name"])
    (watched.authority.home.outbox / "note.txt").write_text(SHARED["nhs_number"])
    with pytest.raises(AssertionError):
        watched.check_nothing_found()
    places = {place for _, place in watched.search.found}
    assert places == {"log", "outbox/note.txt"}


# --- a good month ---------------------------------------------------------------------------------


def test_a_good_month_leaves_nothing_personal_outside_the_sealed_lists(watched: Watched) -> None:
    birthshare = watched.birthshare
    assert birthshare.run().code == WAITING
    watched.check_nothing_found()  # working files are there now
    for command in (
        ("status", str(MONTH)),
        ("release", "show", str(MONTH)),
        ("status", str(MONTH), "--json"),
    ):
        assert birthshare(*command).code == DONE
    assert birthshare.approve().code == DONE
    state = birthshare.run().json
    assert state["state"] == "closed"
    for command in (("status",), ("ledger", "verify"), ("ledger", "checkpoint"), ("doctor",)):
        assert birthshare(*command).code == DONE
    watched.check_nothing_found()

    lists = [watched.authority.families(row["code"]) for row in state["recipients"]]
    [card] = [row for families in lists for row in families if "Zanthwick" in str(row)]
    assert CANARY["address_line_1"] in card
    outbox = watched.authority.home.outbox
    assert (outbox / "chis" / f"quarantine_chis_{MONTH}.csv").is_file()

    # The results of the checks are for the owner's eyes, and the ledger names these very bytes.
    name = f"{MONTH}_chis_births"
    results = {file.name: file for file in (outbox / "checks").iterdir()}
    assert results.keys() == {f"{name}.json", f"{name}.html", "index.html"}
    assert {file.stat().st_mode & 0o777 for file in results.values()} == {0o600}
    assert f'href="{name}.html"' in results["index.html"].read_text()
    [validated] = watched.authority.recorded(Kind.VALIDATED)
    assert isinstance(validated, Validated)
    assert validated.results_sha256 == sha256(results[f"{name}.json"].read_bytes()).hexdigest()


# --- months that fail -----------------------------------------------------------------------------

# What fails, and quotes the families as it does: before the approval, and after it.
BEFORE_APPROVAL = (
    "pipeline.encryption.opening.open_openpgp",
    "pipeline.intake.files.as_extract",
    "pipeline.intake.readers._parse",
    "pipeline.validation.checks.validate",
    "pipeline.validation.gates.check_month",
    "pipeline.validation.rules.broken",
    "pipeline.validation.suite.check_outcomes",
    "pipeline.reporting.SupplierReport",
    "pipeline.geography.place.place_everywhere",
    "pipeline.consent.decide.decide",
    "pipeline.staging.Staging.put_frame",
    "pipeline.ledger.ledger.Ledger.append",
    "pipeline.steps.account.check_balanced",
    "pipeline.steps.release.canonical",
)
AFTER_APPROVAL = (
    "pipeline.staging.Staging.frame",
    "pipeline.steps.release.check_approved",
    "pipeline.consent.gate.gate",
    "pipeline.lists.compile.compile_list",
    "pipeline.lists.totals.area_numbers",
    "pipeline.lists.workbook.render_workbook",
    "pipeline.encryption.sealing.seal_workbook",
    "pipeline.ledger.ledger.Ledger.permit",
    "pipeline.delivery.push.push",
    "pipeline.steps.account.check_sent",
    "pipeline.consent.coded.coded",
    "pipeline.ledger.ledger.Ledger.checkpoint",
    "pipeline.reporting.month_page",
)
# The lists of other formats, which are delivered while the workbook's is not.
OF_CSV = ("pipeline.lists.csv.render_csv", "pipeline.encryption.sealing.seal_openpgp")
OF_ZIP = ("pipeline.lists.labels.render_labels", "pipeline.encryption.sealing.seal_zip")


def quoting(*args: Any, **kwargs: Any) -> NoReturn:
    """Fail as careless code does: with the record in the message, in a note and in the cause."""
    error = ValueError(f"could not convert: {QUOTED}")
    error.add_note(QUOTED)
    raise error from KeyError(QUOTED)


def _fail_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _, attribute = name.rpartition(".")
    try:
        owner: Any = import_module(path)
    except ModuleNotFoundError:
        module, _, class_name = path.rpartition(".")
        owner = getattr(import_module(module), class_name)
    monkeypatch.setattr(owner, attribute, quoting)


def _fails(watched: Watched, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the month while one stage fails, and see that it told nothing."""
    with monkeypatch.context() as broken:
        _fail_at(name, broken)
        answer = watched.birthshare("run", str(MONTH), "--json")
    assert answer.code == UNEXPECTED, f"{name} was not reached"
    answer.says("Unexpected failure: ValueError at test_canaries.py:", "Run the command again")
    watched.check_nothing_found()


def test_stages_that_fail_one_after_the_other_before_the_approval_tell_nothing_and_lose_nothing(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BEFORE_APPROVAL:
        _fails(watched, name, monkeypatch)
    assert watched.birthshare.run().code == WAITING


@pytest.mark.parametrize("names", [AFTER_APPROVAL, OF_CSV, OF_ZIP], ids=["any", "csv", "zip"])
def test_stages_that_fail_one_after_the_other_after_the_approval_tell_nothing_and_lose_nothing(
    watched: Watched, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    birthshare = watched.birthshare
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    for name in names:
        _fails(watched, name, monkeypatch)
    state = birthshare.run()
    assert state.code == DONE, state.err
    assert {row["state"] for row in state.json["recipients"]} == {"delivered"}


def ragged(content: bytes) -> bytes:
    records = content.split(b"\r\n")
    records[1] += b",and more"
    return b"\r\n".join(records)


def badly_encoded(content: bytes) -> bytes:
    return content.replace(b"Quillawren", b"Quillawren\xe9")


def with_nul(content: bytes) -> bytes:
    return content.replace(b"Quillawren", b"Quillawren\0")


def badly_quoted(content: bytes) -> bytes:
    return content.replace(b"Vixenhollow", b'Vixen"hollow', 1)


def without_header(content: bytes) -> bytes:
    return content.split(b"\r\n", 1)[1]


def with_a_family_as_header(content: bytes) -> bytes:
    header, rest = content.split(b"\r\n", 1)
    names = header.replace(b"language", b"Quillawren").replace(b"notice_date", b"Zanthwick")
    return names.replace(b"postcode", b"Vixenhollow") + b"\r\n" + rest


def shifted_by_one_column(content: bytes) -> bytes:
    records = content.split(b"\r\n")
    records[1] = b"," + records[1].rsplit(b",", 1)[0]
    return b"\r\n".join(records)


SPOILT = (
    ragged, badly_encoded, with_nul, badly_quoted, without_header, with_a_family_as_header,
    shifted_by_one_column,
)  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_file_that_is_refused_is_not_quoted(watched: Watched, spoil: Callable[[bytes], bytes]) -> None:
    extract = with_canaries(watched.authority.extract())
    watched.authority.send(spoil(as_csv(extract)))
    for command in (("run", str(MONTH)), ("run", str(MONTH), "--json")):
        assert watched.birthshare(*command).code == INTEGRITY
    watched.check_nothing_found()
