"""What Birthshare adds to Airflow's screens: its console in the menu, a tab on every run, links on tasks.

Every part of Airflow imports this file, so it imports little; the pages are in `site/birthshare_pages.py`.
The links are made by the web server when somebody looks. What travels between tasks, where any user could
write another address over it, has no part in them.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from airflow import settings

if settings.DAGS_FOLDER not in sys.path:  # the web server does not look there by itself
    sys.path.append(settings.DAGS_FOLDER)

NAME = "birthshare"  # in the addresses of the pages, and of Airflow's own screen around them


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """The pages as a web application, made when somebody first asks for one."""
    from birthshare_pages import guarded

    await guarded(scope, receive, send)


class PageLink(BaseOperatorLink):
    """On each task of a month's run, a link to a page; nothing where there is no such page."""

    def __init__(self, name: str, page: str) -> None:
        self._name, self._page = name, page

    @property
    def name(self) -> str:
        """What stands on the button."""
        return self._name

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page's address in Airflow's own screen; "" where there is none."""
        from airflow.configuration import conf

        from birthshare_pages import page_of_run

        try:
            page = page_of_run(ti_key.dag_id, ti_key.run_id, self._page)
        except Exception:  # no fault of ours takes Airflow's own page away; our menu says what is wrong
            return ""
        address = conf.get("api", "base_url").rstrip("/")
        return f"{address}/plugin/{NAME}{urlsplit(address).path}/{NAME}{page}" if page else ""


class BirthsharePlugin(AirflowPlugin):
    """Registers all of it."""

    name = NAME
    fastapi_apps = [{"app": pages, "url_prefix": f"/{NAME}", "name": "Birthshare's pages"}]
    external_views = [
        {
            "name": "Birthshare",
            "href": f"{NAME}/",
            "destination": "nav",
            "url_route": NAME,
            "nav_top_level": True,
        },
        {
            "name": "Month's report",
            "href": f"{NAME}/{{DAG_ID}}/runs/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "report",
        },
    ]
    global_operator_extra_links = [
        PageLink("The month", "month"),
        PageLink("Checks of the suppliers' files", "checks"),
        PageLink("Sharing agreements", "agreements"),
    ]
