"""
### A newer postcode directory, every month

Runs on the 20th of each month at 2 in the morning, when months are mostly closed, and when you trigger it.
One comes out every February, May, August and November: download the newest ONSPD from
geoportal.statistics.gov.uk and put the file, as it is, into `reference/incoming/` of the home.

1. **refresh** builds the newest release that lies there and holds it against the directory in use. It is used
   where no home's postcode goes from one centre to another, or to none: then new streets are found, and no
   centre's area changes. After that the reach areas are looked at, and how old the directory is.

**When something is red**, open the task's log: the error says what happened and what to do. Running it again
is safe: what is in use already is not brought in twice, and the directory in use stays until the new one is
whole.

- *a newer directory waits for somebody to look at it*: it changes which centre a family belongs to, or it
  could not be compared. `birthshare geography build FILE --preview` shows what would change; without
  `--preview` it is used. Or take the file away.
- *the file cannot be used*: the download is broken, or it is another file. Put the published one there.

An old directory and errors in the reach areas make nothing red: they are counted, and the log says them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from birthshare_authorities import Authority, authorities
from birthshare_dags import LONDON, dag_of
from birthshare_tasks import home_of, step
from birthshare_words import say
from pipeline.rooms import OPENING


@step(OPENING, pool="birthshare_opening")
def refresh() -> dict[str, int]:
    """Use a newer directory where nobody has to look at it, and look at the reach areas; gives counts."""
    from pipeline.places import refresh as places

    refreshed = places.refresh(home_of(get_current_context()), now=datetime.now(UTC))
    say(refreshed.warnings)
    return refreshed.counts


def geography_refresh(authority: Authority) -> DAG:
    """The DAG of one authority."""
    with dag_of(
        authority,
        "geography_refresh",
        description="A newer postcode directory, where it changes no centre's area",
        doc_md=__doc__,
        schedule=CronTriggerTimetable("0 2 20 * *", timezone=LONDON),
        tags=["monthly"],
    ) as dag:
        refresh()
    return dag


for one in authorities():
    geography_refresh(one)
