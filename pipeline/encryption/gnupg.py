"""Running the gpg program: a short-lived home of its own, no options file, no look-ups, no questions.

Status lines (`--status-file`, described in GnuPG's doc/DETAILS) are the only words of gpg that are
read. Its messages for people are thrown away: they change between versions and languages.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR
from threading import Timer

from pipeline.errors import IntegrityError, SettingsError

# GnuPG's agent refuses a home whose path is longer than about 100 characters.
_LONGEST_PLACE = 60
_MEMORY = Path("/dev/shm")  # noqa: S108  a private folder is made inside
_PREFIX = "bshare-gpg-"

# Where a killed run may have left a home: looked into, and nothing is made there.
PLACES = frozenset({_MEMORY, Path("/tmp"), Path(tempfile.gettempdir())})  # noqa: S108
_SECONDS = 900.0  # a hang guard, far above what the largest extract takes
_CHUNK = 1 << 20
_OPTIONS = (
    "--no-options",
    "--batch",
    "--no-tty",
    "--no-auto-key-retrieve",
    "--no-auto-key-locate",
    "--pinentry-mode",
    "error",
)


@dataclass(frozen=True)
class Status:
    """The status lines of one run, split into words."""

    lines: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, file: Path) -> Status:
        """The lines that gpg wrote; none where it wrote nothing."""
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        split = (line.split() for line in text.split("\n") if line.startswith("[GNUPG:] "))
        return cls(tuple(tuple(words[1:]) for words in split if len(words) > 1))

    def count(self, word: str) -> int:
        """How often a status word was printed."""
        return sum(line[0] == word for line in self.lines)

    def has(self, *words: str) -> bool:
        """Whether any of the status words was printed."""
        return any(line[0] in words for line in self.lines)

    def first(self, word: str) -> tuple[str, ...]:
        """What followed the first status word of this name; empty where it was not printed."""
        return next((line[1:] for line in self.lines if line[0] == word), ())

    def before(self, earlier: str, later: str) -> bool:
        """Whether `earlier` was printed before `later`; False where either is missing."""
        words = [line[0] for line in self.lines]
        return earlier in words and later in words and words.index(earlier) < words.index(later)


@dataclass(frozen=True)
class Finished:
    """How one run of gpg ended. The output is for nobody's eyes until the status was judged."""

    code: int
    status: Status
    output: bytes = field(repr=False)
    overflowed: bool = False  # stopped because it wrote more than the limit; the output is then empty


@contextmanager
def temporary_home(*, agent: bool = True) -> Iterator[Path]:
    """A private GnuPG home, in memory where the system has such a place, gone afterwards.

    `agent` says whether gpg may start its agent there, as it does for private keys.
    """
    home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_short_place()))
    try:
        with _marked(home):
            yield home
    finally:
        if agent:
            _stop_agent(home)
        shutil.rmtree(home, ignore_errors=True)


def left_over(places: Iterable[Path], before: float) -> list[Path]:
    """Homes of killed runs of this account, older than a moment (seconds since 1970), that nobody uses.

    An agent that outlived its run does not count: it ends by itself when its home is gone.
    """
    found = {home for place in places for home in place.glob(f"{_PREFIX}*")}
    return [one for one in sorted(found) if _is_ours(one, before) and not _is_used(one)]


def _is_ours(home: Path, before: float) -> bool:
    """Whether this account made it before that moment; its user may remove it while we look."""
    try:
        about = home.lstat()
    except FileNotFoundError:
        return False
    return S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and about.st_mtime < before


@contextmanager
def _marked(home: Path) -> Iterator[None]:
    """Whoever looks sees that the home is in use; the system takes the mark away when a run is killed."""
    folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _is_used(home: Path) -> bool:
    try:
        folder = os.open(home, os.O_RDONLY)
    except FileNotFoundError:
        return True  # its user has just removed it
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(folder)
    return False


def run(home: Path, *arguments: str, given: bytes = b"", limit: int | None = None) -> Finished:
    """Run gpg on `given`, stopping it as soon as it has written more than `limit` bytes.

    Neither what it is given nor what it writes ever has a name on a disk. Raises SettingsError
    where gpg is not installed, IntegrityError where it hangs.
    """
    report = home / "status"
    report.unlink(missing_ok=True)
    command = ["gpg", *_OPTIONS, "--status-file", str(report), *arguments]
    with _in_memory(given) as source:
        process = _start(command, source, home)
        output = _read(process, limit)
    return Finished(process.returncode, Status.read(report), output or b"", overflowed=output is None)


def import_key(home: Path, file: Path) -> Status:
    """Put a key file into the home's keyring; raises SettingsError where it cannot be read."""
    try:
        content = file.read_bytes()
    except OSError:
        raise SettingsError(
            "A key file cannot be read", where=str(file), do="Run `birthshare doctor`."
        ) from None
    return run(home, "--import", given=content).status


def _start(command: list[str], source: int, home: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(home)
        )
    except FileNotFoundError:
        raise SettingsError(
            "The program gpg is not installed", do="Install GnuPG (Debian: apt-get install gnupg)."
        ) from None


def _stop_agent(home: Path) -> None:
    """End the agent that gpg may have started for this home, and remove its socket."""
    for action in (["--kill", "all"], ["--remove-socketdir"]):
        with suppress(FileNotFoundError):  # no gpgconf: then there is no agent either
            subprocess.run(
                ["gpgconf", "--homedir", str(home), *action],
                env=_environment(home),
                capture_output=True,
                check=False,
            )


def _read(process: subprocess.Popen[bytes], limit: int | None) -> bytes | None:
    """All that the process writes, or None where that is more than the limit."""
    late = Timer(_SECONDS, process.kill)
    late.start()
    try:
        with process:
            output = _read_within(process, limit)
    finally:
        late.cancel()
    if output is not None and process.returncode < 0:
        raise IntegrityError("The program gpg was stopped before it finished", do="Try again.")
    return output


def _read_within(process: subprocess.Popen[bytes], limit: int | None) -> bytes | None:
    assert process.stdout is not None  # noqa: S101  a pipe was asked for
    output = bytearray()
    while chunk := process.stdout.read(_CHUNK):
        output += chunk
        if limit is not None and len(output) > limit:
            process.kill()
            return None
    return bytes(output)


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """A nameless file in memory that holds `content`, for a program to read as its standard input."""
    descriptor = os.memfd_create("given")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _short_place() -> Path:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK):
        return _MEMORY
    place = Path(tempfile.gettempdir())
    return place if len(str(place)) <= _LONGEST_PLACE else Path("/tmp")  # noqa: S108


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "GNUPGHOME": str(home),
        "LC_ALL": "C",
    }
