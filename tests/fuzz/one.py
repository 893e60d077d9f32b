"""One reader and any bytes: `one.py NAME SECONDS FOLDER`, as fuzz.py runs it; without a name, all names."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.errors import BirthshareError

try:
    import atheris
except ImportError:
    atheris = None

LONGEST, MOST_BYTES, MOST_MEMORY = 20, 1 << 16, 2048  # seconds; bytes of a file; megabytes


class Broken(Exception):
    """A reader did what no reader may."""


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """One target, in this process; `folder` is where its files are kept."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    targets = _targets()
    for seed in targets.TARGETS[name].seeds():
        (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)

    def check(content: bytes) -> None:
        """Raises Broken where the reader does not do as it must."""
        begun = time.monotonic()
        try:
            targets.TARGETS[name].read(content)
        except BirthshareError as error:
            _check_silent(error, targets.CANARY)
        if time.monotonic() - begun > LONGEST:
            raise Broken("it took too long")

    if atheris:
        _led_by_coverage(check, seconds, folder)
    else:
        _at_random(check, seconds, folder)


def _targets() -> Any:
    """The targets; with atheris, what is to be covered is marked in their code."""
    if atheris:
        with atheris.instrument_imports(include=["pipeline", "zipfile", "json.decoder"]):
            import targets
    else:
        import targets
    return targets


def _check_silent(error: BaseException | None, canary: str) -> None:
    while error is not None:
        if canary in f"{error!s}{error!r}{error.args}":
            raise Broken(f"{type(error).__name__} quotes the file")
        error = error.__cause__ or error.__context__


def _led_by_coverage(check: Any, seconds: int, folder: Path) -> None:
    options = [
        f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-timeout={LONGEST}",
        f"-rss_limit_mb={MOST_MEMORY}", f"-artifact_prefix={folder}/", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], check)
    atheris.Fuzz()


def _at_random(check: Any, seconds: int, folder: Path) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    files = sorted(file.read_bytes() for file in (folder / "corpus").iterdir())

    def piece(file: bytes) -> Any:
        return st.builds(lambda at, size: file[at : at + size], st.integers(0, len(file)), st.integers(0, 60))

    pieces = st.one_of(st.binary(max_size=30), st.sampled_from(files).flatmap(piece))
    cuts = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 40), pieces), min_size=1, max_size=6)

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(files), cuts)
    def run(content: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
        for place, size, put in cuts:
            at = place % (len(content) + 1)
            content = content[:at] + put + content[at + size :]
        try:
            check(content)
        except Exception:
            (folder / "failed").write_bytes(content)
            raise

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(*_targets().TARGETS)
