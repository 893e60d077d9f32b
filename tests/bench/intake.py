"""A file of many births from its opened bytes to the validated frame, beside other ways to check it.

    python intake.py make FOLDER ROWS            the file, and every check of one value as a table
    python intake.py ours FOLDER                 reading and all rules, as a month does it
    python intake.py by_hand FOLDER              bare pyarrow, and the same rules written by hand
    python intake.py checks WAY FOLDER           the checks of one value alone: ours, gx, pandera

Each answers in JSON, in a fresh process, with seconds of the clock and of CPU, the peak of memory in MiB, and
rows by broken rule, which must be the same. `by_hand` (intake_by_hand.py) reads without looking for bad
quotes and short rows, asks each rule as its author would with pyarrow and numpy, and neither keys
references nor says which row broke what; `ours` does all that. `checks` are those that every rival can
be asked for: one column against one pattern, or its length. The rivals are asked for true or false alone.
`pandera` needs a Python that has it; it reads the file with pyarrow too.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

MONTH = (2026, 10)
SIGNED = "2026-11-03T09:30:00+00:00"
DISTINCT = 50_000  # families that differ in more than their numbers
WRONG = 200  # one row of so many breaks a rule
EXTRACT, CHECKS = "extract.csv", "checks.json"
Answer = dict[str, Any]


def make(folder: Path, rows: int) -> Answer:
    """The file: invented families again and again, every child and parent with a number of their own."""
    import numpy as np
    import pandas as pd

    from pipeline.contract import load_contract
    from pipeline.demo.births import HOMES, as_csv, synthetic_extract
    from pipeline.records import Month

    contract, month = load_contract(), Month(*MONTH)
    homes = [(f"CV{place} {number}AB", group) for place, group in enumerate(HOMES) for number in range(9)]
    places = pd.DataFrame(homes, columns=["postcode", "group"])
    some = synthetic_extract(month, min(rows, DISTINCT), seed=1, places=places, columns=contract.names)
    many = some.iloc[np.arange(rows) % len(some)].reset_index(drop=True)
    numbers = _numbers(2 * rows)
    many["nhs_number"], many["parent_nhs_number"] = numbers[:rows], numbers[rows:]
    many["record_id"] = [f"R{number}" for number in range(rows)]
    many.loc[::WRONG, "nhs_number"] = "4000000000"
    many.loc[1::WRONG, "address_line_1"] = "=1+1"
    (folder / EXTRACT).write_bytes(as_csv(many))
    (folder / CHECKS).write_text(json.dumps(_checks_of_one_value(contract)))
    return {"rows": rows, "mib": (folder / EXTRACT).stat().st_size / 2**20}


def _numbers(how_many: int) -> Any:
    """So many different numbers with the right check digit, drawn from nobody's list."""
    import numpy as np

    nine = 400_000_000 + np.arange(2 * how_many)
    digits = nine[:, None] // 10 ** np.arange(8, -1, -1) % 10
    check = (11 - digits @ np.arange(10, 1, -1) % 11) % 11
    return (nine * 10 + check)[check < 10][:how_many].astype(str)


def _checks_of_one_value(contract: Any) -> list[Mapping[str, Any]]:
    """Column, and the RE2 pattern that no value may match or the characters that it may have."""
    hidden = r"[\x00-\x1f\x7f-\x9f]|^[=+@]"
    day = r"^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    fields = {rule.id: rule.fields for rule in contract.rules}
    found = [{"column": name, "must": r"^$|^[0-9]{10}$"} for name in fields["nhs_number_format"]]
    found += [{"column": name, "must": day} for name in fields["date_format"] if name != "last_updated"]
    found += [{"column": name, "must": "^$|^[1-9]$"} for name in fields["number_format"]]
    found += [{"column": name, "never": hidden} for name in fields["text_dangerous"]]
    found += [{"column": name, "most": contract.column(name).max_length} for name in fields["text_too_long"]]
    return found


def ours(folder: Path) -> Answer:
    """As `pipeline.steps.preparation` reads and validates."""
    from datetime import datetime

    from pipeline.contract import load_contract
    from pipeline.intake.files import read_file
    from pipeline.intake.profiles import Layout
    from pipeline.records import Extract, Month
    from pipeline.validation import checks as checking
    from pipeline.validation import suite

    suite.build_suite(load_contract(), rows=0)  # loaded once, however long the file
    contract, content, key = load_contract(), (folder / EXTRACT).read_bytes(), bytes(32)
    took, check = _Stages(), checking.check

    def timed(*given: Any, **named: Any) -> Any:
        """The frame of typed rows, before its children, parents and dwellings are keyed."""
        checked = check(*given, **named)
        took.end("rules")
        return checked

    checking.check = timed
    frame = read_file(content, contract=contract, layout=Layout(), where="the extract")
    del content  # as a month lets go of it
    took.end("read")
    extract = Extract("chis", Month(*MONTH), frame, "0" * 64, "A" * 40, datetime.fromisoformat(SIGNED))
    valid = checking.validate(extract, contract=contract, reference_key=key, look_back_months=3)
    took.end("keys")
    return took.answer | {"rows": len(frame), "by_rule": valid.by_rule | valid.warned}


def by_hand(folder: Path) -> Answer:
    """The floor."""
    from intake_by_hand import by_rule, read

    content = (folder / EXTRACT).read_bytes()
    took = _Stages()
    table = read(content)
    took.end("read")
    found = by_rule(table)
    took.end("rules")
    return took.answer | {"rows": table.num_rows, "by_rule": found}


def checks(way: str, folder: Path) -> Answer:
    """The checks of one value in one way."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    names = (folder / EXTRACT).open().readline().strip().split(",")
    text = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    table = arrow_csv.read_csv(folder / EXTRACT, convert_options=text)
    wanted = json.loads((folder / CHECKS).read_text())
    run = {"ours": _checks_by_us, "gx": _checks_by_gx, "pandera": _checks_by_pandera}[way](table, wanted)
    took = _Stages()
    broken = run()
    took.end("checks")
    return took.answer | {"checks": len(wanted), "broken": broken}


def _checks_by_us(table: Any, wanted: list[Mapping[str, Any]]) -> Callable[[], int]:
    """Masks by pyarrow, then Great Expectations on the masks."""
    import numpy as np
    import pandas as pd
    import pyarrow.compute as pc
    from great_expectations.expectations import ExpectColumnValuesToBeInSet

    def mask(one: Mapping[str, Any]) -> Any:
        column = table.column(one["column"])
        if "most" in one:
            return pc.less_equal(pc.utf8_length(column), one["most"]).to_numpy()
        found = pc.match_substring_regex(column, one.get("must", one.get("never"))).to_numpy()
        return found if "must" in one else ~found.astype(np.bool_)

    def run() -> int:
        masks = pd.DataFrame({f"c{place}": mask(one) for place, one in enumerate(wanted)}).astype(bool)
        asked = [ExpectColumnValuesToBeInSet(column=name, value_set=[True]) for name in masks]
        return _unmet(masks, asked)

    return run


def _checks_by_gx(table: Any, wanted: list[Mapping[str, Any]]) -> Callable[[], int]:
    """Its own expectations on the values, answering true or false."""
    import great_expectations.expectations as gxe

    frame = table.to_pandas()

    def expected(one: Mapping[str, Any]) -> Any:
        if "most" in one:
            return gxe.ExpectColumnValueLengthsToBeBetween(column=one["column"], max_value=one["most"])
        if "must" in one:
            return gxe.ExpectColumnValuesToMatchRegex(column=one["column"], regex=one["must"])
        return gxe.ExpectColumnValuesToNotMatchRegex(column=one["column"], regex=one["never"])

    return lambda: _unmet(frame, [expected(one) for one in wanted])


def _unmet(frame: Any, asked: list[Any]) -> int:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    found = batch.validate(gx.ExpectationSuite(name="all", expectations=asked), result_format="BOOLEAN_ONLY")
    return sum(not one.success for one in found.results)


def _checks_by_pandera(table: Any, wanted: list[Mapping[str, Any]]) -> Callable[[], int]:
    import pandera.pandas as pa

    frame, columns = table.to_pandas(), {}

    def check(one: Mapping[str, Any]) -> Any:
        if "most" in one:
            return pa.Check.str_length(max_value=one["most"])
        if "must" in one:
            return pa.Check.str_matches(one["must"])
        return pa.Check(lambda values, never=one["never"]: ~values.str.contains(never, regex=True))

    for one in wanted:
        columns.setdefault(one["column"], []).append(check(one))
    schema = pa.DataFrameSchema({name: pa.Column(checks=mine) for name, mine in columns.items()})

    def run() -> int:
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases = error.failure_cases
            return len(cases[["column", "check"]].drop_duplicates())
        return 0

    return run


class _Stages:
    """What stages took, one after the other."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        self._begun = perf_counter(), process_time()

    def end(self, name: str) -> None:
        """A stage ends, and the next begins."""
        now = perf_counter(), process_time()
        self._seconds[name], self._cpu[name] = (
            after - before for after, before in zip(now, self._begun, strict=True)
        )
        self._begun = now

    @property
    def answer(self) -> Answer:
        """Seconds of the clock and of CPU, by stage; the most memory that the process has held."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": self._seconds, "cpu_seconds": self._cpu, "peak_mib": peak}


def main() -> None:
    what, *given = sys.argv[1:]
    if what == "make":
        answer = make(Path(given[0]), int(given[1]))
    elif what == "checks":
        answer = checks(given[0], Path(given[1]))
    else:
        answer = {"ours": ours, "by_hand": by_hand}[what](Path(given[0]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
