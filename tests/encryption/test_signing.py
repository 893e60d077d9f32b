"""A signature counts for exactly these bytes, this purpose, one person, and a key allowed at the time."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline.encryption.signing import (
    new_note_key,
    note_verifier,
    sign_note,
    sign_ssh,
    verify_note,
    verify_ssh,
)
from pipeline.errors import IntegrityError, SettingsError

AGREEMENT = b"id: first-visit\r\nversion: 1\n"
SPACE = "agreement@birthshare"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

# The example in the documentation of Go's golang.org/x/mod/sumdb/note.
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT
    + "\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"  # noqa: E501
)
# The example of the specification, https://c2sp.org/signed-note.
SPEC_VERIFIER = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"  # noqa: E501
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with SSH keys of two approvers."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("guardian", "lead"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


@pytest.fixture
def allow(keys: Path, tmp_path: Path):
    """Write a list of allowed signers: `allow("guardian", ...)`; options come before the key."""

    def write(*lines: tuple[str, str, str]) -> Path:
        file = tmp_path / "allowed_signers"
        file.write_text(
            "".join(
                f"{principal} {options} {(keys / f'{key}.pub').read_text()}"
                for principal, options, key in lines
            )
        )
        return file

    return write


@pytest.fixture
def signed(keys: Path) -> bytes:
    """The guardian's signature over the agreement."""
    return sign_ssh(AGREEMENT, private_key=keys / "guardian", namespace=SPACE)


def test_the_signer_is_named(signed: bytes, allow) -> None:
    signers = allow(("lead", "", "lead"), ("guardian", f'namespaces="{SPACE}"', "guardian"))
    assert verify_ssh(AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=NOW) == "guardian"


def test_plain_ssh_keygen_verifies_it(signed: bytes, allow, tmp_path: Path) -> None:
    file = tmp_path / "agreement.sig"
    file.write_bytes(signed)
    command = ["ssh-keygen", "-Y", "verify", "-f", str(allow(("guardian", "", "guardian"))), "-I", "guardian",
               "-n", SPACE, "-s", str(file)]  # fmt: skip
    subprocess.run(command, input=AGREEMENT, check=True, capture_output=True)


def test_a_signature_made_by_plain_ssh_keygen_counts(keys: Path, allow, tmp_path: Path) -> None:
    file = tmp_path / "agreement.yaml"
    file.write_bytes(AGREEMENT)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(keys / "lead"), "-n", SPACE, str(file)]
    subprocess.run(command, check=True, capture_output=True)
    signature = (tmp_path / "agreement.yaml.sig").read_bytes()
    signers = allow(("lead", "", "lead"))
    assert verify_ssh(AGREEMENT, signature, allowed_signers=signers, namespace=SPACE, at=NOW) == "lead"


@pytest.fixture
def agent(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The public half of a key whose private half only ssh-agent holds."""
    socket = tmp_path / "agent"
    # In the foreground (-D), so that it ends when it is told to.
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    try:
        add = ["ssh-add", "-q", str(keys / "guardian")]
        while subprocess.run(add, capture_output=True, check=False).returncode == NOT_THERE_YET:
            assert running.poll() is None
        public = tmp_path / "guardian.pub"
        public.write_text((keys / "guardian.pub").read_text())
        yield public
    finally:
        running.terminate()
        running.wait()


NOT_THERE_YET = 2  # what ssh-add says while it cannot reach the agent


def test_an_agent_signs_for_a_person_who_is_there(agent: Path, signed: bytes) -> None:
    assert sign_ssh(AGREEMENT, private_key=agent, namespace=SPACE, ask=True) == signed


def test_no_agent_signs_where_nobody_is_asked(agent: Path) -> None:
    with pytest.raises(SettingsError, match="without passphrase"):
        sign_ssh(AGREEMENT, private_key=agent, namespace=SPACE)


@pytest.mark.parametrize(
    ("content", "namespace"),
    [
        (AGREEMENT + b" ", SPACE),
        (AGREEMENT.replace(b"\r\n", b"\n"), SPACE),
        (AGREEMENT, "release@birthshare"),
    ],
    ids=["other bytes", "other line endings", "another purpose"],
)
def test_it_counts_for_nothing_else(content: bytes, namespace: str, signed: bytes, allow) -> None:
    with pytest.raises(IntegrityError, match="not good for this content"):
        verify_ssh(
            content, signed, allowed_signers=allow(("guardian", "", "guardian")), namespace=namespace, at=NOW
        )


def test_a_key_that_is_not_on_the_list_counts_for_nothing(signed: bytes, allow) -> None:
    with pytest.raises(IntegrityError, match="not allowed"):
        verify_ssh(AGREEMENT, signed, allowed_signers=allow(("lead", "", "lead")), namespace=SPACE, at=NOW)


def test_a_key_that_may_sign_other_things_may_not_sign_this(signed: bytes, allow) -> None:
    signers = allow(("guardian", 'namespaces="release@birthshare"', "guardian"))
    with pytest.raises(IntegrityError, match="not good"):
        verify_ssh(AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=NOW)


def test_an_approval_outlives_the_key(signed: bytes, allow) -> None:
    """Signed in 2024 by a key that was retired in 2025: still good, but nothing later is."""
    signers = allow(("guardian", 'valid-before="20250101Z"', "guardian"))
    then = datetime(2024, 6, 1, tzinfo=UTC)
    assert verify_ssh(AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=then) == "guardian"
    with pytest.raises(IntegrityError):
        verify_ssh(AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=NOW)


def test_the_moment_is_understood_in_any_time_zone(signed: bytes, allow) -> None:
    signers = allow(("guardian", 'valid-after="20261122120000Z"', "guardian"))
    tokyo = timezone(timedelta(hours=9))
    good = datetime(2026, 11, 22, 21, 0, tzinfo=tokyo)
    assert verify_ssh(AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=good) == "guardian"
    with pytest.raises(IntegrityError):
        verify_ssh(
            AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=good - timedelta(seconds=1)
        )
    with pytest.raises(ValueError, match="time zone"):
        verify_ssh(AGREEMENT, signed, allowed_signers=signers, namespace=SPACE, at=datetime(2026, 11, 22))


@pytest.mark.parametrize("principals", ["guardian,lead", "*@example.org"], ids=["two persons", "a pattern"])
def test_a_key_must_stand_for_one_person(principals: str, signed: bytes, allow) -> None:
    with pytest.raises(IntegrityError, match="one person"):
        verify_ssh(
            AGREEMENT, signed, allowed_signers=allow((principals, "", "guardian")), namespace=SPACE, at=NOW
        )


@pytest.mark.parametrize("signature", [b"", b"junk", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n"])
def test_what_is_no_signature_counts_for_nothing(signature: bytes, allow) -> None:
    with pytest.raises(IntegrityError):
        verify_ssh(AGREEMENT, signature, allowed_signers=allow(("lead", "", "lead")), namespace=SPACE, at=NOW)


def test_an_empty_list_allows_nobody(signed: bytes, allow, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        verify_ssh(AGREEMENT, signed, allowed_signers=allow(), namespace=SPACE, at=NOW)
    with pytest.raises(SettingsError, match="missing"):
        verify_ssh(AGREEMENT, signed, allowed_signers=tmp_path / "none", namespace=SPACE, at=NOW)


def test_a_key_that_cannot_sign_is_refused_without_a_question(tmp_path: Path, keys: Path) -> None:
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)], check=True)
    public = tmp_path / "public"
    public.write_bytes((keys / "guardian.pub").read_bytes())
    for key in (locked, public, tmp_path / "none"):
        with pytest.raises(SettingsError):
            sign_ssh(AGREEMENT, private_key=key, namespace=SPACE)
    with pytest.raises(ValueError, match="namespace"):
        sign_ssh(AGREEMENT, private_key=keys / "lead", namespace="-O")


def test_the_published_example_comes_out_to_the_byte() -> None:
    assert note_verifier("PeterNeumann", GO_SEED) == GO_VERIFIER
    assert sign_note(GO_TEXT, name="PeterNeumann", private_key=GO_SEED) == GO_NOTE
    assert verify_note(GO_NOTE, GO_VERIFIER) == GO_TEXT


def test_the_example_of_the_specification_verifies() -> None:
    assert verify_note(SPEC_NOTE, SPEC_VERIFIER) == "This is an example message.\n"


def test_a_note_signed_by_several_is_good_for_each() -> None:
    other = new_note_key()
    note = sign_note(GO_TEXT, name="witness", private_key=other)
    both = GO_NOTE + note.rpartition("\n\n")[2]
    assert verify_note(both, GO_VERIFIER) == GO_TEXT
    assert verify_note(both, note_verifier("witness", other)) == GO_TEXT


def test_a_text_may_have_blank_lines() -> None:
    key = new_note_key()
    text = "origin\n\n17\n\nroot\n"
    assert (
        verify_note(sign_note(text, name="birthshare", private_key=key), note_verifier("birthshare", key))
        == text
    )


@pytest.mark.parametrize(
    "altered",
    [
        GO_NOTE.replace("problem", "question", 1),
        GO_NOTE.replace("\n\n", "\n \n"),
        GO_NOTE.replace("\u2014 Peter", "- Peter"),
        GO_NOTE.replace("x08go", "x08gp"),
        GO_NOTE.replace("JnAM=", "JnAN="),
        GO_NOTE.replace("JnAM=", "JnA"),
        GO_NOTE[:-1],
        GO_NOTE + "\n",
        GO_NOTE + "more\n",
        GO_NOTE.replace("\n", "\r\n"),
        GO_TEXT,
        "",
    ],
)
def test_an_altered_note_is_refused(altered: str) -> None:
    with pytest.raises(IntegrityError):
        verify_note(altered, GO_VERIFIER)


def test_a_note_of_another_key_is_refused() -> None:
    with pytest.raises(IntegrityError, match="expected key"):
        verify_note(GO_NOTE, note_verifier("PeterNeumann", new_note_key()))
    with pytest.raises(IntegrityError, match="expected key"):
        verify_note(GO_NOTE, note_verifier("Somebody", GO_SEED))


@pytest.mark.parametrize(
    "vkey", ["", "name", "name+00000000+AAAA", GO_VERIFIER.replace("c74f", "c74e"), "a+b+\u00e9"]
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(SettingsError, match="verifier key"):
        verify_note(GO_NOTE, vkey)


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "return\r\n"])
def test_what_a_note_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole lines"):
        sign_note(text, name="birthshare", private_key=GO_SEED)


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_what_a_note_key_cannot_be_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name of a note key"):
        sign_note("text\n", name=name, private_key=GO_SEED)
