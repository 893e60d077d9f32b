"""The other side of a measured run, in a process of its own: an authority, and its centres' SFTP server.

    python host.py FOLDER BIRTHS CENTRES MONTH

It lays everything out, says where as one line of JSON, and then answers each line it is given, a
question and what belongs to it as JSON, with one of JSON (the public methods of Host). It ends with
its input. The server is OpenSSH where this machine can run it, else the demonstration's own.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.demo.authority import Demonstration, sign_register
from pipeline.demo.places import SAMPLE
from pipeline.demo.run import laid_out
from pipeline.encryption.gnupg import import_key, run, temporary_home
from pipeline.home import Home
from pipeline.records import Month
from servers.sshd import CannotServe, OpenSshServer

SEED = 1


@dataclass(frozen=True)
class Host:
    """The authority, and the folder that each centre's account writes into."""

    demo: Demonstration
    server: str
    received: dict[str, Path]
    keyring: Path  # the GNUPGHOME of the person who runs the rival

    @property
    def places(self) -> dict[str, Any]:
        """What the measured programs are told."""
        return {
            "home": str(self.demo.home),
            "approver_key": str(self.demo.approver_keys["data_lead"]),
            "postcodes": str(SAMPLE),
            "keyring": str(self.keyring),
            "server": self.server,
        }

    def clear(self) -> dict[str, Any]:
        """Remove every list that arrived."""
        for file in self._lists():
            file.unlink()
        return {}

    def open(self) -> dict[str, Any]:
        """Open every list as the centres would: how many, their rows, and a digest of each home."""
        frames = [self._opened(file) for file in self._lists()]
        rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"home": []}, dtype="str")
        return {"lists": len(frames), "rows": len(rows), "homes": sorted(set(_digests(rows["home"])))}

    def why(self, decisions: str, homes: list[str]) -> dict[str, Any]:
        """Rows of these homes that Birthshare set aside, and its reasons against others, from its export."""
        extract = pd.read_csv(self.demo.extract, dtype=str, keep_default_na=False)
        extract["home"] = _digests(_homes(extract["address_line_1"], extract["postcode"]))
        there = set(extract.loc[extract["home"].isin(homes), "record_id"]) - {""}
        decided = pd.read_csv(decisions, dtype=str, keep_default_na=False)
        reasons = decided.loc[decided["record_id"].isin(there), "reasons"].str.split(";").explode()
        counted = reasons[reasons != ""].value_counts().to_dict()
        quarantined = len(there - set(decided["record_id"]))
        return {"quarantined": quarantined} | {str(code): int(rows) for code, rows in counted.items()}

    def _lists(self) -> list[Path]:
        endings = (".xlsx", ".csv.gpg")
        return sorted(
            file
            for folder in self.received.values()
            for file in folder.iterdir()
            if file.name.endswith(endings)
        )

    def _opened(self, file: Path) -> pd.DataFrame:
        """A column: first line of the address and postcode, as one text."""
        code = next(code for code, folder in self.received.items() if folder == file.parent)
        read = self._workbook if file.suffix == ".xlsx" else self._csv
        rows = read(code, file).fillna("")
        line, postcode = (
            next(name for name in rows.columns if name.lower().replace(" ", "_") == wanted)
            for wanted in ("address_line_1", "postcode")
        )
        return pd.DataFrame({"home": _homes(rows[line], rows[postcode])})

    def _workbook(self, code: str, file: Path) -> pd.DataFrame:
        import msoffcrypto

        plain = io.BytesIO()
        with file.open("rb") as sealed:
            office = msoffcrypto.OfficeFile(sealed)
            office.load_key(password=(self.demo.home / f"keys/recipients/{code}.password").read_text())
            office.decrypt(plain)
        return pd.read_excel(plain, sheet_name="Families", dtype=str, engine="calamine")

    def _csv(self, code: str, file: Path) -> pd.DataFrame:
        with temporary_home() as home:
            import_key(home, self.demo.recipient(code) / f"{code}.private.asc")
            opened = run(home, "--decrypt", given=file.read_bytes())
        return pd.read_csv(io.BytesIO(opened.output), dtype=str)


def _homes(line: pd.Series, postcode: pd.Series) -> pd.Series:
    return line.str.strip() + " " + postcode.str.upper().str.replace(" ", "")


def _digests(homes: pd.Series) -> list[str]:
    return [hashlib.sha256(home.encode()).hexdigest()[:16] for home in homes]


@contextmanager
def hosted(folder: Path, births: int, centres: int, month: Month) -> Iterator[Host]:
    """An authority in `folder` that is ready to run `month`."""
    with ExitStack() as stack:
        demo = stack.enter_context(
            laid_out(folder, month=month, births=births, centres=centres, seed=SEED, now=datetime.now(UTC))
        )
        server, received = "the demonstration's SFTP server", {c: demo.recipient(c) for c in demo.centres}
        with suppress(CannotServe):
            public_key = demo.home / "keys" / "delivery.key.pub"
            openssh = stack.enter_context(OpenSshServer(demo.centres, public_key=public_key))
            _enter_in_register(demo, openssh)
            server, received = "OpenSSH", {code: openssh.files(code) for code in demo.centres}
        yield Host(demo, server, received, stack.enter_context(_keyring(demo)))


def _enter_in_register(demo: Demonstration, server: OpenSshServer) -> None:
    register = demo.home / "reference" / "recipients.yaml"
    entries = yaml.safe_load(register.read_text(encoding="utf-8"))
    for one in entries["recipients"]:
        one |= {"port": server.port, "host_key": server.host_key}
        one |= {"user": server.user(one["code"]), "folder": server.folder}
    register.write_text(yaml.safe_dump(entries), encoding="utf-8")
    sign_register(Home.open(demo.home), demo.approver_keys)


@contextmanager
def _keyring(demo: Demonstration) -> Iterator[Path]:
    """A keyring that holds the authority's private key and the supplier's public one."""
    with tempfile.TemporaryDirectory(prefix="bs-", dir="/tmp") as place:
        keys = demo.home / "keys"
        files = [str(keys / "decryption.key"), str(keys / "suppliers" / "chis.asc")]
        home = {**os.environ, "GNUPGHOME": place}
        subprocess.run(["gpg", "--batch", "--import", *files], env=home, capture_output=True, check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["gpgconf", "--kill", "all"], env=home, capture_output=True, check=False)


def main() -> None:
    folder, births, centres, month = sys.argv[1:]
    with hosted(Path(folder), int(births), int(centres), Month.parse(month)) as host:
        print(json.dumps(host.places), flush=True)
        for line in sys.stdin:
            question, given = json.loads(line)
            print(json.dumps(getattr(host, question)(**given)), flush=True)


if __name__ == "__main__":
    main()
