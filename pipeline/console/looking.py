"""Whether this machine has what deciding takes, or only what looking takes.

Beside Airflow the web server that people reach sees no keys and may not write into a home, but for the ledger
(infra/systemd/birthshare-api-server.service). There the console shows, and takes no form: what is signed,
asked about a family or changed is done at the console's own address, where all of it can be done.
"""

from __future__ import annotations

import os

from pipeline.home import Home

_FAMILIES = "keys/subject.key"  # every step of a month takes it, and every question about a family
WRITTEN = ("agreements", "outbox", "reference", "state")  # folders in which decisions are kept


def looks_only(home: Home) -> bool:
    """Whether forms would stop halfway here, for want of a key or of a folder to write into."""
    folders = [home.at(name) for name in WRITTEN]
    shut = any(folder.is_dir() and not os.access(folder, os.W_OK) for folder in folders)
    return shut or not home.at(_FAMILIES).is_file()


def where_it_is_done(home: Home) -> str:
    """The sentence that says where people decide, instead of here."""
    address = home.settings.console.address
    where = f"at {address}" if address else "where `birthshare console` runs: ask whoever looks after it"
    return f"Here you can look at months and agreements. Decide, sign and ask about families {where}."
