"""The ledger's tables as this program reads and writes them; `migrations` makes them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, Column, Integer, MetaData, Table, Text, bindparam

METADATA = MetaData()

# References to families in a question, given apart from it: how a statement is written is remembered
# (`database`), with what stands in it, and no family is.
THESE: BindParameter[Sequence[str]] = bindparam("these", expanding=True)

# Append-only: triggers of the database refuse every update and deletion.
ENTRIES = Table(
    "entries",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("kind", Text, nullable=False),
    Column("month", Text, nullable=False),  # YYYY-MM or ""
    Column("at", Text, nullable=False),  # UTC, ISO 8601 to the microsecond
    Column("body", Text, nullable=False),  # canonical JSON; never a JSON type, which would reorder it
    Column("leaf_hash", Text, nullable=False),  # hashes are lower-case hexadecimal
    Column("chain_hash", Text, nullable=False),
)

# One row: where the chain and the Merkle tree stand, so that appending does not read the ledger.
HEAD = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("chain_hash", Text, nullable=False),
    Column("nodes", Text, nullable=False),  # compact range, hashes separated by spaces
)

# Append-only, like the entries.
CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("root", Text, nullable=False),
    Column("note", Text, nullable=False),  # the signed note, which says the same and proves it
)

# What an entry's commitment commits to: whom it is about. A row may be destroyed; none is ever changed.
OPENINGS = Table(
    "openings",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("salt", Text, nullable=False),  # 32 random bytes, hexadecimal
    Column("said", Text, nullable=False),  # canonical JSON of the keyed references
)

# Roots of complete subtrees of 256, 256*256, ... entries, so that a proof reads a few hundred hashes.
SUBTREES = Table(
    "subtrees",
    METADATA,
    Column("level", Integer, primary_key=True, autoincrement=False),  # of 256 ** level entries
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 0, from the left
    Column("hash", Text, nullable=False),
)

# Fencing: the holder of the highest token of a key may act, and nobody else.
LEASES = Table(
    "leases",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("token", Integer, nullable=False),
)

# Look-ups made from the entries, so that a month does not read the whole ledger.
SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=False),
    Column("word", Text, nullable=False),
    Column("since", Text, nullable=False),  # ISO 8601 to the second, or ""
)
DISCLOSURES = Table(
    "disclosures",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("child", Text, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("permit", Integer, nullable=False),
    Column("parent", Text, nullable=False),  # "" where not given
    Column("dwelling", Text, nullable=False),
    Column("reference", Text, nullable=False),  # what the row is called on its list
    Column("heard", Integer, nullable=False),  # later words were listened to up to this entry
)
RECALLS = Table(
    "recalls",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("permit", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("child", Text, nullable=False),
)
