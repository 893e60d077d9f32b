"""What was found of the reach areas, as a page: a map, who serves how much, and every finding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from markupsafe import Markup

from pipeline.agreements.words import on_day
from pipeline.networks import SEVERAL
from pipeline.reporting.maps import Tile, area_map
from pipeline.reporting.moves import side
from pipeline.reporting.pages import environment


class Drawn(NamedTuple):
    """A network's tiles: see `pipeline.geography.tiles`."""

    side: int  # metres
    serving: Mapping[Tile, str]


def areas_page(
    answer: Mapping[str, Any],
    maps: Mapping[str, Drawn],
    names: Mapping[str, str],
    headings: Mapping[str, str],
    *,
    year: int,
    authority: str,
) -> str:
    """The page of an answer of `pipeline.places.checks.check`; `names` are the recipients' by code."""
    return (
        environment()
        .get_template("areas.html")
        .render(
            answer=answer,
            authority=authority,
            on=on_day(date.fromisoformat(answer["on"])),
            since=on_day(date.fromisoformat(answer["since"]["on"])) if answer["since"] else "",
            summary=summary(answer),
            groups={level: _groups(answer, level, headings) for level in ("error", "warning")},
            maps={
                name: _map(f"areas-{number}", name, answer["networks"][name], drawn, names, year)
                for number, (name, drawn) in enumerate(maps.items(), start=1)
            },
            side=lambda code: side(code, names),
        )
    )


def summary(answer: Mapping[str, Any]) -> str:
    """How much was found, in a sentence."""
    counts = {
        level: sum(one["level"] == level for one in answer["findings"]) for level in ("error", "warning")
    }
    if not any(counts.values()):
        return "Nothing is wrong that can be found by looking"
    return " and ".join(
        f"{count:,} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count
    )


def _groups(
    answer: Mapping[str, Any], level: str, headings: Mapping[str, str]
) -> list[tuple[str, Markup, list[Mapping[str, Any]]]]:
    """The findings of a level by fault: its heading, what to do, and each of them."""
    faults = dict.fromkeys(one["fault"] for one in answer["findings"] if one["level"] == level)
    groups = []
    for fault in faults:
        of_it = [one for one in answer["findings"] if one["fault"] == fault]
        groups.append((headings[fault], _commands(of_it[0]["do"]), of_it))
    return groups


def _commands(text: str) -> Markup:
    """The text, with what stands between backquotes as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def _map(
    name: str, network: str, counted: Mapping[str, Any], drawn: Drawn, names: Mapping[str, str], year: int
) -> Markup:
    """The network's map, with what each recipient serves."""
    shares = {one["code"]: one for one in counted["recipients"] if one["code"] != SEVERAL}
    return area_map(
        name,
        f"The areas of {network}",
        "Who serves most live postcodes of each square of the map, and how much each serves in all.",
        drawn.serving,
        {code: side(code, names) for code in shares},
        side=drawn.side,
        year=year,
        beside={
            head: {code: one[key] for code, one in shares.items()}
            for head, key in (("Live postcodes", "postcodes"), ("Small areas", "lsoas"), ("Wards", "wards"))
        },
    )
