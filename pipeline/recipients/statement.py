"""What is signed of the register of recipients: plain text that anyone can read and check with ssh-keygen.

First the authority, the register that this one takes the place of, and the reach areas: the SHA-256 of
their file, or where there are several that of each, and that of the list of these, sorted, one a line.
Then a part for each recipient, in the words of `reference/recipients.yaml`:

    recipient centre-01
      host: sftp.example.org
      host_key: SHA256:... (ssh-ed25519)
      key: keys/recipients/centre-01.password
      key_check: ...

A host key is shown by the fingerprint that OpenSSH shows. `key_check` is a keyed digest of the key
file: it changes with the password, and tells nothing about it. What does not differ from what the
program assumes is left out, so that a newer program does not make another statement.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import custody
from pipeline.geography.areas import areas_sha256
from pipeline.home import Home, Recipient

NOTHING = "nothing"  # a first register takes the place of none
_HEAD = ""  # the part before the recipients, among the parts of a statement
_RECIPIENT = "recipient "

Parts = dict[str, dict[str, str]]  # by recipient, or _HEAD: the lines, by their name


def statement(home: Home, recipients: Mapping[str, Recipient], *, replaces: str) -> str:
    """The register as it stands in the home; `replaces` is the digest of the statement in force.

    With that in it, signatures on an earlier register never count for it a second time. Raises
    SettingsError where the reach areas cannot be read.
    """
    head = {
        "authority": f"{home.settings.authority.code} {home.settings.authority.name}",
        "replaces": replaces or NOTHING,
        "reach_areas": f"SHA-256 {reach_areas_sha256(home)}",
        **_reach_area_files(home),
        "recipients": str(len(recipients)),
    }
    parts = [_part("The register of recipients", head)]
    parts += [part(home, recipients[code]) for code in sorted(recipients)]
    return "\n".join(parts)


def part(home: Home, recipient: Recipient) -> str:
    """What is signed of one recipient: its whole entry, and its key."""
    entry = recipient.model_dump(mode="json", exclude_defaults=True)
    lines = dict(_lines(entry))
    code = lines.pop("code")
    lines["key_check"] = _key_check(home, recipient)
    return _part(f"{_RECIPIENT}{code}", lines)


def part_digest(home: Home, recipient: Recipient) -> str:
    """The digest of what is signed of one recipient: any change of its entry or key changes it."""
    return hashlib.sha256(part(home, recipient).encode()).hexdigest()


def reach_areas_sha256(home: Home) -> str:
    """The digest of all reach areas; raises SettingsError where a file of them cannot be read."""
    return areas_sha256(home.reach_areas)


def _reach_area_files(home: Home) -> dict[str, str]:
    """Where there are several files, the digest of each, which anybody can work out."""
    names, files = home.settings.geography.reach_areas, home.reach_areas
    if len(files) == 1:
        return {}
    return {
        f"reach_areas_{number}": f"SHA-256 {areas_sha256([file])} {name}"
        for number, (name, file) in enumerate(zip(names, files, strict=True), start=1)
    }


def differences(before: str, after: str) -> list[str]:
    """What a register changes against another, in sentences; nothing where they say the same."""
    old, new = _parts(before), _parts(after)
    was, areas = (parts.pop(_HEAD, {}).get("reach_areas") for parts in (old, new))
    return [
        *([f"The reach areas {'have changed' if was else 'are new'}."] if was != areas else []),
        *(f"{code} is taken out: {old[code]['name']}." for code in sorted(old.keys() - new)),
        *(f"{code} is new: {new[code]['name']}, {_way(new[code])}." for code in sorted(new.keys() - old)),
        *(
            f"{code}: {words}."
            for code in sorted(old.keys() & new)
            for words in _between(old[code], new[code])
        ),
    ]


def _way(lines: Mapping[str, str]) -> str:
    return f"{lines['user']}@{lines['host']}" if "host" in lines else f"the folder {lines.get('folder', '.')}"


def changes_of(recipient: str, before: str, after: str) -> list[str]:
    """What has changed about a recipient that both name, in words."""
    return _between(_parts(before).get(recipient, {}), _parts(after).get(recipient, {}))


def lines_changed(recipient: str, before: str, after: str) -> list[str]:
    """The names of the lines about a recipient that are not the same in both."""
    return _changed(_parts(before).get(recipient, {}), _parts(after).get(recipient, {}))


def _between(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return [_change(name, old.get(name), new.get(name)) for name in _changed(old, new)]


def _changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return [name for name in old | new if old.get(name) != new.get(name)]


def _change(name: str, old: str | None, new: str | None) -> str:
    if name == "key_check":
        return "its key or password is another"
    if old is None:
        return f"{name} is given: {new}"
    return f"{name} was {old}, and is left out" if new is None else f"{name} was {old}, and is {new}"


def _part(title: str, lines: Mapping[str, str]) -> str:
    return "".join([f"{title}\n", *(f"  {name}: {value}\n" for name, value in lines.items())])


def _parts(text: str) -> Parts:
    """A statement, taken apart again."""
    found: Parts = {}
    for section in text.split("\n\n") if text else []:
        title, *lines = section.splitlines()
        name = title.removeprefix(_RECIPIENT) if title.startswith(_RECIPIENT) else _HEAD
        pairs = (line.strip().partition(": ") for line in lines)
        found[name] = {key: value for key, _, value in pairs}
    return found


def _lines(entry: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Each name and value of an entry on a line of its own; values are one line each (see `home.Line`)."""
    for name, value in entry.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{within}{name}.")
        elif name == "host_key":
            yield f"{within}{name}", fingerprint(value)
        else:
            yield f"{within}{name}", json.dumps(value) if isinstance(value, list) else str(value)


def fingerprint(host_key: str) -> str:
    """A host key as `ssh-keygen -l` shows it; the text itself where it is no key."""
    kind, _, rest = host_key.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        blob = b""
    if not blob:
        return host_key.strip()
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest} ({kind})"


def agreed_file(home: Home) -> Path:
    """Where the statement that enough persons signed last is kept."""
    return home.at("reference/register.agreed.txt")


def _key_check(home: Home, recipient: Recipient) -> str:
    """Keyed, since the key may be a password; "missing" where there is none.

    On a machine that seals nothing there is none of any: there it is as it was signed last. Whoever altered
    that has altered the digest that the ledger holds of this recipient.
    """
    file = home.at(recipient.key)
    if not file.is_file():
        return "missing" if custody.seals(home) else _as_agreed(home, recipient.code)
    content = b"recipient\x1f" + recipient.code.encode() + b"\x1f" + file.read_bytes()
    return hmac.digest(home.secret("subject.key"), content, "sha256").hex()


def _as_agreed(home: Home, code: str) -> str:
    try:
        text = agreed_file(home).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "missing"
    return _parts(text).get(code, {}).get("key_check", "missing")
