"""No value of a list, a feed or a companion file is said, logged or left outside sealed files."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from changes.writing import WHO
from month_authority import CommandLine

UNEXPECTED, DONE = 1, 0
CANARIES = {
    "nhs_number": "9997786424", "pregnancy_id": "canary-pregnancy", "postcode": "QX4 7ZQ",
    "address_line_1": "Flat 4711, Plumstone Wharf", "since": "1999-07-23",
    "person": "foster-aunt-in-law", "wording": "quenya-dialect-form",
}  # fmt: skip
WORDS = (
    {"subject": "child", "nhs_number": CANARIES["nhs_number"], "word": "suppressed"},
    {
        "subject": "pregnancy", "nhs_number": CANARIES["nhs_number"], "word": "child_died",
        "pregnancy_id": CANARIES["pregnancy_id"],
    },
    {
        "subject": "address", "address_line_1": CANARIES["address_line_1"], "word": "suppressed",
        "postcode": CANARIES["postcode"],
    },
)  # fmt: skip
ANSWER = {
    "nhs_number": CANARIES["nhs_number"], "consent_status": "given", "consent_date": CANARIES["since"],
    "consent_given_by": CANARIES["person"], "consent_wording": CANARIES["wording"],
}  # fmt: skip

Check = Callable[[], None]


@pytest.fixture
def nothing_found(
    birthshare: CommandLine,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Check:
    """Searches everything that was said, logged and left, for every canary in every spelling."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    caplog.set_level(logging.DEBUG)

    def check() -> None:
        files = [*_files(birthshare.authority.home.path), *_files(temporary)]
        places = {str(file): file.read_bytes() for file in files}
        places["said"] = (birthshare.said + "".join(capfd.readouterr())).encode()
        places["logged"] = caplog.text.encode()
        found = {
            (value, place)
            for value in CANARIES.values()
            for spelling in (value, value.upper(), value.replace(" ", ""))
            for place, content in places.items()
            if spelling.encode() in content
        }
        assert found == set()

    return check


def _files(folder: Path) -> list[Path]:
    """All but what is public: the postcode directory and the reach areas."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if not {"reference", "reach"} & set(file.parts)]


def test_the_search_finds_a_canary(birthshare: CommandLine, nothing_found: Check) -> None:
    (birthshare.authority.home.outbox / "note.txt").write_text(CANARIES["postcode"])
    with pytest.raises(AssertionError, match="note.txt"):
        nothing_found()


def test_good_files_leave_nothing(
    birthshare: CommandLine,
    feeding: Callable[..., Path],
    answering: Callable[..., Path],
    write: Callable[..., Path],
    nothing_found: Check,
) -> None:
    assert birthshare("changes", "apply", write(*WORDS), "--as", WHO).code == DONE
    feeding(*WORDS)
    answering(ANSWER)
    birthshare.finish()
    for command in (("changes", "list"), ("changes", "list", "--json"), ("ledger", "verify"), ("doctor",)):
        birthshare(*command)
    nothing_found()


def test_files_that_are_refused_leave_nothing(
    birthshare: CommandLine,
    feeding: Callable[..., Path],
    answering: Callable[..., Path],
    write: Callable[..., Path],
    nothing_found: Check,
) -> None:
    bad = [row | {"since": CANARIES["person"]} for row in WORDS]
    birthshare("changes", "apply", write(*bad), "--as", WHO)
    feeding(*bad)
    birthshare("changes", "apply")
    answering(ANSWER | {"consent_status": "refused", "nhs_number": CANARIES["postcode"]})
    birthshare.run()
    (birthshare.authority.inbox / "changes_chis_2026-11-02.csv.gpg").unlink()
    birthshare.run()
    nothing_found()


FAILING = (
    "pipeline.intake.readers._parse",
    "pipeline.validation.rules.broken",
    "pipeline.validation.suite.check_outcomes",
    "pipeline.validation.changes._subjects",
    "pipeline.reporting.SupplierReport",
    "pipeline.ledger.journal.write",
)


def careless(*args: Any, **kwargs: Any) -> NoReturn:
    """Fail as careless code does: with the record in the message, in a note and in the cause."""
    quoted = " ".join(CANARIES.values())
    error = ValueError(f"could not convert: {quoted}")
    error.add_note(quoted)
    raise error from KeyError(quoted)


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_that_quotes_a_row_is_not_repeated(
    birthshare: CommandLine,
    feeding: Callable[..., Path],
    write: Callable[..., Path],
    nothing_found: Check,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    module, _, attribute = name.rpartition(".")
    monkeypatch.setattr(import_module(module), attribute, careless)
    rows = [*WORDS, WORDS[0] | {"since": "soon"}] if name.endswith("Report") else WORDS
    feeding(*rows)
    assert birthshare("changes", "apply").code == UNEXPECTED
    if not name.endswith("Report"):
        assert birthshare("changes", "apply", write(*rows), "--as", WHO).code == UNEXPECTED
    nothing_found()
