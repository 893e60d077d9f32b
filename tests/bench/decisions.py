"""A million births under three agreements, decided on one core; a fresh process for each size.

    python decisions.py make FOLDER BIRTHS        the inputs, from the births that bulk.py left in FOLDER
    python decisions.py measure FOLDER BIRTHS     decisions a second and memory, as JSON
    python decisions.py beside FOLDER BIRTHS      the interpreter's time, and what cedar.py is to be asked

The births are those of bulk.py again and again, each time other children, parents and homes. Every
agreement is a template as it stands, with the demonstration's residents, and with its centres, whatever
network the template names.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from bulk import Bulk, plain_rows

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement
from pipeline.consent.decide import decide
from pipeline.demo.places import AUTHORITY
from pipeline.networks import DIRECTORY_ALONE
from pipeline.reasons import Outcome, unpack
from pipeline.records import ANSWERS, TEMPLATES, declared

NAMES = ("welcome-card-first-visit", "family-hub-notice", "library-membership")
TIMES = 3
EVERY_ANSWERED = 25  # one child of so many has an answer in the companion file
FRAMES = ("births", "placements", "words", "shared", "answers")
RULES = Path(__file__).resolve().parent / "rules.cedar"

Frames = Mapping[str, pd.DataFrame]


def agreements() -> list[Agreement]:
    """Two by consent and one by notice; two by reach areas and one to a recipient by name."""
    read = [read_agreement(TEMPLATES / f"{name}.v1.yaml")[0] for name in NAMES]
    return [
        one.model_copy(update={"cohort": one.cohort.model_copy(update={"residents_of": (AUTHORITY,)})})
        for one in read
    ]


def make(folder: Path, births: int) -> None:
    """The five inputs of `decide`, as Parquet."""
    bulk = Bulk(folder)
    once = bulk.read()
    copies = [_another(once, number) for number in range(-(-births // len(once)))]
    many = pd.concat(copies, ignore_index=True).head(births)
    many["reference"] = np.arange(1, len(many) + 1)
    placed = bulk.place(many)
    words, shared = bulk.earlier(many, placed)
    made = {
        "births": many,
        "placements": pd.concat(
            [_placed_for(one, bulk, many, placed) for one in agreements()], ignore_index=True
        ),
        "words": words,
        "shared": shared,
        "answers": _answers(many),
    }
    for name, frame in made.items():
        frame.to_parquet(folder / f"{name}-{births}.parquet")


def _placed_for(agreement: Agreement, bulk: Bulk, births: pd.DataFrame, placed: pd.DataFrame) -> pd.DataFrame:
    network = agreement.recipients.placed_in
    return bulk.place(births, network) if network == DIRECTORY_ALONE else placed.assign(network=network)


def _another(births: pd.DataFrame, number: int) -> pd.DataFrame:
    """The same births of other people: references are hexadecimal, and blank stays blank."""
    keys = {name: births[name].str.replace(r"^..", f"{number:02x}", regex=True) for name in _KEYS}
    return births.assign(**keys)


_KEYS = ("child", "parent", "dwelling")


def _answers(births: pd.DataFrame) -> pd.DataFrame:
    """The father agrees with what the row says."""
    some = births.iloc[::EVERY_ANSWERED]
    some = some[some["consent_status"] == "given"]
    said = {"person": "father", "answer": "given", "date": some["consent_date"]}
    said |= {"scope": some["consent_scope"], "wording": some["consent_wording"]}
    return declared(some[["child"]].assign(**said), ANSWERS)


def measure(folder: Path, births: int) -> dict[str, Any]:
    """Seconds for each agreement, and what the process needed beyond its inputs."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    bulk, frames = Bulk(folder), _read(folder, births)
    few = {name: frame.head(1_000) for name, frame in frames.items()}
    for one in agreements():
        _decided(bulk, few, one)  # what is loaded on first use
    held = _begin_peak()
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    shared = {}
    for _ in range(TIMES):
        for one in agreements():
            begun = perf_counter()
            decisions = _decided(bulk, frames, one)
            seconds[one.id].append(perf_counter() - begun)
            shared[one.id] = int((decisions["outcome"] == Outcome.SHARE).sum())
            del decisions
    total = sum(median(each) for each in seconds.values())
    return {
        "births": births,
        "agreements": len(NAMES),
        "seconds": {name: median(each) for name, each in seconds.items()},
        "decisions_a_second": round(len(NAMES) * births / total),
        "shared": shared,
        "held_mib": held,
        "peak_mib": _status_mib("VmHWM"),
    }


def _read(folder: Path, births: int) -> Frames:
    return {name: pd.read_parquet(folder / f"{name}-{births}.parquet") for name in FRAMES}


def _decided(bulk: Bulk, frames: Frames, agreement: Agreement) -> pd.DataFrame:
    return decide(
        frames["births"], frames["placements"], frames["words"], frames["shared"], agreement,
        month=bulk.month, moment=bulk.now, answers=frames["answers"], demonstration=True,
    )  # fmt: skip


def _begin_peak() -> float:
    """MiB held now; from here on the process's peak is counted anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mib("VmRSS")


def _status_mib(name: str) -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


# --- the same rules elsewhere ------------------------------------------------------------------------


def beside(folder: Path, births: int, sample: int = 100, asked: int = 10_000) -> dict[str, Any]:
    """The interpreter on a sample, and what Cedar is to be asked, left in FOLDER as `cedar.json`."""
    bulk, frames = Bulk(folder), _read(folder, births)
    one = agreements()[0]
    _ask_cedar(folder / "cedar.json", bulk, frames, one, asked)
    return {"interpreter": _interpreted(bulk, frames, sample)}


def _interpreted(bulk: Bulk, frames: Frames, sample: int) -> dict[str, Any]:
    """Every agreement for a few births; its time grows with their square, so a few are kind to it."""
    from spec.interpreter import interpret
    from spec.world import World, plain

    few = _about(frames, frames["births"].head(sample))
    seconds, agree = 0.0, True
    for one in agreements():
        world = World(
            births=plain_rows(few["births"]), placements=plain_rows(few["placements"]),
            suppressions=plain_rows(few["words"], at=("since",)), disclosures=plain_rows(few["shared"]),
            answers=plain_rows(few["answers"]), agreement=one, month=bulk.month, moment=bulk.now,
            demonstration=True,
        )  # fmt: skip
        begun = perf_counter()
        interpreted = interpret(world)
        seconds += perf_counter() - begun
        agree = agree and interpreted == plain(_decided(bulk, few, one))
    return {"births": sample, "seconds_a_decision": seconds / sample / len(NAMES), "agree": agree}


def _about(frames: Frames, births: pd.DataFrame) -> Frames:
    """All that is known of some births."""
    subjects = {subject for key in _KEYS for subject in births[key]} - {""}
    return {
        "births": births,
        "placements": frames["placements"][frames["placements"]["reference"].isin(births["reference"])],
        "words": frames["words"][frames["words"]["subject"].isin(subjects)],
        "shared": frames["shared"][frames["shared"]["child"].isin(births["child"])],
        "answers": frames["answers"][frames["answers"]["child"].isin(births["child"])],
    }


def _ask_cedar(file: Path, bulk: Bulk, frames: Frames, agreement: Agreement, asked: int) -> None:
    """Births of which one row alone is known, and what the engine found by the rules that Cedar has."""
    births = frames["births"]
    alone = births[~births["child"].duplicated(keep=False)].head(asked)
    placed = frames["placements"]
    placed = placed[placed["network"] == agreement.recipients.placed_in].set_index("reference")
    placed = placed.loc[alone["reference"]]
    nothing = {name: frames[name].head(0) for name in ("words", "shared", "answers")}
    found = _decided(bulk, {**frames, **nothing, "births": alone}, agreement)
    rules = re.findall(r'@id\("(\w+)"\)', RULES.read_text())
    file.write_text(
        json.dumps(
            {
                "agreement": _terms(agreement, bulk),
                "births": [
                    _context(*pair)
                    for pair in zip(plain_rows(alone), plain_rows(placed.reset_index()), strict=True)
                ],
                "engine": [sorted(set(map(str, unpack(packed))) & set(rules)) for packed in found["reasons"]],
            }
        )
    )


def _terms(agreement: Agreement, bulk: Bulk) -> dict[str, Any]:
    consent, cohort = agreement.confidentiality, agreement.cohort
    return {
        "today": bulk.now.date().toordinal(),
        "first_day": bulk.month.plus(-cohort.months_back).first_day.toordinal(),
        "last_day": bulk.month.last_day.toordinal(),
        "minimum_age_days": cohort.minimum_age_days,
        "maximum_age_days": cohort.maximum_age_days,
        "settling_days": cohort.settling_days,
        "residents_of": list(cohort.residents_of),
        "scope": consent.scope,
        "wordings": list(consent.wordings),
        "antenatal_days": consent.antenatal_days,
        "max_age_days": consent.max_age_days,
    }


_TEXTS = (
    "live_or_still_birth", "death_status", "confidentiality", "nhs_number", "looked_after", "adoption",
    "safeguarding", "parent_death_status", "in_hospital", "consent_status", "consent_wording",
    "address_line_1", "postcode",
)  # fmt: skip
_DATES = ("date_of_birth", "date_of_death", "address_since", "objection_date", "consent_date")


def _context(birth: Mapping[str, Any], placed: Mapping[str, Any]) -> dict[str, Any]:
    dates = {name: birth[name].toordinal() for name in _DATES if birth[name]}
    whole = {"born": birth["date_of_birth"], "parent_born": birth["parent_date_of_birth"]}
    return {
        **{name: birth[name] for name in _TEXTS},
        **dates,
        **{name: _as_number(day) for name, day in whole.items() if day},
        "consent_scope": [kind.strip() for kind in birth["consent_scope"].split(";")],
        **{name: placed[name] for name in ("authority", "reason", "hospital")},
    }


def _as_number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def main() -> None:
    action, folder, births = sys.argv[1:]
    if action == "make":
        make(Path(folder), int(births))
    else:
        found = {"measure": measure, "beside": beside}[action](Path(folder), int(births))
        print(json.dumps(found))


if __name__ == "__main__":
    main()
