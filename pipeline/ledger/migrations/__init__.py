"""How the ledger's tables came to be, one numbered step after another (Alembic)."""
