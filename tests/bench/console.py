"""How fast the console's pages are beside a long past, and with many people at once.

    python console.py FOLDER ENTRIES [PEOPLE] [SECONDS]

A home with so many entries and five years of months (long_past.py; one that stands in FOLDER is used again).
What a console works out as it starts is worked out first. Then every page to which others lead, and what some
forms are answered with, for somebody who may see it, the first time and five times more; seconds in the
application, from the request to the last byte. Then a real server, and PEOPLE who each open pages that they
may and send forms for some SECONDS, while entries are recorded in the ledger beside it as a month does. The
floor of both is the stylesheet, which asks nobody anything. The answer is JSON.
"""

from __future__ import annotations

import json
import random
import re
import socket
import sys
from asyncio import gather, sleep
from asyncio import run as finish
from collections import Counter
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen
from time import monotonic, perf_counter
from time import sleep as pause
from typing import Any

import httpx
from fastapi import APIRouter, Request
from measure import run

from pipeline.console import beforehand
from pipeline.console.application import Console, application
from pipeline.console.pages import EVERY_PAGE
from pipeline.console.permissions import Act
from pipeline.console.visit import TOKEN, Guest
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Entry, PasswordMade

HERE = Path(__file__).resolve().parent
FLOOR, OK = "/static/console.css", 200
TIMES = 5
FILES = ("/transfers/register.csv", "/transfers/register.xlsx")  # are no pages
WHOLE = {"/proof/export"}  # reads everything: not asked here
# What an address of each page looks like; of those of a month two are wanted.
ROUTES = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), act)
    for pages in EVERY_PAGE
    for (method, path), act in sorted(pages.acts.items(), key=str)
    if method == "GET" and path not in WHOLE
    for _ in range(2 if "{month}" in path else 1)
]
NOBODY = "9434765919"  # whose number is none that the home knows
QUARTER = timedelta(days=90)
FORMS: dict[str, tuple[Act, dict[str, str]]] = {
    "/family/found": (Act.SEE_FAMILY, {"why": "A parent asks", "number": NOBODY}),
    "/breach": (
        Act.SEE_BREACH,
        {
            "happened": "recipient", "recipient": "centre-01", "asked": "known", "why": "A list was lost",
            "since": (datetime.now(UTC).date() - QUARTER).isoformat(),
            "until": datetime.now(UTC).date().isoformat(),
        },
    ),
}  # fmt: skip
WRITTEN_EVERY = 0.2  # seconds, by the month beside
THINKS = 0.5, 2.5  # seconds
ADDRESS = "http://localhost"


def measure(folder: Path, entries: int, people: int, seconds: int) -> dict[str, Any]:
    """All of it."""
    home = folder / "home"
    if not home.is_dir():
        run([sys.executable, str(HERE / "long_past.py"), str(folder), str(entries)])
    with opened_ledger(Home.open(home)) as ledger:
        size = ledger.size
    begun = perf_counter()
    beforehand.remember(Home.open(home)).join()
    before = perf_counter() - begun
    pages = finish(_pages(home))
    paths = [
        one["path"]
        for one in pages
        if one["status"] == OK and one["path"] not in FILES and _act_of(one["path"])
    ]
    load = finish(_load(home, paths, people, seconds))
    return {"entries": size, "beforehand": before, "pages": pages, "load": load}


class Named:
    """An entrance that believes a header: how people get in is not what is measured."""

    sign_in, sign_out = "", "/sign-out"  # a form for its token
    HEADER = "x-person"

    def __init__(self) -> None:
        self.router = APIRouter()

    def guest(self, request: Request, home: Home) -> Guest | None:
        """The person whose number in the settings the request names."""
        people = home.settings.console.people
        return Guest(people[int(request.headers[self.HEADER]) % len(people)], bytes(32))


def _app(home: Path) -> Any:
    return application(Console(lambda: Home.open(home), Named()))


def _act_of(path: str) -> Act | None:
    """What it takes to see the page of an address; None for one that is none of ours."""
    return next((act for kind, act in ROUTES if kind.fullmatch(path.partition("?")[0])), None)


def _may(home: Home, act: Act) -> list[int]:
    """The numbers of those who may."""
    return [place for place, one in enumerate(home.settings.console.people) if act.roles & set(one.roles)]


def _as(number: int) -> dict[str, str]:
    """Somebody, as the entrance is told."""
    return {Named.HEADER: str(number)}


# --- one page after the other ---------------------------------------------------------------------


async def _pages(home: Path) -> list[dict[str, Any]]:
    """One page of each kind, of a month two: the newest and the one before it."""
    opened, app = Home.open(home), httpx.ASGITransport(app=_app(home))
    known, found, seen = [*ROUTES], [], set[str]()
    async with httpx.AsyncClient(transport=app, base_url=ADDRESS) as client:
        found.append(await _timed(client, FLOOR, {}))
        left = ["/"]
        while left:
            path = left.pop(0)
            kind = next((one for one in known if one[0].fullmatch(path.partition("?")[0])), None)
            if path in seen or kind is None:
                continue
            seen.add(path)
            known.remove(kind)
            may = _may(opened, kind[1])
            found.append(await _timed(client, path, _as(may[0])))
            for who in may if path not in FILES else ():  # others are led on to other pages
                text = (await client.get(path, headers=_as(who))).text
                left += [unescape(link) for link in re.findall(r'href="(/[^"#]*)', text)]
        for path, (act, form) in FORMS.items():
            who = _as(_may(opened, act)[0]) | {"origin": ADDRESS}
            token = _token((await client.get("/who-may", headers=who)).text)
            found.append(await _timed(client, path, who, {TOKEN: token, **form}))
    return found


def _token(page: str) -> str:
    """What forms of this session carry."""
    said = re.search(rf'name="{TOKEN}" value="([0-9a-f]+)"', page)
    return said[1] if said else ""


async def _timed(
    client: httpx.AsyncClient, path: str, who: dict[str, str], form: dict[str, str] | None = None
) -> dict[str, Any]:
    each, status = [], 0
    for _ in range(TIMES + 1):
        begun = perf_counter()
        asked = client.get(path, headers=who) if form is None else client.post(path, headers=who, data=form)
        status = (await asked).status_code
        each.append(perf_counter() - begun)
    return {
        "path": path if form is None else f"{path} (form)",
        "status": status,
        "first": each[0],
        "median": median(each[1:]),
        "slowest": max(each[1:]),
    }


# --- many people at once --------------------------------------------------------------------------


async def _load(home: Path, paths: list[str], count: int, seconds: int) -> dict[str, Any]:
    """One server, in a process of its own; what it remembers, it remembers when it is counted."""
    server = Popen([sys.executable, __file__, "serve", str(home)], stdout=PIPE, text=True)
    assert server.stdout is not None
    address = f"http://localhost:{int(server.stdout.readline())}"
    opened = Home.open(home)
    send = _may(opened, Act.SEE_BREACH)
    acts = {path: act for path in paths if (act := _act_of(path))}
    theirs = {who: [path for path, act in acts.items() if who in _may(opened, act)] for who in send}
    people = [send[number % len(send)] for number in range(count)]
    month = Popen([sys.executable, __file__, "record", str(home), str(seconds)])
    try:
        until = monotonic() + seconds
        asked = await gather(
            *(_person(address, number, who, theirs[who], until) for number, who in enumerate(people))
        )
    finally:
        server.terminate()
        server.wait()
        month.wait()
    every = [one for mine in asked for one in mine]
    looks = [took for kind, took, _ in every if kind != "floor"]
    return {
        "people": count,
        "seconds": seconds,
        "asked": len(every),
        "forms": sum(kind == "form" for kind, _, _ in every),
        "errors": sum(status >= 500 for _, _, status in every),
        "statuses": dict(Counter(str(status) for _, _, status in every)),
        "recorded_beside": month.returncode == 0,
        "median": median(looks),
        "p95": quantiles(looks, n=20)[-1],
        "floor": median(took for kind, took, _ in every if kind == "floor"),
    }


async def _person(
    address: str, number: int, who: int, paths: list[str], until: float
) -> list[tuple[str, float, int]]:
    """Opens pages in any order, thinks a while after each, and sends a form now and then."""
    stream, found, me = random.Random(number), [], {**_as(who), "origin": address}
    async with httpx.AsyncClient(base_url=address, timeout=60, headers=me) as client:
        token = _token((await client.get("/who-may")).text)
        while monotonic() < until:
            [kind] = stream.choices(("page", "form", "floor"), (80, 10, 10))
            begun = perf_counter()
            if kind == "form":  # it lacks what it needs, and comes back as its page
                answer = await client.post("/breach", data={TOKEN: token})
            else:
                answer = await client.get(FLOOR if kind == "floor" else stream.choice(paths))
            found.append((kind, perf_counter() - begun, answer.status_code))
            await sleep(stream.uniform(*THINKS))
    return found


def _serve(home: Path) -> None:
    import uvicorn

    beforehand.remember(Home.open(home)).join()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(_app(home), log_level="error")).run(sockets=[listening])


def _record(home: Path, seconds: int) -> None:
    """As a month does beside everybody: an entry now and again, each on the disk before the next."""
    body = PasswordMade(recipient="centre-01", principal="data.lead@example.org")
    until = monotonic() + seconds
    with opened_ledger(Home.open(home)) as ledger:
        while monotonic() < until:
            ledger.append(Entry(body), at=datetime.now(UTC))
            pause(WRITTEN_EVERY)


def main() -> None:
    """Measure, or do one part for a measurement."""
    what, *given = sys.argv[1:]
    if what == "serve":
        _serve(Path(given[0]))
    elif what == "record":
        _record(Path(given[0]), int(given[1]))
    else:
        entries, *more = map(int, given)
        people, seconds = (*more, *(20, 60)[len(more) :])
        print(json.dumps(measure(Path(what), entries, people, seconds)))


if __name__ == "__main__":
    main()
