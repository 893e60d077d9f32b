"""Signatures of persons, made by the real ssh-keygen with keys of every kind, read by the verifier."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from given import verifier

WHO, AT = "guardian@example.org", "2026-11-03T09:30:00.000000Z"
TEXT = b"agreement: welcome\n"
NAMESPACE = "agreement@birthshare"

Made = Callable[..., str]


def ssh_keygen(*arguments: str | Path, given: bytes = b"") -> bytes:
    return subprocess.run(["ssh-keygen", *arguments], input=given, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    kinds = {"ed25519": (), "other": (), "ecdsa": ("-b", "256"), "rsa": ("-b", "2048")}
    for name, size in kinds.items():
        kind = "ed25519" if name == "other" else name
        ssh_keygen("-q", "-t", kind, *size, "-N", "", "-C", name, "-f", folder / name)
    return {name: folder / name for name in kinds}


def signature(key: Path, content: bytes = TEXT, namespace: str = NAMESPACE, *options: str) -> str:
    return ssh_keygen("-q", "-Y", "sign", "-f", key, "-n", namespace, *options, given=content).decode()


def signer(key: Path, options: str = "", who: str = WHO) -> str:
    return f"{who} {options} {key.with_suffix('.pub').read_text()}".replace("  ", " ")


def is_good(armoured: str, signers: str, *, content: bytes = TEXT, at: str = AT, who: str = WHO) -> bool:
    """Whether it counts; IntegrityError has no place here: what does not count is Wrong."""
    try:
        return bool(verifier.is_signed_by(who, content, armoured, at, signers))
    except (verifier.Wrong, ValueError, KeyError, TypeError):
        return False


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_a_signature_of_any_kind_of_key_counts(keys: dict[str, Path], kind: str, hash_name: str) -> None:
    armoured = signature(keys[kind], TEXT, NAMESPACE, "-O", f"hashalg={hash_name}")
    signers = signer(keys["other"]) + signer(keys[kind], f'namespaces="{NAMESPACE}"')
    assert is_good(armoured, signers)
    assert not is_good(armoured, signers, content=TEXT + b"\n")
    assert not is_good(armoured, signer(keys["other"]))
    assert not is_good(armoured, signers, who="other@example.org")
    assert not is_good(signature(keys[kind], TEXT, "release@birthshare"), signers)
    assert not is_good(signature(keys["other"]), signer(keys[kind]))


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ("", True),
        (f'namespaces="{NAMESPACE}"', True),
        (f'namespaces="release@birthshare,{NAMESPACE}"', True),
        ('namespaces="release@birthshare"', False),
        ('namespaces=""', False),
        ('valid-after="20261103"', True),
        ('valid-after="20261103093000Z"', True),
        ('valid-after="20261103093001Z"', False),
        ('valid-before="20261104"', True),
        ('valid-before="20261103092959Z"', False),
        ('valid-before="20261103"', False),
        (f'valid-after="20260101",valid-before="20270101",namespaces="{NAMESPACE}"', True),
        (f'namespaces="{NAMESPACE}",valid-before="20260101"', False),
        ("cert-authority", False),
        ('unheard-of="yes"', False),
    ],
)
def test_what_a_key_may_do_and_when(keys: dict[str, Path], options: str, counts: bool) -> None:
    """As ssh-keygen itself judges it, where it knows the option."""
    signers, armoured = signer(keys["ed25519"], options), signature(keys["ed25519"])
    assert is_good(armoured, signers) is counts
    place = keys["ed25519"].parent
    (place / "signers").write_text(signers)
    (place / "signature").write_text(armoured)
    command = ["ssh-keygen", "-Y", "verify", "-I", WHO, "-n", NAMESPACE, "-f", place / "signers"]
    command += ["-s", place / "signature", "-Overify-time=20261103093000Z"]
    judged = subprocess.run(command, input=TEXT, capture_output=True, check=False, env={"TZ": "UTC"})
    assert (judged.returncode == 0) is counts


def test_several_persons_and_comments_in_the_list(keys: dict[str, Path]) -> None:
    armoured = signature(keys["ed25519"])
    assert is_good(armoured, "# whose keys\n\n" + signer(keys["ed25519"], who=f"other@example.org,{WHO}"))
    assert not is_good(armoured, signer(keys["ed25519"], who=f"x{WHO}"))
    assert not is_good(armoured, "#" + signer(keys["ed25519"]))
    assert not is_good(armoured, "#x," + signer(keys["ed25519"]))
    assert not is_good(armoured, "")


def test_a_change_anywhere_in_the_signature_is_found(keys: dict[str, Path]) -> None:
    armoured, signers = signature(keys["ed25519"]), signer(keys["ed25519"])
    head, *lines, end = armoured.splitlines()
    blob = base64.b64decode("".join(lines))
    # The two lengths and words that ssh-keygen too leaves unread are none: every bit counts.
    for place in range(len(blob)):
        wrong = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        text = "\n".join([head, base64.b64encode(wrong).decode(), end, ""])
        assert not is_good(text, signers), place
    for text in (armoured[5:], armoured[:-10], "", armoured * 2, armoured.replace("SSH", "PGP")):
        assert not is_good(text, signers)


def test_without_ssh_keygen_other_kinds_are_unsure_and_never_good(
    keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    armoured = signature(keys["ecdsa"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert verifier.is_signed_by(WHO, TEXT, armoured, AT, signer(keys["ecdsa"])) is False
    with pytest.raises(verifier.Wrong, match="not allowed to use"):
        verifier.is_signed_by(WHO, TEXT, armoured, AT, signer(keys["rsa"]))
    assert not is_good(signature_of_nobody(), signer(keys["ed25519"]))


def signature_of_nobody() -> str:
    return "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n"
