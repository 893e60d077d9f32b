"""Whatever somebody hands to an auditor, the verifier answers in a sentence, soon and in little memory."""

from __future__ import annotations

import io
import json
import random
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from given import PROGRAM, Closed, Found, files_of, here, packed

MEMORY = 1 << 30  # bytes of address space


def zip_of(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as pack:
        for name, text in files:
            pack.writestr(name, text)
    return content.getvalue()


def bomb() -> bytes:
    """A few hundred kilobytes that unpack to 300 megabytes."""
    return zip_of(("evidence.json", b"[" + b" " * (300 << 20) + b"]"))


def limited(file: Path, key: str) -> Found:
    """The verifier in a process that may not use more memory than a laptop has to spare."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", PROGRAM, file, "--key", key],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    return Found(done.returncode, done.stdout + done.stderr)


@pytest.mark.parametrize("kind", ["bomb", "deep", "deep body", "many files", "long line", "gzip bomb"])
def test_too_much_of_anything_is_refused(closed: Closed, pack: bytes, tmp_path: Path, kind: str) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    files = files_of(pack)
    content = {
        "bomb": bomb,
        "deep": lambda: zip_of(("evidence.json", deep)),
        "deep body": lambda: packed(
            files | {"evidence.json": files["evidence.json"].replace(b'"body": {', b'"body": ' + deep, 1)}
        ),
        "many files": lambda: zip_of(*[(f"{number}", b"") for number in range(20_000)]),
        "long line": lambda: b'{"checkpoint": "' + b"x" * (8 << 20),
        "gzip bomb": lambda: __import__("gzip").compress(b" " * (300 << 20)),
    }[kind]()
    file = tmp_path / ("given.jsonl.gz" if kind == "gzip bomb" else "given.zip")
    file.write_bytes(content)
    assert not limited(file, closed.key).sound


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"\x1f\x8b",
        b"{}\n",
        b"null\n",
        b"[1]\n",
        b'{"checkpoint": 5}\n',
        b"\xff\xfe\x00",
        zip_of(),
        zip_of(("evidence.json", b"")),
        zip_of(("evidence.json", b"null")),
        zip_of(("evidence.json", b"[]")),
        zip_of(("evidence.json", b"{}")),
        zip_of(("evidence.json", b'{"format": NaN}')),
        zip_of(("evidence.json", b'{"checkpoint": ' + b"9" * 5000 + b"}")),
        zip_of(("evidence.json", b"\xff\xfe")),
    ],
)
def test_what_is_no_evidence_is_told_in_a_sentence(closed: Closed, tmp_path: Path, content: bytes) -> None:
    for name in ("given.zip", "given.jsonl", "given.jsonl.gz"):
        (tmp_path / name).write_bytes(content)
        assert not here(tmp_path / name, "--key", closed.key).sound


def test_a_pack_that_was_cut_short_is_refused(closed: Closed, pack: bytes, tmp_path: Path) -> None:
    for length in random.Random(5).sample(range(len(pack)), 40):
        (tmp_path / "given.zip").write_bytes(pack[:length])
        assert not here(tmp_path / "given.zip", "--key", closed.key).sound


def test_no_name_stands_twice(closed: Closed, pack: bytes, tmp_path: Path) -> None:
    """Else two readers could read two things from one pack."""
    file = tmp_path / "given.zip"
    text = files_of(pack)["evidence.json"]
    file.write_bytes(packed(files_of(pack) | {"evidence.json": text.replace(b"{", b'{"about": "x",', 1)}))
    found = here(file, "--key", closed.key)
    assert not found.sound
    assert "a name stands twice" in found.said
    with pytest.warns(UserWarning, match="Duplicate name"):
        file.write_bytes(zip_of(*files_of(pack).items(), ("evidence.json", text)))
    found = here(file, "--key", closed.key)
    assert not found.sound
    assert "a file twice" in found.said


LABELS = {"about", "authority", "made_at", "origin", "title"}
STRANGE = (None, True, 0, 1.5, -1, "", "\u0661", [], {}, [[]], 10**30)


def test_values_of_other_types_are_refused(closed: Closed, pack: bytes, tmp_path: Path) -> None:
    """But for no older checkpoint where there could be many: nothing is said, and so nothing is wrong."""
    file = tmp_path / "given.zip"
    said = json.loads(files_of(pack)["evidence.json"])
    parts = [said, said["entries"][0], said["held"][0]]
    for part, name, value in [(one, name, value) for one in parts for name in one for value in STRANGE]:
        before = part[name]
        if part is said and name in LABELS or value == before:
            continue
        part[name] = value
        file.write_bytes(packed(files_of(pack) | {"evidence.json": json.dumps(said).encode()}))
        none = name == "held" and value in ("", [], {})
        assert here(file, "--key", closed.key).sound is none, (name, value)
        part[name] = before


def test_what_is_told_cannot_command_a_terminal(closed: Closed, tmp_path: Path) -> None:
    """The lines of an export are read before their root is known."""
    assert closed.commands("ledger", "export", "--out", tmp_path / "all.jsonl").code == 0
    first, second, *others = (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()
    said = json.loads(second) | {"kind": "x\x1b[2J\nok     all is well\u202e", "body": {"permit": 99}}
    (tmp_path / "all.jsonl").write_text("\n".join([first, json.dumps(said), *others, ""]))
    found = here(tmp_path / "all.jsonl", "--key", closed.key)
    assert not found.sound
    assert found.said.count("\n") == 1
    assert found.said.strip().isprintable()


@pytest.mark.parametrize("name", ["agreements/other.v9.yaml", "index.html", "../evidence.json", "README.md"])
def test_a_file_that_no_entry_speaks_of_is_found(
    closed: Closed, pack: bytes, tmp_path: Path, name: str
) -> None:
    """Else somebody reads it together with what was checked, and believes it."""
    (tmp_path / "given.zip").write_bytes(packed(files_of(pack) | {name: b"approvers: [data_lead]"}))
    found = here(tmp_path / "given.zip", "--key", closed.key)
    assert not found.sound
    assert "a file that no entry speaks of" in found.said
