"""Opening a ledger in a process takes no lock away from whoever reads or writes it there."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from pipeline.ledger.ledger import Ledger

WRITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None) as writer:
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("CREATE TABLE written (by_another_process)")
    writer.execute("COMMIT")
"""


def test_nobody_writes_under_a_reader_when_the_ledger_is_opened_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with closing(Ledger.open(f"sqlite:///{file}")) as ledger, ledger.database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM entries").scalar_one()
        Ledger.open(f"sqlite:///{file}").close()
        written = subprocess.run([sys.executable, "-c", WRITE, file], capture_output=True, text=True)
        assert "database is locked" in written.stderr
