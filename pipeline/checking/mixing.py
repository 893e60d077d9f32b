"""Trying out that the groups of `tables` do not look at one another."""

from __future__ import annotations

import numpy as np

from pipeline.checking.families import Mask, Positions
from pipeline.checking.tables import ANSWERS, INDEPENDENT, Table, Tables

MOSTLY = 0.95  # of the parts are clear, since a record with much against it would prove little


def disagreements(tables: Tables, random: np.random.Generator, total: int) -> int:
    """How many of so many records, mixed at random, the engine decides otherwise than their parts say."""
    cases, clear = _mixed(tables, random, total)
    shared = tables.engine.reasons(cases, total) == 0
    return int((shared != (clear & (tables.always == 0))).sum())


def _mixed(tables: Tables, random: np.random.Generator, total: int) -> tuple[dict[str, Positions], Mask]:
    """Records put together from parts, and which of them have all parts clear."""
    cases, clear = _drawn(random, tables.cohort, total, clear=1)
    for name in INDEPENDENT:
        part, fine = _drawn(random, tables.group(name), total, clear=MOSTLY)
        cases, clear = {**cases, **part}, clear & fine
    answers = {one: np.zeros(total, dtype="int64") for one in tables.names(ANSWERS)}
    for birth in np.unique(cases["date_of_birth"]):
        these = cases["date_of_birth"] == birth
        part, fine = _drawn(random, tables.answers(int(birth)), int(these.sum()), clear=MOSTLY)
        clear[these] &= fine
        for name in answers:
            answers[name][these] = part[name]
    return {**cases, **answers}, clear


def _drawn(
    random: np.random.Generator, table: Table, total: int, *, clear: float
) -> tuple[dict[str, Positions], Mask]:
    """Rows of a table at random; this share of them clear ones, where there are any."""
    rows, fine = random.integers(len(table), size=total), np.flatnonzero(table.clear)
    if len(fine):
        rows = np.where(random.random(total) < clear, random.choice(fine, total), rows)
    return {name: values[rows] for name, values in table.cases.items()}, table.clear[rows]
