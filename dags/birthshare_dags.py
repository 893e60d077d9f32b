"""What every DAG of Birthshare has: an owner, tags, one run at a time, no past to make up for, its queues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.sdk import DAG

from birthshare_authorities import Authority
from birthshare_failures import tell_of_failure

LONDON = "Europe/London"


@contextmanager
def dag_of(authority: Authority, name: str, *, tags: Sequence[str], **options: Any) -> Iterator[DAG]:
    """One authority's DAG of that name; in the block its tasks are made."""
    with DAG(
        dag_id=authority.dag_id(name),
        catchup=False,
        max_active_runs=1,
        default_args={"owner": "data lead", "on_failure_callback": tell_of_failure},
        tags=["birthshare", *tags, *([authority.code] if authority.code else [])],
        **options,
    ) as dag:
        yield dag
    for one in dag.tasks:
        _place(one, authority)


def _place(one: Any, authority: Authority) -> None:
    """Send a task to its authority's own workers, where it has some."""
    if hasattr(one, "partial_kwargs"):  # a mapped task
        one.partial_kwargs["queue"] = authority.queue(one.partial_kwargs["queue"])
    else:
        one.queue = authority.queue(one.queue)
