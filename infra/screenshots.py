"""`make screenshots`: the pictures of Airflow in the README, taken from a real Airflow that runs a month.

The authority, its families and its centres are invented anew. The month is started, looked at and approved
in a browser, as a data lead does it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

REPOSITORY = Path(__file__).resolve().parent.parent
# The modules there are imported by their plain names, so their folder comes first.
sys.path[:0] = [str(REPOSITORY / "infra" / "airflow"), str(REPOSITORY / "infra")]

from airflow_browser import HEIGHT, WIDTH, Screens  # noqa: E402
from airflow_environment import ONLY_WHEN_ASKED, Site  # noqa: E402
from airflow_server import AirflowError, AirflowServer, Login, Run, free_port  # noqa: E402
from chromium_browser import NoBrowser, browser  # noqa: E402
from pipeline.demo.authority import APPROVERS  # noqa: E402
from pipeline.demo.run import clear, laid_out  # noqa: E402
from pipeline.errors import BirthshareError  # noqa: E402
from pipeline.records import Month  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Locator

FOLDER = REPOSITORY / "build" / "screenshots"
PICTURES = REPOSITORY / "infra" / "airflow" / "pictures"
DAG = "monthly_births"
QUESTION = "release_decision"
COLOURS = 256  # enough for screens, and a third of the bytes


def main() -> int:
    """Take every picture; the answer is the exit code."""
    ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter).parse_args()
    now = datetime.now(UTC)
    month = Month(now.year, now.month).plus(-1)
    try:
        clear(FOLDER)
        with laid_out(FOLDER, month=month, births=400, centres=12, seed=1, now=now) as demo:
            users = dict.fromkeys(APPROVERS, "user") | {"operator": "op"}
            site = Site(
                FOLDER / "airflow", free_port(), users, birthshare_home=demo.home, extra=ONLY_WHEN_ASKED
            )
            with AirflowServer(site, say=_tell) as server, browser() as chromium:
                lead = Screens(chromium, site.address)
                lead.log_in("data_lead", site.passwords()["data_lead"])
                _open_all(server.login("operator"))
                _month(lead, server.login("data_lead"), str(month))
    except (BirthshareError, AirflowError, NoBrowser) as error:
        _tell(str(error))
        return 1
    finally:
        clear(FOLDER)
    return 0


def _open_all(operator: Login) -> None:
    """Let every DAG run, so that the list shows an Airflow in use."""
    operator.open_dag(DAG)
    for dag in operator.get("/dags?limit=100")["dags"]:
        operator.open_dag(dag["dag_id"])


def _month(lead: Screens, login: Login, month: str) -> None:
    """Run it, and take a picture of each thing that a data lead sees on the way."""
    name = lead.trigger(DAG, month)
    run = Run(login, DAG, name)
    run.until_asked(QUESTION, seconds=180)
    lead.open(f"/dags/{DAG}/runs/{name}")
    _take(lead, "waiting", lead.page.get_by_text("Awaiting Input"))
    lead.question(DAG, name, QUESTION)
    _take(lead, "question", lead.page.get_by_text("received: the books balance"), height=1150)
    lead.answer("Approve release")
    run.until_finished(seconds=180)
    lead.open(f"/dags/{DAG}/runs/{name}")
    _take(lead, "finished", lead.page.get_by_role("link", name="close"))
    lead.open(f"/dags/{DAG}/runs/{name}/plugin/report")
    _take(lead, "report", lead.inside().locator("h1"))
    lead.open("/plugin/birthshare")
    lead.inside().get_by_role("link", name="Agreements", exact=True).click()
    lead.inside().get_by_role("link", name="Version 1").click()
    _take(lead, "agreement", lead.inside().get_by_role("heading", level=1, name="Welcome cards"))
    lead.open("/dags")
    lead.page.get_by_title("Show table view").or_(lead.page.get_by_label("Show table view")).first.click()
    _take(lead, "dags", lead.page.get_by_role("link", name=DAG))


def _take(lead: Screens, name: str, shown: Locator, *, height: int = HEIGHT) -> None:
    """A picture of the screen, once `shown` is on it and nothing loads any more."""
    from PIL import Image

    shown.first.wait_for()
    lead.page.set_viewport_size({"width": WIDTH, "height": height})
    lead.page.wait_for_load_state("networkidle")
    PICTURES.mkdir(exist_ok=True)
    with Image.open(BytesIO(lead.page.screenshot(animations="disabled"))) as taken:
        taken.convert("RGB").quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)
    _tell(f"took {name}.png")


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
