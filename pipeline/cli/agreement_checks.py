"""`birthshare agreement check`: what is wrong with an agreement, and who can ever be shared under it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import agreement_file, home_option, moment, speaking
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.checking.asking import Answer
    from pipeline.checking.check import Checked

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@click.command(short_help="What is wrong with an agreement, and who can ever be shared.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--ask",
    "asked",
    multiple=True,
    metavar="PROPERTY",
    help="Can such a record ever be shared? For example: --ask 'a stillbirth', --ask death_status=2, "
    "--ask 'older than 200 days'; `--ask all` asks everything, `--ask list` names what can be asked.",
)
@home_option
@speaking
def check(file: Path, asked: tuple[str, ...], home_path: Path, voice: Voice) -> None:
    """Whether FILE can be read as an agreement, what is wrong with it, and who can ever be shared under it.

    FILE is a path, or the name alone of a file among the home's agreements; signed or a draft. In a home
    its suppliers, recipients and approvers are looked at too.

    Each answer covers every combination of what a decision reads of a record: "never" means that none
    is shared, and "yes" comes with an example. Nobody in an example exists.
    """
    import numpy as np

    from pipeline.agreements.loading import read_agreement
    from pipeline.checking.check import check as look
    from pipeline.home import SETTINGS_FILE, Home

    found, digest = read_agreement(agreement_file(file, home_path))
    if "list" in asked:
        _name_them(found, voice)
        return
    home = Home.open(home_path) if (home_path / SETTINGS_FILE).is_file() else None
    checked = look(found, asked=asked, home=home, now=moment(), random=np.random.default_rng())
    voice.answer({"id": found.id, "version": found.version, "digest": digest, **checked.as_json()})
    roles = ", ".join(found.approvers)
    voice.say(f"{found.id}, version {found.version}, can be read. It needs the signatures of: {roles}.")
    _say(checked, bool(asked), voice)
    if not checked.well:
        error = SettingsError(
            "The agreement cannot work as it is written",
            where=file.name,
            do="Put right what is marked ERROR, and check it again.",
        )
        error.answered = True
        raise error


def _name_them(agreement: Any, voice: Voice) -> None:
    from pipeline.checking.choices import Setting
    from pipeline.checking.properties import properties
    from pipeline.checking.variables import variables

    setting = Setting(agreement)
    known = variables(setting)
    voice.answer(
        {"properties": [*properties(setting)], "columns": {n: _codes(one) for n, one in known.items()}}
    )
    voice.say("Properties:", *(f"  {name}" for name in properties(setting)))
    voice.say("  older than N days, younger than N days, consent older than N days")
    voice.say("Or COLUMN=VALUE:", *(f"  {name}={' | '.join(_codes(one))}" for name, one in known.items()))


def _codes(variable: Any) -> list[str]:
    return [one.code for one in variable.choices]


def _say(checked: Checked, examples: bool, voice: Voice) -> None:
    for one in checked.findings:
        voice.say("")
        voice.say(f"{one.level.upper():<9}{one.key}")
        voice.advise(one.says, margin=9)
    if not checked.findings:
        voice.say("", "Nothing is wrong with it that can be found by looking.")
    voice.say("")
    rows = [
        (one.asked, "yes" if one.ever else "never", _short(one.combinations), _why(one))
        for one in checked.answers
    ]
    voice.table("Can it ever be shared?", ("a record with", "shared", "combinations", "stopped by"), rows)
    voice.say(f"Answered by deciding {checked.decided:,} records of families that do not exist.")
    for answer in checked.answers if examples else ():
        _show(answer, voice)


def _why(answer: Answer) -> str:
    return "\n".join(reason.wording for reason in answer.stopped_by)


def _short(number: int) -> str:
    """A number that may be very large: 9.2 × 10³⁶ says more than all its digits."""
    if number < 1_000_000:
        return f"{number:,}"
    leading, power = f"{number:.1e}".split("e+")
    return f"{leading} × 10{power.translate(_RAISED)}"


def _show(answer: Answer, voice: Voice) -> None:
    """The example: what is out of the ordinary about it, or was asked about."""
    example = answer.example
    outcome = {"share": "is shared", "hold": "is held", "withhold": "is withheld"}[example.outcome]
    rows = [(one.name, one.code, one.words) for one in example.facts if one.notable]
    voice.say("")
    title = f"For example, decided on {example.decided_on}, this record {outcome} ({answer.asked})"
    voice.table(title, ("what a rule reads", "value", "meaning"), rows)
    voice.say("Everything else about it is ordinary, with nothing against it.")
