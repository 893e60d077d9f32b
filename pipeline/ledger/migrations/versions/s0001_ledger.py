"""The first tables, and the triggers that make entries and checkpoints append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = {"entries": "seq", "checkpoints": "size"}


def upgrade() -> None:
    """Make everything."""
    _record_tables()
    _working_tables()
    op.execute(f"INSERT INTO head (id, size, chain_hash, nodes) VALUES (1, 0, '{'0' * 64}', '')")  # noqa: S608
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_postgresql()
    else:
        _refuse_changes_sqlite()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, primary_key=key, autoincrement=False)


def _record_tables() -> None:
    op.create_table(
        "entries",
        _number("seq", key=True),
        *(_text(name) for name in ("kind", "month", "at", "body", "leaf_hash", "chain_hash")),
    )
    op.create_index("entries_by_month", "entries", ["month", "kind", "seq"])
    op.create_index("entries_by_kind", "entries", ["kind", "seq"])
    op.create_table("checkpoints", _number("size", key=True), _text("root"), _text("note"), _text("at"))
    op.create_table(
        "head",
        _number("id", key=True),
        _number("size"),
        _text("chain_hash"),
        _text("nodes"),
        sa.CheckConstraint("id = 1", name="one_head"),
    )


def _working_tables() -> None:
    op.create_table("leases", sa.Column("key", sa.Text, primary_key=True), _number("token"))
    op.create_table(
        "suppressions", _number("entry", key=True), _text("subject"), _text("word"), _text("since")
    )
    op.create_table(
        "disclosures",
        _number("entry", key=True),
        *(_text(name) for name in ("child", "agreement", "recipient", "month")),
        _number("permit"),
    )
    op.create_index("disclosures_by_permit", "disclosures", ["permit"])


def _refuse_changes_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION ledger_refuses()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses()"
        )


def _refuse_changes_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for table, key in APPEND_ONLY.items():
        op.execute(f"CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table} {refuse}")
        # INSERT OR REPLACE deletes without firing the trigger above.
        op.execute(
            f"CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table} "  # noqa: S608
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) {refuse}"
        )
