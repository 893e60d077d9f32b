"""Sealed notices to recipients: about families to take off a list, and about receipts that are missing."""
