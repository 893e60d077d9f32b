"""The authority in whose home an agreement is looked at."""

from __future__ import annotations

from month_authority import authority, birthshare, prototype

__all__ = ["authority", "birthshare", "prototype"]
