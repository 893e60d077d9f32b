"""Whom a list named beside the child, what its rows are called, and which of them were called back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the look-ups by which a later word finds every list that went out."""
    for name in ("parent", "dwelling", "reference"):
        op.add_column("disclosures", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("disclosures", sa.Column("heard", sa.Integer, nullable=False, server_default="0"))
    # What the gate of an older list had heard is not known, but no more than stood before its permit.
    op.execute("UPDATE disclosures SET heard = permit")
    for name in ("child", "parent", "dwelling"):
        op.create_index(f"disclosures_by_{name}", "disclosures", [name])
    op.create_index("suppressions_by_subject", "suppressions", ["subject"])
    op.create_table(
        "recalls",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("permit", sa.Integer, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("child", sa.Text, nullable=False),
    )
    op.create_index("recalls_by_row", "recalls", ["permit", "reference"])
    op.create_index("recalls_by_child", "recalls", ["child"])
