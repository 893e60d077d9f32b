"""The authority that each test of a supplier has for itself."""

from __future__ import annotations

from month_authority import authority, birthshare, prototype

__all__ = ["authority", "birthshare", "prototype"]
