"""`make screenshots`: the pictures of the console in the README, taken in a real browser.

The authority, its families and its centres are invented anew. Two months were shared and closed, the last
waits for its release, and nine days have passed since. Each page is looked at by somebody whose work it is.
"""

from __future__ import annotations

import sys
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

REPOSITORY = Path(__file__).resolve().parent.parent
# The module there is imported by its plain name, so its folder comes before all imports of ours (E402).
sys.path.insert(0, str(REPOSITORY / "infra"))

from chromium_browser import NoBrowser, browser  # noqa: E402
from pipeline import month as months  # noqa: E402
from pipeline.console.application import Console, application  # noqa: E402
from pipeline.console.entrances.one_time_link import OneTimeLink  # noqa: E402
from pipeline.contract import load_contract  # noqa: E402
from pipeline.demo.authority import APPROVERS, SUPPLIER, Demonstration  # noqa: E402
from pipeline.demo.births import as_csv, synthetic_extract  # noqa: E402
from pipeline.demo.keys import seal_as_supplier  # noqa: E402
from pipeline.demo.places import sample_postcodes  # noqa: E402
from pipeline.demo.run import approve, clear, laid_out  # noqa: E402
from pipeline.errors import BirthshareError, WaitingForPerson  # noqa: E402
from pipeline.home import Home  # noqa: E402
from pipeline.outside import check  # noqa: E402
from pipeline.records import Month  # noqa: E402

if TYPE_CHECKING:
    from fastapi import FastAPI
    from playwright.sync_api import Browser, Page

FOLDER = REPOSITORY / "build" / "console_pictures"
PICTURES = REPOSITORY / "infra" / "console_pictures"
WIDTH, HEIGHT = 1100, 820
NOW, PASSED = datetime.now(UTC), timedelta(days=9)
COLOURS = 256  # enough for screens, and a third of the bytes
BIRTHS = {2: 371, 1: 402, 0: 388}  # of each month, counted back from the last
GUARDIAN, AUDITOR = APPROVERS["caldicott_guardian"], "auditor@example.org"


def main() -> int:
    """Take every picture; the answer is the exit code."""
    ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter).parse_args()
    try:
        clear(FOLDER)
        with _authority() as demo, browser() as chromium:
            _take_all(demo, chromium)
    except (BirthshareError, NoBrowser) as error:
        _tell(str(error))
        return 1
    finally:
        clear(FOLDER)
    return 0


@contextmanager
def _authority() -> Iterator[Demonstration]:
    """An authority with a past."""
    last = Month(NOW.year, NOW.month).plus(-1)
    first = last.plus(-max(BIRTHS))
    _tell("making an authority with three months")
    births = BIRTHS[max(BIRTHS)]
    with laid_out(FOLDER, month=first, births=births, centres=12, seed=1, now=NOW) as demo:
        for back in BIRTHS:
            month = last.plus(-back)
            one = replace(demo, month=month)
            if month != first:
                _arrives(one, BIRTHS[back])
            _run(one, whole=month != last)
        yield replace(demo, month=last)


def _arrives(demo: Demonstration, births: int) -> None:
    """The supplier's extract of a month, sealed, in the inbox."""
    supplier = demo.folder / "supplier"
    columns = [column.name for column in load_contract().columns]
    places: pd.DataFrame = sample_postcodes(demo.home / "reference" / "postcodes.sqlite")
    frame = synthetic_extract(demo.month, births, seed=1, places=places, columns=columns)
    seal_as_supplier(
        as_csv(frame),
        demo.home / "inbox" / SUPPLIER / f"births_{SUPPLIER}_{demo.month}.csv.gpg",
        supplier_private=supplier / f"{SUPPLIER}.private.asc",
        recipient_public=supplier / "authority.asc",
    )


def _run(demo: Demonstration, *, whole: bool) -> None:
    home = Home.open(demo.home)
    with suppress(WaitingForPerson):
        months.run(home, demo.month, now=NOW)
    if whole:
        approve(home, demo, "data_lead", now=NOW)
        months.run(home, demo.month, now=NOW)
        check.run_day(home, now=NOW)


def _take_all(demo: Demonstration, chromium: Browser) -> None:
    now = NOW + PASSED
    with ExitStack() as stack:

        def before(principal: str) -> Callable[[str], Page]:
            """Somebody signed in, who opens pages."""
            entrance = OneTimeLink(principal, now)
            app = application(Console(lambda: Home.open(demo.home), entrance, lambda: now))
            address = stack.enter_context(_served(app))
            page = chromium.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", timezone_id="Europe/London"
            )
            stack.callback(page.close)
            page.goto(address + entrance.path)

            def opened(path: str) -> Page:
                page.goto(address + path)
                return page

            return opened

        guardian, auditor = before(GUARDIAN), before(AUDITOR)
        closed = demo.month.plus(-1)
        _take(guardian("/"), "waiting")
        month = guardian(f"/months/{closed}")
        flow = month.get_by_role("img", name="What became of the rows").last
        flow.evaluate("one => one.closest('section, figure, .chart').scrollIntoView()")
        _take(month, "month")
        _take(guardian(f"/months/{demo.month}/release"), "release", height=1000)
        _take(guardian("/agreements/welcome-card-first-visit/1"), "agreement")
        family = guardian("/family")
        family.get_by_label("Why do you look?").fill("The parents asked what we hold about them")
        _take(family, "family", height=560)
        _take(guardian("/map"), "map", height=1000)
        _take(auditor("/proof"), "proof")


@contextmanager
def _served(app: FastAPI) -> Iterator[str]:
    """The application on a port of this machine; gives its address."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    [listening] = [one for every in server.servers for one in every.sockets][:1]
    try:
        yield f"http://localhost:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _take(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """A picture of the page, from where it is scrolled to."""
    from PIL import Image

    page.set_viewport_size({"width": WIDTH, "height": height})
    page.get_by_role("heading", level=1).wait_for()
    PICTURES.mkdir(exist_ok=True)
    with Image.open(BytesIO(page.screenshot(animations="disabled"))) as taken:
        taken.convert("RGB").quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)
    _tell(f"took {name}.png")


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
