"""Sharing agreements: what each allows, who signed it, and whether it stands."""
