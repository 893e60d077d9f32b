"""The figures as plain tables. Where Birthshare costs more than the rival, the table says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

Figures = Mapping[str, Any]


def as_text(figures: Figures) -> str:
    """All tables, one line after the other."""
    machine = figures["machine"]
    head = f"{machine['cores']} cores, Python {machine['python']}, {machine['on']}"
    tables = {
        "demo": _demo,
        "against_rival": _rival,
        "many": _many,
        "decisions": _decisions,
        "pushes": _pushes,
        "sealing": _sealing,
        "called_back": _called_back,
        "ledger": _ledger,
        "intake": _intake,
        "geography": _geography,
        "airflow": _airflow,
        "console": _console,
    }
    parts = [table(figures[part]) for part, table in tables.items() if part in figures]
    return "\n".join([head, *(line for part in parts for line in ("", *part))])


def _demo(demo: Figures) -> Iterator[str]:
    yield f"The demonstration, cold: {demo['births']} births, {demo['centres']} centres"
    yield _line("whole command", f"{demo['seconds']:.1f} s")
    yield from _stages(demo["stages"])
    rest = demo["seconds"] - sum(demo["stages"].values())
    yield _line("  start of Python, server, report", f"{rest:.2f} s")
    yield _line("CPU", f"{demo['cpu_seconds']:.1f} s")
    yield _line("peak memory", f"{demo['peak_mib']:.0f} MiB")


def _rival(pair: Figures) -> Iterator[str]:
    ours, theirs, homes = pair["birthshare"], pair["rival"], pair["homes"]
    size = f"{pair['births']} births, {pair['centres']} centres, {pair['server']}"
    yield f"Birthshare against a plain script: {size}"
    for label, side in (("Birthshare", ours), ("the script", theirs)):
        seconds = " ".join(f"{one:.1f}" for one in side["seconds"])
        yield _line(label, f"{seconds} s, {side['lists']} lists with {side['rows']} rows")
        yield from _stages(side["stages"])
        rest = median(side["seconds"]) - sum(side["stages"].values())
        yield _line(f"  start of Python ({'three times' if side is ours else 'once'})", f"{rest:.2f} s")
    for label, key in (
        ("wall time", "wall_ratio"),
        ("CPU time", "cpu_ratio"),
        ("peak memory", "memory_ratio"),
    ):
        yield _line(f"{label}, times the script's", _verdict(pair[key]))
    yield _line("homes on both sides' lists", str(homes["both"]))
    yield _line("homes on Birthshare's alone", str(homes["birthshare_only"]))
    yield _line("homes on the script's alone", str(homes["rival_only"]))
    for code, rows in pair["reasons_against_homes_of_rival_only"].items():
        yield _line(f"  {code}", f"{rows} rows")


def _verdict(ratio: float) -> str:
    word = "about the same" if 0.95 <= ratio <= 1.05 else "Birthshare needs more" if ratio > 1 else "less"
    return f"{ratio:.2f} ({word})"


def _many(many: Figures) -> Iterator[str]:
    sample = many["interpreter"]
    yield f"{many['births']:,} births through geography and consent"
    yield _line("rows a second, place and decide", f"{many['rows_a_second']:,}")
    yield _line("place", f"{many['place_seconds']:.2f} s")
    yield _line("decide", f"{many['decide_seconds']:.2f} s")
    yield _line("times pandas reading them from Parquet", f"{many['times_the_floor']:.0f}")
    yield _line(
        "peak memory", f"{many['peak_mib']:.0f} MiB ({many['peak_mib_before']:.0f} once they are read)"
    )
    gain = sample["seconds"] / sample["engine_seconds"]
    yield _line(f"the plain interpreter on {sample['births']} of them", f"{gain:.0f} times the engine's time")
    yield _line("they agree on every row and reason", "yes" if sample["agree"] else "NO")


def _decisions(decisions: Figures) -> Iterator[str]:
    most, per = decisions["sizes"][-1], decisions["interpreter"]["seconds_a_decision"]
    ours = 1 / most["decisions_a_second"]
    yield f"{most['births']:,} births under {most['agreements']} agreements, on one core"
    yield _line("decisions a second", f"{most['decisions_a_second']:,}")
    for name, seconds in most["seconds"].items():
        yield _line(f"  {name}", f"{seconds:.2f} s, {most['shared'][name]:,} shared")
    for size in decisions["sizes"]:
        more = size["peak_mib"] - size["held_mib"]
        memory = f"{more:.0f} MiB beyond the inputs, {more * 2**20 / size['births']:.0f} bytes each"
        yield _line(f"  {size['births']:,} births", f"{size['decisions_a_second']:,} a second, {memory}")
    yield _line("the plain interpreter, for a decision", f"{per / ours:,.0f} times the engine's time")
    yield _line("  they agree on every row and reason", "yes" if decisions["interpreter"]["agree"] else "NO")
    yield from _cedar(decisions["cedar"], ours)


def _cedar(cedar: Figures | None, ours: float) -> Iterator[str]:
    if cedar is None:
        yield _line("Cedar", "not measured: name a Python that has cedarpy with --cedar")
        return
    ratio = cedar["seconds_a_decision"] / ours
    yield _line(f"Cedar, with {cedar['rules']} of the rules", f"{ratio:,.0f} times the engine's time")
    yield _line(f"  they agree on {cedar['births']:,} births", "yes" if cedar["agree"] else "NO")


def _pushes(pushes: Figures) -> Iterator[str]:
    each, one = pushes["to_each"], pushes["to_one"]
    yield f"One list for each of {pushes['recipients']} recipients, OpenSSH, accounts of their own"
    yield _line("ours, side by side", _each_time(each["ours"]))
    beside = {
        "sftp": "`sftp -b` for one after the other",
        "airflow_hook": "the hook of Airflow's SFTP provider, bare",
        "airflow_tasks": "tasks with its operator, in one process",
    }
    yield from _beside(each, {name: words for name, words in beside.items() if name in each})
    if "airflow_tasks" not in each:
        yield _line("Airflow", "not measured: name a Python that has its SFTP provider with --airflow")
    yield f"{pushes['lists']:,} lists for one recipient, in one account"
    yield _line("ours: on the disk, read back, renamed", _each_time(one["ours"]))
    yield from _beside(
        one, {"sftp": "one `sftp -b put`", "sftp_fsync": "one `sftp -b put -f`, on the disk too"}
    )


def _beside(ways: Mapping[str, list[float]], words: Mapping[str, str]) -> Iterator[str]:
    """Others' times, and ours as a part of them: the median of the turns."""
    for name, label in words.items():
        ratios = [ours / theirs for ours, theirs in zip(ways["ours"], ways[name], strict=True)]
        yield _line(label, f"{_each_time(ways[name])}; ours / theirs {median(ratios):.3f}")


def _each_time(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds) + " s"


def _sealing(sealing: Figures) -> Iterator[str]:
    lists = sealing["lists"]
    yield f"Making and sealing {lists:,} lists of {sealing['families']:.0f} families, one after the other"
    for name, seconds in sealing["seconds"].items():
        each = median(seconds) / lists
        size = f"{sealing['bytes'][name]:,} bytes"
        yield _line(name, f"{median(seconds):.1f} s, {each * 1000:.0f} ms each, of some {size}")


def _called_back(past: Figures) -> Iterator[str]:
    beside = f"{past['disclosures']:,} disclosures, {past['recipients']} recipients"
    yield f"A feed of {past['changes']:,} changes beside {beside}"
    yield _line("from arrival to pushed", _each_time([run["seconds"] for run in past["runs"]]))
    yield _line("CPU", _each_time([run["cpu_seconds"] for run in past["runs"]]))
    yield _line("peak memory", f"{max(run['peak_mib'] for run in past['runs']):.0f} MiB")


_SORTS = {
    "plain": "a plain kind",
    "disclosures": "committing to families",
    "lists": "lists with look-ups",
}


def _ledger(ledger: Figures) -> Iterator[str]:
    recorded = ledger["recorded"]
    yield f"Recording {recorded['entries']:,} entries, {recorded['batch']:,} in a transaction"
    for database in ("sqlite", "postgresql"):
        for sort, label in _SORTS.items():
            turns = recorded[database][sort]
            rate = recorded["entries"] / median(turn["ours"] for turn in turns)
            ratio = median(turn["ours"] / turn["plain"] for turn in turns)
            value = f"{rate:,.0f} a second; {ratio:.1f} times the time of plain inserts"
            yield _line(f"{database}: {label}", value)
    yield f"A ledger of {ledger['entries']:,} entries, {ledger['database_mib']:,.0f} MiB"
    yield from _verified(ledger["verified"], ledger["floor"])
    since = ledger["since"]
    yield _line(f"the last {since['read']:,}, since a checkpoint", f"{since['seconds']:.2f} s")
    yield _line("what was disclosed of one family", _slowest(ledger["found"]))
    for name, each in ledger["proofs"].items():
        yield _line(f"a proof of {name}", _slowest(each))
    yield from _pymerkle(ledger["pymerkle"])


def _intake(intake: Figures) -> Iterator[str]:
    turns = intake["turns"]
    yield f"A file of {intake['rows']:,} births, {intake['mib']:.0f} MiB, from bytes to validated frame"
    for way, label in (("by_hand", "bare pyarrow, rules by hand"), ("ours", "Birthshare")):
        asked = [turn[way] for turn in turns]
        stages = {stage: median(one["seconds"][stage] for one in asked) for stage in asked[0]["seconds"]}
        peak = max(one["peak_mib"] for one in asked)
        yield _line(label, f"{sum(stages.values()):.1f} s, at most {peak:,.0f} MiB")
        yield from _stages(stages)
    for kind, label in (("seconds", "the clock's time"), ("cpu_seconds", "CPU time")):
        pairs = [(turn["ours"][kind], sum(turn["by_hand"][kind].values())) for turn in turns]
        whole = median(sum(ours.values()) / floor for ours, floor in pairs)
        without = median((ours["read"] + ours["rules"]) / floor for ours, floor in pairs)
        yield _line(f"{label}, times that by hand", f"{without:.2f}; {whole:.2f} with every row keyed")
    agree = all(turn["ours"]["by_rule"] == turn["by_hand"]["by_rule"] for turn in turns)
    yield _line("they agree on every rule", "yes" if agree else "NO")
    yield from _one_value(intake["checks"])


def _one_value(checks: Figures) -> Iterator[str]:
    ours = sum(checks["ours"]["cpu_seconds"].values())
    yield f"{checks['ours']['checks']} checks of one value alone, CPU time"
    yield _line("masks, and Great Expectations on them", f"{ours:.1f} s")
    for way, label in (("gx", "Great Expectations on the values"), ("pandera", "pandera")):
        rival = checks[way]
        if rival is None:
            yield _line(label, f"not measured: name a Python that has it with --{way}")
            continue
        seconds = sum(rival["cpu_seconds"].values())
        yield _line(label, f"{seconds:.1f} s, {seconds / ours:.1f} times that; {rival['peak_mib']:,.0f} MiB")


def _verified(whole: Figures, floor: Figures) -> Iterator[str]:
    each = whole["cpu_seconds"] / whole["read"]
    yield _line("verified", f"{whole['seconds']:.1f} s, {1 / each:,.0f} entries for a second of CPU")
    yield _line("  and SQLite's indexes compared", f"{whole['index_seconds']:.1f} s")
    yield _line("  peak memory", f"{whole['peak_mib']:.0f} MiB")
    for name, label in (("standard_library", "`json.dumps`"), ("own_encoder", "our own encoder")):
        yield _line(f"  of the rate in memory, {label}", f"{100 * floor[name] / each:.0f} %")


def _pymerkle(pymerkle: Figures | None) -> Iterator[str]:
    if pymerkle is None:
        yield _line("pymerkle", "not measured: name a Python that has it with --pymerkle")
        return
    rate = pymerkle["leaves"] / pymerkle["append_seconds"]
    yield f"The first {pymerkle['leaves']:,} leaves in a tree of pymerkle's, bare, in a file"
    yield _line("appended", f"{rate:,.0f} a second")
    for name in ("inclusion", "consistency"):
        yield _line(f"a proof of {name}, ours", _slowest(pymerkle["ours"][name]))
        yield _line("  pymerkle's", _slowest(pymerkle[name]["cold"]))
        yield _line("  pymerkle's, cached", _slowest(pymerkle[name]["cached"]))
    yield _line("same root and audit paths", "yes" if pymerkle["agree"] else "NO")


def _geography(geography: Figures) -> Iterator[str]:
    few, rows = geography["few"], geography["authority"]
    yield f"A postcode directory of {geography['postcodes']:,} postcodes"
    for label, key in (
        ("built from its zip", "built"),
        ("  by `birthshare geography build`", "built_by_command"),
        (f"compiled for {rows:,} postcodes, {geography['lines']:,} lines", "compiled"),
    ):
        cost = geography[key]
        memory = f"{cost['peak_mib']:.0f} MiB"
        yield _line(label, f"{cost['seconds']:.1f} s, {cost['cpu_seconds']:.1f} s of CPU, {memory}")
    yield f"{few['asked']:,} of them placed by a cold process (the command line places one)"
    bare = few["seconds"]["bare"]
    for name, label in (
        ("bare", "a bare script with sqlite3"),
        ("ours", "Birthshare's geography alone"),
        ("command", "`birthshare geography place`"),
        ("pandas", "pandas, Parquet and merge"),
    ):
        seconds, memory = few["seconds"][name], few["peak_mib"][name]
        times = f"{seconds / bare:.1f} times the script"
        yield _line(f"  {label}", f"{seconds * 1000:.0f} ms, {memory:.0f} MiB, {times}")
    pandas = few["seconds"]["pandas"] / few["seconds"]["ours"]
    yield _line("  pandas, times Birthshare's geography", f"{pandas:.0f}")
    yield from _in_bulk(geography["many"])


def _airflow(month: Figures) -> Iterator[str]:
    yield f"A month in Airflow: {month['births']} births, {month['lists']} lists, {month['server']}"
    for way, seconds in month["seconds"].items():
        more = f", {month['added'][way]:+.1f} s" if way in month["added"] else ""
        yield _line(way, f"{_each_time(seconds)}{more}")
    for way, tasks in month["tasks"].items():
        spent = ", ".join(f"{name} {one['seconds']:.1f} s" for name, one in tasks["by_task"].items())
        yield _line(f"  {way}, by task", f"{spent}; between them {tasks['between']:.1f} s")


def _console(console: Figures) -> Iterator[str]:
    floor, *pages = console["pages"]
    yield f"The console beside {console['entries']:,} entries; milliseconds in the application"
    yield _line("worked out as it starts", f"{console['beforehand'] * 1000:,.0f}")
    yield _line("the stylesheet, which asks nobody", f"{floor['median'] * 1000:.1f}")
    for page in pages:
        times = f"{page['median'] / floor['median']:.0f} times that"
        slowest, first = page["slowest"] * 1000, page["first"] * 1000
        value = f"{page['median'] * 1000:.0f}, at most {slowest:.0f}, {times}; at first {first:.0f}"
        yield _line(page["path"].partition("?")[0], f"{value} ({page['status']})")
    load = console["load"]
    yield f"{load['people']} people at once for {load['seconds']} s, while a month is recorded"
    yield _line("asked, of these forms", f"{load['asked']:,}, {load['forms']:,}")
    yield _line("errors", str(load["errors"]))
    value = f"{load['median'] * 1000:.0f} ms, 95 of 100 in {load['p95'] * 1000:.0f} ms"
    yield _line("median", f"{value}; the stylesheet {load['floor'] * 1000:.0f} ms")


def _in_bulk(many: Figures) -> Iterator[str]:
    ours, theirs = many["ours"], many["duckdb"]
    yield f"{sum(ours['statuses'].values()):,} of them placed at once"
    yield _line("  Birthshare", _least(ours))
    if theirs is None:
        yield _line("  DuckDB", "not measured: name a Python that has it with --duckdb")
        return
    ratio = min(ours["seconds"]) / min(theirs["seconds"])
    yield _line(f"  DuckDB {theirs['version']}, a join", _least(theirs))
    yield _line("  times DuckDB's", _verdict(ratio))
    yield _line("  they agree on every answer", "yes" if many["agree"] else "NO")


def _least(one: Figures) -> str:
    return f"{min(one['seconds']):.2f} s, {min(one['cpu_seconds']):.2f} s of CPU"


def _slowest(each: Figures) -> str:
    return f"{each['median'] * 1000:.1f} ms, at most {each['slowest'] * 1000:.1f} ms"


def _stages(stages: Mapping[str, float]) -> Iterator[str]:
    return (_line(f"  {name}", f"{seconds:.2f} s") for name, seconds in stages.items())


def _line(label: str, value: str) -> str:
    return f"  {label:<42}{value}"
