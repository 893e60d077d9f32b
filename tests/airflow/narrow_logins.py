"""A sign-on for tests whose logins may each see the DAGs of one authority, as a real one can be told to."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class NarrowLogins(SimpleAuthManager):
    """Who is called `only_X` reads the DAGs of the authority X; the others are as in the simple sign-on."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        """Whether a login may do this with a DAG."""
        called, _, authority = user.username.partition("only_")
        mine = called or (details and (details.id or "").startswith(f"{authority}."))
        return bool(mine) and super().is_authorized_dag(user=user, details=details, **asked)
