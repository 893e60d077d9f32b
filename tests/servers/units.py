"""Starts what a systemd unit starts, behind its walls, where systemd itself does not run.

As the unit's user, without any right beyond that, with the unit's environment alone; everything read-only
but what the unit may write to, what it may not see hidden, an empty /tmp. It needs root, and the right to
mount. Not put up: filters of system calls and limits of memory, which `systemd-analyze` looks at.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
NAMESPACE = ("unshare", "--mount", "--propagation", "private")
HOMES = ("/home", "/root", "/run/user")  # what ProtectHome=yes hides
READ_ONLY = (  # each place that anything is mounted at, but for the system's own
    "case $place in /dev|/dev/*|/proc|/proc/*|/sys|/sys/*) ;; "
    '*) [ ! -e "$place" ] || mount -o remount,bind,ro "$place" ;; esac'
)


class CannotBuildWalls(RuntimeError):
    """This process may not mount anything."""


class Unit:
    """A unit's file, read as far as we use it."""

    def __init__(self, file: Path, *, instance: str = "") -> None:
        self._lines: dict[str, list[str]] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            name, is_setting, value = line.partition("=")
            if is_setting and not line.startswith("#"):
                self._lines.setdefault(name, []).append(value.replace("%i", instance))

    def words(self, name: str) -> list[str]:
        """Every word that stands behind a setting, on all its lines."""
        return [word for line in self._lines.get(name, []) for word in shlex.split(line)]

    def run(self, *, seconds: float = 300) -> int:
        """Run it to its end; the answer is its exit code."""
        return self.start().wait(timeout=seconds)

    def start(self, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Start it: what it waits for first, then the thing itself. The process becomes the unit's own."""
        before = [shlex.split(line) for line in self._lines.get("ExecStartPre", [])]
        return behind_walls(self, *before, self.words("ExecStart"), output=output)


def behind_walls(unit: Unit, *commands: Sequence[str], output: Path | None = None) -> subprocess.Popen[bytes]:
    """Run commands one after the other, with what the unit may do; the last takes the others' place."""
    [user], [group] = unit.words("User"), unit.words("Group")
    words = ["PATH=" + os.defpath, *unit.words("Environment")]
    rights = ["--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
    rights += ["--bounding-set", "-all", "--inh-caps", "-all"]
    inside = " && ".join(map(shlex.join, commands[:-1]))
    script = f"{inside + ' && ' if inside else ''}exec {shlex.join(commands[-1])}"
    outside = "\n".join(
        [
            "set -eu",
            *_walls(unit),
            f"umask {unit.words('UMask')[0]}",
            f"cd {unit.words('WorkingDirectory')[0]}",
        ]
    )
    command = shlex.join(["setpriv", *rights, "--", "env", "-i", *words, "sh", "-c", script])
    with (output or Path(os.devnull)).open("ab") as said:
        return subprocess.Popen(
            [*NAMESPACE, "sh", "-c", f"{outside}\nexec {command}"],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


def ensure_possible() -> None:
    """Raises CannotBuildWalls where this process may not mount."""
    tried = subprocess.run(
        [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"],
        capture_output=True, check=False,
    )  # fmt: skip
    if tried.returncode:
        raise CannotBuildWalls("mounting is not allowed here")


def _walls(unit: Unit) -> list[str]:
    """Commands for a shell that has a view of the file system for itself."""
    assert unit.words("ProtectSystem") == ["strict"]
    writable = unit.words("ReadWritePaths")
    # A developer's Python may lie where ProtectHome hides it; on a server install.py refuses that.
    seen = [
        Path(sys.base_prefix),
        *(Path(word.removeprefix("-")) for word in unit.words("BindReadOnlyPaths")),
    ]
    seen = [path for path in seen if path.exists()]
    hidden = [
        *filter(os.path.isdir, HOMES),
        *(word.partition(":")[0] for word in unit.words("TemporaryFileSystem")),
    ]
    # So may its whole tree, under an empty /tmp.
    covered = [path for path in {REPOSITORY, Path(sys.prefix)} if path.is_relative_to("/tmp")]
    shut = [word for word in unit.words("InaccessiblePaths") if Path(word.removeprefix("-")).exists()]
    return [
        "mount -t tmpfs -o mode=700 tmpfs /media",
        *(f"mount --bind {path} {path}" for path in writable),
        *(f"{_place(path, f'/media/{n}')} && mount --bind {path} /media/{n}" for n, path in enumerate(seen)),
        *(f"mkdir /media/t{n} && mount --bind {path} /media/t{n}" for n, path in enumerate(covered)),
        *(f"mount -t tmpfs -o mode=755 tmpfs {path}" for path in hidden),
        *(f"{_place(path, path)} && mount --bind /media/{n} {path}" for n, path in enumerate(seen)),
        f"while read -r _ _ _ _ place _; do {READ_ONLY}; done < /proc/self/mountinfo",
        *(f"mount -o remount,bind,rw {path}" for path in writable),
        *(f"mount -t tmpfs -o mode=1777 tmpfs {place}" for place in ("/tmp", "/var/tmp")),
        *(f"mkdir -p {path} && mount --bind /media/t{n} {path}" for n, path in enumerate(covered)),
        *(f"mount -t tmpfs -o mode=000 tmpfs {path.removeprefix('-')}" for path in shut),
        f"mount -t proc -o hidepid={unit.words('ProtectProc')[0]} proc /proc",
    ]


def _place(of: Path, at: Path | str) -> str:
    """What makes an empty place at which a folder, or a file, can be mounted."""
    return f"mkdir -p {at}" if of.is_dir() else f"mkdir -p {Path(at).parent} && touch {at}"
