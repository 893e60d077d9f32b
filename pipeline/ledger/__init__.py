"""The ledger: what happened, in an order that cannot be changed without being noticed.

`entries` says what may be recorded; `ledger` records it and issues permits; `verify` proves that
nothing was altered since. Nothing is imported here, so that a command that needs only the
vocabulary does not wait for the database library.
"""
