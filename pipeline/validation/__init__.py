"""Validation: an extract becomes births that keep every rule of the contract, and a quarantine."""
