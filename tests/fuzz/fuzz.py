"""Any bytes at every reader, for as long as one likes; not part of the tests.

    make fuzz                                        every target for two minutes
    .venv/bin/python tests/fuzz/fuzz.py 600 csv zip  these for ten minutes each

A reader may answer, or refuse with an error of pipeline.errors. It may not fail in another way, take longer
than 20 seconds or more than 2 GB, or quote the canary that is in every file it begins with: neither in its
error nor in any that hangs on it. Where atheris is installed, its coverage leads the way; otherwise
Hypothesis changes the files at random. Atheris is no dependency of ours: `python3.11 -m venv /tmp/fuzz`,
`/tmp/fuzz/bin/pip install atheris`, in that environment a .pth file that names our site-packages, and then
/tmp/fuzz/bin/python in place of .venv/bin/python. What fails is kept in the folder BIRTHSHARE_FUZZ
(/tmp/birthshare-fuzz), and is to become a case in tests/hostile or beside the reader's own tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SECONDS = "120"
KEPT = Path(os.environ.get("BIRTHSHARE_FUZZ", "/tmp/birthshare-fuzz"))
_HERE = Path(__file__).parent
_PLACES = os.pathsep.join(map(str, (_HERE.parent, _HERE.parents[1])))


def main() -> int:
    """Every target named, or all; in processes of their own, for one failure must not hide another."""
    seconds, names, failed = (sys.argv[1:2] or [SECONDS])[0], sys.argv[2:], []
    for name in names or _run().stdout.split():
        print(f"{name}: {seconds} seconds", flush=True)
        if _run(name, seconds, str(KEPT / name)).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}; see {KEPT}" if failed else "Nothing found.")
    return bool(failed)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One reader; without arguments the names of all."""
    command = [sys.executable, str(_HERE / "one.py"), *arguments]
    said = None if arguments else subprocess.PIPE
    return subprocess.run(
        command, check=False, stdout=said, text=True, env=os.environ | {"PYTHONPATH": _PLACES}
    )


if __name__ == "__main__":
    sys.exit(main())
