"""A folder of agreements, and the persons who sign them with real keys."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pipeline.agreements.loading import NAMESPACE, Loaded, load_all
from pipeline.demo.keys import make_ssh_key
from pipeline.encryption.signing import sign_ssh
from pipeline.home import Approver, Home
from pipeline.records import TEMPLATES

NAME = "welcome-card-first-visit"
TEXT = (TEMPLATES / f"{NAME}.v1.yaml").read_text()  # in force from 1 January 2026 to 31 December 2027
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ROLES = ("caldicott_guardian", "data_protection_officer", "data_lead")
APPROVERS = tuple(Approver(principal=f"{role}@example.org", roles=(role,)) for role in ROLES)

_SETTINGS = """
[authority]
name = "Example Council"
code = "E06999999"

[suppliers.chis]
name = "Example Trust"
signing_key = "keys/suppliers/chis.asc"
signing_fingerprint = "0000000000000000000000000000000000000000"
""" + "".join(
    f'[[approvers]]\nprincipal = "{role}@example.org"\nroles = ["{role}"]\n' for role in (*ROLES, "siro")
)


def version(number: int, *, replaces: int | None = None, **changes: str) -> str:
    """The text of one version; changes are by key, and replace the first line with that key."""
    changes = {"version": str(number), **changes}
    lines = []
    for line in TEXT.splitlines():
        key = line.strip().split(":")[0]
        if key in changes:
            line = f"{line[: len(line) - len(line.lstrip())]}{key}: {changes.pop(key)}"
        lines.append(line)
    assert not changes
    return "\n".join([*lines, *([f"replaces: {replaces}"] if replaces else []), ""])


class Office:
    """A home with nothing but agreements, and a private key for each role."""

    def __init__(self, folder: Path) -> None:
        self.path, self.keys = folder / "home", folder / "private"
        for part in ("agreements", "keys/approvers", "state"):
            (self.path / part).mkdir(parents=True)
        self.keys.mkdir()
        lines = [
            f'{role}@example.org namespaces="{NAMESPACE}" {make_ssh_key(self.keys / role, role)}\n'
            for role in (*ROLES, "siro")
        ]
        (self.path / "keys/approvers/allowed_signers").write_text("".join(lines))
        (self.path / "birthshare.toml").write_text(_SETTINGS)

    def copied(self, folder: Path) -> Office:
        """An office of one's own with the same persons."""
        own = object.__new__(Office)
        shutil.copytree(self.path, folder / "home")
        own.path, own.keys = folder / "home", self.keys
        return own

    @property
    def home(self) -> Home:
        return Home.open(self.path)

    @property
    def folder(self) -> Path:
        return self.path / "agreements"

    @property
    def signers(self) -> Path:
        return self.path / "keys/approvers/allowed_signers"

    def file(self, number: int = 1) -> Path:
        return self.folder / f"{NAME}.v{number}.yaml"

    def write(self, number: int, text: str, signed_by: Collection[str] = ROLES) -> None:
        self.file(number).write_text(text)
        for role in signed_by:
            self.sign(role, role, number)

    def sign(self, role: str, with_key_of: str, number: int = 1) -> None:
        content = self.file(number).read_bytes()
        signature = sign_ssh(content, private_key=self.keys / with_key_of, namespace=NAMESPACE)
        self.signature(role, number).write_bytes(signature)

    def signature(self, role: str, number: int = 1) -> Path:
        return self.file(number).with_suffix(f".{role}.sig")

    def load(
        self,
        at: datetime = NOW,
        recorded_at: Mapping[tuple[str, str, str], datetime] | None = None,
        suspended: Collection[tuple[str, int]] = (),
        approvers: Collection[Approver] = APPROVERS,
    ) -> dict[int, Loaded]:
        """Every version, by its number."""
        loaded = load_all(
            self.folder,
            allowed_signers=self.signers,
            approvers=tuple(approvers),
            at=at,
            recorded_at=recorded_at,
            suspended=suspended,
        )
        return {one.agreement.version: one for one in loaded}
