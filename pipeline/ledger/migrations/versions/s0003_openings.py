"""Whom an entry is about moves out of the entry, so that it can be destroyed; and the tree's inner hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.ledger.merkle import CompactRange

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PAGE = 1000


def upgrade() -> None:
    """Make the tables; an older ledger's inner hashes are worked out from its leaves."""
    op.create_table(
        "openings",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_table(
        "subtrees",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    _fill_subtrees()
    # Nobody signed it. When a checkpoint was made is known from the entries that it covers.
    op.drop_column("checkpoints", "at")
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_postgresql()
    else:
        _refuse_changes_sqlite()


def _fill_subtrees() -> None:
    connection, tree, after = op.get_bind(), CompactRange(), 0
    page = sa.text("SELECT seq, leaf_hash FROM entries WHERE seq > :after ORDER BY seq LIMIT :page")
    while rows := connection.execute(page, {"after": after, "page": _PAGE}).all():
        for row in rows:
            tree.append(bytes.fromhex(row.leaf_hash))
        after = rows[-1].seq
        found = [
            {"level": level, "number": number, "hash": node.hex()} for level, number, node in tree.completed()
        ]
        if found:
            connection.execute(sa.text("INSERT INTO subtrees VALUES (:level, :number, :hash)"), found)


def _refuse_changes_postgresql() -> None:
    for table, doing in (("openings", "UPDATE"), ("subtrees", "UPDATE OR DELETE")):
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE {doing} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION ledger_refuses()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses()"
        )


def _refuse_changes_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    op.execute(f"CREATE TRIGGER openings_not_changed BEFORE UPDATE ON openings {refuse}")
    op.execute(f"CREATE TRIGGER subtrees_not_changed BEFORE UPDATE ON subtrees {refuse}")
    op.execute(f"CREATE TRIGGER subtrees_not_deleted BEFORE DELETE ON subtrees {refuse}")
